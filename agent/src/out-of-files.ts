// An error -> whether this process, or the machine, had no room for another open file or connection.

/** What to do about it. */
export const outOfFiles =
  'the agent may open no more files and connections; give it two for each container and 100 more (ulimit -n; LimitNOFILE= of a systemd service; --ulimit nofile= of a container)';

export function isOutOfFiles(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (['EMFILE', 'ENFILE'].includes((at as NodeJS.ErrnoException).code ?? '')) return true;
  }
  return false;
}
