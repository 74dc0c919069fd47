// Clients of an event stream, in a separate process. Argument as JSON: { url, count, paused }. Prints a line when all are
// connected and, when its input ends, { arrivals: [[id, time]], delivered }: arrivals of events at a sample of the clients, and
// the number of events delivered to all of them.
import { Agent, get } from 'node:http';

const { url, count, paused } = JSON.parse(process.argv[2]);
const agent = new Agent({ maxSockets: Infinity });
/** Recording the arrivals of all clients would distort the measurement. */
const SAMPLED = 10;
const arrivals = [];
let delivered = 0;

const connect = (n) =>
  new Promise((resolve) => {
    get(`${url}/v1/events?channel=bench`, { agent, headers: { accept: 'text/event-stream' } }, (response) => {
      if (n >= count) {
        response.pause();
        return resolve();
      }
      let rest = '';
      response.setEncoding('latin1').on('data', (chunk) => {
        const time = performance.timeOrigin + performance.now();
        const blocks = (rest + chunk).split('\n\n');
        rest = blocks.pop();
        for (const block of blocks) {
          if (!block.includes('\ndata: ')) continue;
          delivered++;
          if (n % Math.ceil(count / SAMPLED) === 0) arrivals.push([block.slice(4, block.indexOf('\n')), time]);
        }
        resolve();
      });
    });
  });

await Promise.all(Array.from({ length: count + paused }, (_, n) => connect(n)));
process.stdout.write('ready\n');
process.stdin.resume().on('end', () => {
  process.stdout.write(`${JSON.stringify({ arrivals, delivered })}\n`, () => process.exit(0));
});
