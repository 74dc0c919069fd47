import { describe, expect, it } from '@jest/globals';
import { Queue } from './queue.js';
import { TaskCollection } from './task-collection.js';
import { TextStore } from '../journal/text-store.js';

describe('the queues of a tenant', () => {
  const collection = (count: number) => {
    const tasks = new TaskCollection(new TextStore());
    for (let i = 0; i < count; i++) tasks.queue(`q-${i}`);
    return tasks;
  };

  it('are due when they are new, then at the time that is set', () => {
    const tasks = collection(10);
    expect(tasks.dueQueues(0, 100).length).toBe(10);
    for (let i = 0; i < 10; i++) tasks.sweepQueueAt(`q-${i}`, 100 + i);
    expect([tasks.dueQueues(99, 100), tasks.queuesDueMs]).toEqual([[], 100]);
    expect(tasks.dueQueues(102, 100)).toEqual(['q-0', 'q-1', 'q-2']);
    expect(tasks.dueQueues(1000, 2)).toEqual(['q-0', 'q-1']);
  });

  it('are due again when they were removed and put back, and never while they are removed', () => {
    const tasks = collection(1);
    tasks.sweepQueueAt('q-0', 100);
    const queue = tasks.queue('q-0');
    tasks.setQueue('q-0', undefined);
    expect([tasks.dueQueues(1000, 10), tasks.queuesDueMs, [...tasks.queueNames()]]).toEqual([[], Infinity, []]);
    tasks.setQueue('q-0', queue);
    expect(tasks.dueQueues(0, 10)).toEqual(['q-0']);
    tasks.setQueue('q-0', new Queue());
    expect([tasks.dueQueues(0, 10), [...tasks.queueNames()]]).toEqual([['q-0'], ['q-0']]);
  });
});
