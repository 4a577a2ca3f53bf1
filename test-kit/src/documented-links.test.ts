// Every link from one document of the repository to another file of it leads somewhere.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const documents = ['.', 'docs', 'docs/adr', 'benchmarks'].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
);

describe('links of the documents', () => {
  it.each(documents)('lead somewhere in %s', (document) => {
    const text = readFileSync(join(root, document), 'utf8').replace(/^```[\s\S]*?^```/gm, '');
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target]) => target!)
      .filter((target) => !/^[a-z]+:|^#/.test(target));
    const broken = targets.filter(
      (target) => !existsSync(join(root, dirname(document), target.split('#')[0]!)),
    );
    expect(broken).toEqual([]);
  });
});
