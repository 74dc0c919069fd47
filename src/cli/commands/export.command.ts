import { type Command, EXIT } from '../command-line/command.js';
import { UsageError } from '../command-line/given.js';
import { keyringFor, places, tokenFor, withPlaces } from './open-places.js';

export const exportCommand: Command = {
  name: 'export',
  summary: 'Write all state as JSON lines',
  usage: 'waymark export [--from <place>] [--to <file>] [--seal-access | --without-access]',
  help: `Writes workflows with their history, tasks and queues, unchanged, as a backup or for waymark import. A file appears complete
or not at all; the last line of the stream has counts, so that a truncated copy is detected.

  --from <place>         data directory, http://<service>, redis://<host> or .ndjson file; default: the service at --url
  --to <file>            default: stdout
  --seal-access          encrypt keys, tenants and other records of the service itself with TOKEN_ENCRYPTION_KEY, which must
                         be set here and where the file is imported
  --without-access       leave them out
  --namespace <prefix>   prefix of the keys in Redis; default: REDIS_NAMESPACE`,
  example: 'export --from ./data --to backup.ndjson',
  use: 'operate',
  texts: ['from', 'to', 'namespace'],
  flags: ['seal-access', 'without-access'],

  async run(given, terminal) {
    if (given.flag('seal-access') && given.flag('without-access'))
      throw new UsageError('--seal-access and --without-access: give one of them');
    const { openSource, placeOf } = await places();
    const from = placeOf(given.text('from') ?? given.url);
    const options = { env: given.env, namespace: given.text('namespace'), token: tokenFor(given, from) };
    const to = given.text('to');
    const access = given.flag('seal-access') ? 'sealed' : given.flag('without-access') ? 'omit' : 'include';
    return withPlaces(terminal, [[from, () => openSource(from, options)]], async ({ moving }) => {
      const keyring = await keyringFor(given);
      if (to !== undefined) {
        const { writeFile } = await import('../../migration/write-file.js');
        const { lines, bytes, sha256 } = await writeFile(moving, to, () => undefined, { access, keyring });
        terminal.note(`${lines} lines, ${bytes} bytes in ${to}, sha256 ${sha256}`);
        return EXIT.ok;
      }
      const { exportLines, KINDS } = await import('../../migration/export-lines.js');
      for await (const text of exportLines(moving, { view: 'records', kinds: KINDS, access }, keyring))
        await terminal.output.text(text);
      return EXIT.ok;
    });
  },
};
