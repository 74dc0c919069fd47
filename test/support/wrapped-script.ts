import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const FUNCTIONS = readFileSync(new URL('./wrapped-script.lua', import.meta.url), 'utf8');

/** An effect of a wrapped script besides its reply. */
export type Happening =
  | readonly ['published', channel: string, message: string]
  | readonly ['expired', key: string, value: string]
  | readonly ['failed', command: string];

export interface WrappedScript {
  readonly source: string;
  readonly sha: string;
}

/**
 * A script that calls Redis through functions of the test: they give it another time, and make its n-th write fail.
 * The wrapped script takes one more argument, made by `controlOf`. Its reply has the effects of the script, and the reply or the
 * error of the script.
 */
export function wrapScript(source: string): WrappedScript {
  const wrapped = `local redis, sim_happened = (function()\n${FUNCTIONS}end)()
local sim_done, sim_reply = pcall(function()\n${source}\nend)
if not sim_done and type(sim_reply) ~= 'table' then sim_reply = { err = 'ERR ' .. tostring(sim_reply) } end
if type(sim_reply) == 'table' and sim_reply.err then sim_reply = { err = sim_reply.err } end
return { sim_happened, sim_reply }`;
  return { source: wrapped, sha: createHash('sha1').update(wrapped).digest('hex') };
}

interface Control {
  /** Without a time, the script has that of the server. */
  readonly timeMs?: number;
  readonly failsAt?: number;
  /** A state that the script removes has ended, if its key expires before. */
  readonly endsByMs?: number;
}

/** Last argument of a wrapped script. */
export function controlOf({ timeMs, failsAt = 0, endsByMs = 0 }: Control): string {
  return `${timeMs === undefined ? '-' : Math.round(timeMs * 1000)} ${failsAt} ${Math.round(endsByMs)}`;
}
