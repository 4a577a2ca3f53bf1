// GET /: what answers here and whether it is well, for a person who opens the address that the start prints.

import type { Pool } from '../db/pool.ts';
import { isDatabaseAway } from '../http/errors.ts';
import type { App, Routes } from '../http/http.ts';
import { page, pageAnswer, pageHeaders, paragraph, quiet, readingLink } from './page.ts';

/** @param parts.hasKey whether the API asks for API_KEY. */
export function frontPageRoutes({ pool, hasKey }: { pool: Pool; hasKey: boolean }): Routes {
  return (app: App) => {
    const schema = {
      tags: ['operation'],
      summary: 'Say what this is, to a person',
      security: [],
      response: { 200: pageAnswer('A page'), 503: pageAnswer('A page: the database does not answer') },
    };
    app.get('/', { config: { scope: 'none' }, schema }, async (_request, reply) => {
      const isWell = await answers(pool);
      return reply
        .code(isWell ? 200 : 503)
        .headers(pageHeaders)
        .send(frontPage(isWell, hasKey));
    });
  };
}

async function answers(pool: Pool): Promise<boolean> {
  try {
    await pool.query('select 1');
    return true;
  } catch (error) {
    if (isDatabaseAway(error)) return false;
    throw error;
  }
}

function frontPage(isWell: boolean, hasKey: boolean): string {
  return page(isWell ? 'Log Detector is running' : 'Log Detector cannot reach its database', [
    paragraph(
      isWell
        ? 'It takes in errors from the logs of containers, groups them into issues, and tells people of them. Its database answers.'
        : 'It runs, and takes nothing in until the database is back. Agents keep what they have until then.',
    ),
    readingLink('The API, described and to be tried out', 'docs/'),
    ...(hasKey ? [paragraph('It asks for the API key: give it there under “Authorize”.')] : []),
    quiet('Records and issues are opened by the links in mails and chats, which need no key.'),
  ]);
}
