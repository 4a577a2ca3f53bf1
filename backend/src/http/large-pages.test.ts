// Lists of the largest records that are taken: an answer has a bound, and nothing is passed over.

import type { LogRecord, Notification } from '@log-detector/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aRecord, type GivenBackend, givenBackend } from './test-help.ts';

const mebibyte = 1024 * 1024;
const records = 24;
let backend: GivenBackend;

beforeAll(async () => {
  backend = await givenBackend();
  const all = Array.from({ length: records }, (_, n) => ({
    ...aRecord,
    container: n % 2 === 0 ? 'even' : 'odd',
    message: `needle ${n} `.padEnd(mebibyte, 'x'),
  }));
  for (let n = 0; n < records; n += 8) await backend.call('POST', '/api/logs', all.slice(n, n + 8));
});
afterAll(() => backend.close());

interface List {
  items: LogRecord[];
  total: number;
  next_cursor: string | null;
  searched_to?: string;
}

describe('a list of records of a mebibyte each', () => {
  const filters = [
    ['all', '', records],
    ['those of a container', '&container=odd', records / 2],
    ['those that have a text', '&q=needle', records],
  ] as const;

  it.each(filters)(
    'ends pages of a cursor early, and comes to all of them in the end: %s',
    async (_which, filter, count) => {
      const found: string[] = [];
      let cursor: string | null = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
      do {
        const { status, body }: { status: number; body: List } = await backend.call<List>(
          'GET',
          `/api/logs?limit=200${filter}&cursor=${cursor}`,
        );
        expect(status).toBe(200);
        expect(body.items.length).toBeLessThanOrEqual(16);
        found.push(...body.items.map(({ message }) => message.slice(0, 10)));
        cursor = body.next_cursor;
      } while (cursor !== null);
      expect(new Set(found).size).toBe(count);
      expect(found).toHaveLength(count);
    },
  );

  it.each(filters)(
    'has whole pages for who pages by offset, as with the original: %s',
    async (_which, filter, count) => {
      const limit = count === records ? 20 : 12;
      const pages: List[] = [];
      for (let offset = 0; offset < count; offset += limit) {
        const url = `/api/logs?limit=${limit}&offset=${offset}${filter}`;
        const { status, body, headers } = await backend.call<List>('GET', url);
        expect([status, headers['content-type']]).toEqual([200, 'application/json; charset=utf-8']);
        pages.push(body);
      }
      const found = pages.flatMap(({ items }) => items.map(({ message }) => message.slice(0, 10)));
      expect(new Set(found).size).toBe(count);
      expect(found).toHaveLength(count);
      expect(pages[0]!.items).toHaveLength(limit);
      const { body: next } = await backend.call<List>(
        'GET',
        `/api/logs?limit=1${filter}&cursor=${pages[0]!.next_cursor}`,
      );
      expect(next.items.map(({ id }) => id)).toEqual(pages[1] ? [pages[1].items[0]!.id] : []);
    },
  );
});

describe('a list of notifications of records of a mebibyte each', () => {
  it('has the beginning of each text, and the record has all of it', async () => {
    const { body } = await backend.call<{ items: Notification[] }>('GET', '/api/emails?limit=200');
    expect(body.items).toHaveLength(records);
    expect(JSON.stringify(body).length).toBeLessThan(2 * mebibyte);
    const [newest] = body.items;
    expect(newest!.body).toMatch(/^needle 23 x+…$/);
    const { body: whole } = await backend.call<Notification[]>('GET', `/api/logs/${newest!.id}/emails`);
    expect(whole[0]!.body).toHaveLength(mebibyte);
  });
});
