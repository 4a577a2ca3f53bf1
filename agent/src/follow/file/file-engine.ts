// An engine whose logs are read where the daemon writes them, when that is a json-file that can be read here; all else, and
// the logs of other drivers, are asked of the engine. That spares the daemon most of its own work.

import { type ContainerEvent, type Engine, EngineError, type Inspected, type LogRequest } from '../engine.ts';
import type { Log } from '../log.ts';
import { stampOf } from '../timestamps.ts';
import { createIdle } from './idle.ts';
import { closeAll, lastLine, openLogFiles } from './log-files.ts';
import { type ReadEnd, readLog } from './read-log.ts';

/** `auto`: the file where it can be read; `file`: nothing else for json-file logs. */
export type FileChoice = 'auto' | 'file';

export interface FileEngineOptions {
  engine: Engine;
  choice: FileChoice;
  log: Log;
  /** See `ReadLogOptions`. */
  room?: Buffer | undefined;
}

export type FileEngine = Engine & {
  /** How many logs are being followed from their files, and through the engine. */
  sources(): { file: number; api: number };
};

/** What is known of a container. */
interface Known {
  seen?: Inspected;
  /** By its events and the list. */
  startedAt: string;
  stoppedAt: string;
  /** Where its log was read last. */
  source?: 'file' | 'api';
}

const driver = 'json-file';

