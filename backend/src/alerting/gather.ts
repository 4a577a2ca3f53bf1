// The alerts that wait for one recipient -> what one mail carries: a single issue, or a roll-up. Pure.

import { noiseReason } from './noise-alerts.ts';
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
  note: string | null;
  /** Records of the issue before its batch; of an end, all of them. */
  count: number;
  /** `count` of the latest end of the issue that the recipient was told of, and with it of all that was held back until then. */
  endedCount?: number | null;
  /** That it is told as; null or left out: its record's. */
  severity?: string | null;
  /** ISO 8601. */
  createdAt: string;
}

/** One issue's alerts, as one. */
export interface GatheredIssue {
  /** The one that the mail tells of. */
  alert: WaitingAlert;
  /** What that one's episode began with, of what waits: the same one, unless the mail tells of its end too. */
  began: WaitingAlert;
  isFirst: boolean;
  held: number;
  /** Of these, while it was muted. */
  heldMuted: number;
  alertIds: string[];
  /** Episodes that are over by the last of its alerts: several, where issues were merged. */
  over: Set<string>;
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

/**
 * What is noise of a start or stop goes with what makes a roll-up anyway, as far as there is room, or out by itself; it does
 * not make a roll-up of the mail about one issue. The rest of it goes on waiting.
 * @param waiting in the order they came.
 */
export function gather(waiting: readonly WaitingAlert[]): Gathered {
  const byIssue = new Map<string, GatheredIssue>();
  /** By episode. */
  const begun = new Map<string, WaitingAlert>();
  /** `count` of the latest end, by issue. */
  const ends = new Map<string, number>();
  for (const alert of waiting) {
    const held = heldSinceEnd(alert, ends.get(alert.issueId));
    const heldMuted = Math.min(alert.heldMuted, held);
    if (alert.reason === 'over') ends.set(alert.issueId, alert.count);
    if (alert.reason !== noiseReason && !begun.has(alert.episode)) begun.set(alert.episode, alert);
    const known = byIssue.get(alert.issueId);
    if (!known)
      byIssue.set(alert.issueId, {
        alert,
        began: alert,
        isFirst: alert.isFirst,
        held,
        heldMuted,
        alertIds: [alert.id],
        over: new Set(alert.reason === 'over' ? [alert.episode] : []),
      });
    else {
      known.alertIds.push(alert.id);
      known.isFirst ||= alert.isFirst;
      known.held += held;
      known.heldMuted += heldMuted;
      if (alert.reason === 'over') known.over.add(alert.episode);
      else known.over.delete(alert.episode);
      const before = known.alert;
      if (saysMore(alert.reason, before.reason)) known.alert = alert;
      known.alert = asWorst(known.alert, [before, alert]);
    }
  }
  const all = [...byIssue.values()];
  for (const issue of all) issue.began = begun.get(issue.alert.episode) ?? issue.alert;
  const noise = all.filter(({ alert }) => alert.reason === noiseReason);
  const issues = all.filter(({ alert }) => alert.reason !== noiseReason);
  if (issues.length === 0) return { shown: noise.slice(0, maxShown), unshown: [], later: [] };
  const firsts = issues.filter(({ isFirst }) => isFirst);
  const others = issues
    .filter(({ isFirst }) => !isFirst)
    .sort((a, b) => b.held - a.held || b.alert.count - a.alert.count);
  const isTooMany = firsts.length > maxWaitingFirsts;
  const shown = [...firsts.slice(0, maxShown), ...others.slice(0, Math.max(0, maxShown - firsts.length))];
  const shownOthers = shown.length - Math.min(firsts.length, maxShown);
  const along = issues.length > 1 ? noise.slice(0, maxShown - shown.length) : [];
  return {
    shown: [...shown, ...along],
    unshown: [...(isTooMany ? firsts.slice(maxShown) : []), ...others.slice(shownOthers)],
    later: isTooMany ? [] : firsts.slice(maxShown),
  };
}

const worst = /^(fatal|critical)$/i;

/** Told as the worst of its issue's alerts: quiet hours let them through by that. What is noise alone wakes nobody. */
function asWorst(alert: WaitingAlert, alerts: readonly WaitingAlert[]): WaitingAlert {
  const bad = alerts.find(({ reason, severity }) => reason !== noiseReason && worst.test(severity ?? ''));
  return !bad || worst.test(alert.severity ?? '') ? alert : { ...alert, severity: bad.severity ?? null };
}

/** What an end has told was told: what comes after it counts on from there. */
function heldSinceEnd({ held, count, endedCount }: WaitingAlert, ended = endedCount ?? null): number {
  // Where there are fewer than at the end, some were split off since.
  return ended === null || count < ended ? held : Math.min(held, count - ended);
}

/**
 * That it is new, or came back, says more than that it went on; that it is over, most, unless it goes on since.
 * @param before the reason of an alert of the same issue that came before.
 */
function saysMore(reason: string, before: string): boolean {
  if (reason === 'over' || isLess(before)) return true;
  return before === 'over' && reason !== noiseReason;
}

function isLess(reason: string): boolean {
  return reason === 'still-failing' || reason === noiseReason;
}
