// The Docker Engine API: five calls over a unix socket, TCP or TLS. Surprise: logs do not go through node:http. The
// daemon sends one HTTP chunk for each line, and node:http would fire an event for each; asked in HTTP/1.0 it sends the
// bytes as they are, and a raw socket reads them into one buffer that all containers share.

import type { IncomingMessage } from 'node:http';
import { connect as connectSocket, type Socket } from 'node:net';
import { http } from '../node-http.ts';
import { type DockerHost, type DockerHostSettings, readDockerHost, unreachable } from './docker-host.ts';
import {
  type Connected,
  type Engine,
  EngineError,
  type InspectJson,
  kindOf,
  type LogRequest,
  readEvent,
  readInspected,
} from './engine.ts';
import { createDechunker, readHead } from './http-body.ts';
import { stampOf } from './timestamps.ts';
import { createTurns } from './turns.ts';

/** The newest version of the API whose answers were read with care; an older engine is spoken to in its own. */
const newestVersion = [1, 51] as const;
/** An answer, other than a stream's end, takes no longer. */
const answerMs = 30_000;

// Before each read there is room for what is left of the last one, so that a frame is in one piece without a copy of
// the rest. One buffer serves every container: a read and its handling are one turn of the event loop.
const headroom = 64 * 1024;
const shared = Buffer.allocUnsafeSlow(headroom + 256 * 1024);
const readInto = shared.subarray(headroom);

export interface EngineApiOptions extends DockerHostSettings {
  /** Longest wait for a connection. */
  connectTimeoutMs?: number;
}

/** The engine at `DOCKER_HOST`. @throws EngineError when the settings name none */
export function createEngineApi({ connectTimeoutMs = 2000, ...settings }: EngineApiOptions = {}): Engine {
  const where = readDockerHost(settings);
  let version: string | undefined;

  function call(path: string, signal: AbortSignal, streaming = false): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const options = {
        path,
        headers: { Host: 'docker', 'User-Agent': 'log-detector' },
        signal,
        agent: false,
        ...(where.socketPath !== undefined
          ? { socketPath: where.socketPath }
          : { host: where.host, port: where.port, ...where.tls }),
      } as const;
      // Loaded when they are needed: most agents speak to a socket.
      const outgoing = where.tls
        ? process.getBuiltinModule('node:https').request(options)
        : http.request(options);
      const connecting = setTimeout(() => outgoing.destroy(timedOut()), connectTimeoutMs);
      const answering = setTimeout(() => outgoing.destroy(timedOut()), answerMs);
      outgoing.on('socket', (socket) => {
        socket.setKeepAlive(true, 30_000);
        socket.on(where.tls ? 'secureConnect' : 'connect', () => clearTimeout(connecting));
      });
      outgoing.on('response', (incoming) => {
        clearTimeout(connecting);
        if (streaming) clearTimeout(answering);
        else incoming.on('close', () => clearTimeout(answering));
        resolve(incoming);
      });
      outgoing.on('error', (error) => {
        clearTimeout(connecting);
        clearTimeout(answering);
        reject(signal.aborted ? signal.reason : unreachable(where.label, error));
      });
      outgoing.end();
    });
  }

  async function readJson<T>(path: string, signal: AbortSignal): Promise<T> {
    const incoming = await call(path, signal);
    let text = '';
    try {
      incoming.setEncoding('utf8');
      for await (const part of incoming) text += part;
    } catch (error) {
      throw signal.aborted ? signal.reason : unreachable(where.label, error);
    }
    if (incoming.statusCode !== 200) throw refused(path, incoming.statusCode ?? 0, text);
    return JSON.parse(text) as T;
  }

  async function versioned(path: string, signal: AbortSignal): Promise<string> {
    if (version === undefined) await negotiate(signal);
    return `/v${version}${path}`;
  }

  async function negotiate(signal: AbortSignal): Promise<Connected> {
    const incoming = await call('/_ping', signal);
    incoming.resume();
    if (incoming.statusCode !== 200) {
      throw new EngineError(
        'unreachable',
        `what answers at ${where.label} is no Docker engine that is ready (status ${incoming.statusCode})`,
      );
    }
    const [major = 1, minor = 24] = String(incoming.headers['api-version'] ?? '1.24')
      .split('.')
      .map(Number);
    const older = major < newestVersion[0] || (major === newestVersion[0] && minor <= newestVersion[1]);
    version = older ? `${major}.${minor}` : newestVersion.join('.');
    return {
      version,
      time: stampOf(engineTime(incoming.headers.date)),
      isPodman: incoming.headers['libpod-api-version'] !== undefined,
    };
  }

  return {
    label: where.label,

    connect: negotiate,

    async list(signal) {
      const all = await readJson<ListJson[]>(await versioned('/containers/json?all=1', signal), signal);
      return all.map(({ Id, Names, Labels, State, Created }) => ({
        id: Id,
        // A link's name has a second slash.
        name: (Names?.find((name) => !name.includes('/', 1)) ?? Names?.[0] ?? Id.slice(0, 12)).replace(
          /^\//,
          '',
        ),
        labels: Labels ?? {},
        running: State === 'running' || State === 'paused',
        createdAt: stampOf((Created ?? 0) * 1000),
      }));
    },

    async inspect(id, signal) {
      return readInspected(
        await readJson<InspectJson>(
          await versioned(`/containers/${encodeURIComponent(id)}/json`, signal),
          signal,
        ),
      );
    },

    async events({ since, signal, onOpen, onEvent }) {
      const filters = encodeURIComponent('{"type":["container"]}');
      const from = since === undefined ? '' : `&since=${since}`;
      const path = await versioned(`/events?filters=${filters}${from}`, signal);
      const incoming = await call(path, signal, true);
      incoming.setEncoding('utf8');
      let text = '';
      try {
        if (incoming.statusCode === 200) onOpen?.();
        for await (const part of incoming) {
          text += part;
          if (incoming.statusCode !== 200) continue;
          const lines = text.split('\n');
          text = lines.pop()!;
          for (const line of lines) {
            const event = line.trim() === '' ? undefined : readEvent(line);
            if (event) onEvent(event);
          }
        }
      } catch (error) {
        throw signal.aborted ? signal.reason : unreachable(where.label, error);
      }
      if (incoming.statusCode !== 200) throw refused(path, incoming.statusCode ?? 0, text);
    },

    async logs(request) {
      const query = [
        'stdout=1&stderr=1&timestamps=1',
        request.follow ? 'follow=1' : '',
        request.since === undefined ? '' : `since=${request.since}`,
        request.until === undefined ? '' : `until=${request.until}`,
        request.tail === undefined ? '' : `tail=${request.tail}`,
      ];
      const path = `/containers/${encodeURIComponent(request.id)}/logs?${query.filter(Boolean).join('&')}`;
      await streamLogs(where, await versioned(path, request.signal), request, connectTimeoutMs);
      return 'ended';
    },
  };
}

