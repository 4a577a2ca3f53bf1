import { describe, expect, it } from 'vitest';
import { gather, type WaitingAlert } from './gather.ts';
import { ownIssue } from './own-records.ts';
import { withoutEarlyEnds } from './pager-threads.ts';

const alert = (reason: string, parts: Partial<WaitingAlert> = {}): WaitingAlert => ({
  id: reason,
  recordId: 'record',
  bucket: 0,
  partIds: [],
  issueId: 'issue',
  fingerprint: 'f',
  service: 'api',
  reason,
  isFirst: false,
  episode: 'episode',
  held: 0,
  heldMuted: 0,
  note: null,
  count: 0,
  createdAt: '2026-11-22T10:00:00.000000Z',
  ...parts,
});

describe('a pager', () => {
  it('is told that something is over after it was told of it', () => {
    expect(withoutEarlyEnds([alert('new'), alert('over')])).toEqual([alert('new')]);
    expect(withoutEarlyEnds([alert('regressed'), alert('over')])).toEqual([alert('regressed')]);
  });

  it('is told at once of the end of what it was told of', () => {
    const waiting = [alert('still-failing'), alert('over'), alert('new', { episode: 'another' })];
    expect(withoutEarlyEnds(waiting)).toEqual(waiting);
  });

  it('is told that it is back, where it came back before a pager heard of it', () => {
    const waiting = [alert('new'), alert('over'), alert('regressed', { episode: 'next' })];
    expect(withoutEarlyEnds(waiting)).toEqual(waiting);
    expect(gather(waiting).shown.map(({ alert: { reason } }) => reason)).toEqual(['regressed']);
    expect(withoutEarlyEnds([...waiting, alert('over', { episode: 'next' })])).toEqual(waiting);
  });

  it('is not woken by what was amiss here and is in order again', () => {
    const fingerprint = ownIssue({ kind: 'agent-missing', subject: 'web-1' });
    const waiting = [alert('new', { fingerprint }), alert('over', { fingerprint })];
    expect(withoutEarlyEnds(waiting)).toEqual(waiting);
  });
});
