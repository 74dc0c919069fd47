import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from './find-program.js';
import { freePort } from './redis-process.js';
import { until } from './until.js';

export interface NginxProcess {
  readonly url: string;
  stop(): Promise<void>;
}

export const nginxBin = process.env['NGINX_BIN'] || findProgram('nginx');

/** A server of nginx that passes everything on as these lines say. */
export const serverWith = (location: string) => `server { listen 8080; location / { ${location} } }`;

/** An nginx on loopback with this server, which listens on a free port. Started by root, its workers run as another user. */
export async function startNginx(server: string): Promise<NginxProcess> {
  const directory = mkdtempSync(join(tmpdir(), 'waymark-nginx-'));
  chmodSync(directory, 0o755);
  const port = await freePort();
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`);
  const file = join(directory, 'nginx.conf');
  writeFileSync(
    file,
    `${process.getuid?.() === 0 ? `user nobody ${groupOfNobody()};` : ''}
daemon off; worker_processes 1; pid nginx.pid; error_log error.log;
events {}
http {
  access_log off; ${paths.join(' ')}
  ${server.replace(/listen [^;]+;/, `listen 127.0.0.1:${port};`)}
}
`,
  );
  const child = spawn(nginxBin as string, ['-p', directory, '-e', 'error.log', '-c', file], { stdio: 'inherit' });
  const ended = once(child, 'exit');
  const url = `http://127.0.0.1:${port}`;
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`nginx ended with code ${child.exitCode}`);
    return fetch(url).then(
      () => true,
      () => false,
    );
  }, 'nginx serves');
  return {
    url,
    async stop() {
      child.kill('SIGTERM');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function groupOfNobody(): string {
  return /^nogroup:/m.test(readFileSync('/etc/group', 'utf8')) ? 'nogroup' : 'nobody';
}
