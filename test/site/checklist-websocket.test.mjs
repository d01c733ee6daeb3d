// SPDX-License-Identifier: Apache-2.0
//
// Points 1 to 13 of the checklist in doc/security.md: WebSockets. Each test shows every
// half sentence of its point at one real site, through httpd's own port; other files try
// the same in depth.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { freePort, root } from '../../dev/site.mjs';
import { cleanup } from './lib/cleanup.mjs';
import { Push, PusherServer } from './lib/push.mjs';
import { eventually, startSite } from './lib/site.mjs';
import { Door, alive, event, greeted, say, subscribe } from './lib/upgrade.mjs';
import { CLOSE, CONTINUATION, PING, TEXT, frame } from './lib/wire.mjs';

// --- a receiver of webhooks, which sends who asks at /moved elsewhere --------------------
const hooks = { own: [], moved: [], elsewhere: [] };
const receiver = http.createServer((request, response) => {
  let body = '';
  request.on('data', (d) => { body += d; });
  request.on('end', () => {
    const name = request.url.slice(1);
    hooks[name].push({ headers: request.headers, body });
    response.writeHead(name === 'moved' ? 307 : 200, name === 'moved' ? { Location: `${at}/elsewhere` } : {});
    response.end();
  });
});
await new Promise((done) => receiver.listen(0, '127.0.0.1', done));
const at = `http://127.0.0.1:${receiver.address().port}`;
cleanup(() => {
  receiver.closeAllConnections();
  receiver.close();
});

// --- the site: the chat's app as it is shipped, and some with more limits ----------------
const shipped = JSON.parse(fs.readFileSync(path.join(root, 'conf/chat-push.json'), 'utf8'));
const app = (id, more) => ({ id, key: `key-${id}`, secret: `secret-${id}`, enableClientMessages: true, ...more });
const apps = {
  strict: app('strict', { enableUserAuthentication: true }),
  capped: app('capped', { maxConnectionsPerAddress: 2 }),
  eager: app('eager', { maxSubscribesPerMinute: 50 }),
  one: app('one', { maxConnectionsPerUser: 1 }),
  packed: app('packed', { perMessageDeflate: true }),
  rotated: app('rotated', { secret: 'the old secret', secrets: ['the new secret'] }),
  hooked: app('hooked', { webhooks: [{ url: `${at}/own` }, { url: `${at}/moved` }] }),
};
const site = await startSite({
  before(s) {
    s.o.pushConf = {
      maxMessageInKb: shipped.maxMessageInKb,
      maxQueueInKb: 256,
      userAuthenticationTimeout: 2000,
      webhooks: { allowPrivateTargets: true, batching: { enabled: false } },
      get appManager() {
        return { array: { apps: [{ ...s.app, enableClientMessages: true, allowedOrigins: [s.url] }, ...Object.values(apps)] } };
      },
    };
  },
});
site.expectLog(/webhook 2 of app hooked: answered 307/);
site.expectLog(/webhooks: \d+ events were not taken/);
const { accounts, conversations } = site.people();
const conv = conversations[0];
const other = conversations.find((c) => c.patient !== conv.patient && c.doctor !== conv.patient);
const idOf = (email) => accounts.find((a) => a.email === email).user_id;
const door = new Door(site.o.port);
const doorOf = (a) => new Door(site.o.port, { path: `/app/${a.key}?protocol=7&client=test&version=1` });

/** chat-push of the site, as the helpers for a lone one know it. */
const push = (a = site.app) => Object.assign(new Push(), { app: a, port: site.o.pushPort, metrics: site.metrics });
const publish = (a, channel, name = 'e', data = '1') =>
  push(a).call('POST', '/events', { body: { name, channel, data } });

