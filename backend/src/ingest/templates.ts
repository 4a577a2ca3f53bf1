// Masked messages -> templates, one at a time and for ever. Every message belongs at once to a template; when siblings
// show that a place in them varies, they become one, and the merge is kept as an alias, so an issue never changes hands.
//
// exact key seen before?  -> its template                       (no search: nearly every message)
// fits a grown template?  -> that template
// else                    -> a new one; then its siblings, which differ from it in the same few places, are counted:
//                            enough different words of a kind that varies -> one template with `<?>` in those places

import { createHash } from 'node:crypto';
import { joined, maxTokens } from './mask.ts';
import { isTypeWord, kindOfWord, type WordKind } from './words.ts';

/** A place that was found to vary; `<*>` is one that masking knew to vary. */
const grown = '<?>';
/** A place of a catch-all, which says nothing of what stands there. */
const any = '<~>';

/** A template as it stands: what replicas tell each other. */
export interface Template {
  /** Hash of its first message: never changes. */
  id: string;
  /** Pieces, `<?>` where grown. */
  keys: readonly string[];
  /** Order of birth; the older one of a merge stays. */
  born: number;
  /** The template that took it over. */
  mergedInto: string | null;
  /** False when its pieces are covered by the one that took it over; a template of another length stays alive. */
  live: boolean;
  /** Split off by hand: its messages are just these pieces, they come first, and no merge touches it. */
  pinned: boolean;
}

export interface MinerLimits {
  /** Most templates alive; above it new messages fall into the catch-all of their length. */
  maxTemplates: number;
  /** Most siblings (same length and first word) alive, and most of them compared; above it comes their catch-all. */
  maxSiblings: number;
  /** Most templates of one length alive; above it a message with a new first word falls into the catch-all. */
  maxOfLength: number;
  /** Most exact keys remembered for the fast path. */
  maxKeys: number;
}

export const defaultLimits: MinerLimits = {
  maxTemplates: 100_000,
  maxSiblings: 400,
  maxOfLength: 4000,
  maxKeys: 200_000,
};

/** How many different words one place must have shown before it counts as varying, by the kind of the words. */
const needed: Record<WordKind, number> = {
  mask: 2,
  name: 2,
  plain: 3,
  constant: 6,
  sentence: 12,
  type: Infinity,
  mark: Infinity,
};

const isGrown = (key: string): boolean => key === grown || key === ' <?>';
const isAny = (key: string): boolean => key === any || key === ' <~>';
const isMasked = (key: string): boolean => key === '<*>' || key === ' <*>';
const isWord = (key: string): boolean => {
  const kind = kindOfWord(key);
  return kind !== 'mask' && kind !== 'mark';
};

/** The pieces between white space, joined. */
function chunksOf(keys: readonly string[]): string[] {
  const chunks: string[] = [];
  for (const key of keys) {
    if (key.startsWith(' ') || chunks.length === 0) chunks.push(key.trimStart());
    else chunks[chunks.length - 1] += key;
  }
  return chunks;
}

function linkNames(chunks: readonly string[]): string[] {
  if (chunks.length < 4) return [];
  return [`${chunks.length}<${chunks[0]} ${chunks[1]}`, `${chunks.length}>${chunks.at(-2)} ${chunks.at(-1)}`];
}

const plainWord = /^[A-Za-z][a-z]+[,.:;]?$/;
const valueChunk = /<\*>|<\?>|[\d./\\@_]|[a-z][A-Z]/;

