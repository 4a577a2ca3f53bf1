// What a transport puts before every line of a stream: docker compose, foreman, syslog, containerd's CRI. With it taken
// off, a traceback looks as its program printed it.

interface Prefix {
  /** Matches the whole prefix; the group is who wrote the line. */
  shape: RegExp;
  /** The transport takes each line for an event: indentation alone joins nothing. */
  lineIsEvent: boolean;
}

const prefixes: Prefix[] = [
  // docker compose: `web_1  | `
  { shape: /^([A-Za-z][\w.-]*)\s+\| ?/, lineIsEvent: false },
  // foreman, honcho
  { shape: /^\d{2}:\d{2}:\d{2} ([\w.-]+)\s+\| ?/, lineIsEvent: false },
  // containerd's CRI
  { shape: /^\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:\d{2}) (stdout|stderr) [FP] /, lineIsEvent: false },
  // syslog, RFC 3164 and RFC 5424
  {
    shape: /^(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} (\S+ [^\s:[]+(?:\[\d+\])?): ?/,
    lineIsEvent: true,
  },
  { shape: /^<\d{1,3}>1 \S+ (\S+ \S+ \S+) \S+ (?:-|(?:\[[^\]]*\])+) ?/, lineIsEvent: true },
];

export interface Unwrapped {
  text: string;
  /** Who wrote the line, as the prefix says. */
  from: string;
  lineIsEvent: boolean;
}

/** Finds out whether a stream has a transport's prefix, and takes it off. One per stream. */
export class Transport {
  #prefix: Prefix | undefined;
  #candidate: Prefix | undefined;
  #lines = 0;
  #misses = 0;

  /** Whether the stream has such a prefix. */
  get isKnown(): boolean {
    return this.#prefix !== undefined;
  }

  /** @returns undefined when the stream, or this line, has no such prefix */
  unwrap(text: string): Unwrapped | undefined {
    if (this.#prefix === undefined) {
      // The first lines of a stream tell; later ones are asked now and then.
      const lines = this.#lines++;
      if (lines < 16 || (lines & 63) < 2) this.#learn(text);
      return undefined;
    }
    const found = this.#prefix.shape.exec(text);
    if (found) {
      this.#misses = 0;
      return { text: text.slice(found[0].length), from: found[1]!, lineIsEvent: this.#prefix.lineIsEvent };
    }
    if (++this.#misses > 4) this.#prefix = undefined;
    return undefined;
  }

  /** Two lines in a row with the same prefix are a habit. */
  #learn(text: string): void {
    const found = prefixes.find(({ shape }) => shape.test(text));
    if (found !== undefined && found === this.#candidate) this.#prefix = found;
    this.#candidate = found;
  }
}
