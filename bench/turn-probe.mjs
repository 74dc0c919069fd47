// Preloaded into the measured service. Answers each message of the parent process with the longest turn of the event
// loop since the last message: CPU time of the main thread between two runs of a timer. CPU time hardly depends on what
// else runs on the machine.
import { openSync, readSync } from 'node:fs';

const INTERVAL_MS = 1;

const file = openSync('/proc/thread-self/schedstat');
const buffer = Buffer.alloc(64);
let longest = 0;
let last = cpuMs();

function cpuMs() {
  const length = readSync(file, buffer, 0, buffer.length, 0);
  return Number.parseInt(buffer.latin1Slice(0, length), 10) / 1e6;
}

function look() {
  const now = cpuMs();
  longest = Math.max(longest, now - last);
  last = now;
}

setInterval(look, INTERVAL_MS).unref();
process.on('message', () => {
  look();
  process.send(longest);
  longest = 0;
});
process.channel.unref();
