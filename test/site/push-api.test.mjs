// SPDX-License-Identifier: Apache-2.0
//
// chat-push's HTTP API, right and wrong, with the real server SDK and with
// requests that are spoiled on purpose. Errors carry their HTTP status and a
// body that says which check failed; nothing that is refused is delivered.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { Push, eventually, sleep, startPush } from './lib/push.mjs';

const push = await startPush();
const sdk = push.sdk();
const listener = await push.raw();
await listener.join('room');

const event = (more = {}) => ({ name: 'e', channel: 'room', data: '{}', ...more });

/** The request was refused with a status, in JSON, and nobody heard of it. */
async function refused(call, status, says) {
  const r = await call;
  assert.equal(r.status, status, r.text);
  assert.equal(r.json.code, status);
  assert.match(r.json.error, says);
  assert.deepEqual(await listener.drain(), []);
}

// --- triggering

test('the server SDK triggers one, many, a batch, and to a user', async () => {
  await sdk.trigger('room', 'one', { n: 1 });
  assert.deepEqual(JSON.parse((await listener.next('one')).data), { n: 1 });
  await sdk.trigger(['room', 'other'], 'many', 'text');
  assert.equal((await listener.next('many')).data, 'text');
  await sdk.triggerBatch([{ channel: 'room', name: 'b1', data: 1 }, { channel: 'room', name: 'b2', data: { n: 2 } }]);
  assert.equal((await listener.next('b1')).data, '1');
  assert.equal((await listener.next('b2')).data, '{"n":2}');
  const user = await push.raw();
  user.signin({ id: 'u' });
  await user.next('pusher:signin_success');
  await user.join('#server-to-user-u');
  const r = await push.call('POST', '/users/u/events', { body: { name: 'to-user', data: '"x"' } });
  assert.deepEqual([r.status, r.json], [200, {}]);
  await user.next('to-user');
  await user.close();
});

test('the SDK hears that a secret is wrong', async () => {
  await assert.rejects(push.sdk({ secret: 'wrong' }).trigger('room', 'e', {}), (e) => e.status === 401);
  assert.deepEqual(await listener.drain(), []);
});

test('the socket that caused an event can be left out', async () => {
  const other = await push.raw();
  await other.join('room');
  await sdk.trigger('room', 'e', {}, { socket_id: listener.socketId });
  await other.next('e');
  assert.deepEqual(await listener.drain(), []);
  // Of another process or start: nobody here, so nobody is left out.
  await sdk.trigger('room', 'e', {}, { socket_id: '1.1' });
  await listener.next('e');
  await other.close();
});

test('events of one caller arrive in order', async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (let i = 0; i < 200; i++) {
    await push.call('POST', '/events', { body: event({ data: String(i) }), agent });
  }
  for (let i = 0; i < 200; i++) {
    assert.equal((await listener.next('e')).data, String(i));
  }
  agent.destroy();
});

test('a channel named twice gets the event once', async () => {
  await push.call('POST', '/events', { body: { name: 'e', channels: ['room', 'room'], data: '' } });
  await listener.next('e');
  assert.deepEqual(await listener.drain(), []);
});

test('name and data come through as they were written', async () => {
  const name = 'é "\\ \u2028 😀';
  const data = '{"a":"\\u00e9\\n"} مرحبا 😀';
  await push.call('POST', '/events', { body: event({ name, data }) });
  const m = await listener.next(name);
  assert.equal(m.data, data);
  await push.call('POST', '/events', { body: '{"name":"\\u0065","channel":"r\\u006fom","data":"\\ud83d\\ude00\\/"}' });
  assert.equal((await listener.next('e')).data, '😀/');
  await push.call('POST', '/events', { body: event({ data: { an: ['object'] } }) });
  assert.equal((await listener.next('e')).data, '{"an":["object"]}');
});

test('parameters may stand in the query string', async () => {
  const r = await push.call('POST', '/events', { params: { name: 'e', channel: 'room', data: 'from the query' } });
  assert.equal(r.status, 200, r.text);
  assert.equal((await listener.next('e')).data, 'from the query');
  const many = await push.call('POST', '/events', { params: { name: 'e', 'channels[]': 'room', data: 'x' } });
  assert.equal(many.status, 200, many.text);
  await listener.next('e');
});

