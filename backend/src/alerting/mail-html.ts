// The HTML part: one column that fits a phone, readable in dark mode, nothing loaded from anywhere. Colours stand inline
// for programs that drop <style>; the dark ones need it: Apple Mail and Thunderbird ask prefers-color-scheme, Outlook's web
// and phone programs mark what they changed with data-ogsc and data-ogsb, and Gmail turns the inline colours round itself,
// which is why there are no pictures and no colours that only one of the two can read. All log text is escaped here.

import type { Unsubscribe } from './states.ts';
import { escapeHtml } from './text.ts';

export interface HtmlMail {
  subject: string;
  /** Name and value, in the order shown. */
  facts: readonly (readonly [string, string])[];
  url: string;
  message: string;
}

const sans = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const mono = 'font-family:ui-monospace,Menlo,Consolas,monospace';

const head = `<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<style>
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) {
  .page { background: #16181d !important; color: #e6e8eb !important; }
  .quiet { color: #a3a9b3 !important; }
  .link { color: #8ab4f8 !important; }
  .log { background: #22252c !important; border-color: #3a3f49 !important; color: #e6e8eb !important; }
  .act { border-color: #5a6b8c !important; }
}
[data-ogsc] .quiet { color: #a3a9b3 !important; }
[data-ogsc] .link { color: #8ab4f8 !important; }
[data-ogsb] .page { background: #16181d !important; }
[data-ogsb] .log { background: #22252c !important; border-color: #3a3f49 !important; }
[data-ogsc] .page, [data-ogsc] .log { color: #e6e8eb !important; }
</style>`;

/** Writes the whole page of a mail about one record. */
export function htmlPage({ subject, facts, url, message }: HtmlMail): string {
  return page(subject, [heading(subject), factTable(facts), link(url, 'Open the record'), log(message)]);
}

/** A page of parts that are HTML already. */
export function page(title: string, parts: readonly string[]): string {
  return `<!doctype html>
<html lang="en">
<head>
${head}
<title>${escapeHtml(title)}</title>
</head>
<body class="page" style="margin:0;padding:0;background:#ffffff;color:#1c1e21">
<div class="page" style="max-width:760px;margin:0 auto;padding:16px;background:#ffffff;color:#1c1e21;font-size:15px;line-height:1.45;${sans}">
${parts.join('\n')}
</div>
</body>
</html>
`;
}

export function heading(text: string): string {
  return `<h1 style="margin:0 0 12px;font-size:18px;line-height:1.3;overflow-wrap:anywhere">${escapeHtml(text)}</h1>`;
}

/** Colours of a state, readable on light and dark pages alike: white on these is above 4.5 to 1. */
const stateColours: Record<string, string> = {
  NEW: '#b3261e',
  REGRESSED: '#b3261e',
  SPIKE: '#9a3b00',
  'STILL FAILING': '#5f6672',
  OVER: '#1a6b3c',
};

/** A small label. */
export function badge(state: string): string {
  const colour = stateColours[state] ?? '#3c4f76';
  return `<span style="display:inline-block;padding:1px 8px;border-radius:10px;background:${colour};color:#ffffff;font-size:12px;font-weight:600;letter-spacing:.03em;white-space:nowrap">${escapeHtml(state)}</span>`;
}

export function paragraph(text: string): string {
  return `<p style="margin:12px 0;overflow-wrap:anywhere">${escapeHtml(text)}</p>`;
}

export function quiet(text: string): string {
  return `<p class="quiet" style="margin:12px 0;color:#5f6672;font-size:13px;overflow-wrap:anywhere">${escapeHtml(text)}</p>`;
}

export function factTable(facts: readonly (readonly [string, string])[]): string {
  const rows = facts
    .map(
      ([name, value]) =>
        `<tr><td class="quiet" style="padding:2px 14px 2px 0;color:#5f6672;vertical-align:top;white-space:nowrap">${escapeHtml(name)}</td>` +
        `<td style="padding:2px 0;overflow-wrap:anywhere">${escapeHtml(value)}</td></tr>`,
    )
    .join('\n');
  return `<table role="presentation" cellpadding="0" cellspacing="0" style="border-collapse:collapse;font-size:14px">
${rows}
</table>`;
}

export function link(url: string, text: string): string {
  return `<p style="margin:12px 0">${anchor(url, text)}</p>`;
}

export function anchor(url: string, text: string): string {
  return `<a class="link" href="${escapeHtml(url)}" style="color:#0b57d0">${escapeHtml(text)}</a>`;
}

/** What can be done, as links that are large enough for a thumb. Programs that know no padding show them as links. */
export function actions(links: readonly { purpose: string; label: string; url: string }[]): string {
  if (links.length === 0) return '';
  const each = links
    .filter(({ purpose }) => purpose !== 'open')
    .map(
      ({ label, url }) =>
        `<a class="link act" href="${escapeHtml(url)}" style="display:inline-block;margin:0 6px 8px 0;padding:9px 12px;border:1px solid #a8b3c7;border-radius:6px;color:#0b57d0;font-size:14px;line-height:1.3;text-decoration:none">${escapeHtml(label)}</a>`,
    );
  const open = links.find(({ purpose }) => purpose === 'open');
  const undo = open
    ? `<p class="quiet" style="margin:0 0 12px;color:#5f6672;font-size:13px">Muted by now? ${anchor(open.url, open.label)}</p>`
    : '';
  return `<p style="margin:12px 0 4px">${each.join('\n')}</p>${undo}`;
}

/** The foot of the mail: how to get no more of them. */
export function foot(unsubscribe: Unsubscribe, stopHint: string): string {
  return typeof unsubscribe !== 'string'
    ? quiet(stopHint)
    : `<p class="quiet" style="margin:12px 0;color:#5f6672;font-size:13px">${anchor(unsubscribe, 'Unsubscribe')} from all mails of Log Detector.</p>`;
}

/** Log text, as it is. */
export function log(text: string): string {
  return `<pre class="log" dir="ltr" style="margin:0 0 12px;padding:12px;background:#f4f5f7;color:#1c1e21;border:1px solid #d9dce1;border-radius:6px;font-size:13px;line-height:1.4;white-space:pre-wrap;overflow-wrap:anywhere;${mono}">${escapeHtml(text)}</pre>`;
}
