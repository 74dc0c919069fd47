export const PUBLIC: readonly string[] = [
  'GET /health/live',
  'GET /health/ready',
  'GET /status',
  'GET /problems/:type',
];
/** For every caller; what its body asks for is checked later. */
const ANYBODY: readonly string[] = ['GET /v1/whoami', 'POST /v1/commits', 'GET /v1/limits', 'GET /v1/tenant'];

const READER = [
  /^GET \/(health|metrics|openapi\.json|asyncapi\.yaml|docs.*|examples\/live\.html)$/,
  /^GET \/v1\/(workflows|queues|tasks|events)/,
  /^POST \/v1\/workflows\/batch-get$/,
];
const WORKER = [
  /^GET \/v1\/(workflows|queues|tasks)/,
  /^(POST|PUT|PATCH|DELETE) \/v1\/workflows/,
  /^POST \/v1\/queues\/:queue\/claims$/,
  /^POST \/v1\/tasks\/(:id\/(heartbeat|progress|complete|fail|release)|batch-complete)$/,
  /^POST \/v1\/agents\/:id\/status$/,
  /^POST \/v1\/channels\/:channel\/messages$/,
  /^POST \/v1\/limits\/:name\/(take|give)$/,
];
const WRITER = [
  ...WORKER,
  /^POST \/v1\/queues\/:queue\/tasks(\/batch)?$/,
  /^POST \/v1\/tasks\/:id\/cancel$/,
  /^GET \/v1\/events$/,
  /^(GET|POST) \/(v1\/routing|api\/routing\/test|v1\/agents)$/,
];
const OPERATOR_ONLY = /^\w+ \/v1\/(export|import|admin\/|tenants)/;
/** Routes that each role may use, written down independently of src/access/routes.ts. */
export const MAY: Readonly<Record<string, (route: string) => boolean>> = {
  reader: (route) => READER.some((one) => one.test(route)),
  worker: (route) => WORKER.some((one) => one.test(route)),
  writer: (route) => WRITER.some((one) => one.test(route)),
  admin: (route) => !OPERATOR_ONLY.test(route),
};

export function mayAsk(role: string, route: string): boolean {
  return PUBLIC.includes(route) || ANYBODY.includes(route) || MAY[role]?.(route) === true;
}

export const methodOf = (route: string): string => route.split(' ')[0] as string;
export const urlOf = (route: string): string => route.split(' ')[1] as string;
/** The url of a route with something in place of its parameters. */
export const pathOf = (route: string): string => urlOf(route).replace(/:\w+/g, 'x').replace('*', 'x');
