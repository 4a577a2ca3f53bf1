// Lines -> entries, per stream: the lines of one traceback become one entry, and what is indented below a line joins it.
// Surprise: some lines belong together only if a later one proves it (a Java message of three lines is known by the frames
// below it), so lines wait, and are given out one by one when the proof does not come.
//
//            +--------------------------------- no row fits: give out, begin anew ---------------------------------+
//            v                                                                                                      |
//   none --line--> open(state) --a row of table[state] fits, `proves`--> open(state')  all lines so far are one     |
//                     |         --a row fits, `extends`---------------> open(state')  like the line before          |
//                     |         --a row fits, `waits`-----------------> open(state')  not yet proven                |
//                     |         --none fits, or idle, or flush--> give out the proven lines; the rest begins anew --+
//                     +--- maxLines, maxBytes: give out a part, and stay in the state
//
// In a stream whose lines begin with a time, lines without one wait below the last that has one (state `loose`) and are its
// rest, unless a traceback turns out to begin among them. So they do in any stream below a line with a time that says
// nothing itself; a tag that it ends with is taken off where they begin with it (Rails). A prefix that compose, syslog, CRI
// and other tools put before each line is taken off before the look (transport.ts); what is given out keeps it.
//
// traces.ts holds the table and what begins a traceback; an ordinary line never reaches it: `isOrdinary` tells by its
// first character and a few words (benchmarks/detect-speed.ts).

import { ofStream } from '../streams.ts';
import type { Entry, Line, Position, Stage, Stream } from '../types.ts';
import { withoutReturns } from '../without-returns.ts';
import { isCrash, readHeadLevel, readPlainLevel } from './level.ts';
import { isOrdinary } from './ordinary.ts';
import {
  bareRubyFrame,
  cause,
  diagnostic,
  frame,
  goroutine,
  introduces,
  isExceptionHead,
  isFrameLike,
  longestLooked,
  stackTitle,
} from './shapes.ts';
import {
  bracketDepth,
  deeperBehindPrefix,
  hasTimeNearStart,
  indentOf,
  isOfSameCall,
  saysNothing,
  sharedPrefix,
  startsLog,
  tagAtEnd,
  visible,
} from './text.ts';
import type { Row, Seen, State } from './traces/row.ts';
import { type Beginning, beginnings, openingState, restStates, table, traceStates } from './traces.ts';
import { Transport } from './transport.ts';

export interface JoinOptions {
  /** A longer block is given out in parts of this many lines. */
  maxLines?: number;
  /** Most bytes of text in an entry, line ends counted; a longer block is given out in parts. */
  maxBytes?: number;
  /** An open traceback is given out when no line came for so long, in ms; a single line after half of it. */
  idleMs?: number;
  /** A line that matches begins a traceback (TRACEBACK_PATTERN). */
  tracebackPattern?: { test(text: string): boolean };
  /** When given, each line that matches begins an entry, and every other line continues it (MULTILINE_START). */
  multilineStart?: { test(text: string): boolean };
  /** Whether the line may matter to `match`: the lines below such a one may be its rest. */
  matters?(text: string): boolean;
}

/**
 * Not every line must be pushed. While `wantsAll` is false, lines that are ordinary and do not matter may be left out: they
 * would be entries of no interest. Then `passedOver`, and before a line that does matter the one above it, or all from the
 * last that begins with a time (see `lookback` in follow). What such a stream's habits are, a time at the start of
 * each line or a transport's prefix, is learnt from its first lines and from those that are pushed: where something
 * has broken the habit of times, it may be learnt again sooner or later than from all lines.
 */
export interface Join extends Stage<Line> {
  /** Position of the oldest line not given out yet. */
  firstPending(stream: Stream): Position | undefined;
  wantsAll(stream: Stream): boolean;
  /** Lines were left out before the next that is pushed. */
  passedOver(stream: Stream, now: number): void;
}

