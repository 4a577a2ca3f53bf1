// What is put together from parts is what `JSON.stringify` would make of the whole.

import { WireRecord } from '@log-detector/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MatchedRecord } from '../types.ts';
import { instant } from './given.ts';
import { Origins, RecordTexts } from './record-text.ts';

const nasty = fc.string({ unit: 'binary', maxLength: 30 });
const optional = <T>(some: fc.Arbitrary<T>) => fc.option(some, { nil: undefined });
/** Few of each, so that neighbours share some of them. */
const images = ['busybox', 'a"b\\c', undefined];
const labels = [{ service: 'shop' }, { 'te"am': 'é\n' }, undefined];
const fields = [{ image_id: 'abc', restart_count: 0 }, { event: 'die', deep: { a: [1, null] } }, undefined];

const matched: fc.Arbitrary<MatchedRecord> = fc
  .record({
    containerId: fc.constantFrom('c1', 'c"2', ''),
    stream: fc.constantFrom('stdout' as const, 'stderr' as const),
    first: fc.record({ at: fc.constantFrom(instant(1), instant(2), '2026'), ordinal: fc.nat() }),
    last: fc.record({ at: fc.constantFrom(instant(1), instant(3), 'no "time"'), ordinal: fc.nat() }),
    event_id: fc.constantFrom('0190aaaa-bbbb-8ccc-9ddd-eeeeeeeeeeee', 'an "id"'),
    host: fc.constantFrom('h1', 'h\\2'),
    container: fc.constantFrom('web', 'we"b'),
    message: nasty,
    severity: optional(fc.constantFrom('error', 'fa"tal')),
    occurred_at: optional(fc.constantFrom(instant(1), null)),
    image: fc.constantFrom(...images),
    labels: fc.constantFrom(...labels),
    fields: fc.constantFrom(...fields),
    coalesce_id: optional(nasty),
    context_before: optional(fc.array(nasty, { maxLength: 3 })),
    context_after: optional(fc.array(nasty, { maxLength: 3 })),
  })
  .map(({ containerId, stream, first, last, ...record }) => ({
    containerId,
    stream,
    first,
    last,
    record: { ...record, stream },
  })) as fc.Arbitrary<MatchedRecord>;

describe('the text of a record', () => {
  it('is its wire form behind a line that says where it comes from, whatever neighbours share', () => {
    const origins = new Origins();
    fc.assert(
      fc.property(fc.array(matched, { minLength: 1, maxLength: 12 }), (records) => {
        const texts = new RecordTexts();
        for (const one of records) {
          const [origin, json, ...rest] = texts.of(one).split('\n');
          expect(rest).toEqual([]);
          expect(JSON.parse(json!)).toEqual(JSON.parse(JSON.stringify(one.record)));
          const { containerId = '', stream, first, last, record } = one;
          const { container } = record;
          const parts = [containerId, container, stream, first.at, first.ordinal, last.at, last.ordinal];
          expect(JSON.parse(origin!)).toEqual(parts);
          const count = { containerId, container, from: first.at, to: last.at, records: 1 };
          expect(origins.read(origin!)).toEqual(count);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('has every field that the wire has', () => {
    const values: Record<string, unknown> = {
      labels: { a: 'b' },
      fields: { c: 1 },
      context_before: ['d'],
      context_after: ['e'],
    };
    const record = Object.fromEntries(
      Object.keys(WireRecord.properties).map((name) => [name, values[name] ?? name]),
    );
    const position = { at: instant(1), ordinal: 0 };
    const one = { stream: 'stdout', first: position, last: position, record } as unknown as MatchedRecord;
    expect(JSON.parse(new RecordTexts().of(one).split('\n')[1]!)).toEqual(record);
  });

  it('takes a bare message as it is', () => {
    const position = { at: instant(1), ordinal: 0 };
    const record = { event_id: 'x', host: 'h', container: 'c', message: 'plain ASCII, {it is}' };
    const one: MatchedRecord = { stream: 'stdout', first: position, last: position, record };
    const texts = new RecordTexts();
    expect(texts.of({ ...one, isBareMessage: true })).toBe(texts.of(one));
  });
});
