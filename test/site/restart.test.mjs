// SPDX-License-Identifier: Apache-2.0
//
// chat-push ends and begins while people write and listen: killed, in good order, and
// in place. A few of the rounds of `make restarts`; what they prove stands in
// test/kill/rounds.mjs, and here nobody is refused either, because somebody keeps its
// listening sockets.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import { test } from 'node:test';
import { expectedLog, killConf, killRounds, restarts } from '../kill/rounds.mjs';
import { startCluster } from './lib/postgres.mjs';
import { engine, eventually, startSite } from './lib/site.mjs';
import { Door } from './lib/upgrade.mjs';

const cluster = engine === 'pgsql' ? await startCluster() : null;
const site = await startSite({ db: cluster ? cluster.create() : 'sqlite', hold: true, extraConf: killConf });
const seed = Number(process.env.KILL_SEED || Date.now() % 100000);

test('chat-push restarts: no message is lost and nobody is refused', async (t) => {
  expectedLog.forEach((line) => site.expectLog(line));
  await killRounds({ site, cluster, rounds: 3, seed, names: restarts, say: (line) => t.diagnostic(line) });
});

/** A page over a connection of its own: httpd closes idle ones when it is busy. */
const page = () => new Promise((resolve, reject) => {
  http.get(`${site.url}/chat/login`, { agent: false }, (r) => r.resume().once('end', () => resolve(r.statusCode))).once('error', reject);
});

test('while it is away upgrades wait a moment or are told when to come, and pages are served', async () => {
  site.onExit = () => {};
  const door = new Door(site.o.port);
  await site.killPush();
  const asked = Promise.all(Array.from({ length: 150 }, () => door.ask()));
  for (let i = 0; i < 20; i++) {
    assert.equal(await page(), 200);
  }
  for (const r of [...await asked, await door.ask()]) {
    r.peer.socket.destroy();
    assert.equal(r.status, 503, r.head);
    assert.match(r.head, /^retry-after: 1/im);
  }
  const waiting = door.ask();
  await site.startPush();
  (await waiting).peer.socket.destroy();
  // Each child finds out by itself, when the answer comes that it was waiting for.
  await eventually(async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => door.ask()));
    all.forEach((r) => r.peer.socket.destroy());
    return all.every((r) => r.status === 101);
  }, 'sockets are taken by all children');
});

test('the doctor finds chat-push beside the keeper of its sockets, and files by relative names', () => {
  const named = ['--httpd', process.env.CHAT_HTTPD || '/usr/sbin/apache2', '--httpd-conf', 'conf/httpd.conf', '--push-config', 'conf/chat-push.json'];
  const { stdout } = spawnSync(site.path('bin', 'chatctl'), ['doctor', '--json', ...named],
    { cwd: site.dir, encoding: 'utf8', env: { ...process.env, ...site.httpdEnv() } });
  const { checks } = JSON.parse(stdout);
  for (const name of ['httpd-syntax', 'push-process', 'push-ready', 'push-door', 'handoff']) {
    const of = checks.filter((c) => c.check === name);
    assert.ok(of.every((c) => c.status === 'ok'), JSON.stringify(of));
    assert.ok(of.length > 0 || name === 'push-process', name); // which is said when it is not well
  }
});

test('sockets of an app that SIGHUP has added are handed over without a restart of httpd', async () => {
  const conf = site.path('conf', 'chat-push.json');
  const settings = JSON.parse(fs.readFileSync(conf));
  const errors = () => fs.readFileSync(site.path('logs', 'error.log'), 'utf8');
  settings.appManager.array.apps.push({ id: 'late', key: 'latekey', secret: 'late' });
  fs.writeFileSync(conf, JSON.stringify(settings));
  site.push.kill('SIGHUP');
  await eventually(() => /WebSockets of 2 apps are handed over/.test(errors()), 'httpd sees the app', 30000);
  const given = () => site.metric('handed_over_total');
  const n = await given();
  const peer = await new Door(site.o.port, { path: '/app/latekey?protocol=7' }).open();
  peer.socket.destroy();
  assert.equal(await given(), n + 1);
  const own = await new Door(site.o.port).open();
  own.socket.destroy();
});
