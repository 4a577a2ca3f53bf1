import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readEnvFile } from './env-file.ts';

describe('the file .env', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ld-env-'));
    file = join(folder, '.env');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const read = (text: string | Buffer) => {
    writeFileSync(file, text);
    return readEnvFile(file);
  };

  it('may be missing', () => {
    expect(readEnvFile(file)).toEqual({});
  });

  it('is read with quotes, comments, spaces and export', () => {
    const text = `# it's a comment\n\n  export A=1\nB = "two # 2" # more\nC='three'\nD=\nE="of\nfour lines\n\n"\nF=it's`;
    expect(read(text)).toEqual({
      A: '1',
      B: 'two # 2',
      C: 'three',
      D: '',
      E: 'of\nfour lines\n\n',
      F: "it's",
    });
  });

  it('is read where tabs stand before a name, and where its last value has no end', () => {
    expect(read('\tA=1\n\texport\tB\t=\t2\nC="open')).toEqual({ A: '1', B: '2', C: '"open' });
  });

  it('is read as Windows writes it: the first setting counts too', () => {
    expect(read('\uFEFFPORT=9000\r\nHOST="::1"\r\n')).toEqual({ PORT: '9000', HOST: '::1' });
  });

  it.each([
    ['PORT 9000', 1],
    ['A=1\r\nPORT: 9000\r\nB=2', 2],
    ['A="1\n2"\nset PORT=9000\nB=2', 3],
    ['# a\n=9000\nB=2', 2],
    ['A=1\nB="2\nC=3\nD="4"', 2],
    ['A="one" two', 1],
    ['A="a \\"word\\" in it"', 1],
  ])('says which line of %j is none, and does not lose the next', (text, number) => {
    expect(() => read(text)).toThrow(
      `${file}, line ${number}, is not NAME=value; correct it, or begin it with #`,
    );
  });

  it('is refused in the letters of two bytes that PowerShell writes', () => {
    expect(() => read(Buffer.from('\uFEFFPORT=9000\n', 'utf16le'))).toThrow('line 1, is not NAME=value');
  });

  it('that is a folder, as Docker makes of a mount, is told in words', () => {
    mkdirSync(file);
    expect(() => readEnvFile(file)).toThrow(/^cannot read .*\.env: EISDIR.*; let the user/);
  });
});
