import { describe, expect, it } from '@jest/globals';
import { describeClient, WORKFLOWS } from '../support/describe-service.js';
import { startService } from '../support/service-process.js';
import { until } from '../support/until.js';
import { waymark } from './waymark-process.js';

describeClient('publish and watch', (service) => {
  const run = (...args: string[]) => waymark.run(service.url, args);

  it('publish tells it, and watch shows it', async () => {
    const [channel, workflow] = [service.id(), service.id()];
    const place = (await service.get('/v1/events?wait=0')).json.next as string;
    const sent = await run('publish', channel, '--type', 'said', '--payload', '{"n":12345678901234567890}');
    expect(sent.code).toBe(0);
    const { eventId } = JSON.parse(sent.stdout);
    await service.put(`${WORKFLOWS}/${workflow}`, { state: {} });
    await service.call('DELETE', `${WORKFLOWS}/${workflow}`);
    const json = await run('watch', '--channel', channel, '--since', place, '--count', '1', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ id: eventId, type: 'said', channel });
    const text = await run('watch', '--workflow', workflow, '--since', place, '--count', '2');
    expect(text.stdout).toMatch(
      new RegExp(`workflow.created  ${workflow}  version 1\n.*workflow.deleted  ${workflow}  version 1\n$`),
    );
    expect(text.code).toBe(0);
  });

  it('watch shows what happens from now on, until it is stopped', async () => {
    const channel = service.id();
    const watching = waymark.start(service.url, ['watch', '--channel', channel, '--json']);
    let sent = 0;
    // The command does not print when it begins to watch.
    await until(async () => {
      await service.post(`/v1/channels/${channel}/messages`, { type: 'n', payload: ++sent });
      return watching.stdout() !== '';
    }, 'it shows something');
    watching.child.kill('SIGTERM');
    const { code, stdout } = await watching.ended;
    expect(code).toBe(0);
    expect(stdout).toContain(`"channel":"${channel}"`);
  });

  it('watch says that events may be missing, and goes on', async () => {
    const channel = service.id();
    const watching = waymark.start(service.url, ['watch', '--channel', channel, '--since', 'nothing', '--count', '1']);
    await until(() => watching.stderr().includes('FEED_RESET'), 'it says so');
    await until(async () => {
      await service.post(`/v1/channels/${channel}/messages`, { type: 'n' });
      return watching.stdout() !== '';
    }, 'it shows what happens');
    expect((await watching.ended).code).toBe(0);
  });

  it('say what is wrong with their command lines', async () => {
    const cases = [
      [['publish'], 2, 'name of a channel'],
      [['publish', 'c'], 2, '--type is missing'],
      [['publish', 'c', 'd', '--type', 't'], 2, 'd: not expected'],
      [['publish', '.c', '--type', 't'], 1, 'INVALID_ID'],
      [['watch', 'x'], 2, 'x: not expected'],
      [['watch', '--workflow', 'count'], 1, 'INVALID_QUERY'],
    ] as const;
    for (const [args, code, says] of cases) {
      const ended = await run(...args);
      expect([args, ended.code]).toEqual([args, code]);
      expect(ended.stderr).toContain(says);
    }
  });
});

describe('watch', () => {
  it('goes on where it was when the service is back', async () => {
    const port = '0';
    const first = await startService({ PORT: port });
    const { port: taken } = new URL(first.url);
    const watching = waymark.start(first.url, ['watch', '--channel', 'c', '--json']);
    const publish = (url: string, payload: unknown) =>
      fetch(`${url}/v1/channels/c/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'n', payload }),
      });
    await until(async () => {
      await publish(first.url, 'before');
      return watching.stdout() !== '';
    }, 'it shows something');
    await first.stop();
    const second = await startService({ PORT: taken });
    try {
      // The service is in memory only, so the feed is a new one.
      await until(() => watching.stderr().includes('FEED_RESET'), 'it notices');
      await until(async () => {
        await publish(second.url, 'after');
        return watching.stdout().includes('after');
      }, 'it shows what happens');
    } finally {
      watching.child.kill('SIGTERM');
      expect((await watching.ended).code).toBe(0);
      await second.stop();
    }
  });
});
