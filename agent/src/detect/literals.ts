// A regular expression -> texts of which at least one occurs in whatever it matches. A small parser of the syntax; what
// it does not know proves nothing.

/** What a part of an expression guarantees: it is just this text, or it contains one of these, or nothing is known. */
type Part = { exact: string[] } | { contains: string[] | undefined };

const maxVariants = 24;
const maxRunVariants = 8;
const nothing: Part = { contains: undefined };
/** JSON encoders escape these, so the raw line of a JSON log need not have them. */
const escapedInJson = /["\\/<>&'`+=\u007f-\uffff\u0000-\u001f]/;

/**
 * @param body JavaScript's syntax
 * @param flags `i` is respected
 * @returns undefined when nothing can be proven
 */
export function literalsOf(body: string, flags: string): string[] | undefined {
  let part: Part;
  try {
    part = new Reader(body, flags.includes('i')).alternatives();
  } catch {
    return undefined;
  }
  const found = contained(part);
  if (!found || found.some((text) => text.length < 2)) return undefined;
  return [...new Set(found)].sort();
}

class Reader {
  readonly #text: string;
  readonly #anyCase: boolean;
  #at = 0;

  constructor(text: string, anyCase: boolean) {
    this.#text = text;
    this.#anyCase = anyCase;
  }

  /** `a|b|c`, up to a closing parenthesis or the end. */
  alternatives(): Part {
    const branches = [this.#sequence()];
    while (this.#text[this.#at] === '|') {
      this.#at++;
      branches.push(this.#sequence());
    }
    if (branches.length === 1) return branches[0]!;
    if (branches.every((branch) => 'exact' in branch)) {
      const exact = branches.flatMap((branch) => ('exact' in branch ? branch.exact : []));
      if (exact.length <= maxVariants) return { exact };
    }
    const all: string[] = [];
    for (const branch of branches) {
      const found = contained(branch);
      if (!found) return nothing;
      all.push(...found);
    }
    return { contains: all.length <= maxVariants ? all : undefined };
  }

  #sequence(): Part {
    // Runs of exact texts, one after the other, are one longer text.
    let run: string[] = [''];
    let whole = true;
    let best: string[] | undefined;
    const endRun = () => {
      best = better(best, usable(run));
      run = [''];
      whole = false;
    };
    while (this.#at < this.#text.length && this.#text[this.#at] !== '|' && this.#text[this.#at] !== ')') {
      const atom = this.#atom();
      const [min, max] = this.#quantifier();
      if (min === 0) {
        if (max > 0) endRun();
        continue;
      }
      if ('exact' in atom && atom.exact.length * run.length <= maxRunVariants) {
        run = run.flatMap((head) => atom.exact.map((tail) => head + tail));
        if (max > 1) {
          endRun();
        }
      } else {
        endRun();
        best = better(best, contained(atom));
      }
    }
    if (whole) return { exact: run };
    return { contains: better(best, usable(run)) };
  }

  #quantifier(): [number, number] {
    const rest = this.#text.slice(this.#at);
    const found = /^(?:[*+?]|\{(\d+)(?:(,)(\d*))?\})\??/.exec(rest);
    if (!found) return [1, 1];
    this.#at += found[0].length;
    const sign = found[0].charAt(0);
    if (sign === '*') return [0, Number.POSITIVE_INFINITY];
    if (sign === '+') return [1, Number.POSITIVE_INFINITY];
    if (sign === '?') return [0, 1];
    const min = Number(found[1]);
    const max = found[2] ? (found[3] ? Number(found[3]) : Number.POSITIVE_INFINITY) : min;
    return [min, max];
  }

  #atom(): Part {
    const character = this.#text.charAt(this.#at++);
    if (character === '(') return this.#group();
    if (character === '[') return this.#characterClass();
    if (character === '.') return nothing;
    if (character === '^' || character === '$') return { exact: [''] };
    if (character === '\\') return this.#escape();
    return this.#letter(character);
  }

  #letter(character: string): Part {
    if (!this.#anyCase) return { exact: [character] };
    const lower = character.toLowerCase();
    const upper = character.toUpperCase();
    if (lower === upper) return { exact: [character] };
    // k and s have a third form, the Kelvin sign and the long s, which RE2 takes as equal.
    if (!/^[a-z]$/.test(lower) || lower === 'k' || lower === 's') return nothing;
    return { exact: [lower, upper] };
  }

  #group(): Part {
    const head = /^\?(?:[:=!]|<[=!]|<[A-Za-z_$][\w$]*>)/.exec(this.#text.slice(this.#at));
    if (this.#text.charAt(this.#at) === '?' && !head) throw new Error('unknown group');
    if (head) this.#at += head[0].length;
    const inner = this.alternatives();
    if (this.#text[this.#at] !== ')') throw new Error('open group');
    this.#at++;
    // A lookaround stands beside the match, not in it.
    return head && /[=!]$/.test(head[0]) ? { exact: [''] } : inner;
  }

  #characterClass(): Part {
    const found = /^(\^?)((?:\\[\s\S]|[^\]\\])*)\]/.exec(this.#text.slice(this.#at));
    if (!found) throw new Error('open class');
    this.#at += found[0].length;
    const [, negated, members = ''] = found;
    if (negated || members === '' || members.length > 6 || /[\\-]/.test(members)) return nothing;
    const exact = [...members].flatMap((member) => {
      const part = this.#letter(member);
      return 'exact' in part ? part.exact : [undefined];
    });
    return exact.every((text) => text !== undefined) ? { exact } : nothing;
  }

  #escape(): Part {
    const character = this.#text.charAt(this.#at++);
    if (/[bB]/.test(character)) return { exact: [''] };
    if (/[A-Za-z0-9]/.test(character)) {
      if (character === 'x') this.#at += 2;
      else if (
        character === 'u' ||
        character === 'p' ||
        character === 'P' ||
        character === 'k' ||
        character === 'c'
      ) {
        throw new Error('not known here');
      }
      return nothing;
    }
    return this.#letter(character);
  }
}

/** One of these occurs in every match of the part. */
function contained(part: Part): string[] | undefined {
  return 'exact' in part ? usable(part.exact) : part.contains;
}

/** The longest piece of each text that stands as it is in a raw line; undefined when a text has none. */
function usable(texts: string[]): string[] | undefined {
  const pieces = texts.map((text) =>
    text
      .split(escapedInJson)
      .reduce((longest, piece) => (piece.length > longest.length ? piece : longest), ''),
  );
  return pieces.every((piece) => piece.length > 1) ? pieces : undefined;
}

/** The set whose shortest text is longer; of equals the smaller set. */
function better(a: string[] | undefined, b: string[] | undefined): string[] | undefined {
  if (!a || !b) return a ?? b;
  const shortest = (texts: string[]) => Math.min(...texts.map((text) => text.length));
  const [x, y] = [shortest(a), shortest(b)];
  if (x !== y) return x > y ? a : b;
  return a.length <= b.length ? a : b;
}
