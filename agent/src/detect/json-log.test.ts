// What is read out of one JSON log line.

import { describe, expect, it } from 'vitest';
import { parseJsonLog } from './json-log.ts';

describe('parseJsonLog', () => {
  it('parts message, trace and level from the fields, and flattens these', () => {
    const line = JSON.stringify({
      level: 50,
      time: 1,
      msg: 'failed',
      err: { type: 'Error', message: 'boom', stack: 'Error: boom\n    at f (a.js:1:1)' },
      req: { id: 7, headers: { host: 'example.com' } },
    });
    expect(parseJsonLog(line)).toEqual({
      level: 'error',
      states: true,
      message: 'failed',
      trace: 'Error: boom\n    at f (a.js:1:1)',
      fields: {
        level: 50,
        time: 1,
        'err.type': 'Error',
        'err.message': 'boom',
        'req.id': 7,
        'req.headers.host': 'example.com',
      },
    });
  });

  it('is undefined for what is not an object', () => {
    for (const text of ['', '{', '[1]', '"text"', '12', 'plain text', '{"a":1} and more']) {
      expect(parseJsonLog(text)).toBeUndefined();
    }
  });

  it('takes the error for the message when there is no other', () => {
    expect(parseJsonLog('{"error":{"message":"boom"}}')?.message).toBe('boom');
    expect(parseJsonLog('{"a":1}')?.message).toBeUndefined();
  });

  it('bounds the fields in number, length and depth', () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`k${i}`, i]));
    expect(Object.keys(parseJsonLog(JSON.stringify(many))!.fields)).toHaveLength(64);
    expect(String(parseJsonLog(JSON.stringify({ a: 'x'.repeat(9999) }))!.fields.a).length).toBeLessThan(2100);
    const large = Object.fromEntries(
      Array.from({ length: 64 }, (_, i) => [`${i}${'\u0001'.repeat(2000)}`, '\u0001'.repeat(2000)]),
    );
    const { fields } = parseJsonLog(
      JSON.stringify({ first: 1, ...large, long: { ['k'.repeat(300_000)]: 1 } }),
    )!;
    expect(JSON.stringify(fields).length).toBeLessThan(256 * 1024);
    expect(fields.first).toBe(1);
    let deep: unknown = 1;
    for (let i = 0; i < 50; i++) deep = { d: deep };
    expect(Object.keys(parseJsonLog(JSON.stringify(deep))!.fields)).toEqual(['d.d.d.d.d']);
  });

  it('reads a trace that is a list of lines', () => {
    expect(parseJsonLog('{"message":"x","stack_trace":["a","b"]}')?.trace).toBe('a\nb');
  });
});
