import { CLAIMED, namesWith, TASK_FIELDS, type TaskField } from '../../records/task-fields.js';

/** Fields that only the scripts know. `seldom`: outside of the table's constructor, which is made for sixteen fields at once. */
const SCRIPT_FIELDS: readonly ScriptField[] = [
  { kind: 'flag', redis: 'has_failed', rare: true },
  // The task that was claimed at this one's end, and its token.
  { kind: 'text', redis: 'lent', own: 16, seldom: true },
  { kind: 'text', redis: 'lent_token', own: 17, seldom: true },
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

/** What stands at each place of the packed list. */
const own: string[] = ['terms'];
own[RARE_AT - 1] = 'rare';
for (const { own: place, redis } of packed) if (place !== undefined) own[place - 1] = redis;

const namesIn = (fields: readonly ScriptField[]) => fields.map(({ redis }) => redis).join(', ');
const entries = (names: readonly string[], value = (name: string) => name) =>
  names.map((name) => `${name} = ${value(name)}`).join(', ');
const isCount = ({ kind, nullable }: ScriptField) => kind === 'number' && !nullable;
/** A count is 0 where nothing is packed. */
const isThere = (field: ScriptField) => (isCount(field) ? `task.${field.redis} > 0` : `task.${field.redis}`);

/** A field as text, '' for nothing; what an earlier status has left over is not shown. */
function text({ redis, shown }: TaskField): string {
  const value = `text_of(task.${redis})`;
  return typeof shown === 'string' ? `task.status == '${shown}' and ${value} or ''` : value;
}
const texts = (fields: readonly TaskField[]) => `{ ${fields.map(text).join(', ')} }`;

/** A field as a reply can carry it; a false or a nil would end the reply. */
function given({ redis, kind, nullable }: ScriptField): string {
  if (kind === 'flag') return `task.${redis} and '1' or ''`;
  return nullable ? `task.${redis} or ''` : `task.${redis}`;
}

const plain = packed.filter((field) => field.own !== undefined && !field.seldom);
const counts = rare.filter(isCount).map(({ redis }) => redis);

const FUNCTIONS: Readonly<Record<string, string>> = {
  // The terms of a task that was read are at hand as text, so they are not packed again.
  pack: `
local function pack(task)
  local rare
  if ${rare.map(isThere).join(' or ')} then
    rare = { ${rare.map((field) => `${field.redis} = ${isCount(field) ? `${isThere(field)} and ` : ''}task.${field.redis}${isCount(field) ? ' or nil' : ''}`).join(', ')} }
  end
  local terms = task.terms or cmsgpack.pack(${terms.map(({ redis }) => `task.${redis}`).join(', ')})
  return cmsgpack.pack(${own.map((name) => (name === 'terms' || name === 'rare' ? name : `task.${name}`)).join(', ')})
end`,
  // By their text: tasks that share their terms have them as if they were their own.
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
  /** What a new task has of each of them. */
  begin: `
local function begin(task)
  ${['place', 'attempt', ...counts].map((name) => `task.${name}`).join(', ')} = ${['place', 'attempt', ...counts].map(() => '0').join(', ')}
end`,
};

/** Functions of the module `task_fields`. */
export const TASK_FIELDS_LUA = Object.keys(FUNCTIONS);

/** The module `task_fields`: of all its functions those that a script uses, since a server makes each of them anew at every call. */
export function taskFieldsModule(used: ReadonlySet<string>): string {
  const names = TASK_FIELDS_LUA.filter((name) => used.has(name));
  const table = names.map((name) => `${name} = ${name === 'unpack' ? 'unpack_task' : name}`).join(', ');
  const helper = `local function text_of(value) return type(value) == 'number' and whole(value) or value == true and '1' or value or '' end`;
  const needsText = names.some((name) => FUNCTIONS[name]?.includes('text_of'));
  return `${needsText ? helper : ''}${names.map((name) => FUNCTIONS[name]).join('')}\nreturn { ${table} }\n`;
}
