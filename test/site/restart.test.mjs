// SPDX-License-Identifier: Apache-2.0
//
// chat-push ends and begins while people write and listen: killed, in good order, and
// in place. A few of the rounds of `make restarts`; what they prove stands in
// test/kill/rounds.mjs, and here nobody is refused either, because somebody keeps its
// listening sockets.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectedLog, killConf, killRounds, restarts } from '../kill/rounds.mjs';
import { startCluster } from './lib/postgres.mjs';
import { engine, startSite } from './lib/site.mjs';
import { Door } from './lib/upgrade.mjs';

const cluster = engine === 'pgsql' ? await startCluster() : null;
const site = await startSite({ db: cluster ? cluster.create() : 'sqlite', hold: true, extraConf: killConf });
const seed = Number(process.env.KILL_SEED || Date.now() % 100000);

test('chat-push restarts: no message is lost and nobody is refused', async (t) => {
  expectedLog.forEach((line) => site.expectLog(line));
  await killRounds({ site, cluster, rounds: 3, seed, names: restarts, say: (line) => t.diagnostic(line) });
});

test('while it is away upgrades wait a moment or are told when to come, and pages are served', async () => {
  site.onExit = () => {};
  const door = new Door(site.o.port);
  await site.killPush();
  const asked = Promise.all(Array.from({ length: 150 }, () => door.ask()));
  for (let i = 0; i < 20; i++) {
    const r = await fetch(`${site.url}/chat/login`);
    assert.equal(r.status, 200);
    await r.arrayBuffer();
  }
  for (const r of [...await asked, await door.ask()]) {
    r.peer.socket.destroy();
    assert.equal(r.status, 503, r.head);
    assert.match(r.head, /^retry-after: 1/im);
  }
  const waiting = door.ask();
  await site.startPush();
  (await waiting).peer.socket.destroy();
  // Each child finds out by itself; nobody has to come first for all.
  for (let i = 0; i < 30; i++) {
    const r = await door.ask();
    r.peer.socket.destroy();
    assert.equal(r.status, 101, r.head);
  }
});
