import { hostilePieces, runToEnd } from '@log-detector/test-kit';
import { describe, expect, it } from 'vitest';
import { mask, maskText, maxMaskedChars } from './mask.ts';

describe('mask', () => {
  it.each([
    ['took 12 of 30 tries', 'took <num> of <num> tries'],
    ['dial 10.0.0.1:5432 refused', 'dial <ip> refused'],
    ['peer fe80::1%eth0 gone', 'peer <ip> gone'],
    ['peer ::1 gone', 'peer <ip> gone'],
    ['peers ::1, ::ffff:10.0.0.1.', 'peers <ip>….'],
    ['dial [::1]:5432: refused', 'dial [<ip>]:<num>: refused'],
    ['dial [2001:db8:7::5]:443: refused', 'dial [<ip>]:<num>: refused'],
    ['get user:1234:cart: timeout', 'get <id>: timeout'],
    ['role arn:aws:iam::12:role/x, arn:aws:s3:::orders.', 'role <id>….'],
    ['timeout (pid:1433, line:80) of redis:6379', 'timeout (pid:<num>, line:<num>) of <host>'],
    ['session=<FahQhYRNaGFurvdjhWUlYG==> lost', 'session=<<id>> lost'],
    ['camelCaseName== x', 'camelCaseName== x'],
    ['paid 12.50 EUR of 13 USD', 'paid <amount> of <amount>'],
    ['blocked alice, bob, carol for 5 s', 'blocked <list> for <duration>'],
    ['still lagging: orders, refunds', 'still lagging: <list>'],
    ['lagging orders, page_views, clicks', 'lagging <list>'],
    ['it is down: refused, closed', 'it is down: refused, closed'],
    ['stopped, closed, failed and gone', 'stopped, closed, failed and gone'],
    ['http:503:unavailable and error:12:late', 'http:503:unavailable and error:<num>:late'],
    ['refused: urn:ietf:params:acme:error:badNonce', 'refused: urn:ietf:params:acme:error:badNonce'],
    ['server.c:120:malloc failed', 'server.c:<num>:malloc failed'],
    ['lost 10.0.0.1:6379:timeout of example.com:80:reset', 'lost <ip>:<num>:timeout of <host>:<num>:reset'],
    ['t=12:30:45 at=main.go:42:17 gone', 't=<time> at=<path> gone'],
    ['std::bad_alloc in ::main', 'std::bad_alloc in ::main'],
    ["unknown ids ['a0']", 'unknown ids [<list>]'],
    ["unknown ids ['a0', 'a1', 'a2']", 'unknown ids [<list>]'],
    ['"GET / HTTP/1.1"', '"GET <path> HTTP/<num>"'],
    ['10.0.0.1 "POST /a?b=c"', '<ip> "POST <path>"'],
    ['refused, request: "GET / HTTP/1.1"', 'refused, request: "<request> HTTP/<num>"'],
    ['retry of PUT https://example.com/a', 'retry of <request>'],
    ['No route matches [GET] "/a"', 'No route matches [<method>] "<str>"'],
    ['GET is no word for it', 'GET is no word for it'],
    ['path=/a?b=c,d=1 url:/x?y=1,z', 'path=<path>,d=<num> url:<path>,z'],
    ['target=https://example.com/a?b=c,d=1', 'target=<url>,d=<num>'],
    ['注文9の処理に失敗しました', '注文<num>の処理に失敗しました'],
    ['错误：无法连接到服务器10.0.0.1:5432。', '错误：无法连接到服务器<ip>。'],
    ['사용자 bob이 없습니다', '사용자 bob이 없습니다'],
    ['really? /a', 'really? <path>'],
    ['key abCD12efGH34ijKL56== now', 'key <id> now'],
    ['SHA256:89+abC/DEFghi+jklMNOP123456789', 'SHA<num>:<id>'],
    ["failed with result 'oom-kill'", "failed with result 'oom-kill'"],
    ['reason: "Evicted"', 'reason: "Evicted"'],
    ['either / or', 'either / or'],
    ['Not Found: /', 'Not Found: <path>'],
    ['refused, path=/ method=x', 'refused, path=<path> method=x'],
    ['refunds 65.54 € or 12 £ late', 'refunds <amount> or <amount> late'],
    ["no setup for 'lamp': it is gone", "no setup for '<str>': it is gone"],
    ["refused {'user': 'ann', 'code': 7}", "refused {'user': '<str>', 'code': <num>}"],
    [
      'lost it, error="looking for the value of \'x\' in it"',
      'lost it, error="looking for the value of \'<str>\' in it"',
    ],
    ['id 123e4567-e89b-12d3-a456-426614174000 unknown', 'id <uuid> unknown'],
    ['at 0xdeadbeef', 'at <hex>'],
    ['commit b9112fbdd53291f1924bd3ff81d24b4d48e38929 missing', 'commit <hex> missing'],
    ['open /var/lib/app/x.db failed', 'open <path> failed'],
    ['open C:\\Temp\\x.txt failed', 'open <path> failed'],
    ['get https://example.com/a?b=c now', 'get <url> now'],
    ['mail to ops@example.com bounced', 'mail to <email> bounced'],
    ['slept 20ms', 'slept <duration>'],
    ['slept 30 seconds', 'slept <duration>'],
    ['sent 18846 bytes (18.4 KB) now', 'sent <size> now'],
    ['since Fri Jun 17 07:07:00 2005', 'since <time>'],
    ['since 2026-11-22T10:00:00Z', 'since <time>'],
    ['node-17 is down', 'node-<num> is down'],
    ['relation "orders" does not exist', 'relation "<str>" does not exist'],
    ['cached=true', 'cached=<bool>'],
    ['sizes 1, 2, 3 and 4', 'sizes <num>… and <num>'],
  ])('masks %s', (message, masked) => {
    expect(maskText(message)).toBe(masked);
  });

  it('keeps what tells errors apart: words, exception types, methods, quoted messages', () => {
    for (const message of [
      'connection refused',
      'java.net.ConnectException: refused',
      `can't open it`,
      'msg="could not connect"',
      '"Failed to start" err="timed out"',
      '"Stopped"',
      'server said "that mailbox was never there"',
      'job failed: "that mailbox was never there"',
      'probe failed "that mailbox was never there"',
      'plugin threw "that mailbox was never there"',
      'hook printed on stderr "that mailbox was never there"',
      '{"errorMessage":"could not connect here"}',
      'last_error="timed out"',
      `job failed: RuntimeError('order failed')`,
    ])
      expect(maskText(message)).toBe(message);
    for (const [message, masked] of [
      ['"alice" not found', '"<str>" not found'],
      [`job failed: KeyError('alice')`, `job failed: KeyError('<str>')`],
      ['title "the red shoes are here" unknown', 'title "<str>" unknown'],
      ['slow sql="select a from b where c is null"', 'slow sql="<str>"'],
      ['gone (SQL: select f(a) from b) on x', 'gone (SQL: <str>) on x'],
      ['took 5 ms  statement: delete from orders where id = 7', 'took <duration> statement: <str>'],
      ['"Failed to start" pod="default/web-1"', '"Failed to start" pod="<str>"'],
    ])
      expect(maskText(message!)).toBe(masked);
    expect(maskText('"GET /a/b HTTP/1.1"')).toBe('"GET <path> HTTP/<num>"');
  });

  it('compares every mask as the same', () => {
    expect(mask('took 5 ms').keys).toEqual(mask('took 00:05').keys);
  });

  it('gives the text back when its pieces are joined', () => {
    expect(mask('a=b, (c) [d]  e').shown.join('')).toBe('a=b, (c) [d] e');
  });

  it.each(hostilePieces)('ends with a message made to be slow, of %j', (piece) => {
    runToEnd(() => {
      for (let times = 0; times < 20; times++) mask(piece.repeat(maxMaskedChars / piece.length));
    });
    expect(mask(piece.repeat(2000)).keys.length).toBeGreaterThan(0);
  });

  it('sees the address behind many colons', () => {
    expect(mask(`at (${'a:1'.repeat(90)}:10.0.0.1:80)`).shown).toContain('<ip>');
  });

  it('masks a sentence that is known but for its lone numbers as it does one that is new', () => {
    for (const tail of [
      ' of 12, or: 7. at last',
      ' (12) x12 12x 1.5 12ms 2026',
      ' \'of 12\' "9 lives"',
      ' 12\u00a013 -4 +5 #6',
    ]) {
      const of = (n: number) => mask(`job ${n}${tail}`);
      const [first, ...others] = [1, 22, 333, 4444, 55555, 123456].map(of);
      for (const other of others) expect(other).toMatchObject({ shown: first!.shown, keys: first!.keys });
    }
    expect(mask('listening on 10.0.0.1:5432 in 5 s').keys).toEqual(
      mask('listening on 10.0.0.1:5433 in 66 s').keys,
    );
  });
});
