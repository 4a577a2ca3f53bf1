// ALERT_GROUPING=on, through the built program: issues alert, not records, and mails are gathered.

import { needsPostgres15 } from '@log-detector/test-kit';
import { afterEach, describe, expect, it } from 'vitest';
import { apiAt } from './support/api.ts';
import { eventually, givenASystem, type System } from './support/given.ts';
import { startBackend } from './support/programs.ts';

describe('with ALERT_GROUPING=on', () => {
  let system: System;
  afterEach(() => system?.stop());

  it('a hundred like records make one mail, and a new issue makes the next; the history says why', {
    timeout: 240_000,
  }, async () => {
    system = await givenASystem({ env: { ALERT_GROUPING: 'on', ALERT_DIGEST_SECONDS: '2' } });
    const like = (n: number) => ({ host: 'web-3', container: 'api', message: `ERROR order ${n} failed` });
    const { body } = await system.api.post(
      '/api/logs',
      Array.from({ length: 100 }, (_, n) => like(n)),
    );
    const first = (mails: { subject: string }[]) => mails.map(({ subject }) => subject);
    const mails = await eventually(
      () => system.mailbox.mails(),
      (all) => all.length > 0,
    );
    expect(first(mails)[0]).toMatch(/^\[NEW\] api on web-3: order .* failed$/);
    const other = await system.api.post('/api/logs', {
      host: 'web-3',
      container: 'db',
      message: 'FATAL disk is gone',
    });
    await system.api.post('/api/logs', like(101));
    const both = await eventually(
      () => system.mailbox.mails(),
      (all) => all.length > 1,
    );
    expect(first(both)[1]).toBe('[NEW] db on web-3: disk is gone');

    const decisionOf = async (id: string) => (await system.api.get(`/api/logs/${id}/decisions`)).body;
    expect(await decisionOf(body.items[0].id)).toMatchObject({ notify: true, reason: 'new' });
    expect(await decisionOf(body.items[50].id)).toMatchObject({ notify: false, reason: 'in-cooldown' });
    const emails = (id: string) => system.api.get(`/api/logs/${id}/emails`);
    expect((await emails(body.items[50].id)).body).toMatchObject([
      { status: 'skipped', error_message: 'in-cooldown' },
    ]);
    const sent = await eventually(
      async () => (await emails(other.body.id)).body,
      ([mail]) => mail?.status === 'sent',
    );
    expect(sent).toMatchObject([{ to_address: 'ops@example.com', subject: first(both)[1] }]);
  });

  it.skipIf(needsPostgres15())(
    'two backends tell of an issue once, whoever of them hears of it',
    { timeout: 240_000 },
    async () => {
      system = await givenASystem({
        database: 'postgres15',
        env: {
          ALERT_GROUPING: 'on',
          ALERT_DIGEST_SECONDS: '1',
          ALERT_EMAIL_TO: 'a@example.com, b@example.com',
        },
      });
      const second = await startBackend({ folder: system.folder, env: system.backendEnv });
      system.alsoStop(second);
      const apis = [system.api, apiAt(second.url)];
      await Promise.all(
        Array.from({ length: 40 }, (_, n) =>
          apis[n % 2]!.post('/api/logs', { host: 'h', container: 'c', message: `ERROR race ${n}` }),
        ),
      );
      await eventually(
        () => system.mailbox.mails(),
        (all) => all.length >= 2,
      );
      await new Promise((resolve) => setTimeout(resolve, 4000));
      const mails = await system.mailbox.mails();
      expect(mails.map(({ to }) => to.join()).sort()).toEqual(['a@example.com', 'b@example.com']);
    },
  );
});
