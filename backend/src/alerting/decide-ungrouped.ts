// ALERT_GROUPING=off: a record and what is known of it -> notify or not, and why. Pure. Each record that is not a
// duplicate alerts, as the original did; decide.ts decides by issue.

import type { HeldReason, NotifyReason } from '../ingest/types.ts';

export type AlertDecision = { notify: true; reason: NotifyReason } | { notify: false; reason: HeldReason };

export interface Facts {
  isDuplicate: boolean;
  /** The record's issue was first seen in this batch. */
  issueIsNew: boolean;
  /** Another record with its coalesce_id made the alert: an earlier one of this batch, or one of a batch before. */
  isCoalesced: boolean;
  /** `ALERT_EMAIL_ENABLED`. */
  alertsEnabled: boolean;
  /** Why a rule holds it. */
  heldByRule?: HeldReason | null;
  /** How many there are to send to. */
  recipients: number;
}

export function decideUngrouped(facts: Facts): AlertDecision {
  if (facts.isDuplicate) return { notify: false, reason: 'duplicate' };
  if (!facts.alertsEnabled) return { notify: false, reason: 'disabled' };
  if (facts.heldByRule) return { notify: false, reason: facts.heldByRule };
  if (facts.recipients === 0) return { notify: false, reason: 'no-recipients' };
  if (facts.isCoalesced) return { notify: false, reason: 'coalesced' };
  return { notify: true, reason: facts.issueIsNew ? 'new' : 'ungrouped' };
}
