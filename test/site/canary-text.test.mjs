// SPDX-License-Identifier: Apache-2.0
//
// Point 31: no message text, no name and no address of e-mail in logs, metrics, status,
// webhooks and the audit log, whatever level they are at. Text and name are words that
// occur nowhere else; traffic goes by every way, right and wrong.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { test } from 'node:test';
import { freePort } from '../../dev/site.mjs';
import { cleanup } from './lib/cleanup.mjs';
import { collect, connect, subscribed } from './lib/pusher.mjs';
import { eventually, startSite } from './lib/site.mjs';

const TEXT = 'xylophonequartz';
const NAME = 'Zebulonova';
const MAIL = 'zebumail@example.com';

const port = await freePort();
const hooks = [];
const receiver = http.createServer((req, res) => {
  let body = '';
  req.on('data', (d) => { body += d; });
  req.on('end', () => {
    hooks.push(JSON.stringify(req.headers) + body);
    res.end();
  });
}).listen(port, '127.0.0.1');
cleanup(() => receiver.close());

const site = await startSite({
  logs: false, // at this level there are warnings of every kind
  extraConf: 'LogLevel trace8',
  appConf: { webhooks: [{ url: `http://127.0.0.1:${port}/hook`, event_types: [] }], enableSubscriptionCount: true },
  pushConf: { log: { level: 'debug' }, webhooks: { allowPrivateTargets: true, batching: { enabled: false } } },
});
const conv = site.people().conversations[0];
site.sql(`UPDATE users SET name = 'Dr. ${NAME}', email = '${MAIL}' WHERE id = ${conv.doctor};`);
const doctor = await site.phone(MAIL);
const patient = await site.browser('patient@example.com');
const url = `/chat/conversation/${conv.id}`;

const found = (what, text) => {
  for (const word of [TEXT, NAME, MAIL, 'zebumail']) {
    const at = text.toLowerCase().indexOf(word.toLowerCase());
    assert.equal(at, -1, `${what}: …${text.slice(Math.max(0, at - 200), at + 60)}`);
  }
};

test('point 31: traffic that carries the words by every way', async () => {
  const pusher = connect(site, doctor, { direct: true });
  cleanup(() => pusher.disconnect());
  const seen = collect(await subscribed(pusher, `private-conversation.${conv.id}`), 'MessageSent');
  await subscribed(pusher, `presence-conversation.${conv.id}`);
  const sent = await patient.post(`${url}/message`, { content: `a ${TEXT} b`, client_id: 'c1' });
  assert.equal(sent.status, 201);
  assert.equal((await patient.post(`${url}/message`, { content: `other ${TEXT}`, client_id: 'c1' })).status, 409);
  assert.equal((await patient.form(`${url}/message`, { content: `form ${TEXT}` })).status, 201);
  assert.equal((await doctor.post(`${url}/message`, { content: `reply ${TEXT}` })).status, 201);
  assert.equal((await doctor.post(`${url}/message`, { content: TEXT.repeat(300) })).status, 422);
  assert.equal((await doctor.post(`${url}/message`, `{"content": "${TEXT}"`)).status, 400);
  assert.equal((await doctor.post(`${url}/message`, `{"content": "\\u0000${TEXT}"}`)).status, 400);
  assert.equal((await doctor.post(`${url}/message`, { content: TEXT, type: TEXT })).status, 422);
  assert.equal((await doctor.post(`${url}/message`, { content: TEXT }, { headers: { Authorization: 'Bearer 1|no' } })).status, 401);
  assert.equal((await doctor.post('/chat/conversation/999999/message', { content: TEXT })).status, 404);
  assert.equal((await doctor.post('/chat/token', { email: MAIL, password: TEXT })).status, 422);
  assert.equal((await doctor.post(`${url}/typing`, { typing: true })).status, 200);
  await patient.get('/chat');
  await patient.get(url);
  await doctor.get(`${url}/messages`);
  await doctor.get('/chat/sync');
  await doctor.get('/chat/me');
  site.sql(`UPDATE messages SET body = 'edited ${TEXT}' WHERE id = ${sent.json.message.id};`);
  site.sql(`UPDATE messages SET deleted_at = ${site.time()} WHERE id = ${sent.json.message.id};`);
  await eventually(() => seen.length === 3, 'the messages arrive');
  assert.ok(JSON.stringify(seen).includes(TEXT) && JSON.stringify(seen).includes(NAME), 'the words are what is sent');
  await eventually(() => hooks.some((h) => h.includes('member_added')), 'webhooks');
  await eventually(() => Number(site.sql("SELECT count(*) FROM chat_audit WHERE action = 'messages.read';").trim()) > 0, 'the audit log');
});

test('point 31: neither log has them, at the most talkative level', () => {
  for (const name of fs.readdirSync(site.path('logs'))) {
    const text = fs.readFileSync(site.path('logs', name), 'utf8');
    found(name, text);
  }
  assert.ok(fs.statSync(site.path('logs', 'error.log')).size > 10000, 'httpd was talkative');
  assert.match(site.log(), /opened loop=/, 'chat-push was talkative');
});

test('point 31: metrics, server-status and webhooks have neither', async () => {
  found('metrics', await (await fetch(site.metrics)).text());
  found('server-status', await (await fetch(site.status)).text());
  assert.ok(hooks.length > 0);
  found('webhooks', hooks.join('\n'));
});

test('point 31: the audit log and its spools have neither', () => {
  const rows = site.sql('SELECT * FROM chat_audit;');
  assert.ok(rows.length > 1000);
  found('chat_audit', rows);
  for (const name of fs.readdirSync(site.path('audit'))) {
    found(name, fs.readFileSync(site.path('audit', name), 'utf8'));
  }
});
