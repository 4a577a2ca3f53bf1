const rounds = 5;
/** The clock of processor time ticks too seldom for less. */
const leastSeconds = 0.01;

/** CPU-seconds of one run of the work, in the fastest of some rounds, each as many runs as can be measured. */
export function fastest(work: () => unknown): number {
  let seconds = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    let runs = 0;
    let used = 0;
    do {
      work();
      runs++;
      const { user, system } = process.cpuUsage(before);
      used = (user + system) / 1e6;
    } while (used < leastSeconds);
    seconds = Math.min(seconds, used / runs);
  }
  return seconds;
}
