// Holes: what an agent could not read, told to the backend so that a person can see it.

import { type Static, Type } from 'typebox';

/** One hole as an agent posts it to `POST /api/coverage` (one, or an array). */
export const WireHole = Type.Object({
  /** Made by the sender; sent again, the hole is not stored again. */
  event_id: Type.String({ format: 'uuid' }),
  host: Type.String({ minLength: 1, maxLength: 255 }),
  container: Type.String({ minLength: 1, maxLength: 255 }),
  container_id: Type.Optional(Type.Union([Type.String({ maxLength: 128 }), Type.Null()])),
  stream: Type.Optional(Type.Union([Type.Literal('stdout'), Type.Literal('stderr'), Type.Null()])),
  from: Type.String({ description: 'ISO 8601: the last instant known to be read.' }),
  to: Type.String({ description: 'ISO 8601: the first instant read again.' }),
  reason: Type.String({ maxLength: 50 }),
  detail: Type.Optional(Type.Union([Type.String({ maxLength: 2000 }), Type.Null()])),
  /** Records known to be lost in the hole, when that is known. */
  records: Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.Null()])),
});
export type WireHole = Static<typeof WireHole>;
