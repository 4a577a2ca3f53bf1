// `npm start` on a fresh clone, with only Node there: installs what is missing, builds, and hands over to `log-detector start`.
// Nothing but Node's own modules may be imported before the install.

import { install } from './install.mjs';

install();
const { buildIfStale } = await import('../build.mjs');
await buildIfStale();
process.argv.splice(2, 0, 'start');
await import('./log-detector.mjs');
