import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { isRange } from '../../config/address-range.js';
import { TrustedProxies } from './client-address.js';
import { normalAddress, subjectOf } from './ip-address.js';

const request = (remoteAddress: string, headers: Record<string, string> = {}) =>
  ({ socket: { remoteAddress }, headers }) as unknown as IncomingMessage;
const forwardedFor = (text: string) => ({ 'x-forwarded-for': text });

describe('the address of a caller', () => {
  it('is the peer where no proxy is trusted, whatever it sends', () => {
    const none = new TrustedProxies([]);
    for (const headers of [forwardedFor('1.2.3.4'), { forwarded: 'for=1.2.3.4' }, {}]) {
      expect(none.addressOf(request('::ffff:10.0.0.9', headers))).toBe('10.0.0.9');
      expect(none.isTrustedPeer(request('10.0.0.9', headers))).toBe(false);
    }
  });

  const proxies = new TrustedProxies(['10.0.0.0/8', '192.168.7.7', 'fd00::/16']);

  it('is the peer where that is not a trusted proxy', () => {
    expect(proxies.addressOf(request('11.0.0.1', forwardedFor('1.2.3.4')))).toBe('11.0.0.1');
    expect(proxies.isTrustedPeer(request('11.0.0.1'))).toBe(false);
  });

  it.each([
    ['the last that is not a proxy', '6.6.6.6, 1.2.3.4, 10.1.1.1, 192.168.7.7', '1.2.3.4'],
    ['nothing that the caller wrote before it', '10.0.0.1, 1.2.3.4', '1.2.3.4'],
    ['one proxy only', '1.2.3.4', '1.2.3.4'],
    ['with ports', '1.2.3.4:5678, 10.1.1.1:80', '1.2.3.4'],
    ['IPv6', '[2001:DB8::0:1]:443, fd00::7', '2001:db8::1'],
    ['IPv4 in IPv6', '::ffff:1.2.3.4, ::ffff:10.0.0.3', '1.2.3.4'],
    ['all of them proxies', '10.0.0.3, 10.0.0.4', '10.0.0.3'],
    ['a proxy that does not say', '1.2.3.4, unknown, 10.0.0.4', '10.0.0.4'],
    ['rubbish', '1.2.3.4, <script>', '10.9.9.9'],
    ['an empty one', '', '10.9.9.9'],
  ])('behind proxies: %s', (_case, text, expected) => {
    expect(proxies.addressOf(request('10.9.9.9', forwardedFor(text)))).toBe(expected);
    expect(proxies.isTrustedPeer(request('::ffff:10.9.9.9'))).toBe(true);
  });

  it('is read from Forwarded too', () => {
    const of = (forwarded: string) => proxies.addressOf(request('10.9.9.9', { forwarded }));
    expect(of('for=6.6.6.6, for=1.2.3.4;proto=https;by=10.0.0.1')).toBe('1.2.3.4');
    expect(of('by=1.1.1.1;For="[2001:db8::1]:4711", for=10.0.0.3')).toBe('2001:db8::1');
    expect(of('for=_hidden')).toBe('10.9.9.9');
    expect(of('proto=https')).toBe('10.9.9.9');
  });

  it('is that of the proxy where two headers disagree, one of which the caller wrote', () => {
    const both = (list: string, forwarded: string) =>
      proxies.addressOf(request('10.9.9.9', { ...forwardedFor(list), forwarded }));
    expect(both('1.2.3.4', 'for=6.6.6.6')).toBe('10.9.9.9');
    expect(both('1.2.3.4', 'for=1.2.3.4')).toBe('1.2.3.4');
  });

  it('is found in a header of the largest size without trying all of it', () => {
    const list = `${'10.0.0.1,'.repeat(1700)}1.2.3.4,10.0.0.2`;
    expect(proxies.addressOf(request('10.9.9.9', forwardedFor(list)))).toBe('1.2.3.4');
  });
});

describe('addresses', () => {
  it('have one spelling', () => {
    expect(normalAddress('::FFFF:1.2.3.4')).toBe('1.2.3.4');
    expect(normalAddress('::ffff:102:304')).toBe('1.2.3.4');
    expect(normalAddress('2001:DB8:0:0:0:0:0:1')).toBe('2001:db8::1');
    expect(normalAddress('fe80::1%eth0')).toBe('fe80::1');
    expect(normalAddress('10.0.0.1')).toBe('10.0.0.1');
  });

  it('of IPv6 count by the /56, those of IPv4 each', () => {
    expect(subjectOf('1.2.3.4')).toBe('1.2.3.4');
    const one = ['2001:db8:1:200::1', '2001:db8:1:2ff:ffff:ffff:ffff:ffff', '2001:db8:1:234::'].map(subjectOf);
    expect(new Set(one)).toEqual(new Set(['2001:db8:1:200::/56']));
    expect(subjectOf('2001:db8:1:300::1')).toBe('2001:db8:1:300::/56');
    expect(subjectOf('::1')).toBe('0:0:0:0::/56');
  });

  it('and ranges are told from other text', () => {
    for (const range of ['1.2.3.4', '1.2.3.0/24', '::1', '2001:db8::/32', '0.0.0.0/0', '::/0'])
      expect([range, isRange(range)]).toEqual([range, true]);
    for (const text of ['1.2.3.4/33', '::1/129', 'proxy', '1.2.3', '1.2.3.4/', '1.2.3.4/a', '', '1.2.3.4/24/8'])
      expect([text, isRange(text)]).toEqual([text, false]);
  });
});
