// Container, labels and image -> service: what an issue's key holds beside the fingerprint, so that replicas share issues
// and different services do not.

import { isGeneratedName } from './generated-name.ts';

/** Longest service kept; it is part of a key. */
const maxLength = 255;

/**
 * Compose's project and service, Swarm's service, or the container's name without its replica's suffix (`-1`, `_1`,
 * `.1.<task>`). A name that Docker made up is another one at each run: then it is the image's.
 */
export function serviceOf(
  container: string,
  labels: Readonly<Record<string, string>> | null,
  image: string | null,
): string {
  const compose = labels?.['com.docker.compose.service'];
  const project = labels?.['com.docker.compose.project'];
  const swarm = labels?.['com.docker.swarm.service.name'];
  const labelled = compose && project ? `${project}/${compose}` : compose || swarm;
  return (labelled || (image && isGeneratedName(container) && imageName(image)) || withoutReplica(container))
    .slice(0, maxLength)
    .toWellFormed();
}

function withoutReplica(container: string): string {
  return container.replace(/(?:[-_]\d+|\.\d+\.[a-z0-9]+)$/, '') || container;
}

/** `registry.example.com:5000/team/backup:1.2@sha256:…` -> `team/backup`; nothing, when the image has an id alone. */
function imageName(image: string): string {
  const path = image.split('@', 1)[0]!.split('/');
  const [first] = path;
  // As Docker tells a registry from a user's name.
  if (path.length > 1 && (first === 'localhost' || /[.:]/.test(first!))) path.shift();
  if (path.length > 1 && path[0] === 'library') path.shift();
  path.push(path.pop()!.split(':', 1)[0]!);
  const name = path.join('/');
  return /^(?:sha256|[\da-f]{12,64})$/.test(name) ? '' : name;
}
