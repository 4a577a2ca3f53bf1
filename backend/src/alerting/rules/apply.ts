// What rules make of an issue's decision: held after all, or told, where and as what. Pure.

import type {
  AlertQuestion,
  HeldReason,
  Issue,
  IssueNote,
  NotifyReason,
  StoredRecord,
} from '../../ingest/types.ts';
import { take } from '../../outbox/token-bucket.ts';
import { type AlertMemory, decide, type IssueDecision } from '../decide.ts';
import { factsOf, noteOf } from '../issue-facts.ts';
import { muteStateOf } from '../mute.ts';
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
  /** Of the issue, in this batch. */
  records: readonly StoredRecord[];
  asked: IssueDecision;
  judge: Judge;
  /** The default ones. */
  recipients: readonly Target[];
  /** Addresses that get nothing more. */
  unsubscribed?: ReadonlySet<string> | undefined;
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
  const { first, asked, judge, recipients } = question;
  const unchanged = { decision: asked, record: first, severity: first.severity, isExtra: false };
  if (!judge.routes) return { ...unchanged, places: recipients };
  if (!asked.notify) return extra(question) ?? { ...unchanged, places: [] };
  const { speaker, places, held } = askAll(question, asked.reason);
  if (!speaker || places.length === 0)
    return { ...unchanged, decision: { notify: false, reason: held ?? 'no-recipients' }, places: [] };
  return { ...unchanged, record: speaker.record, places, severity: severityOf(speaker) };
}

interface Asked {
  record: StoredRecord;
  verdict: Verdict;
}

/** What the rules say of the issue's records, now that it is known why it alerts. */
function askAll(
  question: RouteQuestion,
  state: NotifyReason,
): { speaker: Asked | undefined; places: Target[]; held: HeldReason | null } {
  const { records, judge, recipients, unsubscribed, mailsOn } = question;
  const allowed: Asked[] = [];
  let held: HeldReason | null = null;
  for (const record of records) {
    if (judge.heldBefore(record) !== null) continue;
    const told = judge.whenTold(record, state);
    if (told.held === null) allowed.push({ record, verdict: told.verdict });
    else held ??= told.held;
  }
  const places = placesOf(
    allowed.map(({ verdict }) => verdict),
    recipients,
    unsubscribed,
  );
  return {
    speaker: allowed.find(({ record }) => !record.isDuplicate) ?? allowed[0],
    places: places.filter(({ channel }) => mailsOn || channel !== 'email'),
    held,
  };
}

function severityOf({ record, verdict }: Asked): string {
  return verdict.severity ?? record.severity;
}

/** A place that a record is routed to, and that was not told of the episode, hears of it though it is in its cooldown. */
function extra(question: RouteQuestion): Routed | undefined {
  const { issue, asked, now } = question;
  const memory = issue.alertState as AlertMemory | null;
  if (asked.notify || asked.reason !== 'in-cooldown' || !memory?.told || memory.told.length >= maxTold)
    return undefined;
  const told = new Set(memory.told);
  const heard = new Set(memory.heard ?? memory.told);
  // Who never heard of it would have been told, had it been new here; who did, had it come back here.
  const asNew = askAll(question, 'new');
  const asBack = [...heard].some((name) => !told.has(name)) ? askAll(question, 'regressed') : undefined;
  const speaker = asNew.speaker ?? asBack?.speaker;
  const places = [
    ...asNew.places.filter((place) => !heard.has(placeName(place))),
    ...(asBack?.places ?? []).filter((place) => heard.has(placeName(place))),
  ].filter((place) => !told.has(placeName(place)));
  if (!speaker || places.length === 0) return undefined;
  const taken = take(memory.bucket, issueLimits, now, false);
  if (!taken.taken) return undefined;
  return {
    decision: { notify: true, reason: 'still-failing', memory: { ...memory, bucket: taken.bucket } },
    record: speaker.record,
    places,
    severity: severityOf(speaker),
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
  const names = decision.notify ? places.map(placeName) : [];
  const toldBefore = before?.episode === memory.episode ? before.told : undefined;
  return {
    ...memory,
    // Of what began before there were rules it is not known.
    ...(decision.notify || toldBefore ? { told: withNew(toldBefore, names) } : {}),
    ...(decision.notify || before?.heard ? { heard: withNew(before?.heard, names) } : {}),
    ...(ownCooldownMs === undefined ? {} : { cooldownMs: ownCooldownMs }),
  };
}

function withNew(known: readonly string[] = [], names: readonly string[]): string[] {
  return [...new Set([...known, ...names])].slice(0, maxTold);
}

/** The places that never heard of the issue, which may draw on the reserve, and the others. */
export function firstAndOthers(
  { notifiedAt, alertState }: Issue,
  places: readonly Target[],
): { isFirst: boolean; places: readonly Target[] }[] {
  if (notifiedAt === null) return [{ isFirst: true, places }];
  const heard = (alertState as AlertMemory | null)?.heard;
  if (!heard || heard.length >= maxTold) return [{ isFirst: false, places }];
  const isFirst = (place: Target) => !heard.includes(placeName(place));
  return [
    { isFirst: true, places: places.filter(isFirst) },
    { isFirst: false, places: places.filter((place) => !isFirst(place)) },
  ].filter((each) => each.places.length > 0);
}

/** Issues that came back while a rule or maintenance holds them: they are told as such when it no longer does. */
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
    const reason = judge.heldBefore(record);
    if (reason === null) continue;
    const { cooldownMs } = judge.verdictOf(record);
    const facts = factsOf(issue, muteStateOf(issue, [record], now));
    const decision = decide(facts, now, policy, newId, cooldownMs);
    const isBack = decision.notify ? decision.reason === 'regressed' : decision.memory?.owesRegression;
    if (!isBack) continue;
    const held = { notify: false, reason } as const;
    notes.set(issue, noteOf(issue, record, held, { ...memory, owesRegression: true }, now));
  }
  return [...notes.values()];
}
