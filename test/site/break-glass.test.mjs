// SPDX-License-Identifier: Apache-2.0
//
// Point 27: staff who are no members of a conversation say why before they read it,
// and its people are told.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanup } from './lib/cleanup.mjs';
import { Client } from './lib/client.mjs';
import { collect, connect, subscribed } from './lib/pusher.mjs';
import { eventually, startSite } from './lib/site.mjs';
import { form, png } from './lib/upload.mjs';

const site = await startSite({ extraConf: 'ChatBreakGlass 3s' });
const conv = site.people().conversations[0];
const admin = await site.phone('admin@example.com');
const patient = await site.phone('patient@example.com');
const { user_id: adminId } = site.people().accounts.find((a) => a.email === 'admin@example.com');
const url = `/chat/conversation/${conv.id}`;
const open = (who, body, id = conv.id, options) => who.post(`/chat/conversation/${id}/break-glass`, body, options);
const REASON = { reason: 'The patient collapsed, no doctor answers' };

test('point 27: without a reason staff read, list, sync and hear nothing', async () => {
  const list = await admin.get('/chat');
  assert.deepEqual(list.json.conversations, []);
  for (const [method, path, body] of [['GET', url], ['GET', `${url}/messages`], ['POST', `${url}/message`, { content: 'x' }], ['POST', `${url}/read`, {}]]) {
    const r = await admin.request(method, path, { body });
    assert.equal(r.status, 403, path);
    assert.match(r.json.error, /break-glass/);
  }
  const r = await admin.post('/broadcasting/auth', { socket_id: '1.2', channel_name: `private-conversation.${conv.id}` });
  assert.equal(r.status, 403);
  assert.equal((await admin.get('/chat/conversation/999999/messages')).status, 404);
});

test('point 27: what is wrong is refused', async () => {
  for (const body of [{}, { reason: null }, { reason: 7 }, { reason: '' }, { reason: '  \n ' }, { reason: 'too short' }, { reason: 'x'.repeat(501) }]) {
    const r = await open(admin, body);
    assert.equal(r.status, 422, JSON.stringify(body));
    assert.ok(r.json.errors.reason);
  }
  assert.equal((await admin.post(`${url}/break-glass`, '{"reason":"a \\u0000 b and more words"}')).status, 400);
  assert.equal((await admin.post(`${url}/break-glass`, Buffer.from('{"reason":"bad \xff bytes in here"}', 'latin1'))).status, 400);
  assert.equal((await open(admin, REASON, 999999)).status, 404);
  assert.equal((await open(admin, REASON, 'abc')).status, 404);
  assert.equal((await open(patient, REASON)).status, 404, 'no staff');
  const other = site.people().conversations.find((c) => c.patient !== conv.patient && c.doctor !== conv.patient);
  assert.equal((await open(patient, REASON, other.id)).status, 404);
  assert.equal((await open(new Client(site.url), REASON)).status, 401);
  const browser = await site.browser('admin@example.com');
  assert.equal((await open(browser, REASON, conv.id, { headers: { 'X-CSRF-TOKEN': null } })).status, 419);
  assert.equal((await open(browser, REASON, conv.id, { headers: { Origin: 'https://evil.example' } })).status, 419);
  assert.equal(site.sql('SELECT count(*) FROM chat_break_glass;').trim(), '0');
});

