// A client of its own process that reads one tiny workflow again and again. Prints, for each line on its input, the
// longest wait since the last line.
import { createInterface } from 'node:readline';
import { Agent, request } from 'node:http';

const url = process.argv[2];
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
let longest = 0;
let startedAt = performance.now();

function read() {
  startedAt = performance.now();
  const sent = request(url, { agent }, (response) => {
    response.resume();
    response.once('end', () => {
      longest = Math.max(longest, performance.now() - startedAt);
      setTimeout(read, 1);
    });
  });
  sent.once('error', () => setTimeout(read, 10));
  sent.end();
}

read();
createInterface({ input: process.stdin }).on('line', () => {
  const waiting = performance.now() - startedAt;
  process.stdout.write(`${Math.max(longest, waiting)}\n`);
  longest = 0;
});
