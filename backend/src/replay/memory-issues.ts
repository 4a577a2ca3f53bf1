// Issues counted in memory as issues/record-occurrences.ts counts them in the database, by the same formulas. The test beside
// it holds both to the same answers.

import { windowMs } from '../alerting/window.ts';
import type { Draft } from '../ingest/store.ts';
import type { Group, Issue, IssueNote, MuteChange } from '../ingest/types.ts';

/** An issue's row. Instants are ISO 8601. */
export interface MemoryIssue extends Omit<Issue, 'added' | 'isNew' | 'isRegressed' | 'usualPauseMs'> {
  severity: string;
  hosts: string[];
  containers: string[];
  lastRecordId: string;
  windowNo: number;
  /** Seconds. */
  rhythm: number;
}

const maxPlaces = 50;

export class MemoryIssues {
  readonly #issues = new Map<string, MemoryIssue>();
  readonly #byId = new Map<string, MemoryIssue>();
  readonly #newId: () => string;

  /** @param newId makes the ids of new issues. */
  constructor(newId: () => string) {
    this.#newId = newId;
  }

  /** One that was there before. */
  preload(issue: MemoryIssue): void {
    const copy = { ...issue, hosts: [...issue.hosts], containers: [...issue.containers] };
    this.#issues.set(keyOf(issue), copy);
    this.#byId.set(issue.id, copy);
  }

  get(id: string): MemoryIssue | undefined {
    return this.#byId.get(id);
  }

  /** @returns the issue of each record, in order, as it stands after the batch: the same object for the same issue. */
  count(drafts: readonly Draft[], groups: readonly Group[]): Issue[] {
    const batches = new Map<string, { group: Group; drafts: Draft[] }>();
    const keys = drafts.map((draft, index) => {
      const group = groups[index]!;
      const key = keyOf({ fingerprint: group.fingerprint, service: draft.service });
      const batch = batches.get(key);
      if (batch) batch.drafts.push(draft);
      else batches.set(key, { group, drafts: [draft] });
      return key;
    });
    const counted = new Map(
      [...batches].map(([key, batch]): [string, Issue] => [key, this.#countOne(key, batch)]),
    );
    return keys.map((key) => counted.get(key)!);
  }

  #countOne(key: string, { group, drafts }: { group: Group; drafts: Draft[] }): Issue {
    const known = this.#issues.get(key);
    const first = drafts[0]!;
    const last = drafts.at(-1)!;
    const windowNo = Math.floor(last.receivedAtMs / windowMs);
    const wasResolved = known?.state === 'resolved';
    const row: MemoryIssue = known ?? {
      id: this.#newId(),
      fingerprint: group.fingerprint,
      service: first.service,
      title: group.title,
      state: 'open',
      mutedUntil: null,
      mutedUntilCount: null,
      firstSeen: first.receivedAt,
      lastSeen: last.receivedAt,
      previousSeen: null,
      count: 0,
      notifiedAt: null,
      notifiedCount: null,
      windowNo,
      windowCount: 0,
      windowPeak: 0,
      rhythm: 0,
      alertState: null,
      mute: null,
      mutedHeld: 0,
      severity: last.severity,
      hosts: [],
      containers: [],
      lastRecordId: last.id,
    };
    if (known) goOn(known, last, windowNo);
    row.count += drafts.length;
    row.windowCount += drafts.length;
    row.severity = last.severity;
    row.lastRecordId = last.id;
    if (wasResolved) row.state = 'open';
    addPlaces(
      row.hosts,
      drafts.map(({ host }) => host),
    );
    addPlaces(
      row.containers,
      drafts.map(({ container }) => container),
    );
    this.#issues.set(key, row);
    this.#byId.set(row.id, row);
    return {
      ...row,
      added: drafts.length,
      isNew: !known,
      isRegressed: wasResolved,
      usualPauseMs: row.rhythm * 1000,
    };
  }

  note(notes: readonly IssueNote[]): void {
    for (const { issue, notifiedAt, notifiedCount, alertState } of notes)
      Object.assign(this.#issues.get(keyOf(issue))!, { notifiedAt, notifiedCount, alertState });
  }

  noteMutes(changes: readonly MuteChange[]): void {
    for (const { issue, ended, mutedHeld } of changes) {
      const row = this.#issues.get(keyOf(issue))!;
      row.mutedHeld = mutedHeld;
      if (ended !== null)
        Object.assign(row, { state: 'open', mute: null, mutedUntil: null, mutedUntilCount: null });
    }
  }
}

/** What the upsert sets, from what was there. */
function goOn(row: MemoryIssue, last: Draft, windowNo: number): void {
  const lastSeen = Date.parse(row.lastSeen);
  const latestPauseS = row.previousSeen === null ? 0 : (lastSeen - Date.parse(row.previousSeen)) / 1000;
  row.rhythm =
    Math.max(row.rhythm, Math.min(latestPauseS, 201_600)) *
    0.5 ** (Math.max((last.receivedAtMs - lastSeen) / 1000, 0) / 604_800);
  if (windowNo > row.windowNo) {
    row.windowPeak = Math.max(row.windowPeak, row.windowCount) * 0.5 ** ((windowNo - row.windowNo) / 2016);
    row.windowCount = 0;
    row.windowNo = windowNo;
  }
  row.previousSeen = row.lastSeen;
  if (last.receivedAtMs > lastSeen) row.lastSeen = last.receivedAt;
}

function addPlaces(known: string[], seen: readonly string[]): void {
  for (const place of seen) {
    if (known.length >= maxPlaces) return;
    if (!known.includes(place)) known.push(place);
  }
}

function keyOf({ fingerprint, service }: { fingerprint: string; service: string }): string {
  return `${fingerprint}\0${service}`;
}
