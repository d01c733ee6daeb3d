// SPDX-License-Identifier: Apache-2.0
//
// Who may subscribe to what: every channel of the existing application, the site's own
// rules, what members see of each other, encrypted channels with the real clients, and
// the older name of a conversation's channel.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { test } from 'node:test';
import { PusherServer, collect, connect, subscribed } from './lib/pusher.mjs';
import { eventually, startSite, testDatabase } from './lib/site.mjs';

const master = randomBytes(32).toString('base64');
const site = await startSite({
  db: await testDatabase(),
  appConf: { encryptionMasterKeyBase64: master },
  extraConf: `ChatChannel ward.{id}.beds role=doctor staff
ChatChannel presence-lobby any
ChatChannel doctor.{id}.availability any
ChatChannel notifications.admins nobody`,
});
const { accounts, conversations } = site.people();
const idOf = (email) => accounts.find((a) => a.email === email).user_id;
const [patient, doctor] = [idOf('patient@example.com'), idOf('doctor@example.com')];
const conv = conversations.find((c) => c.patient === patient && c.doctor === doctor).id;
const foreign = conversations.find((c) => c.patient !== patient && c.doctor !== doctor).id;
const who = {};
for (const role of ['patient', 'doctor', 'admin']) {
  who[role] = await site.phone(`${role}@example.com`);
}

const ask = (client, channel_name) => client.post('/broadcasting/auth', { socket_id: '12.34', channel_name });

test('each channel is for those its rule names', async () => {
  for (const [name, patientMay, doctorMay, adminMay] of [
    [`private-user.${patient}`, 1, 0, 0],
    [`private-App.Models.User.${patient}`, 1, 0, 0],
    [`presence-user.${doctor}`, 0, 1, 0],
    [`private-conversation.${conv}`, 1, 1, 1],
    [`presence-conversation.${conv}`, 1, 1, 1],
    [`private-encrypted-conversation.${conv}`, 1, 1, 1],
    [`private-consultation.${conv}`, 1, 1, 1],
    [`presence-consultation.${conv}`, 1, 1, 1],
    [`private-consultation.${foreign}`, 0, 0, 1],
    [`private-encrypted-conversation.${foreign}`, 0, 0, 1],
    ['private-notifications.global', 1, 1, 1],
    ['private-notifications.doctors', 0, 1, 0],
    ['private-notifications.patients', 1, 0, 0],
    ['private-emergency.consultations', 0, 1, 1],
    ['presence-emergency.consultations', 0, 1, 1],
    // the site's own, which also replace built-in ones
    ['private-ward.3.beds', 0, 1, 1],
    ['presence-ward.west-3.beds', 0, 1, 1],
    [`private-doctor.${doctor}.availability`, 1, 1, 1],
    ['presence-lobby', 1, 1, 1],
    ['private-notifications.admins', 0, 0, 0],
    // nobody's
    ['private-lobby', 0, 0, 0],
    ['private-ward..beds', 0, 0, 0],
    ['private-ward.3.beds.x', 0, 0, 0],
    [`private-conversation.0${conv}`, 0, 0, 0],
    ['private-conversation.999999999', 0, 0, 0],
    ['notifications.global', 0, 0, 0],
    ['private.notifications.global', 0, 0, 0],
    [`private-user.${'7'.repeat(65)}`, 0, 0, 0],
    ["private-conversation.1' OR '1'='1", 0, 0, 0],
  ]) {
    for (const [role, may] of [['patient', patientMay], ['doctor', doctorMay], ['admin', adminMay]]) {
      const r = await ask(who[role], name);
      assert.equal(r.status, may ? 200 : 403, `${role} ${name}: ${r.text}`);
      assert.equal('shared_secret' in r.json, !!may && name.startsWith('private-encrypted-'), name);
      assert.equal('channel_data' in r.json, !!may && name.startsWith('presence-'), name);
    }
  }
});

test('availability is its doctor\'s and staff\'s where no rule says otherwise', async () => {
  const plain = await startSite({ db: await testDatabase() });
  for (const [role, may] of [['patient', false], ['doctor', true], ['admin', true]]) {
    const phone = await plain.phone(`${role}@example.com`);
    assert.equal((await ask(phone, `private-doctor.${doctor}.availability`)).status, may ? 200 : 403, role);
    assert.equal((await ask(phone, 'private-notifications.admins')).status, role === 'admin' ? 200 : 403, role);
    assert.equal((await ask(phone, `private-encrypted-conversation.${conv}`)).status, 403, 'there is no master key');
  }
});

