// The .env.example of each program names every variable that the program reads, and no other.

import { readFileSync } from 'node:fs';

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './support/programs.ts';

const read = (path: string) => readFileSync(join(root, path), 'utf8');

/** Read by a library, or by the compose file, not by our settings. */
const elsewhere = {
  backend: [
    'AWS_REGION',
    'AWS_ACCESS_KEY_ID',
    'AWS_SECRET_ACCESS_KEY',
    'AWS_SESSION_TOKEN',
    'AWS_ENDPOINT_URL_SESV2',
  ],
  agent: ['DOCKER_TLS_VERIFY', 'MAX_SEND_RETRIES', 'QUEUE_MAX_SIZE'],
};
/** Other ways of AWS's own to say what the example says. */
const aliases = ['AWS_DEFAULT_REGION', 'AWS_PROFILE'];

const inExample = (program: string) =>
  [...read(`${program}/.env.example`).matchAll(/^#?([A-Z][A-Z0-9_]*)=/gm)].map(([, name]) => name!).sort();
const inSettings = (program: string) => [
  ...new Set(
    [
      ...read(`${program}/src/settings.ts`).matchAll(
        /\.(?:raw|string|number|integer|bytes|boolean|oneOf|list|url)\(\s*'([A-Z][A-Z0-9_]*)'/g,
      ),
    ].map(([, name]) => name!),
  ),
];

describe.each(['backend', 'agent'] as const)('%s/.env.example', (program) => {
  it('names every variable that is read, and no other', () => {
    const known = [...inSettings(program), ...elsewhere[program]].filter((name) => !aliases.includes(name));
    expect(inExample(program)).toEqual([...new Set(known)].sort());
  });
});

describe('docker-compose.yml', () => {
  it('hands on the variables of the examples that make sense in a container', () => {
    const compose = read('docker-compose.yml');
    // Set by the compose file or the images themselves, or of no use inside a container.
    const notHandedOn = [
      'HOST',
      'PORT',
      'DATABASE_URL',
      'DATA_DIR',
      'API_KEY',
      'BACKEND_API_KEY',
      'DOCKER_HOST',
    ];
    notHandedOn.push('DOCKER_CERT_PATH', 'DOCKER_TLS_VERIFY', 'DOCKER_CMD', 'SPOOL_DIR', ...elsewhere.agent);
    const names = [...inExample('backend'), ...inExample('agent')].filter(
      (name) => !notHandedOn.includes(name),
    );
    expect(names.filter((name) => !new RegExp(`- ${name}(=|$)`, 'm').test(compose))).toEqual([]);
  });
});
