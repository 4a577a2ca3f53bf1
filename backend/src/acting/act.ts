// A link about an issue -> its page, and what its button does.

import { isDeepStrictEqual } from 'node:util';
import type { IssueWithMerged } from '@log-detector/contract';
import { addHistory } from '../alerting/issue-history.ts';
import { pageToken } from '../alerting/links/links.ts';
import { type IssuePurpose, labels, type Purpose } from '../alerting/links/purposes.ts';
import type { LinkKey, SignedLink } from '../alerting/links/token.ts';
import { addRule, listRules } from '../alerting/rules/store.ts';
import { counted, fewOf, readableTime } from '../alerting/states.ts';
import { cutMiddle, headerSafe } from '../alerting/text.ts';
import { inTransactionDespiteDeadlocks, type PoolClient } from '../db/pool.ts';
import { newId } from '../db/record-id.ts';
import { HttpError } from '../http/errors.ts';
import { changeStateIn } from '../triage/change-issues.ts';
import { readIssue } from '../triage/read-issues.ts';
import { digestOf, type Exclusion, previewDays, proposeExclusion } from './exclude.ts';
import { faultPage, messagePage } from './fault-pages.ts';
import { isHeldByRule } from './held-by-rule.ts';
import { button, facts, heading, list, log, page, pageLink, paragraph, quiet } from './page.ts';
import { type Answer, readSigned, type Signed } from './read-signed.ts';
import { answerRemoval, showRemoval } from './remove-rule.ts';
import type { ActingParts, Form } from './routes.ts';
import { claimLink, readUse, type Use } from './use-link.ts';
import { changeOf, stateInWords, words } from './words.ts';

/** An issue's link that was read, with the issue as it is. */
interface Asked {
  link: SignedLink & { purpose: IssuePurpose | 'choose' };
  issue: IssueWithMerged;
  /** A rule holds what is like its latest record. */
  isHeld: boolean;
  key: LinkKey;
  now: number;
}

/** Most rules in the database, as by the API. */
const maxRules = 1000;
const noPattern =
  'The records of this issue have too few words in common to make a rule of. Mute the issue, or write a rule by hand.';

/** Changes nothing. */
export async function showAct(parts: ActingParts, token: string): Promise<Answer> {
  const signed = await readSigned(parts, token);
  if ('html' in signed) return signed;
  if (isAboutRule(signed.link)) return showRemoval(parts, signed.link);
  const asked = await readAsked(parts, signed);
  if ('html' in asked) return asked;
  const { link } = asked;
  const { purpose } = link;
  if (purpose === 'choose') return { status: 200, html: choicePage(asked) };
  const use = await readUse(parts.pool, link);
  if (use) return { status: 200, html: usedPage(asked, use) };
  if (purpose !== 'not-an-error') return { status: 200, html: askPage(asked, []) };
  const exclusion = await propose(parts.pool, asked);
  if (!exclusion) return messagePage(409, 'No rule can be made of this', noPattern, [aboutIssue(asked)]);
  return { status: 200, html: askPage(asked, previewOf(exclusion), digestOf(exclusion)) };
}

/** Does what the link is for, once. */
export async function answerAct(parts: ActingParts, token: string, form: Form = {}): Promise<Answer> {
  const signed = await readSigned(parts, token);
  if ('html' in signed) return signed;
  if (isAboutRule(signed.link)) return answerRemoval(parts, signed.link, signed.now);
  const asked = await readAsked(parts, signed);
  if ('html' in asked) return asked;
  const { link, now } = asked;
  const { purpose } = link;
  if (purpose === 'choose') return { status: 200, html: choicePage(asked) };
  const at = new Date(now).toISOString();
  try {
    const use = await inTransactionDespiteDeadlocks(parts.pool, async (client) => {
      const earlier = await claimLink(client, link, at);
      return earlier
        ? { earlier }
        : { did: await perform(client, { ...asked, link: { ...link, purpose } }, at, form) };
    });
    if (purpose === 'not-an-error') await parts.rules?.refresh();
    const issue = (await readIssue(parts.pool, asked.issue.id, at)) ?? asked.issue;
    const after = { ...asked, issue, isHeld: await isHeldByRule(parts, issue, now) };
    if (use.earlier) return { status: 409, html: usedPage(after, use.earlier) };
    return { status: 200, html: donePage(after, purpose, use.did) };
  } catch (error) {
    // Nothing was done, and the link is unused.
    if (!(error instanceof HttpError)) throw error;
    const why = typeof error.detail === 'string' ? error.detail : error.message;
    return messagePage(error.status, 'This was not done', `${why}.`, [aboutIssue(asked)]);
  }
}

