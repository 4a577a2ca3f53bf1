// The agent's own log.

import { expect, it } from 'vitest';
import { createLog } from './write-log.ts';

it('writes what is of its level or above, one JSON object a line, with the fields and the message', () => {
  const lines: string[] = [];
  const log = createLog('info', (line) => lines.push(line));
  log.debug({}, 'not told');
  log.info({ container: 'shop', path: undefined }, 'reading\nits log');
  log.warn('no fields');
  expect(lines.every((line) => line.endsWith('\n') && line.indexOf('\n') === line.length - 1)).toBe(true);
  const [info, warn] = lines.map((line) => JSON.parse(line));
  expect(info).toEqual({ level: 30, time: expect.any(Number), container: 'shop', msg: 'reading\nits log' });
  expect(warn).toMatchObject({ level: 40, msg: 'no fields' });
});

it('writes nothing when it is silent', () => {
  const lines: string[] = [];
  createLog('silent', (line) => lines.push(line)).error({}, 'failed');
  expect(lines).toEqual([]);
});

it('tells of an error its message, its stack, its code and its cause', () => {
  const lines: string[] = [];
  const cause = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
  createLog('error', (line) => lines.push(line)).error(
    { error: new TypeError('bug: no', { cause }) },
    'failed',
  );
  expect(JSON.parse(lines[0]!).error).toMatchObject({
    type: 'TypeError',
    message: 'bug: no',
    stack: expect.stringContaining('write-log.test'),
    cause: { message: 'no space left', code: 'ENOSPC' },
  });
});
