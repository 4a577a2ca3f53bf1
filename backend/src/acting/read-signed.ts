// A link's token -> the link, with the key that signs the links of its page, or the page that says what is wrong with it.

import { verifyingKeys } from '../alerting/links/keys.ts';
import { type LinkKey, readLink, type SignedLink } from '../alerting/links/token.ts';
import { faultPage } from './fault-pages.ts';
import type { ActingParts } from './routes.ts';

export interface Answer {
  status: number;
  html: string;
}

export interface Signed {
  link: SignedLink;
  key: LinkKey;
  now: number;
}

export async function readSigned(parts: ActingParts, token: string): Promise<Signed | Answer> {
  const { pool, linkSecrets } = parts;
  const now = parts.now?.() ?? Date.now();
  const keys = await verifyingKeys(pool, linkSecrets, now);
  const link = readLink(token, keys, now);
  return typeof link === 'string' ? faultPage(link) : { link, key: keys[0]!, now };
}
