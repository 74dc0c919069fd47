// Searches for the requests that hold up the others longest. A request is made from a tape of numbers, so that a change
// of one number changes one choice: its kind, a shape, a size, an operation. The best tapes of each kind are changed
// and tried again. A seed repeats the order of the trials, as far as they are judged equally.
import { KINDS } from './stall-kinds.mjs';
import { startTarget } from './stall-target.mjs';
import { printStalls, scoreOf, summaryOf, targetsOf } from './stalls.mjs';

const TAPE = 24;
const KEPT = 4;
/** Tries that confirm what looks worse than all of its kind. */
const TRIES = 3;

export async function searchStalls({ engines, seed, minutes, maxStateBytes, perByte = false, only = [] }) {
  const rows = [];
  for (const engine of engines) {
    const found = await search(engine, { seed, minutes, maxStateBytes, perByte, only });
    printStalls(
      `Search of ${minutes} min, ${engine}, seed ${seed}, MAX_STATE_BYTES ${maxStateBytes}`,
      found,
      maxStateBytes,
    );
    rows.push(...found);
  }
  return rows;
}

async function search(engine, { seed, minutes, maxStateBytes, perByte, only }) {
  const random = randomOf(seed);
  const targets = targetsOf(maxStateBytes);
  const limits = { full: maxStateBytes - 600, several: Math.max(4 * 1024 * 1024, 2 * maxStateBytes) - 1000 };
  const kinds = Object.keys(KINDS).filter((kind) => only.length === 0 || only.includes(kind));
  const best = new Map(kinds.map((kind) => [kind, []]));
  const target = await startTarget(engine, maxStateBytes);
  const valueOf = (row) => scoreOf(row, targets) / (perByte ? row.sent + 1024 : 1);
  const until = performance.now() + minutes * 60_000;
  let trials = 0;
  let refused = 0;
  while (performance.now() < until) {
    const kind = kinds[trials++ % kinds.length];
    const kept = best.get(kind);
    const tape = nextTape(random, kept);
    const bomb = bombOf(kind, tape, limits);
    try {
      const tries = [await target.measure(bomb)];
      const least = kept.length < KEPT ? 0 : kept.at(-1).value;
      while (tries.length < TRIES && valueOf(summaryOf(tries)) > least) tries.push(await target.measure(bomb));
      const row = { engine, name: `${kind} #${trials}`, maxStateBytes, tape, ...summaryOf(tries) };
      kept.push({ tape, row, value: valueOf(row) });
      kept.sort((a, b) => b.value - a.value);
      kept.length = Math.min(kept.length, KEPT);
    } catch (error) {
      // A state that the bomb needs is refused.
      refused++;
      if (error.cause !== undefined) throw error;
    }
  }
  await target.stop();
  process.stdout.write(`\n${trials} trials, ${refused} of them without the states that they need\n`);
  return [...best.values()].flatMap((kept) => kept.slice(0, 2).map(({ row }) => row));
}

/** New, or one of the best with some numbers changed a little, some anew, or with an end of another one. */
function nextTape(random, kept) {
  if (kept.length === 0 || random() < 0.3) return Array.from({ length: TAPE }, random);
  const pick = () => kept[Math.floor(random() * kept.length)].tape;
  const tape = [...pick()];
  if (random() < 0.3) {
    const other = pick();
    const from = Math.floor(random() * TAPE);
    for (let i = from; i < TAPE; i++) tape[i] = other[i];
  }
  for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes--) {
    const at = Math.floor(random() * TAPE);
    tape[at] = random() < 0.5 ? random() : Math.min(0.999, Math.max(0, tape[at] + (random() - 0.5) / 5));
  }
  return tape;
}

/** The request of a tape; the tape is read again from its start when it ends. */
export function bombOf(kind, tape, limits) {
  let at = 0;
  const part = () => tape[at++ % tape.length];
  const whole = (from, to) => from + Math.floor(part() * (to - from + 1));
  return KINDS[kind](
    {
      part,
      whole,
      one: (choices) => choices[whole(0, choices.length - 1)],
      /** From 1 to `max`, small and large sizes alike; often nearly `max`. */
      size: (max) => Math.max(1, Math.floor(max ** Math.min(1, part() * 1.5) * 0.999)),
    },
    limits,
  );
}

function randomOf(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
