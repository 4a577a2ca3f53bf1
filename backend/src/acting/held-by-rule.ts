// Whether a rule in force holds back what is like an issue's latest record, whatever the issue's state.

import type { IssueWithMerged } from '@log-detector/contract';
import { readFacts } from '../alerting/rules/read-facts.ts';
import type { ActingParts } from './routes.ts';

export async function isHeldByRule(
  { pool, rules }: ActingParts,
  issue: IssueWithMerged,
  now: number,
): Promise<boolean> {
  const inForce = rules?.current();
  if (!inForce || inForce.isEmpty) return false;
  const facts = await readFacts(pool, issue.last_record_id, issue.service);
  return facts !== undefined && inForce.at(now).ask(facts, null).held === 'excluded';
}
