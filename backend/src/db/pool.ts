// Connections to PostgreSQL. What would surprise: instants come back as ISO 8601 text with microseconds and `Z`, never as
// Date (which would cut them to milliseconds), and bigint as number (our counts stay far below 2^53).

import pg from 'pg';

export type Pool = pg.Pool;
export type PoolClient = pg.PoolClient;

export interface PoolOptions {
  connectionString: string;
  /** Most connections. */
  max?: number;
  /** The server ends a statement that takes longer, with SQLSTATE 57014. 0: no limit. */
  statementTimeoutMs?: number;
  applicationName?: string;
  /** Told of connections that broke while idle; the pool makes new ones by itself. */
  onIdleError?: (error: Error) => void;
}

const oid = { bigint: 20, numeric: 1700, timestamptz: 1184 } as const;

/** `2026-11-22 10:00:00.12+00`, as the server writes it in UTC -> `2026-11-22T10:00:00.120000Z`. */
export function isoFromServer(text: string): string {
  // infinity, BC and years past 9999 cannot come from the API; they are shown as the server writes them.
  if (text.charCodeAt(10) !== 32 || !text.endsWith('+00')) return text;
  const fraction = text.length > 22 ? text.slice(20, -3) : '';
  return `${text.slice(0, 10)}T${text.slice(11, 19)}.${fraction.padEnd(6, '0')}Z`;
}

const parsers: Record<number, (text: string) => unknown> = {
  [oid.bigint]: Number,
  [oid.numeric]: Number,
  [oid.timestamptz]: isoFromServer,
};

const types: pg.CustomTypesConfig = {
  getTypeParser: ((id: number, format?: 'text' | 'binary') =>
    (format !== 'binary' && parsers[id]) ||
    pg.types.getTypeParser(id, format)) as typeof pg.types.getTypeParser,
};

const connectErrors = new WeakSet<object>();

/** Whether a pool gave no connection: whatever the reason, nothing was asked of the database. */
export function isConnectError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && connectErrors.has(error);
}

type Connected = Parameters<Parameters<typeof pg.Pool.prototype.connect>[0]>;

/** Notes its errors for `isConnectError`: a refused login, a certificate or a pool that was ended have no code in common. */
class NotingPool extends pg.Pool {
  override connect(): Promise<PoolClient>;
  override connect(done: (...connected: Connected) => void): void;
  override connect(done?: (...connected: Connected) => void): unknown {
    // `query` comes with a callback.
    if (!done)
      return super.connect().catch((error: Error) => {
        connectErrors.add(error);
        throw error;
      });
    return super.connect((error, ...connection) => {
      if (error) connectErrors.add(error);
      done(error, ...connection);
    });
  }
}

/**
 * What the role or the database may set otherwise, and our statements and what we read count on: above all that a transaction
 * sees what others committed since it began, and waits for those under way as long as a statement may take.
 */
const sameRules =
  '-c timezone=UTC -c datestyle=ISO -c default_transaction_isolation=read\\ committed -c lock_timeout=0 -c standard_conforming_strings=on';

/** A pool of connections in UTC. Nothing connects until the first query. */
export function createPool(options: PoolOptions): Pool {
  const statementTimeoutMs = options.statementTimeoutMs ?? 30_000;
  const ours = `${sameRules} -c statement_timeout=${statementTimeoutMs}`;
  const { url, theirs } = takeOptions(options.connectionString);
  const pool = new NotingPool({
    connectionString: url,
    max: options.max ?? 10,
    application_name: options.applicationName ?? 'log-detector',
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    // A server that hangs, or a network that swallows the answer, must not hang us.
    query_timeout: statementTimeoutMs > 0 ? statementTimeoutMs + 5_000 : undefined,
    // Of what is set twice, the server takes the last.
    options: [...theirs, ours].join(' '),
    types,
  });
  pool.on('error', (error) => options.onIdleError?.(error));
  // A connection that breaks in the very packet that made it ready has nobody to hear of it yet, which would end the
  // process. Whoever gets it finds that it answers no query.
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/** A URL, and the `options` that it had: `pg` would take them in place of all that we ask for. */
function takeOptions(connectionString: string): { url: string; theirs: string[] } {
  const [place, query] = connectionString.split(/\?(.*)/s, 2);
  const parameters = new URLSearchParams(query);
  const theirs = parameters.getAll('options');
  if (theirs.length === 0) return { url: connectionString, theirs };
  parameters.delete('options');
  return { url: `${place}?${parameters}`, theirs };
}

/**
 * Runs `work` inside one transaction and gives its result after the commit. On an error the transaction is rolled back,
 * and a connection that cannot even do that is thrown away.
 */
export function inTransaction<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  return onConnection(pool, async (client) => {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  });
}

const deadlock = '40P01';
const maxAttempts = 5;

/**
 * As `inTransaction`, and again when PostgreSQL chose it to end a deadlock: a person would be told to try again. For work that
 * leaves nothing behind but what is rolled back.
 */
export async function inTransactionDespiteDeadlocks<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await inTransaction(pool, work);
    } catch (error) {
      if ((error as { code?: string }).code !== deadlock || attempt === maxAttempts) throw error;
    }
  }
}

/**
 * The server is a standby, or became one: a new connection to the same address may find the one that took over. `pg` itself
 * throws away each connection whose `pool.query` failed.
 */
function isReadOnly(error: unknown): boolean {
  return (error as { code?: string }).code === '25006';
}

/** Runs `work`, which begins and commits by itself, on one connection. On an error it is rolled back as in `inTransaction`. */
export async function onConnection<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  let broken: Error | undefined;
  const noteBroken = (error: Error) => {
    broken = error;
  };
  client.on('error', noteBroken);
  try {
    return await work(client);
  } catch (error) {
    await client.query('rollback').catch(noteBroken);
    if (isReadOnly(error)) noteBroken(error as Error);
    throw error;
  } finally {
    client.off('error', noteBroken);
    client.release(broken);
  }
}
