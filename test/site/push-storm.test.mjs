// SPDX-License-Identifier: Apache-2.0
//
// Storms: 10,000 clients connect, subscribe and vanish, twenty times over, as when a
// proxy in front is restarted again and again. What one storm took is given back or
// used again by the next: memory does not grow with the storms, and no descriptor is
// left. The clients are C (test/bench/ws).

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { build, eventually, startPush } from './lib/push.mjs';
import { descriptorLimit, descriptors, written } from './lib/process.mjs';

const run = promisify(execFile);
const sanitized = Boolean(process.env.CHAT_SANITIZE);
const ROUNDS = 20;
const CLIENTS = Math.min(sanitized ? 2000 : 10000, descriptorLimit() - 500);

// What a leak adds with every storm of its kind, kB: one byte of each connection is
// 10. What one storm alone adds, and keeps, is a step: how many pages of the heap, and
// how many slab pages (64 kB) of a loop, the busiest moment so far needed at once; it
// depends on how the machine ran the two programs. So the middle of all differences
// is asked, which a step does not move, and the sum of all has a bound of its own:
// 64 bytes of each client of one storm, far below what a client itself takes.
const LEAK = 8;
const STEPS = 640;

/** The middle one of numbers. */
const median = (numbers) => [...numbers].sort((x, y) => x - y)[numbers.length >> 1];

const push = await startPush();
const pid = push.child.pid;

// wsload ends with status 0 only when everybody was connected and subscribed.
async function storm(channels) {
  const { stdout } = await run(path.join(build, 'bench/wsload'), [
    '--scenario', 'idle-10k', '--conns', String(CLIENTS), '--channels', String(channels), '--settle', '0', '--idle', '0',
    '--port', String(push.port), '--pid', String(pid), '--key', push.app.key,
  ], { timeout: 120000 });
  return JSON.parse(stdout);
}

/** Until the server has seen everybody go. */
async function calm(before) {
  await eventually(() => descriptors(pid) === before, 'all descriptors are given back', 20000);
  await eventually(async () => (await push.call('GET', '/channels')).text === '{"channels":{}}', 'all channels are vacated');
}

test('memory and descriptors return after twenty storms', { timeout: 600000 }, async (t) => {
  const bystander = await push.raw();
  const before = descriptors(pid);
  const start = written(pid);
  const kinds = { 'a channel each': CLIENTS, 'one channel for all': 1 };
  const seen = { 'a channel each': [], 'one channel for all': [] };
  for (let i = 0; i < ROUNDS; i++) {
    const kind = Object.keys(kinds)[i % 2];
    const { ready, closed } = await storm(kinds[kind]);
    assert.deepEqual([ready, closed], [CLIENTS, 0]);
    await calm(before);
    const now = written(pid);
    seen[kind].push(now);
    t.diagnostic(`storm ${i + 1}, ${kind}: ${now} kB (before any: ${start} kB)`);
  }
  for (const [kind, kB] of Object.entries(sanitized ? {} : seen)) { // a sanitizer keeps what is freed
    const more = kB.slice(1).map((now, i) => now - kB[i]);
    assert.ok(median(more) < LEAK, `${kind}: grows by ${more} kB with each storm`);
    assert.ok(kB.at(-1) - kB[0] < STEPS, `${kind}: ${kB[0]} kB after the first, ${kB.at(-1)} kB after the last`);
  }
  assert.deepEqual(await bystander.drain(), [], 'who stayed heard nothing of it');
  await bystander.close();
});
