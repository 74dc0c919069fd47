/** Limits that hold in every engine. In a Lua script `limits.NAME` stands for the number here; see scripts/redis-script.ts. */

/** Priorities go from 0 to this; lower ones go first. */
export const MAX_PRIORITY = 9;
/** Scores of ready tasks: by priority, then in the order of becoming ready. Exact in a double. */
export const PLACES_PER_PRIORITY = 2 ** 44;
/** More releases than these count as deliveries: a task that every worker hands back must end some day. */
export const MAX_RELEASES = 20;
/** Failures kept of a task: the last ones. */
export const MAX_FAILURES = 10;
/** Progress events kept of a task: the last ones. */
export const MAX_PROGRESS_EVENTS = 1000;
/** Size of one progress event, in bytes of JSON. */
export const MAX_PROGRESS_EVENT_BYTES = 16 * 1024;
/** Due tasks, and expired leases, that one claim handles on its way. */
export const MAX_TIDIED = 100;
/** Open tasks of one workflow that one commit cancels. */
export const MAX_CANCELLED = 1000;
/** Leased tasks that a queue counts by worker. */
export const MAX_LEASED_SHOWN = 1000;
/** How long a worker is shown after its last claim. */
export const WORKER_SHOWN_MS = 10 * 60_000;
/** No ended task is kept longer than this for its dedupe key. */
export const MAX_DEDUPE_MS = 86_400_000;
/** Interval of the rates of a queue. */
export const MINUTE_MS = 60_000;
/** Larger states are not kept with an outcome, in bytes: for a day, many of them would fill any store. The history may have them. */
export const MAX_KEPT_STATE_BYTES = 16 * 1024;
/** Entries of a board: the last ones. */
export const MAX_BOARD_ENTRIES = 20;
/** Notices of a board: of more, the first to end go. */
export const MAX_BOARD_NOTICES = 1000;
