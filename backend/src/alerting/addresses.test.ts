import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkAddresses } from './addresses.ts';

describe('checkAddresses', () => {
  it('trims, lower-cases and takes each once, in order', () => {
    expect(checkAddresses(' B@X.io ,a@x.io,b@x.io,\ta@x.io')).toEqual({
      valid: ['b@x.io', 'a@x.io'],
      invalid: [],
    });
  });

  it('names every invalid one, once', () => {
    expect(checkAddresses('nope, a@x.io, AlsoBad, nope').invalid).toEqual(['nope', 'alsobad']);
  });

  it('knows nothing in an empty list', () => {
    expect(checkAddresses(' , ,')).toEqual({ valid: [], invalid: [] });
  });

  it.each([
    'first.last+tag@sub.example.com',
    "o'neil@example.co.uk",
    'a_b-c@xn--bcher-kva.example',
    `${'a'.repeat(64)}@example.com`,
    '0@1.museum',
  ])('takes %s', (address) => {
    expect(checkAddresses(address).valid).toEqual([address]);
  });

  it('stores a domain with other letters in the form that mail servers know', () => {
    expect(checkAddresses('info@bücher.de').valid).toEqual(['info@xn--bcher-kva.de']);
  });

  it.each([
    ['a line break', 'a@x.io\nBcc: thief@x.io'],
    ['a line break at its end', 'a@x.io\r\n'],
    ['a space', 'a b@x.io'],
    ['a space in its domain', 'a@x .io'],
    ['a no-break space', 'a@x.io\u00a0'],
    ['a NUL', 'a\0@x.io'],
    ['a NUL in its domain', 'a@x.i\0o'],
    ['a lone surrogate', 'a\ud800@x.io'],
    ['a lone surrogate in its domain', 'a@x\ud800.io'],
    ['no at sign', 'x.io'],
    ['nothing before it', '@x.io'],
    ['nothing after it', 'a@'],
    ['two at signs', 'a@b@x.io'],
    ['a domain without a dot', 'a@localhost'],
    ['a domain that never is', 'a@example.invalid'],
    ['an empty label', 'a@x..io'],
    ['a dot at its end', 'a@x.io.'],
    ["a hyphen at a label's start", 'a@-x.io'],
    ['an underscore in its domain', 'a@x_y.io'],
    ['an IP address', 'a@127.0.0.1'],
    ['an IP literal', 'a@[127.0.0.1]'],
    ['a port', 'a@x.io:25'],
    ['a top level of one letter', 'a@x.i'],
    ['a display name', 'a <a@x.io>'],
    ['a quoted local part', '"a b"@x.io'],
    ['dots in a row', 'a..b@x.io'],
    ['letters that are not ASCII before the at sign', 'ä@x.io'],
    ['65 characters before the at sign', `${'a'.repeat(65)}@x.io`],
    ['400 characters', `a@${'b'.repeat(60)}.${'c'.repeat(334)}.io`],
    ['255 characters', `a@${`${'b'.repeat(61)}.`.repeat(4)}abcio`],
    ['a wildcard', '*@*.io'],
    ['a percent sign in its domain', 'a@x%2eio.com'],
  ])('refuses %s', (_what, address) => {
    expect(checkAddresses(address)).toEqual({ valid: [], invalid: [expect.any(String)] });
  });

  it('never takes what could end a header or an SMTP command, whatever it is given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (local, domain) =>
        checkAddresses(`${local}@${domain}.io`).valid.every(
          (address) => /^[\x21-\x7e]+$/.test(address) && !/[<>,;:"\\]/.test(address),
        ),
      ),
    );
  });
});
