// The whole path on real parts: a container prints, and each line that matters becomes one record and one mail.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type DockerEngine, needsPostgres15, requires, startDockerEngine } from '@log-detector/test-kit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Database, eventually, givenASystem, type MailBy, type System } from './support/given.ts';

const traceback = [
  'Traceback (most recent call last):',
  '  File "/app/worker.py", line 12, in <module>',
  '    charge(order)',
  '  File "/app/worker.py", line 7, in charge',
  '    raise ValueError("no card for <b>order</b> 17")',
  'ValueError: no card for <b>order</b> 17',
];

/** What the container prints, as a shell script. The last line says that everything before it was seen. */
const script = [
  'echo "listening on port 8080"',
  'echo "GET /health 200"',
  'echo "2026-11-22 10:00:00 ERROR payment refused for order 17"',
  `echo 'the word "ERROR" in quotes is no error'`,
  'echo "GET /orders 200"',
  'sleep 1',
  ...traceback.map((line) => `echo '${line}' >&2`),
  'sleep 2',
  'echo "ERROR last line before the end"',
].join('\n');

const cases: { name: string; database: Database; mailBy: MailBy; by: 'api' | 'command'; tty: boolean }[] = [
  { name: 'over the Engine API, by SMTP', database: 'embedded', mailBy: 'smtp', by: 'api', tty: false },
  { name: 'by SES', database: 'embedded', mailBy: 'ses', by: 'api', tty: false },
  { name: 'with DOCKER_CMD=docker', database: 'embedded', mailBy: 'smtp', by: 'command', tty: false },
  { name: 'with a TTY container', database: 'embedded', mailBy: 'smtp', by: 'api', tty: true },
  {
    name: 'with a TTY container and DOCKER_CMD=docker',
    database: 'embedded',
    mailBy: 'smtp',
    by: 'command',
    tty: true,
  },
  { name: 'on PostgreSQL 15', database: 'postgres15', mailBy: 'ses', by: 'api', tty: false },
];

describe.skipIf(requires.docker() ?? needsPostgres15())(
  'a container prints an error, and one mail goes out',
  () => {
    let engine: DockerEngine;
    let system: System;
    beforeAll(async () => {
      engine = await startDockerEngine();
      await engine.importBusybox();
    });
    afterEach(() => system?.stop());
    afterAll(() => engine?.stop());

    it.each(cases)('$name', { timeout: 240_000 }, async ({ name, database, mailBy, by, tty }) => {
      system = await givenASystem({ database, mailBy, env: { ALERT_GROUPING: 'off' } });
      const agent = await system.follow(engine, { by });
      const container = `shop-${cases.findIndex((one) => one.name === name)}`;

      const startedAt = Date.now();
      const flags = tty ? ['--tty'] : [];
      await engine.docker('run', '--detach', ...flags, '--name', container, 'busybox', 'sh', '-c', script);
      const { items } = await eventually(
        async () => (await system.api.get(`/api/logs?container=${container}`)).body,
        (page) => page.items.some((record: { message: string }) => record.message.includes('last line')),
      ).catch((error) => {
        const printed = `The agent printed:\n${agent.output()}\nThe backend:\n${system.backend.program.output()}`;
        throw new Error(`${error.message}\n${printed}`);
      });

      const records = items.toReversed();
      expect(records.map(({ severity, message }: Record<string, string>) => ({ severity, message }))).toEqual(
        [
          { severity: 'error', message: '2026-11-22 10:00:00 ERROR payment refused for order 17' },
          { severity: 'fatal', message: traceback.join('\n') },
          { severity: 'error', message: 'ERROR last line before the end' },
        ],
      );
      for (const record of records) {
        expect(record).toMatchObject({
          host: 'host-7',
          container,
          is_duplicate: false,
          duplicate_of_id: null,
        });
        expect(Date.parse(record.occurred_at)).toBeGreaterThan(startedAt - 60_000);
      }

      // One notification for each record is all there is, and each was sent.
      const sent = await eventually(
        async () => (await system.api.get('/api/emails')).body,
        (page) =>
          page.total >= 3 && page.items.every(({ status }: { status: string }) => status !== 'pending'),
      );
      expect(sent.items.map(({ status }: { status: string }) => status)).toEqual(['sent', 'sent', 'sent']);
      const [newest] = sent.items;
      const tookMs = Date.parse(newest.sent_at) - Date.parse(records.at(-1).occurred_at);
      console.log(`${name}: from the line's timestamp to its mail sent: ${tookMs} ms`);
      const mails = await system.mailbox.mails();
      expect(mails.map(({ to }) => to)).toEqual([
        ['ops@example.com'],
        ['ops@example.com'],
        ['ops@example.com'],
      ]);

      for (const record of records) {
        const mine = mails.filter(({ text }) => text.includes(record.id));
        expect(mine).toHaveLength(1);
        const { subject, text, html } = mine[0]!;
        expect(subject).toBe(`[Log Alert] ${record.severity.toUpperCase()} ${container} on host-7`);
        const lines = (content: string) => content.replaceAll('\r\n', '\n');
        expect(lines(text)).toContain(record.message);
        expect(html).toMatch(/<\w/);
        expect(html).not.toContain('<b>order</b>');
        // The record's address in the mail opens, and shows this record.
        const url = /https?:\/\/\S+/.exec(text)![0];
        expect(url).toContain(record.id);
        expect(url.startsWith(system.backend.url)).toBe(true);
        const page = await fetch(url);
        expect(page.status).toBe(200);
        expect(await page.text()).toContain(record.id);
      }
    });

    it('ends when its spool was taken from it, and loses nothing once it is started again', {
      timeout: 240_000,
    }, async () => {
      system = await givenASystem({ database: 'embedded' });
      const env = { SPOOL_MAX_BYTES: '1048576' };
      const agent = await system.follow(engine, { env });
      const stored = async () => (await system.api.get('/api/logs?container=taken&limit=1')).body;
      const words = 'x'.repeat(900);
      const lines = `i=1; while [ $i -lt 300 ]; do i=$((i + 1)); echo "ERROR number $i ${words}"; done`;
      const print = `echo "ERROR number 1"; sleep 5; ${lines}; sleep 120`;
      await engine.docker('run', '--detach', '--name', 'taken', 'busybox', 'sh', '-c', print);
      await eventually(stored, ({ total }) => total === 1);
      await rm(join(system.folder, 'spool', 'lock'));
      expect(await agent.ended, agent.output()).toBe(1);
      expect(agent.output()).toMatch(/the lock is gone .* stop one of the two/);
      await system.follow(engine, { env });
      expect((await eventually(stored, ({ total }) => total >= 300)).total).toBe(300);
    });
  },
);
