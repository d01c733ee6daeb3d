// SPDX-License-Identifier: Apache-2.0
//
// One's own affairs: what a token may do and until when, tokens and sessions listed and
// taken back, another password. What ends closes its sockets.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { Client } from './lib/client.mjs';
import { eventually, startSite, testDatabase } from './lib/site.mjs';
import { Door, alive, event, subscribe } from './lib/upgrade.mjs';

const site = await startSite({ db: await testDatabase(), extraConf: 'ChatPasswordHash bcrypt 4\nChatLoginRate off' });
const { accounts, conversations } = site.people();
const idOf = (email) => accounts.find((a) => a.email === email).user_id;
const patient = idOf('patient@example.com');
const conv = conversations.find((c) => c.patient === patient).id;
const foreign = conversations.find((c) => c.patient !== patient).id;
const page = { Origin: site.url };

/** @param field  that errors names */
function isError(r, status, field) {
  assert.equal(r.status, status, r.text);
  assert.equal(typeof r.json.error, 'string', r.text);
  if (field) {
    assert.deepEqual(Object.keys(r.json.errors), [field], r.text);
  }
}
const del = (client, path, options) => client.request('DELETE', path, options);
async function token(fields = {}, email = 'patient@example.com') {
  const r = await new Client(site.url).post('/chat/token', { email, password: 'password', device_name: 'phone', ...fields });
  assert.equal(r.status, 201, r.text);
  return Object.assign(new Client(site.url, { token: r.json.token }), { id: Number(r.json.token.split('|')[0]) });
}
async function socket(headers) {
  const peer = await new Door(site.o.port).open(headers);
  peer.send(subscribe(`private-user.${patient}`));
  assert.equal((await event(peer)).event, 'pusher_internal:subscription_succeeded');
  return peer;
}
async function closed(peer) {
  for (;;) {
    const f = await peer.frame();
    if (f.opcode === 8) {
      return f.payload.readUInt16BE(0);
    }
  }
}
const bearer = (client) => ({ Authorization: `Bearer ${client.token}` });
/** The password as it was, whoever has changed it. */
const hash = () => site.sql(`SELECT password FROM users WHERE id = ${patient};`).trim();
const first = hash();

// --- abilities -----------------------------------------------------------------------------

test('a token does what its abilities say, 403 for the rest', async () => {
  const reads = await token({ abilities: ['chat:read'] });
  const writes = await token({ abilities: ['chat:write'] });
  const manages = await token({ abilities: ['chat:account', 'other:thing'] });
  const all = await token({ abilities: ['*'] });
  const url = `/chat/conversation/${conv}`;
  const tries = [
    ['read', 'GET', '/chat/me'], ['read', 'GET', '/chat'], ['read', 'GET', url], ['read', 'GET', `${url}/messages`],
    ['read', 'GET', '/chat/sync'], ['read', 'HEAD', `${url}/messages`],
    ['read', 'POST', '/broadcasting/auth', { socket_id: '1.2', channel_name: `private-conversation.${conv}` }],
    ['read', 'POST', '/pusher/auth', { socket_id: '1.2', channel_name: `private-conversation.${conv}` }],
    ['read', 'POST', '/pusher/user-auth', { socket_id: '1.2' }],
    ['write', 'POST', `${url}/message`, { content: 'by ability' }], ['write', 'POST', `${url}/message`, { content: 'again' }],
    ['write', 'POST', `${url}/read`, {}], ['write', 'POST', `${url}/typing`, { typing: true }],
    ['account', 'GET', '/chat/tokens'], ['account', 'GET', '/chat/sessions'], ['account', 'DELETE', '/chat/tokens/999999999'],
    ['account', 'DELETE', `/chat/sessions/${'0'.repeat(32)}`], ['account', 'POST', '/chat/password', {}],
  ];
  for (const [needs, method, path, body] of tries) {
    for (const [client, has] of [[reads, 'read'], [writes, 'write'], [manages, 'account'], [all, needs]]) {
      const r = await client.request(method, path, { body });
      if (has === needs) {
        assert.ok(![401, 403].includes(r.status), `${method} ${path} with ${has}: ${r.status} ${r.text}`);
      } else {
        assert.equal(r.status, 403, `${method} ${path} with ${has}: ${r.text}`);
      }
    }
  }
  // Nothing was written with a token that may not.
  assert.equal(site.sql("SELECT count(*) FROM messages WHERE body IN ('by ability', 'again');").trim(), '4');
  // Nor marked read, though opening a conversation does that.
  const unread = `SELECT count(*) FROM messages WHERE request_id = ${conv} AND to_user_id = ${patient} AND read_at IS NULL;`;
  site.sql(`UPDATE messages SET read_at = NULL WHERE id = (SELECT max(id) FROM messages WHERE request_id = ${conv} AND to_user_id = ${patient});`);
  assert.equal((await reads.get(url)).status, 200);
  assert.notEqual(site.sql(unread).trim(), '0');
  assert.equal((await all.get(url)).status, 200);
  assert.equal(site.sql(unread).trim(), '0');
  // Every token may end itself.
  assert.equal((await reads.post('/chat/logout', {})).status, 200);
  isError(await reads.get('/chat/me'), 401);
});

