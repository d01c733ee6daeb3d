// SPDX-License-Identifier: Apache-2.0
//
// The Pusher protocol over the WebSocket, right and wrong, as a stand-alone
// chat-push speaks it: with real pusher-js for what people do and plain sockets
// for the edges. Two loops, so that most events cross from one to the other.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { Push, Pusher, eventually, sleep, startPush } from './lib/push.mjs';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'chat-protocol-'));
after(() => fs.rmSync(dir, { recursive: true }));

function file(name, content) {
  const at = path.join(dir, name);
  fs.writeFileSync(at, JSON.stringify(content));
  return at;
}

const push = await startPush({
  env: { SOKETI_DEFAULT_APP_MAX_CLIENT_EVENTS_PER_SEC: '10' },
});
const sdk = push.sdk();

const error = (m) => [m.event, m.data.code];

/** Both ends of two sockets are closed whatever happens in between. */
async function sockets(n, fn) {
  const all = [];
  try {
    for (let i = 0; i < n; i++) {
      all.push(await push.raw());
    }
    await fn(...all);
  } finally {
    await Promise.all(all.map((s) => s.close()));
  }
}

// --- connecting

test('a connection is told its socket id as a string of JSON', async () => {
  await sockets(1, async (s) => {
    assert.equal(typeof s.established.data, 'string');
    const data = JSON.parse(s.established.data);
    assert.match(data.socket_id, /^\d+\.\d+$/);
    assert.equal(data.activity_timeout, 120);
  });
});

test('socket ids differ on all loops', async () => {
  await sockets(40, async (...all) => {
    assert.equal(new Set(all.map((s) => s.socketId)).size, 40);
  });
});

test('protocols 4 to 7 are served, activity_timeout from 7 on', async () => {
  for (const version of [4, 5, 6, 7]) {
    const s = await push.raw({ query: `protocol=${version}&client=t&version=1` });
    assert.equal('activity_timeout' in JSON.parse(s.established.data), version === 7);
    await s.close();
  }
});

test('other protocol versions are refused with their code and a reason', async () => {
  for (const [query, code] of [
    ['protocol=1', 4007], ['protocol=2', 4007], ['protocol=3', 4007], ['protocol=8', 4007], ['protocol=99', 4007],
    ['protocol=0', 4007], ['', 4008], ['client=js&version=7.0', 4008], ['protocol=', 4008], ['protocol=abc', 4006],
    ['protocol=7.0', 4006], ['protocol=-7', 4006], ['protocol=99999999999999999999', 4006],
  ]) {
    const r = await push.refused(push.url(query));
    assert.equal(r.code, code, query);
    assert.ok(r.reason.length > 5, query);
  }
});

test('who names no protocol version is served where the settings say as which', async () => {
  const lenient = await new Push().start({ env: { CHAT_PUSH_DEFAULT_PROTOCOL: '7' } });
  try {
    for (const query of ['', 'client=mine', 'protocol=']) {
      const s = await lenient.raw({ url: lenient.url(query) });
      assert.equal(JSON.parse(s.established.data).activity_timeout, 120, 'as version 7');
      await s.close();
    }
    const old = await lenient.raw({ url: lenient.url('protocol=5') });
    assert.equal(JSON.parse(old.established.data).activity_timeout, undefined, 'who names one has that one');
    await old.close();
    assert.equal((await lenient.refused(lenient.url('protocol=8'))).code, 4007);
    assert.equal((await lenient.refused(lenient.url('protocol=x'))).code, 4006);
  } finally {
    await lenient.stop();
  }
});

test('only clients below version 6 get pusher:error before the close', async () => {
  const old = await push.refused(push.url('protocol=5', 'nokey'));
  assert.equal(old.code, 4001);
  assert.deepEqual(error(old.messages[0]), ['pusher:error', 4001]);
  const now = await push.refused(push.url('protocol=7', 'nokey'));
  assert.equal(now.code, 4001);
  assert.ok(now.reason);
  assert.deepEqual(now.messages, []);
  const ancient = await push.refused(push.url('protocol=3'));
  assert.deepEqual(error(ancient.messages[0]), ['pusher:error', 4007]);
});

test('an unknown path is closed with 4005', async () => {
  for (const path of ['/', '/app', '/app/', '/apps/app1', '/nothing/here']) {
    const r = await push.refused(`ws://127.0.0.1:${push.port}${path}?protocol=7`);
    assert.equal(r.code, 4005, path);
  }
});

test('pusher-js connects, and is told when its key is unknown', async () => {
  const good = push.client();
  await new Promise((resolve) => good.connection.bind('connected', resolve));
  assert.match(good.connection.socket_id, /^\d+\.\d+$/);
  good.disconnect();
  const bad = new Pusher('nokey', { cluster: 'x', wsHost: '127.0.0.1', wsPort: push.port, forceTLS: false, enabledTransports: ['ws'] });
  const e = await new Promise((resolve) => bad.connection.bind('error', resolve));
  assert.equal(e.error.data.code, 4001);
  bad.disconnect();
});

