// What every channel is: one method that sends one notification. A channel knows nothing of queues, retries or records.

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