/** The engine's own time: its answer tells the second, so the clock here is taken when it agrees. */
function engineTime(date: string | undefined): number {
  const told = Date.parse(date ?? '');
  const here = Date.now();
  return Number.isNaN(told) || Math.abs(told - here) < 2000 ? here : told + 1000;
}

interface ListJson {
  Id: string;
  Names?: string[];
  Labels?: Record<string, string> | null;
  State?: string;
  Created?: number;
}

/** Reads closer than this, in ms, are a flow; and of so many bytes, they are worth their while. */
const closeMs = 2;
const fullBytes = 32 * 1024;
/** So long, in ms, lines are let come together: the engine writes one at a time, and a read for each costs more than the line. */
const gatherMs = 1;
/** After a read that follows another within so long, in ms, and brings little, the stream is read in turns with others. */
const soonMs = 1000;
/**
 * So much is no little: a socket's queue holds some 278 messages by default (Linux charges each for its bookkeeping), and the
 * smallest frame has 40 bytes, so that a stream that the engine has to wait with always brings more, and has no turns.
 */
const muchBytes = 8 * 1024;
const turns = createTurns();
const gathering: (() => void)[] = [];

function gather(goOn: () => void): void {
  if (gathering.push(goOn) > 1) return;
  setTimeout(() => {
    for (const one of gathering.splice(0)) one();
  }, gatherMs);
}

