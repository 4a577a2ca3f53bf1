// What the follower asks of a Docker engine. Two ways give it: the Engine API (engine-api.ts) and the docker command
// (engine-command.ts).

import type { ContainerEvent, ContainerState } from '../types.ts';
import type { Source } from './reader.ts';
import { stampOfNanos, toStamp } from './timestamps.ts';

/** A container as inspection shows it. Times are in the form of `Position.at`; one that never was is the year 1. */
export interface Inspected extends ContainerState {
  createdAt: string;
  status: string;
  /** It is being removed, or its removal failed: its log is no longer given. */
  removing: boolean;
  driver: string;
  /** Bytes at which its log is rotated; undefined when it grows without end. */
  rotatesAt: number | undefined;
  /** How many files its log has at most; undefined where it is not known. */
  mostFiles?: number | undefined;
  /** Where the daemon keeps its log, on the daemon's machine; empty when it does not say, or has not begun it. */
  logPath: string;
}

/** A container as the list shows it. */
export interface Listed {
  id: string;
  name: string;
  labels: Record<string, string>;
  running: boolean;
  createdAt: string;
}

export type { ContainerEvent };

/** Takes bytes of a log; their memory is free again when it returns. After a promise, no more come until it resolves. */
export type OnBytes = (source: Source, bytes: Buffer, from: number, to: number) => Promise<void> | undefined;

export interface LogRequest {
  id: string;
  tty: boolean;
  follow?: boolean;
  /** Unix seconds with a fraction; inclusive. */
  since?: string;
  until?: string;
  /** The last so many pieces alone. */
  tail?: number;
  signal: AbortSignal;
  onBytes: OnBytes;
}

/**
 * `all`: the container had ended, and the last line of its log was given. `ended`: so it seems, but nothing proves it. `cut`:
 * lines may follow that were not given.
 */
export type LogEnd = 'all' | 'ended' | 'cut';

export interface Connected {
  version: string;
  time: string;
  /** It is Podman, which tells the times of lines by the second alone. */
  isPodman?: boolean;
}

export interface Engine {
  /** Where it is, for messages. */
  readonly label: string;
  /** Asks whether the engine answers and agrees on a version. @throws EngineError */
  connect(signal: AbortSignal): Promise<Connected>;
  /** All containers, stopped ones too. @throws EngineError */
  list(signal: AbortSignal): Promise<Listed[]>;
  /** @throws EngineError, with kind `not-found` */
  inspect(id: string, signal: AbortSignal): Promise<Inspected>;
  /** Gives events until the stream ends (then it resolves) or fails. `since` is unix seconds. @throws EngineError */
  events(options: {
    since?: string;
    signal: AbortSignal;
    onOpen?(): void;
    onEvent(event: ContainerEvent): void;
  }): Promise<void>;
  /** Resolves when the log stream has ended, with what that proves. @throws EngineError */
  logs(request: LogRequest): Promise<LogEnd>;
  /** Whether `logs` reads the container's log where the daemon writes it: a file has none of the daemon's own faults. */
  readsFile?(id: string): boolean;
  /** Whether the container's log has as many files as it may, so that older ones may have been thrown away. */
  mayHaveThrownAway?(id: string): boolean;
}

export type EngineErrorKind =
  /** Nobody answers: it is down, or not allowed. */
  | 'unreachable'
  | 'not-found'
  /** Being removed. */
  | 'gone'
  /** The logging driver gives nothing back. */
  | 'unreadable'
  | 'failed';

