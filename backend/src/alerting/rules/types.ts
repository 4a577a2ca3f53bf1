// The words of rules: what a rule asks of a record, and what it does with those that it matches. RULES_FILE and the table
// `rules` hold them as text and JSON; check.ts turns both into these.

import type { Target } from '../targets.ts';

export type { Target };

/** What a rule may ask for. That an issue is over goes to whoever was told of it. */
export const ruleStates = ['new', 'regressed', 'spike', 'still-failing'] as const;
/** Why an issue alerts; `ungrouped`, which no rule asks for, with ALERT_GROUPING=off. */
export type RuleState = (typeof ruleStates)[number] | 'ungrouped' | 'over';

/** All that is given must fit; of a list, one. Names are globs: `*` any text, `?` one character. */
export interface Match {
  host?: readonly string[];
  container?: readonly string[];
  /** Compose project. */
  project?: readonly string[];
  /** Compose or Swarm service, with or without its project; else the container without its replica's number. */
  service?: readonly string[];
  image?: readonly string[];
  /** In any case of letters. */
  severity?: readonly string[];
  /** By name of the label. */
  labels?: Readonly<Record<string, readonly string[]>>;
  /** A regular expression over the message, in RE2's syntax. */
  pattern?: string;
  /** Why the issue alerts. */
  state?: readonly RuleState[];
}

/** A time of day on some days of the week, in a time zone. */
export interface WeeklyWindow {
  /** 0 is Sunday. On these days it begins. */
  days: readonly number[];
  /** Minutes after midnight, by the clock on the wall. `to` not after `from` is on the next day. */
  from: number;
  to: number;
  /** IANA name. */
  zone: string;
}

/** N records within a time, before anything is told. */
export interface Threshold {
  count: number;
  withinMs: number;
  per: 'issue' | 'rule';
}

export interface Rule {
  name: string;
  match: Match;
  /** Nothing is told of what matches. */
  hold: boolean;
  /** Names of recipients and channels, or addresses; undefined: the default recipients. */
  to: readonly string[] | undefined;
  threshold: Threshold | undefined;
  cooldownMs: number | undefined;
  /** The severity that is told. */
  severity: string | undefined;
  /** Within these times nothing is told of what matches. */
  mute: readonly WeeklyWindow[];
  /** The rule applies within these times alone; none: always. */
  when: readonly WeeklyWindow[];
  /** The rules after it are asked too. */
  goesOn: boolean;
}

export interface RecipientConfig {
  name: string;
  targets: readonly Target[];
  /** Within these times alerts wait; afterwards they are one mail. */
  quiet: readonly WeeklyWindow[];
  /** Severities that do not wait. */
  quietExcept: readonly string[];
}

export interface Maintenance {
  name: string;
  match: Match;
  /** Ms since the epoch. */
  once: { from: number; to: number } | undefined;
  every: readonly WeeklyWindow[];
}

export interface Absence {
  name: string;
  /** Records that break the silence; undefined: an agent's heartbeat does. */
  match: Match | undefined;
  /** Globs over the agents' hosts. */
  agent: readonly string[] | undefined;
  forMs: number;
  /** `rule`: any of them will do; `container` or `host`: each that was ever heard of. */
  per: 'rule' | 'container' | 'host';
  severity: string;
}

/** A channel as configured; its options were checked by its own schema. */
export interface ChannelConfig {
  name: string;
  type: string;
  options: Readonly<Record<string, unknown>>;
}

/** All of RULES_FILE. */
export interface RulesConfig {
  channels: readonly ChannelConfig[];
  recipients: readonly RecipientConfig[];
  rules: readonly Rule[];
  maintenance: readonly Maintenance[];
  absence: readonly Absence[];
}

export const noRules: RulesConfig = { channels: [], recipients: [], rules: [], maintenance: [], absence: [] };

/** A rule of the database, as the API answers it. */
export interface StoredRule {
  id: string;
  /** As RULES_FILE would have it. */
  rule: Record<string, unknown>;
  source: string;
  created_at: string;
}
