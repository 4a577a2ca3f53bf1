import { describe, expect, it } from 'vitest';
import { readArguments } from './rules.ts';

describe('the arguments of rules', () => {
  it('are a file, how far back, records of a file, and a backend', () => {
    expect(
      readArguments([
        'test',
        'rules.yaml',
        '--since',
        '2h',
        '--fixtures',
        'f.yaml',
        '--api',
        'http://localhost:8000',
        '--json',
      ]),
    ).toEqual({
      file: 'rules.yaml',
      sinceMs: 7_200_000,
      fixtures: 'f.yaml',
      api: 'http://localhost:8000',
      json: true,
    });
  });

  it.each([
    [[], 'rules of what?'],
    [['check', 'x'], '"check" is nothing that rules do'],
    [['test'], 'no file of rules is given'],
    [['test', 'a', 'b'], '"b" is one file too many'],
    [['test', 'a', '--since', 'soon'], '--since is "soon"; give a time such as 90m, 24h or 7d'],
    [['test', 'a', '--since'], '--since needs a value'],
    [['test', 'a', '--quick'], '"--quick" is no option of rules test'],
    [['test', 'a', '--api', 'localhost'], '--api is "localhost"; give an address'],
  ])('that do not fit are told: %j', (args, message) => {
    expect(() => readArguments(args)).toThrow(message);
  });
});
