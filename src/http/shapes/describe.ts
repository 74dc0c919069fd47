import { fieldsOf, rulesOf, type Field, type Schema, type Shape } from './field.js';

export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

/** `components.schemas` of shapes and of the shapes inside them. */
export function componentsOf(shapes: Iterable<Shape>): Record<string, Schema> {
  const made = new Map<string, Shape>();
  const schemas: Record<string, Schema> = {};
  const visit = (shape: Shape) => {
    const { name } = shape;
    if (made.get(name) === shape) return;
    if (made.has(name)) throw new Error(`Two classes are called ${name}, which is one name in the document`);
    made.set(name, shape);
    schemas[name] = objectSchema(shape);
    for (const { of, itemsOf } of fieldsOf(shape)) {
      if (of !== undefined) visit(of());
      for (const one of itemsOf?.() ?? []) visit(one);
    }
  };
  for (const shape of shapes) visit(shape);
  return schemas;
}

function objectSchema(shape: Shape): Schema {
  const fields = fieldsOf(shape);
  const required = fields.filter(({ isRequired }) => isRequired).map(({ name }) => name);
  const between = rulesOf(shape).flatMap(({ schema }) => schema ?? []);
  return {
    type: 'object',
    properties: Object.fromEntries(fields.map((field) => [field.name, fieldSchema(field)])),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
    ...(between.length > 0 && { allOf: between }),
  };
}

export function fieldSchema({ kind, schema, of, itemsOf, isNullable }: Field): Schema {
  if (itemsOf !== undefined) return { ...schema, items: { anyOf: itemsOf().map(({ name }) => ref(name)) } };
  if (of === undefined) return schema;
  const inner = ref(of().name);
  if (kind === 'list') return { ...schema, items: inner };
  return isNullable ? { ...schema, anyOf: [inner, { type: 'null' }] } : { ...schema, ...inner };
}

/** Valid value: the required members, and those with an example. */
export function exampleOf(shape: Shape): Record<string, unknown> {
  const wanted = fieldsOf(shape).filter(({ isRequired, example }) => isRequired || example !== undefined);
  return Object.fromEntries(wanted.map((field) => [field.name, exampleOfField(shape, field)]));
}

export function exampleOfField(shape: Shape, { kind, name, example, of, schema, default: byDefault }: Field): unknown {
  if (example !== undefined) return example;
  if (of !== undefined) return kind === 'list' ? [exampleOf(of())] : exampleOf(of());
  const value = byDefault ?? (schema['enum'] as readonly unknown[] | undefined)?.[0] ?? schema['minimum'];
  if (value === undefined) throw new Error(`${shape.name}.${name} is required, so it needs an example`);
  return value;
}
