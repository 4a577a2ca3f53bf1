// A kind of channel: what its options are, and how one is made of them. Each folder beside this file exports one.

import { type Static, type TObject, type TProperties, Type } from 'typebox';
import type { Channel, SendQuota } from './channel.ts';

/** What a channel is given beside its own options. */
export interface ChannelCommon {
  /** Its name in the configuration, such as `ops-slack`. */
  name: string;
  /** `ALERT_EMAIL_FROM`. */
  from: string;
  /** Whether private addresses may be connected to: its own `allow_private`, or else ALLOW_PRIVATE_WEBHOOKS. */
  allowPrivate: boolean;
}

/** A kind of channel as the registry holds it. */
export interface ChannelType {
  /** What stands beside `type` in the configuration; what it does not name is a mistake. */
  options: TObject;
  /** Nothing connects before the first send. @param options checked by the schema. */
  make(options: Readonly<Record<string, unknown>>, common: ChannelCommon): Channel;
  /** Escapes a value for the markup of this channel's text: what templates put in with `{{…}}`. */
  escape(text: string): string;
  /** Shows the HTML part. */
  isMail: boolean;
  /** Keeps something open until it is over, so it is told of every end, whatever ALERT_WHEN_OVER says. */
  isPager: boolean;
}

/** Puts a kind of channel together, with its options typed by their schema. */
export function channelType<Options extends TObject>(type: {
  options: Options;
  make(options: Static<Options>, common: ChannelCommon): Channel;
  escape?: (text: string) => string;
  isMail?: boolean;
  isPager?: boolean;
}): ChannelType {
  return {
    options: type.options,
    make: (options, common) => type.make(options as Static<Options>, common),
    escape: type.escape ?? ((text) => text),
    isMail: type.isMail ?? false,
    isPager: type.isPager ?? false,
  };
}

/** A schema of options, which refuses what it does not name. */
export function optionsOf<Properties extends TProperties>(properties: Properties) {
  return Type.Object(properties, { additionalProperties: false });
}

/** The address of a webhook or a server. */
export function httpAddress(description: string) {
  return Type.String({ pattern: '^https?://[^\\s/]+', description });
}

/** A text that may not be empty, such as a token. */
export function filled(description: string) {
  return Type.String({ minLength: 1, description });
}

/** The option that every channel over HTTP has. */
export const allowPrivate = Type.Optional(
  Type.Boolean({ description: 'Private addresses may be connected to; else ALLOW_PRIVATE_WEBHOOKS says.' }),
);

/** A pace that the service's documentation asks for, over all backends. @param perSecond may be below 1. */
export function pace(perSecond: number): () => Promise<SendQuota> {
  return async () => ({ perSecond, perDay: null, sentLastDay: 0 });
}

/** `ops-slack (slack, hooks.slack.com)`. */
export function channelName(name: string, type: string, url: URL): string {
  return `${name} (${type}, ${url.host})`;
}