export function createFileEngine({ engine, choice, log, room }: FileEngineOptions): FileEngine {
  const idle = createIdle();
  const containers = new Map<string, Known>();
  const following = { file: 0, api: 0 };
  /** A path with the container's id in two places, of any container. */
  let pattern: string | undefined;

  function of(id: string): Known {
    let known = containers.get(id);
    if (!known) {
      known = { startedAt: '', stoppedAt: '' };
      containers.set(id, known);
    }
    return known;
  }

  function note(seen: Inspected): Inspected {
    const known = of(seen.id);
    // The clock was set back between two runs.
    const isSetBack = seen.running && seen.startedAt < (known.seen?.startedAt ?? '');
    if (isSetBack) known.stoppedAt = '';
    if (isSetBack || seen.startedAt > known.startedAt) known.startedAt = seen.startedAt;
    known.seen = seen;
    if (seen.logPath.includes(seen.id)) pattern = seen.logPath.replaceAll(seen.id, '*');
    return seen;
  }

  function noteEvent({ action, id, at }: ContainerEvent): void {
    // After a reconnect old events come again.
    const known = of(id);
    if (action === 'start' && at > known.startedAt) known.startedAt = at;
    if (action === 'die' && at > known.stoppedAt) known.stoppedAt = at;
    if (action === 'destroy') end(id, at);
    if (action === 'die' || action === 'destroy') idle.ask();
  }

  /** It is gone: who still reads its log, from an open file, reads to the end. */
  function end(id: string, at: string): void {
    const known = of(id);
    if (known.stoppedAt <= known.startedAt) known.stoppedAt = at;
    containers.delete(id);
  }

  /** Where the log is, when it can be read. @throws EngineError when it must be read from its file and cannot */
  async function pathOf(id: string, signal: AbortSignal): Promise<string | undefined> {
    let seen = containers.get(id)?.seen ?? note(await engine.inspect(id, signal));
    if (seen.driver !== driver) return undefined;
    // Before its first start the daemon does not say.
    let path = seen.logPath || (pattern?.replaceAll('*', id) ?? '');
    if (path === '' || (!seen.logPath && !canRead(path))) {
      seen = note(await engine.inspect(id, signal));
      path = seen.logPath;
    }
    if (canRead(path)) return path;
    if (choice === 'auto') return undefined;
    throw new EngineError(
      'failed',
      `LOG_SOURCE is file, but ${path || "the container's log file"} cannot be read here; run the agent as root with the daemon's folder of containers mounted at the same place, or set LOG_SOURCE=auto`,
    );
  }

  function noteSource(id: string, source: 'file' | 'api', path?: string): void {
    const known = of(id);
    if (known.source === source) return;
    known.source = source;
    log.info({ container: known.seen?.name ?? id.slice(0, 12), source, path }, 'reading its log');
  }

  async function readFile(
    path: string,
    { id, since, follow = false, signal, onBytes }: LogRequest,
  ): Promise<ReadEnd> {
    const known = of(id);
    return readLog({
      path,
      since: since === undefined ? undefined : stampOfUnix(since),
      follow,
      isOver: () => known.stoppedAt > known.startedAt,
      rotatesAt: known.seen?.rotatesAt,
      idle,
      room,
      signal,
      onBytes,
    });
  }

  /** The last piece of a log. */
  function readLastLine(path: string, onBytes: LogRequest['onBytes']): boolean {
    const files = openLogFiles(path);
    try {
      for (const file of files) {
        if (file.compressed) return false;
        const last = lastLine(file);
        if (!last) continue;
        onBytes('json', last.bytes, last.from, last.to);
        return true;
      }
      return files.length > 0;
    } finally {
      closeAll(files);
    }
  }

  return {
    label: engine.label,
    connect: engine.connect,

    async list(signal) {
      const at = stampOf(Date.now());
      const listed = await engine.list(signal);
      for (const { id, running } of listed) {
        const known = containers.get(id);
        // In case its end was not told.
        if (known && !running && known.stoppedAt <= known.startedAt && known.startedAt < at)
          known.stoppedAt = at;
      }
      const ids = new Set(listed.map(({ id }) => id));
      for (const [id, { startedAt, seen }] of containers) {
        if (!ids.has(id) && startedAt < at && (seen?.createdAt ?? at) < at) end(id, at);
      }
      idle.ask();
      return listed;
    },

    async inspect(id, signal) {
      return note(await engine.inspect(id, signal));
    },

    events: (options) =>
      engine.events({
        ...options,
        onEvent(event) {
          noteEvent(event);
          options.onEvent(event);
        },
      }),

    readsFile: (id) => {
      const seen = containers.get(id)?.seen;
      return seen?.driver === driver && (choice === 'file' || canRead(seen.logPath));
    },

    mayHaveThrownAway(id) {
      const { seen, source } = containers.get(id) ?? {};
      // Of one file alone nothing tells whether it was emptied.
      if (source !== 'file' || !seen || !seen.rotatesAt || (seen.mostFiles ?? 1) < 2) return false;
      const files = openLogFiles(seen.logPath);
      closeAll(files);
      return files.length >= seen.mostFiles!;
    },

    async logs(request) {
      const { id, signal, follow, tail, until, onBytes } = request;
      // To look for a few lines by their time is a question of its own, and a rare one.
      const path = until === undefined && (tail ?? 1) === 1 ? await pathOf(id, signal) : undefined;
      if (tail === 1 && path && readLastLine(path, onBytes)) return 'ended';
      const source = path && tail === undefined ? 'file' : 'api';
      if (follow) {
        noteSource(id, source, path);
        following[source]++;
      }
      try {
        const read = source === 'file' ? await readFile(path!, request) : 'no-file';
        if (read !== 'no-file') return read;
        const end = await engine.logs(request);
        // It was there: what the engine gives of a log that is removed proves nothing.
        return source === 'file' ? 'cut' : end;
      } finally {
        if (follow) following[source]--;
      }
    },

    sources: () => ({ ...following }),
  };
}

/** Whether the log is there, and all its files may be read: those that it was rotated into, too. */
function canRead(path: string): boolean {
  if (path === '') return false;
  try {
    const files = openLogFiles(path);
    closeAll(files);
    return files.length > 0;
  } catch {
    return false;
  }
}

/** Unix seconds with a fraction of nine digits, as `since` has them -> as `Position.at`. */
function stampOfUnix(text: string): string {
  const [seconds = '0', fraction = ''] = text.split('.');
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${fraction.padEnd(9, '0')}Z`;
}
