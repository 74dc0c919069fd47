import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, expect, it } from '@jest/globals';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { Boundaries, type Parameter } from '../support/boundary-cases.js';
import { describeService, type Service } from '../support/describe-service.js';
import { AS_OPERATOR, WITH_OPERATOR } from '../support/operator.js';
import { scaled } from '../support/scale.js';

type Json = Record<string, unknown>;

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: Record<string, { schema: Json; example?: unknown }>;
  };
}

/** Codes for a request whose shape is refused; anything else took the shape and is about what it asks for. */
const REFUSALS: readonly string[] = [
  'INVALID_BODY',
  'INVALID_HEADER',
  'INVALID_ID',
  'INVALID_JSON',
  'INVALID_QUERY',
  'JSON_REFUSED',
  'PATCH_INVALID',
];

/** Operations that would move the service under test to another store. */
const LEFT_OUT: readonly string[] = ['attach'];

interface Difference {
  readonly operation: string;
  readonly about: string;
  readonly code: string;
  /** The document accepts the request and the service refuses it; false for the opposite. */
  readonly isDocumented: boolean;
}

/**
 * Demands of the service that JSON Schema cannot express, by name. Not among the cases: times of tasks lie within
 * a year from now, `headers` of a task have at most 8 KiB together, a commit names each workflow at most once, sizes (413).
 */
const UNSAYABLE: Readonly<Record<string, (one: Difference) => boolean>> = {
  'an operation of a JSON Patch must fit the state that it meets': ({ operation, code, isDocumented }) =>
    ['patchState', 'commit'].includes(operation) && code === 'PATCH_INVALID' && isDocumented,
  'a number that no version and no conflict can have is not found, like any other': ({ code, about, isDocumented }) =>
    !isDocumented &&
    about.startsWith('path ') &&
    ['VERSION_NOT_FOUND', 'VERSION_PRUNED', 'CONFLICT_NOT_FOUND'].includes(code),
  'after and limit of an export need a tenant': ({ operation, about, code, isDocumented }) =>
    operation === 'exportAll' && /^query (after|limit) /.test(about) && code === 'INVALID_QUERY' && isDocumented,
  'the id of a workflow has at most 200 bytes': ({ about, isDocumented }) =>
    isDocumented && /(\bids?|Id|\bworkflow|Prefix)(\/\d+)? is (a text of |)(199|200|39\d|400)/.test(about),
  'GET /v1/workflows/count is a route of its own': ({ about, isDocumented }) =>
    !isDocumented && about === 'path id is count',
};

const PARALLEL = 16;
afterAll(() => agent.destroy());
/** Shapes are read before an engine is asked, so on a second engine every eighth request will do. */
const EVERY_ON_REDIS = scaled({ short: 8, long: 1 });

describeService(
  'the document and the service accept the same',
  (service) => {
    it('in every body, query and path', async () => {
      const document = (await service.get('/openapi.json')).json as {
        paths: Record<string, Record<string, Operation>>;
        components: { schemas: Record<string, Json> };
      };
      const ajv = new Ajv2020({ strict: false, validateFormats: true });
      (addFormats as unknown as (one: Ajv2020) => void)(ajv);
      ajv.addSchema({ $id: 'document', ...document });
      const boundaries = new Boundaries(document.components.schemas);
      const differences: string[] = [];
      const faults: string[] = [];
      const every = service.engine === 'redis' ? EVERY_ON_REDIS : 1;
      let held = 0;
      let count = 0;

      for (const [path, methods] of Object.entries(document.paths)) {
        for (const [method, operation] of Object.entries(methods)) {
          if (LEFT_OUT.includes(operation.operationId)) continue;
          // An earlier operation may have deleted the workflow of the examples, and a patch is checked on a state only.
          await service.put('/v1/workflows/case-7/state', {});
          const { parameters = [], requestBody } = operation;
          const [type, content] = Object.entries(requestBody?.content ?? {})[0] ?? [];
          const ask = { service, method: method.toUpperCase(), path, parameters };
          const cases: (() => Promise<void>)[] = [];
          const hold = (about: string, isAccepted: boolean, asked: Request) => {
            if (held++ % every !== 0) return;
            cases.push(async () => {
              count++;
              const { status, code } = await send(asked);
              const where = `${operation.operationId} ${ask.method} ${about}`;
              if (status >= 500 && status !== 501 && status !== 503) faults.push(`${where}: ${status} ${code}`);
              const isTaken = !REFUSALS.includes(code);
              const difference = { operation: operation.operationId, about, code, isDocumented: isAccepted };
              if (isTaken === isAccepted || Object.values(UNSAYABLE).some((isIt) => isIt(difference))) return;
              differences.push(`${where}: document ${isAccepted}, service ${isTaken} (${status} ${code})`);
            });
          };

          for (const [type, { schema, example }] of Object.entries(requestBody?.content ?? {})) {
            if (!type.includes('json') || type.includes('ndjson')) continue;
            const validate = ajv.compile(resolved(schema));
            for (const { about, value } of boundaries.of(schema, example)) {
              hold(`${type} ${about}`, validate(value) as boolean, requestOf(ask, {}, type, value));
            }
          }
          for (const parameter of parameters.filter((one) => one.in === 'query' || one.in === 'path')) {
            const validate = ajv.compile(resolved(parameter.schema));
            for (const given of new Set(boundaries.texts(parameter.schema))) {
              if (parameter.in === 'path' && given === '') continue;
              const about = `${parameter.in} ${parameter.name} is ${given.length > 30 ? `${given.length} characters` : given}`;
              hold(
                about,
                accepts(validate, given),
                requestOf(ask, { [parameter.name]: given }, type, content?.example),
              );
            }
          }
          if (parameters.some((one) => one.in === 'query'))
            hold('query nope', false, requestOf(ask, { nope: '1' }, type, content?.example));
          const waits =
            operation.operationId === 'claimTasks' || parameters.some(({ name }) => /^wait(Ms)?$/.test(name));
          await (waits ? whileWritten(service, inParallel(cases)) : inParallel(cases));
        }
      }
      expect(faults).toEqual([]);
      expect(differences).toEqual([]);
      expect(count).toBeGreaterThan(2000 / every);
    }, 300_000);
  },
  WITH_OPERATOR,
);