test('one signature is good for one query', async () => {
  const room = { name: 'e', channel: 'room' };
  await refused(push.call('POST', '/events', { params: { ...room, data: 'a&socket_id=1.1' } }), 400, /&/);
  const joined = ({ data, socket_id, ...all }) => ({ ...all, data: `${data}&socket_id=${socket_id}` });
  await refused(push.call('POST', '/events', { params: { ...room, data: 'a', socket_id: '1.1' }, spoil: joined }), 400, /&/);
  const r = await push.call('POST', '/events', { params: { ...room, data: 'a=b' } });
  assert.equal(r.status, 200, r.text);
  assert.equal((await listener.next('e')).data, 'a=b');
});

test('a chunked body is read', async () => {
  const text = JSON.stringify(event({ data: 'in pieces' }));
  const r = await push.call('POST', '/events', { body: text, chunked: [text.slice(0, 5), text.slice(5)] });
  assert.equal(r.status, 200, r.text);
  assert.equal((await listener.next('e')).data, 'in pieces');
});

test('connections stay open, and requests may follow each other without waiting', async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const first = await push.call('POST', '/events', { body: event(), agent });
  assert.notEqual(first.headers.connection, 'close');
  await push.call('GET', '/channels', { agent });
  agent.destroy();
  await listener.drain();
  const socket = net.connect(push.port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n'.repeat(3));
  let text = '';
  await new Promise((resolve) => socket.on('data', (d) => {
    text += d;
    if (text.split('HTTP/1.1 200').length === 4) {
      resolve();
    }
  }));
  socket.destroy();
});

// --- info

test('info tells what was asked of each channel', async () => {
  const member = await push.raw();
  await member.join('presence-info', { data: { user_id: 1 } });
  const body = { name: 'x', channels: ['presence-info', 'nobody', 'room'], data: '', info: 'user_count,subscription_count' };
  const r = await push.call('POST', '/events', { body });
  assert.deepEqual(r.json, { channels: {
    'presence-info': { user_count: 1, subscription_count: 1 }, nobody: { subscription_count: 0 }, room: { subscription_count: 1 },
  } });
  const batch = await push.call('POST', '/batch_events', { body: { batch: [
    { name: 'x', channel: 'presence-info', data: '', info: 'user_count' }, { name: 'x', channel: 'room', data: '' },
    { name: 'x', channel: 'room', data: '', info: 'subscription_count' },
  ] } });
  assert.deepEqual(batch.json, { batch: [{ user_count: 1 }, {}, { subscription_count: 1 }] });
  assert.deepEqual((await push.call('POST', '/events', { body: event({ name: 'x' }) })).json, {});
  await member.close();
  await listener.drain();
});

// --- asking

test('GET /channels lists the occupied channels', async () => {
  const member = await push.raw();
  await member.join('presence-list', { data: { user_id: 'é"' } });
  await member.join('private-list');
  member.signin({ id: 'hidden' });
  await member.next('pusher:signin_success');
  const all = await (await sdk.get({ path: '/channels' })).json();
  assert.deepEqual(all, { channels: {
    room: { occupied: true, subscription_count: 1 },
    'private-list': { occupied: true, subscription_count: 1 },
    'presence-list': { occupied: true, subscription_count: 1, user_count: 1 },
  } });
  const some = await push.call('GET', '/channels', { params: { filter_by_prefix: 'presence-', info: 'user_count' } });
  assert.deepEqual(Object.keys(some.json.channels), ['presence-list']);
  await refused(push.call('GET', '/channels', { params: { info: 'user_count' } }), 400, /user_count/);
  await refused(push.call('GET', '/channels', { params: { info: 'nonsense' } }), 400, /info/);
  await member.join('private-cache-list');
  await member.join('cache-empty');
  await sdk.trigger('private-cache-list', 'e', { n: '"' });
  const cached = (await push.call('GET', '/channels', { params: { info: 'subscription_count,cache' } })).json.channels;
  assert.deepEqual(JSON.parse(cached['private-cache-list'].cache.data), { n: '"' });
  assert.equal(cached['cache-empty'].cache, null);
  assert.ok(!('cache' in cached.room));
  const users = await push.call('GET', '/channels/presence-list/users');
  assert.deepEqual(users.json, { users: [{ id: 'é"' }] });
  const more = await push.call('GET', '/channels/presence-list/users', { params: { with_user_info: '1' } });
  assert.deepEqual(more.json, { users: [{ id: 'é"', user_info: {} }] });
  await member.close();
});

