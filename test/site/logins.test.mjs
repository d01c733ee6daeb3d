// SPDX-License-Identifier: Apache-2.0
//
// Log-ins that others make: tokens of an application with a morph map (ChatTokenType),
// and hashes that it makes anew at a log-in (ChatForeignRehash).

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { test } from 'node:test';
import { cleanup } from './lib/cleanup.mjs';
import { Client } from './lib/client.mjs';
import { startSite, testDatabase } from './lib/site.mjs';
import { Door, alive, event, subscribe } from './lib/upgrade.mjs';

const site = await startSite({
  db: await testDatabase(),
  extraConf: 'ChatTokenType user App\\Models\\User user\nChatForeignRehash On\nChatPasswordHash bcrypt 4\nChatLoginRate off',
});
cleanup(() => site.stop());
const { accounts, conversations } = site.people();
const idOf = (email) => accounts.find((a) => a.email === email).user_id;
const patient = idOf('patient@example.com');
const conv = conversations.find((c) => c.patient === patient).id;
const first = site.sql(`SELECT password FROM users WHERE id = ${patient};`).trim();

/** A row as another program writes it. */
function foreign(type, id = patient) {
  const plain = randomBytes(20).toString('hex');
  site.sql(`INSERT INTO personal_access_tokens (tokenable_type, tokenable_id, name, token, abilities)
    VALUES ('${type}', ${id}, 'by the application', '${createHash('sha256').update(plain).digest('hex')}', '["*"]');`);
  return new Client(site.url, { token: plain });
}
const count = (type) => Number(site.sql(`SELECT count(*) FROM personal_access_tokens WHERE tokenable_type = '${type}';`));
async function made() {
  const r = await new Client(site.url).post('/chat/token', { email: 'patient@example.com', password: 'password', device_name: 'phone' });
  assert.equal(r.status, 201, r.text);
  return new Client(site.url, { token: r.json.token });
}
async function socket(client) {
  const peer = await new Door(site.o.port).open({ Authorization: `Bearer ${client.token}` });
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

test('the database says what the directives do', () => {
  assert.equal(site.sql('SELECT name FROM chat_token_types ORDER BY place;').trim(), 'user\nApp\\Models\\User');
  assert.match(site.sql('SELECT rehash FROM chat_login_settings;').trim(), /^(1|t|true)$/);
});

test('tokens of the types that are named are people\'s, others are nobody\'s', async () => {
  const [mapped, classed, admin, lower] = ['user', 'App\\Models\\User', 'App\\Models\\Admin', 'app\\models\\user'].map((t) => foreign(t));
  for (const [client, good] of [[mapped, true], [classed, true], [admin, false], [lower, false]]) {
    assert.equal((await client.get('/chat/me')).status, good ? 200 : 401);
    assert.equal((await client.get(`/chat/conversation/${conv}/messages`)).status, good ? 200 : 401);
    assert.equal((await client.post(`/chat/conversation/${conv}/message`, { content: 'x' })).status, good ? 201 : 401);
  }
});

test('a new token has the first type, from a log-in and from chatctl', async () => {
  const before = count('user');
  const phone = await made();
  const r = spawnSync(site.path('bin', 'chatctl'), ['token', 'create', '--user', 'patient@example.com', '--database', site.db, '--json'], { encoding: 'utf8' });
  assert.equal(r.status, 0, r.stderr);
  assert.equal((await new Client(site.url, { token: JSON.parse(r.stdout).token }).get('/chat/me')).status, 200);
  assert.equal(count('user'), before + 2);
  assert.equal((await phone.get('/chat/me')).status, 200);
});

test('who lists or ends tokens has people\'s alone', async () => {
  foreign('App\\Models\\Admin');
  const admins = count('App\\Models\\Admin');
  const phone = await made();
  const list = (await phone.get('/chat/tokens')).json.tokens;
  assert.equal(list.length, count('user') + count('App\\Models\\User'));
  const other = site.sql(`SELECT max(id) FROM personal_access_tokens WHERE tokenable_type = 'App\\Models\\Admin';`).trim();
  assert.equal((await phone.request('DELETE', `/chat/tokens/${other}`)).status, 404);
  const r = spawnSync(site.path('bin', 'chatctl'), ['token', 'revoke', other, '--database', site.db], { encoding: 'utf8' });
  assert.match(r.stderr, /there is no token/);
  assert.equal((await phone.request('DELETE', '/chat/tokens')).json.ended, list.length - 1);
  assert.equal(count('App\\Models\\Admin'), admins);
});

test('a person\'s tokens of every type end with the password, an admin\'s of the same number stays', async () => {
  const [mapped, classed] = [foreign('user'), foreign('App\\Models\\User')];
  const peers = [await socket(mapped), await socket(classed)];
  const admins = count('App\\Models\\Admin');
  site.sql(`UPDATE users SET password = '${first.slice(0, 7)}${'x'.repeat(53)}' WHERE id = ${patient};`);
  for (const peer of peers) {
    assert.equal(await closed(peer), 4009);
  }
  assert.equal(count('user') + count('App\\Models\\User'), 0);
  assert.equal(count('App\\Models\\Admin'), admins);
  site.sql(`UPDATE users SET password = '${first}' WHERE id = ${patient};`);
});

test('the role and the status of a person are heard by sockets of every type', async () => {
  for (const [to, back] of [["role = 'doctor'", "role = 'patient'"], ["status = 'suspended'", "status = 'active'"]]) {
    const peer = await socket(foreign('user'));
    site.sql(`UPDATE users SET ${to} WHERE id = ${patient};`);
    assert.equal(await closed(peer), 4009, to);
    site.sql(`UPDATE users SET ${back} WHERE id = ${patient};`);
  }
});

test('a hash of another kind is the same password here, unless it is reset', async () => {
  const same = `${first.slice(0, 7)}${'x'.repeat(53)}`;
  const cost = `$2y$13$${'x'.repeat(53)}`;
  const argon = '$argon2id$v=19$m=65536,t=4,p=1$c29tZXNhbHRzb21lc2FsdA$O9uS3bY7vQ1mD5kX8cT2wR6hL4zJ0fGZm9yIG5vYm9k';
  for (const [to, more, ends] of [[same, '', true], [cost, '', false], [argon, '', false], [cost, ", remember_token = 'new'", true], [same, ", remember_token = 'newer'", true]]) {
    site.sql(`UPDATE users SET password = '${first}', remember_token = 'old' WHERE id = ${patient};`);
    const [browser, phone] = [await site.browser(), await made()];
    const peer = await socket(phone);
    site.sql(`UPDATE users SET password = '${to}'${more} WHERE id = ${patient};`);
    if (ends) {
      assert.equal(await closed(peer), 4009, to);
    } else {
      await alive(peer);
    }
    assert.equal((await browser.get('/chat/me')).status, ends ? 401 : 200, `${to} ${more}`);
    assert.equal((await phone.get('/chat/me')).status, ends ? 401 : 200, `${to} ${more}`);
    peer.socket.destroy();
  }
  site.sql(`UPDATE users SET password = '${first}' WHERE id = ${patient};`);
});

test('directives that cannot be, and hosts that differ, are refused at start', () => {
  const conf = fs.readFileSync(site.path('conf', 'httpd.conf'), 'utf8');
  const says = (more) => {
    fs.writeFileSync(site.path('conf', 'bad.conf'), Buffer.concat([Buffer.from(`${conf}\n`), Buffer.from(`${more}\n`, 'latin1')]));
    const r = spawnSync(process.env.CHAT_HTTPD || '/usr/sbin/apache2', ['-t', '-f', site.path('conf', 'bad.conf')], { encoding: 'utf8', env: { ...process.env, ...site.httpdEnv() } });
    return r.stderr;
  };
  for (const [line, why] of [
    ['ChatTokenType', /at least one argument/],
    [`ChatTokenType ${'a'.repeat(256)}`, /1 to 255 bytes/],
    ['ChatTokenType "a\x01b"', /no control characters/],
    ['ChatTokenType \xff', /1 to 255 bytes/],
    ['ChatTokenType 1 2 3 4 5 6 7', /at most 8/],
    ['ChatForeignRehash perhaps', /On or Off/],
    ...['ChatTokenType other', 'ChatForeignRehash Off'].map((line) => [`<VirtualHost *:1>\n<Location />\nChat On\n</Location>\n${line}\n</VirtualHost>`, /differ in ChatTokenType/]),
  ]) {
    assert.match(says(line), why, line);
  }
});
