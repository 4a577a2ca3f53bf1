import { expect, it } from 'vitest';
import { backendAt } from './backend-at.ts';

it.each([
  [{}, 'http://127.0.0.1:8000'],
  [{ HOST: '', PORT: ' 9000 ' }, 'http://127.0.0.1:9000'],
  [{ HOST: 'localhost' }, 'http://localhost:8000'],
  [{ HOST: '192.168.1.5' }, 'http://192.168.1.5:8000'],
  [{ HOST: '::1' }, 'http://[::1]:8000'],
  [{ HOST: '0.0.0.0' }, 'http://127.0.0.1:8000'],
  [{ HOST: '::' }, 'http://[::1]:8000'],
])('with %j this machine reaches the backend at %s', (env, url) => {
  expect(backendAt(env)).toBe(url);
});