test('GET /channels/{name} tells about one, occupied or not', async () => {
  const get = (name, params) => push.call('GET', `/channels/${name}`, { params });
  assert.deepEqual((await get('room')).json, { occupied: true, subscription_count: 1 });
  assert.deepEqual((await get('empty')).json, { occupied: false, subscription_count: 0 });
  assert.deepEqual((await get('presence-empty', { info: 'user_count' })).json, { occupied: false, subscription_count: 0, user_count: 0 });
  await refused(get('room', { info: 'user_count' }), 400, /user_count/);
  await refused(get('room', { info: 'cache' }), 400, /cache/);
  await refused(push.call('GET', '/channels/room/users'), 400, /presence/);
  await refused(get('a%20b'), 400, /channel/);
  assert.deepEqual((await get('cache-x', { info: 'cache' })).json.cache, null);
  await sdk.trigger('cache-x', 'e', { n: '"' });
  const { cache } = (await get('cache-x', { info: 'cache' })).json;
  assert.deepEqual(JSON.parse(cache.data), { n: '"' });
  assert.ok(cache.ttl > 1700 && cache.ttl <= 1800);
});

// --- who may

test('each part of a signature is checked, and the answer names it', async () => {
  const post = (options) => push.call('POST', '/events', { body: event(), ...options });
  const without = (name) => (all) => Object.fromEntries(Object.entries(all).filter(([k]) => k !== name));
  const now = Math.floor(Date.now() / 1000);
  await refused(post({ secret: 'wrong' }), 401, /auth_signature/);
  await refused(post({ unsigned: true }), 401, /auth_key/);
  for (const name of ['auth_key', 'auth_timestamp', 'auth_version', 'auth_signature', 'body_md5']) {
    await refused(post({ spoil: without(name) }), 401, new RegExp(name));
  }
  await refused(post({ key: 'another' }), 401, /auth_key/);
  await refused(post({ time: now - 700 }), 401, /auth_timestamp/);
  await refused(post({ time: now + 700 }), 401, /auth_timestamp/);
  await refused(post({ time: 'yesterday' }), 401, /auth_timestamp/);
  await refused(post({ time: 1e15 }), 401, /auth_timestamp/);
  await refused(post({ time: -5 }), 401, /auth_timestamp/);
  await refused(post({ spoil: (all) => ({ ...all, auth_version: '2.0' }) }), 401, /auth_version/);
  await refused(post({ md5: '0'.repeat(32) }), 401, /body_md5/);
  await refused(post({ spoil: (all) => ({ ...all, body_md5: '0'.repeat(32) }) }), 401, /auth_signature/);
  await refused(post({ spoil: (all) => ({ ...all, more: '1' }) }), 401, /auth_signature/);
  await refused(post({ spoil: (all) => ({ ...all, auth_signature: `${all.auth_signature}0` }) }), 401, /auth_signature/);
  await refused(post({ spoil: (all) => ({ ...all, auth_signature: '' }) }), 401, /auth_signature/);
  await refused(post({ signedPath: '/apps/app1/batch_events' }), 401, /auth_signature/);
  await refused(push.http('POST', '/apps/app1/events', { body: '{}' }), 401, /auth_key/);
  await refused(push.http('POST', '/apps/app1/events?auth_key=%zz', { body: '{}' }), 400, /query/);
  assert.equal((await post({ time: now - 590 })).status, 200);
  await listener.next('e');
});

/** What comes back for a head whose body never does. */
function headOnly(head) {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = net.connect(push.port, '127.0.0.1', () => socket.write(`${head}\r\nHost: h\r\n\r\n`));
    socket.setEncoding('utf8').on('data', (d) => { text += d; }).on('end', () => resolve(text)).on('error', reject);
    socket.setTimeout(1500, () => { socket.destroy(); resolve(text); });
  });
}

