import { META_FIELDS } from '../workflows/meta-fields.js';

/** Values of a new record. Its other fields are false. */
const OF_NEW: Readonly<Record<string, string>> = {
  inc: 'inc',
  version: '0',
  created: 'now',
  updated: 'now',
  history_bytes: '0',
};

/** Members of a record: the fields, and what it gets later, so that its table has room for that. */
const membersOf = (valueOf: (name: string) => string) => {
  const deadline = valueOf('deadline');
  const later = `kind = 'ours', text = false, ends = ${deadline}, due = ${deadline}, is_sure = false`;
  return [...META_FIELDS.map((name) => `${name} = ${valueOf(name)}`), later].join(', ');
};

const FUNCTIONS: Readonly<Record<string, string>> = {
  /** Nil for a value that is no meta. */
  unpack: `
local function unpack_meta(packed)
  local is_packed, ${META_FIELDS.join(', ')} = pcall(cmsgpack.unpack, packed)
  if not is_packed or type(entries) ~= 'string' then return nil end
  return { ${membersOf((name) => name)} }
end`,
  /** The record of a workflow without a version. */
  new: `
local function new(inc)
  return { ${membersOf((name) => OF_NEW[name] ?? 'false')} }
end`,
  pack: `
local function pack(meta)
  return cmsgpack.pack(${META_FIELDS.map((name) => `meta.${name} or false`).join(', ')})
end`,
};

/** Functions of the module `meta_fields`. */
export const META_FIELDS_LUA = Object.keys(FUNCTIONS);

/** The module `meta_fields` with only the functions that a script uses. */
export function metaFieldsModule(used: ReadonlySet<string>): string {
  const some = META_FIELDS_LUA.filter((name) => used.has(name));
  const table = some.map((name) => `${name} = ${name === 'unpack' ? 'unpack_meta' : name}`).join(', ');
  return `${some.map((name) => FUNCTIONS[name]).join('')}\nreturn { ${table} }\n`;
}
