import { closeSync, createReadStream, existsSync, openSync, statSync, writeSync } from 'node:fs';
import { ON_CONFLICT } from '../../engine/moving/arrival.js';
import { type Command, EXIT } from '../command-line/command.js';
import { describePlace, type Place } from '../../migration/place.js';
import type { OpenPlace } from '../../migration/places.js';
import { type Given, UsageError } from '../command-line/given.js';
import { announce, placeGiven } from '../command-line/place-given.js';
import { ProgressBar } from '../command-line/progress-bar.js';
import { keyringFor, places, tokenFor, withPlaces } from './open-places.js';

const MAX_LINE_BYTES = 512 * 1024 * 1024;
const MAX_PROBLEMS_SHOWN = 100;

export const importCommand: Command = {
  name: 'import',
  summary: 'Load what waymark export has written',
  usage:
    'waymark import [--from <file>] [--to <place>] [--on-conflict skip|newer|fail] [--dry-run] [--problems <file>]',
  help: `Loads record by record, each completely or not at all; a repeat changes nothing. Without the header of an export nothing is
loaded. Invalid lines are reported by number and skipped; then, or if the export was cut, the exit code is 1. Sealed
lines are opened with TOKEN_ENCRYPTION_KEY or TOKEN_ENCRYPTION_OLD_KEYS.

  --from <file>          default: stdin
  --to <place>           http://<service>, redis://<host> or a data directory that no service uses; default: the service at
                         --url
  --on-conflict <what>   if the target has another record under an id: skip (keep it), newer (the later one wins) or fail
                         (keep it, report it, exit 1); default: fail
  --dry-run              report only, change nothing
  --problems <file>      write all problems to this file as JSON lines; stderr shows the first 100
  --namespace <prefix>   prefix of the keys in Redis; default: REDIS_NAMESPACE
  --quiet                no progress on stderr`,
  example: 'import --from backup.ndjson --dry-run',
  use: 'operate',
  texts: ['from', 'to', 'on-conflict', 'namespace', 'problems'],
  flags: ['dry-run', 'quiet'],

  async run(given, terminal) {
    const onConflict = given.oneOf('on-conflict', ON_CONFLICT) ?? 'fail';
    const isDryRun = given.flag('dry-run');
    const to = placeGiven(given, 'to', ['redis', 'service', 'directory'], given.text('to') ?? given.url);
    const from = sourceOf(given);
    terminal.note(`from: ${from === undefined ? 'stdin' : describePlace(from)}`);
    announce(terminal, 'to:  ', to, given);
    const listed = given.text('problems');
    const list = listed === undefined ? undefined : openSync(listed, 'w', 0o600);
    const { openTarget } = await places();
    const options = { env: given.env, namespace: given.text('namespace'), token: tokenFor(given, to) };
    const run = async ({ moving }: OpenPlace) => {
      const { Importer } = await import('../../migration/importer.js');
      const { readLines } = await import('../../migration/read-lines.js');
      const bar = new ProgressBar(terminal, { isQuiet: given.flag('quiet') });
      let shown = 0;
      // No limit for the size of states here: the target checks it.
      const importer = new Importer(moving, {
        onConflict,
        isDryRun,
        keyring: await keyringFor(given),
        onProblem: ({ line, message }) => {
          if (list !== undefined) writeSync(list, `${JSON.stringify({ line, message })}\n`);
          if (++shown <= MAX_PROBLEMS_SHOWN) terminal.note(`line ${line}: ${message}`);
        },
      });
      bar.begin('import', from === undefined ? 0 : statSync(from.text).size, 'bytes');
      const bytes = from === undefined ? terminal.input : createReadStream(from.text);
      const report = await importer.take(readLines(counted(bytes, bar), MAX_LINE_BYTES)).finally(() => bar.clear());
      const { counts, lines, problemCount, isComplete, damaged } = report;
      await terminal.output.line(
        JSON.stringify({ ...counts, lines, problems: problemCount, damaged, complete: isComplete }),
      );
      const hidden = problemCount - MAX_PROBLEMS_SHOWN;
      const where = listed === undefined ? '--problems <file> lists all' : `${listed} lists all`;
      if (hidden > 0) terminal.note(`${hidden} more problems are not shown; ${where}`);
      if (problemCount === 0 && isComplete) return EXIT.ok;
      terminal.note(
        `waymark: the import is not complete: ${isComplete ? `${problemCount} problems` : 'the export was cut, or lines are missing'}`,
      );
      return EXIT.failed;
    };
    try {
      return await withPlaces(terminal, [[to, () => openTarget(to, options)]], run);
    } finally {
      if (list !== undefined) closeSync(list);
    }
  },
};

/** Undefined for stdin. @throws UsageError for a file that does not exist, before the target is opened */
function sourceOf(given: Given): Place | undefined {
  const text = given.text('from');
  if (text === undefined || text === '-') return undefined;
  if (!existsSync(text)) throw new UsageError(`--from ${text}: there is no such file`);
  return placeGiven(given, 'from', ['file']);
}

async function* counted(chunks: AsyncIterable<Uint8Array>, bar: ProgressBar): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    bar.add(chunk.length);
    yield chunk;
  }
}
