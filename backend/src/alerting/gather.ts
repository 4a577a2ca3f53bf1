// The alerts that wait for one recipient -> what one mail carries: a single issue, or a roll-up. Pure.

import { maxShown } from './roll-up-mail.ts';

/** A row of `alerts` that waits. */
export interface WaitingAlert {
  id: string;
  recordId: string;
  bucket: number;
  partIds: readonly string[];
  issueId: string;
  fingerprint: string;
  service: string;
  reason: string;
  isFirst: boolean;
  episode: string;
  held: number;
  heldMuted: number;
  muteNote: string | null;
  count: number;
  /** That it is told as; null or left out: its record's. */
  severity?: string | null;
  /** ISO 8601. */
  createdAt: string;
}

/** One issue's alerts, as one. */
export interface GatheredIssue {
  /** The one that the mail tells of. */
  alert: WaitingAlert;
  isFirst: boolean;
  held: number;
  /** Of these, while it was muted. */
  heldMuted: number;
  alertIds: string[];
}

export interface Gathered {
  /** In the order to be shown: those never told of, as they came; then the busiest. */
  shown: GatheredIssue[];
  /** Counted, but not shown. */
  unshown: GatheredIssue[];
  /** Issues never told of that wait for the next mail. */
  later: GatheredIssue[];
}

/** So many issues never told of, waiting at once, are each shown by a later mail; of more than that the rest is counted. */
export const maxWaitingFirsts = 5000;

/** @param waiting in the order they came. */
export function gather(waiting: readonly WaitingAlert[]): Gathered {
  const byIssue = new Map<string, GatheredIssue>();
  for (const alert of waiting) {
    const known = byIssue.get(alert.issueId);
    if (!known)
      byIssue.set(alert.issueId, {
        alert,
        isFirst: alert.isFirst,
        held: alert.held,
        heldMuted: alert.heldMuted,
        alertIds: [alert.id],
      });
    else {
      known.alertIds.push(alert.id);
      known.held += alert.held;
      known.heldMuted += alert.heldMuted;
      // That it is new, or came back, says more than that it went on; that it is over, most.
      if (alert.reason === 'over' || known.alert.reason === 'still-failing') known.alert = alert;
    }
  }
  const issues = [...byIssue.values()];
  const firsts = issues.filter(({ isFirst }) => isFirst);
  const others = issues
    .filter(({ isFirst }) => !isFirst)
    .sort((a, b) => b.held - a.held || b.alert.count - a.alert.count);
  const isTooMany = firsts.length > maxWaitingFirsts;
  const shown = [...firsts.slice(0, maxShown), ...others.slice(0, Math.max(0, maxShown - firsts.length))];
  const shownOthers = shown.length - Math.min(firsts.length, maxShown);
  return {
    shown,
    unshown: [...(isTooMany ? firsts.slice(maxShown) : []), ...others.slice(shownOthers)],
    later: isTooMany ? [] : firsts.slice(maxShown),
  };
}
