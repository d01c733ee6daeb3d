// SPDX-License-Identifier: Apache-2.0
//
// The half of `make soak` in which chat-push runs through (the other is site.mjs): it is
// under everything at once, for SOAK_SECONDS (600). Healthy
// clients hear numbered events on several channels while a crowd (crowd.mjs) comes,
// goes, floods, stops reading and breaks every rule, and SIGHUP arrives all the
// time. At the end, and once before when it is warm, the crowd is sent away and what
// is left is looked at:
//
//   - every healthy client heard every event once, in order, and was never cut;
//   - memory is what it was when warm, descriptors are what they were at first;
//   - presence shows who is there, and SIGTERM ends the process with status 0.
//
// Prints a line now and then; exit status 1 and the reasons when something failed.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Push, eventually, sleep } from '../site/lib/push.mjs';
import { descriptors, pss, written } from '../site/lib/process.mjs';
import { crowd, pusherJs } from './crowd.mjs';

const SECONDS = Number(process.env.SOAK_SECONDS || 600);
const WARM = 0.25; // of the time
const CHANNELS = ['steady-0', 'private-steady-1', 'presence-steady-2', 'cache-steady-3'];
const HEALTHY = 8;
const RATE = 25; // events a second and channel

// What may be more at the end than when warm, kB: an empty slab page of each kind and
// loop, and what the heap keeps between blocks of mixed sizes, which levels off after
// a minute or two. In ten minutes some 200,000 connections come and go: three bytes
// lost with each would be 600 kB.
const SLACK = 512;

const wrong = [];
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'chat-push-soak-'));
const conf = path.join(dir, 'soak.json');
fs.writeFileSync(conf, JSON.stringify({
  'appManager.array.apps': [{ id: 'app1', key: 'key1', secret: 'secret1', enableClientMessages: true }],
}));
const push = await new Push().start({ args: ['--config', conf] });
const pid = push.child.pid;
let ending = false;
push.ended.then(({ code, signal }) => {
  if (!ending) {
    console.error(`chat-push ended with ${code} ${signal} while in use:\n${push.stderr}`);
    process.exit(1);
  }
});

// --- the healthy

const sent = Object.fromEntries(CHANNELS.map((c) => [c, 0]));
let heard = 0;

/** One client that counts; a number that is not the next one is said once. */
class Healthy {
  constructor(name) {
    this.name = name;
    this.last = {};
    this.client = pusherJs(push, name);
    this.client.connection.bind('state_change', ({ current }) => {
      if (!ending && this.joined && current !== 'connected') {
        wrong.push(`${name} became ${current}`);
      }
    });
  }

  async join() {
    for (const name of CHANNELS) {
      await new Promise((resolve, reject) => {
        const channel = this.client.subscribe(name);
        channel.bind('n', (n) => this.number(name, n));
        channel.bind('pusher:subscription_succeeded', resolve);
        channel.bind('pusher:subscription_error', (e) => reject(new Error(`${name}: ${JSON.stringify(e)}`)));
      });
    }
    this.joined = true;
  }

  number(channel, n) {
    heard++;
    const last = this.last[channel] ?? 0;
    if (n !== last + 1) {
      wrong.push(`${this.name}, ${channel}: ${n} after ${last} (${n > last ? 'lost' : 'again or late'})`);
    }
    this.last[channel] = n;
  }
}

/* One publisher a channel, which waits for each answer: so order is defined. */
async function publish(channel) {
  const sdk = push.sdk();
  while (!ending) {
    await sdk.trigger(channel, 'n', ++sent[channel]);
    await sleep(1000 / RATE);
  }
}

// --- the crowd

const world = { running: false };
const lives = {};

async function live(life) {
  while (world.running) {
    try {
      await life(push, world);
      lives[life.name] = (lives[life.name] ?? 0) + 1;
    } catch (e) {
      wrong.push(`${life.name}: ${e.message}`);
      await sleep(100);
    }
  }
}

async function hangUp() {
  while (world.running) {
    push.child.kill('SIGHUP');
    await sleep(2000);
  }
}

