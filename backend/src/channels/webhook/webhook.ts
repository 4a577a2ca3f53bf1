// Notifications -> JSON posted to any address: our own, or with `format: alertmanager` the one of Prometheus Alertmanager.
// With a secret it is signed (sign.ts). Any 2xx means taken; `webhook-id` is the same at every attempt, to know a repeat by.

import { Type } from 'typebox';
import type { Channel, OutgoingMessage } from '../channel.ts';
import { allowPrivate, channelName, channelType, filled, httpAddress, optionsOf } from '../channel-type.ts';
import { post, secretsOf } from '../post.ts';
import { alertmanagerPayload } from './alertmanager.ts';
import { signedHeaders } from './sign.ts';

export const webhook = channelType({
  options: optionsOf({
    url: httpAddress('Where to post.'),
    secret: Type.Optional(
      filled('The key of the signature: whsec_ and base64 (openssl rand -base64 32), or any text.'),
    ),
    format: Type.Optional(Type.Union([Type.Literal('log-detector'), Type.Literal('alertmanager')])),
    headers: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        description: 'More header fields, such as Authorization.',
      }),
    ),
    allow_private: allowPrivate,
  }),
  make({ url, secret, format, headers = {} }, common): Channel {
    const target = new URL(url);
    const service = {
      name: channelName(common.name, 'webhook', target),
      secrets: [...secretsOf(target), secret ?? '', ...Object.values(headers)],
      allowPrivate: common.allowPrivate,
    };
    return {
      name: service.name,
      async send(message, signal) {
        const now = Date.now();
        const body = JSON.stringify(
          format === 'alertmanager'
            ? alertmanagerPayload(message, common.name, new Date(now).toISOString())
            : webhookPayload(message),
        );
        const signature =
          secret === undefined ? { 'webhook-id': message.id } : signedHeaders(secret, message.id, body, now);
        await post(service, { url: target, headers: { ...headers, ...signature }, body, signal });
        return message.id;
      },
      close() {},
    };
  },
});

/** The request's body in our own format; docs/channels.md has its fields. */
export function webhookPayload({ id, subject, text, facts }: OutgoingMessage): object {
  return {
    version: 1,
    id,
    subject,
    text,
    ...(facts
      ? {
          state: facts.state,
          issue_id: facts.issueId,
          record_id: facts.recordId,
          service: facts.service,
          host: facts.host,
          container: facts.container,
          severity: facts.severity,
          title: facts.title,
          message: facts.message,
          count: facts.count,
          held: facts.held,
          occurred_at: facts.occurredAt,
          received_at: facts.receivedAt,
          url: facts.url,
          links: facts.links,
          thread_id: facts.threadId,
          ended: facts.ended,
          items: facts.items.map(({ issueId, recordId, ...item }) => ({
            ...item,
            issue_id: issueId,
            record_id: recordId,
          })),
        }
      : {}),
  };
}