export class EngineError extends Error {
  override name = 'EngineError';
  readonly kind: EngineErrorKind;
  constructor(kind: EngineErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** Which kind of failure the engine's own words tell of. */
export function kindOf(message: string, status?: number): EngineErrorKind {
  if (/does not support reading|cache-disabled|is not logging output/i.test(message)) return 'unreadable';
  if (/dead or marked for removal|removal of container .* is already in progress/i.test(message))
    return 'gone';
  if (status === 404 || /no such (container|object)/i.test(message)) return 'not-found';
  if (status === 409) return 'gone';
  if (status === 501) return 'unreadable';
  if (/cannot connect to the docker daemon|permission denied|is the docker daemon running/i.test(message)) {
    return 'unreachable';
  }
  return 'failed';
}

/** The JSON of an inspection, as both ways give it. */
export interface InspectJson {
  Id: string;
  Name?: string;
  Created?: string;
  State?: {
    Status?: string;
    Running?: boolean;
    Restarting?: boolean;
    Dead?: boolean;
    StartedAt?: string;
    FinishedAt?: string;
    ExitCode?: number;
    OOMKilled?: boolean;
    Health?: { Log?: { Output?: string }[] | null } | null;
  };
  Image?: string;
  RestartCount?: number;
  Config?: { Tty?: boolean; Image?: string; Labels?: Record<string, string> | null; StopSignal?: string };
  LogPath?: string;
  HostConfig?: {
    LogConfig?: { Type?: string; Config?: Record<string, string> | null };
    RestartPolicy?: { Name?: string; MaximumRetryCount?: number };
  };
}

/** The `local` driver's own limit, which is no size as users write them. */
const localDefault = String(20 * 1024 * 1024);
const never = '0001-01-01T00:00:00.000000000Z';

export function readInspected(json: InspectJson): Inspected {
  const state = json.State ?? {};
  const log = json.HostConfig?.LogConfig ?? {};
  const driver = driverOf(json);
  const size = log.Config?.['max-size'] ?? (driver === 'local' ? localDefault : undefined);
  return {
    id: json.Id,
    name: (json.Name ?? '').replace(/^\//, '') || json.Id.slice(0, 12),
    image: json.Config?.Image ?? '',
    labels: json.Config?.Labels ?? {},
    tty: json.Config?.Tty ?? false,
    createdAt: toStamp(json.Created ?? '') ?? never,
    startedAt: toStamp(state.StartedAt ?? '') ?? never,
    finishedAt: toStamp(state.FinishedAt ?? '') ?? never,
    running: state.Running === true && state.Restarting !== true,
    status: state.Status ?? '',
    removing: state.Dead === true || state.Status === 'removing' || state.Status === 'dead',
    driver,
    rotatesAt: readSize(size),
    mostFiles: driver === 'json-file' ? Number(log.Config?.['max-file'] ?? 1) : undefined,
    imageId: json.Image ?? '',
    exitCode: state.ExitCode ?? 0,
    oomKilled: state.OOMKilled === true,
    restartCount: json.RestartCount ?? 0,
    isRestarted: isRestarted(json),
    stopSignal: json.Config?.StopSignal ?? '',
    healthOutput: state.Health?.Log?.at(-1)?.Output ?? '',
    logPath: json.LogPath ?? '',
  };
}

/** Podman calls its own `k8s-file` by the name of Docker's, and writes it elsewhere, in another form. */
function driverOf({ HostConfig, LogPath = '' }: InspectJson): string {
  const driver = HostConfig?.LogConfig?.Type ?? '';
  return driver === 'json-file' && LogPath.endsWith('/ctr.log') ? 'k8s-file' : driver;
}

/** Whether its restart policy has another try left. */
function isRestarted({ HostConfig, RestartCount = 0 }: InspectJson): boolean {
  const { Name = '', MaximumRetryCount: most = 0 } = HostConfig?.RestartPolicy ?? {};
  if (Name === 'always' || Name === 'unless-stopped') return true;
  return Name === 'on-failure' && (most === 0 || RestartCount < most);
}

/**
 * Sizes as Docker reads them, whose `k` is a thousand: `10m`, `64k`, `1.5GB`, `10 MiB`; `-1` for none.
 * https://github.com/docker/go-units/blob/master/size.go
 */
function readSize(text: string | undefined): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?$/i.exec(text ?? '') ?? [];
  if (number === undefined) return undefined;
  return Math.floor(Number(number) * 1000 ** ' kmgtp'.indexOf(unit.toLowerCase() || ' '));
}

export interface EventJson {
  Type?: string;
  Action?: string;
  status?: string;
  Actor?: { ID?: string; Attributes?: Record<string, string> };
  id?: string;
  time?: number;
  timeNano?: number;
}

/** One line of the events stream; undefined for what is no container's. */
export function readEvent(line: string): ContainerEvent | undefined {
  const json = JSON.parse(line) as EventJson;
  const id = json.Actor?.ID ?? json.id;
  const told = json.Action ?? json.status;
  // As Podman tells it.
  const action = told === 'remove' ? 'destroy' : told;
  if ((json.Type ?? 'container') !== 'container' || !id || !action) return undefined;
  const attributes = json.Actor?.Attributes ?? {};
  // More digits than a JSON number keeps, so they are read from the text.
  const nanos = /"timeNano":(\d+)/.exec(line)?.[1] ?? `${json.time ?? 0}000000000`;
  return { action, id, name: attributes.name ?? '', at: stampOfNanos(BigInt(nanos)), attributes };
}