test('a plain request for /app/{key} is no upgrade', async () => {
  const r = await push.http('GET', '/app/key1?protocol=7');
  assert.ok(r.status === 400 || r.status === 426, String(r.status));
});

// --- ping

test('pusher:ping is answered, and so is a WebSocket ping', async () => {
  await sockets(1, async (s) => {
    s.send({ event: 'pusher:ping', data: {} });
    const pong = await s.next('pusher:pong');
    assert.equal(pong.data, '{}');
    s.send('{"event":"pusher:ping"}');
    await s.next('pusher:pong');
    const answered = new Promise((resolve) => s.ws.once('pong', resolve));
    s.ws.ping('x');
    assert.equal(String(await answered), 'x');
    s.send({ event: 'pusher:pong', data: {} });
    assert.deepEqual(await s.drain(), []);
  });
});

// --- public channels

test('an event reaches the subscribers of its channel and nobody else', async () => {
  await sockets(4, async (a, b, c, d) => {
    assert.equal((await a.join('room')).data, '{}');
    await b.join('room');
    await c.join('other');
    await sdk.trigger('room', 'hello', { text: 'مرحبا "\\ 😀' });
    for (const s of [a, b]) {
      const m = await s.next('hello');
      assert.equal(m.channel, 'room');
      assert.deepEqual(JSON.parse(m.data), { text: 'مرحبا "\\ 😀' });
    }
    assert.deepEqual(await c.drain(), []);
    assert.deepEqual(await d.drain(), []);
  });
});

test('after unsubscribing nothing comes any more, and nothing is said', async () => {
  await sockets(1, async (s) => {
    await s.join('left');
    s.send({ event: 'pusher:unsubscribe', data: { channel: 'left' } });
    s.send({ event: 'pusher:unsubscribe', data: { channel: 'left' } });
    s.send({ event: 'pusher:unsubscribe', data: { channel: 'never' } });
    assert.deepEqual(await s.drain(), []);
    await sdk.trigger('left', 'e', {});
    assert.deepEqual(await s.drain(), []);
  });
});

test('subscribing twice is answered twice and delivers once', async () => {
  await sockets(1, async (s) => {
    await s.join('twice');
    await s.join('twice');
    await sdk.trigger('twice', 'e', {});
    await s.next('e');
    assert.deepEqual(await s.drain(), []);
  });
});

test('names are held to the documented alphabet and length', async () => {
  await sockets(1, async (s) => {
    await s.join('aZ09_-=@,.;');
    await s.join('x'.repeat(164));
    const long = await s.subscribe('x'.repeat(165));
    assert.deepEqual([long.event, long.channel, long.data.type, long.data.status],
      ['pusher:subscription_error', 'x'.repeat(165), 'LimitReached', 4009]);
    for (const name of ['a b', 'é', 'a/b', 'a"b', 'a#b', '\u0001', 'a:b', 'a\\b']) {
      const r = await s.subscribe(name);
      assert.equal(r.event, 'pusher:subscription_error', name);
      assert.equal(r.channel, name);
      assert.equal(r.data.status, 4009);
    }
    assert.equal((await s.subscribe('')).event, 'pusher:error');
  });
});

test('without identities private. names are public names of their own', async () => {
  await sockets(2, async (a, b) => {
    await a.join('private.user.7');
    await b.join('private-user.7');
    await sdk.trigger('private-user.7', 'e', {});
    await b.next('e');
    assert.deepEqual(await a.drain(), []);
    await sdk.trigger('private.user.7', 'e', {});
    assert.equal((await a.next('e')).channel, 'private.user.7');
    assert.deepEqual(await b.drain(), []);
  });
});

test('a channel name may be escaped in JSON', async () => {
  await sockets(1, async (s) => {
    s.send('{"event":"pusher:subscribe","data":{"channel":"esc\\u0061ped"}}');
    await s.next('pusher_internal:subscription_succeeded');
    await sdk.trigger('escaped', 'e', {});
    await s.next('e');
  });
});

test('a connection has at most 1,000 channels and finds each of them', async () => {
  await sockets(1, async (s) => {
    for (let i = 0; i < 1000; i++) {
      s.send({ event: 'pusher:subscribe', data: { channel: `many-${i}` } });
    }
    await s.drain();
    const r = await s.subscribe('many-1000');
    assert.equal(r.data.type, 'LimitReached');
    await s.join('many-0'); // has it: not one more
    await sdk.trigger(['many-0', 'many-500', 'many-999'], 'e', {});
    for (let i = 0; i < 3; i++) {
      await s.next('e');
    }
    s.send({ event: 'pusher:unsubscribe', data: { channel: 'many-500' } });
    await s.join('many-1000');
  });
});

// --- private channels

