// benchmarks/results.md: one section for each name, written by the program that measured it, the others left as they are.

import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, platform, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const results = fileURLToPath(new URL('../results.md', import.meta.url));

/**
 * A Markdown section of one result.
 * @param {string} name
 * @param {{ title: string, rows: Record<string, unknown>[], notes?: string[] }} result
 */
export function section(name, { title, rows, notes = [] }) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cell = (value) => String(value ?? '').replaceAll('|', '\\|');
  const line = (cells) => `| ${cells.join(' | ')} |\n`;
  const table =
    rows.length === 0
      ? ''
      : line(columns) +
        line(columns.map(() => '---')) +
        rows.map((row) => line(columns.map((column) => cell(row[column])))).join('');
  const items = notes.map((note) => `- ${note}\n`).join('');
  return `## ${name}: ${title}\n\n${table}${items && `\n${items}`}\n${machine()}\n`;
}

/** Each section tells its own: they are renewed one by one, not always on the same machine. */
function machine() {
  const [cpu] = cpus();
  const day = new Date().toISOString().slice(0, 10);
  return `Machine: ${cpus().length} x ${cpu?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 1024 ** 3)} GiB, ${platform()} ${release()}, Node ${process.version}, ${day}.`;
}

/** The sections of the results file as it stands, by the benchmark's name. */
export function readSections() {
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

/** @param {Map<string, string>} sections */
export function writeSections(sections) {
  const head = `# Benchmark results

Written by \`npm run bench\` and \`npm run chaos\`; no figure here is typed by hand. Machines are noisy: read the ratios, which are taken in one run.
`;
  const sorted = [...sections].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
  writeFileSync(results, [head, ...sorted].join('\n'));
  console.error(`written: ${results}`);
}

/** Renews one section. */
export function writeSection(name, result) {
  writeSections(readSections().set(name, section(name, result)));
}
