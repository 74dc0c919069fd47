// Sends a fixed number of requests over a fixed number of connections, in a separate process, so that its CPU is not counted.
// Arguments as JSON: { url, method, paths, headers, body, requests, connections }, or { url, flow, … } for requests of
// which each needs the answer of the one before (flows.mjs). Prints { ms, failed } as JSON.
import { Agent, request } from 'node:http';
import { FLOWS } from './flows.mjs';

const { url, flow, method, paths, headers, body, requests, connections } = JSON.parse(process.argv[2]);
const agent = new Agent({ keepAlive: true, maxSockets: connections });
const { hostname, port } = new URL(url);
let failed = 0;

const send = (options, content, read) =>
  new Promise((resolve, reject) => {
    const call = request({ hostname, port, agent, ...options }, (answer) => {
      if (answer.statusCode >= 400) failed++;
      const chunks = [];
      answer.on('data', (chunk) => read && chunks.push(chunk));
      answer.on('end', () => resolve(read ? JSON.parse(Buffer.concat(chunks)) : undefined));
    });
    call.on('error', reject);
    call.end(content);
  });

const post = (path, value) =>
  send({ method: 'POST', path, headers: { 'content-type': 'application/json' } }, JSON.stringify(value), true);

/** The share of the requests that a connection sends, one after the other. */
async function run(connection) {
  if (flow !== undefined) return FLOWS[flow](post, connection, Math.ceil(requests / connections));
  for (let n = connection; n < requests; n += connections) {
    await send({ method, path: paths[n % paths.length], headers }, body, false);
  }
}

const started = performance.now();
await Promise.all(Array.from({ length: connections }, (_, connection) => run(connection)));
process.stdout.write(JSON.stringify({ ms: performance.now() - started, failed }));
agent.destroy();
