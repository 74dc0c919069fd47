import type { Command } from '../command-line/command.js';
import { EXIT } from '../command-line/exit-code.js';
import { inWords, opened, places, withPlaces, type OpenPlace } from './open-places.js';

export const exportCommand: Command = {
  name: 'export',
  summary: 'Write all state as lines of JSON',
  usage: 'waymark export [--from <place>] [--to <file>]',
  help: `Workflows with their history, tasks and queues, exactly as they are, for keeping a copy or for waymark import. A file is
there whole or not at all; the last line of the stream has counts, so that a cut is noticed.

  --from <place>         a data directory, http://<service>, redis://<host> or an .ndjson file; the service at --url by default
  --to <file>            stdout without it
  --namespace <prefix>   of the keys in Redis, instead of REDIS_NAMESPACE

A service with an ADMIN_TOKEN takes it from the environment.`,
  options: { from: { type: 'string' }, to: { type: 'string' }, namespace: { type: 'string' } },

  async run(given, terminal) {
    given.noWords();
    const { openSource, placeOf } = await places();
    const from = placeOf(given.text('from') ?? given.url);
    const options = { env: given.env, namespace: given.text('namespace'), token: given.env['ADMIN_TOKEN'] };
    const to = given.text('to');
    return inWords(terminal, () =>
      withPlaces([() => opened(from, openSource(from, options))], async (place) => {
        const { moving } = place as OpenPlace;
        if (to !== undefined) {
          const { writeFile } = await import('../../migration/write-file.js');
          const { lines, bytes, sha256 } = await writeFile(moving, to, () => undefined);
          terminal.note(`${lines} lines, ${bytes} bytes in ${to}, sha256 ${sha256}`);
          return EXIT.ok;
        }
        const { exportLines, KINDS } = await import('../../migration/export-stream.js');
        for await (const text of exportLines(moving, { view: 'records', kinds: KINDS }))
          await terminal.output.text(text);
        return EXIT.ok;
      }),
    );
  },
};
