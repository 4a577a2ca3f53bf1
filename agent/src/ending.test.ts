// Records that wait for their container's end: on disk together with it, and read again when the agent dies before.

import { describe, expect, it } from 'vitest';
import { readDetection, stagesFor } from './detection.ts';
import { createPipeline, type Lives } from './pipeline.ts';
import { readAgentSettings } from './settings.ts';
import type { Container, Cursor, MatchedRecord } from './types.ts';

const container: Container = { id: 'c1', name: 'api', image: 'busybox', labels: {}, tty: false };
const at = (n: number) => `2026-11-22T10:00:0${n}.000000000Z`;

const death = (lines: string[]): MatchedRecord => ({
  stream: 'stderr',
  first: { at: at(5), ordinal: 0 },
  last: { at: at(5), ordinal: 0 },
  containerId: 'c1',
  record: {
    event_id: 'death',
    host: 'h',
    container: 'api',
    message: 'Container exited with code 1.',
    context_before: lines,
    fields: { event: 'died' },
  },
});

async function given() {
  const settings = readAgentSettings({});
  const state = { isEnding: false, isDue: false };
  const life: Lives = {
    fieldsOf: () => ({ image_id: 'abc' }),
    isEnding: () => state.isEnding,
    whenTold: async () => {},
    due: () => (state.isDue ? ['c1'] : []),
    take(_id, lastLines) {
      state.isEnding = state.isDue = false;
      return [death(lastLines(at(5)))];
    },
  };
  const disk = { records: [] as MatchedRecord[], cursors: [] as Cursor[] };
  let now = 0;
  const pipeline = createPipeline({
    stages: stagesFor(settings, await readDetection(settings)),
    life,
    disk: {
      keep: (records) => void disk.records.push(...records),
      async append({ records, cursors }) {
        disk.records.push(...records);
        disk.cursors.push(...cursors);
      },
    },
    now: () => now,
  });
  const push = (sink: ReturnType<typeof pipeline.open>, n: number, text: string) =>
    sink.push({ stream: 'stdout', position: { at: at(n), ordinal: 0 }, text }, now);
  const tickAt = async (ms: number) => {
    now = ms;
    pipeline.tick();
    await Promise.resolve();
  };
  return { pipeline, state, disk, push, tickAt };
}

describe('a container that ends', () => {
  it('is told together with what it printed before, whose cursor does not pass until then', async () => {
    const { pipeline, state, disk, push, tickAt } = await given();
    const sink = pipeline.open(container);
    push(sink, 1, 'all is well');
    push(sink, 2, 'ERROR it broke');
    state.isEnding = true;
    await tickAt(1000);
    await tickAt(2000);
    expect(disk.records).toEqual([]);
    expect(disk.cursors.every(({ position }) => position.at < at(2))).toBe(true);
    state.isDue = true;
    await tickAt(3000);
    expect(disk.records.map(({ record }) => record.message)).toEqual([
      'ERROR it broke',
      'Container exited with code 1.',
    ]);
    const [error, end] = disk.records.map(({ record }) => record);
    expect(error!.coalesce_id).toBe(error!.event_id);
    expect(end!.coalesce_id).toBe(error!.event_id);
    expect(error!.fields).toEqual({ image_id: 'abc' });
    expect(end!.context_before).toEqual(['all is well', 'ERROR it broke']);
    await tickAt(5000);
    expect(disk.cursors.at(-1)!.position.at).toBe(at(2));
  });

  it('is told at once when its log ends', async () => {
    const { pipeline, state, disk, push } = await given();
    const sink = pipeline.open(container);
    push(sink, 2, 'ERROR it broke');
    state.isEnding = true;
    await sink.end(100);
    expect(disk.records).toHaveLength(2);
  });

  it('is told though its log is not followed', async () => {
    const { state, disk, tickAt } = await given();
    state.isDue = true;
    await tickAt(1000);
    expect(disk.records.map(({ record }) => record.event_id)).toEqual(['death']);
  });
});
