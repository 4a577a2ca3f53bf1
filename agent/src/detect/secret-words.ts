// Secrets known by their own shape, wherever they stand: `ghp_…`, `xoxb-…`, a JWT, the path of a webhook. Each has a fixed
// begin, and a body of random characters that has a digit: what only begins so is left.

/** A digit in what follows: no word of a language, no name of a module. */
const random = '(?=[\\w.~+/-]{0,80}\\d)';

/** In the order in which they are tried. `sights.ts` has what announces each. */
const shapes: [kind: string, shape: string][] = [
  ['aws-key', '(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])'],
  ['jwt', '(?<![\\w-])eyJ[\\w-]{8,}\\.eyJ[\\w-]{4,}(?:\\.[\\w-]{4,})?'],
  ['github-token', 'gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\\w{40,}'],
  ['gitlab-token', 'gl(?:pat|rt|dt|cbt|ptt|ft|oas|soat|agent|imt|ffct)-[\\w-]{20,}'],
  ['slack-token', 'xox[abceoprs](?:\\.xox[bp])?-[A-Za-z0-9-]{10,}|xapp-\\d-[A-Za-z0-9-]{20,}'],
  ['slack-webhook', '(?<=/services/)T[A-Z0-9]{7,12}/B[A-Z0-9]{7,12}/[A-Za-z0-9]{20,}'],
  ['discord-webhook', '(?<=/webhooks/)\\d{15,20}/[\\w-]{40,}'],
  ['telegram-token', '\\d{8,10}:AA[\\w-]{32,34}(?![\\w-])'],
  ['stripe-key', `[srp]k_(?:live|test|prod)_${random}[A-Za-z0-9]{16,}`],
  ['google-key', 'AIza[\\w-]{35}|GOCSPX-[\\w-]{24,}'],
  ['google-token', 'ya29\\.[\\w.-]{20,}|1//0[\\w-]{30,}'],
  ['npm-token', 'npm_[A-Za-z0-9]{36}'],
  ['pypi-token', 'pypi-[\\w-]{40,}'],
  ['sendgrid-key', 'SG\\.[\\w-]{20,64}\\.[\\w-]{30,}'],
  ['webhook-secret', 'whsec_[A-Za-z0-9+/=]{24,}'],
  ['vault-token', 'hv[sbr]\\.[\\w-]{20,}|[A-Za-z0-9]{14}\\.atlasv1\\.[\\w=-]{60,}'],
  ['azure-key', '[\\w~.]{3}\\dQ~[\\w~.-]{31,34}'],
  ['api-key', `sk-(?:[a-z]{1,16}-){0,4}${random}[\\w-]{32,}`],
  // One prefix and an underscore: of Hugging Face, Groq, Replicate, Grafana, Notion, Figma, SonarQube, DigitalOcean …
  [
    'api-key',
    '(?:hf|gsk|r8|re|ntn|nfp|sbp|sgp|bkua|ph[acsx]|sq[apu]|glc|glsa|figd|secret|pcsk|dckr_(?:pat|oat)|rubygems|' +
      'sntry[su]|lin_api|pscale_(?:pw|tkn|oauth)|do[opr]_v1|shp(?:at|ca|pa|ss)|f[mo][12]|rzp_(?:live|test)|lsv2_(?:pt|sk)|' +
      `ccipat|tfp|y0|api_org)_${random}[\\w+/=-]{24,}`,
  ],
  // The same with a dash.
  [
    'api-key',
    `(?:xkeysib|xai|pplx|nvapi|pul|PMAK|HRKU|NRAK|CFPAT|sq0(?:csp|atp)|sq0idp)-${random}[\\w-]{20,}`,
  ],
  ['api-key', 'tskey-[a-z]{2,12}-[\\w-]{16,}|AGE-SECRET-KEY-1[A-Z0-9]{50,}'],
  ['api-key', `AT(?:ATT3|CTT3|BB)${random}[\\w=-]{28,}|EAA[A-Z]${random}[\\w-]{56,}`],
  ['api-key', 'dt0c01\\.[A-Z0-9]{24}\\.[A-Z0-9]{64}|dp\\.(?:pt|st|ct|sa|scim|audit)\\.[\\w.-]{40,}'],
  ['api-key', `cio${random}[A-Za-z0-9]{32}(?![A-Za-z0-9])`],
  ['api-key', `(?:key-|dapi)[a-f0-9]{32}(?![A-Za-z0-9])|[a-f0-9]{32}-us\\d{1,2}(?!\\w)`],
  ['api-key', `(?:LTAI|AQVN|AKCp)${random}[\\w-]{16,}`],
];

/** Not within a word; but an escaped line feed, an escaped character of a URL and Telegram's `/bot` stand before one. */
const words = new RegExp(
  `(?:(?<!\\w)|(?<=%[0-9A-Fa-f]{2}|\\\\[nrt]|/bot))(?:${shapes.map(([, shape]) => `(${shape})`).join('|')})`,
  'g',
);

/** All between two blanks or quotes that may have one. */
const longRuns = /[\w.~+/=:\\%-]{20,}/g;

/** The text with `mark` of its kind for each. Each begin is looked at once, and no farther than its own run of characters. */
export function redactWords(text: string, mark: (kind: string) => string): string {
  return text.replace(longRuns, (run) =>
    /\d/.test(run)
      ? run.replace(words, (whole: string, ...groups: unknown[]) => {
          const kind = shapes[groups.findIndex((group) => group !== undefined)]?.[0];
          return kind === undefined ? whole : mark(kind);
        })
      : run,
  );
}

const hooks = /hooks?(?:b2)?(?:\.[\w.-]{1,100})?\/[\w/@.~-]{16,512}/gi;
const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Of the address of an incoming webhook, the path from its first random part on: who knows it may post. */
export function redactHooks(text: string, mark: (kind: string) => string): string {
  return text.replace(hooks, (whole) => {
    const parts = whole.split('/');
    if (!parts.slice(1).some(isRandomPart)) return whole;
    const from = parts.findIndex(
      (part, index) => index > 0 && /\d/.test(part) && part.length > 6 && !/hook/i.test(part),
    );
    return [...parts.slice(0, from), mark('webhook')].join('/');
  });
}

function isRandomPart(part: string): boolean {
  return /^[\w@-]{18,}$/.test(part) && /\d/.test(part) && /[A-Za-z]/.test(part) && !uuid.test(part);
}
