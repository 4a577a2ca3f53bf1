// What the agent's one file imports at its start. Node.js 20, which the tests may run on, has no such exports yet, so the
// memory itself would not show it.

import { build } from 'esbuild';
import { expect, it } from 'vitest';

/** Modules with an export that brings in much more, and one that few agents need. */
const asked = ['http', 'https', 'util', 'child_process'].flatMap((name) => [name, `node:${name}`]);

it('imports none of the modules that cost memory when they are imported', async () => {
  const { metafile } = await build({
    entryPoints: [new URL('../../cli/src/agent-only.ts', import.meta.url).pathname],
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['recheck', 're2js'],
    metafile: true,
    write: false,
  });
  const [output] = Object.values(metafile.outputs);
  const imported = output!.imports.map(({ path }) => path);
  expect(imported).toContain('node:fs');
  expect(imported.filter((path) => asked.includes(path))).toEqual([]);
});
