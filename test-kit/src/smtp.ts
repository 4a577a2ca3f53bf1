// A real SMTP server on a free port that keeps what it receives, parsed, and misbehaves on request. What it was told to
// do applies to the next `times` mails (or connections), then it accepts again.

import type { AddressInfo } from 'node:net';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

/** One mail as the server took it in. */
export interface ReceivedMail {
  from: string;
  /** Envelope recipients. */
  to: string[];
  raw: string;
  parsed: ParsedMail;
  receivedAt: Date;
}

/**
 * What the server does instead of accepting.
 * `refuse`: answers `code` at that step. `hang`: never answers. `drop`: closes the connection. At `data` the message has
 * arrived; with `keep` it counts as received all the same, as with a server whose answer got lost. `delay` keeps the
 * mail at once and answers only after `ms`.
 */
export type SmtpBehaviour =
  | { do: 'refuse'; at: 'connect' | 'mail' | 'rcpt' | 'data'; code: number; message?: string }
  | { do: 'hang' | 'drop'; at: 'connect' | 'data'; keep?: boolean }
  | { do: 'delay'; ms: number };

export interface SmtpTestServer {
  /** `smtp://127.0.0.1:<port>`, for `SMTP_URL`. */
  url: string;
  port: number;
  /** In the order of arrival. */
  mails: ReceivedMail[];
  /** How often it did as `behave` said. */
  readonly misbehaved: number;
  /** Misbehaves for the next `times` mails (default: until `behave(undefined)`). */
  behave(behaviour: SmtpBehaviour | undefined, times?: number): void;
  /** Resolves once `count` mails are there; rejects after `timeoutMs` (default a minute) saying how many came. */
  waitForMails(count: number, timeoutMs?: number): Promise<ReceivedMail[]>;
  clear(): void;
  close(): Promise<void>;
}

interface Answer extends Error {
  responseCode: number;
}

function answer(code: number, message = 'refused by the test'): Answer {
  return Object.assign(new Error(message), { responseCode: code });
}

/**
 * Starts one. With `auth`, a user name and password are asked for. `port` 0 (the default) takes a free one; name a port
 * to let a server come back where it was.
 */
export async function startSmtpServer(
  options: { port?: number; auth?: { user: string; pass: string } } = {},
): Promise<SmtpTestServer> {
  const mails: ReceivedMail[] = [];
  const arrivals = new Set<() => void>();
  const timers = new Set<NodeJS.Timeout>();
  let behaviour: SmtpBehaviour | undefined;
  let timesLeft = 0;
  let misbehaved = 0;

  /** The behaviour for this step, used up by one. */
  const misbehaveAt = (at: string): SmtpBehaviour | undefined => {
    if (!behaviour || (behaviour.do === 'delay' ? 'data' : behaviour.at) !== at) return undefined;
    const current = behaviour;
    timesLeft -= 1;
    misbehaved += 1;
    if (timesLeft <= 0) behaviour = undefined;
    return current;
  };

  const server = new SMTPServer({
    // Its built-in certificate is self-signed: a client that verifies would rightly refuse to upgrade.
    disabledCommands: options.auth ? ['STARTTLS'] : ['STARTTLS', 'AUTH'],
    authOptional: !options.auth,
    disableReverseLookup: true,
    logger: false,
    closeTimeout: 200,
    onAuth(auth, _session, done) {
      const right = auth.username === options.auth?.user && auth.password === options.auth?.pass;
      done(right ? null : answer(535, 'authentication failed'), right ? { user: auth.username } : undefined);
    },
    onConnect(session, done) {
      const now = misbehaveAt('connect');
      if (now?.do === 'refuse') done(answer(now.code, now.message));
      else if (now?.do === 'drop') dropConnection(session.id);
      else if (now?.do !== 'hang') done();
    },
    onMailFrom(_address, _session, done) {
      const now = misbehaveAt('mail');
      done(now?.do === 'refuse' ? answer(now.code, now.message) : null);
    },
    onRcptTo(_address, _session, done) {
      const now = misbehaveAt('rcpt');
      done(now?.do === 'refuse' ? answer(now.code, now.message) : null);
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', async () => {
        const now = misbehaveAt('data');
        const kept = !now || now.do === 'delay' || (now.do !== 'refuse' && now.keep === true);
        if (kept) {
          const raw = Buffer.concat(chunks);
          mails.push({
            from: session.envelope.mailFrom ? session.envelope.mailFrom.address : '',
            to: session.envelope.rcptTo.map((recipient) => recipient.address),
            raw: raw.toString('utf8'),
            parsed: await simpleParser(raw),
            receivedAt: new Date(),
          });
          for (const arrived of [...arrivals]) arrived();
        }
        if (!now) done(null, 'OK: kept');
        else if (now.do === 'refuse') done(answer(now.code, now.message));
        else if (now.do === 'delay') timers.add(setTimeout(() => done(null, 'OK: kept'), now.ms));
        else if (now.do === 'drop') dropConnection(session.id);
      });
    },
  });
  // A client that goes away in mid-conversation is what these tests are about.
  server.on('error', () => {});

  function dropConnection(id: string): void {
    for (const connection of server.connections as Set<{ id: string; _socket: { destroy(): void } }>) {
      if (connection.id === id) connection._socket.destroy();
    }
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', () => resolve());
  });
  const { port } = server.server.address() as AddressInfo;

  return {
    url: `smtp://${options.auth ? `${options.auth.user}:${encodeURIComponent(options.auth.pass)}@` : ''}127.0.0.1:${port}`,
    port,
    mails,
    get misbehaved() {
      return misbehaved;
    },
    behave(next, times = Number.POSITIVE_INFINITY) {
      behaviour = next;
      timesLeft = times;
    },
    waitForMails(count, timeoutMs = 60_000) {
      return new Promise((resolve, reject) => {
        const arrived = () => {
          if (mails.length < count) return;
          clearTimeout(timer);
          arrivals.delete(arrived);
          resolve(mails);
        };
        const timer = setTimeout(() => {
          arrivals.delete(arrived);
          reject(new Error(`waited ${timeoutMs} ms for ${count} mails; ${mails.length} came`));
        }, timeoutMs);
        arrivals.add(arrived);
        arrived();
      });
    },
    clear() {
      mails.length = 0;
    },
    close() {
      for (const timer of timers) clearTimeout(timer);
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
