// The link of List-Unsubscribe, and of the foot of each mail -> its page, and what its button, or a mail provider's one-click
// POST (RFC 8058), does. A provider may say it twice: who is unsubscribed already stays so, and that is no fault.

import { pageToken, subscribeUrl } from '../alerting/links/links.ts';
import { sayUnsubscribed, tellTakenOff } from '../alerting/tell-taken-off.ts';
import { inTransaction, type PoolClient } from '../db/pool.ts';
import { faultPage, messagePage } from './fault-pages.ts';
import { button, page, paragraph, quiet } from './page.ts';
import { type Answer, readSigned, type Signed } from './read-signed.ts';
import type { ActingParts } from './routes.ts';
import { isUnsubscribed, subscribe, unsubscribe } from './unsubscribe.ts';
import { claimLink, readUse } from './use-link.ts';

const usedText =
  'This link was used already, and works once: nothing was changed now. Use the link of a newer mail.';

/** Changes nothing. */
export async function showUnsubscribe(parts: ActingParts, token: string): Promise<Answer> {
  const asked = await readAsked(parts, token);
  if ('html' in asked) return asked;
  const { link } = asked;
  if (link.purpose === 'unsubscribe' && (await isUnsubscribed(parts.pool, link.recipient)))
    return { status: 200, html: gonePage(asked) };
  if (await readUse(parts.pool, link)) return messagePage(200, 'This link was used already', usedText, []);
  return { status: 200, html: askPage(asked) };
}

/** Does it. */
export async function answerUnsubscribe(parts: ActingParts, token: string): Promise<Answer> {
  const asked = await readAsked(parts, token);
  if ('html' in asked) return asked;
  const { link, now } = asked;
  const { purpose, recipient } = link;
  const at = new Date(now).toISOString();
  const isDone = await inTransaction(parts.pool, async (client) => {
    if (await claimLink(client, link, at))
      return purpose === 'unsubscribe' && (await isUnsubscribed(client, recipient));
    if (purpose === 'subscribe') await subscribe(client, recipient);
    else if (await unsubscribe(client, recipient, at)) await tell(parts, client, asked);
    return true;
  });
  if (!isDone) return messagePage(409, 'This link was used already', usedText, []);
  if (purpose === 'subscribe')
    return messagePage(200, 'Subscribed again', `${recipient} gets mails as before.`, []);
  parts.log?.warn({ recipient }, 'a recipient unsubscribed; add the address again with POST /api/recipients');
  return { status: 200, html: gonePage(asked) };
}

/** A provider or a reader of many may have pressed it: whom it concerns hears of it, and can take it back. */
async function tell(
  { takenOff }: ActingParts,
  client: PoolClient,
  { link, key, now }: Signed,
): Promise<void> {
  if (!takenOff) return;
  const address = link.recipient;
  await sayUnsubscribed(client, takenOff, address, subscribeUrl(key, takenOff.settings, address, now));
  const because = 'it was unsubscribed by the link of a mail';
  const remedy =
    'It was sent a link to take that back. Whoever runs Log Detector can also add it to the recipients again.';
  await tellTakenOff(client, takenOff, { address, because, remedy }, now);
}

async function readAsked(parts: ActingParts, token: string): Promise<Signed | Answer> {
  const signed = await readSigned(parts, token);
  if ('html' in signed) return signed;
  const { purpose } = signed.link;
  return purpose === 'unsubscribe' || purpose === 'subscribe' ? signed : faultPage('forged');
}

function askPage({ link: { purpose, recipient } }: Signed): string {
  return purpose === 'subscribe'
    ? page('Get mails again?', [
        paragraph(`${recipient} gets the mails of Log Detector again.`),
        button('Subscribe again'),
      ])
    : page('Get no more mails?', [
        paragraph(
          `Log Detector sends ${recipient} no more mails, of any issue. To silence one issue alone, use the links in its mail.`,
        ),
        button('Unsubscribe'),
        quiet('Nothing has happened yet.'),
      ]);
}

function gonePage({ link, key, now }: Signed): string {
  const token = pageToken('subscribe', { recipient: link.recipient }, key, now);
  return page('Unsubscribed', [
    paragraph(`Log Detector sends ${link.recipient} no more mails.`),
    button('Subscribe again', { token, second: true }),
    quiet('Whoever runs Log Detector can also add the address again.'),
  ]);
}
