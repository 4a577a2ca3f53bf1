// The agent's environment -> its settings: the original's variables with their defaults, and what this agent adds.

import { hostname } from 'node:os';
import { join } from 'node:path';
import {
  type LogLevel,
  logLevels,
  SettingsError,
  type SettingsReader,
  settings,
} from '@log-detector/settings';
import { expectedHosts } from './follow/docker-host.ts';

/** The contract's patterns, used when nothing else is set. */
export const defaultErrorPattern = `(?<!["'])ERROR(?![A-Za-z])`;
export const defaultTracebackPattern = String.raw`Traceback \(most recent call last\):`;

/** Where to find Docker: the command to run, or how to reach the Engine API. */
export interface DockerSettings {
  /** Set: follow by running this command. */
  command: string | undefined;
  /** `unix://…`, `tcp://…`; undefined: the default socket. */
  host: string | undefined;
  certPath: string | undefined;
  tlsVerify: boolean;
  /** Where logs are read: `api` asks Docker, `file` reads json-file logs where Docker writes them, `auto` does so where it can. */
  logSource: 'auto' | 'api' | 'file';
}

export interface AgentSettings {
  backendUrl: string;
  backendApiKey: string | undefined;
  /** The `host` of every record. */
  host: string;
  /** Names or ids; empty: every container found. */
  containers: string[];
  /** Source of LOG_MATCH_PATTERNS, or of ERROR_PATTERN when that is empty. */
  matchPatterns: string | undefined;
  errorPattern: string;
  /** A JSON log line whose level is an error is a record, whatever the patterns say. */
  jsonErrors: boolean;
  excludePatterns: string | undefined;
  tracebackPattern: string;
  tracebackMaxLines: number;
  tracebackIdleMs: number;
  multilineStart: string | undefined;
  /** Lines shown before a match, half as many after it; 0: none. */
  contextLines: number;
  /** Whether the ends of containers are told. */
  containerEvents: boolean;
  redact: boolean;
  redactPatterns: string | undefined;
  coalesceSeconds: number;
  coalesceMaxSeconds: number;
  coalesceMaxEntries: number;
  docker: DockerSettings;
  restartDelayMs: number;
  connectTimeoutMs: number;
  readTimeoutMs: number;
  sendBaseBackoffMs: number;
  maxLineBytes: number;
  spoolDir: string;
  spoolMaxBytes: number;
  spoolWhenFull: 'block' | 'drop-oldest';
  /** 0: none is sent. */
  heartbeatMs: number;
  /** Serves /health and /metrics on this port of `metricsHost`; 0: not at all. */
  metricsPort: number;
  metricsHost: string;
  logLevel: LogLevel;
  /** Variables that were set and have no meaning here, with the reason. */
  ignored: string[];
  /** Variables that look like a setting and are none, in words. */
  misspelt: readonly string[];
}

/** Reads and checks the environment. @throws {SettingsError} that lists every mistake. */
export function readAgentSettings(env: NodeJS.ProcessEnv): AgentSettings {
  const { found, problems } = collectAgentSettings(env);
  if (problems.length > 0) throw new SettingsError(problems);
  return found;
}

