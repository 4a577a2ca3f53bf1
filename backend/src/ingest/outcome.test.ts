import { describe, expect, it } from 'vitest';
import { mask, maskText } from './mask.ts';
import { createTemplateMiner } from './templates.ts';

describe('numbers that tell failures apart', () => {
  it.each([
    'upstream returned status 503',
    'Request failed with status code 404',
    'gateway answered HTTP 502 for it',
    'HTTP error 500: no luck',
    'call failed (status=503)',
    'call failed, {"statusCode":503}',
    'GET responded 500 in time',
    'Sent 404 in <duration>',
    'exited with code 137',
    'it exited with code 1.',
    'command failed: exit status 127',
    'Task exited with return code 1',
    'exit_code=2 at last',
    'process exited unexpectedly (code 1, signal null)',
    'Response code was 404 there',
    'worker exited on signal 11',
    'write failed, errno=32',
    'job exit 137 after it',
    'killed by signal 9',
    'Error: 503 Service Unavailable',
    'unknown error 500 while at it',
    'refused with code 403',
    'upstream http_code=403 error_code: 502',
    'got response 503 from it',
    'cannot write (os error 28)',
    'system call failed: error number 13 of it',
    'login refused, error code: 1045',
    'socket closed with code 1006',
    'lost it, close code 1011',
    "called it, Result: '429', Handled: no",
    'answered {"status":"503"}',
  ])('keeps it: %s', (message) => {
    expect(maskText(message)).toBe(message);
  });

  it.each([
    ['HTTP/1.1 503 Service Unavailable', 'HTTP/<num> 503 Service Unavailable'],
    ['status 200 of it', 'status <num> of it'],
    ['exited with code 0', 'exited with code <num>'],
    ['exited with code 4096', 'exited with code <num>'],
    ['returned 404 rows', 'returned <num> rows'],
    ['read error 587 there', 'read error <num> there'],
    ['took 503 tries', 'took <num> tries'],
    ['exited with 12 errors', 'exited with <num> errors'],
    ['lane exit 12 blocked', 'lane exit <num> blocked'],
    ['exited with code 300', 'exited with code <num>'],
    ['weak signal 70 there', 'weak signal <num> there'],
    ['Error: 417 rows are left', 'Error: <num> rows are left'],
    ['unknown country code: 417', 'unknown country code: <num>'],
    ['unknown {"zip_code":417} zip-code=418', 'unknown {"zip_code":<num>} zip-code=<num>'],
    ['barcode 404', 'barcode <num>'],
    ['status 404.5', 'status <num>'],
    ['error code 1234567', 'error code <num>'],
    ['order number 1045, user number 13', 'order number <num>, user number <num>'],
    ['response 404 rows long', 'response <num> rows long'],
    ['result 404 of many', 'result <num> of many'],
    ['"GET /x HTTP/1.1" status: 404 len: 12', '"GET <path> HTTP/<num>" status: <num> len: <num>'],
    ['target not reached, status code 403', 'target not reached, status code <num>'],
  ])('masks what is none of them: %s', (message, masked) => {
    expect(maskText(message)).toBe(masked);
  });

  it('never takes two of them for one issue, be the place around them known to vary', () => {
    const miner = createTemplateMiner();
    const learn = (message: string): string => {
      const { keys } = mask(message);
      return miner.match(keys) ?? miner.learn(keys).id;
    };
    const codes = Array.from({ length: 30 }, (_, code) => code + 1);
    for (const user of ['ann', 'ben', 'cleo']) learn(`job of ${user} exited with code 1`);
    const ids = codes.map((code) => learn(`job of dora exited with code ${code}`));
    expect(new Set(ids.map((id) => miner.root(id))).size).toBe(codes.length);
    expect(miner.root(learn('job of emil exited with code 1'))).toBe(miner.root(ids[0]!));
  });
});
