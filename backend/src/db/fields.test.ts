import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import type { Fields } from './fields.ts';
import { pipeline } from './pipeline.ts';
import { onConnection } from './pool.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** What the server reads of values that were written one after the other, as parameters of `type`. */
async function readBack<Value>(
  type: string,
  values: readonly Value[],
  write: (fields: Fields, value: Value) => void,
  shown = (parameter: string) => `${parameter}::text`,
): Promise<unknown[]> {
  const columns = values.map((_, index) => `${shown(`$${index + 1}::${type}`)} as c${index}`);
  const step = {
    text: `select ${columns.join(', ')}`,
    rows: {
      count: values.length,
      columns: 1,
      write: (fields: Fields, row: number) => write(fields, values[row]!),
    },
  };
  const results = await onConnection(database.pool, (client) => pipeline(client, [step]));
  return Object.values(results[0]!.rows[0]!);
}

const some = <Value>(one: fc.Arbitrary<Value>) => fc.array(one, { minLength: 1, maxLength: 50 });
/** NUL and lone surrogates no record has (ingest/clean.ts). */
const text = fc
  .oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ maxLength: 200 }))
  .map((each) => each.replaceAll('\0', '').toWellFormed());

const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    text,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(text, tie('value'), { maxKeys: 4 }),
  ),
})).value;

it('writes ids, in any case', async () => {
  await fc.assert(
    fc.asyncProperty(some(fc.uuid()), async (ids) => {
      expect(await readBack('uuid', ids, (fields, id) => fields.uuid(id))).toEqual(ids);
      const loud = ids.map((id) => id.toUpperCase());
      expect(await readBack('uuid', loud, (fields, id) => fields.uuid(id))).toEqual(ids);
    }),
    { numRuns: 20 },
  );
});

it('writes any text of any length, and nothing', async () => {
  await fc.assert(
    fc.asyncProperty(some(fc.option(text)), async (texts) => {
      expect(await readBack('text', texts, (fields, each) => fields.text(each))).toEqual(texts);
    }),
    { numRuns: 50 },
  );
});

it('writes bytes', async () => {
  const hex = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString('hex'));
  await fc.assert(
    fc.asyncProperty(some(hex), async (all) => {
      const shown = (parameter: string) => `encode(${parameter}, 'hex')`;
      const asBytes = (fields: Fields, each: string) => fields.bytea(Buffer.from(each, 'hex'));
      expect(await readBack('bytea', all, asBytes, shown)).toEqual(all);
    }),
    { numRuns: 20 },
  );
});

it('writes the id of a mark and a hash, whatever is behind its first sixteen bytes', async () => {
  const pair = fc.tuple(
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc.uint8Array({ minLength: 16, maxLength: 32 }),
  );
  await fc.assert(
    fc.asyncProperty(some(pair), async (pairs) => {
      const numbered = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
      const both = pairs.map(([mark, hash]) =>
        (numbered(mark) ^ numbered(hash.subarray(0, 16))).toString(16).padStart(32, '0'),
      );
      const write = (fields: Fields, [mark, hash]: [Uint8Array, Uint8Array]) =>
        fields.uuidOfBoth(mark, Buffer.from(hash).toString('hex'));
      const shown = (parameter: string) => `replace(${parameter}::text, '-', '')`;
      expect(await readBack('uuid', pairs, write, shown)).toEqual(both);
    }),
    { numRuns: 20 },
  );
});

it('writes whole numbers and booleans', async () => {
  await fc.assert(
    fc.asyncProperty(some(fc.integer()), some(fc.boolean()), async (numbers, booleans) => {
      const shownNumbers = await readBack('int', numbers, (fields, each) => fields.int(each));
      expect(shownNumbers).toEqual(numbers.map(String));
      const shownBooleans = await readBack('boolean', booleans, (fields, each) => fields.boolean(each));
      expect(shownBooleans).toEqual(booleans.map(String));
    }),
    { numRuns: 20 },
  );
});

it('writes JSON', async () => {
  await fc.assert(
    fc.asyncProperty(some(json), async (values) => {
      const texts = values.map((value) => JSON.stringify(value));
      const back = await readBack('jsonb', texts, (fields, each) => fields.jsonb(each));
      expect(back.map((each) => JSON.parse(each as string))).toEqual(texts.map((each) => JSON.parse(each)));
    }),
    { numRuns: 20 },
  );
});

it('writes instants of the years 1 to 9999 to the microsecond', async () => {
  const [from, to] = [new Date(0).setUTCFullYear(1, 0, 1), Date.UTC(10_000, 0, 1) - 1];
  const instant = fc
    .tuple(
      fc.oneof(
        fc.integer({ min: from, max: to }),
        // Where a leap year, a century and an era end, and where numbers end to be exact.
        fc
          .tuple(
            fc.constantFrom(1, 4, 100, 400, 1726, 1900, 1999, 2000, 2273, 2274, 2400, 9999),
            fc.constantFrom(1, 58, 59, 60, 364, 365),
          )
          .map(([year, day]) => new Date(0).setUTCFullYear(year, 0, day)),
      ),
      fc.nat({ max: 999 }),
    )
    .map(([ms, micros]) => `${new Date(ms).toISOString().slice(0, 23)}${String(micros).padStart(3, '0')}Z`);
  await fc.assert(
    fc.asyncProperty(some(instant), async (instants) => {
      const shown = (parameter: string) => `to_char(${parameter}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
      expect(
        await readBack('timestamptz', instants, (fields, each) => fields.timestamptz(each), shown),
      ).toEqual(instants);
    }),
    { numRuns: 100 },
  );
});

it('refuses an instant in another form, what is no id or too short for one, which it would misread; the connection goes on', async () => {
  for (const wrong of [
    '2026-11-22T10:00:00.123Z',
    '2026-11-22 10:00:00.1234+00',
    '2026-11-22T10:00:00.123+00:00',
    '',
  ]) {
    const write = (fields: Fields, each: string) => fields.timestamptz(each);
    await expect(readBack('timestamptz', [wrong], write)).rejects.toThrow('one form');
  }
  const short = (fields: Fields, hex: string) => fields.uuidOfBoth(new Uint8Array(16), hex);
  await expect(readBack('uuid', ['00'.repeat(15)], short)).rejects.toThrow('no sixteen bytes');
  await expect(readBack('uuid', ['019aab00'], (fields, id) => fields.uuid(id))).rejects.toThrow('no id');
  expect(await readBack('int', [7], (fields, each) => fields.int(each))).toEqual(['7']);
});
