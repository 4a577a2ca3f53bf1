// The shapes of single lines in tracebacks: exception heads, frames, titles. Language by language, words of the
// runtimes alone; traces.ts says in which order they may follow each other.

import { readHeadLevel } from './level.ts';
import { afterStamp, startsLog } from './text.ts';

/** How much of a line is looked at, in characters: no runtime's frame is longer, and a stranger's line may be. */
export const longestLooked = 2048;

const typeWord = 'Exception|Error|Throwable|Failure|Fault|Interrupt|Exit|Panic|Timeout|NotFound';

/** `java.io.IOException: message`, `TypeError: …`, `Foo::BarError (message):`, `pkg.Class$Inner`, `#<Err: …>`, at the text's start. */
const exceptionHead = new RegExp(
  String.raw`^\s*(?:(?:[\w$]+(?:\.|::|\\|/))*[\w$]*(?:${typeWord})\d*(?:\x60\d+)?(?: \[[\w.-]+\]|\[[\w.]+\])?(?:\s?\(.*\))?(?:: |:?$|; | - )|` +
    String.raw`(?:[a-z][\w$]*\.){1,}[A-Z][\w$]*(?:: |$)|(?:[A-Z]\w*::)+[A-Z]\w*(?: \(.*\))?(?:: |:$|$)|` +
    String.raw`(?:Uncaught |Unhandled |Exception in thread |Error: |error: |#<[A-Z][\w:]*: |exception '))`,
);

/** The same behind a logger's prefix: enough to wait a few lines for the frames. */
const exceptionWithin =
  /(?:^|[\s>\])"'(=-]|(?<!:):)(?:[\w$]+(?:\.|::|\\|\/))*[\w$]*(?:Exception|Error|Throwable)(?:\s?\(.*\))?(?:: |[:)]{0,2}\s*$|; | \[)|\b(?:[Uu]nhandled|[Uu]ncaught)\b|[Pp]anic recovered/;

/** Whether the line begins with an exception's type. */
export function isExceptionHead(text: string): boolean {
  return exceptionHead.test(text);
}

/** Whether an exception's type stands anywhere in the line, so that frames may follow after a message of several lines. */
export function namesException(text: string): boolean {
  return exceptionHead.test(text) || exceptionWithin.test(text);
}

const introduction =
  /^(?:Fatal error: |Uncaught|Unhandled|Unexpected|Failed|Fatal|Exception (?:in|ignored|on|while|occurred|during|caught)|Error (?:in|on|while|during|handling|processing|executing)|An? (?:error|exception)|(?:[A-Z][a-z]+ ){1,3}Error\b|-{2,} .*error.* -{2,}$|\S+ aborted!$|Task exception|.*\bterminat(?:ing|ed)$)/;

/** Whether the line announces what went wrong, so that a traceback right below it belongs to it. */
export function introduces(text: string): boolean {
  const body = afterStamp(text).trim();
  if (body === '' || body.endsWith(':') || introduction.test(body)) return true;
  if (body === text.trim() && exceptionHead.test(body)) return false;
  const level = readHeadLevel(text);
  return level === 'error' || level === 'fatal' || level === 'warn';
}

/** A frame as it stands indented below an exception, in any language. */
export const frame = new RegExp(
  [
    String.raw`^\s+(?:at|eval at)\s+\S`, // Java, JavaScript, .NET, Rust's second line
    String.raw`^\s*\.\.\. \d+ (?:more|common frames omitted)`,
    String.raw`^\s+\.\.\. \d+ lines matching cause stack trace`,
    String.raw`^\s+from \S+:\d+`, // Ruby, Crystal
    String.raw`^\s+\S.*:\d+:in [\x60']`, // Ruby again
    String.raw`^\s+File ".*", line \d+`, // Python
    String.raw`^\s+#\d+[:\s]\s*\S`, // sanitizers, PHP, Dart
    String.raw`^\s+\d+:\s+\S.*`, // Rust, Erlang's lists
    String.raw`^\s+\(\S+(?: \S+)?\) \S+:\d+: \S`, // Elixir
    String.raw`^\s+\S+\.(?:exs?|erl|rb|go|rs|swift|php|pl|pm|py|lua|cr|nim|hs|ml|cc?|cpp|h|dart|kt|scala|java|[cm]?[jt]sx?):\d+`,
    String.raw`^\s.* called at \S+ line \d+`, // Perl's Carp
    String.raw`^\s+@\s+0x[\da-f]+`, // glog, abseil
    String.raw`^\s+\[C\]: in |^\s+\S+:\d+: in `, // Lua
    String.raw`^\s+\[\d+\] \S[^\s(]*\(.*\)`, // Julia
    String.raw`^\s*--->? \S|^\s+--- End of `, // .NET
    String.raw`^\s+in call to |^\s+in function `,
  ].join('|'),
);

