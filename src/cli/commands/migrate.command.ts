import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { ON_CONFLICT, type OnConflict } from '../../engine/moving/arrival.js';
import type { RecordKind } from '../../engine/moving/moved.js';
import type { Migrated, Phase } from '../../migration/migrate.js';
import { type Command, EXIT, type ExitCode, type Terminal } from '../command-line/command.js';
import { type Given, UsageError } from '../command-line/given.js';
import { beginExport } from './export.command.js';
import { identityOf, type Place } from '../../migration/place.js';
import type { OpenPlace } from '../../migration/places.js';
import { announce, ANYWHERE, namespaceOf, newFileGiven, placeGiven } from '../command-line/place-given.js';
import { keyringFor, places, tokenFor, withPlaces, type Opening } from './open-places.js';
import { damageText } from '../../migration/lines.js';
import { DamageReport } from '../command-line/damage-report.js';
import { ProgressBar } from '../command-line/progress-bar.js';

/** Maximum difference of the clocks. Beyond it, leases and times to live end too early or too late. */
const MAX_SKEW_MS = 2000;
const PROGRESS_INTERVAL_MS = 1000;

export const migrateCommand: Command = {
  name: 'migrate',
  summary: 'Move all state from one store to another',
  usage: 'waymark migrate --from <place> --to <place> [--dry-run] [--on-conflict skip|newer|fail]',
  help: `Copies workflows with their history, tasks and queues, unchanged: ids, versions and ETags, times, time to live, leases and
order. The source is only read, and may be in use: writes during the run are copied too. At the end all records are
compared by digest. A run that was stopped continues when it is started again.

  --from, --to <place>   data directory, http://<service>, redis://<host>, or a file that ends in .ndjson. A directory may be
                         read while a service uses it, and written only when none does
  --on-conflict <what>   if the target has another record under an id: skip (keep it), newer (the later one wins) or fail
                         (keep it, report it, exit 1); default: fail
  --dry-run              report only, change nothing
  --ledger <file>        records that were copied, so that a later run can update them;
                         default: .waymark-migration-<digest of both places>
  --from-namespace, --to-namespace <prefix>  prefix of the keys in Redis; default: REDIS_NAMESPACE
  --verbose              print "Migrated: <id>" for each workflow
  --json                 print events as JSON lines to stdout

Settings of the service apply (WORKFLOW_INDEX, REDIS_NAMESPACE, …): run it in the same environment. FROM_ADMIN_TOKEN,
TO_ADMIN_TOKEN or ADMIN_TOKEN, or the key of an operator in WAYMARK_API_KEY, is sent to a service. To a service on this
machine the command can also send the file operator-token of DATA_DIR. Exits with 1 on any loss or conflict.`,
  example: 'migrate --from ./data --to redis://127.0.0.1:6379 --dry-run',
  isWithoutService: true,
  texts: ['from', 'to', 'on-conflict', 'ledger', 'from-namespace', 'to-namespace'],
  flags: ['dry-run', 'verbose', 'json'],

  async run(given, terminal) {
    const onConflict = given.oneOf('on-conflict', ON_CONFLICT) ?? 'fail';
    const [from, to] = [placeGiven(given, 'from', ANYWHERE), placeGiven(given, 'to', ANYWHERE)];
    if (to.kind === 'file') newFileGiven(given, 'to');
    const isSameNamespace = namespaceOf(given, 'from-namespace') === namespaceOf(given, 'to-namespace');
    if (identityOf(from) === identityOf(to) && (from.kind !== 'redis' || isSameNamespace))
      throw new UsageError(`--from and --to are the same place: ${to.name}`);
    if (to.kind === 'file' && given.flag('dry-run'))
      throw new UsageError('--dry-run: not supported with a file as target');
    announce(terminal, 'from:', from, given, 'from-namespace');
    announce(terminal, 'to:  ', to, given, 'to-namespace');
    const { openSource, openTarget } = await places();
    const optionsOf = (side: 'from' | 'to', place: Place) => ({
      env: given.env,
      namespace: given.text(`${side}-namespace`),
      token: tokenFor(given, place, side),
    });
    const opening: Opening<OpenPlace> = [from, () => openSource(from, optionsOf('from', from))];
    if (to.kind === 'file') return withPlaces(terminal, [opening], (source) => toFile(source, to, given, terminal));
    return withPlaces(terminal, [opening, [to, () => openTarget(to, optionsOf('to', to))]], (source, target) =>
      move({ from, to, source, target, onConflict }, given, terminal),
    );
  },
};

