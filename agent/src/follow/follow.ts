// The engine's containers -> their sinks. It subscribes to events first and lists second, so that nothing starts unseen
// between the two, lists again after every reconnect and every half minute, and follows what it chose until it is gone.

import { setMaxListeners } from 'node:events';
import { everyAligned } from '../aligned.ts';
import { outOfFiles } from '../out-of-files.ts';
import { streams } from '../streams.ts';
import type { Container, ContainerState, Hole, Position, Stream } from '../types.ts';
import { Wakeup } from '../wakeup.ts';
import { abortWith } from './abort-with.ts';
import { backoffMs, defer, pause } from './backoff.ts';
import { type ContainerEvent, type Engine, EngineError, type Inspected, type Listed } from './engine.ts';
import { createEngineClock, type SetBack } from './engine-clock.ts';
import { type Followed, followContainer } from './follow-container.ts';
import { createLimit } from './limits.ts';
import type { Log } from './log.ts';
import { endOrdinal, isOwn, leftAt } from './resume.ts';
import { choose, type Selection } from './select.ts';
import type { Sink } from './sink.ts';
import { moved, stampOf, unixTime } from './timestamps.ts';

/** A container of which a cursor is on disk. */
export interface KnownContainer {
  containerId: string;
  container: string;
}

export interface FollowerOptions {
  engine: Engine;
  selection: Selection;
  /** The position on disk, if there is one. */
  cursor(containerId: string, stream: Stream): Position | undefined;
  /** Containers with a position on disk: those that are gone for good are declared, and given to `forget`. */
  known?(): Iterable<KnownContainer>;
  /** The container is gone, and all that can be said of it was said: its cursors are of no more use. */
  forget?(containerId: string): void;
  /**
   * The last `status().watchedUntil` that came to disk, not after the cursors of its moment; undefined at the very first
   * run. A container without a cursor is read from here, or from its beginning if it was created later.
   */
  knownSince?(): string | undefined;
  /** Called for each run of a container: its log goes to this sink. */
  open(container: Container): Sink;
  hole(hole: Hole): void;
  /** What happened to a chosen container, followed or gone by now: `start`, `die` with `exitCode`, `oom`, `health_status: …` and the rest. */
  event?(event: ContainerEvent): void;
  /** Told whenever a followed container was looked at. */
  inspected?(state: ContainerState): void;
  log: Log;
  /** Bytes of text kept of a line. Default 1 MiB. */
  maxLineBytes?: number;
  /** Longest wait between attempts, in ms (CONTAINER_RESTART_DELAY). */
  retryMs?: number;
  /** How often to list, in ms, in case an event was missed. */
  reconcileMs?: number;
  /** See `FollowContainerOptions`. */
  silenceMs?: number;
  now?(): number;
  random?(): number;
}

/** What goes on for long is told again after this, in ms. */
const untoldMs = 60_000;
/** How long the cursors of a container outlive it. */
const forgetMs = 60_000;

export interface FollowerStatus {
  connected: boolean;
  /** Everything chosen that existed at this instant is being followed: keep it on disk, for `knownSince`. */
  watchedUntil: string | undefined;
  containers: ReturnType<Followed['status']>[];
}

