// A connection string -> whether Log Detector can work there: that somebody answers, and that it is PostgreSQL itself. A
// pooler that lends each statement or transaction another connection would lose locks and LISTEN without a word.

import { StartError } from '@log-detector/settings';
import { createPool } from './pool.ts';

const limitMs = 30_000;

/**
 * @throws {StartError} when its certificate is not trusted, or a connection is not as it was asked for; else what connecting
 * throws, or that it is read-only.
 */
export async function tryOut(connectionString: string, place: string): Promise<void> {
  const pool = createPool({ connectionString, max: 1, statementTimeoutMs: limitMs });
  try {
    const { rows } = await pool.query<{ zone: string; limit: string; standby: boolean; readonly: string }>(
      `select current_setting('timezone') as zone, current_setting('statement_timeout') as "limit",
        pg_is_in_recovery() as standby, current_setting('transaction_read_only') as readonly`,
    );
    const { zone, limit, standby, readonly } = rows[0]!;
    if (zone !== 'UTC' || limit !== `${limitMs / 1000}s`)
      throw dropsSettings(place, `timezone is ${zone}, statement_timeout ${limit}`);
    if (standby) throw readOnly('it is a standby, where nothing can be written until it is promoted');
    if (readonly === 'on')
      throw readOnly(
        'nothing may be written there: default_transaction_read_only is on for it, or for this user',
      );
  } catch (error) {
    const { message, code = '' } = error as { message: string; code?: string };
    // As PgBouncer says it unless it was told to ignore them.
    if (/^unsupported startup parameter/.test(message)) throw dropsSettings(place, message);
    // What Node and OpenSSL call a certificate that nobody vouches for, or that is for another host.
    if (/CERT|UNABLE_TO_VERIFY|ALTNAME/.test(code)) throw distrusts(place, message);
    throw error;
  } finally {
    await pool.end();
  }
}

/** With the SQLSTATE of whoever tries to write there: it may pass. */
function readOnly(why: string): Error {
  return Object.assign(new Error(why), { code: '25006' });
}

function dropsSettings(place: string, what: string): StartError {
  return new StartError(
    `what answers at ${place} does not take the settings of a connection (${what}), as a pooler like PgBouncer does not; write the address of PostgreSQL itself into DATABASE_URL (docs/operations.md#pooler)`,
  );
}

function distrusts(place: string, why: string): StartError {
  return new StartError(
    `the certificate of the database at ${place} is not trusted (${why}); use the host that it is for in DATABASE_URL, and name its CA by sslrootcert=FILE; sslmode=no-verify takes any certificate (docs/operations.md#database-tls)`,
  );
}
