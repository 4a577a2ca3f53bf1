// A log read where Docker writes it, while it is written, rotated, truncated, compressed and torn.

import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createReader } from '../reader.ts';
import { collectingSink, jsonLine } from '../testing.ts';
import { createIdle } from './idle.ts';
import { type ReadEnd, readLog } from './read-log.ts';

let folder: string;
let path: string;
let written = 0;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'read-log-'));
  path = join(folder, 'c-json.log');
  written = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const stampOf = (index: number) =>
  new Date(Date.UTC(2026, 10, 22) + index).toISOString().replace('Z', '000000Z');
const lineOf = (index: number, text = `line ${index}\n`) => jsonLine('stdout', stampOf(index), text);

/** Writes the next lines. */
function write(count: number, to = path): void {
  const lines: Buffer[] = [];
  for (let index = 0; index < count; index++) lines.push(lineOf(written++));
  appendFileSync(to, Buffer.concat(lines));
}

/** As Docker does it: each file gets the next number. */
function rotate(files = 3): void {
  for (let number = files - 1; number > 0; number--) {
    try {
      renameSync(number === 1 ? path : `${path}.${number - 1}`, `${path}.${number}`);
    } catch {
      // There are fewer yet.
    }
  }
  writeFileSync(path, '');
}

function compress(number: number): void {
  writeFileSync(`${path}.${number}.gz`, gzipSync(readFileSync(`${path}.${number}`)));
  rmSync(`${path}.${number}`);
}

/** Reads it, and keeps the numbers of the lines. */
function reading({
  since,
  follow = true,
  rotatesAt,
}: {
  since?: string;
  follow?: boolean;
  rotatesAt?: number;
} = {}) {
  const stop = new AbortController();
  const sink = collectingSink();
  const invalid: string[] = [];
  const reader = createReader({ sink, maxLineBytes: 1024 * 1024, invalid: (text) => invalid.push(text) });
  reader.begin({ cursors: {}, startedAt: '', tty: false });
  let over = false;
  const done = readLog({
    path,
    since,
    follow,
    isOver: () => over,
    rotatesAt,
    idle: createIdle({ everyMs: 2 }),
    signal: stop.signal,
    onBytes: (source, bytes, from, to) => reader.bytes(source, bytes, from, to),
  });
  const numbers = () => sink.lines.map(({ text }) => Number(text.replace('line ', '')));
  return {
    sink,
    invalid,
    numbers,
    done,
    async caughtUp(): Promise<void> {
      const end = Date.now() + 60_000;
      while (numbers().at(-1) !== written - 1) {
        if (Date.now() > end) throw new Error(`read ${numbers().at(-1)} of ${written}`);
        await sleep(1);
      }
    },
    async end(): Promise<ReadEnd> {
      over = true;
      return done;
    },
    async abort(): Promise<void> {
      stop.abort();
      await done.catch(() => {});
    },
  };
}

const upTo = (count: number, from = 0) => Array.from({ length: count - from }, (_, index) => from + index);

