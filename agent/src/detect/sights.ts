// What one look over a text is to see, so that redact.ts and level.ts run only the expressions that may find something. Whoever
// changes one of those changes what announces it here; tests hold the two together.

import { createGlance, type Glance } from './glance.ts';

/** Bits of what is seen. */
export const sights = { key: 1, url: 2, name: 4, scheme: 8, word: 16, level: 32 } as const;

/** In any case. */
const announced: [sight: keyof typeof sights, texts: string[]][] = [
  ['key', ['private key']],
  ['url', ['://', '@tcp(', '@unix(']],
  ['name', ['identified by', '?sig=', '&sig=', 'tkey']],
  ['name', ['pass', 'pwd', 'secret', 'token', 'credential', 'authorization', 'cookie', 'sas', 'signature']],
  // api, access, private, auth, encryption, signing.
  ['name', ['_key', '-key', 'ikey', 'skey', 'ekey', 'hkey', 'nkey', 'gkey']],
  ['scheme', ['bearer', 'basic']],
  ['word', ['akia', 'asia', 'abia', 'acca', 'eyj', 'ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_']],
  ['word', ['glpat-', 'xox', 'hooks.slack', 'k_live_', 'k_test_', 'aiza', 'npm_', 'sg.', 'sk-']],
  [
    'word',
    ['xapp-', 'whsec_', 'hf_', 'dop_v1_', 'shpat_', 'shpca_', 'shppa_', 'shpss_', 'pypi-', 'ya29.', 'hvs.'],
  ],
  ['word', ['/api/webhooks/']],
  ['level', ['level', 'lvl', 'severity', 'priority', 'll=', 'll:', 'll"', "ll'", 'll ', 'll\t']],
];

export const createSight = (): Glance =>
  createGlance(announced.flatMap(([sight, texts]) => texts.map((text) => ({ text, value: sights[sight] }))));
