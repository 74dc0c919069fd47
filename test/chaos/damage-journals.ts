import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, open, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fastDirectory } from '../support/fast-directory.js';

const PROGRAM = new URL('./damaged-journal.mjs', import.meta.url).pathname;
const FILE = 'waymark.mdb';
const PAGE_BYTES = 4096;

interface Answer {
  readonly digests?: readonly string[];
  readonly records?: readonly string[];
  readonly refused?: string;
  readonly name?: string;
  readonly stack?: string;
}

export interface DamageReport {
  /** Damages after which a start restores exactly what was written. */
  readonly harmless: number;
  /** Damages that end the start with file, place and remedy. */
  readonly refused: number;
  readonly kinds: Readonly<Record<string, number>>;
  /** Refused journals that were repaired. */
  readonly repairs: number;
  /** Repairs that found nothing, and the mean share of records that the others saved. */
  readonly unreadable: number;
  readonly savedShare: number;
  /** One sentence each; none on a correct journal. */
  readonly violations: readonly string[];
}

/** A process that reads journals; a new one after it was ended by a signal. */
class Reader {
  #child: ChildProcess | undefined;
  #lines: AsyncIterator<string> | undefined;

  constructor(private readonly sources: string) {}

  /** Undefined if the process has ended. */
  async ask(command: object): Promise<Answer | undefined> {
    if (this.#child === undefined) {
      this.#child = spawn(process.execPath, [PROGRAM, this.sources], { stdio: ['pipe', 'pipe', 'inherit'] });
      this.#lines = createInterface(this.#child.stdout as NodeJS.ReadableStream)[Symbol.asyncIterator]();
    }
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await (this.#lines as AsyncIterator<string>).next();
    if (done !== true) return JSON.parse(value) as Answer;
    this.#child = undefined;
    return undefined;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}

/** Seeded (mulberry32), so that a damage can be repeated. */
function randomFrom(seed: number): (below: number) => number {
  let state = Math.imul(seed, 0x9e3779b1);
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Damages the file; returns the kind and a description. */
async function damage(path: string, seed: number): Promise<readonly [kind: string, what: string]> {
  const random = randomFrom(seed);
  const { size } = await stat(path);
  const pages = Math.floor(size / PAGE_BYTES);
  const chance = random(100);
  if (chance < 1) {
    await writeFile(path, '');
    return ['empty', 'made empty'];
  }
  if (chance < 12) {
    const bytes = random(2) === 0 ? random(size) : random(pages) * PAGE_BYTES;
    await truncate(path, bytes);
    return ['cut', `cut to ${bytes}`];
  }
  const file = await open(path, 'r+');
  try {
    if (chance < 27) {
      const page = random(10) === 0 ? random(2) : random(pages);
      await file.write(Buffer.alloc(PAGE_BYTES), 0, PAGE_BYTES, page * PAGE_BYTES);
      return ['zeroed', `page ${page} zeroed`];
    }
    // Most damages hit where the structure is: the root pages, and the beginnings of pages.
    const at =
      chance < 45
        ? random(2) * PAGE_BYTES + random(168)
        : chance < 75
          ? random(pages) * PAGE_BYTES + random(80)
          : random(size);
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    const bit = random(8);
    byte[0] = (byte[0] as number) ^ (1 << bit);
    await file.write(byte, 0, 1, at);
    return ['flip', `bit ${bit} of byte ${at % PAGE_BYTES} of page ${Math.floor(at / PAGE_BYTES)} flipped`];
  } finally {
    await file.close();
  }
}

/** Damages copies of journals, one damage each, starts on them, and repairs those of every `repairsEach`-th seed. */
export async function damageJournals(
  sources: string,
  seeds: readonly number[],
  repairsEach: number,
): Promise<DamageReport> {
  const folder = await fastDirectory('waymark-damage-');
  const reader = new Reader(sources);
  const kinds: Record<string, number> = {};
  const violations: string[] = [];
  let [harmless, refused, repairs, unreadable, share] = [0, 0, 0, 0, 0];
  try {
    const originals: string[] = [];
    for (const stays of [false, true]) {
      const made = join(folder, stays ? 'killed' : 'closed');
      await reader.ask({ make: made, stays });
      await reader.end('SIGKILL');
      originals.push(made);
    }
    const expected: (readonly string[] | undefined)[] = [];
    const originalRecords: ReadonlySet<string>[] = [];
    const copied = join(folder, 'copy');
    const copy = async (from: string) => {
      await rm(copied, { recursive: true, force: true });
      await mkdir(copied);
      for (const file of [FILE, `${FILE}-kept`]) await copyFile(join(from, file), join(copied, file));
    };
    for (const original of originals) {
      await copy(original);
      const answer = await reader.ask({ read: copied });
      if (answer?.digests?.[0] === undefined || answer.digests[1] !== answer.digests[0]) {
        violations.push(`${original} itself: ${JSON.stringify(answer)}`);
      }
      expected.push(answer?.digests);
      originalRecords.push(new Set(answer?.records));
    }
    for (const seed of seeds) {
      const which = seed % originals.length;
      await copy(originals[which] as string);
      const [kind, what] = await damage(join(copied, FILE), seed);
      kinds[kind] = (kinds[kind] ?? 0) + 1;
      const answer = await reader.ask({ read: copied });
      if (answer === undefined) violations.push(`seed ${seed}: ${what}: the process was ended`);
      else if (answer.digests !== undefined) {
        if (JSON.stringify(answer.digests) === JSON.stringify(expected[which])) harmless++;
        else violations.push(`seed ${seed}: ${what}: other content`);
      } else if (answer.name === 'DamagedJournalError' && answer.refused?.startsWith(join(copied, FILE)) === true) {
        refused++;
        if (seed % repairsEach !== 0) continue;
        repairs++;
        const to = join(folder, 'repaired');
        await rm(to, { recursive: true, force: true });
        const repaired = await reader.ask({ repair: { from: copied, to } });
        const known = originalRecords[which] as ReadonlySet<string>;
        if (repaired === undefined) violations.push(`seed ${seed}: ${what}: the repair was ended`);
        else if (repaired.records === undefined) {
          if (repaired.refused?.startsWith(`${join(copied, FILE)} has nothing that can be read`) === true) unreadable++;
          else violations.push(`seed ${seed}: ${what}: repair: ${repaired.stack ?? repaired.refused ?? ''}`);
        } else if (!repaired.records.every((record) => known.has(record))) {
          violations.push(`seed ${seed}: ${what}: other records after the repair`);
        } else share += repaired.records.length / known.size;
      } else violations.push(`seed ${seed}: ${what}: ${answer.stack ?? answer.refused ?? ''}`);
    }
  } finally {
    await reader.end('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
  return { harmless, refused, kinds, repairs, unreadable, savedShare: share / (repairs - unreadable), violations };
}
