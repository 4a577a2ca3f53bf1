// The channels that alerts go out by, as the API answers them: names and kinds, and whether they work. Never their options.

import type { ConfiguredChannel } from '@log-detector/contract';
import type { Pool } from '../db/pool.ts';
import type { AlertChannel } from './targets.ts';

/** Mail first, when it is on; then those of RULES_FILE in their order. */
export async function listChannels(
  pool: Pool,
  { enabled, channels = [] }: { enabled: boolean; channels?: readonly AlertChannel[] },
): Promise<ConfiguredChannel[]> {
  const { rows } = await pool.query<Omit<ConfiguredChannel, 'type'>>(
    `select channel as name, failing_since, case when failing_since is not null then last_error end as last_error
     from channel_health`,
  );
  const health = new Map(rows.map((row) => [row.name, row]));
  const configured = [...(enabled ? [{ name: 'email', type: 'email' }] : []), ...channels];
  return configured.map(({ name, type }) => ({
    name,
    type,
    failing_since: health.get(name)?.failing_since ?? null,
    last_error: health.get(name)?.last_error ?? null,
  }));
}