/** Reads one log stream to its end. */
function streamLogs(
  where: DockerHost,
  path: string,
  { tty, follow, signal, onBytes }: LogRequest,
  connectTimeoutMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const source = tty ? 'stdout' : 'mux';
    let head = Buffer.alloc(0);
    let status = 0;
    let refusal = '';
    let take = (bytes: Buffer, from: number, to: number) => onBytes(source, bytes, from, to);
    let waiting: Promise<void> | undefined;
    let settled = false;
    let readAt = 0;

    const late = () => finish(unreachable(where.label, timedOut()));
    let timer = setTimeout(late, connectTimeoutMs);
    const abort = () => finish(signal.reason);
    signal.addEventListener('abort', abort, { once: true });

    function finish(error?: unknown): void {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      turns.leave(inTurns);
      signal.removeEventListener('abort', abort);
      socket.destroy();
      if (error !== undefined) reject(error);
      else if (waiting) waiting.then(resolve, reject);
      else resolve();
    }

    /** Returns false to stop reading until what was given is taken. */
    function read(bytes: Buffer, from: number, to: number): boolean {
      try {
        if (status === 0) {
          head = Buffer.concat([head, bytes.subarray(from, to)]);
          const answer = readHead(head);
          if (!answer) return head.length < 64 * 1024 || fail('its answer has no end of header');
          status = answer.status;
          clearTimeout(timer);
          const rest = head.subarray(answer.length);
          head = Buffer.alloc(0);
          if (answer.chunked) take = createDechunker(take);
          return rest.length === 0 || read(rest, 0, rest.length);
        }
        if (status !== 200) {
          if (refusal.length < 10_000) refusal += bytes.toString('utf8', from, to);
          return true;
        }
        waiting = take(bytes, from, to);
        if (!waiting) return isWorthReadingOn(to - from);
        waiting.then(
          () => {
            waiting = undefined;
            if (!settled) socket.resume();
          },
          (error) => finish(error),
        );
        return false;
      } catch (error) {
        finish(error);
        return false;
      }
    }

    /** When reads follow each other closely, each has but a line or two: then more is let come together, and read at once. */
    function isWorthReadingOn(length: number): boolean {
      // What is encrypted comes line by line in any case, and nothing would be let come together.
      if (where.tls) return true;
      if (settled) return false;
      const since = performance.now() - readAt;
      readAt += since;
      if (follow && since > closeMs && since <= soonMs && length < muchBytes) {
        turns.join(inTurns);
        return false;
      }
      turns.leave(inTurns);
      if (since > closeMs || length >= fullBytes) return true;
      gather(goOn);
      return false;
    }

    function goOn(): void {
      if (!settled && !waiting) socket.resume();
    }

    const inTurns = {
      resume: goOn,
      pause() {
        if (!waiting) socket.pause();
      },
    };

    function fail(why: string): boolean {
      finish(new EngineError('failed', `Docker at ${where.label} is not understood: ${why}`));
      return false;
    }

    const socket: Socket = where.tls
      ? process.getBuiltinModule('node:tls').connect({ host: where.host, port: where.port, ...where.tls })
      : connectSocket({
          ...(where.socketPath !== undefined
            ? { path: where.socketPath }
            : { host: where.host!, port: where.port! }),
          onread: { buffer: readInto, callback: (length) => read(shared, headroom, headroom + length) },
        });
    if (where.tls) {
      socket.on('data', (data: Buffer) => {
        if (!read(data, 0, data.length)) socket.pause();
      });
    }
    socket.setKeepAlive(true, 30_000);
    socket.on(where.tls ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer);
      timer = setTimeout(late, answerMs);
      socket.write(`GET ${path} HTTP/1.0\r\nHost: docker\r\nUser-Agent: log-detector\r\n\r\n`);
    });
    socket.on('error', (error) => finish(unreachable(where.label, error)));
    const ended = () => {
      if (status === 200) finish();
      else if (status === 0) finish(unreachable(where.label, new Error('the connection was closed')));
      else finish(refused(path, status, refusal));
    };
    socket.on('end', ended);
    socket.on('close', ended);
  });
}

function refused(path: string, status: number, body: string): EngineError {
  let message = body.trim();
  try {
    message = (JSON.parse(body) as { message?: string }).message ?? message;
  } catch {
    // Not JSON: the text as it is.
  }
  return new EngineError(
    kindOf(message, status),
    `Docker refused ${path.split('?')[0]}: ${message} (${status})`,
  );
}

function timedOut(): Error {
  return Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' });
}
