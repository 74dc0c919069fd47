// Reads and decodes all rows of a data directory with lmdb alone, copies the bytes in them, and prints its CPU time.
import { open } from 'lmdb';
import { join } from 'node:path';

const SEALED = 0xc1;
const root = open({ path: join(process.argv[2], 'waymark.mdb'), noSubdir: true, maxDbs: 16, readOnly: true });
let rows = 0;
for (const name of Array.from(root.getKeys())) {
  const { encoder } = root;
  const decode = (bytes, size) =>
    encoder.decode(bytes, bytes[0] === SEALED ? { start: 1, end: size - 4 } : { start: 0, end: size });
  for (const _row of root.openDB({ name, encoder: { encode: () => undefined, decode } }).getRange()) rows++;
}
const { user, system } = process.cpuUsage();
process.stdout.write(JSON.stringify({ rows, cpu: (user + system) / 1e6 }));
process.exit(0);
