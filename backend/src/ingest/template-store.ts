// The templates in the database -> every backend's miner, and back. A message that fits a known template needs neither
// lock nor query; a new one is learned by one backend at a time, which first takes over what the others learned. So all
// backends come to the same templates, whichever saw a message first.

import { advisoryLocks } from '../db/advisory-locks.ts';
import { inTransaction, type Pool, type PoolClient } from '../db/pool.ts';
import { byText, upsert } from '../db/values.ts';
import { moveIssues, retitleIssues } from '../issues/move-issues.ts';
import { titled, understand, versioned } from './fingerprint.ts';
import { pinnedId, type Template, type TemplateMiner } from './templates.ts';

/** Longest wait for another backend that is learning, in ms. */
const lockTimeoutMs = 5000;
/** How long after a merge its issues are moved once more: a backend that had not heard of it may have counted on the old one. */
const settleMs = 5000;
/** Most merges waiting for that; more at once come only from an attack, and then a late one stays an issue of its own. */
const maxUnsettled = 1000;

interface Row {
  id: string;
  keys: string[];
  born: number;
  merged_into: string | null;
  live: boolean;
  pinned: boolean;
  seq: number;
}

export interface TemplateStore {
  /** Takes over what other backends learned since the last call. `now` in ms. */
  refresh(now: number): Promise<void>;
  /** Learns the messages that no template fits, and writes down what changed, all or nothing. `now` in ms. */
  learn(messages: readonly (readonly string[])[], now: number): Promise<void>;
}

/** @param newMiner makes an empty miner; the one in use is given out by `use` whenever it changes. */
export function createTemplateStore(
  pool: Pool,
  newMiner: () => TemplateMiner,
  use: (miner: TemplateMiner) => void,
): TemplateStore {
  let miner = newMiner();
  let seq = 0;
  use(miner);

  const unsettled: { id: string; dueAt: number }[] = [];

  function settleLater(ids: readonly string[], now: number): void {
    for (const id of ids) if (unsettled.length < maxUnsettled) unsettled.push({ id, dueAt: now + settleMs });
  }

  async function settleDue(now: number): Promise<void> {
    while (unsettled[0] !== undefined && unsettled[0].dueAt <= now) {
      const { id } = unsettled[0];
      await inTransaction(pool, (client) => moveIssues(client, versioned(id), versioned(miner.root(id))));
      unsettled.shift();
    }
  }

  async function takeOver(client: Pool | PoolClient, now: number): Promise<void> {
    const { rows } = await client.query<Row>({
      name: 'templates-since',
      text: 'select id, keys, born, merged_into, live, pinned, seq from templates where seq > $1 order by seq',
      values: [seq],
    });
    if (rows.length === 0) return;
    miner.adopt(rows.map(({ merged_into, ...row }) => ({ ...row, mergedInto: merged_into })));
    // All of them at a start, when there is nothing that could be late.
    if (seq > 0)
      settleLater(mergedOf(rows.map(({ id, merged_into }) => ({ id, mergedInto: merged_into }))), now);
    seq = rows.at(-1)!.seq;
  }

  async function learn(messages: readonly (readonly string[])[], now: number): Promise<void> {
    try {
      await inTransaction(pool, async (client) => {
        await lockTemplates(client);
        await takeOver(client, now);
        const changed = new Map<string, Template>();
        for (const keys of messages)
          for (const template of miner.learn(keys).changed) changed.set(template.id, template);
        if (changed.size === 0) return;
        seq = await write(client, [...changed.values()], seq);
        await followMerges(client, miner, [...changed.values()]);
        settleLater(mergedOf([...changed.values()]), now);
      });
    } catch (error) {
      // Whether it was written is not known: begin anew from what the database says.
      miner = newMiner();
      seq = 0;
      use(miner);
      throw error;
    }
  }

  return {
    async refresh(now) {
      await takeOver(pool, now);
      await settleDue(now);
    },
    learn,
  };
}

function mergedOf(templates: readonly { id: string; mergedInto: string | null }[]): string[] {
  return templates.flatMap(({ id, mergedInto }) => (mergedInto === null ? [] : [id]));
}

/** One backend at a time changes templates. */
export async function lockTemplates(client: PoolClient): Promise<void> {
  await client.query(`set local lock_timeout = ${lockTimeoutMs}`);
  await client.query('select pg_advisory_xact_lock($1)', [advisoryLocks.templates]);
}

/**
 * From now on (within the second that other backends take to hear of it) messages like this one are an issue of their own.
 * @returns why that cannot be, or undefined when it is done.
 */
export async function splitMessage(pool: Pool, message: string): Promise<string | undefined> {
  const understood = understand(message);
  if (understood.kind === 'trace')
    return 'the message is a traceback: its exception types and frames tell it apart, and cannot be split further';
  await inTransaction(pool, async (client) => {
    await lockTemplates(client);
    await client.query(
      `insert into templates (id, keys, born, live, pinned, seq, changed_at)
      select $1, $2, n, true, true, n, $3
      from (select coalesce(max(seq), 0) + 1 as n from templates) as next
      on conflict (id) do nothing`,
      [pinnedId(understood.keys), understood.keys, new Date()],
    );
  });
  return undefined;
}

/** @returns the number of the latest change. */
async function write(client: PoolClient, changed: readonly Template[], seq: number): Promise<number> {
  let next = seq;
  const rows = changed
    .toSorted((a, b) => a.born - b.born)
    .map(({ id, keys, born, mergedInto, live }) => [id, keys, born, mergedInto, live, ++next, new Date()]);
  rows.sort((a, b) => byText(String(a[0]), String(b[0])));
  await upsert(
    client,
    rows,
    (values) => `
      insert into templates (id, keys, born, merged_into, live, seq, changed_at)
      values ${values}
      on conflict (id) do update
      set keys = excluded.keys,
        merged_into = excluded.merged_into,
        live = excluded.live,
        seq = excluded.seq,
        changed_at = excluded.changed_at`,
  );
  return next;
}

/** Issues follow their templates, in the same transaction. */
async function followMerges(
  client: PoolClient,
  miner: TemplateMiner,
  changed: readonly Template[],
): Promise<void> {
  const sorted = changed.toSorted((a, b) => byText(a.id, b.id));
  for (const { id, mergedInto } of sorted)
    if (mergedInto !== null) await moveIssues(client, versioned(id), versioned(miner.root(id)));
  for (const { id, keys, mergedInto } of sorted)
    if (mergedInto === null) await retitleIssues(client, versioned(id), titled(titleOfTemplate(keys)));
}

/** The template as a title, its variables shown as `<…>`. */
export function titleOfTemplate(keys: readonly string[]): string {
  return keys.join('').replace(/<[*?~]>/g, '<…>');
}
