// TypeBox schemas -> checks of bodies, queries and path parameters, with the misfits worded as the contract's errors are.

import type { FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import type { Misfit } from './errors.ts';

interface ObjectSchema {
  properties?: Record<string, { type?: string }>;
  required?: string[];
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
    // No body is null here, and null is no body, as in the original.
    if (place === 'body' && (data === undefined || data === null))
      return { error: new ValidationError([{ loc: ['body'], msg: 'Field required', type: 'missing' }]) };
    try {
      const value = Value.Default(
        schema,
        place === 'body' ? data : wordsToValues(schema as ObjectSchema, data),
      );
      if (check.Check(value)) return { value };
      return { error: new ValidationError(misfitsOf([...check.Errors(value)] as Raised[], place)) };
    } catch (error) {
      // The library calls itself for each level of nesting.
      if (!(error instanceof RangeError)) throw error;
      return {
        error: new ValidationError([
          { loc: [place], msg: 'Input is nested too deep', type: 'recursion_loop' },
        ]),
      };
    }
  };
};

/**
 * One misfit per mistake: where words can be chosen from, which; where shapes can, only what is wrong inside the one
 * that was sent.
 */
function misfitsOf(raised: Raised[], place: string): Misfit[] {
  const words = new Map<string, unknown[]>();
  for (const { keyword, instancePath, params } of raised)
    if (keyword === 'const')
      words.set(instancePath, [...(words.get(instancePath) ?? []), params.allowedValue]);
  const choices = [...words].map(
    ([instancePath, allowed]): Misfit => ({
      loc: locOf(instancePath, place),
      msg: `Input should be ${listed(allowed.map((word) => `'${word}'`))}`,
      type: 'literal_error',
    }),
  );
  const rest = raised.filter(({ instancePath }) => !words.has(instancePath));
  const isAlone = ({ keyword, instancePath, params }: Raised) => {
    const aboutShape = keyword === 'anyOf' || params.type === 'null';
    const others = raised.filter((other) => !(other.keyword === 'anyOf' || other.params.type === 'null'));
    if (aboutShape && others.some((other) => other.instancePath === instancePath)) return false;
    if (!aboutShape && keyword !== 'type') return true;
    return !raised.some((other) => isInside(other, instancePath));
  };
  const misfits = [...choices, ...rest.filter(isAlone).flatMap((each) => toMisfits(each, place))];
  return misfits.length > 0 ? misfits : [{ loc: [place], msg: 'Invalid', type: 'value_error' }];
}

/** Whether it is about a part of what stands at `path`; a missing field is one. */
function isInside({ keyword, instancePath }: Raised, path: string): boolean {
  return instancePath.startsWith(`${path}/`) || (keyword === 'required' && instancePath === path);
}

function listed(words: string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

function locOf(instancePath: string, place: string): Misfit['loc'] {
  const path = instancePath
    .split('/')
    .slice(1)
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  return [place, ...path];
}

function wordsToValues(schema: ObjectSchema, data: unknown): unknown {
  const { properties = {}, required = [] } = schema;
  const values = Object.entries((data ?? {}) as Record<string, unknown>).flatMap(([name, word]) => {
    // `cursor=` with nothing behind it, as a script sends it before it has one.
    if (word === '' && Object.hasOwn(properties, name) && !required.includes(name)) return [];
    return [[name, typeof word === 'string' ? toValue(word, properties[name]?.type) : word]];
  });
  return Object.fromEntries(values);
}

/** As the original reads them. */
function toValue(word: string, type: string | undefined): unknown {
  if (type === 'integer' && /^\s*[+-]?\d+(\.0+)?\s*$/.test(word)) return Number(word);
  if (type === 'boolean' && /^(true|t|1|yes|y|on)$/i.test(word)) return true;
  if (type === 'boolean' && /^(false|f|0|no|n|off)$/i.test(word)) return false;
  return word;
}

function toMisfits({ keyword, instancePath, params, message }: Raised, place: string): Misfit[] {
  const loc = locOf(instancePath, place);
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