/** Let the crowd in for so long. */
async function rage(seconds) {
  world.running = true;
  const all = crowd.flatMap(([life, n]) => Array.from({ length: n }, () => live(life)));
  all.push(hangUp());
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    await sleep(Math.min(Math.max(SECONDS / 20, 5) * 1000, end - Date.now()));
    say();
    if (wrong.length > 50) {
      break;
    }
  }
  world.running = false;
  await Promise.all(all);
}

const begun = Date.now();

function say() {
  const total = Object.values(lives).reduce((a, b) => a + b, 0);
  console.log(`${String(Math.round((Date.now() - begun) / 1000)).padStart(4)} s: ${total} lives of the crowd, ${heard} events heard, `
    + `${written(pid)} kB written (${pss(pid)} kB in all), ${descriptors(pid)} open files, ${wrong.length} wrong`);
}

/** Everybody but the healthy is gone: what is left. */
async function calm() {
  await eventually(async () => {
    const r = await push.call('GET', '/channels');
    return r.json && Object.keys(r.json.channels).every((c) => CHANNELS.includes(c));
  }, 'the crowd is gone', 30000).catch((e) => wrong.push(e.message));
  await sleep(6000); // connections that publishers keep, and closings that hang
  const members = (await push.call('GET', '/channels/presence-steady-2/users')).json.users.map((u) => u.id).sort().join();
  if (members !== healthy.map((h) => h.name).sort().join()) {
    wrong.push(`presence shows ${members}`);
  }
  await eventually(async () => (await push.http('GET', '/ready')).status === 200, 'ready');
  return { kb: written(pid), files: descriptors(pid) };
}

// --- a soak

const healthy = Array.from({ length: HEALTHY }, (_, i) => new Healthy(`healthy-${i}`));
for (const h of healthy) {
  await h.join();
}
const publishers = CHANNELS.map(publish);
await sleep(1000);
const first = descriptors(pid);
await rage(SECONDS * WARM);
const warm = await calm();
console.log(`warm: ${warm.kb} kB, ${warm.files} open files`);
await rage(SECONDS * (1 - WARM));
let last = await calm();
// Memory goes up a step when more happens at once than before, and stays there; what
// leaks goes up every time. A sanitizer keeps what is freed.
const low = [warm.kb];
while (!process.env.CHAT_SANITIZE && last.kb > low.at(-1) + SLACK && low.length < 3) {
  console.log(`${last.kb} kB, more than ${low.at(-1)}: once more`);
  low.push(last.kb);
  await rage(SECONDS / 2);
  last = await calm();
}
console.log(`at the end: ${last.kb} kB, ${last.files} open files (${first} at first)`);

ending = true;
await Promise.all(publishers);
await eventually(() => healthy.every((h) => CHANNELS.every((c) => h.last[c] === sent[c])), 'everything sent is heard', 10000)
  .catch((e) => wrong.push(e.message));
if (!process.env.CHAT_SANITIZE && last.kb > low.at(-1) + SLACK) {
  wrong.push(`memory grew from ${[...low, last.kb].join(' to ')} kB`);
}
for (const [when, { files }] of Object.entries({ warm, last })) {
  if (files > first + CHANNELS.length) { // a publisher may be between two connections
    wrong.push(`${files} open files, ${first} at first (${when})`);
  }
}
for (const [life] of crowd) {
  if (!lives[life.name]) {
    wrong.push(`no ${life.name} lived`);
  }
}
const slow = (await (await fetch(`${push.metrics}/metrics`)).text()).match(/_ends_total\{[^}]*reason="slow"[^}]*\} (\d+)/);
if (SECONDS >= 60 && !Number(slow?.[1])) {
  wrong.push('nobody who stopped reading was dropped');
}
healthy.forEach((h) => h.client.disconnect());
const { code, signal } = await push.stop();
if (code !== 0) {
  wrong.push(`SIGTERM ended it with ${code} ${signal}: ${push.stderr}`);
}
fs.rmSync(dir, { recursive: true });
console.log(`${Object.values(sent).reduce((a, b) => a + b, 0)} events sent, each heard by ${HEALTHY}: ${heard}; the crowd: ${JSON.stringify(lives)}`);
console.log(wrong.length ? `FAILED\n${wrong.slice(0, 50).join('\n')}` : 'passed');
process.exit(wrong.length ? 1 : 0);
