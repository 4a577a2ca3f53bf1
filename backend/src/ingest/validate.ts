// A JSON value as sent -> an IncomingRecord, or what is wrong with it, worded as the contract's errors are. Written by
// hand, not compiled from the schema, because it also cleans, hashes and reads times in the same pass; the contract test
// holds it to the schema.

import { hash } from 'node:crypto';
import { limits } from '@log-detector/contract';
import type { Misfit } from '../http/errors.ts';
import { cleanJson, cleanText, maxDepth } from './clean.ts';
import { instantOfUnixTime, parseInstant } from './instant.ts';
import { serviceOf } from './service-of.ts';
import type { IncomingRecord } from './types.ts';

export type Validated = { record: IncomingRecord } | { misfits: Misfit[] };

const uuid = /^[\da-fA-F]{8}-[\da-fA-F]{4}-[\da-fA-F]{4}-[\da-fA-F]{4}-[\da-fA-F]{12}$/;
const imageChars = 1000;
const coalesceIdChars = 255;
/** Of `fields` or `labels` as JSON, or of all lines on one side of the message. */
const jsonChars = 256 * 1024;

/** @param loc where the value stands: `['body']`, or `['body', 3]` in a batch. */
export function validate(value: unknown, loc: (string | number)[]): Validated {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const msg = 'Input should be a valid dictionary or object to extract fields from';
    return { misfits: [{ loc, msg, type: 'model_attributes_type' }] };
  }
  const reader = new FieldReader(value as Record<string, unknown>, loc);
  const host = reader.requiredText('host', limits.hostChars);
  const container = reader.requiredText('container', limits.containerChars);
  const sentMessage = reader.requiredText('message', Number.POSITIVE_INFINITY, false);
  if (sentMessage.length > limits.messageBytes / 3 && Buffer.byteLength(sentMessage) > limits.messageBytes)
    reader.misfit('message', `Message should have at most ${limits.messageBytes} bytes`, 'string_too_long');
  const labels = reader.labels();
  const image = reader.optionalText('image', imageChars);
  const record: IncomingRecord = {
    host,
    container,
    service: serviceOf(container, labels, image),
    severity: reader.severity(),
    message: cleanText(sentMessage),
    logHash: hash('sha256', sentMessage, 'hex'),
    occurredAt: reader.instant('occurred_at'),
    eventId: reader.uuid('event_id'),
    stream: reader.stream(),
    image,
    labels,
    fields: reader.fields(),
    contextBefore: reader.lines('context_before'),
    contextAfter: reader.lines('context_after'),
    coalesceId: reader.optionalText('coalesce_id', coalesceIdChars),
  };
  return reader.misfits.length > 0 ? { misfits: reader.misfits } : { record };
}

/** Reads one value's fields, noting what does not fit. */
class FieldReader {
  readonly misfits: Misfit[] = [];
  readonly #value: Record<string, unknown>;
  readonly #loc: (string | number)[];

  constructor(value: Record<string, unknown>, loc: (string | number)[]) {
    this.#value = value;
    this.#loc = loc;
  }

  misfit(name: string, msg: string, type: string): null {
    this.misfits.push({ loc: [...this.#loc, name], msg, type });
    return null;
  }

  /** Own properties alone: a record has no fields that Object.prototype lends it. */
  #get(name: string): unknown {
    const value = this.#value[name];
    return value !== undefined && Object.hasOwn(this.#value, name) ? value : undefined;
  }

  requiredText(name: string, maxChars: number, clean = true): string {
    const value = this.#get(name);
    if (value === undefined) this.misfit(name, 'Field required', 'missing');
    else if (typeof value !== 'string') this.misfit(name, 'Input should be a valid string', 'string_type');
    else return this.#bounded(name, clean ? cleanText(value) : value, maxChars) ?? '';
    return '';
  }

  optionalText(name: string, maxChars: number): string | null {
    const value = this.#get(name);
    if (value === undefined || value === null) return null;
    if (typeof value !== 'string') return this.misfit(name, 'Input should be a valid string', 'string_type');
    return this.#bounded(name, cleanText(value), maxChars);
  }

  /** Characters are code points, as PostgreSQL and Python count them. */
  #bounded(name: string, text: string, maxChars: number): string | null {
    if (text.length <= maxChars || (text.length <= 2 * maxChars && [...text].length <= maxChars)) return text;
    return this.misfit(name, `String should have at most ${maxChars} characters`, 'string_too_long');
  }

  severity(): string {
    const value = this.#get('severity');
    if (value === undefined) return 'error';
    if (typeof value !== 'string') {
      this.misfit('severity', 'Input should be a valid string', 'string_type');
      return '';
    }
    return this.#bounded('severity', cleanText(value), limits.severityChars) ?? '';
  }

  instant(name: string): string | null {
    const value = this.#get(name);
    if (value === undefined || value === null) return null;
    const instant =
      typeof value === 'string'
        ? parseInstant(value)
        : typeof value === 'number'
          ? instantOfUnixTime(value)
          : undefined;
    return (
      instant ??
      this.misfit(
        name,
        'Input should be a valid datetime of the years 1 to 9999, in ISO 8601',
        'datetime_parsing',
      )
    );
  }

  uuid(name: string): string | null {
    const value = this.#get(name);
    if (value === undefined || value === null) return null;
    if (typeof value === 'string' && uuid.test(value)) return value.toLowerCase();
    return this.misfit(name, 'Input should be a valid UUID', 'uuid_parsing');
  }

  stream(): string | null {
    const value = this.#get('stream');
    if (value === undefined || value === null) return null;
    if (value === 'stdout' || value === 'stderr') return value;
    return this.misfit('stream', "Input should be 'stdout' or 'stderr'", 'literal_error');
  }

  #object(name: string): Record<string, unknown> | null {
    const value = this.#get(name);
    if (value === undefined || value === null) return null;
    if (typeof value !== 'object' || Array.isArray(value))
      return this.misfit(name, 'Input should be a valid dictionary', 'dict_type');
    const cleaned = cleanJson(value) as Record<string, unknown> | undefined;
    if (cleaned === undefined)
      return this.misfit(name, `Input should nest at most ${maxDepth} deep`, 'recursion_loop');
    if (JSON.stringify(cleaned).length > jsonChars)
      return this.misfit(name, `Input should have at most ${jsonChars} characters as JSON`, 'too_long');
    return cleaned;
  }

  fields(): Record<string, unknown> | null {
    return this.#object('fields');
  }

  labels(): Record<string, string> | null {
    const labels = this.#object('labels');
    if (labels === null) return null;
    for (const value of Object.values(labels))
      if (typeof value !== 'string')
        return this.misfit('labels', 'Labels should be valid strings', 'string_type');
    return labels as Record<string, string>;
  }

  lines(name: string): string[] | null {
    const value = this.#get(name);
    if (value === undefined || value === null) return null;
    if (!Array.isArray(value) || !value.every((line) => typeof line === 'string'))
      return this.misfit(name, 'Input should be a valid list of strings', 'list_type');
    if (value.length > limits.contextLines)
      return this.misfit(name, `List should have at most ${limits.contextLines} items`, 'too_long');
    if ((value as string[]).reduce((sum, line) => sum + line.length, 0) > jsonChars)
      return this.misfit(name, `Lines should have at most ${jsonChars} characters together`, 'too_long');
    return (value as string[]).map(cleanText);
  }
}
