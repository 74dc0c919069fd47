const MAX_ID_BYTES = 200;

/**
 * Characters of workflow ids: all but control characters, halves of a surrogate pair, and the two noncharacters U+FFFE and
 * U+FFFF. `isWorkflowId` counts the bytes too.
 */
// oxlint-disable-next-line no-control-regex -- to refuse them
export const WORKFLOW_ID = /^[^\u0000-\u001f\u007f-\u009f\ud800-\udfff\ufffe\uffff]{1,200}$/u;
export const WORKFLOW_ID_RULE = 'must be 1 to 200 bytes of UTF-8 without control characters';

/** `count` is a route, and URLs have no segments `.` and `..`: a workflow with such an id could not be read. */
export const RESERVED_ID = /^(count|\.\.?)$/;

export function isWorkflowId(id: string): boolean {
  return isIdPrefix(id) && !RESERVED_ID.test(id);
}

/** Whether workflow ids can start with this. */
export function isIdPrefix(text: string): boolean {
  return WORKFLOW_ID.test(text) && bytesFit(text);
}

/** A unit of UTF-16 has at most three bytes in UTF-8. */
function bytesFit(text: string): boolean {
  return text.length * 3 <= MAX_ID_BYTES || Buffer.byteLength(text) <= MAX_ID_BYTES;
}

export const TASK_ID = /^[A-Za-z0-9_:\-@~+][A-Za-z0-9._:\-@~+]{0,199}$/;
export const TASK_ID_RULE = 'must be 1 to 200 characters of A-Z a-z 0-9 . _ : - @ ~ + and not start with a dot';

export function isTaskId(text: string): boolean {
  return TASK_ID.test(text);
}

export const NAME = /^[A-Za-z0-9_:\-@~+][A-Za-z0-9._:\-@~+]{0,127}$/;

export const NAME_RULE = 'must be 1 to 128 characters of A-Z a-z 0-9 . _ : - @ ~ + and not start with a dot';

/** Names of queues, channels and workers. */
export function isName(text: string): boolean {
  return NAME.test(text);
}

/** Name of a tenant in exports and imports. The name of a hidden tenant begins with a dot. */
export const TENANT = /^\.?[A-Za-z0-9_:\-@~+][A-Za-z0-9._:\-@~+]{0,127}$/;

export const TENANT_RULE = 'must be 1 to 128 characters of A-Z a-z 0-9 . _ : - @ ~ +, after a dot for a hidden tenant';

export function isTenant(text: string): boolean {
  return TENANT.test(text);
}

/** `<queue>.dlq` names the dead list of a queue, so no queue has such a name. */
export const DEAD_SUFFIX = '.dlq';

export const QUEUE_RULE = `${NAME_RULE}; a name that ends in ${DEAD_SUFFIX} means the dead list of a queue`;

export function isQueueName(text: string): boolean {
  return isName(text) && !text.endsWith(DEAD_SUFFIX);
}
