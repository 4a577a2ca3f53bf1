// HOST and PORT, at which the backend listens -> the URL at which this machine reaches it.

import { type AddressInfo, createServer } from 'node:net';
import { settings } from '@log-detector/settings';

/** What is listened at in place of every address is no address to connect to. */
const loopbackOf = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

/** Mistakes are left to the backend, which tells of them all and ends. */
export function backendAt(env: NodeJS.ProcessEnv): string {
  const { host, port } = placeOf(env);
  const reached = loopbackOf.get(host) ?? host;
  return `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}`;
}

/**
 * With PORT=0 any free port will do. Chosen here and not by the backend, so that all who need it know it: the agent, the
 * links in mails, and the person who looks on.
 */
export async function withPort(env: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> {
  const { host, port } = placeOf(env);
  return port === 0 ? { ...env, PORT: String(await freePort(host)), PORT_FILE: undefined } : env;
}

/** A port that was free a moment ago; 0 where the host is none to listen on, which the backend tells. */
async function freePort(host: string): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(0));
    server.listen(0, host, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function placeOf(env: NodeJS.ProcessEnv): { host: string; port: number } {
  const reader = settings(env);
  return {
    host: reader.string('HOST', { default: '127.0.0.1' }).trim(),
    port: reader.integer('PORT', { default: 8000 }),
  };
}
