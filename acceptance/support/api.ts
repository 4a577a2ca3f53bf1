// Calls to a backend as any HTTP client makes them: the status and the body, nothing hidden.

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a server answers is what the test is about to find out.
  body: any;
  headers: Headers;
}

export interface Api {
  get(path: string): Promise<Answer>;
  delete(path: string): Promise<Answer>;
  /** An object is sent as JSON; text and bytes as they are, with the headers given. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
}

/** An API at `url`; `headers` go with every call. */
export function apiAt(url: string, headers: Record<string, string> = {}): Api {
  const call = async (method: string, path: string, init: RequestInit = {}): Promise<Answer> => {
    const response = await fetch(`${url}${path}`, {
      method,
      ...init,
      headers: { ...headers, ...(init.headers as Record<string, string> | undefined) },
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json');
    return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers };
  };
  return {
    get: (path) => call('GET', path),
    delete: (path) => call('DELETE', path),
    post: (path, body, extra) => {
      const asIs = typeof body === 'string' || body instanceof Uint8Array;
      return call('POST', path, {
        body: asIs ? (body as string | Uint8Array<ArrayBuffer>) : JSON.stringify(body),
        headers: { 'content-type': 'application/json', ...extra },
      });
    },
  };
}
