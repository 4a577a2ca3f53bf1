// The image starts the agent as everything else does.

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { agentEnvironment, agentNodeFlags } from './agent-process.ts';

it('has the image run Node.js with the flags and the environment of the agent', () => {
  const dockerfile = readFileSync(new URL('../../agent/Dockerfile', import.meta.url), 'utf8');
  const entry = /^ENTRYPOINT (.*)$/m.exec(dockerfile)![1]!;
  const [, version] = /^ARG NODE_IMAGE=node:(\d+)/m.exec(dockerfile)!;
  expect(JSON.parse(entry)).toEqual(['node', ...agentNodeFlags(version), 'cli/bin/log-detector.mjs']);
  const set = /^ENV NODE_ENV=.*$/m.exec(dockerfile)![0].split(' ');
  expect(set).toEqual(
    expect.arrayContaining(Object.entries(agentEnvironment).map(([name, value]) => `${name}=${value}`)),
  );
});

it('leaves one thread of its own to V8 from Node.js 24 on, which alone gives back what was freed', () => {
  expect(agentNodeFlags('22.20.0')).toContain('--single-threaded-gc');
  expect(agentNodeFlags('24.1.0')).not.toContain('--single-threaded-gc');
});
