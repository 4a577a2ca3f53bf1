// A look -> what is amiss and what is in order. Pure.

import type { Agent } from '@log-detector/contract';
import { canaryChannel } from '../alerting/canary.ts';
import { stoppedFactor } from './agents.ts';
import type { Finding } from './incidents.ts';
import type { CanaryTimes, Look } from './look.ts';

export interface Bounds {
  /** AGENT_MISSING_SECONDS. 0: nobody is told. */
  missingMs: number;
  /** WATCH_LAG_SECONDS: a stage that is so far behind lags. 0: nobody is told. */
  lagMs: number;
}

/** Ten years: a line that is told to be older was stamped by a clock that was wrong, and says nothing of reading. */
const longestLagSeconds = 3.2e8;
/** What agents are called in records about them. */
const agentContainer = 'log-detector-agent';

export function findingsOf(look: Look, bounds: Bounds): Finding[] {
  const { agents, canaries } = look;
  return [
    ...(bounds.missingMs > 0 ? agents.map((agent) => missingAgent(agent, bounds)) : []),
    ...(bounds.lagMs > 0
      ? [
          ...agents.flatMap((agent) => laggingAgent(agent, bounds)),
          ...deliveryOf(look, bounds),
          ...canaries
            .filter(({ stage }) => stage === 'stored')
            .map((stored) => canaryOf(stored, look, bounds)),
        ]
      : []),
  ];
}

function missingAgent(agent: Agent, { missingMs }: Bounds): Finding {
  const { id, host, state, silent_seconds, last_seen_at, version } = agent;
  const isStoppedForLong = state === 'stopped' && silent_seconds * 1000 >= stoppedFactor * missingMs;
  const last = `${last_seen_at.slice(0, 19).replace('T', ' ')} UTC`;
  const why =
    state === 'stopped'
      ? `It was stopped at ${last} and has not come back.`
      : `It was last heard from at ${last}, and was not stopped on purpose: look whether its host and its container run.`;
  return {
    kind: 'agent-missing',
    subject: id,
    is:
      state === 'missing' || isStoppedForLong
        ? 'amiss'
        : state === 'fresh' || state === 'stopped'
          ? 'in-order'
          : 'unsure',
    since: last_seen_at,
    message: `No sign of life from the agent on ${host}\n${why}\nNothing that its containers log comes in meanwhile; Docker keeps it. If it is gone for good: DELETE /api/agents/${id}`,
    over: `The agent on ${host} is back`,
    host,
    container: agentContainer,
    fields: { agent_id: id, version },
  };
}

function laggingAgent(agent: Agent, bounds: Bounds): Finding[] {
  if (agent.state !== 'fresh') return [];
  const { id, host, sending_failure, reading_lag_seconds: told } = agent;
  const readingLag = told === null || told > longestLagSeconds ? 0 : told;
  const of = (what: string, seconds: number | null, message: string, over: string): Finding => ({
    kind: 'stage-lags',
    subject: `${what} ${id}`,
    is: rate(seconds ?? 0, bounds),
    message,
    over,
    host,
    container: agentContainer,
    fields: { agent_id: id },
  });
  return [
    of(
      'spool',
      agent.spool_oldest_seconds,
      `The agent on ${host} cannot get rid of its records\nThe oldest has waited for ${duration(agent.spool_oldest_seconds ?? 0)}; ${agent.spool_records} wait.${sending_failure ? `\nThe latest try failed: ${sending_failure}` : ''}`,
      `The agent on ${host} sends again`,
    ),
    of(
      'reading',
      readingLag,
      `The agent on ${host} reads behind its containers\nThe latest line it read was printed ${duration(readingLag)} before. Look at the host's load, and whether the spool is full.`,
      `The agent on ${host} keeps up with its containers again`,
    ),
  ];
}

/** What waits to be sent, whatever the reason. A channel that refuses is told of through another one by the outbox itself. */
function deliveryOf({ pending, incidents }: Look, bounds: Bounds): Finding[] {
  const waiting = pending.filter(({ channel }) => channel !== canaryChannel);
  const isWaiting = new Set(waiting.map(({ channel }) => subjectOf(channel)));
  const finding = (subject: string, is: Finding['is'], message: string): Finding => {
    const channel = subject.slice(deliverySubject.length);
    return { kind: 'stage-lags', subject, is, message, over: `Notifications are sent again (${channel})` };
  };
  return [
    ...waiting.map(({ channel, count, oldest_seconds, error_message }) =>
      finding(
        subjectOf(channel),
        rate(oldest_seconds, bounds),
        `Notifications wait to be sent (${channel})\nThe oldest has waited for ${duration(oldest_seconds)}; ${count} wait.${error_message ? `\nThe latest try failed: ${error_message}` : ''}`,
      ),
    ),
    // Nothing waits any more.
    ...incidents
      .filter(({ subject }) => subject.startsWith(deliverySubject) && !isWaiting.has(subject))
      .map(({ subject }) => finding(subject, 'in-order', '')),
  ];
}

const deliverySubject = 'delivery ';
function subjectOf(channel: string): string {
  return `${deliverySubject}${channel}`;
}

function canaryOf(stored: CanaryTimes, { canaries, agents }: Look, bounds: Bounds): Finding {
  const { host, container } = stored;
  // An agent that is stopped or missing is told of by itself.
  const ofHost = agents.filter((agent) => agent.host === host);
  const isUnfollowed = ofHost.length > 0 && !ofHost.some(({ state }) => state === 'fresh');
  const stages = canaries.filter((each) => each.host === host && each.container === container);
  const oldest = stages.toSorted((a, b) => b.age_seconds - a.age_seconds)[0]!;
  return {
    kind: 'stage-lags',
    subject: `canary ${host} ${container}`,
    is: isUnfollowed ? 'unsure' : rate(oldest.age_seconds, bounds),
    message: `No canary came through from ${host}\nThe latest that was ${oldest.stage} came ${duration(oldest.age_seconds)} ago, from the container ${container}. What other containers log may be stuck at the same place.`,
    over: `Canaries from ${host} come through again`,
    host,
    container: 'log-detector-canary',
    fields: { stage: oldest.stage, container },
  };
}

/** Half way back is not over yet. */
function rate(seconds: number, { lagMs }: Bounds): Finding['is'] {
  if (seconds * 1000 >= lagMs) return 'amiss';
  return seconds * 1000 >= lagMs / 2 ? 'unsure' : 'in-order';
}

export function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}
