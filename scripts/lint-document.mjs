// Lints the OpenAPI document of the built service by the recommended rules of redocly. Ends with 1 when there is an error.
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { pino } from 'pino';
import { createApp } from '../build/app.js';
import { readConfig } from '../build/config/read-config.js';

// Without a connection nobody is local, so the document is asked for with a token.
const token = 'only-for-this-process';
const app = await createApp(readConfig({ ADMIN_TOKEN: token }), { logger: pino({ level: 'silent' }) });
await app.init();
const { payload } = await app.inject({
  method: 'GET',
  url: '/openapi.json',
  headers: { authorization: `Bearer ${token}` },
});
await app.close();

const config = await createConfig({
  extends: ['recommended'],
  rules: { 'no-invalid-media-type-examples': { severity: 'error', allowAdditionalProperties: true } },
});
const problems = await lintFromString({ source: payload, absoluteRef: 'openapi.json', config });
for (const { severity, message, ruleId, location } of problems) {
  console.log(`${severity} ${ruleId}: ${message} (${location.map(({ pointer }) => pointer).join(', ')})`);
}
process.exit(problems.some(({ severity }) => severity === 'error') ? 1 : 0);
