import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callHttp } from './http-edge.ts';
import { isPrivateAddress } from './private-address.ts';
import { type HttpTestServer, startHttpServer } from './test-help.ts';

describe('isPrivateAddress', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '255.255.255.255',
    '224.0.0.1',
    '::1',
    '::',
    '::ffff:10.0.0.1',
    '::ffff:7f00:1',
    'fe80::1%eth0',
    'fd00::1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
    'ff02::1',
    'localhost',
    '',
  ])('says yes to %s', (address) => expect(isPrivateAddress(address)).toBe(true));

  it.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:8.8.8.8'])(
    'says no to %s',
    (address) => expect(isPrivateAddress(address)).toBe(false),
  );
});

describe('callHttp', () => {
  let server: HttpTestServer;
  beforeAll(async () => {
    server = await startHttpServer();
  });
  afterAll(() => server.close());
  const call = (host: string, addresses: string[][]) => {
    let asked = 0;
    const answer = callHttp({
      url: new URL(server.url.replace('127.0.0.1', host)),
      body: '{}',
      allowPrivate: false,
      signal: AbortSignal.timeout(2000),
      resolve: async () =>
        addresses[Math.min(asked++, addresses.length - 1)]!.map((address) => ({ address, family: 4 })),
    });
    return { answer, asked: () => asked };
  };

  it('connects to nothing when every address of the name is private', async () => {
    await expect(call('inside.example.com', [['127.0.0.1', '10.0.0.1']]).answer).rejects.toThrow(
      'inside.example.com is at the private address 127.0.0.1; set allow_private: true',
    );
    expect(server.received).toEqual([]);
  });

  it('connects to the address that was checked, although the name has another one by then', async () => {
    // 198.51.100.1 and the like are set aside; a public one that does not answer from here stands for the first answer.
    const { answer, asked } = call('rebinding.example.com', [['192.0.3.1'], ['127.0.0.1']]);
    await expect(answer).rejects.toThrow();
    expect(asked()).toBe(1);
    expect(server.received).toEqual([]);
  });

  it.each(['127.0.0.1', '[::1]', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]'])(
    'refuses a private address written as %s',
    async (host) => {
      await expect(
        callHttp({
          url: new URL(server.url.replace('127.0.0.1', host)),
          allowPrivate: false,
          signal: AbortSignal.timeout(60_000),
        }),
      ).rejects.toThrow('private address');
    },
  );

  it('sends user and password of the address as basic authentication', async () => {
    await callHttp({
      url: new URL(server.url.replace('//', '//robot:p%40ss@')),
      body: '{}',
      allowPrivate: true,
      signal: AbortSignal.timeout(60_000),
    });
    expect(server.received.at(-1)!.headers.authorization).toBe(`Basic ${btoa('robot:p@ss')}`);
  });
});
