// Which containers are replicas of one another, or take each other's place: those of one service.

/** Compose's project and service, Swarm's service, or the name without its replica's suffix. */
export function serviceOf(name: string, labels: Readonly<Record<string, string>>): string {
  const project = labels['com.docker.compose.project'];
  const service = labels['com.docker.compose.service'] ?? labels['com.docker.swarm.service.name'];
  if (service !== undefined) return `${project ?? ''}/${service}`;
  return name.replace(/(?:[-_]\d+|\.\d+\.[a-z0-9]+)$/, '') || name;
}