/** `#/components` of the document, for a schema compiled by itself. */
function resolved(schema: Json): Json {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"document#/components/')) as Json;
}

/** A text may be meant as a number or a truth value. */
function accepts(validate: ValidateFunction, text: string): boolean {
  const meant: unknown[] = [text];
  if (/^-?\d+(\.\d+)?$/.test(text)) meant.push(Number(text));
  if (text === 'true' || text === 'false') meant.push(text === 'true');
  return meant.some((value) => validate(value) as boolean);
}

interface Ask {
  readonly service: Service;
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
}

interface Request {
  readonly url: string;
  readonly init: { readonly method: string; readonly headers?: Record<string, string>; readonly body?: string };
}

/** The request of the examples, with other texts for some parameters. */
function requestOf(
  { service, method, path, parameters }: Ask,
  texts: Record<string, string>,
  type: string | undefined,
  body: unknown,
): Request {
  const textOf = (one: Parameter) => texts[one.name] ?? String(one.example ?? 'example-1');
  const place = path.replace(/\{([^}]+)\}/g, (_, name: string) =>
    encodeURIComponent(textOf(parameters.find((one) => one.name === name) as Parameter)),
  );
  const required = parameters.filter(
    (one) => one.in === 'query' && one.required === true && texts[one.name] === undefined,
  );
  const inPath = parameters.filter((one) => one.in === 'path').map(({ name }) => name);
  const query = new URLSearchParams([
    ...required.map((one): [string, string] => [one.name, textOf(one)]),
    ...Object.entries(texts).filter(([name]) => !inPath.includes(name)),
  ]);
  const hasBody = type !== undefined && method !== 'GET';
  return {
    url: `${service.url}${place}${query.size === 0 ? '' : `?${query}`}`,
    init: { method, ...(hasBody && { headers: { 'content-type': type }, body: JSON.stringify(body) }) },
  };
}

/** Thousands of requests: `fetch` takes longer for one than the service does. */
const agent = new Agent({ keepAlive: true, maxSockets: 2 * PARALLEL });

async function send({ url, init }: Request): Promise<{ status: number; code: string }> {
  const { method, headers, body } = init;
  const length = body !== undefined && { 'content-length': Buffer.byteLength(body) };
  const asked = request(url, { agent, method, headers: { ...AS_OPERATOR, ...headers, ...length } }).end(body);
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  const { statusCode: status = 0 } = answer;
  const type = answer.headers['content-type'] ?? '';
  if (type.includes('problem+json')) {
    return { status, code: (JSON.parse(await text(answer)) as { code: string }).code };
  }
  // Streams would go on.
  if (type.includes('event-stream')) answer.destroy();
  else answer.resume();
  return { status, code: '' };
}

/** Writes the workflow and fills the queue of the examples until all is answered, so that no request waits for long. */
async function whileWritten(service: Service, work: Promise<void>): Promise<void> {
  const over = new AbortController();
  const done = work.finally(() => over.abort());
  while (!over.signal.aborted) {
    await service.put('/v1/workflows/case-7', { state: { status: 'waiting' } });
    await service.post('/v1/queues/writer/tasks', { payload: 1 });
  }
  await done;
}

async function inParallel(cases: readonly (() => Promise<void>)[]): Promise<void> {
  const left = [...cases];
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) await next();
    }),
  );
}
