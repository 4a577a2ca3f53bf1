// A body that claims to come from Amazon SNS -> a message whose signature was verified, or why not. After "Verifying the
// signatures of Amazon SNS messages" of the SNS developer guide: versions 1 (SHA1) and 2 (SHA256), the certificate from
// sns.<region>.amazonaws.com over https alone, the topic one that is expected.

import { createVerify, X509Certificate } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

const SnsMessageSchema = Type.Object({
  Type: Type.Union([
    Type.Literal('Notification'),
    Type.Literal('SubscriptionConfirmation'),
    Type.Literal('UnsubscribeConfirmation'),
  ]),
  MessageId: Type.String(),
  TopicArn: Type.String(),
  Message: Type.String(),
  Timestamp: Type.String(),
  SignatureVersion: Type.Union([Type.Literal('1'), Type.Literal('2')]),
  Signature: Type.String(),
  SigningCertURL: Type.String(),
  Subject: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  Token: Type.Optional(Type.String()),
  SubscribeURL: Type.Optional(Type.String()),
});
export type SnsMessage = Static<typeof SnsMessageSchema>;

/** Not from SNS, or not from the topic. */
export class ForgedError extends Error {
  override name = 'ForgedError';
}

/** Gets the certificate, as PEM. It throws when there is none to be had now. */
export type ReadCertificate = (url: URL) => Promise<string>;

const topicArn = /^arn:(aws|aws-cn|aws-us-gov):sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_.-]{1,256}$/;

export function isTopicArn(text: string): boolean {
  return topicArn.test(text);
}

/** @param expectedTopic SES_FEEDBACK_TOPIC_ARN. @param now ms since the epoch. @throws {ForgedError} */
export async function readSnsMessage(
  body: string,
  expectedTopic: string,
  readCertificate: ReadCertificate,
  now: number,
): Promise<SnsMessage> {
  const message = parsed(body);
  if (message.TopicArn !== expectedTopic)
    throw new ForgedError('the message is of another topic than SES_FEEDBACK_TOPIC_ARN');
  const certificateUrl = amazonUrl(message.SigningCertURL, expectedTopic);
  if (!certificateUrl?.pathname.endsWith('.pem') || certificateUrl.search !== '')
    throw new ForgedError('its SigningCertURL is not one of SNS in the region of the topic');
  const pem = await readCertificate(certificateUrl);
  if (!isSignedBy(message, pem, now))
    throw new ForgedError('its signature is not the one of its certificate');
  return message;
}

function parsed(body: string): SnsMessage {
  try {
    const value: unknown = JSON.parse(body);
    if (Value.Check(SnsMessageSchema, value)) return value;
  } catch {
    // no JSON
  }
  throw new ForgedError('the body is no message of SNS');
}

/**
 * An address of SNS in the topic's region, or undefined.
 * @param topic a checked ARN.
 */
export function amazonUrl(text: string, topic: string): URL | undefined {
  const [, partition, region] = topicArn.exec(topic) ?? [];
  const host = `sns.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`;
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const isPlain = url.protocol === 'https:' && url.port === '' && url.username === '' && url.password === '';
  return isPlain && url.hostname === host ? url : undefined;
}

function isSignedBy(message: SnsMessage, pem: string, now: number): boolean {
  try {
    const certificate = new X509Certificate(pem);
    if (now < Date.parse(certificate.validFrom) || now > Date.parse(certificate.validTo)) return false;
    return createVerify(message.SignatureVersion === '1' ? 'RSA-SHA1' : 'RSA-SHA256')
      .update(stringToSign(message))
      .verify(certificate.publicKey, message.Signature, 'base64');
  } catch {
    return false; // no certificate, or no key that can sign
  }
}

/** Names and values of the signed fields, in the order of their names, a line each. */
export function stringToSign(message: SnsMessage): string {
  const names =
    message.Type === 'Notification'
      ? (['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'] as const)
      : (['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'] as const);
  return names
    .map((name) => [name, message[name]] as const)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `${name}\n${value}\n`)
    .join('');
}