test('a socket with a token that may not read is nobody\'s', async () => {
  const peer = await new Door(site.o.port).open(bearer(await token({ abilities: ['chat:write'] })));
  peer.send(subscribe(`private-user.${patient}`));
  assert.equal((await event(peer)).data.status, 401);
  await alive(await socket(bearer(await token({ abilities: ['chat:read'] }))));
  peer.socket.destroy();
});

test('abilities of rows that others wrote: a list that only looks like one, none at all', async () => {
  const phone = await token();
  const set = (abilities) => site.sql(`UPDATE personal_access_tokens SET abilities = ${abilities} WHERE id = ${phone.id};`);
  for (const [abilities, me, send] of [
    ['NULL', 200, 201], ["'[\"*\"]'", 200, 201], ["'[]'", 403, 403], ["''", 403, 403], ["'[\"chat:readx\"]'", 403, 403],
    ["'[\"xchat:read\"]'", 403, 403], ["'[\"a\\\"chat:read\\\"b\"]'", 403, 403], ["'[\"chat:read\", \"x\"]'", 200, 403],
    ["'[\"x\",\"chat:write\"]'", 403, 201],
  ]) {
    set(abilities);
    assert.equal((await phone.get('/chat/me')).status, me, abilities);
    assert.equal((await phone.get(`/chat/conversation/${conv}/messages`)).status, me, abilities);
    assert.equal((await phone.post(`/chat/conversation/${conv}/message`, { content: 'x' })).status, send, abilities);
  }
});

test('abilities and end of a new token are looked at', async () => {
  const ask = (fields) => new Client(site.url).post('/chat/token', { email: 'patient@example.com', password: 'password', ...fields });
  for (const abilities of ['*', 7, {}, [], [7], [''], ['a b'], ['a"b'], ['a\u0000b'], ['x'.repeat(65)], Array(21).fill('a'), [null], true]) {
    const r = await ask({ abilities });
    assert.ok(r.status === 422 || (r.status === 400 && JSON.stringify(abilities).includes('u0000')), `${JSON.stringify(abilities)}: ${r.status}`);
  }
  for (const expires_at of ['tomorrow', 7, '2020-01-01T00:00:00Z', '2030-02-30T00:00:00Z', '2030-01-01', '2030-01-01T00:00:00', '2030-01-01T25:00:00Z', [], '2030-01-01T00:00:00Zx']) {
    isError(await ask({ expires_at }), 422, 'expires_at');
  }
  isError(await new Client(site.url).form('/chat/token', { email: 'patient@example.com', password: 'password', abilities: 'x' }), 422, 'abilities');
  const phone = await token({ expires_at: '2099-12-31T23:59:59+02:00' });
  const mine = (await phone.get('/chat/tokens')).json.tokens.find((t) => t.current);
  assert.equal(mine.expires_at, '2099-12-31T21:59:59.000Z');
  assert.deepEqual(mine.abilities, ['*']);
  site.sql(`UPDATE personal_access_tokens SET expires_at = ${site.time(-1)} WHERE id = ${phone.id};`);
  isError(await phone.get('/chat/me'), 401);
  isError(await phone.post(`/chat/conversation/${conv}/message`, { content: 'expired' }), 401);
});