test('a private channel takes the right signature and no other', async () => {
  await sockets(2, async (s, other) => {
    const name = 'private-room';
    const good = push.auth(s.socketId, name);
    for (const [what, auth] of [
      ['none', undefined], ['null', null], ['a number', 7], ['an object', {}], ['empty', ''], ['only a key', 'key1'],
      ['key and colon', 'key1:'], ['without key', good.slice(5)], ['another key', good.replace('key1', 'key2')],
      ['cut', good.slice(0, -1)], ['longer', `${good}0`], ['upper case', good.toUpperCase()],
      ["another secret's", push.auth(s.socketId, name, undefined, { secret: 'x' })],
      ["another socket's", push.auth(other.socketId, name)], ["another channel's", push.auth(s.socketId, 'private-roon')],
      ['over channel_data', push.auth(s.socketId, name, '{}')],
    ]) {
      s.send({ event: 'pusher:subscribe', data: { channel: name, ...(auth === undefined ? {} : { auth }) } });
      const r = await s.next('pusher:subscription_error');
      assert.deepEqual([r.channel, r.data.type, r.data.status], [name, 'AuthError', 401], what);
      assert.equal(typeof r.data.error, 'string');
    }
    await sdk.trigger(name, 'e', {});
    assert.deepEqual(await s.drain(), [], 'a refused socket hears nothing');
    await s.join(name, { auth: good });
    await sdk.trigger(name, 'e', {});
    await s.next('e');
  });
});

test('channel_data that was signed for a private channel is part of its signature', async () => {
  const client = push.client({
    channelAuthorization: {
      customHandler: ({ channelName, socketId }, done) => done(null, sdk.authorizeChannel(socketId, channelName, { user_id: '7', role: 'nurse' })),
    },
  });
  try {
    const channel = client.subscribe('private-with-data');
    await new Promise((resolve, reject) => {
      channel.bind('pusher:subscription_succeeded', resolve);
      channel.bind('pusher:subscription_error', (e) => reject(new Error(JSON.stringify(e))));
    });
  } finally {
    client.disconnect();
  }
  await sockets(1, async (s) => {
    const name = 'private-room';
    const signed = push.auth(s.socketId, name, '{"a":1}');
    for (const [what, data] of [['none', undefined], ['other data', '{"a":2}'], ['an object', { a: 1 }], ['a number', 1], ['empty', '']]) {
      s.send({ event: 'pusher:subscribe', data: { channel: name, auth: signed, channel_data: data } });
      const r = await s.next('pusher:subscription_error');
      assert.deepEqual([r.data.type, r.data.status], ['AuthError', 401], what);
    }
    s.send({ event: 'pusher:subscribe', data: { channel: name, auth: signed, channel_data: '{"a":1}' } });
    await s.next('pusher_internal:subscription_succeeded');
    // Soketi signs the name alone and lets data that nobody signed pass by.
    s.send({ event: 'pusher:subscribe', data: { channel: name, auth: push.auth(s.socketId, name), channel_data: '{"a":1}' } });
    await s.next('pusher_internal:subscription_succeeded');
  });
});

test('pusher-js reads an encrypted channel', async () => {
  const client = push.client();
  try {
    const channel = client.subscribe('private-encrypted-secret');
    const seen = [];
    channel.bind('e', (d) => seen.push(d));
    await new Promise((resolve, reject) => {
      channel.bind('pusher:subscription_succeeded', resolve);
      channel.bind('pusher:subscription_error', reject);
    });
    await sdk.trigger('private-encrypted-secret', 'e', { hidden: 'text' });
    await eventually(() => seen.length, 'the event');
    assert.deepEqual(seen[0], { hidden: 'text' });
  } finally {
    client.disconnect();
  }
});

// --- presence channels

const presence = (m) => JSON.parse(m.data).presence;

test('members are users: first in, last out, each told once', async () => {
  await sockets(3, async (ann, bob, bob2) => {
    const name = 'presence-members';
    const first = presence(await ann.join(name, { data: { user_id: 'ann', user_info: { name: 'Ann' } } }));
    assert.deepEqual(first, { count: 1, ids: ['ann'], hash: { ann: { name: 'Ann' } } });
    const second = presence(await bob.join(name, { data: { user_id: 'bob' } }));
    assert.deepEqual([second.count, second.hash], [2, { ann: { name: 'Ann' }, bob: {} }]);
    const added = await ann.next('pusher_internal:member_added');
    assert.deepEqual([added.channel, JSON.parse(added.data)], [name, { user_id: 'bob', user_info: {} }]);
    await bob2.join(name, { data: { user_id: 'bob' } });
    assert.deepEqual(await ann.drain(), []);
    assert.deepEqual(await bob.drain(), [], 'nobody hears of oneself');
    await bob.close();
    assert.deepEqual(await ann.drain(), []);
    bob2.send({ event: 'pusher:unsubscribe', data: { channel: name } });
    const removed = await ann.next('pusher_internal:member_removed');
    assert.deepEqual(JSON.parse(removed.data), { user_id: 'bob' });
    assert.deepEqual(await bob2.drain(), []);
  });
});

test('a user id keeps its type and is compared as text', async () => {
  await sockets(2, async (a, b) => {
    const one = presence(await a.join('presence-types', { data: '{"user_id":7,"user_info":{"n":1}}' }));
    assert.deepEqual(one, { count: 1, ids: [7], hash: { 7: { n: 1 } } });
    const two = presence(await b.join('presence-types', { data: '{"user_id":"7"}' }));
    assert.equal(two.count, 1);
    assert.deepEqual(await a.drain(), []);
  });
});

