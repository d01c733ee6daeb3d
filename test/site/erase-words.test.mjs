// SPDX-License-Identifier: Apache-2.0
//
// Erasing and purging what is in no message: the words of plans, the sentences of their
// cards, a consultation's title and description, and all that in the log of events.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { cleanup } from './lib/cleanup.mjs';
import { startSite } from './lib/site.mjs';

const site = await startSite({ extraConf: 'ChatSendRate off' });
cleanup(() => site.stop());
const { accounts, conversations } = site.people();
const conv = conversations[0];
const patient = await site.phone('patient@example.com');
const doctor = await site.phone('doctor@example.com');
const admin = await site.phone('admin@example.com');
const as = site.dbFile && site.user ? { uid: site.user.uid, gid: site.user.gid } : {};
const chatctl = (...args) => spawnSync(site.path('bin', 'chatctl'), [...args, '--database', site.db], { encoding: 'utf8', ...as });
const done = (...args) => {
  const r = chatctl(...args);
  assert.equal(r.status, 0, `${args.join(' ')}: ${r.stderr}`);
  return r.stdout;
};
const plan = async (id, title, more = {}) => {
  const r = await doctor.post(`/chat/conversation/${id}/plan`, { title, description: `${title}-words`, status: 'submitted', price_cents: 100, ...more });
  assert.equal(r.status, 201, r.text);
  return r.json.plan.id;
};
/** All that the database says of a conversation in words. */
const words = (id) => ['title', 'description', 'reason'].map((c) => site.sql(`SELECT ${c} FROM treatment_plans WHERE treatment_request_id = ${id};`)).join('\n')
  + site.sql(`SELECT title, description FROM treatment_requests WHERE id = ${id};`)
  + site.sql(`SELECT body FROM messages WHERE request_id = ${id};`)
  + site.sql(`SELECT payload FROM chat_events WHERE conversation_id = ${id};`)
  + site.sql('SELECT body FROM chat_message_edits;');
// The same two people once more.
site.sql(`INSERT INTO treatment_requests (patient_id, doctor_id, title, status) VALUES (${conv.patient}, ${conv.doctor}, 'second', 'in_progress');`);
const second = { id: Number(site.sql("SELECT id FROM treatment_requests WHERE title = 'second';")) };
const skeleton = () => site.sql(`SELECT id, status, price_cents, created_at, submitted_at, decided_at, updated_at FROM treatment_plans ORDER BY id;`);
const setUp = async (id, mark) => {
  const refused = await plan(id, `${mark}-title`, { client_id: `${mark}-1` });
  const withdrawn = await plan(id, `${mark}-title`);
  assert.equal((await patient.post(`/chat/plan/${refused}/reject`, { reason: `${mark}-refusal` })).status, 200);
  assert.equal((await doctor.post(`/chat/plan/${withdrawn}/cancel`, { reason: `${mark}-change` })).status, 200);
  const card = Number(site.sql(`SELECT max(id) FROM messages WHERE plan_id = '${refused}' AND from_user_id = ${conv.patient};`));
  assert.equal((await doctor.post(`/chat/conversation/${id}/message`, { content: 'about that card', reply_to: card })).status, 201);
  site.sql(`UPDATE treatment_requests SET title = '${mark}-subject', description = '${mark}-story', status = 'in_progress' WHERE id = ${id};`);
  for (const word of ['title', 'title-words', 'refusal', 'change', 'subject', 'story']) {
    assert.ok(words(id).includes(`${mark}-${word}`), word);
  }
};

test('an erased patient: the reason, subject and story go, the doctor\'s words stay', async () => {
  await setUp(conv.id, 'one');
  done('hold', 'add', '--conversation', String(second.id), '--why', 'court');
  await setUp(second.id, 'held');
  const before = skeleton();
  const told = JSON.parse(done('erase', '--user', 'patient@example.com', '--except-held', '--json'));
  assert.equal(told.held, 1);
  const left = words(conv.id);
  assert.doesNotMatch(left, /one-refusal|one-subject|one-story/);
  assert.match(left, /one-title-words/);
  assert.match(left, /one-change/);
  for (const word of ['refusal', 'subject', 'story', 'title-words']) {
    assert.ok(words(second.id).includes(`held-${word}`), `held: ${word}`);
  }
  assert.equal(skeleton(), before, 'who, when and what became of it');
  const sync = (await doctor.get('/chat/sync?limit=500')).text;
  assert.doesNotMatch(sync, /one-refusal|one-subject/);
});

test('an erased doctor: title and description of plans go, from cards and quotes as well', async () => {
  const before = skeleton();
  const edits = site.sql('SELECT count(*) FROM chat_message_edits;');
  const start = site.sql('SELECT max(id) FROM chat_events;').trim();
  const told = JSON.parse(done('erase', '--user', 'doctor@example.com', '--except-held', '--json'));
  assert.ok(told.plans >= 2);
  assert.doesNotMatch(words(conv.id), /one-/);
  assert.match(words(second.id), /held-title/);
  assert.equal(site.sql(`SELECT count(*) FROM treatment_plans WHERE treatment_request_id = ${conv.id} AND client_digest IS NOT NULL;`).trim(), '0', 'a digest shows what it is of to who guesses it');
  assert.equal(skeleton(), before);
  assert.equal(site.sql('SELECT count(*) FROM chat_message_edits;'), edits, 'it is no edit');
  assert.equal(site.sql(`SELECT count(*) FROM chat_events WHERE id > ${start} AND event = 'MessageEdited';`).trim(), '0');
  // What is shown still keeps to the contract.
  const plans = (await admin.get(`/chat/conversation/${conv.id}/plans`)).json.data;
  assert.ok(plans.length >= 2);
  assert.ok(plans.filter((p) => p.doctor_id === conv.doctor).every((p) => p.title === '' && !p.reason && !p.description));
  assert.equal(JSON.parse(done('erase', '--user', String(conv.doctor), '--except-held', '--json')).plans, 0, 'again: nothing is left');
});

test('a purge takes them when their time is over, and not before, and not what is held', async () => {
  const other = conversations.find((c) => c.id !== conv.id && c.id !== second.id && c.patient !== conv.patient);
  const person = accounts.find((a) => a.user_id === other.patient);
  assert.ok(person);
  site.sql(`UPDATE treatment_requests SET title = 'two-subject', description = 'two-story', status = 'completed', updated_at = ${site.time(-100 * 86400)} WHERE id = ${other.id};
    INSERT INTO treatment_plans (treatment_request_id, doctor_id, title, description, status, reason) VALUES (${other.id}, ${other.doctor ?? conv.doctor}, 'two-title', 'two-words', 'cancelled', 'two-reason');
    UPDATE treatment_requests SET status = 'completed', updated_at = ${site.time(-100 * 86400)} WHERE id = ${second.id};`);
  done('purge', 'set', 'completed', '365');
  done('purge', 'run');
  assert.match(words(other.id), /two-words/);
  done('purge', 'set', 'completed', '90');
  done('purge', 'run');
  assert.doesNotMatch(words(other.id), /two-/);
  assert.match(words(second.id), /held-title-words/);
  assert.equal(JSON.parse(done('purge', 'run', '--dry-run', '--json')).conversations, 0, 'nothing is left to do');
});
