// SPDX-License-Identifier: Apache-2.0
//
// Whose socket it is, through every door: handed over by httpd, plain and by the pump
// for TLS; through mod_proxy, likewise; straight to chat-push. The client snippet of existing pages works for members and
// fails for everybody else; nobody borrows an identity; and it ends with the log-in.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import { test } from 'node:test';
import tls from 'node:tls';
import { openJar } from './lib/jar.mjs';
import { Pusher, collect } from './lib/pusher.mjs';
import { eventually, startSite, testDatabase } from './lib/site.mjs';
import { cleanup } from './lib/cleanup.mjs';
import { Door, alive, event, greeted, say, subscribe } from './lib/upgrade.mjs';
import { freePort } from '../../dev/site.mjs';

const modules = process.env.CHAT_HTTPD_MODULES || '/usr/lib/apache2/modules';
const [own, proxied, pumped, tunnelled] = await Promise.all([1, 2, 3, 4].map(() => freePort()));
const host = (port, lines) => `Listen 127.0.0.1:${port}\n<VirtualHost 127.0.0.1:${port}>\nChatOrigin http://127.0.0.1:${own}\n${lines}\n</VirtualHost>`;
const secure = 'SSLEngine On\nSSLCertificateFile conf/tls.crt\nSSLCertificateKeyFile conf/tls.key';
const site = await startSite({
  db: await testDatabase(),
  port: own,
  appConf: { authEndpoint: `http://127.0.0.1:${own}/broadcasting/auth`, allowedOrigins: [`http://127.0.0.1:${own}`, '*'] },
  pushConf: { log: { level: 'debug', linesPerSecond: 100000 } },
  before(s) {
    fs.mkdirSync(s.path('conf'), { recursive: true });
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
      '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1',
      '-keyout', s.path('conf', 'tls.key'), '-out', s.path('conf', 'tls.crt')], { stdio: 'pipe' });
  },
  extraConf: [`LoadModule ssl_module ${modules}/mod_ssl.so\nSSLSessionCache none`, host(proxied, 'ChatHandoff Off'),
    host(pumped, secure), host(tunnelled, `${secure}\nChatHandoff PlainOnly`)].join('\n'),
});
site.expectLog(/ssl:warn\] .*AH0(1882|1873|1909|1906)|AsyncRequestWorkerFactor is|the limit of open files is low/);
const ports = { handoff: own, pump: pumped, proxy: proxied, 'proxy with TLS': tunnelled, direct: site.o.pushPort };
const ca = fs.readFileSync(site.path('conf', 'tls.crt'));
/** How to connect where TLS is spoken. */
const dialOf = (door) => (/pump|TLS/.test(door) ? (port) => tls.connect({ port, host: '127.0.0.1', ca, checkServerIdentity: () => undefined }) : undefined);
const { accounts, conversations } = site.people();
const idOf = (email) => accounts.find((a) => a.email === email).user_id;
const patient = idOf('patient@example.com');
const conv = conversations.find((c) => c.patient === patient).id;
const foreign = conversations.find((c) => c.patient !== patient).id;
const page = { Origin: `http://127.0.0.1:${own}` };

const open = new Set();
/** A raw socket through a door, gone at the test's end. */
async function socket(door, headers) {
  const peer = await new Door(ports[door], { dial: dialOf(door) }).open(headers);
  open.add(peer);
  return peer;
}
/** What a subscription without auth is answered. */
async function asked(peer, channel) {
  peer.send(subscribe(channel));
  const e = await event(peer);
  assert.equal(e.channel, channel, JSON.stringify(e));
  return e.event === 'pusher_internal:subscription_succeeded' ? 'yes' : `${e.data.type} ${e.data.status}`;
}
/** How the server ends it: the close code. */
async function closed(peer) {
  for (;;) {
    const f = await peer.frame();
    if (f.opcode === 8) {
      return f.payload.readUInt16BE(0);
    }
  }
}
const on = (name, fn) => test(name, async () => {
  try {
    await fn();
  } finally {
    open.forEach((peer) => peer.socket.destroy());
    open.clear();
  }
});
const bearer = (phone) => ({ Authorization: `Bearer ${phone.token}` });

