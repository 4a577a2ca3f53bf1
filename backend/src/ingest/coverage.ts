// Holes that agents declare -> rows of coverage_holes. Sent again, a hole is not stored again.

import type { WireHole } from '@log-detector/contract';
import { mark } from '../db/pipeline.ts';
import type { Pool } from '../db/pool.ts';
import { newId } from '../db/record-id.ts';
import { byText } from '../db/values.ts';

/** A hole as it is answered: what was sent, cleaned, with its id and the time of receipt. */
export interface HoleAnswer extends Omit<Required<WireHole>, never> {
  id: string;
  received_at: string;
}

const columns = `id, event_id, host, container, container_id, stream, from_at as "from", to_at as "to", reason, detail,
  records, received_at`;

/** @returns the holes as stored, in the order sent; for one sent before, the first one. */
export async function storeHoles(
  pool: Pool,
  holes: readonly Required<WireHole>[],
  receivedAt: string,
): Promise<HoleAnswer[]> {
  if (holes.length === 0) return [];
  const sorted = [...holes].sort((a, b) => byText(a.event_id, b.event_id));
  const now = Date.parse(receivedAt);
  const { rowCount } = await pool.query(
    `insert into coverage_holes (
       id, event_id, host, container, container_id, stream, from_at, to_at, reason, detail, records, received_at)
     select h.*, $12::timestamptz
     from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
       $8::timestamptz[], $9::text[], $10::text[], $11::bigint[]) as h
     on conflict (event_id) do nothing`,
    [
      sorted.map(() => newId(now)),
      sorted.map((hole) => hole.event_id),
      sorted.map((hole) => hole.host),
      sorted.map((hole) => hole.container),
      sorted.map((hole) => hole.container_id),
      sorted.map((hole) => hole.stream),
      sorted.map((hole) => hole.from),
      sorted.map((hole) => hole.to),
      sorted.map((hole) => hole.reason),
      sorted.map((hole) => hole.detail),
      sorted.map((hole) => hole.records),
      receivedAt,
    ],
  );
  if (rowCount !== holes.length) await pool.query(mark.text);
  const { rows } = await pool.query<HoleAnswer>(
    `select ${columns} from coverage_holes where event_id = any($1::uuid[])`,
    [holes.map((hole) => hole.event_id)],
  );
  const byEvent = new Map(rows.map((row) => [row.event_id, row]));
  return holes.flatMap((hole) => byEvent.get(hole.event_id) ?? []);
}

export interface HoleFilter {
  host?: string | undefined;
  container?: string | undefined;
  /** Only holes before this id. */
  cursor?: string | undefined;
  limit: number;
  offset: number;
}

/** Newest received first, and how many there are in all. */
export async function listHoles(
  pool: Pool,
  filter: HoleFilter,
): Promise<{ items: HoleAnswer[]; total: number }> {
  const { host, container, cursor, limit, offset } = filter;
  const where = 'where ($1::text is null or host = $1) and ($2::text is null or container = $2)';
  const [list, count] = await Promise.all([
    pool.query<HoleAnswer>(
      `select ${columns} from coverage_holes ${where} and ($3::uuid is null or id < $3) order by id desc limit $4 offset $5`,
      [host, container, cursor, limit, offset],
    ),
    pool.query<{ n: number }>(`select count(*) as n from coverage_holes ${where}`, [host, container]),
  ]);
  return { items: list.rows, total: count.rows[0]!.n };
}
