// Chunks of bytes -> lines, a chunk's worth at a time: per-line async would cost more than the work on the line.

/**
 * The lines of a stream, without their ends (`\n` or `\r\n`), decoded as UTF-8; what follows the last end is a line unless it
 * is empty. A line longer than `maxChars` is cut there.
 */
export async function* linesOf(
  chunks: AsyncIterable<Buffer | string>,
  maxChars: number,
): AsyncGenerator<string[]> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const text = rest + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }));
    const lines = text.split('\n');
    rest = lines.pop() ?? '';
    // The rest of a line that is cut anyway is not kept.
    if (rest.length > maxChars) rest = rest.slice(0, maxChars);
    if (lines.length > 0) yield lines.map((line) => trimmed(line, maxChars));
  }
  rest += decoder.decode();
  if (rest !== '') yield [trimmed(rest, maxChars)];
}

function trimmed(line: string, maxChars: number): string {
  const end = line.endsWith('\r') ? line.length - 1 : line.length;
  return line.slice(0, Math.min(end, maxChars));
}
