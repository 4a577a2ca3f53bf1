// "Not an error": an issue -> a rule that holds what is like it, and what that rule would have held of the last days. The
// pattern comes from the issue's title and is tried on its records before anyone is asked to press a button.

import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { compilePattern, patternSees } from '../alerting/rules/pattern.ts';
import { cutMiddle, headerSafe } from '../alerting/text.ts';
import { firstIdOf } from '../db/partitions.ts';
import type { Pool, PoolClient } from '../db/pool.ts';
import { bucketOfId } from '../db/record-id.ts';

/** So far back the preview looks … */
export const previewDays = 7;
/** … at so many records of the issue, and at the latest record of so many others of its service, … */
const ownRecords = 1000;
const otherIssues = 500;
/** … and of either at so many bytes of messages, about: whoever scans a mail's links opens them too. */
const ownBytes = 2 * 1024 * 1024;
const otherBytes = 1024 * 1024;
/** Characters that are matched in one turn of the event loop: some milliseconds. */
const matchedAtOnce = 65_536;
const shownMessages = 5;
const maxPatternChars = 800;
/** Words that a pattern hangs on must be so long together: less would hold half of everything. */
const leastLiteralChars = 8;

export interface Exclusion {
  /** As RULES_FILE would have it. */
  rule: Record<string, unknown>;
  /** Of the last days. */
  preview: {
    /** Records of the issue that were looked at: the pattern fits them all. */
    looked: number;
    /** The newest of these, one line each. */
    messages: { receivedAt: string; line: string }[];
    /** Other issues of the service whose latest record it would have held too. */
    others: { id: string; title: string }[];
  };
}

/** Tells whether a rule is the one that was shown. */
export function digestOf({ rule }: Exclusion): string {
  return createHash('sha256').update(JSON.stringify(rule.match)).digest('base64url').slice(0, 22);
}

export interface ExcludedIssue {
  id: string;
  service: string;
  title: string;
}

interface Sample {
  issue_id: string;
  message: string;
  received_at: string;
}

/**
 * @param issueIds the issue's own, and those merged into it. @param by who asks, for the rule's note. @param now ms.
 * @returns undefined when no pattern can be made that fits the issue: its records have too little in common.
 */
export async function proposeExclusion(
  client: Pool | PoolClient,
  issue: ExcludedIssue,
  issueIds: readonly string[],
  by: string,
  now: number,
): Promise<Exclusion | undefined> {
  const own = await readOwn(client, issueIds, now);
  const pattern = await patternFor(
    issue.title,
    own.map(({ message }) => message),
  );
  // A rule takes a service as a glob: one with these in its name would hold what is of others.
  if (pattern === undefined || /[*?]/.test(issue.service)) return undefined;
  const matches = compilePattern(pattern);
  const others = await readOthers(client, issue.service, issueIds, now);
  const heldOthers: typeof others = [];
  for await (const other of inTurns(others)) if (matches(other.message)) heldOthers.push(other);
  return {
    rule: {
      name: cutMiddle(`not an error: ${headerSafe(issue.title)}`, 99, () => '…'),
      match: { service: [issue.service], pattern },
      hold: true,
      note: `${headerSafe(by)} said so from a mail on ${new Date(now).toISOString().slice(0, 10)}`,
    },
    preview: {
      looked: own.length,
      messages: own.slice(0, shownMessages).map(({ received_at, message }) => ({
        receivedAt: received_at,
        line: cutMiddle(headerSafe(lineThatMatches(message, matches)), 300, () => ' … '),
      })),
      others: heldOthers.map(({ id, title }) => ({ id, title })),
    },
  };
}

/**
 * A pattern that fits every one of the messages: the title with anything where it has variables, or else its longest words.
 * @returns undefined when neither does.
 */
