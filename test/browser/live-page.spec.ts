import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { chromium, type Browser, type Page } from 'playwright-core';
import { WebSockets } from '../../src/feed/web-sockets.js';
import { serveBuilt } from '../support/built-service.js';
import { findChromium } from '../support/find-program.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';

const executablePath = findChromium();
if (executablePath === undefined) {
  process.stdout.write('live page: skipped, no chromium on the PATH\n');
}
const described = executablePath === undefined ? describe.skip : describe;

described.each(['memory', 'redis'] as const)('The live page in a real browser, on %s', (engine) => {
  let redis: RedisProcess | undefined;
  let apps: NestFastifyApplication[];
  let browser: Browser;
  let page: Page;
  const urlOf = async (app: NestFastifyApplication) => (await app.getUrl()).replace('[::1]', '127.0.0.1');
  /** Publishes through the last replica; the page is served by the first. The embedded engine has only one. */
  const publish = async (channel: string, type: string, payload: unknown) =>
    fetch(`${await urlOf(apps.at(-1) as NestFastifyApplication)}/v1/channels/${channel}/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ type, payload }),
    });

  beforeAll(async () => {
    redis = engine === 'redis' ? await startRedisProcess() : undefined;
    const storage: Record<string, string> = redis === undefined ? {} : { REDIS_URL: `redis://127.0.0.1:${redis.port}` };
    const start = () => serveBuilt({ ...storage, EXAMPLES: 'true', WEBSOCKET_PORT: '0' });
    apps = [await start()];
    if (redis !== undefined) apps.push(await start());
    browser = await chromium.launch({ executablePath: executablePath as string, args: ['--no-sandbox'] });
    page = await browser.newPage();
  });
  afterAll(async () => {
    await browser?.close();
    for (const app of apps ?? []) await app.close();
    await redis?.stop();
  });

  it('shows the feed, decisions and agents as they come', async () => {
    const [app] = apps as [NestFastifyApplication];
    const faults: unknown[] = [];
    page.on('pageerror', (error) => faults.push(error));
    await page.goto(`${await urlOf(app)}/examples/live.html`);
    await page.waitForSelector('#feed-state.open');
    await page.waitForSelector('#socket-state.open');
    await publish('task:routing', 'routing_decision', { agent: 'claude', reason: '<b>long & winding</b>' });
    await publish('agent:status', 'agent_status', { agentId: 'a1', name: 'Ann', status: 'busy', load: 0.7 });
    await publish('agent:status', 'agent_status', { agentId: 'a1', name: 'Ann', status: 'idle', load: 0 });
    await page.waitForFunction("document.querySelector('#agents').innerText.includes('idle')");
    expect(await page.locator('#routing li').allInnerTexts()).toEqual([
      expect.stringContaining('claude: <b>long & winding</b>'),
    ]);
    expect(await page.locator('#agents tr').count()).toBe(1);
    await page.waitForFunction("document.querySelectorAll('#feed li').length === 3");
    expect(faults).toEqual([]);
  });

  it('a plain client in a page of another port, on the port of older routers, gets what is published', async () => {
    const [app] = apps as [NestFastifyApplication];
    // The page comes from the main port, the socket from another one.
    const url = `ws://localhost:${app.get(WebSockets).port}`;
    const heard = page.evaluate(`new Promise((resolve) => {
      const socket = new WebSocket('${url}');
      socket.onopen = () => socket.send('{"type":"subscribe","channel":"task:routing"}');
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        if (message.type === 'subscribed') window.isSubscribed = true;
        if (message.type === 'routing_decision') resolve(message);
      };
    })`);
    await page.waitForFunction('window.isSubscribed === true');
    await publish('task:routing', 'routing_decision', { taskId: 't', agent: 'gemini' });
    expect(await heard).toMatchObject({ type: 'routing_decision', payload: { taskId: 't', agent: 'gemini' } });
  });
});
