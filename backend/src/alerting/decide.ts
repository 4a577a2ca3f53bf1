// An issue and what is remembered of its alerts -> notify or not, and why. Pure, and asked once for each issue of a batch.
// The issue's row is locked by the upsert that counted it, so of several backends one decides, and the next one sees what
// that one noted.
//
//   never told --new--> told --(cooldown is over)--> still-failing, or spike at most once in a cooldown
//                        |  ^
//                 quiet, or resolved --regressed: a new episode, a new thread of mails

import { isLongAgo } from '../db/clock.ts';
import type { HeldReason, NotifyReason } from '../ingest/types.ts';
import { type Bucket, take } from '../outbox/token-bucket.ts';
import type { MuteEnd } from './mute.ts';
import { type AlertPolicy, issueLimits, quietMs } from './policy.ts';
import type { Noise, NoiseVerdict } from './startup-noise.ts';

/** What is remembered of an issue's alerts; kept as JSON in `issues.alert_state`. */
export interface AlertMemory {
  /** The episode that its mails belong to; empty: none began yet. */
  episode: string;
  /** Its bucket of alerts. */
  bucket: Bucket;
  spikedAt: number | null;
  /** It came back, and its bucket was empty: still to be told. */
  owesRegression: boolean;
  /** Its mute ended, and it was held back for another reason: still to be told. */
  owesMuteEnd?: MuteEnd;
  /** With rules: the places that were told of the episode, the first ones. */
  told?: string[];
  /** And of any episode: the others may draw on the reserve. */
  heard?: string[];
  /** Its own cooldown, when a rule gave one. */
  cooldownMs?: number;
  /** It was held back as noise of containers that start or stop. */
  noise?: Noise;
}

/** An issue after a batch was counted. Times in ms since the epoch. */
export interface IssueFacts {
  /** First seen in this batch. */
  isNew: boolean;
  /** It was resolved, and this batch opened it again. */
  isRegressed: boolean;
  isMuted: boolean;
  /** Its mute ended with this batch: whoever muted it is told at once. */
  muteEnded?: MuteEnd | null;
  /** Time since its latest record before this batch; null when there was none. */
  pauseMs: number | null;
  /** Its longest pause before that one. */
  usualPauseMs: number;
  /** Records of the current five minutes, and most of any five minutes before. */
  windowCount: number;
  windowPeak: number;
  /** When an alert of it was last made; null: never. */
  alertedAt: number | null;
  memory: AlertMemory | null;
  /** Left out: it is no noise. */
  noise?: NoiseVerdict;
}

export type IssueDecision =
  | { notify: true; reason: NotifyReason; memory: AlertMemory }
  /** `memory`: only where it changed. */
  | { notify: false; reason: HeldReason; memory?: AlertMemory };

/** So many records in five minutes are a spike at least … */
const spikeMin = 30;
/** … and so many times the most that it ever had. */
const spikeFactor = 3;
/** What was just told is not told again as a spike: two of the windows that a spike is counted in. */
const spikeGraceMs = 600_000;

/** @param newEpisode makes an episode's id. @param ownCooldownMs what a rule says in place of the policy's. */
export function decide(
  facts: IssueFacts,
  now: number,
  policy: Pick<AlertPolicy, 'cooldownMs'>,
  newEpisode: () => string,
  ownCooldownMs = policy.cooldownMs,
): IssueDecision {
  if (facts.isMuted) return { notify: false, reason: 'muted' };
  const quietAfterMs = quietMs(facts.usualPauseMs, Math.max(policy.cooldownMs, ownCooldownMs));
  const reason = reasonToNotify(facts, now, ownCooldownMs, quietAfterMs);
  if (!reason) return { notify: false, reason: 'in-cooldown' };
  if (facts.noise?.isNoise) return holdAsNoise(facts, facts.noise, reason, now);
  const { memory } = facts;
  const taken = take(memory?.bucket, issueLimits, now, reason === 'new' || reason === 'regressed');
  if (!taken.taken) {
    const owed = owedOf(facts, reason);
    const forgets =
      memory !== null &&
      (owed.owesRegression !== memory.owesRegression || owed.owesMuteEnd !== memory.owesMuteEnd);
    return {
      notify: false,
      reason: 'rate-limited',
      ...(forgets ? { memory: { ...memory, ...owed } } : {}),
    };
  }
  return {
    notify: true,
    reason,
    memory: {
      episode: memory?.episode && reason !== 'regressed' ? memory.episode : newEpisode(),
      bucket: taken.bucket,
      spikedAt: reason === 'spike' ? now : (memory?.spikedAt ?? null),
      owesRegression: false,
    },
  };
}

/** When an alert could tell that it came back. What is said to be over before then might go on, and nobody would know. */
export function tellableAt(memory: Pick<AlertMemory, 'bucket'> | null, now: number): number {
  const taken = take(memory?.bucket, issueLimits, now, true);
  return taken.taken ? now : taken.until;
}

/** What is still to be told when it is held back now. */
function owedOf(
  { memory, muteEnded }: IssueFacts,
  reason: NotifyReason,
): Pick<AlertMemory, 'owesRegression' | 'owesMuteEnd'> {
  const owesMuteEnd = muteEnded ?? memory?.owesMuteEnd;
  return {
    owesRegression: memory?.owesRegression === true || reason === 'regressed',
    ...(owesMuteEnd ? { owesMuteEnd } : {}),
  };
}

/** Held back until it stays; then it is told as what it would have been told as now. */
function holdAsNoise(
  facts: IssueFacts,
  { noise }: NoiseVerdict,
  reason: NotifyReason,
  now: number,
): IssueDecision {
  const held = { notify: false, reason: 'starting-or-stopping' } as const;
  const { memory } = facts;
  const owed = owedOf(facts, reason);
  if (
    memory &&
    memory.noise === noise &&
    memory.owesRegression === owed.owesRegression &&
    memory.owesMuteEnd === owed.owesMuteEnd
  )
    return held;
  const fresh = { episode: '', bucket: { tokens: issueLimits.capacity, at: now }, spikedAt: null };
  return { ...held, memory: { ...(memory ?? fresh), ...owed, ...(noise ? { noise } : {}) } };
}

function reasonToNotify(
  facts: IssueFacts,
  now: number,
  cooldownMs: number,
  quietAfterMs: number,
): NotifyReason | undefined {
  const { alertedAt, memory } = facts;
  // Though it was seen before: alerts were off, nobody was there to send to, or it was held back.
  if (facts.isNew || alertedAt === null) return 'new';
  if (facts.isRegressed || memory?.owesRegression) return 'regressed';
  if (facts.pauseMs !== null && facts.pauseMs >= quietAfterMs) return 'regressed';
  const muteEnded = facts.muteEnded ?? memory?.owesMuteEnd;
  if (muteEnded === 'worse' || isSpike(facts, now, cooldownMs)) return 'spike';
  if (muteEnded) return 'still-failing';
  return isLongAgo(alertedAt, cooldownMs, now) ? 'still-failing' : undefined;
}

function isSpike(facts: IssueFacts, now: number, cooldownMs: number): boolean {
  const { windowCount, windowPeak, alertedAt, memory } = facts;
  const spikedAt = memory?.spikedAt ?? null;
  return (
    windowPeak > 0 &&
    windowCount >= spikeMin &&
    windowCount >= spikeFactor * windowPeak &&
    isLongAgo(alertedAt!, spikeGraceMs, now) &&
    (spikedAt === null || isLongAgo(spikedAt, cooldownMs, now))
  );
}
