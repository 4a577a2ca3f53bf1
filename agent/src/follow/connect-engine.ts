// The settings -> the engine: by running DOCKER_CMD when it is set, else over the socket.

import type { Engine } from './engine.ts';
import { createEngineApi } from './engine-api.ts';
import { createEngineCommand } from './engine-command.ts';

/** Nothing is reached yet. @throws EngineError when the settings name no engine */
export function connectEngine({
  command,
  connectTimeoutMs,
  ...where
}: {
  /** `DOCKER_CMD`; the rest is `DOCKER_HOST`, `DOCKER_CERT_PATH`, `DOCKER_TLS_VERIFY`. */
  command?: string;
  host?: string;
  certPath?: string;
  tlsVerify?: boolean;
  connectTimeoutMs?: number;
}): Engine {
  if (command !== undefined) return createEngineCommand({ command });
  return createEngineApi({ ...where, connectTimeoutMs });
}
