import { describe, expect, it } from '@jest/globals';
import { AllowedHosts } from './allowed-hosts.js';

const LOCAL = [
  'localhost',
  'localhost:3000',
  'LocalHost:3000',
  'localhost.',
  '127.0.0.1:3000',
  '127.0.0.2',
  '[::1]:3000',
];
const NAMES = ['app.localhost:3000'];
const FOREIGN = [
  'evil.example',
  'evil.example:3000',
  'localhost.evil.example',
  '127.0.0.1.evil.example',
  'evillocalhost',
];
const MALFORMED = [
  '',
  ':3000',
  'localhost,evil.example',
  'user@localhost',
  'localhost/',
  '[127.0.0.1]',
  '[::1',
  'a b',
  'localhost:x',
];

const accepted = (hosts: AllowedHosts, texts: readonly string[]) => texts.filter((text) => hosts.accepts(text));

describe('hosts of a service on loopback', () => {
  const hosts = new AllowedHosts({ listed: [], isLoopback: true, isOpen: true });

  it('are the names of loopback, with any port', () => {
    expect(accepted(hosts, [...LOCAL, ...NAMES])).toEqual([...LOCAL, ...NAMES]);
    expect(accepted(hosts, [...FOREIGN, ...MALFORMED, '10.0.0.1', '[2001:db8::1]', 'api', '*'])).toEqual([]);
    expect(hosts.acceptsNone).toBe(false);
  });

  it('do not change with the credentials that it asks for', () => {
    const keys = new AllowedHosts({ listed: [], isLoopback: true, isOpen: false });
    expect(accepted(keys, [...LOCAL, ...FOREIGN])).toEqual(LOCAL);
  });

  it('are also the listed ones, and names below a listed domain', () => {
    const more = new AllowedHosts({ listed: ['API.example.com', '*.dev.example'], isLoopback: true, isOpen: true });
    const listed = ['api.example.com', 'api.example.com:8443', 'a.dev.example', 'a.b.dev.example'];
    expect(accepted(more, [...LOCAL, ...listed])).toEqual([...LOCAL, ...listed]);
    expect(accepted(more, ['example.com', 'dev.example', 'xdev.example', 'x.api.example.com'])).toEqual([]);
  });
});

describe('hosts of a service on other addresses', () => {
  const ADDRESSES = ['10.0.0.1:3000', '[2001:db8::1]:3000'];

  it('are all where a credential is needed', () => {
    const hosts = new AllowedHosts({ listed: [], isLoopback: false, isOpen: false });
    expect(accepted(hosts, [...LOCAL, ...FOREIGN, ...ADDRESSES])).toEqual([...LOCAL, ...FOREIGN, ...ADDRESSES]);
    expect(accepted(hosts, MALFORMED)).toEqual([]);
    expect(hosts.acceptsNone).toBe(true);
  });

  it('are those that no page can borrow where it is open: addresses and names without a dot', () => {
    const hosts = new AllowedHosts({ listed: [], isLoopback: false, isOpen: true });
    expect(accepted(hosts, [...LOCAL, ...ADDRESSES, 'api:3000'])).toEqual([...LOCAL, ...ADDRESSES, 'api:3000']);
    expect(accepted(hosts, ['evil.example', 'evil.example.:3000'])).toEqual([]);
  });

  it.each([true, false])('are the listed names, addresses and loopback, open: %s', (isOpen) => {
    const hosts = new AllowedHosts({ listed: ['api.example.com'], isLoopback: false, isOpen });
    const known = ['api.example.com:3000', ...LOCAL, ...ADDRESSES];
    expect(accepted(hosts, known)).toEqual(known);
    expect(accepted(hosts, [...FOREIGN, 'api'])).toEqual([]);
    expect(hosts.acceptsNone).toBe(false);
  });

  it('are all with a star', () => {
    const hosts = new AllowedHosts({ listed: ['*'], isLoopback: true, isOpen: true });
    expect(accepted(hosts, FOREIGN)).toEqual(FOREIGN);
  });
});
