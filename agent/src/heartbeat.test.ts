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
let answer: string;
/** What is answered to an empty array, when it is another answer. */
let toNoRecords: [status: number, body: string] | undefined;
/** Of the sender. */
let failure: string | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ld-heart-'));
  bodies = [];
  said = [];
  status = 200;
  answer = '{"status":"ok"}';
  toNoRecords = undefined;
  failure = 'status 503';
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      bodies.push({ ...JSON.parse(text), path: request.url, key: request.headers['x-api-key'] });
      if (text === '[]' && toNoRecords) response.writeHead(toNoRecords[0]).end(toNoRecords[1]);
      else response.writeHead(status).end(status === 200 ? answer : '{"detail":"No such key"}');
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

function beat(everyMs = 10, backendUrl = urlOf(server)): Heart {
  heart = startHeart({
    backendUrl,
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
      info: (_fields, text) => void said.push(text),
      warn: (_fields, text) => void said.push(text),
      error: (_fields, text) => void said.push(text),
    },
  });
  return heart;
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/logs`;
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

  it.each([
    ['takes arrays', '{"items":[]}', 200],
    ['takes none', '{"detail":[{"msg":"Input should be a valid dictionary"}]}', 422],
  ])('is not repeated to a backend that does not know it, and %s', async (_what, answer, answered) => {
    failure = undefined;
    status = 404;
    toNoRecords = [answered, answer];
    const heart = beat();
    await until(() => bodies.length > 1);
    await new Promise((done) => setTimeout(done, 100));
    await heart.stop();
    expect(bodies.map(({ path }) => path)).toEqual(['/api/agents/heartbeat', '/api/logs']);
    expect(said).toEqual([]);
    expect(heart.trouble()).toBeUndefined();
  });

  it('tells of an address that knows neither it nor records', async () => {
    failure = undefined;
    status = 404;
    const heart = beat();
    await until(() => bodies.length > 10);
    expect(said[0]).toMatch(/^127\.0\.0\.1:\d+\/api\/logs is not where records go .*set BACKEND_URL to/);
    expect(said.length).toBeLessThan(6);
    expect(heart.trouble()).toBe('the backend refuses heartbeats: status 404: No such key');
  });

  it.each(['<html>Welcome', ''])('tells of an address where something else answers: %j', async (page) => {
    failure = undefined;
    answer = page;
    const heart = beat();
    await until(() => heart.trouble() !== undefined);
    expect(said[0]).toMatch(/not a Log Detector's.*set BACKEND_URL to/);
  });

  it.each([
    [
      'http://nowhere.invalid/api/logs',
      /nowhere\.invalid\/api\/logs cannot be reached .*ENOTFOUND.*check the host/,
    ],
    [
      'http://127.0.0.1:1/api/logs',
      /127\.0\.0\.1:1\/api\/logs cannot .*ECONNREFUSED.*start the backend, or check/,
    ],
    ['https', /wrong version number.*BACKEND_URL is to begin with http:/],
  ])('tells before there is a record that %s cannot be reached, and what to do', async (url, line) => {
    failure = undefined;
    const heart = beat(10, url === 'https' ? urlOf(server).replace('http:', 'https:') : url);
    await until(() => said.length > 2);
    expect(said[0]).toMatch(line);
    expect(said[0]).not.toContain('\n');
    expect(heart.trouble()).toMatch(/^the backend cannot be reached or takes nothing now: .*BACKEND_URL/);
  });

  it('tells when the backend is reached at last, soon and once', async () => {
    failure = undefined;
    const { port } = server.address() as AddressInfo;
    const url = urlOf(server);
    await new Promise((done) => server.close(done));
    const heart = beat(50, url);
    await until(() => said.length > 1);
    await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
    await until(() => bodies.length > 2);
    expect(heart.trouble()).toBeUndefined();
    expect(said.slice(0, -1).every((text) => text.includes('ECONNREFUSED'))).toBe(true);
    expect(said.at(-1)).toBe('the backend is reached, and takes what it is sent');
  });

  it('leaves it to the sender to tell of a backend that is away', async () => {
    const heart = beat(10, 'http://127.0.0.1:1/api/logs');
    await until(() => heart.trouble() !== undefined);
    await new Promise((done) => setTimeout(done, 50));
    expect(said).toEqual([]);
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
      expect(heart.trouble()).toBe(`the backend refuses heartbeats: status ${refused}: No such key`);
      expect(said[0]).toMatch(
        /^127\.0\.0\.1:\d+\/api\/logs does not accept the API key .*set BACKEND_API_KEY/,
      );
      // At each doubling.
      expect(said.length).toBeLessThan(10);
      status = 200;
      await until(() => heart.trouble() === undefined);
      expect(said.at(-1)).toBe('the backend is reached, and takes what it is sent');
    },
  );

  it('does not say again what the sender has said', async () => {
    status = 401;
    failure = 'status 401: No such key';
    const heart = beat();
    await until(() => bodies.length > 3);
    expect(heart.trouble()).toContain(failure);
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
