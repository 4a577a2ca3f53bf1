// `npm run chaos -- --faults 500 --lines 1000000 --seed 7`: bundles acceptance/chaos, since Node 20 runs no TypeScript,
// and runs it. The last line of standard output is its result; the exit code is 1 unless nothing is lost or repeated.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { section, writeSection } from '../../benchmarks/bin/results.mjs';
import { install } from '../../cli/bin/install.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
install();
const { build } = await import('esbuild');
const folder = mkdtempSync(join(root, 'node_modules', '.chaos-run-'));
const outfile = join(folder, 'main.mjs');
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

await build({
  entryPoints: [join(root, 'acceptance/chaos/main.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  sourcemap: 'inline',
  logLevel: 'warning',
  plugins: [
    {
      name: 'only-workspaces',
      setup(build) {
        build.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
          kind === 'entry-point' || path.startsWith('@log-detector/') ? undefined : { path, external: true },
        );
        // The test kit finds its scripts beside its sources.
        build.onLoad({ filter: /\.(ts|mjs)$/ }, ({ path }) => ({
          loader: path.endsWith('.ts') ? 'ts' : 'js',
          contents: readFileSync(path, 'utf8').replaceAll(
            'import.meta.url',
            JSON.stringify(pathToFileURL(path).href),
          ),
        }));
      },
    },
  ],
});
process.setSourceMapsEnabled(true);
// Engine and programs do not hold the event loop: something must, or the wait for their end would be cut short.
setInterval(() => {}, 60_000);
const { main } = await import(pathToFileURL(outfile).href);
process.exitCode = await main(process.argv.slice(2), { section, writeSection });
// A connection that lingers must not keep the process.
process.exit();
