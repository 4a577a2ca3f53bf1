// Stored records -> decisions and the messages they cause, inside the ingest transaction. Pure but for the ids it is
// given the maker of.

import { messageId } from '../channels/mail-headers.ts';
import type { AlertPlan, AlertQuestion, Decision, NewNotification } from '../ingest/types.ts';
import { aggregate, partsByCoalesceId } from './aggregate.ts';
import { decideUngrouped } from './decide-ungrouped.ts';
import { recordFacts } from './facts.ts';
import { sharedLinks } from './links/links.ts';
import { renderMail } from './mail.ts';
import { planGrouped } from './plan-grouped.ts';
import type { AlertPolicy } from './policy.ts';
import { createJudge, placesOf } from './rules/judge.ts';
import type { RuleSet } from './rules/rule-set.ts';
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
  /** The rules in force; left out: none. */
  rules?: RuleSet;
}

/**
 * Decides each record, in order. Without grouping it writes one notification per alert and recipient at once; with it, the
 * alerts wait to be gathered into mails. Held-back records cause none.
 * @param newId makes ids.
 */
export function planAlerts(question: AlertQuestion, settings: AlertSettings, newId: () => string): AlertPlan {
  const wanted = (address: string) => !question.unsubscribed?.has(address);
  const recipients = defaultTargets(question.recipients, { ...settings, to: settings.to.filter(wanted) });
  const { policy, rules } = settings;
  const enabled = canTell(settings);
  // Who was taken off is told no more by a rule either, but where ALERT_EMAIL_TO names them and nobody else is left.
  const isDefault = (address: string) => recipients.some(({ toAddress }) => toAddress === address);
  const removed = [...(question.removed ?? [])].filter((address) => !isDefault(address));
  const asked = { ...question, unsubscribed: new Set([...(question.unsubscribed ?? []), ...removed]) };
  return policy?.grouping === 'on'
    ? planGrouped(
        asked,
        { enabled, recipients, policy, mailsOn: settings.enabled, rules, channels: settings.channels },
        newId,
      )
    : planUngrouped(asked, settings, recipients, newId);
}

function planUngrouped(
  question: AlertQuestion,
  settings: AlertSettings,
  recipients: readonly Target[],
  newId: () => string,
): AlertPlan {
  const { linkKey } = question;
  if (!linkKey) throw new Error('bug: no key signs the links of mails');
  const coalesced = new Set(question.coalesced);
  const decisions: Decision[] = [];
  const notifications: NewNotification[] = [];
  const parts = partsByCoalesceId(question.records);
  const judge = createJudge(settings.rules, question.ruleCounts, question.now);

  for (const record of question.records) {
    const { held, verdict } = judge.whenTold(record, record.issue.isNew ? 'new' : 'ungrouped');
    const targets = placesOf([verdict], recipients, question.unsubscribed).filter(
      ({ channel, toAddress }) =>
        channel !== 'email' || (settings.enabled && !question.unsubscribed?.has(toAddress)),
    );
    const decision = decideUngrouped({
      isDuplicate: record.isDuplicate,
      issueIsNew: record.issue.isNew,
      isCoalesced: record.coalesceId !== null && coalesced.has(record.coalesceId),
      alertsEnabled: canTell(settings),
      heldByRule: held,
      recipients: targets.length,
    });
    decisions.push(decision);
    if (!decision.notify) continue;
    if (record.coalesceId !== null) coalesced.add(record.coalesceId);
    const aggregated = aggregate(parts.get(record.coalesceId) ?? [record], record);
    const content = { ...aggregated, severity: verdict.severity ?? aggregated.severity };
    const reading = sharedLinks(linkKey, settings.baseUrl, question.now);
    const mail = renderMail(content, reading);
    const facts = recordFacts(
      content,
      { state: decision.reason, issue: record.issue, held: 0, threadId: record.issue.id },
      reading,
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
