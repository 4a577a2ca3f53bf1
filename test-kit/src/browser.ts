// A real browser, to look at pages and mails as people do and to press their buttons: the Chromium of this machine.

import { readFileSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

export { findChromium } from '../bin/prerequisites.mjs';

/** Starts it without a window. Close it with `close()`. */
export function startBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
}

/** What people look through: a phone and a desktop, light and dark. */
export const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true } as const;
export const desktop = { viewport: { width: 900, height: 700 }, deviceScaleFactor: 1 } as const;

const faultsScript = readFileSync(new URL('./page-faults.js', import.meta.url), 'utf8');

/** What is wrong with how the page looks: one line for each text that is too faint, and one when it is too wide. */
export function faultsOf(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(faultsScript);
}
