// Routes of rules: the list of those in force, adding one to the database, removing one from it.

import { type Static, Type } from 'typebox';
import type { Pool } from '../../db/pool.ts';
import { newId } from '../../db/record-id.ts';
import { ErrorAnswer, HttpError, notFound } from '../../http/errors.ts';
import { errorAnswers, type Routes } from '../../http/http.ts';
import { checkRule } from './check.ts';
import { Checker } from './checker.ts';
import { knownNames, type RuleBook } from './rule-book.ts';
import { addRule, listRules, removeRule } from './store.ts';

const rules = { tags: ['rules'] };

const RuleAnswer = Type.Object({
  id: Type.String({ format: 'uuid' }),
  rule: Type.Record(Type.String(), Type.Unknown(), { description: 'As RULES_FILE would have it.' }),
  source: Type.String({ description: '`api` or `mail`: who added it.' }),
  created_at: Type.String(),
});

const Rules = Type.Object({
  items: Type.Array(RuleAnswer, { description: 'Of the database, in the order that they are asked in.' }),
  file: Type.Array(Type.Object({ name: Type.String() }), {
    description: 'Of RULES_FILE, which are asked after them; change them there.',
  }),
});

/** Most rules in the database: each is asked for each record. */
const maxRules = 1000;

export function rulesRoutes(pool: Pool, book: RuleBook): Routes {
  return (app) => {
    app.get(
      '/api/rules',
      { schema: { ...rules, summary: 'The rules in force', response: { 200: Rules, ...errorAnswers } } },
      async (): Promise<Static<typeof Rules>> => ({
        items: await listRules(pool),
        file: book.config.rules.map(({ name }) => ({ name })),
      }),
    );

    app.post(
      '/api/rules',
      {
        config: { scope: 'admin' },
        schema: {
          ...rules,
          summary: 'Add a rule, the first to be asked',
          description: 'Its keys are those of a rule in RULES_FILE: see docs/rules.md.',
          body: Type.Record(Type.String(), Type.Unknown(), {
            examples: [{ name: 'health checks', match: { pattern: 'GET /health' }, hold: true }],
          }),
          response: { 200: RuleAnswer, 409: ErrorAnswer, ...errorAnswers },
        },
      },
      async ({ body }) => {
        const checker = new Checker();
        checkRule(body, [], checker, knownNames(book.config), 'UTC');
        if (checker.problems.length > 0)
          throw new HttpError(
            422,
            checker.problems.map(({ path, message }) => ({
              loc: ['body', ...path],
              msg: message,
              type: 'value_error',
            })),
          );
        if ((await listRules(pool)).length >= maxRules)
          throw new HttpError(409, `there are ${maxRules} rules already; remove one first`);
        const added = await addRule(pool, clean(body) as Record<string, unknown>, 'api', () =>
          newId(Date.now()),
        );
        await book.refresh();
        return added;
      },
    );

    app.delete(
      '/api/rules/:id',
      {
        config: { scope: 'admin' },
        schema: {
          ...rules,
          summary: 'Remove a rule of the database',
          params: Type.Object({ id: Type.String({ format: 'uuid' }) }),
          response: { 200: RuleAnswer, 404: ErrorAnswer, ...errorAnswers },
        },
      },
      async ({ params }) => {
        const removed = await removeRule(pool, params.id);
        if (!removed) throw notFound('Rule');
        await book.refresh();
        return removed;
      },
    );
  };
}

/** JSON that PostgreSQL takes: no NUL, no lone surrogate. */
function clean(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed().replaceAll('\0', '\u2400');
  if (Array.isArray(value)) return value.map(clean);
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [clean(key), clean(each)]));
  return value;
}
