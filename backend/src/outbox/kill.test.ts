// Workers as real processes, killed with SIGKILL between sending and settling and at random moments.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { type SmtpTestServer, startSmtpServer } from '../../../test-kit/src/smtp.ts';
import { givenPending, rowOf, until } from './test-help.ts';

let database: TestDatabase;
let smtp: SmtpTestServer;
let folder: string;
const workers: ChildProcess[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  // Inside the package, so that what is left out of the bundle is found.
  folder = await mkdtemp(fileURLToPath(new URL('../../../node_modules/.kill-test-', import.meta.url)));
  await build({
    entryPoints: [fileURLToPath(new URL('./fixtures/worker-process.ts', import.meta.url))],
    outfile: join(folder, 'worker.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  });
});
afterAll(async () => {
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  smtp = await startSmtpServer();
  await database.pool.query('delete from notifications');
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map(kill));
  await smtp.close();
});

function startWorker(leaseMs: number): ChildProcess {
  const worker = spawn(process.execPath, [join(folder, 'worker.mjs')], {
    env: { ...process.env, DATABASE_URL: database.url, SMTP_URL: smtp.url, LEASE_MS: String(leaseMs) },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  workers.push(worker);
  return worker;
}

/** SIGKILL, and waits until it is gone. */
async function kill(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  const gone = new Promise((resolve) => worker.once('exit', resolve));
  worker.kill('SIGKILL');
  await gone;
}

const allSent = async () => {
  const { rows } = await database.pool.query(
    `select count(*) as n from notifications where status <> 'sent'`,
  );
  return rows[0].n === 0;
};

describe('a worker killed with SIGKILL', () => {
  it('between sending and settling repeats the mail once, under the same Message-ID', async () => {
    smtp.behave({ do: 'hang', at: 'data', keep: true }, 1);
    const [id] = await givenPending(database.pool, 1);
    const worker = startWorker(300);
    await smtp.waitForMails(1);
    await kill(worker);
    startWorker(300);
    await smtp.waitForMails(2);
    await until(allSent, 'it is settled');
    await sleep(700); // two leases: were it sent again, it would be now
    expect(smtp.mails.map((mail) => mail.parsed.messageId)).toEqual([
      `<${id}@example.com>`,
      `<${id}@example.com>`,
    ]);
    expect((await rowOf(database.pool, id!)).attempts).toBe(2);
  });

  it('before the server took the mail loses nothing and repeats nothing', async () => {
    smtp.behave({ do: 'hang', at: 'data' }, 1);
    await givenPending(database.pool, 1);
    const worker = startWorker(300);
    await until(() => smtp.misbehaved === 1, 'the message is there and not taken');
    await kill(worker);
    startWorker(300);
    await until(allSent, 'it is settled');
    expect(smtp.mails).toHaveLength(1);
  });

  it('again and again, at any moment, loses none of many, and repeats no more than it had in its hands', async () => {
    const ids = await givenPending(database.pool, 200);
    const kills = 6;
    for (let n = 0; n < kills; n += 1) {
      const before = smtp.mails.length;
      const worker = startWorker(300);
      await Promise.race([until(() => smtp.mails.length > before + 10, 'it sends'), sleep(2000)]).catch(
        () => {},
      );
      await sleep(Math.random() * 50);
      await kill(worker);
    }
    startWorker(300);
    await until(allSent, 'all are settled');
    const arrived = smtp.mails.map((mail) => mail.parsed.messageId!);
    expect([...new Set(arrived)].sort()).toEqual(ids.map((id) => `<${id}@example.com>`).sort());
    const sendsAtATime = 5;
    expect(arrived.length - ids.length).toBeLessThanOrEqual(kills * sendsAtATime);
  });
});
