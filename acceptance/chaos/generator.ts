// The program inside the containers, and what it must print. A number is written to a truth file right after it was
// printed, so the truth never knows of a line that was not; each start counts its own numbers from 1, because a number
// cut off by a kill must not be printed twice.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How one container prints. */
export interface Profile {
  /** Of each pace's worth of lines, how many this container prints: 1 is all, 0 is one line now and then. */
  share: number;
  /** Every so many lines one is longer than Docker's 16 KiB pieces; 0: none. */
  longEvery: number;
  /** Every so many lines one is a traceback; 0: none. */
  traceEvery: number;
}

/** The two ways out of a container. With a TTY both arrive as stdout, and in order. */
export type Outlet = 'out' | 'err';

/** The name of a number: which container (`key`, new for each container made), which start of it, which outlet. */
export interface Source {
  key: string;
  run: number;
  outlet: Outlet;
}

const words =
  'the quick brown fox jumps over the lazy dog while five wizards box with seven jugs of liquor and a zebra looks on ';
const longText = words.repeat(360);

/** The message that must be stored for a number: the very text of `print()` below. */
export function expectedMessage({ key, run, outlet }: Source, seq: number, profile: Profile): string {
  const name = `${key}.${run} ${outlet} ${seq}`;
  if (profile.traceEvery > 0 && seq % profile.traceEvery === 0) {
    const path = `/app/${key}.${run}/${outlet}/${seq}.py`;
    return [
      'Traceback (most recent call last):',
      `  File "${path}", line ${seq}, in <module>`,
      '    main()',
      `  File "${path}", line 7, in main`,
      '    raise ValueError(text)',
      `ValueError: ${name} is not a number #${seq}.`,
    ].join('\n');
  }
  const isLong = profile.longEvery > 0 && seq % profile.longEvery === 0;
  const from = seq % 97;
  const filler = isLong
    ? longText.slice(from, from + 17_000 + ((seq * 7) % 15_000))
    : `${words.slice(from % 50, (from % 50) + 10 + (seq % 50))}µ`;
  return `ERROR ${name} ${filler} #${seq}.`;
}

/** One printed line, or traceback, of a stored message, and the number it carries; none when it is only a piece. */
export interface Part {
  text: string;
  number: (Source & { seq: number }) | undefined;
}

/**
 * Takes a stored message apart into what was printed: a traceback may be stored as one with the line before it, as
 * `logging.exception` prints them. The lines without a number are left out.
 */
export function readParts(message: string): Part[] {
  return message
    .split(/\n(?=ERROR |INFO |Traceback \(most recent call last\):)/)
    .filter((text) => !/^INFO \w+ has printed \d+ lines$/.test(text))
    .map((text) => ({ text, number: readNumber(text) }));
}

function readNumber(text: string): Part['number'] {
  const found =
    /^ERROR (\w+)\.(\d+) (out|err) (\d+) .*#\4\.$/s.exec(text) ??
    /^Traceback \(most recent call last\):\n {2}File "\/app\/(\w+)\.(\d+)\/(out|err)\/(\d+)\.py"/.exec(text);
  if (!found) return undefined;
  return { key: found[1]!, run: Number(found[2]), outlet: found[3] as Outlet, seq: Number(found[4]) };
}

// Busybox awk. A line is one write, as a program that logs does it. /proc/uptime stands in the truth between the bursts:
// it says when the numbers were printed, without asking Docker.
const script = String.raw`
function print_line(outlet, text) {
  if (outlet == "out") { printf "%s\n", text; fflush() }
  else { printf "%s\n", text > "/dev/stderr"; fflush("/dev/stderr") }
}
function number(outlet,   name, path, from, filler) {
  seq[outlet]++
  n = seq[outlet]
  name = key "." run " " outlet " " n
  if (trace_every > 0 && n % trace_every == 0) {
    path = "/app/" key "." run "/" outlet "/" n ".py"
    print_line(outlet, "Traceback (most recent call last):\n  File \"" path "\", line " n ", in <module>\n    main()\n  File \"" path "\", line 7, in main\n    raise ValueError(text)\nValueError: " name " is not a number #" n ".")
  } else {
    from = n % 97
    if (long_every > 0 && n % long_every == 0) filler = substr(long_text, from + 1, 17000 + (n * 7) % 15000)
    else filler = substr(words, from % 50 + 1, 10 + n % 50) "µ"
    print_line(outlet, "ERROR " name " " filler " #" n ".")
  }
  print outlet, n >> truth
  fflush(truth)
}
BEGIN {
  words = ENVIRON["WORDS"]; key = ENVIRON["KEY"]; share = ENVIRON["SHARE"] + 0
  long_every = ENVIRON["LONG_EVERY"] + 0; trace_every = ENVIRON["TRACE_EVERY"] + 0; most = ENVIRON["MOST"] + 0
  for (i = 0; i < 360; i++) long_text = long_text words
  while ((getline line < "/truth/runs") > 0) run++
  close("/truth/runs")
  run++
  print run >> "/truth/runs"
  close("/truth/runs")
  truth = "/truth/run-" run
  printed = 0
  for (;;) {
    if ((getline line < "/proc/uptime") > 0) split(line, up, " ")
    close("/proc/uptime")
    pace = 0
    if ((getline line < "/control/pace") > 0) pace = line + 0
    close("/control/pace")
    print "at", up[1] >> truth
    fflush(truth)
    due += pace * share
    if (pace > 0 && share == 0) due += 0.1
    while (due >= 1 && (most == 0 || printed < most)) {
      due--
      printed++
      if (printed % 5 == 0) print_line("out", "INFO " key " has printed " printed " lines")
      if (printed % 2 == 0) number("err"); else number("out")
    }
    if (most > 0 && printed >= most) exit 0
    system("usleep 100000")
  }
}
`;

/** Folders on the host that the generators share with the harness. */
export interface GeneratorFolders {
  /** Holds `<key>/runs` and `<key>/run-<n>`. */
  truth: string;
  /** Holds `pace`: lines per tenth of a second and container with share 1; 0 stops the printing, not the program. */
  control: string;
}

/** Writes what the containers need. */
export function prepareFolders(folders: GeneratorFolders): void {
  mkdirSync(folders.truth, { recursive: true });
  mkdirSync(folders.control, { recursive: true });
  writeFileSync(join(folders.control, 'print.awk'), script);
  writeFileSync(join(folders.control, 'pace'), '0\n');
}

/**
 * The arguments of `docker run` (or `create`) after the options that the caller gives: mounts, environment, image, program.
 * @param most ends the program after so many numbers; 0: never.
 */
export function generatorArguments(
  folders: GeneratorFolders,
  key: string,
  profile: Profile,
  image: string,
  most = 0,
): string[] {
  mkdirSync(join(folders.truth, key), { recursive: true });
  const environment = {
    KEY: key,
    WORDS: words,
    SHARE: profile.share,
    LONG_EVERY: profile.longEvery,
    TRACE_EVERY: profile.traceEvery,
    MOST: most,
  };
  return [
    // It is the first process of its container and would not hear SIGTERM.
    '--stop-signal=SIGKILL',
    ...['--volume', `${join(folders.truth, key)}:/truth`, '--volume', `${folders.control}:/control:ro`],
    ...Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    image,
    ...['awk', '-f', '/control/print.awk'],
  ];
}
