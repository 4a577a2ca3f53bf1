// Notifications and recipients as the API answers them.

import { type Static, Type } from 'typebox';

const Text = Type.String();
const TextOrNull = Type.Union([Text, Type.Null()]);

/** One message owed to one recipient, or the reason why none was sent. */
export const Notification = Type.Object({
  id: Type.String({ format: 'uuid' }),
  to_address: Text,
  subject: Text,
  body: Text,
  status: Type.Union([
    Type.Literal('pending'),
    Type.Literal('sent'),
    Type.Literal('failed'),
    Type.Literal('skipped'),
  ]),
  provider_message_id: TextOrNull,
  error_message: TextOrNull,
  sent_at: TextOrNull,
  created_at: Text,
});
export type Notification = Static<typeof Notification>;

export const Recipient = Type.Object({
  id: Type.String({ format: 'uuid' }),
  email: Text,
  is_active: Type.Boolean(),
  created_at: Text,
});
export type Recipient = Static<typeof Recipient>;
