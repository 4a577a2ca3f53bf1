// Docker's events and inspections -> records of how containers end: died, killed for memory, unhealthy, restarting in a
// loop; and what a record's fields say of its container. Surprise: a death waits a moment for the end of the log, so that
// one alert tells of it and of the error that caused it; the records of the container wait with it.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerEvent, ContainerState, MatchedRecord } from '../types.ts';
import {
  begin,
  isOnPurpose,
  isStop,
  type Known,
  type Phase,
  phaseAt,
  type Run,
  replacingMs,
  runOf,
  startingMs,
} from './runs.ts';
import { serviceOf } from './service.ts';
import { signalName } from './signals.ts';

export type Kind = 'died' | 'out-of-memory' | 'unhealthy' | 'restart-loop';

export interface LifeOptions {
  /** The `host` of the records. */
  host: string;
  /** CONTAINER_EVENTS: without it there are no records and no phases, only fields. */
  enabled: boolean;
  eventId(containerId: string, at: string, kind: Kind): string;
  /** Looks at a container, for what its health check printed. */
  inspect(id: string): Promise<ContainerState>;
  redact?(text: string): string;
  /** The labels that a record carries. */
  labelsOf?(labels: Record<string, string>): Record<string, string> | undefined;
  /** Ends found by inspection are told when they came after this: the agent was away. As in `Position.at`. */
  since?(): string | undefined;
  now?(): number;
}

/** Label with which a container opts out (`false`). */
export const eventsLabel = 'log-detector.events';

/** A death waits so long for the end of the log. */
const holdMs = 1500;
/** What the engine remembers of the time before comes first, and then what inspection finds is believed. */
const settleMs = 2000;
/** So many deaths within this are a loop. */
export const loop = { deaths: 3, withinMs: 120_000 };
const forgetMs = 180_000;
const mostContainers = 10_000;
const mostOutput = 1000;

/** Something that is about to be told. */
interface Pending {
  kind: Exclude<Kind, 'restart-loop'>;
  at: string;
  atMs: number;
  dueAt: number;
  exitCode?: number;
  uptimeMs?: number;
  phase?: Phase;
  output?: string;
  /** Found by inspection: told by an event as well, it is told once. */
  isFound?: boolean;
}

export type Life = ReturnType<typeof createLife>;

