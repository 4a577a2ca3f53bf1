import { afterEach, expect, it } from 'vitest';
import { type GivenBackend, givenBackend } from '../http/test-help.ts';

let backend: GivenBackend;
afterEach(() => backend.close());

const front = () => backend.app.inject({ method: 'GET', url: '/' });

it('tells a person what answers, that it is well, and where the API is described', async () => {
  backend = await givenBackend();
  const { statusCode, headers, body } = await front();
  expect([statusCode, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
  expect(body).toContain('Log Detector is running');
  const href = /href="([^"]+)"/.exec(body)![1]!;
  const docs = await backend.app.inject({ method: 'GET', url: `/${href}` });
  expect(docs.statusCode).toBe(200);
  // Relative, so that it works under any path of BASE_URL too.
  expect([...docs.body.matchAll(/(?:src|href)="([^"]+)"/g)].filter(([, to]) => to!.startsWith('/'))).toEqual(
    [],
  );
});

it('asks for no key, and leads nowhere that does', async () => {
  backend = await givenBackend({ apiKey: 'the key' });
  const { statusCode, body } = await front();
  expect(statusCode).toBe(200);
  expect(body).toContain('give it there under “Authorize”');
  const links = [...body.matchAll(/href="([^"]+)"/g)];
  expect(links).toHaveLength(1);
  for (const [, href] of links)
    expect((await backend.app.inject({ method: 'GET', url: `/${href}` })).statusCode).toBe(200);
});
