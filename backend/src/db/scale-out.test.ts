import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { createTestDatabase } from '../../../test-kit/src/postgres.ts';

const sources = fileURLToPath(new URL('..', import.meta.url));
/** Tables that are distributed, or on every node, and what is set in them. */
const updates =
  /\bupdate (?:issues|log_records|latest_messages|log_counts|record_events|email_recipients|unsubscriptions)\b(?:[^`']|'[^`'\n]*')*/g;

function updatesIn(file: string): string[] {
  const text = readFileSync(join(sources, file), 'utf8').replace(/^\s*--.*$/gm, '');
  return [...text.matchAll(updates)].map(([statement]) => statement);
}

// "STABLE functions used in UPDATE queries cannot be called with column references", nor at all within CASE or COALESCE.
it('sets columns of distributed tables by immutable functions alone, because Citus refuses others', async () => {
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' });
  const statements = files.filter((file) => /(?<!\.test)\.ts$/.test(file)).flatMap(updatesIn);
  expect(statements.length).toBeGreaterThan(10);
  const names = statements.flatMap((statement) =>
    [...statement.matchAll(/\b(\w+) ?\(/g)].map(([, name]) => name),
  );
  const database = await createTestDatabase({ empty: true });
  const { rows } = await database.pool.query<{ name: string }>(
    `select distinct proname as name from pg_proc where proname = any($1) and provolatile <> 'i'`,
    [names],
  );
  await database.drop();
  expect(rows.map(({ name }) => name)).toEqual([]);
});
