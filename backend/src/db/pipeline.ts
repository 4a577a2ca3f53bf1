// Several statements -> one packet to the server, one answer for all: they share a Sync, so after one that fails the server
// skips the others, a `commit` among them. What would surprise: the columns of a named statement are asked for once and
// remembered for the connection, and `pg` itself knows nothing of these names.

import type { Connection, Submittable } from 'pg';
import type { Fields } from './fields.ts';
import { Packet } from './packet.ts';
import type { PoolClient } from './pool.ts';

/** As the server reads it: text, or bytes for bytea. */
export type Parameter = string | number | boolean | Buffer | null;

export interface Step {
  /** Under which the connection keeps it prepared; left out: prepared for this once. */
  name?: string;
  text: string;
  values?: readonly Parameter[];
  /** In place of `values`: parameters as the server keeps them. */
  rows?: Rows;
  /** The data of a `copy … from stdin (format binary)`. */
  copy?: Rows;
}

/** Rows that write themselves. */
export interface Rows {
  count: number;
  /** Fields of each. */
  columns: number;
  /** Writes the fields of a row, numbered from 0; asked again when the statement is tried again. */
  write: (fields: Fields, row: number) => void;
}

export interface StepResult {
  rows: Record<string, unknown>[];
  /** Rows written, as the server counts them. */
  count: number;
}

/** Steps, and what is made of their results. */
export interface Ask<Answer> {
  steps: readonly Step[];
  read: (results: readonly StepResult[]) => Answer;
}

/**
 * Runs the steps in order, in one round trip. A `commit` or `rollback` should be the last one.
 * @throws what the server says of the first step that fails; those after it were not run.
 */
export function pipeline(client: PoolClient, steps: readonly Step[]): Promise<StepResult[]> {
  return new Promise((resolve, reject) => {
    client.query(
      new Pipeline(client, steps, (error, results) => (error ? reject(error) : resolve(results!))),
    );
  });
}

/** Several asks as one, its answer theirs in order. */
export function together<const Answers extends readonly unknown[]>(
  asks: {
    readonly [K in keyof Answers]: Ask<Answers[K]>;
  },
): Ask<Answers> {
  const all = asks as readonly Ask<unknown>[];
  return {
    steps: all.flatMap(({ steps }) => steps),
    read(results) {
      let from = 0;
      return all.map(({ steps, read }) => {
        const own = results.slice(from, from + steps.length);
        from += steps.length;
        return read(own);
      }) as unknown as Answers;
    },
  };
}

/** Asks all in one round trip. @returns their answers, in order. @throws as `pipeline`. */
export async function askTogether<const Answers extends readonly unknown[]>(
  client: PoolClient,
  asks: { readonly [K in keyof Answers]: Ask<Answers[K]> },
): Promise<Answers> {
  const { steps, read } = together<Answers>(asks);
  return read(await pipeline(client, steps));
}

/** An ask that answers nothing, such as `begin`. */
export function justRun(...steps: readonly Step[]): Ask<void> {
  return { steps, read: () => {} };
}

export const begin: Step = { name: 'begin', text: 'begin' };
export const commit: Step = { name: 'commit', text: 'commit' };
/**
 * Writes a mark to the server's log and nothing else. A commit waits for synchronous standbys only when its transaction wrote
 * something; and what it read may have been committed by a server that died before a standby had it.
 */
export const mark: Step = { name: 'mark', text: `select pg_logical_emit_message(true, 'log-detector', '')` };

interface Column {
  name: string;
  parse: (text: string) => unknown;
}

/** Columns of the named statements that a connection surely has. */
const prepared = new WeakMap<Connection, Map<string, readonly Column[]>>();
const none: readonly Column[] = [];

class Pipeline implements Submittable {
  readonly #client: PoolClient;
  readonly #steps: readonly Step[];
  readonly #results: StepResult[] = [];
  #known = new Map<string, readonly Column[]>();
  #columns: readonly Column[] = none;
  #rows: Record<string, unknown>[] = [];
  #error: Error | undefined;
  /** Replaced by `pg`, which stops its own clock by it. */
  callback: (error: Error | null, results?: StepResult[]) => void;

  constructor(
    client: PoolClient,
    steps: readonly Step[],
    callback: (error: Error | null, results?: StepResult[]) => void,
  ) {
    this.#client = client;
    this.#steps = steps;
    this.callback = callback;
  }

  /** @returns what keeps the packet from being written; `pg` then tells it by `handleError`, and the connection goes on. */
  submit(connection: Connection): Error | undefined {
    const known = prepared.get(connection);
    if (known) this.#known = known;
    else prepared.set(connection, this.#known);
    let packet: Buffer;
    try {
      packet = this.#write();
    } catch (error) {
      return error as Error;
    }
    // As `pg` does: a connection that is gone tells it by an event.
    if (connection.stream.writable) connection.stream.write(packet);
    this.#expectNext();
    return undefined;
  }

  #write(): Buffer {
    const packet = new Packet();
    for (const { name = '', text, values = [], rows, copy } of this.#steps) {
      const isKnown = name !== '' && this.#known.has(name);
      if (!isKnown) {
        // Perhaps it is there: an attempt before failed after this was parsed. To close what is not there is no error.
        if (name !== '') packet.closeStatement(name);
        packet.parse(name, text);
      }
      if (rows) packet.bindRows(name, rows);
      else packet.bind(name, values);
      if (!isKnown) packet.describePortal();
      packet.execute();
      if (copy) packet.copyRows(copy);
    }
    packet.sync();
    return packet.take();
  }

  #expectNext(): void {
    const name = this.#steps[this.#results.length]?.name;
    this.#columns = (name !== undefined && this.#known.get(name)) || none;
    this.#rows = [];
  }

  handleRowDescription({ fields }: { fields: { name: string; dataTypeID: number }[] }): void {
    this.#columns = fields.map(({ name, dataTypeID }) => ({
      name,
      parse: this.#client.getTypeParser(dataTypeID, 'text') as (text: string) => unknown,
    }));
  }

  handleDataRow({ fields }: { fields: (string | null)[] }): void {
    const row: Record<string, unknown> = {};
    const columns = this.#columns;
    for (let i = 0; i < columns.length; i += 1) {
      const text = fields[i]!;
      row[columns[i]!.name] = text === null ? null : columns[i]!.parse(text);
    }
    this.#rows.push(row);
  }

  handleCommandComplete({ text }: { text: string }): void {
    const { name } = this.#steps[this.#results.length]!;
    if (name !== undefined) this.#known.set(name, this.#columns);
    const count = Number(text.slice(text.lastIndexOf(' ') + 1));
    this.#results.push({ rows: this.#rows, count: Number.isNaN(count) ? 0 : count });
    this.#expectNext();
  }

  handleEmptyQuery(): void {
    this.#results.push({ rows: [], count: 0 });
    this.#expectNext();
  }

  // `pg` calls these; nothing is to be done.
  handlePortalSuspended(): void {}
  handleCopyInResponse(): void {}
  handleCopyData(): void {}

  /** Also called by `pg` when the connection breaks or an answer takes too long. */
  handleError(error: Error): void {
    if (this.#error) return;
    this.#error = error;
    this.callback(error);
  }

  handleReadyForQuery(): void {
    if (!this.#error) this.callback(null, this.#results);
  }
}
