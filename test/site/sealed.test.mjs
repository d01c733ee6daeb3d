// SPDX-License-Identifier: Apache-2.0
//
// Texts that lie encrypted (ChatKeys): nobody who uses the chat notices, and nobody who
// has the database alone can read them.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
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
  assert.ok(text.includes('sealed:2:'));
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

test('of a plan title, description and reason are sealed; cards leave the title out', async () => {
  const heard = collect(await subscribed(connect(site, patient), `private-conversation.${conv.id}`), 'PlanSubmitted');
  const made = await doctor.post(`${at}/plan`, { title: 'Zirconia crown', description: 'Because the enamel is gone', price_cents: 5 });
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
  assert.equal(cards[0].content, 'Treatment plan declined');
  assert.equal(cards[0].plan.title, 'Zirconia crown');
  assert.ok(!/Zirconia|enamel is gone|Too costly/.test(dump()));
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
  for (const q of ['sealedword', 'sealed', 'sealed:2:1']) {
    assert.equal(await found(q), 0, q);
  }
  const words = site.dbFile ? `SELECT count(*) FROM chat_search WHERE rowid = ${message.id};` : `SELECT count(*) FROM chat_search WHERE message_id = ${message.id};`;
  assert.equal(site.sql(words).trim(), '0');
});

