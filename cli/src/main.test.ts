// The built command as a person types it: every verb of the help is there, and a mistake in typing starts nothing.

import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const command = fileURLToPath(new URL('../bin/log-detector.mjs', import.meta.url));

async function logDetector(args: string[], stdin = '') {
  const child = spawn(process.execPath, [command, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(stdin);
  const ended = new Promise((resolve) => child.once('close', resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { stdout, stderr, code: await ended };
}

describe('the command', () => {
  it('explains what comes in on standard input', async () => {
    const { stdout, code } = await logDetector(['explain', '--json'], 'ERROR user 5 gone\n');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ first: 0, last: 0, matched: true });
  });

  it('knows every verb that its help names', async () => {
    const { stdout } = await logDetector(['--help']);
    const verbs = [...stdout.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, verb]) => verb!);
    expect(verbs).toContain('explain');
    for (const verb of verbs) {
      expect(await logDetector([verb, '--help'])).toMatchObject({ stdout, stderr: '', code: 0 });
    }
  });

  it('starts nothing when an argument does not fit', async () => {
    for (const verb of ['start', 'serve', 'agent', 'migrate', 'explain']) {
      const { stderr, code } = await logDetector([verb, '--bogus']);
      expect(stderr).toMatch(`"--bogus" is no option of ${verb}`);
      expect(code).toBe(2);
    }
  });
});