function isAboutIssue(purpose: Purpose): purpose is Asked['link']['purpose'] {
  return Object.hasOwn(labels, purpose);
}

function isAboutRule(link: SignedLink): link is SignedLink & { issueId: string } {
  return link.purpose === 'remove-rule' && link.issueId !== undefined;
}

async function readAsked(parts: ActingParts, { link, key, now }: Signed): Promise<Asked | Answer> {
  const { purpose, issueId } = link;
  if (issueId === undefined || !isAboutIssue(purpose)) return faultPage('forged');
  const issue = await readIssue(parts.pool, issueId, new Date(now).toISOString());
  if (!issue) return messagePage(404, 'This issue is gone', 'There is no such issue any more.', []);
  const isHeld = await isHeldByRule(parts, issue, now);
  return { link: { ...link, purpose }, issue, isHeld, key, now };
}

/** @returns the id of the rule that was added; else nothing. */
async function perform(
  client: PoolClient,
  asked: Asked & { link: { purpose: IssuePurpose } },
  at: string,
  form: Form,
): Promise<string> {
  const { link, issue } = asked;
  const { purpose, recipient } = link;
  if (purpose !== 'not-an-error') {
    const doer = { who: recipient, how: 'by a link of a message' };
    await changeStateIn(client, issue.id, changeOf(purpose, at), at, doer);
    return '';
  }
  const exclusion = await propose(client, asked);
  if (!exclusion) throw new HttpError(409, noPattern.replace(/\.$/, ''));
  // New records may have changed what the rule would be.
  if (form.rule !== undefined && form.rule !== digestOf(exclusion))
    throw new HttpError(409, 'the rule would be another one by now; open the link again to see it');
  const known = await listRules(client);
  if (known.some(({ rule }) => rule.hold === true && isDeepStrictEqual(rule.match, exclusion.rule.match)))
    throw new HttpError(409, 'a rule holds back exactly this already');
  if (known.length >= maxRules)
    throw new HttpError(409, `there are ${maxRules} rules already; remove one first`);
  const { id } = await addRule(client, exclusion.rule, 'mail', () => newId(asked.now));
  await addHistory(client, {
    issueId: issue.id,
    at,
    who: recipient,
    what: 'excluded',
    detail: `the rule ${id} holds back what is like it, by a link of a message`,
  });
  return id;
}

function propose(client: Parameters<typeof proposeExclusion>[0], { issue, link, now }: Asked) {
  const ids = [issue.id, ...issue.merged.map(({ id }) => id)];
  return proposeExclusion(client, issue, ids, link.recipient, now);
}

function askPage(asked: Asked, preview: readonly string[], rule?: string): string {
  const { link } = asked;
  const { question, meaning, button: label } = words[link.purpose as IssuePurpose];
  return page(question, [
    aboutIssue(asked),
    paragraph(meaning),
    ...preview,
    button(label, rule === undefined ? {} : { rule }),
    quiet(
      `Nothing has happened yet. You act as ${link.recipient}, and the issue's history will say so. This link works once, until ${readableTime(new Date(link.expiresAt).toISOString())}.`,
    ),
  ]);
}

