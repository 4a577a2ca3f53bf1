// Text cut to what a service takes. Never in the middle of a character.

/** At most `maxChars` UTF-16 units; what is cut ends with `…`. */
export function clip(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : `${text.slice(0, before(text, maxChars - 1))}…`;
}

/** The same, cut in its middle: a traceback's cause stands at either end. */
export function clipMiddle(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const mark = '\n[…]\n';
  const room = Math.max(0, maxChars - mark.length);
  const head = before(text, Math.ceil(room / 2));
  const tail = before(text, text.length - Math.floor(room / 2)); // may keep one unit more: a surrogate pair
  const end = text.length - tail + head > room ? tail + 2 : tail;
  return `${text.slice(0, head)}${mark}${text.slice(end)}`;
}

/** At most so many bytes of JSON, quotes and escapes counted; cut in its middle. */
export function clipJsonBytes(text: string, maxBytes: number): string {
  const bytesOf = (value: string) => Buffer.byteLength(JSON.stringify(value));
  let chars = maxBytes;
  let cut = clipMiddle(text, chars);
  for (let bytes = bytesOf(cut); bytes > maxBytes && chars > 0; bytes = bytesOf(cut)) {
    chars = Math.floor(chars * Math.min(0.95, maxBytes / bytes));
    cut = clipMiddle(text, chars);
  }
  return cut;
}

/** The first of the parts that fit together, each whole. */
export function joinWhole(parts: readonly string[], separator: string, maxChars: number): string {
  let joined = '';
  for (const part of parts) {
    const longer = joined === '' ? part : `${joined}${separator}${part}`;
    if (longer.length > maxChars) break;
    joined = longer;
  }
  return joined;
}

/** `at`, moved one back where it would part a surrogate pair. */
function before(text: string, at: number): number {
  const low = text.charCodeAt(at);
  return low >= 0xdc00 && low <= 0xdfff ? at - 1 : at;
}
