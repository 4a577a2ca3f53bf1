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

  it('leaves them too when it was the API that took them off', async () => {
    await backend.call('POST', '/api/rules', {
      name: 'tax',
      match: { container: 'tax*' },
      to: 'tom@example.org',
    });
    const { body } = await backend.call<Recipient[]>('POST', '/api/recipients', {
      emails: 'tom@example.org, liz@example.org',
    });
    await backend.call('DELETE', `/api/recipients/${body[0]!.id}`);
    expect(await toldOf('taxes')).toEqual(['liz@example.org']);
    await backend.call('DELETE', `/api/recipients/${body[1]!.id}`);
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

describe('a mail that cannot be written', () => {
  it('is told plainly, and keeps nobody else from theirs', async () => {
    const { pool } = backend.database;
    await backend.call('POST', '/api/rules', {
      name: 'poison',
      match: { container: 'poison' },
      to: 'pat@example.org',
    });
    await pool.query(`alter table notifications add constraint unlucky check (subject not like '%poison%')`);
    const faults: string[] = [];
    const { issue_id } = await backend.post({ container: 'poison', message: 'ERROR one' });
    await backend.post({ container: 'healthy', message: 'ERROR two' });
    await dispatch(
      pool,
      { ...settings, onFault: (error, { toAddress }) => faults.push(`${toAddress}: ${error.message}`) },
      Date.now(),
      () => newId(Date.now()),
    );
    expect(faults).toEqual([expect.stringMatching(/^pat@example\.org: .*unlucky/)]);
    const { rows } = await pool.query<{ to_address: string; subject: string; body: string; id: string }>(
      'select id, to_address, subject, body from notifications order by id desc limit 2',
    );
    expect(rows.map(({ to_address }) => to_address).sort()).toEqual(['ops@example.org', 'pat@example.org']);
    const plain = rows.find(({ to_address }) => to_address === 'pat@example.org')!;
    expect(plain.subject).toBe('[ALERT] 1 alert that could not be shown');
    expect(plain.body).toMatch(/https:\/\/logs\.example\.com\/records\/[\da-f-]{36}\/[\w-]{60,}/);
    const { rows: alerts } = await pool.query(
      'select status, notification_id from alerts where issue_id = $1',
      [issue_id],
    );
    expect(alerts).toEqual([{ status: 'mailed', notification_id: plain.id }]);
  });
});

it('writes the mail about a thousand issues before its statements time out, with no statistics of a long history', async () => {
  const { pool } = backend.database;
  const to = 'long@example.org';
  const alerts = (id: string, reason: string, status: string, count: number) => `
    insert into alerts (id, to_address, record_id, bucket, part_ids, issue_id, fingerprint, service, reason, is_first, episode,
      held, count, status, created_at)
    select md5('${id}' || n)::uuid, '${to}', md5('${id}' || n)::uuid, 1, '{}', md5('i' || n % 1000)::uuid, 'f', 's', '${reason}', false,
      md5('e' || n)::uuid, 5, 100, '${status}', now()
    from generate_series(1, ${count}) as n`;
  for (const table of ['alerts', 'episodes'])
    await pool.query(`alter table ${table} set (autovacuum_enabled = off)`);
  await pool.query(`
    insert into episodes (id, issue_id, fingerprint, service, subject, began_at, began_count, check_at, ended_at)
    select md5('e' || n)::uuid, md5('i' || n % 1000)::uuid, 'f', 's', 'x', now(), 1, now(), now()
    from generate_series(1, 100000) as n`);
  await pool.query(alerts('told', 'over', 'mailed', 100_000));
  await pool.query(alerts('waits', 'still-failing', 'waiting', 1000));
  await dispatch(pool, settings, Date.now(), () => newId(Date.now()));
  const { rows } = await pool.query('select from alerts where to_address = $1 and status = $2', [
    to,
    'waiting',
  ]);
  expect(rows).toEqual([]);
});
