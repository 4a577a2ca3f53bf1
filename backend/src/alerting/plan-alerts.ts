// Stored records -> decisions and the messages they cause, inside the ingest transaction. Pure but for the ids it is
// given the maker of.

import { messageId } from '../channels/mail-headers.ts';
import type { AlertPlan, AlertQuestion, NewNotification, StoredRecord } from '../ingest/types.ts';
import { aggregate } from './aggregate.ts';
import { type AlertDecision, decide } from './decide.ts';
import { renderMail } from './mail.ts';

export interface AlertSettings {
  /** `ALERT_EMAIL_ENABLED`. */
  enabled: boolean;
  /** `ALERT_EMAIL_TO`: used while no recipient in the database is active. */
  to: readonly string[];
  /** `ALERT_EMAIL_FROM`. */
  from: string;
  /** `BASE_URL`, of the links in the mails. */
  baseUrl: string;
}

/**
 * Decides each record, in order, and writes one notification per alert and recipient. Held-back records cause none.
 * @param newId makes the notifications' ids.
 */
export function planAlerts(question: AlertQuestion, settings: AlertSettings, newId: () => string): AlertPlan {
  const recipients = [...new Set(question.recipients.length > 0 ? question.recipients : settings.to)];
  const coalesced = new Set(question.coalesced);
  const decisions: AlertDecision[] = [];
  const notifications: NewNotification[] = [];
  const parts = partsByCoalesceId(question.records);

  for (const record of question.records) {
    const decision = decide({
      isDuplicate: record.isDuplicate,
      issueIsNew: record.issue.isNew,
      isCoalesced: record.coalesceId !== null && coalesced.has(record.coalesceId),
      alertsEnabled: settings.enabled,
      recipients: recipients.length,
    });
    decisions.push(decision);
    if (!decision.notify) continue;
    if (record.coalesceId !== null) coalesced.add(record.coalesceId);
    const mail = renderMail(aggregate(parts.get(record.coalesceId) ?? [record], record), settings.baseUrl);
    for (const toAddress of recipients) {
      const id = newId();
      notifications.push({
        id,
        recordId: record.id,
        bucket: record.bucket,
        issueId: record.issue.id,
        channel: 'email',
        toAddress,
        subject: mail.subject,
        body: mail.text,
        html: mail.html,
        reason: decision.reason,
        messageId: messageId(id, settings.from),
        coalesceId: record.coalesceId,
      });
    }
  }
  return { decisions, notifications };
}

/** The records that one alert speaks of; duplicates are among them, because the reader wants to see how often. */
function partsByCoalesceId(records: readonly StoredRecord[]): Map<string | null, StoredRecord[]> {
  const parts = new Map<string | null, StoredRecord[]>();
  for (const record of records) {
    if (record.coalesceId === null) continue;
    const sharing = parts.get(record.coalesceId);
    if (sharing) sharing.push(record);
    else parts.set(record.coalesceId, [record]);
  }
  return parts;
}
