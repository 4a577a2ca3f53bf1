import type { Issue, IssueWithMerged, LogRecord } from '@log-detector/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GivenBackend, givenBackend } from '../http/test-help.ts';

interface List {
  items: Issue[];
  total: number;
  next_cursor: string | null;
}

let backend: GivenBackend;
beforeEach(async () => {
  backend = await givenBackend();
});
afterEach(async () => backend.close());

const post = (message: string, parts: object = {}): Promise<LogRecord> => backend.post({ message, ...parts });
const list = async (query = ''): Promise<List> =>
  (await backend.call<List>('GET', `/api/issues${query}`)).body;
const read = async (id: string): Promise<IssueWithMerged> =>
  (await backend.call<IssueWithMerged>('GET', `/api/issues/${id}`)).body;
const change = (id: string, body: object) =>
  backend.call<IssueWithMerged>('PATCH' as 'POST', `/api/issues/${id}`, body);
const act = (id: string, verb: 'merge' | 'split', body: object) =>
  backend.call<IssueWithMerged>('POST', `/api/issues/${id}/${verb}`, body);

describe('GET /api/issues', () => {
  it('gives one issue for messages that differ in numbers, hosts and replicas', async () => {
    await post('ERROR: order 7 failed in 20ms', { host: 'web-1', container: 'api-1' });
    const { issue_id } = await post('ERROR: order 8 failed in 35ms', { host: 'web-2', container: 'api-2' });
    expect(await list()).toMatchObject({
      items: [
        {
          id: issue_id,
          title: 'order <…> failed in <…>',
          service: 'api',
          state: 'open',
          count: 2,
          hosts: ['web-1', 'web-2'],
          containers: ['api-1', 'api-2'],
        },
      ],
      total: 1,
      next_cursor: null,
    });
  });

  it('filters by what an issue has', async () => {
    await post('disk is full', { host: 'db-1', container: 'postgres', severity: 'fatal' });
    await post('queue is long', { host: 'web-1', container: 'api' });
    for (const query of [
      'host=db-1',
      'container=postgres',
      'service=postgres',
      'severity=fatal',
      'q=DISK',
      'state=open&q=disk',
    ])
      expect((await list(`?${query}`)).items.map(({ title }) => title)).toEqual(['disk is full']);
    for (const query of ['state=resolved', 'host=none', 'since=2099-01-01', 'until=2000-01-01'])
      expect(await list(`?${query}`)).toMatchObject({ items: [], total: 0 });
  });

  it('pages by cursor through every issue once, in every sort', async () => {
    const words = ['alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta', 'eta'];
    for (const [index, word] of words.entries())
      for (let n = 0; n <= index % 3; n++) await post(`${word} broke down`);
    for (const sort of ['last_seen', 'first_seen', 'count'])
      for (const order of ['asc', 'desc']) {
        const titles: string[] = [];
        let cursor: string | null = '';
        while (cursor !== null) {
          const page: List = await list(`?limit=2&sort=${sort}&order=${order}&cursor=${cursor}`);
          titles.push(...page.items.map(({ title }) => title));
          expect(page.total).toBe(words.length);
          cursor = page.next_cursor;
        }
        expect(titles.toSorted()).toEqual(words.map((word) => `${word} broke down`).toSorted());
      }
  });

  it('refuses a cursor of another list, and anything else that does not fit', async () => {
    for (const query of ['cursor=x', 'sort=title', 'limit=0', 'since=soon', 'state=gone'])
      expect((await backend.call('GET', `/api/issues?${query}`)).status).toBe(422);
  });
});

describe('PATCH /api/issues/{id}', () => {
  it('resolves an issue, and the next record opens it again as regressed', async () => {
    const { issue_id } = await post('disk is full');
    expect((await change(issue_id!, { state: 'resolved' })).body).toMatchObject({
      state: 'resolved',
      regressed_at: null,
    });
    await post('disk is full');
    const issue = await read(issue_id!);
    expect(issue.state).toBe('open');
    expect(issue.regressed_at).not.toBeNull();
  });

  it('mutes until a count, and is open again when it is reached', async () => {
    const { issue_id } = await post('disk is full');
    expect((await change(issue_id!, { state: 'muted', muted_until_count: 3 })).body.state).toBe('muted');
    await post('disk is full');
    expect((await read(issue_id!)).state).toBe('muted');
    await post('disk is full');
    expect((await read(issue_id!)).state).toBe('open');
    expect((await list('?state=muted')).total).toBe(0);
  });

  it('mutes until it is worse, and keeps who did what', async () => {
    const { issue_id } = await post('ERROR mute until worse');
    const muted = await change(issue_id!, { state: 'muted', muted_until_state: 'worse' });
    expect(muted.body).toMatchObject({ state: 'muted', mute: { by: 'api', until: 'worse', count: 1 } });
    const refused = await change(issue_id!, { state: 'muted', muted_until_state: 'deployed' });
    expect(refused.status).toBe(409);
    expect(JSON.stringify(refused.body)).toContain('names its image');
    await change(issue_id!, { state: 'open' });
    expect((await read(issue_id!)).mute).toBeNull();
    const history = await backend.call<object[]>('GET', `/api/issues/${issue_id}/history`);
    expect(history.body).toMatchObject([
      { who: 'api', what: 'opened' },
      { who: 'api', what: 'muted' },
    ]);
    expect(
      (await backend.call('GET', '/api/issues/019aabcd-0000-7000-9000-000000000001/history')).status,
    ).toBe(404);
  });

  it('mutes until a time, which must be to come', async () => {
    const { issue_id } = await post('disk is full');
    const muted = await change(issue_id!, { state: 'muted', muted_until: '2099-01-01T00:00:00Z' });
    expect(muted.body).toMatchObject({ state: 'muted', muted_until: '2099-01-01T00:00:00.000000Z' });
    expect((await change(issue_id!, { state: 'muted', muted_until: '2001-01-01' })).status).toBe(422);
    expect((await change(issue_id!, { state: 'open' })).body).toMatchObject({
      state: 'open',
      muted_until: null,
    });
  });

  it('answers 404 for an issue that is not there', async () => {
    const { status, body } = await change('018f0000-0000-7000-8000-000000000000', { state: 'open' });
    expect({ status, body }).toEqual({ status: 404, body: { detail: 'Issue not found' } });
  });
});

