// SPDX-License-Identifier: Apache-2.0
//
// `make bench-sockets`: as many sockets in one chat-push process as the limit of
// open files allows, 19,000 where it is the usual 20,000. First each in a channel of
// its own, then all in one with events going to everybody, none of which may be
// lost. Prints what a socket costs; ends with status 1 when something is missing.

import { execFileSync, spawn } from 'node:child_process';
import path from 'node:path';
import { descriptorLimit, descriptors, pss } from '../../site/lib/process.mjs';

const build = path.resolve(process.env.CHAT_BUILD || 'build');
const limit = descriptorLimit();
const WANTED = Number(process.env.SOCKETS || 19000);
const SPARE = 1000; // for both programs: what they need beside the sockets
const sockets = Math.min(WANTED, limit - SPARE);

if (sockets < WANTED) {
  console.log(`The limit of open files is ${limit}: ${sockets} sockets instead of ${WANTED}.`);
}

const child = spawn(path.join(build, 'chat-push'), [], {
  stdio: ['ignore', 'ignore', 'pipe'],
  env: {
    PATH: process.env.PATH, SOKETI_HOST: '127.0.0.1', SOKETI_PORT: '0', SOKETI_METRICS_ENABLED: '0',
    SOKETI_DEFAULT_APP_ID: 'app-id', SOKETI_DEFAULT_APP_KEY: 'app-key', SOKETI_DEFAULT_APP_SECRET: 'app-secret',
  },
});
const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
const port = await new Promise((resolve, reject) => {
  let said = '';
  ended.then((how) => reject(new Error(`chat-push ended with ${how}: ${said}`)));
  child.stderr.on('data', (d) => {
    said += d;
    const at = said.match(/listening on [^ ]*:(\d+)/);
    if (at) {
      resolve(at[1]);
    }
  });
});

function load(...options) {
  const out = execFileSync(path.join(build, 'bench/wsload'),
    [...options, '--conns', String(sockets), '--port', port, '--pid', String(child.pid)], { stdio: ['ignore', 'pipe', 'inherit'] });
  return JSON.parse(out);
}

let failed = true;
try {
  const before = { kb: pss(child.pid), fds: descriptors(child.pid) };
  const idle = load('--scenario', 'idle-10k', '--channels', String(sockets), '--idle', '1');
  console.log(`${idle.ready} sockets, a channel each: ${Math.round(idle.pss_bytes_per_conn)} bytes of memory a socket, ${Math.round(idle.connect_per_s)} connects a second`);
  const fan = load('--scenario', 'fanout-10k', '--rate', '1', '--secs', '5', '--warmup', '1', '--data', 'json');
  console.log(`${fan.ready} sockets in one channel: ${fan.published} events, ${fan.deliveries} deliveries, ${fan.lost} lost, ${fan.dup} twice, ${fan.out_of_order} out of order`);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const after = { kb: pss(child.pid), fds: descriptors(child.pid) };
  console.log(`afterwards: ${after.kb} kB (before: ${before.kb} kB), ${after.fds} open files (before: ${before.fds})`);
  failed = idle.ready !== sockets || fan.ready !== sockets || fan.lost > 0 || fan.dup > 0 || fan.out_of_order > 0 || after.fds !== before.fds;
} finally {
  child.kill('SIGTERM');
}
const how = await ended;
if (how !== 0) {
  console.log(`chat-push ended with ${how}`);
}
process.exitCode = failed || how !== 0 ? 1 : 0;