/** Makes it, for all containers of the agent. */
export function createLife(options: LifeOptions) {
  const { host, enabled, redact = (text) => text, now = Date.now } = options;
  const containers = new Map<string, Known>();
  const pendings = new Map<string, Pending[]>();
  /** When a container of the service was last stopped. */
  const stopped = new Map<string, number>();
  const createdAt = now();

  function isOn({ labels }: Pick<Known, 'labels'>): boolean {
    return enabled && !/^(?:false|0|no|off)$/i.test(labels[eventsLabel]?.trim() ?? '');
  }

  function knownOf(id: string, name: string, labels: Record<string, string>): Known {
    let known = containers.get(id);
    if (!known) {
      known = {
        id,
        name,
        service: serviceOf(name, labels),
        labels,
        image: labels.image ?? '',
        runs: [],
        ranBefore: false,
        deaths: [],
      };
      if (containers.size >= mostContainers) containers.delete(containers.keys().next().value!);
      containers.set(id, known);
    }
    return known;
  }

  function event({ action, id, name, at, attributes }: ContainerEvent): void {
    const known = knownOf(id, name, attributes);
    const atMs = msOf(at);
    if (name !== '') known.name = name;
    if (action === 'start') begin(known, atMs);
    else if (action === 'kill') toldToStop(known, { action, id, name, at, attributes }, atMs);
    else if (action === 'oom') runOf(known).oomAt = atMs;
    else if (action === 'die') died(known, at, atMs, Number(attributes.exitCode ?? 0));
    else if (action === 'destroy') known.goneAt = now();
    else if (/^health_status: ?unhealthy/.test(action)) becameUnhealthy(known, at, atMs);
    if (action === 'oom' && isOn(known)) {
      // A process of it was killed; if that was the first one, its death follows and tells of both.
      add(id, { kind: 'out-of-memory', at, atMs, dueAt: now() + holdMs });
    }
  }

  function toldToStop(known: Known, event: ContainerEvent, atMs: number): void {
    if (!isStop(known, event)) return;
    runOf(known).stopAt ??= atMs;
    stopped.set(known.service, atMs);
  }

  function died(known: Known, at: string, atMs: number, exitCode: number): void {
    const last = runOf(known);
    const wasFound = last.isFound === true && Math.abs(last.endedAt! - atMs) < 5000;
    if (wasFound) forgetFound(known, last);
    // Its start was not told.
    else if (last.endedAt !== undefined) known.runs.push({ startedAt: undefined });
    const run = runOf(known);
    const { oomAt } = run;
    Object.assign(run, { endedAt: atMs, exitCode });
    if (isOnPurpose(run, exitCode, atMs)) {
      stopped.set(known.service, atMs);
      return;
    }
    // Of the time before, or about the start, it is not known whether someone stopped it.
    const maybeStopped =
      (exitCode === 137 || exitCode === 143 || exitCode === 130) && atMs < createdAt + 15_000;
    if (exitCode === 0 || !isOn(known) || (maybeStopped && oomAt === undefined)) return;
    push(known, at, atMs, exitCode);
  }

  /** Events tell better what inspection found. */
  function forgetFound(known: Known, run: Run): void {
    run.isFound = false;
    known.deaths = known.deaths.filter((ms) => ms !== run.endedAt);
    const others = (pendings.get(known.id) ?? []).filter(({ isFound }) => !isFound);
    if (others.length > 0) pendings.set(known.id, others);
    else pendings.delete(known.id);
  }

  function push(known: Known, at: string, atMs: number, exitCode: number, isFound = false): void {
    const run = runOf(known);
    const startedMs = run.startedAt ?? (known.state ? msOf(known.state.startedAt) : undefined);
    const uptimeMs = startedMs !== undefined && startedMs > 0 ? atMs - startedMs : undefined;
    known.deaths = [...known.deaths.filter((ms) => atMs - ms < loop.withinMs), atMs];
    add(known.id, {
      kind: 'died',
      at,
      atMs,
      dueAt: now() + (isFound ? settleMs : holdMs),
      exitCode,
      uptimeMs,
      isFound,
    });
  }

  function becameUnhealthy(known: Known, at: string, atMs: number): void {
    if (!isOn(known) || runOf(known).stopAt !== undefined) return;
    const pending: Pending = { kind: 'unhealthy', at, atMs, dueAt: now() + holdMs };
    add(known.id, pending);
    options
      .inspect(known.id)
      .then(({ healthOutput }) => {
        pending.output = redact(healthOutput).trim().slice(0, mostOutput);
      })
      .catch(() => {
        // It is told without what the check printed.
      });
  }

  function add(id: string, pending: Pending): void {
    const list = pendings.get(id) ?? [];
    if (list.length < 20) list.push(pending);
    pendings.set(id, list);
  }

  function inspected(state: ContainerState): void {
    const { id, name, labels } = state;
    const known = knownOf(id, name, labels);
    const isFirst = known.state === undefined;
    known.state = state;
    Object.assign(known, { name, labels, image: state.image, service: serviceOf(name, labels) });
    if (isFirst && known.runs.length === 0)
      known.ranBefore = state.restartCount > 0 || (state.running && !state.finishedAt.startsWith('0001'));
    if (state.running && !state.startedAt.startsWith('0001')) begin(known, msOf(state.startedAt));
    const run = known.runs.at(-1);
    if (state.oomKilled && run && !state.running) run.oomAt ??= msOf(state.finishedAt);
    if (isFirst && !state.running && run?.endedAt === undefined) foundEnded(known, state);
  }

  /** It ended while the agent was away, or before its events came. */
  function foundEnded(known: Known, { startedAt, finishedAt, exitCode, oomKilled }: ContainerState): void {
    const since = options.since?.();
    if (since === undefined || finishedAt <= since || exitCode === 0 || !isOn(known)) return;
    // Nothing tells whether someone stopped it.
    if (!oomKilled && (exitCode === 137 || exitCode === 143 || exitCode === 130)) return;
    const run = runOf(known);
    run.startedAt ??= msOf(startedAt);
    run.endedAt = msOf(finishedAt);
    run.isFound = true;
    if (oomKilled) run.oomAt = run.endedAt;
    push(known, finishedAt, run.endedAt, exitCode, true);
  }

  function isReplacing(known: Known, startedAt: number): boolean {
    const stoppedAt = stopped.get(known.service);
    if (stoppedAt !== undefined && Math.abs(startedAt - stoppedAt) < replacingMs) return true;
    const image = known.state?.imageId;
    if (!image) return false;
    for (const other of containers.values()) {
      if (other === known || other.service !== known.service || !other.state?.running) continue;
      if (other.state.imageId !== image && other.goneAt === undefined) return true;
    }
    return false;
  }

  function phaseOf(known: Known, atMs: number): Phase | undefined {
    if (!isOn(known)) return undefined;
    return phaseAt(known, atMs, (startedAt) => isReplacing(known, startedAt));
  }

  /** What a record says of its container: one object for many records. */
  function fieldsAt(known: Known, atMs: number): Readonly<Record<string, unknown>> {
    const { state, said } = known;
    const run = known.runs.findLast(({ startedAt }) => startedAt !== undefined && startedAt <= atMs + 250);
    const startedAt =
      run?.startedAt ?? (state && msOf(state.startedAt) > 0 ? msOf(state.startedAt) : undefined);
    const phase = phaseOf(known, atMs);
    const restarts = state ? Math.max(state.restartCount, known.runs.length - 1) : undefined;
    const isSame =
      said?.state === state &&
      said?.startedAt === startedAt &&
      said?.restarts === restarts &&
      said?.phase === phase;
    if (said && isSame) return said.fields;
    const fields = {
      ...(state?.imageId ? { image_id: shortId(state.imageId) } : {}),
      ...(startedAt === undefined ? {} : { started_at: new Date(startedAt).toISOString() }),
      ...(restarts === undefined ? {} : { restart_count: restarts }),
      ...(phase ? { phase } : {}),
    };
    known.said = { state, startedAt, restarts, phase, fields };
    return fields;
  }

  function recordOf(
    known: Known,
    pending: Pending,
    kind: Kind,
    message: string,
    more: object,
  ): MatchedRecord {
    const { at, atMs } = pending;
    const place = { at, ordinal: 0 };
    const labels = options.labelsOf?.(known.labels);
    return {
      stream: 'stderr',
      first: place,
      last: place,
      containerId: known.id,
      record: {
        event_id: options.eventId(known.id, at, kind),
        host,
        container: known.name || known.id.slice(0, 12),
        message,
        severity: kind === 'unhealthy' ? 'error' : 'fatal',
        occurred_at: at.replace(/(\.\d{6})\d*Z$/, '$1Z'),
        ...(known.image ? { image: known.image } : {}),
        ...(labels ? { labels } : {}),
        fields: { event: kind, ...fieldsAt(known, atMs), ...more },
      },
    };
  }

  function tell(known: Known, pending: Pending): MatchedRecord[] {
    const { kind, exitCode = 0, uptimeMs, output } = pending;
    if (kind === 'out-of-memory')
      return [recordOf(known, pending, kind, 'Out of memory: a process of the container was killed.', {})];
    if (kind === 'unhealthy') {
      const message = `Container is unhealthy: its health check fails.${output ? `\n${output}` : ''}`;
      return [recordOf(known, pending, kind, message, {})];
    }
    const run = known.runs.find(({ endedAt }) => endedAt === pending.atMs) ?? runOf(known);
    const isOom = run.oomAt !== undefined && run.oomAt <= pending.atMs + holdMs;
    // Docker starts it again: whether that is noise or a loop is seen then. What stays down is neither.
    const isRestarted = known.state?.isRestarted === true;
    if (isRestarted && uptimeMs !== undefined && uptimeMs <= startingMs) run.diedStarting = true;
    const seconds =
      uptimeMs === undefined ? {} : { uptime_seconds: Math.max(0, Math.round(uptimeMs / 1000)) };
    const told = [
      recordOf(known, pending, isOom ? 'out-of-memory' : 'died', messageOf(exitCode, isOom), {
        exit_code: exitCode,
        ...seconds,
      }),
    ];
    if (!isRestarted) delete told[0]!.record.fields!.phase;
    if (isLooping(known, pending.atMs)) {
      known.loopToldAt = pending.atMs;
      const record = recordOf(known, pending, 'restart-loop', 'Container is restarting in a loop.', {
        exit_code: exitCode,
        deaths: known.deaths.length,
        within_seconds: Math.round((pending.atMs - known.deaths[0]!) / 1000),
      });
      delete record.record.fields!.phase;
      told.push(record);
    }
    return told;
  }

  function isLooping(known: Known, atMs: number): boolean {
    if (known.deaths.filter((ms) => ms <= atMs).length < loop.deaths || !known.state?.isRestarted)
      return false;
    // Once, until it was well for a while.
    const before = known.deaths.at(-2)!;
    return (
      known.loopToldAt === undefined ||
      atMs - known.loopToldAt > 10 * loop.withinMs ||
      atMs - before > loop.withinMs
    );
  }

  return {
    event,
    inspected,

    /** What the record of a line says of its container: its image, its start, how often it restarted, and its phase. */
    fieldsOf(containerId: string, at: string): Readonly<Record<string, unknown>> | undefined {
      const known = containers.get(containerId);
      return known && fieldsAt(known, msOf(at));
    },

    /** Whether an end is about to be told: then the container's records wait for it. */
    isEnding: (containerId: string) =>
      pendings.get(containerId)?.some(({ kind, isFound }) => kind !== 'unhealthy' && !isFound) ?? false,

    /**
     * Its log has ended. Resolves when the event that tells why has come, where inspection says that one must; after half a
     * second at the latest.
     */
    async whenTold(containerId: string): Promise<void> {
      const until = now() + 500;
      while (now() < until) {
        const known = containers.get(containerId);
        const run = known?.runs.at(-1);
        if (!known?.state || known.state.running || known.state.exitCode === 0 || !isOn(known)) return;
        if (!run || run.endedAt !== undefined || run.stopAt !== undefined) return;
        if (now() - msOf(known.state.finishedAt) > 5000) return;
        await sleep(20);
      }
    },

    /** Containers whose ends have waited long enough. */
    due(): string[] {
      const at = now();
      return [...pendings].filter(([, list]) => list.some(({ dueAt }) => at >= dueAt)).map(([id]) => id);
    },

    /** The records of what happened to the container, with its last lines up to an instant. */
    take(containerId: string, lastLines: (at: string) => string[]): MatchedRecord[] {
      const list = pendings.get(containerId) ?? [];
      const known = containers.get(containerId);
      pendings.delete(containerId);
      if (!known) return [];
      // A death tells of its memory too.
      const isDead = list.some(({ kind }) => kind === 'died');
      const records = list
        .filter(({ kind }) => !(isDead && kind === 'out-of-memory'))
        .flatMap((pending) => tell(known, pending));
      const last = records.at(-1);
      const lines = last ? lastLines(last.first.at) : [];
      if (last && lines.length > 0) for (const { record } of records) record.context_before = lines;
      return records;
    },

    /** Before this instant nothing is waiting to be told: what a restart has to ask for again comes after it. */
    heldSince(): string | undefined {
      const instants = [...pendings.values()].flatMap((list) => list.map(({ at }) => at));
      return instants.sort()[0];
    },

    /** Forgets containers that are gone. Call now and then. */
    tick(): void {
      const at = now();
      for (const [id, { goneAt }] of containers)
        if (goneAt !== undefined && at - goneAt > forgetMs) containers.delete(id);
      for (const [service, ms] of stopped) if (at - ms > forgetMs) stopped.delete(service);
    },
  };
}

function messageOf(exitCode: number, isOom: boolean): string {
  if (isOom) return `Container was killed: out of memory (exit code ${exitCode}).`;
  if (exitCode > 128 && exitCode < 193)
    return `Container was killed by ${signalName(exitCode - 128)} (exit code ${exitCode}).`;
  return `Container exited with code ${exitCode}.`;
}

const mostSeconds = 64;
const seconds = new Map<string, number>();

/** Of the same few seconds it is asked for each record. */
function msOf(at: string): number {
  const second = at.slice(0, 19);
  let ms = seconds.get(second);
  if (ms === undefined) {
    ms = Date.parse(`${second}Z`);
    if (seconds.size >= mostSeconds) seconds.clear();
    seconds.set(second, ms);
  }
  return ms + Number(at.slice(20, 23));
}

function shortId(imageId: string): string {
  return imageId.replace(/^sha256:/, '').slice(0, 12);
}
