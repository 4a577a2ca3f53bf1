// Words for tests of SES's feedback: an SNS of our own, with a self-made certificate that a local server hands out.

import { createSign, generateKeyPairSync, randomUUID } from 'node:crypto';
import { type HttpTestServer, startHttpServer } from '../channels/test-help.ts';
import type { FetchText } from './certificates.ts';
import { type SnsMessage, stringToSign } from './sns-message.ts';

export const topicArn = 'arn:aws:sns:eu-west-1:123456789012:ses-feedback';
export const certificateUrl = 'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-test.pem';

export interface TestSns {
  server: HttpTestServer;
  /** Goes to the local server in place of Amazon. `asked` has the addresses. */
  fetchText: FetchText;
  asked: string[];
  /** A signed message. @param parts replace its fields before it is signed. */
  message(parts?: Partial<SnsMessage>): SnsMessage;
}

export async function startSns(): Promise<TestSns> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const pem = selfSigned(spki, (bytes) => createSign('RSA-SHA256').update(bytes).sign(privateKey));
  const server = await startHttpServer();
  server.answer((response, { path }) => {
    if (path.endsWith('.pem')) response.writeHead(path.includes('none') ? 404 : 200).end(pem);
    else response.end('<ConfirmSubscriptionResponse/>');
  });
  const asked: string[] = [];
  return {
    server,
    asked,
    async fetchText(url, signal) {
      asked.push(url.href);
      const answer = await fetch(new URL(`${url.pathname}${url.search}`, server.url), { signal });
      return { status: answer.status, body: await answer.text() };
    },
    message(parts = {}) {
      const unsigned: SnsMessage = {
        Type: 'Notification',
        MessageId: randomUUID(),
        TopicArn: topicArn,
        Message: '{}',
        Timestamp: new Date().toISOString(),
        SignatureVersion: '1',
        Signature: '',
        SigningCertURL: certificateUrl,
        ...parts,
      };
      const algorithm = unsigned.SignatureVersion === '1' ? 'RSA-SHA1' : 'RSA-SHA256';
      const signature = createSign(algorithm).update(stringToSign(unsigned)).sign(privateKey, 'base64');
      return { ...unsigned, Signature: parts.Signature ?? signature };
    },
  };
}

/** A certificate (RFC 5280) in the least words that OpenSSL takes. @returns PEM. */
function selfSigned(spki: Buffer, sign: (bytes: Buffer) => Buffer): string {
  const der = (tag: number, ...parts: Buffer[]) => {
    const content = Buffer.concat(parts);
    const { length } = content;
    const size = length < 128 ? [length] : [0x82, length >> 8, length & 255];
    return Buffer.concat([Buffer.from([tag, ...size]), content]);
  };
  const sha256WithRsa = der(
    0x30,
    der(0x06, Buffer.from('2a864886f70d01010b', 'hex')),
    Buffer.from([0x05, 0x00]),
  );
  const name = der(
    0x30,
    der(0x31, der(0x30, der(0x06, Buffer.from('550403', 'hex')), der(0x0c, Buffer.from('sns.test')))),
  );
  const year = new Date().getUTCFullYear();
  const time = (of: number) => der(0x18, Buffer.from(`${of}0101000000Z`));
  const toBeSigned = der(
    0x30,
    der(0x02, Buffer.from([1])),
    sha256WithRsa,
    name,
    der(0x30, time(year - 1), time(year + 2)),
    name,
    spki,
  );
  const signature = Buffer.concat([Buffer.from([0]), sign(toBeSigned)]);
  const whole = der(0x30, toBeSigned, sha256WithRsa, der(0x03, signature));
  const lines = whole.toString('base64').match(/.{1,64}/g)!;
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
