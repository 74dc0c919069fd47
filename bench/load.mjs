// Sends a fixed number of requests over a fixed number of connections, in a separate process, so that its CPU is not counted.
// Arguments as JSON: { url, method, paths, headers, body, requests, connections }. Prints { ms, failed } as JSON.
import { Agent, request } from 'node:http';

const { url, method, paths, headers, body, requests, connections } = JSON.parse(process.argv[2]);
const agent = new Agent({ keepAlive: true, maxSockets: connections });
const { hostname, port } = new URL(url);
let failed = 0;

const once = (n) =>
  new Promise((resolve, reject) => {
    const path = paths[n % paths.length];
    const call = request({ hostname, port, path, method, headers, agent }, (answer) => {
      if (answer.statusCode >= 400) failed++;
      answer.resume();
      answer.on('end', resolve);
    });
    call.on('error', reject);
    call.end(body);
  });

const started = performance.now();
// Each connection sends its requests one after the other.
await Promise.all(
  Array.from({ length: connections }, async (_, connection) => {
    for (let n = connection; n < requests; n += connections) await once(n);
  }),
);
process.stdout.write(JSON.stringify({ ms: performance.now() - started, failed }));
agent.destroy();
