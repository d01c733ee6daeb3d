// SPDX-License-Identifier: Apache-2.0
//
// Who is logged in at the Laravel application is logged in here: its session cookie,
// its database session driver. On PostgreSQL, where such an application is.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { test } from 'node:test';
import { Client } from './lib/client.mjs';
import { laravelBox, laravelCookie, laravelXsrf, phpSession, phpText } from './lib/laravel-cookie.mjs';
import { startCluster } from './lib/postgres.mjs';
import { startSite } from './lib/site.mjs';
import { Door, alive, event, subscribe } from './lib/upgrade.mjs';

const [key, oldKey] = [randomBytes(32), randomBytes(32)];
const db = (await startCluster()).create();
const site = await startSite({
  db,
  before(s) {
    fs.mkdirSync(s.path('conf'), { recursive: true });
    fs.writeFileSync(s.path('conf', 'app.key'), `${[key, oldKey].map((k) => `base64:${k.toString('base64')}`).join('\n')}\n`, { mode: 0o600 });
    execFileSync('psql', ['-X', '-q', db], { input: `CREATE TABLE sessions (id varchar(255) PRIMARY KEY, user_id bigint,
      ip_address varchar(45), user_agent text, payload text NOT NULL, last_activity integer NOT NULL);` });
  },
  extraConf: 'ChatLaravelKey file:conf/app.key\nChatPasswordHash bcrypt 4',
});
const { accounts, conversations } = site.people();
const idOf = (email) => accounts.find((a) => a.email === email).user_id;
const [patient, doctor] = [idOf('patient@example.com'), idOf('doctor@example.com')];
const conv = conversations.find((c) => c.patient === patient).id;
const foreign = conversations.find((c) => c.patient !== patient).id;
const now = () => Math.floor(Date.now() / 1000);

/** A row as the application writes it. @return the session's id */
function session(user, lastActivity = now(), data = '') {
  const id = randomBytes(20).toString('hex');
  site.sql(`INSERT INTO sessions VALUES ('${id}', ${user ?? 'NULL'}, '10.0.0.1', 'x', '${Buffer.from(data).toString('base64')}', ${lastActivity});`);
  return id;
}
const cookie = (id, options) => ({ Cookie: `other=1; ${options?.name ?? 'laravel_session'}=${laravelCookie(id, key, options)}; x=y` });
const me = (headers) => new Client(site.url).get('/chat/me', { headers });
async function closed(peer) {
  for (;;) {
    const f = await peer.frame();
    if (f.opcode === 8) {
      return f.payload.readUInt16BE(0);
    }
  }
}
async function socket(headers) {
  const peer = await new Door(site.o.port).open({ ...headers, Origin: site.url });
  peer.send(subscribe(`private-user.${patient}`));
  assert.equal((await event(peer)).event, 'pusher_internal:subscription_succeeded');
  return peer;
}

for (const gcm of [false, true]) {
  test(`a session of the application is one here, by AES-256-${gcm ? 'GCM' : 'CBC'}`, async () => {
    const headers = cookie(session(patient), { gcm });
    const r = await me(headers);
    assert.equal(r.status, 200, r.text);
    assert.equal(r.json.user.id, patient);
    const client = new Client(site.url);
    assert.equal((await client.get(`/chat/conversation/${conv}/messages`, { headers })).status, 200);
    assert.equal((await client.get(`/chat/conversation/${foreign}/messages`, { headers })).status, 404);
    const post = (more) => client.post(`/chat/conversation/${conv}/message`, { content: 'x' }, { headers: { ...headers, ...more } });
    assert.equal((await post({})).status, 419);
    assert.equal((await post({ 'X-CSRF-TOKEN': r.json.csrf_token, Origin: 'https://evil.example' })).status, 419);
    assert.equal((await post({ 'X-XSRF-TOKEN': r.json.csrf_token })).status, 419);
    assert.equal((await post({ 'X-CSRF-TOKEN': r.json.csrf_token, Origin: site.url })).status, 201);
  });
}

