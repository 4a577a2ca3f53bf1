// RULES_FILE's sections, and a rule that comes by the API -> checked ones. One reader for both, so that a rule means the
// same wherever it stands. The keys of each section are listed where it is read.

import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { checkAddresses } from '../addresses.ts';
import { type Checker, nearest, type Path } from './checker.ts';
import { compilePattern } from './pattern.ts';
import {
  type Absence,
  type ChannelConfig,
  type Maintenance,
  type Match,
  type RecipientConfig,
  type Rule,
  type RulesConfig,
  ruleStates,
  type Target,
  type Threshold,
  type WeeklyWindow,
} from './types.ts';
import { instantOf, isZone } from './windows.ts';

/** What a channel's options must look like; backend/src/channels/registry.ts has those that there are. */
export type ChannelSchemas = Readonly<Record<string, { options: TSchema }>>;

/** Names that `to` may give beside addresses. */
export interface KnownNames {
  recipients: ReadonlySet<string>;
  channels: ReadonlySet<string>;
}

export const sections = ['zone', 'channels', 'recipients', 'rules', 'maintenance', 'absence'] as const;
const ruleKeys = [
  'name',
  'match',
  'hold',
  'to',
  'threshold',
  'cooldown',
  'severity',
  'mute',
  'when',
  'continue',
  'note',
];
const matchKeys = [
  'host',
  'container',
  'project',
  'service',
  'image',
  'severity',
  'labels',
  'pattern',
  'state',
];
const globKeys = ['host', 'container', 'project', 'service', 'image', 'severity'] as const;
const windowKeys = ['days', 'from', 'to', 'zone'];

const secondMs = 1000;
const dayMs = 86_400_000;
/** Most of each section. */
const maxItems = 1000;
/** Most records that a threshold counts to. */
const maxCount = 1_000_000;
const maxPatternLength = 1000;

/** All sections. What is wrong is in `checker.problems`. */
export function checkConfig(value: unknown, checker: Checker, channelTypes: ChannelSchemas): RulesConfig {
  const file = value === null ? {} : (checker.object(value, [], sections) ?? {});
  const zone = zoneOf(file.zone, ['zone'], checker) ?? 'UTC';
  const channels = checker
    .map(file.channels, ['channels'])
    .flatMap(([name, each]) => checkChannel(name, each, ['channels', name], checker, channelTypes) ?? []);
  const channelNames = new Set(Object.keys(isObject(file.channels) ? file.channels : {}));
  const recipients = checker
    .map(file.recipients, ['recipients'])
    .flatMap(
      ([name, each]) => checkRecipient(name, each, ['recipients', name], checker, zone, channelNames) ?? [],
    );
  const known: KnownNames = {
    recipients: new Set(Object.keys(isObject(file.recipients) ? file.recipients : {})),
    channels: channelNames,
  };
  const each = <Item>(
    section: 'rules' | 'maintenance' | 'absence',
    check: (item: unknown, path: Path) => Item | undefined,
  ): Item[] => {
    const items = checker.list(file[section], [section]);
    if (items.length > maxItems)
      checker.problem([section], `"${section}" has ${items.length} items; at most ${maxItems} are taken`);
    return items.slice(0, maxItems).flatMap((item, index) => check(item, [section, index]) ?? []);
  };
  const rules = each('rules', (item, path) => checkRule(item, path, checker, known, zone));
  const maintenance = each('maintenance', (item, path) => checkMaintenance(item, path, checker, zone));
  const absence = each('absence', (item, path) => checkAbsence(item, path, checker));
  for (const section of ['rules', 'absence'])
    refuseTwins(section, Array.isArray(file[section]) ? file[section] : [], checker);
  return { channels, recipients, rules, maintenance, absence };
}

/**
 * One rule, as RULES_FILE or the API has it.
 * @param path where it stands. @param known names that it may route to. @param zone of times that give none.
 */
