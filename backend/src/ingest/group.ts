// Records -> groups: a traceback by its fingerprint, a plain message by its template. A batch of known messages costs no
// query; with several backends, what the others learned is taken over at most once a second.

import type { Pool } from '../db/pool.ts';
import { Doorkeeper } from './doorkeeper.ts';
import { titled, type Understood, versioned } from './fingerprint.ts';
import { createTemplateStore, titleOfTemplate } from './template-store.ts';
import { createTemplateMiner, type TemplateMiner } from './templates.ts';
import type { Group, Grouping, IncomingRecord } from './types.ts';
import { understandNow } from './understand-ahead.ts';

const refreshEveryMs = 1000;
/** Messages already understood, by their hash: a storm is one message many times. */
const maxUnderstood = 2000;
/** Groups made of templates, as long as these stay as they are. */
const maxGroups = 10_000;

/** @param pool where templates are kept; without one they live in this process alone (tests). */
export function createGrouping(pool?: Pool, now: () => number = Date.now): Grouping {
  let miner: TemplateMiner = createTemplateMiner();
  const store = pool && createTemplateStore(pool, createTemplateMiner, (current) => (miner = current));
  const understood = new Map<string, Understood>();
  const seenOnce = new Doorkeeper();
  const groups = new Map<string, { keys: readonly string[]; group: Group }>();
  let refreshedAt = Number.NEGATIVE_INFINITY;
  let work: Promise<void> = Promise.resolve();

  function understandOnce({ logHash, message }: Pick<IncomingRecord, 'logHash' | 'message'>): Understood {
    const known = understood.get(logHash);
    if (known) return known;
    const fresh = understandNow({ logHash, message });
    // Remembered when it comes again: where all messages differ, remembering each would only make work for the collector.
    if (!seenOnce.passes(Number.parseInt(logHash.slice(0, 8), 16))) return fresh;
    if (understood.size >= maxUnderstood) understood.clear();
    understood.set(logHash, fresh);
    return fresh;
  }

  /** One at a time in this process: the store's miner is changed while it waits for the database. */
  async function alone(task: () => Promise<void>): Promise<void> {
    const before = work;
    const mine = before.then(task);
    work = mine.catch(() => {});
    await mine;
  }

  async function know(messages: readonly Understood[]): Promise<(Group | undefined)[]> {
    if (store && now() - refreshedAt >= refreshEveryMs) {
      const at = now();
      refreshedAt = at;
      await alone(() => store.refresh(at));
    }
    const known = messages.map(groupOf);
    if (!known.includes(undefined)) return known;
    if (store) await alone(() => store.learn(unknownOf(messages), now()));
    else for (const keys of unknownOf(messages)) miner.learn(keys);
    return messages.map(groupOf);
  }

  function unknownOf(messages: readonly Understood[]): (readonly string[])[] {
    return messages.flatMap((message) =>
      message.kind === 'plain' && miner.match(message.keys) === undefined ? [message.keys] : [],
    );
  }

  function groupOf(message: Understood): Group | undefined {
    if (message.kind === 'trace') return { fingerprint: message.fingerprint, title: message.title };
    const id = miner.match(message.keys, message.joined);
    const template = id === undefined ? undefined : miner.template(id);
    if (!template) return undefined;
    const made = groups.get(template.id);
    if (made?.keys === template.keys) return made.group;
    const group = { fingerprint: versioned(template.id), title: titled(titleOfTemplate(template.keys)) };
    if (groups.size >= maxGroups) groups.clear();
    groups.set(template.id, { keys: template.keys, group });
    return group;
  }

  return {
    async group(records) {
      const groups = await know(records.map(understandOnce));
      for (const group of groups)
        if (!group) throw new Error('bug: a message was learned, and no template fits it');
      return groups as Group[];
    },
  };
}
