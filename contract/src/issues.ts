// Issues as the API answers them: all records with one fingerprint, of one service.

import { type Static, Type } from 'typebox';

const Text = Type.String();
const TextOrNull = Type.Union([Text, Type.Null()]);
const Id = Type.String({ format: 'uuid' });

export const IssueState = Type.Union([Type.Literal('open'), Type.Literal('muted'), Type.Literal('resolved')]);
export type IssueState = Static<typeof IssueState>;

export const Issue = Type.Object({
  id: Id,
  title: Type.String({
    description:
      'The template of its messages, variables shown as `<…>`, or type and message of its traceback.',
  }),
  fingerprint: Text,
  service: Type.String({ description: 'Compose service, or the container without its replica number.' }),
  severity: Type.String({ description: 'Of its latest record.' }),
  state: IssueState,
  muted_until: TextOrNull,
  muted_until_count: Type.Union([Type.Integer(), Type.Null()]),
  mute: Type.Union(
    [
      Type.Object({
        by: Type.String({ description: 'A recipient who used a link of a mail, or `api`.' }),
        at: Text,
        count: Type.Integer({ description: 'How many records it had then.' }),
        until: Type.String({ description: '`time`, `count`, `worse`, `deployed` or `ever`.' }),
        limit: Type.Optional(Type.Integer({ description: 'Of `worse`: so many records in five minutes.' })),
        images: Type.Optional(Type.Array(Text)),
        image_ids: Type.Optional(Type.Array(Text)),
      }),
      Type.Null(),
    ],
    { description: 'Who muted it, and what ends that; null when it is not muted.' },
  ),
  first_seen: Text,
  last_seen: Text,
  count: Type.Integer({ description: 'Records so far, those of issues merged into it among them.' }),
  hosts: Type.Array(Text, { description: 'The first ones seen, 50 at most.' }),
  containers: Type.Array(Text, { description: 'The first ones seen, 50 at most.' }),
  resolved_at: TextOrNull,
  regressed_at: Type.Union([Text, Type.Null()], {
    description: 'When it last came back after it was resolved.',
  }),
  notified_at: TextOrNull,
  last_record_id: Id,
});
export type Issue = Static<typeof Issue>;

/** One thing that was done to an issue. */
export const IssueEvent = Type.Object({
  at: Text,
  who: Type.String({ description: 'A recipient; `api`; `log-detector` itself.' }),
  what: Type.String({
    description:
      '`muted`, `mute-over`, `resolved`, `opened`, `excluded` or `included` (the rule was removed).',
  }),
  detail: Text,
});
export type IssueEvent = Static<typeof IssueEvent>;

/** An issue that was merged into another. */
export const MergedIssue = Type.Object({ id: Id, title: Text, fingerprint: Text, service: Text });
export type MergedIssue = Static<typeof MergedIssue>;

/** An image that a service ran from. */
export const ServiceImage = Type.Object({
  image: Text,
  image_id: Type.String({ description: 'First digits of its id; empty when no agent said it.' }),
  first_seen: Type.String({ description: 'Of the first record from it.' }),
});
export type ServiceImage = Static<typeof ServiceImage>;

export const IssueWithMerged = Type.Intersect([
  Issue,
  Type.Object({
    merged: Type.Array(MergedIssue),
    images: Type.Array(ServiceImage, {
      description: 'What its service ran from, the latest first: did it change lately?',
    }),
  }),
]);
export type IssueWithMerged = Static<typeof IssueWithMerged>;
