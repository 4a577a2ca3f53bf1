// What the pages say: the question before, what it means, and what was done.

import type { Issue } from '@log-detector/contract';
import type { IssuePurpose } from '../alerting/links/purposes.ts';
import { counted, readableTime } from '../alerting/states.ts';
import type { StateChange } from '../triage/change-issues.ts';

export interface Words {
  question: string;
  meaning: string;
  button: string;
  done: string;
}

const counting =
  'What comes meanwhile is stored and counted, and the next mail says how many were held back.';

export const words: Record<IssuePurpose, Words> = {
  'mute-hour': {
    question: 'Mute this issue for an hour?',
    meaning: `Nobody gets mails of it for an hour. ${counting}`,
    button: 'Mute for an hour',
    done: 'Muted for an hour',
  },
  'mute-worse': {
    question: 'Mute this issue until it is twice as bad?',
    meaning: `Nobody gets mails of it until it makes twice as many records in five minutes as it ever did, or does now; ten at least. ${counting}`,
    button: 'Mute until twice as bad',
    done: 'Muted until it is twice as bad',
  },
  'mute-deployed': {
    question: 'Mute this issue until the next deployment?',
    meaning: `Nobody gets mails of it until it comes from a container with another image than now. ${counting}`,
    button: 'Mute until the next deployment',
    done: 'Muted until the next deployment',
  },
  'mute-ever': {
    question: 'Mute this issue for ever?',
    meaning: `Nobody gets mails of it until someone unmutes it. ${counting}`,
    button: 'Mute for ever',
    done: 'Muted until someone unmutes it',
  },
  open: {
    question: 'Unmute this issue?',
    meaning: 'It is open again, and alerts as any other.',
    button: 'Unmute',
    done: 'The issue is open',
  },
  resolve: {
    question: 'Resolve this issue?',
    meaning: 'It counts as dealt with. The next record of it is told at once, as a regression.',
    button: 'Resolve',
    done: 'Resolved',
  },
  'not-an-error': {
    question: 'Is this not an error?',
    meaning:
      'A rule is added that holds back the alerts of what is like it. Records are still stored, and the rule can be removed again.',
    button: 'Not an error: add the rule',
    done: 'The rule was added',
  },
};

/** What a link does to the issue's state. @param now ISO 8601. */
export function changeOf(purpose: Exclude<IssuePurpose, 'not-an-error'>, now: string): StateChange {
  switch (purpose) {
    case 'mute-hour':
      return { state: 'muted', mutedUntil: new Date(Date.parse(now) + 3_600_000).toISOString() };
    case 'mute-worse':
      return { state: 'muted', mutedUntilState: 'worse' };
    case 'mute-deployed':
      return { state: 'muted', mutedUntilState: 'deployed' };
    case 'mute-ever':
      return { state: 'muted' };
    case 'open':
      return { state: 'open' };
    case 'resolve':
      return { state: 'resolved' };
  }
}

/** `Muted by a@example.org until …; 12 records were held back since.` @param isHeld by a rule, whatever its state. */
export function stateInWords(issue: Issue, isHeld: boolean): string {
  if (issue.state === 'open') return isHeld ? 'Open, but a rule holds its alerts back.' : 'Open: it alerts.';
  if (issue.state === 'resolved')
    return issue.resolved_at === null ? 'Resolved.' : `Resolved on ${readableTime(issue.resolved_at)}.`;
  const { mute } = issue;
  const by = mute ? ` by ${mute.by}` : '';
  const held = mute ? issue.count - mute.count : 0;
  const since = held > 0 ? ` ${counted(held, 'record was', 'records were')} held back since.` : '';
  return `Muted${by} ${untilOf(issue)}.${since}`;
}

function untilOf({ mute, muted_until, muted_until_count }: Issue): string {
  if (muted_until !== null) return `until ${readableTime(muted_until)}`;
  if (muted_until_count !== null) return `until it has ${counted(muted_until_count, 'record', 'records')}`;
  if (mute?.until === 'worse')
    return `until it is twice as bad: ${counted(mute.limit ?? 0, 'record', 'records')} in five minutes`;
  if (mute?.until === 'deployed')
    return `until a record of another image than ${(mute.images ?? []).slice(0, 3).join(', ')} comes`;
  return 'until someone unmutes it';
}
