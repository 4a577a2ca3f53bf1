// How long it takes from a line that a container prints to its mail: a thousand single errors of real containers, through
// the built agent and backend to an SMTP server. Measured from Docker's timestamp of the line to the mail's arrival.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type DockerEngine,
  freePort,
  run as runCommand,
  type SmtpTestServer,
  startDockerEngine,
  startSmtpServer,
} from '@log-detector/test-kit';

const errors = 1000;
const containers = 5;
/** Of all containers together. */
const perSecond = 25;
/** Each an issue of its own. */
const newFaults = [
  'cache miss storm on shard seven, falling back',
  'could not lease a job from the queue: timed out',
  'socket closed by peer while the handshake was going on',
  'index rebuild stopped before its end',
  'session expired while the cart was open',
  'ledger does not balance for this tenant',
  'upload refused: checksum differs',
  'token has a wrong signature',
  'worker ran out of file handles',
  'no route in this region',
];

/** The built command, in a folder of its own, until `stop`. */
class Program {
  readonly #child: ChildProcess;
  #text = '';

  constructor(args: string[], folder: string, env: Record<string, string>) {
    const { PATH = '', HOME = '' } = process.env;
    this.#child = spawn(process.execPath, [join(process.cwd(), 'cli/bin/log-detector.mjs'), ...args], {
      cwd: folder,
      env: { PATH, HOME, LOG_DETECTOR_STARTER: 'stdin', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        this.#text += chunk;
      });
  }

  async printed(pattern: RegExp): Promise<void> {
    const until = Date.now() + 60_000;
    while (!pattern.test(this.#text)) {
      if (this.#child.exitCode !== null || Date.now() > until)
        throw new Error(`it did not print ${pattern}:\n${this.#text.slice(-2000)}`);
      await sleep(20);
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await ended;
  }
}

interface World {
  engine: DockerEngine;
  smtp: SmtpTestServer;
  folder: string;
}

/** Backend and agent, while `work` runs. */
async function withPrograms<T>(
  { engine, smtp, folder }: World,
  env: Record<string, string>,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const port = String(await freePort());
  const backend = new Program(['serve'], folder, {
    PORT: port,
    DATA_DIR: join(folder, 'data'),
    ALERT_EMAIL_ENABLED: 'true',
    ALERT_EMAIL_TO: 'ops@example.com',
    ALERT_EMAIL_FROM: 'log-detector@example.com',
    SMTP_URL: smtp.url,
    LOG_LEVEL: 'warn',
    ...env,
  });
  try {
    await backend.printed(/is listening on/);
    const agent = new Program(['agent'], folder, {
      DOCKER_HOST: engine.host,
      BACKEND_URL: `http://127.0.0.1:${port}/api/logs`,
      MONITOR_HOST: 'web-1',
      SPOOL_DIR: join(folder, 'spool'),
    });
    try {
      await agent.printed(/connected to Docker/);
      return await work(`http://127.0.0.1:${port}`);
    } finally {
      await agent.stop();
    }
  } finally {
    await backend.stop();
  }
}

/** Runs containers that print these lines, and waits for a mail about each. @returns the latencies in ms, ascending. */
async function measure(
  { engine, smtp }: World,
  name: string,
  scripts: readonly string[],
  lines: number,
  keyOf: RegExp,
): Promise<number[]> {
  smtp.clear();
  const ids = await Promise.all(
    scripts.map((script, n) =>
      engine.docker('run', '--detach', '--name', `${name}-${n}`, 'busybox', 'sh', '-c', script),
    ),
  );
  await smtp.waitForMails(lines, 120_000);
  const printedAt = new Map<string, number>();
  for (const id of ids) {
    for (const line of (await engine.docker('logs', '--timestamps', id)).split('\n')) {
      const key = keyOf.exec(line)?.[0];
      if (key) printedAt.set(key, Date.parse(line.slice(0, 30)));
    }
  }
  const latencies = smtp.mails.map(({ parsed, receivedAt }) => {
    const key = keyOf.exec(parsed.text ?? '')?.[0] ?? '';
    const at = printedAt.get(key);
    if (at === undefined) throw new Error(`a mail about a line that was not printed: ${parsed.subject}`);
    return receivedAt.getTime() - at;
  });
  await engine.docker('rm', '--force', ...ids);
  return latencies.sort((a, b) => a - b);
}

/** How long after its line each record was received, in ms, ascending: the agent's part. */
async function untilReceived(url: string): Promise<number[]> {
  const latencies: number[] = [];
  for (let offset = 0; offset < errors; offset += 200) {
    const page = (await (await fetch(`${url}/api/logs?limit=200&offset=${offset}`)).json()) as {
      items: { occurred_at: string; received_at: string }[];
    };
    for (const { occurred_at, received_at } of page.items)
      latencies.push(Date.parse(received_at) - Date.parse(occurred_at));
  }
  return latencies.sort((a, b) => a - b);
}

const errorsOf = (container: number) => {
  const count = errors / containers;
  const pause = containers / perSecond;
  // The containers take turns, and each line begins in its own phase of whatever ticks.
  return `sleep ${(1 + (container * pause) / containers).toFixed(3)}; i=0; while [ $i -lt ${count} ]; do echo "ERROR order c${container}n$i could not be stored"; sleep ${(pause * 0.97).toFixed(3)}; i=$((i+1)); done; sleep 60`;
};
const issuesOf = () =>
  `sleep 1; ${newFaults.map((fault) => `echo "ERROR ${fault}"; sleep 1.7`).join('; ')}; sleep 60`;

const at = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)]!;
const row = (what: string, sorted: readonly number[]) => ({
  what,
  lines: sorted.length,
  'median, ms': at(sorted, 0.5),
  '90th percentile, ms': at(sorted, 0.9),
  '99th percentile, ms': at(sorted, 0.99),
  'longest, ms': sorted.at(-1),
});

