// The pages behind the links of a mail: rendered here, without scripts, readable on a phone and in the dark. Every text that
// comes from a log is escaped. A form posts to where the page stands, so that it works under any path of BASE_URL.

import { createHash } from 'node:crypto';
import { Type } from 'typebox';
import { escapeHtml } from '../alerting/text.ts';

const style = `
:root { color-scheme: light dark; --page: #f4f5f7; --card: #ffffff; --text: #1c1e21; --quiet: #5f6672; --line: #d9dce1; --act: #0b57d0; --on-act: #ffffff; --log: #f4f5f7; }
@media (prefers-color-scheme: dark) {
  :root { --page: #16181d; --card: #1e2127; --text: #e6e8eb; --quiet: #a3a9b3; --line: #3a3f49; --act: #8ab4f8; --on-act: #10131a; --log: #16181d; }
}
* { box-sizing: border-box; }
body { margin: 0; padding: 24px 16px; background: var(--page); color: var(--text); font: 16px/1.5 -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; overflow-wrap: anywhere; }
main { max-width: 600px; margin: 0 auto; padding: 24px; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
main.wide { max-width: 960px; }
h1 { margin: 0 0 16px; font-size: 22px; line-height: 1.3; }
h2 { margin: 24px 0 8px; font-size: 16px; }
p { margin: 12px 0; }
.brand { margin: 0 0 12px; color: var(--quiet); font-size: 13px; }
.quiet { color: var(--quiet); font-size: 14px; }
pre { margin: 8px 0; padding: 12px; background: var(--log); border: 1px solid var(--line); border-radius: 8px; font: 13px/1.45 ui-monospace, Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
form { margin: 12px 0; }
button, .button { display: block; width: 100%; min-height: 48px; padding: 12px 16px; border: 1px solid var(--act); border-radius: 8px; background: var(--act); color: var(--on-act); font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer; }
button.second, .button.second { background: transparent; color: var(--act); }
button:focus-visible, .button:focus-visible { outline: 3px solid var(--quiet); outline-offset: 2px; }
a { color: var(--act); }
dl { display: grid; grid-template-columns: fit-content(40%) 1fr; gap: 4px 16px; margin: 16px 0; font-size: 15px; }
dt { color: var(--quiet); }
dd { margin: 0; }
.time { white-space: nowrap; }
ul { margin: 8px 0; padding-left: 20px; }
ul.links { padding: 0; list-style: none; }
ul.links li { padding: 8px 0; border-top: 1px solid var(--line); }
`;

const styleHash = createHash('sha256').update(style).digest('base64');

/** Nothing is loaded, nothing runs, nobody frames it, the address is passed on to nobody and kept by no cache. */
export const pageHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'x-robots-tag': 'noindex, nofollow',
};

/** What routes of pages answer, for the document. */
export const pageAnswer = (description: string) => ({
  description,
  content: { 'text/html': { schema: Type.String() } },
});

/** Parts are HTML already. @param options.wide log text is what it is about. */
export function page(title: string, parts: readonly string[], options: { wide?: boolean } = {}): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escapeHtml(title)} - Log Detector</title>
<style>${style}</style>
</head>
<body>
<main${options.wide ? ' class="wide"' : ''}>
<p class="brand">Log Detector</p>
<h1>${escapeHtml(title)}</h1>
${parts.join('\n')}
</main>
</body>
</html>
`;
}

/** Escaped, and a time stays on one line. */
function words(text: string): string {
  return escapeHtml(text).replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/g, '<span class="time">$&</span>');
}

export function paragraph(text: string): string {
  return `<p>${words(text)}</p>`;
}

export function quiet(text: string): string {
  return `<p class="quiet">${words(text)}</p>`;
}

/** @param id for links to it. */
export function heading(text: string, id?: string): string {
  return `<h2${id === undefined ? '' : ` id="${id}"`}>${escapeHtml(text)}</h2>`;
}

export function log(text: string): string {
  return `<pre dir="ltr">${escapeHtml(text)}</pre>`;
}

export function list(texts: readonly string[]): string {
  return `<ul>${texts.map((text) => `<li>${escapeHtml(text)}</li>`).join('')}</ul>`;
}

export function facts(pairs: readonly (readonly [string, string])[]): string {
  return `<dl>${pairs.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${words(value)}</dd>`).join('')}</dl>`;
}

/**
 * The button that does it.
 * @param options.token of another link than the page's own: the last part of its address. @param options.rule what was shown.
 */
export function button(
  label: string,
  options: { token?: string; second?: boolean; rule?: string } = {},
): string {
  const action = options.token === undefined ? '' : ` action="${escapeHtml(options.token)}"`;
  const rule =
    options.rule === undefined ? '' : `<input type="hidden" name="rule" value="${escapeHtml(options.rule)}">`;
  return `<form method="post"${action}>${rule}<button${options.second ? ' class="second"' : ''}>${escapeHtml(label)}</button></form>`;
}

/** Leads to a page with a button. @param href the last part of its address, or a path from the page's own. */
export function pageLink(label: string, href: string): string {
  return `<p><a class="button second" href="${escapeHtml(href)}">${escapeHtml(label)}</a></p>`;
}

/** Leads to a page to read. */
export function readingLink(label: string, href: string): string {
  return `<p><a href="${escapeHtml(href)}">${escapeHtml(label)}</a></p>`;
}

/** Pages to read, each with what is behind it. */
export function linkList(items: readonly { label: string; href: string; note: string }[]): string {
  const each = items.map(
    ({ label, href, note }) =>
      `<li><a href="${escapeHtml(href)}">${words(label)}</a><br>${escapeHtml(note)}</li>`,
  );
  return `<ul class="links">${each.join('')}</ul>`;
}
