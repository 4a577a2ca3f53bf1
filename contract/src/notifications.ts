// Notifications and recipients as the API answers them.

import { type Static, Type } from 'typebox';

const Text = Type.String();
const TextOrNull = Type.Union([Text, Type.Null()]);

/** One message owed to one recipient, or the reason why none was sent. */
export const Notification = Type.Object({
  id: Type.String({ format: 'uuid' }),
  channel: Type.Optional(
    Type.Union([Text, Type.Null()], {
      description:
        '`email`, or the name of a channel of RULES_FILE, which is its to_address too. A skipped one has none.',
    }),
  ),
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
  feedback: Type.Optional(
    Type.Union([Text, Type.Null()], {
      description: 'What SES said after it took the mail: delivered, bounced, complained.',
    }),
  ),
  feedback_at: Type.Optional(TextOrNull),
  feedback_detail: Type.Optional(TextOrNull),
  reason: Type.Optional(
    Type.String({
      description:
        'Why: new, still-failing, roll-up, in-cooldown, … `GET /api/logs/{id}/decisions` explains.',
    }),
  ),
});
export type Notification = Static<typeof Notification>;

/** Why a record did, or didn't, make a mail. */
export const RecordDecisions = Type.Object({
  record_id: Type.String({ format: 'uuid' }),
  issue_id: Type.Union([Type.String({ format: 'uuid' }), Type.Null()]),
  decided_at: Text,
  notify: Type.Boolean({ description: 'Whether the record made an alert.' }),
  reason: Text,
  explanation: Text,
  rules: Type.Array(Text, {
    description: 'The rules, or the maintenance, that match the record, as they are now.',
  }),
  alerts: Type.Array(
    Type.Object({
      to_address: Text,
      reason: Text,
      explanation: Text,
      state: Type.String({
        description: 'waiting (to be gathered), mailed, or dropped (recipient deactivated)',
      }),
      held: Type.Integer({ description: "Records of the issue held back since the issue's alert before." }),
      created_at: Text,
      notification_id: TextOrNull,
      mail: Type.Union([Text, Type.Null()], {
        description: 'Why the mail was sent; `roll-up`: it carries several.',
      }),
      mail_status: TextOrNull,
      error_message: TextOrNull,
    }),
  ),
});
export type RecordDecisions = Static<typeof RecordDecisions>;

/** A channel that alerts go out by. */
export const ConfiguredChannel = Type.Object({
  name: Text,
  type: Type.String({ description: '`email`, `slack`, `webhook`, …' }),
  failing_since: Type.Union([Text, Type.Null()], { description: 'Null: it works, or was never used.' }),
  last_error: TextOrNull,
});
export type ConfiguredChannel = Static<typeof ConfiguredChannel>;

export const Recipient = Type.Object({
  id: Type.String({ format: 'uuid' }),
  email: Text,
  is_active: Type.Boolean(),
  created_at: Text,
  deactivated_at: Type.Optional(Text),
  deactivated_because: Type.Optional(
    Type.String({ description: 'A bounce or a complaint, in words; only when it was one.' }),
  ),
});
export type Recipient = Static<typeof Recipient>;
