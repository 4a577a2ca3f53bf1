// A signed link's token: what it is for, which issue, who was sent it and until when, under an HMAC-SHA256 that is cut to
// 128 bits. It says all of that itself, so that no row has to be kept for a link that nobody presses.
//
//   1 byte format and purpose | 1 key's number | 4 expiry, seconds | 6 nonce | 16 issue | recipient, UTF-8 | 16 signature

import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Purpose, purposeNumbers, purposeOfNumber } from './purposes.ts';

export interface LinkKey {
  /** 0 to 255: says which key signed a link. */
  number: number;
  secret: Buffer;
}

export interface Link {
  purpose: Purpose;
  /** Undefined: it is not about an issue. With `remove-rule` it is the rule's id, with `record` the record's. */
  issueId?: string | undefined;
  /** An address, or a channel's name. */
  recipient: string;
  /** Ms since the epoch; kept to the second. */
  expiresAt: number;
}

/** A link that was read; its signature tells it from every other one. */
export interface SignedLink extends Link {
  signature: Buffer;
}

export type LinkFault = 'forged' | 'expired';

const format = 1;
const nonceBytes = 6;
const headBytes = 28;
const macBytes = 16;
/** The longest address has 254 characters, a channel's name 255 bytes at most. */
const maxRecipientBytes = 1024;
const noIssue = '00000000-0000-0000-0000-000000000000';
/** Apart from every other use that a key may be put to. */
const context = Buffer.from('log-detector link\0');

/** @param nonce six bytes that make it another link than one for the same purpose, made in the same second. */
export function signLink(link: Link, key: LinkKey, nonce: Buffer): string {
  const head = Buffer.alloc(headBytes);
  head.writeUInt8((format << 4) | purposeNumbers[link.purpose], 0);
  head.writeUInt8(key.number, 1);
  head.writeUInt32BE(Math.floor(link.expiresAt / 1000), 2);
  nonce.copy(head, 6, 0, nonceBytes);
  Buffer.from((link.issueId ?? noIssue).replaceAll('-', ''), 'hex').copy(head, 12);
  const signed = Buffer.concat([head, Buffer.from(link.recipient)]);
  return Buffer.concat([signed, macOf(signed, key)]).toString('base64url');
}

/**
 * @param keys those that may have signed it. @param now ms since the epoch.
 * @returns the link, or why it is none. An expired one was signed by us; of a forged one nothing is known.
 */
export function readLink(token: string, keys: readonly LinkKey[], now: number): SignedLink | LinkFault {
  const bytes = Buffer.from(token, 'base64url');
  if (bytes.length < headBytes + macBytes + 1 || bytes.length > headBytes + macBytes + maxRecipientBytes)
    return 'forged';
  // One spelling for each link: Node reads over what is no base64url.
  if (bytes.toString('base64url') !== token) return 'forged';
  const signed = bytes.subarray(0, -macBytes);
  const signature = bytes.subarray(-macBytes);
  const isSigned = keys.some(
    (key) => key.number === signed[1] && timingSafeEqual(macOf(signed, key), signature),
  );
  const purpose = purposeOfNumber.get(signed[0]! & 15);
  if (!isSigned || signed[0]! >> 4 !== format || !purpose) return 'forged';
  const expiresAt = signed.readUInt32BE(2) * 1000;
  if (now >= expiresAt) return 'expired';
  const issueId = uuidOf(signed.subarray(12, headBytes));
  return {
    purpose,
    issueId: issueId === noIssue ? undefined : issueId,
    recipient: signed.subarray(headBytes).toString(),
    expiresAt,
    signature: Buffer.from(signature),
  };
}

function macOf(signed: Buffer, { secret }: LinkKey): Buffer {
  return createHmac('sha256', secret).update(context).update(signed).digest().subarray(0, macBytes);
}

function uuidOf(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
