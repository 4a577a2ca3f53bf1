import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sharedLinks } from './links/links.ts';
import { type AlertContent, maxMessageChars, maxSubjectChars, renderMail, subjectOf } from './mail.ts';

const alert: AlertContent = {
  recordId: '019aabcd-0000-7000-8000-000000000001',
  host: 'web-1',
  container: 'api',
  severity: 'error',
  message: 'ERROR first\n  second',
  occurredAt: '2026-11-22T10:00:00.123456Z',
  receivedAt: '2026-11-22T10:00:01.000000Z',
};
const base = 'https://logs.example.com';
const links = sharedLinks({ number: 1, secret: Buffer.alloc(32) }, `${base}/`, 0);
const url = links.record(alert.recordId);

describe('the subject', () => {
  it("is the contract's", () => {
    expect(subjectOf(alert)).toBe('[Log Alert] ERROR api on web-1');
  });

  it('keeps a line break or a control character from starting another header field', () => {
    const subject = subjectOf({
      ...alert,
      container: 'api\r\nBcc: thief@example.net\0',
      host: 'w\u2028\u202eeb',
    });
    expect(subject).toBe('[Log Alert] ERROR api Bcc: thief@example.net  on w eb');
  });

  it('cuts an over-long name in its middle and keeps the short one whole', () => {
    const subject = subjectOf({ ...alert, container: `${'c'.repeat(200)}${'d'.repeat(200)}` });
    expect(subject).toHaveLength(maxSubjectChars);
    expect(subject).toMatch(/^\[Log Alert\] ERROR c+…d+ on web-1$/);
  });

  it('never is over 255 characters nor holds a control character, whatever the names', () => {
    const name = fc.string({ unit: 'binary', maxLength: 300 });
    const severity = fc.string({ unit: 'binary', maxLength: 50 });
    fc.assert(
      fc.property(name, name, severity, (container, host, word) => {
        const subject = subjectOf({ container, host, severity: word });
        return (
          subject.length <= maxSubjectChars && !/\p{Cc}/u.test(subject) && !/\p{Surrogate}/u.test(subject)
        );
      }),
    );
  });
});

describe('the text part', () => {
  it("gives host, container, severity, both times, the record's URL, then the message", () => {
    expect(renderMail(alert, links).text).toBe(
      `Host: web-1
Container: api
Severity: error
Occurred at: 2026-11-22T10:00:00.123456Z
Received at: 2026-11-22T10:00:01.000000Z
Record: ${url}

ERROR first
  second
`,
    );
  });

  it('says so when the sender gave no time', () => {
    expect(renderMail({ ...alert, occurredAt: null }, links).text).toContain('Occurred at: not given\n');
  });

  it('cuts a long message in the middle and says how much is left out, and where it is whole', () => {
    const message = `first ${'x'.repeat(100_000)} last`;
    const { text } = renderMail({ ...alert, message }, links);
    expect(text).toContain(
      `[... ${message.length - maxMessageChars} characters left out, the whole record: ${url} ...]`,
    );
    expect(text).toContain('\n\nfirst x');
    expect(text.trimEnd()).toMatch(/x last$/);
    expect(text.length).toBeLessThan(maxMessageChars + 1000);
  });

  it('does not part a surrogate pair at the cut', () => {
    const { text } = renderMail({ ...alert, message: `x${'😀'.repeat(40_000)}` }, links);
    expect(text).not.toMatch(/\p{Surrogate}/u);
  });

  it('drops terminal colours and shows other control characters', () => {
    const message = '\x1b[1;31mERROR\x1b[0m a\x07b\x1b]0;title\x07\r\nnext';
    expect(renderMail({ ...alert, message }, links).text).toMatch(/\n\nERROR a\u2407b\nnext\n$/);
  });

  it('shows marks that would make a line read as another one, and leaves right-to-left text as it is', () => {
    const message = 'ERROR opened \u202egnp.exe\u202c: خطأ';
    const mail = renderMail({ ...alert, message }, links);
    for (const part of [mail.text, mail.html])
      expect(part).toContain('ERROR opened [U+202E]gnp.exe[U+202C]: خطأ');
  });
});

describe('the HTML part', () => {
  it('escapes all log text, and loads nothing', () => {
    const evil = `<img src=http://evil.example/x.png onerror="x('1')">&`;
    const { html } = renderMail(
      { ...alert, host: evil, container: evil, severity: evil, message: evil },
      links,
    );
    expect(html).not.toContain('<img');
    expect(html).toContain(
      '&lt;img src=http://evil.example/x.png onerror=&quot;x(&#39;1&#39;)&quot;&gt;&amp;',
    );
    expect(html).not.toMatch(/\b(src|background)=["']/);
    expect(html).not.toContain('@import');
  });

  it('links the record, and is made for phones and for the dark', () => {
    const { html } = renderMail(alert, links);
    expect(html).toContain(`href="${url}"`);
    expect(html).toContain('name="viewport"');
    expect(html).toContain('prefers-color-scheme: dark');
  });

  it('stays under the size at which Gmail clips, however long the message', () => {
    expect(
      Buffer.byteLength(renderMail({ ...alert, message: 'x'.repeat(1024 * 1024) }, links).html),
    ).toBeLessThan(102_000);
  });
});
