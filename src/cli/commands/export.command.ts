import { type Command, EXIT } from '../command-line/command.js';
import { withoutStack, opened, places, withPlaces, type OpenPlace } from './open-places.js';

export const exportCommand: Command = {
  name: 'export',
  summary: 'Write all state as JSON lines',
  usage: 'waymark export [--from <place>] [--to <file>]',
  help: `Writes workflows with their history, tasks and queues, unchanged, as a backup or for waymark import. A file appears complete
or not at all; the last line of the stream has counts, so that a truncated copy is detected.

  --from <place>         data directory, http://<service>, redis://<host> or .ndjson file; default: the service at --url
  --to <file>            default: stdout
  --namespace <prefix>   prefix of the keys in Redis; default: REDIS_NAMESPACE

ADMIN_TOKEN is sent to a service that requires one.`,
  example: 'export --from ./data --to backup.ndjson',
  options: { from: { type: 'string' }, to: { type: 'string' }, namespace: { type: 'string' } },

  async run(given, terminal) {
    given.noWords();
    const { openSource, placeOf } = await places();
    const from = placeOf(given.text('from') ?? given.url);
    const options = { env: given.env, namespace: given.text('namespace'), token: given.env['ADMIN_TOKEN'] };
    const to = given.text('to');
    return withoutStack(terminal, () =>
      withPlaces([() => opened(from, openSource(from, options))], async (place) => {
        const { moving } = place as OpenPlace;
        if (to !== undefined) {
          const { writeFile } = await import('../../migration/write-file.js');
          const { lines, bytes, sha256 } = await writeFile(moving, to, () => undefined);
          terminal.note(`${lines} lines, ${bytes} bytes in ${to}, sha256 ${sha256}`);
          return EXIT.ok;
        }
        const { exportLines, KINDS } = await import('../../migration/export-lines.js');
        for await (const text of exportLines(moving, { view: 'records', kinds: KINDS }))
          await terminal.output.text(text);
        return EXIT.ok;
      }),
    );
  },
};
