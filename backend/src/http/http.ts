// A Fastify server without routes: how every route's input is checked, errors are answered, access is asked for and the
// OpenAPI document is made. It never listens; serve.ts does, and tests use inject().

import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, {
  errorCodes,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Logger } from 'pino';
import { dropRest, hasRest } from './drop-rest.ts';
import { answerError, answerNoHttp, comeAgain, ErrorAnswer, errorSchemas, MisfitAnswer } from './errors.ts';
import { boundLargeAnswers, type LargeAnswersOptions } from './large-answers.ts';
import { rememberMethods } from './methods.ts';
import type { Metrics } from './metrics.ts';
import { compileValidator } from './validation.ts';

/** What a route lets its caller do. Keys and users will be given some of these. */
export type Scope = 'ingest' | 'read' | 'admin';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call; without one, a reader. `none`: anybody. */
    scope?: Scope | 'none';
  }
}

/** Lets a request pass, or throws the HttpError to answer. */
export type Guard = (request: FastifyRequest, scope: Scope) => void | Promise<void>;

export interface HttpOptions {
  logger: Logger;
  metrics: Metrics;
  version: string;
  guard: Guard;
  /** Longest that a request may take to come in, in ms. */
  requestTimeout?: number;
  largeAnswers?: LargeAnswersOptions;
}

/** A Fastify that knows TypeBox schemas: `app.get('/x', { schema }, handler)` has typed requests. */
export type App = FastifyInstance<
  import('node:http').Server,
  import('node:http').IncomingMessage,
  import('node:http').ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** Adds a folder's routes to the server. */
export type Routes = (app: App) => void;

/** Schemas of the errors that any route may answer, to be spread into its `response`. */
export const errorAnswers = {
  401: ErrorAnswer,
  422: MisfitAnswer,
  503: ErrorAnswer,
};

/** Longest that a request may take to come in, in ms: 16 MiB at 2.2 Mbit/s. */
const longestRequestMs = 60_000;

export async function buildHttp({
  logger,
  metrics,
  version,
  guard,
  requestTimeout = longestRequestMs,
  largeAnswers = {},
}: HttpOptions): Promise<App> {
  const app: App = Fastify({
    loggerInstance: logger as FastifyBaseLogger,
    // One of its own for each request costs more than checking the request's record, and nothing is logged of most.
    childLoggerFactory: (parent) => parent,
    logController: new LogController({ disableRequestLogging: true }),
    // A body that trickles in must not hold its connection for ever; whoever is late is looked for every second.
    requestTimeout,
    http: { connectionsCheckingInterval: 1000, requestTimeout },
    keepAliveTimeout: 75_000,
    // Ends idle connections at once when closing; those with a request under way finish it.
    forceCloseConnections: 'idle',
    // Its answer would not be the contract's.
    return503OnClosing: false,
    exposeHeadRoutes: true,
    routerOptions: { maxParamLength: 1000, querystringParser: parseQuery },
    rewriteUrl: ({ url = '/' }) => withoutLastSlash(url),
    // A path that cannot be decoded never reaches a route.
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply),
    // What is no HTTP never becomes a request.
    clientErrorHandler: answerNoHttp,
    schemaErrorFormatter: (errors) => errors as unknown as Error,
  }).withTypeProvider<TypeBoxTypeProvider>();

  app.setValidatorCompiler(compileValidator);
  takeJson(app);
  // Answers are ours and right by type; a serializer made of their schemas costs more than JSON.stringify.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.setErrorHandler(answerError);
  const methodsOf = rememberMethods(app);
  app.setNotFoundHandler((request, reply) => {
    const allowed = methodsOf(request.url);
    if (allowed.length === 0) return reply.code(404).send({ detail: 'Not Found' });
    return reply.code(405).header('allow', allowed.join(', ')).send({ detail: 'Method Not Allowed' });
  });
  refuseWhenClosing(app);
  app.addHook('onRequest', (request, _reply, done) => {
    const scope = request.routeOptions.config?.scope ?? 'read';
    if (scope === 'none') return done();
    try {
      const passing = guard(request, scope);
      if (passing) passing.then(() => done(), done);
      else done();
    } catch (error) {
      done(error as Error);
    }
  });
  app.addHook('onSend', (request, reply, payload, done) => {
    if (reply.statusCode < 400 || !hasRest(request.raw)) return done(null, payload);
    void dropRest(request.raw).then(() => done(null, payload));
  });
  boundLargeAnswers(app, largeAnswers);
  countRequests(app, metrics);

  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Log Detector',
        version,
        description:
          'Records of what containers log, the issues they belong to, and the notifications they caused.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      components: {
        securitySchemes: {
          apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
          bearer: { type: 'http', scheme: 'bearer' },
        },
      },
      // The empty one: with API_KEY unset no key is asked for.
      security: [{ apiKey: [] }, { bearer: [] }, {}],
    },
    transformObject: (document) => {
      if ('openapiObject' in document) letDefaultsBeLeftOut(document.openapiObject);
      return 'openapiObject' in document ? document.openapiObject : document.swaggerObject;
    },
    refResolver: { buildLocalReference: (schema, _base, _fragment, i) => String(schema.$id ?? `Schema${i}`) },
  });
  for (const schema of errorSchemas) app.addSchema(schema);
  await describeApi(app);
  return app;
}

