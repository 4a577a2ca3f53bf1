// Numbers of the program -> the text that Prometheus reads. A small one of our own: counters, gauges read when asked,
// and histograms, which is all we use of a client library of 100 kB.

type Labels = Readonly<Record<string, string>>;

export interface Counter {
  add(amount?: number, labels?: Labels): void;
}

export interface Histogram {
  observe(value: number): void;
}

interface Metric {
  help: string;
  type: 'counter' | 'gauge' | 'histogram';
  lines(): string[];
}

/** The metrics of one program. Names begin with `log_detector_`. */
export class Metrics {
  readonly #metrics = new Map<string, Metric>();

  /** Only goes up; its name ends in `_total`. */
  counter(name: string, help: string): Counter {
    const values = new Map<string, number>([]);
    this.#add(name, {
      help,
      type: 'counter',
      lines: () => [...values].map(([labels, value]) => `${name}${labels} ${value}`),
    });
    return {
      add(amount = 1, labels = {}) {
        const key = labelText(labels);
        values.set(key, (values.get(key) ?? 0) + amount);
      },
    };
  }

  /** Read whenever the metrics are asked for. */
  gauge(name: string, help: string, read: () => number): void {
    this.#add(name, { help, type: 'gauge', lines: () => [`${name} ${read()}`] });
  }

  /** Several of one name, told apart by labels; read whenever the metrics are asked for. */
  gauges(name: string, help: string, read: () => readonly { labels: Labels; value: number }[]): void {
    const lines = () => read().map(({ labels, value }) => `${name}${labelText(labels)} ${value}`);
    this.#add(name, { help, type: 'gauge', lines });
  }

  /** `bounds` ascend; its name tells the unit. */
  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    const counts = bounds.map(() => 0);
    let sum = 0;
    let count = 0;
    const lines = () => [
      ...bounds.map((bound, index) => `${name}_bucket{le="${bound}"} ${counts[index]}`),
      `${name}_bucket{le="+Inf"} ${count}`,
      `${name}_sum ${sum}`,
      `${name}_count ${count}`,
    ];
    this.#add(name, { help, type: 'histogram', lines });
    return {
      observe(value) {
        sum += value;
        count += 1;
        for (let i = bounds.length - 1; i >= 0 && value <= bounds[i]!; i -= 1) counts[i]! += 1;
      },
    };
  }

  /** Prometheus text format, version 0.0.4. */
  toString(): string {
    return [...this.#metrics]
      .flatMap(([name, { help, type, lines }]) => [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} ${type}`,
        ...lines(),
      ])
      .join('\n')
      .concat('\n');
  }

  #add(name: string, metric: Metric): void {
    if (this.#metrics.has(name)) throw new Error(`bug: there are two metrics named ${name}`);
    this.#metrics.set(name, metric);
  }
}

/** Asked for with every request: a loop costs a fifth of entries, map and join. */
function labelText(labels: Labels): string {
  let text = '';
  for (const name in labels) text += `${text === '' ? '{' : ','}${name}="${escaped(labels[name]!)}"`;
  return text === '' ? '' : `${text}}`;
}

function escaped(value: string): string {
  if (!/[\\"\n]/.test(value)) return value;
  return value.replace(/[\\"\n]/g, (found) => (found === '\n' ? '\\n' : `\\${found}`));
}
