// A refusal that lasts until a person acts -> what the log says of it: which address, what it answered, and what to do.

import type { Verdict } from './judge.ts';

/** Undefined: it passes by itself, or nothing that a person sets is wrong. */
export function remedyOf(verdict: Verdict, url: string | URL): string | undefined {
  if (verdict.is === 'unauthorised')
    return `${addressOf(url)} does not accept the API key (${verdict.reason}); set BACKEND_API_KEY to a key that it knows; everything is kept meanwhile`;
  if (verdict.is === 'misdirected')
    return `${addressOf(url)} is not where records go (${verdict.reason}); set BACKEND_URL to the final address, ending in /api/logs; everything is kept meanwhile`;
  return undefined;
}

/** Without credentials or query, which may hold a secret. */
export function addressOf(url: string | URL): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}
