// What a look found amiss, or in order -> rows of incidents, an own record when one begins, and word when it is over. Any
// number of backends may look: the row says since when, which makes the record's event, and what was told.
//
//   in order --amiss--> began --raised--> told --in order--> over: told, and the row goes
//                         |--in order, before it was told: the row goes

import type { OwnRecord } from '../alerting/own-records.ts';
import type { Pool } from '../db/pool.ts';

/** One thing that was looked at. */
export interface Finding {
  kind: string;
  subject: string;
  /** `unsure`: neither so bad as to begin, nor so good as to end. */
  is: 'amiss' | 'in-order' | 'unsure';
  /** ISO 8601: since when; the moment of the look when left out. */
  since?: string;
  /** What is amiss: the first line without figures, which is the title. */
  message: string;
  /** Said when it is over. */
  over: string;
  host?: string;
  container?: string;
  fields?: Record<string, unknown>;
}

export interface Incident {
  kind: string;
  subject: string;
  began_at: string;
  told_at: string | null;
  message: string;
}

export interface Telling {
  /** @returns `held-back` when nothing was told, and it is to be raised again later. */
  raise(record: OwnRecord): Promise<unknown>;
  over(record: OwnRecord): Promise<unknown>;
}

export async function listIncidents(pool: Pool): Promise<Incident[]> {
  const { rows } = await pool.query<Incident>(
    'select kind, subject, began_at, told_at, message from incidents order by began_at, kind, subject limit 1000',
  );
  return rows;
}

/**
 * Begins and ends incidents. Told again of the same, it does nothing.
 * @param now ISO 8601. @throws what the database or ingest say; the next look goes on where this one stopped.
 */
export async function settleFindings(
  pool: Pool,
  findings: readonly Finding[],
  telling: Telling,
  now: string,
): Promise<void> {
  const open = new Map((await listIncidents(pool)).map((incident) => [keyOf(incident), incident]));
  for (const finding of findings) {
    const known = open.get(keyOf(finding));
    open.delete(keyOf(finding));
    if (finding.is === 'amiss' && !known?.told_at)
      await begin(pool, finding, known?.began_at ?? finding.since ?? now, telling, now);
    else if (finding.is === 'in-order' && known) await end(pool, finding, known, telling);
  }
  // What nobody looks at any more, such as an agent that was forgotten.
  for (const { kind, subject, began_at } of open.values()) await remove(pool, kind, subject, began_at);
}

function keyOf({ kind, subject }: { kind: string; subject: string }): string {
  return `${kind}\0${subject}`;
}

async function begin(
  pool: Pool,
  finding: Finding,
  since: string,
  telling: Telling,
  now: string,
): Promise<void> {
  const { kind, subject, message } = finding;
  // Another backend may have been first: its beginning counts for both, so that both raise the same event.
  const { rows } = await pool.query<{ began_at: string }>(
    `insert into incidents as i (kind, subject, began_at, message)
     values ($1, $2, $3, $4)
     on conflict (kind, subject) do update set message = excluded.message
     returning began_at`,
    [kind, subject, since, message],
  );
  const beganAt = rows[0]!.began_at;
  // Too many at once, such as hundreds of agents behind one network: it is told when there is room again.
  if ((await telling.raise(recordOf(finding, beganAt, message))) === 'held-back') return;
  await pool.query(
    'update incidents set told_at = $4 where kind = $1 and subject = $2 and began_at = $3 and told_at is null',
    [kind, subject, beganAt, now],
  );
}

async function end(pool: Pool, finding: Finding, known: Incident, telling: Telling): Promise<void> {
  if (known.told_at) await telling.over(recordOf(finding, `${known.began_at} over`, finding.over));
  await remove(pool, finding.kind, finding.subject, known.began_at);
}

async function remove(pool: Pool, kind: string, subject: string, beganAt: string): Promise<void> {
  await pool.query('delete from incidents where kind = $1 and subject = $2 and began_at = $3', [
    kind,
    subject,
    beganAt,
  ]);
}

function recordOf(finding: Finding, event: string, message: string): OwnRecord {
  const { kind, subject, host, container, fields } = finding;
  return {
    kind,
    subject,
    event,
    message,
    ...(host === undefined ? {} : { host }),
    ...(container === undefined ? {} : { container }),
    ...(fields === undefined ? {} : { fields }),
  };
}
