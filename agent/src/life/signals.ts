// Signals of Linux by name, as images and Docker's events write them -> their numbers.

const numbers: Record<string, number> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ABRT: 6,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  TERM: 15,
  WINCH: 28,
  PWR: 30,
};

/** `SIGTERM`, `term` or `15` -> 15; undefined for what is none of those a container is stopped by. */
export function signalNumber(text: string): number | undefined {
  const word = text.trim().toUpperCase().replace(/^SIG/, '');
  if (word.startsWith('RTMIN')) return 34 + Number(word.slice(6) || 0);
  return /^\d+$/.test(word) ? Number(word) : numbers[word];
}

/** What a person calls the signal. */
export function signalName(number: number): string {
  const name = Object.keys(numbers).find((word) => numbers[word] === number);
  return name === undefined ? `signal ${number}` : `SIG${name}`;
}
