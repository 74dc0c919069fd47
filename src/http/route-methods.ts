import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { problemOf } from './problem.js';
import { MethodNotAllowedError } from './http-errors.js';

/** A workflow, whose state is at the same path with /state. */
const WORKFLOW = /^\/v1\/workflows\/[^/?]+(?:\?|$)/;
const PATCH_TYPES = 'application/merge-patch+json, application/json-patch+json';

/**
 * Answers OPTIONS, and 405 with the allowed methods instead of 404 for a wrong method. Must run before the routes are
 * registered.
 */
export function answerOtherMethods(fastify: FastifyInstance): void {
  const routes: { readonly path: RegExp; readonly methods: Set<string> }[] = [];
  const byUrl = new Map<string, Set<string>>();

  fastify.addHook('onRoute', ({ url, method }) => {
    // A catch-all route of the framework would match every path.
    if (url.includes('*')) return;
    let methods = byUrl.get(url);
    if (methods === undefined) {
      methods = new Set();
      byUrl.set(url, methods);
      const pattern = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/:[A-Za-z]+/g, '[^/]+');
      routes.push({ path: new RegExp(`^${pattern}/?$`), methods });
    }
    for (const name of [method].flat()) methods.add(name);
  });

  fastify.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) return done();
    const [path = ''] = request.url.split('?', 1);
    const allowed = routes.filter((route) => route.path.test(path)).flatMap(({ methods }) => [...methods]);
    if (allowed.length === 0) return done();
    answer(request, reply, [...new Set([...allowed, 'OPTIONS'])].sort());
  });
}

function answer(request: FastifyRequest, reply: FastifyReply, allowed: readonly string[]): void {
  reply.header('allow', allowed.join(', '));
  if (allowed.includes('PATCH')) reply.header('accept-patch', PATCH_TYPES);
  if (request.method === 'OPTIONS') {
    void reply.status(204).send();
    return;
  }
  const isPatch = request.method === 'PATCH' && WORKFLOW.test(request.url);
  const hint = isPatch ? '. PATCH changes the state, at the same path with /state' : '';
  const problem = problemOf(new MethodNotAllowedError(allowed, hint), request.id);
  void reply.status(problem.status).headers(problem.headers).send(problem.body);
}