/** Nothing is done before `run`. Bounded: a line's maximum and one read for each container. */
export function createFollower(options: FollowerOptions) {
  const {
    engine,
    selection,
    log,
    retryMs = 3000,
    reconcileMs = 30_000,
    silenceMs = 5000,
    maxLineBytes = 1024 * 1024,
    now = Date.now,
    random = Math.random,
  } = options;
  const followed = new Map<string, Followed>();
  const limits = { short: createLimit(16), long: createLimit(4) };
  /**
   * Containers that are gone, and since when. Their cursors are kept for a while: after a crash the engine tells of them
   * again, and only the cursors say that they were read to the end.
   */
  const goneAt = new Map<string, number>();
  /** Events come again after a reconnect. */
  const recent = new Set<string>();
  let signal: AbortSignal;
  let losses = 0;
  let stumbles = false;
  let wholeSeconds = false;
  let toldOfFilesAt = Number.NEGATIVE_INFINITY;
  let wasPodman = false;
  /** Attempts to connect since the last that succeeded. */
  let failures = 0;
  let connected = false;
  const up = new Wakeup();
  let since = options.knownSince?.();
  let lastEventAt: string | undefined;
  let watchedUntil: string | undefined;
  let lookedForLost = false;
  const clock = createEngineClock({ now, onSetBack: goOnFrom });

  const link = {
    get losses() {
      return losses;
    },
    get stumbles() {
      return stumbles;
    },
    get wholeSeconds() {
      return wholeSeconds;
    },
    outOfFiles() {
      if (now() - toldOfFilesAt < untoldMs) return;
      toldOfFilesAt = now();
      log.error(
        { following: followed.size },
        `logs wait to be read, and may be rotated away before they are: ${outOfFiles}`,
      );
    },
    async whenUp(until: AbortSignal): Promise<void> {
      while (!connected && !until.aborted) await up.wait({ signal: until });
    },
  };

  /** What was watched until now is told in the new time, so that nothing waits until that comes to where the old one was. */
  function goOnFrom({ to }: SetBack): void {
    log.warn({ engine: engine.label, to }, 'the clock was set back; going on from there');
    const inNewTime = (at: string | undefined) => (at !== undefined && at > to ? to : at);
    since = inNewTime(since);
    lastEventAt = inNewTime(lastEventAt);
    watchedUntil = inNewTime(watchedUntil);
    for (const one of followed.values()) one.clockSetBack();
  }

  /** The newest instant on disk that is no line's. */
  function newestKnown(): string {
    let newest = since!;
    for (const { containerId } of options.known?.() ?? []) {
      for (const stream of streams) {
        const cursor = options.cursor(containerId, stream);
        if (cursor && !isOwn(cursor) && cursor.at > newest) newest = cursor.at;
      }
    }
    return newest;
  }

  /**
   * The rule for a container never read: what was printed since the agent last looked; all of it when it is younger,
   * which one of the time before the clock was set back is not.
   */
  function beginAt({ createdAt }: Inspected): string {
    return createdAt > since! && !clock.isOfOldTime(createdAt) ? '1970-01-01T00:00:00.000000000Z' : since!;
  }

  function consider({ id, name, labels }: Pick<Listed, 'id' | 'name' | 'labels'>): Followed | undefined {
    const already = followed.get(id);
    if (already) return already;
    const choice = choose(selection, { id, name, labels });
    if (!choice.follow) return undefined;
    log.info({ container: name, id: id.slice(0, 12), because: choice.reason }, 'following');
    const one = followContainer({
      engine,
      link,
      limits,
      id,
      name,
      cursor: (stream) => options.cursor(id, stream),
      beginAt,
      clock,
      absentUntil: watchedUntil ?? since,
      open: options.open,
      hole: options.hole,
      inspected: options.inspected,
      log,
      maxLineBytes,
      retryMs,
      silenceMs,
      now,
      random,
      signal,
    });
    followed.set(id, one);
    one.done.then(() => {
      followed.delete(id);
      if (one.status().state === 'gone') goneAt.set(id, now());
    });
    return one;
  }

  function onEvent(event: ContainerEvent): void {
    const key = `${event.at} ${event.id} ${event.action}`;
    if (recent.has(key)) return;
    recent.add(key);
    if (recent.size > 1000) for (const old of [...recent].slice(0, 500)) recent.delete(old);
    // It may be the first of a new time, or of the old one and told again.
    const isNewer = !clock.isOfOldTime(event.at) && event.at > (lastEventAt ?? '');
    if (isNewer) lastEventAt = event.at;
    const begins = event.action === 'create' || event.action === 'start' || event.action === 'rename';
    const one = begins
      ? consider({ id: event.id, name: event.name, labels: event.attributes })
      : followed.get(event.id);
    if (!one && !choose(selection, { id: event.id, name: event.name, labels: event.attributes }).follow)
      return;
    one?.notify(event, losses);
    options.event?.(event);
  }

  async function reconcile(): Promise<void> {
    const at = stampOf(now());
    const listed = await engine.list(signal);
    const ids = new Set(listed.map(({ id }) => id));
    for (const container of listed) consider(container)?.listed(container);
    for (const [id, one] of followed) if (!ids.has(id)) one.missing();
    if (!lookedForLost) declareLost(ids, at);
    lookedForLost = true;
  }

  /** Containers read before that are no longer there: their last lines are lost, unless they had stopped and were read to the end. */
  function declareLost(ids: ReadonlySet<string>, at: string): void {
    for (const { containerId, container } of options.known?.() ?? []) {
      if (ids.has(containerId) || followed.has(containerId)) continue;
      const cursors = {
        stdout: options.cursor(containerId, 'stdout'),
        stderr: options.cursor(containerId, 'stderr'),
      };
      const positions = [cursors.stdout, cursors.stderr].filter((position) => position !== undefined);
      const wasRead = positions.length > 0 && positions.every(({ ordinal }) => ordinal === endOrdinal);
      for (const left of wasRead ? [] : leftAt(cursors)) {
        // Nothing was read of it: then it printed nothing while the agent watched.
        const from = left.at.startsWith('1970') ? since : left.at;
        if (from === undefined) continue;
        options.hole({
          containerId,
          container,
          stream: left.stream,
          from,
          to: at > from ? at : from,
          reason: 'container-removed',
          detail: 'it was removed while the agent was away',
        });
      }
      options.forget?.(containerId);
    }
  }

  /** One connection to the engine, to its end. */
  async function session(): Promise<void> {
    const { time, version, isPodman = false } = await engine.connect(signal);
    const [major = 1, minor = 0] = version.split('.').map(Number);
    stumbles = major === 1 && minor < 42;
    wholeSeconds = isPodman;
    clock.told(time);
    since ??= time;
    if (!lookedForLost) clock.wasAt(newestKnown(), since);
    // At first too: a command takes a while until it hears of what happens.
    const from = lastEventAt ?? since;
    const { controller: ending, release } = abortWith(signal);
    const given = ending.signal;
    const opened = defer();
    const events = engine.events({
      // What happened meanwhile, as far as the engine remembers it; what comes twice is known.
      since: unixTime(from),
      signal: given,
      onOpen: opened.resolve,
      onEvent,
    });
    // Once, not in each round: a promise keeps whatever waits for it.
    const end = () => ending.abort();
    events.then(end, end);
    try {
      await Promise.race([opened.promise, events]);
      await reconcile();
      connected = true;
      failures = 0;
      up.wake();
      const podman = isPodman || undefined;
      if (podman && !wasPodman)
        log.warn(
          { engine: engine.label },
          'this is Podman: lines that it rotates away (max-size) within two seconds are lost untold; leave rotation off (docs/operations.md#podman)',
        );
      wasPodman = isPodman;
      log.info(
        { engine: engine.label, api: version, podman, containers: followed.size },
        'connected to Docker',
      );
      for (;;) {
        await pause(reconcileMs, given);
        if (signal.aborted) return;
        if (given.aborted) return await events;
        await reconcile();
      }
    } finally {
      release();
      ending.abort();
      connected = false;
      losses++;
    }
  }

  async function troubled(error: unknown): Promise<void> {
    const message = error instanceof Error ? error.message : 'Docker ended the stream of events';
    const fields = { engine: engine.label, attempt: failures + 1 };
    if (error !== undefined && !(error instanceof EngineError)) {
      log.error({ ...fields, error }, 'bug: following containers failed; trying again');
    } else log[failures === 0 ? 'warn' : 'debug'](fields, `${message}; retrying`);
    await pause(backoffMs(failures++, retryMs, random()), signal);
  }

  function tick(): void {
    clock.present();
    for (const one of followed.values()) one.tick();
    for (const [id, at] of goneAt) {
      if (now() - at < forgetMs) break;
      goneAt.delete(id);
      options.forget?.(id);
    }
  }

  return {
    /** Follows until the signal fires; then resolves when every reader has stopped. */
    async run(until: AbortSignal): Promise<void> {
      signal = until;
      // Every container listens to it.
      setMaxListeners(0, signal);
      const ticking = everyAligned(1000, tick);
      try {
        while (!signal.aborted) {
          const error: unknown = await session().catch((failure) => failure);
          if (!signal.aborted) await troubled(error);
        }
      } finally {
        ticking.stop();
        await Promise.all([...followed.values()].map((one) => one.done));
      }
    },

    status(): FollowerStatus {
      if (connected && [...followed.values()].every((one) => one.isAttached())) {
        // A second back, for events on their way; but those that came need not come again.
        watchedUntil = [moved(clock.present(), -1), since ?? '', lastEventAt ?? ''].sort()[2];
      }
      return {
        connected,
        watchedUntil,
        containers: [...followed.values()].map((one) => one.status()),
      };
    },
  };
}

export type Follower = ReturnType<typeof createFollower>;
