import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fastDirectory } from '../support/fast-directory.js';
import { openService, type OpenService } from '../support/open-service.js';

describe('A restart of a service with a directory', () => {
  let directory: string;
  let service: OpenService;
  const start = async (env: Record<string, string> = {}) => {
    service = await openService({ DATA_DIR: directory, RATE_LIMIT_ENABLED: 'false', ...env });
  };
  beforeEach(async () => {
    directory = await fastDirectory('waymark-restart-');
    await start();
  });
  afterEach(async () => {
    await service.close();
    await rm(directory, { recursive: true, force: true });
  });

  const operator = () => readFileSync(join(directory, 'operator-token'), 'utf8').trim();
  const call = (token: string, method: string, path: string, body?: unknown) =>
    service.call(method, path, body, { authorization: `Bearer ${token}` });

  it('keeps keys, tenants and when they were last used, and makes another operator token', async () => {
    const first = operator();
    expect((await call(first, 'PUT', '/v1/tenants/acme', {})).status).toBe(201);
    const headers = { authorization: `Bearer ${first}`, 'waymark-tenant': 'acme' };
    const { json: made } = await service.call('POST', '/v1/keys', { name: 'admin', role: 'admin' }, headers);
    expect((await call(made.key, 'GET', '/v1/whoami')).json.tenant).toBe('acme');
    await service.close();
    await start();

    expect((await call(first, 'GET', '/v1/whoami')).status).toBe(401);
    expect((await call(operator(), 'GET', '/v1/tenants/acme')).status).toBe(200);
    const { json: listed } = await call(made.key, 'GET', '/v1/keys');
    expect(listed.items).toMatchObject([{ id: made.id, lastUsedAt: expect.any(String) }]);
  });

  it('with ADMIN_TOKEN leaves no other operator', async () => {
    const first = operator();
    await service.close();
    await start({ ADMIN_TOKEN: 'a-token-of-some-length' });
    expect((await call(first, 'GET', '/v1/whoami')).status).toBe(401);
    expect((await call('a-token-of-some-length', 'GET', '/v1/whoami')).json.kind).toBe('operator');
    expect((await service.call('GET', '/v1/whoami')).status).toBe(401);
  });
});
