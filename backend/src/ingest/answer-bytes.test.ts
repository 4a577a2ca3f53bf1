import type { LogRecord } from '@log-detector/contract';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { answerBytes, recordBytes } from './answer-bytes.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.constantFrom('\ud800', '"', '\\', '\u2028', '\u007f'),
  // Where short texts end.
  fc
    .tuple(fc.constantFrom('a', 'ž', '"', '\u0001', '\ud800'), fc.integer({ min: 60, max: 70 }))
    .map(([last, length]) => 'x'.repeat(length) + last),
);
const orNull = <Value>(of: fc.Arbitrary<Value>) => fc.option(of, { nil: null });
const id = fc.uuid();
/** Texts that come again in the next record, and others. */
const usual = fc.oneof(fc.constantFrom('web-1', 'api "1"', 'žluť'), text);
const record: fc.Arbitrary<LogRecord> = fc.record({
  id,
  host: usual,
  container: usual,
  severity: usual,
  message: text,
  log_hash: fc.constant('0'.repeat(64)),
  occurred_at: orNull(text),
  received_at: text,
  is_duplicate: fc.boolean(),
  duplicate_of_id: orNull(id),
  issue_id: orNull(id),
  event_id: orNull(id),
  stream: orNull(usual),
  image: orNull(usual),
  labels: orNull(fc.dictionary(text, text)),
  fields: orNull(fc.dictionary(text, fc.jsonValue())),
  context_before: orNull(fc.array(text)),
  context_after: orNull(fc.array(text)),
  coalesce_id: orNull(text),
});
const refused = fc.record({
  index: fc.nat(),
  error: fc.array(fc.record({ loc: fc.array(text), msg: text, type: text })),
});

it('writes a record as JSON.stringify does, whatever its texts hold', () => {
  fc.assert(
    fc.property(record, (one) => {
      expect(recordBytes(one).toString()).toBe(JSON.stringify(one));
    }),
  );
});

it('writes all results of a batch in order, in bytes that the next answer leaves alone', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(record, refused)), (results) => {
      const bytes = answerBytes(results);
      answerBytes([{ index: 1, error: [{ loc: ['body'], msg: 'x'.repeat(5000), type: 'x' }] }]);
      expect(bytes.toString()).toBe(JSON.stringify({ items: results }));
    }),
  );
});

it('writes what a record shares with the one before it, and no more', () => {
  const usually = { labels: null, fields: null, context_before: null, context_after: null };
  const alike = fc.record({
    host: fc.constantFrom('a', 'b'),
    container: fc.constantFrom('a', 'b'),
    severity: fc.constantFrom('a', 'b'),
    stream: fc.constantFrom('a', null),
    image: fc.constantFrom('a', null),
    coalesce_id: fc.constantFrom('a', null),
  });
  const own = fc.constantFrom(
    {},
    {},
    { labels: { a: 'b' } },
    { fields: { a: 1 } },
    { context_before: ['a'] },
    { context_after: ['a'] },
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(record, alike, own), { minLength: 2, maxLength: 30 }), (parts) => {
      const results = parts.map(([one, like, mine]) => ({ ...one, ...like, ...usually, ...mine }));
      expect(answerBytes(results).toString()).toBe(JSON.stringify({ items: results }));
    }),
  );
});

it('writes an answer of records that is larger than what it keeps, wherever its memory ends', () => {
  const [one] = fc.sample(record, 1);
  // Most of it is written once more, so the memory ends in such a part, or else in the text before.
  for (const chars of [10, 11, 19, 700]) {
    const long = { host: 'h'.repeat(900), image: 'i'.repeat(900), message: 'x'.repeat(chars) };
    const results = Array.from({ length: 4000 }, () => ({ ...one!, ...long }));
    expect(answerBytes(results).equals(Buffer.from(JSON.stringify({ items: results })))).toBe(true);
  }
});

it('writes an answer that is larger than what it keeps', () => {
  const results = Array.from({ length: 12 }, (_, index) => ({
    index,
    error: [{ loc: ['body'], msg: '字'.repeat(400_000), type: 'x' }],
  }));
  expect(answerBytes(results).toString()).toBe(JSON.stringify({ items: results }));
});
