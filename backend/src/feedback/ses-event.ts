// The JSON that SES publishes about a mail -> what became of it. Two forms: notifications of an identity
// (`notificationType`), and events of a configuration set (`eventType`).

export type Feedback = 'delivered' | 'bounced' | 'complained';

export interface SesEvent {
  feedback: Feedback;
  /** The id that SES gave the mail. */
  providerMessageId: string;
  /** Ours, from X-Log-Detector-Notification, when SES was told to include the headers. */
  notificationId: string | null;
  /** No mail will arrive there: a permanent bounce, or a complaint. */
  endsRecipients: boolean;
  recipients: string[];
  /** In words. */
  detail: string;
  /** ISO 8601. */
  at: string;
  /** When SES took the mail, in ms since the epoch; null: it does not say. */
  mailAt: number | null;
}

interface Wire {
  notificationType?: unknown;
  eventType?: unknown;
  mail?: { messageId?: unknown; headers?: unknown; timestamp?: unknown };
  bounce?: {
    bounceType?: unknown;
    bounceSubType?: unknown;
    bouncedRecipients?: unknown;
    timestamp?: unknown;
  };
  complaint?: { complainedRecipients?: unknown; complaintFeedbackType?: unknown; timestamp?: unknown };
  delivery?: { recipients?: unknown; smtpResponse?: unknown; timestamp?: unknown };
}

/** Undefined for what tells nothing of this: opens, clicks, sends, SES's own test. */
export function readSesEvent(text: string, now: string): SesEvent | undefined {
  let wire: Wire;
  try {
    wire = Object(JSON.parse(text));
  } catch {
    return undefined;
  }
  const kind = wire.notificationType ?? wire.eventType;
  const { mail, bounce, complaint, delivery } = wire;
  if (typeof mail?.messageId !== 'string') return undefined;
  const mailAt = typeof mail.timestamp === 'string' ? Date.parse(mail.timestamp) : Number.NaN;
  const about = {
    providerMessageId: mail.messageId,
    notificationId: notificationIdOf(mail.headers),
    mailAt: Number.isNaN(mailAt) ? null : mailAt,
  };
  if (kind === 'Bounce' && bounce) {
    const bounced = listOf(bounce.bouncedRecipients);
    return {
      ...about,
      feedback: 'bounced',
      endsRecipients: bounce.bounceType === 'Permanent',
      recipients: addressesOf(bounced),
      detail: line([
        bounce.bounceType,
        bounce.bounceSubType,
        bounced[0]?.diagnosticCode ?? bounced[0]?.status,
      ]),
      at: instant(bounce.timestamp, now),
    };
  }
  if (kind === 'Complaint' && complaint)
    return {
      ...about,
      feedback: 'complained',
      endsRecipients: complaint.complaintFeedbackType !== 'not-spam',
      recipients: addressesOf(listOf(complaint.complainedRecipients)),
      detail: line([complaint.complaintFeedbackType ?? 'complaint']),
      at: instant(complaint.timestamp, now),
    };
  if (kind === 'Delivery' && delivery)
    return {
      ...about,
      feedback: 'delivered',
      endsRecipients: false,
      recipients: addressesOf(listOf(delivery.recipients)),
      detail: line([delivery.smtpResponse]),
      at: instant(delivery.timestamp, now),
    };
  return undefined;
}

type Recipient = { emailAddress?: unknown; diagnosticCode?: unknown; status?: unknown };

function listOf(value: unknown): Recipient[] {
  if (!Array.isArray(value)) return [];
  return value
    .slice(0, 100)
    .map((each) => (typeof each === 'string' ? { emailAddress: each } : Object(each)));
}

/** Some providers write `"name" <address>`. */
function addressesOf(recipients: readonly Recipient[]): string[] {
  return recipients.flatMap(({ emailAddress }) =>
    typeof emailAddress === 'string'
      ? [(/<([^<>]+)>\s*$/.exec(emailAddress)?.[1] ?? emailAddress).trim().toLowerCase()]
      : [],
  );
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function notificationIdOf(headers: unknown): string | null {
  if (!Array.isArray(headers)) return null;
  const found = headers.find(
    (header) => String(Object(header).name).toLowerCase() === 'x-log-detector-notification',
  );
  const value = String(Object(found).value ?? '').trim();
  return uuid.test(value) ? value.toLowerCase() : null;
}

function line(parts: readonly unknown[]): string {
  return parts
    .filter((part): part is string => typeof part === 'string' && part !== '')
    .join(', ')
    .replace(/[\x00-\x1f\x7f]+/g, ' ')
    .slice(0, 500);
}

function instant(value: unknown, now: string): string {
  const at = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  const year = Number.isNaN(at) ? 0 : new Date(at).getUTCFullYear();
  return year >= 2000 && year <= 9999 ? new Date(at).toISOString() : now;
}