/** The snippet of existing pages, in a browser that has these cookies. */
async function snippet(door, headers) {
  const jar = await openJar(ports[door], headers, dialOf(door));
  const pusher = new Pusher('askkey', { cluster: 'mt1', wsHost: '127.0.0.1', wsPort: jar.port, forceTLS: false, enabledTransports: ['ws'], disableStats: true });
  cleanup(() => pusher.disconnect());
  return { pusher };
}

/** @return {Promise<true | number>} subscribed, or the status of the refusal */
const result = (channel) => new Promise((resolve) => {
  channel.bind('pusher:subscription_succeeded', () => resolve(true));
  channel.bind('pusher:subscription_error', (e) => resolve(e.status));
});

const doors = Object.keys(ports);
for (const door of doors) {
  on(`${door}: the documented snippet works for a member and for nobody else`, async () => {
    const member = await site.browser('patient@example.com');
    const { pusher } = await snippet(door, { Cookie: member.cookie, ...page });
    const channel = pusher.subscribe(`private.conversation.${conv}`);
    assert.equal(await result(channel), true);
    const seen = collect(channel, 'MessageSent');
    assert.equal(await result(pusher.subscribe(`private.conversation.${foreign}`)), 401);
    assert.equal((await member.post(`/chat/conversation/${conv}/message`, { content: door })).status, 201);
    await eventually(() => seen.some((m) => m.message.content === door), 'the message');

    for (const headers of [{ ...page }, { Cookie: member.cookie, Origin: 'https://evil.example' }, { Cookie: `chat_session=${'x'.repeat(43)}`, ...page }]) {
      const stranger = await snippet(door, headers);
      assert.equal(await result(stranger.pusher.subscribe(`private.conversation.${conv}`)), 401, JSON.stringify(headers));
    }
  });

  on(`${door}: a phone with a token is a member too`, async () => {
    const peer = await socket(door, bearer(await site.phone('patient@example.com')));
    for (const name of [`private-user.${patient}`, `private.user.${patient}`, `private-conversation.${conv}`, `private.conversation.${conv}`]) {
      assert.equal(await asked(peer, name), 'yes', name);
    }
    for (const name of [`private-user.${patient + 1}`, `private.conversation.${foreign}`, 'private.x']) {
      assert.equal(await asked(peer, name), 'AuthError 401', name);
    }
  });

  on(`${door}: two names of one channel bring an event under each`, async () => {
    const phone = await site.phone('patient@example.com');
    const both = await socket(door, bearer(phone));
    const one = await socket(door, bearer(phone));
    for (const [peer, name] of [[both, 'private-user.'], [both, 'private.user.'], [one, 'private.user.']]) {
      assert.equal(await asked(peer, name + patient), 'yes');
    }
    assert.equal((await phone.post(`/chat/conversation/${conv}/message`, { content: 'once each' })).status, 201);
    const names = [(await event(both)).channel, (await event(both)).channel].sort();
    assert.deepEqual(names, [`private-user.${patient}`, `private.user.${patient}`]);
    assert.equal((await event(one)).channel, `private.user.${patient}`);
    await alive(both); // and nothing else came
    await alive(one);
  });

  on(`${door}: a log-out closes the sockets of that log-in alone`, async () => {
    const browser = await site.browser('patient@example.com');
    const phone = await site.phone('patient@example.com');
    const mine = [await socket(door, { Cookie: browser.cookie, ...page }), await socket(door, { Cookie: browser.cookie, ...page })];
    const other = await socket(door, bearer(phone));
    for (const peer of [...mine, other]) {
      assert.equal(await asked(peer, `private-user.${patient}`), 'yes');
    }
    const before = Date.now();
    assert.equal((await browser.post('/chat/logout', {})).status, 200);
    for (const peer of mine) {
      assert.equal(await closed(peer), 4009);
    }
    assert.ok(Date.now() - before < 5000);
    await alive(other);
    assert.equal((await phone.post('/chat/logout', {})).status, 200);
    assert.equal(await closed(other), 4009);
  });

  on(`${door}: a socket that brought a signature ends with its log-in as well`, async () => {
    const phone = await site.phone('patient@example.com');
    const asked = () => fs.readFileSync(site.path('logs', 'access.log'), 'utf8').split('POST /broadcasting/auth').length;
    for (const channel of [`private-conversation.${conv}`, `presence-conversation.${conv}`]) {
      const { peer } = await new Door(ports[door], { dial: dialOf(door) }).ask(bearer(phone));
      open.add(peer);
      const id = await greeted(peer);
      const before = asked();
      const { json } = await phone.post('/broadcasting/auth', { socket_id: id, channel_name: channel });
      peer.send(say('pusher:subscribe', { channel, ...json }));
      assert.equal((await event(peer)).event, 'pusher_internal:subscription_succeeded');
      await eventually(() => asked() >= before + 1, 'the answer is in the log');
    }
    assert.equal((await phone.post('/chat/logout', {})).status, 200);
    for (const peer of open) {
      assert.equal(await closed(peer), 4009);
    }
  });

  on(`${door}: whoever ends a log-in in the database closes its sockets`, async () => {
    const one = await site.phone('patient@example.com');
    const two = await site.phone('patient@example.com');
    const three = await site.phone('doctor@example.com');
    const browser = await site.browser('doctor@example.com');
    const id = (phone) => phone.token.split('|')[0];
    const peers = [];
    for (const headers of [bearer(one), bearer(two), bearer(three), { Cookie: browser.cookie, ...page }]) {
      const peer = await socket(door, headers);
      const user = peers.length < 2 ? 'patient' : 'doctor';
      assert.equal(await asked(peer, `private-user.${idOf(`${user}@example.com`)}`), 'yes');
      peers.push(peer);
    }
    site.sql(`DELETE FROM personal_access_tokens WHERE id = ${id(one)};`);
    assert.equal(await closed(peers[0]), 4009);
    site.sql(`UPDATE personal_access_tokens SET expires_at = ${site.time(-1)} WHERE id = ${id(two)};`);
    assert.equal(await closed(peers[1]), 4009);
    await alive(peers[2]);
    await alive(peers[3]);
    site.sql(`UPDATE users SET status = 'suspended' WHERE email = 'doctor@example.com';`);
    try {
      assert.equal(await closed(peers[2]), 4009);
      assert.equal(await closed(peers[3]), 4009);
    } finally {
      site.sql(`UPDATE users SET status = 'active' WHERE email = 'doctor@example.com';`);
    }
    // Both log-ins are good again, and were not forgotten to be.
    await eventually(async () => {
      const peer = await socket(door, bearer(three));
      peer.send(subscribe(`private-user.${idOf('doctor@example.com')}`));
      return (await event(peer)).event === 'pusher_internal:subscription_succeeded';
    }, 'the doctor is back');
  });
}

