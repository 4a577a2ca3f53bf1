// The one key of API_KEY -> who may pass. Users and scoped keys come in here: a guard is told the scope of the route.

import { createHash, timingSafeEqual } from 'node:crypto';
import { HttpError } from '../http/errors.ts';
import type { Guard } from '../http/http.ts';

/** @returns a guard that asks for `apiKey` (X-API-Key, or Authorization: Bearer); undefined: it lets all pass. */
export function apiKeyGuard(apiKey: string | undefined): Guard {
  if (apiKey === undefined) return () => {};
  const expected = digest(apiKey);
  const isRight = (given: string) => timingSafeEqual(digest(given), expected);
  return ({ headers }) => {
    const bearer = /^bearer +(\S.*)$/i.exec(headers.authorization ?? '')?.[1];
    const given = headers['x-api-key'] ?? bearer?.trim();
    // Digests have one length, so that comparing tells nothing of the key, its length included.
    if (typeof given === 'string' && (isRight(given) || isRight(fromUtf8(given)))) return;
    throw new HttpError(
      401,
      given === undefined
        ? 'An API key is needed; send it as X-API-Key, or as Authorization: Bearer'
        : 'This API key is not the right one',
      { 'www-authenticate': 'Bearer' },
    );
  };
}

/** Node reads headers as Latin-1, as it writes them; curl and others write `ü` as UTF-8. */
function fromUtf8(text: string): string {
  return Buffer.from(text, 'latin1').toString();
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