test('what another program writes is read like any other text', async () => {
  site.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
    VALUES (${conv.doctor}, ${conv.patient}, ${conv.id}, 'sealed:2:999:QQ is no seal of ours', 'text', ${site.time()}, ${site.time()});`);
  const [newest] = (await patient.get(`${at}/messages`)).json.data;
  assert.equal(newest.content, 'sealed:2:999:QQ is no seal of ours');
});

// Who can write to the database moves sealed texts about: nobody reads them as another's.

const chatctl = (...args) => spawnSync(site.path('bin', 'chatctl'),
  ['keys', ...args, '--keys', `file:${site.path('conf', 'keys')}`, '--database', site.db], { encoding: 'utf8' });
const say = async (who, content, more = {}) => (await who.post(`${at}/message`, { content, ...more })).json.message;
const body = (id) => site.sql(`SELECT body FROM messages WHERE id = ${id};`).trim();
/** As somebody would who knows the tables: without a trigger's word. */
const swapIn = (id, text) => site.sql(site.dbFile
  ? `INSERT INTO chat_resealing VALUES (1); UPDATE messages SET body = '${text}' WHERE id = ${id}; DELETE FROM chat_resealing;`
  : `SET mod_chat.resealing = 'on'; UPDATE messages SET body = '${text}' WHERE id = ${id};`);
const shown = async (id) => (await doctor.get(`${at}/message/${id}`)).json.message;

test('a text under another message, of its author or of another one, cannot be opened', async () => {
  const mine = await say(patient, 'I take aspirin', { client_id: 'mine' });
  const other = await say(patient, 'I took it for a year');
  const theirs = await say(doctor, 'Take it twice a day');
  assert.ok(other.client_id, 'a message without a client_id is given one');
  const was = body(mine.id);
  for (const [from, why] of [[other, 'the same author'], [theirs, 'another one']]) {
    swapIn(mine.id, body(from.id));
    const m = await shown(mine.id);
    assert.deepEqual([m.content, m.unreadable], ['', true], why);
    const listed = (await doctor.get(`${at}/messages`)).json.data.find((x) => x.id === mine.id);
    assert.deepEqual([listed.content, listed.unreadable], ['', true], why);
    const r = chatctl('verify', String(conv.id), '--json');
    assert.equal(r.status, 1);
    assert.equal(JSON.parse(r.stdout).shut, 1);
    assert.match(r.stderr, new RegExp(`message ${mine.id} of conversation ${conv.id}: .*belongs elsewhere`));
  }
  site.expectLog(/opening a sealed text: a sealed text was changed, belongs elsewhere/);
  swapIn(mine.id, was);
  assert.equal((await shown(mine.id)).content, 'I take aspirin');
  assert.equal((await shown(mine.id)).unreadable, undefined);
  const r = chatctl('verify');
  assert.equal(r.status, 0, r.stderr);
  assert.match(r.stdout, /^[1-9]\d* sealed texts are where they belong, [1-9]\d* lie open, 0 cannot be opened/);
});

test('a text of another conversation cannot be opened, nor one plan pass for another', async () => {
  const second = site.people().conversations.find((c) => c.patient === conv.patient && c.id !== conv.id);
  const there = (await patient.post(`/chat/conversation/${second.id}/message`, { content: 'elsewhere', client_id: 'same' })).json.message;
  const here = await say(patient, 'here', { client_id: 'same' });
  swapIn(here.id, body(there.id));
  assert.deepEqual([(await shown(here.id)).content, (await shown(here.id)).unreadable], ['', true]);
  const plan = async (title, description) => (await doctor.post(`${at}/plan`, { title, description })).json.plan;
  const one = await plan('Filling', 'A small one');
  const two = await plan('Implant', 'A large one');
  site.sql(`UPDATE treatment_plans SET description = (SELECT description FROM treatment_plans WHERE id = ${two.id}) WHERE id = ${one.id};`);
  const seen = (await doctor.get(`/chat/plan/${one.id}`)).json.plan;
  assert.deepEqual([seen.title, seen.description, seen.unreadable], ['Filling', '', true]);
  assert.equal(chatctl('verify').status, 1);
  site.sql(`DELETE FROM messages WHERE id = ${here.id};`);
  site.sql(`DELETE FROM treatment_plans WHERE id = ${one.id};`);
  assert.equal(chatctl('verify').status, 0);
});

test('texts get a newer key: no event, no time changes, and it goes on where it was', async () => {
  const heard = [];
  const channel = await subscribed(connect(site, doctor), `private-conversation.${conv.id}`);
  channel.bind_global((event) => heard.push(event));
  const { cursor } = (await doctor.get('/chat/sync')).json;
  const page = async () => (await doctor.get(`${at}/messages?per_page=100`)).json.data;
  const rows = () => site.sql(`SELECT id, updated_at, edited_at FROM messages WHERE request_id = ${conv.id} ORDER BY id;`);
  const [pageBefore, rowsBefore] = [await page(), rows()];
  const events = site.sql('SELECT count(*), max(id) FROM chat_events;');
  const edits = site.sql('SELECT count(*) FROM chat_message_edits;');
  const renewed = chatctl('renew', String(conv.id));
  assert.equal(renewed.status, 0, renewed.stderr);
  // It dies in the middle, wherever that is; again, and it does the rest.
  const args = ['keys', 'reseal', String(conv.id), '--keys', `file:${site.path('conf', 'keys')}`, '--database', site.db];
  const killed = spawn(site.path('bin', 'chatctl'), args, { stdio: 'ignore' });
  setTimeout(() => killed.kill('SIGKILL'), 15);
  await once(killed, 'exit');
  const r = chatctl('reseal', String(conv.id), '--json');
  assert.equal(r.status, 0, r.stderr);
  assert.equal(JSON.parse(r.stdout).texts.shut, 0);
  const key = site.sql(`SELECT max(id) FROM chat_keys WHERE conversation_id = ${conv.id};`).trim();
  for (const [table, column] of [['messages', 'body'], ['chat_message_edits', 'body'], ['treatment_plans', 'title'], ['treatment_plans', 'description'], ['treatment_plans', 'reason']]) {
    const of = table === 'messages' ? `request_id = ${conv.id}` : table === 'treatment_plans' ? `treatment_request_id = ${conv.id}` : `message_id IN (SELECT id FROM messages WHERE request_id = ${conv.id})`;
    assert.equal(site.sql(`SELECT count(*) FROM ${table} WHERE ${of} AND ${column} LIKE 'sealed:2:_%:_.%' AND ${column} NOT LIKE 'sealed:2:${key}:%';`).trim(), '0', `${table}.${column}`);
    assert.notEqual(site.sql(`SELECT count(*) FROM ${table} WHERE ${of} AND ${column} LIKE 'sealed:2:${key}:%';`).trim(), '0', `${table}.${column}`);
  }
  assert.deepEqual(await page(), pageBefore);
  assert.equal(rows(), rowsBefore);
  assert.equal(site.sql('SELECT count(*), max(id) FROM chat_events;'), events);
  assert.equal(site.sql('SELECT count(*) FROM chat_message_edits;'), edits);
  assert.deepEqual((await doctor.get(`/chat/sync?since=${encodeURIComponent(cursor)}`)).json.events, []);
  // The deletion of the test before may still come.
  assert.deepEqual(heard.filter((e) => /^MessageEdited/.test(e)), []);
  assert.equal(JSON.parse(chatctl('reseal', String(conv.id), '--json').stdout).texts.sealed, 0);
});

test('what lies open is sealed when it is asked for, a conversation\'s title as well', async () => {
  site.sql(`UPDATE treatment_requests SET title = 'A crown for Amina' WHERE id = ${conv.id};`);
  const { message } = { message: site.sql(`SELECT max(id) FROM messages WHERE request_id = ${conv.id} AND body LIKE 'openword%';`).trim() };
  const r = chatctl('reseal', String(conv.id), '--open', '--json');
  assert.equal(r.status, 0, r.stderr);
  assert.ok(JSON.parse(r.stdout).texts.sealed >= 2, r.stdout);
  assert.equal(site.sql(`SELECT count(*) FROM treatment_requests WHERE title LIKE '%Amina%';`).trim(), '0');
  assert.equal(site.sql("SELECT count(*) FROM messages WHERE body LIKE '%openword%';").trim(), '0');
  assert.equal((await doctor.get('/chat')).json.conversations.find((c) => c.id === conv.id).title, 'A crown for Amina');
  assert.equal((await doctor.get(at)).json.consultation.title, 'A crown for Amina');
  assert.equal((await shown(message)).content, 'openword of another program');
  assert.equal(chatctl('verify').status, 0);
});

test('another wrapping key: rotate, and the old one may go; without any key nothing is shown', async () => {
  const file = site.path('conf', 'keys');
  const second = line('2026');
  fs.writeFileSync(file, second + first);
  assert.match(chatctl('rotate').stdout, /(\d+) keys, \1 wrapped anew, 0 that/);
  fs.writeFileSync(file, second);
  await renewed();
  const page = (await doctor.get(`${at}/messages`)).json.data.map((m) => m.content);
  assert.ok(page.includes(SECRET), page.join('|'));
  fs.writeFileSync(file, line('lost'));
  await renewed();
  site.expectLog(/opening a sealed text: the key of conversation/);
  const blank = (await doctor.get(`${at}/messages`)).json.data.map((m) => m.content);
  assert.ok(blank.includes(''));
  assert.ok(!blank.some((c) => c.startsWith('sealed:2:1:')));
  const r = await patient.post(`${at}/message`, { content: 'not without a key' });
  assert.equal(r.status, 500);
  site.expectLog(/sealing a text: the key of conversation/);
  site.expectLog(/storing a message/);
  fs.writeFileSync(file, second);
  await renewed();
  // chat-push was not restarted: it has no word of the new wrapping key.
  site.expectLog(/a sealed text is left out/);
  assert.equal((await patient.post(`${at}/message`, { content: 'again' })).status, 201);
});
