// Finds an nginx for the test that puts one in front of the service. Without one that test is skipped.
import { spawnSync } from 'node:child_process';
import { aptUnpacked, onPath } from './debian-packages.mjs';

const PACKAGES = 'nginx nginx-core nginx-light libpcre2-8-0 libpcre3 libssl3 libssl3t64 libcrypt1 zlib1g';

const works = (command) => spawnSync(command, ['-v'], { stdio: 'ignore' }).status === 0;

/** Empty if there is none. */
export function findNginx() {
  const asked = process.env.NGINX_BIN ?? onPath('nginx');
  if (asked !== undefined && works(asked)) return asked;
  // Unpacked also for root: installing the package would start its service.
  return aptUnpacked('usr/sbin/nginx', PACKAGES, works) ?? '';
}