test('who did not sign is refused before the body is read', async () => {
  const long = 'HTTP/1.1\r\nContent-Length: 1000000';
  for (const [target, status] of [['/apps/app1/events', 401], ['/apps/app1/events?auth_key=key1', 401], ['/apps/none/events', 404],
    ['/apps/app1/nothing', 404], ['/apps/app1/events?a=%zz', 400], ['/', 413], ['/nothing', 413], ['/app/key1', 413]]) {
    const text = await headOnly(`POST ${target} ${long}`);
    assert.match(text, new RegExp(`^HTTP/1.1 ${status} `), target);
    assert.match(text, /Connection: close/);
    assert.match(text, /{"error":"[^"]+","code":\d+}$/);
    assert.ok(status !== 413 || /has 1000000 bytes, at most \d+ are allowed/.test(text), text);
  }
  assert.match(await headOnly('POST /apps/app1/events HTTP/1.1\r\nTransfer-Encoding: chunked'), /^HTTP\/1.1 401 /);
  assert.match(await headOnly('POST /apps/app1/events HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue'), /^HTTP\/1.1 401 /);
  assert.deepEqual(await listener.drain(), []);
});

test('unknown apps, paths and methods are said to be so', async () => {
  await refused(push.http('POST', '/apps/none/events', { body: '{}' }), 404, /app/);
  await refused(push.http('GET', '/apps/'), 404, /./);
  await refused(push.http('GET', '/apps/app1'), 404, /./);
  await refused(push.call('GET', '/nothing'), 404, /./);
  await refused(push.http('GET', '/nothing'), 404, /./);
  const r = await push.call('PUT', '/events', { body: event() });
  assert.equal(r.status, 405);
  assert.match(r.headers.allow, /POST/);
});

// --- malformed bodies

test('every malformed body is answered with 400', async () => {
  for (const body of [
    'null', '[]', '7', '"x"', 'not json', '{', '{}', '{"name":"e"}', '{"name":"e","channel":"room"}',
    '{"name":"e","data":"x"}', '{"channel":"room","data":"x"}', '{"name":7,"channel":"room","data":"x"}',
    '{"name":"pusher:x","channel":"room","data":"x"}', '{"name":"pusher_internal:x","channel":"room","data":"x"}',
    '{"name":"pusher\\u003ax","channel":"room","data":"x"}', '{"name":"","channel":"room","data":"x"}', '{"name":null,"channel":"room","data":"x"}',
    '{"name":{},"channel":"room","data":"x"}', '{"name":"e","channel":"room","data":null}',
    '{"name":"e","channel":7,"data":"x"}', '{"name":"e","channel":["room"],"data":"x"}', '{"name":"e","channel":"","data":"x"}',
    '{"name":"e","channel":"a b","data":"x"}', '{"name":"e","channels":"room","data":"x"}', '{"name":"e","channels":[],"data":"x"}',
    '{"name":"e","channels":[7],"data":"x"}', '{"name":"e","channels":["room",null],"data":"x"}',
    '{"name":"e","channels":{},"data":"x"}', '{"name":"e","channel":"room","data":"x","socket_id":"x"}',
    '{"name":"e","channel":"room","data":"x","socket_id":7}', '{"name":"e","channel":"room","data":"x","socket_id":"1.1:x"}',
    '{"name":"e","channel":"room","data":"x","info":"x"}', '{"name":"e","channel":"room","data":"x","info":7}',
    '{"name":"e","name":"f","channel":"room","data":"x"}', '{"name":"e","channel":"room","data":"\\ud800"}',
    '{"name":"e","channel":"room","data":"\\u0000"}', Buffer.from('{"name":"e","channel":"room","data":"\xff"}', 'latin1'),
    '{"name":"e","channel":"room","data":"x"} ', '{"name":"e","channel":"#user-7","data":"x"}',
    '{"name":"e","channel":"#server-to-user-\\"","data":"x"}', '{"name":"e","channel":"#server-to-user-","data":"x"}',
    `{"name":"e","channel":"room","data":${'['.repeat(40)}${']'.repeat(40)}}`,
  ]) {
    const r = await push.call('POST', '/events', { body });
    if (String(body).endsWith('} ')) {
      assert.equal(r.status, 200, 'space after the object is none of our business');
      await listener.next('e');
      continue;
    }
    assert.equal(r.status, 400, `${body}: ${r.text}`);
    assert.equal(r.json.code, 400);
  }
  for (const body of ['null', '[]', '{}', '{"batch":{}}', '{"batch":null}', '{"batch":"x"}', '{"batch":[]}', '{"batch":[null]}',
    '{"batch":[7]}', '{"batch":[[]]}', '{"batch":[{}]}', `{"batch":[${JSON.stringify(event())},{}]}`]) {
    const r = await push.call('POST', '/batch_events', { body });
    assert.equal(r.status, 400, `${body}: ${r.text}`);
  }
  for (const body of ['null', '[]', '{}', '{"name":"e"}', '{"name":7,"data":""}']) {
    assert.equal((await push.call('POST', '/users/7/events', { body })).status, 400, body);
  }
  assert.deepEqual(await listener.drain(), []);
});

test('limits are inclusive, and 413 says limit and size', async () => {
  const post = (body) => push.call('POST', '/events', { body });
  assert.equal((await post(event({ data: 'x'.repeat(10240) }))).status, 200);
  await listener.next('e');
  await refused(post(event({ data: 'x'.repeat(10241) })), 413, /10241.*10240/);
  // Bytes of the text, not of its escapes.
  assert.equal((await post(event({ data: '"'.repeat(10240) }))).status, 200);
  await listener.next('e');
  await refused(post(event({ data: 'é'.repeat(5121) })), 413, /10242/);
  assert.equal((await post(event({ name: 'n'.repeat(200) }))).status, 200);
  await listener.next('n'.repeat(200));
  await refused(post(event({ name: 'n'.repeat(201) })), 400, /201.*200/);
  const channels = Array.from({ length: 101 }, (_, i) => `c${i}`);
  assert.equal((await post({ name: 'e', channels: channels.slice(1), data: '' })).status, 200);
  await refused(post({ name: 'e', channels, data: '' }), 400, /101.*100/);
  await refused(post(event({ channel: 'x'.repeat(165) })), 400, /165.*164/);
  const batch = Array.from({ length: 11 }, () => event());
  await refused(push.call('POST', '/batch_events', { body: { batch } }), 400, /11.*10/);
  assert.equal((await push.call('POST', '/batch_events', { body: { batch: batch.slice(1) } })).status, 200);
  for (let i = 0; i < 10; i++) {
    await listener.next('e');
  }
  const big = await push.call('POST', '/events', { body: `{"x":"${'x'.repeat(2 * 1024 * 1024)}"}` }).catch((e) => e);
  assert.ok(big.status === 413 || big instanceof Error, String(big.status));
});

test('an error in a batch delivers none of it', async () => {
  await refused(push.call('POST', '/batch_events', { body: { batch: [event(), event({ data: null })] } }), 400, /data/);
});

// --- beside the apps

test('the paths for load balancers answer as Soketi does', async () => {
  assert.deepEqual(await push.http('GET', '/').then((r) => [r.status, r.text]), [200, 'OK']);
  assert.deepEqual(await push.http('GET', '/ready').then((r) => [r.status, r.text]), [200, 'OK']);
  const usage = (await push.http('GET', '/usage')).json.memory;
  assert.deepEqual(Object.keys(usage), ['free', 'used', 'total', 'percent']);
  assert.ok(usage.used > 0 && usage.total > usage.used);
  const traffic = await push.http('GET', '/accept-traffic');
  assert.deepEqual([traffic.status, Object.keys(traffic.json.memory)], [200, ['usedSize', 'totalSize', 'percentUsage']]);
  assert.equal((await push.http('POST', '/')).status, 405);
  const page = await push.http('GET', '/', { headers: { Origin: 'https://a' } });
  assert.equal(page.headers['access-control-allow-origin'], '*');
  assert.equal((await push.http('OPTIONS', '/apps/app1/events', { headers: { Origin: 'https://a' } })).status, 204);
});

test('a long answer is read at leisure, also by who closes afterwards', { timeout: 60000 }, async () => {
  const big = await new Push().start({ env: { SOKETI_EVENT_MAX_SIZE_IN_KB: '100' } });
  try {
    const reader = await big.raw();
    const data = 'x'.repeat(100000);
    for (let i = 0; i < 150; i++) {
      reader.send({ event: 'pusher:subscribe', data: { channel: `cache-${i}` } });
      assert.equal((await big.call('POST', '/events', { body: { name: 'e', channel: `cache-${i}`, data } })).status, 200);
    }
    // Fifteen megabytes, more than two sockets hold; the SDK asks with Connection: close.
    const answer = await new Promise((resolve, reject) => {
      const agent = new http.Agent({ keepAlive: false });
      const { app } = big;
      const query = big.sdk().createSignedQueryString({ method: 'GET', path: `/apps/${app.id}/channels`, params: { info: 'cache' } });
      http.get({ host: '127.0.0.1', port: big.port, agent, path: `/apps/${app.id}/channels?${query}` }, resolve).on('error', reject);
    });
    assert.equal(answer.headers.connection, 'close');
    await sleep(7000); // nothing is read
    let text = '';
    for await (const part of answer.setEncoding('utf8')) {
      text += part;
    }
    assert.equal(Object.keys(JSON.parse(text).channels).length, 150);
    await reader.close();
  } finally {
    await big.stop();
  }
});

test("Reverb's own questions have its answers: how many clients, and whether it is up", async () => {
  const count = async () => (await push.call('GET', '/connections')).json;
  const before = await count();
  const others = [await push.raw(), await push.raw()];
  await others[0].join('of-the-connections');
  await others[0].join('more-of-them');
  assert.deepEqual(await count(), { connections: before.connections + 2 });
  await Promise.all(others.map((o) => o.close()));
  assert.deepEqual(await count(), before);
  await refused(push.call('GET', '/connections', { secret: 'x' }), 401, /auth_signature/);
  assert.equal((await push.call('POST', '/connections', { body: {} })).status, 405);
  const up = await push.http('GET', '/up');
  assert.deepEqual([up.status, up.text, up.headers['content-type']], [200, '{"health":"OK"}', 'application/json']);
  assert.equal((await push.http('POST', '/up')).status, 405);
});

test('pages of the origins that cors.origin names may read the answers, and none else', async () => {
  const conf = path.join(os.tmpdir(), `chat-cors-${process.pid}.json`);
  const write = (cors) => fs.writeFileSync(conf, JSON.stringify({ ...cors, 'appManager.array.apps': [push.app] }));
  write({ cors: { credentials: true, origin: ['https://a.example', 'https://b.example:8443'], methods: ['GET', 'POST'], allowedHeaders: ['Content-Type', 'X-Mine'] } });
  after(() => fs.rmSync(conf, { force: true }));
  const other = await startPush({ args: ['--config', conf] });
  const asked = (origin, method = 'OPTIONS', at = `/apps/${push.app.id}/channels`) => other.http(method, at, { headers: origin ? { Origin: origin } : {} });
  for (const origin of ['https://a.example', 'https://b.example:8443']) {
    const r = await asked(origin);
    assert.equal(r.status, 204);
    assert.equal(r.headers['access-control-allow-origin'], origin);
    assert.equal(r.headers['access-control-allow-methods'], 'GET, POST');
    assert.equal(r.headers['access-control-allow-headers'], 'Content-Type, X-Mine');
    assert.equal(r.headers.vary, 'Origin');
    assert.equal((await asked(origin, 'GET')).headers['access-control-allow-origin'], origin); // 401, unsigned
    assert.equal((await asked(origin, 'PUT')).headers['access-control-allow-origin'], origin); // 405
  }
  for (const origin of ['https://c.example', 'null', 'https://a.example.evil', 'https://a.exampl', 'http://a.example', '*', null]) {
    for (const method of ['OPTIONS', 'GET']) {
      const r = await asked(origin, method);
      assert.deepEqual(Object.keys(r.headers).filter((h) => /^access-control|^vary/.test(h)), [], `${origin}`);
    }
  }
  write({ 'cors.origin': 'https://c.example, https://d.example' }); // one text, and dotted
  other.child.kill('SIGHUP');
  await eventually(() => /settings reloaded: .*cors/.test(other.stderr), 'it says what has changed');
  assert.equal((await asked('https://d.example')).headers['access-control-allow-origin'], 'https://d.example');
  assert.equal((await asked('https://a.example')).headers['access-control-allow-origin'], undefined);
});

test('metrics count what happened, for Prometheus and as JSON', async () => {
  const text = await (await fetch(`${push.metrics}/metrics`)).text();
  const value = (name) => Number(text.match(new RegExp(`^${name}\\{app_id="app1",port="${push.port}"\\} (\\d+)$`, 'm'))[1]);
  assert.equal(value('soketi_connected'), 1);
  assert.ok(value('soketi_new_connections_total') > 1);
  assert.ok(value('soketi_ws_messages_sent_total') > 200);
  assert.ok(value('soketi_http_calls_received_total') > 200);
  assert.ok(value('soketi_socket_received_bytes') > 0 && value('soketi_http_received_bytes') > 0);
  const json = await (await fetch(`${push.metrics}/metrics?json=1`)).json();
  const connected = json.find((m) => m.name === 'soketi_connected');
  assert.deepEqual([connected.type, connected.values[0]], ['gauge', { value: 1, labels: { app_id: 'app1', port: push.port } }]);
  assert.equal((await fetch(`${push.metrics}/usage`)).status, 200);
  assert.equal((await fetch(`${push.metrics}/nothing`)).status, 404);
  assert.equal((await fetch(`${push.metrics}/metrics`, { method: 'POST' })).status, 405);
});
