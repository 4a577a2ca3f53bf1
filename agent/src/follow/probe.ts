// Small questions to a log: its first line, its last line. They cost the engine little: the first is read and the request
// ended, and the last is found from the end of the file.

import type { Position, Stream } from '../types.ts';
import { abortWith } from './abort-with.ts';
import type { Engine, LogRequest } from './engine.ts';
import { createReader } from './reader.ts';
import type { Sink } from './sink.ts';

export interface Probed {
  stream: Stream;
  at: string;
}

/** The oldest line that the log still has; undefined when it has none. @throws EngineError */
export function firstLine(
  engine: Engine,
  container: { id: string; tty: boolean },
  signal: AbortSignal,
): Promise<Probed | undefined> {
  return probe(engine, { ...container }, signal, true);
}

/** The newest line that the log has; undefined when it has none. @throws EngineError */
export function lastLine(
  engine: Engine,
  container: { id: string; tty: boolean },
  signal: AbortSignal,
): Promise<Probed | undefined> {
  return probe(engine, { ...container, tail: 1 }, signal, false);
}

/**
 * The first line of the log's last `pieces` pieces; undefined where the engine stops before it comes to `newest`, which was
 * the log's last line before. @throws EngineError
 */
export async function firstOfTail(
  engine: Engine,
  container: { id: string; tty: boolean },
  pieces: number,
  newest: Probed,
  signal: AbortSignal,
): Promise<Probed | undefined> {
  let first: Probed | undefined;
  let last: Probed | undefined;
  let hasCome = false;
  await read(engine, { ...container, tail: pieces }, signal, (line) => {
    first ??= line;
    last = line;
    hasCome ||= line.stream === newest.stream && line.at >= newest.at;
    return true;
  });
  // The log may have grown meanwhile, by lines of the other stream alone, or by one that is a little older.
  return hasCome || (last !== undefined && last.at >= newest.at) ? first : undefined;
}

/** A stream's lines strictly between two of its positions. @throws EngineError */
export async function hasLinesBetween(
  engine: Engine,
  container: { id: string; tty: boolean },
  stream: Stream,
  between: { since: string; until?: string; after: string; before: string },
  signal: AbortSignal,
): Promise<boolean> {
  const { since, until, after, before } = between;
  let found = false;
  await read(engine, { ...container, since, until }, signal, (line) => {
    found ||= line.stream === stream && line.at > after && line.at < before;
    return !found;
  });
  return found;
}

async function probe(
  engine: Engine,
  request: Pick<LogRequest, 'id' | 'tty' | 'tail'>,
  signal: AbortSignal,
  stopAtFirst: boolean,
): Promise<Probed | undefined> {
  let found: Probed | undefined;
  await read(engine, request, signal, (line) => {
    found = line;
    return !stopAtFirst;
  });
  return found;
}

/** Reads until `onLine` answers false. */
async function read(
  engine: Engine,
  request: Pick<LogRequest, 'id' | 'tty' | 'tail' | 'since' | 'until'>,
  signal: AbortSignal,
  onLine: (line: Probed) => boolean,
): Promise<void> {
  const { controller: enough, release } = abortWith(signal);
  const take = (stream: Stream, { at }: Position) => {
    if (!enough.signal.aborted && !onLine({ stream, at })) enough.abort(enoughRead);
  };
  const sink: Sink = {
    push: (line) => take(line.stream, line.position),
    ready: () => undefined,
    seen() {},
    readTo() {},
    update() {},
    end: async () => {},
    isOpen: () => false,
    wantsAll: () => true,
    passedOver() {},
  };
  const reader = createReader({ sink, maxLineBytes: 1 });
  reader.begin({ cursors: {}, startedAt: '', tty: request.tty });
  try {
    await engine.logs({
      ...request,
      signal: enough.signal,
      onBytes: (source, bytes, from, to) => reader.bytes(source, bytes, from, to),
    });
    await reader.flush();
  } catch (error) {
    if (error !== enoughRead) throw error;
  } finally {
    release();
  }
}

const enoughRead = new Error('bug: enough was read');
