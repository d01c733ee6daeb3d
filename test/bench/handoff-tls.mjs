// SPDX-License-Identifier: Apache-2.0
//
// `make bench-handoff` also runs this: 3,000 WebSockets (TLS_SOCKETS) by TLS that ends in
// httpd, MPM event. While an event a second goes to all of them httpd is restarted
// gracefully and other https requests are asked and timed. Prints workers held,
// memory of httpd per socket, sockets lost and how long the requests took; ends with
// status 1 when a bar is missed.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import tls from 'node:tls';
import { Site, freePort, root, sleep, tmpName } from '../../dev/site.mjs';
import { server } from '../site/lib/pusher.mjs';
import { servers } from '../site/lib/process.mjs';
import { greeted, say } from '../site/lib/upgrade.mjs';
import { Peer, UPGRADE, answer, handshake } from '../site/lib/wire.mjs';

const MAX_KB = 60; // of httpd for each
const THREADS = 50; // of a child
const AT_ONCE = 50; // handshakes
const sockets = Number(process.env.SOCKETS || 3000);
const tlsPort = await freePort();

const site = new Site({
  dir: fs.mkdtempSync(tmpName('mod_chat-bench-')),
  build: path.resolve(process.env.CHAT_BUILD || path.join(root, 'build')),
  mpm: 'event',
  port: await freePort(),
  pushPort: await freePort(),
  metricsPort: await freePort(),
  extraConf: `
LoadModule ssl_module ${process.env.CHAT_HTTPD_MODULES || '/usr/lib/apache2/modules'}/mod_ssl.so
LogLevel ssl:error
SSLSessionCache none
StartServers 1
ThreadsPerChild ${THREADS}
MaxRequestWorkers ${4 * THREADS}
MinSpareThreads ${THREADS}
MaxSpareThreads ${2 * THREADS}
AsyncRequestWorkerFactor ${Math.ceil(2 * sockets / THREADS) + 8}
Listen 127.0.0.1:${tlsPort}
<VirtualHost 127.0.0.1:${tlsPort}>
SSLEngine On
SSLCertificateFile conf/tls.crt
SSLCertificateKeyFile conf/tls.key
</VirtualHost>`,
});

async function until(what, probe) {
  for (let i = 0; i < 1200; i++) {
    const got = await probe();
    if (got) {
      return got;
    }
    await sleep(50);
  }
  throw new Error(`${what} did not happen within a minute`);
}

/** Resident memory of httpd's children that serve, kB, and how many there are. */
function httpd() {
  const children = servers(site.httpd.pid);
  const kb = (child) => Number(fs.readFileSync(`/proc/${child}/status`, 'utf8').match(/^VmRSS:\s+(\d+)/m)[1]);
  return { children: children.length, kb: children.reduce((sum, child) => sum + kb(child), 0) };
}

async function status() {
  const text = await (await fetch(`${site.url}/server-status?auto`, { headers: { Connection: 'close' } })).text();
  return {
    held: text.match(/^Scoreboard: (\S+)/m)[1].replace(/[_.KG]/g, '').length - 1,
    pumped: Number(text.match(/^ChatPumpedNow: (\d+)/m)[1]),
  };
}

let ca;
const dial = () => new Promise((resolve, reject) => {
  const socket = tls.connect({ port: tlsPort, host: '127.0.0.1', ca }, () => resolve(socket)).once('error', reject);
});

const everybody = { heard: 0, lost: 0 };

/** A client that counts what it hears. */
async function client() {
  const peer = new Peer(await dial());
  peer.send(handshake({ ...UPGRADE, Host: `127.0.0.1:${tlsPort}` }, `GET /app/${site.app.key}?protocol=7 HTTP/1.1`));
  const a = await answer(peer);
  if (a.status !== 101) {
    throw new Error(a.head);
  }
  await greeted(peer);
  peer.send(say('pusher:subscribe', { channel: 'all' }));
  await peer.frame();
  const { socket } = peer;
  socket.removeAllListeners('data').removeAllListeners('end').removeAllListeners('close');
  socket.on('data', (d) => { everybody.heard += d.toString('latin1').split('"tick"').length - 1; });
  socket.once('close', () => { everybody.lost += 1; });
  return socket;
}

