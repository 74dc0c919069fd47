// How long one request holds up the others: its longest turn of the event loop, and its longest command of Redis.
import { bombsOf, randomBomb } from './bombs.mjs';
import { startTarget } from './stall-target.mjs';

export const DEFAULT_STATE_BYTES = 1_048_576;

/** Milliseconds: of the event loop, and of Redis. */
export const targetsOf = (maxStateBytes) =>
  maxStateBytes > DEFAULT_STATE_BYTES ? { loop: 1000, redis: 1000 } : { loop: 100, redis: 50 };

export async function benchStalls({ engines, rounds, random, maxStateBytes = DEFAULT_STATE_BYTES, only = [] }) {
  const rows = [];
  const bombs = Object.entries(bombsOf(maxStateBytes)).filter(
    ([name]) => only.length === 0 || only.some((word) => name.toLowerCase().includes(word)),
  );
  for (let seed = 1; seed <= random; seed++) bombs.push([`random patch ${seed}`, randomBomb(seed)]);
  for (const engine of engines) {
    const target = await startTarget(engine, maxStateBytes);
    const ofEngine = [];
    for (const [name, bomb] of bombs) {
      const tries = [];
      for (let round = 0; round < rounds; round++) tries.push(await target.measure(bomb));
      ofEngine.push({ engine, name, maxStateBytes, ...summaryOf(tries) });
    }
    await target.stop();
    printStalls(`Stalls, ${engine}, MAX_STATE_BYTES ${maxStateBytes}`, ofEngine, maxStateBytes);
    rows.push(...ofEngine);
  }
  return rows;
}

/** Noise of the machine only adds, so the least of several tries is what the request costs. */
export function summaryOf(tries) {
  const least = (key) => Math.min(...tries.map((one) => one[key]));
  const worst = (key) => Math.max(...tries.map((one) => one[key]));
  const { status, sent, answered } = tries.at(-1);
  return {
    turn: least('turn'),
    worstTurn: worst('turn'),
    wait: least('wait'),
    worstWait: worst('wait'),
    held: least('held'),
    worstHeld: worst('held'),
    took: least('took'),
    status,
    sent,
    answered,
  };
}

export const scoreOf = ({ turn, held }, { loop, redis }) => Math.max(turn / loop, held / redis);

export function printStalls(title, rows, maxStateBytes) {
  const targets = targetsOf(maxStateBytes);
  const shown = rows.toSorted((a, b) => scoreOf(b, targets) - scoreOf(a, targets));
  const over = rows.filter((row) => scoreOf(row, targets) > 1).length;
  const lines = [
    `\n${title}: ${rows.length} requests, ${over} above target (loop ${targets.loop} ms, Redis ${targets.redis} ms); ms, least–worst of the tries`,
    `  ${'request'.padEnd(46)} ${'loop, CPU'.padStart(11)} ${'neighbour'.padStart(11)} ${'Redis'.padStart(11)} status     sent`,
    ...shown.slice(0, 10).map((row) => {
      const span = (least, worst) => `${least.toFixed(0)}–${worst.toFixed(0)}`.padStart(11);
      return (
        `${scoreOf(row, targets) > 1 ? '!' : ' '} ${row.name.padEnd(46)} ${span(row.turn, row.worstTurn)} ` +
        `${span(row.wait, row.worstWait)} ${span(row.held, row.worstHeld)} ${String(row.status).padStart(6)} ${String(row.sent).padStart(8)}`
      );
    }),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
