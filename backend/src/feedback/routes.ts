// POST /api/ses-feedback: messages of Amazon SNS about mails that SES took. Their signature is the authority: no key is asked
// for. A subscription is confirmed for the configured topic alone.

import { Type } from 'typebox';
import { callHttp } from '../channels/http-edge.ts';
import { ErrorAnswer, HttpError, notFound } from '../http/errors.ts';
import { type App, errorAnswers, type Routes } from '../http/http.ts';
import { applyFeedback, type FeedbackParts } from './apply-feedback.ts';
import { certificates, type FetchText } from './certificates.ts';
import { readSesEvent } from './ses-event.ts';
import { amazonUrl, ForgedError, readSnsMessage, type SnsMessage } from './sns-message.ts';

export interface FeedbackOptions extends FeedbackParts {
  /** SES_FEEDBACK_TOPIC_ARN; undefined: there is no such route. */
  topicArn: string | undefined;
  /** Fetches certificates and confirms subscriptions; the real one when left out. */
  fetchText?: FetchText;
  now?: () => number;
}

/** SNS sends 256 KB at most, and its envelope. */
const maxBodyBytes = 512 * 1024;

const fetchPublic: FetchText = (url, signal) => callHttp({ url, method: 'GET', allowPrivate: false, signal });

export function feedbackRoutes(options: FeedbackOptions): Routes {
  const { topicArn, fetchText = fetchPublic, now = Date.now, log } = options;
  const readCertificate = certificates(fetchText, now);

  async function take(body: string): Promise<{ status: string }> {
    if (topicArn === undefined) throw notFound('SES_FEEDBACK_TOPIC_ARN is not set, so this route is');
    const message = await readSnsMessage(body, topicArn, readCertificate, now()).catch((error: Error) => {
      if (error instanceof ForgedError) throw new HttpError(403, `Not taken: ${error.message}`);
      throw new HttpError(503, `Cannot verify the message now: ${error.message}`, { 'retry-after': '60' });
    });
    if (message.Type === 'SubscriptionConfirmation') return confirm(message, topicArn);
    if (message.Type === 'UnsubscribeConfirmation') {
      log.error(
        {},
        'SNS sends no more feedback about mails: the subscription was ended; subscribe again if it is needed',
      );
      return { status: 'noted' };
    }
    const event = readSesEvent(message.Message, new Date(now()).toISOString());
    if (!event) return { status: 'ignored' };
    const status = await applyFeedback(options, event, now());
    if (status === 'early')
      throw new HttpError(503, 'The mail is not known here yet; come again', { 'retry-after': '20' });
    return { status };
  }

  async function confirm(message: SnsMessage, topic: string): Promise<{ status: string }> {
    const url = amazonUrl(message.SubscribeURL ?? '', topic);
    const asks = url?.searchParams;
    if (!url || asks?.get('Action') !== 'ConfirmSubscription' || asks.get('TopicArn') !== topic)
      throw new HttpError(403, 'Not taken: its SubscribeURL does not confirm a subscription to the topic');
    const { status } = await fetchText(url, AbortSignal.timeout(10_000)).catch((error: Error) => {
      throw new HttpError(503, `Cannot confirm the subscription now: ${error.message}`, {
        'retry-after': '60',
      });
    });
    if (status !== 200)
      throw new HttpError(503, `SNS answered ${status} to the confirmation`, { 'retry-after': '60' });
    log.info({}, 'feedback about mails is subscribed to');
    return { status: 'confirmed' };
  }

  return (app) => {
    app.register(async (scoped) => {
      const scope = scoped as unknown as App;
      // SNS sends JSON as text/plain.
      scope.removeAllContentTypeParsers();
      scope.addContentTypeParser(
        '*',
        { parseAs: 'string', bodyLimit: maxBodyBytes },
        (_request, body, done) => done(null, String(body)),
      );
      scope.post(
        '/api/ses-feedback',
        {
          config: { scope: 'none' },
          bodyLimit: maxBodyBytes,
          schema: {
            tags: ['operation'],
            summary: 'Take what Amazon SNS says of mails sent by SES',
            description:
              'Bounces, complaints and deliveries of the topic SES_FEEDBACK_TOPIC_ARN; signatures are verified.',
            security: [],
            response: {
              200: Type.Object({ status: Type.String() }),
              403: ErrorAnswer,
              404: ErrorAnswer,
              ...errorAnswers,
            },
          },
        },
        ({ body }) => take(typeof body === 'string' ? body : ''),
      );
    });
  };
}