/** One https request on a connection of its own. @return ms */
function request() {
  const begun = performance.now();
  return new Promise((resolve, reject) => {
    https.get({ host: '127.0.0.1', port: tlsPort, path: '/chat/login', ca, agent: false, headers: { Accept: 'text/html' } }, (r) => {
      r.resume().once('end', () => (r.statusCode === 200 ? resolve(performance.now() - begun) : reject(new Error(`${r.statusCode}`))));
    }).once('error', reject);
  });
}

async function timed(n) {
  const all = [];
  for (let i = 0; i < n; i++) {
    all.push(await request());
    await sleep(5);
  }
  return all.sort((a, b) => a - b);
}
/** The same while httpd restarts gracefully. */
async function restarted() {
  const resumed = () => fs.readFileSync(site.path('logs', 'error.log'), 'utf8').split('resuming normal operations').length;
  const lines = resumed();
  site.httpd.kill('SIGUSR1');
  const all = await timed(200);
  await until('the restart', () => resumed() > lines);
  return all;
}

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))].toFixed(1);

let missed = false;
function bar(what, value, unit, good) {
  missed ||= !good;
  console.log(`${what.padEnd(52)} ${String(value).padStart(14)} ${unit}${good ? '' : '   MISSED'}`);
}

try {
  fs.mkdirSync(site.path('conf'), { recursive: true });
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1',
    '-keyout', site.path('conf', 'tls.key'), '-out', site.path('conf', 'tls.crt')], { stdio: 'pipe' });
  ca = fs.readFileSync(site.path('conf', 'tls.crt'));
  site.prepare();
  await site.start();
  await timed(50);
  const alone = await timed(200);
  const unburdened = await restarted();
  await sleep(2000);
  const before = httpd();

  const begun = performance.now();
  const clients = [];
  for (let i = 0; i < sockets; i += AT_ONCE) {
    clients.push(...await Promise.all(Array.from({ length: Math.min(AT_ONCE, sockets - i) }, client)));
  }
  const rate = sockets / (performance.now() - begun) * 1000;
  await sleep(500);
  const now = await status();
  const all = httpd();
  const beside = await timed(200);

  const push = server(site);
  let ticks = 0;
  const tick = async () => { ticks += 1; await push.trigger('all', 'tick', {}); };
  await tick();
  const during = restarted();
  await tick();
  const meanwhile = await during;
  await tick();
  for (let i = 0; i < 200 && everybody.heard < ticks * sockets; i++) {
    await sleep(50);
  }
  const left = await status();

  console.log(`${sockets} WebSockets by TLS through event, ${Math.round(rate)} a second; ${all.children} child of httpd (before: ${before.children})`);
  bar('workers held', now.held, '', now.held === 0);
  bar('resident memory of httpd, each', ((all.kb - before.kb) / sockets).toFixed(1), 'kB', (all.kb - before.kb) / sockets <= MAX_KB);
  bar('sockets lost by a graceful restart', everybody.lost + sockets - left.pumped, '', everybody.lost === 0 && left.pumped === sockets);
  bar(`events heard, of ${ticks * sockets}`, everybody.heard, '', everybody.heard === ticks * sockets);
  console.log('an https request on a new connection, ms                p50       p99       max');
  for (const [what, ms] of [['without sockets', alone], ['the same, during a graceful restart', unburdened],
    ['beside them', beside], ['beside them, during a graceful restart', meanwhile]]) {
    console.log(`${what.padEnd(50)} ${[at(ms, 0.5), at(ms, 0.99), at(ms, 1)].map((v) => v.padStart(9)).join(' ')}`);
  }
  for (const socket of clients) {
    socket.removeAllListeners('close').destroy();
  }
} finally {
  await site.stop();
  fs.rmSync(site.dir, { recursive: true, force: true });
}
process.exitCode = missed ? 1 : 0;