export function checkRule(
  value: unknown,
  path: Path,
  checker: Checker,
  known: KnownNames,
  zone: string,
): Rule | undefined {
  const rule = checker.object(value, path, ruleKeys);
  if (!rule) return undefined;
  const before = checker.problems.length;
  const name = nameOf(rule, path, checker);
  const match = checkMatch(rule.match, [...path, 'match'], checker, true) ?? {};
  const hold = checker.boolean(rule.hold, [...path, 'hold']);
  const to = isGiven(rule.to) ? checkTo(rule.to, [...path, 'to'], checker, known) : undefined;
  const threshold = isGiven(rule.threshold)
    ? checkThreshold(rule.threshold, [...path, 'threshold'], checker)
    : undefined;
  const cooldownMs = isGiven(rule.cooldown)
    ? checker.duration(rule.cooldown, [...path, 'cooldown'], 60 * secondMs, 30 * dayMs)
    : undefined;
  const severity = isGiven(rule.severity)
    ? checker.text(rule.severity, [...path, 'severity'], 50)
    : undefined;
  const mute = checkWindows(rule.mute, [...path, 'mute'], checker, zone);
  const when = checkWindows(rule.when, [...path, 'when'], checker, zone);
  const goesOn = checker.boolean(rule.continue, [...path, 'continue']);
  if (isGiven(rule.note)) checker.text(rule.note, [...path, 'note'], 1000);
  if (match.state)
    for (const key of ['threshold', 'cooldown'])
      if (isGiven(rule[key]))
        checker.problem(
          [...path, key],
          `"${key}" cannot stand beside "state", which is known only after it was asked; make it a rule without "state"`,
        );
  if (hold)
    for (const key of ['to', 'threshold', 'cooldown', 'severity', 'mute'])
      if (isGiven(rule[key]))
        checker.problem([...path, key], `"${key}" means nothing beside "hold: true"; drop one of the two`);
  if (hold && Object.keys(match).length === 0)
    checker.problem(path, 'this rule would hold everything; say in "match" what it is about');
  if (checker.problems.length > before || name === undefined) return undefined;
  return { name, match, hold, to, threshold, cooldownMs, severity, mute, when, goesOn };
}

/** @param mayHaveState whether it is asked when the issue's state is known. */
export function checkMatch(
  value: unknown,
  path: Path,
  checker: Checker,
  mayHaveState: boolean,
): Match | undefined {
  if (!isGiven(value)) return {};
  const keys = mayHaveState ? matchKeys : matchKeys.filter((key) => key !== 'state');
  const given = checker.object(value, path, keys);
  if (!given) return undefined;
  const match: { -readonly [Key in keyof Match]: Match[Key] } = {};
  for (const key of globKeys)
    if (isGiven(given[key])) match[key] = checker.texts(given[key], [...path, key]) ?? [];
  if (isGiven(given.labels)) {
    const labels: Record<string, string[]> = {};
    for (const [label, globs] of checker.map(given.labels, [...path, 'labels']))
      labels[label] = checker.texts(globs, [...path, 'labels', label]) ?? [];
    match.labels = labels;
  }
  if (isGiven(given.pattern)) {
    const pattern = checker.text(given.pattern, [...path, 'pattern'], maxPatternLength);
    if (pattern !== undefined) {
      match.pattern = pattern;
      try {
        compilePattern(pattern);
      } catch (error) {
        checker.problem(
          [...path, 'pattern'],
          `the pattern ${checker.shown(pattern)} ${(error as Error).message}`,
        );
      }
    }
  }
  if (mayHaveState && isGiven(given.state)) {
    const texts = Array.isArray(given.state) ? given.state : [given.state];
    match.state = texts.flatMap(
      (text, index) =>
        checker.oneOf(
          text,
          Array.isArray(given.state) ? [...path, 'state', index] : [...path, 'state'],
          ruleStates,
          '"state"',
        ) ?? [],
    );
  }
  return match;
}

function checkThreshold(value: unknown, path: Path, checker: Checker): Threshold | undefined {
  const given = checker.object(value, path, ['count', 'within', 'per']);
  if (!given) return undefined;
  const count = checker.integer(given.count, [...path, 'count'], 2, maxCount);
  const withinMs = checker.duration(given.within, [...path, 'within'], secondMs, dayMs);
  const per = isGiven(given.per)
    ? checker.oneOf(given.per, [...path, 'per'], ['issue', 'rule'] as const)
    : 'issue';
  return count === undefined || withinMs === undefined || per === undefined
    ? undefined
    : { count, withinMs, per };
}

