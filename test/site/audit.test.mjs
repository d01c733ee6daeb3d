// SPDX-License-Identifier: Apache-2.0
//
// Point 26: every read and write of a conversation, every log-in and every refused
// access is in the audit log, chained and append-only, without a word of what was said.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../../dev/site.mjs';
import { eventually, startSite } from './lib/site.mjs';

const site = await startSite();
const phone = await site.phone('patient@example.com');
const conv = site.people().conversations[0];
const COLUMNS = 'seq, at, user_id, via, action, conversation_id, object, address, agent, status, request_id, hash';
const entries = () => site.sql(site.dbFile
  ? `SELECT json_array(${COLUMNS}) FROM chat_audit ORDER BY seq;`
  : `SELECT json_build_array(${COLUMNS}) FROM chat_audit ORDER BY seq;`)
  .trim().split('\n').filter(Boolean).map((line) => {
    const row = JSON.parse(line);
    return Object.fromEntries(COLUMNS.split(', ').map((name, i) => [name, row[i]]));
  });
/** Wait for an entry. */
const entry = async (wanted, from = 0) => {
  const fits = (e) => e.seq > from && Object.entries(wanted).every(([k, v]) => e[k] === String(v));
  await eventually(() => entries().some(fits), `an entry ${JSON.stringify(wanted)}`);
  return entries().find(fits);
};
const last = () => entries().at(-1)?.seq ?? 0;
const chatctl = (...args) => spawnSync(site.path('bin', 'chatctl'), [...args, '--database', site.db],
  { encoding: 'utf8', ...(site.dbFile && site.user && { uid: site.user.uid, gid: site.user.gid }) });
const verify = (...more) => chatctl('audit', 'verify', ...more);

test('point 26: who, what, which object, when, from where and the result', async () => {
  const patient = await site.phone('patient@example.com');
  const { user_id: id } = site.people().accounts.find((a) => a.email === 'patient@example.com');
  await entry({ action: 'login.token', user_id: id, via: 'none', status: 201, address: '127.0.0.1' });
  const sent = await patient.post(`/chat/conversation/${conv.id}/message`, { content: 'My secret headache' },
    { headers: { 'User-Agent': 'audit/1\u00e9' } });
  assert.equal(sent.status, 201, sent.text);
  const e = await entry({ action: 'message.sent', object: sent.json.message.id });
  assert.equal(e.user_id, String(id));
  assert.equal(e.conversation_id, String(conv.id));
  assert.equal(e.via, 'token');
  assert.equal(e.status, '201');
  assert.match(e.agent, /^audit\/1/);
  assert.match(e.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.ok(Math.abs(Date.parse(e.at) - Date.now()) < 60000);
  assert.equal((await patient.get(`/chat/conversation/${conv.id}/messages`)).status, 200);
  await entry({ action: 'messages.read', conversation_id: conv.id, user_id: id, status: 200 });
  assert.equal((await patient.get(`/chat/conversation/${conv.id}`)).status, 200);
  await entry({ action: 'conversation.read', conversation_id: conv.id, user_id: id });
  await patient.get('/chat');
  await entry({ action: 'conversation.list', user_id: id });
  await patient.get('/chat/sync');
  await entry({ action: 'messages.sync', user_id: id });
  await patient.post('/broadcasting/auth', { socket_id: '1.2', channel_name: `private-conversation.${conv.id}` });
  await entry({ action: 'channel.joined', user_id: id, object: `private-conversation.${conv.id}`, status: 200 });
  await patient.post('/chat/logout', {});
  await entry({ action: 'logout', user_id: id });
});

test('point 26: what was refused, with its status, and log-ins that failed', async () => {
  const other = site.people().conversations.find((c) => c.patient !== conv.patient && c.doctor !== conv.patient);
  const browser = await site.browser('patient@example.com');
  await entry({ action: 'login', user_id: conv.patient, status: 200 });
  assert.equal((await browser.get(`/chat/conversation/${other.id}/messages`)).status, 404);
  await entry({ action: 'messages.read', conversation_id: other.id, user_id: conv.patient, status: 404, via: 'session' });
  assert.equal((await browser.post(`/chat/conversation/${conv.id}/message`, { content: 'x' }, { headers: { 'X-CSRF-TOKEN': null } })).status, 419);
  await entry({ action: 'message.sent', conversation_id: conv.id, status: 419 });
  assert.equal((await browser.post('/broadcasting/auth', { socket_id: '1.2', channel_name: `private-conversation.${other.id}` })).status, 403);
  await entry({ action: 'channel.joined', object: `private-conversation.${other.id}`, status: 403 });
  for (let status = 422; status === 422;) {
    ({ status } = await browser.post('/chat/token', { email: 'doctor@example.com', password: 'wrong' }));
  }
  await entry({ action: 'login.failed', user_id: conv.doctor, status: 422 });
  await entry({ action: 'login.failed', status: 429 });
  // Neither what is merely wrong, nor who is nobody: strangers do not fill the disk.
  const before = last();
  assert.equal((await browser.post(`/chat/conversation/${conv.id}/message`, { content: '' })).status, 422);
  assert.equal((await fetch(`${site.url}/chat/me`, { headers: { Accept: 'application/json' } })).status, 401);
  await browser.get('/chat/sync');
  await entry({ action: 'messages.sync' }, before);
  assert.equal(last(), before + 1);
});

test('point 26: no text of a message, no name and no address of e-mail is in it', () => {
  const text = entries().map((e) => JSON.stringify({ ...e, hash: '' })).join('\n');
  assert.doesNotMatch(text, /secret|headache|@example\.com/);
  for (const { name } of site.people().accounts) {
    assert.ok(!text.includes(name), name);
  }
});

test('the chain is what the document says, computed by somebody else', () => {
  let previous = '0'.repeat(64);
  const list = entries();
  assert.ok(list.length > 10);
  list.forEach((e, i) => {
    assert.equal(e.seq, i + 1);
    const { hash, ...fields } = e;
    const text = [previous, ...Object.values(fields)].join('\t');
    assert.equal(createHash('sha256').update(text).digest('hex'), hash, `entry ${e.seq}`);
    previous = hash;
  });
});

test('a child that is killed loses nothing that was answered', async () => {
  const before = last();
  const done = [];
  for (let i = 0; i < 60; i++) {
    if (i % 20 === 10) {
      for (const pid of fs.readFileSync(`/proc/${site.httpd.pid}/task/${site.httpd.pid}/children`, 'utf8').trim().split(' ')) {
        process.kill(Number(pid), 'SIGKILL');
      }
    }
    const r = await phone.post(`/chat/conversation/${conv.id}/message`, { content: `n${i}` }).catch(() => null);
    if (r?.status === 201) {
      done.push(String(r.json.message.id));
    }
  }
  assert.ok(done.length > 30);
  await eventually(() => {
    const seen = entries().filter((e) => e.seq > before && e.action === 'message.sent').map((e) => e.object);
    assert.equal(new Set(seen).size, seen.length, 'no entry twice');
    return done.every((id) => seen.includes(id));
  }, 'an entry of each answer');
  site.expectLog(/exit signal Killed|AH00051|AH00052/);
});

test('nobody changes or removes an entry', () => {
  for (const change of ["UPDATE chat_audit SET user_id = '1' WHERE seq = 2;", 'DELETE FROM chat_audit WHERE seq = 2;',
    ...(site.dbFile ? [] : ['TRUNCATE chat_audit;'])]) {
    assert.throws(() => site.sql(change), /append-only/);
  }
});
