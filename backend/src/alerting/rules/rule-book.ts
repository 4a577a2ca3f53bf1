// The rules in force: those of the database, newest first, then those of RULES_FILE. Kept compiled, because ingest asks
// them for every record, and looked for anew every two seconds, because another backend may have been told of one.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '../../db/pool.ts';
import { checkRule, type KnownNames } from './check.ts';
import { Checker } from './checker.ts';
import { compileRules, type NamedRule, type RuleSet } from './rule-set.ts';
import { listRules, rulesVersion } from './store.ts';
import { noRules, type RulesConfig, type StoredRule } from './types.ts';

export interface RuleBook {
  /** As of now. Costs nothing. */
  current(): RuleSet;
  /** Of RULES_FILE. */
  readonly config: RulesConfig;
  /** RULES_FILE was read anew. */
  replace(config: RulesConfig): void;
  /** Reads the database's rules now; for whoever changed them. */
  refresh(): Promise<void>;
  /** Reads them now and then, until stopped. */
  start(): { stop(): Promise<void> };
}

export interface RuleBookOptions {
  pool: Pool;
  config?: RulesConfig;
  log?: { warn(fields: object, message: string): void };
  everyMs?: number;
}

export function createRuleBook(options: RuleBookOptions): RuleBook {
  const { pool, log, everyMs = 2_000 } = options;
  let config = options.config ?? noRules;
  let stored: readonly StoredRule[] = [];
  let version = '';
  const compile = (onWrong?: (rule: StoredRule, why: string) => void) =>
    compileRules(config, namedRules(stored, config, onWrong));
  let current = compile();
  const refresh = async () => {
    const found = await rulesVersion(pool);
    if (found === version) return;
    stored = await listRules(pool);
    current = compile((rule, why) =>
      log?.warn({ rule: rule.id }, `a rule of the database is left out: ${why}; remove it and add it anew`),
    );
    version = found;
  };
  return {
    get config() {
      return config;
    },
    replace(next) {
      config = next;
      current = compile();
    },
    current: () => current,
    refresh,
    start() {
      const stopping = new AbortController();
      const { signal } = stopping;
      let quietUntil = 0;
      const running = (async () => {
        while (!signal.aborted) {
          await refresh().catch((error: Error) => {
            if (Date.now() < quietUntil) return;
            quietUntil = Date.now() + 60_000;
            log?.warn({ err: error }, 'cannot read the rules; those known before stay in force');
          });
          await sleep(everyMs, undefined, { signal, ref: false }).catch(() => {});
        }
      })();
      return {
        async stop() {
          stopping.abort();
          await Promise.race([running, sleep(1000, undefined, { ref: false })]);
        },
      };
    },
  };
}

/** Names that a rule may route to. */
export function knownNames(config: RulesConfig): KnownNames {
  return {
    recipients: new Set(config.recipients.map(({ name }) => name)),
    channels: new Set(config.channels.map(({ name }) => name)),
  };
}

/** Rules in the order that they are asked in. @param onWrong told of those of the database that cannot be used. */
export function namedRules(
  stored: readonly StoredRule[],
  config: RulesConfig,
  onWrong: (rule: StoredRule, why: string) => void = () => {},
): NamedRule[] {
  const ofDatabase = stored.flatMap((row) => {
    const checker = new Checker();
    const rule = checkRule(row.rule, [], checker, anyName, 'UTC');
    if (rule) return [{ ...rule, key: row.id }];
    onWrong(row, checker.problems.map(({ message }) => message).join('; '));
    return [];
  });
  return [...ofDatabase, ...config.rules.map((rule) => ({ ...rule, key: rule.name }))];
}

/** What it routes to may have left RULES_FILE since; then the alert goes to the default recipients. */
const anyName: KnownNames = {
  recipients: { has: () => true } as unknown as ReadonlySet<string>,
  channels: new Set(),
};
