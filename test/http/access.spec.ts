import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { Config } from '../../src/config/config.js';
import { describeService } from '../support/describe-service.js';

const TOKEN = 'a-token-of-some-length';

describeService(
  'Access by keys',
  (service) => {
    it('asks for a credential, on routes that do not exist too', async () => {
      for (const [method, path] of [
        ['GET', '/v1/workflows/a'],
        ['PUT', '/v1/workflows/a'],
        ['HEAD', '/v1/workflows/a'],
        ['OPTIONS', '/v1/workflows/a'],
        ['GET', '/V1/WORKFLOWS/a'],
        ['GET', '/v1//workflows/a'],
        ['GET', '/v1/workflows/%2e%2e/a'],
        ['GET', '/metrics'],
        ['GET', '/openapi.json'],
        ['GET', '/health'],
      ] as const) {
        const answer = await service.call(method, path, { token: null });
        expect([method, path, answer.status]).toEqual([method, path, 401]);
        expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="waymark"');
        if (method !== 'HEAD') expect(answer.json.code).toBe('UNAUTHENTICATED');
      }
      const wrong = await service.get('/v1/workflows/a', { token: 'wrong' });
      expect([wrong.status, wrong.json.code]).toEqual([401, 'INVALID_CREDENTIAL']);
      expect(wrong.headers.get('www-authenticate')).toContain('error="invalid_token"');
    });

    it('serves probes to everybody, and the operator by either header', async () => {
      for (const path of ['/health/live', '/health/ready', '/status'])
        expect((await service.get(path, { token: null })).status).toBe(200);
      expect((await service.get('/v1/workflows/a', { token: TOKEN })).status).toBe(404);
      expect((await service.get('/v1/workflows/a', { token: null, headers: { 'x-api-key': TOKEN } })).status).toBe(404);
      expect((await service.get('/nowhere', { token: TOKEN })).status).toBe(404);
    });

    it('refuses a credential in a URL and says nothing of it', async () => {
      for (const query of [`access_token=${TOKEN}`, `api_key=${TOKEN}`, `%61pi_key=${TOKEN}`, 'x=wmk_acme_abc']) {
        const answer = await service.get(`/v1/workflows/a?${query}`, { token: TOKEN });
        expect([answer.status, answer.json.code]).toEqual([400, 'CREDENTIAL_IN_URL']);
        expect(answer.text).not.toContain(TOKEN);
      }
    });
  },
  { ADMIN_TOKEN: TOKEN, RATE_LIMIT_ENABLED: 'false' },
);

describeService('Open access', (service) => {
  it('needs no credential, and checks one that is sent', async () => {
    expect((await service.get('/v1/workflows/a')).status).toBe(404);
    const wrong = await service.get('/v1/workflows/a', { token: 'wrong' });
    expect([wrong.status, wrong.json.code]).toEqual([401, 'INVALID_CREDENTIAL']);
    expect((await service.get('/v1/whoami')).json).toMatchObject({
      tenant: 'default',
      kind: 'open',
      name: 'anonymous',
    });
  });

  it('makes nobody an operator or a maker of keys, and says what does', async () => {
    for (const [method, path] of [
      ['GET', '/v1/export'],
      ['POST', '/v1/import'],
      ['POST', '/v1/admin/attach'],
      ['GET', '/v1/keys'],
      ['POST', '/v1/keys'],
    ] as const) {
      const answer = await service.call(method, path);
      expect([path, answer.status, answer.json.code]).toEqual([path, 401, 'UNAUTHENTICATED']);
      expect(answer.json.detail).toMatch(/ADMIN_TOKEN.*operator-token/);
    }
    expect((await service.get('/v1/whoami', { headers: { 'waymark-tenant': 'default' } })).status).toBe(403);
  });

  it('has an operator by a file that only its user can read', async () => {
    const { dataDir } = service.app.get(Config);
    // Without a directory there is no file, and no operator.
    if (dataDir === undefined) return;
    const file = join(dataDir, 'operator-token');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const token = readFileSync(file, 'utf8').trim();
    expect((await service.get('/v1/whoami', { token })).json).toMatchObject({ kind: 'operator', role: 'operator' });
    const made = await service.post('/v1/keys', { name: 'first', role: 'admin' }, { token });
    expect((await service.get('/v1/keys', { token: made.json.key })).json.items).toHaveLength(1);
    const altered = token.slice(0, -7) + (token.at(-7) === 'a' ? 'b' : 'a') + token.slice(-6);
    expect((await service.get('/v1/whoami', { token: altered })).status).toBe(401);
  });
});
