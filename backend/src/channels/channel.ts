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
  /** Lets go of connections; sends under way may finish. */
  close(): void;
}
