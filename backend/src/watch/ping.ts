// DEAD_MANS_PING_URL: fetched each minute while everything is fresh, as healthchecks.io and its like want it. When it stays
// out, they tell; so the backend's own death is told too. Addresses follow the rules of webhooks.

import { callHttp } from '../channels/http-edge.ts';

/** @returns a function that fetches it once. It throws when there is no good answer, without the URL, which is a secret. */
export function deadMansPing(url: string, allowPrivate: boolean): (signal: AbortSignal) => Promise<void> {
  return async (signal) => {
    const { status } = await callHttp({ url: new URL(url), method: 'GET', allowPrivate, signal });
    if (status < 200 || status > 299) throw new Error(`${new URL(url).host} answered ${status}`);
  };
}
