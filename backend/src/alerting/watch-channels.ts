// What becomes of each send -> the state of its channel in the database, and a message to the others when it fails or works
// again. Every backend that delivers runs one; the row's lock has one of them tell.

import { inTransaction, type Pool, type PoolClient } from '../db/pool.ts';
import { byText } from '../db/values.ts';
import {
  addOutcome,
  type ChannelHealth,
  type HealthNews,
  healthAfter,
  newHealth,
  newNews,
  tellOfHealth,
} from './channel-health.ts';
import { sqlIsTakenOff } from './recipients.ts';
import { counted } from './states.ts';
import { type HealthSettings, tellGivenUp, tellHealth } from './tell-health.ts';

export interface WatchChannelsOptions {
  pool: Pool;
  settings: HealthSettings;
  newId: () => string;
  log: { warn(fields: object, message: string): void; error(fields: object, message: string): void };
  everyMs?: number;
  now?: () => number;
}

export interface ChannelWatch {
  /** An attempt was settled. @param error undefined: it was sent. @param isLost it will not be tried again. */
  settled(channel: string, to: string, error: string | undefined, isLost: boolean): void;
  /** Writes what was seen, and tells. Done every few seconds by itself. */
  look(): Promise<void>;
  stop(): Promise<void>;
}

export function watchChannels(options: WatchChannelsOptions): ChannelWatch {
  const { pool, settings, newId, log, everyMs = 10_000, now = Date.now } = options;
  let news = new Map<string, HealthNews>();
  let quietUntil = 0;
  const look = async () => {
    const seen = news;
    news = new Map();
    try {
      await inTransaction(pool, (client) => lookAt(client, seen, settings, now(), newId, log));
    } catch (error) {
      // What was seen meanwhile is later than this.
      for (const [channel, later] of news) seen.set(channel, merged(seen.get(channel), later));
      news = seen;
      if (now() < quietUntil) return;
      quietUntil = now() + 60_000;
      log.warn({ err: error }, 'cannot note whether the channels work; trying again');
    }
  };
  let looking = Promise.resolve();
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, everyMs);
  timer.unref();
  return {
    settled(channel, to, error, isLost) {
      news.set(channel, addOutcome(news.get(channel) ?? newNews(channel), to, error, isLost, now()));
    },
    look,
    async stop() {
      clearInterval(timer);
      await looking;
      if (news.size > 0) await look();
    },
  };
}

function merged(earlier: HealthNews | undefined, later: HealthNews): HealthNews {
  if (!earlier) return later;
  if (later.didSucceed)
    return { ...later, lost: earlier.lost + later.lost, lostTo: [...earlier.lostTo, ...later.lostTo] };
  return {
    ...later,
    didSucceed: earlier.didSucceed,
    failedSince: earlier.failedSince ?? later.failedSince,
    attempts: earlier.attempts + later.attempts,
    lost: earlier.lost + later.lost,
    lostTo: [...earlier.lostTo, ...later.lostTo],
  };
}

async function lookAt(
  client: PoolClient,
  news: ReadonlyMap<string, HealthNews>,
  settings: HealthSettings,
  now: number,
  newId: () => string,
  log: WatchChannelsOptions['log'],
): Promise<void> {
  // A channel that works and always did needs no row.
  const names = [...news.values()]
    .filter(({ failedSince, lost }) => failedSince !== null || lost > 0)
    .map(({ channel }) => channel)
    .sort(byText);
  if (names.length > 0)
    await client.query(
      `insert into channel_health (channel) select * from unnest($1::text[]) on conflict do nothing`,
      [names],
    );
  await giveUpStrangers(client, settings, now, newId, log);
  await skipTakenOff(client, settings);
  const known = await readHealth(client, settings);
  for (const before of known) {
    const seen = news.get(before.channel);
    const health = seen ? healthAfter(before, seen) : before;
    const { tell, health: next } = tellOfHealth(health, now, before.channel === 'email');
    if (tell !== null) {
      const others = await tellHealth(client, tell, health, settings, now, newId);
      if (others === 0 && tell === 'fails')
        log.error(
          { channel: before.channel },
          `channel ${before.channel} fails and there is no other to tell by: ${health.lastError}; configure a second channel in RULES_FILE`,
        );
    }
    if (tell !== null || seen) await writeHealth(client, next);
  }
}

