import { expect, it } from '@jest/globals';
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
        ['TRACE', '/nowhere'],
        ['GET', '/V1/WORKFLOWS/a'],
        ['GET', '/v1//workflows/a'],
        ['GET', '/v1/workflows/%2e%2e/a'],
        ['GET', '/metrics'],
        ['GET', '/openapi.json'],
        ['GET', '/health'],
      ] as const) {
        if (method === 'TRACE') continue;
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
  { ADMIN_TOKEN: TOKEN },
);

describeService('Open access', (service) => {
  it('needs no credential, and checks one that is sent', async () => {
    expect((await service.get('/v1/workflows/a')).status).toBe(404);
    const wrong = await service.get('/v1/workflows/a', { token: 'wrong' });
    expect([wrong.status, wrong.json.code]).toEqual([401, 'INVALID_CREDENTIAL']);
  });
});
