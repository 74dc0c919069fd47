import { META_FIELDS, NONE } from '../workflows/meta-fields.js';

const fields = Object.entries(META_FIELDS);
const names = fields.map(([name]) => name);

const PATTERNS = { word: '(%S+)', number: '(%d+)', 'number or none': '(%S+)' };
const pattern = `^${fields.map(([, kind]) => PATTERNS[kind]).join(' ')}\\n([^\\n]*)\\n([^\\n]*)$`;

const READ = {
  word: (name: string) => `${name} ~= '${NONE}' and ${name}`,
  number: (name: string) => `tonumber(${name})`,
  'number or none': (name: string) => `${name} ~= '${NONE}' and tonumber(${name})`,
};
const WRITTEN = {
  word: (name: string) => `(meta.${name} or '${NONE}')`,
  number: (name: string) => `whole(meta.${name})`,
  'number or none': (name: string) => `deadline_text(meta.${name})`,
};

const FUNCTIONS: Readonly<Record<string, string>> = {
  /** Nil for a value that is no meta. */
  unpack: `
local function unpack_meta(packed)
  local ${names.join(', ')}, about, entries = string.match(packed, '${pattern}')
  if not inc then return nil end
  return { ${fields.map(([name, kind]) => `${name} = ${READ[kind](name)}`).join(', ')}, about = about, entries = entries }
end`,
  pack: `
local function pack(meta)
  return ${fields.map(([name, kind]) => WRITTEN[kind](name)).join(" .. ' ' .. ")} .. '\\n' .. meta.about .. '\\n' .. meta.entries
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
