import { describe, expect, it } from 'vitest';
import { type IssueAlert, renderIssueMail } from './issue-mail.ts';

const at = '2026-11-22T10:00:00.123456Z';
const later = '2026-11-22T10:00:07.000000Z';

/** Of one record, all within a second, by a container without labels. */
const alert = (parts: { issue?: object; content?: object } = {}): IssueAlert => ({
  reason: 'new',
  held: 0,
  subject: 'shop on web-1: shop broke',
  actions: [{ purpose: 'mute-hour', label: 'Mute for an hour', url: 'https://logs.example.com/act/x' }],
  issue: {
    id: 'i',
    service: 'shop',
    title: 'shop broke',
    severity: 'error',
    count: 1,
    firstSeen: at,
    lastSeen: at,
    hosts: ['web-1'],
    containers: ['shop'],
    ...parts.issue,
  },
  content: {
    recordId: 'r',
    host: 'web-1',
    container: 'shop',
    severity: 'error',
    message: 'ERROR: shop broke',
    occurredAt: at,
    receivedAt: at,
    contextBefore: ['a line before'],
    contextAfter: ['a line after'],
    ...parts.content,
  },
});
const written = (parts?: Parameters<typeof alert>[0]) =>
  renderIssueMail(alert(parts), {
    record: (id) => `https://logs.example.com/records/${id}/t`,
    issue: (id) => `https://logs.example.com/issues/${id}/t`,
  });
/** The rows of facts. */
const rowsOf = (text: string) => text.split('\n').filter((line) => /^[A-Z][a-z ]+: /.test(line));
const inOrder = (text: string, parts: string[]) => {
  const places = parts.map((part) => text.indexOf(part));
  expect(places).not.toContain(-1);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
};

describe('the mail about one issue', () => {
  it('shows the error first, then what is known of it, then the lines around it', () => {
    const { text, html } = written();
    inOrder(text, [
      'never seen before',
      'ERROR: shop broke',
      'Host: web-1',
      'a line before',
      'a line after',
      'act/x',
    ]);
    inOrder(html, [
      'never seen before',
      'ERROR: shop broke',
      'act/x',
      '>Host<',
      'a line before',
      'a line after',
    ]);
  });

  it('has what can be done above an error that is long', () => {
    const message = `ERROR: shop broke ${'x'.repeat(3000)}`;
    const { text, html } = written({ content: { message } });
    inOrder(html, ['act/x', 'Open the record', 'ERROR: shop broke', '>Host<']);
    inOrder(text, ['Record: ', 'ERROR: shop broke']);
  });

  it('says nothing twice, and not that something was not given', () => {
    expect(rowsOf(written().text)).toEqual([
      'Host: web-1',
      'Container: shop',
      'Severity: error',
      'Occurred at: 2026-11-22 10:00:00 UTC',
      'Record: https://logs.example.com/records/r/t',
      'All records: https://logs.example.com/issues/i/t',
    ]);
    expect(rowsOf(written({ content: { occurredAt: null } }).text)).toContain(
      'Received at: 2026-11-22 10:00:00 UTC',
    );
  });

  it('says what differs', () => {
    const { text } = written({
      issue: { service: 'shop/web', count: 1234, firstSeen: '2026-11-21T00:00:00.000000Z', lastSeen: later },
      content: { receivedAt: '2026-11-22T10:00:01.000000Z' },
    });
    for (const row of [
      'Service: shop/web',
      'Received at: 2026-11-22 10:00:01 UTC',
      'First seen: 2026-11-21 00:00:00 UTC',
      'Last seen: 2026-11-22 10:00:07 UTC',
      'Records: 1,234 in all',
    ])
      expect(rowsOf(text)).toContain(row);
  });
});
