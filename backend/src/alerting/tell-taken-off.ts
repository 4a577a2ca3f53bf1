// An address that gets no more mails -> word of it: to another recipient or a channel, and, where it was unsubscribed, to the
// address itself, with a link to take it back. It may be a list, and one reader of many who pressed the button.

import type { PoolClient } from '../db/pool.ts';
import { lockBudgets, readBudgets, writeBudgets } from '../outbox/budgets.ts';
import { type BucketLimits, take } from '../outbox/token-bucket.ts';
import { ownFacts } from './facts.ts';
import { addOwnNotification } from './own-notification.ts';
import { activeAddresses } from './recipients.ts';
import { mailTo, type Target } from './targets.ts';
import { type HealthSettings, othersThan } from './tell-health.ts';

export interface TakenOffParts {
  settings: HealthSettings;
  newId: () => string;
  log: { error(fields: object, message: string): void };
}

/** Messages to others: five at once, then one in twelve minutes. */
const tellLimits: BucketLimits = { capacity: 5, perMs: 5 / 3_600_000, reserve: 0 };
const tellBudget = 'told:deactivated';

/** @param because in words, after a colon. @param remedy a sentence. @param now ms since the epoch. */
export async function tellTakenOff(
  client: PoolClient,
  { settings, newId, log }: TakenOffParts,
  { address, because, remedy }: { address: string; because: string; remedy: string },
  now: number,
): Promise<void> {
  const other = await otherThan(client, address, settings);
  if (!other) {
    log.error(
      { recipient: address },
      'the last recipient gets no more mails, and there is no other to tell; add a recipient',
    );
    return;
  }
  if (!(await mayTell(client, now))) return;
  const text = `${address} gets no more mails from Log Detector: ${because}.\n${remedy}`;
  await addOwnNotification(
    client,
    other,
    {
      id: newId(),
      reason: 'recipient-deactivated',
      subject: `[RECIPIENT DEACTIVATED] ${address}`,
      text: `${text}\n`,
      facts: ownFacts(
        {
          state: 'recipient-deactivated',
          severity: 'warning',
          title: `${address} gets no more mails`,
          message: text,
        },
        settings.baseUrl,
      ),
    },
    settings,
  );
}

/** The last mail to an address. @param url takes the unsubscription back. */
export async function sayUnsubscribed(
  client: PoolClient,
  { settings, newId }: TakenOffParts,
  address: string,
  url: string,
): Promise<void> {
  if (!settings.enabled) return;
  const text = [
    `${address} gets no more mails from Log Detector, of any issue: someone pressed Unsubscribe in one of them, or in a mail program.`,
    'If this address is a list, that was for all who read it. To get mails again, open this link and press its button; it works for 14 days.',
  ].join('\n');
  await addOwnNotification(
    client,
    mailTo(address),
    {
      id: newId(),
      reason: 'unsubscribed',
      subject: `[UNSUBSCRIBED] ${address}`,
      text: `${text}\n`,
      facts: ownFacts(
        {
          state: 'unsubscribed',
          severity: 'warning',
          title: `${address} gets no more mails`,
          message: text,
          links: [{ label: 'Get mails again', url }],
        },
        settings.baseUrl,
      ),
    },
    settings,
  );
}

/** Another recipient, else a channel. */
async function otherThan(
  client: PoolClient,
  address: string,
  settings: HealthSettings,
): Promise<Target | undefined> {
  const addresses = await activeAddresses(client, settings.to);
  const another = addresses.find((each) => each !== address);
  if (another !== undefined && settings.enabled) return mailTo(another);
  return othersThan({ channel: 'email', lostTo: [address] }, [], settings)[0];
}

async function mayTell(client: PoolClient, now: number): Promise<boolean> {
  await lockBudgets(client);
  const known = (await readBudgets(client, [tellBudget])).get(tellBudget);
  const taken = take(known, tellLimits, now, true);
  if (!taken.taken) return false;
  await writeBudgets(client, [{ name: tellBudget, ...taken.bucket, gatherUntil: null, quota: null }]);
  return true;
}
