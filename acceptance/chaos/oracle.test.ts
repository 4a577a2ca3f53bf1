import { describe, expect, it } from 'vitest';
import { expectedMessage, type Profile } from './generator.ts';
import { type Evidence, judge, type MadeContainer, type StoredHole, type StoredRow } from './oracle.ts';
import type { Printed } from './truth.ts';

const profile: Profile = { share: 1, longEvery: 7, traceEvery: 5 };
const start = Date.parse('2026-11-22T10:00:00Z');
/** One number every 100 ms. */
const at = (seq: number) => start + seq * 100;

/** Twenty numbers printed to stdout by one container, all of them stored. */
function evidence(
  change: (parts: { rows: StoredRow[]; container: MadeContainer }) => Partial<Evidence> | undefined = () =>
    undefined,
) {
  const source = { key: 'k1', run: 1, outlet: 'out' } as const;
  const printed: Printed = {
    ...source,
    printed: 20,
    bursts: Array.from({ length: 20 }, (_, index) => ({
      number: index + 1,
      since: at(index) + 60,
      until: at(index) + 90,
    })),
    aliveAt: at(22),
  };
  const container: MadeContainer = { key: 'k1', id: 'c1', profile, tty: false, causes: [] };
  const rows = Array.from({ length: 20 }, (_, index) => ({
    message: expectedMessage(source, index + 1, profile),
    stream: 'stdout',
    occurredAt: at(index + 1),
  }));
  const changed = change({ rows, container });
  return {
    truth: [printed],
    containers: [container],
    records: rows,
    holes: [],
    ...changed,
  } satisfies Evidence;
}

function hole(from: number, to: number, over: Partial<StoredHole> = {}): StoredHole {
  return {
    containerId: 'c1',
    container: 'web',
    stream: null,
    from: at(from),
    to: at(to),
    reason: 'rotated',
    ...over,
  };
}

