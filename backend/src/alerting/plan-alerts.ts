// Stored records -> decisions and the messages they cause, inside the ingest transaction. Pure but for the ids it is
// given the maker of.

import { messageId } from '../channels/mail-headers.ts';
import type { AlertPlan, AlertQuestion, NewNotification } from '../ingest/types.ts';
import { aggregate, partsByCoalesceId } from './aggregate.ts';
import { type AlertDecision, decideUngrouped } from './decide-ungrouped.ts';
import { renderMail } from './mail.ts';
import { planGrouped } from './plan-grouped.ts';
import type { AlertPolicy } from './policy.ts';

export interface AlertSettings {
  /** `ALERT_EMAIL_ENABLED`. */
  enabled: boolean;
  /** `ALERT_EMAIL_TO`: used while no recipient in the database is active. */
  to: readonly string[];
  /** `ALERT_EMAIL_FROM`. */
  from: string;
  /** `BASE_URL`, of the links in the mails. */
  baseUrl: string;
  /** Left out: ALERT_GROUPING=off. */
  policy?: AlertPolicy;
}

/**
 * Decides each record, in order. Without grouping it writes one notification per alert and recipient at once; with it, the
 * alerts wait to be gathered into mails. Held-back records cause none.
 * @param newId makes ids.
 */
export function planAlerts(question: AlertQuestion, settings: AlertSettings, newId: () => string): AlertPlan {
  const recipients = [...new Set(question.recipients.length > 0 ? question.recipients : settings.to)];
  return settings.policy?.grouping === 'on'
    ? planGrouped(question, { enabled: settings.enabled, recipients, policy: settings.policy }, newId)
    : planUngrouped(question, settings, recipients, newId);
}

function planUngrouped(
  question: AlertQuestion,
  settings: AlertSettings,
  recipients: readonly string[],
  newId: () => string,
): AlertPlan {
  const coalesced = new Set(question.coalesced);
  const decisions: AlertDecision[] = [];
  const notifications: NewNotification[] = [];
  const parts = partsByCoalesceId(question.records);

  for (const record of question.records) {
    const decision = decideUngrouped({
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
