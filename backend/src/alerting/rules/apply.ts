// What rules make of an issue's decision: held after all, or told, where and as what. Pure.

import type { AlertQuestion, HeldReason, Issue, IssueNote, StoredRecord } from '../../ingest/types.ts';
import { take } from '../../outbox/token-bucket.ts';
import { type AlertMemory, decide, type IssueDecision } from '../decide.ts';
import { muteStateOf } from '../mute.ts';
import { factsOf, noteOf } from '../plan-grouped.ts';
import { type AlertPolicy, issueLimits } from '../policy.ts';
import { type Judge, placeName, placesOf } from './judge.ts';
import type { Verdict } from './rule-set.ts';
import type { Target } from './types.ts';

/** Most places that are remembered of an episode. */
const maxTold = 100;

export interface RouteQuestion {
  issue: Issue;
  /** The record that would tell of it, were there no rules. */
  first: StoredRecord;
  records: readonly StoredRecord[];
  asked: IssueDecision;
  judge: Judge;
  /** The default ones. */
  recipients: readonly Target[];
  /** Whether mails are sent; else channels alone are told. */
  mailsOn: boolean;
  now: number;
}

export interface Routed {
  decision: IssueDecision;
  /** The one that tells. */
  record: StoredRecord;
  places: readonly Target[];
  severity: string;
  /** Told to places that had not heard of it, while it is in its cooldown for the others. */
  isExtra: boolean;
}

/** Where an issue that alerts goes: wherever any of its records in this batch is routed to. */
export function routeOf(question: RouteQuestion): Routed {
  const { issue, first, records, asked, judge, recipients } = question;
  const unchanged = { decision: asked, record: first, severity: first.severity, isExtra: false };
  if (!judge.routes) return { ...unchanged, places: recipients };
  if (!asked.notify) return extra(question) ?? { ...unchanged, places: [] };
  const allowed: { record: StoredRecord; verdict: Verdict }[] = [];
  let held: HeldReason | null = null;
  for (const record of records) {
    if (record.issue !== issue || judge.heldBefore(record) !== null) continue;
    const told = judge.whenTold(record, asked.reason);
    if (told.held === null) allowed.push({ record, verdict: told.verdict });
    else held ??= told.held;
  }
  const speaker = allowed.find(({ record }) => !record.isDuplicate) ?? allowed[0];
  const places = reachable(
    placesOf(
      allowed.map(({ verdict }) => verdict),
      recipients,
    ),
    question,
  );
  if (!speaker || places.length === 0)
    return {
      ...unchanged,
      decision: { notify: false, reason: held ?? 'no-recipients' },
      places: [],
    };
  const { record, verdict } = speaker;
  return { decision: asked, record, places, severity: verdict.severity ?? record.severity, isExtra: false };
}

function reachable(places: readonly Target[], { mailsOn }: RouteQuestion): Target[] {
  return places.filter(({ channel }) => mailsOn || channel !== 'email');
}

/** A place that this record is routed to, and that was not told of the episode, hears of it though it is in its cooldown. */
function extra(question: RouteQuestion): Routed | undefined {
  const { issue, first, asked, judge, recipients, now } = question;
  const memory = issue.alertState as AlertMemory | null;
  if (asked.notify || asked.reason !== 'in-cooldown' || !memory?.told || memory.told.length >= maxTold)
    return undefined;
  // Who would have been told, had it been new here.
  const { held, verdict } = judge.whenTold(first, 'new');
  if (held !== null) return undefined;
  const known = new Set(memory.told);
  const places = reachable(placesOf([verdict], recipients), question).filter(
    (place) => !known.has(placeName(place)),
  );
  if (places.length === 0) return undefined;
  const taken = take(memory.bucket, issueLimits, now, true);
  if (!taken.taken) return undefined;
  return {
    decision: { notify: true, reason: 'still-failing', memory: { ...memory, bucket: taken.bucket } },
    record: first,
    places,
    severity: verdict.severity ?? first.severity,
    isExtra: true,
  };
}

/** The memory of an issue, with what rules want remembered: whom this episode was told to, and its own cooldown. */
export function remembering(
  memory: AlertMemory,
  before: AlertMemory | null,
  { places, decision }: Routed,
  ownCooldownMs: number | undefined,
): AlertMemory {
  const told = new Set(before?.episode === memory.episode ? before.told : []);
  if (decision.notify) for (const place of places) told.add(placeName(place));
  return {
    ...memory,
    told: [...told].slice(0, maxTold),
    ...(ownCooldownMs === undefined ? {} : { cooldownMs: ownCooldownMs }),
  };
}

/** Issues that came back while a threshold holds them: they are told as such when it is reached. */
export function oweRegressions(
  { records, now }: AlertQuestion,
  speakers: ReadonlyMap<Issue, StoredRecord>,
  judge: Judge,
  policy: AlertPolicy,
  newId: () => string,
): IssueNote[] {
  const notes = new Map<Issue, IssueNote>();
  for (const record of records) {
    const { issue } = record;
    const memory = issue.alertState as AlertMemory | null;
    if (!memory || memory.owesRegression || speakers.has(issue) || notes.has(issue)) continue;
    if (judge.heldBefore(record) !== 'below-threshold') continue;
    const { cooldownMs } = judge.verdictOf(record);
    const facts = factsOf(issue, muteStateOf(issue, [record], now));
    const decision = decide(facts, now, policy, newId, cooldownMs);
    if (!decision.notify || decision.reason !== 'regressed') continue;
    const held = { notify: false, reason: 'below-threshold' } as const;
    notes.set(issue, noteOf(issue, record, held, { ...memory, owesRegression: true }, now));
  }
  return [...notes.values()];
}
