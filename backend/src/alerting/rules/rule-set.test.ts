import { describe, expect, it } from 'vitest';
import { rulesOf } from '../test-help-timeline.ts';
import { compileGlob } from './glob.ts';
import { compilePattern } from './pattern.ts';
import type { RecordFacts } from './rule-set.ts';

const now = Date.parse('2026-11-22T12:00:00Z'); // a Sunday
const record = (parts: Partial<RecordFacts> = {}): RecordFacts => ({
  host: 'web-1',
  container: 'shop-api-1',
  service: 'shop/api',
  severity: 'ERROR',
  image: 'registry.example.com/shop/api:1.2',
  labels: { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'api', team: 'pay' },
  message: 'ERROR card 4711 was declined',
  ...parts,
});
const ask = (rules: string, parts: Partial<RecordFacts> = {}, state: 'new' | 'spike' | null = null) =>
  rulesOf(rules).at(now).ask(record(parts), state);

describe('a rule', () => {
  it.each([
    ['host', 'host: "web-*"', 'host: "db-*"'],
    ['container', 'container: [x, "*-api-?"]', 'container: shop-api'],
    ['project', 'project: shop', 'project: sho'],
    ['service', 'service: api', 'service: shop'],
    ['service with project', 'service: shop/api', 'service: other/api'],
    ['image', 'image: "*/shop/*"', 'image: "shop*"'],
    ['severity', 'severity: [fatal, error]', 'severity: fatal'],
    ['label', 'labels: { team: "p*" }', 'labels: { team: ops }'],
    ['label that is not there', 'labels: { team: pay }', 'labels: { tier: "*" }'],
    ['pattern', "pattern: 'card \\d+ was'", "pattern: 'card \\d+$'"],
    ['plain text', 'pattern: was declined', 'pattern: was Declined'],
    ['all of them', 'host: web-1, severity: error', 'host: web-1, severity: fatal'],
  ])('matches by %s', (_what, fits, fitsNot) => {
    const rule = (match: string) => `rules: [{ name: r, match: { ${match} }, hold: true }]`;
    expect(ask(rule(fits)).held).toBe('excluded');
    expect(ask(rule(fitsNot)).held).toBe(null);
  });

  it('is asked for the state of the issue once that is known', () => {
    const rules = 'rules: [{ name: r, match: { state: [spike] }, to: boss@example.org }]';
    expect(ask(rules, {}, null).to).toBe(undefined);
    expect(ask(rules, {}, 'new').to).toBe(undefined);
    expect(ask(rules, {}, 'spike').to).toEqual([{ channel: 'email', toAddress: 'boss@example.org' }]);
  });

  it('that matches is the last that is asked', () => {
    const verdict = ask(`
rules:
  - { name: a, match: { host: web-1 }, to: a@example.org }
  - { name: b, to: b@example.org, severity: fatal }`);
    expect(verdict).toMatchObject({ by: ['a'], to: [{ toAddress: 'a@example.org' }], severity: undefined });
  });

  it('that goes on adds to what the ones after it say', () => {
    const verdict = ask(`
rules:
  - { name: a, match: { host: web-1 }, to: a@example.org, severity: fatal, continue: true }
  - { name: b, to: [b@example.org, a@example.org], severity: info, cooldown: 2h }
  - { name: c, hold: true, match: { host: "*" } }`);
    expect(verdict).toMatchObject({
      held: null,
      by: ['a', 'b'],
      to: [{ toAddress: 'a@example.org' }, { toAddress: 'b@example.org' }],
      severity: 'fatal',
      cooldownMs: 7_200_000,
    });
  });

  it('applies within its schedule alone, and mutes within its mute windows', () => {
    const rule = (keys: string) => `rules: [{ name: r, match: { host: web-1 }, ${keys} }]`;
    expect(ask(rule('hold: true, when: { days: sun }')).held).toBe('excluded');
    expect(ask(rule('hold: true, when: { days: mon-sat }')).held).toBe(null);
    expect(ask(rule('mute: { days: sun, from: "11:00", to: "12:30" }')).held).toBe('muted-by-rule');
    expect(ask(rule('mute: { days: sun, from: "12:30", to: "13:00" }')).held).toBe(null);
  });
});

describe('maintenance', () => {
  it('holds what it is about, before any rule is asked', () => {
    const rules = (keys: string) => `
maintenance: [{ name: m, match: { host: "web-*" }, ${keys} }]
rules: [{ name: r, to: a@example.org }]`;
    expect(ask(rules('from: 2026-11-22T11:00Z, to: 2026-11-22T13:00Z'))).toMatchObject({
      held: 'maintenance',
      by: ['m'],
    });
    expect(ask(rules('from: 2026-11-22T11:00Z, to: 2026-11-22T13:00Z'), { host: 'db-1' }).held).toBe(null);
    expect(ask(rules('every: { days: sun, from: "12:00", to: "13:00" }')).held).toBe('maintenance');
    expect(ask(rules('from: 2026-11-22T12:00:01Z, to: 2026-11-22T13:00Z')).held).toBe(null);
  });
});

describe('what a stranger writes', () => {
  it('cannot make a glob or a pattern slow', () => {
    const long = 'a'.repeat(60_000);
    // Backtracking would take longer than the universe is old, and this test has some seconds.
    expect(compileGlob('*a*a*a*a*a*a*a*b')(long)).toBe(false);
    expect(compilePattern('(a+)+$')(`${long}!`)).toBe(false);
  });
});
