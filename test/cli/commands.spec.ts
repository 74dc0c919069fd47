import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { describeClient } from '../support/describe-service.js';
import { until } from '../support/until.js';
import { runHere } from './run-here.js';
import { waymark, type Running } from './waymark-process.js';

const folder = mkdtempSync(join(tmpdir(), 'waymark-cli-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const linesOf = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

describeClient('the commands', (service) => {
  const run = (args: readonly string[], input?: string) => waymark.run(service.url, args, input);
  const start = (...args: readonly string[]) => waymark.start(service.url, args);
  const queueAt = async (queue: string) => (await service.get(`/v1/queues/${queue}`)).json;
  const taskAt = async (id: string) => (await service.get(`/v1/tasks/${id}`)).json;
  const produce = async (queue: string, ...args: readonly string[]) =>
    linesOf((await runHere(['produce', '--topic', queue, ...args], { WAYMARK_URL: service.url })).stdout);

  /** Sends SIGTERM to a worker. */
  const stop = async (running: Running, signal: NodeJS.Signals = 'SIGTERM') => {
    running.child.kill(signal);
    return running.ended;
  };

  it('produce makes tasks as it is told, and prints them', async () => {
    const queue = service.id();
    const workflow = service.id();
    const file = join(folder, `${service.engine}-${queue}.json`);
    writeFileSync(file, '{"from": "file"}\n');
    const [first] = await produce(queue, '--payload', '{"n":12345678901234567890}', '--priority', '0', '--delay', '1h');
    expect(first).toMatchObject({ queue, status: 'delayed', priority: 0 });
    expect((await service.get(`/v1/tasks/${first.id}`)).text).toContain('"payload":{"n":12345678901234567890}');
    const [second] = await produce(queue, '--payload', file, '--workflow', workflow, '--dedupe-key', 'k');
    expect(await taskAt(second.id)).toMatchObject({ payload: { from: 'file' }, workflowId: workflow, priority: 5 });
    const [again] = await produce(queue, '--payload', file, '--workflow', workflow, '--dedupe-key', 'k');
    expect(again).toMatchObject({ id: second.id, duplicate: true });
    const { stdout } = await run(['produce', '--topic', queue, '--payload', '-', '--count', '150'], '["stdin"]');
    const tasks = linesOf(stdout);
    expect(new Set(tasks.map(({ id }) => id)).size).toBe(150);
    expect((await taskAt(tasks[149].id)).payload).toEqual(['stdin']);
    expect((await queueAt(queue)).depth).toEqual({ ready: 151, delayed: 1, leased: 0, dead: 0 });
  });

  it('worker prints each task as a line and completes it, until it is told to stop', async () => {
    const queue = service.id();
    const tasks = await produce(queue, '--payload', '{\n  "n": 1.50\n}', '--count', '5');
    const worker = start('worker', '--topic', queue, '--consumer', 'agentic-worker-1', '--concurrency', '2');
    await until(async () => (await queueAt(queue)).totals.completed === 5, 'five tasks are completed');
    const { code, stdout } = await stop(worker);
    expect(code).toBe(0);
    const lines = linesOf(stdout);
    expect(lines.map(({ id }) => id).toSorted()).toEqual(tasks.map(({ id }) => id).toSorted());
    expect(lines[0]).toMatchObject({ queue, attempt: 1, payload: { n: 1.5 } });
    expect(lines[0]).not.toHaveProperty('leaseToken');
    expect(stdout).toContain('"payload":{   "n": 1.50 }');
    expect(await taskAt(tasks[0].id)).toMatchObject({ status: 'done', result: null });
  });

  it('worker --exec gives the payload to a command, and its output to the task', async () => {
    const queue = service.id();
    const [task] = await produce(queue, '--payload', '{"n":12345678901234567890}', '--workflow', `${queue}-w`);
    const command = `printf '{"saw":%s,"who":"%s %s %s"}' "$(cat)" $WAYMARK_TASK_ID $WAYMARK_ATTEMPT $WAYMARK_WORKFLOW_ID`;
    const worker = start('worker', '--topic', queue, '--exec', command);
    await until(async () => (await taskAt(task.id)).status === 'done', 'the task is done');
    const { text } = await service.get(`/v1/tasks/${task.id}`);
    expect(text).toContain(`"result":{"saw":{"n":12345678901234567890},"who":"${task.id} 1 ${queue}-w"}`);
    const { code, stdout } = await stop(worker, 'SIGINT');
    expect([code, stdout]).toEqual([0, '']);
  });

  it.each([
    ['hello', 'echo hello', 'hello'],
    ['nothing', 'true', null],
    ['a number', 'echo 42', 42],
    ['without reading its input', 'exec <&-; echo \'"read nothing"\'', 'read nothing'],
  ])('worker --exec takes what a command prints: %s', async (_, command, result) => {
    const queue = service.id();
    // More than the buffer of a pipe.
    const produced = await run(['produce', '--topic', queue, '--payload', '-'], JSON.stringify('x'.repeat(200_000)));
    const task = JSON.parse(produced.stdout);
    const worker = start('worker', '--topic', queue, '--exec', command);
    const detail = await service.get(`/v1/tasks/${task.id}?waitMs=30000`);
    expect(detail.json).toMatchObject({ status: 'done', result });
    await stop(worker);
  });

  it('worker --exec fails a task whose command fails, with the end of what it said', async () => {
    const queue = service.id();
    const [task] = await produce(queue);
    const command = 'echo ignored; head -c 5000 /dev/zero | tr "\\0" "." >&2; echo "no such case" >&2; exit 3';
    const worker = start('worker', '--topic', queue, '--exec', command);
    await until(async () => (await taskAt(task.id)).failures.length === 1, 'the task has failed');
    const failed = await taskAt(task.id);
    expect(failed).toMatchObject({ status: 'delayed', failures: [{ code: 'EXIT_3', attempt: 1 }] });
    expect(failed.failures[0].message).toMatch(/^\.{1900,2000}no such case\n$/);
    const { stderr } = await stop(worker);
    expect(stderr).toContain('no such case');
  });

  it.each([
    ['than the service takes', 2_000_000, 'STATE_TOO_LARGE'],
    ['than a worker holds', 9_000_000, 'RESULT_TOO_LARGE'],
  ])('worker --exec gives up a task whose result is larger %s', async (_, bytes, code) => {
    const queue = service.id();
    const [task] = await produce(queue);
    const worker = start('worker', '--topic', queue, '--exec', `head -c ${bytes} /dev/zero | tr '\\0' x; exec sleep 0`);
    const { json } = await service.get(`/v1/tasks/${task.id}?waitMs=30000`);
    expect(json).toMatchObject({ status: 'dead', reason: code, attempt: 1 });
    await stop(worker);
  });

  it('worker finishes what runs when it is told to stop, even when the signal goes to its whole group', async () => {
    const queue = service.id();
    const [first, second] = await produce(queue, '--count', '2');
    const go = join(folder, `${service.engine}-${queue}.go`);
    const begun = join(folder, `${service.engine}-${queue}.begun`);
    const command = `touch ${begun}; until [ -e ${go} ]; do sleep 0.05; done; echo 1`;
    const worker = waymark.start(service.url, ['worker', '--topic', queue, '--exec', command], { detached: true });
    await until(() => existsSync(begun), 'the first task is under way');
    // Like a terminal on Ctrl-C.
    process.kill(-(worker.child.pid as number), 'SIGINT');
    await until(() => worker.stderr().includes('stopping'), 'it has heard');
    writeFileSync(go, '');
    expect((await worker.ended).code).toBe(0);
    expect(await taskAt(first.id)).toMatchObject({ failures: [], status: 'done', result: 1 });
    expect(await taskAt(second.id)).toMatchObject({ status: 'ready', attempt: 0 });
  });

  it('worker releases what does not end in time, and ends the command with all it started', async () => {
    const queue = service.id();
    const [task] = await produce(queue);
    const alive = join(folder, `${service.engine}-${queue}.alive`);
    const command = `(while :; do date +%N > ${alive}; sleep 0.02; done) & wait`;
    const worker = start('worker', '--topic', queue, '--exec', command, '--stop-timeout', '100ms');
    await until(async () => (await taskAt(task.id)).status === 'leased', 'the task is under way');
    const { code, stderr } = await stop(worker);
    expect([code, stderr]).toEqual([0, expect.stringContaining('released')]);
    // No attempt was spent.
    expect(await taskAt(task.id)).toMatchObject({ status: 'ready', attempt: 0, releases: 1 });
    rmSync(alive, { force: true });
    const isWritten = await new Promise((seen) =>
      execFile('sh', ['-c', `sleep 0.3; test -e ${alive}`], (error) => seen(error === null)),
    );
    expect(isWritten).toBe(false);
  });

  it('worker ends a command whose task is cancelled', async () => {
    const queue = service.id();
    const [task] = await produce(queue);
    const worker = start('worker', '--topic', queue, '--exec', 'sleep 600', '--lease', '1s');
    await until(async () => (await taskAt(task.id)).status === 'leased', 'the task is under way');
    await service.post(`/v1/tasks/${task.id}/cancel`, { reason: 'not wanted any more' });
    expect((await service.get(`/v1/tasks/${task.id}?waitMs=30000`)).json).toMatchObject({
      status: 'cancelled',
      reason: 'not wanted any more',
    });
    expect((await stop(worker)).code).toBe(0);
  });

  it('worker ends a command whose lease was taken away by force', async () => {
    const queue = service.id();
    const [task] = await produce(queue);
    const worker = start('worker', '--topic', queue, '--exec', 'sleep 600', '--lease', '1s');
    await until(async () => (await taskAt(task.id)).status === 'leased', 'the task is under way');
    await service.post(`/v1/tasks/${task.id}/cancel`, { force: true });
    await until(() => worker.stderr().includes('dropped'), 'the worker has noticed');
    expect((await stop(worker)).code).toBe(0);
    expect(await taskAt(task.id)).toMatchObject({ status: 'cancelled', failures: [] });
  });

  it('worker keeps a task for longer than its lease', async () => {
    const queue = service.id();
    const [task] = await produce(queue);
    const worker = start('worker', '--topic', queue, '--exec', 'sleep 2.5; echo $WAYMARK_ATTEMPT', '--lease', '1s');
    await until(async () => (await taskAt(task.id)).status === 'leased', 'the task is under way');
    const rival = start('worker', '--topic', queue, '--exec', 'echo $WAYMARK_ATTEMPT', '--lease', '1s');
    const { json } = await service.get(`/v1/tasks/${task.id}?waitMs=30000`);
    expect(json).toMatchObject({ status: 'done', result: 1, attempt: 1 });
    expect(rival.stderr()).not.toContain(task.id);
    await Promise.all([stop(worker), stop(rival)]);
  });

  it('worker ends quietly when its output is closed, and releases tasks that it could not print', async () => {
    const queue = service.id();
    await produce(queue, '--count', '20');
    const worker = start('worker', '--topic', queue);
    worker.child.stdout?.destroy();
    const { code } = await worker.ended;
    expect(code).toBe(0);
    const { depth, totals } = await queueAt(queue);
    expect(depth).toMatchObject({ leased: 0, delayed: 0, dead: 0 });
    expect(depth.ready + totals.completed).toBe(20);
    expect(depth.ready).toBeGreaterThan(0);
  });

  it('inspect shows a queue, with who has what in hand', async () => {
    const queue = service.id();
    await produce(queue, '--count', '3');
    await produce(queue, '--delay', '1h');
    await service.post(`/v1/queues/${queue}/claims`, { worker: 'agentic-worker-7' });
    const { code, stdout } = await run(['inspect', 'queue', queue]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ready +2\ndelayed +1\nleased +1\ndead +0\n/m);
    expect(stdout).toMatch(/^next due +(59\.9m|1h)$/m);
    expect(stdout).toMatch(/^agentic-worker-7 +1 /m);
    const json = JSON.parse((await run(['inspect', 'queue', queue, '--json'])).stdout);
    expect(json).toMatchObject({
      name: queue,
      depth: { ready: 2 },
      workers: [{ name: 'agentic-worker-7', leased: 1 }],
    });
    const all = await run(['inspect', 'queues']);
    expect(all.stdout).toMatch(new RegExp(`^QUEUE +READY[^]*^${queue} +2 +1 +1 +0 `, 'm'));
  });

  it('inspect --watch ends with 0 on SIGINT, and --fail-on warn with 1 when there are dead tasks', async () => {
    const queue = service.id();
    const watch = start('inspect', 'queue', queue, '--watch', '--json', '--interval', '100ms');
    await until(() => linesOf(watch.stdout()).length >= 3, 'three looks');
    expect((await stop(watch, 'SIGINT')).code).toBe(0);
    await produce(queue);
    const [task] = (await service.post(`/v1/queues/${queue}/claims`, {})).json.tasks;
    await service.post(`/v1/tasks/${task.id}/fail`, { leaseToken: task.leaseToken, error: { retryable: false } });
    const { code, stderr } = await run(['inspect', 'queue', queue, '--fail-on', 'warn']);
    expect([code, stderr]).toEqual([1, `warning: ${queue}: 1 dead\n`]);
  });

  it('smoke tries the service out and leaves nothing behind, also several at once', async () => {
    const before = (await service.get('/v1/workflows/count')).json;
    const outcomes = await Promise.all([run(['smoke']), run(['smoke']), run(['smoke'])]);
    for (const { code, stdout } of outcomes) {
      expect([code, stdout]).toEqual([0, 'PING: True\nWRITE: True\nCAS: True\nTTL: True\nQUEUE: True\n']);
    }
    expect((await service.get('/v1/workflows/count')).json).toEqual(before);
    expect((await queueAt('waymark-smoke')).depth).toEqual({ ready: 0, delayed: 0, leased: 0, dead: 0 });
  });
});

describe('waymark', () => {
  it('prints its version, and ends quietly when its output is closed', async () => {
    const running = waymark.start('', ['--help']);
    running.child.stdout?.destroy();
    expect(await running.ended).toMatchObject({ code: 0, stderr: '' });
  });
});