const open = async (a, headers = {}) => {
  const peer = await (a ? doorOf(a) : door).ask(headers);
  assert.equal(peer.status, 101, peer.head);
  peer.peer.id = await greeted(peer.peer);
  cleanup(() => peer.peer.socket.destroy());
  return peer.peer;
};
/** A signed subscription. */
const signed = (a, peer, channel, data) => say('pusher:subscribe', {
  channel, auth: push(a).auth(peer.id, channel, data), ...(data && { channel_data: data }),
});
async function joined(peer, bytes) {
  peer.send(bytes);
  const e = await event(peer);
  assert.equal(e.event, 'pusher_internal:subscription_succeeded', JSON.stringify(e));
  return e;
}
/** The code the socket is closed with; what comes before is passed over. */
async function closed(peer) {
  for (;;) {
    const f = await peer.frame();
    if (f.opcode === CLOSE) {
      return f.payload.readUInt16BE(0);
    }
  }
}
/** The next event of this name; what comes before is passed over. */
async function heard(peer, name) {
  for (;;) {
    const e = await event(peer);
    if (e.event === name) {
      return e;
    }
  }
}

test('1. a handshake from an Origin that is not on the exact list is refused; a missing Origin is allowed', async () => {
  for (const origin of ['https://evil.example', 'null', `${site.url}.evil.example`, site.url.replace('http:', 'https:'), `${site.url}0`]) {
    const { peer, status, head } = await door.ask({ Origin: origin });
    assert.equal(status, 403, `${origin}: ${head}`);
    assert.doesNotMatch(head, /sec-websocket/i);
    peer.socket.destroy();
  }
  await alive(await door.open({ Origin: site.url }));
  await alive(await door.open({}));
});

test('2. RFC 6455 version 13 only; unmasked, reserved bits, bad UTF-8, control frames too long or in fragments are closed with the right code', async () => {
  for (const version of ['8', '12', '14', undefined]) {
    const { status, head } = await door.ask({ 'Sec-WebSocket-Version': version });
    assert.equal(status, 426, `version ${version}`);
    assert.match(head, /^sec-websocket-version: 13\r$/im);
  }
  for (const [what, code, bytes] of [
    ['unmasked', 1002, frame(TEXT, '{}', { masked: false })],
    ['a reserved bit', 1002, frame(TEXT, '{}', { rsv: 4 })],
    ['a reserved bit', 1002, frame(TEXT, '{}', { rsv: 1 })],
    ['bad UTF-8', 1007, frame(TEXT, Buffer.from([0x22, 0xff, 0x22]))],
    ['a ping of 126 bytes', 1002, frame(PING, 'x'.repeat(126))],
    ['a ping in fragments', 1002, frame(PING, 'x', { fin: false })],
    ['the end of nothing', 1002, frame(CONTINUATION, 'x')],
  ]) {
    const peer = await open();
    peer.send(bytes);
    assert.equal(await closed(peer), code, what);
    await peer.ends();
  }
});

test('3. permessage-deflate is off by default; where it is on, no context is taken over and unpacking has a limit', async () => {
  const offer = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
  assert.doesNotMatch((await door.ask(offer)).head, /sec-websocket-extensions/i);
  const { head, status } = await doorOf(apps.packed).ask(offer);
  assert.equal(status, 101);
  const [agreed] = head.match(/^sec-websocket-extensions: .*$/im);
  assert.match(agreed, /server_no_context_takeover/);
  assert.match(agreed, /client_no_context_takeover/);
  const bomb = await push(apps.packed).raw({ ws: { perMessageDeflate: { threshold: 0 } } });
  assert.match(bomb.ws.extensions, /permessage-deflate/);
  bomb.send(JSON.stringify({ event: 'pusher:ping', data: 'x'.repeat(shipped.maxMessageInKb * 1024) }));
  assert.equal((await bomb.closed).code, 1009);
});

