// Every setting that a program reads is in docs/configuration.md, and nothing else is. The .env.example files have a test in
// acceptance/env-examples.test.ts.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');

/** Read by a library, from the standard names that it documents. */
const ofTheAwsSdk = /^AWS_/;

/** The names in the code: each is written between quotes, with an underscore or as the reader's argument. */
function namesRead(source: string): string[] {
  const names = source.matchAll(/(?:\.\w+\(\s*|[[ ])'([A-Z][A-Z0-9_]+)'/g);
  return [...new Set([...names].map(([, name]) => name!))].filter((name) => !ofTheAwsSdk.test(name)).sort();
}

/** The names in the first cells of the tables under one heading. */
function namesDocumented(heading: string): string[] {
  const section =
    read('docs/configuration.md')
      .split(/^## /m)
      .find((part) => part.startsWith(heading)) ?? '';
  const cells = section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|')[1]!);
  return cells
    .flatMap((cell) => [...cell.matchAll(/`([A-Z][A-Z0-9_]+)`/g)].map(([, name]) => name!))
    .filter((name) => !ofTheAwsSdk.test(name))
    .sort();
}

describe.each([
  ['Agent', 'agent'],
  ['Backend', 'backend'],
])('settings of the %s', (heading, folder) => {
  const names = namesRead(read(`${folder}/src/settings.ts`));

  it('are all in docs/configuration.md, and no other is', () => {
    expect(names.length).toBeGreaterThan(10);
    expect(namesDocumented(heading)).toEqual(names);
  });
});