test('members of a presence channel see name and role', async () => {
  const { json } = await ask(who.doctor, `presence-conversation.${conv}`);
  const data = JSON.parse(json.channel_data);
  assert.equal(data.user_id, String(doctor));
  assert.equal(data.user_info.name, accounts.find((a) => a.user_id === doctor).name);
  assert.equal(data.user_info.role, 'doctor');
  assert.ok('avatar' in data.user_info);
});

test('a key of an encrypted channel is what server libraries make of name and master key', async () => {
  const name = `private-encrypted-conversation.${conv}`;
  const { json } = await ask(who.patient, name);
  const expected = createHash('sha256').update(name).update(Buffer.from(master, 'base64')).digest('base64');
  assert.equal(json.shared_secret, expected);
  const other = await ask(who.admin, `private-encrypted-conversation.${foreign}`);
  assert.notEqual(other.json.shared_secret, expected);
});

test('pusher-js reads what the server SDK encrypts, and chat-push cannot', async () => {
  const name = `private-encrypted-conversation.${conv}`;
  const pusher = connect(site, who.patient);
  const channel = await subscribed(pusher, name);
  const seen = collect(channel, 'Hidden');
  const sdk = new PusherServer({ appId: site.app.id, key: site.app.key, secret: site.app.secret, host: '127.0.0.1',
    port: String(site.o.pushPort), useTLS: false, encryptionMasterKeyBase64: master });
  await sdk.trigger(name, 'Hidden', { text: 'between us' });
  await eventually(() => seen.length === 1, 'the event');
  assert.deepEqual(seen[0], { text: 'between us' });
  await assert.rejects(subscribed(pusher, `private-encrypted-conversation.${foreign}`), /403|AuthError/);
});

test('older pages hear a conversation under the name they know', async () => {
  const pusher = connect(site, who.doctor);
  const old = await subscribed(pusher, `private-consultation.${conv}`);
  const now = await subscribed(pusher, `private-conversation.${conv}`);
  const heard = [[old, 'MessageSent'], [now, 'MessageSent'], [old, 'UserTyping'], [now, 'UserTyping']].map(([c, e]) => collect(c, e));
  const sent = await who.patient.post(`/chat/conversation/${conv}/message`, { content: 'under both names' });
  assert.equal(sent.status, 201);
  assert.equal((await who.patient.post(`/chat/conversation/${conv}/typing`, { typing: true })).status, 200);
  await eventually(() => heard.every((list) => list.length === 1), 'all four');
  assert.equal(heard[0][0].message.id, sent.json.message.id);
  assert.deepEqual(heard[0][0], heard[1][0]);
  // A socket that came with an identity needs no signature for it, under the alias either.
});

test('a rule that cannot be is refused at start, with its line', () => {
  const file = site.path('conf', 'httpd.conf');
  const conf = fs.readFileSync(file, 'utf8');
  for (const [line, says] of [
    ['ChatChannel', /a pattern, as/],
    ['ChatChannel ward.{id}', /followed by who may/],
    ['ChatChannel ward self', /need an \{id\}/],
    ['ChatChannel "ward {id}" any', /a pattern is of/],
    ['ChatChannel ward.{id}.{id} any', /at most one/],
    ['ChatChannel ward.{id} everyone', /everyone is none of/],
    ['ChatChannel ward.{id} role=', /followed by roles/],
  ]) {
    const bad = site.path('conf', 'bad.conf');
    fs.writeFileSync(bad, `${conf}\n${line}\n`);
    const r = spawnSync(process.env.CHAT_HTTPD || '/usr/sbin/apache2', ['-t', '-f', bad], { encoding: 'utf8', env: { ...process.env, ...site.httpdEnv() } });
    assert.notEqual(r.status, 0, line);
    assert.match(r.stderr, says, line);
    assert.match(r.stderr, /on line \d+ of .*bad\.conf/, line);
  }
  for (const key of ['short', master.slice(0, 40), `${master}=`, '!'.repeat(44), 7]) {
    const push = JSON.parse(fs.readFileSync(site.path('conf', 'chat-push.json'), 'utf8'));
    push.appManager.array.apps[0].encryptionMasterKeyBase64 = key;
    fs.writeFileSync(site.path('conf', 'bad.json'), JSON.stringify(push));
    assert.throws(() => execFileSync(site.path('bin', 'chat-push'), ['--config', site.path('conf', 'bad.json')], { stdio: 'pipe', env: { PATH: process.env.PATH } }),
      /encryptionMasterKeyBase64 must be 32 bytes in base64/);
  }
});