test('4. frame and message sizes are checked before memory is taken; 64 kB as it is shipped', async () => {
  assert.ok(shipped.maxMessageInKb <= 64);
  const most = shipped.maxMessageInKb * 1024;
  // Nothing but the head of a frame comes: what it announces is enough to be refused.
  for (const size of [most + 1, 2 ** 31, 2 ** 40]) {
    const peer = await open();
    const head = Buffer.alloc(14);
    head[0] = 0x80 | TEXT;
    head[1] = 0x80 | 127;
    head.writeBigUInt64BE(BigInt(size), 2);
    peer.send(head);
    assert.equal(await closed(peer), 1009, `${size} bytes`);
  }
  // Small frames of a large message.
  const peer = await open();
  peer.send(frame(TEXT, 'x'.repeat(1000), { fin: false }), ...Array.from({ length: most / 1000 + 1 }, () => frame(CONTINUATION, 'x'.repeat(1000), { fin: false })));
  assert.equal(await closed(peer), 1009);
  // The last that fits is read.
  const fits = await open();
  const text = JSON.stringify({ event: 'pusher:ping', data: '' });
  fits.send(frame(TEXT, text.replace('""', `"${'x'.repeat(most - text.length)}"`)));
  assert.equal((await event(fits)).event, 'pusher:pong');
});

test('5. rate limits for connects of an address, subscribes, client events, typing; over the limit 4301, repeated: closed', async () => {
  // Connects.
  const two = [await open(apps.capped), await open(apps.capped)];
  const { peer: third } = await doorOf(apps.capped).ask({});
  assert.equal(await closed(third), 4004);
  two.forEach((p) => p.socket.destroy());
  await eventually(async () => {
    const { peer } = await doorOf(apps.capped).ask({});
    const f = await peer.frame();
    peer.socket.destroy();
    return f.opcode === TEXT && JSON.parse(f.payload).event === 'pusher:connection_established';
  }, 'a place that is free again');
  const slow = await startSite({ extraConf: 'ChatRequestRate 60 5\nChatSendRate 60 3' });
  const patient = await slow.phone();
  const knocks = [];
  for (let i = 0; i < 6; i++) {
    knocks.push(await new Door(slow.o.port).ask({}));
  }
  const refused = knocks.find((k) => k.status === 429);
  assert.ok(refused, knocks.map((k) => k.status).join());
  assert.match(refused.head, /^retry-after: \d+\r$/im);
  assert.equal(knocks[0].status, 101);
  knocks.forEach((k) => k.peer.socket.destroy());
  // Subscribes: a thousand channels for a connection, and so many requests a minute.
  const eager = await open(apps.eager);
  let asked = 0;
  let end;
  for (let i = 0; i < 40 && end === undefined; i++) {
    eager.send(...Array.from({ length: 20 }, () => subscribe('room')), say('pusher:ping', {}));
    for (let f = await eager.frame(); f.opcode !== TEXT || JSON.parse(f.payload).event !== 'pusher:pong'; f = await eager.frame()) {
      if (f.opcode === CLOSE) {
        end = f.payload.readUInt16BE(0);
        break;
      }
      asked += JSON.parse(f.payload).data.status === 4301;
    }
  }
  assert.equal(end, 4301);
  assert.ok(asked >= 200, `${asked} refusals before the end`);
  const many = await open();
  many.send(...Array.from({ length: 1001 }, (_, i) => subscribe(`room-${i}`)));
  let n = 0;
  let e;
  while ((e = await event(many)).event === 'pusher_internal:subscription_succeeded') {
    n++;
  }
  assert.equal(n, 1000);
  assert.match(e.event, /^pusher:(subscription_)?error$/);
  // Client events: ten a second; who never stops is closed.
  const loud = await open();
  const channel = 'private-room';
  await joined(loud, signed(site.app, loud, channel));
  const one = frame(TEXT, JSON.stringify({ event: 'client-x', channel, data: {} }));
  let over = 0;
  let code;
  for (let i = 0; i < 200 && code === undefined; i++) {
    loud.send(...Array.from({ length: 20 }, () => one));
    loud.send(say('pusher:ping', {}));
    for (;;) {
      const f = await loud.frame();
      if (f.opcode === CLOSE) {
        code = f.payload.readUInt16BE(0);
        break;
      }
      const said = JSON.parse(f.payload);
      if (said.event === 'pusher:pong') {
        break;
      }
      assert.deepEqual([said.event, said.data.code], ['pusher:error', 4301]);
      over++;
    }
  }
  assert.equal(code, 4301);
  assert.ok(over >= 200, `${over} refusals before the end`);
  // Typing, an HTTP request here: 429.
  const typing = async () => (await patient.post(`/chat/conversation/${slow.people().conversations[0].id}/typing`, { typing: true })).status;
  await eventually(async () => (await typing()) === 429, '429');
});

