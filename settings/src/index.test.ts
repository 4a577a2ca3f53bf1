import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SettingsError, settings } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'settings-'));
afterAll(() => rmSync(folder, { recursive: true }));

function problemsOf(read: () => void): readonly string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe('settings', () => {
  it('reports every mistake together, each with what to do', () => {
    const read = settings({ PORT: 'eighty', ALERTS: 'maybe', SPOOL: '12 parsecs', URL: 'nowhere' });
    read.integer('PORT', { default: 8000, min: 0, max: 65_535 });
    read.boolean('ALERTS', { default: false });
    read.bytes('SPOOL', { default: 1 });
    read.url('URL', { protocols: ['https:'] });
    expect(problemsOf(() => read.finish())).toEqual([
      'PORT is "eighty"; expected a whole number from 0 to 65535',
      'ALERTS is "maybe"; use true or false',
      'SPOOL is "12 parsecs"; expected a size such as 512M or 2G',
      'URL is not a URL that starts with https://',
    ]);
  });

  it('says what to do about a password that breaks a URL', () => {
    const read = settings({ SMTP_URL: 'smtp://user:pa#ss@mail.example.com' });
    read.url('SMTP_URL', { protocols: ['smtp:', 'smtps:'] });
    expect(problemsOf(() => read.finish())).toEqual([
      'SMTP_URL cannot be read as a URL; check host and port, and in a user or password write : / ? # @ % as %3A %2F %3F %23 %40 %25',
    ]);
  });

  it('tells of a variable that looks like a setting and is none, and leaves all others alone', () => {
    const read = settings({
      ALERT_EMAIL_ENABLE: 'true',
      SMTP_URI_FILE: '/run/secrets/smtp',
      LOG_LEVEL: 'info',
      LOG_LEVEL2: 'info',
      APP_KEY: 'of another program',
      DATABASE_HOST: 'db',
    });
    read.boolean('ALERT_EMAIL_ENABLED', { default: false });
    for (const name of ['SMTP_URL', 'LOG_LEVEL', 'API_KEY', 'DATABASE_URL']) read.raw(name);
    expect(read.misspelt()).toEqual([
      'ALERT_EMAIL_ENABLE is no setting; did you mean ALERT_EMAIL_ENABLED?',
      'SMTP_URI_FILE is no setting; did you mean SMTP_URL_FILE?',
    ]);
    read.finish();
  });

  it('takes no name with another word in it for a misspelt one', () => {
    const read = settings({
      MONITOR_PORT: 'tcp://10.0.0.7:80',
      DATABASE_SSL: 'true',
      MONITR_HOST: 'web-1',
    });
    for (const name of ['MONITOR_HOST', 'DATABASE_URL']) read.raw(name);
    expect(read.misspelt()).toEqual(['MONITR_HOST is no setting; did you mean MONITOR_HOST?']);
  });

  it('never repeats the value of a URL, because it may hold a password', () => {
    const read = settings({ DATABASE_URL: 'mysql://user:hunter2@db' });
    read.url('DATABASE_URL', { protocols: ['postgres:', 'postgresql:'] });
    expect(problemsOf(() => read.finish()).join()).not.toContain('hunter2');
  });

  it('takes a value from the file that X_FILE names, without its line break', () => {
    const file = join(folder, 'key');
    writeFileSync(file, 's3cret\n');
    expect(settings({ API_KEY_FILE: file }).raw('API_KEY')).toBe('s3cret');
  });

  it('refuses X together with X_FILE, and a file that is not there', () => {
    const read = settings({ A: 'x', A_FILE: join(folder, 'key'), B_FILE: join(folder, 'absent') });
    read.raw('A');
    read.raw('B');
    const problems = problemsOf(() => read.finish());
    expect(problems[0]).toBe('A is set together with A_FILE; set only one of the two');
    expect(problems[1]).toMatch(/^B_FILE cannot read .*absent.*give the path of a readable file$/);
  });

  it('counts an empty value as not set', () => {
    const read = settings({ PORT: '', HOST: ' ' });
    expect(read.integer('PORT', { default: 8000 })).toBe(8000);
    expect(read.string('HOST', { default: 'localhost' })).toBe('localhost');
    expect(() => read.finish()).not.toThrow();
  });

  it('reads sizes with units as powers of 1024', () => {
    const read = settings({ A: '512M', B: '1.5 GiB', C: '77' });
    expect([
      read.bytes('A', { default: 0 }),
      read.bytes('B', { default: 0 }),
      read.bytes('C', { default: 0 }),
    ]).toEqual([512 * 1024 ** 2, 1.5 * 1024 ** 3, 77]);
  });
});
