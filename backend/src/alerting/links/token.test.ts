import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mailLinks } from './links.ts';
import { type Purpose, purposeNumbers } from './purposes.ts';
import { type Link, readLink, signLink } from './token.ts';

const now = Date.parse('2026-11-22T10:00:00Z');
const key = { number: 1, secret: Buffer.alloc(32, 7) };
const nonce = Buffer.from('abcdef');
const link: Link = {
  purpose: 'mute-hour',
  issueId: '019aabcd-0000-7000-9000-000000000001',
  recipient: 'ops@example.org',
  expiresAt: now + 60_000,
};
const sign = (parts: Partial<Link> = {}) => signLink({ ...link, ...parts }, key, nonce);

describe('a link', () => {
  it('says what it is for, which issue, who was sent it and until when', () => {
    expect(readLink(sign(), [key], now)).toMatchObject(link);
    const withoutIssue = readLink(sign({ purpose: 'unsubscribe', issueId: undefined }), [key], now);
    expect(withoutIssue).toMatchObject({ purpose: 'unsubscribe', issueId: undefined });
  });

  it('is short enough for a mail', () => {
    expect(sign().length).toBeLessThan(80);
  });

  it('expires', () => {
    expect(readLink(sign(), [key], now + 59_999)).toMatchObject(link);
    expect(readLink(sign(), [key], now + 60_000)).toBe('expired');
  });

  it('is forged when any bit of it was changed, or another key signed it', () => {
    const token = sign();
    const bytes = Buffer.from(token, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(readLink(changed.toString('base64url'), [key], now)).toBe('forged');
    }
    expect(readLink(token, [{ number: 1, secret: Buffer.alloc(32, 8) }], now)).toBe('forged');
    expect(readLink(token, [{ ...key, number: 2 }], now)).toBe('forged');
  });

  it('has one spelling', () => {
    const token = sign();
    for (const other of [`${token}=`, ` ${token}`, `${token}A`, token.slice(0, -1), token.replace(/^./, '!')])
      expect(readLink(other, [key], now)).toBe('forged');
  });

  it('of anything else is forged, and never an error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), (text) => {
        expect(readLink(text, [key], now)).toBe('forged');
      }),
    );
  });

  it('keeps any recipient as it is', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 250 }),
        fc.constantFrom(...(Object.keys(purposeNumbers) as Purpose[])),
        (recipient, purpose) => {
          const read = readLink(sign({ recipient, purpose }), [key], now);
          expect(read).toMatchObject({ recipient, purpose });
        },
      ),
    );
  });
});

describe('the links of a mail', () => {
  const links = (notificationId: string) =>
    mailLinks(key, { baseUrl: 'https://x.example.com/logs/' }, 'ops@example.org', notificationId, now);
  const one = links('019aabcd-0000-7000-9000-000000000009');
  const facts = { withImage: true, isOver: false };

  it('are each for one thing, and stand under BASE_URL', () => {
    const purposes = one.ofIssue(link.issueId!, facts).map(({ url, purpose }) => {
      expect(url).toMatch(/^https:\/\/x\.example\.com\/logs\/act\/[\w-]+$/);
      expect(readLink(url.split('/').at(-1)!, [key], now)).toMatchObject({ purpose, issueId: link.issueId });
      return purpose;
    });
    expect(new Set(purposes).size).toBe(7);
    expect(one.unsubscribe).toMatch(/^https:\/\/x\.example\.com\/logs\/unsubscribe\/[\w-]+$/);
  });

  it('are others in another mail, and the same when the mail is written again', () => {
    const url = (made: typeof one) => made.ofIssue(link.issueId!, facts)[0]!.url;
    expect(url(links('019aabcd-0000-7000-9000-000000000009'))).toBe(url(one));
    expect(url(links('019aabcd-0000-7000-9000-000000000008'))).not.toBe(url(one));
  });

  it('offer what can be done', () => {
    const offered = (parts: object) =>
      one.ofIssue(link.issueId!, { ...facts, ...parts }).map(({ purpose }) => purpose);
    expect(offered({ withImage: false })).not.toContain('mute-deployed');
    expect(offered({ isOver: true })).toEqual(['resolve', 'mute-ever', 'not-an-error']);
  });
});