const token = 'dGhpcyBpcyBhIHRva2Vu0123456789ABCDEFGHIJ';
const stored = {
  'PHP\'s': phpSession(token),
  'JSON': JSON.stringify({ _flash: { old: [], new: ['_token'] }, _token: token }),
  'encrypted': laravelBox(phpText(phpSession(token)), key),
  'encrypted by GCM': laravelBox(phpText(phpSession(token)), key, { gcm: true }),
  'encrypted JSON': laravelBox(phpText(JSON.stringify({ _token: token })), key),
  'encrypted before the key changed': laravelBox(phpText(phpSession(token)), oldKey),
};
/** POST with the application's session. @return the status */
const send = async (id, headers, body) =>
  (await new Client(site.url).post(`/chat/conversation/${conv}/message`, { content: 'x', ...body }, { headers: { ...cookie(id), Origin: site.url, ...headers } })).status;

for (const [how, data] of Object.entries(stored)) {
  test(`the application's own token is one here: data that is ${how}`, async () => {
    const id = session(patient, now(), data);
    assert.equal(await send(id, {}), 419);
    assert.equal(await send(id, { 'X-CSRF-TOKEN': token }), 201);
    assert.equal(await send(id, {}, { _token: token }), 201);
    assert.equal(await send(id, { 'X-XSRF-TOKEN': laravelXsrf(token, key) }), 201);
    assert.equal(await send(id, { 'X-XSRF-TOKEN': laravelXsrf(token, key, { gcm: true }) }), 201);
    assert.equal(await send(id, { 'X-XSRF-TOKEN': laravelXsrf(token, oldKey) }), 201);
    assert.equal(await send(id, { 'X-CSRF-TOKEN': `${token}a` }), 419);
    assert.equal(await send(id, { 'X-CSRF-TOKEN': '' }), 419);
    assert.equal(await send(id, { 'X-CSRF-TOKEN': token, Origin: 'https://evil.example' }), 419);
    assert.equal(await send(id, { 'X-XSRF-TOKEN': laravelXsrf(token, key), Origin: 'https://evil.example' }), 419);
  });
}

test('a wrong X-XSRF-TOKEN is refused', async () => {
  const id = session(patient, now(), phpSession(token));
  for (const [what, header] of Object.entries({
    'the token itself': token,
    'nothing': '',
    'no box': '%00',
    'another key': laravelXsrf(token, randomBytes(32)),
    'another cookie': laravelXsrf(token, key, { name: 'laravel_session' }),
    'no prefix': laravelBox(token, key),
    'another session\'s token': laravelXsrf('another', key),
    'an empty token': laravelXsrf('', key),
    'a changed mac': laravelXsrf(token, key, { change: (o) => ({ ...o, mac: '0'.repeat(64) }) }),
    'a short tag': laravelXsrf(token, key, { gcm: true, change: (o) => ({ ...o, tag: o.tag.slice(0, 4) }) }),
    'too long': 'A'.repeat(5000),
  })) {
    assert.equal(await send(id, { 'X-XSRF-TOKEN': header }), 419, what);
  }
  assert.equal(await send(id, { 'X-XSRF-TOKEN': laravelXsrf(token, key) }), 201);
});

test('a session whose data holds no token takes ours alone', async () => {
  for (const [what, data] of Object.entries({
    'no data': '',
    'no array': 'i:1;',
    'cut off': phpSession(token).slice(0, -1),
    'no text': 'a:1:{s:6:"_token";i:0;}',
    'an empty one': 'a:1:{s:6:"_token";s:0:"";}',
    'one within': `a:1:{i:0;a:1:{s:6:"_token";${phpText(token)}}}`,
    'a NUL': `a:1:{s:6:"_token";${phpText(`${token}\0`)}}`,
    'JSON of another type': '{"_token": 1}',
    'a list': '["_token"]',
    'another key': laravelBox(phpText(phpSession(token)), randomBytes(32)),
    'too large': `a:2:{i:0;${phpText('x'.repeat(200000))}s:6:"_token";${phpText(token)}}`,
  })) {
    const id = session(patient, now(), data);
    for (const shown of [token, '', '0', '1']) {
      assert.equal(await send(id, { 'X-CSRF-TOKEN': shown }), 419, what);
    }
    assert.equal(await send(id, { 'X-XSRF-TOKEN': laravelXsrf('', key) }), 419, what);
    const ours = (await me(cookie(id))).json.csrf_token;
    assert.equal(await send(id, { 'X-CSRF-TOKEN': ours }), 201, what);
  }
});

