// SPDX-License-Identifier: Apache-2.0
//
// Storms: 10,000 clients connect, subscribe and vanish, twenty times over, as when a
// proxy in front is restarted again and again. What one storm took is given back or
// used again by the next: memory after the last is what it was after the first of
// its kind, and no descriptor is left. The clients are C (test/bench/ws).

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

// What may be more after a later storm than after the first of its kind, kB: some
// pages of the heap that a first use has cut in another way, and a slab page (64 kB)
// that another loop keeps. One byte lost with each connection would be 190 kB.
const SLACK = 160;

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
  const first = {};
  for (let i = 0; i < ROUNDS; i++) {
    const kind = Object.keys(kinds)[i % 2];
    const { ready, closed } = await storm(kinds[kind]);
    assert.deepEqual([ready, closed], [CLIENTS, 0]);
    await calm(before);
    const now = written(pid);
    first[kind] ??= now;
    t.diagnostic(`storm ${i + 1}, ${kind}: ${now} kB (before any: ${start} kB)`);
    if (!sanitized) { // whose freed memory stays with the sanitizer
      assert.ok(now <= first[kind] + SLACK, `storm ${i + 1}: ${now} kB, after the first ${first[kind]} kB`);
    }
  }
  assert.deepEqual(await bystander.drain(), [], 'who stayed heard nothing of it');
  await bystander.close();
});
