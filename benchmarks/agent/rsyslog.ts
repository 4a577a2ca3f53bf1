// rsyslog over the same file, where it is installed: joined at lines that begin with a date, matched by a regular
// expression, sent over TCP.

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSecondsOf } from './processes.ts';

/** How long no message may come before it is taken to be done, in ms. */
const quietMs = 3000;

/** @returns its figures, or why there are none. */
export async function measureRsyslog({
  folder,
  log,
  wanted,
}: {
  folder: string;
  log: string;
  wanted: number;
}): Promise<{ cpuSeconds: number; received: number; version: string } | { missing: string }> {
  const found = spawnSync('rsyslogd', ['-v'], { encoding: 'utf8' });
  if (found.status !== 0) return { missing: 'it is not installed (apt-get install rsyslog)' };
  const version = /rsyslogd\s+(\S+)/.exec(found.stdout)?.[1] ?? '';
  let received = 0;
  let lastAt = performance.now();
  const server = createServer((socket) => {
    socket.on('data', (data) => {
      for (const byte of data) if (byte === 10) received++;
      lastAt = performance.now();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const work = resolve(folder, 'rsyslog');
  mkdirSync(work, { recursive: true });
  const config = join(work, 'rsyslog.conf');
  writeFileSync(
    config,
    `global(workDirectory="${work}" maxMessageSize="64k")
module(load="imfile" mode="inotify")
input(type="imfile" file="${log}" tag="shop" startmsg.regex="^\\\\{\\"log\\":\\"20[0-9]{2}-" readTimeout="1" reopenOnTruncate="on")
if (re_match($msg, "(^|[^\\"'])ERROR([^A-Za-z]|\\$)|Traceback \\\\(most recent call last\\\\):")) then {
  action(type="omfwd" target="127.0.0.1" port="${port}" protocol="tcp")
}
`,
  );
  const child = spawn('rsyslogd', ['-n', '-f', config, '-i', join(work, 'pid')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let cpuSeconds = 0;
  try {
    const end = performance.now() + 60_000;
    lastAt = performance.now() + 5000;
    while (
      child.exitCode === null &&
      performance.now() < end &&
      (received < wanted || performance.now() - lastAt < 500)
    ) {
      await sleep(50);
      cpuSeconds = cpuSecondsOf(child.pid!);
      if (performance.now() - lastAt > quietMs) break;
    }
  } finally {
    child.kill();
    await Promise.race([ended, sleep(5000)]);
    if (child.exitCode === null) child.kill('SIGKILL');
    server.close();
  }
  return { cpuSeconds, received, version };
}
