import { expect, it } from 'vitest';
import { backendAt, withPort } from './backend-at.ts';

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

it.each([{}, { HOST: '::1' }])('chooses a free port where any will do: %j', async (env) => {
  const chosen = await withPort({ PORT: '0', ...env });
  expect(Number(chosen.PORT)).toBeGreaterThan(0);
  expect(backendAt(chosen)).toMatch(new RegExp(`:${chosen.PORT}$`));
});

it('leaves a port that is given as it is', async () => {
  expect(await withPort({ PORT: '9000' })).toEqual({ PORT: '9000' });
  expect(await withPort({})).toEqual({});
});
