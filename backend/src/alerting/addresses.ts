// A list of addresses as people type it -> those that mail can be sent to, and those that it cannot. Stricter than the RFCs
// on purpose: an address goes into mail headers and SMTP commands, and quoted local parts are only ever attacks there.

import { domainToASCII } from 'node:url';

export interface CheckedAddresses {
  /** Lower-case, each once, in the order given; a domain with other letters in its ASCII form (`xn--…`). */
  valid: string[];
  /** As they were given, trimmed and lower-cased. */
  invalid: string[];
}

/** RFC 5321: 64 before the `@`, 254 for the whole. */
const maxLocalChars = 64;
const maxAddressChars = 254;
const localPart = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
/** What may be typed; domainToASCII reads a URL's host, and would take `%2e` for a dot. */
const domainLetters = /^[\p{L}\p{M}\p{N}.-]+$/u;
const domainLabel = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** Letters, or an internationalised one: what ends in digits is an IP address. */
const topLevel = /^([a-z]{2,63}|xn--[a-z0-9-]+)$/;
/** Set aside never to exist (RFC 6761). */
const neverReal = new Set(['invalid', 'localhost']);

/** Splits at commas. Spaces and tabs around an address are trimmed; a line break is not: it is what header injection needs. */
export function checkAddresses(list: string): CheckedAddresses {
  const valid = new Set<string>();
  const invalid = new Set<string>();
  for (const part of list.split(',')) {
    const address = part.replace(/^[ \t]+|[ \t]+$/g, '').toLowerCase();
    if (address === '') continue;
    const checked = checkAddress(address);
    if (checked === undefined) invalid.add(address);
    else valid.add(checked);
  }
  return { valid: [...valid], invalid: [...invalid] };
}

/** The address to store, or undefined when mail could never reach it. */
function checkAddress(address: string): string | undefined {
  const at = address.lastIndexOf('@');
  if (at < 1 || address.length > maxAddressChars || at > maxLocalChars) return undefined;
  const local = address.slice(0, at);
  const givenDomain = address.slice(at + 1);
  if (!localPart.test(local) || !domainLetters.test(givenDomain)) return undefined;
  const domain = domainToASCII(givenDomain);
  const labels = domain.split('.');
  const isReal =
    labels.length >= 2 &&
    labels.every((label) => domainLabel.test(label)) &&
    topLevel.test(labels.at(-1)!) &&
    !neverReal.has(labels.at(-1)!);
  const checked = `${local}@${domain}`;
  return isReal && checked.length <= maxAddressChars ? checked : undefined;
}
