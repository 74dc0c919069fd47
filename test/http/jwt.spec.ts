import { afterAll, expect, it } from '@jest/globals';
import { describeService, WORKFLOWS } from '../support/describe-service.js';
import { TestIssuer } from '../support/issuer.js';

const ADMIN_TOKEN = 'a-token-of-some-length';
const issuer = await TestIssuer.start('EdDSA');
afterAll(() => issuer.stop());

const sign = (claims: object = {}) => issuer.sign({ org_id: 'default', ...claims });

describeService(
  'Access by JSON Web Tokens',
  (service) => {
    it('serves a user, who stands in the history', async () => {
      const token = await sign({ sub: 'ada@example.com' });
      const id = service.id();
      expect((await service.put(`${WORKFLOWS}/${id}`, { state: { n: 1 } }, { token })).status).toBe(201);
      const { json } = await service.get(`${WORKFLOWS}/${id}/versions`, { token });
      expect(json.items).toMatchObject([{ by: 'ada@example.com' }]);
    });

    it('allows what role and scopes of the token say', async () => {
      const id = service.id();
      const put = async (claims: object) =>
        (await service.put(`${WORKFLOWS}/${id}`, { state: {} }, { token: await sign(claims) })).json.code;
      expect(await put({ waymark_role: 'reader' })).toBe('INSUFFICIENT_SCOPE');
      expect(await put({ scope: 'openid tasks:read' })).toBe('INSUFFICIENT_SCOPE');
      expect(await put({ scope: 'workflows:write', waymark_role: 'worker' })).toBeUndefined();
      const token = await sign({ waymark_role: 'admin' });
      expect((await service.get('/v1/export', { token })).status).toBe(403);
    });

    it('refuses tokens for others, expired ones, and those of unknown tenants', async () => {
      const ask = async (claims: object) => service.get(`${WORKFLOWS}/a`, { token: await sign(claims) });
      for (const [claims, code] of [
        [{ aud: 'billing' }, 'INVALID_CREDENTIAL'],
        [{ iss: 'https://elsewhere.example' }, 'INVALID_CREDENTIAL'],
        [{ exp: 1 }, 'CREDENTIAL_EXPIRED'],
        [{ exp: undefined }, 'INVALID_CREDENTIAL'],
        [{ org_id: 'nobody' }, 'INVALID_CREDENTIAL'],
        [{ org_id: '.access' }, 'INVALID_CREDENTIAL'],
        [{ org_id: 'a:b' }, 'INVALID_CREDENTIAL'],
      ] as const) {
        const { status, json, headers } = await ask(claims);
        expect([claims, status, json.code]).toEqual([claims, 401, code]);
        expect(headers.get('www-authenticate')).toContain('error="invalid_token"');
      }
    });
  },
  { ADMIN_TOKEN, JWT_ISSUER: issuer.url, JWT_AUDIENCE: 'waymark' },
);
