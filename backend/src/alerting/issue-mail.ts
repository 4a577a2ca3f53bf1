// One alert of one issue -> its mail. The subject starts with the state and is the same for all mails of the issue
// otherwise; Gmail leaves text in square brackets out when it compares subjects, so that they stay one conversation.

import type { ImageBefore } from './image-before.ts';
import type { ActionLink, ReadingLinks } from './links/links.ts';
import { type AlertContent, type Mail, maxSubjectChars, shorten, shownMessage } from './mail.ts';
import {
  actions,
  anchor,
  badge,
  factTable,
  foot,
  heading,
  log,
  page,
  paragraph,
  quiet,
} from './mail-html.ts';
import {
  counted,
  duration,
  fewOf,
  footText,
  readableTime,
  stateWord,
  stopHint,
  type Unsubscribe,
  whyOf,
} from './states.ts';
import { bodySafe, cutMiddle, headerSafe } from './text.ts';

/** An issue as it stands when the mail is written. Times as ISO 8601. */
export interface MailedIssue {
  id: string;
  service: string;
  title: string;
  severity: string;
  count: number;
  firstSeen: string;
  lastSeen: string;
  /** The first ones seen. */
  hosts: readonly string[];
  containers: readonly string[];
}

export interface IssueAlert {
  reason: string;
  /** Records held back since the mail before. */
  held: number;
  /** Of these, while it was muted. */
  heldMuted?: number;
  /** In words: which mute ended with it; or, of what is known to be in order again, how it is now. */
  note?: string | null;
  /** What can be done about it. */
  actions?: readonly ActionLink[];
  /** Where this recipient is taken off. */
  unsubscribe?: Unsubscribe;
  /** The subject without the state. */
  subject: string;
  issue: MailedIssue;
  /** The record that the alert tells of, or several that share a coalesce_id. */
  content: AlertContent & {
    contextBefore?: readonly string[];
    contextAfter?: readonly string[];
    life?: ContainerLife;
  };
  /** Of an alert that says it is over: from when to when it lasted, and how many records that made; null: they measure nothing. */
  episode?: { beganAt: string; endedAt: string; records: number | null };
}

/** What is known of the container at the time of the record. Absent where the agent did not say it. */
export interface ContainerLife {
  image?: string | null;
  imageId?: string | null;
  /** Ms that it had been running for. */
  upMs?: number | null;
  restarts?: number | null;
  /** `starting` or `stopping`. */
  phase?: string | null;
  /** The image that the container had before, lately. */
  before?: ImageBefore | undefined;
}

/** Longest context shown on each side, in lines and in characters of a line. */
const maxContextLines = 20;
const maxContextChars = 500;
/** More than about two screens of a phone: what can be done, and the links, stand above. */
const longChars = 2500;
/** Title of an issue whose records say nothing. */
const noText = '(no text)';

/** `api on web-3: ConnectionRefused <host>:<port>`, short enough to carry a state in front. */
export function issueSubject(issue: Pick<MailedIssue, 'service' | 'hosts' | 'title'>): string {
  const [service, host, title] = [issue.service, issue.hosts[0] ?? '', issue.title].map(headerSafe);
  const place = `${shorten(service!, 60)} on ${shorten(host!, 60)}`;
  return `${place}: ${shorten(title!.trim() || noText, maxSubjectChars - 20 - place.length)}`;
}

