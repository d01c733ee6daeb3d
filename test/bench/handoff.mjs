// SPDX-License-Identifier: Apache-2.0
//
// `make bench-handoff`: 10,000 plain sockets (SOCKETS) enter through one httpd (MPM)
// and are handed over to chat-push. While an event a second goes to all of them httpd
// is restarted gracefully and hard, stopped gracefully and hard, and started again.
// With ROUNDS that goes on, one of the four at a time, drawn by SEED, while other clients
// ask for a page. Prints what httpd keeps of the sockets, how many were lost, and how
// many were taken a second; ends with status 1 when a bar is missed.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Random } from '../kill/rounds.mjs';
import { Site, freePort, root, sleep, tmpName } from '../../dev/site.mjs';
import { descriptorLimit, servers, written } from '../site/lib/process.mjs';

const MAX_KB = 5 * 1024; // httpd's memory for all of them
const MIN_RATE = 5000; // upgrades a second
const SPARE = 1000; // descriptors for what is no socket
const WARM = 2000; // sockets before, so that httpd has its threads and buffers
const build = path.resolve(process.env.CHAT_BUILD || path.join(root, 'build'));
const rounds = Number(process.env.ROUNDS || 0);
const seed = Number(process.env.SEED || Date.now() % 100000);
const wanted = Number(process.env.SOCKETS || 10000);
const sockets = Math.min(wanted, descriptorLimit() - SPARE);
if (sockets < wanted) {
  console.log(`The limit of open files is ${descriptorLimit()}: ${sockets} sockets instead of ${wanted}.`);
}

const site = new Site({
  dir: fs.mkdtempSync(tmpName('mod_chat-bench-')),
  build,
  mpm: process.env.MPM || 'event',
  port: await freePort(),
  pushPort: await freePort(),
  metricsPort: await freePort(),
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

/** The children of httpd that serve, and its own part of their memory, kB. */
function httpd() {
  const { pid } = site.httpd;
  const children = servers(pid);
  return { children: children.length, kb: [pid, ...children].reduce((sum, p) => sum + written(p), 0) };
}

async function metric(name) {
  const text = await (await fetch(site.metrics)).text();
  return Number(text.split('\n').find((l) => l.startsWith(`soketi_${name}{`)).split(' ').pop());
}

/** Workers that do anything but wait, less the one that is asked. */
async function held() {
  const text = await (await fetch(`${site.url}/server-status?auto`, { headers: { Connection: 'close' } })).text();
  return text.match(/^Scoreboard: (\S+)/m)[1].replace(/[_.K]/g, '').length - 1;
}

/** wsload on httpd's port; publishes go to chat-push itself. @return a promise of its
 * result; `enough()` of it ends it early */
function load(n, ...options) {
  const child = spawn(path.join(build, 'bench/wsload'), [...options, '--conns', String(n), '--pin', '-1',
    '--port', String(site.o.port), '--pubport', String(site.o.pushPort), '--app-id', site.app.id, '--key', site.app.key,
    '--secret', site.app.secret, '--pid', String(site.push.pid)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (d) => { out += d; });
  return Object.assign(new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 && out ? resolve(JSON.parse(out)) : reject(new Error(`wsload ended with ${code}: ${out}`))));
  }), { enough: () => child.kill('SIGTERM') });
}

async function ended(signal) {
  const child = site.httpd;
  site.httpd = null;
  child.kill(signal);
  await child.gone;
}

const resumed = () => fs.readFileSync(site.path('logs', 'error.log'), 'utf8').split('resuming normal operations').length;

/** @return how long httpd took, ms */
async function again(signal) {
  const begun = Date.now();
  const before = resumed();
  site.httpd.kill(signal);
  await until('the restart', () => resumed() > before);
  return Date.now() - begun;
}

