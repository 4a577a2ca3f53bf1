#!/usr/bin/env node
// The command `log-detector`. In a clone it builds first when the sources are newer than the build; in an image or an
// installed package there is only the build.

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const dist = join(root, 'dist');

if (existsSync(join(root, 'cli', 'build.mjs'))) {
  const { buildIfStale } = await import('../build.mjs');
  await buildIfStale();
}

// The agent runs on every host, so it loads its own single file and nothing of the rest; the canary runs in its image.
const [verb] = process.argv.slice(2);
const isOfTheAgent = verb === 'agent' || verb === 'canary';
const entry = isOfTheAgent && existsSync(join(dist, 'agent.mjs')) ? 'agent.mjs' : 'cli.mjs';
if (!existsSync(join(dist, entry))) {
  console.error(`log-detector: ${join(dist, entry)} is missing; run "npm run build"`);
  process.exit(1);
}
await import(pathToFileURL(join(dist, entry)).href);