test('a cookie made before the key changed is one still', async () => {
  const id = session(patient);
  assert.equal((await me({ Cookie: `laravel_session=${laravelCookie(id, oldKey)}` })).status, 200);
});

test('the application\'s token is none of mod_chat\'s own sessions', async () => {
  const client = new Client(site.url);
  await client.login('patient@example.com', 'password');
  const r = await client.post(`/chat/conversation/${conv}/message`, { content: 'x' }, { headers: { 'X-XSRF-TOKEN': laravelXsrf(client.csrf ?? token, key), 'X-CSRF-TOKEN': '' } });
  assert.equal(r.status, 419);
});

test('what is not the application\'s cookie is nobody\'s', async () => {
  const id = session(patient);
  const wrong = {
    'another key': { Cookie: `laravel_session=${laravelCookie(id, randomBytes(32))}` },
    'another key, GCM': { Cookie: `laravel_session=${laravelCookie(id, randomBytes(32), { gcm: true })}` },
    'another cookie\'s value': cookie(id, { prefixOf: 'XSRF-TOKEN' }),
    'no prefix': cookie(id, { plain: id }),
    'a longer id': cookie(`${id}a`),
    'an id with quotes': cookie("' OR user_id = 1 OR id = 'aaaaaaaaaaaaaaa"),
    'another name': cookie(id, { name: 'app_session' }),
    'a changed value': cookie(id, { change: (o) => ({ ...o, value: `${o.value[0] === 'A' ? 'B' : 'A'}${o.value.slice(1)}` }) }),
    'a changed iv': cookie(id, { change: (o) => ({ ...o, iv: `${o.iv[0] === 'A' ? 'B' : 'A'}${o.iv.slice(1)}` }) }),
    'no mac': cookie(id, { change: ({ iv, value }) => ({ iv, value }) }),
    'a mac of zeros': cookie(id, { change: (o) => ({ ...o, mac: '0'.repeat(64) }) }),
    'a tag of zeros': cookie(id, { gcm: true, change: (o) => ({ ...o, tag: Buffer.alloc(16).toString('base64') }) }),
    'a short tag': cookie(id, { gcm: true, change: (o) => ({ ...o, tag: o.tag.slice(0, 4) }) }),
    'other types': cookie(id, { change: () => ({ iv: 7, value: [], mac: {}, tag: null }) }),
    'a list': cookie(id, { change: () => '[]' }),
    'no JSON': cookie(id, { change: () => '{"iv"' }),
    'no base64': { Cookie: 'laravel_session=%00%ff' },
    'too long': { Cookie: `laravel_session=${'A'.repeat(5000)}` },
    'the id itself': { Cookie: `laravel_session=${id}` },
    'no row': cookie('a'.repeat(40)),
    'nobody logged in': cookie(session(null)),
    'too old': cookie(session(patient, now() - 7300)),
  };
  for (const [what, headers] of Object.entries(wrong)) {
    assert.equal((await me(headers)).status, 401, what);
  }
  assert.equal((await me(cookie(id))).status, 200);
  const evil = await new Door(site.o.port).open({ ...cookie(id), Origin: 'https://evil.example' });
  evil.send(subscribe(`private-user.${patient}`));
  assert.equal((await event(evil)).data.status, 401);
  evil.socket.destroy();
});

