// One more reason to abort than a signal that outlives it. AbortSignal.any would leave some 70 bytes with that signal each
// time, for ever (Node 20), and logs are asked for a few times a second.

export interface OwnAbort {
  controller: AbortController;
  /** Lets go of the signal: the work is done. */
  release(): void;
}

/** A controller that aborts with the signal, and after `ms` if that is given. */
export function abortWith(signal: AbortSignal, ms?: number): OwnAbort {
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  const late = () => controller.abort(new DOMException(`no end within ${ms} ms`, 'TimeoutError'));
  const timer = ms === undefined ? undefined : setTimeout(late, ms);
  return {
    controller,
    release() {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    },
  };
}
