// Answers to GET that are large -> no more of them at once than there is room for, and none for ever: each lies in memory until its
// reader has taken it, however slowly. Beyond that a reader is told to come again.

import { comeAgain } from './errors.ts';
import type { App } from './http.ts';

declare module 'fastify' {
  interface FastifyReply {
    /** Of what is sent as a stream: so much of it lies in memory at once. @throws {HttpError} 503 when there is no room. */
    hold(chars: number): void;
  }
}

export interface LargeAnswersOptions {
  /** Of all large answers under way. */
  mostChars?: number;
  /** A reader that takes nothing for so long is gone, or hangs. */
  stalledMs?: number;
}

/** Of such as these, hundreds may wait. */
const smallChars = 256 * 1024;

/** Bounds the answers of all routes that are added from now on. */
export function boundLargeAnswers(
  app: App,
  { mostChars = 128 * 1024 * 1024, stalledMs = 60_000 }: LargeAnswersOptions,
): void {
  let held = 0;
  app.decorateReply('hold', function (chars) {
    if (held > 0 && held + chars > mostChars)
      throw comeAgain('too many large answers are under way; try again, or ask for less at once');
    // Of the request: an answer behind another one on its connection has none yet, and never closes when that breaks.
    const { socket } = this.request.raw;
    if (socket.destroyed) return; // it goes nowhere
    held += chars;
    const release = () => {
      this.raw.off('finish', release);
      socket.off('close', release);
      held -= chars;
    };
    // Ends the connection, unless something of the answer goes out.
    this.raw.setTimeout(stalledMs, () => this.raw.destroy());
    // One that was given up closes and never finishes.
    this.raw.once('finish', release);
    socket.once('close', release);
  });
  app.addHook('onSend', ({ method }, reply, payload, done) => {
    try {
      // Who posts is never told to come again once all is done: a record would be stored twice.
      if (method === 'GET' && typeof payload === 'string' && payload.length > smallChars)
        reply.hold(payload.length);
      done(null, payload);
    } catch (error) {
      done(error as Error);
    }
  });
}
