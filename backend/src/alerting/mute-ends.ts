// A mute that ended, in words and in numbers: what the mail after it says.

import type { Issue } from '../ingest/types.ts';
import type { MuteState } from './mute.ts';
import { headerSafe } from './text.ts';

/** Which mute ended, and why; null: none did. */
export function muteNoteOf(issue: Issue, state: MuteState): string | null {
  const by = issue.mute ? ` by ${headerSafe(issue.mute.by)}` : '';
  switch (state) {
    case 'none':
    case 'holds':
      return null;
    case 'time':
      return `The time is over for which it was muted${by}.`;
    case 'count':
      return `It was muted${by} until it has ${number(issue.mutedUntilCount)} records, and now it has ${number(issue.count)}.`;
    case 'worse':
      return `It was muted${by} until it is twice as bad, which was ${number(issue.mute?.limit)} records in five minutes: there are ${number(issue.windowCount)} now.`;
    case 'deployed':
      return `It was muted${by} until the next deployment: a record of another image came.`;
  }
}

/** Records held back by mutes that are over, since the issue's alert before. */
export function heldByMutes(issue: Issue, state: MuteState): number {
  if (state === 'none' || state === 'holds' || issue.mute === null) return issue.mutedHeld;
  return issue.mutedHeld + Math.max(0, issue.count - issue.added - issue.mute.count);
}

function number(n: number | null | undefined): string {
  return (n ?? 0).toLocaleString('en-US');
}
