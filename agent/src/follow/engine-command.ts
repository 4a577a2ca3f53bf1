// The docker command (DOCKER_CMD, for example `sudo docker`) in the place of the Engine API: for hosts where the socket
// is reached through sudo, ssh or a context. It writes stdout and stderr to two pipes, without frames; a long line's
// pieces come glued, each with its timestamp, and its own errors come on stderr without one.

import { streams } from '../streams.ts';
import { abortWith } from './abort-with.ts';
import {
  type ContainerEvent,
  type Engine,
  EngineError,
  type InspectJson,
  kindOf,
  type LogRequest,
  readEvent,
  readInspected,
} from './engine.ts';
import { isStamp, stampOf } from './timestamps.ts';

const answerMs = 30_000;

/** `command` is split at spaces; quotes hold a word together. @throws EngineError when it is empty or a quote is open */
export function createEngineCommand({
  command = 'docker',
  env = process.env,
}: {
  command?: string;
  env?: NodeJS.ProcessEnv;
} = {}): Engine {
  const [program, ...before] = splitCommand(command);
  if (program === undefined) throw new EngineError('failed', 'DOCKER_CMD is empty; set it to docker');

  /** Without an input, its outputs piped. */
  function start(args: string[], signal: AbortSignal) {
    // Loaded when it is needed: most agents speak to a socket.
    const { spawn } = process.getBuiltinModule('node:child_process');
    return spawn(program!, [...before, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'], signal });
  }

  /** Runs it to its end; its output goes to `onOutput` as it comes. @throws EngineError when it fails */
  function run(
    args: string[],
    signal: AbortSignal,
    onOutput: (text: string) => void,
    onStart?: () => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const child = start(args, signal);
      let said = '';
      child.stdout.setEncoding('utf8').on('data', onOutput);
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        if (said.length < 10_000) said += text;
      });
      child.once('spawn', () => onStart?.());
      child.once('error', (error) => reject(signal.aborted ? signal.reason : notStarted(error)));
      child.once('close', (code) => {
        if (signal.aborted) reject(signal.reason);
        else if (code === 0) resolve();
        else reject(failed(args, said, code));
      });
    });
  }

  async function output(args: string[], signal: AbortSignal): Promise<string> {
    let text = '';
    const { controller, release } = abortWith(signal, answerMs);
    const take = (part: string) => {
      text += part;
    };
    await run(args, controller.signal, take).finally(release);
    return text;
  }

  function notStarted(error: Error): EngineError {
    const code = (error as NodeJS.ErrnoException).code;
    const why =
      code === 'ENOENT'
        ? 'there is no such program; install the docker command, or unset DOCKER_CMD to use the socket'
        : error.message;
    return new EngineError('unreachable', `cannot run ${command}: ${why}`, { cause: error });
  }

  function failed(args: string[], said: string, code: number | null): EngineError {
    const words = said.trim();
    return new EngineError(
      kindOf(words),
      `${command} ${args[0]}: ${words || `ended with ${code}`} (DOCKER_CMD)`,
    );
  }

  return {
    label: command,

    async connect(signal) {
      const version = await output(['version', '--format', '{{.Server.APIVersion}}'], signal);
      return { version: version.trim(), time: stampOf(Date.now()) };
    },

    async list(signal) {
      const ids = (await output(['ps', '--all', '--quiet', '--no-trunc'], signal))
        .split('\n')
        .filter(Boolean);
      const listed = [];
      // One of them may be removed meanwhile, and then the whole call fails.
      for (const json of await inspectAll(ids, signal)) {
        const { id, name, labels, running, createdAt } = readInspected(json);
        listed.push({ id, name, labels, running, createdAt });
      }
      return listed;
    },

    async inspect(id, signal) {
      const [json] = JSON.parse(await output(['container', 'inspect', id], signal)) as InspectJson[];
      if (!json) throw new EngineError('not-found', `no such container: ${id}`);
      return readInspected(json);
    },

    async events({ since, signal, onOpen, onEvent }) {
      let text = '';
      const from = since === undefined ? [] : ['--since', since];
      await run(
        ['events', '--filter', 'type=container', '--format', '{{json .}}', ...from],
        signal,
        (part) => {
          text += part;
          const lines = text.split('\n');
          text = lines.pop()!;
          for (const line of lines) {
            const event: ContainerEvent | undefined = line.trim() === '' ? undefined : readEvent(line);
            if (event) onEvent(event);
          }
        },
        onOpen,
      );
    },

    async logs(request) {
      await streamLogs(request);
      return 'ended';
    },
  };

  async function inspectAll(ids: string[], signal: AbortSignal): Promise<InspectJson[]> {
    if (ids.length === 0) return [];
    try {
      return JSON.parse(await output(['container', 'inspect', ...ids], signal)) as InspectJson[];
    } catch (error) {
      if (!(error instanceof EngineError) || error.kind !== 'not-found') throw error;
      const one = async (id: string) =>
        (JSON.parse(await output(['container', 'inspect', id], signal)) as InspectJson[])[0]!;
      const found = [];
      for (const id of ids) found.push(await one(id).catch(() => undefined));
      return found.filter((json) => json !== undefined);
    }
  }

  function streamLogs({ id, follow, since, until, tail, signal, onBytes }: LogRequest): Promise<void> {
    const args = [
      'logs',
      '--timestamps',
      ...(follow ? ['--follow'] : []),
      ...(since === undefined || since === '0' ? [] : ['--since', since]),
      ...(until === undefined ? [] : ['--until', until]),
      ...(tail === undefined ? [] : ['--tail', String(tail)]),
      id,
    ];
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const child = start(args, signal);
      let said = '';
      let failure: unknown;
      const pipes = { stdout: child.stdout, stderr: child.stderr };
      for (const stream of streams) {
        pipes[stream].on('data', (data: Buffer) => {
          // What is still in the pipe belongs to a request that is over.
          if (signal.aborted) return;
          // Its own words have no timestamp. They are few and come last, so they are kept beside the lines.
          if (stream === 'stderr' && !isStamp(data, 0, data.length) && said.length < 10_000) {
            said += data.toString('utf8');
          }
          try {
            const waiting = failure === undefined ? onBytes(stream, data, 0, data.length) : undefined;
            if (!waiting) return;
            for (const pipe of [child.stdout, child.stderr]) pipe.pause();
            waiting.then(
              () => {
                for (const pipe of [child.stdout, child.stderr]) pipe.resume();
              },
              (error) => stop(error),
            );
          } catch (error) {
            stop(error);
          }
        });
      }
      function stop(error: unknown): void {
        failure ??= error;
        child.kill();
        child.stdout.resume();
        child.stderr.resume();
      }
      child.once('error', (error) => reject(signal.aborted ? signal.reason : notStarted(error)));
      child.once('close', (code) => {
        if (signal.aborted) reject(signal.reason);
        else if (failure !== undefined) reject(failure);
        else if (code === 0) resolve();
        else reject(failed(args, lastWords(said), code));
      });
    });
  }
}

/** Container output may be among what was kept; the command's own error is the last line. */
function lastWords(said: string): string {
  return said.trim().split('\n').at(-1) ?? '';
}

/** Splits at spaces; single and double quotes hold a word together. */
export function splitCommand(command: string): string[] {
  const words: string[] = [];
  const pattern = /\s*(?:"([^"]*)"|'([^']*)'|([^\s"']+))/gy;
  let end = 0;
  for (let word = pattern.exec(command); word; word = pattern.exec(command)) {
    words.push(word[1] ?? word[2] ?? word[3] ?? '');
    end = pattern.lastIndex;
  }
  if (command.slice(end).trim() !== '') {
    throw new EngineError('failed', `DOCKER_CMD is ${command}: a quote is not closed`);
  }
  return words;
}
