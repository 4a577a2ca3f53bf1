// Text -> the same text without secrets, each replaced by `[redacted:<kind>]`: by their shape (secret-words.ts), as options of
// a command (secret-commands.ts), by the name before them (secret-names.ts), and here those in addresses, PEM blocks, schemes
// and numbers of cards. Each pass is linear: what strangers write into a log must not make the agent slow.

import { type Glance, longNumber, longWord } from './glance.ts';
import type { Pattern } from './patterns.ts';
import { redactCommands, redactLogins } from './secret-commands.ts';
import { redactNamed } from './secret-names.ts';
import { redactHooks, redactWords } from './secret-words.ts';
import { createSight, sights } from './sights.ts';

export interface RedactOptions {
  /** Further patterns whose matches are secrets (REDACT_PATTERNS). */
  patterns?: readonly Pattern[];
  /** The one of `createSight` that is shared. */
  glance?: Glance;
}

/** Makes the function that redacts one text. */
export function createRedact({
  patterns = [],
  glance = createSight(),
}: RedactOptions = {}): (text: string) => string {
  return (text) => {
    const seen = glance(text);
    let redacted = text;
    if (seen & sights.key) redacted = redactKeys(redacted);
    if (seen & sights.url) redacted = redactUrls(redacted);
    if (seen & (sights.word | longWord)) redacted = redactWords(redacted, mark);
    if (seen & sights.hook) redacted = redactHooks(redacted, mark);
    if (seen & sights.login) redacted = redactLogins(redacted, mark('password'), isPlaceholder);
    if (seen & sights.option) redacted = redactCommands(redacted, mark('password'), isPlaceholder);
    // The mark of a key is a name too.
    if (seen & (sights.name | sights.key)) redacted = redactNamed(redacted, mark, isPlaceholder);
    if (seen & sights.scheme) redacted = redactSchemes(redacted);
    if (seen & longNumber) redacted = redactCards(redacted);
    for (const pattern of patterns) redacted = pattern.replace(redacted, mark('custom'));
    return redacted;
  };
}

const mark = (kind: string) => `[redacted:${kind}]`;

/** PEM blocks, found by their two ends; a block that never ends is a secret to the text's end, a mere mention is none. */
function redactKeys(text: string): string {
  if (!text.includes('PRIVATE KEY')) return text;
  const begin = /-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----/g;
  const end = /-----END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----/g;
  let out = '';
  let from = 0;
  for (let match = begin.exec(text); match; match = begin.exec(text)) {
    const to = begin.lastIndex;
    end.lastIndex = to;
    const closing = end.exec(text);
    if (!closing && /^ ?[a-z]{0,15}[^\w\\\n\r+/]/.test(text.slice(to, to + 17))) break;
    out += text.slice(from, match.index) + mark('private-key');
    from = closing ? end.lastIndex : text.length;
    begin.lastIndex = from;
  }
  return out + text.slice(from);
}

/**
 * `scheme://user:password@host`, also where the password has a `@` or a `/` that nobody escaped; `scheme://token@host`;
 * `user:password@tcp(host)`, as Go's MySQL has it; and Oracle's `thin:user/password@host`.
 */
function redactUrls(text: string): string {
  return text
    .replace(
      /:\/\/(?!\[)([^\s:/@"'<>]{0,128}):((?:(?!\d{1,5}[/?#])[^\s"'<>,?]{1,256}|[^\s/"'<>]{1,256})(?<!\/))@/g,
      (whole, user: string, password: string) =>
        isPlaceholder(password)
          ? whole
          : `://${/^[\da-f]{32}$/.test(user) ? mark('key') : user}:${mark('password')}@`,
    )
    .replace(/:\/\/([A-Za-z0-9_-]{16,128})@/g, (whole, token: string) =>
      /\d/.test(token) ? `://${mark('token')}@` : whole,
    )
    .replace(
      /(?<=(?<![\w.-])[\w.-]{1,64}:)([^\s:@/"'()[\]]{1,128})@(?=(?:tcp|unix)\()/g,
      () => `${mark('password')}@`,
    )
    .replace(
      /(?<=:(?:thin|oci8?):[\w.-]{1,64}\/)(?!\[redacted)([^\s@"']{1,128})@/g,
      () => `${mark('password')}@`,
    );
}

function isPlaceholder(value: string): boolean {
  return (
    value.startsWith('[redacted') ||
    value.startsWith('redacted:') ||
    /^(?:\*+|x{3,}|X{3,}|\.{3,}|<.*>?|\$\{?.*|%[sdv].*|\{\{?.*|\[?(?:FILTERED|REDACTED|MASKED|hidden|secret)\]?)$/i.test(
      value,
    )
  );
}

/** `Bearer …`, `Basic …`: what follows the word, if it is no word itself. */
function redactSchemes(text: string): string {
  if (!/bearer|basic/i.test(text)) return text;
  return text.replace(
    /\b(Bearer|Basic) {1,2}([A-Za-z0-9._~+/=-]{12,})/gi,
    (whole, scheme: string, value: string) => {
      const looks = /\d/.test(value) && /[A-Za-z]/.test(value);
      const credentials = scheme.toLowerCase() === 'basic' && /^[A-Za-z0-9+/]+={1,2}$/.test(value);
      return looks || credentials ? `${scheme} ${mark(scheme.toLowerCase())}` : whole;
    },
  );
}

const cardLike =
  /(?<![\w.:/+-])(?:\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}|3\d{3}[ -]?\d{6}[ -]?\d{4,5})(?![\w.:/+-]*\w)/g;
const issuers =
  /^(?:4\d{15}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12})$/;

/** Card numbers: an issuer's prefix and length, and the check digit of ISO/IEC 7812 (Luhn). */
function redactCards(text: string): string {
  if (!/\d{4}/.test(text)) return text;
  return text.replace(cardLike, (found) => {
    const digits = found.replace(/[ -]/g, '');
    return issuers.test(digits) && passesLuhn(digits) ? mark('card') : found;
  });
}

function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    let digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    if (i % 2 === 1) {
      digit *= 2;
      if (digit > 9) digit -= 9;
    }
    sum += digit;
  }
  return sum % 10 === 0;
}
