// A message that a person asked for, to see whether messages arrive: to a recipient, or to a channel. It takes the way of
// every other one.

import type { Notification } from '@log-detector/contract';
import type { Pool } from '../db/pool.ts';
import { noFacts } from './facts.ts';
import { addOwnNotification, type OwnSettings } from './own-notification.ts';
import type { Target } from './targets.ts';

/** Puts it into the outbox. */
export function addTestNotification(
  pool: Pool,
  id: string,
  target: Target,
  settings: OwnSettings,
): Promise<Notification> {
  const text = `This is a test from Log Detector at ${settings.baseUrl}: alerts for ${target.toAddress} arrive here.\n`;
  return addOwnNotification(
    pool,
    target,
    {
      id,
      reason: 'test',
      subject: '[Log Alert] TEST',
      text,
      // What a pager opens for it stays open, so that one sees it; a person closes it.
      facts: {
        ...noFacts,
        state: 'test',
        title: 'Test',
        message: text.trim(),
        severity: 'info',
        url: settings.baseUrl,
      },
    },
    settings,
  );
}