/** The line of an inner cause, at any indentation. */
export const cause =
  /^\s*(?:Caused by|Suppressed|Wrapped by|Root cause|Reason|nested exception is|\[cause\]|\[errors\])\s*(?:\[\d+\])?:/i;

/** A title right above the frames. */
export const stackTitle =
  /^(?:PHP )?(?:\[stacktrace\]|\[previous exception\]|stack traceback:|Stack ?trace:?$|StackTrace:|Stacktrace:|Stack [Tt]race:|CallStack \(from|[Ss]tack backtrace:|Backtrace:$|Back trace:|backtrace:$|Backtrace \(use tools|Call ?[Ss]tack:|Calls: |Current stack trace:|Traceback:$|SpanTrace:$|Location:$|Thrown at:|Error stack:|Trace:$|HasCallStack backtrace:$|-{3,} (?:Native|JS|JavaScript) stack ?trace -{3,}$)/;

/** Frames at the line's very start, as some runtimes print them. */
export const bareRubyFrame = /^\S.*?:\d+:in [`']|^[\w./-]+\.(?:erb|haml|slim|builder|jbuilder):\d+$/;
export const bareWebFrame =
  /^(?:[\w$.<>/*[\]]*|[\w$.<>/ ]+)@(?:https?|file|webpack|webpack-internal|app|capacitor|resource|chrome|moz-extension|safari-extension|blob|\[native|\/|<anonymous)\S*$/;
export const bareHashFrame = /^#\d+:?\s+\S/;
export const goroutine = /^goroutine \d+(?: gp=[^[]+)? \[[^\]].*\]:$/;
export const goArguments =
  /^[\w./\-~%*()[\]{}·$,]*[\w\])}]\((?:[\s,?{}.]|0x[\da-f]+)*\)(?: in goroutine \d+)?$/;
export const goFunction = /^(?:[\w.\-~%]*\/)*[\w\-~%]+\.[\w.()*[\]{}·-][\w.)*[\]{}·-]*\(.*\)$/;
export const goName = /^(?:[\w.\-~]*\/)*[\w\-~]+\.[\w.()*[\]{}·-]+$/;
export const goFile = /^\s+\S+\.\w+:\d+/;
export const register = /^[a-z][\w.]{0,9}\s+0x[\da-f]+$/;
export const ginFrame = /^\S+\.\w+:\d+ \(0x[\da-f]+\)$/;
export const caret = /^\s*(?:\d+ \|\s*)?[\^~][~^-]*\s*$/;
export const closers = /^\s*[}\])]+[;,]?$/;
export const pythonException =
  /^(?!(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL|NOTICE)\b)[A-Za-z_][\w.]*(?::(?: |$)|$)/;
export const elixirField =
  /^(?:Last message|State|Function|Client|Process|Start Call|Initial Call|Current Call|Ancestors|Message Queue|Messages|Links|Dictionary|Trapping Exits|Status|Heap Size|Stack Size|Reductions|Neighbours|Queue|Postponed|Callback mode|Registered Name|Label|Crash reason)\b[^:]*:/;

/** `a.c:2:28: error: …`, `A.java:1: error: …`: what a compiler has to say of a place. */
export const diagnostic =
  /^(?:[A-Za-z]:)?[^\s:]{1,400}\.[A-Za-z]\w{0,5}:\d+(?::\d+)?: (?:fatal error|error|warning|syntax error)\b|^[^\s:]{1,400}\.[A-Za-z]\w{0,5}:\d+:\d+ - (?:error|warning)\b|^File "[^"]{1,400}", lines? [\d-]+, characters [\d-]+:$/;
/** `a.c: In function 'f':`, `In file included from a.h:3:`. */
export const diagnosticPlace =
  /^(?:\S{1,400}: )?\S{1,400}: [Ii]n (?:[a-z]+ ){0,3}function .{1,400}:$|^In file included from \S{1,400}:\d+(?::\d+)?[,:]$/;

/** Whether the text could be a line of somebody's message: no logger's line, no exception of its own. */
export function isMessageText(text: string): boolean {
  return !startsLog(text) && !isExceptionHead(text);
}

/** Whether the line, at the margin, is a piece of a traceback: a title, a cause, a frame of those that do not indent. */
export function isFrameLike(text: string): boolean {
  return (
    stackTitle.test(text) ||
    cause.test(text) ||
    bareRubyFrame.test(text) ||
    bareWebFrame.test(text) ||
    goName.test(text) ||
    /^[a-z_]{3,24}: <\S|^\(Use `node|^==\d+==/.test(text)
  );
}
