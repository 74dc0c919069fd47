import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const SRC = fileURLToPath(new URL('../../src/', import.meta.url));

/** Files directly in src/ that every room may import, and that import only each other. */
const COMMON = ['service-error', 'folders', 'version', 'with-timeout', 'short-digest'];
const FEATURE = ['config', 'engine', 'http', 'json', 'lifecycle', 'waiting'];
/** Each room with the rooms that it may import. A room in a room is listed by itself; other files directly in src/ are the room `.`. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(COMMON.map((file) => [file, []])),
  json: [],
  lifecycle: ['config'],
  waiting: ['config', 'http', 'lifecycle', 'metrics'],
  config: ['json'],
  engine: ['engine/*', 'config', 'json'],
  'engine/moving': ['engine'],
  'engine/memory': ['engine', 'engine/moving', 'json'],
  'engine/redis': ['engine', 'engine/moving', 'config', 'json'],
  'engine/detached': ['engine', 'engine/moving', 'engine/memory', 'json'],
  'engine/switching': ['engine', 'engine/moving'],
  http: ['config', 'engine', 'json'],
  logging: ['config', 'http'],
  loading: ['engine', 'http', 'logging'],
  metrics: ['engine', 'engine/*', 'http'],
  access: [...FEATURE, 'metrics'],
  workflows: FEATURE,
  tasks: [...FEATURE, 'access', 'workflows'],
  feed: [...FEATURE, 'access', 'metrics'],
  commits: [...FEATURE, 'access', 'workflows', 'tasks', 'feed'],
  routing: [...FEATURE, 'access', 'workflows', 'tasks', 'metrics'],
  problems: ['http'],
  health: ['access', 'config', 'engine', 'feed', 'http', 'lifecycle', 'waiting'],
  migration: [...FEATURE, 'access', 'engine/*', 'client'],
  attach: [...FEATURE, 'engine/*', 'migration'],
  client: ['json'],
  cli: ['access', 'client', 'config', 'engine', 'engine/*', 'migration'],
  '.': ['*'],
};

/** Packages that only the rooms named may import. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  ioredis: ['engine/redis'],
  '@upstash/redis': ['engine/redis'],
  lmdb: ['engine/memory', 'engine/detached'],
  'prom-client': ['metrics', 'feed', 'routing', 'waiting'],
  jose: ['access'],
  'class-validator': ['config', 'http'],
};

interface Import {
  readonly from: string;
  /** A file of src/, or the name of a package. */
  readonly to: string;
  readonly isType: boolean;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'),
);
const imports = files.flatMap(importsOf);

function importsOf(from: string): Import[] {
  const text = readFileSync(join(SRC, from), 'utf8');
  const statements = text.matchAll(
    /^(?:import|export)\s(type\s)?(?:[^;']*?\sfrom\s)?'([^']+)'|\bimport\('([^']+)'\)/gm,
  );
  return [...statements].map(([, type, path = '', dynamic = path]) => ({
    from,
    to: dynamic.startsWith('.')
      ? relative(SRC, join(SRC, dirname(from), dynamic)).replace(/\.js$/, '.ts')
      : dynamic.split('/', dynamic.startsWith('@') ? 2 : 1).join('/'),
    isType: type !== undefined,
  }));
}

function roomOf(file: string): string {
  const parts = file.replace(/\.ts$/, '').split('/');
  return [parts.slice(0, 2).join('/'), parts[0] as string].find((room) => room in ALLOWED) ?? '.';
}

function isAllowed({ from, to }: Import): boolean {
  const [room, target] = [roomOf(from), roomOf(to)];
  const allowed = ALLOWED[room] ?? [];
  return (
    [room, ...COMMON].includes(target) ||
    allowed.includes(target) ||
    allowed.includes('*') ||
    allowed.includes(`${dirname(target)}/*`)
  );
}

/** A path of imports that ends where it begins. */
function findCircle(): string[] | undefined {
  const finished = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (finished.has(file)) return undefined;
    for (const { to } of imports.filter(({ from }) => from === file)) {
      const circle = visit(to, [...path, file]);
      if (circle !== undefined) return circle;
    }
    finished.add(file);
    return undefined;
  };
  for (const file of files) {
    const circle = visit(file, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

const shown = (found: readonly Import[]) => found.map(({ from, to }) => `${from} imports ${to}`);

describe('the rooms of src', () => {
  it('import only the rooms that they may', () => {
    expect(imports.length).toBeGreaterThan(1000);
    expect(shown(imports.filter(({ to }) => files.includes(to)).filter((one) => !isAllowed(one)))).toEqual([]);
  });

  it('hold no circle of files, types included', () => {
    expect(findCircle()).toBeUndefined();
  });

  it('keep each package in its rooms', () => {
    const misplaced = imports.filter(({ from, to }) => to in PACKAGES && !PACKAGES[to]?.includes(roomOf(from)));
    expect(shown(misplaced)).toEqual([]);
  });

  it('let the client run without the server: only Node and src/json at run time', () => {
    const needed = imports.filter(({ from, isType }) => roomOf(from) === 'client' && !isType);
    expect(
      shown(needed.filter(({ to }) => !to.startsWith('node:') && !['client', 'json'].includes(roomOf(to)))),
    ).toEqual([]);
  });
});
