import { randomUUID } from 'node:crypto';
import type { Histogram, LogRecord } from '@log-detector/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GivenBackend, givenBackend } from './test-help.ts';

interface List {
  items: LogRecord[];
  total: number;
  total_is_at_least?: boolean;
  next_cursor: string | null;
}
interface Misfits {
  detail: { loc: (string | number)[]; type: string }[];
}

let backend: GivenBackend;
let stored: LogRecord[];

/** 3 hosts, 2 containers, 2 severities; 60 records, newest first in `stored`. */
beforeAll(async () => {
  backend = await givenBackend();
  const records = Array.from({ length: 60 }, (_, n) => ({
    host: `host-${n % 3}`,
    container: `container-${n % 2}`,
    severity: n % 10 === 0 ? 'fatal' : 'error',
    message: `needle${n % 7} in 100%_of haystack ${n}`,
  }));
  for (const record of records) await backend.post(record);
  stored = (await list('limit=200')).items;
});
afterAll(() => backend.close());

async function list(query: string): Promise<List> {
  const { status, body } = await backend.call<List>('GET', `/api/logs?${query}`);
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
}
const ids = (records: LogRecord[]) => records.map(({ id }) => id);

describe('GET /api/logs', () => {
  it('lists the newest received first, 50 unless told, with the total of all', async () => {
    const page = await list('');
    expect(page.items).toHaveLength(50);
    expect(page.total).toBe(60);
    expect(page.items[0]!.message).toContain('haystack 59');
    expect(ids(page.items)).toEqual(ids(stored).slice(0, 50));
    expect(ids(stored)).toEqual([...ids(stored)].sort().reverse());
  });

  it('pages by offset', async () => {
    expect(ids((await list('limit=7&offset=50')).items)).toEqual(ids(stored).slice(50, 57));
    expect(await list('offset=60')).toMatchObject({ items: [], total: 60 });
    expect(await list('offset=99999999999999999999999999')).toMatchObject({ items: [], total: 60 });
  });

  it('pages by cursor, stable while records come in', async () => {
    const first = await list('limit=25&host=host-1');
    await backend.post({ host: 'host-1', message: 'newer' });
    const second = await list(`limit=25&host=host-1&cursor=${first.next_cursor ?? stored.at(-1)!.id}`);
    const expected = ids(stored.filter(({ host }) => host === 'host-1'));
    expect([...ids(first.items), ...(first.next_cursor ? ids(second.items) : [])]).toEqual(expected);
    await backend.database.pool.query(`delete from log_records where message = 'newer'`);
    await backend.database.pool.query(
      `update log_counts set n = n - 1 where host = 'host-1' and container = 'api'`,
    );
  });

  it.each([
    ['host=host-1', (r: LogRecord) => r.host === 'host-1'],
    ['container=container-0', (r: LogRecord) => r.container === 'container-0'],
    [
      'host=host-2&container=container-1',
      (r: LogRecord) => r.host === 'host-2' && r.container === 'container-1',
    ],
    ['severity=fatal', (r: LogRecord) => r.severity === 'fatal'],
    ['host=host-0&severity=fatal', (r: LogRecord) => r.host === 'host-0' && r.severity === 'fatal'],
    ['host=nobody', () => false],
    ['q=NEEDLE3', (r: LogRecord) => r.message.includes('needle3')],
    ['q=100%25_of', () => true],
    ['q=100%25%25of', () => false],
    ['q=needle3&host=host-0', (r: LogRecord) => r.message.includes('needle3') && r.host === 'host-0'],
    ['host=', () => true],
    ['cursor=&issue_id=&since=&until=&q=&severity=', () => true],
    ['offset=0.0', () => true],
  ])('filters by %s, and counts what passes', async (query, passes) => {
    const expected = stored.filter(passes);
    const { items, total } = await list(`limit=200&${query}`);
    expect(ids(items)).toEqual(ids(expected));
    expect(total).toBe(expected.length);
  });

  it('filters by time of receipt, from since to before until', async () => {
    const [newest, middle] = [stored[0]!, stored[30]!];
    const since = await list(`limit=200&since=${middle.received_at}`);
    const until = await list(`limit=200&until=${middle.received_at}`);
    expect(ids(since.items)).toEqual(ids(stored.filter((r) => r.received_at >= middle.received_at)));
    expect(ids(until.items)).toEqual(ids(stored.filter((r) => r.received_at < middle.received_at)));
    expect([since.total, until.total]).toEqual([since.items.length, until.items.length]);
    expect(since.total + until.total).toBe(60);
    expect(await list(`since=${newest.received_at}&until=${middle.received_at}`)).toMatchObject({
      items: [],
      total: 0,
    });
    expect((await list('since=2020-01-01')).total).toBe(60);
    for (const text of ['2020-01-01T00:00:00+01:00', '2020-01-01 00:00:00.5+0100', '2020-01-01T00:00+01'])
      expect((await list(`since=${text}`)).total, text).toBe(60);
    const hoursAhead = new Date(Date.parse(middle.received_at) + 7_200_000)
      .toISOString()
      .replace('Z', '+02:00');
    expect(ids((await list(`limit=200&until=${hoursAhead}`)).items)).toEqual(ids(until.items));
    expect((await list('until=9999-12-31T23:59:59Z&since=0001-01-01')).total).toBe(60);
  });

  it('filters by issue, those merged into it included', async () => {
    const [one, two] = [
      await backend.post({ message: 'issue one', container: 'x1' }),
      await backend.post({ message: 'issue two', container: 'x2' }),
    ];
    expect((await list(`issue_id=${one.issue_id}`)).items.map((r) => r.id)).toEqual([one.id]);
    await backend.database.pool.query('update issues set merged_into = $1 where id = $2', [
      one.issue_id,
      two.issue_id,
    ]);
    expect(await list(`issue_id=${one.issue_id}`)).toMatchObject({
      items: [{ id: two.id }, { id: one.id }],
      total: 2,
    });
    expect(await list(`issue_id=${randomUUID()}`)).toMatchObject({ items: [], total: 0 });
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=', 'limit'],
    ['offset=-1', 'offset'],
    ['since=yesterday', 'since'],
    ['until=2026-02-30', 'until'],
    ['issue_id=7', 'issue_id'],
    ['cursor=abc', 'cursor'],
  ])('refuses %s and names the parameter', async (query, name) => {
    const { status, body } = await backend.call<Misfits>('GET', `/api/logs?${query}`);
    expect(status).toBe(422);
    expect(body.detail).toEqual([expect.objectContaining({ loc: ['query', name] })]);
  });

  it('answers hostile filters without a fault', async () => {
    for (const query of [
      'host=%00',
      'host=a%00b&container=%ED%A0%80',
      'q=%00',
      'q=%25',
      'q=%5C',
      `host=${'h'.repeat(5000)}`,
      'host=%ZZ',
      'host=a&host=b',
      '__proto__=1',
      'limit=1e2',
      `cursor=ffffffff-ffff-ffff-ffff-ffffffffffff`,
      'cursor=00000000-0000-0000-0000-000000000000',
      'since=0001-01-01&until=0001-01-02',
      'severity=%F0%9F%98%80',
      "q=';drop table log_records--",
    ]) {
      const { status } = await backend.call('GET', `/api/logs?${query}`);
      expect(status, query).toBeLessThan(500);
    }
  });

  it('finds a NUL by the picture it was stored as', async () => {
    const { id } = await backend.post({ host: 'nul\0host', message: 'nul' });
    expect((await list('host=nul%00host')).items.map((r) => r.id)).toEqual([id]);
  });
});

