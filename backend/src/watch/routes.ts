// Routes of watching: agents' heartbeats, the list of agents, and how fresh every stage is.

import { Agent, Heartbeat } from '@log-detector/contract';
import { Type } from 'typebox';
import { canaryChannel } from '../alerting/canary.ts';
import type { Pool } from '../db/pool.ts';
import { ErrorAnswer, HttpError, notFound } from '../http/errors.ts';
import { type App, errorAnswers, type Routes } from '../http/http.ts';
import { cleanText } from '../ingest/clean.ts';
import { forgetAgent, listAgents, storeHeartbeat } from './agents.ts';
import { forgetCanaries } from './canaries.ts';
import type { Watch } from './watch.ts';

const Seconds = Type.Number();
const Status = Type.Union([Type.Literal('fresh'), Type.Literal('stale')]);
const Reasons = Type.Array(Type.String(), { description: 'Why it is stale.' });

const WatchAnswer = Type.Object({
  status: Status,
  reasons: Reasons,
  database: Type.Object({ answered_in_seconds: Seconds }),
  loops: Type.Array(Type.Object({ loop: Type.String(), age_seconds: Seconds }), {
    description: 'Of this backend: since each last turned. None while alerts are off.',
  }),
  canaries: Type.Array(
    Type.Object({
      host: Type.String(),
      container: Type.String(),
      stage: Type.String({
        description: 'stored, dispatched (its mail is written) or delivered (to nobody).',
      }),
      at: Type.String(),
      latency_seconds: Type.Number({ description: "From the line's timestamp to this stage." }),
      age_seconds: Type.Number({ description: 'Since it came here.' }),
    }),
    { description: 'The latest one of each source at each stage.' },
  ),
  agents: Type.Object({
    fresh: Type.Integer(),
    late: Type.Integer(),
    missing: Type.Integer(),
    stopped: Type.Integer(),
  }),
  pending: Type.Array(
    Type.Object({ channel: Type.String(), count: Type.Integer(), oldest_seconds: Seconds }),
    { description: 'Notifications that are not sent yet.' },
  ),
  alerts: Type.Object(
    { count: Type.Integer(), oldest_seconds: Seconds },
    { description: 'What waits to be gathered into a mail.' },
  ),
  incidents: Type.Array(
    Type.Object({
      kind: Type.String(),
      subject: Type.String(),
      began_at: Type.String(),
      told_at: Type.Union([Type.String(), Type.Null()]),
      message: Type.String(),
    }),
  ),
  ping: Type.Union(
    [
      Type.Object({
        at: Type.Union([Type.String(), Type.Null()]),
        withheld_because: Type.Union([Type.String(), Type.Null()]),
      }),
      Type.Null(),
    ],
    { description: "The dead-man's ping (DEAD_MANS_PING_URL) of this backend." },
  ),
});

/** What else it says is ignored, as with records: its agent may be a newer one, and PostgreSQL stores not every text. */
function known(heartbeat: Heartbeat): Heartbeat {
  const names = Object.keys(Heartbeat.properties) as (keyof Heartbeat)[];
  const said = names.filter((name) => Object.hasOwn(heartbeat, name));
  return Object.fromEntries(said.map((name) => [name, heartbeat[name]])) as Heartbeat;
}

export function watchRoutes({ pool, watch }: { pool: Pool; watch: Watch }): Routes {
  const missingMs = watch.bounds.missingMs > 0 ? watch.bounds.missingMs : Number.POSITIVE_INFINITY;
  return (app: App) => {
    app.post(
      '/api/agents/heartbeat',
      {
        config: { scope: 'ingest' },
        schema: {
          tags: ['agents'],
          summary: 'Say that an agent lives, and how it does',
          body: Heartbeat,
          response: { 200: Type.Object({ status: Type.Literal('ok') }), ...errorAnswers },
        },
      },
      async ({ body }) => {
        await storeHeartbeat(pool, {
          ...known(body),
          agent_id: body.agent_id.toLowerCase(),
          host: cleanText(body.host),
          version: cleanText(body.version),
          sending_failure: body.sending_failure ? cleanText(body.sending_failure) : null,
        });
        return { status: 'ok' as const };
      },
    );

    app.get(
      '/api/agents',
      {
        schema: {
          tags: ['agents'],
          summary: 'List the agents, and whether they were heard from',
          response: { 200: Type.Object({ items: Type.Array(Agent) }), ...errorAnswers },
        },
      },
      async () => ({ items: await listAgents(pool, { missingMs }) }),
    );

    app.delete(
      '/api/agents/:id',
      {
        config: { scope: 'admin' },
        schema: {
          tags: ['agents'],
          summary: 'Forget an agent that is gone for good',
          params: Type.Object({ id: Type.String({ format: 'uuid' }) }),
          response: {
            200: Type.Object({ status: Type.Literal('forgotten') }),
            404: ErrorAnswer,
            ...errorAnswers,
          },
        },
      },
      async ({ params }) => {
        if (!(await forgetAgent(pool, params.id.toLowerCase()))) throw notFound('Agent');
        return { status: 'forgotten' as const };
      },
    );

    app.delete(
      '/api/watch/canaries/:host',
      {
        config: { scope: 'admin' },
        schema: {
          tags: ['agents'],
          summary: 'Forget the canaries of a host where none is to come any more',
          params: Type.Object({ host: Type.String() }),
          response: {
            200: Type.Object({ status: Type.Literal('forgotten') }),
            404: ErrorAnswer,
            ...errorAnswers,
          },
        },
      },
      async ({ params }) => {
        if (!(await forgetCanaries(pool, cleanText(params.host)))) throw notFound('Canary');
        return { status: 'forgotten' as const };
      },
    );

    app.get(
      '/api/watch',
      {
        schema: {
          tags: ['operation'],
          summary: 'How fresh every stage is, from a line to its mail',
          response: { 200: WatchAnswer, ...errorAnswers },
        },
      },
      async () => {
        const { look, reasons, databaseMs } = await watch.report();
        const agents = { fresh: 0, late: 0, missing: 0, stopped: 0 };
        for (const { state } of look.agents) agents[state] += 1;
        return {
          status: reasons.length > 0 ? ('stale' as const) : ('fresh' as const),
          reasons,
          database: { answered_in_seconds: databaseMs / 1000 },
          loops: watch.pulse.ages().map(({ loop, ageMs }) => ({ loop, age_seconds: ageMs / 1000 })),
          canaries: look.canaries.map(({ printed_at: _, ...canary }) => canary),
          agents,
          pending: look.pending
            .filter(({ channel }) => channel !== canaryChannel)
            .map(({ channel, count, oldest_seconds }) => ({ channel, count, oldest_seconds })),
          alerts: look.alerts,
          incidents: look.incidents,
          ping: watch.ping,
        };
      },
    );

    app.get(
      '/health/deep',
      {
        schema: {
          tags: ['operation'],
          summary: 'Say whether every stage is fresh: 200, or 503 with the reasons',
          response: {
            200: Type.Object({ status: Status, reasons: Reasons }),
            ...errorAnswers,
            503: Type.Union([Type.Object({ status: Status, reasons: Reasons }), ErrorAnswer]),
          },
        },
      },
      async (_request, reply) => {
        const reasons = await watch.report().then(
          ({ reasons }) => reasons,
          (error: Error) => {
            if (error instanceof HttpError) throw error;
            return [`the database does not answer: ${error.message}`];
          },
        );
        const status = reasons.length > 0 ? ('stale' as const) : ('fresh' as const);
        return reply.code(reasons.length > 0 ? 503 : 200).send({ status, reasons });
      },
    );
  };
}