interface Open {
  stream: Stream;
  /** Lines held, in order; the first `proven` belong to one entry. */
  held: Line[];
  proven: number;
  state: State;
  trace: boolean;
  /** A part was given out already: what follows continues it. */
  continued: boolean;
  /** So many lines of it were given out in parts. */
  given: number;
  bytes: number;
  head: string;
  headIndent: number;
  /** What the head ends with, if it says nothing else: the lines below may begin with it. */
  tag: string;
  /** The head has a time and ends with a colon: lines with the very same prefix may stand deeper below. */
  opensList: boolean;
  previous: string;
  pushedAt: number;
  /** How many lines in a row began with a time, and how many without one came since. */
  stamped: number;
  unstamped: number;
  /** Brackets open, while the entry may be JSON over several lines. */
  depth: number;
  /** Whether each line has the same prefix; undefined until it shows. */
  prefixed: boolean | undefined;
  transport: Transport;
  /** So many lines more are pushed, for the stream's habits to be learnt from; the last of them only while it has none of times. */
  learning: number;
  /** Who wrote the last line, as a transport's prefix says. */
  from: string;
  lineIsEvent: boolean;
}

/** Lines in a row with a time at their start, after which a line without one is held to continue the line before. */
const stampedEnough = 3;
const unstampedEnough = 24;
/** The exception of what a logger said above: its frames prove it. */
const exceptionBelow: Row = { when: /^/, to: 'wrap', effect: 'waits' };
/** States that a beginning opens, and in which nothing is proven yet. */
const opened = new Set<State>(['go-head']);
/** The same for what stands right below a traceback, where a message may well have more lines. */
const stampedForRest = 2;
/** A stream's first lines, from which its habits are learnt, and so many more when one broke that of times. */
const habitLines = 32;
const relearnLines = 8;
/** Such a line comes with the line before, at most so many ms later. */
const stampedGapMs = 50;
/** What lines have in common that is shorter, in characters, is no prefix. */
const shortestPrefix = 4;
/** Lines whose Docker time stamps lie further apart, in ms, are never one entry. */
const longestGapMs = 1000;
/** States that tell nothing of a traceback yet: its beginning is not theirs, unless they announce it. */
const untold = new Set<State>(['line', 'block', 'gap', 'detail', 'wrap', 'source', 'source-line', 'go-name']);

/**
 * Makes the stage for one container.
 * @param emit gets each entry, in the order of its stream
 */
