// Runs one verb and turns what went wrong into one readable message and an exit code.

/** Messages of these are meant for the operator; anything else is a bug and keeps its stack. */
const forTheOperator = new Set(['SettingsError', 'UsageError', 'StartError']);

/** A command line that does not fit; the message says what does. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/**
 * Runs `verb` and ends the process with the code it returns: 0 when it returns none, 2 for a mistake in settings or usage,
 * 1 for any other error. When the process was started by `log-detector start`, it also ends when that one is gone.
 */
export async function runVerb(verb: () => Promise<number | undefined>): Promise<void> {
  if (process.env.LOG_DETECTOR_STARTER === 'stdin') stopWithTheStarter();
  try {
    process.exitCode = (await verb()) ?? 0;
  } catch (error) {
    const known = error instanceof Error && forTheOperator.has(error.name);
    process.stderr.write(
      `log-detector: ${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
    );
    process.exitCode = known ? 2 : 1;
  }
  // A verb has closed what it opened; a connection that lingers must not keep the process.
  process.exit();
}

/** The starter holds the other end of our standard input: its end means that the starter was killed. */
function stopWithTheStarter(): void {
  process.stdin.resume();
  process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM'));
  process.stdin.on('error', () => process.kill(process.pid, 'SIGTERM'));
}
