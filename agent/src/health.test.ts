// The health page of the agent, on a real port.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { serveHealth } from './health.ts';

it('says what to do when the port of the health page is taken', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as AddressInfo;
  try {
    await expect(
      serveHealth(
        { host: '127.0.0.1', port },
        () => ({ healthy: true, state: '' }),
        () => [],
      ),
    ).rejects.toMatchObject({ name: 'StartError', message: expect.stringContaining('METRICS_PORT') });
  } finally {
    other.close();
  }
});
