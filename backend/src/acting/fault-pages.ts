// Pages that say why a link does nothing.

import type { LinkFault } from '../alerting/links/token.ts';
import { page, paragraph } from './page.ts';

export function messagePage(
  status: number,
  title: string,
  text: string,
  parts: readonly string[],
): { status: number; html: string } {
  return { status, html: page(title, [paragraph(text), ...parts]) };
}

/** Of a forged link nothing is said that its maker does not know. */
export function faultPage(fault: LinkFault): { status: number; html: string } {
  return fault === 'expired'
    ? messagePage(
        410,
        'This link has expired',
        'Nothing was changed. Use a link of a newer mail, or ask whoever runs Log Detector.',
        [],
      )
    : messagePage(
        403,
        'This link is not valid',
        'It was cut off or changed on its way, is for something else, or its key is no longer in use. Nothing was changed. Open the link from the mail itself, or use one of a newer mail.',
        [],
      );
}
