import { describe, expect, it } from '@jest/globals';
import { InvalidCredentialError } from './access-errors.js';
import { credentialOf, holdsCredential, tokenIn } from './credential.js';
import { newKeyId, newToken, parseToken } from './token.js';

const KEY = newToken({ kind: 'key', tenant: 'acme', id: newKeyId() });
const OPERATOR = newToken({ kind: 'operator', id: newKeyId() });
const JWT = `eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZGEifQ.${'a'.repeat(86)}`;

describe('a credential', () => {
  it.each([
    [{ authorization: `Bearer ${KEY}` }],
    [{ authorization: `bearer ${KEY}` }],
    [{ authorization: `BEARER   ${KEY}` }],
    [{ authorization: `Bearer  ${KEY}` }],
    [{ 'x-api-key': KEY }],
    [{ authorization: `Bearer ${KEY}`, 'x-api-key': OPERATOR }],
  ])('is one and the same, however its header writes the scheme: %p', (headers) => {
    expect(credentialOf(headers)).toBe(`Bearer ${KEY}`);
  });

  it.each([`Basic ${KEY}`, 'Bearer', KEY, `Bearer${KEY}`, `bearer ${KEY} ${KEY}`, `Token ${KEY}`])(
    'is none of another scheme: %p',
    (authorization) => {
      expect(() => credentialOf({ authorization, 'x-api-key': KEY })).toThrow(InvalidCredentialError);
    },
  );

  it('has a token of one form only', () => {
    const others = [
      ...[' ', '\t', '\u{a0}', '\u{b}', '\u{feff}', '\0', '=', '==', '.', ',', '"', '%20'].flatMap((more) => [
        more + KEY,
        KEY + more,
      ]),
      KEY.toUpperCase(),
      KEY.toLowerCase(),
      KEY.replaceAll('_', '-'),
      KEY.replace('wmk', '%77mk'),
      encodeURIComponent(KEY).replaceAll('_', '%5f'),
      Buffer.from(KEY).toString('base64'),
      Buffer.from(KEY).toString('base64url'),
      `Bearer ${KEY}`,
      `${KEY}, ${KEY}`,
    ];
    for (const other of others) {
      for (const headers of [{ authorization: `Bearer ${other}` }, { 'x-api-key': other }]) {
        let token: string | undefined;
        try {
          token = tokenIn(credentialOf(headers) ?? '');
        } catch {
          continue;
        }
        // A header with several spaces after the scheme is read as the one form.
        if (token !== KEY) expect([other, parseToken(token)]).toEqual([other, undefined]);
        else expect(other.trim()).toBe(KEY);
        if (token === KEY) expect(headers).toEqual({ authorization: `Bearer  ${KEY}` });
      }
    }
  });
});

/** Encodes every character, as often as told. */
function encoded(text: string, times: number): string {
  return times === 0 ? text : encoded([...text].map((one) => `%${one.charCodeAt(0).toString(16)}`).join(''), times - 1);
}

describe('a URL', () => {
  it.each([KEY, OPERATOR, OPERATOR.replace('wmo_', 'wms_'), JWT])(
    'is refused with the token %p at any place',
    (token) => {
      for (const one of [token, encoded(token, 1), encoded(token, 2), token.replace('w', '%77').replace('e', '%65')]) {
        for (const url of [
          `/v1/workflows/${one}`,
          `/${one}/v1`,
          `/v1/workflows/a${one}b?limit=1`,
          `/v1/workflows/a;${one}`,
          `/v1/workflows/a;key=${one}`,
          `/v1/workflows?x=${one}`,
          `/v1/workflows?${one}`,
          `/v1/workflows?x=Bearer%20${one}`,
          `/v1/workflows?x=Bearer+${one}`,
          `/v1/workflows?limit=1&x=y${one}`,
          `/v1/workflows#${one}`,
          `/v1/workflows#x=${one}`,
          `//${one}@host/v1/workflows`,
          `http://host/v1/workflows/${one}`,
        ])
          expect([url, holdsCredential(url)]).toEqual([url, true]);
      }
    },
  );

  it.each([
    '/a?access_token=x',
    '/a?b=c&api_key=x',
    '/a?api-key=x',
    '/a?APIKEY=x',
    '/a?X-API-Key=x',
    '/a?token=',
    '/a#access_token=x',
    '/a;token=x',
    '/a%3Ftoken=x',
    '/a?%74oken=x',
    '/a?%2574oken=x',
    '/a?x=wmk_acme_abc',
    '/a?x=WMS_abc',
  ])('is refused with a parameter that names or begins a credential: %p', (url) => {
    expect(holdsCredential(url)).toBe(true);
  });

  it.each([
    '/',
    '/v1/workflows/wmk_report',
    '/v1/workflows/wmk_acme_abcdefghijklmnop_short',
    `/v1/workflows/${'wmk_'.repeat(60)}`,
    `/v1/workflows/${'a.'.repeat(60)}`,
    '/v1/workflows?cursor=eyJhIjoxfQ.abc&limit=2',
    '/v1/workflows?tokens=2&author=ada',
    '/v1/workflows/50%25',
    '/v1/workflows/%ff%zz',
    '/v1/workflows/eyes.eyes.eyes',
    `/v1/workflows?idPrefix=${'x'.repeat(300)}`,
  ])('is served otherwise: %p', (url) => {
    expect(holdsCredential(url)).toBe(false);
  });

  it('is looked through in a time that its length bounds', () => {
    const before = process.cpuUsage();
    for (const piece of ['wmk_', 'wmk_a_', '%25', 'eyJ', 'ey.', 'wmk_abcdefghijklmnop_', 'eyJaaaaaaaaaa.'])
      holdsCredential(`/${piece.repeat(16_384 / piece.length)}`);
    expect(process.cpuUsage(before).user).toBeLessThan(1_000_000);
  });
});
