// Certificates of SNS, fetched once and kept for a day. That there is none is kept for a minute, so that forged messages do
// not make us ask for each.

import { callHttp } from '../channels/http-edge.ts';
import { ForgedError, type ReadCertificate } from './sns-message.ts';

/** Fetches an https address. @returns its body. */
export type FetchText = (url: URL, signal: AbortSignal) => Promise<{ status: number; body: string }>;

const keptMs = 24 * 3_600_000;
const missingMs = 60_000;
const maxKept = 20;
const fetchMs = 10_000;

const fetchPublic: FetchText = (url, signal) => callHttp({ url, method: 'GET', allowPrivate: false, signal });

export function certificates(
  fetchText: FetchText = fetchPublic,
  now: () => number = Date.now,
): ReadCertificate {
  const kept = new Map<string, { pem: string | undefined; until: number }>();
  return async (url) => {
    const known = kept.get(url.href);
    if (known && now() < known.until) {
      if (known.pem === undefined) throw new ForgedError('there is no certificate at its SigningCertURL');
      return known.pem;
    }
    const { status, body } = await fetchText(url, AbortSignal.timeout(fetchMs));
    if (status >= 500) throw new Error(`${url.host} answered ${status} for the certificate of SNS`);
    const pem = status === 200 ? body : undefined;
    if (kept.size >= maxKept) kept.delete(kept.keys().next().value!);
    kept.set(url.href, { pem, until: now() + (pem === undefined ? missingMs : keptMs) });
    if (pem === undefined) throw new ForgedError('there is no certificate at its SigningCertURL');
    return pem;
  };
}
