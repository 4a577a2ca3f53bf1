import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { arrowsOf, readArrows, wrongArrows } from './imports.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const faults = (path: string, source: string) => wrongArrows(arrowsOf(path, source));

describe('the imports of this repository', () => {
  const arrows = readArrows(root);

  it('are all found', () => {
    expect(arrows.length).toBeGreaterThan(20);
  });

  it('point the way the design says', () => {
    expect(wrongArrows(arrows)).toEqual([]);
  });
});

describe('an arrow that points the wrong way', () => {
  it('is named with its file and the rule, when a stage of the agent reaches into another', () => {
    expect(faults('agent/src/detect/match.ts', "import { eventId } from '../ship/event-id.ts';")).toEqual([
      'agent/src/detect/match.ts -> agent/src/ship/event-id.ts: detect and ship may know each other by agent/src/types.ts alone',
    ]);
  });

  it.each([
    ['the backend calls up its chain', 'backend/src/outbox/lease.ts', "import { a } from '../ingest/a.ts';"],
    ['a floor stands on the chain', 'backend/src/db/pool.ts', "export { a } from '../issues/a.ts';"],
    ['the chain leans on what is beside it', 'backend/src/alerting/a.ts', "import '../search/a.ts';"],
    [
      'the agent takes values of the contract',
      'agent/src/a.ts',
      "import { limits } from '@log-detector/contract';",
    ],
    ['only some names are types', 'agent/src/a.ts', "import { type A, b } from '@log-detector/contract';"],
    ['the agent knows the backend', 'agent/src/a.ts', "import type { A } from '@log-detector/backend';"],
    ['a program imports the test kit', 'cli/src/a.ts', "import { run } from '@log-detector/test-kit';"],
    ['another workspace is reached by path', 'agent/src/a.ts', "import { a } from '../../backend/src/a.ts';"],
    ['it is dynamic', 'backend/src/channels/a.ts', "const a = await import('../outbox/a.ts');"],
    ['the import spans lines', 'agent/src/ship/a.ts', "import {\n  a,\n  b,\n} from '../follow/a.ts';"],
  ])('is found when %s', (_when, path, source) => {
    expect(faults(path, source)).toHaveLength(1);
  });

  it.each([
    ['types of the contract', 'agent/src/a.ts', "import type { WireRecord } from '@log-detector/contract';"],
    [
      'names that are all types',
      'agent/src/a.ts',
      "import { type A, type B } from '@log-detector/contract';",
    ],
    ['down the chain', 'backend/src/ingest/a.ts', "import { a } from '../outbox/a.ts';"],
    [
      'of the types of a step above',
      'backend/src/outbox/a.ts',
      "import type { A } from '../ingest/types.ts';",
    ],
    ['to a floor', 'backend/src/channels/a.ts', "import { a } from '../db/a.ts';"],
    ['from a test', 'agent/src/detect/a.test.ts', "import { a } from '@log-detector/test-kit';"],
    ['in a comment', 'agent/src/detect/a.ts', "// import { a } from '../ship/a.ts';"],
    ['to a library', 'agent/src/detect/a.ts', "import { RE2JS } from 're2js';"],
  ])('is not seen in an import %s', (_what, path, source) => {
    expect(faults(path, source)).toEqual([]);
  });
});