/** Writes the mail. */
export function renderIssueMail(alert: IssueAlert, reading: ReadingLinks): Mail {
  const { issue, content } = alert;
  const state = stateWord(alert.reason);
  const title = headerSafe(issue.title).trim() || noText;
  const why = whyOf(alert.reason, alert.held, alert.heldMuted, alert.note);
  const links: [string, string][] = [
    ['Record', reading.record(content.recordId)],
    ['All records', reading.issue(issue.id)],
  ];
  const facts = factsOf(alert);
  const message = shownMessage(content.message, links[0]![1]);
  const before = contextOf(content.contextBefore, 'before');
  const after = contextOf(content.contextAfter, 'after');
  const isLong = message.length > longChars;
  const subject = `[${state}] ${alert.subject}`;
  const lines = [...facts, ...links].map(([name, value]) => `${name}: ${value}`).join('\n');
  const text = [
    `${state}: ${title}`,
    why,
    ...(isLong ? [lines, message] : [message, lines]),
    before && `Before:\n${before}`,
    after && `After:\n${after}`,
    (alert.actions ?? []).map(({ label, url }) => `${label}:\n${url}`).join('\n'),
    footText(alert.unsubscribe),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
  const toOpen = `<p style="margin:12px 0">${links
    .map(([name, url]) => anchor(url, name === 'Record' ? 'Open the record' : 'All records of this issue'))
    .join(' &middot; ')}</p>`;
  const doing = [actions(alert.actions ?? []), toOpen];
  const html = page(subject, [
    `<p style="margin:0 0 8px">${badge(state)}</p>`,
    heading(title),
    paragraph(why),
    ...(isLong ? [...doing, log(message)] : [log(message), ...doing]),
    factTable(facts),
    ...(before ? [quiet('Lines before'), log(before)] : []),
    ...(after ? [quiet('Lines after'), log(after)] : []),
    foot(alert.unsubscribe, stopHint),
  ]);
  return { subject, text: `${text}\n`, html };
}

/** What differs from what another row says already. */
function factsOf({ issue, content, episode }: IssueAlert): [string, string][] {
  return [
    ...(issue.service === content.container ? [] : [row('Service', headerSafe(issue.service))]),
    row('Host', headerSafe(content.host)),
    row('Container', headerSafe(content.container)),
    ...lifeOf(content.life),
    row('Severity', headerSafe(content.severity)),
    ...timesOf(issue, content),
    ...(episode ? [row('Lasted', lastedInWords(episode))] : []),
    ...(issue.count > 1 ? [row('Records', `${issue.count.toLocaleString('en-US')} in all`)] : []),
    ...placesOf('Hosts', issue.hosts, content.host),
    ...placesOf('Containers', issue.containers, content.container),
  ];
}

function lastedInWords({ beganAt, endedAt, records }: NonNullable<IssueAlert['episode']>): string {
  const lasted = duration(Date.parse(endedAt) - Date.parse(beganAt));
  return records === null ? lasted : `${lasted}, ${counted(records, 'record', 'records')}`;
}

function row(name: string, value: string): [string, string] {
  return [name, value];
}

/** Each second once. */
function timesOf(issue: MailedIssue, { occurredAt, receivedAt }: AlertContent): [string, string][] {
  const times: [string, string][] = [];
  const add = (name: string, at: string | null) => {
    const value = at === null ? '' : readableTime(at);
    if (value !== '' && !times.some(([, known]) => known === value)) times.push([name, value]);
  };
  add('Occurred at', occurredAt);
  add('Received at', receivedAt);
  add('First seen', issue.firstSeen);
  add('Last seen', issue.lastSeen);
  return times;
}

function imageInWords(image: string | null, imageId: string | null): string {
  const id = imageId?.replace(/^sha256:/, '').slice(0, 12);
  return headerSafe([image, id && (image ? `(${id})` : id)].filter(Boolean).join(' '));
}

/** Where else it was seen; nothing, when that is where this record comes from alone. */
function placesOf(name: string, places: readonly string[], own: string): [string, string][] {
  return places.every((place) => place === own) ? [] : [[name, headerSafe(fewOf(places))]];
}

function lifeOf(life: ContainerLife | undefined): [string, string][] {
  if (!life) return [];
  const { image = null, imageId = null, upMs, restarts, phase, before } = life;
  const rows: [string, string][] = [];
  if (image || imageId) rows.push(['Image', imageInWords(image, imageId)]);
  if (before)
    rows.push([
      'Image before',
      `${imageInWords(before.image, before.imageId)} until ${readableTime(before.lastAt)}`,
    ]);
  const ran = typeof upMs === 'number' && upMs >= 0 ? `for ${duration(upMs)}` : '';
  const again =
    typeof restarts === 'number' && restarts > 0
      ? `restarted ${restarts === 1 ? 'once' : `${restarts} times`}`
      : '';
  const running = [ran, again, phase ? headerSafe(phase) : ''].filter((part) => part !== '').join(', ');
  if (running !== '') rows.push(['Running', running]);
  return rows;
}

/** The lines next to the match. */
function contextOf(lines: readonly string[] | undefined, side: 'before' | 'after'): string {
  if (!lines || lines.length === 0) return '';
  const near = side === 'before' ? lines.slice(-maxContextLines) : lines.slice(0, maxContextLines);
  return bodySafe(
    near.map((line) => cutMiddle(line, maxContextChars, (n) => `[... ${n} characters ...]`)).join('\n'),
  );
}
