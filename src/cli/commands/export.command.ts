import type { Moving } from '../../engine/moving/moving.js';
import { identityOf } from '../../migration/place.js';
import type { Command, Terminal } from '../command-line/command.js';
import { DamageReport } from '../command-line/damage-report.js';
import { UsageError } from '../command-line/given.js';
import { announce, ANYWHERE, newFileGiven, placeGiven } from '../command-line/place-given.js';
import { ProgressBar } from '../command-line/progress-bar.js';
import { keyringFor, places, tokenFor, withPlaces } from './open-places.js';

export const exportCommand: Command = {
  name: 'export',
  summary: 'Write all state as JSON lines',
  usage: 'waymark export [--from <place>] [--to <file>] [--seal-access | --without-access]',
  help: `Writes workflows with their history, tasks and queues, unchanged, as a backup or for waymark import. A file appears complete
or not at all; the last line of the stream has counts, so that a truncated copy is detected. A record that another program
has damaged is named on stderr and in the export, which has all others; then the exit code is 4.

  --from <place>         data directory, http://<service>, redis://<host> or .ndjson file; default: the service at --url
  --to <file>            default: stdout
  --seal-access          encrypt keys, tenants and other records of the service itself with TOKEN_ENCRYPTION_KEY, which must
                         be set here and where the file is imported
  --without-access       leave them out
  --namespace <prefix>   prefix of the keys in Redis; default: REDIS_NAMESPACE
  --quiet                no progress on stderr`,
  example: 'export --from ./data --to backup.ndjson',
  use: 'operate',
  texts: ['from', 'to', 'namespace'],
  flags: ['seal-access', 'without-access', 'quiet'],

  async run(given, terminal) {
    if (given.flag('seal-access') && given.flag('without-access'))
      throw new UsageError('--seal-access and --without-access: give one of them');
    const from = placeGiven(given, 'from', ANYWHERE, given.text('from') ?? given.url);
    const to = given.text('to') === undefined ? undefined : newFileGiven(given, 'to');
    if (to !== undefined && identityOf(from) === identityOf(to))
      throw new UsageError(`--from and --to are the same file: ${to.name}`);
    announce(terminal, 'from:', from, given);
    if (to !== undefined) announce(terminal, 'to:  ', to, given);
    const { openSource } = await places();
    const options = { env: given.env, namespace: given.text('namespace'), token: tokenFor(given, from) };
    const access = given.flag('seal-access') ? 'sealed' : given.flag('without-access') ? 'omit' : 'include';
    return withPlaces(terminal, [[from, () => openSource(from, options)]], async ({ moving }) => {
      const keyring = await keyringFor(given);
      const damages = new DamageReport(terminal);
      const bar = new ProgressBar(terminal, { isQuiet: given.flag('quiet') });
      await beginExport(bar, moving, terminal);
      try {
        if (to !== undefined) {
          const { writeFile } = await import('../../migration/write-file.js');
          const onLines = (count: number) => bar.add(count);
          const written = await writeFile(moving, to.text, onLines, { access, keyring, onDamage: damages.add });
          bar.clear();
          terminal.note(`${written.lines} lines, ${written.bytes} bytes in ${to.name}, sha256 ${written.sha256}`);
        } else {
          const { exportLines, KINDS } = await import('../../migration/export-lines.js');
          const lines = exportLines(moving, { view: 'records', kinds: KINDS, access }, keyring, damages.add);
          for await (const text of lines) {
            await terminal.output.text(text);
            bar.add(linesIn(text));
          }
        }
      } finally {
        bar.clear();
      }
      return damages.end('the export');
    });
  },
};

/** A total costs a walk through all ids, so it is counted only for somebody who sees it. */
export async function beginExport(bar: ProgressBar, moving: Moving, { status }: Terminal): Promise<void> {
  bar.begin('count', 0);
  if (status === undefined) return bar.begin('export', 0);
  const { countRecords } = await import('../../migration/migrate.js');
  bar.begin('export', await countRecords(moving, (count) => bar.add(count)));
}

function linesIn(text: string): number {
  return text.split('\n').length - 1;
}
