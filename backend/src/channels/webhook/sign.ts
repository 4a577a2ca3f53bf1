// The signature of our webhook, after the Standard Webhooks specification, for which there are verifiers in most languages:
// HMAC-SHA256 over `<id>.<timestamp>.<body>`, in base64, as `webhook-signature: v1,<…>`.

import { createHmac } from 'node:crypto';

/**
 * @param secret `whsec_` and base64, as the specification has it, or any other text, whose UTF-8 bytes are the key.
 * @param now ms since the epoch.
 */
export function signedHeaders(secret: string, id: string, body: string, now: number): Record<string, string> {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret);
  const timestamp = String(Math.floor(now / 1000));
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}
