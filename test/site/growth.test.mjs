// SPDX-License-Identifier: Apache-2.0
//
// What grows with the years stays within bounds: what is looked at when a long
// conversation is opened or listed, steps of receipts, files whose message is gone, and
// the log of a conversation that is emptied.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { eventually, startSite, testDatabase } from './lib/site.mjs';
import { pdf } from './lib/upload.mjs';

const site = await startSite({ db: await testDatabase(), extraConf: 'ChatSendRate off\nChatRequestRate off' });
const { accounts, conversations } = site.people();
const idOf = (email) => accounts.find((a) => a.email === email).user_id;
const patient = idOf('patient@example.com');
const doctor = idOf('doctor@example.com');
const conv = conversations.find((c) => c.patient === patient && c.doctor === doctor).id;
const guestAccount = accounts.find((a) => a.role === 'doctor' && a.user_id !== doctor);
const guest = guestAccount.user_id;
const patientPhone = await site.phone('patient@example.com');
const doctorPhone = await site.phone('doctor@example.com');
const guestPhone = await site.phone(guestAccount.email);
const url = (what = '') => `/chat/conversation/${conv}${what}`;
const number = (text) => Number(site.sql(text).trim());

const rows = (n) => (site.dbFile
  ? `WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < ${n}) SELECT i FROM g`
  : `SELECT generate_series(1, ${n}) AS i`);
/** So many messages of one to the other, read or not. */
const fill = (n, from, to, read = false) => site.sql(`INSERT INTO messages
  (from_user_id, to_user_id, request_id, body, type, created_at, updated_at, read_at)
  SELECT ${from}, ${to}, ${conv}, 'secret words ' || i, 'text', ${site.time()}, ${site.time()}, ${read ? site.time() : 'NULL'}
  FROM (${rows(n)}) AS g;`);
const newest = () => number(`SELECT max(id) FROM messages WHERE request_id = ${conv};`);
const unread = async (client) => (await client.get('/chat')).json.conversations.find((c) => c.id === conv).unread;
const read = async (client, body = {}) => (await client.post(url('/read'), body)).json.read;
const steps = (who, kind) => number(`SELECT count(*) FROM chat_receipts WHERE conversation_id = ${conv} AND user_id = ${who} AND kind = '${kind}';`);
const events = (name) => number(`SELECT count(*) FROM chat_events WHERE event = '${name}' AND conversation_id = ${conv};`);

test('unread is exact below 1,000 and 1,000 from there on', async () => {
  await read(patientPhone);
  fill(3, doctor, patient);
  assert.equal(await unread(patientPhone), 3);
  fill(996, doctor, patient);
  assert.equal(await unread(patientPhone), 999);
  fill(1, doctor, patient);
  assert.equal(await unread(patientPhone), 1000);
  fill(100, doctor, patient);
  assert.equal(await unread(patientPhone), 1000);
  assert.equal(await read(patientPhone), 1100, 'all of them are read');
  assert.equal(await unread(patientPhone), 0);
});

test('in a conversation of three as well, for whoever nothing is written to', async () => {
  site.sql(`INSERT INTO chat_conversation_members (conversation_id, user_id) VALUES (${conv}, ${guest});`);
  fill(5, doctor, patient);
  assert.equal(await unread(guestPhone), 5);
  assert.equal(await read(guestPhone), 5);
  fill(1200, doctor, patient);
  assert.equal(await unread(guestPhone), 1000);
  assert.equal(await read(guestPhone), 1200);
  assert.equal(await unread(guestPhone), 0);
  fill(2100, doctor, patient);
  assert.equal(await read(guestPhone), 2000, 'looked at are the newest');
  assert.equal(await unread(guestPhone), 0, 'read is all of it');
});

// PostgreSQL believes that messages of one conversation lie evenly among all others; the
// index of ids seems the shorter way to the newest of them then, and is the longest where
// they are old. How many entries of indexes were read tells, once all who read have gone:
// a connection tells it seconds later, or when it ends. chat-push reads for searches.
if (!site.dbFile) {
  test('a page of a short conversation beside a long one reads its own messages alone', async () => {
    const short = conversations.find((c) => c.patient === patient && c.id !== conv).id;
    const looked = async () => {
      await site.stopHttpd();
      await eventually(() => number("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid();") === 0, 'all have gone');
      return number("SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'messages';");
    };
    site.expectLog(/\d+ events of a long absence are left out/); // of the stopped chat-push
    await site.stopPush();
    fill(30000, doctor, patient, true);
    site.sql('ANALYZE messages;');
    const before = await looked();
    await site.startHttpd();
    const last = (await patientPhone.get(`/chat/conversation/${short}/messages?per_page=5`)).json;
    for (const query of ['page=1&per_page=5', `before=${newest()}&per_page=5`, 'after=0&per_page=5', 'page=2&per_page=2']) {
      const r = await patientPhone.get(`/chat/conversation/${short}/messages?${query}`);
      assert.equal(r.status, 200, query);
    }
    const browser = await site.browser('patient@example.com');
    assert.equal((await browser.get(`/chat/conversation/${short}/messages`)).status, 200);
    assert.equal((await browser.get('/chat')).status, 200);
    assert.ok(last.data.length > 0);
    const read = await looked() - before;
    // The list looks at 2,000 of the long one, and counts 1,000 that are unread.
    assert.ok(read > 5 && read < 5000, `${read} entries were read`);
    await site.startPush();
    await site.startHttpd();
  });
}

