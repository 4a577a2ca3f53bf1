import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { askTogether, begin, commit, justRun, pipeline, type Rows } from './pipeline.ts';
import { onConnection, type PoolClient } from './pool.ts';
import { textArray, upsertRows, upsertSteps } from './values.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query(
    'create table things (name text primary key, n bigint, at timestamptz, tags text[])',
  );
});
afterAll(() => database.drop());

const onOne = <Result>(work: (client: PoolClient) => Promise<Result>) => onConnection(database.pool, work);
const names = async () => {
  const { rows } = await database.pool.query<{ name: string }>('select name from things order by name');
  return rows.map(({ name }) => name);
};
const insert = (name: string) => ({
  name: 'insert-thing',
  text: 'insert into things (name) values ($1)',
  values: [name],
});

describe('pipeline', () => {
  it('gives rows as a query would, each time, in the order asked', async () => {
    const step = {
      name: 'typed',
      text: `select $1::text as word, 7::bigint as n, '2026-11-22 10:00:00.12+00'::timestamptz as at, null::text as nothing,
        true as yes, '{"a":1}'::jsonb as json`,
    };
    const row = { n: 7, at: '2026-11-22T10:00:00.120000Z', nothing: null, yes: true, json: { a: 1 } };
    await onOne(async (client) => {
      for (const word of ['first', 'again']) {
        const results = await pipeline(client, [
          { ...step, values: [word] },
          { text: 'select 1 as unnamed' },
          { ...step, values: ['last'] },
        ]);
        expect(results.map(({ rows }) => rows)).toEqual([
          [{ word, ...row }],
          [{ unnamed: 1 }],
          [{ word: 'last', ...row }],
        ]);
      }
    });
  });

  it('runs nothing after a step that fails, the commit neither, and the connection goes on', async () => {
    await onOne(async (client) => {
      const failing = { name: 'failing', text: 'select 1 / $1::int', values: [0] };
      for (let attempt = 0; attempt < 2; attempt += 1) {
        await expect(
          pipeline(client, [begin, insert('lost'), failing, insert('never'), commit]),
        ).rejects.toMatchObject({
          code: '22012',
        });
        await client.query('rollback');
      }
      await pipeline(client, [begin, insert('kept'), { ...failing, values: [1] }, commit]);
    });
    expect(await names()).toEqual(['kept']);
  });

  it('copies in the middle of a transaction, and takes the whole back when a row is wrong', async () => {
    const rowsOf = (...things: (readonly [string | null, string])[]): Rows => ({
      count: things.length,
      columns: 2,
      write(fields, row) {
        const [name, at] = things[row]!;
        fields.text(name);
        fields.timestamptz(at);
      },
    });
    const at = '2026-11-22T10:00:00.123456Z';
    const copy = (rows: Rows) => ({
      name: 'copy',
      text: 'copy things (name, at) from stdin (format binary)',
      copy: rows,
    });
    await onOne(async (client) => {
      const three = rowsOf(['a', at], ['b\nc', at], ['d', at]);
      const [, copied] = await pipeline(client, [begin, copy(three), commit]);
      expect(copied!.count).toBe(3);
      const one = { name: null, code: '23502' };
      const two = { name: 'a', code: '23505' };
      for (const { name, code } of [one, two]) {
        await expect(
          pipeline(client, [begin, copy(rowsOf(['e', at], [name, at])), commit]),
        ).rejects.toMatchObject({ code });
        await client.query('rollback');
      }
      // A COPY that cannot even begin leaves its data to be skipped, of several messages.
      const many = rowsOf(...Array.from({ length: 10_000 }, (_, n) => [`many ${n}`, at] as const));
      const nowhere = { text: 'copy no_such_table from stdin (format binary)', copy: many };
      await expect(pipeline(client, [begin, nowhere, commit])).rejects.toMatchObject({ code: '42P01' });
      await client.query('rollback');
      const [gone] = await pipeline(client, [
        copy(many),
        { text: "delete from things where name like 'many %'" },
      ]);
      expect(gone!.count).toBe(10_000);
      expect((await pipeline(client, [{ text: 'select 1 as alive' }]))[0]!.rows).toEqual([{ alive: 1 }]);
      expect((await pipeline(client, [copy(rowsOf())]))[0]!.count).toBe(0);
    });
    expect(await names()).toEqual(['a', 'b\nc', 'd', 'kept']);
  });

  it('sends any text, bytes and nothing, however much, and the next packet after it', async () => {
    const texts = ['', 'plain', 'žluťoučký kůň', '字と😀', 'x'.repeat(3_000_000), '😀'.repeat(700_000)];
    const bytes = Buffer.from([0, 1, 0xff, 0x5c]);
    const give = (word: string) => ({
      name: 'give',
      text: "select $1::text as word, encode($2::bytea, 'hex') as bytes, $3::text as nothing, $4::bigint as n",
      values: [word, bytes, null, -7],
    });
    await onOne(async (client) => {
      const results = await pipeline(client, texts.map(give));
      for (const [index, { rows }] of results.entries()) {
        expect(rows[0]!.word === texts[index], `text ${index}`).toBe(true);
        expect(rows[0]).toMatchObject({ bytes: '0001ff5c', nothing: null, n: -7 });
      }
      expect((await pipeline(client, [give('small again')]))[0]!.rows[0]!.word).toBe('small again');
    });
  });

  it('fails when the connection breaks under it', async () => {
    await expect(
      onOne((client) =>
        pipeline(client, [begin, { text: 'select pg_terminate_backend(pg_backend_pid())' }, commit]),
      ),
    ).rejects.toThrow();
    expect(await names()).toContain('kept');
  });

  it('gives each of several asks its own results', async () => {
    const ask = (...words: string[]) => ({
      steps: words.map((word) => ({ text: 'select $1::text as word', values: [word] })),
      read: (results: readonly { rows: Record<string, unknown>[] }[]) =>
        results.map(({ rows }) => rows[0]!.word),
    });
    const answers = await onOne((client) =>
      askTogether(client, [justRun(begin), ask('a', 'b'), ask(), ask('c'), justRun(commit)] as const),
    );
    expect(answers).toEqual([undefined, ['a', 'b'], [], ['c'], undefined]);
  });
});

