import { afterAll, beforeAll, describe } from '@jest/globals';
import { describeChanges } from './cases/changes.js';
import { describeDeletes } from './cases/deletes.js';
import { describeExpectations } from './cases/expectations.js';
import { describeFilters } from './cases/filters.js';
import { describeHistory } from './cases/history.js';
import { describeListing } from './cases/listing.js';
import { describeOnce } from './cases/once.js';
import { describePatches } from './cases/patches.js';
import { describeRaces } from './cases/races.js';
import { describeRefusals } from './cases/refusals.js';
import { describeStates } from './cases/states.js';
import { describeSweeping } from './cases/sweeping.js';
import { describeTaskCommits } from './cases/task-commits.js';
import { describeTaskLeases } from './cases/task-leases.js';
import { describeTaskQueueing } from './cases/task-queueing.js';
import { describeTaskRetention } from './cases/task-retention.js';
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
    describeTaskQueueing(fixture);
    describeTaskLeases(fixture);
    describeTaskCommits(fixture);
    describeTaskRetention(fixture);
  });
}
