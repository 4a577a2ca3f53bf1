import { describe, expect, it } from 'vitest';
import { groupSafely } from './group-safely.ts';
import type { Grouping, IncomingRecord } from './types.ts';

const records = ['good', 'poison', 'fine'].map(
  (message) => ({ message, logHash: `hash of ${message}` }) as IncomingRecord,
);
const failing = (error: Error): Grouping => ({
  async group(given) {
    if (given.some(({ message }) => message === 'poison')) throw error;
    return given.map(({ message }) => ({ fingerprint: `v1:${message}`, title: message }));
  },
});

describe('groupSafely', () => {
  it('groups by itself the message that the grouping has a fault with, and the others as ever', async () => {
    const faults: Error[] = [];
    const grouping = groupSafely(failing(new Error('bug: no template fits')), (error) => faults.push(error));
    expect((await grouping.group(records)).map(({ fingerprint }) => fingerprint)).toEqual([
      'v1:good',
      'exact:hash of poison',
      'v1:fine',
    ]);
    expect(faults).toHaveLength(1);
  });

  it('lets a database that is away be tried again', async () => {
    const away = Object.assign(new Error('terminating connection'), { code: '57P01' });
    const grouping = groupSafely(failing(away), () => {});
    await expect(grouping.group(records)).rejects.toBe(away);
  });
});