describe('upsertSteps', () => {
  it('writes any number of rows, and arrays of any text', async () => {
    const tags = ['plain', 'with "quotes"', 'back\\slash', '', 'NULL', '{},'];
    for (const count of [1, 5, 31, 64, 500]) {
      const rows = Array.from({ length: count }, () => [`up-${randomUUID()}`, count, textArray(tags)]);
      const steps = upsertSteps(
        rows,
        (values) => `insert into things (name, n, tags) values ${values} on conflict (name) do nothing`,
        'upsert-things',
      );
      await onOne((client) => pipeline(client, [begin, ...steps, commit]));
      const { rows: stored } = await database.pool.query<{ tags: string[] }>(
        `select tags from things where name like 'up-%' and n = $1`,
        [count],
      );
      expect(stored).toHaveLength(count);
      expect(stored[0]!.tags).toEqual(tags);
    }
  });
});

describe('upsertRows', () => {
  it('writes any number of rows, each in its place', async () => {
    for (const count of [0, 1, 5, 31, 64, 500]) {
      const names = Array.from({ length: count }, () => `row-${randomUUID()}`);
      const steps = upsertRows(
        {
          count,
          columns: 2,
          write(fields, row) {
            fields.text(names[row]!);
            fields.timestamptz(`2026-11-22T10:00:00.${String(row).padStart(6, '0')}Z`);
          },
        },
        (values) => `insert into things (name, at) values ${values} on conflict (name) do nothing`,
        'upsert-rows',
      );
      // Twice: the second time the statements are prepared.
      const results = await onOne((client) => pipeline(client, [begin, ...steps, ...steps, commit]));
      expect(results.reduce((sum, result) => sum + result.count, 0)).toBe(count);
      const { rows: stored } = await database.pool.query<{ name: string }>(
        'select name from things where name = any($1) order by at',
        [names],
      );
      expect(stored.map(({ name }) => name)).toEqual(names);
    }
  });
});
