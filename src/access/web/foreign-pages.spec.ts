import { describe, expect, it } from '@jest/globals';
import { AllowedOrigins } from './allowed-origins.js';
import { isFromForeignPage } from './foreign-pages.js';

interface Given {
  readonly origin?: string;
  readonly site?: string;
  readonly method?: string;
  readonly host?: string;
  readonly isSecure?: boolean;
  readonly anyPort?: boolean;
  readonly origins?: readonly string[];
  readonly more?: Readonly<Record<string, string>>;
}

function isForeign({ origin, site, method = 'POST', host = 'localhost:3000', origins = [], more, ...given }: Given) {
  const headers = { ...(origin && { origin }), ...(site && { 'sec-fetch-site': site }), ...more };
  const asked = { method, headers, host, isSecure: given.isSecure ?? false, anyPort: given.anyPort ?? false };
  return isFromForeignPage(asked, new AllowedOrigins(origins));
}

describe('a page of another origin', () => {
  it.each([
    'http://evil.example',
    'http://localhost:8080',
    'http://localhost',
    'http://127.0.0.1:3000',
    'http://localhost.evil.example:3000',
    'http://evil.example:3000',
    'http://localhost:3000@evil.example',
    'http://localhost:3000.evil.example',
    'http://localhost:3000/',
    'file://localhost:3000',
    'null',
    '',
    'localhost:3000',
  ])('is %j', (origin) => {
    expect(isForeign({ more: { origin } })).toBe(true);
    expect(isForeign({ more: { origin }, method: 'GET' })).toBe(true);
    expect(isForeign({ more: { origin }, site: 'same-origin' })).toBe(true);
  });

  it('is one that the browser says is another, whatever its origin', () => {
    for (const site of ['cross-site', 'same-site', 'something-new']) {
      expect(isForeign({ site })).toBe(true);
      expect(isForeign({ site, method: 'GET' })).toBe(true);
      expect(isForeign({ site, origin: 'http://localhost:3000' })).toBe(true);
    }
  });

  it('may be followed from by a link, which only reads', () => {
    const link = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    expect(isForeign({ site: 'cross-site', method: 'GET', more: link })).toBe(false);
    expect(isForeign({ site: 'cross-site', method: 'POST', more: link })).toBe(true);
    expect(isForeign({ site: 'cross-site', method: 'GET', more: { ...link, 'sec-fetch-dest': 'iframe' } })).toBe(true);
    expect(isForeign({ site: 'cross-site', method: 'GET', more: { 'sec-fetch-mode': 'no-cors' } })).toBe(true);
  });
});

describe('no foreign page', () => {
  it('is a program, which sends neither header', () => {
    expect(isForeign({})).toBe(false);
  });

  it('is a page of the service, also behind a proxy that ends TLS or uses the usual port', () => {
    expect(isForeign({ origin: 'http://localhost:3000', site: 'same-origin' })).toBe(false);
    expect(isForeign({ origin: 'https://api.example.com', host: 'api.example.com' })).toBe(false);
    expect(isForeign({ origin: 'https://api.example.com', host: 'API.example.com:443' })).toBe(false);
    expect(isForeign({ origin: 'http://[::1]:3000', host: '[::1]:3000' })).toBe(false);
    expect(isForeign({ origin: 'https://api.example.com:80', host: 'api.example.com' })).toBe(true);
  });

  it('is a page over TLS where the service has TLS of its own; one without is foreign', () => {
    expect(isForeign({ origin: 'https://localhost:3000', isSecure: true })).toBe(false);
    expect(isForeign({ origin: 'http://localhost:3000', isSecure: true })).toBe(true);
  });

  it('is a user who types an address', () => {
    expect(isForeign({ site: 'none', method: 'GET' })).toBe(false);
  });

  it('is a page of an allowed origin', () => {
    const origins = ['https://app.example.com:443', 'http://localhost:5173'];
    expect(isForeign({ origin: 'https://app.example.com', site: 'cross-site', origins })).toBe(false);
    expect(isForeign({ origin: 'http://localhost:5173', site: 'same-site', origins })).toBe(false);
    expect(isForeign({ origin: 'http://app.example.com', origins })).toBe(true);
    expect(isForeign({ origin: 'null', origins })).toBe(true);
    expect(isForeign({ origin: 'null', origins: ['null'] })).toBe(false);
    expect(isForeign({ origin: 'http://evil.example', site: 'cross-site', origins: ['*'] })).toBe(false);
    expect(isForeign({ site: 'cross-site', method: 'GET', origins: ['*'] })).toBe(false);
  });

  it('is a page on any port of the same host, where that is asked for', () => {
    const host = 'localhost:3001';
    expect(isForeign({ origin: 'http://localhost:3000', site: 'same-site', host, anyPort: true })).toBe(false);
    expect(isForeign({ origin: 'http://127.0.0.1:3000', site: 'cross-site', host, anyPort: true })).toBe(false);
    expect(isForeign({ origin: 'https://app.example:9', host: 'app.example:3001', anyPort: true })).toBe(false);
    for (const origin of ['http://evil.example', 'null', 'http://localhost.evil.example'])
      expect(isForeign({ origin, host, anyPort: true })).toBe(true);
  });
});