test('use here keeps a session there, and not oftener than once a minute', async () => {
  const id = session(patient, now() - 600);
  const at = () => Number(site.sql(`SELECT last_activity FROM sessions WHERE id = '${id}';`));
  await new Client(site.url).get('/chat/sync', { headers: cookie(id) });
  assert.ok(at() < now() - 500, 'a page asks that by itself');
  await new Client(site.url).get(`/chat/conversation/${conv}`, { headers: cookie(id) });
  assert.ok(at() > now() - 30);
});

test('sockets end with the session, with its user, and with the password', async () => {
  const [gone, moved, suspended, kept, other] = [1, 2, 3, 4, 5].map(() => session(patient));
  const peers = {};
  for (const [name, id] of Object.entries({ gone, moved, suspended, kept, other })) {
    peers[name] = await socket(cookie(id));
  }
  site.sql(`DELETE FROM sessions WHERE id = '${gone}';`);
  assert.equal(await closed(peers.gone), 4009);
  site.sql(`UPDATE sessions SET user_id = ${doctor} WHERE id = '${moved}';`);
  assert.equal(await closed(peers.moved), 4009);
  site.sql(`UPDATE sessions SET last_activity = last_activity + 1 WHERE id = '${kept}';`);
  await alive(peers.kept);
  const csrf = (await me(cookie(kept))).json.csrf_token;
  const r = await new Client(site.url).post('/chat/password', { current_password: 'password', password: 'another one' }, { headers: { ...cookie(kept), 'X-CSRF-TOKEN': csrf } });
  assert.equal(r.status, 200, r.text);
  assert.equal(await closed(peers.other), 4009);
  assert.equal(await closed(peers.suspended), 4009);
  await alive(peers.kept);
  assert.equal((await new Client(site.url).post('/chat/logout', {}, { headers: { ...cookie(kept), 'X-CSRF-TOKEN': csrf } })).status, 200);
  assert.equal(await closed(peers.kept), 4009);
  assert.equal((await me(cookie(kept))).status, 401);
  const last = session(patient);
  const peer = await socket(cookie(last));
  site.sql(`UPDATE users SET status = 'suspended' WHERE id = ${patient};`);
  assert.equal(await closed(peer), 4009);
  assert.equal((await me(cookie(last))).status, 401);
  site.sql(`UPDATE users SET status = 'active' WHERE id = ${patient};`);
});

test('another password, by the application, closes sockets and leaves its sessions to it', async () => {
  const id = session(patient);
  const peer = await socket(cookie(id));
  const before = site.sql(`SELECT password FROM users WHERE id = ${patient};`).trim();
  site.sql(`UPDATE users SET password = '$2y$13$${'x'.repeat(53)}' WHERE id = ${patient};`);
  assert.equal(await closed(peer), 4009);
  const again = await socket(cookie(id));
  site.sql(`UPDATE users SET password = password WHERE id = ${patient};`);
  await alive(again);
  again.socket.destroy();
  site.sql(`UPDATE users SET password = '${before}' WHERE id = ${patient};`);
});

test('a key that is none is refused at start, and SQLite has no such application', () => {
  const conf = fs.readFileSync(site.path('conf', 'httpd.conf'), 'utf8');
  for (const [line, says] of [['ChatLaravelKey base64:short', /the application's APP_KEY/], ['ChatLaravelKey secret', /the application's APP_KEY/],
    ['ChatLaravelKey file:conf/nowhere', /cannot read/], ['ChatLaravelCookie "a;b"', /the name of a cookie/],
    [`ChatDatabase "sqlite:${site.path('db', 'x.db')}"`, /needs the application's database/]]) {
    fs.writeFileSync(site.path('conf', 'bad.conf'), `${conf}\n${line}\n`);
    const r = spawnSync(process.env.CHAT_HTTPD || '/usr/sbin/apache2', ['-t', '-f', site.path('conf', 'bad.conf')], { encoding: 'utf8', env: { ...process.env, ...site.httpdEnv() } });
    assert.match(r.stderr, says, line);
  }
});
