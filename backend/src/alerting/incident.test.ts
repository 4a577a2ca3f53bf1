// A day's incident, and the mails that it makes: docs/incident.md is what they say, and this test keeps it true. To write it anew:
// npx vitest run backend/src/alerting/incident.test.ts -u

import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { dayMs, incidentDay } from './test-help-incident.ts';
import type { Timeline, TimelineMail } from './test-help-timeline.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

it('makes the mails of docs/incident.md, and no others', async () => {
  const line = incidentDay(database.pool);
  await line.run(dayMs);
  await expect(documentOf(line)).toMatchFileSnapshot('../../../docs/incident.md');
}, 120_000);

function documentOf(line: Timeline): string {
  const names = new Map<string, string>();
  // Ids differ from run to run.
  const steady = (text: string) =>
    text
      .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => {
        if (!names.has(id)) names.set(id, `0000-${String(names.size + 1).padStart(4, '0')}`);
        return names.get(id)!;
      })
      .replace(/\/(act|unsubscribe|(?:records|issues)\/[\w-]+)\/[\w-]{40,}/g, '/$1/…');
  return steady(
    [
      '# The mails of one day',
      'A database refuses connections for 70 minutes, twice; `ALERT_GROUPING=on`, `ALERT_WHEN_OVER=true`, the rest as by default. Written by [incident.test.ts](../backend/src/alerting/incident.test.ts), which keeps it true; ids are shortened, and signed links are cut (they have about 80 characters).',
      `${line.mails.length} mails for several hundred records:`,
      ...line.mails.map((mail) => `- ${timeOf(line, mail)} ${mail.subject}`),
      ...line.mails.map(
        (mail) => `## ${timeOf(line, mail)}\n${fence}\n${headOf(mail)}\n\n${mail.body.trimEnd()}\n${fence}`,
      ),
    ]
      .join('\n\n')
      .replace(/(\n- .*)\n(?=\n- )/g, '$1')
      .concat('\n'),
  );
}

const fence = '````';

function timeOf(line: Timeline, mail: TimelineMail): string {
  return new Date(line.start + mail.at).toISOString().slice(11, 19);
}

function headOf({ to, subject, headers }: TimelineMail): string {
  const fields = { To: to, Subject: subject, ...headers };
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n');
}
