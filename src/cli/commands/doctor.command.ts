import type { Check } from '../../engine/redis/doctor/doctor.js';
import { type Command, EXIT, type ExitCode } from '../command-line/command.js';
import { UsageError } from '../command-line/given.js';
import { redisConfigOf } from '../command-line/redis-config-of.js';

const WORDS: Readonly<Record<Check['status'], string>> = { ok: 'ok', warn: 'WARN', fail: 'FAIL', unknown: '?' };

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'Check whether a Redis is fit for Waymark',
  usage: 'waymark doctor [--redis <url>] [--json] [--fail-on warn]',
  help: `Examines the Redis of the settings of the service (REDIS_URL, REDIS_SENTINELS, …); the service need not run. Prints a line
per check to stdout: version, role, eviction, persistence, replication, memory, clock, latency, commands that the user may
run, subscriptions, namespace, schema, keys of other programs; and what to fix. Its few probe keys are removed.

  --redis <url>          redis:// or rediss:// URL instead of the address in the settings;
                         REDIS_NAMESPACE and REDIS_TLS_… still apply
  --json                 print one JSON object: target, reachable, checks
  --fail-on warn         exit with 1 on warnings too`,
  example: 'doctor --redis redis://127.0.0.1:6379',
  isWithoutService: true,
  texts: ['redis', 'fail-on'],
  flags: ['json'],

  async run(given, terminal) {
    if (given.text('url') !== undefined)
      throw new UsageError('--url: doctor examines Redis, not the service; pass --redis <url>');
    const failOn = given.oneOf('fail-on', ['warn']);
    const config = await redisConfigOf(given);
    // Loaded lazily: the other commands need no Redis client.
    const { examine } = await import('../../engine/redis/doctor/doctor.js');
    const { target, isReachable, checks } = await examine(config);
    if (given.flag('json')) await terminal.output.line(JSON.stringify({ target, reachable: isReachable, checks }));
    else for (const check of checks) await terminal.output.text(lineOf(check));
    return isReachable ? exitOf(checks, failOn === 'warn') : EXIT.unreachable;
  },
};

function lineOf({ name, status, says, advice }: Check): string {
  const line = `${WORDS[status].padEnd(5)}${name.padEnd(14)}${says}\n`;
  return advice === undefined || status === 'ok' ? line : `${line}${' '.repeat(19)}→ ${advice}\n`;
}

function exitOf(checks: readonly Check[], failOnWarn: boolean): ExitCode {
  const bad: readonly Check['status'][] = failOnWarn ? ['fail', 'warn'] : ['fail'];
  return checks.some(({ status }) => bad.includes(status)) ? EXIT.failed : EXIT.ok;
}