/* What httpd may do, by its signal. */
const ways = {
  graceful: { signal: 'SIGUSR1' },
  restart: { signal: 'SIGHUP' },
  'graceful-stop': { signal: 'SIGWINCH', ends: true },
  'stop and start': { signal: 'SIGTERM', ends: true },
};

/** ROUNDS of them while pages are asked for. @return what was done, how often */
async function manyRounds() {
  const random = new Random(seed);
  const done = {};
  const answers = {};
  let over = false;
  const asking = Promise.all(Array.from({ length: 4 }, async () => {
    while (!over) {
      const what = await fetch(`${site.url}/chat/login`, { signal: AbortSignal.timeout(30000) })
        .then((r) => r.arrayBuffer().then(() => r.status), (e) => e.cause?.code || e.name);
      answers[what] = (answers[what] || 0) + 1;
      await sleep(10);
    }
  }));
  for (let i = 0; i < rounds; i++) {
    const name = random.pick(Object.keys(ways));
    const { signal, ends } = ways[name];
    await sleep(100 + random.below(900));
    if (ends) {
      await ended(signal);
      await site.startHttpd();
    } else {
      await again(signal);
    }
    done[name] = (done[name] || 0) + 1;
  }
  over = true;
  await asking;
  const text = (counts) => Object.entries(counts).map(([what, n]) => `${n} ${what}`).join(', ');
  console.log(`SEED=${seed}: ${text(done)}; pages asked for meanwhile: ${text(answers)}`);
  return rounds;
}

let missed = false;
function bar(what, value, unit, good) {
  missed ||= !good;
  console.log(`${what.padEnd(44)} ${String(value).padStart(8)} ${unit}${good ? '' : '   MISSED'}`);
}

try {
  site.prepare();
  await site.start();
  await load(WARM, '--scenario', 'idle-10k', '--channels', '1', '--settle', '0', '--idle', '0');
  await until('a rest', async () => (await held()) === 0 && (await metric('connections')) < 20);
  await sleep(1000);
  const before = httpd();

  const running = load(sockets, '--scenario', 'fanout-10k', '--rate', '1', '--secs', '3600', '--warmup', '0', '--settle', '2', '--data', 'json');
  running.catch(() => {}); // awaited below
  await until('everybody is there', async () => (await metric('subscriptions')) >= sockets);
  await sleep(1000);
  const with_all = httpd();
  const workers = await held();
  const handed = await metric('handed_over_total');

  const steps = [];
  steps.push(`graceful ${await again('SIGUSR1')} ms`, `restart ${await again('SIGHUP')} ms`);
  for (const [name, signal] of [['graceful-stop', 'SIGWINCH'], ['stop', 'SIGTERM']]) {
    await sleep(2000);
    await ended(signal);
    await sleep(2000);
    await site.startHttpd();
    steps.push(`${name} and start`);
  }
  const more = await manyRounds();
  await sleep(2000);
  running.enough();
  const left = await metric('subscriptions');
  const r = await running;

  console.log(`${sockets} sockets through ${site.o.mpm}, ${handed - WARM} of them handed over; ${with_all.children} children (before: ${before.children}); ${steps.join(', ')}`);
  bar('workers held', workers, '', workers === 0);
  bar('memory of httpd for all of them', with_all.kb - before.kb, 'kB', with_all.kb - before.kb <= MAX_KB);
  bar(`sockets lost by all this${more ? ` and ${more} rounds more` : ''}`, sockets - left + r.closed, '', r.ready === sockets && left === sockets && r.closed === 0);
  bar(`events lost, twice (of ${r.deliveries} deliveries)`, `${r.lost}, ${r.dup}`, '', r.lost === 0 && r.dup === 0);
  bar('upgraded and subscribed', Math.round(r.connect_per_s), '/s', r.connect_per_s >= MIN_RATE);
} finally {
  await site.stop();
  fs.rmSync(site.dir, { recursive: true, force: true });
}
process.exitCode = missed ? 1 : 0;
