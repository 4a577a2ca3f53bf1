// Text -> the same text without secrets, each replaced by `[redacted:<kind>]`. One pass over the words and one over the
// names of secrets, each linear: what strangers write into a log must not make the agent slow.

import { type Glance, longNumber } from './glance.ts';
import type { Pattern } from './patterns.ts';
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
    // The mark of a key is a name too.
    if (seen & (sights.name | sights.key)) redacted = redactNamed(redacted);
    if (seen & sights.scheme) redacted = redactSchemes(redacted);
    if (seen & sights.word) redacted = redactWords(redacted);
    if (seen & longNumber) redacted = redactCards(redacted);
    for (const pattern of patterns) redacted = pattern.replace(redacted, mark('custom'));
    return redacted;
  };
}

const mark = (kind: string) => `[redacted:${kind}]`;

/** PEM blocks, found by their two ends; a block that never ends is a secret to the text's end. */
function redactKeys(text: string): string {
  if (!text.includes('PRIVATE KEY')) return text;
  const begin = /-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----/g;
  const end = /-----END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----/g;
  let out = '';
  let from = 0;
  for (let match = begin.exec(text); match; match = begin.exec(text)) {
    out += text.slice(from, match.index) + mark('private-key');
    end.lastIndex = begin.lastIndex;
    const closing = end.exec(text);
    from = closing ? end.lastIndex : text.length;
    begin.lastIndex = from;
  }
  return out + text.slice(from);
}

