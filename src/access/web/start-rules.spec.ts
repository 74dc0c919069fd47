import { describe, expect, it } from '@jest/globals';
import { readConfig } from '../../config/read-config.js';
import { accessLine, accessWarnings, placeOf, startRefusal } from './start-rules.js';

const TOKEN = 'a-token-of-some-length';
const of = (env: Record<string, string>) => readConfig(env, false);

describe('the start', () => {
  it.each([
    {},
    { HOST: 'localhost' },
    { HOST: '::1' },
    { HOST: '127.0.0.2' },
    { HOST: '0.0.0.0', ADMIN_TOKEN: TOKEN },
    { HOST: '0.0.0.0', JWT_ISSUER: 'https://id.example', JWT_AUDIENCE: 'waymark' },
    { HOST: '0.0.0.0', ACCESS: 'open' },
    // Keys can be in the store already.
    { HOST: '0.0.0.0', ACCESS: 'keys' },
  ])('is allowed with %j', (env) => {
    expect(startRefusal(of(env as unknown as Record<string, string>))).toBeUndefined();
  });

  it.each(['0.0.0.0', '::', '10.0.0.1', 'waymark.example.com', 'localhost.example.com'])(
    'is refused with HOST=%s alone, and the ways out are named',
    (HOST) => {
      const refusal = startRefusal(of({ HOST }));
      for (const way of ['ADMIN_TOKEN=', 'openssl rand -hex 32', 'JWT_ISSUER=', 'HOST=127.0.0.1', 'ACCESS=open'])
        expect(refusal).toContain(way);
      expect(refusal).toContain(HOST);
    },
  );
});

describe('what the log and /health say about access', () => {
  it('is a warning for everything that opens the service to others', () => {
    expect(accessWarnings(of({}))).toEqual([]);
    expect(accessWarnings(of({ HOST: '0.0.0.0', ADMIN_TOKEN: TOKEN, ORIGINS: '*', ALLOWED_HOSTS: '*' }))).toEqual([]);
    expect(accessWarnings(of({ HOST: '0.0.0.0', ACCESS: 'open', ORIGINS: '*', ALLOWED_HOSTS: '*' }))).toEqual([
      expect.stringContaining('everybody who reaches this address'),
      expect.stringContaining('every web page'),
      expect.stringContaining('DNS rebinding'),
    ]);
  });

  it('is a warning for keys of tokens that come without TLS', () => {
    const jwt = (JWT_ISSUER: string) => accessWarnings(of({ JWT_ISSUER, JWT_AUDIENCE: 'waymark' }));
    expect(jwt('http://id.example.com/')).toEqual([expect.stringMatching(/^http:\/\/id.example.com\/ is not https/)]);
    expect(jwt('https://id.example.com/')).toEqual([]);
    expect(jwt('http://127.0.0.1:9000')).toEqual([]);
    expect(jwt('http://[::1]:9000')).toEqual([]);
  });

  it('is one line about who is let in', () => {
    expect(accessLine(of({}))).toMatch(/^open access: programs of this user and of root on this machine/);
    expect(accessLine(of({ HOST: '0.0.0.0', ACCESS: 'open' }))).toBe('open access: no request needs a credential');
    expect(accessLine(of({ ADMIN_TOKEN: TOKEN }))).toMatch(/^access by keys/);
  });

  it('is the real address', () => {
    expect(placeOf('127.0.0.1', 3000, false)).toEqual({ url: 'http://127.0.0.1:3000', listensOn: '127.0.0.1:3000' });
    expect(placeOf('::1', 3000, false)).toEqual({ url: 'http://localhost:3000', listensOn: '[::1]:3000' });
    expect(placeOf('10.0.0.1', 80, true)).toEqual({ url: 'https://10.0.0.1:80', listensOn: '10.0.0.1:80' });
    expect(placeOf('0.0.0.0', 3000, false)).toEqual({
      url: 'http://127.0.0.1:3000',
      listensOn: '0.0.0.0:3000, all addresses of this machine',
    });
    expect(placeOf('::', 3000, false).listensOn).toBe('[::]:3000, all addresses of this machine');
  });
});
