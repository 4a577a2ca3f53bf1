// "Undo" after "not an error": a page's button that takes the rule back which a link has added.

import { addHistory } from '../alerting/issue-history.ts';
import type { SignedLink } from '../alerting/links/token.ts';
import { removeRule } from '../alerting/rules/store.ts';
import type { StoredRule } from '../alerting/rules/types.ts';
import { inTransaction, type Pool, type PoolClient } from '../db/pool.ts';
import { messagePage } from './fault-pages.ts';
import { button, log, page, paragraph, quiet } from './page.ts';
import type { ActingParts } from './routes.ts';
import { claimLink } from './use-link.ts';

type RuleLink = SignedLink & { issueId: string };

const gone = () =>
  messagePage(409, 'The rule is gone already', 'Somebody has removed it, and nothing was changed now.', []);

/** Changes nothing. */
export async function showRemoval(
  { pool }: ActingParts,
  link: RuleLink,
): Promise<{ status: number; html: string }> {
  const rule = await readRule(pool, link.issueId);
  if (!rule) return gone();
  return {
    status: 200,
    html: page('Remove this rule?', [
      log(inWords(rule)),
      paragraph('What it holds back is told again from then on.'),
      button('Remove the rule'),
      quiet(`Nothing has happened yet. You act as ${link.recipient}.`),
    ]),
  };
}

export async function answerRemoval(
  { pool, rules }: ActingParts,
  link: RuleLink,
  now: number,
): Promise<{ status: number; html: string }> {
  const at = new Date(now).toISOString();
  const removed = await inTransaction(pool, async (client) => {
    if (await claimLink(client, { ...link, issueId: undefined }, at)) return undefined;
    const rule = await removeRule(client, link.issueId);
    if (rule) await noteRemoval(client, link, at);
    return rule;
  });
  if (!removed) return gone();
  await rules?.refresh();
  return {
    status: 200,
    html: page('The rule was removed', [
      log(inWords(removed)),
      paragraph('What it held back is told again.'),
      quiet(`Done by ${link.recipient}. You may close this page.`),
    ]),
  };
}

/** In the history of the issue that the rule was made of. */
async function noteRemoval(client: PoolClient, { issueId: ruleId, recipient }: RuleLink, at: string) {
  const { rows } = await client.query<{ issueId: string }>(
    `select issue_id as "issueId" from issue_history where what = 'excluded' and detail like $1 limit 1`,
    [`the rule ${ruleId} %`],
  );
  for (const { issueId } of rows)
    await addHistory(client, {
      issueId,
      at,
      who: recipient,
      what: 'included',
      detail: `the rule ${ruleId} was removed, by the button of a page`,
    });
}

async function readRule(pool: Pool, id: string): Promise<StoredRule | undefined> {
  const { rows } = await pool.query<StoredRule>(
    'select id, rule, source, created_at from rules where id = $1',
    [id],
  );
  return rows[0];
}

function inWords({ rule }: StoredRule): string {
  const { service = [], pattern = '' } = (rule.match ?? {}) as { service?: string[]; pattern?: string };
  return `service: ${service.join(', ')}\npattern: ${pattern}\nhold: true`;
}
