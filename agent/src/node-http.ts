// Node's `http`. What would surprise: it is asked for, and not imported. An import reads each of a module's exports, and from
// Node.js 22 on one of them brings in a WebSocket client, with all that `fetch` is made of: some megabytes.

import type Http from 'node:http';

export const http: typeof Http = process.getBuiltinModule('node:http');
