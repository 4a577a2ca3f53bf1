import { describe, expect, it } from 'vitest';
import { mailLinks } from './links/links.ts';
import { maxShown, renderRollUp } from './roll-up-mail.ts';

const id = '019aabcd-0000-7000-9000-000000000001';
const at = '2026-11-22T10:00:00.000Z';
const later = '2026-11-22T10:00:07.000Z';

describe('a roll-up of as many issues as it may list', () => {
  it.each([
    ['ops@example.org', 'https://logs.example.com'],
    [
      'a.rather.long.name.of.someone@a-department.of-a-long-company.example.com',
      'https://log-detector.internal.a-long-company.example.com/observability/logs',
    ],
  ])('stays under the 102 KB at which Gmail clips, sent to %s', (recipient, baseUrl) => {
    const links = mailLinks({ number: 1, secret: Buffer.alloc(32) }, { baseUrl }, recipient, id, 0);
    const issue = {
      id,
      service: 's'.repeat(60),
      title: `<<<${'t'.repeat(200)}`,
      severity: 'error',
      count: 1_000_000,
      firstSeen: at,
      lastSeen: later,
      hosts: ['h'.repeat(60), 'i'.repeat(60), 'j'.repeat(60)],
      containers: [],
    };
    const items = Array.from({ length: maxShown }, () => ({
      reason: 'still-failing',
      recordId: id,
      held: 100_000,
      message: 'x',
      act: links.choose(id),
      issue,
    }));
    const issuesByReason = new Map([['still-failing', maxShown]]);
    const rollUp = { items, issuesByReason, held: 1, more: 0, unsubscribe: links.unsubscribe };
    const { html, text } = renderRollUp(rollUp, links);
    expect(Buffer.byteLength(html)).toBeLessThan(102_000);
    for (const part of [html, text]) expect(part.split(links.choose(id).url)).toHaveLength(maxShown + 1);
  });
});

describe('a line of a roll-up', () => {
  it.each([
    [later, 'first 2026-11-22 10:00:00 UTC, last 2026-11-22 10:00:07 UTC'],
    [at, '2026-11-22 10:00:00 UTC'],
  ])('says when its records came, and one time once: last seen at %s', (lastSeen, expected) => {
    const links = mailLinks({ number: 1, secret: Buffer.alloc(32) }, { baseUrl: 'http://l' }, 'a@b', id, 0);
    const issue = {
      ...{ id, service: 'api', title: 'broke', severity: 'error', count: 1, containers: [] },
      ...{ firstSeen: at, lastSeen, hosts: ['web-1'] },
    };
    const item = { reason: 'new', recordId: id, held: 0, message: 'x', act: links.choose(id), issue };
    const rollUp = { items: [item], issuesByReason: new Map([['new', 1]]), held: 0, more: 0 };
    const { text } = renderRollUp({ ...rollUp, unsubscribe: links.unsubscribe }, links);
    expect(text).toContain(`api on web-1; 1 record; ${expected}\n`);
  });
});