test('a walk that finds nothing is not made again', async () => {
  await read(patientPhone);
  fill(150, doctor, patient, true);
  fill(150, patient, doctor, true);
  const told = events('MessageRead');
  await read(patientPhone);
  assert.equal(steps(patient, 'looked'), 1);
  assert.equal(number(`SELECT up_to FROM chat_receipts WHERE user_id = ${patient} AND kind = 'looked';`), newest());
  const at = newest();
  fill(50, doctor, patient, true);
  await read(patientPhone);
  assert.equal(number(`SELECT up_to FROM chat_receipts WHERE user_id = ${patient} AND kind = 'looked';`), at, 'fifty more are not worth a row');
  fill(60, doctor, patient, true);
  await read(patientPhone);
  assert.equal(number(`SELECT up_to FROM chat_receipts WHERE user_id = ${patient} AND kind = 'looked';`), newest());
  assert.equal(steps(patient, 'looked'), 1, 'one row, whose place moves');
  assert.equal(events('MessageRead'), told, 'and nobody is told of it');
  fill(1, guest, doctor);
  assert.equal(await unread(patientPhone), 1, 'what is for others behind it counts');
  assert.equal(await read(patientPhone), 1);
  assert.equal(await unread(patientPhone), 0);
});

test('what is for others behind the newest 2,000 is told as read all the same', async () => {
  await read(patientPhone);
  fill(1, guest, doctor);
  const theirs = newest();
  fill(2100, doctor, patient, true);
  const told = events('MessageRead');
  await read(patientPhone);
  assert.equal(events('MessageRead'), told + 1);
  const { receipts } = (await guestPhone.get(url(`/message/${theirs}/receipts`))).json;
  assert.ok(receipts.find((r) => r.user.id === patient).read_at);
});

test('of steps the last 50 stay, and of older ones the last of each day', async () => {
  site.sql(`DELETE FROM chat_receipts WHERE user_id = ${guest};`);
  const from = newest();
  fill(200, doctor, patient, true);
  // Ten a day: the first twelve days are old when the last ones come.
  const day = (i) => `2026-01-${String(1 + Math.floor(i / 10)).padStart(2, '0')}`;
  site.sql(Array.from({ length: 200 }, (_, i) => `INSERT INTO chat_receipts (conversation_id, user_id, kind, up_to, at)
    VALUES (${conv}, ${guest}, 'delivered', ${from + 1 + i}, '${day(i)} 10:00:${String(10 + (i % 10))}');`).join('\n'));
  assert.equal(steps(guest, 'delivered'), 50 + 15);
  const delivered = async (id) => (await doctorPhone.get(url(`/message/${id}/receipts`))).json.receipts
    .find((r) => r.user.id === guest).delivered_at;
  assert.equal(await delivered(from + 1 + 170), '2026-01-18T10:00:10.000Z', 'of late ones exactly');
  assert.equal(await delivered(from + 1), '2026-01-01T10:00:19.000Z', 'of old ones by the day');
  assert.equal(await delivered(from + 1 + 9), '2026-01-01T10:00:19.000Z');
  assert.equal((await guestPhone.post(url('/delivered'), { up_to: newest() })).json.up_to, null, 'what was reported stays so');
});

test('a file whose message somebody removed is found by and by', async () => {
  const up = await patientPhone.post(url('/attachment'), pdf(500), { type: 'application/pdf' });
  const m = await patientPhone.post(url('/message'), { content: 'see', attachments: [up.json.attachment.id] });
  assert.equal(m.status, 201, m.text);
  site.sql(`DELETE FROM messages WHERE id = ${m.json.message.id};`);
  await site.stopHttpd();
  await site.startHttpd();
  await eventually(() => number(`SELECT count(*) FROM chat_attachments WHERE id = '${up.json.attachment.id}';`) === 0, 'the sweep');
  assert.equal(number(`SELECT coalesce(sum(bytes), 0) FROM chat_file_usage;`), 2 * number('SELECT coalesce(sum(size), 0) FROM chat_attachments;'));
});

test('emptying a conversation leaves no word of it in the log, nor where it is quoted', async () => {
  fill(4200, doctor, patient); // more than two parts of the log
  const last = newest();
  const answer = await patientPhone.post(url('/message'), { content: 'secret words too', reply_to: last });
  assert.equal(answer.status, 201, answer.text);
  const inLog = () => number(`SELECT count(*) FROM chat_events WHERE conversation_id = ${conv} AND ${site.dbFile ? 'payload' : 'payload::text'} LIKE '%secret words%';`);
  assert.ok(inLog() > 4200);
  const elsewhere = number(`SELECT count(*) FROM chat_events WHERE conversation_id <> ${conv} AND event = 'MessageSent';`);
  site.sql(`INSERT INTO chat_retention (status, days) VALUES ('*', 1);
    UPDATE treatment_requests SET updated_at = ${site.time(-90000)} WHERE id = ${conv};
    UPDATE treatment_requests SET updated_at = ${site.time()} WHERE id <> ${conv};`);
  const as = site.dbFile && site.user ? { uid: site.user.uid, gid: site.user.gid } : {};
  await promisify(execFile)(site.path('bin', 'chatctl'), ['purge', 'run', '--database', site.db, '--files', site.path('files')], as);
  assert.equal(inLog(), 0);
  assert.equal(number(`SELECT count(*) FROM messages WHERE request_id = ${conv} AND (body <> '' OR deleted_at IS NULL);`), 0);
  assert.equal(number(`SELECT count(*) FROM chat_events WHERE conversation_id <> ${conv} AND event = 'MessageSent';`), elsewhere);
  // And the mark that made the triggers leave it alone is gone.
  const m = await patientPhone.post(url('/message'), { content: 'another secret' });
  assert.equal((await patientPhone.request('DELETE', url(`/message/${m.json.message.id}`))).status, 200);
  assert.equal(number(`SELECT count(*) FROM chat_events WHERE conversation_id = ${conv} AND ${site.dbFile ? 'payload' : 'payload::text'} LIKE '%another secret%';`), 0);
});
