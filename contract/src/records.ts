// Records as they cross the wire: what a sender posts to /api/logs and what every reader gets back.

import { type Static, Type } from 'typebox';
import { limits } from './limits.ts';

const Text = Type.String();

/** The body of `POST /api/logs`: one record as its sender writes it. Unknown fields are ignored, as the original does. */
export const WireRecord = Type.Object({
  host: Type.String({ description: 'The machine the container runs on.' }),
  container: Type.String({ description: 'Name of the container.' }),
  message: Type.String({ description: 'The log entry, of one line or several. It may be empty.' }),
  severity: Type.Optional(Type.String({ default: 'error', description: 'Any word; `error` when left out.' })),
  occurred_at: Type.Optional(
    Type.Union([Type.String(), Type.Null()], { description: 'ISO 8601. Without a zone it is UTC.' }),
  ),
  event_id: Type.Optional(
    Type.Union([Type.String({ format: 'uuid' }), Type.Null()], {
      description:
        'A UUID the sender makes. Sent again, the record is not stored again: the first one is the answer. One that begins with the time, as version 7 does, costs the database less than a random one.',
    }),
  ),
  fields: Type.Optional(
    Type.Union([Type.Record(Text, Type.Unknown()), Type.Null()], {
      description: 'A flat object of named values.',
    }),
  ),
  stream: Type.Optional(Type.Union([Type.Literal('stdout'), Type.Literal('stderr'), Type.Null()])),
  image: Type.Optional(Type.Union([Text, Type.Null()])),
  labels: Type.Optional(Type.Union([Type.Record(Text, Text), Type.Null()])),
  context_before: Type.Optional(
    Type.Union([Type.Array(Text, { maxItems: limits.contextLines }), Type.Null()]),
  ),
  context_after: Type.Optional(
    Type.Union([Type.Array(Text, { maxItems: limits.contextLines }), Type.Null()]),
  ),
  coalesce_id: Type.Optional(
    Type.Union([Type.String({ maxLength: 255 }), Type.Null()], {
      description: 'Records that share one make one alert.',
    }),
  ),
});
export type WireRecord = Static<typeof WireRecord>;

/** A record as it is stored and answered. Times are ISO 8601 with microseconds and `Z`. */
export const LogRecord = Type.Object({
  id: Type.String({ format: 'uuid' }),
  host: Text,
  container: Text,
  severity: Text,
  message: Text,
  log_hash: Type.String({ description: "Lower-case hex SHA-256 of the message's UTF-8 bytes as sent." }),
  occurred_at: Type.Union([Text, Type.Null()]),
  received_at: Text,
  is_duplicate: Type.Boolean(),
  duplicate_of_id: Type.Union([Type.String({ format: 'uuid' }), Type.Null()]),
  issue_id: Type.Union([Type.String({ format: 'uuid' }), Type.Null()]),
  event_id: Type.Union([Type.String({ format: 'uuid' }), Type.Null()]),
  stream: Type.Union([Text, Type.Null()]),
  image: Type.Union([Text, Type.Null()]),
  labels: Type.Union([Type.Record(Text, Text), Type.Null()]),
  fields: Type.Union([Type.Record(Text, Type.Unknown()), Type.Null()]),
  context_before: Type.Union([Type.Array(Text), Type.Null()]),
  context_after: Type.Union([Type.Array(Text), Type.Null()]),
  coalesce_id: Type.Union([Text, Type.Null()]),
});
export type LogRecord = Static<typeof LogRecord>;

/** One result of a batch, at the index of its record: the stored record, with `Prefer: return=minimal` its id alone, or why it was refused. */
export const BatchResult = Type.Union([
  LogRecord,
  Type.Object({ id: LogRecord.properties.id }, { additionalProperties: false }),
  Type.Object({
    index: Type.Integer(),
    error: Type.Array(
      Type.Object({ loc: Type.Array(Type.Union([Text, Type.Integer()])), msg: Text, type: Text }),
    ),
  }),
]);
export type BatchResult = Static<typeof BatchResult>;
