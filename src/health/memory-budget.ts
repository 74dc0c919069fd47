import type { Config } from '../config/config.js';

/** Code, libraries and stacks of the process. */
const PROCESS_BYTES = 128 * 1024 * 1024;
/** Headers of a request that has not arrived whole, the largest that are accepted. */
const CONNECTION_BYTES = 16 * 1024;

/**
 * Bytes of memory that this replica may take, whatever its clients do. States of the embedded engine come on top.
 * `heapLimit`: limit of the heap of Node, with the garbage in it.
 */
export function memoryBudget(config: Config, heapLimit: number): number {
  const { answerBufferBytes, bodyBufferBytes, feed, redis, detached, maxConnections } = config;
  // Answers with claimed tasks have a reserve of half.
  const buffers = bodyBufferBytes + 1.5 * answerBufferBytes + feed.totalBufferBytes;
  const copies = redis?.fallback === 'memory' ? detached.cacheBytes + detached.maxBytes : 0;
  return PROCESS_BYTES + heapLimit + maxConnections * CONNECTION_BYTES + buffers + copies;
}
