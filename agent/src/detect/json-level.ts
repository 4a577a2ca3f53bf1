// Whether a JSON log line says of itself that it is an error, before it is parsed: nearly none does. Asked of a line as the
// program wrote it, and as it stands in Docker's own JSON, where each quote has a backslash before it.

const key =
  '(?:@?level|lvl|@l|@?severity(?:_?text)?|level_?name|log[._]?level|_level|@?Level|Severity(?:Text)?|LogLevel|logLevel)';
const words = ['error', 'fatal', 'panic', 'critical'].flatMap((word) => [
  word,
  word.charAt(0).toUpperCase() + word.slice(1),
  word.toUpperCase(),
]);
words.push('ALERT', 'EMERGENCY');
/** Of pino and bunyan. */
const numbers = ['50', '60'];
const quote = '\\\\?"';

const statesError = new RegExp(
  `${quote}${key}${quote}\\s{0,4}:\\s{0,4}${quote}(?:${words.join('|')})${quote}|${quote}level${quote}:(?:${numbers.join('|')})(?=[,}])`,
);

/** Of whatever states an error, at least one. With a quote, which few lines have, they are found sooner. */
export const errorTexts: readonly string[] = [
  ...words.map((word) => `"${word}`),
  ...numbers.flatMap((level) => [`level":${level}`, `level\\":${level}`]),
];

/** @param line begins with a brace. */
export function mayStateError(line: string): boolean {
  const found = line.includes('"') ? statesError.exec(line) : null;
  return found !== null && (!/\d$/.test(found[0]) || /"(?:time|pid|hostname)\\?":/.test(line));
}