export async function run() {
  const folder = mkdtempSync(join(tmpdir(), 'ld-bench-'));
  await runCommand(process.execPath, [
    '-e',
    "import('./cli/build.mjs').then((build) => build.buildIfStale())",
  ]);
  const smtp = await startSmtpServer();
  const engine = await startDockerEngine();
  const world = { engine, smtp, folder };
  try {
    await engine.importBusybox();
    const [single, received] = await withPrograms(world, { ALERT_GROUPING: 'off' }, async (url) => {
      const scripts = Array.from({ length: containers }, (_, n) => errorsOf(n));
      return [await measure(world, 'shop', scripts, errors, /c\dn\d+/), await untilReceived(url)] as const;
    });
    const limits = {
      ALERT_DIGEST_SECONDS: '1',
      ALERT_MAX_PER_HOUR: '10000',
      ALERT_MAX_PER_HOUR_TOTAL: '10000',
    };
    const grouped = await withPrograms(world, { ALERT_GROUPING: 'on', ...limits }, () =>
      measure(world, 'desk', [issuesOf()], newFaults.length, new RegExp(newFaults.join('|'))),
    );
    return {
      title: 'From the line that a container prints to its mail',
      rows: [
        row('single errors, ALERT_GROUPING=off', single),
        row('of that, until the backend received the record', received),
        row('new issues, ALERT_GROUPING=on', grouped),
      ],
      notes: [
        `${errors} errors of ${containers} containers, ${perSecond} a second in all, and ${newFaults.length} new issues one after the other; coalescing off, everything else as it comes. dockerd, agent, backend, embedded PostgreSQL and the SMTP server share this machine.`,
        `What bounds it: a line waits 250 ms for lines that may belong to it (half of TRACEBACK_IDLE_SECONDS), then for the agent's tick (50 ms), its disk, and 50 to 200 ms for others to share its request. The rest is one commit, a NOTIFY and the SMTP conversation; the dispatcher, with grouping on, looks at most every 100 ms.`,
      ],
    };
  } finally {
    await engine.stop();
    await smtp.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
