import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** One listener for each connection: thousands of requests may be pipelined on one. */
const CALLBACKS = new WeakMap<Socket, Set<() => void>>();

/** Calls back when the connection ends. Returns a function that stops it. */
export function onConnectionEnd(socket: Socket, callback: () => void): () => void {
  let callbacks = CALLBACKS.get(socket);
  if (callbacks === undefined) {
    const all = new Set<() => void>();
    callbacks = all;
    CALLBACKS.set(socket, all);
    socket.once('close', () => {
      for (const one of all) one();
    });
  }
  const own = callbacks;
  own.add(callback);
  return () => own.delete(callback);
}

/**
 * Calls back once, when the answer is sent or its connection has ended. A pipelined answer that waits behind another
 * one has no event of its own when the connection ends.
 */
export function onAnswerEnd({ raw }: FastifyRequest, reply: FastifyReply, callback: () => void): void {
  if (raw.socket.destroyed) return callback();
  let hasEnded = false;
  const end = () => {
    if (hasEnded) return;
    hasEnded = true;
    stop();
    callback();
  };
  const stop = onConnectionEnd(raw.socket, end);
  reply.raw.once('close', end);
}
