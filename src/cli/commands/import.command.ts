import { createReadStream } from 'node:fs';
import { ON_CONFLICT } from '../../engine/moving/arrival.js';
import { type Command, EXIT } from '../command-line/command.js';
import { keyringFor, places, tokenFor, withPlaces } from './open-places.js';

const MAX_LINE_BYTES = 512 * 1024 * 1024;

export const importCommand: Command = {
  name: 'import',
  summary: 'Load what waymark export has written',
  usage: 'waymark import [--from <file>] [--to <place>] [--on-conflict skip|newer|fail] [--dry-run]',
  help: `Loads record by record, each completely or not at all; a repeat changes nothing. Invalid lines are reported by number and
skipped. Sealed lines are opened with TOKEN_ENCRYPTION_KEY or TOKEN_ENCRYPTION_OLD_KEYS.

  --from <file>          default: stdin
  --to <place>           http://<service>, redis://<host> or a data directory that no service uses; default: the service at
                         --url
  --on-conflict <what>   if the target has another record under an id: skip (keep it), newer (the later one wins) or fail
                         (keep it, report it, exit 1); default: fail
  --dry-run              report only, change nothing
  --namespace <prefix>   prefix of the keys in Redis; default: REDIS_NAMESPACE`,
  example: 'import --from backup.ndjson --dry-run',
  use: 'operate',
  texts: ['from', 'to', 'on-conflict', 'namespace'],
  flags: ['dry-run'],

  async run(given, terminal) {
    const onConflict = given.oneOf('on-conflict', ON_CONFLICT) ?? 'fail';
    const isDryRun = given.flag('dry-run');
    const { openTarget, placeOf } = await places();
    const to = placeOf(given.text('to') ?? given.url);
    const from = given.text('from');
    const options = { env: given.env, namespace: given.text('namespace'), token: tokenFor(given, to) };
    return withPlaces(terminal, [[to, () => openTarget(to, options)]], async ({ moving }) => {
      const { Importer } = await import('../../migration/importer.js');
      const { readLines } = await import('../../migration/read-lines.js');
      // No limit for the size of states here: the target checks it.
      const importer = new Importer(moving, { onConflict, isDryRun, keyring: await keyringFor(given) });
      const bytes = from === undefined ? terminal.input : createReadStream(from);
      const report = await importer.take(readLines(bytes, MAX_LINE_BYTES));
      const { counts, lines, problems, problemCount, isComplete } = report;
      await terminal.output.line(JSON.stringify({ ...counts, lines, problems: problemCount }));
      for (const { line, message } of problems) terminal.note(`line ${line}: ${message}`);
      const hidden = problemCount - problems.length;
      if (hidden > 0) terminal.note(`${hidden} more problems are not shown`);
      return problemCount === 0 && isComplete ? EXIT.ok : EXIT.failed;
    });
  },
};