function checkTo(value: unknown, path: Path, checker: Checker, known: KnownNames): string[] | undefined {
  return checker.texts(value, path)?.map((name, index) => {
    if (known.recipients.has(name) || known.channels.has(name)) return name;
    if (name.includes('@')) {
      const { valid, invalid } = checkAddresses(name);
      if (invalid.length === 0 && valid.length === 1) return valid[0]!;
    }
    const names = [...known.recipients, ...known.channels];
    const near = nearest(name, names);
    checker.problem(
      Array.isArray(value) ? [...path, index] : path,
      `${checker.shown(name)} is no recipient, channel or address; ${
        near
          ? `did you mean "${near}"?`
          : names.length > 0
            ? `use an address, or one of ${names.slice(0, 10).join(', ')}`
            : 'use an address, or define it under "recipients:" or "channels:"'
      }`,
    );
    return name;
  });
}

function checkRecipient(
  name: string,
  value: unknown,
  path: Path,
  checker: Checker,
  zone: string,
  channels: ReadonlySet<string>,
): RecipientConfig | undefined {
  if (channels.has(name))
    checker.problem(path, `"${name}" is a channel's name too; give the recipient another one`);
  const given =
    typeof value === 'string'
      ? { email: value }
      : checker.object(value, path, ['email', 'channel', 'quiet', 'quiet_except']);
  if (!given) return undefined;
  const targets: Target[] = [];
  if (isGiven(given.email)) {
    for (const text of checker.texts(given.email, [...path, 'email']) ?? []) {
      const { valid, invalid } = checkAddresses(text);
      for (const toAddress of valid) targets.push({ channel: 'email', toAddress });
      if (invalid.length > 0 || valid.length === 0)
        checker.problem(
          typeof value === 'string' ? path : [...path, 'email'],
          `${checker.shown(text)} is no mail address; give one such as ops@example.org`,
        );
    }
  }
  if (isGiven(given.channel)) {
    for (const text of checker.texts(given.channel, [...path, 'channel']) ?? []) {
      if (channels.has(text)) targets.push({ channel: text, toAddress: text });
      else {
        const near = nearest(text, [...channels]);
        checker.problem(
          [...path, 'channel'],
          `${checker.shown(text)} is no channel; ${near ? `did you mean "${near}"?` : 'define it under "channels:"'}`,
        );
      }
    }
  }
  if (!isGiven(given.email) && !isGiven(given.channel))
    checker.problem(path, `"${name}" has nowhere to send to; give "email" or "channel"`);
  const quiet = checkWindows(given.quiet, [...path, 'quiet'], checker, zone);
  const quietExcept = isGiven(given.quiet_except)
    ? (checker.texts(given.quiet_except, [...path, 'quiet_except']) ?? [])
    : [];
  return { name, targets, quiet, quietExcept: quietExcept.map((text) => text.toLowerCase()) };
}

function checkChannel(
  name: string,
  value: unknown,
  path: Path,
  checker: Checker,
  channelTypes: ChannelSchemas,
): ChannelConfig | undefined {
  if (name === 'email')
    return checker.problem(path, '"email" is the name of the mails themselves; give the channel another one');
  if (name === 'canary')
    return checker.problem(
      path,
      '"canary" is the name of what watches the stages; give the channel another one',
    );
  if (!/^[\w.-]{1,100}$/.test(name))
    return checker.problem(path, `"${name}" is no name; use letters, digits, "-", "_" and ".", 100 at most`);
  if (!isObject(value)) return checker.problem(path, `"${name}" has no "type"; give one`);
  const { type, ...options } = value;
  const types = Object.keys(channelTypes);
  const known = checker.oneOf(type, [...path, 'type'], types);
  if (known === undefined) return undefined;
  const before = checker.problems.length;
  for (const error of Value.Errors(channelTypes[known]!.options, options)) {
    // Said below, of all of them, with the nearest known key.
    if (error.schemaPath.endsWith('/additionalProperties') && error.keyword === 'boolean') continue;
    const extra = (error.params as { additionalProperties?: string[] }).additionalProperties;
    const at = [...path, ...pathOfPointer(error.instancePath)];
    if (extra && error.instancePath === '')
      checker.object(Object.fromEntries(extra.map((key) => [key, null])), path, [
        'type',
        ...Object.keys((channelTypes[known]!.options as { properties?: object }).properties ?? {}),
      ]);
    else {
      const missing = (error.params as { requiredProperties?: string[] }).requiredProperties;
      checker.problem(
        at,
        missing
          ? `the channel "${name}" (${known}) lacks ${missing.map((key) => `"${key}"`).join(' and ')}; give it`
          : `${error.instancePath === '' ? `the channel "${name}"` : `"${at.at(-1)}"`} ${error.message}; see docs/channels.md`,
      );
    }
  }
  return checker.problems.length > before ? undefined : { name, type: known, options };
}

