// A few words of WebAssembly, and how to put them together to a module: enough for scan-module.ts and glance.ts, so that
// no compiler is needed. The numbers are those of the specification (https://webassembly.github.io/spec/core/binary/).

/** Instructions, nested as it suits their author. */
export type Code = number | readonly Code[];

export const i32 = 0x7f;
export const i64 = 0x7e;
export const v128 = 0x7b;

// Not by a function of our own: it would be the one thing hot enough at the start to be optimised, which takes 3 MB.
const flatten = (code: Code): number[] => ([code] as never[]).flat(Number.POSITIVE_INFINITY) as number[];

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value >>> 0; ; ) {
    const byte = rest & 0x7f;
    rest >>>= 7;
    if (rest === 0) return [...bytes, byte];
    bytes.push(byte | 0x80);
  }
}

function signed(value: bigint): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; ) {
    const byte = Number(rest & 0x7fn);
    rest >>= 7n;
    const isLast = (rest === 0n && (byte & 0x40) === 0) || (rest === -1n && (byte & 0x40) !== 0);
    if (isLast) return [...bytes, byte];
    bytes.push(byte | 0x80);
  }
}

/** Up to eight characters as the number that they are in memory. */
const little = (text: string): bigint =>
  [...text].reduceRight((sum, character) => (sum << 8n) | BigInt(character.charCodeAt(0)), 0n);

const address = (offset: number): Code => [0, unsigned(offset)];

// Values.
export const get = (local: number): Code => [0x20, unsigned(local)];
export const set = (local: number, value: Code): Code => [value, 0x21, unsigned(local)];
export const number = (value: number): Code => [0x41, signed(BigInt(value | 0))];
/** Four or eight characters as a number, to compare with `load32` or `load64`. */
export const chars = (text: string): Code =>
  text.length > 4
    ? [0x42, signed(BigInt.asIntN(64, little(text)))]
    : [0x41, signed(BigInt.asIntN(32, little(text)))];
export const add = (a: Code, b: Code): Code => [a, b, 0x6a];
export const subtract = (a: Code, b: Code): Code => [a, b, 0x6b];
export const multiply = (a: Code, b: Code): Code => [a, b, 0x6c];
export const and = (a: Code, b: Code): Code => [a, b, 0x71];
export const or = (a: Code, b: Code): Code => [a, b, 0x72];
export const xor = (a: Code, b: Code): Code => [a, b, 0x73];
export const shiftLeft = (a: Code, by: number): Code => [a, number(by), 0x74];
export const shiftRight = (a: Code, by: number): Code => [a, number(by), 0x76];
/** How many bits are 0 below the lowest 1. */
export const lowestBit = (a: Code): Code => [a, 0x68];
/** How many bits are 0 above the highest 1. */
export const highestBit = (a: Code): Code => [a, 0x67];
export const isZero = (a: Code): Code => [a, 0x45];
export const equal = (a: Code, b: Code): Code => [a, b, 0x46];
export const differs = (a: Code, b: Code): Code => [a, b, 0x47];
export const isLess = (a: Code, b: Code): Code => [a, b, 0x48];
export const isMore = (a: Code, b: Code): Code => [a, b, 0x4a];
export const isAtLeast = (a: Code, b: Code): Code => [a, b, 0x4e];
export const equal64 = (a: Code, b: Code): Code => [a, b, 0x51];
export const differs64 = (a: Code, b: Code): Code => [a, b, 0x52];

/** The first value where the condition holds, else the second. */
export const choose = (condition: Code, first: Code, second: Code): Code => [first, second, condition, 0x1b];
export const code = (character: string): number => character.charCodeAt(0);

// Memory. `offset` is added to the address.
export const load8 = (at: Code, offset = 0): Code => [at, 0x2d, address(offset)];
export const load16 = (at: Code, offset = 0): Code => [at, 0x2f, address(offset)];
export const load32 = (at: Code, offset = 0): Code => [at, 0x28, address(offset)];
export const load64 = (at: Code, offset = 0): Code => [at, 0x29, address(offset)];
export const store32 = (at: Code, value: Code, offset = 0): Code => [at, value, 0x36, address(offset)];

