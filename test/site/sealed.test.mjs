// SPDX-License-Identifier: Apache-2.0
//
// Texts that lie encrypted (ChatKeys): nobody who uses the chat notices, and nobody who
// has the database alone can read them.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { test } from 'node:test';
import { cleanup } from './lib/cleanup.mjs';
import { collect, connect, subscribed } from './lib/pusher.mjs';
import { engine, eventually, startSite, testDatabase } from './lib/site.mjs';

const line = (id) => `${id} ${randomBytes(32).toString('base64')}\n`;
const first = line('2025');
const site = await startSite({
  db: await testDatabase(),
  before(s) {
    fs.mkdirSync(s.path('conf'), { recursive: true });
    fs.writeFileSync(s.path('conf', 'keys'), first, { mode: 0o640 });
    s.o.extraConf = `ChatKeys file:${s.path('conf', 'keys')}\nChatSendRate off`;
    s.o.pushConf = { database: { url: s.db, wake: s.path('run', 'wake.sock'), state: s.path('run', 'relay.state'), keys: `file:${s.path('conf', 'keys')}` } };
  },
});
cleanup(() => site.stop());
const conv = site.people().conversations[0];
const at = `/chat/conversation/${conv.id}`;
const patient = await site.phone('patient@example.com');
const doctor = await site.phone('doctor@example.com');
const SECRET = 'The lump is on the left side';
const ARABIC = 'الورم في الجهة اليسرى "هنا"\nسطر ثانٍ \u{1f9b7}';

/** httpd with what its files say now. */
const renewed = async () => {
  await site.stopHttpd();
  await site.startHttpd();
};
/** Everything the database holds, as its own shell writes it out. */
const dump = () => (engine === 'pgsql'
  ? execFileSync('pg_dump', [site.db], { encoding: 'utf8', maxBuffer: 1 << 28 })
  : execFileSync('sqlite3', [site.dbFile, '.dump'], { encoding: 'utf8', maxBuffer: 1 << 28 }));

test('who is in the conversation reads, hears and syncs what was written', async () => {
  const channel = await subscribed(connect(site, doctor), `private-conversation.${conv.id}`);
  const heard = collect(channel, 'MessageSent');
  const { cursor } = (await doctor.get('/chat/sync')).json;
  for (const content of [SECRET, ARABIC]) {
    const r = await patient.post(`${at}/message`, { content, client_id: `c${content.length}` });
    assert.equal(r.status, 201, r.text);
    assert.equal(r.json.message.content, content);
  }
  await eventually(() => heard.length >= 2);
  assert.deepEqual(heard.map((e) => e.message.content), [SECRET, ARABIC]);
  const { events } = (await doctor.get(`/chat/sync?since=${encodeURIComponent(cursor)}`)).json;
  assert.deepEqual(events.filter((e) => e.event === 'MessageSent').map((e) => e.data.message.content), [SECRET, ARABIC]);
  const page = (await doctor.get(`${at}/messages`)).json.data.map((m) => m.content);
  assert.deepEqual(page.slice(0, 2), [ARABIC, SECRET]);
  const list = (await doctor.get('/chat')).json.conversations.find((c) => c.id === conv.id);
  assert.equal(list.last_message.content, ARABIC);
});

test('the database alone does not say it, nor do its events', () => {
  const text = dump();
  assert.ok(text.includes('sealed:1:'));
  for (const words of [SECRET, 'left side', 'الجهة اليسرى "']) {
    assert.ok(!text.includes(words), words);
  }
});

test('a retry is known again, another text under the same client_id is a conflict', async () => {
  const body = { content: 'once', client_id: 'retry' };
  const one = await patient.post(`${at}/message`, body);
  const two = await patient.post(`${at}/message`, body);
  assert.equal(two.status, 201, two.text);
  assert.deepEqual(two.json.message, one.json.message);
  assert.equal((await patient.post(`${at}/message`, { ...body, content: 'twice' })).status, 409);
});

test('an answer quotes, an edit keeps history, both sealed', async () => {
  const { message } = (await patient.post(`${at}/message`, { content: 'to be changed' })).json;
  const changed = await patient.request('PATCH', `${at}/message/${message.id}`, { body: { content: 'was changed' } });
  assert.equal(changed.json.message.content, 'was changed');
  const same = await patient.request('PATCH', `${at}/message/${message.id}`, { body: { content: 'was changed' } });
  assert.equal(same.status, 200);
  const history = (await doctor.get(`${at}/message/${message.id}/history`)).json.history;
  assert.deepEqual(history.map((h) => h.content), ['to be changed']);
  const answer = await doctor.post(`${at}/message`, { content: 'I see', reply_to: message.id });
  assert.equal(answer.json.message.reply_to.content, 'was changed');
  assert.ok(!/to be changed|was changed|I see/.test(dump()));
});

