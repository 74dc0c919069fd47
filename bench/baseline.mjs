// Baseline: hand-written Fastify and ioredis, one key per workflow, no versions, no checks.
import Fastify from 'fastify';
import { Redis } from 'ioredis';

const DAY_MS = 86_400_000;
const redis = new Redis({ host: '127.0.0.1', port: Number(process.env.BENCH_REDIS_PORT) });
const app = Fastify();

app.get('/workflows/:id', async (request, reply) => {
  reply.type('application/json');
  return redis.get(`baseline:${request.params.id}`);
});

app.put('/workflows/:id', async (request) => {
  await redis.set(`baseline:${request.params.id}`, JSON.stringify(request.body.state), 'PX', DAY_MS);
  return { id: request.params.id };
});

// Lean baseline: stores the body as it is, without parsing it.
app.register(async (lean) => {
  lean.removeAllContentTypeParsers();
  lean.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  lean.put('/lean/:id', async (request) => {
    await redis.set(`baseline:${request.params.id}`, request.body, 'PX', DAY_MS);
    return { id: request.params.id };
  });
});

process.on('SIGTERM', () => process.exit(0));
process.stdout.write(`serving on ${await app.listen({ host: '127.0.0.1', port: 0 })}\n`);
