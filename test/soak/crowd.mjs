// SPDX-License-Identifier: Apache-2.0
//
// Who takes part in a soak beside the healthy: each function is one client's whole
// life, short, and is lived again and again by so many at once (soak.mjs). None may
// leave anything behind: what it opened is closed when it returns.

import { createRequire } from 'node:module';
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { Pusher, Raw, sleep } from '../site/lib/push.mjs';

const require = createRequire(import.meta.url);
const Pusher7 = require('pusher-js-7');

const any = (list) => list[Math.floor(Math.random() * list.length)];
const below = (n) => Math.floor(Math.random() * n);

function pusherOptions(push, user) {
  const sdk = push.sdk();
  return {
    cluster: 'mt1', wsHost: '127.0.0.1', wsPort: push.port, forceTLS: false, enabledTransports: ['ws'], disableStats: true,
    channelAuthorization: {
      customHandler: ({ channelName, socketId }, done) =>
        done(null, sdk.authorizeChannel(socketId, channelName, channelName.startsWith('presence-') ? { user_id: user } : undefined)),
    },
  };
}

/** A client of pusher-js, old or new. */
export function pusherJs(push, user) {
  return new (any([Pusher, Pusher7]))(push.app.key, pusherOptions(push, user));
}

/** A page is opened, looks at some channels, and is closed or lost. */
async function page(push) {
  const client = pusherJs(push, `u${below(50)}`);
  const names = ['steady-0', `room-${below(20)}`, `private-room-${below(20)}`, 'presence-lobby', `cache-${below(20)}`];
  names.forEach((name) => client.subscribe(name));
  await sleep(100 + below(300));
  client.channel('presence-lobby').trigger('client-hello', { n: 1 });
  if (below(2)) {
    client.unsubscribe(any(names));
    await sleep(20);
  }
  // A server that sends it away in the same moment makes it come back, once in
  // thousands: nobody is there to see it.
  client.connection.bind('connected', () => client.disconnect());
  client.disconnect();
}

/** The same by hand: joins, talks, and goes with or without a word. */
async function visitor(push) {
  const s = new Raw(push.url(), {}, push);
  try {
    await s.opened;
    s.socketId = JSON.parse((await s.next('pusher:connection_established', 20000)).data).socket_id;
    for (let i = 0; i < 1 + below(5); i++) {
      await s.subscribe(`room-${below(20)}`);
    }
    await s.subscribe('presence-lobby', { data: { user_id: `u${below(50)}` } });
    s.send({ event: 'client-x', channel: 'presence-lobby', data: 'x'.repeat(below(2000)) });
    s.send({ event: 'pusher:ping', data: {} });
    await sleep(below(200));
  } finally {
    any([() => s.ws.close(), () => s.ws.terminate(), () => s.ws._socket?.resetAndDestroy()])();
    await s.closed;
  }
}

/** Subscribes and leaves as fast as it goes. */
async function flood(push) {
  const s = new Raw(push.url(), {}, push);
  await s.opened;
  for (let i = 0; i < 500; i++) {
    s.send({ event: 'pusher:subscribe', data: { channel: `flood-${i}` } });
  }
  for (let i = 0; i < 500; i += 2) {
    s.send({ event: 'pusher:unsubscribe', data: { channel: `flood-${i}` } });
  }
  s.send({ event: 'pusher:ping', data: {} });
  await s.next('pusher:pong', 20000);
  s.ws.close();
  await s.closed;
}

/** Subscribes to the widest channel and stops reading, until it is dropped. */
async function sleeper(push, world) {
  const s = new Raw(push.url(), {}, push);
  try {
    await s.opened;
    await s.subscribe('wide');
    s.ws._socket.pause();
    for (let i = 0; i < 400 && world.running; i++) {
      await sleep(50);
    }
  } finally {
    s.ws._socket?.resume();
    s.ws.terminate();
    await s.closed;
  }
}

/** What the sleepers do not read. */
async function shouter(push) {
  await push.sdk().trigger('wide', 'w', 'x'.repeat(10000));
  await sleep(10);
}

const UPGRADE = 'GET /app/key1?protocol=7 HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
  + 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';

function frame(first, payload) {
  const data = Buffer.from(payload);
  const head = data.length < 126 ? Buffer.from([first, 0x80 | data.length, 0, 0, 0, 0])
    : Buffer.from([first, 0xfe, data.length >> 8, data.length & 255, 0, 0, 0, 0]);
  return Buffer.concat([head, data]);
}

