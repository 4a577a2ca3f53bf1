// Everything that is watched, as one report: what a person asks for with GET /api/watch, what Prometheus reads, and what
// the dead-man's ping depends on.

import type { Pool } from '../db/pool.ts';
import type { Metrics } from '../http/metrics.ts';
import { type Bounds, findingsOf } from './findings.ts';
import type { Finding } from './incidents.ts';
import { type Look, look } from './look.ts';
import { Pulse } from './pulse.ts';

export interface WatchReport {
  look: Look;
  findings: Finding[];
  /** Why not everything is fresh; none: it is. */
  reasons: string[];
  /** How long the database took to answer, in ms. */
  databaseMs: number;
}

export interface WatchOptions {
  pool: Pool;
  bounds: Bounds;
  metrics?: Metrics;
  /** Ms since the epoch. */
  now?: () => number;
}

export class Watch {
  readonly pulse: Pulse;
  readonly bounds: Bounds;
  readonly #pool: Pool;
  readonly #now: () => number;
  #latest: Look | undefined;
  /** What became of the dead-man's ping; null: there is none. */
  ping: { at: string | null; withheld_because: string | null } | null = null;

  constructor({ pool, bounds, metrics, now = Date.now }: WatchOptions) {
    this.#pool = pool;
    this.#now = now;
    this.bounds = bounds;
    this.pulse = new Pulse(now);
    if (metrics) this.#expose(metrics);
  }

  /** @throws when the database does not answer. */
  async report(): Promise<WatchReport> {
    const startedAt = performance.now();
    const seen = await look(this.#pool, this.#times, this.#now());
    this.#latest = seen;
    const findings = findingsOf(seen, this.bounds);
    const amiss = findings
      .filter(({ is }) => is === 'amiss')
      .map(({ message }) => message.split('\n', 1)[0]!);
    return {
      look: seen,
      findings,
      reasons: [...this.pulse.troubles(), ...amiss],
      databaseMs: performance.now() - startedAt,
    };
  }

  get #times() {
    return { missingMs: this.bounds.missingMs > 0 ? this.bounds.missingMs : Number.POSITIVE_INFINITY };
  }

  /** As of the latest look, so that reading the metrics asks the database nothing. */
  #expose(metrics: Metrics): void {
    const seen = () => this.#latest;
    metrics.gauges('log_detector_agents', 'Agents, by state: fresh, late, missing, stopped.', () => {
      const counts = new Map([
        ['fresh', 0],
        ['late', 0],
        ['missing', 0],
        ['stopped', 0],
      ]);
      for (const { state } of seen()?.agents ?? []) counts.set(state, counts.get(state)! + 1);
      return [...counts].map(([state, value]) => ({ labels: { state }, value }));
    });
    metrics.gauges('log_detector_agent_silent_seconds', 'Since the latest heartbeat of each agent.', () =>
      (seen()?.agents ?? []).map(({ id, host, silent_seconds }) => ({
        labels: { host, agent: id },
        value: silent_seconds,
      })),
    );
    metrics.gauges(
      'log_detector_notifications_pending',
      'Notifications that are not sent yet, by channel.',
      () => (seen()?.pending ?? []).map(({ channel, count }) => ({ labels: { channel }, value: count })),
    );
    metrics.gauges(
      'log_detector_notifications_oldest_seconds',
      'Age of the oldest of these, by channel.',
      () =>
        (seen()?.pending ?? []).map(({ channel, oldest_seconds }) => ({
          labels: { channel },
          value: oldest_seconds,
        })),
    );
    metrics.gauge(
      'log_detector_alerts_waiting',
      'Alerts that wait to be gathered into a mail.',
      () => seen()?.alerts.count ?? 0,
    );
    metrics.gauge(
      'log_detector_alerts_oldest_seconds',
      'Age of the oldest of these.',
      () => seen()?.alerts.oldest_seconds ?? 0,
    );
    metrics.gauges('log_detector_canary_age_seconds', 'Since a canary last came to a stage.', () =>
      (seen()?.canaries ?? []).map(({ host, stage, age_seconds }) => ({
        labels: { host, stage },
        value: age_seconds + (this.#now() - seen()!.at) / 1000,
      })),
    );
    metrics.gauges(
      'log_detector_canary_latency_seconds',
      "From the latest canary's line to each stage.",
      () =>
        (seen()?.canaries ?? []).map(({ host, stage, latency_seconds }) => ({
          labels: { host, stage },
          value: latency_seconds,
        })),
    );
    metrics.gauges('log_detector_loop_age_seconds', 'Since each loop of this backend last turned.', () =>
      this.pulse.ages().map(({ loop, ageMs }) => ({ labels: { loop }, value: ageMs / 1000 })),
    );
    metrics.gauge(
      'log_detector_incidents',
      'What is amiss now; GET /api/watch says what.',
      () => seen()?.incidents.length ?? 0,
    );
  }
}
