// Text as sent -> text that PostgreSQL stores. Only two things cannot be stored: a NUL becomes U+2400 (its picture), a
// lone surrogate U+FFFD.

/** Cleans one text; the same string comes back when nothing is wrong with it. */
export function cleanText(text: string): string {
  const withoutNul = text.includes('\0') ? text.replaceAll('\0', '\u2400') : text;
  return withoutNul.toWellFormed();
}

/** How deep `fields` may nest; what JSON loggers write is far below. */
export const maxDepth = 16;

/** Cleans every text of a JSON value, names too. @returns undefined when it nests deeper than `maxDepth`. */
export function cleanJson(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= maxDepth) return undefined;
  if (Array.isArray(value)) {
    const items = value.map((item) => cleanJson(item, depth + 1));
    return items.includes(undefined) ? undefined : items;
  }
  // Entries, never assignment: a name such as __proto__ is a name like any other.
  const entries = Object.entries(value).map(
    ([name, item]) => [cleanText(name), cleanJson(item, depth + 1)] as const,
  );
  return entries.some(([, item]) => item === undefined) ? undefined : Object.fromEntries(entries);
}