test('6. what waits for a socket has a cap; over it the slow reader is closed, and what is kept never grows', async () => {
  const stuck = await open();
  await joined(stuck, subscribe('wide'));
  stuck.socket.pause();
  const reader = await open();
  await joined(reader, subscribe('wide'));
  const count = async () => (await push().call('GET', '/channels/wide', { params: { info: 'subscription_count' } })).json.subscription_count;
  const data = 'x'.repeat(10000);
  let sent = 0;
  while (await count() > 1) {
    assert.ok(sent < 5000, 'it was never dropped');
    for (let i = 0; i < 50; i++, sent++) {
      assert.equal((await publish(site.app, 'wide', 'w', `${sent} ${data}`)).status, 200);
      assert.equal((await event(reader)).data.split(' ')[0], String(sent), 'who reads hears all');
    }
  }
  stuck.socket.destroy();
});

test('7. an unauthenticated socket is closed after a few seconds where that is on; caps for each user and address', async () => {
  const nobody = await open(apps.strict);
  const member = await open(apps.strict);
  await joined(member, signed(apps.strict, member, 'private-x'));
  assert.equal(await closed(nobody), 4009);
  await alive(member);
  // One connection for each user.
  const signin = (peer) => {
    const user = JSON.stringify({ id: 'ann' });
    const sign = createHmac('sha256', apps.one.secret).update(`${peer.id}::user::${user}`).digest('hex');
    peer.send(say('pusher:signin', { auth: `${apps.one.key}:${sign}`, user_data: user }));
  };
  const [a, b] = [await open(apps.one), await open(apps.one)];
  signin(a);
  await heard(a, 'pusher:signin_success');
  signin(b);
  assert.equal(await closed(b), 4004);
  await alive(a);
  // Two for each address.
  const two = [await open(apps.capped), await open(apps.capped)];
  assert.equal(await closed((await doorOf(apps.capped).ask({})).peer), 4004);
  await Promise.all(two.map(alive));
});

test('8. log-out, another password, role or membership: sockets of that session are closed or unsubscribed', async (t) => {
  const timed = async (what, wait) => {
    const from = Date.now();
    await wait;
    t.diagnostic(`${what}: ${Date.now() - from} ms`);
  };
  const listen = async (client, channels) => {
    const peer = await door.open({ Cookie: client.cookie, Origin: site.url });
    cleanup(() => peer.socket.destroy());
    for (const channel of channels) {
      peer.send(subscribe(channel));
      assert.equal((await event(peer)).event, 'pusher_internal:subscription_succeeded', channel);
    }
    return peer;
  };
  const own = [`private.conversation.${conv.id}`];
  // Log-out ends that session's socket and no other.
  const [gone, stays] = [await site.browser(), await site.browser()];
  const [left, there] = [await listen(gone, own), await listen(stays, own)];
  await gone.post('/chat/logout', {});
  await timed('log-out', closed(left).then((code) => assert.equal(code, 4009)));
  await alive(there);
  // Another password ends the others.
  const phone = await site.phone();
  assert.equal((await phone.post('/chat/password', { current_password: 'password', password: 'quite another' })).status, 200);
  await timed('password', closed(there).then((code) => assert.equal(code, 4009)));
  assert.equal((await phone.post('/chat/password', { current_password: 'quite another', password: 'password' })).status, 200);
  // Staff who are staff no more hear nothing of other people's conversations.
  const staff = await site.browser('admin@example.com');
  const admin = await open(null, { Cookie: staff.cookie, Origin: site.url });
  const channel = `private-conversation.${conv.id}`;
  const ask = (peer) => staff.post('/broadcasting/auth', { socket_id: peer.id, channel_name: channel });
  await joined(admin, say('pusher:subscribe', { channel, auth: (await ask(admin)).json.auth }));
  site.sql(`UPDATE users SET role = 'patient' WHERE id = ${idOf('admin@example.com')};`);
  await timed('role', closed(admin).then((code) => assert.equal(code, 4009)));
  const again = await open(null, { Cookie: staff.cookie, Origin: site.url });
  assert.equal((await ask(again)).status, 403);
  again.send(subscribe(`private.user.${idOf('admin@example.com')}`));
  assert.equal((await event(again)).event, 'pusher_internal:subscription_succeeded', 'the log-in itself is still good');
  site.sql(`UPDATE users SET role = 'admin' WHERE id = ${idOf('admin@example.com')};`);
  // Who is taken out of a conversation is unsubscribed, and the socket stays.
  const doctor = await site.browser('doctor@example.com');
  const member = await listen(doctor, own);
  site.sql(`UPDATE treatment_requests SET doctor_id = NULL WHERE id = ${conv.id};`);
  await timed('membership', heard(member, 'pusher:subscription_error').then((e) => assert.equal(e.channel, own[0])));
  await alive(member);
  site.sql(`UPDATE treatment_requests SET doctor_id = ${conv.doctor} WHERE id = ${conv.id};`);
});