// --- lists -----------------------------------------------------------------------------------

test('tokens are listed and taken back by their owner alone', async () => {
  const [one, two] = [await token({ device_name: 'one' }), await token({ device_name: 'two', abilities: ['chat:read'] })];
  const other = await token({}, 'doctor@example.com');
  const { json } = await one.get('/chat/tokens');
  const mine = json.tokens.find((t) => t.id === one.id);
  assert.deepEqual(Object.keys(mine).sort(), ['abilities', 'created_at', 'current', 'expires_at', 'id', 'last_used_at', 'name']);
  assert.equal(mine.name, 'one');
  assert.equal(mine.current, true);
  assert.equal(mine.expires_at, null);
  assert.match(mine.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(json.tokens.find((t) => t.id === two.id).abilities, ['chat:read']);
  assert.ok(!json.tokens.some((t) => t.id === other.id));
  assert.ok(!JSON.stringify(json).includes(one.token.split('|')[1]));
  for (const id of [other.id, 999999999, 'x', '0', `0${two.id}x`, '9'.repeat(40)]) {
    isError(await del(one, `/chat/tokens/${id}`), 404);
  }
  const peer = await socket(bearer(two));
  const before = Date.now();
  const r = await del(one, `/chat/tokens/${two.id}`);
  assert.deepEqual([r.status, r.json], [200, { status: 'ended', ended: 1 }]);
  assert.equal(await closed(peer), 4009);
  assert.ok(Date.now() - before < 5000);
  isError(await two.get('/chat/me'), 401);
  isError(await del(one, `/chat/tokens/${two.id}`), 404);
  assert.equal((await other.get('/chat/me')).status, 200);

  const three = await token();
  await token();
  for (const path of ['/chat/tokens/', '/chat/tokens/.', '/chat/tokens/%2e']) {
    isError(await del(one, path), 404); // an id that got lost is not all of them
  }
  assert.ok((await del(one, '/chat/tokens')).json.ended >= 1);
  isError(await three.get('/chat/me'), 401);
  assert.equal((await one.get('/chat/me')).status, 200);
  assert.equal((await other.get('/chat/me')).status, 200);
});

test('sessions are listed and ended by their owner alone, and need the CSRF token', async () => {
  const [one, two] = [await site.browser(), await site.browser()];
  const other = await site.browser('doctor@example.com');
  const { sessions } = (await one.get('/chat/sessions')).json;
  const mine = sessions.find((s) => s.current);
  assert.deepEqual(Object.keys(mine).sort(), ['address', 'created_at', 'current', 'expires_at', 'id', 'last_seen_at', 'user_agent']);
  assert.equal(mine.address, '127.0.0.1');
  assert.match(mine.id, /^[0-9a-f]{32}$/);
  const his = (await two.get('/chat/sessions')).json.sessions.find((s) => s.current).id;
  const hers = (await other.get('/chat/sessions')).json.sessions[0].id;
  // The name of a session is no session.
  for (const cookie of [mine.id, `${mine.id}${mine.id}`.slice(0, 43)]) {
    isError(await new Client(site.url).get('/chat/me', { headers: { Cookie: `chat_session=${cookie}` } }), 401);
  }
  for (const id of [hers, '0'.repeat(32), 'x', his.slice(1), `${his}0`]) {
    isError(await del(one, `/chat/sessions/${id}`), 404);
  }
  for (const options of [{ headers: { 'X-CSRF-TOKEN': null } }, { headers: { 'X-CSRF-TOKEN': 'x' } }, { headers: { Origin: 'https://evil.example' } }]) {
    for (const path of [`/chat/sessions/${his}`, '/chat/sessions', '/chat/tokens/1', '/chat/tokens']) {
      isError(await del(one, path, options), 419);
    }
    isError(await one.post('/chat/password', { current_password: 'password', password: 'something else' }, options), 419);
  }
  const peer = await socket({ Cookie: two.cookie, ...page });
  const stays = await socket({ Cookie: one.cookie, ...page });
  assert.equal((await del(one, `/chat/sessions/${his}`)).status, 200);
  assert.equal(await closed(peer), 4009);
  await alive(stays);
  isError(await two.get('/chat/me'), 401);
  const three = await site.browser();
  assert.ok((await del(one, '/chat/sessions')).json.ended >= 1);
  isError(await three.get('/chat/me'), 401);
  assert.equal((await one.get('/chat/me')).status, 200);
  assert.equal((await other.get('/chat/me')).status, 200);
  assert.equal((await del(other, `/chat/sessions/${hers}`)).status, 200, 'also one\'s own');
  isError(await other.get('/chat/me'), 401);
  stays.socket.destroy();
});

test('a session ends that was never shown to be asked for, when nobody is logged in', async () => {
  const nobody = new Client(site.url);
  for (const [method, path] of [['GET', '/chat/tokens'], ['DELETE', '/chat/tokens'], ['DELETE', '/chat/tokens/1'], ['GET', '/chat/sessions'],
    ['DELETE', '/chat/sessions'], ['DELETE', '/chat/sessions/1'], ['POST', '/chat/password']]) {
    isError(await nobody.request(method, path, { body: method === 'POST' ? {} : undefined }), 401);
  }
});

// --- passwords -------------------------------------------------------------------------------

test('another password ends all other log-ins and their sockets', async () => {
  const [browser, old] = [await site.browser(), await site.browser()];
  const phone = await token();
  const peers = [await socket({ Cookie: old.cookie, ...page }), await socket(bearer(phone))];
  const stays = await socket({ Cookie: browser.cookie, ...page });
  for (const [fields, field] of [
    [{}, 'current_password'], [{ current_password: 'password' }, 'password'], [{ password: 'another one' }, 'current_password'],
    [{ current_password: 'password', password: 'short' }, 'password'], [{ current_password: 'password', password: '' }, 'password'],
    [{ current_password: 'wrong', password: 'another one' }, 'current_password'], [{ current_password: 7, password: 'another one' }, 'current_password'],
    [{ current_password: 'password', password: ['another one'] }, 'password'], [{ current_password: 'password', password: 'x'.repeat(73) }, 'password'],
    [{ current_password: 'x'.repeat(1025), password: 'another one' }, 'current_password'], [{ current_password: 'password', password: 'é'.repeat(40) }, 'password'],
    [{ current_password: 'password', password: 'another one', password_confirmation: 'another' }, 'password_confirmation'],
  ]) {
    isError(await browser.post('/chat/password', fields), 422, field);
  }
  isError(await browser.post('/chat/password', '{"current_password": "password", "password": "a\\u0000bcdefghi"}'), 400);
  isError(await browser.post('/chat/password', Buffer.from('{"current_password":"password","password":"\xff\xfe345678"}', 'latin1')), 400);
  assert.equal(hash(), first, 'nothing has changed');
  await alive(peers[0]);

  const before = Date.now();
  const r = await browser.post('/chat/password', { current_password: 'password', password: 'another one', password_confirmation: 'another one' });
  assert.deepEqual([r.status, r.json], [200, { status: 'password_changed' }]);
  for (const peer of peers) {
    assert.equal(await closed(peer), 4009);
  }
  assert.ok(Date.now() - before < 5000);
  await alive(stays);
  stays.socket.destroy();
  isError(await old.get('/chat/me'), 401);
  isError(await phone.get('/chat/me'), 401);
  assert.equal((await browser.get('/chat/me')).status, 200);
  assert.match(hash(), /^\$2y\$04\$[./A-Za-z0-9]{53}$/, 'Laravel reads that');
  isError(await new Client(site.url).post('/chat/login', { email: 'patient@example.com', password: 'password' }), 422);
  await site.browser('patient@example.com', 'another one');
  assert.equal(site.sql('SELECT count(*) FROM chat_log;').trim(), '1');
});

test('a phone changes the password and keeps its token', async () => {
  site.sql(`UPDATE users SET password = '${first}' WHERE id = ${patient};`);
  const phone = await token();
  const other = await token();
  assert.equal((await phone.post('/chat/password', { current_password: 'password', password: 'by the phone' })).status, 200);
  assert.equal((await phone.get('/chat/me')).status, 200);
  isError(await other.get('/chat/me'), 401);
  site.sql(`UPDATE users SET password = '${first}' WHERE id = ${patient};`);
});

test('somebody else\'s change of a password ends all log-ins, of another kind or cost, too', async () => {
  const set = (password, more = '') => site.sql(`UPDATE users SET password = '${password}'${more} WHERE id = ${patient};`);
  const same = `${first.slice(0, 7)}${'x'.repeat(53)}`; // algorithm and cost as before: another password
  const rehash = `$2y$13$${'x'.repeat(53)}`; // another cost
  const argon = '$argon2id$v=19$m=65536,t=4,p=1$c29tZXNhbHRzb21lc2FsdA$O9uS3bY7vQ1mD5kX8cT2wR6hL4zJ0fGZm9yIG5vYm9k';
  for (const [to, more, ends] of [[same, '', true], [rehash, '', true], [argon, '', true], [rehash, ", remember_token = 'new'", true]]) {
    set(first);
    site.sql(`UPDATE users SET remember_token = 'old' WHERE id = ${patient};`);
    const [browser, phone] = [await site.browser(), await token()];
    const peer = await socket(bearer(phone));
    set(to, more);
    if (ends) {
      assert.equal(await closed(peer), 4009, to);
    }
    assert.equal((await browser.get('/chat/me')).status, ends ? 401 : 200, `${to} ${more}`);
    assert.equal((await phone.get('/chat/me')).status, ends ? 401 : 200, `${to} ${more}`);
    peer.socket.destroy();
  }
  set(first);
  const browser = await site.browser();
  site.sql(`UPDATE users SET name = name, password = password WHERE id = ${patient};`);
  assert.equal((await browser.get('/chat/me')).status, 200, 'written, not changed');
});

test('argon2id is checked beside bcrypt, and what wants too much is not', async () => {
  // password_hash('password', PASSWORD_ARGON2ID) with small costs, by the library that PHP uses
  const make = (...args) => execFileSync('argon2', ['somesaltsomesalt', ...args, '-e'], { input: 'password', encoding: 'utf8' }).trim();
  const login = () => new Client(site.url).post('/chat/login', { email: 'patient@example.com', password: 'password' });
  const set = (password) => site.sql(`UPDATE users SET password = '${password}' WHERE id = ${patient};`);
  site.expectLog(/a password's hash is none, or wants more than ChatPasswordMemory/);
  const good = make('-id', '-t', '2', '-k', '8192', '-p', '1');
  for (const [hashed, status] of [
    [good, 200], [make('-id', '-t', '1', '-k', '1024', '-p', '2'), 200], [make('-i', '-t', '1', '-k', '1024', '-p', '1'), 200],
    [good.replace('m=8192', 'm=999999999'), 422], [good.replace('t=2', 't=999999'), 422], [good.replace('p=1', 'p=999'), 422],
    [good.replace('m=8192', 'm=99999999999999999999'), 422], [good.slice(0, -4), 422], [`${good}AAAA`, 422], ['$argon2id$', 422], ['$argon2id$v=19$m=,t=,p=$$', 422],
    ['password', 422], ['', 422], ['{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=', 422], [first, 200],
  ]) {
    set(hashed);
    assert.equal((await login()).status, status, hashed);
  }
  set(good);
  const phone = await token();
  assert.equal((await phone.post('/chat/password', { current_password: 'password', password: 'back to bcrypt' })).status, 200);
  assert.match(hash(), /^\$2y\$04\$/);
  set(first);
});

test('new passwords by argon2id, longer than bcrypt takes', async () => {
  const argon = await startSite({ db: await testDatabase(), extraConf: 'ChatPasswordHash argon2id 8192 1 1' });
  const browser = await argon.browser();
  const long = 'x'.repeat(200);
  assert.equal((await browser.post('/chat/password', { current_password: 'password', password: long })).status, 200);
  assert.match(argon.sql("SELECT password FROM users WHERE email = 'patient@example.com';").trim(),
    /^\$argon2id\$v=19\$m=8192,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  await argon.browser('patient@example.com', long);
  isError(await new Client(argon.url).post('/chat/login', { email: 'patient@example.com', password: long.slice(1) }), 422);
});

// D.17 of the checklist
test('log-in and code attempts are limited by account and address, which no header resets', async () => {
  const limited = await startSite({ db: await testDatabase(), extraConf: 'ChatLoginRate 4 900' });
  const guess = (headers, email = 'patient@example.com') => new Client(limited.url).post('/chat/login', { email, password: 'wrong guess' }, { headers });
  const doctor = await limited.browser('doctor@example.com');
  const liars = [{ 'X-Forwarded-For': '10.0.0.1' }, { 'X-Real-IP': '10.0.0.2' }, { Forwarded: 'for=10.0.0.3' }, { 'User-Agent': 'another' }];
  for (const headers of liars) {
    isError(await guess(headers), 422);
  }
  for (const [i, headers] of [...liars, { 'X-Forwarded-For': '10.9.9.9', 'Client-IP': '10.9.9.9', 'X-Client-IP': '10.9.9.9' }].entries()) {
    const r = await guess(headers, i % 2 ? 'patient@example.com' : 'somebody.else@example.com');
    isError(r, 429);
    assert.ok(Number(r.headers.get('retry-after')) > 0);
  }
  // Somebody's session does not give more guesses at the password behind it.
  const r = await doctor.post('/chat/password', { current_password: 'password', password: 'another one' });
  isError(r, 429);
});

test('a log-in whose password becomes another one while it is looked at opens nothing', async () => {
  // Of cost 14: looking at it takes long enough for somebody to change it meanwhile. Whoever
  // comes first, nothing that the old one opened is left.
  const slow = '$2y$14$abcdefghijklmnopqrstuunUCkP9ow51gETKcOE8U3bIw7TE7Z.3u';
  const left = () => site.sql(`SELECT (SELECT count(*) FROM chat_sessions WHERE user_id = ${patient}) + (SELECT count(*) FROM personal_access_tokens WHERE tokenable_id = ${patient});`).trim();
  const log = (path, more = {}) => new Client(site.url).post(path, { email: 'patient@example.com', password: 'password', ...more });
  for (const change of [`password = '${first.slice(0, 7)}${'y'.repeat(53)}'`, "status = 'suspended'"]) {
    site.sql(`UPDATE users SET password = '${slow}', status = 'active' WHERE id = ${patient};
      DELETE FROM chat_sessions WHERE user_id = ${patient}; DELETE FROM personal_access_tokens WHERE tokenable_id = ${patient};`);
    const [session, phone] = [log('/chat/login'), log('/chat/token', { device_name: 'x' })];
    await new Promise((resolve) => { setTimeout(resolve, 250); });
    site.sql(`UPDATE users SET ${change} WHERE id = ${patient};`);
    for (const r of [await session, await phone]) {
      isError(r, 422, 'email');
      assert.equal(r.headers.get('set-cookie'), null);
    }
    assert.equal(left(), '0', change);
  }
  site.sql(`UPDATE users SET password = '${first}', status = 'active' WHERE id = ${patient};`);
  assert.equal((await log('/chat/token', { device_name: 'x' })).status, 201);
});
