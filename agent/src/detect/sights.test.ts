// The look that spares redaction and levels their expressions changes nothing of what they find.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { traceFixtures } from './kit.ts';
import { readHeadLevel } from './level.ts';
import { createRedact } from './redact.ts';
import { createSight, sights } from './sights.ts';

const sight = createSight();
const redact = createRedact();
const redactWithoutSight = createRedact({ glance: () => ~0 });

/** What the expressions look for, whole and in parts. */
const piece = fc.oneof(
  fc.constantFrom('password', 'passwd', 'PassPhrase', 'pwd', 'client_secret', 'Token', 'api-key', 'apiKey'),
  fc.constantFrom(
    'ACCESS_KEY_ID',
    'secret-access-key',
    'private_key',
    'authkey',
    'encryption-key',
    'signingKey',
  ),
  fc.constantFrom('credentials', 'x-api-key', 'Authorization', 'COOKIE', 'sas', 'Signature', 'bypass'),
  fc.constantFrom('=', ': ', '":"', '" => "', '=a1b2c3d4e5f6', ' a1b2c3d4e5f6', '\\":\\"a1b2c3d4e5', "='x'"),
  fc.constantFrom(
    'Bearer abcdef1234567890',
    'basic dXNlcjpwYXNzd29yZA==',
    'https://',
    'u:p4ss@host',
    '-----',
  ),
  fc.constantFrom('BEGIN PRIVATE KEY', 'BEGIN RSA PRIVATE KEY', 'END RSA PRIVATE KEY', '\n', ' ', 'AIza'),
  fc.constantFrom('AKIAIOSFODNN7EXAMPLE', 'eyJhbGciOiJIUzI1', '.eyJzdWIiOiIxMjM0', `ghp_${'a1'.repeat(18)}`),
  fc.constantFrom(`github_pat_${'a1'.repeat(22)}`, `glpat-${'a1'.repeat(12)}`, `xoxb-${'a1'.repeat(9)}`),
  fc.constantFrom('hooks.slack.com/services/T1/B2/c3', `sk_live_${'a1'.repeat(9)}`, `npm_${'a1'.repeat(18)}`),
  fc.constantFrom(
    `SG.${'a'.repeat(22)}.${'b'.repeat(32)}`,
    `sk-${'a1'.repeat(20)}`,
    `AIza${'b1'.repeat(17)}c`,
  ),
  fc.constantFrom(
    '4111 1111 1111 1111',
    '4111-1111-1111-1111',
    '378282246310005',
    '3782 822463 10005',
    '4111',
  ),
  fc.constantFrom(
    'level',
    'LVL',
    'severity',
    'log_level',
    'levelname',
    'll',
    'LL',
    'priority',
    'all',
    '="error',
  ),
  fc.constantFrom(
    '=warn',
    ': 50',
    "'='info'",
    ' = ERROR',
    '\t:\tfatal',
    'ERROR',
    '[error]',
    'Error: ',
    '(WARN)',
  ),
  fc.constantFrom(
    'mysql -p',
    'curl -u a:',
    ' --token ',
    ' -p x1',
    'sshpass',
    "ftp_login('a', 'b', 'c')",
    'auth',
    'pin',
  ),
  fc.constantFrom(
    `hooks/${'a1'.repeat(12)}`,
    `glsa_${'a1'.repeat(15)}`,
    `/services/T${'1'.repeat(9)}/B${'1'.repeat(9)}/`,
  ),
  fc.constantFrom(
    'jdbc:oracle:thin:a/b@',
    '?code=',
    `1234567890:AA${'a1'.repeat(16)}b`,
    'value: ',
    '%3D',
    'x_key=',
  ),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
);
const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));

describe('what one look sees', () => {
  it('spares redaction nothing that it would change', () => {
    fc.assert(
      fc.property(text, (one) => {
        expect(redact(one)).toBe(redactWithoutSight(one));
      }),
      { numRuns: 10_000 },
    );
  });

  it('spares no line the look for the name of its level', () => {
    const expectSame = (line: string) => {
      expect([line, readHeadLevel(line, (sight(line) & sights.level) !== 0)]).toEqual([
        line,
        readHeadLevel(line, true),
      ]);
    };
    fc.assert(fc.property(text, expectSame), { numRuns: 10_000 });
    for (const { lines } of traceFixtures()) lines.forEach(expectSame);
  });

  it('sees nothing in what containers print all day', () => {
    expect(sight('2026-11-22T10:00:00.000Z ERROR could not charge id=1234 path=/api/v1/orders/12')).toBe(0);
  });
});
