// Routes of recipients and notifications. contract.md has their words; `/test` is ours.

import { ConfiguredChannel, Notification, Recipient, RecordDecisions } from '@log-detector/contract';
import { Type } from 'typebox';
import type { Pool } from '../db/pool.ts';
import { newId } from '../db/record-id.ts';
import { ErrorAnswer, HttpError, notFound } from '../http/errors.ts';
import { errorAnswers, type Routes } from '../http/http.ts';
import { checkAddresses } from './addresses.ts';
import { listChannels } from './channels.ts';
import { decisionsOfRecord } from './decisions.ts';
import { listNotifications, notificationsOfRecord } from './history.ts';
import { maxMessageChars } from './mail.ts';
import type { AlertSettings } from './plan-alerts.ts';
import { addRecipients, deactivateRecipient, listRecipients } from './recipients.ts';
import type { RuleBook } from './rules/rule-book.ts';
import { channelTarget, mailTo, type Target } from './targets.ts';
import { addTestNotification } from './test-notification.ts';

/** Most addresses taken in one request. */
const maxAddresses = 1000;

const WithId = Type.Object({ id: Type.String({ format: 'uuid' }) });
const recipients = { tags: ['recipients'] };
const notifications = { tags: ['notifications'] };

/** @param settings what a test mail needs; not read otherwise. @param rules gives those in force; left out: none. */
export function alertingRoutes(
  pool: Pool,
  settings: Pick<AlertSettings, 'enabled' | 'from' | 'baseUrl' | 'channels' | 'templates'>,
  rules?: Pick<RuleBook, 'current'>,
): Routes {
  return (app) => {
    app.get(
      '/api/recipients',
      {
        schema: {
          ...recipients,
          summary: 'Who gets the mails',
          querystring: Type.Object({ include_inactive: Type.Boolean({ default: false }) }),
          response: { 200: Type.Array(Recipient), ...errorAnswers },
        },
      },
      ({ query }) => listRecipients(pool, { withInactive: query.include_inactive }),
    );

    app.post(
      '/api/recipients',
      {
        config: { scope: 'admin' },
        schema: {
          ...recipients,
          summary: 'Add recipients, or make them active again',
          body: Type.Object({
            emails: Type.String({
              description: 'Addresses, parted by commas.',
              examples: ['a@x.io, b@x.io'],
            }),
          }),
          response: { 200: Type.Array(Recipient), 400: ErrorAnswer, ...errorAnswers },
        },
      },
      ({ body }) => {
        const { valid, invalid } = checkAddresses(body.emails);
        if (invalid.length > 0) throw new HttpError(400, `Invalid email(s): ${invalid.join(', ')}`);
        if (valid.length === 0)
          throw new HttpError(400, 'No email addresses given; send at least one in "emails"');
        if (valid.length > maxAddresses)
          throw new HttpError(
            400,
            `${valid.length} addresses at once; send at most ${maxAddresses} in one request`,
          );
        return addRecipients(pool, valid, () => newId(Date.now()));
      },
    );

    app.delete(
      '/api/recipients/:id',
      {
        config: { scope: 'admin' },
        schema: {
          ...recipients,
          summary: 'Send this recipient nothing more',
          params: WithId,
          response: { 200: Recipient, 404: ErrorAnswer, ...errorAnswers },
        },
      },
      async ({ params }) => {
        const recipient = await deactivateRecipient(pool, params.id);
        if (!recipient) throw notFound('Recipient');
        return recipient;
      },
    );

    app.post(
      '/api/recipients/:id/test',
      {
        config: { scope: 'admin' },
        schema: {
          ...recipients,
          summary: 'Send this recipient a test mail',
          description: 'It goes the way of every alert. Its status shows in `GET /api/emails`.',
          params: WithId,
          response: { 200: Notification, 404: ErrorAnswer, 409: ErrorAnswer, ...errorAnswers },
        },
      },
      async ({ params }) => {
        const recipient = (await listRecipients(pool, { withInactive: true })).find(
          ({ id }) => id === params.id.toLowerCase(),
        );
        if (!recipient) throw notFound('Recipient');
        if (!settings.enabled)
          throw new HttpError(409, 'Mails are off; set ALERT_EMAIL_ENABLED=true and start again');
        return addTestNotification(pool, newId(Date.now()), mailTo(recipient.email), settings);
      },
    );

    app.post(
      '/api/test-notification',
      {
        config: { scope: 'admin' },
        schema: {
          ...notifications,
          summary: 'Send a test by a channel',
          description:
            'It goes the way of every alert. Its status shows in `GET /api/emails`. `channel` is `email`, which needs `to`, or a name of RULES_FILE.',
          body: Type.Object({
            channel: Type.String({ default: 'email', examples: ['ops-slack'] }),
            to: Type.Optional(Type.String({ examples: ['ops@example.com'] })),
          }),
          response: { 200: Notification, 400: ErrorAnswer, 409: ErrorAnswer, ...errorAnswers },
        },
      },
      ({ body }) =>
        addTestNotification(pool, newId(Date.now()), testTarget(body.channel, body.to, settings), settings),
    );

    app.get(
      '/api/channels',
      {
        schema: {
          ...notifications,
          summary: 'The channels that alerts go out by, and whether they work',
          response: { 200: Type.Array(ConfiguredChannel), ...errorAnswers },
        },
      },
      () => listChannels(pool, settings),
    );

    app.get(
      '/api/emails',
      {
        schema: {
          ...notifications,
          summary: 'All notifications, newest first, the skipped ones too',
          description: `A skipped one's \`body\` has the first ${maxMessageChars.toLocaleString('en')} characters of its record's message.`,
          querystring: Type.Object({
            limit: Type.Integer({ default: 50, minimum: 1, maximum: 200 }),
            offset: Type.Integer({ default: 0, minimum: 0 }),
          }),
          response: {
            200: Type.Object({ items: Type.Array(Notification), total: Type.Integer() }),
            ...errorAnswers,
          },
        },
      },
      ({ query }) => listNotifications(pool, query),
    );

    app.get(
      '/api/logs/:id/emails',
      {
        schema: {
          ...notifications,
          summary: 'What a record was mailed as, or why it was not',
          params: WithId,
          response: { 200: Type.Array(Notification), ...errorAnswers },
        },
      },
      ({ params }) => notificationsOfRecord(pool, params.id),
    );

    app.get(
      '/api/logs/:id/decisions',
      {
        schema: {
          ...notifications,
          summary: "Why a record did, or didn't, make a mail",
          params: WithId,
          response: { 200: RecordDecisions, 404: ErrorAnswer, ...errorAnswers },
        },
      },
      async ({ params }) => {
        const decisions = await decisionsOfRecord(pool, params.id.toLowerCase(), rules?.current());
        if (!decisions) throw notFound('Log record');
        return decisions;
      },
    );
  };
}

/** Where a test is to go. @throws {HttpError} 400 or 409. */
function testTarget(
  channel: string,
  to: string | undefined,
  { enabled, channels = [] }: Pick<AlertSettings, 'enabled' | 'channels'>,
): Target {
  if (channel !== 'email') {
    if (channels.some(({ name }) => name === channel)) return channelTarget(channel);
    const names = ['email', ...channels.map(({ name }) => name)];
    throw new HttpError(400, `There is no channel "${channel}"; there are ${names.join(', ')}`);
  }
  if (!enabled) throw new HttpError(409, 'Mails are off; set ALERT_EMAIL_ENABLED=true and start again');
  const { valid, invalid } = checkAddresses(to ?? '');
  if (invalid.length > 0 || valid.length !== 1)
    throw new HttpError(400, 'Send the one address that is to get the test mail in "to"');
  return mailTo(valid[0]!);
}
