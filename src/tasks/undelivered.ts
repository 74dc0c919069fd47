import type { FastifyReply, FastifyRequest } from 'fastify';
import { onAnswerEnd } from '../http/connection-end.js';

/**
 * Calls `giveBack` if the client disconnects before the answer with its tasks is handed to the network: no worker has
 * received these leases.
 */
export function onUndelivered(request: FastifyRequest, reply: FastifyReply, giveBack: () => void): void {
  // 'finish' also fires when the rest of the answer is lost with its socket.
  let isHandedOver = false;
  reply.raw.once('finish', () => (isHandedOver = !request.raw.socket.destroyed));
  onAnswerEnd(request, reply, () => {
    if (!isHandedOver) giveBack();
  });
}
