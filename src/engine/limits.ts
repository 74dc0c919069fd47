/** Limits of every engine. Lua scripts read them as `limits.NAME`; see src/engine/redis/scripts/redis-script.ts. */

/** Priorities go from 0 to this; lower numbers go first. */
export const MAX_PRIORITY = 9;
/**
 * Number of scores per priority. A task gets the next score of its priority when it becomes ready.
 * The highest score of all priorities is an exact double.
 */
export const PLACES_PER_PRIORITY = 2 ** 44;
/**
 * Maximum releases of a task that count no attempt. Every further release counts one, so that a task that all workers
 * release becomes dead.
 */
export const MAX_RELEASES = 20;
/** Last failures kept of a task. */
export const MAX_FAILURES = 10;
/** Last progress events kept of a task. */
export const MAX_PROGRESS_EVENTS = 1000;
/** Maximum size of a progress event, in bytes of JSON. */
export const MAX_PROGRESS_EVENT_BYTES = 16 * 1024;
/** Maximum due tasks, and maximum expired leases, that one claim handles. */
export const MAX_TIDIED = 100;
/** Maximum open tasks of one workflow that one commit cancels. */
export const MAX_CANCELLED = 1000;
/** Maximum bytes of states on one page, and of payloads in one answer; one item may have more. */
export const PAGE_BYTES = 8 * 1024 * 1024;
/**
 * Limits of the part of a history that one call of a script of Redis carries or reads; a last entry may go beyond them.
 * Redis spends about 2 ms on each megabyte, and does nothing else meanwhile. A full state and a full history at the
 * default limits fit into one call.
 */
export const HISTORY_PIECE_BYTES = 2 * 1024 * 1024;
export const HISTORY_PIECE_ENTRIES = 1000;
/** Maximum leased tasks that a queue counts by worker. */
export const MAX_LEASED_SHOWN = 1000;
/** Time for which a worker is shown after its last claim. */
export const WORKER_SHOWN_MS = 10 * 60_000;
/** Maximum retention of an ended task for its dedupe key. */
export const MAX_DEDUPE_MS = 86_400_000;
/** Interval of the rates of a queue. */
export const MINUTE_MS = 60_000;
/** Last entries kept of a board. */
export const MAX_BOARD_ENTRIES = 20;
/** Maximum notices of a board; the first to expire are dropped. */
export const MAX_BOARD_NOTICES = 1000;
