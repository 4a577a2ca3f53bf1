// The one way out to other people's HTTP servers: time limits, a bound on the answer, no redirects, and no private
// addresses. The address is checked where it is connected to: the name is looked up once, and what was checked is what is
// connected to, so that a name which changes its address in between ("DNS rebinding") gains nothing.

import type { LookupAddress } from 'node:dns';
import { lookup as lookupAll } from 'node:dns/promises';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { isPrivateAddress } from './private-address.ts';

export interface EdgeRequest {
  /** `http:` or `https:`. User and password in it are sent as basic authentication. */
  url: URL;
  method?: 'GET' | 'POST';
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** Addresses that are not public may be connected to. */
  allowPrivate: boolean;
  signal: AbortSignal;
  /** The system's resolver when left out. */
  resolve?: Resolve;
}

/** All addresses of a name. */
export type Resolve = (hostname: string) => Promise<LookupAddress[]>;

const bySystem: Resolve = (hostname) => lookupAll(hostname, { all: true });

export interface EdgeAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  /** The answer's first 64 KiB, as text. */
  body: string;
}

const maxAnswerBytes = 64 * 1024;
const connectMs = 10_000;
/** Of the whole call, should the caller's signal allow more. */
const callMs = 30_000;

/** The address is one that may not be connected to. */
export class PrivateAddressError extends Error {
  override name = 'PrivateAddressError';
  constructor(host: string, address: string) {
    super(
      host === address
        ? `${host} is a private address; set allow_private: true on the channel, or ALLOW_PRIVATE_WEBHOOKS=true, if it is meant`
        : `${host} is at the private address ${address}; set allow_private: true on the channel, or ALLOW_PRIVATE_WEBHOOKS=true, if it is meant`,
    );
  }
}

/**
 * Sends one request and reads its answer, whatever its status; a redirect is an answer like any other.
 * @throws {PrivateAddressError} and what the network says: the codes of node:net, node:dns and node:tls, an AbortError.
 */
export function callHttp(call: EdgeRequest): Promise<EdgeAnswer> {
  const { url, allowPrivate, body } = call;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (!allowPrivate && isIP(host) !== 0 && isPrivateAddress(host))
    return Promise.reject(new PrivateAddressError(host, host));
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const limit = AbortSignal.any([call.signal, AbortSignal.timeout(callMs)]);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      {
        method: call.method ?? 'POST',
        headers: {
          'user-agent': 'Log-Detector',
          accept: '*/*',
          ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
          ...call.headers,
        },
        agent: false, // a connection that was kept may have died unseen, and alerts are few
        lookup: lookupWith(call.resolve ?? bySystem, allowPrivate),
        signal: limit,
        timeout: connectMs,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        const answer = () => ({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          body: Buffer.concat(chunks).subarray(0, maxAnswerBytes).toString('utf8'),
        });
        incoming.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          bytes += chunk.length;
          if (bytes < maxAnswerBytes) return;
          resolve(answer());
          outgoing.destroy();
        });
        incoming.on('end', () => resolve(answer()));
        incoming.on('error', reject);
        incoming.on('aborted', () => reject(new Error('the answer broke off')));
      },
    );
    outgoing.on('socket', (socket) => {
      // The time limit is for connecting; the answer has the signal's.
      socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => outgoing.setTimeout(0));
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('connecting took too long')));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Looks a name up and gives those of its addresses that may be connected to. */
function lookupWith(resolve: Resolve, allowPrivate: boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (found) => {
        const ofFamily = found.filter(({ family }) => !options.family || family === options.family);
        const allowed = ofFamily.filter(({ address }) => allowPrivate || !isPrivateAddress(address));
        const [first] = allowed;
        if (!first) callback(new PrivateAddressError(hostname, found[0]?.address ?? hostname), '');
        else if (options.all) callback(null, allowed);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    );
  };
}
