// SPDX-License-Identifier: Apache-2.0
//
// Another program removes many messages at once, or a conversation with all of them: the
// log says nothing of them in the same transaction, everybody is told of each, and it
// costs as much for each message however long the log is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startSite, testDatabase } from './lib/site.mjs';

const site = await startSite({ db: await testDatabase(), extraConf: 'ChatSendRate off\nChatRequestRate off' });
const { accounts, conversations } = site.people();
const idOf = (email) => accounts.find((a) => a.email === email).user_id;
const patient = idOf('patient@example.com');
const doctor = idOf('doctor@example.com');
const [conv, other] = conversations.filter((c) => c.patient && c.doctor).sort((a, b) => (b.patient === patient && b.doctor === doctor) - (a.patient === patient && a.doctor === doctor)).map((c) => c.id);
const patientPhone = await site.phone('patient@example.com');
const number = (text) => Number(site.sql(text).trim());
const keys = site.dbFile ? 'PRAGMA foreign_keys = ON; ' : '';

const rows = (n) => (site.dbFile
  ? `WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < ${n}) SELECT i FROM g`
  : `SELECT generate_series(1, ${n}) AS i`);
/** So many messages, and an answer to each of the first ten of them. */
const fill = (n, talk, words) => site.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body, created_at, updated_at)
  SELECT ${doctor}, ${patient}, ${talk}, '${words} ' || i, ${site.time()}, ${site.time()} FROM (${rows(n)}) AS g;
  INSERT INTO messages (from_user_id, to_user_id, request_id, body, reply_to_id, created_at, updated_at)
  SELECT ${patient}, ${doctor}, ${talk}, 'I answer', id, ${site.time()}, ${site.time()} FROM messages
  WHERE request_id = ${talk} AND body LIKE '${words} %' ORDER BY id LIMIT 10;`);
const logged = (words) => number(`SELECT count(*) FROM chat_events WHERE CAST(payload AS TEXT) LIKE '%${words}%';`);
const count = (talk) => number(`SELECT message_count FROM treatment_requests WHERE id = ${talk};`);

test('what a statement removes is gone from the log, and told one by one', async () => {
  fill(300, conv, 'secret');
  fill(20, other, 'secret');
  assert.equal(logged('secret'), 340, 'each message, and each quote');
  const before = count(conv);
  const ids = JSON.parse(`[${site.sql(`SELECT id FROM messages WHERE body LIKE 'secret %' ORDER BY request_id, id;`).trim().split('\n')}]`);
  const { cursor } = (await patientPhone.get('/chat/sync')).json;
  site.sql("DELETE FROM messages WHERE body LIKE 'secret %';");
  assert.equal(logged('secret'), 0);
  assert.equal(count(conv), before - 300);
  const { events } = (await patientPhone.get(`/chat/sync?limit=500&since=${cursor}`)).json;
  const told = events.filter((e) => e.event === 'MessageDeleted').map((e) => e.data.message);
  assert.equal(told.filter((m) => m.consultation_id === conv).length, 300);
  assert.deepEqual(told.map((m) => m.id), ids.filter((id) => told.some((m) => m.id === id)), 'in their order');
  assert.ok(told.every((m) => m.content === '' && m.deleted_at !== null && m.reactions.length === 0));
});

test('so is what a statement marks as deleted or writes anew', async () => {
  fill(200, conv, 'private');
  site.sql(`UPDATE messages SET body = 'another ' || id WHERE request_id = ${conv} AND body LIKE 'private %' AND id % 2 = 0;`);
  assert.equal(logged('private'), 105, 'the others, and five of the quotes');
  assert.equal(number("SELECT count(*) FROM chat_message_edits WHERE body LIKE 'private %';"), 100);
  const { cursor } = (await patientPhone.get('/chat/sync')).json;
  site.sql(`UPDATE messages SET deleted_at = ${site.time()} WHERE request_id = ${conv} AND (body LIKE 'private %' OR body LIKE 'another %');`);
  assert.equal(logged('private') + logged('another'), 0);
  const { events } = (await patientPhone.get(`/chat/sync?limit=500&since=${cursor}`)).json;
  assert.equal(events.filter((e) => e.event === 'MessageDeleted').length, 200);
});

/** What the log costs a statement that removes 50 messages: rows of it that are read, or
 *  steps of the virtual machine. Nothing is removed. */
function cost() {
  const remove = `DELETE FROM messages WHERE request_id = ${conv} AND body LIKE 'long %' AND id < (SELECT min(id) + 50 FROM messages WHERE body LIKE 'long %');`;
  if (site.dbFile) {
    const text = site.sql(`BEGIN;\n.stats vmstep\n${remove}\n.stats off\nROLLBACK;`);
    return Number(text.match(/VM-steps: *(\d+)/)[1]);
  }
  const text = site.sql(`BEGIN; SET LOCAL enable_seqscan = off; ${remove}
    SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = 'chat_events'; ROLLBACK;`);
  return Number(text.trim().split('\n').pop());
}

test('a longer log makes it no dearer', () => {
  fill(100, conv, 'long');
  const short = cost();
  assert.ok(short > 0);
  fill(3000, conv, 'more');
  assert.ok(cost() < short * 2, `${cost()} after ${short}`);
});

test('a conversation goes with its messages and what the log says of them', async () => {
  const { cursor } = (await patientPhone.get('/chat/sync')).json;
  assert.ok(logged('more') > 3000);
  site.sql(`${keys}DELETE FROM treatment_requests WHERE id = ${conv};`);
  assert.equal(logged('more') + logged('long'), 0);
  assert.equal(number(`SELECT count(*) FROM chat_events WHERE conversation_id = ${conv} AND CAST(payload AS TEXT) LIKE '%I answer%';`), 0);
  assert.equal(number(`SELECT count(*) FROM messages WHERE request_id = ${conv};`), 0);
  const { events } = (await patientPhone.get(`/chat/sync?limit=500&since=${cursor}`)).json;
  assert.deepEqual(events.filter((e) => e.event === 'MessageDeleted'), [], 'nobody is there to be told');
});
