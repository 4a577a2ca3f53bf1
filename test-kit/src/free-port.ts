// A TCP port of the loopback that nobody listens on right now.

import { type AddressInfo, createServer } from 'node:net';

/** Gives a port that was free a moment ago: use it at once. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
