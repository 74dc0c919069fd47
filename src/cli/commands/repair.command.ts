import { type Command, EXIT } from '../command-line/command.js';
import { placeGiven } from '../command-line/place-given.js';

const MAX_SHOWN = 100;

export const repairCommand: Command = {
  name: 'repair',
  summary: 'Save what is whole in a damaged data directory',
  usage: 'waymark repair --from <directory> --to <directory> [--json]',
  help: `Reads the journal of a damaged data directory, and writes every record whose checksum is right into a new directory. The
damaged one is never changed. A workflow without its current version and a task without its payload are left out, and named.
Serve the new directory (DATA_DIR), or read it with waymark export or waymark migrate. Exits with 1 if anything is lost.

  --from <directory>     data directory that no service uses
  --to <directory>       new or empty directory; a new one has a / in its path, such as ./repaired
  --json                 print one JSON object: saved, lost, incomplete, damages, damageCount, isBeforeLast, isMoved`,
  example: 'repair --from ./data --to ./repaired',
  isWithoutService: true,
  texts: ['from', 'to'],
  flags: ['json'],

  async run(given, terminal) {
    const [{ text: from }, { text: to }] = [
      placeGiven(given, 'from', ['directory']),
      placeGiven(given, 'to', ['directory']),
    ];
    // Loaded lazily: the other commands need no journal.
    const { repairJournal } = await import('../../engine/memory/journal/repair-journal.js');
    let repaired: Awaited<ReturnType<typeof repairJournal>>;
    try {
      repaired = await repairJournal(from, to);
    } catch (error) {
      terminal.note(`waymark: ${error instanceof Error ? error.message : String(error)}`);
      return EXIT.failed;
    }
    const { saved, lost, incomplete, damages, damageCount, isBeforeLast, isMoved } = repaired;
    const isWhole = damageCount === 0;
    if (given.flag('json')) await terminal.output.line(JSON.stringify(repaired));
    else {
      const list = (title: string, lines: readonly string[], count = lines.length) => {
        for (const line of lines.slice(0, MAX_SHOWN)) terminal.note(`${title}: ${line}`);
        if (count > MAX_SHOWN) terminal.note(`${title}: ${count - MAX_SHOWN} more`);
      };
      list('damaged', damages, damageCount);
      list('left out', incomplete);
      if (isBeforeLast) terminal.note('the last transaction cannot be read: this is the state before it');
      if (isMoved) terminal.note(`warning: the state of ${from} was moved elsewhere before, so it is outdated`);
      const counts = Object.entries(saved).map(([name, count]) => `${count} ${name}`);
      await terminal.output.line(`saved in ${to}: ${counts.join(', ') || 'nothing'}`);
      const losses = Object.entries(lost).map(([name, count]) => `${count} ${name}`);
      if (losses.length > 0) await terminal.output.line(`lost: ${losses.join(', ')}`);
      else if (isWhole) await terminal.output.line('nothing is damaged');
    }
    return isWhole ? EXIT.ok : EXIT.failed;
  },
};
