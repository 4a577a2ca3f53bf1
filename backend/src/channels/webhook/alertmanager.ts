// A message -> the JSON that Prometheus Alertmanager posts to a webhook (version 4), for receivers made for that.

import type { OutgoingMessage } from '../channel.ts';
import { clip, clipMiddle } from '../clip.ts';
import { present } from '../present.ts';

const never = '0001-01-01T00:00:00Z';

interface Alert {
  status: 'firing' | 'resolved';
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
  endsAt: string;
  generatorURL: string;
  fingerprint: string;
}

/** @param receiver the channel's name. @param now ISO 8601. */
export function alertmanagerPayload(message: OutgoingMessage, receiver: string, now: string): object {
  const { facts, subject } = message;
  const { body } = present(message);
  const alert = (about: {
    id: string;
    state: string;
    labels: Record<string, string>;
    summary: string;
    description: string;
    at: string;
    url: string;
  }): Alert => ({
    status: isPast(about.state) ? 'resolved' : 'firing',
    labels: { alertname: 'LogDetector', ...filledOnly(about.labels) },
    annotations: filledOnly({
      summary: clip(about.summary, 1000),
      description: clipMiddle(about.description, 16_000),
      state: about.state,
    }),
    startsAt: about.at,
    endsAt: isPast(about.state) ? now : never,
    generatorURL: about.url,
    fingerprint: about.id.replaceAll('-', '').slice(-16),
  });
  const at = facts?.occurredAt ?? facts?.receivedAt ?? now;
  const alerts: Alert[] =
    facts && facts.items.length > 0
      ? facts.items.map((item) =>
          alert({
            id: item.issueId,
            state: item.state,
            labels: {
              service: item.service,
              host: item.host,
              severity: item.severity,
              issue_id: item.issueId,
            },
            summary: item.title,
            description: '',
            at,
            url: item.url,
          }),
        )
      : [
          alert({
            id: facts?.issueId ?? message.id,
            state: facts?.state ?? '',
            labels: {
              service: facts?.service ?? '',
              host: facts?.host ?? '',
              container: facts?.container ?? '',
              severity: facts?.severity ?? '',
              issue_id: facts?.issueId ?? '',
            },
            summary: facts?.title || subject,
            description: body,
            at,
            url: facts?.url ?? '',
          }),
        ];
  return {
    version: '4',
    groupKey: `{}:{thread="${facts?.threadId ?? facts?.ended[0] ?? message.id}"}`,
    truncatedAlerts: 0,
    status: alerts.every(({ status }) => status === 'resolved') ? 'resolved' : 'firing',
    receiver,
    groupLabels: { alertname: 'LogDetector' },
    commonLabels: sharedBy(alerts.map(({ labels }) => labels)),
    commonAnnotations: sharedBy(alerts.map(({ annotations }) => annotations)),
    externalURL: facts?.url ? new URL(facts.url).origin : '',
    alerts,
  };
}

/** Nothing fires: it is over, or did not stay. */
function isPast(state: string): boolean {
  return state === 'over' || state === 'starting-or-stopping';
}

function filledOnly(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''));
}

/** What all of them say alike. */
function sharedBy(all: readonly Record<string, string>[]): Record<string, string> {
  const [first = {}, ...others] = all;
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) => others.every((each) => each[name] === value)),
  );
}