export function createJoin(options: JoinOptions, emit: (entry: Entry, now: number) => void): Join {
  const { maxLines = 400, maxBytes = 512 * 1024, idleMs = 500, tracebackPattern, multilineStart } = options;
  const { matters = () => true } = options;
  const open: Record<Stream, Open> = { stdout: newOpen('stdout'), stderr: newOpen('stderr') };

  function push(line: Line, now: number): void {
    const entry = ofStream(open, line.stream);
    entry.pushedAt = now;
    if (entry.learning > 0) entry.learning--;
    take(entry, line, now);
  }

  function wantsAll(stream: Stream): boolean {
    const entry = ofStream(open, stream);
    const { held } = entry;
    if (multilineStart || entry.transport.wantsAll || entry.continued) return true;
    if (entry.learning > (entry.stamped < stampedEnough ? 0 : relearnLines)) return true;
    if (held.length === 0) return false;
    if (held.length > 1 || entry.state !== 'line') return true;
    const text = withoutReturns(held[0]!.text);
    if (!isOrdinary(text) || tracebackPattern?.test(text)) return true;
    // Only a line without a time, where all others have one, can be the rest of an ordinary line that says something.
    return (entry.stamped >= stampedEnough || saysNothing(text)) && matters(text);
  }

  function take(entry: Open, line: Line, now: number): void {
    if (multilineStart) {
      takeConfigured(entry, line, now);
      return;
    }
    let text = line.text.charCodeAt(0) === 27 ? visible(line.text) : withoutReturns(line.text);
    const { isKnown } = entry.transport;
    const unwrapped = entry.transport.unwrap(text);
    if (unwrapped && !isKnown) retake(entry, now);
    if (unwrapped) {
      text = unwrapped.text;
      if (unwrapped.from !== entry.from && entry.from !== '') close(entry, now, true);
      entry.from = unwrapped.from;
      entry.lineIsEvent = unwrapped.lineIsEvent;
    } else if (isKnown) {
      entry.from = '';
      entry.lineIsEvent = false;
    }
    if (entry.tag !== '' && text.startsWith(entry.tag)) {
      text = text.slice(entry.tag.length).replace(/^ /, '');
      if (entry.head.endsWith(entry.tag)) entry.head = entry.head.slice(0, -entry.tag.length);
    }
    const item = entry.opensList && entry.held.length > 0 ? deeperBehindPrefix(entry.head, text) : undefined;
    const isNear = item !== undefined && gapMs(entry.held.at(-1)!, line) <= longestGapMs;
    if (isNear && (entry.held.length > 1 || !frame.test(item))) {
      entry.prefixed = false;
      append(entry, line, text, 'block', 'proves', now);
      // Erlang's report of a process that crashed.
      entry.trace ||= /\scrasher:$/.test(entry.head);
      return;
    }
    if (entry.opensList && entry.held.length > 0 && isOfSameCall(entry.head, text)) {
      append(entry, line, text, 'block', 'proves', now);
      return;
    }
    if (
      !isOrdinary(text) ||
      tracebackPattern?.test(text) ||
      unwrapped?.ofKernel ||
      (line.text.charCodeAt(0) === 27 && diagnostic.test(text))
    ) {
      step(entry, line, visible(text).slice(0, longestLooked), now);
      return;
    }
    if (entry.state !== 'line' && entry.state !== 'block' && entry.state !== 'loose') {
      step(entry, line, text.slice(0, longestLooked), now);
      return;
    }
    const stamped = hasTimeNearStart(text);
    if (!stamped && continuesStamped(entry, line, text)) {
      append(entry, line, text, 'loose', 'waits', now);
      return;
    }
    if (entry.held.length > 0) give(entry, entry.held.length, now);
    begin(entry, line, text, stamped && text.length < 48 ? openingState(text) : 'line', stamped);
  }

  /** The lines that a transport's prefix was learnt from are looked at without it. */
  function retake(entry: Open, now: number): void {
    if (entry.continued) return;
    const { held } = entry;
    entry.stamped = 0;
    reset(entry);
    for (const line of held) take(entry, line, now);
  }

  /**
   * In a stream whose lines begin with a time, a line without one is the rest of the line before, unless it has a level of
   * its own. In any stream it is, below a line with a time that says nothing itself.
   */
  function continuesStamped(entry: Open, line: Line, text: string): boolean {
    if (entry.held.length === 0) return false;
    const needsRest = saysNothing(entry.head);
    if (entry.stamped < stampedEnough && !needsRest) return false;
    if (++entry.unstamped > unstampedEnough) return false;
    if (!isSoon(entry.held.at(-1)!, line)) return false;
    if (readPlainLevel(text) === 'unknown') return !needsRest || !startsLog(text);
    // What an error says below its own line may well speak of errors.
    return saysError(entry) && (needsRest ? isRestOfError(text) : !startsLog(text) && !isExceptionHead(text));
  }

  function takeConfigured(entry: Open, line: Line, now: number): void {
    const text = visible(line.text);
    const starts = multilineStart!.test(text);
    if (entry.held.length > 0 && !starts && entry.state === 'block') {
      append(entry, line, text, 'block', 'proves', now);
    } else {
      close(entry, now, false);
      begin(entry, line, text, starts ? 'block' : 'line', false);
    }
    if (tracebackPattern?.test(text)) entry.trace = true;
  }

  /** One step of the state machine. */
  function step(entry: Open, line: Line, text: string, now: number): void {
    const blank = text.trim() === '';
    const bare = blank ? undefined : findBeginning(text);
    const beginning = bare ?? (blank ? undefined : beginningBehindPrefix(entry, text));
    const state = beginning?.to ?? (blank ? 'line' : openingState(text));
    if (entry.held.length > 0 && gapMs(entry.held.at(-1)!, line) > longestGapMs) close(entry, now, true);
    // A blank line is nobody's head: what is indented below it belongs to nothing.
    if (entry.held.length > 0 && !blank && isBlank(entry.head)) close(entry, now, true);
    if (entry.held.length === 0 && !entry.continued) {
      begin(entry, line, text, state, hasTimeNearStart(text));
      entry.trace ||= isWholeTrace(text);
      return;
    }
    if (entry.state === 'loose') {
      stepLoose(entry, line, text, state, now);
      return;
    }
    const seen = look(entry, line, text, blank, beginning !== undefined);
    // A traceback that begins under its announcement belongs to it, and one that is indented to what it is indented under.
    if (
      beginning?.joins &&
      untold.has(entry.state) &&
      (seen.indent > seen.headIndent + 3 || announces(entry))
    ) {
      append(entry, line, text, beginning.to, 'proves', now);
      return;
    }
    const beginsAnew = beginning !== undefined && untold.has(entry.state) && beginning.to !== entry.state;
    const row = beginsAnew ? undefined : rowFor(entry.state, seen);
    const mayBeBehind = !beginsAnew && !bare && (row === undefined || (row.effect === 'waits' && !blank));
    const behind = mayBeBehind ? rowBehindPrefix(entry, line, text) : undefined;
    if (behind) {
      append(entry, line, behind.text, behind.row.to, behind.row.effect, now);
      return;
    }
    const isBare = !blank && row?.effect === 'proves' && sharedPrefix(entry.head, text) < shortestPrefix;
    // What waits behind a prefix may be what others logged: a proof without it is no proof of that.
    const provesOthers = isBare && entry.prefixed === true && seen.waiting > 0;
    if (row && !provesOthers) {
      if (isBare || entry.held.length > 2) entry.prefixed ??= false;
      if (entry.state === 'json' || state === 'json') entry.depth = seen.depth;
      append(entry, line, text, row.to, row.effect, now);
      return;
    }
    if (
      entry.state === 'gap' &&
      (saysNothing(entry.head) || saysError(entry)) &&
      isPlainRest(entry, text, state) &&
      continuesStamped(entry, line, text)
    ) {
      append(entry, line, text, 'loose', 'waits', now);
      return;
    }
    if (entry.held.length > entry.proven) {
      // The lines that waited are taken anew, and this line may continue one of those.
      close(entry, now, false);
      take(entry, line, now);
      return;
    }
    const mayBeRest = state === 'line' || (state === 'json' && saysNothing(entry.head));
    const plain = (entry.state === 'line' || entry.state === 'block') && mayBeRest;
    const stamped = hasTimeNearStart(text);
    if (plain && !blank && !stamped && !startsLog(text) && continuesStamped(entry, line, text)) {
      append(entry, line, text, 'loose', 'waits', now);
      return;
    }
    close(entry, now, false);
    begin(entry, line, text, state, stamped);
    entry.trace ||= isWholeTrace(text);
  }

  /** Lines without a time wait below one with a time; what comes next tells whether they are its rest or a traceback's begin. */
  function stepLoose(entry: Open, line: Line, text: string, state: State, now: number): void {
    const blank = text.trim() === '';
    const stamped = hasTimeNearStart(text) || startsLog(text);
    if (blank || isPlainRest(entry, text, state)) {
      if (continuesStamped(entry, line, text)) {
        append(entry, line, text, 'loose', 'waits', now);
        return;
      }
    } else if (state === 'wrap' && saysError(entry) && !stamped && isSoon(entry.held.at(-1)!, line)) {
      // The exception of an error that had more to say: its frames prove it.
      entry.proven = entry.held.length;
      append(entry, line, text, 'wrap', 'waits', now);
      return;
    } else if (!stamped) {
      // No rest of an ordinary line goes on like this: the waiting lines are taken anew, without the habit of the stream.
      entry.state = 'gap';
      entry.stamped = 0;
      entry.learning = Math.max(entry.learning, relearnLines);
    }
    close(entry, now, false);
    take(entry, line, now);
  }

  /** Whether the line looks like the rest of a message, and like no piece of a traceback. */
  function isPlainRest(entry: Open, text: string, state: State): boolean {
    if (state !== 'line' || hasTimeNearStart(text) || startsLog(text)) return false;
    if (saysNothing(entry.head)) return !frame.test(text);
    return saysError(entry)
      ? !frame.test(text) && !isFrameLike(text)
      : indentOf(text) === 0 && !isFrameLike(text);
  }

  /**
   * A logger, syslog or compose may put the same prefix before each line of a traceback: the row that fits the line
   * without what it shares with the entry's first line.
   */
  function rowBehindPrefix(entry: Open, line: Line, text: string): { row: Row; text: string } | undefined {
    if (entry.prefixed === false || entry.held.length === 0) return undefined;
    const length = sharedPrefix(entry.head, text);
    if (length < shortestPrefix) return undefined;
    const rest = text.slice(length);
    const blank = rest.trim() === '';
    const isOpen = entry.trace || opened.has(entry.state);
    if (!isOpen && isExceptionHead(rest) && saysWhatFailed(entry) && isSoon(entry.held.at(-1)!, line)) {
      entry.prefixed = true;
      return { row: exceptionBelow, text: rest };
    }
    const told =
      isOpen ||
      blank ||
      bareRubyFrame.test(rest) ||
      frame.test(rest) ||
      cause.test(rest) ||
      stackTitle.test(rest) ||
      goroutine.test(rest);
    const row = told ? rowFor(entry.state, look(entry, line, rest, blank, false)) : undefined;
    // Within a traceback also lines that only later ones prove.
    if (row === undefined || (row.effect !== 'proves' && !blank && !isOpen)) return undefined;
    entry.prefixed = true;
    return { row, text: rest };
  }

  function look(entry: Open, line: Line, text: string, blank: boolean, begins: boolean): Seen {
    return {
      text,
      indent: blank ? 0 : indentOf(text),
      blank,
      begins,
      previous: entry.previous,
      head: entry.head,
      headIndent: entry.headIndent,
      lines: entry.given + entry.held.length,
      waiting: entry.held.length - entry.proven,
      soon: entry.held.length > 0 && isSoon(entry.held.at(-1)!, line),
      lineIsEvent: entry.lineIsEvent,
      depth: entry.state === 'json' ? bracketDepth(text, entry.depth) : 0,
      isJson: () => isJson([...entry.held.map((held) => visible(held.text)), text].join('\n')),
    };
  }

  /** Whether a logger said in the entry's only line what went wrong: it may print the exception in lines of their own. */
  function saysWhatFailed({ head, state }: Open): boolean {
    return (state === 'line' || state === 'gap') && introduces(head) && readHeadLevel(head) !== 'warn';
  }

  function announces(entry: Open): boolean {
    return entry.state === 'detail' || introduces(entry.head);
  }

  /** A traceback that begins behind the prefix that the line before has as well. */
  function beginningBehindPrefix(entry: Open, text: string): Beginning | undefined {
    if (text.charCodeAt(0) <= 32) return undefined;
    const length = sharedPrefix(entry.prefixed ? entry.head : entry.previous, text);
    const found = length < shortestPrefix ? undefined : findBeginning(text.slice(length));
    return found && (traceStates.has(found.to) || found.to === 'go-head') ? found : undefined;
  }

  function findBeginning(text: string): Beginning | undefined {
    if (text.charCodeAt(0) === 123) return undefined;
    for (const beginning of beginnings) if (beginning.when.test(text)) return beginning;
    return tracebackPattern?.test(text) ? { when: /^/, to: 'python', joins: true } : undefined;
  }

  function begin(entry: Open, line: Line, text: string, state: State, stamped: boolean): void {
    entry.held.push(line);
    entry.proven = 1;
    entry.state = state;
    entry.trace = traceStates.has(state);
    entry.continued = false;
    entry.given = 0;
    entry.bytes = line.text.length + 1;
    const looked = text.slice(0, longestLooked);
    entry.tag = text.length > longestLooked ? '' : tagAtEnd(text);
    entry.head = entry.tag === '' ? looked : looked.trimEnd();
    entry.opensList = stamped && state === 'line' && text.charCodeAt(text.length - 1) === 58;
    entry.previous = looked;
    entry.headIndent = text.charCodeAt(0) <= 32 ? indentOf(text) : 0;
    entry.depth = state === 'json' ? bracketDepth(text) : 0;
    entry.prefixed = undefined;
    if ((state === 'line' && !isBlank(text)) || stamped) {
      if (!stamped && entry.stamped >= stampedEnough) entry.learning = Math.max(entry.learning, relearnLines);
      entry.stamped = stamped ? entry.stamped + 1 : 0;
    }
    entry.unstamped = 0;
  }

  function append(
    entry: Open,
    line: Line,
    text: string,
    state: State,
    effect: 'proves' | 'extends' | 'waits',
    now: number,
  ) {
    const bytes = line.text.length + 1;
    if (state === 'loose' && entry.held.length >= maxLines) entry.proven = entry.held.length;
    if (entry.held.length >= maxLines || (entry.held.length > 0 && entry.bytes + bytes > maxBytes)) {
      if (entry.proven < entry.held.length) {
        close(entry, now, false);
        take(entry, line, now);
        return;
      }
      entry.given += entry.held.length;
      give(entry, entry.held.length, now);
      entry.continued = true;
    }
    const all = entry.proven === entry.held.length;
    entry.held.push(line);
    entry.bytes += bytes;
    entry.state = state;
    if (effect === 'proves' || (effect === 'extends' && all)) {
      entry.proven = entry.held.length;
      if (traceStates.has(state)) entry.trace = true;
    }
    entry.previous = text;
  }

  /** Gives out what is proven; what waited is taken anew, or given out as well when `all`. */
  function close(entry: Open, now: number, all: boolean): void {
    for (;;) {
      if (entry.state === 'loose' || endsByTime(entry)) entry.proven = entry.held.length;
      const rest = entry.held.slice(entry.proven);
      if (entry.proven > 0) give(entry, entry.proven, now);
      reset(entry);
      for (const line of rest) take(entry, line, now);
      if (!all || entry.held.length === 0) return;
    }
  }

  function give(entry: Open, count: number, now: number): void {
    const { held } = entry;
    const first = held[0]!;
    const last = held[count - 1]!;
    const lines = count === 1 ? [first.text] : held.slice(0, count).map((line) => line.text);
    const kind = entry.trace ? 'trace' : count > 1 ? 'block' : 'line';
    if (count === held.length) held.length = 0;
    else entry.held = held.slice(count);
    entry.proven = 0;
    entry.bytes = 0;
    emit({ stream: entry.stream, first: first.position, last: last.position, lines, kind }, now);
  }

  return {
    push,
    tick(now) {
      for (const entry of [open.stdout, open.stderr]) {
        if (isSettled(entry)) continue;
        const alone = entry.state === 'line' || entry.state === 'end';
        if (now - entry.pushedAt >= (alone ? idleMs / 2 : idleMs)) close(entry, now, true);
      }
    },
    flush(now) {
      close(open.stdout, now, true);
      close(open.stderr, now, true);
    },
    isAtRest: () => isSettled(open.stdout) && isSettled(open.stderr),
    firstPending(stream) {
      return ofStream(open, stream).held[0]?.position;
    },
    wantsAll,
    passedOver(stream, now) {
      close(ofStream(open, stream), now, true);
    },
  };
}