const seeds = [
  '{"event":"pusher:subscribe","data":{"channel":"room-1","auth":"key1:00","channel_data":"{\\"user_id\\":1}"}}',
  '{"event":"pusher:unsubscribe","data":{"channel":"room-1"}}', '{"event":"pusher:signin","data":{"auth":"key1:00","user_data":"{}"}}',
  '{"event":"client-x","channel":"private-room-1","data":{"a":[1,2,{"b":null}]}}', '{"event":"pusher:ping","data":{}}',
  `{"event":"x","data":${'['.repeat(500)}`, '{"event":"pusher:subscribe"}', 'null', '[]', '"\\ud800"',
];

/** A message that was right once: bytes changed, cut, doubled. */
function mutated() {
  let text = Buffer.from(any(seeds));
  for (let i = 0; i <= below(3); i++) {
    const at = below(text.length || 1);
    text = any([
      () => Buffer.concat([text.subarray(0, at), randomBytes(1 + below(4)), text.subarray(at)]),
      () => text.subarray(0, at), () => Buffer.concat([text, text]),
      () => Buffer.concat([text.subarray(0, at), Buffer.from(any(['"', '{', '}', '[', ']', ':', ',', '\\', '\0', '1e999', 'null'])), text.subarray(at)]),
    ])();
  }
  return text;
}

/* What a broken client says, in pieces. */
const sayings = [
  () => [randomBytes(below(4000))],
  () => ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', randomBytes(500)],
  () => [`GET /app/key1?protocol=${below(12)} HTTP/1.1\r\nHo`],
  () => ['GET / HTTP/1.1\r\nHost: h\r\nX: ', 'y'.repeat(below(70000)), '\r\n\r\n'],
  () => [`POST /apps/app1/events?auth_key=${'x'.repeat(below(2000))} HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n`, randomBytes(below(1200))],
  () => ['POST /apps/app1/events HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n', `${below(99)};x=y\r\n`, randomBytes(50)],
  () => [UPGRADE, ...Array.from({ length: 1 + below(10) }, () => frame(0x81, mutated()))],
  () => [UPGRADE, frame(0x01, '{"a":"'), Buffer.concat(Array.from({ length: 2000 }, () => frame(0x00, any(['', 'x']))))],
  () => [UPGRADE, frame(0x81, Buffer.concat([Buffer.from('"'), randomBytes(20), Buffer.from('"')]))],
  () => [UPGRADE, frame(0x80 | below(16), randomBytes(below(200)))],
  () => [UPGRADE, Buffer.from([0x81, 0xff, below(256), 0, 0, below(256), 0, 0, 0, 0, 0, 0, 0, 0])],
  () => [UPGRADE, ...Array.from({ length: 4 }, () => frame(0x81, `"${'x'.repeat(60000)}"`))],
  () => [UPGRADE, frame(0x88, randomBytes(below(4)))],
  () => [UPGRADE, randomBytes(below(3000))],
];

/** Breaks every rule, and then resets, ends, or hangs about. */
function vandal(push) {
  return new Promise((resolve) => {
    const socket = net.connect({ port: push.port, host: '127.0.0.1', allowHalfOpen: Boolean(below(2)) });
    socket.on('error', () => {}).on('data', () => {}).on('close', resolve);
    socket.on('end', () => socket.end());
    socket.on('connect', async () => {
      for (const piece of any(sayings)()) {
        if (!socket.writable) {
          break;
        }
        socket.write(piece, 'latin1');
        if (below(3) === 0) {
          await sleep(below(30));
        }
      }
      await sleep(below(100));
      any([() => socket.resetAndDestroy(), () => socket.end()])();
      setTimeout(() => socket.destroy(), 1000);
    });
  });
}

/** The HTTP API with bodies that are none. */
async function scribbler(push) {
  const body = any([() => mutated(), () => Buffer.from('{"name":"e","channel":"room-1","data":"x"}'), () => Buffer.from('{"batch":[{}]}')])();
  const r = await push.call('POST', any(['/events', '/batch_events', '/users/1/events']), { body });
  if (r.status >= 500) {
    throw new Error(`a body was answered with ${r.status}: ${r.text}`);
  }
  await sleep(20);
}

/** Who they are, and how many of each live at once. */
export const crowd = [
  [page, 6], [visitor, 12], [flood, 1], [sleeper, 3], [shouter, 1], [vandal, 12], [scribbler, 2],
];
