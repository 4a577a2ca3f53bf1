// A container's two streams, and what is kept for each.

import type { Stream } from './types.ts';

export const streams = ['stdout', 'stderr'] as const;

/** What is kept for the stream. By its name as a key V8 would search for it: between two lines, that took as long as the rest. */
export function ofStream<Each extends { [stream in Stream]?: unknown }>(
  each: Each,
  stream: Stream,
): Each[Stream] {
  return stream === 'stdout' ? each.stdout : each.stderr;
}
