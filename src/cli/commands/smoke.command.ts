import { UnreachableError } from '../../client/index.js';
import { type Command, EXIT } from '../command-line/command.js';
import { connect } from '../command-line/connect.js';
import { SMOKE_CHECKS } from './smoke-checks.js';

export const smokeCommand: Command = {
  name: 'smoke',
  summary: 'Check that the service works',
  usage: 'waymark smoke',
  help: `Prints a line per check to stdout, "NAME: True" or "NAME: False reason":

  PING   the service answers
  WRITE  a state is read back as it was written
  CAS    of several writers of one version, exactly one succeeds
  TTL    a workflow expires
  QUEUE  a task is delivered, its lease is guarded, and it can be removed

Removes its workflows and tasks; the empty queue waymark-smoke stays listed. Nothing is retried.`,
  example: 'smoke --url http://127.0.0.1:3000',

  async run(given, terminal) {
    const client = connect(given, terminal, 0);
    const startedAt = performance.now();
    const { output } = terminal;
    try {
      const { storage, version } = await client.getStatus();
      await output.line('PING: True');
      terminal.note(`${given.url} is Waymark ${version}, storage ${storage}`);
    } catch (error) {
      await output.line(`PING: False ${reasonOf(error)}`);
      for (const { name } of SMOKE_CHECKS) await output.line(`${name}: False not tried`);
      return error instanceof UnreachableError ? EXIT.unreachable : EXIT.failed;
    }
    let failures = 0;
    for (const check of SMOKE_CHECKS) {
      const reason = await check.run(client).then(() => undefined, reasonOf);
      await output.line(`${check.name}: ${reason === undefined ? 'True' : `False ${reason}`}`);
      if (reason !== undefined) failures++;
    }
    const took = `${Math.round(performance.now() - startedAt)} ms`;
    terminal.note(
      failures === 0 ? `all checks passed, ${took}` : `${failures} of ${SMOKE_CHECKS.length + 1} failed, ${took}`,
    );
    return failures === 0 ? EXIT.ok : EXIT.failed;
  },
};

/** The message on one line. */
function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ');
}