/** The same for a caller that goes on checking: a setting that is wrong has its default, and a line in `problems`. */
export function collectAgentSettings(env: NodeJS.ProcessEnv): {
  found: AgentSettings;
  problems: readonly string[];
} {
  const read = settings(env);
  const found: AgentSettings = {
    backendUrl:
      read.url('BACKEND_URL', {
        default: 'http://localhost:8000/api/logs',
        protocols: ['http:', 'https:'],
      }) ?? '',
    backendApiKey: read.raw('BACKEND_API_KEY')?.trim(),
    host: read
      .string('MONITOR_HOST', { default: hostname() || 'localhost' })
      .trim()
      .slice(0, 255),
    containers: read.list('MONITOR_CONTAINERS'),
    matchPatterns: read.raw('LOG_MATCH_PATTERNS'),
    errorPattern: read.string('ERROR_PATTERN', { default: defaultErrorPattern }),
    jsonErrors: read.boolean('JSON_ERRORS', {
      default: read.raw('LOG_MATCH_PATTERNS') === undefined && read.raw('ERROR_PATTERN') === undefined,
    }),
    excludePatterns: read.raw('LOG_EXCLUDE_PATTERNS'),
    tracebackPattern: read.string('TRACEBACK_PATTERN', { default: defaultTracebackPattern }),
    tracebackMaxLines: read.integer('TRACEBACK_MAX_LINES', { default: 400, min: 1, max: 100_000 }),
    tracebackIdleMs:
      1000 * read.number('TRACEBACK_IDLE_SECONDS', { default: 0.5, min: 0.05, max: 3600, unit: 'seconds' }),
    multilineStart: read.raw('MULTILINE_START'),
    contextLines: read.integer('CONTEXT_LINES', { default: 5, min: 0, max: 50 }),
    containerEvents: read.boolean('CONTAINER_EVENTS', { default: true }),
    redact: read.boolean('REDACT', { default: true }),
    redactPatterns: read.raw('REDACT_PATTERNS'),
    coalesceSeconds: read.number('ALERT_COALESCE_SECONDS', {
      default: 0,
      min: 0,
      max: 3600,
      unit: 'seconds',
    }),
    coalesceMaxSeconds: read.number('ALERT_COALESCE_MAX_SECONDS', {
      default: 30,
      min: 0,
      max: 3600,
      unit: 'seconds',
    }),
    coalesceMaxEntries: read.integer('ALERT_COALESCE_MAX_ENTRIES', { default: 50, min: 1, max: 1000 }),
    docker: readDockerSettings(read),
    restartDelayMs:
      1000 * read.number('CONTAINER_RESTART_DELAY', { default: 3, min: 0.01, max: 3600, unit: 'seconds' }),
    connectTimeoutMs:
      1000 * read.number('CONNECT_TIMEOUT', { default: 2, min: 0.1, max: 600, unit: 'seconds' }),
    readTimeoutMs: 1000 * read.number('READ_TIMEOUT', { default: 5, min: 0.1, max: 600, unit: 'seconds' }),
    sendBaseBackoffMs:
      1000 * read.number('SEND_BASE_BACKOFF', { default: 1.5, min: 0.01, max: 60, unit: 'seconds' }),
    maxLineBytes: read.bytes('MAX_LINE_BYTES', { default: 1024 ** 2, min: 1024, max: 16 * 1024 ** 2 }),
    spoolDir: read.string('SPOOL_DIR', { default: join('data', 'spool') }),
    spoolMaxBytes: read.bytes('SPOOL_MAX_BYTES', { default: 1024 ** 3, min: 1024 ** 2 }),
    spoolWhenFull: read.oneOf('SPOOL_WHEN_FULL', ['block', 'drop-oldest'], { default: 'block' }),
    heartbeatMs: 1000 * read.number('HEARTBEAT_SECONDS', { default: 30, min: 0, max: 3600, unit: 'seconds' }),
    metricsPort: read.integer('METRICS_PORT', { default: 0, min: 0, max: 65_535 }),
    metricsHost: read.string('METRICS_HOST', { default: '127.0.0.1' }),
    logLevel: read.oneOf('LOG_LEVEL', logLevels, { default: 'info' }),
    ignored: ['MAX_SEND_RETRIES', 'QUEUE_MAX_SIZE'].filter((name) => read.raw(name) !== undefined),
    // Last: of all that was asked for.
    misspelt: read.misspelt(),
  };
  if (found.coalesceSeconds > 0 && found.coalesceMaxSeconds < found.coalesceSeconds) {
    read.problem(
      'ALERT_COALESCE_MAX_SECONDS',
      `is ${found.coalesceMaxSeconds}, less than ALERT_COALESCE_SECONDS (${found.coalesceSeconds}); make it at least as long`,
    );
  }
  return { found, problems: read.problems };
}

function readDockerSettings(read: SettingsReader): DockerSettings {
  const host = read.raw('DOCKER_HOST')?.trim();
  const command = read.raw('DOCKER_CMD')?.trim();
  // A command has it from its environment.
  if (command === undefined && host !== undefined && !/^(unix|tcp|http|https):\/\/./.test(host))
    read.problem('DOCKER_HOST', `is ${JSON.stringify(host)}; expected ${expectedHosts}`);
  return {
    command,
    host,
    certPath: read.raw('DOCKER_CERT_PATH')?.trim(),
    tlsVerify: read.raw('DOCKER_TLS_VERIFY') !== undefined,
    logSource: read.oneOf('LOG_SOURCE', ['auto', 'api', 'file'], { default: 'auto' }),
  };
}
