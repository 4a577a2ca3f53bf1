// Alerts that wait, episodes and budgets in memory: what alerting/dispatch.ts and alerting/episodes.ts keep in tables. What
// decides is theirs: planFor, gather, quietMs and writeMail are called as they are.

import { type AlertMemory, tellableAt } from '../alerting/decide.ts';
import {
  type DispatchSettings,
  loudOf,
  noiseAfterMail,
  planFor,
  type WaitingRecipient,
} from '../alerting/dispatch.ts';
import { beganCountOf, severityOver } from '../alerting/episodes.ts';
import { type Gathered, type GatheredIssue, gather, type WaitingAlert } from '../alerting/gather.ts';
import { issueSubject, type MailedIssue } from '../alerting/issue-mail.ts';
import { mailLinks } from '../alerting/links/links.ts';
import type { LinkKey } from '../alerting/links/token.ts';
import { dueAt, noiseReason, noiseShownBy, noiseWaitMs } from '../alerting/noise-alerts.ts';
import { quietMs } from '../alerting/policy.ts';
import { isPager, type Target } from '../alerting/targets.ts';
import { type Mailed, type MailedRecord, writeMail } from '../alerting/write-mail.ts';
import { byText } from '../db/values.ts';
import type { NewAlert } from '../ingest/types.ts';
import type { BudgetRow } from '../outbox/budgets.ts';
import type { MemoryIssue, MemoryIssues } from './memory-issues.ts';

/** A message that would have been sent. */
export interface ReplayedMail {
  /** Ms since the epoch. */
  at: number;
  to: Target;
  subject: string;
  reason: string;
  alerts: readonly WaitingAlert[];
}

type KeptAlert = WaitingAlert & Target;

interface Episode {
  id: string;
  issueId: string;
  fingerprint: string;
  service: string;
  subject: string;
  beganAt: string;
  beganCount: number;
  checkAt: number;
  /** Null: it goes on. */
  endedAt: number | null;
}

/** Who was told of an episode, as what, and what last. */
interface Told {
  target: Target;
  severities: (string | null)[];
  reason: string;
}

/** Signs the links of mails that nobody gets. */
export const replayKey: LinkKey = { number: 0, secret: Buffer.alloc(32) };

/** Most episodes looked at in one go. */
const maxChecked = 500;

export class MemoryOutbox {
  readonly #issues: MemoryIssues;
  readonly #records: ReadonlyMap<string, MailedRecord>;
  readonly #settings: DispatchSettings;
  readonly #newId: () => string;
  readonly #waiting = new Map<string, KeptAlert[]>();
  /** Whom each episode was told to. */
  readonly #told = new Map<string, Map<string, Told>>();
  readonly #episodes = new Map<string, Episode>();
  /** `count` of the latest end that a place was told of, by place and issue. */
  readonly #ends = new Map<string, number>();
  readonly #budgets = new Map<string, BudgetRow>();

  constructor(
    issues: MemoryIssues,
    records: ReadonlyMap<string, MailedRecord>,
    settings: DispatchSettings,
    newId: () => string,
  ) {
    this.#issues = issues;
    this.#records = records;
    this.#settings = settings;
    this.#newId = newId;
  }

  keep(alerts: readonly NewAlert[], createdAt: string): void {
    for (const { recipients, ...alert } of alerts)
      for (const { id, channel, toAddress } of recipients) {
        const kept: KeptAlert = {
          ...alert,
          id,
          channel,
          toAddress,
          heldMuted: alert.heldMuted ?? 0,
          note: alert.note ?? null,
          severity: alert.severity ?? null,
          createdAt,
        };
        const place = placeOf(kept);
        const waiting = this.#waiting.get(place);
        if (waiting) waiting.push(kept);
        else this.#waiting.set(place, [kept]);
        const told = this.#told.get(alert.episode) ?? new Map<string, Told>();
        const severities = told.get(place)?.severities ?? [];
        if (!severities.includes(alert.severity ?? null)) severities.push(alert.severity ?? null);
        told.set(place, { target: { channel, toAddress }, severities, reason: alert.reason });
        this.#told.set(alert.episode, told);
      }
  }

