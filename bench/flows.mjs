// Requests of which each needs the answer of the one before. `count` is the number of rounds of one connection.
import { stateOf } from './states.mjs';

const PAYLOAD = { text: 'x'.repeat(245) };

/** A task is enqueued, claimed and completed: three requests a round. */
async function task(post, connection, count) {
  const queue = `tasks-${connection}`;
  for (let n = 0; n < count; n++) {
    await post(`/v1/queues/${queue}/tasks`, { payload: PAYLOAD });
    const { tasks } = await post(`/v1/queues/${queue}/claims`, { max: 1 });
    const [{ id, leaseToken }] = tasks;
    await post(`/v1/tasks/${id}/complete`, { leaseToken, result: null });
  }
}

/** The step of a workflow as one commit: completes a task, writes the state, enqueues the next task and claims it. */
async function step(post, connection, count) {
  const queue = `steps-${connection}`;
  const enqueue = [{ queue, payload: PAYLOAD }];
  const claimNext = { queue };
  let next = (await post('/v1/commits', { enqueue, claimNext })).next;
  for (let n = 0; n < count; n++) {
    const ack = { taskId: next.id, leaseToken: next.leaseToken, result: null };
    const puts = [{ id: `flow-${connection}`, state: stateOf(1024, n) }];
    next = (await post('/v1/commits', { ack, puts, enqueue, claimNext })).next;
  }
  await post(`/v1/tasks/${next.id}/complete`, { leaseToken: next.leaseToken, result: null });
}

/** Each round makes a workflow. */
async function create(post, _, count) {
  for (let n = 0; n < count; n++) await post('/v1/workflows', { state: stateOf(1024) });
}

export const FLOWS = { task, step, create };
