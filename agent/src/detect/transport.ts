// What a transport puts before every line of a stream: docker compose, foreman, syslog, containerd's CRI. With it taken
// off, a traceback looks as its program printed it.

interface Prefix {
  /** Matches the whole prefix; the first group is who wrote the line, the second one the time of Linux itself. */
  shape: RegExp;
  /** The transport takes each line for an event: indentation alone joins nothing. */
  lineIsEvent: boolean;
  /** Lines in a row by the same writer that make it a habit. */
  habit: number;
}

const firstLines = 16;

/** Words that a logger puts into brackets where a tool puts the writer's name. */
const levelWord =
  '(?:trace|debug|info|information|notice|warn|warning|error|err|fatal|crit|critical|severe|fail|log)';

const prefixes: Prefix[] = [
  // docker compose: `web_1  | `
  { shape: /^([A-Za-z][\w.-]*)\s+\| ?/, lineIsEvent: false, habit: 2 },
  // foreman, honcho
  { shape: /^\d{2}:\d{2}:\d{2} ([\w.-]+)\s+\| ?/, lineIsEvent: false, habit: 2 },
  // containerd's CRI
  {
    shape: /^\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:\d{2}) (stdout|stderr) [FP] /,
    lineIsEvent: false,
    habit: 2,
  },
  // Linux itself, as /dev/kmsg and dmesg have it
  { shape: /^(?:<\d{1,3}>)?()(\[ *\d+\.\d{6}\]) ?/, lineIsEvent: true, habit: 2 },
  // syslog, RFC 3164 and RFC 5424
  {
    shape:
      /^(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} (\S+ [^\s:[]+(?:\[\d+\])?): ?(?:(?<= kernel: ?)(\[ *\d+\.\d{6}\]) ?)?/,
    lineIsEvent: true,
    habit: 2,
  },
  { shape: /^<\d{1,3}>1 \S+ (\S+ \S+ \S+) \S+ (?:-|(?:\[[^\]]*\])+) ?/, lineIsEvent: true, habit: 2 },
  // kubectl and stern, concurrently, turbo, pm2, Ray: `[pod/web-0/app] `, `[0] `, `web:dev: `, `0|shop  | `, `(train pid=7) `
  {
    shape: new RegExp(
      String.raw`^(?!.?${levelWord}\b)(\[(?!\d+[-:])[\w./:@-]{1,60}\]|\([\w.]{1,40} pid=\d+[\w., =]{0,40}\)|[A-Za-z][\w.-]{0,40}:[A-Za-z][\w.-]{0,40}:|\d+\|[\w.-]{1,40} *\|) `,
      'i',
    ),
    lineIsEvent: false,
    habit: 4,
  },
];

export interface Unwrapped {
  text: string;
  /** Who wrote the line, as the prefix says. */
  from: string;
  lineIsEvent: boolean;
  /** Linux wrote it: what it reports of a fault has lines that look like any. */
  ofKernel: boolean;
}

/** Finds out whether a stream has a transport's prefix, and takes it off. One per stream. */
export class Transport {
  #prefix: Prefix | undefined;
  #candidate: Prefix | undefined;
  #writer = '';
  #run = 0;
  #lines = 0;
  #misses = 0;

  /** Whether lines are known to have a prefix. */
  get isKnown(): boolean {
    return this.#prefix !== undefined;
  }

  /** Whether every line has a prefix behind which the rest of a traceback may look like any line. */
  get wantsAll(): boolean {
    return this.#prefix !== undefined && !isByOne(this.#prefix);
  }

  /** @returns undefined when the stream, or this line, has no such prefix */
  unwrap(text: string): Unwrapped | undefined {
    if (this.#prefix === undefined) {
      // The first lines of a stream tell; later ones are asked now and then.
      const lines = this.#lines++;
      if (lines < firstLines || (lines & 63) < 2) this.#learn(text);
      if (this.#prefix === undefined) return undefined;
    }
    const found = this.#prefix.shape.exec(text);
    if (found) {
      this.#misses = 0;
      const { lineIsEvent } = this.#prefix;
      const [whole, from, kernelTime] = found;
      return { text: text.slice(whole.length), from: from!, lineIsEvent, ofKernel: kernelTime !== undefined };
    }
    // Of a mark by one writer it must not matter which of the later lines were looked at.
    if (!isByOne(this.#prefix) && ++this.#misses > 4) this.#prefix = undefined;
    return undefined;
  }

  /**
   * Lines in a row with the same prefix are a habit. Where it could be a logger's own, they are by one writer, and a
   * stream's first: it must not matter which of the later lines were looked at.
   */
  #learn(text: string): void {
    const found = prefixes.find(({ shape }) => shape.test(text));
    const byOne = found !== undefined && isByOne(found);
    const writer = byOne ? found.shape.exec(text)![1]! : '';
    const again = found === this.#candidate && writer === this.#writer;
    this.#run = again ? this.#run + 1 : 1;
    const isLate = byOne && this.#lines > firstLines;
    if (found && this.#run >= found.habit && !isLate) this.#prefix = found;
    this.#candidate = found;
    this.#writer = writer;
  }
}

function isByOne({ habit }: Prefix): boolean {
  return habit > 2;
}
