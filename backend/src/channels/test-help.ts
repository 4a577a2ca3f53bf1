// Words for tests of channels: a real HTTP server that answers as told, and messages with everything filled in.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import type { MessageFacts, OutgoingMessage } from './channel.ts';

export interface Received {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

export interface HttpTestServer {
  url: string;
  received: Received[];
  /** Answers every request from now on. */
  answer(how: (response: ServerResponse, request: Received) => void): void;
  close(): Promise<void>;
}

export async function startHttpServer(): Promise<HttpTestServer> {
  const received: Received[] = [];
  let how: (response: ServerResponse, request: Received) => void = (response) => response.end('ok');
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const each = {
        method: request.method!,
        path: request.url!,
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      };
      received.push(each);
      how(response, each);
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    answer(next) {
      how = next;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export function someFacts(parts: Partial<MessageFacts> = {}): MessageFacts {
  return {
    state: 'new',
    issueId: '019aabcd-0000-7000-9000-000000000001',
    recordId: '019aabcd-0000-7000-8000-000000000002',
    service: 'api',
    host: 'web-1',
    container: 'api-1',
    severity: 'error',
    title: 'ConnectionRefused <host>:<port>',
    message: 'ERROR ConnectionRefused db-1:5432\n  at connect (net.ts:1)',
    count: 3,
    held: 2,
    occurredAt: '2026-11-22T10:00:00.123456Z',
    receivedAt: '2026-11-22T10:00:01.000000Z',
    url: 'https://logs.example.com/api/logs/019aabcd-0000-7000-8000-000000000002',
    links: [{ label: 'All records of this issue', url: 'https://logs.example.com/api/logs?issue_id=1' }],
    threadId: '019aabcd-0000-7000-a000-000000000003',
    ended: [],
    items: [],
    ...parts,
  };
}

export function aMessage(
  parts: Partial<OutgoingMessage> = {},
  facts: Partial<MessageFacts> = {},
): OutgoingMessage {
  return {
    id: '019aabcd-0000-7000-8000-000000000009',
    messageId: '<019aabcd-0000-7000-8000-000000000009@example.com>',
    to: 'ops',
    subject: '[NEW] api on web-1: ConnectionRefused <host>:<port>',
    text: 'NEW: ConnectionRefused\n',
    html: null,
    facts: someFacts(facts),
    ...parts,
  };
}
