// Message -> traceback: the chain of exception types and the frames of each, whatever the language. What it gives is all
// that a fingerprint needs; line numbers, addresses and arguments are gone.

import { createFrameReader, type Frame, rustLibrary } from './frames.ts';
import { withoutSharedPrefix } from './shared-prefix.ts';

export interface TracedException {
  /** `ValueError`, `com.example.BadThing`, `panic`. */
  type: string;
  /** Its message, first line, as printed. */
  message: string;
  /** In the order printed, recursion collapsed. */
  frames: Frame[];
  /** Python prints the frame nearest to the fault last, everyone else first. */
  framesNearestLast?: boolean;
  /** Where the `|` stands that Python prints before an exception group and, further right, before its parts. */
  column?: number;
}

export interface Traceback {
  /** In the order printed. */
  exceptions: TracedException[];
  /** Which of them the program reports: its title. */
  reported: TracedException;
}

const maxLines = 2000;
const maxFrames = 200;
/** Each costs as much as a message: more are no chain of causes. */
const maxExceptions = 50;
/** What follows in a line says neither type nor place. */
const maxLineChars = 1000;
/** Lines searched for an exception at their end: it stands near the first frame. */
const maxSearched = 50;

const typeWord = '[A-Za-z_$][\\w$]*(?:(?:\\.|::|\\\\)[A-Za-z_$][\\w$]*)*';
/** Exception types of the languages end so; anything dotted may be one too where the language says one must stand. */
const typeLike = new RegExp(
  `^(?:Exception in thread "[^"]{0,200}" |Uncaught |Unhandled exception\\. |Unhandled Exception: |Caused by: |Suppressed: |Wrapped by: |\\[cause\\]: |\\[errors\\]: |-{0,3}> |PHP (?:Fatal error|Warning|Notice|Parse error|Recoverable fatal error): {1,2}|Fatal error: |\\[)*(?:Uncaught )?(?<type>Error|Exception|Fatal Python error|${typeWord}(?:Error|Exception|Exit|Interrupt|Warning|Fault|Failure|Iteration|Throwable|Timeout|Group|Cancelled|NotFound|DoesNotExist|Invalid|Panic|Abort|Rejection)|(?<=(?:Caused by|Suppressed|Wrapped by): |Exception in thread "[^"]{0,200}" )[a-z][\\w$]*(?:\\.[\\w$]+)+|java\\.[\\w.$]+|System\\.[\\w.]+|E[A-Z]{3,12})(?:\`\\d)?(?: \\[[\\w-]{1,40}\\])?(?: \\((?:0x)?[\\da-fA-F]{1,12}\\))?(?::\\s?(?<message>.*))?$`,
);
const pythonFinal = new RegExp(`^(?<type>${typeWord})(?::\\s?(?<message>.*))?$`);
const goPanic = /^(?:panic|fatal error): (?<message>.*?)(?: \[recovered(?:, repanicked)?\])?$/;
const rustPanic =
  /^thread '[^']{0,100}'(?: \(\d+\))? panicked at (?:'(?<quoted>.*)', )?(?<place>[^\s']{1,300}?):?$/;
const rubyFirst =
  /^(?<frame>.{1,400}:\d+:in [`'][^'`]{1,200}'): (?<message>.*) \((?<type>[A-Z][\w:]{0,200})\)\s*$/;
const railsFirst = /^(?<type>[A-Z]\w*(?:::[A-Z]\w*)*) \((?<message>.{0,2000})\):?\s*$/;
const elixirFirst =
  /^\*\* \((?<type>[A-Z][\w.]{0,200}|exit|stop|throw)(?: from [^)]{0,60})?\) ?(?<message>.*)$/;
const sanitizerFirst =
  /^(?:==\d+==)?\s*(?:ERROR|WARNING): (?<type>(?:Address|Thread|Memory|Leak|UndefinedBehavior)Sanitizer: [A-Za-z-]+(?: (?!on\b)[a-z-]+){0,4})/;
