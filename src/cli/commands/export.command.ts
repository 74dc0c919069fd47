import { type Command, EXIT } from '../command-line/command.js';
import { places, tokenFor, withPlaces } from './open-places.js';

export const exportCommand: Command = {
  name: 'export',
  summary: 'Write all state as JSON lines',
  usage: 'waymark export [--from <place>] [--to <file>] [--without-access]',
  help: `Writes workflows with their history, tasks and queues, unchanged, as a backup or for waymark import. A file appears complete
or not at all; the last line of the stream has counts, so that a truncated copy is detected.

  --from <place>         data directory, http://<service>, redis://<host> or .ndjson file; default: the service at --url
  --to <file>            default: stdout
  --without-access       leave out keys, tenants and other records of the service itself
  --namespace <prefix>   prefix of the keys in Redis; default: REDIS_NAMESPACE`,
  example: 'export --from ./data --to backup.ndjson',
  use: 'operate',
  texts: ['from', 'to', 'namespace'],
  flags: ['without-access'],

  async run(given, terminal) {
    const { openSource, placeOf } = await places();
    const from = placeOf(given.text('from') ?? given.url);
    const options = { env: given.env, namespace: given.text('namespace'), token: tokenFor(given, from) };
    const to = given.text('to');
    const access = given.flag('without-access') ? 'omit' : 'include';
    return withPlaces(terminal, [[from, () => openSource(from, options)]], async ({ moving }) => {
      if (to !== undefined) {
        const { writeFile } = await import('../../migration/write-file.js');
        const { lines, bytes, sha256 } = await writeFile(moving, to, () => undefined, access);
        terminal.note(`${lines} lines, ${bytes} bytes in ${to}, sha256 ${sha256}`);
        return EXIT.ok;
      }
      const { exportLines, KINDS } = await import('../../migration/export-lines.js');
      for await (const text of exportLines(moving, { view: 'records', kinds: KINDS, access }))
        await terminal.output.text(text);
      return EXIT.ok;
    });
  },
};
