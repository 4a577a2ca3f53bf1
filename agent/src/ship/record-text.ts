// A matched record -> the text of its frame: a line that says whose it is and where it stands, and its wire form. What all
// records of a container share is put into JSON once, which is most of it: what is left costs a tenth of a whole
// `JSON.stringify`.

import type { WireRecord } from '@log-detector/contract';
import type { Container, MatchedRecord, Stream } from '../types.ts';
import type { Count } from './tally.ts';

/** Texts kept for so many containers; then they are made anew. */
const mostKnown = 512;
/** It stands in JSON as it is. */
const isBare = /^[\w.:+-]*$/;

/** What is shared, and its texts. */
interface Known {
  host: string;
  container: string;
  image: string | undefined | null;
  labels: Container['labels'] | undefined | null;
  fields: WireRecord['fields'];
  /** `["id","name",` */
  origin: string;
  /** `"host":…,"container":…}` */
  shared: string;
}

export class RecordTexts {
  readonly #known = new Map<string, Known>();

  /** @returns `["id","name","stdout","first",0,"last",0]`, a newline, and the record as JSON */
  of({ containerId = '', stream, first, last, record, isBareMessage }: MatchedRecord): string {
    const { origin, shared } = this.#sharedBy(containerId, record);
    const firstAt = json(first.at);
    const lastAt = last.at === first.at ? firstAt : json(last.at);
    const message = isBareMessage ? `"${record.message}"` : JSON.stringify(record.message);
    return (
      `${origin}"${stream}",${firstAt},${first.ordinal},${lastAt},${last.ordinal}]\n` +
      `{"event_id":${json(record.event_id)},"message":${message}${own(record)},${shared}`
    );
  }

  #sharedBy(containerId: string, record: WireRecord): Known {
    const known = this.#known.get(containerId);
    if (
      known &&
      known.host === record.host &&
      known.container === record.container &&
      known.image === record.image &&
      known.labels === record.labels &&
      known.fields === record.fields
    )
      return known;
    const { host, container, image, labels, fields } = record;
    const made: Known = {
      host,
      container,
      image,
      labels,
      fields,
      origin: originStart(containerId, container),
      shared: JSON.stringify({ host, container, image, labels, fields }).slice(1),
    };
    if (this.#known.size >= mostKnown) this.#known.clear();
    this.#known.set(containerId, made);
    return made;
  }
}

/** What each record has of its own, besides its message. */
function own(record: WireRecord): string {
  const { severity, occurred_at, stream, coalesce_id, context_before, context_after } = record;
  let text = '';
  if (severity !== undefined) text += `,"severity":${json(severity)}`;
  if (occurred_at !== undefined) text += `,"occurred_at":${json(occurred_at)}`;
  if (stream !== undefined) text += `,"stream":${json(stream)}`;
  if (coalesce_id !== undefined) text += `,"coalesce_id":${json(coalesce_id)}`;
  if (context_before !== undefined) text += `,"context_before":${JSON.stringify(context_before)}`;
  if (context_after !== undefined) text += `,"context_after":${JSON.stringify(context_after)}`;
  return text;
}

function json(text: string | null): string {
  return text !== null && isBare.test(text) ? `"${text}"` : JSON.stringify(text);
}

const originStart = (containerId: string, container: string): string =>
  `[${JSON.stringify(containerId)},${JSON.stringify(container)},`;

const stampLength = 30;
/** From the begin of the stream's name to the first time: `"stdout","`. */
const toTime = 10;

/** Reads the first line of what `RecordTexts` writes. Neighbours are mostly of one container, whose name is read once. */
export class Origins {
  #start = '\0';
  #containerId = '';
  #container = '';

  /** @param origin without its newline. @returns what the record adds to the spool's counts */
  read(origin: string): Count {
    if (origin.startsWith(this.#start)) {
      const at = this.#start.length + toTime;
      const lastAt = lastQuote(origin) - stampLength;
      const from = origin.slice(at, at + stampLength);
      const to = origin.slice(lastAt, lastAt + stampLength);
      // Where it is not of the usual form, its parts are found by their punctuation.
      if (isBare.test(from) && isBare.test(to) && lastAt > at + stampLength)
        return { containerId: this.#containerId, container: this.#container, from, to, records: 1 };
    }
    const [containerId, container, , from, , to] = JSON.parse(origin) as [
      containerId: string,
      container: string,
      stream: Stream,
      firstAt: string,
      firstOrdinal: number,
      lastAt: string,
      lastOrdinal: number,
    ];
    this.#start = originStart(containerId, container);
    this.#containerId = containerId;
    this.#container = container;
    return { containerId, container, from, to, records: 1 };
  }
}

/** What stands behind it is a small number: not worth a search backwards, which takes longer. */
function lastQuote(text: string): number {
  let at = text.length - 1;
  while (at > 0 && text.charCodeAt(at) !== 0x22) at--;
  return at;
}