// Sixteen bytes at once.
const vector = (word: number): Code => [0xfd, unsigned(word)];
export const load16Bytes = (at: Code, offset = 0): Code => [at, vector(0), address(offset)];
export const store16Bytes = (at: Code, value: Code, offset = 0): Code => [
  at,
  value,
  vector(0x0b),
  address(offset),
];
export const sixteen = (byte: number): Code => [number(byte), vector(0x0f)];
/** Looks each byte of `indices` up in the sixteen bytes of `table`. */
export const lookUp = (table: Code, indices: Code): Code => [table, indices, vector(0x0e)];
export const equalBytes = (a: Code, b: Code): Code => [a, b, vector(0x23)];
export const differingBytes = (a: Code, b: Code): Code => [a, b, vector(0x24)];
/** Signed. */
export const bytesLess = (a: Code, b: Code): Code => [a, b, vector(0x25)];
/** Unsigned. */
export const atMostBytes = (a: Code, b: Code): Code => [a, b, vector(0x2a)];
export const subtractBytes = (a: Code, b: Code): Code => [a, b, vector(0x71)];
/** Each two bytes as one number. */
export const shiftPairsRight = (a: Code, by: number): Code => [a, number(by), vector(0x8d)];
export const bothBytes = (a: Code, b: Code): Code => [a, b, vector(0x4e)];
export const eitherBytes = (a: Code, b: Code): Code => [a, b, vector(0x50)];
/** A bit for each byte that is 0xff. */
export const bits = (a: Code): Code => [a, vector(0x64)];
export const isAny = (a: Code): Code => [a, vector(0x53)];

/** 0xff for each byte that JSON may not have as it is: a control character, a quote, a backslash, or no ASCII, which is negative. */
export const escapedBytes = (bytes: Code): Code =>
  eitherBytes(
    bytesLess(bytes, sixteen(code(' '))),
    eitherBytes(equalBytes(bytes, sixteen(code('"'))), equalBytes(bytes, sixteen(code('\\')))),
  );

// The order of work. `leave(0)` goes to the end of the innermost block, or to the begin of the innermost loop.
export const when = (condition: Code, ...then: Code[]): Code => [condition, 0x04, 0x40, then, 0x0b];
export const either = (condition: Code, then: Code, otherwise: Code): Code => [
  condition,
  [0x04, 0x40, then],
  [0x05, otherwise, 0x0b],
];
export const block = (...body: Code[]): Code => [0x02, 0x40, body, 0x0b];
export const loop = (...body: Code[]): Code => [0x03, 0x40, body, 0x0b];
export const leave = (depth: number): Code => [0x0c, unsigned(depth)];
export const leaveWhen = (depth: number, condition: Code): Code => [condition, 0x0d, unsigned(depth)];
export const giveBack = (value: Code): Code => [value, 0x0f];
export const call = (index: number, ...args: Code[]): Code => [args, 0x10, unsigned(index)];

export interface Func {
  /** Set: callable from outside. */
  name?: string;
  parameters: number;
  /** Types of the locals after the parameters, which are i32 like the result. */
  locals: number[];
  body: Code;
}

/** A module of functions that give i32, over the memory that it imports as `host.memory`. */
export function assemble(functions: readonly Func[], pages: number): Uint8Array<ArrayBuffer> {
  const sized = (code: Code): number[] => {
    const bytes = flatten(code);
    return [...unsigned(bytes.length), ...bytes];
  };
  const list = (items: readonly Code[]): Code => [unsigned(items.length), items];
  const name = (text: string): Code => list([...Buffer.from(text)]);
  const section = (id: number, content: Code): Code => [id, sized(content)];
  const types = functions.map(({ parameters }) => [0x60, list(Array(parameters).fill(i32)), 1, i32]);
  const exported = functions.flatMap(({ name: own }, index) =>
    own === undefined ? [] : [[name(own), 0, unsigned(index)]],
  );
  const codes = functions.map(({ locals, body }) =>
    sized([list(locals.map((type) => [1, type])), body, 0x0b]),
  );
  return new Uint8Array(
    flatten([
      [...Buffer.from('\0asm'), 1, 0, 0, 0],
      section(1, list(types)),
      section(2, list([[name('host'), name('memory'), 2, 1, unsigned(pages), unsigned(pages)]])),
      section(3, list(functions.map((_, index) => unsigned(index)))),
      section(7, list(exported)),
      section(10, list(codes)),
    ]),
  );
}
