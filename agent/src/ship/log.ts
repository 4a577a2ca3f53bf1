// What this folder needs of a logger (write-log.ts).

type Say = (fields: Record<string, unknown>, text: string) => void;

export interface Log {
  debug: Say;
  info: Say;
  warn: Say;
  error: Say;
}

export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** A failure in one line, with its cause's code when it has one. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A host with several addresses has a failure for each, and no message for all.
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  const code = (error as NodeJS.ErrnoException).code;
  return code && !error.message.includes(code) ? `${code}: ${error.message}` : error.message;
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

/** The file itself is at fault. Anything else (no permission, too many files open) may pass, and its data is still good. */
export function isDamage(error: unknown): boolean {
  const codes = ['EIO', 'EISDIR', 'ENOENT', 'EUCLEAN', 'ENODATA', 'EBADMSG'];
  return error instanceof SyntaxError || codes.includes(codeOf(error) ?? '');
}
