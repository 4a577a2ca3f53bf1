// The clock that here is -> the engine's, which stamps what containers print. It may be set back, as it is after a boot with
// a wrong one. Then an instant of before seems to lie ahead, and who waits for it would take nothing for hours.

import { msOf, stampOf } from './timestamps.ts';

/** An engine tells its time to the second: it differs when it does by more than this, in ms. */
const differentMs = 2000;
/** What is asked for again covers less, and some machines' clocks are set right by a little all the time. */
const leastSetBackMs = 1000;

/** The time from `to` up to `from` comes a second time: at `from` the clock was set back to `to`. */
export interface SetBack {
  from: string;
  to: string;
}

export interface EngineClockOptions {
  /** In ms since the epoch; may be set back. */
  now(): number;
  /** In ms; is never set back. */
  elapsed?(): number;
  onSetBack(setBack: SetBack): void;
}

export type EngineClock = ReturnType<typeof createEngineClock>;

export function createEngineClock({ now, elapsed = () => performance.now(), onSetBack }: EngineClockOptions) {
  /** The engine's clock is so much ahead of the one here. */
  let aheadMs = 0;
  let last: { ms: number; elapsed: number } | undefined;
  let setBack: SetBack | undefined;

  function look(): string {
    const before = last;
    last = { ms: now() + aheadMs, elapsed: elapsed() };
    const at = stampOf(last.ms);
    if (setBack && at > setBack.from) setBack = undefined;
    const passed = last.elapsed - (before?.elapsed ?? 0);
    if (before && last.ms < before.ms + passed - leastSetBackMs) {
      wasSetBack(stampOf(before.ms + passed), stampOf(last.ms - passed));
    }
    return at;
  }

  function wasSetBack(from: string, to: string): void {
    setBack = { from: setBack && setBack.from > from ? setBack.from : from, to };
    onSetBack(setBack);
  }

  return {
    /** The engine told its time. */
    told(time: string): void {
      const ms = msOf(time) - now();
      if (Math.abs(ms - aheadMs) >= differentMs) aheadMs = ms;
    },

    /** It was this late when it was looked at in an earlier life, which went on up to `until`. */
    wasAt(time: string, until: string): void {
      const at = look();
      if (time > at) wasSetBack(time, until < at ? until : at);
    },

    present: look,

    /** Undefined when it was not set back, or has come to where it was. */
    setBack(): SetBack | undefined {
      look();
      return setBack;
    },

    /** Whether the instant surely lies before the clock was set back: it is still to come. */
    isOfOldTime(at: string): boolean {
      const present = look();
      // To the millisecond, which is as much as is known here.
      return setBack !== undefined && at.slice(0, 23) > present.slice(0, 23);
    },
  };
}