const ocamlFirst = /^Fatal error: exception (?<type>[A-Z][\w.']{0,200})(?<message>\(.{0,2000})?$/;
/** A server that catches its own crash: `10:00:01 UTC - mysqld got signal 11 ;`. With digits it may be a process's id. */
const gotSignal = /(?:^|[\s/])(?<type>[A-Za-z_.-]{1,100} got signal \d{1,2})\b/;
const goRace = /^WARNING: (?<type>DATA RACE)$/;
const dartFirst = /^Unhandled exception:\s*$/;
const perlDied = /^(?<message>.{1,500}?) at (?<file>\S{1,300}) line \d+\.?$/;
const phpUncaught = new RegExp(
  `Uncaught (?<type>${typeWord})(?:: (?<message>.*?))? in (?<file>\\S{1,300}?)(?::\\d+| on line \\d+)?$`,
);
const phpOld = new RegExp(
  `(?:Uncaught )?exception '(?<type>${typeWord})' with message '(?<message>.*)' in \\S{1,300}$`,
);
/** Monolog's formatter of lines, Laravel's and Symfony's too */
const phpObject =
  /\[object\] \((?<type>[A-Za-z_][\w\\]{0,200})\(code: [^)]{0,40}\): (?<message>(?:(?!\[object\]).)*?)(?: at [^\s:]{1,300}:\d{1,7})?\)?$/;
/** Lines of a dump that say nothing of what happened. */
const idle =
  /^(?:goroutine \d+ |Stack trace:|[Ss]tack backtrace:|stack traceback:|coroutine \d+:|CallStack \(from|HasCallStack backtrace:|Current stack trace:|Thread \d+|Current thread|\[signal |\s*\^|={5,}|-{5,})/;
const pythonStart =
  /^[\s|+]*(?:[^\s|+].{0,199}\s)?Traceback \(most recent call last\):\s*$|^[\s|+]*\+? Exception Group Traceback/;
const endOfInner = /^\s*-{3} (?:End of inner|Fin de)/;
const prefix = /^[\s|+-]*(?:\+-[+-]*)?[\s|]*/;

/** In the order tried; `hint` is in every line of the shape. */
const exceptionShapes: { hint?: string; pattern: RegExp }[] = [
  { hint: '[object] (', pattern: phpObject },
  { hint: 'Uncaught ', pattern: phpUncaught },
  { hint: "exception '", pattern: phpOld },
  { hint: ':in ', pattern: rubyFirst },
  { pattern: typeLike },
  { hint: '** (', pattern: elixirFirst },
  { hint: 'Sanitizer', pattern: sanitizerFirst },
  { hint: ' got signal ', pattern: gotSignal },
  { hint: 'DATA RACE', pattern: goRace },
  { hint: 'Fatal error: exception ', pattern: ocamlFirst },
  { hint: ' (', pattern: railsFirst },
];

/** What the line says is thrown, or undefined. `inPython`: between the frames and the exception of a Python traceback. */
function exceptionOf(line: string, inPython: boolean): { type: string; message: string } | undefined {
  const text = line.length > 3000 ? line.slice(0, 3000) : line;
  const bare = text.replace(prefix, '').replace(/\s\{$/, '').trimEnd();
  if (inPython) {
    const found = pythonFinal.exec(bare)?.groups;
    if (found?.type) return { type: found.type, message: found.message ?? '' };
  }
  for (const { hint, pattern } of exceptionShapes) {
    const found = hint === undefined || bare.includes(hint) ? pattern.exec(bare)?.groups : undefined;
    if (found?.type) return { type: found.type, message: found.message ?? '' };
  }
  const go =
    bare.startsWith('panic: ') || bare.startsWith('fatal error: ') ? goPanic.exec(bare)?.groups : undefined;
  if (go) return { type: bare.startsWith('fatal') ? 'fatal error' : 'panic', message: go.message ?? '' };
  const rust = bare.startsWith('thread ') ? rustPanic.exec(bare)?.groups : undefined;
  if (rust) return { type: 'panic', message: rust.quoted ?? '' };
  return undefined;
}

/** A header in front of the exception (`2026-… ERROR handler - java.io.IOException: x`): the exception at the line's end. */
const typeInside = new RegExp(
  `(?:^|[\\s:>|\\]])(?<type>${typeWord}(?:Error|Exception|Fault|Throwable))(?::\\s(?<message>.*))?$`,
);

/** What stands right above a frame is a type when it looks like a class in a package: `com.acme.Declined: no funds`. */
const dottedType = /^(?<type>[A-Za-z_][\w$]*(?:\.[\w$]+){0,20}\.[A-Z][\w$]*)(?::\s(?<message>.*))?$/;

/**
 * Reads a traceback out of a message of several lines, each perhaps behind the same prefix; undefined when it holds no frame
 * of any known shape. Linear in the message; at most 2,000 lines are read.
 */
export function readTraceback(message: string): Traceback | undefined {
  if (message.indexOf('\n') === -1) return undefined;
  const lines = message.split('\n', maxLines);
  const traceback = readLines(lines);
  if (traceback) return traceback;
  const unwrapped = withoutSharedPrefix(lines);
  return unwrapped && readLines(unwrapped);
}

function readLines(lines: readonly string[]): Traceback | undefined {
  const reader = createFrameReader();
  const exceptions: TracedException[] = [];
  let current: TracedException | undefined;
  /** Frames whose exception comes after them (Python), or that belong to none yet. */
  let frames: Frame[] = [];
  let python = false;
  let pythonSeen = false;
  let frameCount = 0;
  let lastText: string | undefined;
  /** Below `Caused by:` alone, where anyhow and eyre list causes. */
  let isCause = false;
  let awaitsMessage = false;
  let goroutines = 0;
  let searched = 0;

  for (const [at, raw] of lines.entries()) {
    if (exceptions.length >= maxExceptions) break;
    const whole = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    const line = whole.length > maxLineChars ? whole.slice(0, maxLineChars) : whole;
    if (line.trim() === '') continue;
    if (line.includes('Traceback') && pythonStart.test(line)) {
      python = pythonSeen = true;
      frames = [];
      current = undefined;
      continue;
    }
    if (/^goroutine \d+ /.test(line) && ++goroutines > 1) break; // the others did nothing wrong
    // Go indents the frames of a race, and of nothing else.
    const unindented = current?.type === 'DATA RACE' ? line.replace(/^ {2}/, '') : line;
    const frame = frameCount < maxFrames ? reader.read(unindented, lines[at + 1]) : undefined;
    if (frame === 'part') continue;
    if (frame) {
      frameCount++;
      awaitsMessage = false;
      if (python) frames.push(frame);
      else {
        if (!current) {
          const inside =
            lastText === undefined
              ? undefined
              : (typeInside.exec(lastText) ?? dottedType.exec(lastText))?.groups;
          current = {
            type: inside?.type ?? '',
            message: inside?.message ?? lastText ?? '',
            frames: [],
          };
          exceptions.push(current);
        }
        // The first line of a Ruby traceback names a frame and the exception.
        const both = exceptionOf(line, false);
        if (both && current.type === '') Object.assign(current, both);
        else if (both && rubyFirst.test(line.replace(prefix, ''))) {
          current = { ...both, frames: [] };
          exceptions.push(current);
        }
        current.frames.push(frame);
      }
      continue;
    }
    // .NET prints the inner exception's frames first, then goes on with the outer one's.
    if (endOfInner.test(line) && current) {
      current = exceptions[exceptions.indexOf(current) - 1] ?? current;
      continue;
    }
    if (awaitsMessage && current) {
      current.message = line.trim();
      awaitsMessage = false;
      continue;
    }
    if (python && frames.length > 0) {
      // Source lines and the marks under them are indented more than the exception.
      if (/^[\s|+]*\s{4}/.test(line) && !/^[\s|]*\|/.test(line)) continue;
      const thrown = exceptionOf(line, true);
      if (thrown) {
        exceptions.push({ ...thrown, frames, framesNearestLast: true, column: columnOf(line) });
        current = undefined;
        frames = [];
        python = false;
      }
      continue;
    }
    if (idle.test(line)) continue;
    const thrown = exceptionOf(line, false);
    if (thrown) {
      current = { ...thrown, frames: [] };
      if (pythonSeen) current.column = columnOf(line);
      exceptions.push(current);
      const rust = rustPanic.exec(line)?.groups;
      awaitsMessage = rust !== undefined && thrown.message === '';
      // Without a backtrace the place of the panic is all there is.
      if (rust?.place) {
        current.frames.push({
          name: '',
          file: rust.place
            .replace(/:\d+(?::\d+)?$/, '')
            .split('/')
            .slice(-2)
            .join('/'),
          inApp: !rustLibrary.test(rust.place),
        });
        frameCount++;
      }
    } else if (dartFirst.test(line)) {
      current = undefined;
    } else {
      const inside =
        exceptions.length === 0 && searched++ < maxSearched ? typeInside.exec(line)?.groups : undefined;
      if (inside?.type && /\s/.test(line)) {
        current = { type: inside.type, message: inside.message ?? '', frames: [] };
        exceptions.push(current);
      } else {
        if (line === 'Caused by:') isCause = true;
        if (isCause) continue;
        const died = exceptions.length === 0 ? perlDied.exec(line)?.groups : undefined;
        lastText = died?.message ?? line.trim();
      }
    }
  }
  if (frames.length > 0) exceptions.push({ type: '', message: '', frames, framesNearestLast: python });
  if (frameCount === 0) return undefined;
  // What was named but has no frames (an ERROR line above the trace) counts only when nothing else is known of it.
  const told = exceptions.filter((thrown) => thrown.frames.length > 0 || thrown.type !== '');
  for (const thrown of told) thrown.frames = collapse(thrown.frames);
  const reported = pythonSeen ? reportedByPython(told) : reportedByOthers(told);
  return reported && { exceptions: told, reported };
}

const columnOf = (line: string): number => /^\s*\|/.exec(line)?.[0].length ?? 0;

/** The last exception, or the group that it is a part of. */
function reportedByPython(told: readonly TracedException[]): TracedException | undefined {
  const lastAlone = told.findLastIndex(({ column = 0 }) => column === 0);
  const grouped = told.slice(lastAlone + 1);
  const outermost = Math.min(...grouped.map(({ column = 0 }) => column));
  return grouped.findLast(({ column }) => column === outermost) ?? told.at(-1);
}

/** The first, but for an exit of Elixir's that says nothing of what was raised. */
function reportedByOthers(told: readonly TracedException[]): TracedException | undefined {
  return told.find(({ message }) => message !== 'an exception was raised:') ?? told[0];
}

/** Each frame once: the turns of a recursion differ from run to run. */
function collapse(frames: Frame[]): Frame[] {
  const seen = new Set<string>();
  return frames.filter((frame) => {
    const key = `${frame.file}\0${frame.name}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
