import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { ON_CONFLICT, type OnConflict } from '../../engine/moving/arrival.js';
import type { Kind } from '../../engine/moving/moved.js';
import type { Migrated, Phase } from '../../migration/migrate.js';
import type { Command, Terminal } from '../command-line/command.js';
import { EXIT, type ExitCode } from '../command-line/exit-code.js';
import type { Given } from '../command-line/given.js';
import { inWords, opened, places, withPlaces, type OpenPlace, type Place } from './open-places.js';
import { ProgressBar } from '../command-line/progress-bar.js';
import { UsageError } from '../command-line/usage-error.js';

/** Clocks that differ by more end things too early or too late. */
const MOST_SKEW_MS = 2000;
const TOLD_EVERY_MS = 1000;

export const migrateCommand: Command = {
  name: 'migrate',
  summary: 'Move all state from one store to another',
  usage: 'waymark migrate --from <place> --to <place> [--dry-run] [--on-conflict skip|newer|fail]',
  help: `Workflows with their history, tasks and queues, exactly as they are: ids, versions and ETags, times, time to live,
leases and order. Nothing is taken from the source. It may be in use: what is written meanwhile is carried over before the
end, and at the end all records are compared by their digests. Stopped at any point, run it again and it goes on.

  --from, --to <place>     a data directory, http://<service>, redis://<host>, or a file that ends in .ndjson. A directory may
                           be read while a service uses it, and written only when none does
  --on-conflict <what>     when something else is there under an id: skip keeps it, newer lets the later one win, fail (the
                           default) keeps it, tells, and ends with 1
  --dry-run                only say what would happen
  --ledger <file>          remembers what was brought, so that a later run may bring it up to date;
                           .waymark-migration-<from and to> by default
  --from-namespace, --to-namespace <prefix>  of the keys in Redis, instead of REDIS_NAMESPACE
  --verbose                "Migrated: <id>" for each workflow
  --json                   events as JSON lines on stdout

Settings of the service count here too (WORKFLOW_INDEX, REDIS_NAMESPACE, …): run it in the same environment. A service with
an ADMIN_TOKEN takes it from FROM_ADMIN_TOKEN, TO_ADMIN_TOKEN or ADMIN_TOKEN. Ends with 1 on any loss or conflict.`,
  options: {
    from: { type: 'string' },
    to: { type: 'string' },
    'on-conflict': { type: 'string' },
    'dry-run': { type: 'boolean' },
    ledger: { type: 'string' },
    'from-namespace': { type: 'string' },
    'to-namespace': { type: 'string' },
    verbose: { type: 'boolean' },
    json: { type: 'boolean' },
  },

  async run(given, terminal) {
    given.noWords();
    const onConflict = given.oneOf('on-conflict', ON_CONFLICT) ?? 'fail';
    const [fromText, toText] = [given.textRequired('from'), given.textRequired('to')];
    if (fromText === toText && given.text('from-namespace') === given.text('to-namespace')) {
      throw new UsageError('--from and --to are the same place');
    }
    const { openSource, openTarget, placeOf } = await places();
    const [from, to] = [placeOf(fromText), placeOf(toText)];
    const { env } = given;
    const tokenOf = (side: string) => env[`${side}_ADMIN_TOKEN`] ?? env['ADMIN_TOKEN'];
    const source = { env, namespace: given.text('from-namespace'), token: tokenOf('FROM') };
    const target = { env, namespace: given.text('to-namespace'), token: tokenOf('TO') };
    return inWords(terminal, () => {
      const openFrom = () => opened(from, openSource(from, source));
      if (to.kind === 'file') return withPlaces([openFrom], (place) => toFile(place as OpenPlace, to, given, terminal));
      return withPlaces([openFrom, () => opened(to, openTarget(to, target))], (a, b) =>
        move({ from, to, source: a as OpenPlace, target: b as OpenPlace, onConflict }, given, terminal),
      );
    });
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
  const usual = `.waymark-migration-${createHash('sha1').update(name).digest('hex').slice(0, 10)}`;
  const ledger = new Ledger(isDryRun ? undefined : resolve(given.text('ledger') ?? usual));
  if (from.kind !== 'file') await warnOfSkew(source, target, terminal);
  const tell = new Teller(given, terminal);
  if (ledger.size > 0) terminal.note(`going on: ${ledger.size} records were brought before, by ${ledger.file ?? ''}`);
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
      observer: tell,
      onPhase: (phase, total) => tell.phase(phase, total),
      signal: stopped.signal,
    });
  } catch (error) {
    tell.clear();
    if (!stopped.signal.aborted) throw error;
    terminal.note('stopped; run it again and it goes on');
    return EXIT.failed;
  }
  return tell.end(migrated, { from, to, isDryRun });
}

