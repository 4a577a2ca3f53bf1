// Secrets told by the name before them: `password=…`, `"apiKey": "…"`, `token => …`, `--password …`, `<Password>…`. How the
// name and the value are parted says how sure it is: after `=` nearly anything is a password, after a blank little.

/** How a value was announced. In prose only what no word looks like is a secret. */
type Manner = 'stated' | 'named' | 'option' | 'listed' | 'prose';

// What must stand before a short name is asked last: each alternative begins with a letter, so most places are passed at once.
const names =
  /(?:pass[_-]?(?:word|wd|phrase|code)|pass|pwd|passwort|kennwort|mot[_-]de[_-]passe|contrase(?:ñ|n)a|senha|wachtwoord|secret|token|api[_ -]?key|access[_-]?key(?:[_-]?id)?|secret[_-]?(?:access[_-]?)?key(?:[_-]?base)?|account[_-]?key|private[_-]?key|auth[_-]?key|encryption[_.-]?key|signing[_-]?key|credentials?|authorization|cookie|sas|signature(?:-256)?|requirepass|masterauth|identified (?:with [\w']{1,40} )?by|otp|cvv|(?:pw|key)(?<=[a-z0-9][_-](?:pw|key))|pat(?<=[a-z0-9]_pat)(?=[=:"'])|(?:sig|code|key|appid)(?<=[?&](?:sig|code|key|appid))|auth(?<=[_"'?&-]auth))(?=["'`\])>\\\s=:%(,&]|\\[nt])/gi;

/** What ends a name and what begins a value: a quote, with backslashes where a text in JSON is itself in JSON. */
const nameEnd = `(?:\\\\{0,7}["'\`]|&quot;|%22)?\\]?`;
const valueBegin = `(?=(?:\\\\{0,7}["']))`;
/** Of Rust, Python, SQL, PHP: `Some("x")`, `b'x'`, `N'x'`, `string(7) "x"`. Only before a quote. */
const wrapping = `(?:(?:[bBuUrRNE]|[A-Z]\\w{2,24}\\(|Just |string\\(\\d{1,6}\\) )${valueBegin})?`;
// A list of values, as Go and Node show headers, begins with a bracket.
const stated = new RegExp(
  `${nameEnd}(?:\\s{0,3}(?:=>\\s{0,40}|(?<=\\s)->|:?=|:(?=\\s{0,3}(?:\\[?(?:[bBuU]|Some\\()?\\\\{0,7}["']|\\d{4,16}[,}\\s])))|%3D|(?<=&quot;):\\s?&quot;|%3A(?:%22)?)\\s{0,3}\\[?${wrapping}`,
  'y',
);
const named = new RegExp(`${nameEnd}\\s{0,3}:\\s{0,3}\\[?`, 'y');
/** `<password>`, `<wsse:Password Type="x">`, and the same escaped. */
const element = /(?:\s[^<>\n]{1,100})?(?:>|&gt;)/y;
/** `PASSWORD '…'`, `IDENTIFIED BY '…'`, `PASSWORD('…')`. */
const spoken = / (?=["'])|\((?=["'])/y;
const option = /["'],\s{0,3}(?=["'])|\s{1,3}/y;
/** `("password", "…")`, `{<<"password">>,<<"…">>}`, `s:8:"password";s:7:"…"`. */
const listed = /["'](?:>>)?(?:,\s?|;s:\d{1,6}:)(?:<<|b)?(?=["'])|,(?=")/y;
/** Options that do something with a secret, or are for none: `--remove-signature FILE`, `--no-password`. */
const aboutSecrets =
  /-(?:no|without|skip|show|print|list|remove|delete|reset|verify|check)-\w*$|(?:signature|cookie|sas)$/i;
/** Of a list of pairs: `"name":"DB_PASSWORD","value":"…"`, `key="ApiKey" value="…"`; and of a form. */
const pairedValue =
  /\\{0,7}["']?(?:,?\s{0,3}|\s{1,20})\\{0,7}["']?value\\{0,7}["']?\s?[:=]\s{0,3}|["'](?:\r?\n){2}/iy;
const sentence = /\s(?:is:?\s)?(?:provided: |["'])?(?=\S{16})|\sis:\s/y;

const masked = /^authorization|^cookie/i;
/** Of `Authorization: Token …`: what follows it is the secret. */
const scheme = /(?:Token|Api-?Key|Negotiate|NTLM|SSWS|GenieKey) {1,2}/iy;
const bareValue = /[^\s"',;&|<>()[\]{}\\]{1,256}/y;
const encodedValue = /[^\s"',;&|<>()[\]{}\\%]{1,256}/y;
const quotedValue = /"((?:[^"\\\n]|\\.){1,256})|'((?:[^'\\\n]|\\.){1,256})/y;
const openedDeeper = /\\{1,7}["']/y;
/** In a connection string a value goes on to the next semicolon. */
const valueOfList = /[^;\n"'\\]{1,128}(?=;|$)/y;
/** YAML: the value is the indented text below. */
const folded = /[|>][+-]?\n {1,40}/y;
/** The rest of a longer value, once its begin is known to be a secret. */
const rest = /[^\s"',;&|<>()[\]{}\\]*/y;
/** More cookies than the first. */
const restOfHeader = /[^"'\n\\]*/y;
const restOfDigest = /[^\n\\{}]{0,1024}/y;

/** A program's source, as tracebacks show it: `self.token`, `settings.PASSWORD`. */
const expression =
  /^(?:self|this|settings|config|conf|cfg|process|os|env|environ|request|req|args|options|opts|ctx|params|props)\./;
/** Of `token = get_token(user)` and `row["token"]`. A password may have a bracket too, but seldom one that is closed. */
const call = /\((?:[^()\n]{0,200}\)|[\w.]{1,64}\()|\[[^[\]\n]{0,200}\]/y;
const path =
  /^(?:\/(?:app|data|etc|home|mnt|opt|root|run|secrets|srv|tmp|usr|var|vault)(?:\/[\w.-]+)*\/?|\/)$/;
/** After these names nearly anything is a secret; after the others only what looks like one. */
const certain =
  /^(?:pass|pwd|pw$|kennwort|mot|contrase|senha|wachtwoord|secret|api[_ -]?key|sig$|account[_-]?key|identified|requirepass|masterauth)/i;
/** Short names that other words end with: `bypass=`, `laptop=`, `monkey=`. */
const short = /^(?:pass|pwd|pw|pat|otp|cvv|sas|key|auth|token)$/i;
const digits = /^(?:otp|cvv)$/i;
const notSecret =
  /^(?:true|false|null|none|nil|undefined|yes|no|on|off|\d|\?|missing|invalid|incorrect|required|optional|empty|blank|unset|expired|changed|mismatch|wrong|denied|failed|disabled|enabled|string|str|text|varchar|int(?:eger)?|bool(?:ean)?)$/i;
/** What a check said of it, as `{"password": "must have a digit"}`. */
const verdict =
  /\s(?:must|should|may|cannot|can't|is|are|was|were|not|too|required|invalid|incorrect|characters|expected|field)(?![\w])|^(?:must|should|is|not|too|invalid|incorrect|expected|field|missing|this field|please|cannot) /i;
/** Of tests: `pass=17`, `pass=12.5ms`, `pass=ok`. */
const count = /^(?:\d{1,3}(?:\.\d{1,3})?(?:m?s|%)?|ok|failed|skipped)$/i;
/** What follows an option in a sentence about it, and what stands for its value in an explanation of the usage. */
const ofSentence =
  /^(?:is|are|was|were|and|or|not|no|must|should|can|cannot|may|will|requires?|needs?|options?|flags?|arguments?|parameters?|values?|has|have|to|for|in|with|from|when|if|but|given|missing|expects|set|as|at|also|only|the|an?|instead|failed|PASS|[A-Z_-]*(?:PASSWORD|TOKEN|SECRET|KEY|STRING|VALUE))[.,:)\]]?$/;

/** The text with `mark` of its kind for each value that is a secret by its name. */
export function redactNamed(
  text: string,
  mark: (kind: string) => string,
  isPlaceholder: (value: string) => boolean,
): string {
  let out = '';
  let from = 0;
  names.lastIndex = 0;
  for (let match = names.exec(text); match; match = names.exec(text)) {
    const name = match[0];
    const { index } = match;
    // A name goes on to the left in `db_password` and `clientSecret`; not in `bypass`.
    if (short.test(name) && continues(text, index)) continue;
    // What stands in place of a secret names none, but for a key that was a name itself.
    if (/\[redacted:[\w-]{0,16}$/.test(text.slice(Math.max(0, index - 26), index)) && name !== 'private-key')
      continue;
    const found = valueAfter(text, name, index, names.lastIndex);
    if (!found || !isSecret(name, found, text, isPlaceholder)) continue;
    const { start, value, quoted } = found;
    if (!quoted && isSource(name, value, text, start + value.length)) continue;
    out += text.slice(from, start) + mark(kindOf(name));
    rest.lastIndex = start + value.length;
    from = value.length < 256 ? rest.lastIndex : rest.lastIndex + (rest.exec(text)?.[0].length ?? 0);
    if (isCookie(name, found)) from += lengthOf(restOfHeader, text, from);
    names.lastIndex = from;
  }
  return from === 0 ? text : out + text.slice(from);
}

interface Value {
  manner: Manner;
  start: number;
  value: string;
  quoted: boolean;
  /** Joined with capitals to others, as in the environment: `JWT_SECRET`. */
  ofEnvironment: boolean;
}

/** What the name that ends at `end` is the name of. */
function valueAfter(text: string, name: string, begin: number, end: number): Value | undefined {
  const parted = partedAt(text, name, begin, end);
  if (!parted) return undefined;
  let { at } = parted;
  let { manner } = parted;
  const ofEnvironment = /[A-Z0-9]_$/.test(text.slice(Math.max(0, begin - 2), begin)) && /^[A-Z]/.test(name);
  if (masked.test(name)) {
    if (/^Digest /i.test(text.slice(at, at + 8))) {
      const length = lengthOf(restOfDigest, text, at);
      return { manner, start: at, value: text.slice(at, at + length), quoted: true, ofEnvironment };
    }
    scheme.lastIndex = at;
    if (/^authorization$/i.test(name) && scheme.test(text)) at = scheme.lastIndex;
  }
  const lead = lengthOf(folded, text, at);
  if (lead > 0) manner = 'stated';
  at += lead;
  const made = (start: number, value: string, quoted: boolean) => ({
    manner,
    start,
    value,
    quoted,
    ofEnvironment,
  });
  openedDeeper.lastIndex = at;
  const opening = openedDeeper.exec(text)?.[0];
  if (opening) {
    const start = at + opening.length;
    return made(start, text.slice(start, endOfDeeper(text, start, opening)), true);
  }
  quotedValue.lastIndex = at;
  const quoted = quotedValue.exec(text);
  if (quoted) return made(at + 1, quoted[1] ?? quoted[2] ?? '', true);
  if (text[begin - 1] === ';' && text[end] === '=') {
    const length = lengthOf(valueOfList, text, at);
    if (length > 0) return made(at, text.slice(at, at + length), false);
  }
  const bare = text[end] === '%' ? encodedValue : bareValue;
  return made(at, text.slice(at, at + lengthOf(bare, text, at)), false);
}

/** How and where the value begins, or undefined where none does. */
function partedAt(
  text: string,
  name: string,
  begin: number,
  end: number,
): { manner: Manner; at: number } | undefined {
  const ends = (separator: RegExp) => {
    separator.lastIndex = end;
    return separator.test(text) ? separator.lastIndex : 0;
  };
  const lead = text.slice(Math.max(0, begin - 42), begin);
  let at = ends(stated);
  if (at) return { manner: 'stated', at };
  at = ends(named);
  if (at) return { manner: 'named', at };
  at = ends(element);
  if (at) return /(?:<|&lt;)[\w:.-]{0,40}$/.test(lead) ? { manner: 'stated', at } : undefined;
  at = ends(pairedValue);
  if (at && /(?:name|key)\\{0,7}["']?\s?[:=]\s?\\{0,7}["']?[\w.-]{0,32}$/i.test(lead))
    return { manner: 'stated', at };
  if (/^(?:password|passwd|passwort|passphrase|identified.*)$/i.test(name)) {
    at = ends(spoken);
    // Of SQL; `password("…")` is a call.
    if (at && (text[end] !== '(' || name === 'PASSWORD')) return { manner: 'stated', at };
  }
  if (/(?:^|[\s"'`[(,=])--?(?:[a-z][\w-]{0,32}[_-])?$/.test(lead) && !aboutSecrets.test(lead + name)) {
    at = ends(option);
    if (at) return { manner: 'option', at };
  }
  if (/[({[]\s?(?:<<)?["']?[\w.-]{0,32}$|s:\d{1,4}:"[\w.-]{0,32}$/.test(lead)) {
    at = ends(listed);
    if (at) return { manner: 'listed', at };
  }
  if (/^(?:requirepass|masterauth)$/.test(name) || /\slogin \S{1,32} $/.test(lead)) {
    at = ends(option);
    if (at) return { manner: 'option', at };
  }
  at = ends(sentence);
  return at ? { manner: 'prose', at } : undefined;
}

function lengthOf(expression: RegExp, text: string, at: number): number {
  expression.lastIndex = at;
  return expression.exec(text)?.[0].length ?? 0;
}

/** Where a value ends whose quote has backslashes before it: at the same again, or with the line. */
function endOfDeeper(text: string, start: number, opening: string): number {
  const longest = text.slice(start, start + 512);
  for (let at = longest.indexOf(opening); at >= 0; at = longest.indexOf(opening, at + 1))
    if (longest[at - 1] !== '\\') return start + at;
  const line = longest.search(/[\n"]/);
  return start + (line < 0 ? longest.length : line);
}

function continues(text: string, index: number): boolean {
  const pair = text.slice(index - 1, index + 1);
  return index > 0 && /^(?:[a-z]{2}|[A-Z][a-z])$/.test(pair);
}

function isCookie(name: string, { value, quoted }: Value): boolean {
  return /^cookie$/i.test(name) && !quoted && /^[\w.%-]{1,64}=/.test(value);
}

/** Whether a value without quotes is a piece of a program's source, or where something lies. */
function isSource(name: string, value: string, text: string, end: number): boolean {
  const next = text.charAt(end);
  call.lastIndex = end;
  return (
    (/^[a-z_][A-Za-z_.]*$/.test(value) && call.test(text)) ||
    (value === name && (next === ',' || next === ')')) ||
    expression.test(value) ||
    path.test(value)
  );
}

function kindOf(name: string): string {
  if (/^(?:pass|pw|identified|kennwort|mot|contrase|senha|wachtwoord|requirepass|masterauth)/i.test(name))
    return 'password';
  if (/key|sas|sig/i.test(name)) return 'key';
  if (/^(?:token|pat)/i.test(name)) return 'token';
  return 'secret';
}

function isSecret(
  name: string,
  found: Value,
  text: string,
  isPlaceholder: (value: string) => boolean,
): boolean {
  const { value, manner, ofEnvironment } = found;
  if (value === '' || isPlaceholder(value) || verdict.test(value)) return false;
  // What closes a prompt in a program's source: `ask('Password: ')`.
  if (/^[)\]},;\s]+$/.test(value)) return false;
  // A comparison in a program's source, and a place where more is to be read.
  if (!found.quoted && /^(?:[=~]|https?:\/\/)/.test(value)) return false;
  if (isCookie(name, found)) return true;
  if (digits.test(name)) return manner !== 'prose' && /^\d{3,8}$/.test(value);
  if (/^(?:authorization|cookie)$/i.test(name) && /^(?:Bearer|Basic|Digest|Token)$/i.test(value))
    return false;
  if (manner === 'prose')
    return (
      !/^pass$/i.test(name) &&
      (isRandom(value) ||
        (certain.test(name) && isMixed(value) && / is: $/.test(text.slice(found.start - 5, found.start))))
    );
  if (manner === 'option')
    return !/^[-<[$|=]/.test(value) && !ofSentence.test(value) && !notSecret.test(value);
  if (manner === 'listed') return !/^[a-z_. -]*$/i.test(value);
  if (/^(?:key|auth|code|appid)$/i.test(name)) return isRandom(value) || isCredentials(value);
  if (certain.test(name) && (manner === 'stated' || ofEnvironment))
    return !notSecret.test(value) && !(/^pass$/i.test(name) && count.test(value));
  // In a sentence ("invalid token: unexpected end") only what no word looks like.
  return value.length >= (certain.test(name) ? 6 : 8) && isMixed(value);
}

/** Letters and digits, and no number with a unit. */
function isMixed(value: string): boolean {
  return /\d/.test(value) && /[A-Za-z]/.test(value) && !/^\d+(?:\.\d+)*[a-z]{0,2}$/i.test(value);
}

const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Whether it was made by chance: digits, small and capital letters follow each other as in no word, name or path. */
function isRandom(value: string): boolean {
  if (value.length < 16 || uuid.test(value) || !/^[\w+/=~-]+$/.test(value) || !isMixed(value)) return false;
  if (!/[A-Za-z0-9]{12}/.test(value)) return false;
  const kinds = value
    .replace(/[^A-Za-z0-9]/g, '')
    .replace(/[a-z]/g, 'a')
    .replace(/[A-Z]/g, 'A')
    .replace(/\d/g, '0');
  let changes = 0;
  for (let at = 1; at < kinds.length; at++) if (kinds[at] !== kinds[at - 1]) changes++;
  return changes >= kinds.length / 5;
}

/** `name:password` in base64. */
function isCredentials(value: string): boolean {
  return (
    value.length >= 8 &&
    /^[A-Za-z0-9+/]+=*$/.test(value) &&
    /^[!-9;-~]+:[!-~]+$/.test(Buffer.from(value, 'base64').toString('latin1'))
  );
}
