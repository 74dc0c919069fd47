import { NotHeldError } from '../errors.js';
import { TaskQueues } from '../task-queues.js';

/** How a call reaches the store; or a refusal, when it is away. */
export type Attached = <T>(call: () => Promise<T>) => Promise<T>;

export const onlyTheStoreKnows = () => new NotHeldError('it alone knows its queues');

/**
 * Tasks while there is a store, and refusals while it is away: a lease that two sides could give out is worse than none. What is
 * enqueued comes as a commit, and waits like one.
 */
export class FallbackTasks extends TaskQueues {
  readonly claim: TaskQueues['claim'];
  readonly step: TaskQueues['step'];
  readonly find: TaskQueues['find'];
  readonly listOfWorkflow: TaskQueues['listOfWorkflow'];
  readonly listDead: TaskQueues['listDead'];
  readonly replayDead: TaskQueues['replayDead'];
  readonly purgeDead: TaskQueues['purgeDead'];
  readonly pause: TaskQueues['pause'];
  readonly listQueues: TaskQueues['listQueues'];
  readonly findQueue: TaskQueues['findQueue'];
  readonly readProgress: TaskQueues['readProgress'];

  constructor(tasks: TaskQueues, attached: Attached) {
    super();
    this.claim = (...args) => attached(() => tasks.claim(...args));
    this.step = (...args) => attached(() => tasks.step(...args));
    this.find = (...args) => attached(() => tasks.find(...args));
    this.listOfWorkflow = (...args) => attached(() => tasks.listOfWorkflow(...args));
    this.listDead = (...args) => attached(() => tasks.listDead(...args));
    this.replayDead = (...args) => attached(() => tasks.replayDead(...args));
    this.purgeDead = (...args) => attached(() => tasks.purgeDead(...args));
    this.pause = (...args) => attached(() => tasks.pause(...args));
    this.listQueues = (...args) => attached(() => tasks.listQueues(...args));
    this.findQueue = (...args) => attached(() => tasks.findQueue(...args));
    this.readProgress = (...args) => attached(() => tasks.readProgress(...args));
  }
}
