import type { Recipient } from '@log-detector/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../db/record-id.ts';
import { type GivenBackend, givenBackend } from '../http/test-help.ts';
import { dispatch } from './dispatch.ts';
import { defaultPolicy } from './policy.ts';

const settings = {
  enabled: true,
  to: ['ops@example.org'],
  from: 'alerts@example.com',
  baseUrl: 'https://logs.example.com',
  policy: { ...defaultPolicy, digestMs: 0 },
};
let backend: GivenBackend;
beforeAll(async () => {
  backend = await givenBackend({ alerts: settings });
});
afterAll(() => backend.close());

/** Who is told of a new fault in this container. */
async function toldOf(container: string): Promise<string[]> {
  const { pool } = backend.database;
  const { issue_id } = await backend.post({ container });
  await dispatch(pool, settings, Date.now(), () => newId(Date.now()));
  const { rows } = await pool.query<{ to_address: string }>(
    'select to_address from notifications where issue_id = $1 order by 1',
    [issue_id],
  );
  return rows.map(({ to_address }) => to_address);
}

describe('a recipient that was taken off', () => {
  it('leaves the alerts that a rule has for them alone to everyone', async () => {
    const { pool } = backend.database;
    await backend.call('POST', '/api/rules', {
      name: 'pay',
      match: { container: 'pay*' },
      to: 'eve@example.org',
    });
    expect(await toldOf('payday')).toEqual(['eve@example.org']);
    await pool.query(`insert into unsubscriptions (address, at) values ('eve@example.org', now())`);
    expect(await toldOf('paying')).toEqual(['ops@example.org']);
  });

  it('is told no more, but when ALERT_EMAIL_TO names them and nobody else is left', async () => {
    const emails = 'ops@example.org, ada@example.org';
    const { body } = await backend.call<Recipient[]>('POST', '/api/recipients', { emails });
    const [ops, ada] = body;
    expect(await toldOf('api')).toEqual(['ada@example.org', 'ops@example.org']);
    await backend.call('DELETE', `/api/recipients/${ops!.id}`);
    expect(await toldOf('db')).toEqual(['ada@example.org']);
    await backend.call('DELETE', `/api/recipients/${ada!.id}`);
    expect(await toldOf('cache')).toEqual(['ops@example.org']);
  });
});