function pathOfPointer(pointer: string): (string | number)[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

function checkMaintenance(
  value: unknown,
  path: Path,
  checker: Checker,
  zone: string,
): Maintenance | undefined {
  const given = checker.object(value, path, ['name', 'match', 'from', 'to', 'zone', 'every', 'note']);
  if (!given) return undefined;
  const before = checker.problems.length;
  const name = nameOf(given, path, checker);
  const match = checkMatch(given.match, [...path, 'match'], checker, false) ?? {};
  const own = zoneOf(given.zone, [...path, 'zone'], checker) ?? zone;
  const every = checkWindows(given.every, [...path, 'every'], checker, own);
  let once: Maintenance['once'];
  if (isGiven(given.from) || isGiven(given.to)) {
    const from = instantIn(given.from, [...path, 'from'], checker, own, 'first');
    const to = instantIn(given.to, [...path, 'to'], checker, own, 'last');
    if (from !== undefined && to !== undefined) {
      once = { from, to };
      if (to <= from) checker.problem([...path, 'to'], '"to" is not after "from"; correct one of them');
    }
  }
  if (!isGiven(given.every) && !isGiven(given.from) && !isGiven(given.to))
    checker.problem(path, 'says not when; give "from" and "to", or "every"');
  if (checker.problems.length > before || name === undefined) return undefined;
  return { name, match, once, every };
}

function checkAbsence(value: unknown, path: Path, checker: Checker): Absence | undefined {
  const given = checker.object(value, path, ['name', 'match', 'agent', 'for', 'per', 'severity', 'note']);
  if (!given) return undefined;
  const before = checker.problems.length;
  const name = nameOf(given, path, checker);
  const agent = isGiven(given.agent) ? checker.texts(given.agent, [...path, 'agent']) : undefined;
  const match = isGiven(given.match)
    ? checkMatch(given.match, [...path, 'match'], checker, false)
    : undefined;
  if ((agent === undefined) === (match === undefined))
    checker.problem(path, 'watches nothing, or two things; give either "match" or "agent"');
  const forMs = checker.duration(given.for, [...path, 'for'], 30 * secondMs, 60 * dayMs);
  const per = isGiven(given.per)
    ? checker.oneOf(given.per, [...path, 'per'], ['rule', 'container', 'host'] as const)
    : agent
      ? 'host'
      : 'rule';
  if (agent && per !== 'host')
    checker.problem([...path, 'per'], 'each agent is watched for itself; drop "per"');
  const severity = isGiven(given.severity)
    ? checker.text(given.severity, [...path, 'severity'], 50)
    : 'error';
  if (checker.problems.length > before || name === undefined || forMs === undefined) return undefined;
  return { name, match, agent, forMs, per: per!, severity: severity! };
}

const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

function checkWindows(value: unknown, path: Path, checker: Checker, zone: string): WeeklyWindow[] {
  if (!isGiven(value)) return [];
  const isOne = !Array.isArray(value);
  if (!isOne && value.length === 0) {
    checker.problem(path, 'is an empty list; leave it out');
    return [];
  }
  return (isOne ? [value] : value).flatMap(
    (each, index) => checkWindow(each, isOne ? path : [...path, index], checker, zone) ?? [],
  );
}

function checkWindow(value: unknown, path: Path, checker: Checker, zone: string): WeeklyWindow | undefined {
  const given = checker.object(value, path, windowKeys);
  if (!given) return undefined;
  const before = checker.problems.length;
  const days = isGiven(given.days) ? daysOf(given.days, [...path, 'days'], checker) : [0, 1, 2, 3, 4, 5, 6];
  const from = isGiven(given.from) ? timeOf(given.from, [...path, 'from'], checker) : 0;
  const to = isGiven(given.to) ? timeOf(given.to, [...path, 'to'], checker) : 24 * 60;
  const own = isGiven(given.zone) ? zoneOf(given.zone, [...path, 'zone'], checker) : zone;
  if (checker.problems.length > before) return undefined;
  return { days: days!, from: from!, to: to!, zone: own! };
}

function daysOf(value: unknown, path: Path, checker: Checker): number[] | undefined {
  const words = checker.texts(value, path)?.flatMap((text) => text.toLowerCase().split(/\s*,\s*/));
  if (!words) return undefined;
  const days = new Set<number>();
  for (const word of words) {
    const [first, last = first] = word.split(/\s*-\s*/).map((name) => dayNames.indexOf(name.slice(0, 3)));
    if (first === undefined || first < 0 || last! < 0)
      return checker.problem(
        path,
        `${checker.shown(word)} is no day; use ${dayNames.join(', ')}, or a span such as mon-fri`,
      );
    for (let day = first; ; day = (day + 1) % 7) {
      days.add(day);
      if (day === last) break;
    }
  }
  return [...days].sort();
}

/** `22:00` -> minutes after midnight. */
function timeOf(value: unknown, path: Path, checker: Checker): number | undefined {
  const [, hours, minutes] = /^(\d{1,2}):(\d{2})$/.exec(String(value).trim()) ?? [];
  const total = Number(hours) * 60 + Number(minutes);
  if (total <= 24 * 60 && Number(minutes) < 60) return total;
  return checker.problem(
    path,
    `${checker.shown(value)} is no time of day; write it as "22:00", in quotation marks`,
  );
}

function zoneOf(value: unknown, path: Path, checker: Checker): string | undefined {
  if (!isGiven(value)) return undefined;
  const zone = checker.text(value, path);
  if (zone === undefined || isZone(zone)) return zone;
  const near = nearest(zone, Intl.supportedValuesOf('timeZone'));
  return checker.problem(
    path,
    `${checker.shown(zone)} is no time zone; ${near ? `did you mean "${near}"?` : 'use a name such as Europe/Berlin, or UTC'}`,
  );
}

/** `2026-11-22T22:00`, by the clocks of the zone unless it says its own. */
function instantIn(
  value: unknown,
  path: Path,
  checker: Checker,
  zone: string,
  which: 'first' | 'last',
): number | undefined {
  const text = String(value ?? '').trim();
  const parts =
    /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(Z|[+-]\d{2}:\d{2})?$/.exec(text) ?? undefined;
  const local = parts ? Date.parse(`${parts[1]}T${parts[2]}Z`) : Number.NaN;
  if (Number.isNaN(local))
    return checker.problem(
      path,
      `${checker.shown(value ?? null)} is no instant; write it as 2026-11-22T22:00, with "zone" or an offset such as +01:00`,
    );
  return parts![3] ? Date.parse(`${parts![1]}T${parts![2]}${parts![3]}`) : instantOf(zone, local, which);
}

function nameOf(given: Record<string, unknown>, path: Path, checker: Checker): string | undefined {
  if (isGiven(given.name)) return checker.text(given.name, [...path, 'name'], 100);
  return checker.problem(path, 'has no "name"; give it one, which the messages about it use');
}

/** Looks at what was written, so that a twin is told of beside other mistakes, and at its own line. */
function refuseTwins(section: string, items: readonly unknown[], checker: Checker): void {
  const seen = new Set<unknown>();
  for (const [index, item] of items.entries()) {
    const name = isObject(item) ? item.name : undefined;
    if (typeof name !== 'string') continue;
    if (seen.has(name))
      checker.problem(
        [section, index, 'name'],
        `two of "${section}" are named "${name}"; what they count and watch is kept by name, so give one another`,
      );
    seen.add(name);
  }
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