/** The lines that wait are the rest of a traceback's message: what logs here begins with a time. */
function endsByTime({ state, stamped, prefixed }: Open): boolean {
  return restStates.has(state) && !prefixed && stamped >= stampedForRest;
}

function isSettled({ held, continued }: Open): boolean {
  return held.length === 0 && !continued;
}

/** Nothing is held. What was learnt of the stream stays. */
function reset(entry: Open): void {
  entry.held = [];
  entry.proven = 0;
  entry.state = 'line';
  entry.trace = false;
  entry.continued = false;
  entry.given = 0;
  entry.bytes = 0;
}

function newOpen(stream: Stream): Open {
  return {
    stream,
    held: [],
    proven: 0,
    state: 'line',
    trace: false,
    continued: false,
    given: 0,
    bytes: 0,
    head: '',
    headIndent: 0,
    tag: '',
    opensList: false,
    previous: '',
    pushedAt: 0,
    stamped: 0,
    unstamped: 0,
    depth: 0,
    prefixed: undefined,
    transport: new Transport(),
    learning: habitLines + relearnLines,
    from: '',
    lineIsEvent: false,
  };
}

/** Nearly every line begins with what tells that it is not. */
function isBlank(text: string): boolean {
  return !(text.charCodeAt(0) > 32) && text.trim() === '';
}

