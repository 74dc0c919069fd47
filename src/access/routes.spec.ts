import { describe, expect, it } from '@jest/globals';
import Fastify from 'fastify';
import { pino } from 'pino';
import { createApp } from '../app.js';
import { readConfig } from '../config/read-config.js';
import { Admission } from './admission.js';
import { accessOfRoute, routeNames } from './routes.js';

describe('the table of routes', () => {
  it('has the routes that the server registers, and no others', async () => {
    const app = await createApp(readConfig({ EXAMPLES: 'true' }), { logger: pino({ level: 'silent' }) });
    const seen = app.get(Admission).routes;
    await app.init();
    await app.getHttpAdapter().getInstance().ready();
    try {
      expect([...seen].toSorted()).toEqual([...routeNames].toSorted());
    } finally {
      await app.close();
    }
  });

  it('ends the start for a route without a row', async () => {
    const fastify = Fastify();
    const parts = { isOpen: true, rules: [] };
    new Admission({
      ...parts,
      verifier: { find: () => ({}) as never },
      tenants: { find: () => ({}) as never },
    }).watchRoutes(fastify);
    expect(() => fastify.get('/v1/secret', () => 'x')).toThrow('GET /v1/secret has no row');
    await fastify.close();
  });

  it('gives HEAD the row of GET', () => {
    expect(accessOfRoute('HEAD', '/v1/workflows/:id')).toBe(accessOfRoute('GET', '/v1/workflows/:id'));
  });
});
