import { readFileSync } from 'node:fs';
import { PACKAGE } from './folders.js';

export const VERSION = (JSON.parse(readFileSync(new URL('package.json', PACKAGE), 'utf8')) as { version: string })
  .version;
