import { CLAIMED, namesWith, TASK_FIELDS, type TaskField } from '../../records/task-fields.js';

/**
 * Fields that only the scripts know. `seldom`: set after the constructor of the table, which has room for sixteen
 * fields.
 */
const SCRIPT_FIELDS: readonly ScriptField[] = [
  { kind: 'flag', redis: 'has_failed', rare: true },
  // The task that was claimed when this one ended, and its token.
  { kind: 'text', redis: 'lent', own: 16, seldom: true },
  { kind: 'text', redis: 'lent_token', own: 17, seldom: true },
  // Bytes of headers and payload, until the task ends; see queue-settings.lua.
  { kind: 'number', nullable: true, redis: 'bytes', own: 19 },
];
const RARE_AT = 18;

interface ScriptField extends TaskField {
  readonly redis: string;
  readonly seldom?: true;
}

const TABLE: Readonly<Record<string, TaskField>> = TASK_FIELDS;
const fieldsOf = (names: readonly string[]) => names.map((name) => TABLE[name] as ScriptField);
const packed = [...fieldsOf(namesWith('redis')), ...SCRIPT_FIELDS];
const terms = fieldsOf(namesWith('terms'));
const rare = packed.filter((field) => field.rare);

/** Name at each place of the packed list. */
const own: string[] = ['terms'];
own[RARE_AT - 1] = 'rare';
for (const { own: place, redis } of packed) if (place !== undefined) own[place - 1] = redis;

const namesIn = (fields: readonly ScriptField[]) => fields.map(({ redis }) => redis).join(', ');
const entries = (names: readonly string[], value = (name: string) => name) =>
  names.map((name) => `${name} = ${value(name)}`).join(', ');
const isCount = ({ kind, nullable }: ScriptField) => kind === 'number' && !nullable;
/** A count without a stored value is 0. */
const isThere = (field: ScriptField) => (isCount(field) ? `task.${field.redis} > 0` : `task.${field.redis}`);

/** A field as text, '' for nothing. A field of another status is not shown. */
function text({ redis, shown }: TaskField): string {
  const value = `text_of(task.${redis})`;
  return typeof shown === 'string' ? `task.status == '${shown}' and ${value} or ''` : value;
}
const texts = (fields: readonly TaskField[]) => `{ ${fields.map(text).join(', ')} }`;

/** A field in a reply. Never nil, which would end the reply. */
function given({ redis, kind, nullable }: ScriptField): string {
  if (kind === 'flag') return `task.${redis} and '1' or ''`;
  return nullable ? `task.${redis} or ''` : `task.${redis}`;
}

const plain = packed.filter((field) => field.own !== undefined && !field.seldom);
const counts = rare.filter(isCount).map(({ redis }) => redis);

const FUNCTIONS: Readonly<Record<string, string>> = {
  // Terms that were unpacked from Redis are written back as the same packed text.
  pack: `
local function pack(task)
  local rare
  if ${rare.map(isThere).join(' or ')} then
    rare = { ${rare.map((field) => `${field.redis} = ${isCount(field) ? `${isThere(field)} and ` : ''}task.${field.redis}${isCount(field) ? ' or nil' : ''}`).join(', ')} }
  end
  local terms = task.terms or cmsgpack.pack(${terms.map(({ redis }) => `task.${redis}`).join(', ')})
  return cmsgpack.pack(${own.map((name) => (name === 'terms' || name === 'rare' ? name : `task.${name}`)).join(', ')})
end`,
  // Tasks with the same packed terms share one metatable, so that terms are unpacked once.
  unpack: `
local shared = {}
local function unpack_task(id, packed)
  local ${own.join(', ')} = cmsgpack.unpack(packed)
  local task = { ${entries(['id', ...plain.map(({ redis }) => redis)])} }
${SCRIPT_FIELDS.filter(({ seldom }) => seldom)
  .map(({ redis }) => `  if ${redis} then task.${redis} = ${redis} end`)
  .join('\n')}
  if rare then
    for name, value in pairs(rare) do task[name] = value end
  end
  local known = shared[terms]
  if not known then
    local ${namesIn(terms)} = cmsgpack.unpack(terms)
    known = { __index = { terms = terms, ${entries(terms.map(({ redis }) => redis))}, ${entries(counts, () => '0')} } }
    shared[terms] = known
  end
  return setmetatable(task, known)
end`,
  shown: `
local function shown(task)
  return ${texts(fieldsOf(namesWith('shown')))}
end`,
  claimed: `
local function claimed(task, payload)
  return { ${fieldsOf(CLAIMED).map(given).join(', ')}, payload }
end`,
  inside: `
local function inside(task)
  return ${texts(fieldsOf(namesWith('redis')).filter(({ shown }) => !shown))}
end`,
  stamp: `
local function stamp(task)
  return redis.sha1hex(table.concat(${texts(fieldsOf(namesWith('stamp')))}, '\\n'))
end`,
  /** Initial values of a new task. */
  begin: `
local function begin(task)
  ${['place', 'attempt', ...counts].map((name) => `task.${name}`).join(', ')} = ${['place', 'attempt', ...counts].map(() => '0').join(', ')}
end`,
};

/** Functions of the module `task_fields`. */
export const TASK_FIELDS_LUA = Object.keys(FUNCTIONS);

/** The module `task_fields` with only the functions that a script uses, since the server creates each of them at every call. */
export function taskFieldsModule(used: ReadonlySet<string>): string {
  const names = TASK_FIELDS_LUA.filter((name) => used.has(name));
  const table = names.map((name) => `${name} = ${name === 'unpack' ? 'unpack_task' : name}`).join(', ');
  const helper = `local function text_of(value) return type(value) == 'number' and whole(value) or value == true and '1' or value or '' end`;
  const needsText = names.some((name) => FUNCTIONS[name]?.includes('text_of'));
  return `${needsText ? helper : ''}${names.map((name) => FUNCTIONS[name]).join('')}\nreturn { ${table} }\n`;
}
