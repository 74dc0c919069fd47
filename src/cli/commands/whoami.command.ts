import type { WhoAmI } from '../../client/index.js';
import { EXIT, type Command } from '../command-line/command.js';
import { connectAccess } from '../command-line/connect.js';
import { findCredential } from '../command-line/credential.js';

export const whoamiCommand: Command = {
  name: 'whoami',
  summary: 'Show the owner and the scopes of the credential',
  usage: 'waymark whoami [--json]',
  help: `  --json                 print the answer of the service`,
  example: 'whoami',
  use: 'manage',
  flags: ['json'],

  async run(given, terminal) {
    const source = findCredential(given.env, given.url, given.use)?.source;
    const caller = await connectAccess(given, terminal).whoAmI();
    await terminal.output.line(given.flag('json') ? JSON.stringify(caller) : factsOf(caller));
    terminal.note(source === undefined ? 'no credential was sent' : `the credential is that of ${source}`);
    return EXIT.ok;
  },
};

function factsOf({ tenant, kind, name, keyId, user, role, scopes, expiresAt, policies }: WhoAmI): string {
  const facts: readonly (readonly [string, string | null])[] = [
    ['tenant', tenant],
    ['kind', kind],
    ['name', name],
    ['key', keyId],
    ['user', user],
    ['role', role],
    ['scopes', scopes.join(' ')],
    ['limits', policies.join(' ') || 'none'],
    ['expires', expiresAt ?? 'never'],
  ];
  return facts
    .filter(([, value]) => value !== null)
    .map(([fact, value]) => `${fact.padEnd(10)}${value}`)
    .join('\n');
}
