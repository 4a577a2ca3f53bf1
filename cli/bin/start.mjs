// `npm start` on a fresh clone, with only Node there: installs what is missing, builds, and hands over to `log-detector start`.
// Nothing but Node's own modules may be imported before the install.

import { fileURLToPath } from 'node:url';
import { install } from './install.mjs';

install();
const { buildIfStale } = await import('../build.mjs');
await buildIfStale(() => console.log('Building it (once; later starts skip this)…'));
// From here on this process is `log-detector start`; the processes it starts are found by the same path.
const command = fileURLToPath(new URL('./log-detector.mjs', import.meta.url));
process.argv = [process.execPath, command, 'start', ...process.argv.slice(2)];
await import('./log-detector.mjs');
