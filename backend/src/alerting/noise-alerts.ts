// An issue that is held back as noise of containers that start or stop, for the first time -> an alert that wakes nobody: it
// waits for a roll-up that goes out anyway, a day at most. So what was printed once, and never again, is in some mail, and a
// rolling restart makes none. What stays is told as new before that, and then its mail carries this alert too.

import type { HeldReason, Issue, NewAlert } from '../ingest/types.ts';
import type { AlertMemory } from './decide.ts';
import type { Gathered, WaitingAlert } from './gather.ts';
import { type AlertChannel, isPager, type Target } from './targets.ts';

export const noiseReason = 'starting-or-stopping' satisfies HeldReason & NewAlert['reason'];

/** When no roll-up took it along by then, it goes out by itself. */
export const noiseWaitMs = 24 * 3_600_000;

/** Whether nobody was told of the issue, and nothing of it was kept for a mail. */
export function isFirstNoise(decision: { notify: boolean; reason: string }, issue: Issue): boolean {
  if (decision.notify || decision.reason !== noiseReason || issue.notifiedAt !== null) return false;
  return (issue.alertState as AlertMemory | null)?.noise === undefined;
}

/** A pager is for what is open, and this is over. */
export function placesOfNoise(places: readonly Target[], channels: readonly AlertChannel[]): Target[] {
  return places.filter(({ channel }) => !isPager(channel, channels));
}

/**
 * What waits of issues that a mail about another one shows too, because their records share a `coalesce_id`: it is told with it.
 * @param records those that the mail shows, by id. @param waiting for the same recipient. @returns ids of alerts.
 */
export function noiseShownBy(
  { shown }: Gathered,
  records: ReadonlyMap<string, { issueId: string }>,
  waiting: readonly WaitingAlert[],
): string[] {
  if (shown.length !== 1) return [];
  const issues = new Set(shown[0]!.alert.partIds.map((id) => records.get(id)?.issueId));
  return waiting
    .filter(({ reason, issueId }) => reason === noiseReason && issues.has(issueId))
    .map(({ id }) => id);
}

/** What waits for one recipient. Times in ms since the epoch. */
export interface Waits {
  /** Of what is no noise; null: there is none. */
  oldest: number | null;
  oldestNoise: number | null;
}

/** From when on there is a mail to write; null: from now on. */
export function dueAt({ oldest, oldestNoise }: Waits, now: number): number | null {
  if (oldest !== null || oldestNoise === null || oldestNoise + noiseWaitMs <= now) return null;
  return oldestNoise + noiseWaitMs;
}