on("a log-in's time passes, and so does its sockets', through every door", async () => {
  const phone = await site.phone('patient@example.com');
  const set = (seconds) => site.sql(`UPDATE personal_access_tokens SET expires_at = ${site.time(seconds)} WHERE id = ${phone.token.split('|')[0]};`);
  set(3600);
  const peers = await Promise.all(doors.map((door) => socket(door, bearer(phone))));
  for (const peer of peers) {
    assert.equal(await asked(peer, `private-user.${patient}`), 'yes');
  }
  set(7200);
  await Promise.all(peers.map(alive));
  set(2);
  for (const peer of peers) {
    assert.equal(await closed(peer), 4009);
  }
});

// --- nobody borrows an identity -----------------------------------------------------

const sign = (text, key, app = 'askkey') => createHmac('sha256', site.app.secret).update(`identity:${text}|${key}|${app}`).digest('hex');
/** A header as mod_chat makes it. */
function vouched({ user = patient, issued = Date.now(), key = 'dGhlIHNhbXBsZSBub25jZQ==', nonce = '0123456789abcdef', until = 0, session = `u${user}` } = {}) {
  const text = `1.${issued}.${nonce}.${until}.${session}.${user}`;
  return `${text}.${sign(text, key)}`;
}
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

on('a signed identity is believed once, for its own upgrade, for half a minute', async () => {
  const said = (header, key = KEY) => socket('direct', { 'X-Chat-Identity': header, 'Sec-WebSocket-Key': key });
  const mine = `private-user.${patient}`;
  const header = vouched();
  assert.equal(await asked(await said(header), mine), 'yes', 'as mod_chat says it');
  assert.equal(await asked(await said(header), mine), 'AuthError 401', 'again');
  for (const [what, value, key] of [
    ['of another upgrade', vouched({ nonce: '1123456789abcdef' }), 'AGhlIHNhbXBsZSBub25jZQ=='],
    ['old', vouched({ issued: Date.now() - 31000 })],
    ['from the future', vouched({ issued: Date.now() + 31000 })],
    ['unsigned', vouched().replace(/[0-9a-f]{64}$/, '0'.repeat(64))],
    ['another user', vouched({ user: patient + 1 }).replace(`.u${patient + 1}.${patient + 1}.`, `.u${patient}.${patient}.`)],
    ['no signature', String(patient)],
    ['ended', vouched({ nonce: '2123456789abcdef', until: 1 })],
    ['that ends soon', vouched({ nonce: '6123456789abcdef', until: Math.floor(Date.now() / 1000) + 1 })],
  ]) {
    const peer = await said(value, key);
    if (what.includes('end')) { // with no row to tell of it
      assert.equal(await closed(peer), 4009, what);
    } else {
      assert.equal(await asked(peer, mine), 'AuthError 401', what);
    }
  }
  await eventually(() => site.log().includes('an identity in a header is not believed'), 'the line');
});

