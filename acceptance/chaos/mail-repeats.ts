// How often a mail is sent again when the backend is killed while mails go out. Promised: each mail at least once, by each
// life of the worker at most once, and always under the same Message-ID.

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, startSmtpServer } from '@log-detector/test-kit';
import { embeddedClient } from './database.ts';
import { type Build, copyBuild, manageProgram } from './programs.ts';
import { seededRandom } from './random.ts';
import { waitForHealth } from './world.ts';

export interface MailResult {
  /** Each from a service of its own, so that each is an issue of its own. */
  records: number;
  /** That arrived, repeats too. */
  mails: number;
  repeats: number;
  kills: number;
  /** What was not as promised. */
  problems: string[];
}

/** How long the mail server takes to answer, in ms, once it has the mail: a kill in this time must repeat it. */
const answerMs = 10;

export async function measureMailRepeats(options: {
  seed: number;
  records: number;
  kills: number;
  tell(line: string): void;
  signal?: AbortSignal;
  /** The programs; default: built anew when a source has changed. */
  build?: Build;
}): Promise<MailResult> {
  const random = seededRandom(options.seed);
  const folder = mkdtempSync(join(tmpdir(), 'ld-mails-'));
  const dataDir = join(folder, 'data');
  const build = options.build ?? (await copyBuild());
  const smtp = await startSmtpServer();
  smtp.behave({ do: 'delay', ms: answerMs });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const problems: string[] = [];
  const backend = manageProgram({
    build,
    verb: 'serve',
    folder,
    logFile: join(folder, 'serve.log'),
    env: {
      PORT: String(port),
      DATA_DIR: dataDir,
      BASE_URL: url,
      ALERT_EMAIL_ENABLED: 'true',
      // A mail for each record, so that there are many to kill the worker at.
      ALERT_GROUPING: 'off',
      ALERT_EMAIL_TO: 'ops@example.com',
      ALERT_EMAIL_FROM: 'log-detector@example.com',
      SMTP_URL: smtp.url,
    },
    onUnexpectedEnd: (how) => problems.push(how),
  });
  /** How many mails there were when each life of the worker began. */
  const lives: number[] = [];
  const stopPosting = new AbortController();
  const stopped = AbortSignal.any([stopPosting.signal, ...(options.signal ? [options.signal] : [])]);

  async function start(): Promise<void> {
    // What a killed worker had sent may still be on its way through the server, and is of its life.
    for (let known = -1; known !== smtp.mails.length; await sleep(300)) known = smtp.mails.length;
    lives.push(smtp.mails.length);
    backend.start();
    await waitForHealth(url, 60_000);
  }

  try {
    await start();
    const services = Array.from({ length: options.records }, (_, index) => nameOf(index));
    const posting = postAll(url, services, stopped);
    for (let kill = 1; kill <= options.kills; kill++) {
      const enough = smtp.mails.length + random.between(3, Math.ceil(options.records / options.kills / 2));
      await waitFor(() => smtp.mails.length >= enough, 20_000);
      await sleep(random.between(0, 3 * answerMs), undefined, { signal: stopped });
      await backend.signal('SIGKILL');
      options.tell(`kill ${kill} after ${smtp.mails.length} mails`);
      await start();
      await endLeases(dataDir);
    }
    await posting;
    stopped.throwIfAborted();
    const isThere = () => new Set(smtp.mails.map(subjectOf)).size >= services.length;
    await waitFor(isThere, 60_000);
    // Were a mail to be sent once more, it would be now.
    await endLeases(dataDir);
    await sleep(3000);
    problems.push(
      ...judgeMails(
        services,
        lives,
        smtp.mails.map((mail) => ({ subject: subjectOf(mail), messageId: mail.parsed.messageId ?? '' })),
      ),
    );
    const distinct = new Set(smtp.mails.map((mail) => mail.parsed.messageId)).size;
    return {
      records: options.records,
      mails: smtp.mails.length,
      repeats: smtp.mails.length - distinct,
      kills: options.kills,
      problems,
    };
  } finally {
    stopPosting.abort();
    await backend.signal('SIGTERM');
    await smtp.close();
    if (!options.build) build.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Mail {
  subject: string;
  messageId: string;
}

/** @param lives how many mails there were when each life of the worker began. */
export function judgeMails(
  services: readonly string[],
  lives: readonly number[],
  mails: readonly Mail[],
): string[] {
  const problems: string[] = [];
  for (const service of services) {
    const ofService = mails.filter(({ subject }) => subject.includes(` ${service} `));
    if (ofService.length === 0) problems.push(`no mail for ${service}`);
    if (new Set(ofService.map(({ messageId }) => messageId)).size > 1)
      problems.push(`mails for ${service} have different Message-IDs`);
  }
  for (const [life, from] of lives.entries()) {
    const ofLife = mails.slice(from, lives[life + 1]).map(({ messageId }) => messageId);
    const twice = ofLife.filter((id, index) => ofLife.indexOf(id) !== index);
    for (const id of twice) problems.push(`${id} was sent twice by the worker's life ${life + 1}`);
  }
  return problems;
}

/** Posts one record for each service, again until it is taken. */
async function postAll(url: string, services: readonly string[], signal: AbortSignal): Promise<void> {
  for (const container of services) {
    const event_id = randomUUID();
    for (let isTaken = false; !isTaken && !signal.aborted; ) {
      try {
        const response = await fetch(`${url}/api/logs`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ host: 'mails', container, message: `ERROR in ${container}`, event_id }),
          signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
        });
        isTaken = response.ok;
      } catch {
        // Killed: it is on its way back.
      }
      await sleep(isTaken ? 5 : 100);
    }
  }
}

/** Lets the time pass that a dead worker's leases still have: a minute and a half. */
async function endLeases(dataDir: string): Promise<void> {
  const client = await embeddedClient(dataDir);
  try {
    await client.query(`update notifications set leased_until = now() where leased_until is not null`);
    await client.query('notify log_detector_notifications');
  } finally {
    await client.end();
  }
}

async function waitFor(isSo: () => boolean, timeoutMs: number): Promise<void> {
  for (const until = Date.now() + timeoutMs; !isSo() && Date.now() < until; ) await sleep(10);
}

function subjectOf({ parsed }: { parsed: { subject?: string } }): string {
  return parsed.subject ?? '';
}

/** Names without digits, which could be taken for a replica's. */
function nameOf(index: number): string {
  const letters = [...String(index)].map((digit) => 'abcdefghij'[Number(digit)]).join('');
  return `service-${letters}-x`;
}
