// Whether a JSON log line says of itself that it is an error, before it is parsed: nearly none does. Asked of a line as the
// program wrote it, and as it stands in Docker's own JSON, where each quote has a backslash before it.

const key =
  '(?:@?level|lvl|@l|@?severity(?:_?text)?|level_?name|log[._]?level|_level|@?Level|Severity(?:Text)?|LogLevel|logLevel)';
const word = '(?:[Ee]rror|ERROR|[Ff]atal|FATAL|[Pp]anic|PANIC|[Cc]ritical|CRITICAL|ALERT|EMERGENCY)';
/** Of pino and bunyan. */
const numbers = ['50', '60'];
const quote = '\\\\?"';

const statesError = new RegExp(
  `${quote}${key}${quote}\\s{0,4}:\\s{0,4}${quote}${word}${quote}|${quote}level${quote}:(?:${numbers.join('|')})\\b`,
);

/** Of whatever states an error, at least one. */
export const errorTexts: readonly string[] = [
  'rror',
  'ERROR',
  'atal',
  'FATAL',
  'anic',
  'PANIC',
  'ritical',
  'CRITICAL',
  'ALERT',
  'EMERGENCY',
  ...numbers.flatMap((level) => [`level":${level}`, `level\\":${level}`]),
];

/** @param line begins with a brace. */
export function mayStateError(line: string): boolean {
  for (const text of errorTexts) if (line.includes(text)) return statesError.test(line);
  return false;
}
