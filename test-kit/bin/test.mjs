// `npm test`: installs what is missing, runs every test (or those that the arguments name) and closes with one plain
// line, `N passed, N failed`. On a fresh clone only Node is there, so nothing but Node's own modules is imported.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from '../../cli/bin/install.mjs';
import { installPrerequisites } from './prerequisites.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const everything = process.argv.length === 2;
const mayLeaveOut = !(everything && process.env.CI === 'true');

function close({ passed, failed, skipped }, exitCode) {
  console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
  process.exit(exitCode || (failed > 0 ? 1 : 0));
}

install();

const missing = installPrerequisites();
for (const { package: name, why, reason } of missing) {
  console.error(`Missing: ${name} (${why}): ${reason}.`);
}
if (missing.length > 0 && !mayLeaveOut) {
  console.error('With CI=true no test may be left out, so this run has failed before its first test.');
  close({ passed: 0, failed: missing.length, skipped: 0 }, 1);
}

const folder = mkdtempSync(join(tmpdir(), 'ld-tally-'));
const tallyFile = join(folder, 'tally.json');
const vitest = spawn(
  process.execPath,
  [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    `--reporter=${join(root, 'test-kit/bin/tally-reporter.mjs')}`,
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit', env: { ...process.env, TALLY_FILE: tallyFile } },
);
// Ctrl-C reaches Vitest too (same group), and it ends its tests in order; this process waits for it.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => vitest.kill(signal));

vitest.on('close', (code, signal) => {
  let tally;
  try {
    tally = JSON.parse(readFileSync(tallyFile, 'utf8'));
  } catch {
    console.error(
      `Vitest ended before it could report (${signal ?? `exit code ${code}`}); its message is above.`,
    );
    tally = { passed: 0, failed: 1, skipped: 0, leftOut: {} };
  }
  rmSync(folder, { recursive: true, force: true });

  // The corpora are no part of the repository: their absence is told, and is no failure.
  const leftOut = Object.entries(tally.leftOut);
  const forWantOfCorpora = leftOut
    .flatMap(([, names]) => names)
    .filter((name) => name.includes('shared/corpora'));
  // With arguments the reader chose a part: only what was chosen and not run is worth a word.
  if (everything && leftOut.length > 0) {
    if (process.getuid?.() !== 0)
      console.error('Not root: tests that need a Docker engine of their own were left out.');
    console.error('Left out:');
    for (const [file, names] of leftOut)
      console.error(`  ${file}: ${names.length}\n${names.map((n) => `    ${n}`).join('\n')}`);
    if (!mayLeaveOut) {
      const failed = tally.skipped - forWantOfCorpora.length;
      if (failed > 0) console.error('With CI=true no test may be left out: each counts as failed.');
      tally = { ...tally, failed: tally.failed + failed, skipped: forWantOfCorpora.length };
    }
  }
  close(tally, code ?? 1);
});
