import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { minutes, Timeline } from '../alerting/test-help-timeline.ts';
import { buildApp } from '../app.ts';
import { type RulesTestOptions, rulesTest } from './rules-test.ts';

let database: TestDatabase;
let folder: string;
const now = Math.floor(Date.now() / 1000) * 1000;
beforeAll(async () => {
  database = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'rules-'));
  // What came live: an issue before the hour, noise, and two faults.
  await new Timeline(database.pool, { start: now - minutes(120) })
    .at(minutes(1), { issue: 'old', host: 'db-1', container: 'db' })
    .at(minutes(70), { issue: 'probe', message: 'ERROR GET /health 503', times: 3 })
    .at(minutes(80), { issue: 'refused', container: 'pay' })
    .at(minutes(100), { issue: 'old', host: 'db-1', container: 'db' })
    .run(minutes(120));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await database.drop();
});

function fileOf(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}
const env = (more: Record<string, string> = {}) => ({
  DATABASE_URL: database.url,
  ALERT_EMAIL_TO: 'ops@example.org',
  BASE_URL: 'https://logs.example.com',
  ...more,
});
const test = (file: string, options: Partial<RulesTestOptions> = {}, more: Record<string, string> = {}) =>
  rulesTest({ file, json: false, ...options }, env(more), now);

const proposed = `
rules:
  - { name: probes, match: { pattern: GET /health }, hold: true }
  - { name: payments, match: { container: pay }, to: ada@example.org }
`;

describe('rules test', () => {
  it('says what a file would have sent of stored records, and what would no longer alert', async () => {
    const text = await test(fileOf('rules.yaml', proposed), { sinceMs: minutes(60) });
    const lines = text.split('\n').map((line) => line.replace(/^ +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC +/, ''));
    expect(lines.slice(2, -1)).toEqual([
      `${join(folder, 'rules.yaml')} (2 rules) would have sent 2 mails:`,
      'ada@example.org  [NEW] pay on web-1: refused  ["payments"]',
      'ops@example.org  [REGRESSED] db on db-1: old',
      '',
      'The rules now in force (0 of RULES_FILE) would have sent 3 mails.',
      '',
      'These would no longer alert:',
      'ops@example.org  api: probe (new); excluded  ["probes"]',
      'ops@example.org  pay: refused (new); told elsewhere  ["payments"]',
      '',
      'These would alert anew:',
      'ada@example.org  pay: refused (new); told elsewhere',
      '',
      'Decisions of the records:',
      '  duplicate 2',
      '  excluded 1',
      '  new 1',
      '  regressed 1',
    ]);
  });

  it('compares with the rules in force, of RULES_FILE and of the database', async () => {
    await database.pool.query(
      `insert into rules (id, rule, source, created_at)
       values ('019aabcd-0000-7000-8000-000000000001', '{"name": "no pay", "match": {"container": "pay"}, "hold": true}', 'api', now())`,
    );
    const file = fileOf('same.yaml', proposed);
    const json = JSON.parse(await test(file, { json: true, sinceMs: minutes(60) }, { RULES_FILE: file })) as {
      proposed: { subject: string }[];
      noLonger: unknown[];
      anew: unknown[];
    };
    await database.pool.query('delete from rules');
    expect(json.proposed.map(({ subject }) => subject)).toEqual(['[REGRESSED] db on db-1: old']);
    expect([json.noLonger, json.anew]).toEqual([[], []]);
  });

  it('replays a file of records, whose times may be seconds after the first', async () => {
    const fixtures = fileOf(
      'fixtures.yaml',
      `
- { at: 0, host: web-1, container: api, message: "ERROR refused after 17 ms" }
- { at: 10, host: web-1, container: api, message: "ERROR refused after 230 ms" }
- { at: 1h, host: web-1, container: api, message: "ERROR refused after 4 ms", severity: fatal }
`,
    );
    const file = fileOf('many.yaml', 'rules: [{ name: many, threshold: { count: 2, within: 1m } }]');
    const text = await test(file, { fixtures });
    expect(text).toContain('Replayed 3 records of 1 issue');
    expect(text).toMatch(/would have sent 1 mail:\n.*\[NEW\] api on web-1: refused after .*\["many"\]/);
    expect(text).toMatch(/below-threshold 2/);
  });

  it('asks a running backend by its API, and says the same', async () => {
    const file = fileOf('api.yaml', proposed);
    const app = await buildApp({
      settings: {
        apiKey: 'a key',
        dedupeWindowMs: 300_000,
        alerts: { enabled: false, to: [], from: '', baseUrl: 'https://logs.example.com' },
      },
      pool: database.pool,
      logger: pino({ level: 'silent' }),
      version: 'test',
    });
    try {
      const api = await app.listen({ host: '127.0.0.1', port: 0 });
      const options = { sinceMs: minutes(60), api };
      const text = await test(file, options, { API_KEY: 'a key' });
      expect(text).toBe(await test(file, { sinceMs: minutes(60) }));
      await expect(test(file, options)).rejects.toThrow('asks for a key; set API_KEY');
    } finally {
      await app.close();
    }
    await expect(test(file, { api: 'http://127.0.0.1:1' })).rejects.toThrow('is the backend running there?');
  });

  it('writes nothing', async () => {
    const count = async () => {
      const { rows } = await database.pool.query(
        `select (select count(*) from notifications) as mails, (select count(*) from alerts) as alerts,
           (select count(*) from rule_counts) as counts, (select max(notified_at) from issues) as notified`,
      );
      return rows[0];
    };
    const before = await count();
    await test(fileOf('x.yaml', 'rules: [{ name: many, threshold: { count: 2, within: 1m } }]'));
    expect(await count()).toEqual(before);
  });

  it('tells all mistakes of the file, with their lines, and of the fixtures', async () => {
    await expect(test(fileOf('bad.yaml', 'rules:\n  - { name: x, hold: maybe, too: y }\n'))).rejects.toThrow(
      /2 settings are wrong:\n.*bad\.yaml:2: "too" is not known here; did you mean "to"\?\n.*bad\.yaml:2: "hold" is "maybe"; use true or false/,
    );
    const fixtures = fileOf('bad.json', '[{"host": "a"}]');
    await expect(test(fileOf('ok.yaml', ''), { fixtures })).rejects.toThrow('record 1: container');
  });
});
