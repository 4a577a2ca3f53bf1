// What coalescing promises: close records of a container make one alert, and none waits too long.

import { describe, expect, it } from 'vitest';
import type { MatchedRecord } from '../types.ts';
import { createCoalesce } from './coalesce.ts';

function record(n: number): MatchedRecord {
  const position = { at: '2026-11-22T10:00:00.000000000Z', ordinal: n };
  return {
    stream: n % 2 === 0 ? 'stdout' : 'stderr',
    first: position,
    last: position,
    record: { event_id: `id-${n}`, host: 'h', container: 'c', message: `m${n}` },
  };
}

function given(seconds: number, options = {}) {
  const batches: string[][] = [];
  const ids: (string | null | undefined)[][] = [];
  const stage = createCoalesce({ seconds, ...options }, (records) => {
    batches.push(records.map((item) => item.record.event_id));
    ids.push(records.map((item) => item.record.coalesce_id));
  });
  return { stage, batches, ids };
}

describe('coalesce', () => {
  it('passes each record on at once when it is off', () => {
    const { stage, batches, ids } = given(0);
    stage.push(record(1), 0);
    stage.push(record(2), 0);
    expect(batches).toEqual([['id-1'], ['id-2']]);
    expect(ids).toEqual([[undefined], [undefined]]);
  });

  it('gives records that follow each other closely out together, under one id', () => {
    const { stage, batches, ids } = given(5);
    stage.push(record(1), 0);
    stage.push(record(2), 5000);
    expect(stage.firstPending('stderr')?.ordinal).toBe(1);
    expect(stage.firstPending('stdout')?.ordinal).toBe(2);
    stage.tick(10_000);
    expect(batches).toEqual([]);
    stage.tick(10_001);
    expect(batches).toEqual([['id-1', 'id-2']]);
    expect(ids).toEqual([['id-1', 'id-1']]);
    expect(stage.firstPending('stderr')).toBeUndefined();
  });

  it('leaves a record that stays alone without an id', () => {
    const { stage, ids } = given(5);
    stage.push(record(1), 0);
    stage.push(record(2), 9000);
    stage.flush(9000);
    expect(ids).toEqual([[undefined], [undefined]]);
  });

  it('gives a batch out when it is old or full, although records go on coming', () => {
    const { stage, batches } = given(5, { maxSeconds: 8, maxEntries: 3 });
    for (let i = 0; i < 4; i++) stage.push(record(i), 0);
    stage.push(record(4), 4000);
    stage.push(record(5), 8000);
    stage.flush(8000);
    expect(batches).toEqual([['id-0', 'id-1', 'id-2'], ['id-3', 'id-4'], ['id-5']]);
  });
});