async function warnOfSkew(source: OpenPlace, target: OpenPlace, { note }: Terminal): Promise<void> {
  const skew = (await target.moving.now()) - (await source.moving.now());
  if (Math.abs(skew) <= MOST_SKEW_MS) return;
  note(`warning: the clock of the target is ${skew} ms ahead of the source's; what ends, ends by the target's clock`);
}

/** A copy of the source as it was while it was read. */
async function toFile(source: OpenPlace, to: Place, given: Given, terminal: Terminal): Promise<ExitCode> {
  const { writeFile } = await import('../../migration/write-file.js');
  const tell = new Teller(given, terminal);
  tell.phase('copy', 0);
  if (given.flag('dry-run')) throw new UsageError('--dry-run: there is nothing to try out with a file');
  const written = await writeFile(source.moving, to.text, (lines) => tell.compared('workflow', lines));
  tell.clear();
  const { lines, bytes, sha256 } = written;
  if (given.flag('json'))
    await terminal.output.line(JSON.stringify({ event: 'done', file: to.name, lines, bytes, sha256 }));
  else
    await terminal.output.line(`${lines} lines, ${bytes} bytes in ${to.name}, sha256 ${sha256}\nMigration complete!`);
  return EXIT.ok;
}

/** Says what happens, in the form that was asked for. */
class Teller {
  readonly #bar: ProgressBar;
  readonly #isJson: boolean;
  readonly #isVerbose: boolean;
  #phase: Phase = 'count';
  #toldAt = 0;
  #output: Promise<unknown> = Promise.resolve();

  constructor(
    given: Given,
    private readonly terminal: Terminal,
  ) {
    this.#bar = new ProgressBar(terminal);
    this.#isJson = given.flag('json');
    this.#isVerbose = given.flag('verbose');
  }

  phase(phase: Phase, total: number): void {
    this.#phase = phase;
    this.#bar.begin(phase, total);
    this.#event({ event: 'phase', phase, total });
  }

  compared(kind: Kind, count: number): void {
    if (kind !== 'workflow') return;
    this.#bar.add(count);
    if (!this.#isJson || performance.now() - this.#toldAt < TOLD_EVERY_MS) return;
    this.#toldAt = performance.now();
    this.#event({ event: 'progress', phase: this.#phase, workflows: this.#bar.done, perSecond: this.#bar.rate });
  }

  moved(tenant: string, kind: Kind, id: string, outcome: string): void {
    if (outcome === 'conflict') {
      if (this.#isJson) this.#event({ event: 'conflict', tenant, kind, id });
      else if (this.#phase === 'verify')
        this.terminal.note(`conflict: ${kind} ${id} is there already, and is another one`);
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
    { counts, caughtUp, verified, different, workflows }: Migrated,
    { from, to, isDryRun }: { readonly from: Place; readonly to: Place; readonly isDryRun: boolean },
  ): Promise<ExitCode> {
    this.clear();
    const { created, updated, same, kept, conflict, expired } = counts;
    const isGood = conflict === 0 && different.length === 0;
    const summary = { workflows, ...counts, caughtUp, verified, different: different.length };
    if (this.#isJson) {
      this.#event({ event: 'done', ok: isGood, dryRun: isDryRun, from: from.name, to: to.name, ...summary });
    } else {
      const what = isDryRun ? 'would be' : 'were';
      this.#line(`${created} records ${what} created, ${updated} brought up to date, ${same} there already`);
      if (kept > 0) this.#line(`${kept} were left as the target has them (--on-conflict)`);
      if (conflict > 0) this.#line(`${conflict} conflicts: the target has something else under the id, and keeps it`);
      if (expired > 0) this.#line(`${expired} expired on the way`);
      if (!isDryRun)
        this.#line(`${caughtUp} changes were made meanwhile and carried over; ${verified} digests compared`);
      for (const name of different.slice(0, 20)) this.#line(`different: ${name}`);
      if (isDryRun) this.#line('Dry run: nothing was changed');
      else this.#line(isGood ? 'Migration complete!' : 'Migration is not complete');
    }
    await this.#output;
    return isGood ? EXIT.ok : EXIT.failed;
  }

  #event(event: object): void {
    if (this.#isJson) this.#line(JSON.stringify(event));
  }

  /** In their order, without holding up the work. Who does not read them is noticed at the end. */
  #line(text: string): void {
    this.#bar.clear();
    this.#output = this.#output.then(() => this.terminal.output.line(text));
    this.#output.catch(() => undefined);
  }
}
