// Source files -> the arrows between the project's folders, and which of them point the wrong way. The rules are those of
// the design: work flows down a chain, floors carry everyone, and only the wire's types cross between programs.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

/** One import of one file. Paths are relative to the repository, with forward slashes. */
export interface Arrow {
  from: string;
  /** The imported file, or a folder such as `contract` when a package is imported by its name. */
  to: string;
  /** Types alone: it leaves nothing at run time. */
  typesOnly: boolean;
}

/** Folders of agent/src: they know each other by agent/src/types.ts alone. */
const agentStages = ['follow', 'detect', 'life', 'ship'];
/** Folders of backend/src, in the order of the work: each may call those after it. */
const backendChain = ['ingest', 'issues', 'alerting', 'outbox', 'channels'];
/** Folders of backend/src that anyone there may stand on, and that stand on nothing but each other. */
const backendFloors = ['db', 'http'];
/** Which workspaces each workspace's code may import. */
const workspaces: Record<string, string[]> = {
  contract: [],
  settings: [],
  agent: ['contract', 'settings'],
  backend: ['contract', 'settings'],
  web: ['contract'],
  cli: ['agent', 'backend', 'settings', 'contract'],
  'test-kit': ['contract', 'settings', 'backend'],
  acceptance: ['test-kit', 'contract', 'settings', 'agent', 'backend', 'cli'],
  benchmarks: ['test-kit', 'contract', 'settings', 'agent', 'backend', 'cli'],
};
/** These may take types alone from the contract, so that no validator is shipped to every host or browser. */
const typesOfContractOnly = ['agent', 'web'];

/** Why this arrow is wrong, or undefined when it is right. */
export function faultOf(arrow: Arrow): string | undefined {
  const [workspace = '', , folder] = arrow.from.split('/');
  const [targetWorkspace = '', , targetFolder] = arrow.to.split('/');
  const isTest = /\.(test|bench)\.ts$|\/fixtures\/|\/test-help/.test(arrow.from);
  if (!(workspace in workspaces) || !(targetWorkspace in workspaces)) return undefined;

  if (workspace !== targetWorkspace) {
    if (isTest) return undefined;
    if (targetWorkspace === 'test-kit' && !['acceptance', 'benchmarks'].includes(workspace)) {
      return 'only tests may import the test kit';
    }
    if (!workspaces[workspace]!.includes(targetWorkspace)) {
      return `${workspace} may import ${workspaces[workspace]!.join(', ') || 'no other workspace'}`;
    }
    if (targetWorkspace === 'contract' && typesOfContractOnly.includes(workspace) && !arrow.typesOnly) {
      return `${workspace} may import types alone from contract; write "import type"`;
    }
    return undefined;
  }

  // Files directly in src put the parts together, and may import any of them.
  const inFolder = folder !== undefined && !folder.endsWith('.ts');
  if (!inFolder || isTest || targetFolder === undefined || folder === targetFolder) return undefined;
  if (targetFolder.endsWith('.ts')) return undefined;

  if (workspace === 'agent' && agentStages.includes(folder) && agentStages.includes(targetFolder)) {
    return `${folder} and ${targetFolder} may know each other by agent/src/types.ts alone`;
  }
  if (workspace === 'backend') {
    // The words that the work is told in: a step names what it is handed, and calls nobody by it.
    if (arrow.typesOnly && arrow.to.endsWith('/types.ts')) return undefined;
    if (backendFloors.includes(targetFolder)) return undefined;
    if (backendFloors.includes(folder)) return `${folder} is a floor and may not import ${targetFolder}`;
    const place = backendChain.indexOf(folder);
    const target = backendChain.indexOf(targetFolder);
    if (place >= 0 && target >= 0 && target < place) return `work flows ${backendChain.join(' -> ')}`;
    if (place >= 0 && target < 0)
      return `${folder} is in the chain of the work, and ${targetFolder} is beside it`;
  }
  return undefined;
}

/** The imports of one source file, dynamic ones too. Comments do not count. */
export function arrowsOf(path: string, source: string): Arrow[] {
  const code = source.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const statement =
    /(?:^|[\n;}])\s*(?:import|export)\s+(type\s+)?([\w*{][^'"`;]*?\s+from\s+)?['"]([^'"\n]+)['"]|\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/g;
  const arrows: Arrow[] = [];
  for (const [, type, clause = '', fromName, dynamicName] of code.matchAll(statement)) {
    const to = placeOf(path, fromName ?? dynamicName ?? '');
    if (to !== undefined)
      arrows.push({ from: path, to, typesOnly: type !== undefined || namesTypesOnly(clause) });
  }
  return arrows;
}

/** `{ type A, type B } from`, every name a type. */
function namesTypesOnly(clause: string): boolean {
  const names = /^\{([^}]*)\}\s+from\s*$/.exec(clause.trimStart())?.[1];
  if (names === undefined) return false;
  const each = names.split(',').map((name) => name.trim());
  return each.filter(Boolean).every((name) => name.startsWith('type '));
}

function placeOf(path: string, name: string): string | undefined {
  if (name.startsWith('.')) return normalize(join(dirname(path), name));
  return /^@log-detector\/([\w-]+)/.exec(name)?.[1];
}

/** Every arrow of every TypeScript file below these workspaces of the repository at `root`. */
export function readArrows(root: string): Arrow[] {
  return Object.keys(workspaces).flatMap((workspace) =>
    sourceFiles(join(root, workspace)).flatMap((file) =>
      arrowsOf(relative(root, file).split('\\').join('/'), readFileSync(file, 'utf8')),
    ),
  );
}

function sourceFiles(folder: string): string[] {
  let entries: import('node:fs').Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return ['node_modules', 'dist', 'data'].includes(entry.name) ? [] : sourceFiles(path);
    return /\.tsx?$/.test(entry.name) ? [path] : [];
  });
}

/** One line for each arrow that points the wrong way: `agent/src/a.ts -> backend/src/b.ts: why`. */
export function wrongArrows(arrows: readonly Arrow[]): string[] {
  return arrows.flatMap((arrow) => {
    const fault = faultOf(arrow);
    return fault ? [`${arrow.from} -> ${arrow.to}: ${fault}`] : [];
  });
}
