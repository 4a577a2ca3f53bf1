// The links of mails, answered: GET and HEAD show a page and change nothing, because programs that look for viruses fetch
// every link; POST does what the link is for, once. Those of records and issues only show. The link is the authority: no key
// is asked for.

import { Type } from 'typebox';
import { rotateLinkKey } from '../alerting/links/keys.ts';
import type { LinkSettings } from '../alerting/links/links.ts';
import type { RuleBook } from '../alerting/rules/rule-book.ts';
import type { TakenOffParts } from '../alerting/tell-taken-off.ts';
import type { Pool } from '../db/pool.ts';
import { ErrorAnswer, HttpError, isDatabaseAway } from '../http/errors.ts';
import { type App, errorAnswers, type Routes } from '../http/http.ts';
import { answerAct, showAct } from './act.ts';
import { answerUnsubscribe, showUnsubscribe } from './answer-unsubscribe.ts';
import { messagePage } from './fault-pages.ts';
import { pageAnswer, pageHeaders } from './page.ts';
import type { Answer } from './read-signed.ts';
import { showIssue } from './show-issue.ts';
import { showRecord } from './show-record.ts';

export interface ActingParts {
  pool: Pool;
  /** `LINK_SECRET`; empty: the database's keys. */
  linkSecrets: readonly string[];
  /** `ALERT_EMAIL_TO`; left out: nobody. */
  to?: readonly string[];
  /** Told of a rule that was added; asked what they hold. */
  rules?: Pick<RuleBook, 'refresh' | 'current'>;
  log?: { warn(fields: object, message: string): void };
  /** Tells that someone unsubscribed; left out: nobody is told. */
  takenOff?: TakenOffParts & { settings: LinkSettings };
  now?: () => number;
}

/** The fields of a page's form. */
export type Form = Readonly<Record<string, string | undefined>>;

const maxBodyBytes = 16_384;
const Params = Type.Object({ token: Type.String() });
const pageAnswers: Readonly<Record<string, ReturnType<typeof pageAnswer>>> = {
  200: pageAnswer('A page'),
  403: pageAnswer('A page: the link is not valid'),
  404: pageAnswer('A page: what the link is about is gone'),
  410: pageAnswer('A page: the link has expired'),
  503: pageAnswer('A page: to be tried again in a moment'),
};
const actingAnswers: typeof pageAnswers = {
  ...pageAnswers,
  409: pageAnswer('A page: the link was used already, or it cannot be done'),
};
const ReadingParams = Type.Object({ id: Type.String(), token: Type.String() });

export function actingRoutes(parts: ActingParts): Routes {
  return (app) => {
    keyRoutes(parts, app);
    app.register(async (scope) => {
      takeForms(scope as App);
      answerTroubleWithPages(
        scope as App,
        'Open the link again in a moment: its page says whether it was used.',
      );
      serve(scope as App, '/act/:token', 'What a link of a mail does', showAct, answerAct);
      serve(
        scope as App,
        '/unsubscribe/:token',
        'Get no more mails (RFC 8058)',
        showUnsubscribe,
        answerUnsubscribe,
      );
    });
    app.register(async (scope) => {
      answerTroubleWithPages(scope as App, 'Open the link again in a moment.');
      serveReading(scope as App, '/records/:id/:token', 'Show a record, by a link of a mail', showRecord);
      serveReading(scope as App, '/issues/:id/:token', 'Show an issue, by a link of a mail', showIssue);
    });
  };

  function serveReading(app: App, url: string, summary: string, show: typeof showRecord): void {
    const schema = { tags: ['acting'], summary, security: [], params: ReadingParams, response: pageAnswers };
    app.get(url, { config: { scope: 'none' }, schema }, async ({ params }, reply) => {
      const { status, html } = await show(parts, params.id, params.token);
      return reply.code(status).headers(pageHeaders).send(html);
    });
  }

  function serve(
    app: App,
    url: string,
    summary: string,
    show: (parts: ActingParts, token: string) => Promise<Answer>,
    act: (parts: ActingParts, token: string, form: Form) => Promise<Answer>,
  ): void {
    const options = {
      config: { scope: 'none' as const },
      schema: {
        tags: ['acting'],
        summary,
        security: [],
        params: Params,
        response: actingAnswers,
      },
    };
    app.get(url, options, async ({ params }, reply) => {
      const { status, html } = await show(parts, params.token);
      return reply.code(status).headers(pageHeaders).send(html);
    });
    app.post(url, options, async ({ params, body }, reply) => {
      const { status, html } = await act(parts, params.token, (body ?? {}) as Form);
      return reply.code(status).headers(pageHeaders).send(html);
    });
  }
}

function keyRoutes({ pool, linkSecrets, now }: ActingParts, app: App): void {
  app.post(
    '/api/link-keys',
    {
      config: { scope: 'admin' },
      schema: {
        tags: ['acting'],
        summary: 'Make a new key that signs the links of mails',
        description:
          'Links that were sent before work until they expire; with `revoke`, none of them works any more.',
        body: Type.Object({ revoke: Type.Boolean({ default: false }) }),
        response: { 200: Type.Object({ id: Type.Integer() }), 409: ErrorAnswer, ...errorAnswers },
      },
    },
    async ({ body }) => {
      if (linkSecrets.length > 0)
        throw new HttpError(409, 'LINK_SECRET is set; put a new secret in front of it, and start again');
      return { id: await rotateLinkKey(pool, body.revoke, now?.() ?? Date.now()) };
    },
  );
}

/** A person reads it: what the database's absence means is said in words. Everything else goes the way of all faults. */
function answerTroubleWithPages(app: App, remedy: string): void {
  app.setErrorHandler((error, _request, reply) => {
    if (!isDatabaseAway(error) && !(error instanceof HttpError && error.status === 503)) throw error;
    const { status, html } = messagePage(
      503,
      'Try again in a moment',
      `The database cannot be reached right now, or is busy. ${remedy}`,
      [],
    );
    return reply
      .code(status)
      .headers({ ...pageHeaders, 'retry-after': '5' })
      .send(html);
  });
}

/** Of any type, because RFC 8058 allows two; only our own pages say something in one. */
function takeForms(app: App): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>(
    '*',
    { parseAs: 'string', bodyLimit: maxBodyBytes },
    (request, body, done) =>
      done(
        null,
        request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')
          ? Object.fromEntries(new URLSearchParams(body))
          : {},
      ),
  );
}
