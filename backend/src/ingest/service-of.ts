// Container and labels -> service: what an issue's key holds beside the fingerprint, so that replicas share issues and
// different services do not.

/** Longest service kept; it is part of a key. */
const maxLength = 255;

/** Compose's project and service, Swarm's service, or the container's name without its replica's suffix (`-1`, `_1`, `.1.<task>`). */
export function serviceOf(container: string, labels: Readonly<Record<string, string>> | null): string {
  const compose = labels?.['com.docker.compose.service'];
  const project = labels?.['com.docker.compose.project'];
  const swarm = labels?.['com.docker.swarm.service.name'];
  const named = compose && project ? `${project}/${compose}` : compose || swarm;
  return (named || container.replace(/(?:[-_]\d+|\.\d+\.[a-z0-9]+)$/, '') || container)
    .slice(0, maxLength)
    .toWellFormed();
}
