import { describe, expect, it } from 'vitest';
import type { MatchedRecord, Position } from '../types.ts';
import { createContext } from './context.ts';
import { createRedact } from './redact.ts';

const position = (n: number): Position => ({
  at: `2026-11-22T10:00:00.${String(n).padStart(9, '0')}Z`,
  ordinal: 0,
});

function given(before = 3, after = 2) {
  const given: MatchedRecord[] = [];
  const context = createContext({ before, after, waitMs: 250, redact: createRedact() }, (record) =>
    given.push(record),
  );
  const record = (n: number, last = n): MatchedRecord => ({
    stream: 'stdout',
    first: position(n),
    last: position(last),
    record: { event_id: String(n), host: 'h', container: 'c', message: 'm' },
  });
  const add = (n: number, text = `line ${n}`, now = 0, stream: 'stdout' | 'stderr' = 'stdout') =>
    context.add(stream, position(n), text, now);
  const tell = (n: number, isGap = false) => context.tell('stdout', position(n).at, `line ${n}`, isGap, 0);
  const shown = () =>
    given.map(({ record: { context_before, context_after } }) => [context_before, context_after]);
  return { context, record, add, tell, shown };
}

describe('context', () => {
  it('gives a record the lines around it, of both streams', () => {
    const { context, record, add, shown } = given();
    add(1);
    add(2, 'of stderr', 0, 'stderr');
    add(3);
    context.push(record(3), 0);
    expect(shown()).toEqual([]);
    add(4);
    add(5);
    expect(shown()).toEqual([
      [
        ['line 1', 'of stderr'],
        ['line 4', 'line 5'],
      ],
    ]);
  });

  it('waits for lines after it no longer than a line alone waits', () => {
    const { context, record, add, shown } = given();
    add(1);
    context.push(record(1), 0);
    context.tick(249);
    expect(shown()).toEqual([]);
    context.tick(250);
    expect(shown()).toEqual([[undefined, undefined]]);
  });

  it('is for the first records of a flood, and for some each second', () => {
    const { context, record, add, shown } = given(1, 0);
    for (let n = 0; n < 150; n++) {
      add(n);
      context.push(record(n), 1000);
    }
    expect(shown().filter(([before]) => before !== undefined)).toHaveLength(99); // the first has no line before it
    add(150, 'line 150', 2000);
    context.push(record(150), 2000);
    expect(shown().at(-1)).toEqual([['line 149'], undefined]);
  });

  it('takes no lines across a gap', () => {
    const { context, record, add, tell, shown } = given();
    add(1);
    tell(7, true);
    tell(8);
    add(9);
    context.push(record(9), 0);
    tell(10);
    tell(20, true);
    expect(shown()).toEqual([[['line 7', 'line 8'], ['line 10']]]);
  });

  it('counts a line once that was told and is given later', () => {
    const { context, record, add, tell, shown } = given();
    tell(7, true);
    tell(8);
    add(8);
    add(9);
    context.push(record(9), 0);
    context.flush(0);
    expect(shown()).toEqual([[['line 7', 'line 8'], undefined]]);
  });

  it('remembers the lines before a long traceback', () => {
    const { context, record, add, shown } = given();
    for (let n = 1; n < 4; n++) add(n);
    add(4, 'Traceback');
    context.pin('stdout', position(4));
    for (let n = 5; n < 1000; n++) add(n, '  at …');
    context.push(record(4, 999), 0);
    context.flush(0);
    expect(shown()).toEqual([[['line 1', 'line 2', 'line 3'], undefined]]);
  });

  it('shows no secrets, not of a key whose begin is not among the lines', () => {
    const { context, record, add, shown } = given();
    add(1, 'MIIEpAIBAAKCAQEA7vY3h0Lw9sDqzv1x0YbQ3Q6h0cZyW2mA8rK5uE1fT9kP2sXw');
    add(2, '-----END RSA PRIVATE KEY-----');
    add(3, 'login password=hunter2secret');
    add(4, 'ERROR');
    context.push(record(4), 0);
    context.flush(0);
    expect(shown()[0]![0]!.join('\n')).not.toMatch(/MIIE|hunter2/);
  });

  it('cuts long lines', () => {
    const { context, record, add, shown } = given();
    add(1, 'x'.repeat(1_000_000));
    add(2, 'ERROR');
    context.push(record(2), 0);
    context.flush(0);
    expect(shown()[0]![0]![0]).toHaveLength(501);
  });
});
