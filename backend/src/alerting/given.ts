// Words for the tests: records and questions with everything that does not matter filled in.

import type { AlertQuestion, Issue, StoredRecord } from '../ingest/types.ts';
import type { AlertSettings } from './plan-alerts.ts';

let made = 0;

/** A stored record that is no duplicate, of an issue seen before. */
export function aRecord(
  parts: Partial<Omit<StoredRecord, 'issue'>> & { issue?: Partial<Issue> } = {},
): StoredRecord {
  made += 1;
  const id = `019aabcd-0000-7000-8000-${made.toString(16).padStart(12, '0')}`;
  return {
    id,
    bucket: made & 4095,
    host: 'web-1',
    container: 'api',
    service: 'api',
    severity: 'error',
    message: 'ERROR connection refused',
    logHash: 'ab'.repeat(32),
    occurredAt: '2026-11-22T10:00:00.123456Z',
    receivedAt: '2026-11-22T10:00:01.000000Z',
    eventId: null,
    stream: null,
    image: null,
    labels: null,
    fields: null,
    contextBefore: null,
    contextAfter: null,
    coalesceId: null,
    isDuplicate: false,
    duplicateOfId: null,
    ...parts,
    issue: {
      id: '019aabcd-0000-7000-9000-000000000001',
      fingerprint: 'f',
      service: 'api',
      title: 'ERROR connection refused',
      state: 'open',
      mutedUntil: null,
      mutedUntilCount: null,
      firstSeen: '2026-11-22T09:00:00.000000Z',
      lastSeen: '2026-11-22T10:00:01.000000Z',
      previousSeen: '2026-11-22T09:00:00.000000Z',
      count: 2,
      added: 1,
      isNew: false,
      isRegressed: false,
      notifiedAt: null,
      notifiedCount: null,
      windowCount: 1,
      windowPeak: 1,
      usualPauseMs: 0,
      alertState: null,
      mute: null,
      mutedHeld: 0,
      ...parts.issue,
    },
  };
}

export function aQuestion(records: StoredRecord[], parts: Partial<AlertQuestion> = {}): AlertQuestion {
  return {
    records,
    recipients: ['ops@example.org'],
    coalesced: new Set(),
    linkKey: { number: 1, secret: Buffer.alloc(32) },
    now: Date.parse('2026-11-22T10:00:01Z'),
    ...parts,
  };
}

export function alertSettings(parts: Partial<AlertSettings> = {}): AlertSettings {
  return {
    enabled: true,
    to: [],
    from: 'Log Detector <alerts@example.com>',
    baseUrl: 'https://logs.example.com',
    ...parts,
  };
}

/** Ids that count up. */
export function countingIds(): () => string {
  let n = 0;
  return () => {
    n += 1;
    return `id-${n}`;
  };
}
