// Writes the table of settings into README.md, and .env.production.example. Run it after a change of src/config/settings.ts;
// a test notices when it was forgotten.
import { readFileSync, writeFileSync } from 'node:fs';
import { build, install, root } from './prepare.mjs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

install();
build();
const { environmentExample, settingsTable, withTable } = await import(
  pathToFileURL(join(root, 'dist/config/describe-settings.js')).href
);
const readme = join(root, 'README.md');
writeFileSync(readme, withTable(readFileSync(readme, 'utf8'), settingsTable()));
writeFileSync(join(root, '.env.production.example'), environmentExample());
