// What every channel is: one method that sends one notification. A channel knows nothing of queues, retries or records.

/** Something to open, such as the record or an action. */
export interface MessageLink {
  label: string;
  url: string;
}

/** One issue of a roll-up. */
export interface ItemFacts {
  state: string;
  issueId: string;
  recordId: string;
  service: string;
  host: string;
  title: string;
  severity: string;
  /** Records of the issue so far. */
  count: number;
  held: number;
  url: string;
}

/**
 * What a notification tells, for channels that are no mail. Its texts are log text, written by strangers: without control
 * characters, and otherwise as they came; every channel escapes them for its own markup.
 */
export interface MessageFacts {
  /** Why: `new`, `regressed`, `spike`, `still-failing`, `over`, `ungrouped`, `roll-up`, `test`, … */
  state: string;
  /** Null in a roll-up and a test. */
  issueId: string | null;
  recordId: string | null;
  service: string;
  host: string;
  container: string;
  severity: string;
  title: string;
  /** The record's message, cut in its middle when long. */
  message: string;
  /** Records of the issue so far. */
  count: number;
  /** Of those, held back since the alert before. */
  held: number;
  /** ISO 8601. */
  occurredAt: string | null;
  receivedAt: string | null;
  /** The record's page. */
  url: string;
  /** More to open; the record's page is not among them. */
  links: MessageLink[];
  /** What a pager keeps open under this name until it is over; null: there is nothing to keep open. */
  threadId: string | null;
  /** Threads that are over with this message. */
  ended: string[];
  /** Of a roll-up, in the order to be shown; else empty. */
  items: ItemFacts[];
  /** The text comes from a user's template, and is in the channel's markup already. */
  isTemplated?: boolean;
}

/** One message to one recipient, as a channel gets it. */
export interface OutgoingMessage {
  /** The notification's id. */
  id: string;
  /** For mails, `<…@…>`. A repeat after a crash carries the same one. */
  messageId: string;
  to: string;
  subject: string;
  text: string;
  /** The same for those who can show it; null when there is only text. */
  html: string | null;
  /** Header fields of its own, for channels that have such; printable ASCII, and no line breaks. */
  headers?: Readonly<Record<string, string>> | null;
  /** The same, in pieces; null for what was written before they were kept. */
  facts?: MessageFacts | null;
}

/** What a provider lets an account send. */
export interface SendQuota {
  perSecond: number;
  /** In any 24 hours; null: as many as one likes. */
  perDay: number | null;
  /** Of those, used in the last 24 hours. */
  sentLastDay: number;
}

export interface Channel {
  /** For logs and errors, with nothing secret in it: `smtp (mail.example.com:587)`. */
  readonly name: string;
  /**
   * How long one send may take, in ms, where a service may take a message and be long in saying so; left out: as long as the
   * outbox gives any. What hangs before the service has the message is then the channel's to end.
   */
  readonly maxSendMs?: number;
  /**
   * Sends it.
   * @param signal aborts the call; every send is given one with a time limit.
   * @returns the id by which the provider knows the message, to look it up there.
   * @throws {NotificationError} and nothing else, for whatever the world does.
   */
  send(message: OutgoingMessage, signal: AbortSignal): Promise<string>;
  /**
   * What the provider lets the account send; undefined when it has no such limit, or does not say.
   * @throws {NotificationError} when it could not be asked.
   */
  quota?(signal: AbortSignal): Promise<SendQuota | undefined>;
  /** Lets go of connections; sends under way may finish. */
  close(): void;
}