on('what a client says under that name reaches nobody, through httpd', async () => {
  for (const door of ['handoff', 'proxy']) {
    const peer = await socket(door, { 'X-Chat-Identity': vouched({ nonce: '3123456789abcdef' }), 'Sec-WebSocket-Key': KEY });
    assert.equal(await asked(peer, `private-user.${patient}`), 'AuthError 401', door);
    const phone = await site.phone('doctor@example.com');
    const doctor = await socket(door, { 'X-Chat-Identity': vouched({ nonce: '4123456789abcdef' }), 'Sec-WebSocket-Key': KEY, ...bearer(phone) });
    assert.equal(await asked(doctor, `private-user.${patient}`), 'AuthError 401', door);
    assert.equal(await asked(doctor, `private-user.${idOf('doctor@example.com')}`), 'yes', door);
  }
});

on('a log-in that has ended is no identity for a socket that comes later', async () => {
  const phone = await site.phone('patient@example.com');
  const digest = site.sql(`SELECT token FROM personal_access_tokens WHERE id = ${phone.token.split('|')[0]};`).trim();
  const peer = await socket('handoff', bearer(phone));
  await phone.post('/chat/logout', {});
  assert.equal(await closed(peer), 4009);
  // mod_chat said so while it was true, and the news has overtaken the socket.
  const late = await socket('direct', { 'X-Chat-Identity': vouched({ nonce: '5123456789abcdef', session: `t${digest.slice(0, 32)}` }), 'Sec-WebSocket-Key': KEY });
  assert.equal(await closed(late), 4009);
});

on('the end of a log-in is told to nobody but chat-push', async () => {
  const admin = await site.phone('admin@example.com');
  const me = await site.phone('patient@example.com');
  const since = (await admin.get('/chat/sync')).json.cursor;
  const other = await site.phone('patient@example.com');
  await other.post('/chat/logout', {});
  await me.post(`/chat/conversation/${conv}/message`, { content: 'after it' });
  for (const client of [admin, me]) {
    const { events, status } = (await client.get(`/chat/sync?since=${encodeURIComponent(since)}`)).json;
    assert.equal(status, 'complete');
    assert.ok(events.every((e) => !e.event.startsWith('chat:')), JSON.stringify(events));
  }
});
