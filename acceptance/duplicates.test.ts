// Of equal messages sent at once by many clients to several backends, exactly one is not a duplicate.

import { needsPostgres15 } from '@log-detector/test-kit';
import { afterEach, describe, expect, it } from 'vitest';
import { type Answer, apiAt } from './support/api.ts';
import { type Database, eventually, givenASystem, type System } from './support/given.ts';
import { startBackend } from './support/programs.ts';

describe.skipIf(needsPostgres15()).each<Database>(['postgres15'])(
  'two backends that share a database (%s)',
  (database) => {
    let system: System;
    afterEach(() => system?.stop());

    it('take twenty equal messages at once: one is new, nineteen are duplicates of it', {
      timeout: 240_000,
    }, async () => {
      system = await givenASystem({
        database,
        env: { ALERT_GROUPING: 'off', ALERT_EMAIL_TO: 'a@example.com, b@example.com' },
      });
      const second = await startBackend({ folder: system.folder, env: system.backendEnv });
      system.alsoStop(second);
      const apis = [system.api, apiAt(second.url)];

      const rounds = 5;
      for (let round = 0; round < rounds; round += 1) {
        const record = { host: 'h', container: 'c', message: `ERROR of round ${round} ${'#'.repeat(round)}` };
        const answers: Answer[] = await Promise.all(
          Array.from({ length: 20 }, (_, client) => apis[client % 2]!.post('/api/logs', record)),
        );
        expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
        const first = answers.filter(({ body }) => !body.is_duplicate);
        expect(first).toHaveLength(1);
        for (const { body } of answers) {
          if (body.is_duplicate) expect(body.duplicate_of_id).not.toBeNull();
          else expect(body.duplicate_of_id).toBeNull();
        }
        const ids = new Set(answers.map(({ body }) => body.id));
        expect(ids.size).toBe(20);

        // One mail to each recipient; the other nineteen are in the history with the reason.
        const history = await eventually(
          async () =>
            (await Promise.all([...ids].map((id) => system.api.get(`/api/logs/${id}/emails`)))).flatMap(
              ({ body }) => body,
            ),
          (all) => all.every(({ status }: { status: string }) => status !== 'pending'),
        );
        const sent = history.filter(({ status }: { status: string }) => status === 'sent');
        const suppressed = history.filter(
          ({ error_message }: { error_message: string }) => error_message === 'duplicate suppressed',
        );
        expect(suppressed.length).toBeGreaterThanOrEqual(19);
        if (round === 0) {
          expect(sent.map(({ to_address }: { to_address: string }) => to_address).sort()).toEqual([
            'a@example.com',
            'b@example.com',
          ]);
        }
      }
      const mails = (await system.mailbox.mails()).filter(({ text }) => text.includes('of round 0'));
      expect(mails.map(({ to }) => to.join()).sort()).toEqual(['a@example.com', 'b@example.com']);
    });
  },
);
