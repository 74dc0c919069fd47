/** The worker kit: see docs/worker-kit.md. */
export { AccessClient } from './access-client.js';
export type * from './access-types.js';
export * from './client-errors.js';
export type * from './event-types.js';
export * from './handler.js';
export { JsonText, toJson } from './json-text.js';
export type { CallOptions, RequesterOptions } from './requester.js';
export type { Retry, RetryPolicy } from './retry.js';
export type * from './task-types.js';
export { WaymarkClient } from './waymark-client.js';
export { Worker, type TaskEnd, type WorkerEvent, type WorkerOptions } from './worker.js';
export type * from './workflow-types.js';