test('9. each subscription is authorised, and again when membership changes; client events come from members only', async () => {
  const patient = await site.phone();
  const auth = (who, peer, channel) => who.post('/broadcasting/auth', { socket_id: peer.id, channel_name: channel });
  const [peer, listener] = [await open(), await open()];
  const channel = `private-conversation.${conv.id}`;
  assert.equal((await auth(patient, peer, `private-conversation.${other.id}`)).status, 403);
  for (const wrong of [undefined, `${site.app.key}:${'0'.repeat(64)}`, (await auth(patient, listener, channel)).json.auth,
    (await auth(patient, peer, `private-user.${conv.patient}`)).json.auth]) {
    peer.send(say('pusher:subscribe', { channel, auth: wrong }));
    assert.equal((await event(peer)).event, 'pusher:subscription_error', 'nobody\'s, another socket\'s, another channel\'s');
  }
  const says = frame(TEXT, JSON.stringify({ event: 'client-says', channel, data: { n: 1 } }));
  await joined(listener, say('pusher:subscribe', { channel, auth: (await auth(patient, listener, channel)).json.auth }));
  peer.send(says);
  assert.equal((await event(peer)).event, 'pusher:error', 'no member yet');
  const doctor = await site.phone('doctor@example.com');
  const member = await open();
  const right = (await auth(doctor, member, channel)).json.auth;
  await joined(member, say('pusher:subscribe', { channel, auth: right }));
  member.send(says);
  assert.equal((await heard(listener, 'client-says')).channel, channel);
  // The doctor is taken out: neither heard nor let in again by the old signature.
  site.sql(`UPDATE treatment_requests SET doctor_id = NULL WHERE id = ${conv.id};`);
  assert.equal((await heard(member, 'pusher:subscription_error')).channel, channel);
  member.send(says);
  assert.equal((await event(member)).event, 'pusher:error', 'no member any more');
  member.send(say('pusher:subscribe', { channel, auth: right }));
  assert.equal(await closed(member), 4200);
  assert.equal((await auth(doctor, await open(), channel)).status, 403);
  assert.equal((await heard(listener, 'MemberRemoved')).channel, channel, 'who stays hears on');
  site.sql(`UPDATE treatment_requests SET doctor_id = ${conv.doctor} WHERE id = ${conv.id};`);
});

