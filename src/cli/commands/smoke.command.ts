import { UnreachableError } from '../../client/index.js';
import type { Command } from '../command-line/command.js';
import { connect } from '../command-line/connect.js';
import { EXIT } from '../command-line/exit-code.js';
import { SMOKE_CHECKS } from './smoke-checks.js';

export const smokeCommand: Command = {
  name: 'smoke',
  summary: 'Try out whether the service keeps its promises',
  usage: 'waymark smoke',
  help: `One line for each check on stdout, "NAME: True" or "NAME: False reason":

  PING   it answers
  WRITE  a state is read back as it was written
  CAS    of writers over the same version exactly one wins
  TTL    a workflow is gone when its time is over
  QUEUE  a task is delivered, its lease guarded, and it can be removed

What it writes, it removes. Nothing is tried twice: a service that needs that is not well.`,
  options: {},

  async run(given, terminal) {
    given.noWords();
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
    terminal.note(failures === 0 ? `all is well, ${took}` : `${failures} of ${SMOKE_CHECKS.length} failed, ${took}`);
    return failures === 0 ? EXIT.ok : EXIT.failed;
  },
};

/** In one line. */
function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ');
}
