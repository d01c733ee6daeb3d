// SPDX-License-Identifier: Apache-2.0
//
// Who opens a conversation with much unread waits for some of it only: the newest
// messages are marked while they wait, what is older is read from then on and marked by
// chat-push. Nobody is told twice, and nothing is lost when a program is killed between.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, startSite, testDatabase } from './lib/site.mjs';

const site = await startSite({ db: await testDatabase(), extraConf: 'ChatSendRate off\nChatRequestRate off' });
const { accounts, conversations } = site.people();
const idOf = (email) => accounts.find((a) => a.email === email).user_id;
const patient = idOf('patient@example.com');
const doctor = idOf('doctor@example.com');
const conv = conversations.find((c) => c.patient === patient && c.doctor === doctor).id;
const patientPhone = await site.phone('patient@example.com');
const doctorPhone = await site.phone('doctor@example.com');
const url = (what = '') => `/chat/conversation/${conv}${what}`;
const number = (text) => Number(site.sql(text).trim());

const rows = (n) => (site.dbFile
  ? `WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < ${n}) SELECT i FROM g`
  : `SELECT generate_series(1, ${n}) AS i`);
const fill = (n) => site.sql(`INSERT INTO messages
  (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
  SELECT ${doctor}, ${patient}, ${conv}, 'words ' || i, 'text', ${site.time()}, ${site.time()} FROM (${rows(n)}) AS g;`);
const unread = async () => (await patientPhone.get('/chat')).json.conversations.find((c) => c.id === conv).unread;
const unmarked = () => number(`SELECT count(*) FROM messages WHERE request_id = ${conv} AND to_user_id = ${patient} AND read_at IS NULL AND deleted_at IS NULL;`);
const due = () => number('SELECT count(*) FROM chat_read_due;');
const newest = () => number(`SELECT max(id) FROM messages WHERE request_id = ${conv};`);
const cursor = async () => (await doctorPhone.get('/chat/sync')).json.cursor;
const reads = async (since) => (await doctorPhone.get(`/chat/sync?limit=500&since=${since}`)).json.events
  .filter((e) => e.event === 'MessageRead').map((e) => e.data);

await patientPhone.post(url('/read'), {});
site.expectLog(/events of a long absence are left out/);

test('500 are marked at once and told by their ids', async () => {
  fill(500);
  const since = await cursor();
  assert.equal((await patientPhone.get(url())).status, 200);
  assert.deepEqual([unmarked(), due()], [0, 0]);
  const [told, ...more] = await reads(since);
  assert.deepEqual(more, []);
  assert.equal(told.message_ids.length, 500);
  assert.equal(told.older, undefined);
});

test('of more the newest are marked, and all of them are read', async () => {
  await site.stopPush();
  fill(3000);
  assert.equal(await unread(), 1000, 'or more');
  const since = await cursor();
  const shown = (await patientPhone.get(url())).json.messages.data.map((m) => m.id);
  assert.equal(await unread(), 0);
  assert.deepEqual([unmarked(), due()], [2500, 1]);
  assert.equal(number(`SELECT count(*) FROM messages WHERE id IN (${shown}) AND read_at IS NULL;`), 0);
  const [told, ...more] = await reads(since);
  assert.deepEqual(more, []);
  assert.deepEqual([told.older, told.message_ids.length, told.up_to], [true, 500, newest()]);
  // They are not unread to who opens it again, and a new one is.
  assert.equal((await patientPhone.post(url('/read'), {})).json.read, 0);
  fill(1);
  assert.equal(await unread(), 1);
  assert.equal((await patientPhone.post(url('/read'), {})).json.read, 1);
  assert.equal(await unread(), 0);
  assert.deepEqual((await reads(since))[1].message_ids, [newest()]);
});

test('a program that marks what is read already tells nobody', async () => {
  const since = await cursor();
  site.sql(`UPDATE messages SET read_at = ${site.time()} WHERE id = (SELECT min(id) FROM messages WHERE request_id = ${conv} AND to_user_id = ${patient} AND read_at IS NULL);`);
  assert.equal(unmarked(), 2499);
  assert.deepEqual(await reads(since), []);
});

test('chat-push marks the older ones, as of then, and tells nobody', async () => {
  const since = await cursor();
  const at = site.sql('SELECT read_at FROM chat_read_due;').trim();
  await site.startPush();
  await eventually(() => due() === 0, 'the instruction to be carried out');
  assert.equal(unmarked(), 0);
  assert.equal(number(`SELECT count(*) FROM messages WHERE request_id = ${conv} AND to_user_id = ${patient} AND read_at = '${at}';`) >= 2499, true);
  assert.deepEqual(await reads(since), []);
  assert.ok(await site.metric('readers_marked_total') >= 2499);
  assert.equal(await unread(), 0);
});

test('one that is killed on the way goes on where it was', async () => {
  fill(12000);
  await patientPhone.get(url());
  const begun = unmarked();
  await eventually(() => unmarked() < begun, 'the first part');
  await site.killPush();
  const left = unmarked();
  assert.equal(await unread(), 0);
  assert.equal(due(), left > 0 ? 1 : 0);
  await site.startPush();
  await eventually(() => due() === 0, 'the rest');
  assert.equal(unmarked(), 0);
});

test('who opens it twice while that goes on loses nothing', async () => {
  await site.stopPush();
  fill(1500);
  await patientPhone.get(url());
  fill(1500);
  assert.equal(await unread(), 1000, 'or more');
  const since = await cursor();
  await Promise.all([patientPhone.get(url()), patientPhone.post(url('/read'), {}), patientPhone.get(url())]);
  assert.equal(await unread(), 0);
  assert.deepEqual(new Set((await reads(since)).flatMap((d) => d.message_ids)).size, (await reads(since)).flatMap((d) => d.message_ids).length, 'no message is told twice');
  await site.startPush();
  await eventually(() => due() === 0, 'all of it');
  assert.equal(unmarked(), 0);
});

test('a conversation that is gone leaves no instruction behind', async () => {
  await site.stopPush();
  fill(600);
  await patientPhone.get(url());
  assert.equal(due(), 1);
  site.sql(`${site.dbFile ? 'PRAGMA foreign_keys = ON; ' : ''}DELETE FROM treatment_requests WHERE id = ${conv};`);
  await site.startPush();
  await eventually(() => due() === 0, 'it to go');
});