test('channel_data is signed and must say who joins', async () => {
  await sockets(1, async (s) => {
    const name = 'presence-data';
    for (const data of ['{}', '{"user_id":null}', '{"user_id":""}', '{"user_id":{}}', '{"user_id":[1]}', '{"user_id":1.5}',
      '{"user_id":true}', 'null', '[]', '"x"', '7', '', 'not json', '{"user_id":1,"user_id":2}',
      JSON.stringify({ user_id: 'x'.repeat(129) })]) {
      const r = await s.subscribe(name, { data });
      assert.deepEqual([r.event, r.data.status], ['pusher:subscription_error', 401], data);
    }
    const auth = push.auth(s.socketId, name, '{"user_id":1}');
    assert.equal((await s.subscribe(name, { data: '{"user_id":2}', auth })).data.status, 401);
    assert.equal((await s.subscribe(name, { auth: push.auth(s.socketId, name) })).data.status, 401);
    for (const wrong of [7, {}, [], true]) {
      s.send({ event: 'pusher:subscribe', data: { channel: name, auth, channel_data: wrong } });
      assert.equal((await s.next('pusher:subscription_error')).data.status, 401);
    }
    await s.join(name, { data: { user_id: 'x'.repeat(128), user_info: 'any JSON' } });
  });
});

test('user_info is limited to 1,024 bytes', async () => {
  await sockets(1, async (s) => {
    const fits = { user_id: 1, user_info: { a: 'x'.repeat(1024 - '{"a":""}'.length) } };
    const big = { user_id: 1, user_info: { a: 'x'.repeat(1025 - '{"a":""}'.length) } };
    const r = await s.subscribe('presence-big', { data: big });
    assert.deepEqual([r.data.type, r.data.status], ['LimitReached', 4301]);
    await s.join('presence-big', { data: fits });
  });
});

test('a full channel refuses another user, not another tab', async () => {
  await sockets(102, async (...all) => {
    const name = 'presence-full';
    await Promise.all(all.slice(0, 100).map((s, i) => s.join(name, { data: { user_id: i } })));
    const r = await all[100].subscribe(name, { data: { user_id: 'late' } });
    assert.deepEqual([r.data.type, r.data.status], ['LimitReached', 4100]);
    const tab = presence(await all[101].join(name, { data: { user_id: 5 } }));
    assert.equal(tab.count, 100);
  });
});

test('pusher-js has the members and hears them come and go', async () => {
  const ann = push.client({ user: { user_id: 'ann', user_info: { n: 1 } } });
  const bob = push.client({ user: { user_id: 'bob', user_info: { n: 2 } } });
  try {
    const channel = ann.subscribe('presence-js');
    await new Promise((resolve) => channel.bind('pusher:subscription_succeeded', resolve));
    const log = [];
    channel.bind('pusher:member_added', (m) => log.push(['added', m.id, m.info]));
    channel.bind('pusher:member_removed', (m) => log.push(['removed', m.id]));
    const other = bob.subscribe('presence-js');
    await new Promise((resolve) => other.bind('pusher:subscription_succeeded', resolve));
    assert.equal(other.members.count, 2);
    assert.deepEqual(other.members.get('ann').info, { n: 1 });
    assert.equal(other.members.me.id, 'bob');
    await eventually(() => log.length === 1, 'member_added');
    bob.disconnect();
    await eventually(() => log.length === 2, 'member_removed');
    assert.deepEqual(log, [['added', 'bob', { n: 2 }], ['removed', 'bob']]);
    assert.equal(channel.members.count, 1);
  } finally {
    ann.disconnect();
    bob.disconnect();
  }
});

// --- counts of subscribers

// What apps must ask for; `push` has them off.
const counted = await startPush({
  args: ['--config', file('count.json', {
    'appManager.array.apps': [{ ...push.app, enableSubscriptionCount: true, enableWatchlist: true }],
    metrics: { host: '127.0.0.1' },
  })],
});

test('pusher-js is told how many subscribers its channel has', async () => {
  const seen = [[], []];
  const clients = [counted.client(), counted.client()];
  const channels = [];
  for (const i of [0, 1]) {
    channels[i] = clients[i].subscribe('counted');
    channels[i].bind('pusher:subscription_count', (data) => seen[i].push(data.subscription_count));
    await new Promise((resolve) => channels[i].bind('pusher:subscription_succeeded', resolve));
  }
  await eventually(() => seen[0].length === 2 && seen[1].length === 1, 'counts');
  assert.deepEqual(seen, [[1, 2], [2]]);
  assert.equal(channels[1].subscriptionCount, 2);
  clients[1].disconnect();
  await eventually(() => seen[0].length === 3, 'the leaving');
  assert.equal(channels[0].subscriptionCount, 1);
  clients[0].disconnect();
});

