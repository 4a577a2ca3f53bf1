import { describe, expect, it } from 'vitest';
import { mask } from './mask.ts';
import { createTemplateMiner, type Template, type TemplateMiner } from './templates.ts';

function take(miner: TemplateMiner, message: string, changes: Template[][] = []): string {
  const { keys } = mask(message);
  const known = miner.match(keys);
  if (known !== undefined) return known;
  const learned = miner.learn(keys);
  changes.push(structuredClone(learned.changed));
  return learned.id;
}

const titleOf = (miner: TemplateMiner, id: string): string => miner.template(id)?.keys.join('') ?? '';

describe('template miner', () => {
  it('finds that user alice and user bob are one, once there is a third', () => {
    const miner = createTemplateMiner();
    const ids = ['alice', 'bob', 'carol'].map((user) => take(miner, `session closed for user ${user}`));
    expect(new Set(ids.map((id) => miner.root(id))).size).toBe(1);
    expect(titleOf(miner, ids[0] as string)).toBe('session closed for user <?>');
  });

  it('keeps the identity of the oldest when templates merge', () => {
    const miner = createTemplateMiner();
    const first = take(miner, 'session closed for user alice');
    take(miner, 'session closed for user bob');
    const third = take(miner, 'session closed for user carol');
    expect(third).toBe(first);
    expect(take(miner, 'session closed for user dora')).toBe(first);
  });

  it('keeps outcomes apart, however many there are', () => {
    const miner = createTemplateMiner();
    const outcomes = ['refused', 'reset', 'closed', 'denied', 'aborted', 'lost'];
    const ids = outcomes.map((outcome) => take(miner, `upstream said connection ${outcome}`));
    expect(new Set(ids.map((id) => miner.root(id))).size).toBe(outcomes.length);
  });

  it('keeps codes apart that a name calls so, whatever they look like', () => {
    const miner = createTemplateMiner();
    const ids = ['Unavailable', 'DeadlineExceeded', 'PermissionDenied'].flatMap((code) => [
      take(miner, `rpc error: code = ${code} desc = failed`),
      take(miner, `pod not started, reason: ${code}`),
      take(miner, `answered error_code=${code} at last`),
    ]);
    expect(new Set(ids.map((id) => miner.root(id))).size).toBe(9);
    const quoted = ['timeout', 'signal', 'exit-code', 'oom-kill'].flatMap((code) => [
      take(miner, `job ended with result '${code}' today`),
      take(miner, `query was lost error=${code} peer=db`),
    ]);
    expect(new Set(quoted.map((id) => miner.root(id))).size).toBe(8);
    const users = ['aBc', 'dEf', 'gHi'].map((user) => take(miner, `rpc error: user = ${user} desc = failed`));
    expect(new Set(users.map((id) => miner.root(id))).size).toBe(1);
  });

  it('keeps states apart that are spelled as constants of several words', () => {
    const miner = createTemplateMiner();
    const ids = ['LEADER_NOT_AVAILABLE', 'UNKNOWN_TOPIC', 'NOT_LEADER'].map((state) =>
      take(miner, `cannot fetch metadata {orders=${state}}`),
    );
    expect(new Set(ids.map((id) => miner.root(id))).size).toBe(3);
  });

  it('takes words_so_joined for names beside words that no list knows', () => {
    const miner = createTemplateMiner();
    const tables = ['invoices', 'audit_log', 'coupons', 'line_items'];
    const ids = tables.map((table) => take(miner, `no rows left in ${table} today`));
    expect(new Set(ids.map((id) => miner.root(id))).size).toBe(1);
    const codes = ['card_declined', 'expired_card', 'do_not_honor', 'lost_card'];
    const kept = codes.map((code) => take(miner, `charge was refused: ${code}`));
    expect(new Set(kept.map((id) => miner.root(id))).size).toBe(codes.length);
  });

  it('knows the sentences of languages without spaces, and the names in them', () => {
    const miner = createTemplateMiner();
    const of = (messages: string[]) =>
      new Set(messages.map((message) => take(miner, message)).map(miner.root));
    const missing = ['bob', 'ann', 'eve', 'dan'].map((user) => `エラー ユーザー${user}が見つかりません`);
    for (const message of missing) take(miner, message);
    expect(of(missing).size).toBe(1);
    const failures = [
      '注文9の処理に失敗しました',
      'データベースに接続できません',
      'ディスクが一杯です',
      '証明書の期限が切れました',
    ];
    expect(of([...missing, ...failures.map((each) => `エラー ${each}`)]).size).toBe(5);
  });

  it('takes a dotted name that begins the message for a value after the fourth', () => {
    const miner = createTemplateMiner();
    const ids = ['web.service', 'db.service', 'mail.socket', 'cron.timer'].map((unit) =>
      take(miner, `${unit}: Start request repeated too quickly.`),
    );
    expect(new Set(ids.map((id) => miner.root(id))).size).toBe(1);
  });

  /** How many issues these messages are by the end. */
  const issues = (messages: readonly string[]): number => {
    const miner = createTemplateMiner();
    const ids = messages.map((message) => take(miner, message));
    return new Set(ids.map((id) => miner.root(id))).size;
  };

  it('takes one thing and several of them for one message, with the verb', () => {
    expect(issues(['skipped 1 row of the file', 'skipped 7 rows of the file'])).toBe(1);
    expect(issues(['gave up after 3 tries: hang up', 'gave up after 1 try: hang up'])).toBe(1);
    expect(issues(['1 batch was left behind', '4 batches were left behind'])).toBe(1);
    expect(issues(['the row is locked by it', 'the rows is locked by it'])).toBe(2);
    expect(issues(['4 rows were lost in it', '4 rows were kept in it'])).toBe(2);
  });

  it('takes a message for one whether or not it has a field more', () => {
    const refused = 'cannot connect to it, client: 10.0.0.1';
    expect(issues([refused, `${refused}, referrer: "https://example.com/a"`])).toBe(1);
    expect(
      issues(['job has failed: job=5 runner=12ab34', 'job has failed: took=3 job=5 runner=12ab34']),
    ).toBe(1);
    expect(issues(['job has failed: job=5 state=x9', 'job has failed: user=3 job=5 state=x9'])).toBe(1);
    expect(issues(['msg="cannot read it now" job=5', 'msg="cannot read it now" job=5 took=3s'])).toBe(1);
    // What names an outcome, says a word, ends another message, or is a part of an object
    expect(issues([refused, `${refused}, code: 17`])).toBe(2);
    expect(issues([refused, `${refused}, hint: expired`])).toBe(2);
    expect(issues(['login has failed uid=5', 'login has failed uid=5 user=b7'])).toBe(2);
    expect(
      issues(['cannot start Intent { flg=7 cmp=a1 }', 'cannot start Intent { act=3 flg=7 cmp=a1 }']),
    ).toBe(2);
  });

  it('keeps codes apart that are words joined, one of which says that something failed', () => {
    const codes = ['NoSuchKey', 'SlowDown', 'AccessDenied', 'ExpiredToken', 'CrashLoopBackOff'];
    expect(issues(codes.map((code) => `upload ended, ${code}: see there`))).toBe(codes.length);
    const names = ['OrderPlaced', 'CartEmptied', 'UserCreated'];
    expect(issues(names.map((name) => `could not send event ${name} there`))).toBe(1);
  });

  it('takes names that begin a message for values once some are such as people give themselves', () => {
    const players = ['Notch', 'xX_Ann_Xx', 'Steve12', 'Alex', '__bob__', 'Mia77', 'Lena'];
    expect(issues(players.map((name) => `${name} moved wrongly there`))).toBe(1);
    const parts = ['Redis', 'Kafka', 'Postgres', 'Mongo', 'Rabbit', 'Etcd', 'Consul'];
    expect(issues(parts.map((name) => `${name} moved wrongly there`))).toBe(parts.length);
  });

  it('takes names for values that have their states behind them', () => {
    const topics = ['orders', 'shipments', 'refunds', 'parcels'];
    expect(issues(topics.map((name) => `cannot read metadata {${name}=NOT_LEADER}`))).toBe(1);
  });

  it('takes masked words for one beside a word that may be an outcome', () => {
    const messages = [
      'lost the host unknown today',
      'lost the host web-1 today',
      'lost the host 10.0.0.1 today',
    ];
    expect(issues(messages)).toBe(2);
    expect(issues(messages.toReversed())).toBeLessThan(3);
  });

  it('never makes two exception types one', () => {
    const miner = createTemplateMiner();
    const ids = Array.from({ length: 40 }, (_, i) =>
      take(miner, `job failed with X${'abcdefghij'[i % 10]}${'kl'[i % 2]}mError today`),
    );
    expect(new Set(ids.map((id) => miner.root(id))).size).toBe(10);
  });

  it('keeps types apart that are known by the word before them alone', () => {
    const miner = createTemplateMiner();
    const messages = ['Not_found', 'Exit', 'Shop.Declined', 'Shop.Db.Gone', 'Failure("int_of_string")']
      .map((type) => `Fatal error: exception ${type}`)
      .concat(
        ['shop::NoStock', 'shop::BadOrder', 'int'].map(
          (type) => `terminate called after throwing an instance of '${type}'`,
        ),
      );
    const ids = messages.map((message) => take(miner, message));
    expect(new Set(ids.map((id) => miner.root(id))).size).toBe(messages.length);
  });

  it('never takes an exception type for a value, be the place known to vary or everything full', () => {
    for (const limits of [undefined, { maxTemplates: 400, maxSiblings: 2, maxOfLength: 2, maxKeys: 100 }]) {
      const miner = createTemplateMiner(limits);
      for (const word of ['ann', 'ben', 'cleo', 'dan']) take(miner, `job failed with ${word} today`);
      const types = [
        'ValueError',
        'KeyError',
        'Http404Error',
        'Http500Error',
        'java.io.IOException',
        'a.b.C1Exception',
      ];
      const ids = types.flatMap((type) =>
        [`job failed with ${type} today`, `raised '${type}'`, `caught (${type}, ${type}) twice`].map(
          (message) => [type, message.slice(0, 4), take(miner, message)],
        ),
      );
      const byIssue = new Map<string, Set<string>>();
      for (const [type = '', , id = ''] of ids) {
        const known = byIssue.get(miner.root(id)) ?? new Set();
        byIssue.set(miner.root(id), known.add(type));
      }
      for (const together of byIssue.values()) expect(together.size).toBe(1);
    }
  });

  it('goes on taking values for a template of two words', () => {
    const miner = createTemplateMiner();
    const ids = ['alice', 'bob', 'carol', 'dora', 'emil'].map((user) => take(miner, `hello ${user}`));
    expect(new Set(ids.map((id) => miner.root(id))).size).toBe(1);
    expect(miner.size).toBe(1);
  });

  it('takes a changed place at once when its values are sure to be values', () => {
    const miner = createTemplateMiner();
    const a = take(miner, 'loading com.example.app.Users into pool');
    const b = take(miner, 'loading org.example.app.Orders into pool');
    expect(miner.root(a)).toBe(miner.root(b));
  });

  it('gives the same templates to a replica that adopts the changes', () => {
    const changes: Template[][] = [];
    const here = createTemplateMiner();
    const there = createTemplateMiner();
    const messages = ['alice', 'bob', 'carol', 'dora'].flatMap((user) => [
      `user ${user} logged in`,
      `no mail for ${user} today`,
    ]);
    for (const message of messages) take(here, message, changes);
    for (const change of changes) there.adopt(change);
    for (const message of messages) {
      const { keys } = mask(message);
      expect(there.match(keys)).toBe(here.match(keys));
    }
    expect(there.size).toBe(here.size);
  });

  it('stays bounded when every message is different', () => {
    const miner = createTemplateMiner({
      maxTemplates: 1000,
      maxSiblings: 50,
      maxOfLength: 100,
      maxKeys: 1000,
    });
    let seed = 1;
    const word = (): string => {
      seed = (seed * 48271) % 2147483647;
      return seed.toString(36).replace(/\d/g, 'q');
    };
    for (let i = 0; i < 5000; i++) take(miner, Array.from({ length: 3 + (i % 5) }, word).join(' '));
    expect(miner.size).toBeLessThanOrEqual(600);
  });
});
