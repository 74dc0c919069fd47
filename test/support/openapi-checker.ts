import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';

type Json = Record<string, unknown>;

interface Operation {
  readonly operationId: string;
  readonly responses: Record<string, { content?: Record<string, { schema: Json }>; headers?: Json }>;
}

/** Texts that no answer may contain: names of Redis keys, of the driver and of internal classes. */
const LEAKS = /document_workflow|ioredis|redis\.call|node_modules|\n\s+at |ReplyError|lmdb/;

/** Compiled schemas of a document. All engines of a suite have the same document, and to compile it takes long. */
interface Compiled {
  readonly ajv: Ajv;
  readonly validators: Map<string, ValidateFunction>;
}

const compiledOf = new Map<string, Compiled>();

function compile(schemas: Json): Compiled {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: true });
  (addFormats as unknown as (ajv: Ajv) => void)(ajv);
  for (const [name, schema] of Object.entries(asJsonSchema(schemas) as Json)) {
    ajv.addSchema(schema as Json, `#/components/schemas/${name}`);
  }
  return { ajv, validators: new Map() };
}

/** Checks answers against the service's own OpenAPI document: an answer that it does not describe is an error. */
export class OpenApiChecker {
  readonly exercised = new Set<string>();
  readonly #compiled: Compiled;
  readonly #routes: {
    readonly pattern: RegExp;
    readonly literal: number;
    readonly methods: Record<string, Operation>;
  }[];

  constructor(document: { paths: Record<string, Record<string, Operation>>; components: { schemas: Json } }) {
    const text = JSON.stringify(document);
    this.#compiled = compiledOf.get(text) ?? compile(document.components.schemas);
    compiledOf.set(text, this.#compiled);
    this.#routes = Object.entries(document.paths)
      .map(([path, methods]) => ({
        pattern: new RegExp(`^${path.replace(/\{[^}]+\}/g, '[^/]+')}$`),
        literal: path.replace(/\{[^}]+\}/g, '').length,
        methods,
      }))
      .sort((a, b) => b.literal - a.literal);
  }

  get operations(): string[] {
    return this.#routes.flatMap(({ methods }) => Object.values(methods).map(({ operationId }) => operationId));
  }

  /** @throws Error that names what the document does not describe. */
  check(method: string, path: string, status: number, headers: Headers, text: string): void {
    const where = `${method} ${path} → ${status}`;
    if (LEAKS.test(text)) throw new Error(`${where} leaks: ${text.slice(0, 300)}`);
    if (headers.get('x-waymark-storage') === null) throw new Error(`${where} does not name its storage`);
    if (headers.get('x-request-id') === null) throw new Error(`${where} has no request id`);
    const operation = this.#routes.find(({ pattern }) => pattern.test(path))?.methods[
      method.toLowerCase() === 'head' ? 'get' : method.toLowerCase()
    ];
    // An unknown path or method is not in the document.
    if (operation === undefined) return;
    this.exercised.add(operation.operationId);
    const response = operation.responses[status];
    if (response === undefined) throw new Error(`${where} is not documented for ${operation.operationId}`);
    if (text === '') return;
    const type = (headers.get('content-type') ?? '').split(';')[0] ?? '';
    const schema = response.content?.[type]?.schema;
    if (schema === undefined) throw new Error(`${where}: ${type} is not documented`);
    if (!type.includes('json') || type === 'application/x-ndjson') return;
    const validate = this.#validator(`${operation.operationId} ${status}`, schema);
    if (validate(JSON.parse(text))) return;
    const errors = this.#compiled.ajv.errorsText(validate.errors);
    throw new Error(`${where} is not as documented: ${errors}\n${text.slice(0, 400)}`);
  }

  #validator(name: string, schema: Json): ValidateFunction {
    const { ajv, validators } = this.#compiled;
    let validate = validators.get(name);
    if (validate === undefined) validators.set(name, (validate = ajv.compile(asJsonSchema(schema) as Json)));
    return validate;
  }
}

/** Replaces `nullable` of OpenAPI 3.0 by the type `null` of JSON Schema. */
function asJsonSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(asJsonSchema);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { nullable, ...rest } = Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [name, asJsonSchema(value)]),
  ) as Json;
  return nullable === true ? { anyOf: [rest, { type: 'null' }] } : rest;
}
