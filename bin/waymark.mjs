#!/usr/bin/env node
// The commands, from a fresh clone as from an installed package: what is missing is built first.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, install, root } from '../scripts/prepare.mjs';

install();
build();
await import(pathToFileURL(join(root, 'dist/cli/main.js')).href);
