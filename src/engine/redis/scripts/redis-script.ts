import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { CODE } from '../../../folders.js';
import { CHANGES, FIXED_KEYS, KEY_NAMES } from '../keys.js';
import { FORMER_MARK_START, MARK, MARK_START, PACKING, RENAMING } from '../schema.js';
import { FORMER } from '../upgrade/former-keys.js';
import { isOfWrongType } from '../connection/redis-errors.js';
import * as limits from '../../limits.js';
import { QUEUE_RATES, QUEUE_REPLY, QUEUE_TOTALS } from '../../records/queue-fields.js';
import { metaFieldsModule } from './meta-fields-lua.js';
import { taskFieldsModule } from './task-fields-lua.js';

/** Modules of scripts. A module stands after those that it uses. */
const OF_RECORDS = ['workflow-names', 'meta-fields', 'stored-values'];
const OF_FOREIGN = ['foreign-values', 'workflows'];
const OF_WRITES = ['first-writes', 'feeding', 'indexing', 'workflow-writes'];
const OF_STORE = [...OF_FOREIGN, 'workflow-store', 'full-server', 'removal'];
const STORE = [...OF_RECORDS, ...OF_WRITES, ...OF_STORE];
export const RECORDS = ['base', ...OF_RECORDS, ...OF_FOREIGN];
/** Modules of scripts that read the clock first; see clock.lua. */
export const TIMED = ['base', 'own-keys', 'clock', 'read-clock'];
export const TIMED_RECORDS = [...TIMED, ...OF_RECORDS, ...OF_FOREIGN];
export const TIMED_WRITING = [...TIMED, ...STORE];
/** Modules of scripts behind a fence, which reads the clock too. */
export const FENCED = ['base', 'own-keys', 'clock', 'fence'];
/** Modules of the script requests.lua that any request uses. */
const OF_CALLS = [
  ...FENCED,
  'request-call',
  'begin-call',
  ...OF_RECORDS,
  ...OF_WRITES,
  'history-writes',
  'once-values',
  'expectations',
  'request-replies',
];
/** Modules of the script requests.lua that no plain put uses. */
const OF_COMMITS = [...OF_STORE, 'once-keys', 'put-arguments', 'conflict-records'];
/** Modules of the script requests.lua in calls without tasks. */
export const CALLS = [...OF_CALLS, 'plain-puts', ...OF_COMMITS, 'without-tasks'];
const OF_TASKS = [
  'tasks',
  'queue-times',
  'task-keys',
  'task-fields',
  'task-store',
  'task-heads',
  'queue-settings',
  'finish-call',
  'task-places',
  'end-task',
  'bucket',
  'claim-tasks',
  'step-task',
  'create-task',
];
/** Modules of the script requests.lua in calls with tasks. */
export const TASKS = [...OF_CALLS, ...OF_COMMITS, ...OF_TASKS];
/** Modules of other scripts about tasks, which take a call as JSON. */
export const TIMED_TASKS = [...TIMED_WRITING, 'fence', 'call', 'once-values', 'once-keys', ...OF_TASKS];

/**
 * Modules that few calls use. In a script, `module.name` of such a module becomes `module().name`, and the module is made
 * at its first use: each function of a module that is made costs Redis as much as part of a command.
 */
const RARE = new Set([
  'own-keys',
  'expectations',
  'foreign-values',
  'removal',
  'conflict-records',
  'step-task',
  'create-task',
  'bucket',
  'board',
  'feed-epoch',
]);
const identifierOf = (module: string) => module.replaceAll('-', '_');
const USE_OF_RARE = new RegExp(String.raw`(?<![\w.'])(${[...RARE].map(identifierOf).join('|')})\.(?=\w+\b)`, 'g');

/** Commands of a client that run scripts. */
export interface ScriptClient {
  /** On a Cluster keys may be moving to another server. */
  readonly isCluster: boolean;
  evalsha(sha: string, keyCount: number, ...rest: (string | number)[]): Promise<unknown>;
  eval(source: string, keyCount: number, ...rest: (string | number)[]): Promise<unknown>;
}

/** A Lua script, put together from modules and files. With several files the last one runs and calls the others. */
export class RedisScript {
  readonly #files: readonly string[];
  /** Programs that were put together at their first run, by whether they run on a Cluster. */
  readonly #programs = new Map<boolean, Program>();

  constructor(
    private readonly modules: readonly string[],
    ...files: string[]
  ) {
    this.#files = files;
  }