function choicePage(asked: Asked): string {
  const { link, issue } = asked;
  const isOpen = issue.state === 'open';
  const choices: IssuePurpose[] = isOpen
    ? ['mute-hour', 'mute-worse', 'mute-deployed', 'mute-ever', 'resolve']
    : ['open', ...(issue.state === 'muted' ? (['resolve'] as const) : [])];
  return page('What shall be done about this issue?', [
    aboutIssue(asked),
    ...choices.map((purpose) =>
      button(purpose === 'open' && issue.state === 'resolved' ? 'Open it again' : labels[purpose], {
        token: tokenFor(purpose, asked),
        second: true,
      }),
    ),
    pageLink('Not an error …', tokenFor('not-an-error', asked)),
    quiet(`Nothing has happened yet. You act as ${link.recipient}, and the issue's history will say so.`),
  ]);
}

function donePage(asked: Asked, purpose: IssuePurpose, ruleId: string): string {
  const { link } = asked;
  return page(words[purpose].done, [
    aboutIssue(asked),
    ...(ruleId === ''
      ? undoOf(asked, purpose)
      : [
          paragraph(`To take it back later, remove the rule: DELETE /api/rules/${ruleId}.`),
          button('Undo: remove the rule', { token: tokenFor('remove-rule', asked, ruleId), second: true }),
        ]),
    quiet(`Done by ${link.recipient}. You may close this page.`),
  ]);
}

function undoOf(asked: Asked, purpose: IssuePurpose): string[] {
  if (purpose === 'not-an-error' || asked.issue.state === 'open') return [];
  return [button('Undo: open it again', { token: tokenFor('open', asked), second: true })];
}

function usedPage(asked: Asked, { by, at }: Use): string {
  const { link } = asked;
  return page('This link was used already', [
    paragraph(
      `${by} used it on ${readableTime(at)}: ${words[link.purpose as IssuePurpose].done.toLowerCase()}. It works once, so nothing was changed now.`,
    ),
    heading('How the issue stands now'),
    aboutIssue(asked),
    ...undoOf(asked, 'open'),
  ]);
}

function tokenFor(
  purpose: IssuePurpose | 'remove-rule',
  { issue, link, key, now }: Asked,
  id = issue.id,
): string {
  return pageToken(purpose, { issueId: id, recipient: link.recipient }, key, now);
}

function aboutIssue({ issue, isHeld }: Pick<Asked, 'issue' | 'isHeld'>): string {
  const title = cutMiddle(headerSafe(issue.title).trim() || '(no text)', 600, () => ' … ');
  return [
    log(title),
    facts([
      ['Service', headerSafe(issue.service)],
      ['Hosts', headerSafe(fewOf(issue.hosts))],
      [
        'Records',
        `${counted(issue.count, 'record', 'records')}, the last on ${readableTime(issue.last_seen)}`,
      ],
      ['State', headerSafe(stateInWords(issue, isHeld))],
    ]),
  ].join('\n');
}

function previewOf({ rule, preview }: Exclusion): string[] {
  const { looked, messages, others } = preview;
  const match = rule.match as { service: string[]; pattern: string };
  return [
    heading('The rule'),
    log(`service: ${headerSafe(match.service.join(', '))}\npattern: ${match.pattern}\nhold: true`),
    heading(`What it would have held in the last ${previewDays} days`),
    paragraph(`The newest ${counted(looked, 'record', 'records')} of this issue, with:`),
    ...messages.map(({ receivedAt, line }) => log(`${readableTime(receivedAt)}\n${line}`)),
    others.length === 0
      ? paragraph('No other issue of this service would have been held.')
      : `${paragraph(`And ${counted(others.length, 'other issue', 'other issues')} of this service:`)}${list(others.slice(0, 10).map(({ title }) => cutMiddle(headerSafe(title), 200, () => ' … ')))}`,
  ];
}
