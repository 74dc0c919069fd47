// Writes docs/settings.md and .env.production.example. Run it after a change of src/config/environment.ts; a test fails until then.
import { writeFileSync } from 'node:fs';
import { build, install, root } from './prepare.mjs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

install();
build();
const { environmentExample, settingsPage } = await import(
  pathToFileURL(join(root, 'build/config/describe-settings.js')).href
);
writeFileSync(join(root, 'docs/settings.md'), settingsPage());
writeFileSync(join(root, '.env.production.example'), environmentExample());
