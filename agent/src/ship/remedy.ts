// A try that failed -> what the log says of it: which address, what went wrong, and what to do.

import { outOfFiles } from '../out-of-files.ts';
import type { Verdict } from './judge.ts';
import { codeOf, reasonOf } from './log.ts';

/** What was sent is kept, and sent again. */
export type Failure = Extract<Verdict, { is: 'unauthorised' | 'misdirected' | 'later' }>;

export function isFailure(verdict: Verdict): verdict is Failure {
  return ['unauthorised', 'misdirected', 'later'].includes(verdict.is);
}

export const finalAddress = 'set BACKEND_URL to the final address, ending in /api/logs';

/** An error lasts until a person acts; a warning may pass by itself. */
export function complaintOf(failure: Failure, url: string | URL): { level: 'warn' | 'error'; text: string } {
  const address = addressOf(url);
  const { reason } = failure;
  switch (failure.is) {
    case 'unauthorised':
      return {
        level: 'error',
        text: `${address} does not accept the API key (${reason}); set BACKEND_API_KEY to a key that it knows; everything is kept meanwhile`,
      };
    case 'misdirected':
      return {
        level: 'error',
        text: `${address} is not where records go (${reason}); ${finalAddress}; everything is kept meanwhile`,
      };
    case 'later': {
      const remedy = failure.remedy ? ` ${failure.remedy};` : '';
      return {
        level: 'warn',
        text: `${address} cannot be reached or takes nothing now (${reason});${remedy} everything is kept, retrying for ever`,
      };
    }
  }
}

/** No answer came. */
export function unreachable(error: unknown): Failure {
  return { is: 'later', reason: firstLine(reasonOf(error)), remedy: remedyOf(codeOf(error) ?? '') };
}

function remedyOf(code: string): string | undefined {
  if (code === 'EMFILE' || code === 'ENFILE') return outOfFiles;
  if (code === 'ENOTFOUND' || code.startsWith('EAI_'))
    return 'no such host is known here; check the host in BACKEND_URL, and DNS';
  if (code === 'ECONNREFUSED')
    return 'nobody listens there; start the backend, or check host and port in BACKEND_URL (in a container, localhost is the container itself)';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return 'its certificate is for another name; check the host in BACKEND_URL';
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return "renew the backend's certificate, or check the clock";
  if (/CERT|LEAF_SIGNATURE/.test(code))
    return 'its certificate is signed by nobody who is trusted here; name the file of its CA in NODE_EXTRA_CA_CERTS';
  if (code === 'EPROTO' || code.startsWith('ERR_SSL'))
    return 'check whether BACKEND_URL is to begin with http:';
  if (code === 'ECONNRESET' || code.startsWith('HPE_'))
    return 'check the port in BACKEND_URL, and whether it is to begin with https:';
  if (['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'].includes(code))
    return 'check host and port in BACKEND_URL, and whether a firewall is in between';
  return undefined;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.slice(0, 500);
}

/** Without credentials or query, which may hold a secret. */
export function addressOf(url: string | URL): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}