/** `scheme://user:password@host`, `scheme://token@host`, and `user:password@tcp(host)`, as Go's MySQL has it. */
function redactUrls(text: string): string {
  return text
    .replace(
      /:\/\/(?!\[redacted:)([^\s:/@"'<>]{0,128}):([^\s@/"'<>]{1,256})@/g,
      (whole, user: string, password: string) =>
        isPlaceholder(password) ? whole : `://${user}:${mark('password')}@`,
    )
    .replace(/:\/\/([A-Za-z0-9_-]{20,128})@/g, (whole, token: string) =>
      /\d/.test(token) ? `://${mark('token')}@` : whole,
    )
    .replace(
      /(?<=(?<![\w.-])[\w.-]{1,64}:)([^\s:@/"'()[\]]{1,128})@(?=(?:tcp|unix)\()/g,
      () => `${mark('password')}@`,
    );
}

const names =
  /(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|apikey|access[_-]?key(?:[_-]?id)?|secret[_-]?(?:access[_-]?)?key(?:[_-]?base)?|account[_-]?key|private[_-]?key|auth[_-]?key|encryption[_-]?key|signing[_-]?key|credentials?|x-api-key|authorization|cookie|sas|signature)(?=\\?["'\]]?\s{0,3}(?:=>|[=:])|>)|(?<=[?&])sig(?==)|(?:password|identified by)(?= ')/gi;
// A list of values, as Go and Node show headers, begins with a bracket.
const separator = /\\?["'\]]?\s{0,3}(?:=>|[=:])\s{0,3}\[?|>| (?=')/y;
// Within a JSON text that is itself quoted, the quotes are escaped.
const escapedValue = /\\"((?:[^"\\\n]|\\[^"\n]){1,256})/y;
const quotedValue = /"((?:[^"\\\n]|\\.){1,256})|'((?:[^'\\\n]|\\.){1,256})/y;
/** The rest of a longer value, once its begin is known to be a secret. */
const rest = /[^\s"',;&|<>()[\]{}\\]*/y;
const bareValue = /[^\s"',;&|<>()[\]{}\\]{1,256}/y;
/** More cookies than the first. */
const restOfHeader = /[^"'\n\\]*/y;
/** Of `Authorization: Token …`: what follows it is the secret. */
const scheme = /(?:Token|Api-?Key|Negotiate|NTLM|SSWS|GenieKey) {1,2}/iy;
/** A program's source, as tracebacks show it: `self.token`, `settings.PASSWORD`. */
const expression =
  /^(?:self|this|settings|config|conf|cfg|process|os|env|environ|request|req|args|options|opts|ctx|params|props)\./;
/** Of `token = get_token(user)` and `row["token"]`. A password may have a bracket too, but seldom one that is closed. */
const call = /\((?:[^()\n]{0,200}\)|[\w.]{1,64}\()|\[[^[\]\n]{0,200}\]/y;
const path = /^\/(?:app|data|etc|home|mnt|opt|root|run|secrets|srv|tmp|usr|var|vault)(?:\/[\w.-]+)*\/?$/;
/** After these names nearly anything is a secret; after the others only what looks like one. */
const certain = /^(?:pass|pwd|secret|api[_-]?key|apikey|sig$|account[_-]?key|identified)/i;
const notSecret = /^(?:true|false|null|none|nil|undefined|yes|no|\d|\?|missing|invalid|required|empty)$/i;
/** Of tests: `pass=17`, `pass=12.5ms`, `pass=ok`. */
const count = /^(?:\d{1,3}(?:\.\d{1,3})?(?:m?s|%)?|ok|failed|skipped)$/i;

/** `password=…`, `"apiKey": "…"`, `token => …`. */
function redactNamed(text: string): string {
  let out = '';
  let from = 0;
  names.lastIndex = 0;
  for (let match = names.exec(text); match; match = names.exec(text)) {
    const name = match[0];
    // `bypass=`, `tokenizer:`: a name must not go on to the left, but `db_password` and `clientSecret` may.
    if (/[a-z]/.test(text.charAt(match.index - 1)) && /[a-z]/.test(name.charAt(0))) continue;
    separator.lastIndex = names.lastIndex;
    const between = separator.exec(text);
    if (!between) continue;
    if (between[0] === '>' && !/<[\w:.-]{0,40}$/.test(text.slice(Math.max(0, match.index - 42), match.index)))
      continue;
    scheme.lastIndex = separator.lastIndex;
    const at = /^authorization$/i.test(name) && scheme.test(text) ? scheme.lastIndex : separator.lastIndex;
    escapedValue.lastIndex = at;
    quotedValue.lastIndex = at;
    bareValue.lastIndex = at;
    const quoted = escapedValue.exec(text) ?? quotedValue.exec(text);
    const value = quoted ? (quoted[1] ?? quoted[2] ?? '') : (bareValue.exec(text)?.[0] ?? '');
    const strict = quoted !== null || /[=>]/.test(between[0]);
    const cookies = /^cookie$/i.test(name) && !quoted && /^[\w.%-]{1,64}=/.test(value);
    if (!cookies && !isSecret(name, value, strict)) continue;
    if (!quoted && isSource(name, value, text, at + value.length)) continue;
    const start = quoted ? at + quoted[0].length - value.length : at;
    out += text.slice(from, start) + mark(kindOf(name));
    rest.lastIndex = start + value.length;
    from = value.length < 256 ? rest.lastIndex : rest.lastIndex + (rest.exec(text)?.[0].length ?? 0);
    if (cookies) {
      restOfHeader.lastIndex = from;
      from += restOfHeader.exec(text)?.[0].length ?? 0;
    }
    names.lastIndex = from;
  }
  return from === 0 ? text : out + text.slice(from);
}

/** Whether a value without quotes is a piece of a program's source, or where something lies. */
function isSource(name: string, value: string, text: string, end: number): boolean {
  const next = text.charAt(end);
  call.lastIndex = end;
  return (
    (/^[a-z_][a-z_.]*$/.test(value) && call.test(text)) ||
    (value === name && (next === ',' || next === ')')) ||
    expression.test(value) ||
    path.test(value)
  );
}

function kindOf(name: string): string {
  if (/^(?:pass|pwd|identified)/i.test(name)) return 'password';
  if (/key|sas|sig/i.test(name)) return 'key';
  if (/^(?:token)/i.test(name)) return 'token';
  return 'secret';
}

function isSecret(name: string, value: string, strict: boolean): boolean {
  if (value === '' || isPlaceholder(value)) return false;
  if (/^(?:authorization|cookie)$/i.test(name) && /^(?:Bearer|Basic|Digest|Token)$/i.test(value))
    return false;
  if (certain.test(name) && strict)
    return !notSecret.test(value) && !(/^pass$/i.test(name) && count.test(value));
  // In a sentence ("invalid token: unexpected end") only what no word looks like.
  return (
    value.length >= (certain.test(name) ? 6 : 8) &&
    /\d/.test(value) &&
    /[A-Za-z]/.test(value) &&
    !/^\d+(?:\.\d+)*[a-z]{0,2}$/i.test(value)
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

/** Secrets known by their own shape. Each is tested against one word, from its first to its last character. */
const shapes: [kind: string, hint: string, shape: RegExp][] = [
  ['aws-key', '', /(?<![A-Z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Z0-9])/],
  ['jwt', 'eyJ', /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]{4,})?/],
  ['github-token', 'gh', /(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{30,}/],
  ['github-token', 'github_pat_', /github_pat_[A-Za-z0-9_]{40,}/],
  ['gitlab-token', 'glpat-', /glpat-[A-Za-z0-9_-]{20,}/],
  ['slack-token', 'xox', /(?<![A-Za-z0-9])xox[abeoprs]-[A-Za-z0-9-]{10,}/],
  [
    'slack-webhook',
    'hooks.slack.com',
    /hooks\.slack\.com\/services\/[A-Za-z0-9]+\/[A-Za-z0-9]+\/[A-Za-z0-9]+/,
  ],
  ['stripe-key', 'k_', /(?<![A-Za-z0-9])[srp]k_(?:live|test)_[A-Za-z0-9]{16,}/],
  ['google-key', 'AIza', /(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}/],
  ['npm-token', 'npm_', /(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}/],
  ['sendgrid-key', 'SG.', /(?<![A-Za-z0-9])SG\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{30,}/],
  ['slack-token', 'xapp-', /(?<![A-Za-z0-9])xapp-\d-[A-Za-z0-9-]{20,}/],
  ['webhook-secret', 'whsec_', /(?<![A-Za-z0-9])whsec_[A-Za-z0-9+/=]{24,}/],
  ['api-key', 'hf_', /(?<![A-Za-z0-9_])hf_[A-Za-z0-9]{30,}/],
  ['api-key', 'dop_v1_', /(?<![A-Za-z0-9])dop_v1_[A-Za-z0-9]{40,}/],
  ['api-key', 'shp', /(?<![A-Za-z0-9])shp(?:at|ca|pa|ss)_[A-Za-z0-9]{30,}/],
  ['pypi-token', 'pypi-', /(?<![A-Za-z0-9])pypi-[A-Za-z0-9_-]{40,}/],
  ['google-token', 'ya29.', /(?<![A-Za-z0-9])ya29\.[A-Za-z0-9_-]{20,}/],
  ['vault-token', 'hvs.', /(?<![A-Za-z0-9])hvs\.[A-Za-z0-9_-]{20,}/],
  ['discord-webhook', '/api/webhooks/', /\/api\/webhooks\/\d{15,}\/[A-Za-z0-9_-]{40,}/],
  ['api-key', 'sk-', /(?<![A-Za-z0-9])sk-(?:[a-z]+-)*[A-Za-z0-9_-]{32,}/],
];
const hinted =
  /AKIA|ASIA|ABIA|ACCA|eyJ|gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|hooks\.slack|k_live_|k_test_|AIza|npm_|SG\.|sk-|xapp-|whsec_|hf_|dop_v1_|shp(?:at|ca|pa|ss)_|pypi-|ya29\.|hvs\.|\/api\/webhooks\//;
/** Longest word looked at as a whole; no known secret is longer. */
const longestWord = 8192;

function redactWords(text: string): string {
  if (!hinted.test(text)) return text;
  return text.replace(/[A-Za-z0-9._~+/=-]{16,}/g, (word) => {
    let redacted = word;
    for (const [kind, hint, shape] of shapes) {
      if (!redacted.includes(hint)) continue;
      const piece = redacted.slice(0, longestWord);
      if (shape.test(piece)) redacted = piece.replace(shape, mark(kind)) + redacted.slice(longestWord);
    }
    return redacted;
  });
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
