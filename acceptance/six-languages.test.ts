// Programs of several languages really crash in containers of a real engine: whatever the traceback looks like, it is one
// record and one issue.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type DockerEngine, requires, startDockerEngine } from '@log-detector/test-kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, givenASystem, type System } from './support/given.ts';

interface Crash {
  language: string;
  /** Run inside the container; the programs lie in /programs. */
  command: string[];
  /** What must be in the one record: its first and its last line, among others. */
  says: RegExp[];
  /** The machine's program that runs it. */
  needs: string;
  file: string;
  source: string;
}

const crashes: Crash[] = [
  {
    language: 'python',
    needs: '/usr/bin/python3',
    command: ['/usr/bin/python3', '/programs/crash.py'],
    says: [/^Traceback \(most recent call last\):/, /direct cause/, /RuntimeError: cannot charge order 17$/],
    file: 'crash.py',
    source: `
print("started", flush=True)
def charge(order):
    return {}[order]
try:
    charge(17)
except KeyError as error:
    raise RuntimeError("cannot charge order 17") from error
`,
  },
  {
    language: 'node',
    needs: process.execPath,
    command: [process.execPath, '/programs/crash.mjs'],
    says: [/TypeError: cannot charge order 17/, /\bat charge /, /Node\.js v\d+/],
    file: 'crash.mjs',
    source: `
console.log("started");
function charge(order) { throw new TypeError("cannot charge order " + order); }
charge(17);
`,
  },
  {
    language: 'java',
    needs: '/usr/bin/java',
    command: ['/usr/bin/java', '-XX:TieredStopAtLevel=1', '/programs/Crash.java'],
    says: [
      /^Exception in thread "main" java\.lang\.IllegalStateException: cannot charge order 17/,
      /Caused by: .*ArithmeticException/,
    ],
    file: 'Crash.java',
    source: `
public class Crash {
  static int charge(int order) { return order / (order - order); }
  public static void main(String[] args) {
    System.out.println("started");
    try { charge(17); }
    catch (ArithmeticException error) { throw new IllegalStateException("cannot charge order 17", error); }
  }
}
`,
  },
  {
    language: 'ruby',
    needs: '/usr/bin/ruby',
    command: ['/usr/bin/ruby', '/programs/crash.rb'],
    says: [/cannot charge order 17 \(RuntimeError\)/, /from .*crash\.rb:\d+:in `<main>'/],
    file: 'crash.rb',
    source: `
$stdout.sync = true
puts "started"
def charge(order)
  raise "cannot charge order #{order}"
end
def shop
  charge(17)
end
shop
`,
  },
  {
    language: 'php',
    needs: '/usr/bin/php',
    command: ['/usr/bin/php', '-d', 'display_errors=stderr', '-d', 'log_errors=0', '/programs/crash.php'],
    says: [
      /PHP Fatal error|Fatal error: +Uncaught/,
      /RuntimeException: cannot charge order 17/,
      /thrown in .*crash\.php/,
    ],
    file: 'crash.php',
    source: `<?php
echo "started\\n";
function charge($order) { throw new RuntimeException("cannot charge order $order"); }
charge(17);
`,
  },
  {
    language: 'perl',
    needs: '/usr/bin/perl',
    command: ['/usr/bin/perl', '/programs/crash.pl'],
    says: [/cannot charge order 17 at .*crash\.pl line/, /main::shop\(\) called at/],
    file: 'crash.pl',
    source: `
use strict; use Carp; $| = 1;
print "started\\n";
sub charge { Carp::confess("cannot charge order $_[0]") }
sub shop { charge(17) }
shop();
`,
  },
];

describe.skipIf(requires.docker())('a crash is one record and one issue', () => {
  let engine: DockerEngine;
  let system: System;
  let debian: string[];

  beforeAll(async () => {
    engine = await startDockerEngine();
    debian = await engine.importDebianRoot();
    system = await givenASystem();
    // Of what is printed; the ends of the containers are told in container-life.test.ts.
    await system.follow(engine, { env: { LOG_MATCH_PATTERNS: '', CONTAINER_EVENTS: 'false' } });
    for (const { file, source } of crashes) {
      const path = join(system.folder, 'programs', file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, source);
    }
  });
  afterAll(async () => {
    await system?.stop();
    await engine?.stop();
  });

  it.each(crashes)('$language', { timeout: 240_000 }, async ({ language, needs, command, says }) => {
    expect(existsSync(needs), `${needs} is not installed; let "npm test" install it`).toBe(true);
    const programs = ['--volume', `${join(system.folder, 'programs')}:/programs:ro`];
    const runs = ['a', 'b'].map((run) => `${language}-${run}`);
    for (const name of runs) {
      const labels = [
        '--label',
        'com.docker.compose.project=shop',
        '--label',
        `com.docker.compose.service=${language}`,
      ];
      await engine.docker('create', '--name', name, ...labels, ...programs, ...debian, ...command);
      await engine.docker('start', name);
      expect(await engine.docker('wait', name)).not.toBe('0');
    }
    const records = async () =>
      (await Promise.all(runs.map((name) => system.api.get(`/api/logs?container=${name}`)))).map(
        ({ body }) => body,
      );
    const found = await eventually(records, (pages) => pages.every(({ total }) => total > 0));
    // Nothing more follows: a line printed now by another container arrives after all of theirs.
    const marker = `end-of-${language}`;
    await engine.docker('run', '--name', marker, ...debian, 'sh', '-c', 'sleep 1; echo "ERROR the end"');
    await eventually(
      async () => (await system.api.get(`/api/logs?container=${marker}`)).body,
      ({ total }) => total > 0,
    );
    expect((await records()).map(({ total }) => total)).toEqual([1, 1]);

    const [first, second] = found.map(({ items }) => items[0]);
    for (const pattern of says) expect(first.message).toMatch(pattern);
    expect(first.severity).toBe('fatal');
    // Two replicas of one service: the same error, hence the same issue.
    expect(second.issue_id).toBe(first.issue_id);
  });
});
