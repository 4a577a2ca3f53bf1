// What containers print, as Docker's json-file driver writes it: lines of 200 bytes, of which 1 in 100 is an error and 1 in
// 1,000 the begin of a traceback of four lines.

const words =
  'order shipped to customer with items in stock after payment cleared by the gateway service'.split(' ');
const lineBytes = 200;
const trace = [
  'Traceback (most recent call last):',
  '  File "/srv/shop/orders.py", line 118, in place',
  '    raise PaymentError(order.id)',
];

/** Entries that match, of a million lines. */
export const matching = (lines: number): number => Math.ceil(lines / 100) + Math.ceil(lines / 1000);

function textOf(number: number): string {
  const second = String(number % 60).padStart(2, '0');
  const of = number % 1000;
  const inTrace = of >= 550 && of < 554;
  const level = number % 100 === 0 ? 'ERROR could not charge' : 'INFO request done';
  let text = inTrace
    ? (trace[of - 550] ?? `shop.PaymentError: order ${number} is not paid`)
    : `2026-11-22T10:00:${second}.000Z ${level} id=${(number * 2654435761) % 4294967296} path=/api/v1/orders/${number % 1000}`;
  if (inTrace) return text;
  for (let k = number; text.length < lineBytes - 1; k = (k * 31 + 7) % 1_000_003)
    text += ` ${words[k % words.length]}`;
  text = text.slice(0, lineBytes - 1);
  return text;
}

/** Texts are the same in each round, so they are made once. */
const variety = 20_000;
let texts: string[] | undefined;

/**
 * `count` lines of a json-file log, in pieces of some megabytes, one microsecond after the other from `fromMs` (since the
 * epoch) on.
 */
export function jsonFileLines(count: number, fromMs: number, firstNumber = 0): Buffer[] {
  texts ??= Array.from({ length: variety }, (_, number) => JSON.stringify(`${textOf(number)}\n`));
  const pieces: Buffer[] = [];
  let lines: string[] = [];
  let second = -1;
  let head = '';
  for (let index = 0; index < count; index++) {
    const micros = fromMs * 1000 + index;
    const now = Math.floor(micros / 1e6);
    if (now !== second) {
      second = now;
      head = new Date(now * 1000).toISOString().slice(0, 19);
    }
    const fraction = String(micros % 1e6).padStart(6, '0');
    lines.push(
      `{"log":${texts[(firstNumber + index) % variety]},"stream":"stdout","time":"${head}.${fraction}123Z"}\n`,
    );
    if (lines.length === 50_000 || index === count - 1) {
      pieces.push(Buffer.from(lines.join(''), 'latin1'));
      lines = [];
    }
  }
  return pieces;
}
