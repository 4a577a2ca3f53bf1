// Runs a program to its end and gives its output: for the test kit's own use of docker, tar, initdb and the like.

import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  input?: string | Buffer | Readable;
  timeoutMs?: number;
  uid?: number;
  gid?: number;
}

/** Gives the program's standard output, trimmed. @throws when it fails or outlasts `timeoutMs`, with its standard error. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { timeoutMs = 300_000, input, ...rest } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...rest, stdio: ['pipe', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const fail = (what: string) => {
      const said = Buffer.concat([...err, ...out])
        .toString()
        .trimEnd()
        .slice(-4000);
      reject(new Error(`${command} ${args.join(' ')}: ${what}${said ? `\n${said}` : ''}`));
    };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail(`not done after ${timeoutMs / 1000} s`);
    }, timeoutMs);
    child.stdout.on('data', (chunk) => out.push(chunk));
    child.stderr.on('data', (chunk) => err.push(chunk));
    // A program that ends without reading its input is judged by its exit code.
    child.stdin.on('error', () => {});
    child.on('error', (error) => {
      clearTimeout(timer);
      fail(error.message);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve(Buffer.concat(out).toString().trimEnd());
      else fail(signal ? `ended by ${signal}` : `exit code ${code}`);
    });
    if (input && typeof input === 'object' && 'pipe' in input) input.pipe(child.stdin);
    else child.stdin.end(input);
  });
}