test('of a plan the description and the reason are sealed; its title is in the cards', async () => {
  const heard = collect(await subscribed(connect(site, patient), `private-conversation.${conv.id}`), 'PlanSubmitted');
  const made = await doctor.post(`${at}/plan`, { title: 'Crown', description: 'Because the enamel is gone', price_cents: 5 });
  assert.equal(made.status, 201, made.text);
  assert.equal(made.json.plan.description, 'Because the enamel is gone');
  const plan = `/chat/plan/${made.json.plan.id}`;
  const edited = await doctor.request('PATCH', plan, { body: { price_cents: 6 } });
  assert.deepEqual([edited.status, edited.json.plan.description, edited.json.plan.price_cents], [200, 'Because the enamel is gone', 6]);
  assert.equal((await doctor.post(`${plan}/submit`, {})).json.plan.description, 'Because the enamel is gone');
  await eventually(() => heard.length === 1);
  assert.equal(heard[0].plan.description, 'Because the enamel is gone');
  const no = await patient.post(`${plan}/reject`, { reason: 'Too costly for my family' });
  assert.equal(no.json.plan.reason, 'Too costly for my family');
  const listed = (await patient.get(`${at}/plans`)).json.data.find((p) => p.id === made.json.plan.id);
  assert.deepEqual([listed.description, listed.reason], ['Because the enamel is gone', 'Too costly for my family']);
  const cards = (await patient.get(`${at}/messages`)).json.data.filter((m) => m.type === 'plan');
  assert.equal(cards[0].plan.reason, 'Too costly for my family');
  assert.match(cards[0].content, /: Crown$/);
  assert.ok(!/enamel is gone|Too costly/.test(dump()));
});

test('searching finds open texts beside sealed ones, and no index has the sealed', async () => {
  site.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
    VALUES (${conv.doctor}, ${conv.patient}, ${conv.id}, 'openword of another program', 'text', ${site.time()}, ${site.time()});`);
  const { message } = (await patient.post(`${at}/message`, { content: 'sealedword of ours' })).json;
  const found = async (q) => {
    const r = await doctor.get(`/chat/search?q=${encodeURIComponent(q)}`);
    assert.equal(r.status, 200, r.text);
    return r.json.data.length;
  };
  // Until chat-push has indexed the newer one, and after.
  const indexed = () => Number(site.sql('SELECT high FROM chat_search_state;')) >= message.id;
  assert.equal(await found('openword'), 1);
  assert.equal(await found('sealedword'), 0);
  await eventually(indexed, 'the index');
  assert.equal(await found('openword'), 1);
  for (const q of ['sealedword', 'sealed', 'sealed:1:1']) {
    assert.equal(await found(q), 0, q);
  }
  const words = site.dbFile ? `SELECT count(*) FROM chat_search WHERE rowid = ${message.id};` : `SELECT count(*) FROM chat_search WHERE message_id = ${message.id};`;
  assert.equal(site.sql(words).trim(), '0');
});

test('what another program writes is read like any other text', async () => {
  site.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
    VALUES (${conv.doctor}, ${conv.patient}, ${conv.id}, 'sealed:1:999:QQ is no seal of ours', 'text', ${site.time()}, ${site.time()});`);
  const [newest] = (await patient.get(`${at}/messages`)).json.data;
  assert.equal(newest.content, 'sealed:1:999:QQ is no seal of ours');
});

test('another wrapping key: rotate, and the old one may go; without any key nothing is shown', async () => {
  const file = site.path('conf', 'keys');
  const second = line('2026');
  const chatctl = (...args) => execFileSync(site.path('bin', 'chatctl'), ['keys', ...args, '--keys', `file:${file}`, '--database', site.db], { encoding: 'utf8' });
  fs.writeFileSync(file, second + first);
  assert.match(chatctl('rotate'), /1 keys, 1 wrapped anew, 0 that/);
  fs.writeFileSync(file, second);
  await renewed();
  const page = (await doctor.get(`${at}/messages`)).json.data.map((m) => m.content);
  assert.ok(page.includes(SECRET), page.join('|'));
  fs.writeFileSync(file, line('lost'));
  await renewed();
  site.expectLog(/opening a sealed text: the key of conversation/);
  const blank = (await doctor.get(`${at}/messages`)).json.data.map((m) => m.content);
  assert.ok(blank.includes(''));
  assert.ok(!blank.some((c) => c.startsWith('sealed:1:1:')));
  const r = await patient.post(`${at}/message`, { content: 'not without a key' });
  assert.equal(r.status, 500);
  site.expectLog(/sealing a text: the key of conversation/);
  site.expectLog(/storing a message/);
  fs.writeFileSync(file, second);
  await renewed();
  assert.equal((await patient.post(`${at}/message`, { content: 'again' })).status, 201);
});
