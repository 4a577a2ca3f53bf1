// Where V8 puts what a request makes: among its new objects, which are cleared for the price of the few that live.

import { setFlagsFromString } from 'node:v8';

/**
 * Objects made in places of which most once outlived a collection are no longer put among the old ones at once. V8 judges a
 * place by the requests that waited for the database just then, and all that later ones make there would stay until the next
 * full collection, with what it points to: docs/performance.md. Call it before there is work; it holds for the process.
 */
export function keepNewObjectsYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}
