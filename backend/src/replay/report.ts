// A comparison -> what `log-detector rules test` prints.

import { counted, readableTime } from '../alerting/states.ts';
import type { ComparedAlert, ComparedMail, Comparison } from './compare.ts';

export interface ReportNames {
  /** As the user gave it. */
  file: string;
  proposed: string;
  inForce: string;
}

/** Most lines of each list. */
const mostLines = 40;

export function reportText(comparison: Comparison, names: ReportNames): string {
  const { records, issues, from, to, proposed, inForce, noLonger, anew, decisions } = comparison;
  if (records === 0)
    return 'There are no records to replay; give --since a longer time, or --fixtures a file.\n';
  const span = `${readableTime(from!)} to ${readableTime(to!)}`;
  return [
    `Replayed ${counted(records, 'record', 'records')} of ${counted(issues, 'issue', 'issues')}, ${span}.`,
    '',
    `${names.file} (${names.proposed}) would have sent ${counted(proposed.length, 'mail', 'mails')}${proposed.length > 0 ? ':' : '.'}`,
    ...limited(proposed.map(mailLine)),
    `The rules now in force (${names.inForce}) would have sent ${counted(inForce.length, 'mail', 'mails')}.`,
    '',
    noLonger.length === 0 ? 'Nothing would no longer alert.' : 'These would no longer alert:',
    ...limited(noLonger.map(alertLine)),
    anew.length === 0 ? 'Nothing would alert that did not.' : 'These would alert anew:',
    ...limited(anew.map(alertLine)),
    'Decisions of the records:',
    ...Object.entries(decisions)
      .toSorted(([, a], [, b]) => b - a)
      .map(([reason, n]) => `  ${reason} ${n.toLocaleString('en-US')}`),
    '',
  ].join('\n');
}

function mailLine({ at, to, subject, rules }: ComparedMail): string {
  return `  ${readableTime(at)}  ${to}  ${subject}${byRules(rules)}`;
}

function alertLine({ at, to, state, service, issue, because, rules }: ComparedAlert): string {
  return `  ${readableTime(at)}  ${to}  ${service}: ${oneLine(issue)} (${state}); ${because}${byRules(rules)}`;
}

function byRules(rules: readonly string[]): string {
  return rules.length > 0 ? `  [${rules.map((name) => `"${name}"`).join(', ')}]` : '';
}

function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').trim();
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
}

/** With an empty line after them, where there are any. */
function limited(lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  const more = lines.length - mostLines;
  return [...lines.slice(0, mostLines), ...(more > 0 ? [`  … and ${more} more (--json has all)`] : []), ''];
}