test('the count follows subscription_succeeded, and comes unasked nowhere else', async () => {
  const [a, b] = [await counted.raw(), await counted.raw()];
  await a.join('cache-n');
  assert.deepEqual(await a.drain(), [
    { event: 'pusher_internal:subscription_count', channel: 'cache-n', data: '{"subscription_count":1}' },
    { event: 'pusher:cache_miss', channel: 'cache-n' },
  ]);
  await b.join('cache-n');
  await a.next('pusher_internal:subscription_count');
  await b.drain();
  a.send({ event: 'pusher:unsubscribe', data: { channel: 'cache-n' } });
  assert.equal((await b.next('pusher_internal:subscription_count')).data, '{"subscription_count":1}');
  await a.join('presence-n', { data: { user_id: '1' } });
  await b.join('presence-n', { data: { user_id: '1' } });
  assert.deepEqual(await a.drain(), []);
  assert.deepEqual(await b.drain(), []);
  await sockets(1, async (s) => {
    await s.join('not-counted');
    assert.deepEqual(await s.drain(), []);
  });
  await Promise.all([a.close(), b.close()]);
});

// --- cache channels

test('a cache channel gives its last event to whoever joins', async () => {
  await sockets(3, async (a, b, c) => {
    await a.join('cache-news');
    assert.equal((await a.next('pusher:cache_miss')).channel, 'cache-news');
    await sdk.trigger('cache-news', 'first', { n: 1 });
    await sdk.trigger('cache-news', 'second', { n: 2 });
    await a.next('first');
    await a.next('second');
    await b.join('cache-news');
    const m = await b.next('second');
    assert.deepEqual([m.channel, JSON.parse(m.data)], ['cache-news', { n: 2 }]);
    await sleep(50);
    assert.deepEqual(await b.drain(), []);
    await a.close();
    await b.close();
    await c.join('cache-news');
    await c.next('second'); // also when nobody was left
  });
});

test('every kind of channel has its cache form, and no other name has', async () => {
  await sockets(1, async (s) => {
    for (const name of ['private-cache-a', 'private-encrypted-cache-a', 'presence-cache-a']) {
      await s.join(name, { data: name.startsWith('presence') ? { user_id: 1 } : undefined });
      assert.equal((await s.next('pusher:cache_miss')).channel, name);
    }
    await s.join('my-cache-a');
    await s.join('private-my-cache-a');
    assert.deepEqual(await s.drain(), []);
  });
});

test('client events are not kept', async () => {
  await sockets(2, async (a, b) => {
    await a.join('private-cache-c');
    a.send({ event: 'client-x', channel: 'private-cache-c', data: 1 });
    await a.drain();
    await b.join('private-cache-c');
    await b.next('pusher:cache_miss');
  });
});

// --- client events

test('a client event reaches the others of its channel, as a string', async () => {
  await sockets(3, async (a, b, c) => {
    for (const s of [a, b]) {
      await s.join('private-chat');
    }
    await c.join('private-chat2');
    a.send({ event: 'client-typing', channel: 'private-chat', data: { on: true, text: '"é' } });
    const m = await b.next('client-typing');
    assert.deepEqual({ ...m, data: JSON.parse(m.data) },
      { event: 'client-typing', channel: 'private-chat', data: { on: true, text: '"é' } });
    a.send({ event: 'client-typing', channel: 'private-chat', data: 'as it is' });
    assert.equal((await b.next('client-typing')).data, 'as it is');
    a.send({ event: 'client-typing', channel: 'private-chat' });
    assert.equal('data' in await b.next('client-typing'), false);
    assert.deepEqual(await a.drain(), [], 'not back to the sender');
    assert.deepEqual(await c.drain(), []);
  });
});

test('on a presence channel it says who sent it', async () => {
  await sockets(3, async (a, b, c) => {
    await a.join('presence-chat', { data: '{"user_id":7}' });
    await b.join('presence-chat', { data: '{"user_id":"b"}' });
    await c.join('presence-chat', { data: '{"user_id":"c"}' });
    a.send({ event: 'client-x', channel: 'presence-chat', data: {} });
    assert.strictEqual((await b.next('client-x')).user_id, 7);
    b.send({ event: 'client-y', channel: 'presence-chat', data: {}, user_id: 'forged' });
    assert.strictEqual((await c.next('client-y')).user_id, 'b');
  });
});

test('pusher-js triggers, and the receiver sees data and sender', async () => {
  const ann = push.client({ user: { user_id: 'ann' } });
  const bob = push.client({ user: { user_id: 'bob' } });
  try {
    const [a, b] = await Promise.all([ann, bob].map((client) => new Promise((resolve) => {
      const channel = client.subscribe('presence-trigger');
      channel.bind('pusher:subscription_succeeded', () => resolve(channel));
    })));
    const seen = [];
    b.bind('client-hi', (data, metadata) => seen.push([data, metadata]));
    assert.equal(a.trigger('client-hi', { n: 1 }), true);
    await eventually(() => seen.length, 'the event');
    assert.deepEqual(seen[0], [{ n: 1 }, { user_id: 'ann' }]);
  } finally {
    ann.disconnect();
    bob.disconnect();
  }
});

