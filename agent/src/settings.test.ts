import { describe, expect, it } from 'vitest';
import { readAgentSettings } from './settings.ts';

describe('agent settings', () => {
  it('has the defaults of the contract when nothing is set', () => {
    expect(readAgentSettings({})).toMatchObject({
      backendUrl: 'http://localhost:8000/api/logs',
      backendApiKey: undefined,
      containers: [],
      errorPattern: `(?<!["'])ERROR(?![A-Za-z])`,
      tracebackPattern: 'Traceback \\(most recent call last\\):',
      tracebackMaxLines: 400,
      coalesceSeconds: 0,
      coalesceMaxSeconds: 30,
      coalesceMaxEntries: 50,
      docker: { command: undefined, host: undefined },
      restartDelayMs: 3000,
      connectTimeoutMs: 2000,
      readTimeoutMs: 5000,
      sendBaseBackoffMs: 1500,
      spoolWhenFull: 'block',
    });
  });

  it('takes the names of the original', () => {
    expect(
      readAgentSettings({
        MONITOR_HOST: 'web-3',
        MONITOR_CONTAINERS: 'api, db ,',
        DOCKER_CMD: 'sudo docker',
        SEND_BASE_BACKOFF: '0.5',
      }),
    ).toMatchObject({
      host: 'web-3',
      containers: ['api', 'db'],
      docker: { command: 'sudo docker' },
      sendBaseBackoffMs: 500,
    });
  });

  it('takes the LOG_LEVEL that the backend takes, because both read the same variable', () => {
    for (const level of ['debug', 'info', 'warn', 'error', 'silent'])
      expect(readAgentSettings({ LOG_LEVEL: level }).logLevel).toBe(level);
  });

  it('leaves DOCKER_HOST to the command where there is one', () => {
    const host = 'ssh://me@example.com';
    expect(readAgentSettings({ DOCKER_HOST: host, DOCKER_CMD: 'docker' }).docker.command).toBe('docker');
    expect(() => readAgentSettings({ DOCKER_HOST: host })).toThrow(/For ssh:\/\/ set DOCKER_CMD=docker/);
  });

  it('names the variables that made the original lose events, as ignored', () => {
    expect(readAgentSettings({ MAX_SEND_RETRIES: '6', QUEUE_MAX_SIZE: '2000' }).ignored).toEqual([
      'MAX_SEND_RETRIES',
      'QUEUE_MAX_SIZE',
    ]);
  });

  it('lists all mistakes at once', () => {
    expect(() =>
      readAgentSettings({ BACKEND_URL: 'localhost', DOCKER_HOST: 'docker.sock', SPOOL_WHEN_FULL: 'panic' }),
    ).toThrow(
      /^3 settings are wrong:\n.*BACKEND_URL.*\n.*DOCKER_HOST.*unix:\/\/.*\n.*SPOOL_WHEN_FULL.*block, drop-oldest/,
    );
  });
});
