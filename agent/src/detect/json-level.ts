// Whether a JSON log line says of itself that it is an error, before it is parsed: nearly none does. Asked of a line as the
// program wrote it, and as it stands in Docker's own JSON, where each quote has a backslash before it.

const key =
  '(?:@?level|LEVEL|lvl|@?l|s|@?severity(?:_?[Tt]ext)?|log_severity|(?:logL|l)evel_?[nN]ame|log[._]?level|_level|@?Level|Severity(?:Text)?|LogLevel|logLevel)';
const anyCase = (word: string) => [word, word.charAt(0).toUpperCase() + word.slice(1), word.toUpperCase()];
const words = [
  ...['error', 'fatal', 'panic', 'critical', 'err', 'eror', 'crit', 'severe', 'dpanic'],
  ...['alert', 'emerg', 'emergency'],
].flatMap(anyCase);
/** Of MongoDB and others of one letter. */
const letters = ['E', 'F'];
/** Of pino and bunyan. */
const numbers = ['50', '60'];
const quote = '\\\\?"';

const stating = (values: readonly string[]) =>
  `${quote}${key}${quote}\\s{0,4}:\\s{0,4}(?:\\{${quote}name${quote}\\s{0,4}:\\s{0,4})?${quote}(?:${values.join('|')})(?:\\+\\d{1,2})?${quote}`;
/** OpenTelemetry's numbers of errors, 17 to 24. */
const ofTelemetry = `everity_?[nN]umber${quote}:(?:1[789]|2[0-4])(?=[,}])`;
const statesError = new RegExp(
  `${stating([...words, ...letters])}|${quote}level${quote}:\\s?(?:${numbers.join('|')})(?=[,}])|${ofTelemetry}`,
);
const statesInWords = new RegExp(stating(words));
/** One letter for a name and one for a value may be of anything: a size, a sex, a direction. */
const letterOnly = /^\\?"[ls]\\?"\s*:\s*\\?"[EF]/;
const hasMessage = /"(?:msg|message|ctx)\\?":/;
/** GELF has the numbers of syslog. */
const gelfError = /"level\\?":\s?[0-3](?=[,}])/;
const gelf = '"short_message';

/** Of whatever states an error, at least one. With a quote, which few lines have, they are found sooner. */
export const errorTexts: readonly string[] = [
  // What `crit` begins is found with it.
  ...['err', 'ero', 'fatal', 'panic', 'crit', 'severe', 'dpanic', 'alert', 'emerg']
    .flatMap(anyCase)
    .map((word) => `"${word}`),
  ...letters.flatMap((letter) => [`"${letter}"`, `"${letter}\\"`]),
  ...numbers.flatMap((level) => [`level":${level}`, `level\\":${level}`, `level": ${level}`]),
  ...['17', '18', '19', '2'].flatMap((begin) => [`umber":${begin}`, `umber\\":${begin}`]),
  gelf,
];

/** @param line begins with a brace. */
export function mayStateError(line: string): boolean {
  if (!line.includes('"')) return false;
  const found = statesError.exec(line);
  if (found === null) return line.includes(gelf) && gelfError.test(line);
  if (letterOnly.test(found[0])) return hasMessage.test(line) || statesInWords.test(line);
  return !/level\\?":\s?\d+$/.test(found[0]) || /"(?:time|pid|hostname)\\?":/.test(line);
}