/** What tells outcomes apart, however it is spelled: `code = DeadlineExceeded`. */
const codeName = /(?:^|[^A-Za-z])(?:code|status|reason|result|error|err|cause)$/i;
/** `NOT_LEADER`: a state or a code wherever it stands. */
const stateName = /^ ?[A-Z]+(?:_[A-Z]+)+$/;
const namesValue = /^ ?[=:"'`]$/;

/** Whether the word at `place` stands behind such a name: `reason: "evicted"`, `result 'timeout'` */
function isNamedCode(keys: readonly string[], place: number): boolean {
  let at = place - 1;
  while (at > 0 && at > place - 4 && namesValue.test(keys[at] as string)) at--;
  return at < place - 1 && codeName.test(keys[at] ?? '');
}

/** `web.service`, `a/b` */
const innerMark = /\w[./@]\w/;

const valueName = /^[\w.-]+[=:(]/;

/** `Steve<*>`, `__ann__`, `xX_ann_Xx` */
const selfGiven = /^ ?(?:[A-Za-z_]+<\*>\w*|_\w+|\w+_|[a-z]+[A-Z]\w*_\w+)$/;

/** Alike but for one or two words that are values in both, one of them masked. */
function areOneSentence(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  let different = 0;
  let shared = 0;
  for (let i = 0; i < a.length; i++) {
    const one = a[i] as string;
    const other = b[i] as string;
    if (one === other) {
      if (plainWord.test(one)) shared++;
      continue;
    }
    different++;
    if (!valueChunk.test(one) || !valueChunk.test(other)) return false;
    if (!one.includes('<') && !other.includes('<')) return false;
    // A name with its value, or with its arguments, names something: it must be the same in both.
    if (valueName.exec(one)?.[0] !== valueName.exec(other)?.[0]) return false;
  }
  return shared >= 3 && different <= 2;
}

/** The same word for one thing and for several: `1 row was`, `2 rows were`. */
const numbered = new Map([
  ['is', 'are'],
  ['was', 'were'],
  ['has', 'have'],
  ['does', 'do'],
]);

function areOneWord(a: string, b: string): boolean {
  const [one, many] = a.length < b.length ? [a.trim(), b.trim()] : [b.trim(), a.trim()];
  if (one.length < 3 || !plainWord.test(many)) return false;
  return (
    many === `${one}s` || many === `${one}es` || (one.endsWith('y') && many === `${one.slice(0, -1)}ies`)
  );
}

/** Alike but for a thing that was counted, as one and as several, perhaps with its verb. */
function differInNumber(a: readonly string[], b: readonly string[]): boolean {
  let counted = false;
  for (let i = 0; i < a.length; i++) {
    const one = a[i] as string;
    const other = b[i] as string;
    if (one === other) continue;
    if (isValueKey(a[i - 1] ?? '') && areOneWord(one, other)) counted = true;
    else if (numbered.get(one.trim()) !== other.trim() && numbered.get(other.trim()) !== one.trim())
      return false;
  }
  return counted;
}

const fieldName = /^ ?[A-Za-z][\w.-]*$/;
const isValueKey = (key: string): boolean => /^ ?["'`]?<[*?]>["'`]?$/.test(key);

/** Where the field with a value that begins at `from` ends: `, referrer: "<*>"`, ` took=<*>`; or -1. One that names an outcome is none. */
function endOfField(keys: readonly string[], from: number): number {
  const hasComma = keys[from] === ',';
  const at = hasComma ? from + 1 : from;
  const [name = '', mark, value = ''] = keys.slice(at, at + 3);
  if (!name.startsWith(' ') || !fieldName.test(name) || codeName.test(name) || !isValueKey(value)) return -1;
  return mark === '=' || (mark === ':' && hasComma) ? at + 3 : -1;
}

/** Whether one is the other with further fields in one place, whose values are masked. */
function hasMoreFields(longer: readonly string[], shorter: readonly string[]): boolean {
  const isSame = (a: string, b: string): boolean => a === b || (isValueKey(a) && isValueKey(b));
  let words = 0;
  let head = 0;
  while (head < shorter.length && isSame(longer[head] as string, shorter[head] as string))
    if (plainWord.test((shorter[head++] as string).trim())) words++;
  const more = longer.length - shorter.length;
  for (let at = head; at < shorter.length; at++) {
    if (!isSame(longer[at + more] as string, shorter[at] as string)) return false;
    if (plainWord.test((shorter[at] as string).trim())) words++;
  }
  if (words < 2) return false;
  // The fields may begin as what follows them does.
  for (let from = head; from >= 0 && from > head - 4; from--) {
    if (from < head && !isSame(longer[from + more] as string, shorter[from] as string)) return false;
    let at = from;
    while (at !== -1 && at < from + more) at = endOfField(longer, at);
    if (at === from + more && isOptional(longer, from, at)) return true;
  }
  return false;
}

const opens = /^ ?[([{]$/;
const closes = /^ ?[)\]}]$/;

/** Not a part of an object, nor what `name=value` ends with, but for logfmt: these are how another message is told. */
function isOptional(keys: readonly string[], from: number, to: number): boolean {
  const before = keys.slice(0, from);
  const depth =
    before.filter((key) => opens.test(key)).length - before.filter((key) => closes.test(key)).length;
  if (depth > 0) return false;
  return (
    to < keys.length ||
    keys[from] === ',' ||
    keys.some((key, at) => keys[at + 1] === '=' && /^ ?(?:msg|message)$/.test(key))
  );
}

/** Pieces that one or two fields take. */
const lengthsOfFields = [3, 4, 6, 7, 8];

function addTo(index: Map<string, Set<Template>>, name: string, template: Template): void {
  const bucket = index.get(name);
  if (bucket) bucket.add(template);
  else index.set(name, new Set([template]));
}

function takeFrom(index: Map<string, Set<Template>>, name: string, template: Template): void {
  const bucket = index.get(name);
  bucket?.delete(template);
  if (bucket?.size === 0) index.delete(name);
}

export interface TemplateMiner {
  /** The template of a message, or undefined when none fits: a read, no change. */
  match(keys: readonly string[], joinedKeys?: string): string | undefined;
  /** The template of a message that `match` did not know, and every template that was changed by it, as it stands now. */
  learn(keys: readonly string[]): { id: string; changed: Template[] };
  /** Takes over templates as they stand elsewhere, merged ones last or not. */
  adopt(states: readonly Template[]): void;
  /** The id of the template that `id` is part of by now. */
  root(id: string): string;
  /** The template that `id` is part of by now. */
  template(id: string): Template | undefined;
  readonly size: number;
}

/** Identity of a template split off by hand. */
export function pinnedId(keys: readonly string[]): string {
  return templateId(['pinned', ...keys]);
}

/** Identity of a template: the hash of the message it was born from. */
export function templateId(keys: readonly string[]): string {
  return createHash('sha256').update(keys.join('')).digest('hex').slice(0, 32);
}

export function createTemplateMiner(limits: MinerLimits = defaultLimits): TemplateMiner {
  const templates = new Map<string, Template>();
  const aliases = new Map<string, string>();
  const buckets = new Map<string, Set<Template>>();
  /** By their pieces: they take part in no comparison. */
  const catchAlls = new Map<string, Template>();
  const ofLength = new Map<number, number>();
  /** By their joined pieces. */
  const pinned = new Map<string, Template>();
  /** By number of words, and first or last word: where templates of other lengths are found. */
  const byChunks = new Map<string, Set<Template>>();
  /** What `match` found for a key, good until a template of that length grows: then an older one may fit. */
  const exact = new Map<string, { id: string; growth: number }>();
  const olderExact = new Map<string, { id: string; growth: number }>();
  const growthOfLength = new Map<number, number>();
  /** Words seen in places that vary: they are likely values elsewhere too. */
  const values = new Set<string>();
  let births = 0;

  function root(id: string): string {
    let at = id;
    let next = aliases.get(at);
    while (next !== undefined) {
      at = next;
      next = aliases.get(at);
    }
    if (at !== id) aliases.set(id, at);
    return at;
  }

  function remember(key: string, id: string, length: number): void {
    if (exact.size >= limits.maxKeys / 2) {
      olderExact.clear();
      for (const [k, v] of exact) olderExact.set(k, v);
      exact.clear();
    }
    exact.set(key, { id, growth: growthOfLength.get(length) ?? 0 });
  }

  /** Where a template is found: by its first and its last word, or by its length alone when both of these vary. */
  function bucketsOf(keys: readonly string[]): string[] {
    const n = keys.length;
    const first = keys.findIndex(isWord);
    if (first === -1) return [`${n}`];
    let last = n - 1;
    while (!isWord(keys[last] as string)) last--;
    const names = [`${n}<${keys[first]?.trim()}`, `${n}>${keys[last]?.trim()}`];
    if (keys.slice(0, first).some(isGrown) && keys.slice(last + 1).some(isGrown)) names.push(`${n}`);
    return names;
  }

  /** The name of the catch-all that these pieces are, or undefined when they are none. */
  function catchAllName(keys: readonly string[]): string | undefined {
    return keys.some(isAny) ? keys.map((key) => (isAny(key) ? '' : key.trim())).join('\u0000') : undefined;
  }

  function enlist(template: Template): void {
    if (template.pinned) {
      pinned.set(template.keys.join('\u0000'), template);
      return;
    }
    const name = catchAllName(template.keys);
    if (name !== undefined) {
      catchAlls.set(name, template);
      return;
    }
    ofLength.set(template.keys.length, (ofLength.get(template.keys.length) ?? 0) + 1);
    for (const bucketName of bucketsOf(template.keys)) addTo(buckets, bucketName, template);
    for (const chunkName of linkNames(chunksOf(template.keys))) addTo(byChunks, chunkName, template);
  }

  function delist(template: Template): void {
    if (template.pinned) {
      pinned.delete(template.keys.join('\u0000'));
      return;
    }
    const name = catchAllName(template.keys);
    if (name !== undefined) {
      if (catchAlls.get(name) === template) catchAlls.delete(name);
      return;
    }
    ofLength.set(template.keys.length, (ofLength.get(template.keys.length) ?? 1) - 1);
    for (const bucketName of bucketsOf(template.keys)) takeFrom(buckets, bucketName, template);
    for (const chunkName of linkNames(chunksOf(template.keys))) takeFrom(byChunks, chunkName, template);
  }

  /**
   * The pieces of the catch-all that a message that fits nothing must go to, because there are too many like it already.
   * Exception types stay, even there.
   */
  function catchAllFor(keys: readonly string[]): string[] | undefined {
    const n = keys.length;
    const first = keys.findIndex(isWord);
    if (n < 2 || first === -1) return undefined;
    const siblings = buckets.get(`${n}<${keys[first]?.trim()}`)?.size ?? 0;
    const isCrowded = siblings >= limits.maxSiblings;
    const isFull = templates.size >= limits.maxTemplates - 2 * maxTokens;
    const isLong = siblings === 0 && (ofLength.get(n) ?? 0) >= limits.maxOfLength;
    if (!isCrowded && !isFull && !isLong) return undefined;
    return keys.map((key, i) =>
      isTypeWord(key) || (isCrowded && i === first) ? key : key.startsWith(' ') ? ` ${any}` : any,
    );
  }

  function catchAll(keys: readonly string[]): Template | undefined {
    const pieces = catchAllFor(keys);
    return pieces && catchAlls.get(catchAllName(pieces) ?? '');
  }

  function* siblings(keys: readonly string[]): Generator<Template> {
    const seen = new Set<Template>();
    for (const name of [...bucketsOf(keys), `${keys.length}`]) {
      const bucket = buckets.get(name);
      if (!bucket) continue;
      let compared = 0;
      for (const template of bucket) {
        if (++compared > limits.maxSiblings) break;
        if (seen.has(template)) continue;
        seen.add(template);
        yield template;
      }
    }
  }

  function fits(template: Template, keys: readonly string[]): boolean {
    const own = template.keys;
    for (let i = 0; i < own.length; i++) {
      if (own[i] === keys[i]) continue;
      // Whatever varies there, another exception type is another error.
      if (!isGrown(own[i] as string) || isTypeWord(keys[i] as string)) return false;
    }
    return true;
  }

  function match(keys: readonly string[], key = joined(keys)): string | undefined {
    const own = pinned.size > 0 ? pinned.get(key) : undefined;
    if (own) return root(own.id);
    const known = exact.get(key) ?? olderExact.get(key);
    if (known !== undefined && known.growth === (growthOfLength.get(keys.length) ?? 0)) return root(known.id);
    let best: Template | undefined;
    for (const template of siblings(keys))
      if (fits(template, keys) && (!best || template.born < best.born)) best = template;
    best ??= catchAll(keys);
    if (!best) return undefined;
    remember(key, best.id, keys.length);
    return root(best.id);
  }

  function create(keys: readonly string[], changed: Set<Template>): Template {
    const template = {
      id: templateId(keys),
      keys: [...keys],
      born: births++,
      mergedInto: null,
      live: true,
      pinned: false,
    };
    templates.set(template.id, template);
    enlist(template);
    remember(keys.join('\u0000'), template.id, keys.length);
    changed.add(template);
    return template;
  }

  function learn(keys: readonly string[]): { id: string; changed: Template[] } {
    const changed = new Set<Template>();
    const known = match(keys);
    if (known !== undefined) return { id: known, changed: [] };
    const pieces = catchAllFor(keys);
    if (pieces?.some(isAny)) {
      const { id } = create(pieces, changed);
      return { id, changed: [...changed] };
    }
    let template = create(keys, changed);
    for (let round = 0; round < 6; round++) {
      const next = growOnce(template, changed);
      if (!next) break;
      template = next;
    }
    link(template, changed);
    return { id: root(template.id), changed: [...changed] };
  }

  /** Merges `template` with the siblings that show where it varies; the merged one, or undefined when nothing varies. */
  function growOnce(template: Template, changed: Set<Template>): Template | undefined {
    const groups = new Map<string, { places: number[]; members: Template[] }>();
    const keys = template.keys;
    const isWordAt = keys.map(isWord);
    const words = isWordAt.filter(Boolean).length;
    const most = Math.max(1, Math.floor(words * 0.4));
    for (const other of siblings(keys)) {
      if (other === template) continue;
      const places: number[] = [];
      let shared = 0;
      for (let i = 0; i < keys.length; i++) {
        const a = keys[i] as string;
        const b = other.keys[i] as string;
        if (a === b) {
          if (isWordAt[i]) shared++;
          continue;
        }
        // A place that varies takes any word but an exception's type.
        if (isGrown(a) ? !isTypeWord(b) : isGrown(b) && !isTypeWord(a)) continue;
        if (places.push(i) > most) break;
      }
      if (shared === 0 || places.length > most) continue;
      const name = places.join(' ');
      const group = groups.get(name);
      if (group) group.members.push(other);
      else groups.set(name, { places, members: [other] });
    }
    const sorted = [...groups.values()].sort((a, b) => a.places.length - b.places.length);
    for (const group of sorted) {
      if (group.places.every((place) => varies(template, group.members, place, group.places.length)))
        return merge([template, ...group.members], group.places, changed);
      // Those that are masked are one; the word that stands there in others may be an outcome.
      const isMaskedThere = (each: Template): boolean =>
        group.places.every((place) => kindOfWord(each.keys[place] as string) === 'mask');
      if (isMaskedThere(template))
        for (const member of group.members) if (isMaskedThere(member)) uniteBoth(template, member, changed);
    }
    return undefined;
  }

  /** Whether the words that stand at `place` in the siblings are values: enough different ones of a kind that varies. */
  function varies(template: Template, members: readonly Template[], place: number, places: number): boolean {
    const words = new Set([template.keys[place] as string]);
    for (const member of members) words.add(member.keys[place] as string);
    const counts: Partial<Record<WordKind, number>> = {};
    let known = 0;
    for (const word of words) {
      const kind = kindOfWord(word);
      if (kind === 'mark' || kind === 'type') return false;
      counts[kind] = (counts[kind] ?? 0) + 1;
      if (values.has(word.trim())) known++;
    }
    const masked = counts.mask !== undefined;
    if (masked && words.size === counts.mask) return true;
    const { keys } = template;
    // What stands before an equals sign names a value.
    const after = keys[place + 1];
    // But for `{orders=NOT_LEADER}`, where each has its state.
    const hasState = keys[place - 1]?.trim() === '{' && stateName.test(keys[place + 2] ?? '');
    if ((after === '=' || after === ' =') && !hasState) return words.size >= needed.sentence;
    const isFirst = place === 0 || (!masked && place === keys.findIndex(isWord));
    // A dotted name may begin a sentence as its subject: `a.b.c is deprecated, use …`
    const isSubject =
      keys.filter(isWord).length > 3 &&
      [...words].every((word) => innerMark.test(word) || word.includes('*'));
    // Names that people gave themselves: `Steve<*> left`, `__ann__ left`
    const madeUp = [...words].filter((word) => selfGiven.test(word)).length;
    const isValue = keys[place - 1]?.trim() === '=';
    const isCode = isNamedCode(keys, place);
    const areStates = [...words].every((word) => stateName.test(word));
    // Kind by kind, the surest first: three unknown words show that a place varies, whatever else was seen in it.
    let seen = masked ? 2 : 0;
    for (const kind of ['name', 'plain', 'constant', 'sentence'] as const) {
      const count = counts[kind];
      if (count === undefined) continue;
      seen += count;
      const isState = isCode || (kind === 'constant' && areStates);
      let need = isState ? Math.max(needed.constant, needed[kind]) : isValue ? 2 : needed[kind];
      // Beside unknown words, words_so_joined are names too: of tables, fields and queues.
      if (kind === 'constant' && !isState && (counts.plain ?? 0) > 1) need = needed.plain + 1;
      if (known > 0 && need > 2) need = Math.max(2, need - known);
      if (isFirst) need = Math.max(need, kind === 'name' && isSubject ? 4 : madeUp > 1 ? 6 : 12);
      if (places > 1) need++;
      if (seen >= need) return true;
    }
    return false;
  }

  function merge(members: Template[], places: number[], changed: Set<Template>): Template {
    members.sort((a, b) => a.born - b.born);
    const oldest = members[0] as Template;
    const keys = [...oldest.keys];
    for (const member of members)
      for (let i = 0; i < keys.length; i++) {
        const a = keys[i] as string;
        const b = member.keys[i] as string;
        if (a !== b) {
          keys[i] = (a.startsWith(' ') ? ' ' : '') + (isMasked(a) && isMasked(b) ? '<*>' : grown);
        }
      }
    for (const place of places)
      for (const member of members) {
        const word = (member.keys[place] as string).trim();
        if (kindOfWord(word) === 'plain' && values.size < 10_000) values.add(word);
      }
    for (const member of members.slice(1)) absorb(member, oldest, changed);
    generalise(oldest, keys, changed);
    // What the grown template covers now is part of it.
    for (const other of siblings(keys))
      if (other !== oldest && fits(oldest, other.keys)) absorb(other, oldest, changed);
    return oldest;
  }

  /**
   * Two templates of as many words, but not of as many pieces, whose few different words are values with marks in them
   * (`disk0`, `disk:0:1`): both stay, as one.
   */
  function link(template: Template, changed: Set<Template>): void {
    const words = chunksOf(template.keys);
    for (const name of linkNames(words)) {
      let compared = 0;
      for (const other of byChunks.get(name) ?? []) {
        if (++compared > limits.maxSiblings) break;
        if (
          other === template ||
          other.keys.length === template.keys.length ||
          root(other.id) === root(template.id)
        )
          continue;
        if (areOneSentence(words, chunksOf(other.keys))) uniteBoth(template, other, changed);
      }
    }
    for (const other of siblings(template.keys))
      if (other !== template && differInNumber(template.keys, other.keys))
        uniteBoth(template, other, changed);
    linkFields(template, changed);
  }

  /** A message may have a field more at times. */
  function linkFields(template: Template, changed: Set<Template>): void {
    const { keys } = template;
    const first = keys.find(isWord)?.trim();
    if (first === undefined) return;
    for (const length of lengthsOfFields.flatMap((more) => [keys.length + more, keys.length - more])) {
      let compared = 0;
      for (const other of buckets.get(`${length}<${first}`) ?? []) {
        if (++compared > limits.maxSiblings) break;
        const [longer, shorter] = length > keys.length ? [other.keys, keys] : [keys, other.keys];
        if (hasMoreFields(longer, shorter)) uniteBoth(template, other, changed);
      }
    }
  }

  function uniteBoth(one: Template, other: Template, changed: Set<Template>): void {
    const [older, newer] = [rootTemplate(one), rootTemplate(other)].sort((a, b) => a.born - b.born) as [
      Template,
      Template,
    ];
    if (older !== newer) unite(newer, older, changed);
  }

  function rootTemplate(template: Template): Template {
    return templates.get(root(template.id)) ?? template;
  }

  function unite(template: Template, into: Template, changed: Set<Template>): void {
    template.mergedInto = into.id;
    aliases.set(template.id, into.id);
    changed.add(template);
  }

  function generalise(template: Template, keys: readonly string[], changed: Set<Template>): void {
    delist(template);
    template.keys = keys;
    enlist(template);
    growthOfLength.set(keys.length, (growthOfLength.get(keys.length) ?? 0) + 1);
    changed.add(template);
  }

  /** The pieces of `into` cover those of `template`, and whoever `template` is part of becomes part of what `into` is part of. */
  function absorb(template: Template, into: Template, changed: Set<Template>): void {
    const from = rootTemplate(template);
    const to = rootTemplate(into);
    delist(template);
    templates.delete(template.id);
    template.live = false;
    changed.add(template);
    if (from !== to && from !== template) unite(from, to, changed);
    if (template !== to) unite(template, to, changed);
    // It was the one that `into` was part of: the other way round now.
    else {
      into.mergedInto = null;
      aliases.delete(into.id);
      unite(template, into, changed);
    }
  }

  function adopt(states: readonly Template[]): void {
    for (const { id, keys, born, mergedInto, live, pinned } of states) {
      births = Math.max(births, born + 1);
      growthOfLength.set(keys.length, (growthOfLength.get(keys.length) ?? 0) + 1);
      if (mergedInto === null) aliases.delete(id);
      else aliases.set(id, mergedInto);
      const own = templates.get(id);
      if (own) {
        growthOfLength.set(own.keys.length, (growthOfLength.get(own.keys.length) ?? 0) + 1);
        delist(own);
      }
      if (!live) {
        templates.delete(id);
        continue;
      }
      const template = own ?? { id, keys, born, mergedInto, live, pinned };
      Object.assign(template, { keys, born, mergedInto });
      templates.set(id, template);
      enlist(template);
    }
  }

  return {
    match,
    learn,
    adopt,
    root,
    template: (id) => templates.get(root(id)),
    get size() {
      return templates.size;
    },
  };
}
