// The reasons of alerts in the words of mails: the state that a subject begins with, and the sentence that says why.

/** `[NEW]` and so on, in a subject. */
export const stateWords: Record<string, string> = {
  new: 'NEW',
  regressed: 'REGRESSED',
  spike: 'SPIKE',
  'still-failing': 'STILL FAILING',
  over: 'OVER',
  'starting-or-stopping': 'STARTING OR STOPPING',
};

const whyWords: Record<string, string> = {
  new: 'This was never seen before.',
  regressed: 'It came back, after it was resolved or had been quiet for longer than is usual for it.',
  spike: 'Far more of it in five minutes than in any five minutes before.',
  'still-failing': 'It goes on.',
  over: 'It has been quiet for longer than is usual for it.',
  'starting-or-stopping':
    'It was printed while containers were starting or stopping, and did not stay: nobody was told at the time.',
};

export function stateWord(reason: string): string {
  return stateWords[reason] ?? reason.toUpperCase();
}

/**
 * Why a mail was sent.
 * @param held records of the issue held back since the mail before. @param heldMuted of these, while it was muted.
 * @param note which mute ended with it; or, of what is known to be in order again, how it is now.
 */
export function whyOf(
  reason: string,
  held: number,
  heldMuted = 0,
  note: string | null | undefined = null,
): string {
  const isFirst = reason === 'new';
  const why = isFirst && held > 0 ? 'This is the first alert about it.' : (whyWords[reason] ?? '');
  const parts = reason === 'over' && note ? ['What was amiss is in order again.'] : [why, note ?? ''];
  if (held > 0) {
    const since = isFirst ? 'before' : 'since the mail before';
    parts.push(`${counted(held, 'record was', 'records were')} held back ${since}${muted(held, heldMuted)}.`);
  }
  return parts.filter((part) => part !== '').join(' ');
}

function muted(held: number, heldMuted: number): string {
  if (heldMuted <= 0) return '';
  return heldMuted >= held
    ? ', while it was muted'
    : `, ${heldMuted.toLocaleString('en-US')} of them while it was muted`;
}

/** `1 record`, `1,234 records`. */
export function counted(n: number, one: string, many: string): string {
  return `${n.toLocaleString('en-US')} ${n === 1 ? one : many}`;
}

/** ISO 8601 for people, to the second. */
export function readableTime(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}

/** How to get no more of them, where no link can say it. */
export const stopHint =
  'To get no more of these mails, ask whoever runs Log Detector to take you off its recipients.';

/** Where a recipient is taken off; undefined: no link does it; null: it is no mail. */
export type Unsubscribe = string | null | undefined;

/** The foot of a text part. */
export function footText(unsubscribe: Unsubscribe): string {
  if (unsubscribe === null) return '';
  return `-- \n${unsubscribe === undefined ? stopHint : `Unsubscribe from all mails of Log Detector:\n${unsubscribe}`}`;
}

/** The first few, and how many more. */
export function fewOf(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

/** `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  const rest =
    hours < 24 ? [`${hours} h`, minutes % 60, 'min'] : [`${Math.floor(hours / 24)} d`, hours % 24, 'h'];
  return rest[1] === 0 ? String(rest[0]) : rest.join(' ');
}
