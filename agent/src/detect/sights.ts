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
  [
    'name',
    [
      'otp',
      'cvv',
      'cvc',
      'pin=',
      'pin:',
      'pin"',
      "pin'",
      'pin\\',
      '_pw',
      '-pw',
      '_pat=',
      '_pat:',
      '_pat"',
      "_pat'",
      '-pat=',
    ],
  ],
  // api, access, private, auth, encryption, signing.
  ['name', ['_key', '-key', 'ikey', 'skey', 'ekey', 'hkey', 'nkey', 'gkey', 'api key', 'n.key']],
  ['scheme', ['bearer', 'basic']],
  ['word', ['akia', 'asia', 'abia', 'acca', 'eyj', 'ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_']],
  [
    'word',
    ['glpat-', 'glrt-', 'gldt-', 'glcbt-', 'glptt-', 'glft-', 'gloas-', 'glsoat-', 'glagent-', 'glimt-'],
  ],
  ['word', ['glffct-', 'xox', '/services/t', '/webhooks/', 'k_live_', 'k_test_', 'k_prod_', 'aiza', 'npm_']],
  [
    'word',
    ['sg.', 'sk-', 'xapp-', 'whsec_', 'hf_', 'pypi-', 'ya29.', '1//0', 'gocspx-', 'hvs.', 'hvb.', 'hvr.'],
  ],
  [
    'word',
    [
      '.atlasv1.',
      ':aa',
      'gsk_',
      'r8_',
      ' re_',
      '"re_',
      "'re_",
      '=re_',
      ':re_',
      'ntn_',
      'nfp_',
      'sbp_',
      'sgp_',
      'bkua_',
      'pha_',
      'phc_',
    ],
  ],
  ['word', ['phs_', 'phx_', 'squ_', 'sqp_', 'sqa_', 'glc_', 'glsa_', 'figd_', 'secret_', 'pcsk_', 'dckr_']],
  ['word', ['rubygems_', 'sntrys_', 'sntryu_', 'lin_api_', 'pscale_', 'dop_v1_', 'doo_v1_', 'dor_v1_']],
  [
    'word',
    ['shpat_', 'shpca_', 'shppa_', 'shpss_', 'fm1_', 'fm2_', 'fo1_', 'fo2_', 'rzp_', 'lsv2_', 'ccipat_'],
  ],
  [
    'word',
    ['tfp_', 'y0_', 'api_org_', 'xkeysib-', 'xai-', 'pplx-', 'nvapi-', 'pul-', 'pmak-', 'hrku-', 'nrak-'],
  ],
  [
    'word',
    [
      'cfpat-',
      'sq0',
      'tskey-',
      'age-secret-key-',
      'atatt3',
      'atctt3',
      'atbb',
      'eaa',
      'dt0c01.',
      'dp.pt.',
      'dp.st.',
      'dp.ct.',
      'dp.sa.',
      'dp.scim.',
      'dp.audit.',
    ],
  ],
  ['word', ['cio', 'key-', 'dapi', '-us1', '-us2', '-us3', '-us4', '-us5', '-us6', '-us7', '-us8', '-us9']],
  ['word', ['ltai', 'aqvn', 'akcp', ...Array.from({ length: 10 }, (_, digit) => `${digit}q~`)]],
  ['hook', ['hook']],
  ['login', ['->__construct(', '::__construct(', 'ldap_bind(', 'ftp_login(', 'imap_open(', '_password(']],
  ['login', ['_connect(', '_pconnect(']],
  [
    'option',
    [' -p', '"-p', "'-p", ' -u', '"-u', "'-u", ' -a', '"-a', "'-a", ' -w', '"-w', "'-w", ' -k', '"-k'],
  ],
  ['option', ["'-k", 'curl', ' --user', ' --proxy-user', 'htpasswd', 'rabbitmqctl', 'net use']],
  ['level', ['level', 'lvl', 'severity', 'priority', 'll=', 'll:', 'll"', "ll'", 'll ', 'll\t']],
];

export const createSight = (): Glance =>
  createGlance(announced.flatMap(([sight, texts]) => texts.map((text) => ({ text, value: sights[sight] }))));