export async function patternFor(title: string, messages: readonly string[]): Promise<string | undefined> {
  const pieces = title.split(/<[^<>\s]*>|…/).map((piece) => piece.trim());
  const literals = pieces.filter((piece) => piece.length > 0);
  const longest = literals.toSorted((a, b) => b.length - a.length)[0] ?? '';
  const candidates = [
    ...(literals.join('').length >= leastLiteralChars ? [literals.map(escapeRegExp).join('.*?')] : []),
    ...(longest.length >= leastLiteralChars ? [escapeRegExp(longest)] : []),
  ].filter((pattern) => pattern.length <= maxPatternChars);
  for (const pattern of candidates) if (await fitsAll(pattern, messages)) return pattern;
  return undefined;
}

async function fitsAll(pattern: string, messages: readonly string[]): Promise<boolean> {
  const matches = compilePattern(pattern);
  for await (const { message } of inTurns(messages.map((message) => ({ message }))))
    if (!matches(message)) return false;
  return true;
}

/** Gives the event loop its turn between messages, so that ingest and delivery go on while many are matched. */
async function* inTurns<Item extends { message: string }>(items: readonly Item[]): AsyncGenerator<Item> {
  let chars = 0;
  for (const item of items) {
    yield item;
    chars += item.message.length;
    if (chars < matchedAtOnce) continue;
    await nextTurn();
    chars = 0;
  }
}

function escapeRegExp(text: string): string {
  return text
    .split(/\s+/)
    .map((word) => word.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    .join('\\s+');
}

function lineThatMatches(message: string, matches: (text: string) => boolean): string {
  const lines = message.split('\n');
  return lines.find((line) => matches(line)) ?? lines.find((line) => line.trim() !== '') ?? '';
}

/** So much of a message is looked at. Its length is known without reading it. */
const bytesOfMessage = `least(octet_length(message), ${patternSees})`;

async function readOwn(
  client: Pool | PoolClient,
  issueIds: readonly string[],
  now: number,
): Promise<Sample[]> {
  const { rows } = await client.query<Sample>(
    `select issue_id, left(message, ${patternSees}) as message, received_at
     from (
       select *, sum(${bytesOfMessage}) over (order by id desc) - ${bytesOfMessage} as bytes_before
       from (
         select id, issue_id, message, received_at
         from log_records
         where issue_id = any($1::uuid[]) and id >= $2
         order by id desc
         limit ${ownRecords}
       ) as newest
     ) as summed
     where bytes_before < ${ownBytes}
     order by id desc`,
    [issueIds, firstIdOf(now - previewDays * 86_400_000)],
  );
  return rows;
}

/** The latest record of each other issue of the service: one look at a row by its id for each. */
async function readOthers(
  client: Pool | PoolClient,
  service: string,
  issueIds: readonly string[],
  now: number,
): Promise<{ id: string; title: string; message: string }[]> {
  const { rows: issues } = await client.query<{ id: string; title: string; last_record_id: string }>(
    `select id, title, last_record_id
     from issues
     where service = $1 and merged_into is null and id <> all($2::uuid[]) and last_seen >= $3
     order by last_seen desc
     limit ${otherIssues}`,
    [service, issueIds, new Date(now - previewDays * 86_400_000)],
  );
  const recordIds = issues.map(({ last_record_id }) => last_record_id);
  const { rows: records } = await client.query<{ id: string; message: string }>(
    `select id, left(message, ${patternSees}) as message
     from (
       select id, message, sum(${bytesOfMessage}) over (order by id desc) - ${bytesOfMessage} as bytes_before
       from log_records
       where id = any($1::uuid[]) and bucket = any($2::int[])
     ) as summed
     where bytes_before < ${otherBytes}`,
    [recordIds, [...new Set(recordIds.map(bucketOfId))]],
  );
  const messages = new Map(records.map(({ id, message }) => [id, message]));
  return issues.flatMap(({ id, title, last_record_id }) => {
    const message = messages.get(last_record_id);
    return message === undefined ? [] : [{ id, title, message }];
  });
}