describe('merging and splitting', () => {
  it('counts on the issue that took over, then and later, and finds it by either id', async () => {
    const one = (await post('disk is full')).issue_id!;
    const other = (await post('no space on device', { host: 'db-9' })).issue_id!;
    const merged = await act(one, 'merge', { issue_ids: [other] });
    expect(merged.body).toMatchObject({
      id: one,
      count: 2,
      merged: [{ id: other, title: 'no space on device' }],
    });
    await post('no space on device');
    expect(await read(other)).toMatchObject({ id: one, count: 3 });
    expect((await list()).total).toBe(1);
    const records = await backend.call<{ total: number }>('GET', `/api/logs?issue_id=${one}`);
    expect(records.body.total).toBe(3);
  });

  it('loses no issue and no count when two are merged into each other at once, while records come', async () => {
    const pairs = [
      ['disk is full', 'no space on device'],
      ['the queue grew too long', 'worker died'],
      ['cannot reach the bank', 'payment gateway timed out'],
      ['login refused', 'bad certificate from peer'],
      ['cache poisoned', 'stale entry served to a client'],
    ] as const;
    for (const [first, second] of pairs) {
      const one = (await post(first)).issue_id!;
      const other = (await post(second)).issue_id!;
      const [merged, mergedBack] = await Promise.all([
        act(one, 'merge', { issue_ids: [other] }),
        act(other, 'merge', { issue_ids: [one] }),
        ...Array.from({ length: 4 }, () => post(first)),
      ]);
      expect([merged.status, mergedBack.status]).toEqual([200, 200]);
      const leader = await read(one);
      expect((await read(other)).id).toBe(leader.id);
      expect(leader).toMatchObject({ count: 6, merged: [{ id: leader.id === one ? other : one }] });
    }
    expect((await list()).total).toBe(5);
  });

  it('merges also where ingest and it wait for each other', async () => {
    const { pool } = backend.database;
    const target = (await post('disk is full')).issue_id!;
    const source = (await post('queue is long')).issue_id!;
    const batch = await pool.connect();
    await batch.query('begin');
    await batch.query('update issues set count = count where id = $1', [source]);
    const merged = act(target, 'merge', { issue_ids: [source] });
    const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    while ((await pool.query(waiting)).rowCount === 0) await new Promise((done) => setTimeout(done, 10));
    await batch.query('update issues set count = count where id = $1', [target]);
    await batch.query('commit');
    batch.release();
    expect(await merged).toMatchObject({ status: 200, body: { id: target, count: 2 } });
  });

  it('splits a merged issue off again', async () => {
    const one = (await post('disk is full')).issue_id!;
    const other = (await post('no space on device')).issue_id!;
    await act(one, 'merge', { issue_ids: [other] });
    expect((await act(one, 'split', { issue_ids: [other] })).body).toMatchObject({
      id: one,
      count: 1,
      merged: [],
    });
    expect((await post('no space on device')).issue_id).toBe(other);
    expect(await read(other)).toMatchObject({ id: other, count: 2 });
  });

  it('gives the message of one record an issue of its own', async () => {
    for (const user of ['ann', 'ben', 'cleo']) await post(`session closed for user ${user}`);
    const { id, issue_id } = await post('session closed for user ben');
    expect((await list()).total).toBe(1);
    expect((await act(issue_id!, 'split', { record_id: id })).status).toBe(200);
    const replica = await backend.replica();
    const answer = await replica.inject({
      method: 'POST',
      url: '/api/logs',
      payload: { host: 'web-1', container: 'api', message: 'session closed for user ben' },
    });
    expect(answer.json().issue_id).not.toBe(issue_id);
    expect((await post('session closed for user dan')).issue_id).toBe(issue_id);
  });

  it('says why a traceback cannot be split, and why a covered issue cannot', async () => {
    const trace = await post(
      'Traceback (most recent call last):\n  File "/srv/a.py", line 1, in f\nValueError: x',
    );
    const refused = await act(trace.issue_id!, 'split', { record_id: trace.id });
    expect(refused.status).toBe(409);
    const covered: string[] = [];
    for (const user of ['ann', 'ben', 'cleo'])
      covered.push((await post(`session closed for user ${user}`)).issue_id!);
    const { body } = await backend.call('POST', `/api/issues/${covered[0]}/split`, {
      issue_ids: [covered[1]],
    });
    expect(body).toMatchObject({
      detail: expect.stringContaining('covered by the template "session closed for user <?>"'),
    });
  });
});