  /** As `dispatch`. */
  dispatch(now: number): { mails: ReplayedMail[]; nextAt: number | null } {
    const { policy, quiet } = this.#settings;
    const nextOver = this.#endQuietEpisodes(now);
    const untils = nextOver === null ? [] : [nextOver];
    const mails: ReplayedMail[] = [];
    for (const recipient of this.#recipients(now)) {
      const until = dueAt(recipient, now);
      if (until !== null) {
        untils.push(until);
        continue;
      }
      const quietUntil = quiet?.quietUntil(recipient, now) ?? null;
      if (quietUntil !== null) untils.push(quietUntil);
      const loud = quietUntil === null ? null : loudOf(recipient, this.#settings);
      if (loud?.length === 0) continue;
      const result = planFor(recipient, this.#budgets, policy, now);
      if (!result.send) {
        untils.push(result.until);
        continue;
      }
      for (const row of result.rows) this.#budgets.set(row.name, row);
      const { mail, isMoreWaiting } = this.#mailFor(recipient, loud, now);
      mails.push(mail);
      untils.push(...noiseAfterMail(recipient, policy, now));
      if (isMoreWaiting) untils.push(now + policy.digestMs);
    }
    return { mails, nextAt: untils.length > 0 ? Math.min(...untils) : null };
  }

  /** In the order of `readWaiting`. */
  #recipients(now: number): WaitingRecipient[] {
    const { enabled = true, channels = [] } = this.#settings;
    const known = new Set([...(enabled ? ['email'] : []), ...channels.map(({ name }) => name)]);
    return [...this.#waiting.values()]
      .filter((alerts) => alerts.length > 0 && known.has(alerts[0]!.channel))
      .map((alerts) => ({
        channel: alerts[0]!.channel,
        toAddress: alerts[0]!.toAddress,
        hasFirst: alerts.some(({ isFirst }) => isFirst),
        severities: [
          ...new Set(
            alerts
              .filter((alert) => !isNoise(alert) || Date.parse(alert.createdAt) <= now - noiseWaitMs)
              .map(({ severity }) => (severity ?? '').toLowerCase()),
          ),
        ],
        oldest: oldestOf(alerts.filter((alert) => !isNoise(alert))),
        oldestNoise: oldestOf(alerts.filter(isNoise)),
      }))
      .sort(
        (a, b) =>
          Number(b.hasFirst) - Number(a.hasFirst) ||
          (a.oldest ?? a.oldestNoise!) - (b.oldest ?? b.oldestNoise!) ||
          Number(a.channel !== 'email') - Number(b.channel !== 'email') ||
          byText(a.toAddress, b.toAddress),
      );
  }

  #mailFor(
    target: Target,
    only: readonly string[] | null,
    now: number,
  ): { mail: ReplayedMail; isMoreWaiting: boolean } {
    const place = placeOf(target);
    const waiting = this.#waiting.get(place) ?? [];
    const loud = waiting.filter(({ severity }) => only?.includes((severity ?? '').toLowerCase()));
    const issues = new Set(loud.map(({ issueId }) => issueId));
    const taken = only ? waiting.filter(({ issueId }) => issues.has(issueId)) : waiting;
    const endKey = ({ issueId }: WaitingAlert) => `${place}\0${issueId}`;
    const gathered = gather(
      taken
        .toSorted((a, b) => byText(a.id, b.id))
        .map((alert) => ({ ...alert, endedCount: this.#ends.get(endKey(alert)) ?? null })),
    );
    const subjects = this.#beginEpisodes(gathered.shown);
    const mailed = this.#mailed(gathered);
    const id = this.#newId();
    const { mail, reason } = writeMail(gathered, mailed, subjects, {
      ...this.#settings,
      id,
      links: mailLinks(replayKey, this.#settings, target.toAddress, id, now),
    });
    const carried = new Set([
      ...[...gathered.shown, ...gathered.unshown].flatMap(({ alertIds }) => alertIds),
      ...noiseShownBy(gathered, mailed.records, taken),
    ]);
    for (const alert of taken)
      if (alert.reason === 'over' && carried.has(alert.id)) this.#ends.set(endKey(alert), alert.count);
    this.#waiting.set(
      place,
      waiting.filter(({ id }) => !carried.has(id)),
    );
    return {
      mail: {
        at: now,
        to: { channel: target.channel, toAddress: target.toAddress },
        subject: mail.subject,
        reason,
        alerts: taken.filter(({ id }) => carried.has(id)),
      },
      isMoreWaiting: gathered.later.length > 0,
    };
  }

  #beginEpisodes(shown: readonly GatheredIssue[]): Map<string, string> {
    const subjects = new Map<string, string>();
    for (const { alert } of shown) {
      const { issueId } = alert;
      if (subjects.has(issueId)) continue;
      const [first] = [...this.#episodes.values()]
        .filter((episode) => episode.issueId === issueId)
        .sort((a, b) => byText(a.beganAt, b.beganAt));
      const issue = this.#issues.get(issueId);
      subjects.set(issueId, first?.subject ?? (issue ? issueSubject(issue) : ''));
    }
    for (const { alert, began } of shown) {
      const { episode: id, issueId, fingerprint, service, createdAt } = alert;
      if (isNoise(alert)) continue;
      const begins = !this.#episodes.has(id);
      if (begins)
        this.#episodes.set(id, {
          id,
          issueId,
          fingerprint,
          service,
          subject: subjects.get(issueId)!,
          beganAt: began.createdAt,
          beganCount: beganCountOf(began),
          checkAt: Date.parse(began.createdAt),
          endedAt: null,
        });
      const episode = this.#episodes.get(id)!;
      const at = Date.parse(createdAt);
      if (alert.reason !== 'over' && episode.endedAt !== null && episode.endedAt < at)
        Object.assign(episode, { endedAt: null, checkAt: at });
      for (const other of this.#episodes.values())
        if (
          begins &&
          other.issueId === issueId &&
          other.id !== id &&
          other.beganAt < episode.beganAt &&
          other.endedAt === null
        )
          other.endedAt = Date.parse(episode.beganAt);
    }
    return subjects;
  }

  #mailed({ shown }: Gathered): Mailed {
    const issues = new Map<string, MailedIssue>();
    for (const { alert } of shown) {
      const issue = this.#issues.get(alert.issueId);
      if (issue) issues.set(issue.id, issue);
    }
    return { issues, records: this.#records, episodes: this.#episodes };
  }

  /** As `endQuietEpisodes`. */
  #endQuietEpisodes(now: number): number | null {
    const open = [...this.#episodes.values()].filter(({ endedAt }) => endedAt === null);
    const due = open
      .filter(({ checkAt }) => checkAt <= now)
      .sort((a, b) => a.checkAt - b.checkAt)
      .slice(0, maxChecked);
    const over: { episode: Episode; issue: MemoryIssue }[] = [];
    for (const episode of due) {
      const issue = this.#issues.get(episode.issueId);
      if (!issue) {
        episode.endedAt = now;
        continue;
      }
      const overAt = this.#overAt(issue, now);
      // Whole ms, as the database keeps it.
      if (overAt > now && issue.state !== 'resolved') episode.checkAt = Math.trunc(overAt);
      else {
        episode.endedAt = Date.parse(issue.lastSeen);
        over.push({ episode, issue });
      }
    }
    this.#tellOver(over, now);
    const next = open.filter(({ endedAt }) => endedAt === null).map(({ checkAt }) => checkAt);
    return next.length > 0 ? Math.min(...next) : null;
  }

  #overAt({ rhythm, lastSeen, previousSeen, alertState }: MemoryIssue, now: number): number {
    const last = Date.parse(lastSeen);
    const longest = Math.max(rhythm * 1000, previousSeen === null ? 0 : last - Date.parse(previousSeen));
    const memory = alertState as AlertMemory | null;
    const cooldownMs = Math.max(this.#settings.policy.cooldownMs, memory?.cooldownMs ?? 0);
    return Math.max(last + quietMs(longest, cooldownMs), tellableAt(memory, now));
  }

  #tellOver(over: readonly { episode: Episode; issue: MemoryIssue }[], now: number): void {
    const { policy, channels } = this.#settings;
    const alerts = over.map(({ episode, issue }): NewAlert => {
      const isForAll = policy.whenOver && issue.state === 'open';
      const told = [...(this.#told.get(episode.id)?.values() ?? [])].filter(
        ({ reason }) => reason !== 'over',
      );
      return {
        recordId: issue.lastRecordId,
        bucket: 0,
        partIds: [],
        issueId: issue.id,
        fingerprint: episode.fingerprint,
        service: episode.service,
        reason: 'over',
        isFirst: false,
        episode: episode.id,
        held: Math.max(0, issue.count - (issue.notifiedCount ?? 0)),
        count: issue.count,
        severity: severityOver(told.flatMap(({ severities }) => severities)),
        recipients: told
          .filter(({ target }) => isForAll || isPager(target.channel, channels))
          .map(({ target }) => ({ ...target, id: this.#newId() })),
      };
    });
    this.keep(alerts, new Date(now).toISOString());
  }
}

function isNoise({ reason }: WaitingAlert): boolean {
  return reason === noiseReason;
}

function oldestOf(alerts: readonly WaitingAlert[]): number | null {
  return alerts.length === 0 ? null : Math.min(...alerts.map(({ createdAt }) => Date.parse(createdAt)));
}

function placeOf({ channel, toAddress }: Target): string {
  return `${channel}\0${toAddress}`;
}