test('only members send client events, and only on private and presence channels', async () => {
  await sockets(2, async (a, b) => {
    for (const name of ['public', 'private-in']) {
      await a.join(name);
      await b.join(name);
    }
    await b.join('private-out');
    for (const [event, channel] of [
      ['client-x', 'public'], ['client-x', 'private-out'], ['client-x', 'private-nobody'], ['client-x', '#server-to-user-1'],
      ['client-x', ''], ['client-x', undefined], ['client-x', 7], ['client-x', null], ['client-x', ['private-in']],
      ['not-client-event', 'private-in'], ['xclient-y', 'private-in'], ['client', 'private-in'], ['', 'private-in'],
      ['MessageSent', 'private-in'], ['pusher:error', 'private-in'],
    ]) {
      a.send({ event, channel, data: {} });
      const r = await a.next('pusher:error');
      assert.equal(typeof r.data.message, 'string', `${event} ${channel}`);
    }
    assert.deepEqual(await b.drain(), []);
  });
});

test('client events are limited in size and number', async () => {
  await sockets(2, async (a, b) => {
    await a.join('private-limits');
    await b.join('private-limits');
    a.send({ event: 'client-x', channel: 'private-limits', data: 'x'.repeat(10241) });
    assert.deepEqual(error(await a.next('pusher:error')), ['pusher:error', 4301]);
    a.send({ event: `client-${'x'.repeat(200)}`, channel: 'private-limits', data: '' });
    assert.deepEqual(error(await a.next('pusher:error')), ['pusher:error', 4301]);
    a.send({ event: 'client-x', channel: 'private-limits', data: 'x'.repeat(10240) });
    assert.equal((await b.next('client-x')).data.length, 10240);
    await sleep(1100);
    for (let i = 0; i < 40; i++) {
      a.send({ event: 'client-n', channel: 'private-limits', data: i });
    }
    const errors = (await a.drain()).map(error);
    assert.ok(errors.length >= 20 && errors.length <= 30, `${errors.length} of 40 were refused`);
    assert.ok(errors.every(([, code]) => code === 4301));
    const got = (await b.drain()).map((m) => m.event);
    assert.equal(got.length + errors.length, 40);
  });
});

// One kind is above its rate, and each time the other, which is far within its own, once too.
for (const [limit, values] of Object.entries({
  'client events': { maxClientEventsPerSecond: 10, maxSubscribesPerMinute: -1 },
  subscribes: { maxClientEventsPerSecond: -1, maxSubscribesPerMinute: 10 },
})) {
  test(`${limit} above the rate end in 4301 whatever else is within its own`, async () => {
    const one = await startPush({
      args: ['--config', file(`${limit}.json`, {
        appManager: { array: { apps: [{ id: 'app1', key: 'key1', secret: 'secret1', enableClientMessages: true, ...values }] } },
      })],
    });
    const a = await one.raw();
    await a.join('private-a');
    for (let i = 0; i < 2000; i++) {
      a.send({ event: 'client-x', channel: 'private-a', data: '' });
      a.send({ event: 'pusher:subscribe', data: { channel: 'b' } });
    }
    const end = await Promise.race([a.closed, a.drain()]);
    assert.equal(end.code, 4301, 'it goes on and on');
    const refused = a.messages.filter((m) => m.data.code === 4301 || m.data.status === 4301);
    assert.ok(refused.length >= 200, `${refused.length} were borne`);
    await one.stop();
  });
}

// --- users

test('a signed-in user gets events to the user, on every connection', async () => {
  await sockets(3, async (a, b, other) => {
    for (const s of [a, b]) {
      s.signin({ id: '7', user_info: { name: 'Ann' } });
      const m = await s.next('pusher:signin_success');
      assert.equal(JSON.parse(JSON.parse(m.data).user_data).id, '7');
      await s.join('#server-to-user-7');
    }
    other.signin({ id: '8' });
    await other.next('pusher:signin_success');
    // pusher-js never subscribes for a user whose id is a number: signing in is
    // enough.
    await sdk.sendToUser('8', 'note', { n: 8 });
    assert.deepEqual(await other.next('note'), { event: 'note', channel: '#server-to-user-8', data: '{"n":8}' });
    await sdk.sendToUser('7', 'note', { n: 1 });
    for (const s of [a, b]) {
      const m = await s.next('note');
      assert.deepEqual([m.channel, JSON.parse(m.data)], ['#server-to-user-7', { n: 1 }]);
    }
    assert.deepEqual(await other.drain(), []);
    for (const name of ['#server-to-user-7', '#server-to-user-', '#server-to-user-88', '#user-8', '#anything', '#']) {
      assert.equal((await other.subscribe(name)).data.status, 401, name);
    }
  });
});

test('pusher-js signs in and hears events to its user', async () => {
  const client = push.client({ user: { id: 'ann', user_info: { name: 'Ann' } } });
  try {
    client.signin();
    const seen = [];
    client.user.bind('note', (d) => seen.push(d));
    await eventually(() => client.user.user_data?.id === 'ann', 'signin');
    await eventually(async () => {
      await sdk.sendToUser('ann', 'note', { n: 1 });
      await sleep(20);
      return seen.length;
    }, 'the event');
    assert.deepEqual(seen[0], { n: 1 });
  } finally {
    client.disconnect();
  }
});

