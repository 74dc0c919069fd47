import type { ClusterNodes } from '../support/redis-kinds/cluster.js';

/** Moves the slot of a hash tag to the next master, key by key, `times` times. */
export async function migrateSlots({ masters, admin }: ClusterNodes, tag: string, times: number): Promise<void> {
  const ports = masters.map(({ port }) => port);
  const ids = await Promise.all(ports.map((port) => admin(port).call('CLUSTER', 'MYID').then(String)));
  const slot = String(await admin(ports[0] as number).call('CLUSTER', 'KEYSLOT', `{${tag}}`));
  let from = Math.floor((Number(slot) * ports.length) / 16_384);
  for (let move = 0; move < times; move++) {
    const to = (from + 1) % ports.length;
    const [source, target] = [admin(ports[from] as number), admin(ports[to] as number)];
    await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[from] as string);
    await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[to] as string);
    for (;;) {
      const keys = (await source.call('CLUSTER', 'GETKEYSINSLOT', slot, '10')) as string[];
      if (keys.length === 0) break;
      await source.call('MIGRATE', '127.0.0.1', String(ports[to]), '', '0', '5000', 'KEYS', ...keys);
    }
    for (const port of [ports[to], ports[from], ...ports.filter((_, i) => i !== from && i !== to)])
      await admin(port as number).call('CLUSTER', 'SETSLOT', slot, 'NODE', ids[to] as string);
    from = to;
  }
}
