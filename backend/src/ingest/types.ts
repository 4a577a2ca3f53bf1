// The nouns of ingest, in the order a record becomes them: IncomingRecord -> (group) -> StoredRecord -> Decision.
// Alerting and grouping know ingest by these types alone. Instants are ISO 8601 text with microseconds and `Z`.

import type { LinkKey } from '../alerting/links/token.ts';
import type { MessageFacts } from '../channels/channel.ts';

/** A record that was checked and cleaned (NUL is U+2400, a lone surrogate U+FFFD) and not stored yet. */
export interface IncomingRecord {
  host: string;
  container: string;
  /** Part of an issue's key beside the fingerprint: compose service, or the container without its replica suffix. */
  service: string;
  severity: string;
  message: string;
  /** Lower-case hex SHA-256 of the message's UTF-8 bytes as sent, before cleaning. */
  logHash: string;
  occurredAt: string | null;
  eventId: string | null;
  stream: string | null;
  image: string | null;
  labels: Record<string, string> | null;
  fields: Record<string, unknown> | null;
  contextBefore: string[] | null;
  contextAfter: string[] | null;
  coalesceId: string | null;
  /** The issue of Log Detector's own records (alerting/own-records.ts); what others send is grouped by its text. */
  group?: Group | undefined;
}

/** What grouping says of a record: equal fingerprint and service make one issue. */
export interface Group {
  fingerprint: string;
  title: string;
}

/** Sorts records into groups, one answer per record, in order. Deterministic across replicas. */
export interface Grouping {
  group(records: readonly IncomingRecord[]): Promise<Group[]>;
}

export type IssueState = 'open' | 'muted' | 'resolved';

/** Why an issue is muted, and what ends it beside `mutedUntil` and `mutedUntilCount`. Kept as JSON in `issues.mute`. */
export interface Mute {
  /** A recipient, or `api`. */
  by: string;
  /** ISO 8601. */
  at: string;
  /** The issue's count then. */
  count: number;
  until: 'time' | 'count' | 'worse' | 'deployed' | 'ever';
  /** Of `worse`: so many records in five minutes end it. */
  limit?: number;
  /** Of `deployed`: the images that its records came from; a record of another ends it. */
  images?: string[];
  image_ids?: string[];
}

/** An issue as it stands inside the transaction, after this batch's records were added to it. */
export interface Issue {
  id: string;
  fingerprint: string;
  service: string;
  title: string;
  state: IssueState;
  mutedUntil: string | null;
  mutedUntilCount: number | null;
  firstSeen: string;
  lastSeen: string;
  /** `lastSeen` before this batch; null for an issue first seen in it. */
  previousSeen: string | null;
  /** Records so far, this batch's included. */
  count: number;
  /** Records of it in this batch. */
  added: number;
  /** First seen in this batch. */
  isNew: boolean;
  /** It was resolved, and this batch's records opened it again. */
  isRegressed: boolean;
  /** When a record of it last made an alert, and `count` at that moment. */
  notifiedAt: string | null;
  notifiedCount: number | null;
  /** Records of the five minutes that its latest one is in. */
  windowCount: number;
  /** Most records of any five minutes before; halved each week. */
  windowPeak: number;
  /** Its longest pause before the latest one; halved each week. */
  usualPauseMs: number;
  /** What alerting remembers of it, as alerting wrote it. */
  alertState: unknown;
  mute: Mute | null;
  /** Records held back by mutes that ended, since its alert before. */
  mutedHeld: number;
}

/** A record with its identity, as it goes into `log_records`. */
export interface StoredRecord extends IncomingRecord {
  /** UUIDv7 whose last 12 bits are `bucket`. */
  id: string;
  bucket: number;
  receivedAt: string;
  isDuplicate: boolean;
  duplicateOfId: string | null;
  issue: Issue;
}

