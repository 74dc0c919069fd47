/** One thing that can be set from outside. README.md and .env.production.example are held against this table. */
export interface Setting {
  readonly name: string;
  /** Names that the guides of older stores use for the same thing. */
  readonly aliases?: readonly string[];
  readonly default: string;
  readonly allowed: string;
  readonly meaning: string;
  /** Never shown; may be given as a file, in `<name>_FILE`. */
  readonly secret?: true;
}

export const SETTINGS = [
  {
    name: 'PORT',
    default: '3000',
    allowed: 'an integer from 0 to 65535',
    meaning: 'where the service listens; 0 takes a free port',
  },
  {
    name: 'HOST',
    default: '127.0.0.1',
    allowed: 'an address or host name',
    meaning: 'the address it listens on; 0.0.0.0 is all of them',
  },
  {
    name: 'USE_REDIS',
    aliases: ['REDIS_ENABLE'],
    default: 'true when REDIS_URL or REDIS_HOST is given',
    allowed: 'true or false',
    meaning: 'Redis instead of the embedded engine',
  },
  {
    name: 'REDIS_URL',
    aliases: ['UPSTASH_REDIS_URL'],
    default: 'redis://localhost:6379',
    allowed: 'redis:// or rediss:// URL; @ : / # in the password must be URL-encoded',
    meaning: 'where Redis is; rediss is TLS',
    secret: true,
  },
  {
    name: 'REDIS_HOST',
    default: '',
    allowed: 'a host name or address',
    meaning: 'instead of REDIS_URL, with the next three',
  },
  { name: 'REDIS_PORT', default: '6379', allowed: 'an integer from 1 to 65535', meaning: 'port of Redis' },
  {
    name: 'REDIS_USERNAME',
    default: '',
    allowed: 'any text',
    meaning: 'user of Redis, where there are users; else the default one',
  },
  { name: 'REDIS_PASSWORD', default: '', allowed: 'any text', meaning: 'password of Redis', secret: true },
  { name: 'REDIS_DB', default: '0', allowed: 'an integer from 0 to 65535', meaning: 'number of the database' },
  {
    name: 'REDIS_PROTOCOL',
    default: 'rest when UPSTASH_REDIS_REST_URL is given, else redis',
    allowed: 'redis or rest',
    meaning: "how it is spoken to: in Redis' own protocol, or over HTTP as Upstash does",
  },
  {
    name: 'UPSTASH_REDIS_REST_URL',
    default: '',
    allowed: 'an http:// or https:// URL',
    meaning: 'where Redis is, over HTTP',
  },
  {
    name: 'UPSTASH_REDIS_REST_TOKEN',
    default: '',
    allowed: 'any text',
    meaning: 'token for it; one that may write',
    secret: true,
  },
  {
    name: 'REDIS_SENTINELS',
    default: '',
    allowed: 'host:port, several separated by commas',
    meaning: 'the sentinels of a group, instead of the address of a server',
  },
  {
    name: 'REDIS_SENTINEL_MASTER',
    default: '',
    allowed: 'a name',
    meaning: 'the name by which the sentinels know the group',
  },
  {
    name: 'REDIS_SENTINEL_USERNAME',
    default: '',
    allowed: 'any text',
    meaning: 'user of the sentinels, if they want one',
  },
  {
    name: 'REDIS_SENTINEL_PASSWORD',
    default: '',
    allowed: 'any text',
    meaning: 'password of the sentinels, if they want one; that of the servers is REDIS_PASSWORD',
    secret: true,
  },
  {
    name: 'REDIS_CLUSTER_NODES',
    default: '',
    allowed: 'host:port, several separated by commas',
    meaning: 'some nodes of a Cluster, instead of the address of a server; it names the others',
  },
  {
    name: 'REDIS_TLS',
    default: 'true with a rediss:// URL, else false',
    allowed: 'true or false',
    meaning: 'TLS to Redis, and to the sentinels',
  },
  {
    name: 'REDIS_TLS_CA',
    default: '',
    allowed: 'the path of a PEM file, or its text',
    meaning: 'the authority that signed the certificate of Redis, when it is a private one',
  },
  {
    name: 'REDIS_TLS_REJECT_UNAUTHORIZED',
    default: 'true',
    allowed: 'true or false',
    meaning: 'false takes any certificate, and with it anybody who pretends to be Redis; for tests',
  },
  {
    name: 'REDIS_TLS_SERVERNAME',
    default: 'the host it is reached by',
    allowed: 'a host name',
    meaning: 'the name that the certificate of Redis must bear',
  },
  {
    name: 'REDIS_CONFIRM_TIMEOUT',
    default: '1s',
    allowed: 'a duration from 50ms to 60s',
    meaning: 'how long a write with Waymark-Durability: replicated waits for a replica',
  },
  {
    name: 'REDIS_NAMESPACE',
    default: '',
    allowed: 'letters, digits and . _ : - { }',
    meaning: 'prefix of every key; on a Cluster with a hash tag, such as {prod}',
  },
  {
    name: 'REDIS_MAX_CONNECTIONS',
    aliases: ['REDIS_MAX_POOL_SIZE'],
    default: '2',
    allowed: 'an integer from 2 to 1000',
    meaning: 'connections of this replica: one reads changes, the others carry commands',
  },
  {
    name: 'REDIS_SOCKET_TIMEOUT',
    default: '2s',
    allowed: 'a duration from 50ms to 60s',
    meaning: 'a command without an answer for so long has failed',
  },
  {
    name: 'REDIS_SOCKET_CONNECT_TIMEOUT',
    aliases: ['REDIS_CONNECTION_TIMEOUT'],
    default: '5s',
    allowed: 'a duration from 50ms to 60s',
    meaning: 'how long connecting may take',
  },
  {
    name: 'REDIS_FALLBACK',
    default: 'memory',
    allowed: 'memory or none',
    meaning:
      'while Redis is away: memory serves what this replica knows and brings it into Redis afterwards; none answers 503',
  },
  {
    name: 'DETACHED_CACHE_BYTES',
    default: '67108864',
    allowed: 'an integer from 0 to 68719476736',
    meaning: 'bytes of recently seen workflows kept for the time when Redis is away',
  },
  {
    name: 'DETACHED_MAX_BYTES',
    default: '268435456',
    allowed: 'an integer from 1048576 to 68719476736',
    meaning: 'bytes of writes accepted while Redis is away; beyond that they are refused with 503',
  },
  {
    name: 'CIRCUIT_BREAKER_ENABLED',
    default: 'true',
    allowed: 'true or false',
    meaning: 'leave Redis alone after repeated failures',
  },
  {
    name: 'CIRCUIT_BREAKER_FAILURE_THRESHOLD',
    default: '5',
    allowed: 'an integer from 1 to 1000',
    meaning: 'failed connections in a row that open the breaker',
  },
  {
    name: 'CIRCUIT_BREAKER_SUCCESS_THRESHOLD',
    default: '2',
    allowed: 'an integer from 1 to 1000',
    meaning: 'answers in a row that close it again',
  },
  {
    name: 'CIRCUIT_BREAKER_TIMEOUT',
    default: '30s',
    allowed: 'a duration from 1s to 1h',
    meaning: 'the longest pause of a breaker that Redis makes open again although it answers PINGs',
  },
  {
    name: 'ALLOW_EVICTION',
    default: 'false',
    allowed: 'true or false',
    meaning: 'serve although Redis may evict live state',
  },
  {
    name: 'WORKFLOW_STATE_TTL',
    default: '86400',
    allowed: 'a duration from 1s to 36500d',
    meaning: 'time to live of a workflow after a write that does not say otherwise',
  },
  {
    name: 'WORKFLOW_INDEX',
    default: '/status,/document_type,/user_id,/case_id',
    allowed:
      'JSON Pointers separated by commas, whose last segments differ, are of letters, digits and . _ - and are no query names',
    meaning: 'fields of a state by which workflows can be listed; empty for none',
  },
  {
    name: 'WORKFLOW_HISTORY_LIMIT',
    default: '50',
    allowed: 'an integer from 0 to 1000',
    meaning: 'earlier versions kept per workflow; 0 keeps none',
  },
  {
    name: 'WORKFLOW_HISTORY_MAX_BYTES',
    default: '1048576',
    allowed: 'an integer from 0 to 67108864',
    meaning: 'bytes of earlier versions kept per workflow; 0 keeps none',
  },
  {
    name: 'MAX_STATE_BYTES',
    default: '1048576',
    allowed: 'an integer from 1024 to 8388608',
    meaning: 'largest state; big values hold up Redis for everybody',
  },
  {
    name: 'QUEUE_MAX_TASKS',
    default: '100000',
    allowed: 'an integer from 1 to 10000000',
    meaning: 'tasks of one queue that are ready, delayed or leased; more are refused with 429',
  },
  {
    name: 'TASK_WAIT_LIMIT',
    default: '7d',
    allowed: 'a duration from 1m to 365d',
    meaning: 'a task that nobody has claimed so long after it was due ends in the dead list, unless it says otherwise',
  },
  {
    name: 'TASK_RESULT_TTL',
    default: '1h',
    allowed: 'a duration from 1s to 30d',
    meaning: 'how long done and cancelled tasks are kept with their results',
  },
  {
    name: 'TASK_PROGRESS_TTL',
    default: '10m',
    allowed: 'a duration from 1s to 30d',
    meaning: 'how long the progress events of an ended task are kept',
  },
  {
    name: 'DEAD_TASK_TTL',
    default: '7d',
    allowed: 'a duration from 1m to 365d',
    meaning: 'how long dead tasks are kept',
  },
  {
    name: 'QUEUE_MAX_DEAD',
    default: '10000',
    allowed: 'an integer from 1 to 1000000',
    meaning: 'dead tasks of one queue; of more, the oldest are removed',
  },
  {
    name: 'ROUTING_AGENTS',
    default: 'claude, gpt-4, gemini, llama and mistral',
    allowed: 'a JSON list of agents, or the path of a file with one; docs/routing.md has the form',
    meaning: 'agents that tasks are routed to',
  },
  {
    name: 'ROUTING_STATUS_TTL',
    default: '2m',
    allowed: 'a duration from 1s to 24h',
    meaning: 'how long the router believes what an agent has reported of itself',
  },
  {
    name: 'FEED_MAX_EVENTS',
    default: '100000',
    allowed: 'an integer from 1000 to 10000000',
    meaning: 'events kept in the feed of a tenant; who is further behind must read the state again',
  },
  {
    name: 'FEED_MAX_AGE',
    default: '24h',
    allowed: 'a duration from 1m to 365d',
    meaning: 'how long events are kept',
  },
  {
    name: 'FEED_MAX_LISTENERS',
    default: '5000',
    allowed: 'an integer from 1 to 100000',
    meaning: 'streams, waiting polls and WebSockets that this replica serves; more are refused',
  },
  {
    name: 'FEED_BUFFER_BYTES',
    default: '1048576',
    allowed: 'an integer from 65536 to 67108864',
    meaning: 'bytes that wait for one client that reads slowly; with more it is cut off',
  },
  {
    name: 'WEBSOCKET_PORT',
    default: '',
    allowed: 'an integer from 0 to 65535, another one than PORT',
    meaning: 'WebSockets at the root of this port too, beside /ws; the clients of older routers use 3001',
  },
  {
    name: 'WEBSOCKET_ORIGINS',
    default: '',
    allowed: 'origins separated by commas, such as https://app.example.com, or *',
    meaning: 'pages of other hosts that may open WebSockets',
  },
  {
    name: 'EXAMPLES',
    default: 'false',
    allowed: 'true or false',
    meaning: 'serve the pages of examples/ under /examples',
  },
  {
    name: 'DATA_DIR',
    default: './data with npm start, else none',
    allowed: 'a path',
    meaning: 'where the embedded engine keeps its state; empty: in memory only',
  },
  {
    name: 'ADMIN_TOKEN',
    default: '',
    allowed: 'any text of 16 characters or more',
    meaning:
      'who sends it as Authorization: Bearer may export, import and move all state; without it only callers on the same machine may',
    secret: true,
  },
  {
    name: 'ENV_FILE',
    default: '.env',
    allowed: 'a path',
    meaning: 'read again on SIGHUP: when it names a Redis by now, a service in memory moves there while it serves',
  },
  {
    name: 'LOG_LEVEL',
    default: 'info',
    allowed: 'fatal, error, warn, info, debug, trace or silent',
    meaning: 'debug shows every request',
  },
  {
    name: 'LOG_FORMAT',
    default: 'pretty on a terminal, else json',
    allowed: 'pretty or json',
    meaning: 'form of the log',
  },
  {
    name: 'REQUEST_TIMEOUT',
    default: '30s',
    allowed: 'a duration from 100ms to 1h',
    meaning: 'how long a request may take to arrive',
  },
  {
    name: 'HEADERS_TIMEOUT',
    default: '10s',
    allowed: 'a duration from 100ms to 1h, not longer than REQUEST_TIMEOUT',
    meaning: 'how long its headers may take',
  },
  {
    name: 'SHUTDOWN_DELAY',
    default: '0s',
    allowed: 'a duration from 0s to 10m',
    meaning: 'after SIGTERM: how long to serve on while not ready',
  },
  {
    name: 'SHUTDOWN_TIMEOUT',
    default: '10s',
    allowed: 'a duration from 1s to 10m',
    meaning: 'how long shutting down may take altogether',
  },
] as const satisfies readonly Setting[];

export type SettingName = (typeof SETTINGS)[number]['name'];
