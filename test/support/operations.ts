/** Which spec exercises which operation of the OpenAPI document; together they must be all of them. */
export const OPERATIONS = {
  workflows: [
    'createWorkflow',
    'putWorkflow',
    'getWorkflow',
    'deleteWorkflow',
    'getState',
    'putState',
    'patchState',
    'touchWorkflow',
    'listWorkflows',
    'countWorkflows',
    'batchGetWorkflows',
  ],
  documents: [
    'setStatus',
    'mergeSection',
    'appendLog',
    'appendExhibit',
    'listVersions',
    'getVersion',
    'diffVersions',
    'restoreVersion',
    'forkWorkflow',
  ],
  service: ['live', 'ready', 'health', 'status', 'metrics'],
} as const;
