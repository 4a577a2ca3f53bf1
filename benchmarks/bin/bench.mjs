// `npm run bench [name…]`: runs the benchmarks, each a file of its own in benchmarks/, and writes benchmarks/results.md.
// With names, runs just those and prints them; with --write it also renews their sections of results.md.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { readSections, section, writeSections } from './results.mjs';

const folder = dirname(dirname(fileURLToPath(import.meta.url)));
const root = dirname(folder);

if (process.env.LOG_DETECTOR_BENCH) {
  // In the child: one benchmark, its result as the last line.
  const { run } = await import(pathToFileURL(process.env.LOG_DETECTOR_BENCH).href);
  process.stdout.write(`\n@result ${JSON.stringify(await run())}\n`, () => process.exit());
} else {
  await runAll();
}

/** Bundles one benchmark; only the workspaces are bundled, packages stay outside. */
async function bundle(name, outfile) {
  const { build } = await import('esbuild');
  await build({
    entryPoints: [join(folder, `${name}.ts`)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    sourcemap: 'inline',
    logLevel: 'warning',
    plugins: [
      {
        name: 'bundle-only-workspaces',
        setup(build) {
          build.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
            kind === 'entry-point' || path.startsWith('@log-detector/')
              ? undefined
              : { path, external: true },
          );
          // The test kit finds its scripts beside its sources.
          build.onLoad({ filter: /test-kit\/src\/.*\.ts$/ }, ({ path }) => ({
            loader: 'ts',
            contents: readFileSync(path, 'utf8').replaceAll(
              'import.meta.url',
              JSON.stringify(pathToFileURL(path).href),
            ),
          }));
        },
      },
    ],
  });
}

async function runAll() {
  const asked = process.argv.slice(2).filter((name) => !name.startsWith('--'));
  const there = readdirSync(folder)
    .filter((file) => /^[a-z][a-z0-9-]*\.ts$/.test(file))
    .map((file) => file.slice(0, -3));
  const unknown = asked.filter((name) => !there.includes(name));
  if (unknown.length > 0) {
    console.error(`no benchmark ${unknown.join(', ')}; there are ${there.join(', ')}`);
    process.exit(2);
  }
  const sections = new Map();
  const bundles = mkdtempSync(join(root, 'node_modules', '.bench-'));
  try {
    for (const name of asked.length > 0 ? asked : there) {
      const file = join(bundles, `${name}.mjs`);
      await bundle(name, file);
      // What begins with `--` is the benchmark's: `npm run bench reading -- --records=10000000`.
      const options = process.argv.slice(2).filter((text) => text.startsWith('--'));
      const child = spawnSync(process.execPath, ['--expose-gc', fileURLToPath(import.meta.url), ...options], {
        cwd: root,
        env: { ...process.env, LOG_DETECTOR_BENCH: file },
        stdio: ['ignore', 'pipe', 'inherit'],
        maxBuffer: 64 * 1024 * 1024,
      });
      const output = child.stdout.toString();
      const result = output.split('\n').findLast((text) => text.startsWith('@result '));
      if (child.status !== 0 || !result) {
        process.exitCode = 1;
        console.error(`${name}: failed (exit ${child.status ?? child.signal})\n${output}`);
        continue;
      }
      const text = section(name, JSON.parse(result.slice('@result '.length)));
      sections.set(name, text);
      console.log(text);
    }
  } finally {
    rmSync(bundles, { recursive: true, force: true });
  }
  // What others wrote meanwhile stays.
  if (asked.length === 0 || process.argv.includes('--write'))
    writeSections(new Map([...readSections(), ...sections]));
}
