// Alerts whose mail could not be written -> a mail that names their records and nothing else: nothing of it comes from a log.

import { messageId } from '../channels/mail-headers.ts';
import type { NewNotification } from '../ingest/types.ts';
import type { WaitingAlert } from './gather.ts';
import type { ReadingLinks } from './links/links.ts';
import { counted } from './states.ts';
import type { Target } from './targets.ts';

/** Most records that it names. */
const mostNamed = 100;

/** @param waiting at least one. @param id of the notification. */
export function plainMail(
  waiting: readonly WaitingAlert[],
  { channel, toAddress }: Target,
  { from }: { from: string },
  id: string,
  reading: ReadingLinks,
): NewNotification {
  const [first] = waiting;
  if (!first) throw new Error('bug: a mail about nothing');
  const alerts = counted(waiting.length, 'alert', 'alerts');
  const named = waiting.slice(0, mostNamed).map(({ recordId }) => reading.record(recordId));
  const more = waiting.length > mostNamed ? [`… and ${waiting.length - mostNamed} more.`] : [];
  return {
    id,
    recordId: first.recordId,
    bucket: first.bucket,
    issueId: waiting.length === 1 ? first.issueId : null,
    channel,
    toAddress,
    subject: `[ALERT] ${alerts} that could not be shown`,
    body: [
      `A fault of Log Detector kept it from showing ${alerts}; its log says more. The records:`,
      '',
      ...named,
      ...more,
      '',
    ].join('\n'),
    html: null,
    reason: first.reason,
    messageId: messageId(id, from),
    coalesceId: null,
    headers: null,
    facts: null,
  };
}
