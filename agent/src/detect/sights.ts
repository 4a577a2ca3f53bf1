// What one look over a text is to see, so that redact.ts and level.ts run only the expressions that may find something. Whoever
// changes one of those changes what announces it here; tests hold the two together.

import { createGlance, type Glance } from './glance.ts';

/** Bits of what is seen. */
export const sights = {
  key: 1,
  url: 2,
  name: 4,
  scheme: 8,
  word: 16,
  level: 32,
  hook: 64,
  login: 128,
  option: 256,
} as const;

/** In any case. */
const announced: [sight: keyof typeof sights, texts: string[]][] = [
  ['key', ['private key']],
  ['url', ['://', '@tcp(', '@unix(', ':thin:', ':oci:', ':oci8:']],
  ['name', ['identified', '?sig=', '&sig=', '?code=', '&code=', '?key=', '&key=', 'appid=', 'tkey']],
  ['name', ['pass', 'pwd', 'secret', 'token', 'credential', 'authorization', 'cookie', 'sas', 'signature']],
  ['name', ['kennwort', 'wachtwoord', 'contrase', 'senha', 'mot-de', 'masterauth']],
  ['name', ['_auth', '-auth', '"auth', "'auth", '?auth', '&auth']],
  ['name', ['otp', 'cvv', '_pw', '-pw', '_pat=', '_pat:', '_pat"', "_pat'"]],
  // api, access, private, auth, encryption, signing.
  ['name', ['_key', '-key', 'ikey', 'skey', 'ekey', 'hkey', 'nkey', 'gkey', 'api key', 'n.key']],
  ['scheme', ['bearer', 'basic']],
  // Of the others the length tells: `longWord`.
  ['word', ['eyj', 'xox', 'whsec_', 'glc_', 'sntry', '/services/t', '/webhooks/', ':aa']],
  ['hook', ['hook']],
  [
    'login',
    ['__construct(', 'ldap_bind(', 'ftp_login(', 'imap_open(', '_password(', '_connect(', '_pconnect('],
  ],
  [
    'option',
    [' -p', '"-p', "'-p", 'curl', 'wget', 'etcdctl', 'smbclient', 'redis-cli', 'keydb-cli', 'valkey-cli'],
  ],
  ['option', ['ldap', 'openssl', 'htpasswd', 'rabbitmqctl', 'net use']],
  ['level', ['level', 'lvl', 'severity', 'priority', 'll=', 'll:', 'll"', "ll'", 'll ', 'll\t']],
];

export const createSight = (): Glance =>
  createGlance(announced.flatMap(([sight, texts]) => texts.map((text) => ({ text, value: sights[sight] }))));
