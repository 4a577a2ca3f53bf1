// Records -> groups: a traceback by its fingerprint, a plain message by its template. A batch of known messages costs no
// query; with several backends, what the others learned is taken over at most once a second.

import type { Pool } from '../db/pool.ts';
import { titled, type Understood, understand, versioned } from './fingerprint.ts';
import { createTemplateStore, titleOfTemplate } from './template-store.ts';
import { createTemplateMiner, type TemplateMiner } from './templates.ts';
import type { Group, Grouping, IncomingRecord } from './types.ts';

const refreshEveryMs = 1000;
/** Messages already understood, by their hash: a storm is one message many times. */
const maxUnderstood = 2000;

/** @param pool where templates are kept; without one they live in this process alone (tests). */
export function createGrouping(pool?: Pool, now: () => number = Date.now): Grouping {
  let miner: TemplateMiner = createTemplateMiner();
  const store = pool && createTemplateStore(pool, createTemplateMiner, (current) => (miner = current));
  const understood = new Map<string, Understood>();
  let refreshedAt = Number.NEGATIVE_INFINITY;
  let work: Promise<void> = Promise.resolve();

  function understandOnce({ logHash, message }: Pick<IncomingRecord, 'logHash' | 'message'>): Understood {
    const known = understood.get(logHash);
    if (known) return known;
    const fresh = understand(message);
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

  async function know(messages: readonly Understood[]): Promise<void> {
    if (store && now() - refreshedAt >= refreshEveryMs) {
      const at = now();
      refreshedAt = at;
      await alone(() => store.refresh(at));
    }
    const unknown = unknownOf(messages);
    if (unknown.length === 0) return;
    if (store) await alone(() => store.learn(unknownOf(messages), now()));
    else for (const keys of unknown) miner.learn(keys);
  }

  function unknownOf(messages: readonly Understood[]): (readonly string[])[] {
    return messages.flatMap((message) =>
      message.kind === 'plain' && miner.match(message.keys) === undefined ? [message.keys] : [],
    );
  }

  function groupOf(message: Understood): Group {
    if (message.kind === 'trace') return { fingerprint: message.fingerprint, title: message.title };
    const id = miner.match(message.keys);
    const template = id === undefined ? undefined : miner.template(id);
    if (!template) throw new Error('bug: a message was learned, and no template fits it');
    return { fingerprint: versioned(template.id), title: titled(titleOfTemplate(template.keys)) };
  }

  return {
    async group(records) {
      const messages = records.map(understandOnce);
      await know(messages);
      return messages.map(groupOf);
    },
  };
}
