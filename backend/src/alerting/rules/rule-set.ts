// Rules, compiled -> what they say of a record. Pure. Rules are asked from the first to the last, and the first that
// matches is the last that is asked, unless it says `continue: true`: then what the ones after it say is added to it.

import type { HeldReason, IncomingRecord } from '../../ingest/types.ts';
import { compileGlobs } from './glob.ts';
import { compilePattern } from './pattern.ts';
import type { Match, Rule, RuleState, RulesConfig, Target, Threshold, WeeklyWindow } from './types.ts';
import { endOfWindows } from './windows.ts';

/** What rules look at. */
export type RecordFacts = Pick<
  IncomingRecord,
  'host' | 'container' | 'service' | 'severity' | 'image' | 'labels' | 'message'
>;

/** A threshold that a record counts for. */
export interface CountedThreshold extends Threshold {
  /** Names its counts: equal in every backend, and another one when the time is. */
  rule: string;
}

/** What the rules say of a record. */
export interface Verdict {
  /** Why nothing is told of it, whatever its issue does; null: something may be. */
  held: Extract<HeldReason, 'excluded' | 'maintenance' | 'muted-by-rule'> | null;
  /** Names of the rules that matched, or of the maintenance. */
  by: readonly string[];
  /** Where its alert goes; undefined: to the default recipients. */
  to: readonly Target[] | undefined;
  /** All must be reached. */
  thresholds: readonly CountedThreshold[];
  cooldownMs: number | undefined;
  severity: string | undefined;
}

/** Of a record that no rule matches. */
export const noVerdict: Verdict = {
  held: null,
  by: [],
  to: undefined,
  thresholds: [],
  cooldownMs: undefined,
  severity: undefined,
};

/** A rule with the name that its counts are kept under. */
export interface NamedRule extends Rule {
  key: string;
}

export interface Quiet {
  windows: readonly WeeklyWindow[];
  except: readonly string[];
}

interface CompiledRule extends NamedRule {
  matches: RecordTest;
  states: ReadonlySet<RuleState> | undefined;
  targets: readonly Target[] | undefined;
}

type RecordTest = (record: RecordFacts) => boolean;

/** The rules as they are at one moment: schedules looked up, so that asking costs no more than the matching. */
export interface RulesNow {
  /** @param state why the issue alerts; null: not known yet, and rules that ask for it do not match. */
  ask(record: RecordFacts, state: RuleState | null): Verdict;
}

export interface RuleSet {
  /** No rule says anything of any record. */
  readonly isEmpty: boolean;
  at(now: number): RulesNow;
  /** Where to these names lead: recipients, channels, addresses. Those that are not known are left out. */
  targetsOf(names: readonly string[]): Target[];
  /** Until when a place is quiet; null: it is not. */
  quietUntil(target: Target, now: number): number | null;
  /** Severities, in small letters, that do not wait while it is quiet. */
  quietExcept(target: Target): readonly string[];
}

/** @param rules in the order that they are asked in. */
export function compileRules(
  config: Pick<RulesConfig, 'channels' | 'recipients' | 'maintenance'>,
  rules: readonly NamedRule[],
): RuleSet {
  const targetsOf = targetFinder(config);
  const compiled = rules.map((rule): CompiledRule => {
    const targets = rule.to && targetsOf(rule.to);
    return {
      ...rule,
      matches: compileMatch(rule.match),
      states: rule.match.state && new Set(rule.match.state),
      // A place that is gone must not swallow the alert.
      targets: targets && targets.length > 0 ? targets : undefined,
    };
  });
  const maintenance = config.maintenance.map((each) => ({ ...each, matches: compileMatch(each.match) }));
  const quiets = quietPlaces(config);
  let known: { minute: number; now: RulesNow } | undefined;
  return {
    isEmpty: compiled.length === 0 && maintenance.length === 0,
    at(now) {
      // Windows begin and end with the minute; maintenance that happens once may begin or end within one.
      const minute = Math.floor(now / 60_000);
      const isWithin = (at: number) => Math.floor(at / 60_000) === minute;
      const isSteady = maintenance.every(({ once }) => !once || !(isWithin(once.from) || isWithin(once.to)));
      if (known?.minute === minute && isSteady) return known.now;
      const active = compiled
        .filter(({ when }) => when.length === 0 || endOfWindows(when, now) !== null)
        .map((rule) => ({ rule, isMuted: rule.mute.length > 0 && endOfWindows(rule.mute, now) !== null }));
      const maintained = maintenance.filter(
        ({ once, every }) =>
          (once !== undefined && now >= once.from && now < once.to) || endOfWindows(every, now) !== null,
      );
      const rulesNow: RulesNow = { ask: (record, state) => ask(active, maintained, record, state) };
      known = { minute, now: rulesNow };
      return rulesNow;
    },
    targetsOf,
    quietUntil(target, now) {
      const quiet = quiets.get(placeOf(target));
      return quiet ? endOfWindows(quiet.windows, now) : null;
    },
    quietExcept: (target) => quiets.get(placeOf(target))?.except ?? [],
  };
}

