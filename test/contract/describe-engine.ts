import { afterAll, beforeAll, describe } from '@jest/globals';
import { describeBoards } from './cases/boards.js';
import { describeBuckets } from './cases/buckets.js';
import { describeChanges } from './cases/changes.js';
import { describeDeletes } from './cases/deletes.js';
import { describeErasing } from './cases/erasing.js';
import { describeExpectations } from './cases/expectations.js';
import { describeFeed } from './cases/feed.js';
import { describeFilters } from './cases/filters.js';
import { describeHiddenTenants } from './cases/hidden-tenants.js';
import { describeHistory } from './cases/history.js';
import { describeListing } from './cases/listing.js';
import { describeMoving } from './cases/moving.js';
import { describeOddIds } from './cases/odd-ids.js';
import { describeOnce } from './cases/once.js';
import { describePatches } from './cases/patches.js';
import { describeRaces } from './cases/races.js';
import { describeRefusals } from './cases/refusals.js';
import { describeStates } from './cases/states.js';
import { describeSweeping } from './cases/sweeping.js';
import { describeTaskAtomicity } from './cases/task-atomicity.js';
import { describeTaskCancelling } from './cases/task-cancelling.js';
import { describeTaskCommits } from './cases/task-commits.js';
import { describeTaskDead } from './cases/task-dead.js';
import { describeTaskDeadlines } from './cases/task-deadlines.js';
import { describeTaskDedupe } from './cases/task-dedupe.js';
import { describeTaskFencing } from './cases/task-fencing.js';
import { describeTaskFigures } from './cases/task-figures.js';
import { describeTaskHints } from './cases/task-hints.js';
import { describeTaskLeases } from './cases/task-leases.js';
import { describeQueueNames } from './cases/queue-names.js';
import { describeQueuePages } from './cases/queue-pages.js';
import { describeTaskLists } from './cases/task-lists.js';
import { describeTaskOrder } from './cases/task-order.js';
import { describeTaskPace } from './cases/task-pace.js';
import { describeTaskPayloads } from './cases/task-payloads.js';
import { describeTaskProgress } from './cases/task-progress.js';
import { describeTaskQueueing } from './cases/task-queueing.js';
import { describeTaskRaces } from './cases/task-races.js';
import { describeTaskRepeats } from './cases/task-repeats.js';
import { describeTaskBytes } from './cases/task-bytes.js';
import { describeTaskRetention } from './cases/task-retention.js';
import { describeTaskRoom } from './cases/task-room.js';
import { describeTaskWalks } from './cases/task-walks.js';
import { describeTags } from './cases/tags.js';
import { describeTenants } from './cases/tenants.js';
import { describeTtl } from './cases/ttl.js';
import { describeVersionStates } from './cases/version-states.js';
import { describeWriting } from './cases/writing.js';
import { fixtureOf, type EngineUnderTest, type OpenEngine } from './engine-under-test.js';

/** Cases that depend on how keys are spread over servers, and on messages between them. */
export const SPREAD = [
  describeRaces,
  describeOddIds,
  describeOnce,
  describeTenants,
  describeHiddenTenants,
  describeErasing,
  describeSweeping,
  describeBoards,
  describeBuckets,
  describeFeed,
  describeTaskCommits,
  describeTaskRaces,
  describeTaskRepeats,
  describeTaskRoom,
  describeTaskBytes,
  describeTaskHints,
  describeMoving,
] as const;

const ALL = [
  ...SPREAD,
  describeWriting,
  describeStates,
  describeExpectations,
  describeTags,
  describeRefusals,
  describePatches,
  describeTtl,
  describeDeletes,
  describeHistory,
  describeVersionStates,
  describeListing,
  describeFilters,
  describeChanges,
  describeTaskQueueing,
  describeTaskLeases,
  describeTaskRetention,
  describeTaskWalks,
  describeTaskFencing,
  describeTaskOrder,
  describeTaskPace,
  describeTaskAtomicity,
  describeTaskDedupe,
  describeTaskCancelling,
  describeTaskPayloads,
  describeTaskDeadlines,
  describeTaskDead,
  describeTaskProgress,
  describeTaskFigures,
  describeQueueNames,
  describeQueuePages,
  describeTaskLists,
] as const;

/** The contract of every engine. A bug in one of them becomes a case for all. */
export function describeEngine(name: string, open: OpenEngine, cases: readonly (typeof ALL)[number][] = ALL): void {
  describe(`Engine on ${name}`, () => {
    let opened: EngineUnderTest;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(async () => {
      await opened.close();
    });
    const fixture = fixtureOf(open, () => opened);

    for (const describeCases of cases) describeCases(fixture);
  });
}