/** Whether a logger said in the entry's first line that it is an error. */
function saysError({ head }: Open): boolean {
  const level = hasTimeNearStart(head) ? readHeadLevel(head) : 'unknown';
  return level === 'error' || level === 'fatal';
}

function isRestOfError(text: string): boolean {
  return !startsLog(text) && readHeadLevel(text) === 'unknown';
}

/** Whether the line alone says what has several lines elsewhere. */
function isWholeTrace(text: string): boolean {
  return isCrash(text) || (/Exception\b/.test(text) && / {3}at [\w.<>$`]{1,200}\(/.test(text));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function rowFor(state: State, seen: Seen): Row | undefined {
  for (const row of table[state]) {
    if (typeof row.when === 'function' ? row.when(seen) : row.when.test(seen.text)) return row;
  }
  return undefined;
}

/** Whether the lines may be one write of a program, also within a second. */
function isSoon(before: Line, after: Line): boolean {
  const a = before.position.at;
  const b = after.position.at;
  if (a === b) return true;
  if (a.slice(0, 19) !== b.slice(0, 19)) return gapMs(before, after) <= stampedGapMs;
  const seconds = Number(b.slice(19, -1)) - Number(a.slice(19, -1));
  return !(seconds * 1000 > stampedGapMs);
}

/** Milliseconds between two lines by Docker's time stamps; 0 when they are of one second, or cannot be read. */
function gapMs(before: Line, after: Line): number {
  const a = before.position.at;
  const b = after.position.at;
  if (a === b || a.slice(0, 19) === b.slice(0, 19)) return 0;
  const gap = Date.parse(b) - Date.parse(a);
  return Math.max(gap, 0) || 0;
}
