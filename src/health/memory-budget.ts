import type { Config } from '../config/config.js';

/** Code, libraries and stacks of the process. */
const PROCESS_BYTES = 128 * 1024 * 1024;
/** Headers of a request that has not arrived whole, the largest that are accepted. */
const CONNECTION_BYTES = 16 * 1024;

/** Texts of a body in the heap while its request is handled: the body, its states, and what is sent to the store. */
const TEXTS_OF_BODY = 3;

/**
 * Bytes of the heap of Node that this replica may need at once. With a smaller heap the process may end when clients fill
 * the buffers. States of the embedded engine come on top.
 */
export function heapNeed({ bodyBufferBytes, redis, detached }: Config): number {
  const copies = redis?.fallback === 'memory' ? detached.cacheBytes + detached.maxBytes : 0;
  return PROCESS_BYTES + TEXTS_OF_BODY * bodyBufferBytes + copies;
}

/** Sentences for the operator. */
export function heapWarnings(config: Config, heapLimit: number): readonly string[] {
  const need = heapNeed(config);
  if (heapLimit >= need) return [];
  return [
    `the heap of Node has a limit of ${mebibytes(heapLimit)}, and clients can make this replica need ${mebibytes(need)}; ` +
      'raise it with NODE_OPTIONS=--max-old-space-size, or lower BODY_BUFFER_BYTES or DETACHED_MAX_BYTES',
  ];
}

const mebibytes = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MiB`;

/**
 * Bytes of memory that this replica may take, whatever its clients do. States of the embedded engine come on top.
 * `heapLimit`: limit of the heap of Node. Copies and waiting writes of a detached replica are in it, and garbage.
 */
export function memoryBudget(config: Config, heapLimit: number): number {
  const { answerBufferBytes, bodyBufferBytes, feed, maxConnections } = config;
  // Answers with claimed tasks have a reserve of half.
  const buffers = bodyBufferBytes + 1.5 * answerBufferBytes + feed.totalBufferBytes;
  return PROCESS_BYTES + heapLimit + maxConnections * CONNECTION_BYTES + buffers;
}
