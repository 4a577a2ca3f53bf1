/**
 * A notification could not be delivered, and the world is the reason. `retry` says whether trying again may help:
 * `later` (the server is away, throttles, or its settings can be mended) or `never` (this message to this recipient is
 * refused for good).
 */
export class NotificationError extends Error {
  override name = 'NotificationError';
  readonly retry: 'later' | 'never';
  /** How long the other side asked to be left alone (Retry-After), in ms. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retry: 'later' | 'never', cause?: unknown, retryAfterMs?: number) {
    super(message, { cause });
    this.retry = retry;
    this.retryAfterMs = retryAfterMs;
  }
}
