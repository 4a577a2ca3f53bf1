// What may be passed over: never a line that matters, wherever it stands.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Find } from '../types.ts';
import { createFind } from './find.ts';
import { traceFixtures } from './kit.ts';
import { starts } from './ordinary.ts';
import { compilePattern, compilePatterns } from './patterns.ts';

const tracebackPattern = await compilePattern('TRACEBACK_PATTERN', 'Traceback \\(most recent call last\\):');

async function findFor(patterns: string): Promise<Find> {
  const { find } = createFind({
    patterns: await compilePatterns('LOG_MATCH_PATTERNS', patterns),
    tracebackPattern,
  });
  return find!;
}

const find = await findFor(`(?<!["'])ERROR(?![A-Za-z])`);

/** As Docker writes it. */
function jsonLine(
  text: string,
  { stream = 'stdout', time = '2026-11-22T10:00:00.123456789Z', attrs = '' } = {},
) {
  const log = JSON.stringify(`${text}\n`).replace(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return Buffer.from(`{"log":${log},"stream":"${stream}",${attrs}"time":"${time}"}\n`);
}

/** Whether the line is stopped at: in a json-file log, and as a line by itself with texts looked for. */
function stopsAt(text: string, by = find): [inFile: boolean, byItself: boolean] {
  const before = jsonLine('2026-11-22 10:00:00 INFO nothing of interest happened here, as on any other day');
  const bytes = Buffer.concat([before, jsonLine(text), before]);
  by.look(bytes, 0, bytes.length);
  const inFile = by.line(0, bytes.length, 0) === before.length;
  const alone = Buffer.from(`some other line before it\n${text}\nand after`);
  const from = alone.indexOf(10) + 1;
  const to = from + Buffer.byteLength(text);
  by.look(alone, 0, alone.length);
  const hit = by.text(from);
  return [inFile, by.matters(from, to, hit >= 0 && hit < to)];
}

describe('find', () => {
  it('stops at each line of the fixtures that is out of the ordinary', () => {
    for (const { name, lines } of traceFixtures()) {
      for (const text of lines) {
        if (!find.mattersText(text)) continue;
        expect([name, text, ...stopsAt(text)]).toEqual([name, text, true, true]);
      }
    }
  });

  it('stops at JSON logs whose level is an error, where that is wanted', async () => {
    const { find: wanting } = createFind({
      patterns: await compilePatterns('LOG_MATCH_PATTERNS', 'never'),
      tracebackPattern,
      jsonErrors: true,
    });
    const passing = await findFor('never');
    for (const level of [
      '"error"',
      '"ERROR"',
      '"Fatal"',
      '"panic"',
      '"CRITICAL"',
      '"err"',
      '"E"',
      '50',
      '60',
    ]) {
      const text = `{"time":1796059297357,"level":${level},"msg":"the database is gone"}`;
      expect([text, ...stopsAt(text, wanting!)]).toEqual([text, true, true]);
      expect([text, passing.mattersText(text)]).toEqual([text, false]);
    }
    for (const level of ['"info"', '"warn"', '30', '500']) {
      const text = `{"time":1796059297357,"level":${level},"msg":"no error here"}`;
      expect([text, wanting!.mattersText(text)]).toEqual([text, false]);
    }
  });

  it('stops at each begin that the table of tracebacks knows', () => {
    for (const start of starts) expect([start, ...stopsAt(`${start} x y z`)]).toEqual([start, true, true]);
    expect(starts.filter((start) => start.length < 3)).toEqual(['0x']);
  });

  it('stops at any line that matters, whatever is in it', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 40 }),
      fc.constantFrom(
        'ERROR',
        'Error',
        'Traceback (most recent call last):',
        '\t',
        ' ',
        ': ',
        'a.b.C: x',
        'A::B: x',
        '>',
        '<',
        '"',
      ),
      fc.constantFrom(
        '2026-11-22 10:00:00',
        'Nov 2, 2026 5:52:38 PM a.B c',
        '{"a":"b\\n"}',
        '{"stack":[{"func":"f"}]}',
        '{"Exception":"x',
        '"trace": ["a:3"]}',
        '   at x',
        '12| x',
        '\\',
        '\\n',
        'x ',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const text = pieces
          .join('')
          .replace(/[\r\n]/g, '')
          .toWellFormed();
        if (find.mattersText(text)) expect(stopsAt(text)).toEqual([true, true]);
      }),
      { numRuns: 3000 },
    );
  });

  it('agrees where the fifth byte is not the fifth character', () => {
    const text = '>\u00a0: 2026-11-22 10:00:00Nov 2, 2026 5:52:38 PM a.B c';
    expect([find.mattersText(text), stopsAt(text)[1]]).toEqual([false, false]);
  });

  it('passes over what containers print all day', () => {
    for (const text of [
      '2026-01-05T10:00:00.120Z INFO request handled path=/api/orders status=200 in 3 ms',
      'GET /healthz HTTP/1.1 status 200, all is well, and has been so for quite a while',
      '[2026-01-05 10:00:00 +0000] [8] [INFO] Booting worker with pid: 8 on the port of 80',
      '{"level":"error","msg":"failed","code":7}',
      '127.0.0.1 - - [05/May/2024:10:00:00 +0000] "GET / HTTP/1.1" 200 0',
      'Processing by OrdersController#show as JSON, Parameters: {}',
      '2026-01-05 10:00:00 DEBUG update orders set state = 3 where id = 17;',
      'short',
    ].filter((text) => !find.mattersText(text))) {
      expect([text, ...stopsAt(text)]).toEqual([text, false, false]);
    }
  });

  it('stops at pieces of lines, and at lines that are not of the usual form', () => {
    const ordinary = '2026-11-22 10:00:00 INFO nothing of interest happened here, as on any other day';
    const whole = jsonLine(ordinary);
    const at = (bytes: Buffer, attributes = 0) => {
      const all = Buffer.concat([whole, bytes]);
      find.look(all, 0, all.length);
      return find.line(attributes === 0 ? 0 : whole.length, all.length, attributes);
    };
    expect(at(jsonLine(ordinary))).toBe(-1);
    expect(at(jsonLine(ordinary, { time: '2026-11-22T10:00:00Z' }))).toBe(-1);
    expect(at(jsonLine(ordinary, { time: '2026-11-22T10:00:00.1Z' }))).toBe(-1);
    const attrs = '"attrs":{"tag":"web"},';
    expect(at(jsonLine(ordinary, { attrs }), attrs.length)).toBe(-1);
    expect(at(jsonLine(ordinary, { attrs }))).toBe(whole.length);
    expect(at(jsonLine(ordinary, { stream: 'stdin' }))).toBe(whole.length);
    expect(at(Buffer.from(jsonLine(ordinary).toString().replace('\\n"', '"')))).toBe(whole.length);
    expect(at(Buffer.from('\n'))).toBe(whole.length);
    expect(at(Buffer.from(`${'\0'.repeat(300)}\n`))).toBe(whole.length);
  });

  it('tells whether a text is the same in JSON, whatever stands around it', () => {
    const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('');
    const bare = printable.replace(/["\\]/g, '');
    const anywhere = fc.record({
      around: fc.string({ unit: 'binary', maxLength: 40 }),
      text: fc.string({ unit: fc.constantFrom(...bare), minLength: 1, maxLength: 80 }),
      odd: fc.constantFrom('"', '\\', '\n', '\u001b', 'é', '日'),
      at: fc.nat(),
    });
    fc.assert(
      fc.property(anywhere, ({ around, text, odd, at }) => {
        const told = (middle: string) => {
          const bytes = Buffer.from(around + middle + around);
          const from = Buffer.byteLength(around);
          find.look(bytes, 0, bytes.length);
          return find.isBare(from, from + Buffer.byteLength(middle));
        };
        expect(told(text)).toBe(text.length >= 16);
        const place = at % (text.length + 1);
        expect(told(text.slice(0, place) + odd + text.slice(place))).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  it('tells where a line ends and begins, however long it is', () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 70 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), lengths, (before, lines) => {
        // What lies around what is looked at has newlines too.
        const bytes = Buffer.from(
          `${'\n'.repeat(before)}${lines.map((length) => `${'x'.repeat(length)}\n`).join('')}\n\n`,
        );
        find.look(bytes, before, bytes.length - 2);
        let from = before;
        for (const length of lines) {
          const end = from + length;
          for (const at of [from, end]) expect(find.endOf(at)).toBe(end);
          for (const lowest of new Set([before, from])) expect(find.beginOf(end, lowest)).toBe(from);
          from = end + 1;
        }
      }),
    );
  });

  it('tells which line of each stream it passed over last', () => {
    const line = (stream: string) => jsonLine('2026-11-22 10:00:00 INFO nothing of interest', { stream });
    const bytes = Buffer.concat([
      line('stdout'),
      line('stderr'),
      line('stdout'),
      jsonLine('ERROR'),
      line('stderr'),
    ]);
    find.look(bytes, 0, bytes.length);
    expect(find.line(0, bytes.length, 0)).toBe(3 * line('stdout').length);
    expect(find.lastStdout).toBe(2 * line('stdout').length);
    expect(find.lastStderr).toBe(line('stdout').length);
  });

  it('finds texts wherever they lie, many or few', async () => {
    const many = await findFor(
      Array.from({ length: 60 }, (_, i) => `failure-${i}(?:x|y)`)
        .concat('ab', '(?i)timeout')
        .join(','),
    );
    const anywhere = fc.record({
      before: fc.integer({ min: 0, max: 70 }),
      text: fc.constantFrom('failure-7x', 'failure-59y', 'ab', 'TimeOut', 'TIMEOUT', 'panic'),
      after: fc.integer({ min: 0, max: 70 }),
    });
    fc.assert(
      fc.property(anywhere, ({ before, text, after }) => {
        const bytes = Buffer.from('.'.repeat(before) + text + '.'.repeat(after));
        many.look(bytes, 0, bytes.length);
        const found = many.text(0);
        expect(found).toBeGreaterThanOrEqual(before);
        expect(found).toBeLessThan(before + text.length);
        many.look(bytes, 0, before);
        expect(many.text(0)).toBe(-1);
      }),
    );
  });

  it('says why every line is looked at, when a pattern has no text that all its matches hold', async () => {
    const patterns = await compilePatterns('LOG_MATCH_PATTERNS', 'ERROR,5\\d\\d');
    expect(createFind({ patterns, tracebackPattern })).toEqual({
      find: undefined,
      why: 'pattern "5\\\\d\\\\d" has no text of two letters or more that every match holds',
    });
  });
});
