import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestIssuer } from '../../test/support/issuer.js';
import { isJwt, JwtCallers } from './jwt-callers.js';
import { JwtVerifier } from './jwt.js';
import { maskOf, ROLES, scopesOf } from './scopes.js';

describe('callers by JSON Web Tokens', () => {
  let issuer: TestIssuer;
  let callers: JwtCallers;
  beforeAll(async () => {
    issuer = await TestIssuer.start('ES256');
    const settings = { issuer: issuer.url, audiences: ['waymark'], jwksUrl: undefined, tenantClaim: 'org_id' };
    callers = new JwtCallers(await JwtVerifier.create(settings));
  });
  afterAll(() => issuer.stop());
  const find = async (claims: object) => callers.find(await issuer.sign({ ...claims }));

  it('are users of the tenant that the token names, and its users in the history', async () => {
    expect(await find({ exp: 4_000_000_000, waymark_role: 'reader' })).toEqual({
      tenant: 'acme',
      by: 'ada',
      kind: 'user',
      user: 'ada',
      role: 'reader',
      scopes: ROLES.reader,
      expiresAtMs: 4_000_000_000_000,
    });
  });

  it.each([
    [{}, ROLES.writer],
    [{ scope: 'openid profile' }, ROLES.writer],
    [{ waymark_role: 'admin' }, ROLES.admin],
    [{ scope: 'openid tasks:work events:read' }, maskOf(['tasks:work', 'events:read'])],
    [{ scope: 'tasks:work keys:manage', waymark_role: 'worker' }, maskOf(['tasks:work'])],
    [{ scope: 'keys:manage', waymark_role: 'reader' }, 0],
    // No token makes an operator.
    [{ scope: 'operator tasks:read' }, maskOf(['tasks:read'])],
  ])('may do what %j says', async (claims, scopes) => {
    expect(scopesOf((await find(claims)).scopes)).toEqual(scopesOf(scopes));
  });

  it.each(['operator', 'root', ''])('are refused with the role "%s"', async (role) => {
    await expect(find({ waymark_role: role })).rejects.toMatchObject({
      code: 'INVALID_CREDENTIAL',
      message: 'The claim waymark_role of the token must be reader, worker, writer, admin',
    });
  });

  it('are told that their token has expired, and of nothing that could help to forge one', async () => {
    await expect(find({ exp: 1 })).rejects.toMatchObject({ code: 'CREDENTIAL_EXPIRED' });
    await expect(find({ aud: 'other' })).rejects.toMatchObject({ message: expect.stringContaining('aud') });
    await expect(callers.find('e30.e30.e30')).rejects.toMatchObject({
      code: 'INVALID_CREDENTIAL',
      message: 'The credential of this request is not valid here',
    });
  });

  it('cannot be verified while the keys are not known', async () => {
    const settings = {
      issuer: issuer.url,
      audiences: ['waymark'],
      jwksUrl: `${issuer.url}/none`,
      tenantClaim: 'org_id',
    };
    const others = new JwtCallers(await JwtVerifier.create(settings));
    const refused = await others.find(await issuer.sign()).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'ACCESS_UNKNOWN', retryAfterSeconds: 1 });
    expect((refused as Error).message).toContain(issuer.url);
  });

  it('are told from keys by their dots', () => {
    expect(['a.b.c', 'a..', '..'].every(isJwt)).toBe(true);
    expect(['wmk_acme_x', 'a.b', 'a.b.c.d', ''].some(isJwt)).toBe(false);
  });
});
