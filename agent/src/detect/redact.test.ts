// Secrets that must not leave the host, and ordinary text that must stay as it is. No secret here is a real one.

import { runToEnd } from '@log-detector/test-kit';
import { describe, expect, it } from 'vitest';
import { compilePattern } from './patterns.ts';
import { createRedact } from './redact.ts';

const redact = createRedact();
const jwt = `eyJ${'hbGciOiJIUzI1NiJ9'}.eyJ${'zdWIiOiIxMjM0NTY3ODkwIn0'}.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P`;
const pem = (body: string) =>
  `-----BEGIN RSA PRIVATE ${'KEY'}-----\n${body}\n-----END RSA PRIVATE ${'KEY'}-----`;

describe('redact', () => {
  const secrets: [text: string, expected: string][] = [
    [`key ${'AKIA'}IOSFODNN7EXAMPLE used`, 'key [redacted:aws-key] used'],
    ['Authorization: Bearer abc123def456ghi789', 'Authorization: Bearer [redacted:bearer]'],
    ['authorization: Basic dXNlcjpwYXNzd29yZA==', 'authorization: Basic [redacted:basic]'],
    ['postgres://app:s3cr3t@db.example.com/x', 'postgres://app:[redacted:password]@db.example.com/x'],
    ['login password=hunter2 ok', 'login password=[redacted:password] ok'],
    ["{'db_password': 'hunter two', 'a': 1}", "{'db_password': '[redacted:password]', 'a': 1}"],
    ['{"password":"hun\\"ter","a":1}', '{"password":"[redacted:password]","a":1}'],
    ['body {\\"password\\":\\"hunter\\"}', 'body {\\"password\\":\\"[redacted:password]\\"}'],
    ['DB_PASSWORD=hunter2;HOST=x', 'DB_PASSWORD=[redacted:password];HOST=x'],
    ['clientSecret: "a1b2c3d4e5f6"', 'clientSecret: "[redacted:secret]"'],
    ['api_key=abcdef and more', 'api_key=[redacted:key] and more'],
    ['token=abc123abc123 rest', 'token=[redacted:token] rest'],
    [`got ${jwt} there`, 'got [redacted:jwt] there'],
    [`push with ghp_${'a1'.repeat(18)}`, 'push with [redacted:github-token]'],
    [`slack xoxb-${'123456789012'}-abcdefghij`, 'slack [redacted:slack-token]'],
    [`a\n${pem('MIIEow\nIBAAKC')}\nb`, 'a\n[redacted:private-key]\nb'],
    [`-----BEGIN PRIVATE ${'KEY'}-----\nMIIE and it never ends`, '[redacted:private-key]'],
    [`${pem('MIIEow')}: abc12345def`, '[redacted:private-key]: [redacted:key]'],
    ['paid with 4111 1111 1111 1111 today', 'paid with [redacted:card] today'],
    ['Cookie: theme=dark; connect.sid=s%3Aabc123def456', 'Cookie: [redacted:secret]'],
    ['authorization: token abc123def456ghi789', 'authorization: token [redacted:secret]'],
    ['map[X-Api-Key:[abc123def456]]', 'map[X-Api-Key:[[redacted:key]]]'],
    ["ALTER ROLE app PASSWORD 'hunter2';", "ALTER ROLE app PASSWORD '[redacted:password]';"],
    ["create user app identified by 'hunter2'", "create user app identified by '[redacted:password]'"],
    ['<ns:Password>hunter2</ns:Password>', '<ns:Password>[redacted:password]</ns:Password>'],
    ['AccountName=x;AccountKey=a1b2c3d4==;Suffix=x', 'AccountName=x;AccountKey=[redacted:key];Suffix=x'],
    ['/c?sv=2020&sig=a1B2%2Fc3%3D&se=x', '/c?sv=2020&sig=[redacted:key]&se=x'],
    ['SECRET_KEY_BASE=abc123def456', 'SECRET_KEY_BASE=[redacted:key]'],
    ['app:hunter2@tcp(db:3306)/shop', 'app:[redacted:password]@tcp(db:3306)/shop'],
    [`https://${'a1b2c3d4'.repeat(4)}@git.example.com/x`, 'https://[redacted:token]@git.example.com/x'],
    [`hvs.${'a1B2'.repeat(8)} expired`, '[redacted:vault-token] expired'],
    [`pypi-${'a1B2'.repeat(12)}`, '[redacted:pypi-token]'],
    [`hf_${'a1B2'.repeat(9)}`, '[redacted:api-key]'],
    [`/api/webhooks/123456789012345678/${'a1B2'.repeat(17)}`, '[redacted:discord-webhook]'],
    ['card 378282246310005.', 'card [redacted:card].'],
  ];
  for (const [text, expected] of secrets) {
    it(`hides what is secret in ${JSON.stringify(text).slice(0, 50)}`, () => {
      expect(redact(text)).toBe(expected);
      expect(redact(redact(text))).toBe(expected);
    });
  }

  const ordinary = [
    'user 550e8400-e29b-41d4-a716-446655440000 failed',
    'commit da39a3ee5e6b4b0d3255bfef95601890afd80709',
    'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7',
    'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    'order 4111111111111112 not found',
    'at 1700000000000000000 ns, 1700000000000 ms',
    'id 1234567890123456 of 9007199254740993',
    'SyntaxError: Unexpected token: punc (})',
    'invalid token: unexpected end of input',
    'password: must be at least 8 characters',
    'password authentication failed for user "app"',
    'the secret of good mail: brevity',
    'tokens=1200 max_tokens=4096 tokenizer=bpe',
    'password=null token=undefined secret=*** api_key=$' + '{API_KEY}',
    'bypass=1 compass: north passed=12 passing: yes',
    'Bearer of bad news: basic authentication required',
    'http://example.com:8080/path?x=1',
    'see https://example.com/a:b@c',
    'at handler (/app/node_modules/x/token.js:10:5)',
    'java.lang.IllegalStateException: key: value',
    '    client = Client(api_key=api_key, password=settings.DB_PASSWORD)',
    '    token = get_token(request)',
    '    secret = os.environ["SECRET"]',
    'PWD=/srv/app secret: /run/secrets/db2',
    'tests pass=17 fail=3 in pass=12.5ms, pass=ok',
    'api_key=missing password=?',
    'usage: login <user> <password> [file1]',
    'cookie: not set',
    'keyspace=orders partition_key: 12 primary key: id',
    'key=orders monkey=1',
    'sk-learn model loaded, task-1234 done',
    '',
  ];
  for (const text of ordinary) {
    it(`leaves ${JSON.stringify(text).slice(0, 60)} as it is`, () => {
      expect(redact(text)).toBe(text);
    });
  }

  it('takes a password with a bracket for no call', () => {
    expect(redact('login failed, password=hunter(2')).toBe('login failed, password=[redacted:password](2');
    expect(redact('    token = get_token(make(user))')).toBe('    token = get_token(make(user))');
  });

  it('hides all of a long secret', () => {
    expect(redact(`password=${'a1'.repeat(3000)} b`)).toBe('password=[redacted:password] b');
  });

  it('takes further patterns', async () => {
    const own = createRedact({ patterns: [await compilePattern('REDACT_PATTERNS', 'cust-\\d+')] });
    expect(own('order of cust-123')).toBe('order of [redacted:custom]');
  });

  it.each([
    'eyJ-',
    'password=',
    'a://',
    '-----BEGIN PRIVATE KEY-----',
    '4111 ',
    'Bearer ',
    "token='",
    'x-api-key:',
    '://a1',
    'cookie: a=1;',
    '<token>',
    'a:b@tcp(',
    'a.',
  ])('ends with a megabyte made to be slow, of %j', (piece) => {
    runToEnd(() => {
      redact(piece.repeat(Math.ceil(1_000_000 / piece.length)));
    });
  });
});
