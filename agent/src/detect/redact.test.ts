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
    [`/api/webhooks/123456789012345678/${'a1B2'.repeat(17)}`, '/api/webhooks/[redacted:discord-webhook]'],
    ['card 378282246310005.', 'card [redacted:card].'],
    // Command lines, as a program repeats the one that failed.
    ['mysqldump -uroot -ps3cr3t! app', 'mysqldump -uroot -p[redacted:password] app'],
    ["['mysqldump', '-ps3cr3t', 'app']", "['mysqldump', '-p[redacted:password]', 'app']"],
    ['curl -su admin:hunter https://x', 'curl -su admin:[redacted:password] https://x'],
    ['docker login -u bob -p hunter x.io', 'docker login -u bob -p [redacted:password] x.io'],
    ['redis-cli -h r -a foobared ping', 'redis-cli -h r -a [redacted:password] ping'],
    ['sshpass -phunter ssh -p 22 a@b', 'sshpass -p[redacted:password] ssh -p 22 a@b'],
    ['tool --db-password hunter --x', 'tool --db-password [redacted:password] --x'],
    ["['tool', '--token', 'abc']", "['tool', '--token', '[redacted:token]']"],
    ['gpg --passphrase "hunter two" -d a', 'gpg --passphrase "[redacted:password]" -d a'],
    // Values beside their names.
    ['{"name":"DB_PASSWORD","value":"hunter"}', '{"name":"DB_PASSWORD","value":"[redacted:password]"}'],
    ['- name: DB_PASSWORD\n  value: hunter', '- name: DB_PASSWORD\n  value: [redacted:password]'],
    ['<add key="ApiKey" value="abcdef"/>', '<add key="ApiKey" value="[redacted:key]"/>'],
    ['<Password Type="Text">hunter</Password>', '<Password Type="Text">[redacted:password]</Password>'],
    ["('password', 'hunter2')", "('password', '[redacted:password]')"],
    ['s:8:"password";s:7:"hunter2";', 's:8:"password";s:7:"[redacted:password]";'],
    ['["password"]=>\n  string(6) "hunter"', '["password"]=>\n  string(6) "[redacted:password]"'],
    ['Config { password: Some("hunter") }', 'Config { password: Some("[redacted:password]") }'],
    ["{'password': b'hunter'}", "{'password': b'[redacted:password]'}"],
    [
      String.raw`{\\\"password\\\":\\\"hunter\\\"}`,
      String.raw`{\\\"password\\\":\\\"[redacted:password]\\\"}`,
    ],
    ['{"password":123456}', '{"password":[redacted:password]}'],
    ['?to=%2Fa%3Fpassword%3Dhunter%26a%3Db', '?to=%2Fa%3Fpassword%3D[redacted:password]%26a%3Db'],
    ['Server=x;Password=two words;A=b', 'Server=x;Password=[redacted:password];A=b'],
    ['JWT_SECRET: supersecretjwt', 'JWT_SECRET: [redacted:secret]'],
    ['otp=482913 is wrong', 'otp=[redacted:secret] is wrong'],
    ['password: |\n  hunter', 'password: |\n  [redacted:password]'],
    ["mysqli_connect('db', 'root', 'hunter')", "mysqli_connect('db', 'root', '[redacted:password]')"],
    ['Authorization: Digest username="a", response="0f0f"', 'Authorization: [redacted:secret]'],
    [`bot token ${'a1B2'.repeat(8)} refused`, 'bot token [redacted:token] refused'],
    // Addresses.
    ['pg://app:p@ss/w0rd@db/x', 'pg://app:[redacted:password]@db/x'],
    ['jdbc:oracle:thin:scott/tiger@//db', 'jdbc:oracle:thin:scott/[redacted:password]@//db'],
    [`url: /bot1234567890:AA${'a1B'.repeat(11)}/send`, 'url: /bot[redacted:telegram-token]/send'],
    [
      `https://x.webhook.office.com/webhookb2/${'0a'.repeat(16)}/b`,
      'https://x.webhook.office.com/webhookb2/[redacted:webhook]',
    ],
    [`url: /services/T0123456789/B0123456789/${'a1B'.repeat(8)}`, 'url: /services/[redacted:slack-webhook]'],
    // Tokens by their first characters.
    [`glsa_${'a1B2'.repeat(8)}_0f0f0f0f`, '[redacted:api-key]'],
    [String.raw`log:\nglrt-${'a1B2'.repeat(5)}`, String.raw`log:\n[redacted:gitlab-token]`],
    [`${'LTAI'}${'a1B2'.repeat(5)} refused`, '[redacted:api-key] refused'],
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
    'Command failed: docker run -p 8080:80 -u 1000:1000 mysql -p 3306:3306',
    'Command failed: ssh -p 22 root@host; mkdir -p /a/b; grep -u x; sort -u y; psql -p 5432',
    'usage: tool [--password PASSWORD] [--token TOKEN], mysql -pPASSWORD',
    'option --password requires an argument',
    'tool --no-password --verbose --token-file=/run/secrets/token',
    '{"password":["This field is required."],"token":"must not be empty"}',
    'INSERT INTO tokens (id, password, token) VALUES ($1, $2, $3)',
    'expected -----BEGIN PRIVATE KEY----- but the file is empty',
    'PWD=/app OLDPWD=/',
    'token: https://example.com/rfc6749#section-3.2',
    "if result['Secret'] == '': password = ask_password('Password: ')",
    'public_key = ed25519.Ed25519PublicKey.from_public_bytes(',
    'failed to pass "--quiet" down to "gc --auto", to pass \'use strict\' on',
    "codesign --remove-signature a.out, for [ 'cookie', 'other-header' ]",
    'const a = alice.computeSecret(bobKey); String password = user.getPassword();',
    'secret app-secrets-2024-prod-01 not found',
    'token 550e8400-e29b-41d4-a716-446655440000 expired',
    'at useState (/app/node_modules/react-hooks/dist/chunk-A1B2C3D4E5F6G7H8.js:12:3)',
    'POST /webhooks/orders/12 failed: {"password":null,"pin":null}',
    'authentication=required auth=failed code=invalid_grant pin=12 spin=2000',
    'cache_key=user:12:profile sort_key=created_at, key-value store gone',
    'https://example.com:8443/path@2x.png',
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
    'mysql -p',
    'curl ',
    'docker login ',
    'curl -u a:',
    "curl ['-u', '",
    "ftp_login('a',",
    "PDO->__construct(('",
    'hooks/a1',
    'hooks.a/',
    '--password ',
    'a_password: |\n ',
    '{"name":"password","value":"',
    '\\\\\\"token\\\\\\":\\\\\\"',
    ';password=',
    'Authorization: Digest ',
    '<password a="',
    'sk-a-',
    'hf_a',
    '1//0',
    'password is ',
    's:8:"password";s:7:"',
    'oracle:thin:a/',
    '0123456789:AA',
  ])('ends with a megabyte made to be slow, of %j', (piece) => {
    runToEnd(() => {
      redact(piece.repeat(Math.ceil(1_000_000 / piece.length)));
    });
  });
});
