// The header fields that every mail carries, whatever sends it.

import { domainToASCII } from 'node:url';

/** The domain of an address, in ASCII. */
export function domainOf(from: string): string {
  const address = addressOf(from);
  return address.slice(address.lastIndexOf('@') + 1) || 'localhost';
}

/** The address alone, of `Name <local@domain>` too, with the ASCII form of its domain: header fields and SES take no other. */
export function addressOf(from: string): string {
  const address = (/<([^<>]+)>\s*$/.exec(from)?.[1] ?? from).trim();
  const at = address.lastIndexOf('@') + 1;
  return address.slice(0, at) + (domainToASCII(address.slice(at)) || address.slice(at));
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
