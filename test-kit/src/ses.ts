// A real SES v2 endpoint on a free port (aws-ses-v2-local), and what it was given. Its store is one per process, so
// each server answers only for the mails that came after its own start.

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import startLocalSes from 'aws-ses-v2-local';

/** One mail as SES was asked to send it. */
export interface SesMail {
  messageId: string;
  from: string;
  destination: { to: string[]; cc: string[]; bcc: string[] };
  subject: string;
  body: { text?: string; html?: string };
  headers?: { name: string; value: string }[];
  /** Seconds since the epoch. */
  at: number;
}

export interface SesTestServer {
  /** For `AWS_ENDPOINT_URL_SESV2`. */
  url: string;
  /** What a program needs in its environment to send here. */
  env: Record<string, string>;
  /** In the order of arrival. */
  mails(): Promise<SesMail[]>;
  /** Resolves once `count` mails are there; rejects after `timeoutMs` (default a minute) saying how many came. */
  waitForMails(count: number, timeoutMs?: number): Promise<SesMail[]>;
  close(): Promise<void>;
}

/** Starts one on `port`, or on a free port. */
export async function startSesServer(options: { port?: number } = {}): Promise<SesTestServer> {
  // CommonJS behind an ES import: under a bundler the default export may be one level down.
  const start = ((startLocalSes as unknown as { default?: typeof startLocalSes }).default ??
    startLocalSes) as (config: { host: string; port: number }) => Promise<Server>;
  const server = await start({ host: '127.0.0.1', port: options.port ?? 0 });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const store = async (): Promise<SesMail[]> => {
    const response = await fetch(`${url}/store`, { signal: AbortSignal.timeout(5000) });
    return ((await response.json()) as { emails: SesMail[] }).emails;
  };
  const before = (await store()).length;
  const mails = async () => (await store()).slice(before);

  return {
    url,
    env: {
      AWS_ENDPOINT_URL_SESV2: url,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    },
    mails,
    async waitForMails(count, timeoutMs = 60_000) {
      const until = Date.now() + timeoutMs;
      for (;;) {
        const arrived = await mails();
        if (arrived.length >= count) return arrived;
        if (Date.now() > until)
          throw new Error(`waited ${timeoutMs} ms for ${count} mails; ${arrived.length} came`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
