// The agent's counts -> Prometheus metrics. docs/operations.md says which to watch.

import type { Found } from './detect/find.ts';
import type { FileEngine } from './follow/file/file-engine.ts';
import type { Follower } from './follow/follow.ts';
import type { Metric } from './health.ts';
import type { Pipeline } from './pipeline.ts';
import type { Sender } from './ship/send.ts';
import type { Spool } from './ship/spool.ts';

interface Parts {
  pipeline: Pipeline;
  spool: Spool;
  sender: Sender;
  follower: Follower;
  /** When logs may be read from their files. */
  files: FileEngine | undefined;
  finding: Found;
  /** Milliseconds since the epoch. */
  startedAt: number;
}

export function metricsOf({ pipeline, spool, sender, follower, files, finding, startedAt }: Parts): Metric[] {
  const { stats } = pipeline;
  const disk = spool.stats();
  const sent = sender.stats();
  const { connected, containers } = follower.status();
  const gauge = (name: string, help: string, value: number): Metric => ({
    name: `log_detector_agent_${name}`,
    help,
    type: 'gauge',
    value,
  });
  const counter = (name: string, help: string, value: number): Metric => ({
    ...gauge(`${name}_total`, help, value),
    type: 'counter',
  });
  const oldestMs = disk.oldestAt === undefined ? Date.now() : Date.parse(disk.oldestAt);
  return [
    gauge('start_time_seconds', 'When the agent started.', startedAt / 1000),
    gauge('docker_connected', '1 while the Docker engine answers.', connected ? 1 : 0),
    gauge('containers_followed', 'Containers whose log is followed.', containers.length),
    gauge(
      'containers_read_from_files',
      'Containers whose log is followed where Docker writes it, and not through Docker (LOG_SOURCE).',
      files?.sources().file ?? 0,
    ),
    counter('lines', 'Lines that were looked at one by one.', stats.lines),
    gauge(
      'looks_at_every_line',
      '1 when a pattern or a setting forces it; the log says which at the start.',
      finding.find ? 0 : 1,
    ),
    counter('entries', 'Entries that the lines were joined to.', stats.entries),
    counter('records', 'Entries that matched.', stats.records),
    counter('holes', 'Stretches of log that could not be read, each declared to the backend.', stats.holes),
    gauge('spool_bytes', 'Bytes on disk.', disk.bytes),
    gauge('spool_max_bytes', 'Bytes the spool may take (SPOOL_MAX_BYTES).', disk.maxBytes),
    gauge('spool_records', 'Records that wait for the backend.', disk.records),
    gauge(
      'spool_oldest_seconds',
      'Age of the oldest record that waits.',
      Math.max(0, (Date.now() - oldestMs) / 1000),
    ),
    gauge('spool_blocked', '1 while reading stands still for want of room.', disk.blocked ? 1 : 0),
    counter(
      'spool_dropped_records',
      'Records given up because the spool was full (drop-oldest).',
      disk.droppedRecords,
    ),
    counter('spool_damaged_places', 'Places in the spool that could not be read.', disk.damagedPlaces),
    counter('spool_write_failures', 'Writes that the disk refused.', disk.writeFailures),
    counter('spool_syncs', 'Times that data was forced to disk.', disk.syncs),
    counter(
      'records_set_aside',
      'Records that can never be accepted, kept in the folder "aside".',
      disk.setAside,
    ),
    counter('records_sent', 'Records that the backend has.', sent.takenRecords),
    counter('records_refused', 'Records that the backend refused for good.', sent.refusedRecords),
    counter('holes_sent', 'Holes that the backend has.', sent.takenHoles),
    gauge(
      'sending_paused',
      '1 while sending waits for a person: a wrong key or address.',
      sent.state === 'unauthorised' || sent.state === 'misdirected' ? 1 : 0,
    ),
    counter('requests', 'Requests to the backend.', sent.requests),
    counter('requests_failed', 'Requests that did not succeed.', sent.failedRequests),
    counter('sent_bytes', 'Bytes of request bodies, compressed.', sent.sentBytes),
    gauge('resident_memory_bytes', 'Memory of the process.', process.memoryUsage.rss()),
  ];
}
