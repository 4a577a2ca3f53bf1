// Text of a plain message -> the line that says what happened, and where in it the message begins: most often the first
// one, but many programs print a time, a category, a place or a piece of source above it.

import { endOfHeader } from './header.ts';

export interface FirstMessage {
  line: string;
  /** Where the message begins in it. */
  header: number;
}

/** .NET's console prints level and category, and the message indented below: `fail: Shop.Orders[0]`. */
const consoleCategory =
  /(?:^|\s)(?:trce|dbug|info|warn|fail|crit): (?<category>[\w.+`<>,[\]]{1,200}?)\[-?\d{1,10}\]$/;

/** The first line below `first`, scopes (`=> …`) passed over, if it is indented. */
function indentedBelow(lines: readonly string[], first: string): string | undefined {
  const from = lines.findIndex((line) => line.trim() === first) + 1;
  const line = lines.slice(from).find((each) => !/^\s*(?:=>|$)/.test(each));
  return line !== undefined && /^\s/.test(line) ? line.trim() : undefined;
}

/** Any word after it would be the message. */
const isAllHeader = (line: string): boolean => endOfHeader(`${line} x`) > line.length;

/** The lines up to the first that is no heading; rules say nothing. */
function firstSentence(lines: readonly string[]): string | undefined {
  const worded = lines.filter((line) => /[^\W_]/.test(line));
  const headings = worded.findIndex((line) => !line.endsWith(':') && /[a-z]/.test(line));
  return worded.length === 0 ? undefined : worded.slice(0, headings === -1 ? 1 : headings + 1).join(' ');
}

const codePlace = /^\S{1,400}[./\\]\S{0,100}:\d{1,7}(?::\d{1,7})?$/;

/** Node prints the place and the line of source, which it marks, above the error. */
function belowPlace(first: string, said: readonly string[]): string | undefined {
  if (!codePlace.test(first)) return undefined;
  const mark = said.findIndex((line) => /^[\^~]+$/.test(line));
  return mark === -1 ? undefined : said[mark + 1];
}

const excerptLine = /^(?:[→>❯] *)?\d{1,7}(?: |$)/u;
const markedLine = /^[→>❯] *\d{1,7} /u;

/** Prisma prints what was called, a piece of source with the line marked, and what went wrong with it. */
function belowExcerpt(said: readonly string[]): string | undefined {
  const marked = said.findIndex((line) => markedLine.test(line));
  if (marked === -1) return undefined;
  const wrong = said
    .slice(marked + 1)
    .find((line) => !excerptLine.test(line) && /[A-Za-z]{2} [A-Za-z]/.test(line));
  const called = said.find((line) => /[A-Za-z]{2} \S/.test(line.slice(endOfHeader(line))));
  return called === undefined || wrong === undefined ? undefined : `${called} ${wrong}`;
}

const elixirThrown = /^\*\* \((?!exit\) an exception was raised:)/;

/** Elixir prints what ended, perhaps of which request, and what was raised; without frames that is no traceback. */
function belowElixir(first: string, said: readonly string[]): string | undefined {
  const thrown = said.slice(1).find((line) => elixirThrown.test(line));
  return thrown === undefined ? undefined : `${first} ${thrown}`;
}

const erlangReport = /^=(?:[A-Z]+ )+REPORT={4} /;

/** Erlang prints the kind of report and a time, what it is about, and further below the reason. */
function reportOfErlang(said: readonly string[]): string | undefined {
  const [heading = '', about] = said;
  if (about === undefined || !erlangReport.test(heading)) return undefined;
  const at = said.findIndex((line) => /^\*\* Reason for termination/.test(line));
  const reason = at === -1 ? said.find((line) => line.startsWith('reason: ')) : said[at + 1];
  return [heading.split('=')[1], about, reason].filter((part) => part !== undefined).join(' ');
}

/** The first line that says something; a second line joins it when the first is hardly a word. */
export function firstMessage(text: string): FirstMessage {
  if (text.indexOf('\n') === -1) return { line: text, header: endOfHeader(text) };
  const lines = (text.length > 20_000 ? text.slice(0, 20_000) : text).split('\n', 20);
  const said = lines.map((line) => line.trim()).filter((line) => line !== '');
  const [first = '', second = ''] = said;
  const header = endOfHeader(first);
  // java.util.logging prints the time, the class and the method above the message.
  if (header > 0 && /^(?:SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST): /.test(second))
    return { line: second, header: endOfHeader(second) };
  const category = first.endsWith(']') ? consoleCategory.exec(first)?.groups?.category : undefined;
  const below = category === undefined ? undefined : indentedBelow(lines, first);
  if (below !== undefined) return { line: `${category}: ${below}`, header: 0 };
  const sentence = isAllHeader(first) ? firstSentence(said.slice(1)) : undefined;
  if (sentence !== undefined) return { line: sentence, header: endOfHeader(sentence) };
  const told =
    belowPlace(first.slice(header), said) ??
    belowExcerpt(said) ??
    belowElixir(first, said) ??
    reportOfErlang(said);
  if (told !== undefined) return { line: told, header: endOfHeader(told) };
  // C++ prints what an exception says below its type.
  if (second.startsWith('what():') && first.includes('instance of '))
    return { line: `${first} ${second}`, header };
  // Errors of Rust may begin with `Error:` alone, and number their causes.
  if (second !== '' && /^\w+:$/.test(first))
    return { line: `${first} ${second.replace(/^\d+: +/, '')}`, header };
  const letters = first.slice(header).replace(/[^A-Za-z]/g, '').length;
  return { line: second !== '' && letters < 4 ? `${first} ${second}` : first, header };
}
