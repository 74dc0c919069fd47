import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { RECORDS, RedisScript, TASKS } from './redis-script.js';
import { META_FIELDS_LUA } from './meta-fields-lua.js';
import { TASK_FIELDS_LUA } from './task-fields-lua.js';

const folder = new URL('./', import.meta.url);
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.lua'));
const textOf = (file: string) => readFileSync(new URL(file, folder), 'utf8');
const codeOf = (file: string) => textOf(file).replaceAll(/--\[\[[^]*?\]\]|--.*$/gm, '');
const nameOf = (file: string) => basename(file, '.lua').replaceAll('-', '_');

const fileOf = (name: string) => files.find((file) => basename(file, '.lua') === name) as string;

/** By the name of each module, what its table has. */
const modules = new Map(
  files.flatMap((file) => {
    const [, table] = /^return \{([^}]*)\}\n$/m.exec(textOf(file)) ?? [];
    if (table === undefined || !file.includes('modules/')) return [];
    return [[nameOf(file), [...table.matchAll(/(\w+) =/g)].map(([, name]) => name as string)] as const];
  }),
);

modules.set('task_fields', TASK_FIELDS_LUA);
modules.set('meta_fields', META_FIELDS_LUA);

/** Uses of other modules in a file, as "module.name". */
function usesOf(file: string): string[] {
  return [...codeOf(file).matchAll(/(?<![\w.'])([a-z_]+)\.(\w+)/g)]
    .filter(([, module]) => modules.has(module as string) && module !== nameOf(file))
    .map(([use]) => use);
}

// A name that is not there would only be noticed by a server, and only on the way that uses it.
describe('the scripts', () => {
  it('name nothing of a module that it does not have', () => {
    expect(modules.size).toBeGreaterThan(10);
    const missing = files.flatMap((file) =>
      usesOf(file)
        .filter((use) => !modules.get(use.split('.')[0] as string)?.includes(use.split('.')[1] as string))
        .map((use) => `${file}: ${use}`),
    );
    expect(missing).toEqual([]);
  });

  it('have no module with a table entry that nobody uses', () => {
    const used = new Set(files.flatMap(usesOf));
    const all = [...modules].flatMap(([module, names]) => names.map((name) => `${module}.${name}`));
    expect(all.filter((name) => !used.has(name))).toEqual([]);
  });

  it('give no variable the name of a module, which would hide it', () => {
    const others = files.filter((file) => !file.endsWith('without-tasks.lua'));
    const hiding = others.flatMap((file) =>
      [...codeOf(file).matchAll(/\b(?:local|for|function[^(\n]*\() *([\w, ]+)/g)]
        .flatMap(([, names]) => (names as string).split(/, */))
        .filter((name) => modules.has(name.trim()) && name.trim() !== nameOf(file))
        .map((name) => `${file}: ${name}`),
    );
    expect(hiding).toEqual([]);
  });

  it('list their modules so that each stands behind those that it uses', () => {
    for (const list of [RECORDS, TASKS]) {
      list.forEach((module, at) => {
        const before = new Set(list.slice(0, at).map(nameOf));
        if (module === 'task-fields' || module === 'meta-fields') return;
        const used = usesOf(fileOf(module)).map((use) => use.split('.')[0] as string);
        expect({ module, missing: used.filter((name) => !before.has(name)) }).toEqual({ module, missing: [] });
      });
    }
  });

  it('send their source to a server that does not know it yet', async () => {
    const sent: string[] = [];
    const client = {
      isCluster: false,
      evalsha: () => Promise.reject(new Error('NOSCRIPT No matching script')),
      eval: (source: string) => Promise.resolve(sent.push(source)),
    };
    await new RedisScript(RECORDS, 'find').run(client, ['key'], []);
    expect(sent).toEqual([expect.stringContaining('local workflows = (function()')]);
  });
});
