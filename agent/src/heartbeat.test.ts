import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createReadingLag, type Heart, heartbeatUrl, readAgentId, startHeart } from './heartbeat.ts';

let server: Server;
let folder: string;
let heart: Heart | undefined;
let bodies: Record<string, unknown>[];
let said: string[];
let status = 200;
/** Of the sender. */
let failure: string | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ld-heart-'));
  bodies = [];
  said = [];
  status = 200;
  failure = 'status 503';
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      bodies.push({ ...JSON.parse(text), path: request.url, key: request.headers['x-api-key'] });
      response.writeHead(status).end(status === 200 ? '{"status":"ok"}' : '{"detail":"No such key"}');
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterEach(async () => {
  await heart?.stop();
  heart = undefined;
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  rmSync(folder, { recursive: true, force: true });
});

function beat(everyMs = 10): Heart {
  heart = startHeart({
    backendUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/logs`,
    apiKey: 'a key',
    host: 'web-1',
    spoolDir: folder,
    everyMs,
    connectTimeoutMs: 1000,
    readTimeoutMs: 1000,
    pipeline: {
      stats: { records: 5, holes: 1 },
      takeReadUpTo: () => [],
    },
    spool: {
      stats: () => ({ records: 2, bytes: 900, oldestAt: new Date(Date.now() - 60_000).toISOString() }),
    },
    sender: { stats: () => ({ failure }) },
    follower: { status: () => ({ connected: true, containers: [{}, {}, {}] }) },
    log: {
      debug() {},
      info: (_fields, text) => said.push(text),
      error: (_fields, text) => said.push(text),
    },
  });
  return heart;
}

async function until(holds: () => boolean): Promise<void> {
  for (let round = 0; round < 3000 && !holds(); round += 1) await new Promise((done) => setTimeout(done, 10));
  expect(holds()).toBe(true);
}

describe('a heartbeat', () => {
  it('says how the agent does, and goodbye when it is stopped', async () => {
    const { stop } = beat();
    await until(() => bodies.length > 1);
    expect(bodies[0]).toMatchObject({
      path: '/api/agents/heartbeat',
      key: 'a key',
      host: 'web-1',
      containers: 3,
      records: 5,
      holes: 1,
      spool_records: 2,
      sending_failure: 'status 503',
      reading_lag_seconds: null,
    });
    expect(bodies[0]!.spool_oldest_seconds).toBeGreaterThan(59);
    await stop();
    expect(bodies.at(-1)).toMatchObject({ is_stopping: true, agent_id: bodies[0]!.agent_id });
  });

  it('is not repeated to a backend that does not know it', async () => {
    status = 404;
    const { stop } = beat();
    await until(() => bodies.length > 0);
    await new Promise((done) => setTimeout(done, 100));
    await stop();
    expect(bodies).toHaveLength(1);
  });

  it('goes on when the backend was away', async () => {
    status = 503;
    beat();
    await until(() => bodies.length > 2);
  });

  it.each([401, 403])(
    'that is refused with %i tells of the wrong key before there is a record',
    async (refused) => {
      status = refused;
      failure = undefined;
      const heart = beat();
      await until(() => bodies.length > 20);
      expect(heart.refusal()).toBe(`status ${refused}: No such key`);
      expect(said[0]).toMatch(
        /^127\.0\.0\.1:\d+\/api\/agents\/heartbeat does not accept the API key .*set BACKEND_API_KEY/,
      );
      // At each doubling.
      expect(said.length).toBeLessThan(10);
      status = 200;
      await until(() => heart.refusal() === undefined);
      expect(said.at(-1)).toBe('the backend takes heartbeats again');
    },
  );

  it('does not say again what the sender has said', async () => {
    status = 401;
    failure = 'status 401: No such key';
    const heart = beat();
    await until(() => bodies.length > 3);
    expect(heart.refusal()).toBe(failure);
    expect(said).toEqual([]);
  });

  it('is not sent at all with HEARTBEAT_SECONDS=0', async () => {
    const { stop } = beat(0);
    await new Promise((done) => setTimeout(done, 50));
    await stop();
    expect(bodies).toHaveLength(0);
  });

  it('goes beside the records, whatever stands before them', () => {
    expect(heartbeatUrl('https://logs.example.com/x/api/logs').href).toBe(
      'https://logs.example.com/x/api/agents/heartbeat',
    );
  });
});

describe("an agent's id", () => {
  it('stays the same in its spool folder', () => {
    const id = readAgentId(folder);
    expect(readAgentId(folder)).toBe(id);
    expect(readAgentId(join(folder, 'not', 'there'))).not.toBe(id);
  });
});

describe('the lag of reading', () => {
  it('is that of the stream furthest behind, and none when nothing was read', () => {
    const lag = createReadingLag();
    const now = Date.parse('2026-11-22T10:00:10Z');
    expect(lag.take()).toBeNull();
    lag.note(['2026-11-22T10:00:09.900000000Z', '2026-11-22T10:00:07.000000000Z'], now);
    lag.note(['2026-11-22T10:00:09.990000000Z'], now);
    expect(lag.take()).toBe(3);
    expect(lag.take()).toBeNull();
  });
});
