import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { LocalCallers } from './local-callers.js';
import type { SocketOwners } from './socket-owners.js';

const OWN = 1000;

function request(given: { headers?: Record<string, string>; peer?: string; minor?: number; socket?: object } = {}) {
  const { headers = {}, peer = '127.0.0.1', minor = 1, socket = { remoteAddress: peer } } = given;
  return { socket, headers, httpVersionMajor: 1, httpVersionMinor: minor } as unknown as IncomingMessage;
}

function callers(owner: number | undefined | Error) {
  let asked = 0;
  const ownerOf = async () => {
    asked++;
    if (owner instanceof Error) throw owner;
    return owner;
  };
  const local = new LocalCallers({ ownerOf } as unknown as SocketOwners, OWN);
  return { local, asked: () => asked };
}

describe('an open service on loopback', () => {
  it('trusts programs of its own user and of root', async () => {
    for (const owner of [OWN, 0]) {
      for (const peer of ['127.0.0.1', '::1', '::ffff:127.0.0.1'])
        expect(await callers(owner).local.refusalOf(request({ peer }))).toBeUndefined();
    }
  });

  it('asks for the user of a connection once, and shares the question', async () => {
    const { local, asked } = callers(OWN);
    const socket = { remoteAddress: '127.0.0.1' };
    const both = [local.refusalOf(request({ socket })), local.refusalOf(request({ socket }))];
    expect(await Promise.all(both)).toEqual([undefined, undefined]);
    // Without a promise from then on.
    expect(local.refusalOf(request({ socket }))).toBeUndefined();
    expect(asked()).toBe(1);
    await local.refusalOf(request());
    expect(asked()).toBe(2);
  });

  it.each([33, undefined, new Error('unreadable')])(
    'does not trust the user of a proxy, or nobody: %s',
    async (owner) => {
      const { local } = callers(owner);
      const socket = { remoteAddress: '127.0.0.1' };
      expect(await local.refusalOf(request({ socket }))).toContain('belongs to another user');
      expect(local.refusalOf(request({ socket }))).toContain('belongs to another user');
    },
  );

  it.each([
    'Forwarded',
    'Via',
    'X-Forwarded-For',
    'X-Forwarded-Host',
    'X-Forwarded-Port',
    'X-Forwarded-Proto',
    'X-Forwarded-Server',
    'X-Forwarded',
    'X-Real-IP',
    'X-Client-IP',
    'X-Cluster-Client-IP',
    'X-Envoy-External-Address',
    'X-Original-Forwarded-For',
    'True-Client-IP',
    'CF-Connecting-IP',
    'CF-Ray',
    'Fastly-Client-IP',
    'Fly-Client-IP',
    'X-Azure-ClientIP',
  ])('does not trust a proxy that says %s', (name) => {
    const { local, asked } = callers(OWN);
    expect(local.refusalOf(request({ headers: { [name.toLowerCase()]: '10.0.0.1' } }))).toContain(name.toLowerCase());
    expect(asked()).toBe(0);
  });

  it('takes no other header for a proxy', async () => {
    const names = ['host', 'user-agent', 'authorization', 'x-request-id', 'traceparent', 'x-waymark-note', 'cookie'];
    const headers = Object.fromEntries(names.map((name) => [name, 'a']));
    expect(await callers(OWN).local.refusalOf(request({ headers }))).toBeUndefined();
  });

  it('does not trust HTTP/1.0, which proxies speak, nor other machines', () => {
    expect(callers(OWN).local.refusalOf(request({ minor: 0 }))).toContain('HTTP/1.0');
    expect(callers(OWN).local.refusalOf(request({ peer: '10.0.0.1' }))).toContain('elsewhere');
  });

  it('goes by the headers alone where the machine tells no owners', () => {
    const local = new LocalCallers(undefined);
    expect(local.refusalOf(request())).toBeUndefined();
    expect(local.refusalOf(request({ headers: { via: '1.1 proxy' } }))).toContain('via');
  });
});
