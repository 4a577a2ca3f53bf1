// The reason of a decision -> a sentence for whoever asks "why did, or didn't, I get a mail?".

const sentences: Record<string, string> = {
  ungrouped: 'Every record that is not a duplicate alerts (ALERT_GROUPING=off).',
  new: 'No alert of its issue was made before.',
  regressed: 'Its issue came back, after it was resolved or had been quiet for longer than is usual for it.',
  spike:
    'Its issue made far more records in five minutes than in any five minutes before, or became as bad as it was muted until.',
  'still-failing':
    'Its issue goes on, and the cooldown since the alert before was over, or a mute of it; or it goes to a place that was not told of it before.',
  over: 'Its issue has been quiet for longer than is usual for it.',
  'roll-up': 'Several alerts were gathered into one mail.',
  duplicate:
    'An equal record came within DEDUPE_WINDOW_SECONDS before it, and no alert of its issue was due.',
  disabled: 'Mails are off (ALERT_EMAIL_ENABLED).',
  'no-recipients': 'There was nobody to send to: no active recipient, and no ALERT_EMAIL_TO.',
  coalesced: 'Another record with the same coalesce_id made the alert, and its mail shows this one too.',
  muted: 'Its issue is muted.',
  'in-cooldown':
    'Its issue was told of within the cooldown; the next mail of the issue says how many were held back.',
  'starting-or-stopping':
    'Its container was being restarted, replaced or stopped (fields.phase); it is told when it goes on after that.',
  'rate-limited':
    'Its issue had used up its alerts; the next mail of the issue says how many were held back.',
  excluded: 'A rule holds what matches it (`hold: true`; GET /api/rules and RULES_FILE).',
  maintenance: 'It came within a maintenance window of RULES_FILE.',
  'muted-by-rule': 'It came within the mute window of a rule that matches it.',
  'below-threshold':
    'A rule that matches it asks for more records within a time; the first mail of the issue says how many were held back.',
};

export function explain(reason: string): string {
  return sentences[reason] ?? '';
}