describe('readLog', () => {
  it('reads what there is, and what comes, until the container is over', async () => {
    write(5000);
    const log = reading();
    await log.caughtUp();
    for (let round = 0; round < 20; round++) {
      write(7);
      if (round % 5 === 0) await log.caughtUp();
    }
    expect(await log.end()).toBe('all');
    expect(log.numbers()).toEqual(upTo(5140));
  });

  it('reads on what Docker writes to a file that others moved away, and then the one that was made in its place', async () => {
    write(10);
    const log = reading();
    await log.caughtUp();
    renameSync(path, `${path}.1`);
    writeFileSync(path, '');
    // The name is looked at now and then.
    await sleep(700);
    write(10, `${path}.1`);
    await log.caughtUp();
    write(10);
    await log.caughtUp();
    expect(await log.end()).toBe('all');
    expect(log.numbers()).toEqual(upTo(30));
  });

  it('says what is wrong with a file at rest that can no longer be looked at', async () => {
    write(10);
    const log = reading();
    await log.caughtUp();
    // As with a folder that may no longer be entered, which root always may.
    const moved = `${folder}-moved`;
    renameSync(folder, moved);
    symlinkSync(folder, folder);
    await expect(log.done).rejects.toThrow(/^ELOOP/);
    rmSync(folder);
    renameSync(moved, folder);
  });

  it('leaves no file open when one of them may not be read', async () => {
    write(10);
    symlinkSync(`${path}.1`, `${path}.1`);
    const open = () => readdirSync('/proc/self/fd').length;
    const before = open();
    for (let round = 0; round < 50; round++) await expect(reading().done).rejects.toThrow(/^ELOOP/);
    expect(open()).toBeLessThan(before + 50);
  });

  it('says when there is no file', async () => {
    expect(await reading({ follow: false }).done).toBe('no-file');
  });

  it('goes through rotations, several at once too, without losing or repeating a line', async () => {
    write(100);
    const log = reading({ rotatesAt: 500 });
    await log.caughtUp();
    for (let round = 0; round < 60; round++) {
      write(50);
      for (let times = 0; times < round % 3; times++) {
        rotate(5);
        write(10);
      }
      await sleep(round % 4);
      if (round % 7 === 0) await log.caughtUp();
    }
    await log.end();
    expect(log.numbers()).toEqual(upTo(written));
  });

  it('begins with the oldest file in the middle of a rotation, when there is none of the first number', async () => {
    for (let file = 0; file < 3; file++) {
      write(10);
      if (file < 2) rotate();
    }
    renameSync(`${path}.2`, `${path}.3`);
    renameSync(`${path}.1`, `${path}.2`);
    const log = reading({ follow: false });
    await log.done;
    expect(log.numbers()).toEqual(upTo(30));
  });

  it('takes no other file for missed after a full one, where a program goes on as slowly as before', async () => {
    write(2000);
    const { length } = readFileSync(path);
    const log = reading({ rotatesAt: length });
    await log.caughtUp();
    await sleep(30);
    truncateSync(path, 0);
    // Lines come one in a millisecond.
    write(50);
    await log.caughtUp();
    await log.end();
    expect(log.numbers()).toEqual(upTo(2050));
  });

  it('goes on when its file was compressed before it looked', async () => {
    write(100);
    const log = reading();
    await log.caughtUp();
    write(100);
    rotate();
    compress(1);
    write(100);
    await log.caughtUp();
    await log.end();
    expect(log.numbers()).toEqual(upTo(300));
  });

  it('begins in the file that holds the wanted time, be it compressed', async () => {
    for (let file = 0; file < 4; file++) {
      write(20_000);
      if (file < 3) rotate(6);
    }
    compress(3);
    compress(2);
    for (const from of [0, 5000, 25_000, 50_000, 70_000, 79_999]) {
      const log = reading({ since: stampOf(from), follow: false });
      expect(await log.done).toBe('ended');
      const numbers = log.numbers();
      expect(numbers[0]).toBeLessThanOrEqual(from);
      expect(numbers).toEqual(upTo(80_000, numbers[0]));
    }
    const all = reading({ follow: false });
    await all.done;
    expect(all.numbers()).toEqual(upTo(80_000));
  });

  it('goes on behind a compressed file that is damaged, and tells of it', async () => {
    write(20_000);
    rotate();
    compress(1);
    truncateSync(`${path}.1.gz`, 20_000);
    write(10);
    const log = reading({ follow: false });
    expect(await log.done).toBe('ended');
    expect(log.numbers().slice(-10)).toEqual(upTo(20_010, 20_000));
    expect(log.invalid).toEqual([expect.stringContaining('cannot be unpacked')]);
  });

  it('reads near the wanted time, not all that is before', async () => {
    write(100_000);
    const log = reading({ since: stampOf(90_000), follow: false });
    await log.done;
    expect(log.numbers()[0]).toBeGreaterThan(80_000);
  });

  it('ends where files may have come and gone, for the gap to be looked for', async () => {
    write(100);
    const log = reading({ rotatesAt: 500 });
    await log.caughtUp();
    for (let times = 0; times < 4; times++) {
      write(10);
      rotate(2);
    }
    expect(await log.done).toBe('cut');
    expect(log.numbers()).toEqual(upTo(110));
  });

  it('reads on from the begin of a log that Docker truncated when it was full', async () => {
    write(100);
    const { length } = readFileSync(path);
    const log = reading({ rotatesAt: length });
    await log.caughtUp();
    truncateSync(path, 0);
    write(50);
    await log.caughtUp();
    await log.end();
    expect(log.numbers()).toEqual(upTo(150));
  });

  it('reads a full file to its end, and the one after it, where Docker keeps one file alone', async () => {
    write(110);
    const { length } = readFileSync(path);
    writeFileSync(path, '');
    written = 0;
    write(10);
    const log = reading({ rotatesAt: length });
    await log.caughtUp();
    write(100);
    rmSync(path);
    write(50);
    await log.caughtUp();
    await log.end();
    expect(log.numbers()).toEqual(upTo(160));
  });

  it.each([
    ['truncated', () => truncateSync(path, 0)],
    ['removed', () => rmSync(path)],
  ])(
    'ends where another file may have been filled between a full one that was %s and the next',
    async (_, letGo) => {
      write(100);
      const { length } = readFileSync(path);
      const log = reading({ rotatesAt: length });
      await log.caughtUp();
      letGo();
      written += 100;
      write(50);
      expect(await log.done).toBe('cut');
      expect(log.numbers()).toEqual(upTo(100));
    },
  );

  it('ends where files were filled and went while the ones before its last were read', async () => {
    write(20_000);
    rotate();
    write(100);
    const { length } = readFileSync(path);
    let isFirst = true;
    const numbers: number[] = [];
    const ended = readLog({
      path,
      since: undefined,
      follow: true,
      isOver: () => false,
      rotatesAt: length,
      idle: createIdle({ everyMs: 2 }),
      signal: AbortSignal.timeout(20_000),
      onBytes: (_source, bytes, from, to) => {
        for (const [, number] of bytes.toString('latin1', from, to).matchAll(/line (\d+)/g))
          numbers.push(Number(number));
        if (!isFirst) return undefined;
        isFirst = false;
        for (let times = 0; times < 4; times++) {
          rotate(2);
          write(100);
        }
        return sleep(5);
      },
    });
    expect(await ended).toBe('cut');
    expect(numbers).toEqual(upTo(20_100));
  });

  it('ends when somebody else truncated it, though it has grown longer since', async () => {
    write(100);
    const log = reading({ rotatesAt: 1_000_000 });
    await log.caughtUp();
    truncateSync(path, 0);
    write(200);
    expect(await log.done).toBe('cut');
    expect(log.numbers()).toEqual(upTo(100));
  });

  it('waits for the rest of a torn last line', async () => {
    write(3);
    const log = reading();
    await log.caughtUp();
    const line = lineOf(written++);
    appendFileSync(path, line.subarray(0, 30));
    await sleep(20);
    expect(log.numbers()).toEqual([0, 1, 2]);
    appendFileSync(path, line.subarray(30));
    await log.caughtUp();
    await log.end();
  });

  it("leaves out what is no line of Docker's, but not the line behind a torn one", async () => {
    write(1);
    appendFileSync(path, 'garbage\n\n');
    appendFileSync(path, lineOf(99).subarray(0, 30));
    write(1);
    appendFileSync(path, `${'\0'.repeat(5000)}\n`);
    write(1);
    const log = reading({ follow: false });
    await log.done;
    expect(log.numbers()).toEqual([0, 1, 2]);
    expect(log.invalid).toHaveLength(4);
  });

  it('reads a line that is longer than its buffer', async () => {
    write(1);
    appendFileSync(path, lineOf(1, `${'\u0001'.repeat(100_000)}\n`));
    written++;
    write(1);
    const log = reading({ follow: false });
    await log.done;
    expect(log.sink.lines.map(({ text }) => text.length)).toEqual([6, 100_000, 6]);
  });

  it('reads all of a log that was removed, and what is printed after that', async () => {
    write(50);
    const log = reading();
    await log.caughtUp();
    write(50);
    const held = openSync(path, 'a');
    rmSync(path);
    await log.caughtUp();
    writeSync(held, lineOf(written++));
    closeSync(held);
    await log.caughtUp();
    expect(await log.end()).toBe('all');
    expect(log.numbers()).toEqual(upTo(101));
  });

  it('reads all of a log that is removed as soon as it was begun', async () => {
    writeFileSync(path, '');
    const log = reading({ since: '1970-01-01T00:00:00.000000000Z' });
    write(3);
    rmSync(path);
    expect(await log.end()).toBe('all');
    expect(log.numbers()).toEqual([0, 1, 2]);
  });

  it('does not say that it was all when a removed file was full, and another may have followed', async () => {
    write(50);
    const log = reading({ rotatesAt: 100 });
    await log.caughtUp();
    rmSync(path);
    expect(await log.end()).toBe('cut');
  });

  it('does not say that it was all when the last line is torn', async () => {
    write(5);
    appendFileSync(path, lineOf(5).subarray(0, 30));
    const log = reading();
    await log.caughtUp();
    expect(await log.end()).toBe('cut');
  });

  it('reads no further while what it gave is being taken', async () => {
    write(20_000);
    const stop = new AbortController();
    let taken = 0;
    let calls = 0;
    await readLog({
      path,
      since: undefined,
      follow: false,
      isOver: () => false,
      rotatesAt: undefined,
      idle: createIdle({ everyMs: 2 }),
      signal: stop.signal,
      onBytes: (_source, bytes, from, to) => {
        expect(taken).toBe(calls++);
        const before = bytes.toString('latin1', from, to);
        return sleep(1).then(() => {
          expect(bytes.toString('latin1', from, to)).toBe(before);
          taken++;
        });
      },
    });
    expect(calls).toBeGreaterThan(5);
  });

  it('stops when it is told to', async () => {
    write(10);
    const log = reading();
    await log.caughtUp();
    await log.abort();
    await expect(log.done).rejects.toThrow('aborted');
  });
});
