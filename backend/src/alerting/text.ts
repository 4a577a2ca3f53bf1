// Log text is written by strangers: these make it safe for a subject, a mail's body and HTML, and short enough to read.

/** Control characters, line and paragraph separators, and the marks that turn the reading direction round. */
const unsafeInHeader = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;

/** One line without control characters: each run of them becomes a space. */
export function headerSafe(text: string): string {
  return text.replace(unsafeInHeader, ' ');
}

/** Terminal colours and cursor moves (CSI, OSC): noise in a mail. */
const terminalCodes = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))/g;
const otherControls = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;
/** They make a line read as another one: `exe.txt` for `txt.exe`. Right-to-left text reads right without them. */
const readingOrder = /[\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text for a mail's body: terminal codes gone, line ends `\n`, other control characters shown as their symbols, and marks that
 * change the reading order by their numbers.
 */
export function bodySafe(text: string): string {
  return text
    .replace(terminalCodes, '')
    .replace(/\r\n?/g, '\n')
    .replace(otherControls, (control) => {
      const code = control.charCodeAt(0);
      if (code < 0x20) return String.fromCharCode(0x2400 + code);
      return code === 0x7f ? '\u2421' : '\ufffd';
    })
    .replace(readingOrder, (mark) => `[U+${mark.charCodeAt(0).toString(16).toUpperCase()}]`);
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** `at`, moved one back where it would part a surrogate pair. */
function between(text: string, at: number): number {
  const low = text.charCodeAt(at);
  return low >= 0xdc00 && low <= 0xdfff ? at - 1 : at;
}

/**
 * At most `maxChars` of text: a longer one keeps its beginning and its end (a traceback's cause stands at either) around
 * what `marker` says about the number of characters left out.
 */
export function cutMiddle(text: string, maxChars: number, marker: (leftOut: number) => string): string {
  if (text.length <= maxChars) return text;
  const head = between(text, Math.ceil(maxChars / 2));
  const tail = between(text, text.length - Math.floor(maxChars / 2));
  return text.slice(0, head) + marker(tail - head) + text.slice(tail);
}
