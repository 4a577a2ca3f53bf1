// Rows of log_records -> the data of COPY, as the server itself writes them, and back into a table: the limit that ingest is
// held against. As text, which is what COPY takes unless it is told otherwise, and in binary, which costs the server less.

import type { Connection, Submittable } from 'pg';
import type { PoolClient } from '../../backend/src/db/pool.ts';

export type CopyFormat = 'text' | 'binary';

const columns = `id, bucket, host, container, severity, message, log_hash, occurred_at, received_at, is_duplicate,
  duplicate_of_id, issue_id, event_id, stream, image, labels, fields, context_before, context_after, coalesce_id, notify, reason`;
const messageBytes = 64 * 1024;

/** The rows of some hosts, in the order they were stored. */
export function readAsCopied(client: PoolClient, hosts: string, format: CopyFormat): Promise<Copied> {
  return run(
    client,
    `copy (select ${columns} from log_records where host like 'web-${hosts}' order by id) to stdout (format ${format})`,
  );
}

/** In one statement and one transaction. @returns how many rows it stored. */
export async function copyRows(
  client: PoolClient,
  table: string,
  data: Buffer,
  format: CopyFormat,
): Promise<number> {
  const { count } = await run(client, `copy ${table} (${columns}) from stdin (format ${format})`, data);
  return count;
}

/** What a COPY gave, and how many rows it read or wrote. */
export interface Copied {
  data: Buffer;
  count: number;
}

function run(client: PoolClient, text: string, data?: Buffer): Promise<Copied> {
  return new Promise((resolve, reject) => {
    client.query(new Copy(text, data, (error, copied) => (error ? reject(error) : resolve(copied!))));
  });
}

/** A COPY in either direction, as bare messages of the protocol. `pg` calls its handlers. */
class Copy implements Submittable {
  readonly #text: string;
  readonly #data: Buffer | undefined;
  readonly #chunks: Buffer[] = [];
  #count = 0;
  callback: (error: Error | undefined, copied?: Copied) => void;

  constructor(text: string, data: Buffer | undefined, callback: Copy['callback']) {
    this.#text = text;
    this.#data = data;
    this.callback = callback;
  }

  submit({ stream }: Connection): void {
    stream.write(message('Q', Buffer.from(`${this.#text}\0`)));
  }

  handleCopyInResponse({ stream }: Connection): void {
    const data = this.#data!;
    for (let from = 0; from < data.length; from += messageBytes)
      stream.write(message('d', data.subarray(from, from + messageBytes)));
    stream.write(message('c', Buffer.alloc(0)));
  }

  handleCopyData({ chunk }: { chunk: Buffer }): void {
    this.#chunks.push(Buffer.from(chunk));
  }

  handleCommandComplete({ text }: { text: string }): void {
    this.#count = Number(/^COPY (\d+)$/.exec(text)?.[1]);
  }

  /** After it `pg` tells of nothing more. */
  handleError(error: Error): void {
    this.callback(error);
  }

  handleReadyForQuery(): void {
    this.callback(undefined, { data: Buffer.concat(this.#chunks), count: this.#count });
  }
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}
