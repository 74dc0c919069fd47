import { afterAll, beforeAll, describe } from '@jest/globals';
import { describeChanges } from './cases/changes.js';
import { describeDeletes } from './cases/deletes.js';
import { describeExpectations } from './cases/expectations.js';
import { describeFeed } from './cases/feed.js';
import { describeFilters } from './cases/filters.js';
import { describeHistory } from './cases/history.js';
import { describeListing } from './cases/listing.js';
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
import { describeTaskLists } from './cases/task-lists.js';
import { describeTaskOrder } from './cases/task-order.js';
import { describeTaskPayloads } from './cases/task-payloads.js';
import { describeTaskProgress } from './cases/task-progress.js';
import { describeTaskQueueing } from './cases/task-queueing.js';
import { describeTaskRaces } from './cases/task-races.js';
import { describeTaskRepeats } from './cases/task-repeats.js';
import { describeTaskRetention } from './cases/task-retention.js';
import { describeTaskRoom } from './cases/task-room.js';
import { describeTaskWalks } from './cases/task-walks.js';
import { describeTenants } from './cases/tenants.js';
import { describeTtl } from './cases/ttl.js';
import { describeWriting } from './cases/writing.js';
import { fixtureOf, type EngineUnderTest, type OpenEngine } from './engine-under-test.js';

/** What every engine promises. A fault found in one of them becomes a case for all. */
export function describeEngine(name: string, open: OpenEngine): void {
  describe(`Engine on ${name}`, () => {
    let opened: EngineUnderTest;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(async () => {
      await opened.close();
    });
    const fixture = fixtureOf(open, () => opened);

    describeWriting(fixture);
    describeStates(fixture);
    describeExpectations(fixture);
    describeRefusals(fixture);
    describeRaces(fixture);
    describePatches(fixture);
    describeTtl(fixture);
    describeDeletes(fixture);
    describeOnce(fixture);
    describeHistory(fixture);
    describeListing(fixture);
    describeFilters(fixture);
    describeTenants(fixture);
    describeChanges(fixture);
    describeSweeping(fixture);
    describeFeed(fixture);
    describeTaskQueueing(fixture);
    describeTaskLeases(fixture);
    describeTaskCommits(fixture);
    describeTaskRetention(fixture);
    describeTaskWalks(fixture);
    describeTaskFencing(fixture);
    describeTaskOrder(fixture);
    describeTaskAtomicity(fixture);
    describeTaskRaces(fixture);
    describeTaskRepeats(fixture);
    describeTaskDedupe(fixture);
    describeTaskCancelling(fixture);
    describeTaskPayloads(fixture);
    describeTaskRoom(fixture);
    describeTaskDeadlines(fixture);
    describeTaskDead(fixture);
    describeTaskProgress(fixture);
    describeTaskHints(fixture);
    describeTaskFigures(fixture);
    describeTaskLists(fixture);
  });
}
