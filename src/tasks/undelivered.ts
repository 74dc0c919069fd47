import type { FastifyReply, FastifyRequest } from 'fastify';

/**
 * Calls `giveBack` when the client has gone before the answer with its tasks was handed to the network, so that nobody
 * has to wait for leases that no worker knows of.
 */
export function onUndelivered(request: FastifyRequest, reply: FastifyReply, giveBack: () => void): void {
  if (request.raw.socket.destroyed) return giveBack();
  // An answer also counts as finished when what was left of it went down with its socket.
  let isHandedOver = false;
  reply.raw.once('finish', () => (isHandedOver = !request.raw.socket.destroyed));
  reply.raw.once('close', () => {
    if (!isHandedOver) giveBack();
  });
}