describe('GET /api/logs/{id}', () => {
  it('answers the record with its emails', async () => {
    const { status, body } = await backend.call<LogRecord & { emails: object[] }>(
      'GET',
      `/api/logs/${stored[0]!.id.toUpperCase()}`,
    );
    expect(status).toBe(200);
    expect(body).toMatchObject(stored[0]!);
    expect(body.emails).toEqual([
      expect.objectContaining({ status: 'skipped', error_message: 'alerts disabled or missing recipients' }),
    ]);
  });

  it('answers 404 when there is none, and 422 to what is no UUID', async () => {
    const unknown = await backend.call('GET', `/api/logs/${randomUUID()}`);
    expect(unknown).toMatchObject({ status: 404, body: { detail: 'Log record not found' } });
    for (const id of ['7', 'not-a-uuid', '%00', "'", 'x'.repeat(500)]) {
      const { status, body } = await backend.call<Misfits>('GET', `/api/logs/${id}`);
      expect(status).toBe(422);
      expect(body.detail[0]).toMatchObject({ loc: ['path', 'id'], type: 'uuid_parsing' });
    }
  });
});

describe('GET /api/logs/{id}/emails', () => {
  it('is empty for a record that is not known', async () => {
    expect(await backend.call('GET', `/api/logs/${randomUUID()}/emails`)).toMatchObject({
      status: 200,
      body: [],
    });
  });
});

describe('GET /api/logs over time', () => {
  it('pages through every record of a host, once, whichever minutes they fell in', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 40; n += 1) {
      const { id } = await backend.post({ host: 'spread', container: `c${n % 4}`, message: `spread ${n}` });
      ids.unshift(id);
    }
    // As if they had come over four hours: ids and counts alike.
    const moved = new Map<string, string>();
    for (const [n, id] of ids.entries()) {
      const ms = Date.now() - n * 6 * 60_000;
      const movedId =
        ms
          .toString(16)
          .padStart(12, '0')
          .replace(/^(.{8})/, '$1-') + id.slice(13);
      moved.set(id, movedId);
      await backend.database.pool.query('update log_records set id = $2, received_at = $3 where id = $1', [
        id,
        movedId,
        new Date(ms),
      ]);
    }
    await backend.database.pool.query(`delete from log_counts where host = 'spread'`);
    await backend.database.pool.query(`
      insert into log_counts
      select bucket, date_trunc('minute', received_at), host, container, severity, count(*), 0, count(*)
      from log_records where host = 'spread' group by 1, 2, 3, 4, 5`);
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: List = await list(`host=spread&limit=7${cursor && `&cursor=${cursor}`}`);
      expect(page.total).toBe(40);
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next_cursor;
    }
    expect(seen).toEqual([...moved.values()]);
    expect((await list('host=spread&limit=5&offset=33')).items.map(({ id }) => id)).toEqual(
      seen.slice(33, 38),
    );
  });
});

describe('GET /api/logs while records come in', () => {
  it('counts just what it lists, where the list ends on the page', async () => {
    const given = await givenBackend();
    try {
      let isDone = false;
      const posting = (async () => {
        for (let n = 0; n < 150; n++)
          await given.post({ host: 'busy', container: 'one', message: `number ${n}` });
        isDone = true;
      })();
      while (!isDone) {
        const { body } = await given.call<List>('GET', '/api/logs?container=one&limit=200');
        expect(body.total).toBe(body.items.length);
      }
      await posting;
    } finally {
      await given.close();
    }
  });
});

describe('GET /api/logs/histogram', () => {
  it('counts a severity whatever it is called', async () => {
    const given = await givenBackend();
    try {
      await given.post({ severity: 'constructor' });
      const { body } = await given.call<Histogram>('GET', '/api/logs/histogram');
      expect(body.items.find(({ total }) => total > 0)?.by_severity).toEqual({ constructor: 1 });
    } finally {
      await given.close();
    }
  });
});
