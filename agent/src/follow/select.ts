// Which containers are followed. MONITOR_CONTAINERS names them, or all when it is empty; a label on the container itself
// has the last word; the agent never follows itself, because what it logs about an error would be an error again.

/** Label with which a container opts in (`true`) or out (`false`). */
export const enableLabel = 'log-detector.enable';

export interface Selection {
  /** Names, ids (at least 6 digits of one) or names with `*`; empty for all. */
  containers: readonly string[];
  /** The container the agent itself runs in. */
  ownId?: string;
}

export type Choice =
  | { follow: true; reason: 'all' | 'named' | 'label' }
  | { follow: false; reason: 'self' | 'not-named' | 'label' };

export function choose(
  { containers, ownId }: Selection,
  { id, name, labels }: { id: string; name: string; labels: Record<string, string> },
): Choice {
  if (ownId !== undefined && id === ownId) return { follow: false, reason: 'self' };
  const label = labels[enableLabel]?.trim().toLowerCase();
  if (label === 'false' || label === '0' || label === 'no') return { follow: false, reason: 'label' };
  if (label === 'true' || label === '1' || label === 'yes') return { follow: true, reason: 'label' };
  if (containers.length === 0) return { follow: true, reason: 'all' };
  const named = containers.some((wanted) => names(wanted, id, name));
  return named ? { follow: true, reason: 'named' } : { follow: false, reason: 'not-named' };
}

/** Whether the word of MONITOR_CONTAINERS means this container. */
export function names(wanted: string, id: string, name: string): boolean {
  const word = wanted.replace(/^\//, '');
  if (word === name) return true;
  if (/^[0-9a-f]{6,64}$/.test(word) && id.startsWith(word)) return true;
  if (!word.includes('*')) return false;
  const parts = word.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}

/**
 * The id of the container that this process runs in, or undefined: Docker mounts three files of its own folder for the
 * container over /etc; cgroup v1 has the id in its path.
 */
export function ownContainerId({
  mountinfo = '',
  cgroup = '',
}: {
  mountinfo?: string;
  cgroup?: string;
}): string | undefined {
  const mounted = /\/([0-9a-f]{64})\/(?:hostname|hosts|resolv\.conf) \/etc\//.exec(mountinfo);
  return mounted?.[1] ?? /\/(?:docker[/-])([0-9a-f]{64})/.exec(cgroup)?.[1];
}
