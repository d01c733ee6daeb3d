// SPDX-License-Identifier: Apache-2.0
//
// Who does nothing is logged off, by role; what a page asks by itself is nothing. No test
// waits for time to pass: the database is told that it has.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, startSite, testDatabase } from './lib/site.mjs';
import { Door, alive, event, subscribe } from './lib/upgrade.mjs';

const site = await startSite({ db: await testDatabase(), extraConf: 'ChatIdle patient=15min doctor=1h' });
const { accounts, conversations } = site.people();
const patient = accounts.find((a) => a.email === 'patient@example.com').user_id;
const conv = conversations.find((c) => c.patient === patient).id;
const set = (user, what) => site.sql(`UPDATE chat_sessions SET ${what} WHERE user_id = ${user};`);
const seconds = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;
const mine = async (client) => (await client.get('/chat/sessions')).json.sessions.find((s) => s.current);
const about = (n, expected) => assert.ok(Math.abs(n - expected) < 30, `${n} s, not ${expected}`);

// D.28 of the checklist
test('idle log-off is configurable per role', async () => {
  for (const [email, idle] of [['patient@example.com', 900], ['doctor@example.com', 3600], ['admin@example.com', 14 * 86400]]) {
    const s = await mine(await site.browser(email));
    about(seconds(s.created_at, s.expires_at), idle);
  }
  const phone = await site.phone('patient@example.com');
  assert.equal((await phone.get('/chat/tokens')).json.tokens.find((t) => t.current).expires_at, null, 'a phone stays');
});

test('what a person does keeps the session, what a page asks by itself does not', async () => {
  const browser = await site.browser();
  const url = `/chat/conversation/${conv}`;
  const ask = async (method, path, body, options) => {
    set(patient, `last_seen_at = ${site.time(-300)}, expires_at = ${site.time(600)}`);
    const r = await browser.request(method, path, { body, ...options });
    assert.ok(r.status < 300, `${method} ${path}: ${r.status} ${r.text}`);
    const s = await mine(browser);
    return seconds(s.last_seen_at, new Date().toISOString()) < 30 && seconds(new Date().toISOString(), s.expires_at) > 800;
  };
  for (const [method, path, body] of [['GET', '/chat/sync'], ['GET', '/chat/me'], ['GET', '/chat'], ['GET', '/chat/sessions'],
    ['POST', '/broadcasting/auth', { socket_id: '1.2', channel_name: `private-conversation.${conv}` }], ['POST', `${url}/read`, {}]]) {
    assert.equal(await ask(method, path, body), false, `${method} ${path}`);
  }
  for (const [method, path, body, options] of [['GET', url], ['GET', `${url}/messages`], ['POST', `${url}/message`, { content: 'I am here' }],
    ['POST', `${url}/typing`, { typing: true }], ['GET', '/chat', undefined, { accept: 'text/html' }]]) {
    // While another program writes to SQLite nobody waits for this: the next request is as good.
    await eventually(() => ask(method, path, body, options), `${method} ${path} keeps it`);
  }
});

test('a socket ends with its idle session, and lasts on when something is done', async () => {
  const browser = await site.browser();
  const peer = await new Door(site.o.port).open({ Cookie: browser.cookie, Origin: site.url });
  peer.send(subscribe(`private-user.${patient}`));
  assert.equal((await event(peer)).event, 'pusher_internal:subscription_succeeded');
  set(patient, `last_seen_at = ${site.time(-300)}, expires_at = ${site.time(600)}`);
  assert.equal((await browser.get(`/chat/conversation/${conv}/messages`)).status, 200);
  await alive(peer);
  set(patient, `expires_at = ${site.time(1)}`);
  for (;;) {
    const f = await peer.frame();
    if (f.opcode === 8) {
      assert.equal(f.payload.readUInt16BE(0), 4009);
      break;
    }
  }
  assert.equal((await browser.get('/chat/me')).status, 401);
});

test('a session from before the site said so ends when it has been idle for too long', async () => {
  const browser = await site.browser();
  set(patient, `last_seen_at = ${site.time(-1000)}, expires_at = ${site.time(86400)}`);
  assert.equal((await browser.get('/chat/conversation/1/messages')).status, 401);
  await eventually(() => site.sql(`SELECT count(*) FROM chat_sessions WHERE user_id = ${patient} AND last_seen_at < ${site.time(-900)};`).trim() === '0', 'it is gone');
  const doctor = await site.browser('doctor@example.com');
  site.sql(`UPDATE chat_sessions SET last_seen_at = ${site.time(-1000)} WHERE user_id <> ${patient};`);
  assert.equal((await doctor.get('/chat/me')).status, 200, 'a doctor has an hour');
});

test('however much is done, a session has its end', async () => {
  const browser = await site.browser();
  set(patient, `created_at = ${site.time(-14 * 86400 + 120)}, last_seen_at = ${site.time(-300)}`);
  assert.equal((await browser.get(`/chat/conversation/${conv}/messages`)).status, 200);
  about(seconds(new Date().toISOString(), (await mine(browser)).expires_at), 120);
});
