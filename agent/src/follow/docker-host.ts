// DOCKER_HOST and its companions -> where the engine listens. What cannot be reached is told with what to do.

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { outOfFiles } from '../out-of-files.ts';
import { EngineError } from './engine.ts';

export const defaultDockerHost = 'unix:///var/run/docker.sock';

export interface DockerHost {
  /** As given, for messages. */
  label: string;
  socketPath?: string;
  host?: string;
  port?: number;
  tls?: { ca?: Buffer; cert?: Buffer; key?: Buffer; rejectUnauthorized: boolean; servername: string };
}

export interface DockerHostSettings {
  /** `DOCKER_HOST`. */
  host?: string;
  /** `DOCKER_CERT_PATH`: a folder with ca.pem, cert.pem and key.pem. */
  certPath?: string;
  /** `DOCKER_TLS_VERIFY`: the engine must show a certificate that ca.pem signed. */
  tlsVerify?: boolean;
}

/** What DOCKER_HOST may be. */
export const expectedHosts =
  'unix:///path/to/docker.sock or tcp://host:port. For ssh:// set DOCKER_CMD=docker too, which knows it';

/** @throws EngineError that names the mistake and its remedy */
export function readDockerHost({
  host = defaultDockerHost,
  certPath,
  tlsVerify = false,
}: DockerHostSettings): DockerHost {
  if (host.startsWith('unix://')) {
    return { label: host, socketPath: host.slice('unix://'.length) || '/var/run/docker.sock' };
  }
  const scheme = /^([a-z]+):\/\//.exec(host)?.[1];
  const url = scheme === 'tcp' || scheme === 'http' || scheme === 'https' ? urlOf(host) : undefined;
  if (!url) throw new EngineError('failed', `DOCKER_HOST is ${host}; expected ${expectedHosts}`);
  const withTls = scheme === 'https' || tlsVerify || certPath !== undefined;
  const address = {
    label: host,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port) || (withTls ? 2376 : 2375),
  };
  if (!withTls) return address;
  const read = (name: string) => {
    if (certPath === undefined) return undefined;
    try {
      return readFileSync(join(certPath, name));
    } catch (error) {
      throw new EngineError(
        'failed',
        `DOCKER_CERT_PATH: cannot read ${join(certPath, name)}; give the folder that holds ca.pem, cert.pem and key.pem`,
        { cause: error },
      );
    }
  };
  return {
    ...address,
    tls: {
      ca: read('ca.pem'),
      cert: read('cert.pem'),
      key: read('key.pem'),
      rejectUnauthorized: tlsVerify,
      // An address is no server name; the certificate is checked against it all the same.
      servername: isIP(address.host) ? '' : address.host,
    },
  };
}

/** What went wrong on the way to the engine, and what to do about it. */
export function unreachable(label: string, error: unknown): EngineError {
  const { code, message } = error as NodeJS.ErrnoException;
  const why: Record<string, string> = {
    EACCES:
      "permission denied; give the agent's user the docker group, or run the agent as root (docs/operations.md#socket)",
    EPERM:
      "permission denied; give the agent's user the docker group, or run the agent as root (docs/operations.md#socket)",
    ENOENT:
      'there is no such socket; start Docker, mount its socket into the agent, or set DOCKER_HOST (docs/operations.md#socket)',
    ECONNREFUSED: 'nobody listens there; start Docker, or set DOCKER_HOST',
    ENOTFOUND: 'there is no such host; check DOCKER_HOST',
    EMFILE: outOfFiles,
    ENFILE: outOfFiles,
    ETIMEDOUT: 'no answer in time; is the engine busy, or behind a firewall?',
  };
  return new EngineError('unreachable', `cannot reach Docker at ${label}: ${why[code ?? ''] ?? message}`, {
    cause: error,
  });
}

/** Undefined when there is no host in it, or none that can be. Of http: and https: a URL drops the port that is their own. */
function urlOf(host: string): URL | undefined {
  try {
    return new URL(host.replace(/^[a-z]+:/, 'tcp:'));
  } catch {
    return undefined;
  }
}
