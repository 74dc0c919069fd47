import { createReadStream } from 'node:fs';
import { ON_CONFLICT } from '../../engine/moving/arrival.js';
import type { Command } from '../command-line/command.js';
import { EXIT } from '../command-line/exit-code.js';
import { inWords, opened, places, withPlaces, type OpenPlace } from './open-places.js';

const LONGEST_LINE = 512 * 1024 * 1024;

export const importCommand: Command = {
  name: 'import',
  summary: 'Take in what waymark export has written',
  usage: 'waymark import [--from <file>] [--to <place>] [--on-conflict skip|newer|fail] [--dry-run]',
  help: `Record by record, each whole or not at all; a second time does nothing. Lines that are wrong are told by their numbers.

  --from <file>            stdin without it
  --to <place>             http://<service>, redis://<host> or a data directory that no service uses; the service at --url
                           by default
  --on-conflict <what>     when something else is there under an id: skip keeps it, newer lets the later one win, fail (the
                           default) keeps it, tells, and ends with 1
  --dry-run                only say what would happen
  --namespace <prefix>     of the keys in Redis, instead of REDIS_NAMESPACE

A service with an ADMIN_TOKEN takes it from the environment.`,
  options: {
    from: { type: 'string' },
    to: { type: 'string' },
    'on-conflict': { type: 'string' },
    'dry-run': { type: 'boolean' },
    namespace: { type: 'string' },
  },

  async run(given, terminal) {
    given.noWords();
    const onConflict = given.oneOf('on-conflict', ON_CONFLICT) ?? 'fail';
    const isDryRun = given.flag('dry-run');
    const { openTarget, placeOf } = await places();
    const to = placeOf(given.text('to') ?? given.url);
    const from = given.text('from');
    const options = { env: given.env, namespace: given.text('namespace'), token: given.env['ADMIN_TOKEN'] };
    return inWords(terminal, () =>
      withPlaces([() => opened(to, openTarget(to, options))], async (place) => {
        const { Import } = await import('../../migration/import-stream.js');
        const { readLines } = await import('../../migration/read-lines.js');
        // The target has its own limit, and says so.
        const limits = { maxStateBytes: Number.POSITIVE_INFINITY };
        const taking = new Import((place as OpenPlace).moving, { onConflict, isDryRun, ...limits });
        const bytes = from === undefined ? terminal.input : createReadStream(from);
        const report = await taking.take(readLines(bytes, LONGEST_LINE));
        await terminal.output.line(
          JSON.stringify({ ...report.counts, lines: report.lines, problems: report.problemCount }),
        );
        for (const { line, message } of report.problems) terminal.note(`line ${line}: ${message}`);
        return report.problemCount === 0 && report.isComplete ? EXIT.ok : EXIT.failed;
      }),
    );
  },
};
