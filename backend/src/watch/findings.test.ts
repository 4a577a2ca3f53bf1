import type { Agent } from '@log-detector/contract';
import { describe, expect, it } from 'vitest';
import { findingsOf } from './findings.ts';
import type { CanaryTimes, Look } from './look.ts';

const bounds = { missingMs: 300_000, lagMs: 300_000 };

const anAgent = (parts: Partial<Agent> = {}): Agent => ({
  id: '019aabcd-0000-7000-8000-000000000001',
  host: 'web-1',
  version: '1.0.0',
  is_connected: true,
  containers: 3,
  uptime_seconds: 10,
  reading_lag_seconds: null,
  spool_records: 0,
  spool_bytes: 0,
  spool_oldest_seconds: null,
  records: 0,
  holes: 0,
  state: 'fresh',
  first_seen_at: '2026-11-22T10:00:00.000000Z',
  last_seen_at: '2026-11-22T11:00:00.000000Z',
  silent_seconds: 1,
  ...parts,
});
const aCanary = (stage: string, age_seconds: number): CanaryTimes => ({
  host: 'web-1',
  container: 'canary',
  stage,
  printed_at: '2026-11-22T11:00:00.000000Z',
  at: '2026-11-22T11:00:01.000000Z',
  latency_seconds: 1,
  age_seconds,
});
const aLook = (parts: Partial<Look> = {}): Look => ({
  at: 0,
  agents: [],
  pending: [],
  alerts: { count: 0, oldest_seconds: 0 },
  canaries: [],
  incidents: [],
  ...parts,
});
const amiss = (parts: Partial<Look>, other = bounds) =>
  findingsOf(aLook(parts), other)
    .filter(({ is }) => is === 'amiss')
    .map(({ message }) => message.split('\n', 1)[0]);

describe('what is amiss', () => {
  it('is nothing, where nothing is', () => {
    expect(findingsOf(aLook(), bounds)).toEqual([]);
    expect(amiss({ agents: [anAgent()], canaries: [aCanary('stored', 20)] })).toEqual([]);
  });

  it('is an agent that reads far behind its containers', () => {
    expect(amiss({ agents: [anAgent({ reading_lag_seconds: 301 })] })).toEqual([
      'The agent on web-1 reads behind its containers',
    ]);
  });

  it('is no agent whose lines are stamped by a clock that stood at its beginning', () => {
    expect(amiss({ agents: [anAgent({ reading_lag_seconds: 1_796_062_698 })] })).toEqual([]);
  });

  it('is a canary that stopped at a stage, and which', () => {
    const canaries = [aCanary('stored', 20), aCanary('dispatched', 20), aCanary('delivered', 400)];
    expect(amiss({ agents: [anAgent()], canaries })).toEqual(['No canary came through from web-1']);
    const [, , , finding] = findingsOf(aLook({ agents: [anAgent()], canaries }), bounds);
    expect(finding!.message).toMatch(/was delivered came 7 min ago/);
  });

  it('is no canary whose agent is stopped or missing, which is told by itself', () => {
    const canaries = [aCanary('stored', 400)];
    expect(amiss({ agents: [anAgent({ state: 'stopped', silent_seconds: 400 })], canaries })).toEqual([]);
    expect(amiss({ agents: [anAgent({ state: 'missing', silent_seconds: 400 })], canaries })).toEqual([
      'No sign of life from the agent on web-1',
    ]);
  });

  it('is nothing that nobody wants to be told of', () => {
    const parts = {
      agents: [anAgent({ state: 'missing', silent_seconds: 4000, spool_oldest_seconds: 4000 })],
      canaries: [aCanary('stored', 4000)],
    };
    expect(amiss(parts, { missingMs: 0, lagMs: 0 })).toEqual([]);
  });

  it('ends only when it is half way back', () => {
    const is = (spool_oldest_seconds: number) =>
      findingsOf(aLook({ agents: [anAgent({ spool_oldest_seconds })] }), bounds).find(({ subject }) =>
        subject.startsWith('spool'),
      )!.is;
    expect([300, 200, 149].map(is)).toEqual(['amiss', 'unsure', 'in-order']);
  });
});