  /** An error about a key of another type names the key; see own-keys.lua. */
  async run(client: ScriptClient, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await this.#send(this.#programOn(client.isCluster), client, keys, args);
    } catch (error) {
      if (!isOfWrongType(error)) throw error;
      // A read has failed, since scripts check types before they write. So the script may run again.
      return this.trace(client, keys, args);
    }
  }

  /** Like `run`, but slower: finds out which key has another type. For a script in which a request has failed so. */
  trace(client: ScriptClient, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const program = programOf(['traced', serverModule(client.isCluster), ...this.modules], this.#files);
    return this.#send(program, client, keys, args);
  }

  #programOn(isCluster: boolean): Program {
    let program = this.#programs.get(isCluster);
    if (program === undefined) {
      program = programOf([serverModule(isCluster), ...this.modules], this.#files);
      this.#programs.set(isCluster, program);
    }
    return program;
  }

  async #send(
    { source, sha }: Program,
    client: ScriptClient,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    try {
      return await client.evalsha(sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      // A restarted server has an empty script cache, so the source is sent again. The first call did not run, so
      // nothing runs twice.
      return client.eval(source, keys.length, ...keys, ...args);
    }
  }
}

interface Program {
  readonly source: string;
  readonly sha: string;
}

const serverModule = (isCluster: boolean) => (isCluster ? 'whole-slot' : 'one-server');

/** Modules made from tables that TypeScript and the scripts share, each with only the functions that a script uses. */
const GENERATED: Readonly<Record<string, (used: ReadonlySet<string>) => string>> = {
  'task-fields': taskFieldsModule,
  'meta-fields': metaFieldsModule,
};

function programOf(modules: readonly string[], files: readonly string[]): Program {
  const texts = modules.map((name) => (name in GENERATED ? '' : textOf(name)));
  const parts = files.map((file) => textOf(file));
  const ready = modules.map((name, i) => {
    const generate = GENERATED[name];
    if (generate === undefined) return moduleOf(name, texts[i] as string);
    const use = new RegExp(String.raw`\b${identifierOf(name)}\.(\w+)`, 'g');
    const uses = [...texts, ...parts].flatMap((text) => [...text.matchAll(use)]);
    return moduleOf(name, generate(new Set(uses.map(([, used]) => used as string))));
  });
  const last = parts.pop() ?? '';
  const source = [...ready, ...parts.map((text) => `do\n${text}end`), last].join('\n');
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}

/**
 * A module that returns a table becomes a local of its name. The locals of any other module are visible to everything
 * after it.
 * A script with few visible locals is cheaper: at each call the server creates every function, and binds it to the
 * locals that the function uses.
 */
function moduleOf(name: string, text: string): string {
  if (!/^return /m.test(text)) return text;
  const id = identifierOf(name);
  if (!RARE.has(name)) return `local ${id} = (function()\n${text}end)()`;
  return `local made_${id}
local function ${id}()
  if not made_${id} then made_${id} = (function()\n${text}end)() end
  return made_${id}
end`;
}

const folder = new URL('engine/redis/scripts/', CODE);

/**
 * Text of each Lua file in the rooms of this folder, by its name. Names are unique across rooms. All are read at the
 * start, since another build may replace the files while this process runs.
 */
const TEXTS = new Map(
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.lua'))
    .map((file) => [basename(file, '.lua'), readFileSync(new URL(file.replaceAll('\\', '/'), folder), 'utf8')]),
);

function textOf(name: string): string {
  const text = TEXTS.get(name);
  if (text === undefined) throw new Error(`There is no Lua file "${name}.lua"`);
  return withConstants(text).replace(USE_OF_RARE, '$1().');
}

const CONSTANTS: Readonly<Record<string, Readonly<Record<string, string | number | readonly string[]>>>> = {
  limits,
  key_names: { ...KEY_NAMES, changes: CHANGES },
  fixed_keys: { NAMES_AND_TYPES: FIXED_KEYS },
  schema: { MARK, MARK_START, FORMER_MARK_START, RENAMING, PACKING },
  former: FORMER,
  queue_fields: { TOTALS: QUEUE_TOTALS, RATES: QUEUE_RATES, REPLY: QUEUE_REPLY },
};

/** Writes the value in place of `limits.NAME`, `key_names.NAME` and so on, so that a constant costs no lookup at run time. */
function withConstants(text: string): string {
  return text.replace(
    /(?<![\w.])(limits|key_names|fixed_keys|schema|former|queue_fields)\.(\w+)/g,
    (use, table: string, name: string) => {
      const value = CONSTANTS[table]?.[name];
      if (value === undefined) throw new Error(`There is no ${use}`);
      if (typeof value === 'number') return String(value);
      return typeof value === 'string' ? `'${value}'` : `{ '${value.join("', '")}' }`;
    },
  );
}