test('signing in needs the right signature, an id, and stays', async () => {
  await sockets(2, async (s, other) => {
    other.signin({ id: '1' });
    for (const [user, options] of [
      ['{"id":"7"}', { auth: 'key1:00' }], ['{"id":"7"}', { auth: '' }], ['{"id":"7"}', { auth: 7 }], ['not json', {}],
      ['null', {}], ['[]', {}], ['{}', {}], ['{"id":""}', {}], ['{"id":null}', {}], ['{"id":{}}', {}], ['{"id":1.5}', {}],
      ['{"id":"a\\u0022b"}', {}], ['', {}],
    ]) {
      s.signin(user, options);
      assert.deepEqual(error(await s.next('pusher:error')), ['pusher:error', 4009], user);
    }
    s.send({ event: 'pusher:signin', data: { auth: other.socketId, user_data: 7 } });
    assert.deepEqual(error(await s.next('pusher:error')), ['pusher:error', 4009]);
    s.signin('{"id":7}'); // a number, as some applications send
    await s.next('pusher:signin_success');
    s.signin('{"id":"7"}'); // the same user again
    await s.next('pusher:signin_success');
    s.signin('{"id":"8"}');
    assert.deepEqual(error(await s.next('pusher:error')), ['pusher:error', 4009]);
    await s.join('#server-to-user-7');
  });
});

// --- watchlists

/** Sign in and give the events that follow. */
async function signedIn(s, user) {
  s.signin(user);
  await s.next('pusher:signin_success');
  return s.drain();
}
const watched = (m) => JSON.parse(m.data).events;

test('pusher-js is told who of its watchlist is online, comes and goes', async () => {
  const ann = counted.client({ user: { id: 'ann', watchlist: ['bob', 'eve'] } });
  const seen = [];
  for (const name of ['online', 'offline']) {
    ann.user.watchlist.bind(name, (e) => seen.push([e.name, e.user_ids]));
  }
  ann.signin();
  await eventually(() => seen.length === 1, 'the state');
  const bobs = [counted.client({ user: { id: 'bob' } }), counted.client({ user: { id: 'bob' } })];
  for (const bob of bobs) {
    bob.signin();
    await eventually(() => bob.user.user_data, 'signin');
  }
  await eventually(() => seen.length === 2, 'the coming');
  bobs[0].disconnect();
  await sleep(100);
  assert.equal(seen.length, 2, 'bob has another connection');
  bobs[1].disconnect();
  await eventually(() => seen.length === 3, 'the leaving');
  assert.deepEqual(seen, [['offline', ['bob', 'eve']], ['online', ['bob']], ['offline', ['bob']]]);
  ann.disconnect();
});

test('the state is told once, after signin_success, to every loop', async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => counted.raw()));
  assert.deepEqual(await signedIn(all[0], { id: 'w0' }), [], 'no list, no event');
  for (const s of all.slice(1)) {
    const [m, ...more] = await signedIn(s, { id: 'w1', watchlist: ['w0', 'w1', 'w0', 7, 'nobody', 'no"id'] });
    assert.deepEqual([m.event, 'channel' in m, more], ['pusher_internal:watchlist_events', false, []]);
    assert.deepEqual(watched(m), [{ name: 'online', user_ids: ['w0', 'w1'] }, { name: 'offline', user_ids: ['7', 'nobody', 'no"id'] }]);
  }
  const seven = await counted.raw();
  assert.deepEqual(await signedIn(seven, { id: 7 }), []);
  await all[0].close();
  for (const s of all.slice(1)) {
    assert.deepEqual(watched(await s.next()), [{ name: 'online', user_ids: ['7'] }]);
    assert.deepEqual(watched(await s.next()), [{ name: 'offline', user_ids: ['w0'] }]);
    assert.deepEqual(await s.drain(), []);
  }
  assert.equal((await all[1].subscribe('#watch-7')).data.status, 401);
  await Promise.all([...all, seven].map((s) => s.close()));
});

test('of a longer watchlist the first 100 are watched, and the client is told', async () => {
  const [s, late, early] = [await counted.raw(), await counted.raw(), await counted.raw()];
  const [limit, state, ...more] = await signedIn(s, { id: 'busy', watchlist: Array.from({ length: 150 }, (_, i) => `f${i}`) });
  assert.deepEqual([error(limit), more], [['pusher:error', 4302], []]);
  assert.deepEqual(watched(state).map((e) => [e.name, e.user_ids.length]), [['offline', 100]]);
  await signedIn(late, { id: 'f100' });
  await signedIn(early, { id: 'f99' });
  assert.deepEqual(watched(await s.next()), [{ name: 'online', user_ids: ['f99'] }]);
  // The lists are no channels of the client's own: it may still have 1,000.
  for (let i = 0; i < 1000; i++) {
    s.send({ event: 'pusher:subscribe', data: { channel: `own-${i}` } });
  }
  const joined = (await s.drain()).filter((m) => m.event === 'pusher_internal:subscription_succeeded');
  assert.equal(joined.length, 1000);
  assert.equal((await s.subscribe('one-more')).data.status, 4100);
  await Promise.all([s, late, early].map((x) => x.close()));
});