/** Why an alert is made; `ungrouped`: each record counts, because issues are not grouped (ALERT_GROUPING=off). */
export type NotifyReason = 'new' | 'regressed' | 'spike' | 'still-failing' | 'over' | 'ungrouped';
/** Why none is made for a record. */
export type HeldReason =
  | 'duplicate'
  | 'disabled'
  | 'no-recipients'
  | 'coalesced'
  | 'muted'
  | 'in-cooldown'
  /** All that came of its issue came of containers that were starting or stopping. */
  | 'starting-or-stopping'
  | 'rate-limited'
  /** A rule holds it, maintenance is under way, a rule's mute window is open, or a rule's threshold is not reached. */
  | 'excluded'
  | 'maintenance'
  | 'muted-by-rule'
  | 'below-threshold';

/** Notify, or not, and always why. `reason` is kept on the record. */
export interface Decision {
  notify: boolean;
  reason: string;
}

/** A message owed to one recipient, before it is written to `notifications` (which gives status, attempts and times). */
export interface NewNotification {
  id: string;
  recordId: string;
  bucket: number;
  issueId: string | null;
  channel: string;
  toAddress: string;
  subject: string;
  body: string;
  html: string | null;
  reason: string;
  messageId: string;
  coalesceId: string | null;
  /** Header fields beside those that every mail has. */
  headers?: Readonly<Record<string, string>> | null;
  /** The same in pieces, for channels that are no mail. */
  facts?: MessageFacts | null;
}

/** An alert owed to each of `recipients`, until a mail carries it: alone, or gathered with others. */
export interface NewAlert {
  recordId: string;
  bucket: number;
  /** The records that it speaks of when they share a coalesce_id, `recordId` among them; else none. */
  partIds: readonly string[];
  issueId: string;
  fingerprint: string;
  service: string;
  /** `starting-or-stopping`: nobody is told now, but it stands in a mail that goes out anyway (alerting/noise-alerts.ts). */
  reason: NotifyReason | 'starting-or-stopping';
  /** No alert of the issue was made before. */
  isFirst: boolean;
  episode: string;
  /** Records of the issue held back since its alert before. */
  held: number;
  /** Of these, while it was muted. */
  heldMuted?: number;
  /** In words: which mute this alert ended; or, of what is known to be in order again, how it is now. */
  note?: string | null;
  /** Records of the issue before the batch that made it. */
  count: number;
  /** Where it goes: `email` and an address, or a channel's name twice. */
  recipients: readonly { id: string; channel: string; toAddress: string }[];
  /** That it is told as: its record's, or what a rule says. Left out: not known. */
  severity?: string;
}

/** What alerting wants remembered of an issue. */
export interface IssueNote {
  issue: Issue;
  /** Any record of it. */
  recordId: string;
  notifiedAt: string | null;
  notifiedCount: number | null;
  alertState: unknown;
}

/** A mute that ended, or what mutes held back and a mail now tells. */
export interface MuteChange {
  issue: Issue;
  /** Why it ended, in words; null: it had ended before. */
  ended: string | null;
  mutedHeld: number;
}

/** What alerting is asked, inside the ingest transaction. */
export interface AlertQuestion {
  /** In the order received. */
  records: readonly StoredRecord[];
  /** Active recipients in the database; with none, alerting falls back to its settings. */
  recipients: readonly string[];
  /** Addresses that want no more mails, wherever they are configured. */
  unsubscribed?: ReadonlySet<string>;
  /** Recipients in the database that are not active. */
  removed?: ReadonlySet<string>;
  /** Those of the records' `coalesceId`s that made an alert already, in an earlier batch. */
  coalesced: ReadonlySet<string>;
  /** What the thresholds of rules have counted; alerting/rules/judge.ts names the keys. */
  ruleCounts?: ReadonlyMap<string, number> | undefined;
  /** Signs the links of mails, where these are written at once: with ALERT_GROUPING=off. */
  linkKey?: LinkKey | undefined;
  /** Milliseconds since the epoch. */
  now: number;
}

/** What alerting answers: one decision per record, in order, and the messages they cause. */
export interface AlertPlan {
  decisions: Decision[];
  notifications: NewNotification[];
  /** With ALERT_GROUPING=on, in place of notifications. */
  alerts?: NewAlert[];
  notes?: IssueNote[];
  muteChanges?: MuteChange[];
}
