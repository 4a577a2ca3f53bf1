// What the agent's benchmarks run in: a Docker engine of their own, an HTTP server that takes records as the backend does,
// and the built agent as a process. Logs are written straight into the containers' json-files, as the daemon would, so that
// no container's own work is among what is measured.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type DockerEngine, startDockerEngine } from '@log-detector/test-kit';
import { agentEnvironment, agentNodeFlags } from '../../cli/src/agent-process.ts';
import { runCommand, until } from './processes.ts';

export interface Container {
  id: string;
  /** Its json-file. */
  path: string;
}

export interface Agent {
  readonly pid: number;
  output(): string;
  stop(): Promise<void>;
}

export interface AgentWorld {
  engine: DockerEngine;
  daemonPid: number;
  folder: string;
  containers: Container[];
  /** Records that the receiving server has taken, and its address. */
  received(): number;
  receiverUrl: string;
  /** Starts the built agent, and waits until it follows all containers. */
  startAgent(options: {
    source: 'file' | 'api';
    env?: NodeJS.ProcessEnv;
    /** How many, when not all. */
    following?: number;
  }): Promise<Agent>;
  /** Appends to a container's log. */
  append(container: Container, pieces: readonly Buffer[]): void;
  close(): Promise<void>;
}

/** @throws when a part cannot be had: Linux, root and Docker are needed. */
export async function makeAgentWorld(containers: number): Promise<AgentWorld> {
  const ends: (() => Promise<unknown> | unknown)[] = [];
  const close = async () => {
    for (let end = ends.pop(); end; end = ends.pop()) await end();
  };
  try {
    // Beside the packages that the build leaves outside.
    const folder = mkdtempSync('node_modules/.bench-agent-');
    ends.push(() => rmSync(folder, { recursive: true, force: true }));
    const build = `import('./cli/build.mjs').then(({ buildAgent }) => buildAgent(${JSON.stringify(folder)}))`;
    const building = await runCommand(process.execPath, ['-e', build]);
    if (building.status !== 0) throw new Error('the agent cannot be built');
    const receiver = await startReceiver();
    ends.push(receiver.close);
    const engine = await startDockerEngine();
    ends.push(() => engine.stop());
    const image = await engine.importBusybox();
    const made: Container[] = [];
    const make = async (number: number) => {
      const name = `shop-${number}`;
      await engine.docker('run', '-d', '--name', name, image, 'sleep', '100000');
      const [id, path] = (await engine.docker('inspect', '-f', '{{.Id}} {{.LogPath}}', name)).split(' ');
      made[number] = { id: id!, path: path! };
    };
    for (let first = 0; first < containers; first += 5) {
      const some = Array.from({ length: Math.min(5, containers - first) }, (_, index) => first + index);
      await Promise.all(some.map(make));
    }
    return {
      engine,
      daemonPid: Number(readFileSync(join(engine.folder, 'docker.pid'), 'latin1')),
      folder,
      containers: made,
      received: receiver.count,
      receiverUrl: receiver.url,
      async startAgent({ source, env, following = containers }) {
        const agent = startAgent(folder, {
          ...env,
          DOCKER_HOST: engine.host,
          LOG_SOURCE: source,
          BACKEND_URL: `${receiver.url}/api/logs`,
          SPOOL_DIR: join(folder, `spool-${source}-${Date.now()}`),
        });
        ends.push(agent.stop);
        await until(
          () => `the agent to follow: ${agent.output()}`,
          () => followed(agent, source) === following,
          20_000,
        );
        return agent;
      },
      append({ path }, pieces) {
        const file = openSync(path, 'a');
        for (const piece of pieces) writeSync(file, piece);
        closeSync(file);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** By its log, so that nothing need be asked of it. */
function followed(agent: Agent, source: 'file' | 'api'): number {
  const said = (what: string) => agent.output().split(`"msg":"${what}`).length - 1;
  return source === 'file' ? said('reading its log') : said('connected to Docker') * said('following');
}

/** AGENT_FLAGS='--cpu-prof --cpu-prof-dir=folder' writes what the agent spends its time on, for Chrome's developer tools. */
const flags = process.env.AGENT_FLAGS?.split(' ') ?? [];

function startAgent(folder: string, env: NodeJS.ProcessEnv): Agent {
  const child: ChildProcess = spawn(
    process.execPath,
    [...agentNodeFlags(), ...flags, join(folder, 'agent.mjs'), 'agent'],
    {
      env: {
        PATH: process.env.PATH,
        ...agentEnvironment,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (data: Buffer) => {
      output += data.toString();
    });
  }
  const ended = new Promise((resolve) => child.once('exit', resolve));
  return {
    pid: child.pid!,
    output: () => output,
    async stop() {
      child.kill();
      await ended;
    },
  };
}

/** Takes records, and answers each batch as the backend does. */
async function startReceiver() {
  /** By their ids: while this process is too busy to answer in time, a batch comes again. */
  const taken = new Set<string>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const text = String(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body);
    const sent = JSON.parse(text) as { event_id: string }[] | { event_id: string };
    const list = Array.isArray(sent) ? sent : [sent];
    if (request.url?.startsWith('/api/logs')) for (const { event_id } of list) taken.add(event_id);
    const isMinimal = request.headers.prefer === 'return=minimal';
    const items = list.map((record) => ({ id: record.event_id, ...(isMinimal ? {} : record) }));
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(Array.isArray(sent) ? { items } : items[0]));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    count: () => taken.size,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