describe('the oracle', () => {
  it('finds nothing wrong when each number is stored once', async () => {
    const verdict = await judge(evidence());
    expect(verdict).toMatchObject({
      printed: 20,
      stored: 20,
      lost: 0,
      repeated: 0,
      inHoles: 0,
      problems: [],
    });
  });

  it('sees a row that was deleted', async () => {
    const verdict = await judge(evidence(({ rows }) => void rows.splice(9, 1)));
    expect(verdict).toMatchObject({ printed: 20, stored: 19, lost: 1 });
    expect(verdict.problems).toEqual([expect.stringContaining('lost: k1.1 out 10..10 of 20')]);
  });

  it('sees that the last numbers, or all of them, never came', async () => {
    expect(await judge(evidence(({ rows }) => void rows.splice(15)))).toMatchObject({ stored: 15, lost: 5 });
    expect(await judge(evidence(({ rows }) => void rows.splice(0)))).toMatchObject({ stored: 0, lost: 20 });
  });

  it('sees a row that is there twice', async () => {
    const verdict = await judge(evidence(({ rows }) => void rows.push(rows[4]!)));
    expect(verdict).toMatchObject({ stored: 20, lost: 0, repeated: 1 });
    expect(verdict.problems).toEqual([expect.stringContaining('repeated: k1.1 out 5, logged')]);
  });

  it('takes what is missing in a declared hole as declared', async () => {
    const verdict = await judge(
      evidence(({ rows, container }) => {
        rows.splice(9, 3);
        container.causes.push({ what: 'rotated', from: start, to: at(30) });
        return { holes: [hole(9, 13)] };
      }),
    );
    expect(verdict).toMatchObject({
      printed: 20,
      stored: 17,
      lost: 0,
      inHoles: 3,
      storedInHoles: 0,
      problems: [],
    });
  });

  it('does not take a hole elsewhere for an excuse', async () => {
    for (const other of [
      hole(14, 16),
      hole(2, 5),
      hole(9, 13, { containerId: 'c2' }),
      hole(9, 13, { stream: 'stderr' }),
    ]) {
      const verdict = await judge(
        evidence(({ rows }) => {
          rows.splice(9, 3);
          return { holes: [other] };
        }),
      );
      expect(verdict, JSON.stringify(other)).toMatchObject({ lost: 3, inHoles: 0, falseHoles: 1 });
    }
  });

  it('sees a hole where nothing is missing and nothing happened to the log', async () => {
    const verdict = await judge(evidence(() => ({ holes: [hole(9, 10)] })));
    expect(verdict).toMatchObject({ lost: 0, falseHoles: 1, holes: { rotated: 1 } });
    expect(verdict.problems).toEqual([expect.stringContaining('false hole: hole of web')]);
  });

  it('lets a hole be when the log was truncated or removed there, though no number is missing', async () => {
    const cause = { what: 'truncated', from: at(9), to: at(10) } as const;
    expect(
      await judge(
        evidence(({ container }) => {
          container.causes.push(cause);
          return { holes: [hole(9, 10)] };
        }),
      ),
    ).toMatchObject({ falseHoles: 0, problems: [] });
    expect(
      await judge(
        evidence(({ container }) => {
          container.causes.push({ ...cause, from: at(900), to: at(901) });
          return { holes: [hole(9, 10)] };
        }),
      ),
    ).toMatchObject({ falseHoles: 1 });
  });

  it('lets a hole of a torn log be where the daemon was killed, and no other', async () => {
    for (const [reason, falseHoles] of [
      ['corrupt-log', 0],
      ['rotated', 1],
    ] as const) {
      const verdict = await judge(
        evidence(({ container }) => {
          container.causes.push({ what: 'daemon-killed', from: at(9), to: at(10) });
          return { holes: [hole(9, 10, { reason })] };
        }),
      );
      expect(verdict).toMatchObject({ falseHoles });
    }
  });

  it('sees a hole that declares more than is missing', async () => {
    const verdict = await judge(
      evidence(({ rows }) => {
        rows.splice(9, 1);
        return { holes: [hole(0, 21)] };
      }),
    );
    expect(verdict).toMatchObject({ inHoles: 1, storedInHoles: 19 });
    expect(verdict.problems).toContain('stored in a hole: … 9 more');
  });

  it('sees another order, another text and another stream', async () => {
    const swapped = evidence(({ rows }) => void rows.splice(3, 2, rows[4]!, rows[3]!));
    expect(await judge(swapped)).toMatchObject({ outOfOrder: 1, lost: 0 });
    const torn = evidence(({ rows }) => {
      rows[6] = { ...rows[6]!, message: rows[6]!.message.replace('fox', 'fix') };
      rows[4] = { ...rows[4]!, message: rows[4]!.message.split('\n').slice(0, 3).join('\n') };
      rows[0] = { ...rows[0]!, stream: 'stderr' };
      rows.push({ message: 'ERROR of somebody else', stream: 'stdout', occurredAt: at(1) });
    });
    expect(await judge(torn)).toMatchObject({ corrupt: 4, lost: 0 });
  });

  it('lets a line be that a kill cut off, or that was printed and not written down, but not twice', async () => {
    const source = { key: 'k1', run: 1, outlet: 'out' } as const;
    const after = { message: expectedMessage(source, 21, profile), stream: 'stdout', occurredAt: at(21) };
    const cut = { ...after, message: after.message.slice(0, 5000) };
    expect(await judge(evidence(({ rows }) => void rows.push(cut)))).toMatchObject({
      fragments: 1,
      problems: [],
    });
    expect(await judge(evidence(({ rows }) => void rows.push(after)))).toMatchObject({
      printed: 21,
      stored: 21,
      problems: [],
    });
    expect(await judge(evidence(({ rows }) => void rows.push(after, after)))).toMatchObject({ repeated: 1 });
    const half = { ...after, message: expectedMessage(source, 7, profile).slice(0, 5000) };
    expect(await judge(evidence(({ rows }) => void rows.splice(6, 1, half)))).toMatchObject({
      corrupt: 1,
      lost: 1,
    });
  });

  it('takes a traceback that Docker never had to its end for a piece, and one that it had for damaged', async () => {
    const cut = (isIn: boolean) =>
      judge(
        evidence(({ rows }) => {
          const index = rows.findIndex(({ message }) => message.startsWith('Traceback'));
          const row = rows[index]!;
          rows[index] = { ...row, message: row.message.slice(0, row.message.lastIndexOf('\n')) };
          return { isInDockerLog: () => isIn };
        }),
      );
    expect(await cut(false)).toMatchObject({ fragments: 1, corrupt: 0, lost: 0, lostByDocker: 1 });
    expect(await cut(true)).toMatchObject({ fragments: 0, corrupt: 1 });
  });

  it('does not blame the agent for what Docker itself never had in its log, nor Docker for what it had', async () => {
    const missing = (isIn: boolean | undefined) =>
      judge(
        evidence(({ rows }) => {
          rows.splice(18, 2);
          return { isInDockerLog: () => isIn };
        }),
      );
    expect(await missing(false)).toMatchObject({ printed: 18, lost: 0, lostByDocker: 2 });
    expect(await missing(true)).toMatchObject({ printed: 20, lost: 2, lostByDocker: 0 });
    expect(await missing(undefined)).toMatchObject({ printed: 20, lost: 2, lostByDocker: 0 });
  });
});
