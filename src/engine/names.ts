export const WORKFLOW_ID = /^[A-Za-z0-9_:\-@~+][A-Za-z0-9._:\-@~+]{0,199}$/;
/** Path segments after /v1/workflows that are routes: a workflow with such an id could not be read. */
const RESERVED_IDS: readonly string[] = ['count'];

export const WORKFLOW_ID_RULE = 'must be 1 to 200 characters of A-Z a-z 0-9 . _ : - @ ~ + and not start with a dot';

export function isWorkflowId(id: string): boolean {
  return WORKFLOW_ID.test(id) && !isReservedId(id);
}

export function isReservedId(id: string): boolean {
  return RESERVED_IDS.includes(id);
}

/** Same rule as workflow ids, without reserved route names. */
export function isTaskId(text: string): boolean {
  return WORKFLOW_ID.test(text);
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