test('a watchlist is a list of ids; without enableWatchlist nobody reads it', async () => {
  const s = await counted.raw();
  for (const watchlist of ['bob', { 0: 'bob' }, [{}], [1.5], [null]]) {
    s.signin({ id: '7', watchlist });
    assert.deepEqual(error(await s.next('pusher:error')), ['pusher:error', 4009], JSON.stringify(watchlist));
  }
  assert.deepEqual(await signedIn(s, { id: '7', watchlist: [] }), []);
  await s.close();
  await sockets(1, async (other) => {
    assert.deepEqual(await signedIn(other, { id: '7', watchlist: ['bob'] }), []);
  });
});

test('a signed-in user joins a presence channel without channel_data', async () => {
  await sockets(1, async (s) => {
    s.signin({ id: '7', user_info: { name: 'Ann' } });
    await s.next('pusher:signin_success');
    const own = presence(await s.join('presence-signed', { auth: push.auth(s.socketId, 'presence-signed') }));
    assert.deepEqual(own, { count: 1, ids: ['7'], hash: { 7: { name: 'Ann' } } });
    const other = presence(await s.join('presence-signed2', { data: { user_id: 'as-said' } }));
    assert.deepEqual(other.ids, ['as-said']);
  });
});

test('terminating a user ends all connections of that user alone', async () => {
  await sockets(3, async (a, b, other) => {
    for (const [s, id] of [[a, '7 é/x'], [b, '7 é/x'], [other, '8']]) {
      s.signin({ id });
      await s.next('pusher:signin_success');
    }
    const r = await push.call('POST', `/users/${encodeURIComponent('7 é/x')}/terminate_connections`,
      { body: {}, signedPath: `/apps/app1/users/${encodeURIComponent('7 é/x')}/terminate_connections` });
    assert.deepEqual([r.status, r.json], [200, {}]);
    for (const s of [a, b]) {
      assert.deepEqual(error(await s.next('pusher:error')), ['pusher:error', 4009]);
      assert.equal((await s.closed).code, 4009);
    }
    assert.deepEqual(await other.drain(), []);
    await sdk.terminateUserConnections('8');
    assert.equal((await other.closed).code, 4009);
  });
});

// --- malformed messages: each of these once ended somebody's server

test('every malformed message is answered and ends nobody else', async () => {
  await sockets(2, async (s, bystander) => {
    await bystander.join('calm');
    const shapes = [
      '{"event":"pusher:subscribe"}', '{"event":"pusher:unsubscribe"}', '{"event":"pusher:signin"}',
      '{"event":"pusher:subscribe","data":null}', '{"event":"pusher:subscribe","data":7}',
      '{"event":"pusher:subscribe","data":"x"}', '{"event":"pusher:subscribe","data":[]}',
      '{"event":"pusher:subscribe","data":{}}', '{"event":"pusher:subscribe","data":{"channel":null}}',
      '{"event":"pusher:subscribe","data":{"channel":7}}', '{"event":"pusher:subscribe","data":{"channel":{}}}',
      '{"event":"pusher:subscribe","data":{"channel":["a"]}}', '{"event":"pusher:subscribe","data":{"channel":""}}',
      '{"event":"pusher:subscribe","data":{"channel":"a","channel":"b"}}',
      '{"event":"pusher:unsubscribe","data":{"channel":7}}', '{"event":"pusher:signin","data":{}}',
      '{"event":"pusher:signin","data":[]}', '{"event":7}', '{"event":null}', '{"event":{}}', '{"event":""}', '{}',
      '[]', 'null', '7', '"x"', '', ' ', 'not json', '{"event":"a"', '{"event":"a","event":"b"}',
      '{"event":"\\ud800"}', '{"event":"\\u0000"}', `{"event":"x","data":${'['.repeat(1000)}`,
      `{"event":"x","data":${'['.repeat(40)}${']'.repeat(40)}}`, '{"event":"client-x"}',
      '{"event":"client-x","channel":{},"data":{}}', '{"event":"pusher:unknown","data":{}}',
      `{"event":"${'x'.repeat(100000)}"}`, '{"__proto__":{"event":"pusher:ping"}}',
    ];
    for (const shape of shapes) {
      s.send(shape);
      const r = await s.next('pusher:error');
      assert.equal(typeof r.data.message, 'string', shape.slice(0, 80));
    }
    assert.deepEqual(await s.drain(), [], 'one answer each');
    await sdk.trigger('calm', 'e', {});
    await bystander.next('e');
  });
});

test('binary messages, messages too large and bad UTF-8 close their socket', async () => {
  await sockets(4, async (a, b, c, bystander) => {
    a.send(Buffer.from('{"event":"pusher:ping"}'));
    assert.equal((await a.closed).code, 1003);
    b.send(`{"event":"${'x'.repeat(200 * 1024)}"}`);
    assert.equal((await b.closed).code, 1009);
    c.ws.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false });
    assert.equal((await c.closed).code, 1007);
    assert.deepEqual(await bystander.drain(), []);
  });
});
