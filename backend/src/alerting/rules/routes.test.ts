import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type GivenBackend, givenBackend } from '../../http/test-help.ts';
import type { StoredRule } from './types.ts';

let backend: GivenBackend;
beforeAll(async () => {
  backend = await givenBackend({
    alerts: {
      enabled: true,
      to: ['ops@example.org'],
      from: 'alerts@example.com',
      baseUrl: 'https://x.example',
    },
  });
});
afterAll(() => backend.close());
beforeEach(() => backend.database.pool.query('truncate rules'));

const rule = { name: 'health checks', match: { pattern: 'GET /health' }, hold: true };
const list = async () =>
  (await backend.call<{ items: StoredRule[]; file: { name: string }[] }>('GET', '/api/rules')).body;
const reasonOf = async (message: string) => {
  const { id } = await backend.post({ message });
  const { body } = await backend.call<{ reason: string }>('GET', `/api/logs/${id}/decisions`);
  return body.reason;
};

describe('the API of rules', () => {
  it('adds a rule that holds from the next record on, lists it, and removes it', async () => {
    const added = await backend.call<StoredRule>('POST', '/api/rules', rule);
    expect(added).toMatchObject({ status: 200, body: { rule, source: 'api' } });
    expect(await list()).toEqual({ items: [added.body], file: [] });
    const { id } = await backend.post({ message: 'ERROR GET /health 503 1' });
    expect((await backend.call('GET', `/api/logs/${id}/decisions`)).body).toMatchObject({
      reason: 'excluded',
      rules: ['health checks'],
    });
    const removed = await backend.call('DELETE', `/api/rules/${added.body.id}`);
    expect(removed).toMatchObject({ status: 200, body: { id: added.body.id } });
    expect(await reasonOf('ERROR GET /health 503 2')).not.toBe('excluded');
    expect((await backend.call('DELETE', `/api/rules/${added.body.id}`)).status).toBe(404);
  });

  it('lists the newest first, which is asked first', async () => {
    await backend.call('POST', '/api/rules', rule);
    await backend.call('POST', '/api/rules', { ...rule, name: 'second' });
    expect((await list()).items.map((each) => each.rule.name)).toEqual(['second', 'health checks']);
  });

  it('refuses what nests thousands deep as anything else that is wrong', async () => {
    const deep = `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`;
    const { status } = await backend.call('POST', '/api/rules', `{"name":"x","match":{"labels":${deep}}}`);
    expect(status).toBe(422);
  });

  it('refuses what is wrong, all of it at once, at its place', async () => {
    const answer = await backend.call('POST', '/api/rules', {
      name: 'x',
      match: { hots: 'a', pattern: '(?<=a)b' },
      to: 'nobody',
    });
    expect(answer).toMatchObject({
      status: 422,
      body: {
        detail: [
          { loc: ['body', 'match', 'hots'], msg: '"hots" is not known here; did you mean "host"?' },
          { loc: ['body', 'match', 'pattern'], msg: expect.stringContaining('uses a lookbehind "(?<="') },
          { loc: ['body', 'to'], msg: expect.stringContaining('is no recipient, channel or address') },
        ],
      },
    });
    expect((await list()).items).toEqual([]);
  });

  it.each([
    ['null'],
    ['[]'],
    ['"x"'],
    ['{"name": null}'],
    ['{"name": "a\\u0000b", "match": {"host": "\\ud800"}, "hold": true}'],
  ])('answers %s without a fault of its own', async (body) => {
    expect(
      (await backend.call('POST', '/api/rules', body, { 'content-type': 'application/json' })).status,
    ).toBeLessThan(500);
    expect((await backend.call('GET', '/api/rules')).status).toBe(200);
  });
});