/**
 * For anybody: a browser sends no key before a person has typed it into these pages, and they say what the source says.
 * No other site may show them in a frame, where the key would be typed too.
 */
async function describeApi(app: App): Promise<void> {
  app.addHook('onRoute', (route) => {
    if (/^\/docs(\/|$)/.test(route.url)) route.config = { ...route.config, scope: 'none' };
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: "frame-ancestors 'none'" });
  app.get('/openapi.json', { config: { scope: 'none' }, schema: { hide: true } }, () => app.swagger());
}

/** Our schemas require what has a default, because by then it is filled in; a caller may leave it out. */
function letDefaultsBeLeftOut({ paths = {} }: { paths?: object }): void {
  interface Parameter {
    required?: boolean;
    schema?: { default?: unknown };
  }
  interface Body {
    schema: { required?: string[]; properties?: Record<string, { default?: unknown }> };
  }
  const operations = Object.values(paths).flatMap((path) => Object.values(path as object));
  for (const operation of operations as {
    parameters?: Parameter[];
    requestBody?: { content?: Record<string, Body> };
  }[]) {
    for (const body of Object.values(operation?.requestBody?.content ?? {})) {
      const { required, properties = {} } = body.schema;
      // A copy: the route's own schema is what it was.
      if (required)
        body.schema = {
          ...body.schema,
          required: required.filter((name) => properties[name]?.default === undefined),
        };
    }
    for (const parameter of operation?.parameters ?? []) {
      if (parameter.schema?.default !== undefined) parameter.required = false;
    }
  }
}

/** A connection in use stays open while the server ends, and its client may send more. */
function refuseWhenClosing(app: App): void {
  let isClosing = false;
  app.addHook('preClose', (done) => {
    isClosing = true;
    done();
  });
  app.addHook('onRequest', (_request, _reply, done) =>
    isClosing ? done(comeAgain('the backend is ending; try again')) : done(),
  );
}

/**
 * A body without a type is JSON, as for the original. Not so a browser's: it lets a page of any site send one, and asks us
 * first only of `application/json`. Clients name a type also where they send no body, as with DELETE: then there is none.
 */
function takeJson(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  const isNone = (body: string, { is404 }: FastifyRequest) => body.trim() === '' || is404;
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (isNone(body, request)) done(null, undefined);
    else parse(request, body, done);
  });
  app.addContentTypeParser<string>('*', { parseAs: 'string' }, (request, body, done) => {
    const { 'content-type': type, origin } = request.headers;
    if (isNone(body, request)) done(null, undefined);
    else if (type === undefined && origin === undefined) parse(request, body, done);
    else done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE());
  });
}

/**
 * `/api/logs/` -> `/api/logs`, as the original redirects; but not every sender follows a redirect with what it posts. Pages
 * are left alone: their links are relative.
 */
function withoutLastSlash(url: string): string {
  const query = url.indexOf('?');
  const end = query === -1 ? url.length : query;
  if (url[end - 1] !== '/' || !/^\/(api|health)\//.test(url)) return url;
  let last = end;
  while (url[last - 1] === '/') last -= 1;
  return url.slice(0, last) + url.slice(end);
}

/** The last of a repeated parameter counts, as in the original. */
function parseQuery(text: string): Record<string, string> {
  return text === '' ? {} : Object.fromEntries(new URLSearchParams(text));
}

function countRequests(app: App, metrics: Metrics): void {
  const requests = metrics.counter(
    'log_detector_http_requests_total',
    'Requests answered, by route and status.',
  );
  const seconds = metrics.histogram(
    'log_detector_http_request_seconds',
    'Time from a request to its answer.',
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  );
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    requests.add(1, { method: request.method, route, status: String(reply.statusCode) });
    seconds.observe(reply.elapsedTime / 1000);
    done();
  });
}
