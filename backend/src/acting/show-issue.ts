// An issue's link -> its page: how it stands, and its newest records. Changes nothing.

import type { IssueWithMerged } from '@log-detector/contract';
import { counted, fewOf, readableTime } from '../alerting/states.ts';
import { cutMiddle, headerSafe } from '../alerting/text.ts';
import { newestOfIssue } from '../search/read-records.ts';
import { readIssue } from '../triage/read-issues.ts';
import { messagePage } from './fault-pages.ts';
import { isHeldByRule } from './held-by-rule.ts';
import { facts, heading, log, page, paragraph, quiet } from './page.ts';
import type { Answer } from './read-signed.ts';
import { actingParts, lineChars, oneLine, openReading, recordList } from './reading.ts';
import type { ActingParts } from './routes.ts';
import { isTakenOff } from './unsubscribe.ts';
import { stateInWords } from './words.ts';

const newestRecords = 50;

export async function showIssue(parts: ActingParts, id: string, token: string): Promise<Answer> {
  const signed = await openReading(parts, 'issue', id, token);
  if ('html' in signed) return signed;
  const { link, now } = signed;
  if (await isTakenOff(parts.pool, link.recipient, parts.to ?? []))
    return messagePage(
      403,
      'You are told of this no more',
      `${link.recipient} gets no more mails of Log Detector, and is not shown what came after them. The link to the record of each mail still works.`,
      [],
    );
  const issue = await readIssue(parts.pool, id, new Date(now).toISOString());
  if (!issue) return messagePage(404, 'This issue is gone', 'There is no such issue any more.', []);
  const newest = await newestOfIssue(parts.pool, issue.id, {
    limit: newestRecords,
    chars: lineChars,
    now,
  });
  const html = page(
    `Issue of ${oneLine(issue.service, 80)}`,
    [
      ...issueFacts(issue, await isHeldByRule(parts, issue, now)),
      ...actingParts(issue.id, signed),
      heading('Its newest records'),
      newest.length > 0
        ? recordList(newest, signed)
        : paragraph('None is kept any more: records are kept for RETENTION_DAYS.'),
      ...(newest.length === newestRecords
        ? [
            quiet(
              `These are the newest ${newestRecords}. The API lists all of them: /api/logs?issue_id=${issue.id}`,
            ),
          ]
        : []),
    ],
    { wide: true },
  );
  return { status: 200, html };
}

/** @param isHeld by a rule. */
export function issueFacts(issue: IssueWithMerged, isHeld: boolean): string[] {
  return [
    log(cutMiddle(headerSafe(issue.title).trim() || '(no text)', 600, () => ' … ')),
    facts([
      ['State', headerSafe(stateInWords(issue, isHeld))],
      ['Service', oneLine(issue.service, 300)],
      ['Hosts', headerSafe(fewOf(issue.hosts))],
      ['Containers', headerSafe(fewOf(issue.containers))],
      ['Records', counted(issue.count, 'record', 'records')],
      ['First seen', readableTime(issue.first_seen)],
      ['Last seen', readableTime(issue.last_seen)],
    ]),
  ];
}
