// Stored records -> decisions and the messages they cause, inside the ingest transaction. Pure but for the ids it is
// given the maker of.

import { messageId } from '../channels/mail-headers.ts';
import type { AlertPlan, AlertQuestion, NewNotification } from '../ingest/types.ts';
import { aggregate, partsByCoalesceId } from './aggregate.ts';
import { type AlertDecision, decideUngrouped } from './decide-ungrouped.ts';
import { recordFacts } from './facts.ts';
import { renderMail } from './mail.ts';
import { planGrouped } from './plan-grouped.ts';
import type { AlertPolicy } from './policy.ts';
import { canTell, defaultTargets, isMail, type Target, type TargetSettings } from './targets.ts';
import { applyTemplates, type Templates } from './templates.ts';

export interface AlertSettings extends TargetSettings {
  /** `ALERT_EMAIL_FROM`. */
  from: string;
  /** `BASE_URL`, of the links in the mails. */
  baseUrl: string;
  /** Left out: ALERT_GROUPING=off. */
  policy?: AlertPolicy;
  /** Of TEMPLATES_DIR. */
  templates?: Templates;
}

/**
 * Decides each record, in order. Without grouping it writes one notification per alert and recipient at once; with it, the
 * alerts wait to be gathered into mails. Held-back records cause none.
 * @param newId makes ids.
 */
export function planAlerts(question: AlertQuestion, settings: AlertSettings, newId: () => string): AlertPlan {
  const targets = defaultTargets(question.recipients, settings);
  return settings.policy?.grouping === 'on'
    ? planGrouped(question, { enabled: canTell(settings), recipients: targets, policy: settings.policy }, newId)
    : planUngrouped(question, settings, targets, newId);
}

function planUngrouped(
  question: AlertQuestion,
  settings: AlertSettings,
  targets: readonly Target[],
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
      alertsEnabled: canTell(settings),
      recipients: targets.length,
    });
    decisions.push(decision);
    if (!decision.notify) continue;
    if (record.coalesceId !== null) coalesced.add(record.coalesceId);
    const content = aggregate(parts.get(record.coalesceId) ?? [record], record);
    const mail = renderMail(content, settings.baseUrl);
    const facts = recordFacts(
      content,
      { state: decision.reason, issue: record.issue, held: 0, threadId: record.issue.id },
      settings.baseUrl,
    );
    for (const { channel, toAddress } of targets) {
      const id = newId();
      const told = applyTemplates(settings.templates, channel, mail, facts);
      notifications.push({
        id,
        recordId: record.id,
        bucket: record.bucket,
        issueId: record.issue.id,
        channel,
        toAddress,
        subject: told.subject,
        body: told.text,
        html: isMail(channel, settings.channels) ? told.html : null,
        reason: decision.reason,
        messageId: messageId(id, settings.from),
        coalesceId: record.coalesceId,
        facts: told.facts,
      });
    }
  }
  return { decisions, notifications };
}
