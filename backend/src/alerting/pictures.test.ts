// The mails of docs/incident.md as people see them: on a phone and a desktop, light and dark. Nothing may stand out of the page
// or be too faint to read. To make the pictures of docs/images anew:
// PICTURES=docs/images npx vitest run backend/src/alerting/pictures.test.ts backend/src/acting/mail-to-action.test.ts

import { mkdirSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { desktop, faultsOf, findChromium, phone, startBrowser } from '../../../test-kit/src/browser.ts';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { dayMs, incidentDay } from './test-help-incident.ts';
import type { Timeline } from './test-help-timeline.ts';

const chromium = findChromium();
/** Kept in docs/images; the others are looked at and thrown away. */
const kept = ['new-phone-dark', 'spike-phone-light', 'roll-up-desktop-light', 'over-desktop-dark'];

describe.skipIf(chromium === undefined)('the mails of a day', () => {
  let database: TestDatabase;
  let browser: Browser;
  let line: Timeline;
  beforeAll(async () => {
    database = await createTestDatabase();
    browser = await startBrowser(chromium!);
    line = await incidentDay(database.pool).run(dayMs);
  });
  afterAll(async () => {
    await browser?.close();
    await database.drop();
  });

  describe.each([
    ['phone', phone],
    ['desktop', desktop],
  ] as const)('on a %s', (device, screen) => {
    it.each(['light', 'dark'] as const)('are readable, %s', async (colorScheme) => {
      const context = await browser.newContext({ ...screen, colorScheme, javaScriptEnabled: true });
      const page = await context.newPage();
      const asked: string[] = [];
      page.on('request', (request) => asked.push(request.url()));
      for (const reason of ['new', 'roll-up', 'spike', 'still-failing', 'over', 'regressed']) {
        const mail = line.mails.find((each) => each.reason === reason)!;
        await page.setContent(mail.html);
        expect(await faultsOf(page), `${reason}, ${device}, ${colorScheme}`).toEqual([]);
        await shoot(page, `${reason}-${device}-${colorScheme}`);
      }
      expect(asked, 'loads nothing').toEqual([]);
      await context.close();
    });
  });

  it('are readable where Outlook has turned the colours round', async () => {
    const context = await browser.newContext({ ...desktop, colorScheme: 'light' });
    const page = await context.newPage();
    const mail = line.mails.find(({ reason }) => reason === 'new')!;
    // As Outlook on the web does: its marks stand on an element around the mail.
    await page.setContent(mail.html.replace('<html', '<html data-ogsc="" data-ogsb=""'));
    expect(await faultsOf(page)).toEqual([]);
    await shoot(page, 'new-desktop-outlook');
    await context.close();
  });
});

async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env.PICTURES;
  if (!folder || (folder.endsWith('docs/images') && !kept.includes(name))) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: `${folder}/mail-${name}.png`, fullPage: true });
}
