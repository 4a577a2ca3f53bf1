// What the agent tells of itself: a health file for `log-detector agent --check`, and /health and /metrics when a port is set.

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { StartError } from '@log-detector/settings';
import { http } from './node-http.ts';

/** One number for /metrics, with Prometheus' own types. */
export interface Metric {
  name: string;
  help: string;
  type: 'counter' | 'gauge';
  value: number;
  labels?: Record<string, string>;
}

/** Healthy means: the loop turns, and what is read gets onto the disk. A backend that is away is not ill health: the spool holds. */
export interface Health {
  healthy: boolean;
  /** What is wrong, or what is going on, in one line. */
  state: string;
}

const staleAfterMs = 30_000;

function healthFile(spoolDir: string): string {
  return join(spoolDir, 'health.json');
}

/** Writes the health file, whole or not at all. A disk that is full leaves the old one, which then grows stale. */
export function writeHealth(spoolDir: string, health: Health, now: number): void {
  const file = healthFile(spoolDir);
  try {
    writeFileSync(`${file}.new`, `${JSON.stringify({ ...health, at: new Date(now).toISOString() })}\n`);
    renameSync(`${file}.new`, file);
  } catch {
    // The check will see that the file is old.
  }
}

/** Reads the health file of a running agent. */
export function checkHealth(spoolDir: string, now: number): Health {
  const file = healthFile(spoolDir);
  try {
    const { healthy, state, at } = JSON.parse(readFileSync(file, 'utf8')) as Health & { at: string };
    const ageMs = now - Date.parse(at);
    if (ageMs > staleAfterMs)
      return { healthy: false, state: `no sign of life for ${Math.round(ageMs / 1000)} s (last: ${state})` };
    return { healthy, state };
  } catch (error) {
    return { healthy: false, state: `no agent has written ${file}: ${(error as Error).message}` };
  }
}

/** Prometheus text format. Metrics of one name stand together under one HELP and TYPE. */
export function metricsText(metrics: readonly Metric[]): string {
  const names = new Set<string>();
  let text = '';
  for (const { name, help, type, value, labels } of metrics) {
    if (!names.has(name)) text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
    names.add(name);
    const pairs = Object.entries(labels ?? {}).map(
      ([key, label]) => `${key}="${label.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`,
    );
    text += `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}\n`;
  }
  return text;
}

/** Serves /health (200 or 503) and /metrics. @returns the listening server. */
export async function serveHealth(
  options: { host: string; port: number },
  health: () => Health,
  metrics: () => Metric[],
): Promise<Server> {
  const server = http.createServer((request, response) => {
    if (request.url === '/health') {
      const { healthy, state } = health();
      response.writeHead(healthy ? 200 : 503, { 'content-type': 'application/json' });
      response.end(`${JSON.stringify({ status: healthy ? 'ok' : 'failing', state })}\n`);
    } else if (request.url === '/metrics') {
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
      response.end(metricsText(metrics()));
    } else {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end('{"detail":"Not found; there are /health and /metrics"}\n');
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  }).catch((cause: Error) => {
    throw new StartError(
      `cannot listen on ${options.host}:${options.port} for the health page: ${cause.message}; stop what listens there, or set METRICS_PORT to another one`,
      { cause },
    );
  });
  return server;
}
