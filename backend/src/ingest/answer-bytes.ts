// The results of a request -> the bytes of its answer. What a record shares with the one before it (its source, and the fields
// that most records do not have) is there already, and is written once more as bytes.

import type { BatchResult, LogRecord } from '@log-detector/contract';
import { ByteRun } from '../byte-run.ts';

const comma = 0x2c;

/** As JSON. */
export function recordBytes(record: LogRecord): Buffer {
  const out = new ByteRun();
  new Records(out).write(record);
  return out.take();
}

/** `{"items":[…]}` */
export function answerBytes(results: readonly BatchResult[]): Buffer {
  const out = new ByteRun();
  const records = new Records(out);
  out.utf8('{"items":[');
  for (let i = 0; i < results.length; i += 1) {
    if (i > 0) out.byte(comma);
    const result = results[i]!;
    if ('message' in result) records.write(result);
    else out.utf8(JSON.stringify(result));
  }
  out.utf8(']}');
  return out.take();
}

/** Writes records as JSON.stringify does. */
class Records {
  readonly #out: ByteRun;
  #before: LogRecord | undefined;
  /** Of the record before, where its source and its last fields lie. */
  #source = { from: 0, to: 0 };
  #last = { from: 0, to: 0 };

  constructor(out: ByteRun) {
    this.#out = out;
  }

  write(record: LogRecord): void {
    const out = this.#out;
    const before = this.#before;
    this.#field('{"id":', record.id);
    if (before && isSameSource(record, before)) out.again(this.#source.from, this.#source.to);
    else {
      this.#source.from = out.length;
      this.#field(',"host":', record.host);
      this.#field(',"container":', record.container);
      this.#field(',"severity":', record.severity);
      this.#source.to = out.length;
    }
    this.#field(',"message":', record.message);
    this.#field(',"log_hash":', record.log_hash);
    this.#field(',"occurred_at":', record.occurred_at);
    this.#field(',"received_at":', record.received_at);
    out.utf8(record.is_duplicate ? ',"is_duplicate":true' : ',"is_duplicate":false');
    this.#field(',"duplicate_of_id":', record.duplicate_of_id);
    this.#field(',"issue_id":', record.issue_id);
    this.#field(',"event_id":', record.event_id);
    if (before && isSameInTheEnd(record, before)) out.again(this.#last.from, this.#last.to);
    else {
      this.#last.from = out.length;
      this.#field(',"stream":', record.stream);
      this.#field(',"image":', record.image);
      this.#json(',"labels":', record.labels);
      this.#json(',"fields":', record.fields);
      this.#json(',"context_before":', record.context_before);
      this.#json(',"context_after":', record.context_after);
      this.#field(',"coalesce_id":', record.coalesce_id);
      out.utf8('}');
      this.#last.to = out.length;
    }
    this.#before = record;
  }

  #field(name: string, text: string | null): void {
    this.#out.utf8(name);
    if (text === null) this.#out.utf8('null');
    else this.#out.jsonString(text);
  }

  #json(name: string, value: unknown): void {
    this.#out.utf8(name);
    this.#out.utf8(value === null ? 'null' : JSON.stringify(value));
  }
}

function isSameSource(a: LogRecord, b: LogRecord): boolean {
  return a.host === b.host && a.container === b.container && a.severity === b.severity;
}

/** What is no text is each record's own, so it is the same only where there is none. */
function isSameInTheEnd(a: LogRecord, b: LogRecord): boolean {
  return (
    a.stream === b.stream &&
    a.image === b.image &&
    a.labels === b.labels &&
    a.fields === b.fields &&
    a.context_before === b.context_before &&
    a.context_after === b.context_after &&
    a.coalesce_id === b.coalesce_id
  );
}
