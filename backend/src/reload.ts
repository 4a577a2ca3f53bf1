// RULES_FILE and TEMPLATES_DIR, as they change while the backend runs -> rules, channels and templates in force. They are
// looked at every two seconds, and at once on SIGHUP. A change counts when two looks in a row find it alike, because a file
// may be half written. While there is a mistake in it, what was read before stays in force.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ReloadOptions<Settings> {
  rulesFile: string | undefined;
  templatesDir: string | undefined;
  /** Of the files as they were read first. */
  digest: string;
  /** Reads and checks all settings anew. @throws an error whose message names every mistake. */
  read(): Settings;
  /** Puts them in force. */
  apply(settings: Settings): Promise<void>;
  /** Told once of each state of the files that has a mistake. */
  onRefused(error: Error): void;
  /** The mistake is gone. */
  onMended(): void;
  /** Putting them in force failed; it is tried again. */
  onTrouble(error: Error): void;
  everyMs?: number;
}

export interface Reloading {
  /** What is on disk has a mistake, and something older is in force. */
  isRefused(): boolean;
  /** Looks now, and reads anew although nothing seems to have changed: a secret in another file may have. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

export function watchSettings<Settings>(options: ReloadOptions<Settings>): Reloading {
  const { read, apply, onRefused, onMended, onTrouble, everyMs = 2_000 } = options;
  let inForce = options.digest;
  let seen = inForce;
  let refused: string | undefined;

  async function readAnew(found: string): Promise<void> {
    let settings: Settings;
    try {
      settings = read();
    } catch (error) {
      refused = found;
      return onRefused(error as Error);
    }
    try {
      await apply(settings);
    } catch (error) {
      return onTrouble(error as Error);
    }
    inForce = found;
    mended();
  }

  function mended(): void {
    if (refused === undefined) return;
    refused = undefined;
    onMended();
  }

  async function look(): Promise<void> {
    const found = digestOf(options);
    const isSteady = found === seen;
    seen = found;
    // Taken back, it is as it was.
    if (found === inForce) return mended();
    if (isSteady && found !== refused) await readAnew(found);
  }

  // One after the other, whoever asks.
  let working = Promise.resolve();
  const inTurn = (work: () => Promise<void>) => {
    working = working.then(work).catch((error: Error) => onTrouble(error));
    return working;
  };
  const stopping = new AbortController();
  const { signal } = stopping;
  const running = (async () => {
    while (!signal.aborted) {
      await sleep(everyMs, undefined, { signal, ref: false }).catch(() => {});
      if (!signal.aborted) await inTurn(look);
    }
  })();
  return {
    isRefused: () => refused !== undefined,
    reload: () => inTurn(() => readAnew(digestOf(options))),
    async stop() {
      stopping.abort();
      await Promise.race([Promise.all([running, working]), sleep(1_000, undefined, { ref: false })]);
    },
  };
}

/** Tells whether what is read is another; a file that cannot be read is one more state. */
export function digestOf({
  rulesFile,
  templatesDir,
}: Pick<ReloadOptions<unknown>, 'rulesFile' | 'templatesDir'>): string {
  const hash = createHash('sha256');
  const add = (read: () => string | Buffer) => {
    try {
      hash.update(read());
    } catch (error) {
      hash.update(String((error as NodeJS.ErrnoException).code));
    }
    hash.update('\0');
  };
  if (rulesFile !== undefined) add(() => readFileSync(rulesFile));
  if (templatesDir !== undefined) {
    let names: string[] = [];
    add(() => {
      names = readdirSync(templatesDir)
        .filter((name) => name.endsWith('.mustache'))
        .sort();
      return names.join('\0');
    });
    for (const name of names) add(() => readFileSync(join(templatesDir, name)));
  }
  return hash.digest('base64');
}
