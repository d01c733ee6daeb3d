// SPDX-License-Identifier: Apache-2.0
//
// perMessageDeflate of an app: off unless it is set, and what it changes for the
// clients of an app that has it, which is nothing but the bytes on the wire.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import WebSocket from 'ws';
import { Pusher, eventually, startPush } from './lib/push.mjs';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'chat-push-'));
after(() => fs.rmSync(dir, { recursive: true }));

const apps = [
  { id: '1', key: 'plain', secret: 's1', enableClientMessages: true },
  { id: '2', key: 'packed', secret: 's2', enableClientMessages: true, perMessageDeflate: true },
];
const config = path.join(dir, 'push.json');
fs.writeFileSync(config, JSON.stringify({ 'appManager.array.apps': apps, maxMessageInKb: 32, activityTimeout: 2, metrics: { host: '127.0.0.1' } }));
const push = await startPush({ args: ['--config', config] });
const as = (i) => Object.assign(Object.create(push), { app: apps[i - 1] });

const words = (n) => 'the same few words again and again '.repeat(n / 35 + 1).slice(0, n);

test('without the setting an offer is passed over, even a malformed one', async () => {
  const s = await as(1).raw({ ws: { perMessageDeflate: true } });
  assert.equal(s.ws.extensions, '');
  await s.join('room');
  await as(1).sdk().trigger('room', 'e', { text: words(5000) });
  assert.equal(JSON.parse((await s.next('e')).data).text, words(5000));
  await s.close();
  const odd = await as(1).raw({ ws: { perMessageDeflate: false, headers: { 'Sec-WebSocket-Extensions': ';' } } });
  await odd.close();
});

test('with it who offers is sent compressed events, and the others the same ones', async () => {
  const packed = as(2);
  const sockets = [];
  for (const perMessageDeflate of [true, false, { serverMaxWindowBits: 9 }, { threshold: 0 }, { serverMaxWindowBits: 15 }, false, true, true]) {
    const s = await packed.raw({ ws: { perMessageDeflate } });
    assert.equal(s.ws.extensions, perMessageDeflate ? 'permessage-deflate' : '');
    await s.join('room');
    sockets.push(s);
  }
  const before = sockets.map((s) => s.ws._socket.bytesRead);
  const texts = [words(9000), 'short', words(300), randomBytes(4000).toString('hex')];
  for (const text of texts) {
    await packed.sdk().trigger('room', 'e', { text });
  }
  for (const [i, s] of sockets.entries()) {
    for (const text of texts) {
      assert.equal(JSON.parse((await s.next('e')).data).text, text);
    }
    const bytes = s.ws._socket.bytesRead - before[i];
    assert.ok(s.ws.extensions ? bytes < 7000 : bytes > 17000, `${s.ws.extensions || 'plain'}: ${bytes} bytes`);
    await s.close();
  }
});

test('what the figures count is what was said, not what was sent', async () => {
  const packed = as(2);
  const sent = async () => {
    const text = await (await fetch(`${push.metrics}/metrics`)).text();
    return [...text.matchAll(/^soketi_\w*socket_transmitted_bytes\S* (\d+)/gm)].reduce((n, m) => n + Number(m[1]), 0);
  };
  const s = await packed.raw({ ws: { perMessageDeflate: true } });
  await s.join('room');
  const before = await sent();
  await packed.sdk().trigger('room', 'e', { text: words(9000) });
  await s.next('e');
  const more = await sent() - before;
  assert.ok(more > 9000 && more < 10000, `${more} bytes`);
  await s.close();
});

test('compressed client events reach plain and compressing members', async () => {
  const packed = as(2);
  const sockets = [];
  for (const perMessageDeflate of [{ threshold: 0 }, true, false]) {
    const s = await packed.raw({ ws: { perMessageDeflate } });
    await s.join('private-room');
    sockets.push(s);
  }
  for (const from of sockets) {
    from.send({ event: 'client-says', channel: 'private-room', data: { text: words(2000) } });
    for (const to of sockets.filter((s) => s !== from)) {
      assert.equal(JSON.parse((await to.next('client-says')).data).text, words(2000));
    }
  }
  await Promise.all(sockets.map((s) => s.close()));
});

test('a message that unpacks to too much ends its sender and nobody else', async () => {
  const packed = as(2);
  const bad = await packed.raw({ ws: { perMessageDeflate: { threshold: 0 } } });
  const good = await packed.raw({ ws: { perMessageDeflate: true } });
  await good.join('room');
  bad.send(JSON.stringify({ event: 'pusher:ping', data: words(40000) }));
  assert.equal((await bad.closed).code, 1009);
  await packed.sdk().trigger('room', 'e', { text: words(1000) });
  await good.next('e');
  await good.close();
});

test('members of a presence channel and its events are the same for all', async () => {
  const packed = as(2);
  const info = { about: words(900) };
  const first = await packed.raw({ ws: { perMessageDeflate: true } });
  await first.join('presence-room', { data: { user_id: '1', user_info: info } });
  const second = await packed.raw({ ws: { perMessageDeflate: { serverMaxWindowBits: 8 } } });
  const answer = await second.join('presence-room', { data: { user_id: '2', user_info: info } });
  assert.deepEqual(JSON.parse(answer.data).presence.hash, { 1: info, 2: info });
  assert.deepEqual(JSON.parse((await first.next('pusher_internal:member_added')).data), { user_id: '2', user_info: info });
  await first.close();
  await second.close();
});

test('a cache channel keeps one event for all kinds of clients', async () => {
  const packed = as(2);
  await packed.sdk().trigger('cache-news', 'e', { text: words(3000) });
  for (const perMessageDeflate of [true, false, { serverMaxWindowBits: 10 }, true]) {
    const s = await packed.raw({ ws: { perMessageDeflate } });
    await s.join('cache-news');
    assert.equal(JSON.parse((await s.next('e')).data).text, words(3000));
    await s.close();
  }
});

test('a silent client that compresses is pinged, and lives', async () => {
  const s = await as(2).raw({ ws: { perMessageDeflate: true } });
  await eventually(() => s.pings > 0, 'a ping', 20000);
  await s.next('pusher:ping');
  assert.deepEqual((await s.drain()).filter((m) => m.event !== 'pusher:ping'), []);
  await s.close();
});

test('pusher-js over a WebSocket that compresses notices nothing', async () => {
  const packed = as(2);
  const { createWebSocket } = Pusher.Runtime;
  const sockets = [];
  Pusher.Runtime.createWebSocket = (url) => {
    sockets.push(new WebSocket(url, { perMessageDeflate: { threshold: 0 } }));
    return sockets.at(-1);
  };
  const client = packed.client();
  try {
    const channel = client.subscribe('private-encrypted-room');
    await new Promise((done, failed) => {
      channel.bind('pusher:subscription_succeeded', done);
      channel.bind('pusher:subscription_error', failed);
    });
    assert.equal(sockets[0].extensions, 'permessage-deflate');
    const heard = new Promise((done) => channel.bind('e', done));
    await packed.sdk().trigger('private-encrypted-room', 'e', { text: words(5000) });
    assert.equal((await heard).text, words(5000));
  } finally {
    client.disconnect();
    Pusher.Runtime.createWebSocket = createWebSocket;
  }
});
