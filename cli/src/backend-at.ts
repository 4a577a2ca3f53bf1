// HOST and PORT, at which the backend listens -> the URL at which this machine reaches it.

import { settings } from '@log-detector/settings';

/** What is listened at in place of every address is no address to connect to. */
const loopbackOf = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

/** Mistakes are left to the backend, which tells of them all and ends. */
export function backendAt(env: NodeJS.ProcessEnv): string {
  const reader = settings(env);
  const host = reader.string('HOST', { default: '127.0.0.1' }).trim();
  const port = reader.integer('PORT', { default: 8000 });
  const reached = loopbackOf.get(host) ?? host;
  return `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}`;
}