interface Move {
  readonly from: Place;
  readonly to: Place;
  readonly source: OpenPlace;
  readonly target: OpenPlace;
  readonly onConflict: OnConflict;
}

async function move(
  { from, to, source, target, onConflict }: Move,
  given: Given,
  terminal: Terminal,
): Promise<ExitCode> {
  const { Ledger } = await import('../../migration/ledger.js');
  const { migrate } = await import('../../migration/migrate.js');
  const isDryRun = given.flag('dry-run');
  const name = `${from.name}\n${to.name}\n${given.text('from-namespace') ?? ''}\n${given.text('to-namespace') ?? ''}`;
  const defaultLedger = `.waymark-migration-${createHash('sha1').update(name).digest('hex').slice(0, 10)}`;
  const ledger = new Ledger(isDryRun ? undefined : resolve(given.text('ledger') ?? defaultLedger));
  if (from.kind !== 'file') await warnOfSkew(source, target, terminal);
  const report = new Report(given, terminal);
  if (ledger.size > 0) terminal.note(`continuing: ${ledger.size} records were copied before, by ${ledger.file ?? ''}`);
  const stopped = new AbortController();
  terminal.onStop(() => stopped.abort(new Error('stopped')));
  let migrated: Migrated;
  try {
    migrated = await migrate({
      from: source.moving,
      to: target.moving,
      ledger,
      onConflict,
      isDryRun,
      observer: report,
      onPhase: (phase, total) => report.phase(phase, total),
      signal: stopped.signal,
    });
  } catch (error) {
    report.clear();
    if (!stopped.signal.aborted) throw error;
    terminal.note('stopped; run it again to continue');
    return EXIT.failed;
  }
  return report.end(migrated, { from, to, isDryRun });
}

async function warnOfSkew(source: OpenPlace, target: OpenPlace, { note }: Terminal): Promise<void> {
  const skew = (await target.moving.now()) - (await source.moving.now());
  if (Math.abs(skew) <= MAX_SKEW_MS) return;
  note(
    `warning: the clock of the target is ${skew} ms ahead of the source; leases and times to live end by the target's clock`,
  );
}

/** Exports the source to a file. Changes that are made during the export may be missing. */
async function toFile(source: OpenPlace, to: Place, given: Given, terminal: Terminal): Promise<ExitCode> {
  const { writeFile } = await import('../../migration/write-file.js');
  const bar = new ProgressBar(terminal, { isQuiet: given.flag('json') });
  const damages = new DamageReport(terminal);
  await beginExport(bar, source.moving, terminal);
  const { lines, bytes, sha256, damaged } = await writeFile(source.moving, to.text, (count) => bar.add(count), {
    access: 'include',
    keyring: await keyringFor(given),
    onDamage: damages.add,
  }).finally(() => bar.clear());
  const code = damages.end('the file');
  const end = code === EXIT.ok ? 'Migration complete!' : 'Migration is not complete';
  if (given.flag('json'))
    await terminal.output.line(
      JSON.stringify({ event: 'done', ok: code === EXIT.ok, file: to.name, lines, bytes, sha256, damaged }),
    );
  else await terminal.output.line(`${lines} lines, ${bytes} bytes in ${to.name}, sha256 ${sha256}\n${end}`);
  return code === EXIT.ok ? code : EXIT.failed;
}

/** Prints progress and the summary, as text or as JSON events. */
class Report {
  readonly #bar: ProgressBar;
  readonly #isJson: boolean;
  readonly #isVerbose: boolean;
  readonly #isDryRun: boolean;
  #phase: Phase = 'count';
  #printedAt = 0;
  #output: Promise<unknown> = Promise.resolve();

