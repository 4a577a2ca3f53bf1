// Lines that a transport or a logger put the same before (`web-1  | `, a time and a level) -> the lines without it. Runs of
// digits count as equal, so that times and process ids do; a line that is nothing but the prefix becomes a blank one.

/** Longest prefix looked for, in characters. */
const maxPrefixChars = 160;
/** What is shorter is more likely the lines' own text: a mark of a list, a number. */
const minPrefixChars = 4;

/**
 * The lines without what all of them begin with, or all but the first, which may be a head of its own. Undefined when there
 * is no such prefix.
 */
export function withoutSharedPrefix(lines: readonly string[]): string[] | undefined {
  const starts = lines.map((line) => line.slice(0, maxPrefixChars).trimEnd().replace(/\d+/g, '0'));
  const shared = sharedStart(starts) ?? sharedStart(starts.slice(1));
  if (shared === undefined) return undefined;
  const literally = shared.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  const prefix = new RegExp(`^${literally.replaceAll('0', '\\d+')}`);
  return lines.map((line, at) => {
    if (shared.startsWith(starts[at]!)) return '';
    return line.replace(prefix, '');
  });
}

/** What all that are not blank begin with, up to its last space. */
function sharedStart(starts: readonly string[]): string | undefined {
  let shared = starts[0] ?? '';
  for (let at = 1; at < starts.length; at += 1) {
    const start = starts[at]!;
    // Nothing but the prefix, its last spaces trimmed.
    if (shared.startsWith(start)) continue;
    shared = shared.slice(0, sharedChars(shared, start));
    if (shared.length < minPrefixChars) return undefined;
  }
  const end = shared.lastIndexOf(' ') + 1;
  return starts.length > 1 && end >= minPrefixChars && shared.trimStart() === shared
    ? shared.slice(0, end)
    : undefined;
}

function sharedChars(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  return at;
}
