// Settings -> the stages that detect, with every pattern compiled and checked once, at start.

import { SettingsError } from '@log-detector/settings';
import { canaryText } from './canary.ts';
import { createCoalesce } from './detect/coalesce.ts';
import { createContext } from './detect/context.ts';
import { createFind, type Found } from './detect/find.ts';
import { createJoin } from './detect/join.ts';
import { createMatch, type Match } from './detect/match.ts';
import { compilePattern, compilePatterns, type Pattern, PatternError } from './detect/patterns.ts';
import { createRedact } from './detect/redact.ts';
import { createSight } from './detect/sights.ts';
import type { Stages } from './pipeline.ts';
import { type AgentSettings, collectAgentSettings, defaultErrorPattern } from './settings.ts';
import { eventId } from './ship/event-id.ts';

export interface Detection {
  match: Match;
  traceback: Pattern;
  multilineStart: Pattern | undefined;
  /** What looks over whole chunks, or why each line has to be looked at. */
  finding: Found;
  /** Takes secrets out; does nothing with REDACT=false. */
  redact(text: string): string;
}

/** The environment -> all that an agent is told by it. @throws {SettingsError} that lists every mistake, patterns too. */
export async function readAgent(
  env: NodeJS.ProcessEnv,
): Promise<{ settings: AgentSettings; detection: Detection }> {
  const { found, problems } = collectAgentSettings(env);
  return { settings: found, detection: await readDetection(found, problems) };
}

/**
 * @param known mistakes found before, to be told together with those of the patterns.
 * @throws {SettingsError} that lists every pattern that cannot be used, and why.
 */
export async function readDetection(
  settings: AgentSettings,
  known: readonly string[] = [],
): Promise<Detection> {
  const problems = [...known];
  const compiled = async (name: string, list: string | undefined): Promise<Pattern[]> => {
    if (list === undefined) return [];
    try {
      return await compilePatterns(name, list);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      problems.push(error.message);
      return [];
    }
  };
  /** One pattern, in which a comma is just a comma. */
  const one = async (name: string, source: string | undefined): Promise<Pattern | undefined> => {
    if (source === undefined) return undefined;
    try {
      return await compilePattern(name, source);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      problems.push(error.message);
      return undefined;
    }
  };

  const found =
    settings.matchPatterns === undefined
      ? [await one('ERROR_PATTERN', settings.errorPattern || defaultErrorPattern)]
      : await compiled('LOG_MATCH_PATTERNS', settings.matchPatterns);
  const excludes = await compiled('LOG_EXCLUDE_PATTERNS', settings.excludePatterns);
  const traceback = await one('TRACEBACK_PATTERN', settings.tracebackPattern);
  const multilineStart = await one('MULTILINE_START', settings.multilineStart);
  const secrets = await compiled('REDACT_PATTERNS', settings.redactPatterns);
  if (problems.length > 0 || !traceback) throw new SettingsError(problems);

  // A canary is matched whatever the patterns are, and no exclude keeps it out.
  const canary = await compilePattern('canary', canaryText.replace('/', '\\/'));
  const patterns = [...found.filter((pattern) => pattern !== undefined), canary];
  const glance = createSight();
  const redact = settings.redact ? createRedact({ patterns: secrets, glance }) : (text: string) => text;
  const match = createMatch({
    patterns,
    excludes: excludes.map((exclude) => ({
      ...exclude,
      test: (text: string) => exclude.test(text) && !canary.test(text),
    })),
    jsonErrors: settings.jsonErrors,
    tracebackPattern: traceback,
    eventId,
    redact,
    glance,
  });
  const finding = createFind({
    patterns,
    tracebackPattern: traceback,
    multilineStart,
    jsonErrors: settings.jsonErrors,
  });
  return { match, traceback, multilineStart, finding, redact };
}

/** The stages of one agent; each container gets its own join and coalesce. */
export function stagesFor(
  settings: AgentSettings,
  { match, traceback, multilineStart, finding: { find }, redact }: Detection,
): Stages {
  return {
    find,
    join: (emit) =>
      createJoin(
        {
          maxLines: settings.tracebackMaxLines,
          idleMs: settings.tracebackIdleMs,
          tracebackPattern: traceback,
          multilineStart,
          matters: find && ((text) => find.mattersText(text)),
        },
        emit,
      ),
    match: (entry, container, now) => match(entry, container, settings.host, now),
    ...(settings.contextLines > 0
      ? {
          context: (emit) =>
            createContext(
              {
                before: settings.contextLines,
                after: Math.ceil(settings.contextLines / 2),
                // As long as a line alone waits in join.
                waitMs: settings.tracebackIdleMs / 2,
                redact,
              },
              emit,
            ),
        }
      : {}),
    coalesce: (emit) =>
      createCoalesce(
        {
          seconds: settings.coalesceSeconds,
          maxSeconds: settings.coalesceMaxSeconds,
          maxEntries: settings.coalesceMaxEntries,
        },
        emit,
      ),
  };
}
