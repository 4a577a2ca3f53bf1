// A file of records as they go over the wire -> records to replay. YAML, a JSON array, or one JSON object a line. `at` says
// when, in seconds (or 90s, 5m, 2h) after the first; else `received_at` or `occurred_at` does, else it is with the one before.

import { readFileSync } from 'node:fs';
import { SettingsError } from '@log-detector/settings';
import { parse } from 'yaml';
import { Checker } from '../alerting/rules/checker.ts';
import { bucketOf, idMaker } from '../db/record-id.ts';
import { createExplainer } from '../ingest/explain.ts';
import { instantOf } from '../ingest/instant.ts';
import { validate } from '../ingest/validate.ts';
import type { ReplayRecord } from './replay.ts';

const yearMs = 366 * 86_400_000;

/**
 * @param start of those that say no instant, in ms since the epoch.
 * @throws {SettingsError} naming every record that is wrong.
 */
export function readFixtures(file: string, start: number): ReplayRecord[] {
  const problems: string[] = [];
  const values = valuesOf(file);
  const explainer = createExplainer();
  const placed: { at: number; value: Record<string, unknown> }[] = [];
  let at = start;
  for (const [index, value] of values.entries()) {
    const checker = new Checker();
    const given = value as Record<string, unknown> | null;
    const instant = given?.received_at ?? given?.occurred_at;
    if (given?.at !== undefined) at = start + (checker.duration(given.at, ['at'], 0, yearMs) ?? 0);
    else if (typeof instant === 'string')
      at = Date.parse(/Z|[+-]\d\d:?\d\d$/.test(instant) ? instant : `${instant}Z`);
    for (const { message } of checker.problems) problems.push(`${file}: record ${index + 1}: ${message}`);
    if (Number.isNaN(at))
      problems.push(`${file}: record ${index + 1}: its time cannot be read; write ISO 8601`);
    placed.push({ at, value: given ?? {} });
  }
  // Grouped as they are once all of them have been seen.
  for (const { value } of placed) if (typeof value.message === 'string') explainer.group(value.message);
  const makeId = idMaker();
  const records = placed
    .map((each, index) => ({ ...each, index }))
    .sort((a, b) => a.at - b.at || a.index - b.index)
    .flatMap(({ at: receivedAtMs, value, index }): ReplayRecord[] => {
      const validated = validate(value, []);
      if ('misfits' in validated) {
        for (const { loc, msg } of validated.misfits)
          problems.push(`${file}: record ${index + 1}: ${loc.join('.')}: ${msg}`);
        return [];
      }
      const { record } = validated;
      const bucket = bucketOf(record.host, record.container);
      const id = makeId(Math.max(0, receivedAtMs || 0), bucket);
      const { template, fingerprint } = explainer.explain(record.message);
      return [
        {
          draft: { ...record, id, bucket, receivedAt: instantOf(receivedAtMs || 0), receivedAtMs },
          group: { fingerprint: explainer.current(fingerprint), title: template },
        },
      ];
    });
  if (problems.length > 0) throw new SettingsError(problems);
  return records;
}

function valuesOf(file: string): unknown[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new SettingsError([
      `${file}: cannot be read: ${(error as Error).message}; give the path of a readable file`,
    ]);
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  try {
    if (lines.every((line) => line.startsWith('{'))) return lines.map((line) => JSON.parse(line) as unknown);
    const value: unknown = parse(text);
    if (Array.isArray(value)) return value;
  } catch (error) {
    throw new SettingsError([
      `${file}: ${(error as Error).message.split('\n')[0]}; write YAML, JSON, or one JSON object a line`,
    ]);
  }
  throw new SettingsError([
    `${file}: is no list of records; write YAML, a JSON array, or one JSON object a line`,
  ]);
}
