// A JSON record -> the text that says what happened: its stack, whatever way a logger writes one, or else its message with
// the error's type and message. A stack that is a list of frames is written out as its language prints it, for traceback.ts.

type Fields = Record<string, unknown>;

const stackKeys = [
  'stack',
  'stack_trace',
  'stackTrace',
  'stacktrace',
  'exc_info',
  'traceback',
  '@x',
  'exception.stacktrace',
  'error.stack',
  'error.stack_trace',
  'exception',
  'Exception',
  'trace',
  'StackTrace',
];
const frameKeys = ['frames', 'extendedStackTrace', 'backtrace', ...stackKeys];
const errorKeys = ['err', 'error', 'exception', 'Exception', 'thrown', 'exc_info', 'cause'];
/** Where some loggers put what the program gave them. */
const nestKeys = [
  'context',
  'fields',
  'attributes',
  'attr',
  'attrs',
  'extra',
  'data',
  'details',
  'meta',
  'metadata',
];
const messageKeys = [
  '@mt',
  'MessageTemplate',
  'message',
  'msg',
  '@m',
  'Message',
  'event',
  'short_message',
  'log',
  'body',
  'Body',
  'text',
  'RenderedMessage',
];
const typeKeys = [
  'type',
  'name',
  'class',
  'kind',
  'error.type',
  'exc_type',
  'exceptionType',
  'exception.type',
  'codeName',
];
const detailKeys = [
  'message',
  'msg',
  'errmsg',
  'error_message',
  'reason',
  'description',
  'detail',
  'exc_value',
  'exception.message',
];
const classKeys = ['class', 'className'];
const functionKeys = ['method', 'function', 'func', 'name', 'methodName'];
const fileKeys = ['file', 'filename', 'fileName', 'source'];
/** structlog has the text of the line at `line`. */
const lineKeys = ['lineno', 'lineNumber', 'line'];
/** GELF has a stack where it may have any text. */
const frameBelow = /\n\s{0,20}(?:at |File "|from |#0 )/;
const maxCauses = 5;
const maxFrames = 200;

interface Thrown {
  headline: string;
  /** As lines of a traceback. */
  frames: string[];
}

/** @returns undefined when nothing in it is known to say what happened. */
export function textOfJson(record: Fields): string | undefined {
  const holders = [record, ...nestKeys.map((key) => record[key]).filter(isFields)];
  const chain = holders.map(chainIn).find((errors) => errors.length > 0) ?? [];
  for (const holder of [...chain.slice(0, 1), ...holders]) {
    const stack = firstString(holder, stackKeys);
    if (stack?.includes('\n')) return stack;
    // .NET's, without its line breaks
    if (stack?.includes('   at '))
      return stack
        .split(/ {3}(?=at |--- )/)
        .map((line) => line.trimEnd())
        .join('\n   ');
  }
  const full = firstString(record, ['full_message']);
  if (full !== undefined && frameBelow.test(full)) return full;
  const said = firstOf(holders, (holder) => firstString(holder, messageKeys));
  const detail = chain[0]
    ? firstString(chain[0], detailKeys)
    : (firstOf(holders, flatError) ??
      firstOf(holders, (holder) => firstString(holder, ['error', 'err', 'exception', 'reason'])) ??
      firstOf(holders.slice(1), (holder) => firstString(holder, detailKeys)));
  const headline = together([said, chain[0] && firstString(chain[0], typeKeys), detail]);
  const thrown = chain.map((error, at) => {
    const type = firstString(error, typeKeys);
    const own = together([type, firstString(error, detailKeys)]);
    return { headline: at === 0 && type === undefined ? headline : own, frames: framesOf(error) };
  });
  if (hasFrames(thrown)) return writtenOut(thrown);
  const alone = holders
    .map((holder) => ({ headline, frames: framesOf(holder) }))
    .filter((each) => hasFrames([each]));
  if (alone[0]) return writtenOut([alone[0]]);
  return headline === '' ? undefined : headline;
}

/** ECS, OpenTelemetry and AWS Lambda may write type and message beside each other. */
function flatError(holder: Fields): string | undefined {
  const type = firstString(holder, ['error.type', 'exception.type', 'errorType']);
  const message = firstString(holder, ['error.message', 'exception.message', 'errorMessage']);
  return type === undefined && message === undefined ? undefined : together([type, message]);
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const hasFrames = (thrown: readonly Thrown[]): boolean => thrown.some(({ frames }) => frames.length > 0);

/** The error that stands in a record, and its causes. */
function chainIn(record: Fields): Fields[] {
  const found = errorKeys
    .map((key) => record[key])
    .find((value) => isFields(Array.isArray(value) ? value[0] : value));
  if (Array.isArray(found)) return found.slice(0, maxCauses).filter(isFields);
  const chain: Fields[] = [];
  let next = found;
  while (isFields(next) && chain.length < maxCauses) {
    chain.push(next);
    next = next.cause ?? (isFields(next.causedBy) ? next.causedBy.exception : undefined);
  }
  return chain;
}

function framesOf(holder: Fields): string[] {
  for (const key of frameKeys) {
    const list = holder[key];
    if (!Array.isArray(list)) continue;
    const frames = list.slice(0, maxFrames).flatMap((each) => {
      const frame =
        typeof each === 'string' ? textOfPlace(each) : isFields(each) ? textOfFrame(each) : undefined;
      return frame === undefined ? [] : [frame];
    });
    // Monolog keeps the place of the fault apart from its callers.
    const fault = firstString(holder, ['file']);
    if (frames.length > 0) return fault?.includes('.php:') ? [textOfPlace(fault), ...frames] : frames;
  }
  return [];
}

function textOfPlace(text: string): string {
  const place = /^([^\s:()]{1,400}\.php):(\d{1,9})$/.exec(text);
  // Python has the text of the line below.
  const line = text.startsWith('  File "') ? text.split('\n', 1)[0]! : text;
  return place ? `#0 ${place[1]}(${place[2]}): -` : line.replace(/\s/g, ' ').slice(0, 1000);
}

/** Undefined unless it has two of a function, a file and a line. */
function textOfFrame(frame: Fields): string | undefined {
  const [holder = '', called = '', file = '', line = ''] = [classKeys, functionKeys, fileKeys, lineKeys].map(
    (keys) => firstValue(frame, keys),
  );
  if ([holder || called, file, line].filter((each) => each !== '').length < 2) return undefined;
  if (isPythonFrame(file)) return `  File "${file}", line ${line}, in ${called}`;
  if (holder !== '') return `\tat ${holder}.${called}(${file || 'Unknown Source'}:${line || '0'})`;
  if (file.endsWith('.go') && called.includes('.')) return `${called}(...)\n\t${file}:${line}`;
  return `    at ${called || '<anonymous>'} (${file}:${line || '0'}:0)`;
}

const isPythonFrame = (file: string): boolean => file.endsWith('.py');

function writtenOut(thrown: readonly Thrown[]): string {
  const isPython = thrown.some(({ frames }) => frames[0]?.startsWith('  File "'));
  if (!isPython)
    return thrown
      .map(({ headline, frames }, at) =>
        [`${at === 0 ? '' : 'Caused by: '}${inOneLine(headline)}`, ...frames].join('\n'),
      )
      .join('\n');
  return thrown
    .toReversed()
    .map(({ headline, frames }) =>
      ['Traceback (most recent call last):', ...frames, inOneLine(headline)].join('\n'),
    )
    .join('\n\n');
}

function together(parts: readonly (string | undefined)[]): string {
  return [...new Set(parts.filter((part) => part !== undefined))].join(': ');
}

const inOneLine = (text: string): string => text.split('\n').join(' ');

function firstOf<T>(holders: readonly Fields[], find: (holder: Fields) => T | undefined): T | undefined {
  for (const holder of holders) {
    const found = find(holder);
    if (found !== undefined) return found;
  }
  return undefined;
}

function firstString(record: Fields, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const value = record[key];
    if (typeof value === 'string' && value !== '') return value;
  }
  return undefined;
}

/** As text, of what a frame may hold. */
function firstValue(frame: Fields, keys: readonly string[]): string {
  for (const key of keys) {
    const value = frame[key];
    if (typeof value === 'number' || (typeof value === 'string' && value !== ''))
      return `${value}`.replace(/\s/g, ' ').slice(0, 300);
  }
  return '';
}