test('point 27: a reason opens one conversation for its time, its people hear of it, the audit log has it', async () => {
  const pusher = connect(site, patient, { direct: true });
  cleanup(() => pusher.disconnect());
  const told = collect(await subscribed(pusher, `private-user.${conv.patient}`), 'BreakGlass');
  const lines = collect(await subscribed(pusher, `private-conversation.${conv.id}`), 'MessageSent');
  const start = (await patient.get('/chat/sync')).json.cursor;
  const r = await open(admin, REASON);
  assert.equal(r.status, 201, r.text);
  assert.equal(r.json.status, 'opened');
  const left = Date.parse(r.json.until) - Date.now();
  assert.ok(left > 0 && left <= 3100, `${left}`);
  assert.equal((await admin.get(`${url}/messages`)).status, 200);
  assert.equal((await admin.get(url)).status, 200);
  assert.equal((await admin.post('/broadcasting/auth', { socket_id: '1.2', channel_name: `private-conversation.${conv.id}` })).status, 403,
    'not live: a socket would hear more than its time');
  const other = site.people().conversations.find((c) => c.id !== conv.id);
  assert.equal((await admin.get(`/chat/conversation/${other.id}/messages`)).status, 403, 'only that one');
  await eventually(() => told.length === 1 && lines.length === 1, 'the patient is told');
  assert.equal(told[0].user.id, adminId);
  assert.equal(told[0].consultation_id, conv.id);
  assert.equal(told[0].until, r.json.until);
  assert.equal(lines[0].message.type, 'system');
  const sync = (await patient.get(`/chat/sync?since=${encodeURIComponent(start)}`)).text;
  assert.match(sync, /"BreakGlass"/);
  assert.doesNotMatch(sync, /collapsed/, 'the reason is not told');
  await eventually(() => site.sql(`SELECT count(*) FROM chat_audit WHERE action = 'breakglass' AND status = '201'
    AND user_id = '${adminId}' AND conversation_id = '${conv.id}' AND object <> '';`).trim() === '1', 'the entry');
  assert.equal(site.sql('SELECT reason FROM chat_break_glass;').trim(), REASON.reason);
  // Its end needs nobody.
  await eventually(async () => (await admin.get(`${url}/messages`)).status === 403, 'closed again', 10000);
  await eventually(() => site.sql("SELECT count(*) FROM chat_audit WHERE action = 'messages.read' AND status = '403';").trim() !== '0', 'the refusal');
});

test('point 27: plans follow the same rule', async () => {
  const doctor = await site.phone(site.people().accounts.find((a) => a.user_id === conv.doctor).email);
  const { plan } = (await doctor.post(`${url}/plan`, { title: 'Crown', status: 'submitted' })).json;
  assert.equal((await admin.get(`/chat/plan/${plan.id}`)).status, 404);
  assert.equal((await open(admin, REASON)).status, 201);
  assert.equal((await admin.get(`/chat/plan/${plan.id}`)).status, 200);
  assert.equal((await admin.post(`/chat/plan/${plan.id}/cancel`, {})).status, 403, 'its doctor is here');
  await eventually(async () => (await admin.get(`/chat/plan/${plan.id}`)).status === 404, 'closed again', 10000);
});

test('point 27: files follow the same rule: staff have them while the conversation is open to them', async () => {
  const { body, type } = form([{ name: 'files[]', file: 'xray.png', type: 'image/png', bytes: png() }]);
  const sent = await patient.post(`${url}/message`, body, { type });
  assert.equal(sent.status, 201, sent.text);
  const file = `/chat/attachment/${sent.json.message.attachments[0].id}`;
  const status = async (who, path, method = 'GET') => (await fetch(site.url + path,
    { method, headers: { Connection: 'close', ...(who && { Authorization: `Bearer ${who.token}` }) } })).status;
  assert.equal(await status(patient, file), 200);
  assert.equal(await status(admin, file), 404, 'an id alone opens nothing');
  assert.equal((await admin.post(`${file}/link`, {})).status, 404);
  assert.equal((await open(admin, REASON)).status, 201);
  assert.equal(await status(admin, file), 200);
  const link = new URL((await admin.post(`${file}/link`, {})).json.url);
  assert.equal(await status(null, link.pathname + link.search), 200);
  await eventually(async () => await status(admin, file) === 404, 'closed again', 10000);
  assert.equal(await status(null, link.pathname + link.search), 404, 'and so is the link');
});
