// SPDX-License-Identifier: Apache-2.0
//
// `make soak-pump`: WebSockets whose TLS ends in httpd (mod_chat/tls_pump.c), for
// SOAK_SECONDS (600). A few stay and hear numbered events; a crowd comes, talks,
// stops reading and leaves in every way there is; httpd is restarted gracefully
// every now and then, under AddressSanitizer as well (B=build/asan SANITIZE=…).
//
//   - whoever stays hears every event, once and in order, and is never cut;
//   - nobody is refused;
//   - at the end no socket and no descriptor is left, no old child, and the error
//     log has no line of trouble.
//
// Prints a line now and then; exit status 1 and the reasons when something failed.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { Site, freePort, root, sleep, tmpName } from '../../dev/site.mjs';
import { descriptors, servers } from '../site/lib/process.mjs';
import { server } from '../site/lib/pusher.mjs';
import { Door, alive, event, join, subscribe } from '../site/lib/upgrade.mjs';
import { closing } from '../site/lib/wire.mjs';

const SECONDS = Number(process.env.SOAK_SECONDS || 600);
const STAY = 20;
const CROWD = 24;
const PAUSE = 50; // ms between events
const RESTART = 5000; // ms between restarts
const QUIET = 5000; // ms at the end: what lingers is gone then
const FEW = 12; // descriptors that a child has besides: epoll, links to chat-push, logs

const wrong = [];
const tlsPort = await freePort();
const site = new Site({
  dir: fs.mkdtempSync(tmpName('mod_chat-soak-')),
  build: path.resolve(process.env.CHAT_BUILD || path.join(root, 'build')),
  sanitize: process.env.CHAT_SANITIZE || '',
  mpm: 'event',
  port: await freePort(),
  pushPort: await freePort(),
  metricsPort: await freePort(),
  extraConf: `
LoadModule ssl_module ${process.env.CHAT_HTTPD_MODULES || '/usr/lib/apache2/modules'}/mod_ssl.so
LogLevel ssl:error
SSLSessionCache none
ServerLimit 500
AsyncRequestWorkerFactor 20
Listen 127.0.0.1:${tlsPort}
<VirtualHost 127.0.0.1:${tlsPort}>
SSLEngine On
SSLCertificateFile conf/tls.crt
SSLCertificateKeyFile conf/tls.key
</VirtualHost>`,
});

const children = () => servers(site.httpd.pid);
/** On a connection of its own: a restart closes those that are kept. */
const pumped = () => new Promise((resolve, reject) => {
  http.get(`${site.url}/server-status?auto`, { agent: false }, async (r) => {
    let text = '';
    for await (const d of r) {
      text += d;
    }
    resolve(Number(text.match(/^ChatPumpedNow: (\d+)/m)[1]));
  }).once('error', reject);
});
const errors = () => fs.readFileSync(site.path('logs', 'error.log'), 'utf8').split('\n').filter((l) => /:(warn|error|crit|alert|emerg)\]/.test(l));

let ca;
/** @return {{raw: net.Socket, door: Door}} a connection, and what speaks TLS over it */
function line() {
  const raw = net.connect({ port: tlsPort, host: '127.0.0.1' });
  return { raw, door: new Door(tlsPort, { dial: () => tls.connect({ socket: raw, ca, checkServerIdentity: () => undefined }) }) };
}

const left = [
  ({ raw }) => raw.destroy(),
  ({ raw }) => raw.resetAndDestroy(),
  async ({ peer }) => { peer.send(closing(1000)); await sleep(Math.random() * 50); peer.socket.destroy(); },
  async ({ peer }) => { peer.send(subscribe('never').subarray(0, 11)); peer.socket.end(); },
  async ({ peer, raw }) => { peer.socket.pause(); await sleep(Math.random() * 2000); raw.destroy(); },
  async ({ peer }) => { await peer.frame(); await sleep(Math.random() * 1000); peer.socket.destroy(); },
];
let came = 0;

async function visitor() {
  const { raw, door } = line();
  const peer = await door.open({}, { early: [subscribe('all')] });
  came += 1;
  await left[Math.floor(Math.random() * left.length)]({ raw, peer });
}

let sent = 0;
let over = false;

async function stays(i) {
  const peer = await line().door.open();
  await join(peer, 'all');
  const hear = (async () => {
    for (let n = null; !over || n < sent;) {
      const e = await event(peer);
      const { n: got } = JSON.parse(e.data);
      if (n !== null && got !== n + 1) {
        wrong.push(`number ${i} heard ${got} after ${n}`);
      }
      n = got;
    }
    await alive(peer);
    peer.socket.destroy();
  })();
  hear.catch((e) => wrong.push(`number ${i} was cut: ${e.message}`));
  return { hear: hear.catch(() => {}) }; // in a box: a promise would be awaited here
}

const end = Date.now() + SECONDS * 1000;
const going = (ms = 0) => Date.now() < end - ms;
const round = async (pause, fn) => {
  while (going(pause)) {
    await fn();
    await sleep(pause);
  }
};

try {
  fs.mkdirSync(site.path('conf'), { recursive: true });
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=127.0.0.1', '-keyout', site.path('conf', 'tls.key'), '-out', site.path('conf', 'tls.crt')], { stdio: 'pipe' });
  ca = fs.readFileSync(site.path('conf', 'tls.crt'));
  site.prepare();
  await site.start();
  const before = Math.max(...children().map(descriptors));
  const push = server(site);
  const staying = await Promise.all(Array.from({ length: STAY }, (_, i) => stays(i)));
  const publish = () => push.trigger('all', 'e', { n: ++sent, text: 'x'.repeat(Math.random() * 9000) });
  await Promise.all([
    ...Array.from({ length: CROWD }, () => round(0, () => visitor().catch((e) => wrong.push(`a visitor: ${e.message}`)))),
    round(PAUSE, publish),
    round(RESTART, () => site.httpd.kill('SIGUSR1')),
    round(10000, async () => console.log(`${came} came, ${sent} events, ${await pumped()} open, children ${children().length}`)),
  ]);
  over = true;
  await publish();
  await Promise.all(staying.map((s) => s.hear));
  await sleep(QUIET);
  const now = await pumped();
  const kept = children().map(descriptors);
  if (now !== 0) {
    wrong.push(`${now} sockets are left`);
  }
  if (kept.length > 2 || Math.max(...kept) > before + FEW) {
    wrong.push(`children with ${kept.join(', ')} descriptors, ${before} at first`);
  }
  wrong.push(...errors());
  console.log(`${came} came and went, ${STAY} heard ${sent} events each`);
} finally {
  await site.stop();
  for (const name of fs.readdirSync(site.path('logs')).filter((n) => /^(asan|ubsan)\./.test(n))) {
    wrong.push(fs.readFileSync(site.path('logs', name), 'utf8'));
  }
  fs.rmSync(site.dir, { recursive: true, force: true });
}
if (wrong.length) {
  console.error([...new Set(wrong)].slice(0, 40).join('\n'));
  process.exitCode = 1;
}