/** A channel that has left the settings is waited for as long as any other: another backend may still have it. */
const strangerMs = 24 * 3_600_000;

async function giveUpStrangers(
  client: PoolClient,
  settings: HealthSettings,
  now: number,
  newId: () => string,
  log: WatchChannelsOptions['log'],
): Promise<void> {
  const { rows } = await client.query<{ channel: string }>(
    `update notifications
     set status = 'failed', error_message = 'the channel ' || channel || ' is not configured any more'
     where status = 'pending'
       and channel <> all($1::text[])
       and created_at < $2
       and (leased_until is null or leased_until <= now())
     returning channel`,
    [['canary', ...configured(settings)], new Date(now - strangerMs)],
  );
  for (const channel of new Set(rows.map((row) => row.channel))) {
    const lost = counted(rows.filter((row) => row.channel === channel).length, 'message', 'messages');
    log.error(
      { channel },
      `${lost} given up that waited for a day for ${channel}, which the settings have not`,
    );
    await tellGivenUp(client, channel, lost, settings, now, newId);
  }
}

/**
 * Mails that wait (the server is away) for who was taken off meanwhile. A test goes to whomever a person names, and that someone
 * was unsubscribed to just that address.
 */
async function skipTakenOff(client: PoolClient, { to }: HealthSettings): Promise<void> {
  const waits = `n.status = 'pending' and n.channel = 'email' and n.reason not in ('test', 'unsubscribed')
    and (n.leased_until is null or n.leased_until <= now())`;
  const { rows } = await client.query<{ to_address: string }>(
    `select to_address
     from (select distinct to_address from notifications n where ${waits}) as w
     where ${sqlIsTakenOff('w.to_address', '$1::text[]')}`,
    [to],
  );
  if (rows.length === 0) return;
  await client.query(
    `update notifications n
     set status = 'skipped', error_message = 'the recipient is no longer active'
     where ${waits} and n.to_address = any($1::text[])`,
    [rows.map(({ to_address }) => to_address)],
  );
}

/** Names of the channels that messages go out by. */
function configured({ enabled, channels = [] }: HealthSettings): string[] {
  return [...(enabled ? ['email'] : []), ...channels.map(({ name }) => name)];
}

interface HealthRow {
  channel: string;
  failing_since: string | null;
  attempts: number;
  last_error: string | null;
  lost: number;
  lost_to: string[];
  told_at: string | null;
  is_told: boolean;
}

/** Rows of the channels that are configured, locked. */
async function readHealth(client: PoolClient, settings: HealthSettings): Promise<ChannelHealth[]> {
  const { rows } = await client.query<HealthRow>(
    `select channel, failing_since, attempts, last_error, lost, lost_to, told_at, is_told
     from channel_health
     where channel = any($1::text[])
     order by channel
     for update`,
    [configured(settings)],
  );
  return rows.map((row) => ({
    ...newHealth(row.channel),
    failingSince: row.failing_since === null ? null : Date.parse(row.failing_since),
    attempts: row.attempts,
    lastError: row.last_error,
    lost: row.lost,
    lostTo: row.lost_to,
    toldAt: row.told_at === null ? null : Date.parse(row.told_at),
    isTold: row.is_told,
  }));
}

async function writeHealth(client: PoolClient, health: ChannelHealth): Promise<void> {
  const { channel, failingSince, attempts, lastError, lost, lostTo, toldAt, isTold } = health;
  await client.query(
    `update channel_health
     set failing_since = $2, attempts = $3, last_error = $4, lost = $5, lost_to = $6, told_at = $7, is_told = $8
     where channel = $1`,
    [
      channel,
      failingSince === null ? null : new Date(failingSince),
      attempts,
      lastError?.slice(0, 1000) ?? null,
      lost,
      lostTo,
      toldAt === null ? null : new Date(toldAt),
      isTold,
    ],
  );
}
