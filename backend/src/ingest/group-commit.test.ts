import type { LogRecord } from '@log-detector/contract';
import { describe, expect, it } from 'vitest';
import { timeOfId } from '../db/record-id.ts';
import { HttpError } from '../http/errors.ts';
import { OutOfOrder } from './accept-batch.ts';
import { GroupCommit, type GroupCommitOptions } from './group-commit.ts';
import type { Draft } from './store.ts';
import type { IncomingRecord } from './types.ts';

const aRecord = (message: string): IncomingRecord => ({
  host: 'web-1',
  container: 'api',
  service: 'api',
  severity: 'error',
  message,
  logHash: `hash of ${message}`,
  occurredAt: null,
  eventId: null,
  stream: null,
  image: null,
  labels: null,
  fields: null,
  contextBefore: null,
  contextAfter: null,
  coalesceId: null,
});

interface Call {
  drafts: readonly Draft[];
  mayBeStored: boolean;
  commit: () => void;
  fail: (code: string) => void;
}

/** A store that commits or fails when told. */
function givenStore(options: Partial<GroupCommitOptions> = {}) {
  const calls: Call[] = [];
  const commits = new GroupCommit({
    transactions: 1,
    retryAfterMs: [0, 0],
    now: () => 1_795_341_600_000,
    ...options,
    store: (drafts, mayBeStored) =>
      new Promise((resolve, reject) => {
        calls.push({
          drafts,
          mayBeStored,
          commit: () => resolve(drafts.map(({ id, message }) => ({ id, message }) as LogRecord)),
          fail: (code) => reject(Object.assign(new Error(`as told: ${code}`), { code })),
        });
      }),
  });
  /** The n-th attempt to store, once there is one. */
  const call = async (n: number): Promise<Call> => {
    while (calls.length <= n) await settle();
    return calls[n]!;
  };
  return { commits, calls, call };
}
const messagesOf = (call: Call | undefined) => call?.drafts.map(({ message }) => message);
const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('GroupCommit', () => {
  it('lets requests that arrive while a transaction is under way share the next, each with its own answers', async () => {
    const { commits, calls, call } = givenStore();
    const first = commits.submit([aRecord('a')]);
    const second = commits.submit([aRecord('b1'), aRecord('b2')]);
    const third = commits.submit([aRecord('c')]);
    expect(calls.map(messagesOf)).toEqual([['a']]);
    calls[0]!.commit();
    await first;
    const next = await call(1);
    expect(messagesOf(next)).toEqual(['b1', 'b2', 'c']);
    next.commit();
    const answered = (outcomes: Awaited<typeof first>) =>
      outcomes.map((outcome) => 'record' in outcome && outcome.record.message);
    expect(answered(await second)).toEqual(['b1', 'b2']);
    expect(answered(await third)).toEqual(['c']);
  });

  it('bounds a transaction, but takes a request whole', async () => {
    const { commits, calls, call } = givenStore({ maxRecords: 3 });
    void commits.submit([aRecord('first')]);
    for (const n of [1, 2]) void commits.submit([aRecord(`${n}a`), aRecord(`${n}b`)]);
    void commits.submit(['w', 'x', 'y', 'z'].map(aRecord));
    for (const n of [0, 1, 2, 3]) (await call(n)).commit();
    expect(calls.map((call) => call.drafts.length)).toEqual([1, 2, 2, 4]);
    await commits.drained();
  });

  it('gives ids that ascend in the order received, and keeps them when it tries again', async () => {
    const { commits, calls, call } = givenStore();
    const answer = commits.submit([aRecord('a'), aRecord('b')]);
    calls[0]!.fail('08006');
    const again = await call(1);
    expect(again.mayBeStored).toBe(true);
    expect(again.drafts).toEqual(calls[0]!.drafts);
    expect(calls[0]!.drafts[0]!.id < calls[0]!.drafts[1]!.id).toBe(true);
    again.commit();
    expect(await answer).toHaveLength(2);
  });

  it.each([
    '08006',
    'XX000',
    '40P01',
    '40001',
    '57014',
    '53100',
    '53300',
    'ECONNREFUSED',
    '57P03',
    '25P03',
    '25P04',
    '28P01',
    '3D000',
  ])('says come again when %s does not end', async (code) => {
    const { commits, calls, call } = givenStore();
    const answer = commits.submit([aRecord('a')]).catch((error) => error);
    for (const n of [0, 1, 2]) (await call(n)).fail(code);
    const error = await answer;
    expect(error).toBeInstanceOf(HttpError);
    expect(error).toMatchObject({
      status: 503,
      headers: { 'retry-after': expect.stringMatching(/^\d+$/) },
    });
    expect(calls).toHaveLength(3);
  });

  it('refuses the one record that cannot be stored, and stores the rest', async () => {
    const commits = new GroupCommit({
      store: async (drafts) => {
        if (drafts.some(({ message }) => message === 'poison'))
          throw Object.assign(new Error('invalid value'), { code: '22021' });
        return drafts.map(({ id, message }) => ({ id, message }) as LogRecord);
      },
    });
    const words = Array.from({ length: 21 }, (_, n) => (n === 13 ? 'poison' : `good ${n}`));
    const [outcomes, neighbour] = await Promise.all([
      commits.submit(words.map(aRecord)),
      commits.submit([aRecord('neighbour')]),
    ]);
    expect(
      outcomes.map((outcome) => ('record' in outcome ? outcome.record.message : outcome.refusedBecause)),
    ).toEqual(words.map((word) => (word === 'poison' ? 'invalid value' : word)));
    expect(neighbour[0]).toHaveProperty('record');
  });

  it('refuses the one record that meets a fault of ours, stores the rest, and tells of the fault', async () => {
    const faults: string[] = [];
    const commits = new GroupCommit({
      onFault: (error) => faults.push(error.message),
      store: async (drafts) => {
        if (drafts.some(({ message }) => message === 'poison')) throw new Error('bug: secret detail');
        return drafts.map(({ id, message }) => ({ id, message }) as LogRecord);
      },
    });
    const outcomes = await commits.submit(['a', 'poison', 'b'].map(aRecord));
    expect(
      outcomes.map((outcome) => ('record' in outcome ? outcome.record.message : outcome.refusedBecause)),
    ).toEqual(['a', 'it meets a fault of Log Detector, which is in its log', 'b']);
    expect(faults).toEqual(['bug: secret detail']);
  });

  it('has records kept when nothing can be stored for a fault of ours, and refuses them once others were', async () => {
    let isEverybodys = true;
    const commits = new GroupCommit({
      now: () => 1_795_341_600_000,
      store: async (drafts) => {
        if (isEverybodys || drafts.some(({ message }) => message === 'poison'))
          throw new Error('bug: a fault');
        return drafts.map(({ id, message }) => ({ id, message }) as LogRecord);
      },
    });
    const send = (...words: string[]) => commits.submit(words.map(aRecord)).catch((error) => error);
    const kept = { status: 503, headers: { 'retry-after': expect.stringMatching(/^\d+$/) } };
    expect(await send('a', 'b')).toMatchObject(kept);
    isEverybodys = false;
    expect(await send('poison')).toMatchObject(kept);
    expect(await send('a', 'b')).toMatchObject([{ record: { message: 'a' } }, { record: { message: 'b' } }]);
    expect(await send('poison')).toMatchObject([{ refusedBecause: expect.any(String) }]);
  });

  it('is drained when nothing waits and nothing is under way', async () => {
    const { commits, calls, call } = givenStore();
    void commits.submit([aRecord('a')]);
    void commits.submit([aRecord('b')]);
    let isDrained = false;
    const drained = commits.drained().then(() => (isDrained = true));
    calls[0]!.commit();
    await settle();
    expect(isDrained).toBe(false);
    (await call(1)).commit();
    await drained;
    expect(commits.waiting).toBe(0);
  });

  it('receives records anew, after the equal one that was stored meanwhile, so that none is the duplicate of a later one', async () => {
    const ahead = 1_795_341_600_003;
    const seen: (readonly Draft[])[] = [];
    const commits = new GroupCommit({
      now: () => 1_795_341_600_000,
      store: async (drafts) => {
        seen.push([...drafts]);
        if (seen.length === 1) throw new OutOfOrder(ahead);
        return drafts.map(({ id }) => ({ id }) as LogRecord);
      },
    });
    await commits.submit([aRecord('a')]);
    await commits.submit([aRecord('b')]);
    const [first, second, third] = seen.map(([draft]) => draft!);
    expect(second!.id > first!.id && timeOfId(second!.id) > ahead).toBe(true);
    expect(Date.parse(second!.receivedAt)).toBe(second!.receivedAtMs);
    // And what comes after does not fall behind again.
    expect(third!.id > second!.id).toBe(true);
    expect(seen).toHaveLength(3);
  });

  const day = 86_400_000;

  it('goes on from a clock that steps back a little, and goes back with one that ran a day ahead', async () => {
    const seen: Draft[] = [];
    let now = 1_795_341_600_000;
    const commits = new GroupCommit({
      now: () => now,
      store: async (drafts) => {
        seen.push(...drafts);
        return drafts.map(({ id }) => ({ id }) as LogRecord);
      },
    });
    for (const step of [0, day, -1000, -day, 5000]) {
      now += step;
      await commits.submit([aRecord('a')]);
    }
    const times = seen.map(({ receivedAtMs }) => receivedAtMs - 1_795_341_600_000);
    expect(times).toEqual([0, day, day, -1000, 4000]);
    expect(seen.map(({ id }) => timeOfId(id))).toEqual(seen.map(({ receivedAtMs }) => receivedAtMs));
  });

  it('does not follow an equal record that is a day ahead', async () => {
    const now = 1_795_341_600_000;
    const seen: Draft[] = [];
    const commits = new GroupCommit({
      now: () => now,
      store: async (drafts, mayBeOutOfOrder) => {
        seen.push(...drafts);
        if (!mayBeOutOfOrder) throw new OutOfOrder(now + day);
        return drafts.map(({ id }) => ({ id }) as LogRecord);
      },
    });
    await commits.submit([aRecord('a')]);
    expect(seen.map(({ receivedAtMs }) => receivedAtMs)).toEqual([now, now]);
  });

  it('begins another transaction only when it would be full, or when the one under way is slow', async () => {
    const { commits, calls } = givenStore({ transactions: 2, maxRecords: 3, slowMs: 60_000 });
    const sent = [
      commits.submit([aRecord('a')]),
      commits.submit([aRecord('b')]),
      commits.submit([aRecord('c')]),
    ];
    await settle();
    expect(calls.map(messagesOf)).toEqual([['a']]);
    sent.push(commits.submit([aRecord('d')]));
    await settle();
    expect(calls.map(messagesOf)).toEqual([['a'], ['b', 'c', 'd']]);
    for (const { commit } of calls) commit();
    await Promise.all(sent);

    const impatient = givenStore({ transactions: 2, slowMs: 1 });
    const both = [impatient.commits.submit([aRecord('slow')]), impatient.commits.submit([aRecord('next')])];
    expect(messagesOf(await impatient.call(1))).toEqual(['next']);
    for (const { commit } of impatient.calls) commit();
    await Promise.all(both);
  });
});
