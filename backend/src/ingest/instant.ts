// Times as senders write them -> ISO 8601 in UTC with microseconds, the one form used from here on. A time without a
// zone is UTC. Also taken, because the original took them: a date alone, and Unix time as a number (seconds, or
// milliseconds from 2e10 on).

const iso =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,20}))?)?\s*(?:([Zz])|([+-])(\d\d):?(\d\d)?)?)?$/;
const year1Ms = new Date(0).setUTCFullYear(1, 0, 1);
const year10000Ms = Date.UTC(10_000, 0, 1);
const millisecondsFrom = 2e10;

/** @returns the instant, or undefined when the text is none, or lies outside the years 1 to 9999. */
export function parseInstant(text: string): string | undefined {
  if (isUsual(text))
    return text.length === 27 ? text : `${text.slice(0, 26).replace('Z', '').padEnd(26, '0')}Z`;
  const trimmed = text.trim();
  if (/^[+-]?\d{1,17}(\.\d+)?$/.test(trimmed)) return instantOfUnixTime(Number(trimmed));
  const match = iso.exec(trimmed);
  if (!match) return undefined;
  const [
    ,
    year,
    month,
    day,
    hour = '0',
    minute = '0',
    second = '0',
    fraction = '',
    ,
    sign,
    zoneHours = '0',
    zoneMinutes = '0',
  ] = match;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  if (Number(zoneHours) > 23 || Number(zoneMinutes) > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  // The 30th of February would have become March.
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined;
  date.setUTCHours(Number(hour), Number(minute), Number(second));
  const zoneMs = (sign === '-' ? -60_000 : 60_000) * (Number(zoneHours) * 60 + Number(zoneMinutes));
  return format(date.getTime() - zoneMs, fraction.slice(0, 6).padEnd(6, '0'));
}

/**
 * As `parseInstant`. In a query a `+` is a space unless it was escaped, so `2026-11-22T10:00:00+01:00` comes without; the space
 * between a date and a time stays one.
 */
export function parseQueryInstant(text: string): string | undefined {
  return parseInstant(text.replace(/(:\d\d(?:[.,]\d+)?) (?=\d\d(?::?\d\d)?$)/, '$1+'));
}

/** What agents write: `2026-11-22T10:00:00.123456789Z` with 1 to 9 digits, before the 29th; the rest is left to the pattern. */
function isUsual(text: string): boolean {
  const end = text.length - 1;
  if (end < 21 || end > 29 || text.charCodeAt(end) !== 90) return false;
  for (let i = 0; i < end; i += 1) {
    const code = text.charCodeAt(i);
    if (i < usualMarks.length && usualMarks[i] !== ' ') {
      if (text[i] !== usualMarks[i]) return false;
    } else if (code < 48 || code > 57) return false;
  }
  const number = (at: number) => (text.charCodeAt(at) - 48) * 10 + text.charCodeAt(at + 1) - 48;
  const [month, day] = [number(5), number(8)];
  return (
    number(0) >= 1 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= 28 &&
    number(11) <= 23 &&
    number(14) <= 59 &&
    number(17) <= 59
  );
}
const usualMarks = '    -  -  T  :  :  .';

/** @returns the instant of a Unix time, or undefined when it lies outside the years 1 to 9999. */
export function instantOfUnixTime(number: number): string | undefined {
  const ms = Math.abs(number) >= millisecondsFrom ? number : number * 1000;
  if (!Number.isFinite(ms)) return undefined;
  const wholeSeconds = Math.floor(ms / 1000);
  const microseconds = Math.min(Math.round((ms - wholeSeconds * 1000) * 1000), 999_999);
  return format(wholeSeconds * 1000, String(microseconds).padStart(6, '0'));
}

/** Milliseconds since the epoch -> the form used everywhere. */
export function instantOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -1)}000Z`;
}

function format(ms: number, microseconds: string): string | undefined {
  if (ms < year1Ms || ms >= year10000Ms) return undefined;
  return `${new Date(ms).toISOString().slice(0, 19)}.${microseconds}Z`;
}
