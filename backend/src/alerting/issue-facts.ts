// An issue as ingest counted it -> what decide asks of it; and what it decided -> what is to be remembered of the issue. Pure.

import type { Issue, IssueNote, StoredRecord } from '../ingest/types.ts';
import type { AlertMemory, IssueDecision, IssueFacts } from './decide.ts';
import type { MuteState } from './mute.ts';

export function factsOf(issue: Issue, muteState: MuteState): IssueFacts {
  return {
    isNew: issue.isNew,
    isRegressed: issue.isRegressed,
    isMuted: muteState === 'holds',
    muteEnded: muteState === 'none' || muteState === 'holds' ? null : muteState,
    pauseMs: issue.previousSeen === null ? null : Date.parse(issue.lastSeen) - Date.parse(issue.previousSeen),
    usualPauseMs: issue.usualPauseMs,
    windowCount: issue.windowCount,
    windowPeak: issue.windowPeak,
    alertedAt: issue.notifiedAt === null ? null : Date.parse(issue.notifiedAt),
    memory: issue.alertState as AlertMemory | null,
  };
}

export function noteOf(
  issue: Issue,
  record: StoredRecord,
  decision: IssueDecision,
  alertState: AlertMemory,
  now: number,
): IssueNote {
  return {
    issue,
    recordId: record.id,
    notifiedAt: decision.notify ? new Date(now).toISOString() : issue.notifiedAt,
    notifiedCount: decision.notify ? issue.count - issue.added + 1 : issue.notifiedCount,
    alertState,
  };
}
