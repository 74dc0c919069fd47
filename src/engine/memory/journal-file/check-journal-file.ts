import { existsSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Damage, DamagedJournalError } from './damaged-journal.error.js';
import { hadContent } from './content-marker.js';
import { JournalWalk, type JournalLayout } from './journal-walk.js';
import { PageFile, readUInt64, type Meta } from './page-file.js';

/** Pages that are checked in one turn of the event loop. */
const PAGES_PER_TURN = 500;
const MAX_MAP_BYTES = 2 ** 46;

/** A root page whose transaction differs from that of its tree was damaged, and an older state could be taken for the current. */
export function checkTransaction(file: PageFile, { page, main, transaction }: Meta): void {
  if (main.root === undefined) return;
  const root = Buffer.alloc(file.pageBytes);
  file.read(main.root, root);
  if (readUInt64(root, 0) === main.root && readUInt64(root, 8) === transaction) return;
  throw new Damage(`page ${page}, a root page`, `its tree is not of its transaction ${transaction}`);
}

/**
 * Checks the file before lmdb opens it, since lmdb ends the process without a message at a damaged page, and serves a damaged
 * value. Returns false if another process writes to the file meanwhile: the check must be repeated then, by the owner of the
 * directory, or with `isPinned` by a process that has a read transaction open, which keeps the pages from being reused.
 * @throws DamagedJournalError
 */
export function checkJournalFile(path: string, layout: JournalLayout, isPinned = false): boolean {
  const steps = checking(path, layout, isPinned);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The same in turns of the event loop. `progress` is told the share of the file that is checked. @throws DamagedJournalError */
export async function checkJournalFileInTurns(
  path: string,
  layout: JournalLayout,
  progress: (share: number) => void,
): Promise<boolean> {
  const steps = checking(path, layout, false);
  for (let pages = 1; ; pages++) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (pages % PAGES_PER_TURN !== 0) continue;
    progress(step.value);
    await nextTurn();
  }
}

function* checking(path: string, layout: JournalLayout, isPinned: boolean): Generator<number, boolean> {
  if (!existsSync(path)) {
    if (!hadContent(path)) return true;
    throw new DamagedJournalError(
      path,
      { place: 'the file', why: 'it is missing, and once had content' },
      layout.remedy,
    );
  }
  const file = new PageFile(path);
  let before: number | undefined;
  try {
    if (file.bytes === 0) {
      if (hadContent(path)) throw new Damage('the file', 'it is empty, and once had content');
      return true;
    }
    const metas = file.metas();
    before = metas[0].transaction;
    for (const meta of metas) {
      if (meta.mapBytes > MAX_MAP_BYTES)
        throw new Damage(`page ${meta.page}, a root page`, 'its size of the map is too large');
      checkTransaction(file, meta);
    }
    yield* new JournalWalk(file, metas[0], layout).steps();
    return true;
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    if (!isPinned && wasWritten(file, before)) return false;
    throw new DamagedJournalError(path, error, layout.remedy, { cause: error });
  } finally {
    file.close();
  }
}

/** Pages of a transaction may be written over only after the next but one. */
function wasWritten(file: PageFile, before: number | undefined): boolean {
  try {
    return before !== undefined && file.metas()[0].transaction !== before;
  } catch {
    return false;
  }
}