test('10. no long-lived token in a query string; tickets are short; the access log has no queries of sockets', async () => {
  const browser = await site.browser();
  const phone = await site.phone();
  const session = browser.cookie.split('=')[1];
  const bearer = encodeURIComponent(phone.token);
  // Neither the cookie's value nor the token is a log-in when it stands in the query.
  for (const query of ['token', 'access_token', 'api_token', 'bearer', 'authorization'].map((n) => `${n}=${bearer}`).concat(`chat_session=${session}`)) {
    const r = await fetch(`${site.url}/chat/me?${query}`, { headers: { Accept: 'application/json', Connection: 'close' } });
    assert.equal(r.status, 401, query);
    const peer = await door.open({}, { path: `${door.path}&${query}` });
    peer.send(subscribe(`private.user.${conv.patient}`));
    assert.equal((await event(peer)).event, 'pusher:subscription_error', query);
    peer.socket.destroy();
  }
  // What a link carries instead is good for one file, one person and some minutes.
  const { json } = await phone.post(`/chat/conversation/${conv.id}/attachment`, 'words', { type: 'text/plain', headers: { 'X-File-Name': 'a.txt' } });
  const link = (await phone.post(`/chat/attachment/${json.attachment.id}/link`, {})).json;
  assert.ok(Date.parse(link.expires_at) - Date.now() <= 300000);
  const get = (url) => fetch(url, { headers: { Connection: 'close' } }).then((r) => r.status);
  assert.equal(await get(link.url), 200);
  const old = new URL(link.url);
  old.searchParams.set('expires', String(Math.floor(Date.now() / 1000) - 1));
  assert.equal(await get(old), 403);
  assert.doesNotMatch(link.url, new RegExp(bearer));
  // httpd's most usual format writes whole request lines: it has none of this.
  const canary = 'canary-in-the-query';
  assert.equal((await door.ask({}, { path: `${door.path}&secret=${canary}` })).status, 101);
  assert.equal((await phone.get(`/chat/search?q=${canary}`)).status, 200);
  const combined = await startSite({
    extraConf: 'LogFormat "%h %l %u %t \\"%r\\" %q %>s %b \\"%{Referer}i\\"" whole\nCustomLog logs/whole.log whole',
  });
  const peer = (await new Door(combined.o.port).ask({}, { path: `${door.path}&secret=${canary}` })).peer;
  peer.socket.destroy();
  await (await combined.phone()).get(`/chat/search?q=${canary}`);
  await fetch(`${combined.url}/elsewhere?seen=yes`, { headers: { Connection: 'close' } });
  const log = () => fs.readFileSync(combined.path('logs', 'whole.log'), 'utf8');
  // Other people's URLs are logged as ever. A line may come after what it tells of.
  await eventually(() => [/"GET \/app\/askkey HTTP\/1\.1"  101/, /"GET \/chat\/search HTTP\/1\.1"  200/, /\/elsewhere\?seen=yes/]
    .every((line) => line.test(log())), 'the lines');
  assert.doesNotMatch(log(), new RegExp(canary));
  assert.doesNotMatch(site.log(), new RegExp(canary));
});