/** A set that says nothing. */
export const emptyRuleSet: RuleSet = compileRules({ channels: [], recipients: [], maintenance: [] }, []);

function ask(
  active: readonly { rule: CompiledRule; isMuted: boolean }[],
  maintained: readonly { name: string; matches: RecordTest }[],
  record: RecordFacts,
  state: RuleState | null,
): Verdict {
  const under = maintained.find(({ matches }) => matches(record));
  if (under) return { ...noVerdict, held: 'maintenance', by: [under.name] };
  const matching: { rule: CompiledRule; isMuted: boolean }[] = [];
  for (const each of active) {
    const { states, matches, goesOn } = each.rule;
    if (states && (state === null || !states.has(state))) continue;
    if (!matches(record)) continue;
    matching.push(each);
    if (!goesOn) break;
  }
  if (matching.length === 0) return noVerdict;
  const rules = matching.map(({ rule }) => rule);
  const routes = rules.flatMap(({ targets }) => (targets ? [targets] : []));
  return {
    held: rules.some(({ hold }) => hold)
      ? 'excluded'
      : matching.some(({ isMuted }) => isMuted)
        ? 'muted-by-rule'
        : null,
    by: rules.map(({ name }) => name),
    to: routes.length > 0 ? unique(routes.flat()) : undefined,
    thresholds: rules.flatMap(({ key, threshold }) =>
      threshold ? [{ ...threshold, rule: `${key}/${threshold.withinMs}` }] : [],
    ),
    cooldownMs: rules.find(({ cooldownMs }) => cooldownMs !== undefined)?.cooldownMs,
    severity: rules.find(({ severity }) => severity !== undefined)?.severity,
  };
}

/** Everything but the state. */
export function compileMatch(match: Match): RecordTest {
  const tests: RecordTest[] = [];
  const add = (globs: readonly string[] | undefined, read: (record: RecordFacts) => string) => {
    if (!globs) return;
    const test = compileGlobs(globs);
    tests.push((record) => test(read(record)));
  };
  add(match.host, ({ host }) => host);
  add(match.container, ({ container }) => container);
  add(match.image, ({ image }) => image ?? '');
  add(match.project, ({ labels }) => labels?.['com.docker.compose.project'] ?? '');
  if (match.service) {
    const test = compileGlobs(match.service);
    tests.push(({ service }) => test(service) || test(service.slice(service.indexOf('/') + 1)));
  }
  if (match.severity) {
    const test = compileGlobs(match.severity.map((each) => each.toLowerCase()));
    tests.push(({ severity }) => test(severity.toLowerCase()));
  }
  for (const [label, globs] of Object.entries(match.labels ?? {})) {
    const test = compileGlobs(globs);
    tests.push(({ labels }) => {
      const value = labels && Object.hasOwn(labels, label) ? labels[label] : undefined;
      return value !== undefined && test(value);
    });
  }
  // Last, because it costs most.
  if (match.pattern !== undefined) {
    const test = compilePattern(match.pattern);
    tests.push(({ message }) => test(message));
  }
  return (record) => tests.every((test) => test(record));
}

function targetFinder({
  recipients,
  channels,
}: Pick<RulesConfig, 'channels' | 'recipients'>): (names: readonly string[]) => Target[] {
  const places = new Map<string, readonly Target[]>([
    ...channels.map(({ name }): [string, Target[]] => [name, [{ channel: name, toAddress: name }]]),
    ...recipients.map(({ name, targets }): [string, readonly Target[]] => [name, targets]),
  ]);
  return (names) =>
    unique(
      names.flatMap(
        (name) => places.get(name) ?? (name.includes('@') ? [{ channel: 'email', toAddress: name }] : []),
      ),
    );
}

function quietPlaces({ recipients }: Pick<RulesConfig, 'recipients'>): Map<string, Quiet> {
  const quiets = new Map<string, Quiet>();
  for (const { targets, quiet, quietExcept } of recipients)
    if (quiet.length > 0)
      for (const target of targets) {
        const known = quiets.get(placeOf(target));
        quiets.set(placeOf(target), {
          windows: [...(known?.windows ?? []), ...quiet],
          except: [...(known?.except ?? []), ...quietExcept],
        });
      }
  return quiets;
}

function placeOf({ channel, toAddress }: Target): string {
  return `${channel}\0${toAddress}`;
}

function unique(targets: readonly Target[]): Target[] {
  return [...new Map(targets.map((target) => [placeOf(target), target])).values()];
}
