// A record's link -> its page: the record as it is, the issue it belongs to, and the newest records of that. Changes nothing.

import type { LogRecord } from '@log-detector/contract';
import { readableTime } from '../alerting/states.ts';
import { bodySafe } from '../alerting/text.ts';
import { newestOfIssue, readRecord } from '../search/read-records.ts';
import { readIssue } from '../triage/read-issues.ts';
import { messagePage } from './fault-pages.ts';
import { isHeldByRule } from './held-by-rule.ts';
import { facts, heading, log, page, readingLink } from './page.ts';
import type { Answer, Signed } from './read-signed.ts';
import { actingParts, lineChars, oneLine, openReading, pathTo, recordList } from './reading.ts';
import type { ActingParts } from './routes.ts';
import { issueFacts } from './show-issue.ts';
import { isTakenOff } from './unsubscribe.ts';

/** Of fields and of labels; and of each value, in characters. */
const maxPairs = 100;
const maxValueChars = 2000;
const newestRecords = 5;

export async function showRecord(parts: ActingParts, id: string, token: string): Promise<Answer> {
  const signed = await openReading(parts, 'record', id, token);
  if ('html' in signed) return signed;
  const record = await readRecord(parts.pool, id);
  if (!record)
    return messagePage(
      404,
      'This record is gone',
      'Records are kept for RETENTION_DAYS, and this one is no longer there.',
      [],
    );
  return { status: 200, html: page(titleOf(record), await partsOf(parts, record, signed), { wide: true }) };
}

function titleOf({ severity, container, host }: LogRecord): string {
  return `${oneLine(severity.toUpperCase(), 50)} ${oneLine(container, 80)} on ${oneLine(host, 80)}`;
}

async function partsOf(parts: ActingParts, record: LogRecord, signed: Signed): Promise<string[]> {
  const { context_before: before, context_after: after, fields, labels } = record;
  const issue = await issueOf(parts, record, signed);
  return [
    facts(factsOf(record)),
    ...(issue.length > 0 ? [readingLink('Its issue, below', '#issue')] : []),
    ...textOf('Lines before', before),
    heading('Message'),
    log(bodySafe(record.message) || '(no text)'),
    ...textOf('Lines after', after),
    ...pairsOf('Fields', fields),
    ...pairsOf('Labels', labels),
    ...issue,
  ];
}

function factsOf(record: LogRecord): [string, string][] {
  const rows: [string, string | null][] = [
    ['Host', record.host],
    ['Container', record.container],
    ['Image', record.image],
    ['Severity', record.severity],
    ['Stream', record.stream],
    ['Occurred at', record.occurred_at && readableTime(record.occurred_at)],
    ['Received at', readableTime(record.received_at)],
    ['Record', record.id],
  ];
  return rows.flatMap(([name, value]) => (value === null ? [] : [[name, shownValue(value)]]));
}

function textOf(title: string, lines: readonly string[] | null): string[] {
  return lines && lines.length > 0 ? [heading(title), log(bodySafe(lines.join('\n')))] : [];
}

function pairsOf(title: string, values: Readonly<Record<string, unknown>> | null): string[] {
  const pairs = Object.entries(values ?? {});
  if (pairs.length === 0) return [];
  const shown = pairs
    .slice(0, maxPairs)
    .map(([name, value]): [string, string] => [
      oneLine(name, 200),
      shownValue(typeof value === 'string' ? value : JSON.stringify(value)),
    ]);
  const more = pairs.length - shown.length;
  return [heading(title), facts(more > 0 ? [...shown, ['…', `${more} more`]] : shown)];
}

function shownValue(value: string): string {
  return oneLine(value, maxValueChars);
}

/** Nothing for whoever was taken off: it tells of what came after their mail. */
async function issueOf(parts: ActingParts, record: LogRecord, signed: Signed): Promise<string[]> {
  const { pool, to = [] } = parts;
  if (record.issue_id === null || (await isTakenOff(pool, signed.link.recipient, to))) return [];
  const issue = await readIssue(pool, record.issue_id, new Date(signed.now).toISOString());
  if (!issue) return [];
  const newest = await newestOfIssue(pool, issue.id, {
    limit: newestRecords + 1,
    chars: lineChars,
    now: signed.now,
  });
  const others = newest.filter(({ id }) => id !== record.id).slice(0, newestRecords);
  return [
    heading('The issue', 'issue'),
    ...issueFacts(issue, await isHeldByRule(parts, issue, signed.now)),
    ...actingParts(issue.id, signed),
    ...(others.length > 0 ? [heading('Its newest other records'), recordList(others, signed)] : []),
    readingLink('All records of this issue', pathTo('issue', issue.id, signed)),
  ];
}
