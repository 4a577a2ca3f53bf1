// The records of a batch -> what the thresholds that they count for have counted by now, in the transaction that stores the
// records: several backends count together, and a record that is not stored does not count. No statement at all where no
// threshold is met.

import type { PoolClient } from '../../db/pool.ts';
import { byText, upsert } from '../../db/values.ts';
import type { StoredRecord } from '../../ingest/types.ts';
import { countKey, type RuleCounts } from './judge.ts';
import type { RuleSet } from './rule-set.ts';
import { addToSlots, type Slots, sumOfSlots } from './slots.ts';

interface Counting {
  rule: string;
  issue: string;
  withinMs: number;
  records: number;
}

/** @param now ms since the epoch. */
export async function countForRules(
  client: PoolClient,
  rules: RuleSet,
  records: readonly StoredRecord[],
  now: number,
): Promise<RuleCounts> {
  const countings = countingsOf(rules, records, now);
  if (countings.size === 0) return new Map();
  const sorted = [...countings].sort(([a], [b]) => byText(a, b));
  // Written as it is, to lock the rows in their order; what it says is counted on and written again.
  const known = await upsert<{ rule: string; issue: string; slots: Slots }>(
    client,
    sorted.map(([, { rule, issue, withinMs }]) => [rule, issue, '[]', new Date(now + withinMs)]),
    (values) => `
      insert into rule_counts as c (rule, issue, slots, until)
      values ${values}
      on conflict (rule, issue) do update
      set until = greatest(c.until, excluded.until)
      returning rule, issue, slots`,
    'lock-rule-counts',
  );
  const slotsOf = new Map(known.map(({ rule, issue, slots }) => [countKey(rule, issue), slots]));
  const counts = new Map<string, number>();
  const rows = sorted.map(([key, { rule, issue, withinMs, records: added }]) => {
    const slots = addToSlots(slotsOf.get(key) ?? [], added, withinMs, now);
    counts.set(key, sumOfSlots(slots));
    return [rule, issue, JSON.stringify(slots), new Date(now + withinMs)];
  });
  await upsert(
    client,
    rows,
    (values) => `
      insert into rule_counts as c (rule, issue, slots, until)
      values ${values}
      on conflict (rule, issue) do update
      set slots = excluded.slots`,
    'write-rule-counts',
  );
  return counts;
}

/** What is to be counted, by `countKey`. */
export function countingsOf(
  rules: RuleSet,
  records: readonly StoredRecord[],
  now: number,
): Map<string, Counting> {
  const countings = new Map<string, Counting>();
  if (rules.isEmpty) return countings;
  const rulesNow = rules.at(now);
  for (const record of records) {
    const { held, thresholds } = rulesNow.ask(record, null);
    if (held !== null) continue;
    for (const { rule, per, withinMs } of thresholds) {
      const issue = per === 'issue' ? record.issue.id : '';
      const key = countKey(rule, issue);
      const counting = countings.get(key);
      if (counting) counting.records += 1;
      else countings.set(key, { rule, issue, withinMs, records: 1 });
    }
  }
  return countings;
}
