// Orders the specs for jest: the longest first, so that none of them runs alone at the end. The order needs no earlier run.
import { readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { root } from './prepare.mjs';

/** Specs that take more than some seconds, the longest first; the others follow by size. */
const longest = JSON.parse(readFileSync(join(root, 'scripts/longest-specs.json'), 'utf8'));

/** A sequencer of jest: it asks for nothing but the order, since no option for shards or failed specs is used here. */
export default class LongestFirst {
  sort(tests) {
    const place = ({ path }) => {
      const found = longest.indexOf(relative(root, path).split(sep).join('/'));
      return found === -1 ? longest.length : found;
    };
    const size = ({ path, context }) => context.hasteFS.getSize(path) ?? 0;
    return [...tests].sort((a, b) => place(a) - place(b) || size(b) - size(a) || (a.path < b.path ? -1 : 1));
  }

  shard = (tests) => tests;
  allFailedTests = (tests) => tests;
  cacheResults() {}
}