  constructor(
    given: Given,
    private readonly terminal: Terminal,
  ) {
    this.#bar = new ProgressBar(terminal, { isQuiet: given.flag('json') });
    this.#isJson = given.flag('json');
    this.#isVerbose = given.flag('verbose');
    this.#isDryRun = given.flag('dry-run');
  }

  phase(phase: Phase, total: number): void {
    this.#phase = phase;
    this.#bar.begin(phase, total);
    this.#event({ event: 'phase', phase, total });
  }

  compared(kind: RecordKind, count: number): void {
    if (kind !== 'workflow') return;
    this.#bar.add(count);
    if (!this.#isJson || performance.now() - this.#printedAt < PROGRESS_INTERVAL_MS) return;
    this.#printedAt = performance.now();
    this.#event({ event: 'progress', phase: this.#phase, workflows: this.#bar.done, perSecond: this.#bar.rate });
  }

  moved(tenant: string, kind: RecordKind, id: string, outcome: string): void {
    if (outcome === 'conflict') {
      if (this.#isJson) this.#event({ event: 'conflict', tenant, kind, id });
      // The phases before meet the same conflicts. A dry run has no other phase.
      else if (this.#phase === 'verify' || this.#isDryRun)
        this.terminal.note(`conflict: the target has another ${kind} ${id}`);
    }
    if (!this.#isVerbose || kind === 'queue') return;
    if (this.#isJson) this.#event({ event: 'moved', tenant, kind, id, outcome });
    else if (kind === 'workflow' && (outcome === 'created' || outcome === 'updated')) this.#line(`Migrated: ${id}`);
    else if (kind === 'workflow' && outcome === 'removed') this.#line(`Removed: ${id}`);
  }

  clear(): void {
    this.#bar.clear();
  }

  async end(
    { counts, caughtUp, verified, different, damaged, workflows }: Migrated,
    { from, to, isDryRun }: { readonly from: Place; readonly to: Place; readonly isDryRun: boolean },
  ): Promise<ExitCode> {
    this.clear();
    const { created, updated, same, kept, conflict, expired } = counts;
    const isComplete = conflict === 0 && different.length === 0 && damaged.length === 0;
    for (const line of damaged) {
      if (this.#isJson) this.#event({ ...line, event: 'damaged' });
      else this.terminal.note(`damaged: ${damageText(line)}`);
    }
    const summary = { workflows, ...counts, caughtUp, verified, different: different.length, damaged: damaged.length };
    if (this.#isJson) {
      this.#event({ event: 'done', ok: isComplete, dryRun: isDryRun, from: from.name, to: to.name, ...summary });
    } else {
      this.#line(`${isDryRun ? 'would create' : 'created'} ${created}, updated ${updated}, unchanged ${same}`);
      if (kept > 0) this.#line(`${kept} kept as they are in the target (--on-conflict)`);
      if (conflict > 0) this.#line(`${conflict} conflicts: the target keeps another record under the id`);
      if (expired > 0) this.#line(`${expired} expired during the copy`);
      if (!isDryRun) this.#line(`${caughtUp} later changes copied, ${verified} digests compared`);
      for (const name of different) this.#line(`different: ${name}`);
      if (damaged.length > 0)
        this.#line(`${damaged.length} damaged: another program has changed them, so they were not copied`);
      if (isDryRun) this.#line('Dry run: nothing was changed');
      else this.#line(isComplete ? 'Migration complete!' : 'Migration is not complete');
    }
    await this.#output;
    return isComplete ? EXIT.ok : EXIT.failed;
  }

  #event(event: object): void {
    if (this.#isJson) this.#line(JSON.stringify(event));
  }

  /** Prints lines in order; the copy does not wait for them. A closed stdout is noticed at the end. */
  #line(text: string): void {
    this.#bar.clear();
    this.#output = this.#output.then(() => this.terminal.output.line(text));
    this.#output.catch(() => undefined);
  }
}
