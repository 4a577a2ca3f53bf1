// The header fields that every mail carries, whatever sends it.

/** The domain of an address, which may be written `Name <local@domain>`. */
export function domainOf(address: string): string {
  return /@([a-z0-9.-]+)/i.exec(address)?.[1] ?? 'localhost';
}

/** The address alone. */
export function addressOf(from: string): string {
  return (/<([^<>]+)>\s*$/.exec(from)?.[1] ?? from).trim();
}

/** The same for every attempt of one notification, so that a repeat after a crash is recognised as one mail. */
export function messageId(notificationId: string, from: string): string {
  return `<${notificationId}@${domainOf(from)}>`;
}

/**
 * No auto-reply, no out-of-office: an alert is not from a person. `X-Log-Detector-Notification` is the id that survives
 * a provider that writes its own Message-ID.
 */
export function mailHeaders(notificationId: string): Record<string, string> {
  return {
    'Auto-Submitted': 'auto-generated',
    'X-Auto-Response-Suppress': 'All',
    'X-Log-Detector-Notification': notificationId,
  };
}
