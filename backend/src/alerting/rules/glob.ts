// Names with `*` and `?` -> a test. It takes time in proportion to the two lengths at worst, whatever the glob.

/** @param glob `*`: any text, also none; `?`: one character. Everything else is itself. */
export function compileGlob(glob: string): (name: string) => boolean {
  if (!/[*?]/.test(glob)) return (name) => name === glob;
  const start = glob.slice(0, -1);
  if (glob.endsWith('*') && !/[*?]/.test(start)) return (name) => name.startsWith(start);
  return (name) => matchesGlob(glob, name);
}

/** Any of them. */
export function compileGlobs(globs: readonly string[]): (name: string) => boolean {
  const tests = globs.map(compileGlob);
  return tests.length === 1 ? tests[0]! : (name) => tests.some((test) => test(name));
}

/** Greedy, and back to the latest star alone: what an earlier one took needs no second look. */
function matchesGlob(glob: string, name: string): boolean {
  let at = 0;
  let inGlob = 0;
  let star = -1;
  let starAt = 0;
  while (at < name.length) {
    const wanted = glob[inGlob];
    if (wanted === '*') {
      star = inGlob++;
      starAt = at;
    } else if (wanted === '?' || (wanted !== undefined && wanted === name[at])) {
      inGlob += 1;
      at += 1;
    } else if (star >= 0) {
      inGlob = star + 1;
      at = ++starAt;
    } else return false;
  }
  while (glob[inGlob] === '*') inGlob += 1;
  return inGlob === glob.length;
}
