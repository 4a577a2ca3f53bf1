import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { explain } from './explain.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'explain-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function aFile(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

async function run(args: string[], stdin = '', env: NodeJS.ProcessEnv = {}, parts: string[] = []) {
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      parts.push(String(chunk));
      done();
    },
  });
  const code = await explain(args, { stdin: Readable.from([stdin]), stdout, stderr: stdout, env });
  const text = parts.join('');
  return {
    code,
    text,
    objects: text.startsWith('{')
      ? text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line))
      : [],
  };
}

const trace =
  'Traceback (most recent call last):\n  File "/srv/app/pay.py", line 3, in charge\n    raise X\nPaymentError: order 7 declined';

describe('explain', () => {
  it('shows the entries of a log, joined, with level, match and fingerprint', async () => {
    const { code, objects } = await run(
      ['--json'],
      `2026-11-22 10:00:00 INFO up\n${trace}\n2026-11-22 10:00:01 ERROR user 5 gone\n`,
    );
    expect(code).toBe(0);
    expect(objects).toMatchObject([
      { first: 0, last: 0, level: 'info', matched: false, severity: null, template: 'up' },
      { first: 1, last: 4, matched: true, severity: 'fatal', template: 'PaymentError: order <num> declined' },
      {
        first: 5,
        last: 5,
        level: 'error',
        matched: true,
        severity: 'error',
        masked: '<time> ERROR user <num> gone',
      },
    ]);
    for (const { fingerprint } of objects) expect(fingerprint).toMatch(/^v2:[\da-f]{32}$/);
  });

  it('puts every line of every file into exactly one entry, in order', async () => {
    const files = [aFile('a.log', `one\n\n${trace}`), aFile('b.log', `    indented\r\n{"msg":"x"}\n\n`)];
    const { objects } = await run(['--json', ...files]);
    let next = 0;
    for (const { first, last } of objects) {
      expect(first).toBe(next);
      next = last + 1;
    }
    expect(next).toBe(9);
  });

  it('tells for each line the issue it belongs to by then', async () => {
    const users = ['ann', 'ben', 'cleo'].map((user) => `session closed for user ${user}`);
    const { objects } = await run(['--json', '--each-line'], [...users, 'disk full'].join('\n'));
    expect(objects.map(({ i }) => i)).toEqual([0, 1, 2, 3]);
    expect(new Set(objects.slice(0, 3).map(({ issue }) => issue)).size).toBe(1);
    expect(objects[3].issue).not.toBe(objects[0].issue);
  });

  it('uses the patterns of the environment as the agent does', async () => {
    const { objects } = await run(['--json'], 'ERROR one\nBROKEN two\n', { LOG_MATCH_PATTERNS: 'BROKEN' });
    expect(objects.map(({ matched }) => matched)).toEqual([false, true]);
    await expect(run([], 'x', { LOG_MATCH_PATTERNS: '(' })).rejects.toThrow(
      /LOG_MATCH_PATTERNS.*cannot be read/s,
    );
  });

  it('speaks to people without --json', async () => {
    const { text } = await run([], 'ERROR user 5 gone\n');
    expect(text).toContain('line 1: level error, matched, severity error');
    expect(text).toContain('template  user <…> gone');
  });

  it('ends with what looks like an error and is none of the records', async () => {
    const log = `ERROR one\n${'level=error msg=two\n'.repeat(12)}INFO fine\n`;
    const { text } = await run([], log);
    expect(text.split('\n\n').at(-1)).toBe(
      [
        '14 entries, 1 of them matched.',
        '12 not matched, though of level error or fatal: lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ….',
        'To have such lines, set LOG_MATCH_PATTERNS: docs/configuration.md, "What becomes a record".',
        '',
      ].join('\n'),
    );
    expect((await run([], 'ERROR one\n')).text).toMatch(/\n\n1 entry, 1 of them matched\.\n$/);
  });

  it('shows the files before one that it cannot read', async () => {
    const printed: string[] = [];
    const files = [aFile('good.log', 'ERROR user 5 gone\n'), join(folder, 'none.log')];
    await expect(run(files, '', {}, printed)).rejects.toThrow(/cannot read .*none\.log/);
    expect(printed.join('')).toContain('matched, severity error');
  });

  it('tells of a wrong pattern and of other wrong settings at once', async () => {
    const wrong = { LOG_MATCH_PATTERNS: '(', TRACEBACK_MAX_LINES: 'x' };
    await expect(run([], 'x', wrong)).rejects.toThrow(/TRACEBACK_MAX_LINES.*LOG_MATCH_PATTERNS/s);
  });

  it('says what to do about an unknown option or a file it cannot read', async () => {
    await expect(run(['--yaml'])).rejects.toThrow(
      '"--yaml" is no option of explain; use --json, --each-line',
    );
    await expect(run([join(folder, 'none.log')])).rejects.toThrow(
      /cannot read .*none\.log.*give the path of a readable file/,
    );
    await expect(run(['--', '--odd.log'])).rejects.toThrow(/cannot read --odd\.log/);
    await expect(run([folder])).rejects.toThrow(/cannot read .*explain-.*give the path of a readable file/);
  });
});

it('says that it waits for what is typed, when it is given no file at a terminal', async () => {
  const said: string[] = [];
  const stderr = new Writable({ write: (chunk, _encoding, done) => done(void said.push(String(chunk))) });
  const stdout = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = Object.assign(Readable.from(['']), { isTTY: true });
  expect(await explain([], { stdin: terminal, stdout, stderr, env: {} })).toBe(0);
  expect(await explain([], { stdin: Readable.from(['']), stdout, stderr, env: {} })).toBe(0);
  expect(said).toEqual([expect.stringMatching(/^Reading what is typed, until Ctrl-D; or give a file/)]);
});
