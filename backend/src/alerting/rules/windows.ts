// Weekly windows by the clock on the wall -> instants, right on the days when the clocks change: a window that begins in
// the hour that is left out begins when the clocks move, and one that ends in the hour that comes twice lasts until the
// second time. Zones come from Intl, which Node carries.

import type { WeeklyWindow } from './types.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;

/** Whether this is an IANA time zone that is known here. */
export function isZone(name: string): boolean {
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether `now` is inside one of them.
 * @returns when it ends, in ms since the epoch: windows that follow each other without a gap are one, as far as a week;
 * null: it is outside.
 */
export function endOfWindows(windows: readonly WeeklyWindow[], now: number): number | null {
  let end: number | null = null;
  for (let at = now; ; ) {
    const further = Math.max(...windows.map((window) => endOfWindow(window, at) ?? 0), 0);
    if (further <= at) return end;
    end = further;
    if (end - now > 7 * dayMs) return end;
    at = end;
  }
}

function endOfWindow(window: WeeklyWindow, now: number): number | null {
  const { zone, days, from, to } = window;
  const today = Math.floor((now + offsetAt(zone, now)) / dayMs) * dayMs;
  for (const date of [today - dayMs, today]) {
    if (!days.includes(new Date(date).getUTCDay())) continue;
    const start = instantOf(zone, date + from * minuteMs, 'first');
    const end = instantOf(zone, date + to * minuteMs + (to <= from ? dayMs : 0), 'last');
    if (now >= start && now < end) return end;
  }
  return null;
}

/**
 * The instant at which clocks show a time. Of an hour that comes twice, the first or the last; of an hour that is left
 * out, when the clocks move.
 * @param local the time shown, as if it were UTC, in ms since the epoch.
 */
export function instantOf(zone: string, local: number, which: 'first' | 'last'): number {
  const [before, after] = [offsetAt(zone, local - dayMs), offsetAt(zone, local + dayMs)];
  const right = [local - before, local - after].filter((at) => at + offsetAt(zone, at) === local);
  if (right.length > 0) return which === 'first' ? Math.min(...right) : Math.max(...right);
  // Left out: the clocks move between the two.
  let [low, high] = [local - Math.max(before, after), local - Math.min(before, after)];
  const offset = offsetAt(zone, low);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(zone, middle) === offset) low = middle;
    else high = middle;
  }
  return high;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(zone, format);
  }
  return format;
}

/** What the clocks are ahead of UTC, in ms. */
function offsetAt(zone: string, at: number): number {
  if (zone === 'UTC') return 0;
  const shown: Record<string, number> = {};
  for (const { type, value } of formatOf(zone).formatToParts(at)) shown[type] = Number(value);
  const { year, month, day, hour, minute, second } = shown as Record<string, number>;
  return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!) - Math.floor(at / 1000) * 1000;
}
