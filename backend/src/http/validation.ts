// TypeBox schemas -> checks of bodies, queries and path parameters, with the misfits worded as the contract's errors are.

import type { FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import type { Misfit } from './errors.ts';

interface ObjectSchema {
  properties?: Record<string, { type?: string }>;
}

type Raised = { keyword: string; instancePath: string; params: Record<string, unknown>; message: string };

const places: Record<string, string> = {
  body: 'body',
  querystring: 'query',
  params: 'path',
  headers: 'header',
};

/** Thrown through Fastify, which keeps the property. */
class ValidationError extends Error {
  readonly misfits: Misfit[];
  constructor(misfits: Misfit[]) {
    super('validation failed');
    this.misfits = misfits;
  }
}

/** For Fastify's `setValidatorCompiler`. Defaults are filled in; in queries and paths, words become numbers and booleans. */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const check = Compile(schema);
  const place = places[httpPart ?? 'body'] ?? 'body';
  return (data: unknown) => {
    const value = Value.Default(
      schema,
      place === 'body' ? data : wordsToValues(schema as ObjectSchema, data),
    );
    if (check.Check(value)) return { value };
    const misfits = [...check.Errors(value)].flatMap((raised) => toMisfits(raised as Raised, place));
    return {
      error: new ValidationError(
        misfits.length > 0 ? misfits : [{ loc: [place], msg: 'Invalid', type: 'value_error' }],
      ),
    };
  };
};

function wordsToValues(schema: ObjectSchema, data: unknown): unknown {
  const values = Object.entries((data ?? {}) as Record<string, unknown>).map(([name, word]) => {
    const type = schema.properties?.[name]?.type;
    if (typeof word !== 'string') return [name, word];
    if (type === 'integer' && /^\s*[+-]?\d+\s*$/.test(word)) return [name, Number(word)];
    if (type === 'boolean' && /^(true|1|yes|on)$/i.test(word)) return [name, true];
    if (type === 'boolean' && /^(false|0|no|off)$/i.test(word)) return [name, false];
    return [name, word];
  });
  return Object.fromEntries(values);
}

function toMisfits({ keyword, instancePath, params, message }: Raised, place: string): Misfit[] {
  const path = instancePath
    .split('/')
    .slice(1)
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  const loc = [place, ...path];
  switch (keyword) {
    case 'required':
      return (params.requiredProperties as string[]).map((name) => ({
        loc: [...loc, name],
        msg: 'Field required',
        type: 'missing',
      }));
    case 'type':
      return [typeMisfit(loc, String(params.type), place)];
    case 'minimum':
      return [
        { loc, msg: `Input should be greater than or equal to ${params.limit}`, type: 'greater_than_equal' },
      ];
    case 'maximum':
      return [{ loc, msg: `Input should be less than or equal to ${params.limit}`, type: 'less_than_equal' }];
    case 'minLength':
      return [
        { loc, msg: `String should have at least ${params.limit} character`, type: 'string_too_short' },
      ];
    case 'maxLength':
      return [{ loc, msg: `String should have at most ${params.limit} characters`, type: 'string_too_long' }];
    case 'format':
      if (params.format === 'uuid')
        return [{ loc, msg: 'Input should be a valid UUID', type: 'uuid_parsing' }];
  }
  return [{ loc, msg: `Input ${message}`, type: 'value_error' }];
}

function typeMisfit(loc: Misfit['loc'], type: string, place: string): Misfit {
  const isWord = place !== 'body';
  switch (type) {
    case 'string':
      return { loc, msg: 'Input should be a valid string', type: 'string_type' };
    case 'integer':
      return isWord
        ? {
            loc,
            msg: 'Input should be a valid integer, unable to parse string as an integer',
            type: 'int_parsing',
          }
        : { loc, msg: 'Input should be a valid integer', type: 'int_type' };
    case 'boolean':
      return isWord
        ? { loc, msg: 'Input should be a valid boolean, unable to interpret input', type: 'bool_parsing' }
        : { loc, msg: 'Input should be a valid boolean', type: 'bool_type' };
    case 'object':
      return {
        loc,
        msg: 'Input should be a valid dictionary or object to extract fields from',
        type: 'model_attributes_type',
      };
    case 'array':
      return { loc, msg: 'Input should be a valid list', type: 'list_type' };
    default:
      return { loc, msg: `Input should be a valid ${type}`, type: `${type}_type` };
  }
}
