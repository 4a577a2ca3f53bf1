// `log-detector rules test FILE`: what these rules would have sent, and what the rules now in force would have. Reads, and
// writes nothing.

import { resolve } from 'node:path';
import { SettingsError, StartError, settings as settingsOf } from '@log-detector/settings';
import { defaultPolicy } from '../alerting/policy.ts';
import { readRulesFile } from '../alerting/rules/read-file.ts';
import { namedRules } from '../alerting/rules/rule-book.ts';
import { compileRules, type RuleSet } from '../alerting/rules/rule-set.ts';
import type { RulesConfig, StoredRule } from '../alerting/rules/types.ts';
import { channelTypes } from '../channels/registry.ts';
import { startEmbedded } from '../db/embedded.ts';
import { createPool } from '../db/pool.ts';
import { type BackendSettings, readBackendSettings } from '../settings.ts';
import { readByApi } from './api-records.ts';
import { type Comparison, compareReplays } from './compare.ts';
import { readFixtures } from './fixtures.ts';
import { Replay, type Replayed, type ReplayRecord } from './replay.ts';
import { reportText } from './report.ts';
import { noSource, type ReplaySource, readStored } from './stored-records.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface RulesTestOptions {
  file: string;
  /** A file of records. */
  fixtures?: string | undefined;
  /** Stored records of so many ms are replayed; left out: of a day, or none where there are fixtures. */
  sinceMs?: number | undefined;
  /** Of a backend that runs; left out: DATABASE_URL, or the embedded database. */
  api?: string | undefined;
  json: boolean;
}

const dayMs = 86_400_000;
/** After the last record: what waits then still goes out, after quiet hours too. */
const afterwardsMs = 2 * dayMs;

/** @returns what to print. @throws {SettingsError} for mistakes in FILE, {StartError} when records cannot be read. */
export async function rulesTest(options: RulesTestOptions, env: Environment, now: number): Promise<string> {
  const settings = readBackendSettings({ ...env, HOST: undefined });
  const proposed = readRules(options.file, env);
  const source = await readSource(options, settings, env, now);
  const fixtures = options.fixtures === undefined ? [] : readFixtures(options.fixtures, now);
  const records = [...source.records, ...fixtures].sort(
    (a, b) => a.draft.receivedAtMs - b.draft.receivedAtMs,
  );

  const sides = [proposed, settings.rules].map((config) => {
    const rules = rulesOf(config, source.rules);
    return { rules, replay: replayOf(records, source, settings, config, rules) };
  });
  const comparison = compareReplays(records, sides[0]!, sides[1]!);
  if (options.json) return `${JSON.stringify({ ...comparison, is_cut: source.isCut }, null, 2)}\n`;
  return (
    sayCut(source, comparison) +
    reportText(comparison, namesOf(options.file, proposed, settings.rules, source.rules))
  );
}

/** Only looks whether a file is right. @throws {SettingsError} */
export function readRules(file: string, env: Environment): RulesConfig {
  const reader = settingsOf(env);
  const { config, problems } = readRulesFile(file, { channelTypes, variable: (name) => reader.raw(name) });
  reader.finish();
  if (problems.length > 0) throw new SettingsError(problems);
  return config;
}

async function readSource(
  { sinceMs, fixtures, api }: RulesTestOptions,
  settings: BackendSettings,
  env: Environment,
  now: number,
): Promise<ReplaySource> {
  if (sinceMs === undefined && fixtures !== undefined) return noSource;
  const since = now - (sinceMs ?? dayMs);
  const apiKey = settings.apiKey ?? env.BACKEND_API_KEY;
  if (api !== undefined) return readByApi({ url: api, apiKey }, since, now);
  if (settings.databaseUrl !== undefined) return readDatabase(settings.databaseUrl, since, now);
  const running = `http://localhost:${settings.port}`;
  if (await answers(running)) return readByApi({ url: running, apiKey }, since, now);
  const server = await startEmbedded({ dataDir: settings.dataDir }).catch((cause: Error) => {
    throw new StartError(
      `cannot open the database in ${resolve(settings.dataDir)}: ${cause.message}; where a backend runs, give --api and its address`,
      { cause },
    );
  });
  try {
    return await readDatabase(server.connectionString, since, now);
  } finally {
    await server.stop();
  }
}

async function readDatabase(connectionString: string, since: number, until: number): Promise<ReplaySource> {
  const pool = createPool({ connectionString, max: 1, applicationName: 'log-detector rules test' });
  try {
    await pool.query('set default_transaction_read_only = on');
    return await readStored(pool, since, until);
  } catch (cause) {
    throw new StartError(
      `cannot read records: ${(cause as Error).message}; check DATABASE_URL, and that "log-detector migrate" was run`,
      { cause },
    );
  } finally {
    await pool.end();
  }
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2_000) }).catch(
    () => undefined,
  );
  return response?.ok ?? false;
}

function rulesOf(config: RulesConfig, stored: readonly StoredRule[]): RuleSet {
  return compileRules(config, namedRules(stored, config));
}

function replayOf(
  records: readonly ReplayRecord[],
  { known, recipients }: ReplaySource,
  { alerts, dedupeWindowMs, rules: inForce }: BackendSettings,
  config: RulesConfig,
  rules: RuleSet,
): Replayed {
  const batches: { at: number; records: ReplayRecord[] }[] = [];
  for (const record of records) {
    const at = record.draft.receivedAtMs;
    const batch = batches.at(-1);
    if (batch?.at === at) batch.records.push(record);
    else batches.push({ at, records: [record] });
  }
  const policy = alerts.policy ?? { ...defaultPolicy, grouping: 'off' };
  const { from, baseUrl, to } = alerts;
  return new Replay(
    {
      // Where nothing is set up to be told, as if mails were on, and somebody there to get them.
      alerts: {
        enabled: alerts.enabled || inForce.channels.length === 0,
        to: to.length > 0 ? to : ['(default recipients)'],
        from: from || 'log-detector@localhost',
        baseUrl,
        policy,
        channels: config.channels,
        rules,
      },
      recipients,
      dedupeWindowMs,
    },
    known,
  ).run(batches, (batches.at(-1)?.at ?? 0) + afterwardsMs);
}

function namesOf(file: string, proposed: RulesConfig, inForce: RulesConfig, stored: readonly StoredRule[]) {
  const ofDatabase = stored.length > 0 ? `, ${stored.length} of the database` : '';
  return {
    file,
    proposed: `${proposed.rules.length} rules${ofDatabase}`,
    inForce: `${inForce.rules.length} of RULES_FILE${ofDatabase}`,
  };
}

function sayCut({ isCut, records }: ReplaySource, { from, to }: Comparison): string {
  return isCut
    ? `There are more records than one replay takes: these are ${records.length.toLocaleString('en-US')} of them, ${from} to ${to}. Give --since a shorter time.\n`
    : '';
}