test('11. HMAC in constant time, auth_timestamp within 600 s, body_md5 verified, two secrets while keys rotate', async () => {
  const p = push(apps.rotated);
  const body = { name: 'e', channel: 'c', data: '1' };
  const post = async (options) => (await p.call('POST', '/events', { body, ...options })).status;
  const now = Math.floor(Date.now() / 1000);
  for (const secret of ['the old secret', 'the new secret']) {
    assert.equal(await post({ secret }), 200, secret);
  }
  assert.equal(await post({ secret: 'the first secret' }), 401);
  for (const [time, status] of [[now - 590, 200], [now + 590, 200], [now - 620, 401], [now + 620, 401]]) {
    assert.equal(await post({ time, secret: 'the old secret' }), status, `${time - now} s`);
  }
  assert.equal(await post({ secret: 'the old secret', md5: '0'.repeat(32) }), 401);
  // Whichever digit is wrong; and there is one comparison for all, which takes as long.
  for (let i = 0; i < 64; i += 9) {
    const spoil = (all) => {
      const s = all.auth_signature;
      return { ...all, auth_signature: s.slice(0, i) + (s[i] === '0' ? '1' : '0') + s.slice(i + 1) };
    };
    assert.equal(await post({ secret: 'the old secret', spoil }), 401, `digit ${i}`);
  }
  const source = (name) => fs.readFileSync(path.join(root, name), 'utf8');
  assert.match(source('common/secret.c'), /int chat_secret_equal\([^}]*CRYPTO_memcmp/);
  for (const name of ['common/signature.c', 'push/pusher/api.c', 'mod_chat/csrf.c', 'mod_chat/auth.c', 'mod_chat/route/attachment.c']) {
    assert.match(source(name), /chat_secret_equal\(/, name);
  }
  // A socket's signature by either secret.
  for (const secret of ['the old secret', 'the new secret']) {
    const peer = await open(apps.rotated);
    await joined(peer, signed({ ...apps.rotated, secret }, peer, 'private-x'));
  }
});

test('12. webhooks are signed (X-Pusher-Signature); private targets are refused, no redirect is followed', async () => {
  const peer = await open(apps.hooked);
  await joined(peer, subscribe('told'));
  await eventually(() => hooks.own.length >= 1 && hooks.moved.length >= 1, 'both receivers');
  const [{ headers, body }] = hooks.own;
  assert.equal(headers['x-pusher-key'], apps.hooked.key);
  assert.equal(headers['x-pusher-signature'], createHmac('sha256', apps.hooked.secret).update(body).digest('hex'));
  const sdk = new PusherServer({ appId: 'hooked', key: apps.hooked.key, secret: apps.hooked.secret, host: 'localhost' });
  assert.ok(sdk.webhook({ headers, rawBody: body }).isValid());
  await eventually(() => hooks.moved.length >= 2, 'another try');
  assert.deepEqual(hooks.elsewhere, []);
  // Where a site has not said that it wants this, nothing on its own host is called.
  const file = site.path('run', 'private.json');
  const before = hooks.own.length;
  fs.writeFileSync(file, JSON.stringify({
    'appManager.array.apps': [app('p', { webhooks: [`${at}/own`, `http://localhost:${await freePort()}/own`, at.replace('127.0.0.1', '[::ffff:127.0.0.1]')].map((url) => ({ url })) })],
    metrics: { host: '127.0.0.1' },
  }));
  const lone = await new Push().start({ args: ['--config', file] });
  try {
    lone.app = app('p');
    const raw = await lone.raw();
    await raw.join('x');
    for (const n of [1, 2, 3]) {
      await eventually(() => lone.stderr.includes(`webhook ${n} of app p: its address is not public`), `receiver ${n}`);
    }
    assert.equal(hooks.own.length, before);
    await raw.close();
  } finally {
    assert.equal((await lone.stop()).code, 0);
  }
});

test('13. JSON has limits of depth and size, a key stands once, NUL in strings is no end', async () => {
  const peer = await open();
  for (const text of [`{"event":"pusher:ping","data":${'['.repeat(500)}${']'.repeat(500)}}`, '{"event":"pusher:ping","event":"pusher:ping"}',
    '{"event":"pusher:subscribe","data":{"channel":"a","channel":"b"}}', '{"event":"pusher:subscribe","data":{"channel":"a\\u0000b"}}', '{"event":"\\u0000"}']) {
    peer.send(frame(TEXT, text));
    assert.match((await event(peer)).event, /^pusher:(subscription_)?error$/, text.slice(0, 60));
  }
  await alive(peer);
  const patient = await site.phone();
  const url = `/chat/conversation/${conv.id}/message`;
  const rows = () => site.sql('SELECT count(*) FROM messages;').trim();
  const before = rows();
  for (const [body, statuses] of [
    [`{"content":"x","more":${'['.repeat(5000)}${']'.repeat(5000)}}`, [400]],
    ['{"content":"a","content":"b"}', [400]],
    ['{"content":"a\\u0000b"}', [400, 422]],
    [`{"content":"${'x'.repeat(70000)}"}`, [413]],
    ['{"content":"x"} {}', [400]],
  ]) {
    const r = await patient.post(url, body);
    assert.ok(statuses.includes(r.status), `${body.slice(0, 40)}: ${r.status} ${r.text}`);
  }
  assert.equal(rows(), before);
  for (const body of ['{"name":"e","name":"f","channel":"c","data":"x"}', `{"name":"e","channel":"c","data":"x","more":${'['.repeat(500)}${']'.repeat(500)}}`, '{"name":"e","channel":"c\\u0000d","data":"x"}']) {
    assert.equal((await push().call('POST', '/events', { body })).status, 400, body.slice(0, 60));
  }
});
