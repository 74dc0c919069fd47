import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { exportJWK, exportSPKI, SignJWT } from 'jose';
import { TestClock } from '../../test/support/clock.js';
import { TestIssuer, type SigningKey } from '../../test/support/issuer.js';
import { until } from '../../test/support/until.js';
import type { JwtConfig } from '../config/config.js';
import { IssuerUnavailableError } from './issuer-keys.js';
import { JwtRefusedError, JwtVerifier, MAX_JWT_CHARACTERS } from './jwt.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const BASE_64_URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

describe('JSON Web Tokens', () => {
  let issuer: TestIssuer;
  let clock: TestClock;
  let failures: Error[];

  beforeEach(async () => {
    issuer = await TestIssuer.start('ES256');
    clock = new TestClock();
    failures = [];
  });
  afterEach(() => issuer.stop());

  const verifier = (settings: Partial<JwtConfig> = {}) => {
    const usual = { issuer: issuer.url, audiences: ['waymark'], jwksUrl: undefined, tenantClaim: 'org_id' };
    return JwtVerifier.create({ ...usual, ...settings }, (error) => failures.push(error), clock.read);
  };
  const sign = (claims?: object, key?: SigningKey) => issuer.sign({ ...claims }, key, clock.ms);
  const seconds = (ms: number) => Math.floor(ms / 1000);

  it.each(['RS256', 'ES256', 'EdDSA'])('are taken when they are signed by %s', async (alg) => {
    const key = await issuer.addKey(alg);
    const jwt = await verifier();
    const token = await sign({ scope: 'openid tasks:work', waymark_role: 'worker' }, key);
    expect(await jwt.verify(token)).toEqual({
      tenant: 'acme',
      user: 'ada',
      role: 'worker',
      scopes: ['openid', 'tasks:work'],
      issuedAtMs: clock.ms,
      expiresAtMs: clock.ms + HOUR,
    });
    expect(failures).toEqual([]);
  });

  it('are taken for any of several audiences, with the tenant in any claim', async () => {
    const jwt = await verifier({ audiences: ['other', 'waymark'], tenantClaim: '/o/slg' });
    const claims = await jwt.verify(await sign({ aud: ['x', 'waymark'], o: { slg: 'globex' } }));
    expect(claims).toMatchObject({ tenant: 'globex', user: 'ada', role: undefined, scopes: [] });
    const namespaced = await verifier({ tenantClaim: 'https://example.com/tenant' });
    const token = await sign({ 'https://example.com/tenant': 'initech' });
    expect(await namespaced.verify(token)).toMatchObject({ tenant: 'initech' });
  });

  describe('are refused', () => {
    const refusal = async (token: string | Promise<string>): Promise<JwtRefusedError> => {
      const jwt = await verifier();
      const outcome = await jwt.verify(await token).catch((error: unknown) => error);
      expect(outcome).toBeInstanceOf(JwtRefusedError);
      return outcome as JwtRefusedError;
    };
    const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = () => ({
      iss: issuer.url,
      aud: 'waymark',
      sub: 'ada',
      org_id: 'acme',
      exp: seconds(clock.ms) + 3600,
    });

    it('without a signature: alg none', async () => {
      for (const alg of ['none', 'None', 'NONE']) {
        const header = encoded({ alg, kid: 'key-1' });
        expect(await refusal(`${header}.${encoded(claims())}.`)).toMatchObject({ reason: 'invalid', says: undefined });
      }
    });

    it('when the public key served as the secret of HS256', async () => {
      const { publicKey, kid } = issuer.keys[0] as SigningKey;
      const jwk = await exportJWK(publicKey);
      const secrets = [await exportSPKI(publicKey), JSON.stringify(jwk), Buffer.from(jwk.x ?? '', 'base64url')];
      for (const secret of secrets) {
        const signed = `${encoded({ alg: 'HS256', kid })}.${encoded(claims())}`;
        const mac = createHmac('sha256', secret).update(signed).digest('base64url');
        expect(await refusal(`${signed}.${mac}`)).toMatchObject({ reason: 'invalid', says: undefined });
      }
    });

    it.each(['ES384', 'PS256', 'RS512'])('when they are signed by %s', async (alg) => {
      const key = await issuer.addKey(alg);
      expect(await refusal(sign({}, key))).toMatchObject({ reason: 'invalid', says: undefined });
    });

    it.each(['RS256', 'ES256', 'EdDSA'])('when their signature by %s is spelled differently', async (alg) => {
      const token = await sign({}, await issuer.addKey(alg));
      const jwt = await verifier();
      await jwt.verify(token);
      const [head, signature] = [token.slice(0, token.lastIndexOf('.') + 1), token.slice(token.lastIndexOf('.') + 1)];
      const last = BASE_64_URL.indexOf(signature.at(-1) as string);
      const others = [
        // Bits of the last character that no byte of the signature has.
        ...[1, 2].map((bit) => signature.slice(0, -1) + BASE_64_URL[last ^ bit]),
        ...['=', '==', ' ', '\t', '\n', '\0', 'A', '.', '.A'].map((more) => signature + more),
        ` ${signature}`,
        `${signature.slice(0, 5)} ${signature.slice(5)}`,
        signature.slice(0, -1),
      ].map((other) => head + other);
      for (const other of [...others, ` ${token}`, `${token} `, token.replace('.', ' .'), token.replace('.', '..')])
        await expect(jwt.verify(other)).rejects.toThrow(JwtRefusedError);
    });

    it('with any changed byte of header, claims or signature, and by a key that the token brings along', async () => {
      const jwt = await verifier();
      const token = await sign();
      for (let at = 0; at < token.length; at += 3) {
        const other = token[at] === 'A' ? 'B' : 'A';
        const changed = token.slice(0, at) + other + token.slice(at + 1);
        await expect(jwt.verify(changed)).rejects.toThrow(JwtRefusedError);
      }
      const foreign = await TestIssuer.start('ES256');
      await foreign.stop();
      const { privateKey, publicKey } = foreign.keys[0] as SigningKey;
      const header = { alg: 'ES256', kid: 'key-1', jwk: await exportJWK(publicKey), jku: `${foreign.url}/keys` };
      const own = await new SignJWT(claims()).setProtectedHeader(header).sign(privateKey);
      expect(await refusal(own)).toMatchObject({ reason: 'invalid', says: undefined });
    });

    it.each([
      ['another audience', { aud: 'billing' }, 'aud'],
      ['no audience', { aud: undefined }, 'aud'],
      ['another issuer', { iss: 'https://elsewhere.example' }, 'iss'],
      ['no user', { sub: undefined }, 'sub'],
      ['an empty user', { sub: '' }, 'sub'],
      ['a user with a line break', { sub: 'a\nb' }, 'sub'],
      ['no end', { exp: undefined }, 'exp'],
      ['an end that is no number', { exp: '2200-01-01' as unknown as number }, 'exp'],
      ['no tenant', { org_id: undefined }, 'org_id'],
      ['a tenant that is no text', { org_id: ['acme'] }, 'org_id'],
      ['a role that is no text', { waymark_role: ['admin'] }, 'waymark_role'],
    ])('with %s', async (_what, changed, claim) => {
      const { reason, says } = await refusal(sign(changed));
      expect(reason).toBe('invalid');
      expect(says).toContain(` ${claim}`);
    });

    it('from 30 s after their end and more than 30 s before their beginning', async () => {
      const jwt = await verifier();
      const now = seconds(clock.ms);
      await expect(jwt.verify(await sign({ exp: now - 29 }))).resolves.toBeDefined();
      await expect(jwt.verify(await sign({ exp: now - 30 }))).rejects.toMatchObject({ reason: 'expired' });
      await expect(jwt.verify(await sign({ nbf: now + 30 }))).resolves.toBeDefined();
      const early = await refusal(sign({ nbf: now + 31 }));
      expect(early).toMatchObject({ reason: 'invalid', says: 'The claim nbf of the token is in the future' });
    });

    it('when they are longer than 8 KiB, without a look at them', async () => {
      const jwt = await verifier();
      const long = await sign({ more: 'x'.repeat(MAX_JWT_CHARACTERS) });
      await expect(jwt.verify(long)).rejects.toMatchObject({ says: 'A token has at most 8192 characters' });
      expect(issuer.requests).toEqual([]);
    });

    it.each(['', 'a', '..', 'a.b.c', 'e30.e30.e30', 'é.é.é'])('when they are no tokens: "%s"', async (text) => {
      expect(await refusal(text)).toMatchObject({ reason: 'invalid', says: undefined });
    });
  });

  describe('need keys', () => {
    it('that are found by the discovery document, or beside it, or where the setting says', async () => {
      await (await verifier()).verify(await sign());
      expect(issuer.requests).toEqual(['/.well-known/openid-configuration', '/keys']);
      issuer.answers.set('/.well-known/openid-configuration', { status: 404, body: '' });
      issuer.requests.length = 0;
      await (await verifier()).verify(await sign());
      expect(issuer.requests).toEqual(['/.well-known/openid-configuration', '/.well-known/jwks.json']);
      issuer.requests.length = 0;
      await (await verifier({ jwksUrl: `${issuer.url}/keys` })).verify(await sign());
      expect(issuer.requests).toEqual(['/keys']);
    });

    it.each([
      ['of another issuer', { issuer: 'https://elsewhere.example', jwks_uri: 'https://elsewhere.example/k' }, 'names'],
      ['without an address', { jwks_uri: undefined }, 'jwks_uri'],
      ['with an address that is none', { jwks_uri: 'file:///etc/passwd' }, 'jwks_uri'],
    ])('and refuse a discovery document %s', async (_what, changed, says) => {
      const usual: object = { issuer: issuer.url, jwks_uri: `${issuer.url}/keys` };
      const body = JSON.stringify({ ...usual, ...changed });
      issuer.answers.set('/.well-known/openid-configuration', { status: 200, body });
      await expect((await verifier()).verify(await sign())).rejects.toThrow(IssuerUnavailableError);
      expect(failures[0]?.message).toContain(says);
    });

    it.each([
      ['no JSON', 200, '<html>'],
      ['no key set', 200, '{"keys":1}'],
      ['an error', 500, '{}'],
      ['a page of 1 MB', 200, `{"keys":[],"more":"${'x'.repeat(1024 * 1024)}"}`],
    ])('and keep the last ones when the issuer answers with %s', async (_what, status, body) => {
      const jwt = await verifier();
      await jwt.verify(await sign());
      issuer.answers.set('/keys', { status, body });
      clock.advance(11 * MINUTE);
      await expect(jwt.verify(await sign())).resolves.toMatchObject({ user: 'ada' });
      expect(failures).toHaveLength(1);
    });

    it('which many first requests fetch once', async () => {
      const jwt = await verifier();
      const token = await sign();
      await Promise.all(Array.from({ length: 50 }, () => jwt.verify(token)));
      expect(issuer.requests).toHaveLength(2);
    });

    it('which are fetched again every 10 minutes, in the background before that', async () => {
      const jwt = await verifier();
      await jwt.verify(await sign());
      clock.advance(7 * MINUTE);
      await jwt.verify(await sign());
      expect(issuer.keyRequests).toBe(1);
      clock.advance(2 * MINUTE);
      await jwt.verify(await sign());
      await until(() => issuer.keyRequests === 2, 'a fetch in the background');
    });

    it('and stop taking a key 10 minutes after the issuer withdrew it', async () => {
      const jwt = await verifier();
      const old = issuer.keys[0] as SigningKey;
      await jwt.verify(await sign({}, old));
      issuer.keys.length = 0;
      await issuer.addKey('RS256', 'other');
      clock.advance(10 * MINUTE);
      await expect(jwt.verify(await sign({}, old))).rejects.toMatchObject({ reason: 'invalid' });
    });

    it('of which a new one works at once, when the last fetch was 30 s ago', async () => {
      const jwt = await verifier();
      await jwt.verify(await sign());
      const rotated = await issuer.addKey('EdDSA', 'rotated');
      await expect(jwt.verify(await sign({}, rotated))).rejects.toMatchObject({ reason: 'invalid' });
      clock.advance(30_000);
      await expect(jwt.verify(await sign({}, rotated))).resolves.toMatchObject({ user: 'ada' });
      await expect(jwt.verify(await sign({}, issuer.keys[0]))).resolves.toMatchObject({ user: 'ada' });
    });

    it('and fetch them at most once in 30 s, however many tokens name unknown keys', async () => {
      const jwt = await verifier();
      await jwt.verify(await sign());
      const stranger = await TestIssuer.start('ES256');
      await stranger.stop();
      const flood = async (count: number) => {
        const tokens = Array.from({ length: count }, (_, i) =>
          sign({}, { ...(stranger.keys[0] as SigningKey), kid: `unknown-${i}` }),
        );
        const jobs = (await Promise.all(tokens)).map((token) => jwt.verify(token).catch((error: unknown) => error));
        for (const outcome of await Promise.all(jobs)) expect(outcome).toBeInstanceOf(JwtRefusedError);
      };
      for (let i = 0; i < 12; i++) {
        await flood(50);
        clock.advance(5000);
      }
      // One at the start, and one each at 30 s and later, in a minute of 600 tokens.
      expect(issuer.keyRequests).toBe(2);
      await issuer.stop();
      for (let i = 0; i < 12; i++) {
        await flood(20);
        clock.advance(5000);
      }
      expect(failures).toHaveLength(2);
    });
  });

  describe('while the issuer is away', () => {
    it('are verified by the last keys for 24 hours, then cannot be, and can again when it is back', async () => {
      const jwt = await verifier();
      await jwt.verify(await sign());
      await issuer.stop();
      for (let hours = 0; hours < 23; hours++) {
        clock.advance(HOUR);
        await expect(jwt.verify(await sign())).resolves.toMatchObject({ user: 'ada' });
      }
      await until(() => failures.length >= 23, 'an attempt each hour');
      clock.advance(HOUR);
      await expect(jwt.verify(await sign())).rejects.toThrow(IssuerUnavailableError);
      await issuer.listen();
      clock.advance(30_000);
      await expect(jwt.verify(await sign())).resolves.toMatchObject({ user: 'ada' });
    });

    it('cannot be verified by a service that never reached it, which tries again after 2 s', async () => {
      await issuer.stop();
      const jwt = await verifier();
      const token = await sign();
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => jwt.verify(token).catch((error: unknown) => error)),
      );
      for (const outcome of outcomes) expect(outcome).toBeInstanceOf(IssuerUnavailableError);
      await expect(jwt.verify(token)).rejects.toThrow(IssuerUnavailableError);
      expect(failures).toHaveLength(1);
      await issuer.listen();
      clock.advance(2000);
      await expect(jwt.verify(token)).resolves.toMatchObject({ user: 'ada' });
    });
  });
});
