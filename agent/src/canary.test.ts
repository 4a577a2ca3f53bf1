import { describe, expect, it } from 'vitest';
import { canaryLine } from './canary.ts';
import { readDetection } from './detection.ts';
import { readAgentSettings } from './settings.ts';
import type { Entry } from './types.ts';

const container = { id: 'c1', name: 'canary', image: '', labels: {}, tty: false };
const line = canaryLine('019aabcd-0000-7000-8000-000000000001', Date.parse('2026-11-22T10:00:00Z'));
const position = { at: '2026-11-22T10:00:00.000000000Z', ordinal: 0 };
const entry = (text: string): Entry => ({
  stream: 'stdout',
  first: position,
  last: position,
  lines: [text],
  kind: 'line',
});
const detection = (env: NodeJS.ProcessEnv) => readDetection(readAgentSettings(env));

describe('a canary', () => {
  it.each([
    ['as it comes', {}],
    ['whatever is looked for', { LOG_MATCH_PATTERNS: 'quite different' }],
    ['whatever is excluded', { LOG_EXCLUDE_PATTERNS: 'INFO,canary' }],
    ['whatever is redacted', { REDACT_PATTERNS: 'id=\\w+' }],
  ])('is matched %s', async (_, env) => {
    const { match, finding } = await detection(env);
    expect(finding.find?.mattersText(line)).toBe(true);
    const found = match(entry(line), container, 'web-1', 0);
    expect(found?.record.severity).toBe('info');
  });

  it('keeps its text, so that the backend knows it', async () => {
    const { match } = await detection({});
    expect(match(entry(line), container, 'web-1', 0)?.record.message).toBe(line);
  });

  it('lets excludes have their way with all others', async () => {
    const { match } = await detection({ LOG_EXCLUDE_PATTERNS: 'harmless' });
    expect(match(entry('ERROR but harmless'), container, 'web-1', 0)).toBeUndefined();
  });
});
