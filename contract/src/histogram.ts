// How many records there were over time, as the API answers it.

import { type Static, Type } from 'typebox';

export const Histogram = Type.Object({
  from: Type.String({ description: 'ISO 8601: where the first step begins, which may be before `since`.' }),
  to: Type.String({ description: 'ISO 8601: where the last step ends, which may be after `until`.' }),
  step_seconds: Type.Integer({ description: 'Steps begin at multiples of it since 1970, UTC.' }),
  total: Type.Integer({ description: 'Records in all steps.' }),
  items: Type.Array(
    Type.Object({
      at: Type.String({ description: 'ISO 8601: where the step begins.' }),
      total: Type.Integer(),
      by_severity: Type.Record(Type.String(), Type.Integer(), { description: 'Empty for an issue.' }),
    }),
    { description: 'Every step, oldest first, those without records too.' },
  ),
});
export type Histogram = Static<typeof Histogram>;
