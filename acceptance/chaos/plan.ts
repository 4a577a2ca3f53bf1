// A seed -> the faults and their order. The same seed gives the same faults to the same containers, in the same order;
// only the instants differ from run to run, because the machine does.

import { seededRandom } from './random.ts';

/** What can be done to what: `slots` names the kinds of container that a fault may strike, `ms` how long it lasts. */
interface Kind {
  weight: number;
  slots?: readonly SlotName[];
  ms?: readonly [min: number, max: number];
}

/** The containers, by what is special about them. `runner` is a name for those that live for a moment. */
export const slotNames = ['web', 'api', 'worker', 'console', 'chatty', 'quiet', 'local'] as const;
export type SlotName = (typeof slotNames)[number];

const plainLogs = ['web', 'api', 'worker', 'console', 'quiet'] as const;

const kinds = {
  'agent kill -9': { weight: 14, ms: [0, 1000] },
  // Long enough for the small log to be rotated away meanwhile.
  'agent kill -9 for long': { weight: 2, ms: [4000, 7000] },
  'agent SIGTERM': { weight: 5, ms: [0, 500] },
  'agent frozen': { weight: 4, ms: [500, 3000] },
  'backend kill -9': { weight: 10, ms: [0, 700] },
  'backend SIGTERM': { weight: 4, ms: [0, 500] },
  'backend frozen': { weight: 4, ms: [500, 3000] },
  'postmaster kill -9': { weight: 8 },
  'everything kill -9': { weight: 4, ms: [0, 1000] },
  'dockerd restart': { weight: 4 },
  'dockerd kill -9': { weight: 4 },
  'connections cut': { weight: 5, ms: [300, 2500] },
  'connections slow': { weight: 4, ms: [1000, 4000] },
  'connections half-closed': { weight: 4, ms: [300, 2500] },
  'requests met by silence': { weight: 3, ms: [1000, 4000] },
  'answers lost': { weight: 8, ms: [300, 2500] },
  'answers 500': { weight: 4, ms: [300, 2500] },
  'answers 429': { weight: 4, ms: [300, 2500] },
  // The agent then waits half a minute, so not too often.
  'answers 401': { weight: 1, ms: [300, 2500] },
  'answers garbage': { weight: 4, ms: [300, 2500] },
  'container restart': { weight: 6, slots: slotNames },
  'container kill': { weight: 5, slots: slotNames },
  'container stop and start': { weight: 5, slots: slotNames, ms: [0, 2500] },
  'container rename': { weight: 4, slots: slotNames },
  'container recreate': { weight: 5, slots: slotNames },
  'container of a moment': { weight: 5 },
  'log truncated': { weight: 3, slots: plainLogs },
} satisfies Record<string, Kind>;

export type FaultKind = keyof typeof kinds;
export const faultKinds = Object.keys(kinds) as FaultKind[];

export interface Fault {
  kind: FaultKind;
  /** Which container it strikes; undefined: it is not about one. */
  slot: SlotName | undefined;
  /** How long it lasts, in ms; 0 when it is over at once. */
  ms: number;
  /** How long after the one before it begins, in ms. */
  afterMs: number;
}

/** @param count how many; as soon as there is room for it, each kind comes at least once. */
export function planFaults(
  seed: number,
  count: number,
  { kinds: chosen = faultKinds, meanGapMs = 1000 }: { kinds?: readonly FaultKind[]; meanGapMs?: number } = {},
): Fault[] {
  const random = seededRandom(seed);
  const weighted = chosen.map((kind) => ({ kind, weight: kinds[kind].weight }));
  const once = chosen.map((kind) => ({ kind, place: random.next() })).sort((a, b) => a.place - b.place);
  // Spread over the run: the list of all kinds, in its random order.
  const step = Math.min(3, Math.max(1, Math.floor(count / chosen.length)));
  const faults: Fault[] = [];
  for (let index = 0; index < count; index++) {
    const isOfTheList = index % step === step - 1;
    const { kind } = (isOfTheList ? once.shift() : undefined) ?? random.pick(weighted);
    const { slots, ms }: Kind = kinds[kind];
    faults.push({
      kind,
      slot: slots?.[random.between(0, slots.length - 1)],
      ms: ms ? random.between(ms[0], ms[1]) : 0,
      afterMs: random.between(Math.round(meanGapMs / 10), Math.round(meanGapMs * 1.9)),
    });
  }
  return faults;
}
