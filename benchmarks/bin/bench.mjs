// `npm run bench [name…]`: runs the benchmarks, each a file of its own in benchmarks/, and writes benchmarks/results.md.
// With names, runs just those and prints them; with --write it also renews their sections of results.md.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, platform, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const folder = dirname(dirname(fileURLToPath(import.meta.url)));
const root = dirname(folder);
const results = join(folder, 'results.md');

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
        },
      },
    ],
  });
}

/** A Markdown section of one result. */
function section(name, { title, rows, notes = [] }) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cell = (value) => String(value ?? '').replaceAll('|', '\\|');
  const line = (cells) => `| ${cells.join(' | ')} |\n`;
  const table =
    rows.length === 0
      ? ''
      : line(columns) +
        line(columns.map(() => '---')) +
        rows.map((row) => line(columns.map((column) => cell(row[column])))).join('');
  return `## ${name}: ${title}\n\n${table}${notes.length > 0 ? `\n${notes.map((note) => `- ${note}\n`).join('')}` : ''}`;
}

/** The sections of the results file as it stands, by the benchmark's name. */
function readSections() {
  const sections = new Map();
  try {
    for (const part of readFileSync(results, 'utf8').split(/^(?=## )/m)) {
      const name = /^## ([a-z0-9-]+):/.exec(part)?.[1];
      if (name) sections.set(name, `${part.trimEnd()}\n`);
    }
  } catch {
    // The first run.
  }
  return sections;
}

function writeSections(sections) {
  const [cpu] = cpus();
  const head = `# Benchmark results

Written by \`npm run bench\`; no figure here is typed by hand. Machines are noisy: read the ratios, which are taken in one run.

Machine: ${cpus().length} x ${cpu?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 1024 ** 3)} GiB, ${platform()} ${release()}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}.
`;
  const sorted = [...sections].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
  writeFileSync(results, [head, ...sorted].join('\n'));
  console.log(`written: ${results}`);
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
  const sections = readSections();
  const bundles = mkdtempSync(join(root, 'node_modules', '.bench-'));
  try {
    for (const name of asked.length > 0 ? asked : there) {
      const file = join(bundles, `${name}.mjs`);
      await bundle(name, file);
      const child = spawnSync(process.execPath, ['--expose-gc', fileURLToPath(import.meta.url)], {
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
  if (asked.length === 0 || process.argv.includes('--write')) writeSections(sections);
}
