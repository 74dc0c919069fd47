import { setTimeout as sleep } from 'node:timers/promises';
import { ProblemError, type AccessClient, type Tenant } from '../../client/index.js';
import { EXIT, type ExitCode, type Terminal } from '../command-line/command.js';
import { connectAccess } from '../command-line/connect.js';
import { UsageError, type Given } from '../command-line/given.js';
import { readJson } from '../command-line/payload.js';
import { table } from '../command-line/table.js';
import { withVerbs, type Verb } from '../command-line/verbs.js';

const POLL_MS = 500;

const create: Verb = {
  name: 'create',
  summary: 'create a tenant',
  word: 'name',
  texts: ['limits'],
  flags: ['json'],

  async run(given, terminal, name) {
    const limits = await limitsOf(given, terminal);
    const tenant = await connectAccess(given, terminal).createTenant(name, { limits });
    return showOne(
      tenant,
      given,
      terminal,
      `tenant ${name} is created; make its first key with
  waymark keys create --tenant ${name} --name <name> --role admin`,
    );
  },
};

const list: Verb = {
  name: 'list',
  summary: 'all tenants',
  flags: ['json'],

  async run(given, terminal) {
    const tenants: Tenant[] = [];
    for await (const tenant of connectAccess(given, terminal).listTenants()) {
      if (given.flag('json')) await terminal.output.line(JSON.stringify(tenant));
      tenants.push(tenant);
    }
    if (!given.flag('json')) await terminal.output.line(tenantsTable(tenants));
    return EXIT.ok;
  },
};

const show: Verb = {
  name: 'show',
  summary: 'one tenant, as JSON',
  word: 'name',
  flags: ['json'],

  async run(given, terminal, name) {
    const tenant = await connectAccess(given, terminal).getTenant(name);
    await terminal.output.line(given.flag('json') ? JSON.stringify(tenant) : JSON.stringify(tenant, undefined, 2));
    return EXIT.ok;
  },
};

const limit: Verb = {
  name: 'limit',
  summary: 'replace its limits by --limits; {} leaves only those of the settings',
  word: 'name',
  texts: ['limits'],
  flags: ['json'],

  async run(given, terminal, name) {
    given.textRequired('limits');
    const limits = await limitsOf(given, terminal);
    const tenant = await connectAccess(given, terminal).changeTenant(name, { limits });
    return showOne(tenant, given, terminal, `tenant ${name} has ${countOf(tenant)} of its own`);
  },
};

const suspend = changing('suspend', 'suspended', 'refuse it from now on; its data is kept');
const resume = changing('resume', 'active', 'serve it again');

const erase: Verb = {
  name: 'erase',
  summary: 'remove it with everything that belongs to it; needs --yes',
  word: 'name',
  flags: ['yes', 'wait'],

  async run(given, terminal, name) {
    if (!given.flag('yes'))
      throw new UsageError(`tenants erase ${name} removes its workflows, tasks, events and keys for good; add --yes`);
    const client = connectAccess(given, terminal);
    if (!(await client.eraseTenant(name))) terminal.note(`there is no tenant ${name}`);
    else if (given.flag('wait')) await untilGone(client, name, terminal);
    else terminal.note(`tenant ${name} is refused from now on, and being removed`);
    return EXIT.ok;
  },
};

export const tenantsCommand = withVerbs({
  name: 'tenants',
  summary: 'Create, suspend and erase tenants',
  use: 'operate',
  help: `  --limits <json>        limits by name, over those of the settings: JSON, the name of a file with it, or - for stdin;
                         docs/limits.md has the format
  --yes                  erase without asking back
  --wait                 end when everything is gone, on all replicas: about a minute (ACCESS_CACHE_TTL of the service)
  --json                 print the answer of the service`,
  example: 'tenants create acme',
  moreExamples: [
    `tenants limit acme --limits '{"write":{"limit":6000,"windowMs":60000}}'`,
    'tenants suspend acme',
    'tenants erase acme --yes',
  ],
  verbs: [create, list, show, limit, suspend, resume, erase],
});

function changing(name: string, status: 'active' | 'suspended', summary: string): Verb {
  return {
    name,
    summary,
    word: 'name',
    flags: ['json'],

    async run(given, terminal, tenant) {
      const changed = await connectAccess(given, terminal).changeTenant(tenant, { status });
      return showOne(changed, given, terminal, `tenant ${tenant} is ${changed.status}`);
    },
  };
}

/** A last request finds nothing any more. */
async function untilGone(client: AccessClient, name: string, { note, status }: Terminal): Promise<void> {
  for (;;) {
    try {
      const { left } = await client.getTenant(name);
      status?.(`${left ?? 0} workflows left`);
      await sleep(POLL_MS);
    } catch (error) {
      status?.('');
      if (!(error instanceof ProblemError) || error.code !== 'TENANT_NOT_FOUND') throw error;
      return note(`tenant ${name} is gone`);
    }
  }
}

async function showOne(tenant: Tenant, given: Given, { output, note }: Terminal, says: string): Promise<ExitCode> {
  if (given.flag('json')) await output.line(JSON.stringify(tenant));
  else note(says);
  return EXIT.ok;
}

function limitsOf(given: Given, terminal: Terminal) {
  const text = given.text('limits');
  return text === undefined ? undefined : readJson('limits', text, terminal);
}

function countOf({ limits }: Tenant): string {
  const count = Object.keys(limits).length;
  return count === 1 ? '1 limit' : `${count} limits`;
}

function tenantsTable(tenants: readonly Tenant[]): string {
  const rows = tenants.map((tenant) => [tenant.name, tenant.status, countOf(tenant), tenant.createdAt ?? '-']);
  return table([['NAME', 'STATUS', 'LIMITS', 'CREATED'], ...rows]);
}
