// A line's text -> the same without the CRs at its end.

const carriageReturn = 13;

/** By hand: `/\r+$/` begins anew at each CR of a run that is not at the end, which takes a square of its length. */
export function withoutReturns(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === carriageReturn) end--;
  return end === text.length ? text : text.slice(0, end);
}
