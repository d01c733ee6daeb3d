// SPDX-License-Identifier: Apache-2.0
//
// An existing Laravel database with mod_chat beside the application: with UUIDs and
// with integers as keys. The application is plain SQL here, with the columns its
// models fill; nothing of it may notice that the chat has come, or gone again.

import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { root } from '../../dev/site.mjs';
import { Client } from './lib/client.mjs';
import { laravelTables } from './lib/laravel.mjs';
import { startCluster } from './lib/postgres.mjs';
import { collect, connect, subscribed } from './lib/pusher.mjs';
import { literal, names, oneShape } from './lib/shape.mjs';
import { form } from './lib/upload.mjs';
import { eventually, startSite } from './lib/site.mjs';

const cluster = await startCluster();
const sqlFile = (name) => path.join(root, 'sql', name);
const adaptation = sqlFile('laravel.pgsql.sql');
const undo = sqlFile('laravel-undo.pgsql.sql');

/** Run psql. @return {{status, stdout, stderr}} */
function psql(db, args, input = '') {
  return spawnSync('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', ...args, db], { input, encoding: 'utf8' });
}
function sql(db, text) {
  const r = psql(db, [], text);
  assert.equal(r.status, 0, r.stderr);
  return r.stdout.trim();
}
/** The same beside others. */
const sqlMeanwhile = (db, ...texts) => promisify(execFile)('psql',
  ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', ...texts.flatMap((text) => ['-c', text]), db]);

/** Requests whose people are not those that the application's tables say. */
const STALE = `SELECT r.id FROM treatment_requests r
  WHERE (r.chat_patient_id, r.chat_doctor_id) IS DISTINCT FROM (
    (SELECT p.user_id FROM patients p WHERE p.id = r.patient_id AND p.deleted_at IS NULL),
    (SELECT d.user_id FROM treatment_request_doctors x JOIN doctors d ON d.id = x.doctor_id
     WHERE x.treatment_request_id = r.id AND x.status = 'accepted' AND d.deleted_at IS NULL
     ORDER BY x.responded_at, x.id LIMIT 1));`;

/** A dump without the line that is another one each time. */
const pgDump = (db, ...args) => execFileSync('pg_dump', [...args, db], { encoding: 'utf8' }).replace(/^\\(un)?restrict .*$/gm, '');
const schemaOf = (db) => pgDump(db, '-s');
/** Schema, and rows in no order: an UPDATE gives a row another place. */
const dump = (db) => [schemaOf(db), ...pgDump(db, '-a').split('\n').sort()].join('\n');
const run = (db, file) => {
  const r = psql(db, ['-f', file]);
  assert.equal(r.status, 0, r.stderr);
  return r.stderr;
};

/** Ids of a key's kind. Profiles and requests have others than their users. */
function ids(key) {
  const id = (n) => (key === 'uuid' ? `6f0c2a9e-0000-4000-8000-${String(n).padStart(12, '0')}` : n);
  return {
    user: (n) => id(n), patient: (n) => id(100 + n), doctor: (n) => id(200 + n), talk: (n) => id(300 + n), plan: (n) => id(400 + n),
  };
}

const now = "now() AT TIME ZONE 'UTC'";
const digest = (text) => createHash('sha256').update(text).digest('hex');
/** Users: 1 and 3 patients, 2 and 6 doctors, 4 suspended, 5 admin, 7 a patient whose profile is deleted. */
const people = { 1: 'patient', 2: 'doctor', 3: 'patient', 4: 'patient', 5: 'admin', 6: 'doctor', 7: 'patient' };

/** What the application has before the chat comes. */
function rows(key) {
  const { user, patient, doctor, talk } = ids(key);
  const line = [];
  for (const [n, role] of Object.entries(people)) {
    const status = n === '4' ? 'suspended' : n === '1' ? 'active' : 'pending';
    line.push(`INSERT INTO users (id, name, email, password, role, status, created_at, updated_at)
      VALUES ('${user(+n)}', 'Person ${n}', 'P${n}@example.com', '$2y$10$x', '${role}', '${status}', ${now}, ${now});`);
    if (role === 'patient') {
      line.push(`INSERT INTO patients (id, user_id, date_of_birth, gender, deleted_at)
        VALUES ('${patient(+n)}', '${user(+n)}', '1990-01-01', 'other', ${n === '7' ? now : 'NULL'});`);
    }
    if (role === 'doctor') {
      line.push(`INSERT INTO doctors (id, user_id, license_number, specialty) VALUES ('${doctor(+n)}', '${user(+n)}', 'L${n}', 'general');`);
    }
  }
  // 1: with its doctor. 2: waits for one. 3: two accepted, the second one first. 4: deleted. 5: the patient's profile is.
  for (const [n, who] of [[1, 1], [2, 3], [3, 1], [4, 1], [5, 7]]) {
    line.push(`INSERT INTO treatment_requests (id, patient_id, title, description, urgency, status, created_at, updated_at, deleted_at)
      VALUES ('${talk(n)}', '${patient(who)}', 'Talk ${n}', 'It hurts', 'low', 'accepted', '2026-01-01', '2026-01-0${n}', ${n === 4 ? now : 'NULL'});`);
  }
  for (const [talkNr, who, order, status, at] of [[1, 6, 1, 'declined', 1], [1, 2, 2, 'accepted', 2], [2, 2, 1, 'pending', 0],
    [3, 2, 1, 'accepted', 9], [3, 6, 2, 'accepted', 5], [5, 2, 1, 'accepted', 1]]) {
    line.push(`INSERT INTO treatment_request_doctors (treatment_request_id, doctor_id, dispatch_order, dispatch_score, status, responded_at)
      VALUES ('${talk(talkNr)}', '${doctor(who)}', ${order}, 1, '${status}', ${at ? `'2026-01-01 10:00:0${at}'` : 'NULL'});`);
  }
  for (const [talkNr, body, gone] of [[1, 'first', false], [1, 'taken back', true], [1, 'second', false], [4, 'of old', false]]) {
    line.push(`INSERT INTO messages (from_user_id, to_user_id, request_id, body, created_at, updated_at, deleted_at)
      VALUES ('${user(1)}', '${user(2)}', '${talk(talkNr)}', '${body}', '2026-01-02', '2026-01-02', ${gone ? now : 'NULL'});`);
  }
  line.push(`INSERT INTO messages (from_user_id, to_user_id, body) VALUES ('${user(1)}', '${user(3)}', 'about nothing');`);
  return line.join('\n');
}

function application(key, options) {
  const db = cluster.create();
  sql(db, laravelTables(key, options));
  sql(db, rows(key));
  return db;
}

/** Sanctum's row. @return the plain token */
function token(db, key, n) {
  const plain = `plain-text-of-${n}`;
  sql(db, `INSERT INTO personal_access_tokens (tokenable_type, tokenable_id, name, token, abilities)
    VALUES ('App\\Models\\User', '${ids(key).user(n)}', 'phone', '${digest(plain)}', '["*"]');`);
  return plain;
}

const sortedKeys = (o) => Object.fromEntries(Object.entries(o).sort().map(([k, v]) =>
  [k, v && typeof v === 'object' && !Array.isArray(v) ? sortedKeys(v) : Array.isArray(v) ? 'list' : typeof v]));

// All sites run before the first test: the file's end undoes what was made until then.
const sites = {};
for (const key of ['uuid', 'bigint']) {
  const db = application(key);
  run(db, adaptation);
  sites[key] = await startSite({ db, sample: false, extraConf: 'ChatSendRate off', pushEnv: { CHAT_PUSH_PLANS_EVERY_SECONDS: '1' } });
}

// --- with a site -------------------------------------------------------------------------

for (const key of ['uuid', 'bigint']) {
  const { user, patient, doctor, talk, plan } = ids(key);
  const site = sites[key];
  const { db } = site;
  const phones = Object.fromEntries(Object.keys(people).map((n) => [n, new Client(site.url, { token: token(db, key, +n) })]));
  const url = (n, what = '') => `/chat/conversation/${talk(n)}${what}`;
  /** The application's own INSERT. */
  const write = (from, to, body, n = 1) => sql(db, `INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, updated_at, created_at)
    VALUES ('${user(from)}', '${user(to)}', '${talk(n)}', '${body}', 'text', ${now}, ${now}) RETURNING id;`);
  const count = (n) => Number(sql(db, `SELECT message_count FROM treatment_requests WHERE id = '${talk(n)}';`));
  /** The newest event of the log. */
  const newest = () => JSON.parse(sql(db, `SELECT json_build_object('event', event, 'channels', channels, 'data', payload)
    FROM chat_events ORDER BY id DESC LIMIT 1;`));
  const events = () => Number(sql(db, 'SELECT count(*) FROM chat_events;'));

  test(`${key}: the stand-alone tables were not made there`, () => {
    assert.equal(sql(db, "SELECT count(*) FROM information_schema.columns WHERE table_name = 'treatment_requests' AND column_name = 'doctor_id';"), '0');
    assert.equal(sql(db, 'SELECT max(version) FROM chat_schema;'), '4');
  });

  test(`${key}: what was there before is counted and shown`, async () => {
    assert.equal(count(1), 2);
    const list = (await phones[1].get('/chat')).json;
    assert.deepEqual(list.conversations.map((c) => c.id), [talk(3), talk(1)], 'newest first, the deleted one is not there');
    const first = list.conversations[1];
    assert.deepEqual(first.members.map((m) => m.id).sort(), [user(1), user(2)].sort());
    assert.equal(first.other.id, user(2));
    assert.equal(first.last_message.content, 'second');
    const page = (await phones[2].get(url(1, '/messages'))).json;
    assert.equal(page.total, 2);
    assert.deepEqual(page.data.map((m) => [m.content, m.user_id, m.consultation_id]), [['second', user(1), talk(1)], ['first', user(1), talk(1)]]);
    const shown = (await phones[2].get(url(1))).json;
    assert.equal(shown.consultation.id, talk(1));
  });

  test(`${key}: strangers, the suspended, other doctors and ids of another kind get nothing`, async () => {
    for (const n of [3, 6, 7]) {
      assert.equal((await phones[n].get(url(1))).status, 404, `user ${n}`);
      assert.equal((await phones[n].post(url(1, '/message'), { content: 'x' })).status, 404, `user ${n}`);
    }
    assert.equal((await phones[4].get('/chat')).status, 401);
    assert.equal((await phones[5].get(url(1))).status, 200, 'staff may');
    assert.equal((await phones[2].get(url(2))).status, 404, 'dispatched, not accepted');
    assert.equal((await phones[2].get(url(5))).status, 200, 'the patient is gone, the doctor stays');
    assert.equal((await phones[1].get(url(4))).status, 404, 'deleted');
    for (const id of ['abc', key === 'uuid' ? '301' : ids('uuid').talk(1), '1e3', '99999999999999999999', key === 'uuid' ? String(talk(1)).toUpperCase() : '0301']) {
      assert.equal((await phones[1].get(`/chat/conversation/${id}`)).status, 404, id);
      assert.equal((await phones[1].post(`/chat/conversation/${id}/message`, { content: 'x' })).status, 404, id);
    }
  });

  test(`${key}: the application's rows are heard like ours, key for key`, async () => {
    const pusher = connect(site, phones[2]);
    const byUser = collect(await subscribed(pusher, `private-user.${user(2)}`), 'MessageSent');
    const byTalk = collect(await subscribed(pusher, `private-conversation.${talk(1)}`), 'MessageSent');
    const since = (await phones[2].get('/chat/sync')).json.cursor;
    const before = count(1);
    const id = Number(write(1, 2, 'from the application'));
    await eventually(() => byUser.length === 1 && byTalk.length === 1, 'the application\'s row');
    assert.deepEqual(byUser[0], byTalk[0]);
    const { message } = byUser[0];
    assert.match(message.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual({ ...message, created_at: 0 }, {
      id, content: 'from the application', type: 'text', client_id: null, user_id: user(1), consultation_id: talk(1),
      created_at: 0, read_at: null, user: { id: user(1), name: 'Person 1', role: 'patient' },
      edited_at: null, deleted_at: null, reply_to: null, reactions: [], attachments: [], plan: null,
    });
    assert.deepEqual(byUser[0].consultation, { id: talk(1), status: 'accepted' });
    const sent = await phones[1].post(url(1, '/message'), { content: 'from mod_chat', client_id: 'c-1' });
    assert.equal(sent.status, 201, sent.text);
    const again = await phones[1].post(url(1, '/message'), { content: 'from mod_chat', client_id: 'c-1' });
    assert.equal(again.json.message.id, sent.json.message.id, 'a retry finds its row');
    await eventually(() => byUser.length === 2 && byTalk.length === 2, 'our row');
    const noString = (e) => ({ ...e, message: { ...e.message, client_id: null } });
    assert.deepEqual(sortedKeys(noString(byUser[1])), sortedKeys(noString(byUser[0])));
    assert.deepEqual(sent.json.message, byUser[1].message);
    const { json } = await phones[2].get(`/chat/sync?since=${encodeURIComponent(since)}`);
    assert.deepEqual(json.events.map((e) => [e.event, e.channel, e.data.message.content]), [
      ['MessageSent', `private-conversation.${talk(1)}`, 'from the application'],
      ['MessageSent', `private-conversation.${talk(1)}`, 'from mod_chat']]);
    assert.equal(count(1), before + 2);
    assert.deepEqual([...newest().channels].sort(),
      [`private-conversation.${talk(1)}`, `private-user.${user(1)}`, `private-user.${user(2)}`].sort());
    assert.equal(sql(db, `SELECT to_user_id FROM messages WHERE body = 'from mod_chat';`), String(user(2)));
    pusher.disconnect();
  });

  test(`${key}: staff who writes is heard by both, each once`, async () => {
    const r = await phones[5].post(url(1, '/message'), { content: 'from the desk' });
    assert.equal(r.status, 201, r.text);
    assert.deepEqual([...newest().channels].sort(), [`private-conversation.${talk(1)}`,
      ...[1, 2, 5].map((n) => `private-user.${user(n)}`)].sort());
    for (const query of ['?per_page=1', `?before=${r.json.message.id + 1}`]) {
      const [message] = (await phones[1].get(url(1, `/messages${query}`))).json.data;
      assert.deepEqual(message, r.json.message, 'a page knows who is none of the two');
    }
  });

  test(`${key}: an insert that leaves out all it may is complete`, () => {
    const before = events();
    sql(db, `INSERT INTO messages (from_user_id, to_user_id, request_id, body) VALUES ('${user(2)}', '${user(1)}', '${talk(1)}', 'bare');
      INSERT INTO messages (from_user_id, to_user_id, body) VALUES ('${user(2)}', '${user(1)}', 'about nothing');`);
    assert.equal(events(), before + 1);
    assert.match(newest().data.message.created_at, /Z$/);
  });

  test(`${key}: a message is found by its members, before and after it is indexed`, async () => {
    const id = write(1, 2, 'found by العيادة only');
    const finds = async (who, path) => (await phones[who].get(path)).json.data.map((f) => f.message.content);
    const check = async () => {
      for (const path of [`/chat/search?q=${encodeURIComponent('عياده')}`, url(1, '/search?q=found')]) {
        assert.deepEqual(await finds(2, path), ['found by العيادة only']);
      }
      assert.deepEqual(await finds(3, '/chat/search?q=found'), []);
    };
    await check();
    const pad = () => sql(db, `INSERT INTO messages (from_user_id, to_user_id, request_id, body)
      SELECT '${user(1)}', '${user(2)}', '${talk(1)}', 'padding' FROM generate_series(1, 600);`);
    pad();
    await eventually(() => sql(db, 'SELECT low = 0 AND high >= (SELECT max(id) FROM messages) FROM chat_search_state;').trim() === 't', 'indexed');
    await check();
    sql(db, "DELETE FROM messages WHERE body = 'padding';");
    assert.ok(id !== 0);
  });

  test(`${key}: reading is told, by the application and by us`, async () => {
    const pusher = connect(site, phones[1]);
    const heard = collect(await subscribed(pusher, `private-conversation.${talk(1)}`), 'MessageRead');
    sql(db, `UPDATE messages SET read_at = ${now} WHERE to_user_id = '${user(2)}' AND request_id = '${talk(1)}' AND read_at IS NULL AND deleted_at IS NULL;`);
    await eventually(() => heard.length === 1, 'MessageRead');
    assert.deepEqual(heard[0].user, { id: user(2), name: 'Person 2', role: 'doctor' });
    assert.deepEqual([heard[0].consultation_id, heard[0].user_id], [talk(1), user(2)]);
    assert.ok(heard[0].message_ids.length >= 2 && heard[0].message_ids.every(Number.isInteger));
    // What staff wrote to the patient is the doctor's to read as well.
    const { unread } = (await phones[2].get('/chat')).json.conversations.find((c) => c.id === talk(1));
    write(1, 2, 'read me');
    const read = await phones[2].post(url(1, '/read'), {});
    assert.equal(read.json.read, 1 + unread, read.text);
    await eventually(() => heard.length === 2 + (unread > 0), 'MessageRead of ours');
    const ours = heard.findLast((h) => h.message_ids?.length > 0);
    assert.notEqual(ours, heard[0]);
    assert.deepEqual(sortedKeys(ours), sortedKeys(heard[0]));
    pusher.disconnect();
  });

  test(`${key}: files are uploaded, sent and fetched`, async () => {
    const bytes = Buffer.from('words of a letter');
    const { body, type } = form([{ name: 'content', value: 'with a file' }, { name: 'client_id', value: 'file-1' }, { name: 'files[]', file: 'a.txt', bytes }]);
    const sent = await phones[1].post(url(1, '/message'), body, { type });
    assert.equal(sent.status, 201, sent.text);
    const again = await phones[1].post(url(1, '/message'), body, { type });
    assert.deepEqual(again.json, sent.json);
    const [a] = sent.json.message.attachments;
    assert.equal((await phones[2].get(`/chat/attachment/${a.id}`)).text, String(bytes));
    assert.equal((await phones[5].get(`/chat/attachment/${a.id}`)).status, 200, 'staff');
    assert.equal((await phones[2].get(url(1, '/attachments'))).json.data[0].id, a.id);
    const link = await phones[2].post(`/chat/attachment/${a.id}/link`, {});
    assert.equal(await (await fetch(link.json.url, { headers: { Connection: 'close' } })).text(), String(bytes));
    const early = await phones[2].post(url(1, '/attachment'), bytes, { type: 'text/plain' });
    assert.equal(early.status, 201, early.text);
    assert.equal((await phones[2].request('DELETE', `/chat/attachment/${early.json.attachment.id}`)).status, 200);
    assert.equal(sql(db, 'SELECT sum(bytes) FROM chat_file_usage;'), String(2 * bytes.length));
  });

  test(`${key}: a message is the same object wherever it is shown`, async (t) => {
    const rename = ([first, second]) => sql(db, `UPDATE users SET name = ${literal(first)} WHERE id = '${user(1)}';
      UPDATE users SET name = ${literal(second)} WHERE id = '${user(2)}';`);
    t.after(() => rename(['Person 1', 'Person 2']));
    rename(names);
    const foreign = await oneShape({
      site,
      writers: [phones[1]],
      reader: phones[2],
      readers: [phones[5]],
      talk: talk(1),
      channel: `private-user.${user(2)}`,
      row: (body, created, read) => `INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, read_at, updated_at, created_at)
        VALUES ('${user(1)}', '${user(2)}', '${talk(1)}', ${body}, 'text', ${read}, ${created}, ${created});`,
      times: ["'2026-01-02 03:04:05'", "'2026-01-02 03:04:05.678'", "'2026-01-02T03:04:05Z'", "'infinity'", now, 'NULL'],
      before: ["SET datestyle = 'SQL, DMY';"],
    });
    assert.ok(foreign.some((m) => m.created_at === '2026-01-02T03:04:06.000Z'), 'the column holds whole seconds');
    assert.ok(foreign.every((m) => m.user.name === names[0] && m.user.id === user(1)));
  });

  test(`${key}: a plan's way from submitted to decided is told`, async () => {
    const pusher = connect(site, phones[1]);
    const own = await subscribed(pusher, `private-user.${user(1)}`);
    const submitted = collect(own, 'PlanSubmitted');
    const before = events();
    const add = (n, status) => sql(db, `INSERT INTO treatment_plans (id, treatment_request_id, doctor_id, title, description, diagnosis,
        total_cost, currency, estimated_duration_days, number_of_visits, status, created_at, updated_at)
      VALUES ('${plan(n)}', '${talk(1)}', '${doctor(2)}', 'Crown', 'One crown', 'Caries', 1234.5, 'JOD', 14, 2, '${status}', ${now}, ${now});`);
    const set = (n, what) => sql(db, `UPDATE treatment_plans SET ${what} WHERE id = '${plan(n)}';`);
    add(1, 'draft');
    assert.equal(events(), before);
    set(1, "status = 'submitted'");
    await eventually(() => submitted.length === 1, 'PlanSubmitted');
    const { submitted_at: at, created_at: made, updated_at: changed, ...told } = submitted[0].plan;
    assert.deepEqual(told, {
      id: plan(1), title: 'Crown', status: 'submitted', description: 'One crown', price_cents: 123450, currency: 'JOD',
      duration_days: 14, doctor_id: user(2), consultation_id: talk(1), reason: null, valid_days: null, expires_at: null,
      decided_at: null, must_acknowledge: false, acknowledged_at: null,
    });
    assert.ok(at && made && changed, 'and its times');
    assert.deepEqual(submitted[0].consultation, { id: talk(1), status: 'accepted' });
    set(1, "status = 'accepted'");
    assert.equal(newest().event, 'PlanAccepted');
    assert.equal(sql(db, `SELECT string_agg(plan_status || ' ' || (from_user_id = '${user(2)}'), ', ' ORDER BY id)
      FROM messages WHERE plan_id = '${plan(1)}';`), 'submitted true, accepted false', 'its cards');
    assert.deepEqual(newest().channels, [`private-conversation.${talk(1)}`, `private-user.${user(2)}`]);
    add(2, 'submitted');
    set(2, "status = 'rejected'");
    assert.equal(newest().event, 'PlanRejected');
    set(1, "status = 'expired', cancelled_at = '2026-01-01'");
    assert.equal(newest().event, 'PlanCancelled');
    const told2 = events();
    set(1, "notes = 'gone'");
    set(2, "status = 'rejected', notes = 'no'");
    assert.equal(events(), told2, 'the rest is no event');
    add(3, 'submitted');
    set(3, "expires_at = '2026-01-01'");
    await eventually(() => newest().event === 'PlanExpired', 'chat-push marks it');
    assert.equal(sql(db, `SELECT status FROM treatment_plans WHERE id = '${plan(3)}';`), 'expired');
    // Two accepted ones, with and without the application's own index.
    sql(db, 'DROP INDEX IF EXISTS unique_accepted_plan_per_request;');
    add(4, 'submitted');
    add(5, 'submitted');
    set(4, "status = 'accepted'");
    assert.match(psql(db, ['-c', `UPDATE treatment_plans SET status = 'accepted' WHERE id = '${plan(5)}'`]).stderr, /another plan of this consultation is accepted/);
    sql(db, 'DELETE FROM treatment_plans;');
    pusher.disconnect();
  });

  test(`${key}: plans through the chat are the application's rows`, async () => {
    const offer = { title: 'Bridge', description: 'A bridge', price_cents: 99950, currency: 'JOD', duration_days: 20, valid_days: 2, status: 'submitted' };
    const r = await phones[2].post(url(1, '/plan'), { ...offer, client_id: 'a' });
    assert.equal(r.status, 201, r.text);
    assert.equal((await phones[2].post(url(1, '/plan'), { ...offer, client_id: 'a' })).json.plan.id, r.json.plan.id);
    const of = (what) => `/chat/plan/${r.json.plan.id}${what}`;
    assert.equal(r.json.plan.doctor_id, user(2));
    assert.equal(sql(db, `SELECT total_cost, currency, estimated_duration_days, status, doctor_id, diagnosis FROM treatment_plans WHERE id = '${r.json.plan.id}';`),
      `999.50|JOD|20|submitted|${doctor(2)}|`);
    assert.equal((await phones[1].post(url(1, '/plan'), offer)).status, 403);
    assert.equal((await phones[1].get(url(1, '/plans'))).json.data.length, 1);
    assert.equal((await phones[2].post(of('/accept'), {})).status, 403);
    // The application's CHECK knows no 'cancelled'.
    assert.equal((await phones[2].post(of('/cancel'), { reason: 'wrong' })).json.plan.status, 'cancelled');
    assert.match(sql(db, `SELECT status, cancelled_at FROM treatment_plans WHERE id = '${r.json.plan.id}';`), /^expired\|20/);
    assert.equal((await phones[2].post(of('/cancel'), {})).status, 200);
    assert.equal((await phones[1].post(of('/accept'), {})).status, 409);
    const { json } = await phones[2].post(url(1, '/plan'), { title: 'Draft', currency: 'JOD' });
    const changed = await phones[2].request('PATCH', `/chat/plan/${json.plan.id}`, { body: { price_cents: 5, duration_days: 2 } });
    assert.deepEqual([changed.json.plan.price_cents, changed.json.plan.duration_days, changed.json.plan.status], [5, 2, 'draft']);
    assert.equal((await phones[2].post(`/chat/plan/${json.plan.id}/submit`, {})).json.plan.status, 'submitted');
    assert.equal((await phones[1].post(`/chat/plan/${json.plan.id}/accept`, {})).json.plan.status, 'accepted');
    assert.equal(newest().event, 'PlanAccepted');
    // An application whose messages know kinds, and not this one.
    sql(db, `DELETE FROM treatment_plans; ALTER TABLE messages ADD CONSTRAINT kinds CHECK (type IN ('text', 'image')) NOT VALID;`);
    const quiet = await phones[2].post(url(1, '/plan'), offer);
    assert.equal(quiet.status, 201, quiet.text);
    assert.equal(newest().event, 'PlanSubmitted');
    assert.equal(sql(db, `SELECT count(*) FROM messages WHERE plan_id = '${quiet.json.plan.id}';`), '0');
    sql(db, 'ALTER TABLE messages DROP CONSTRAINT kinds; DELETE FROM treatment_plans;');
  });

  test(`${key}: a status that changes is told, anything else is not`, async () => {
    const pusher = connect(site, phones[2]);
    const heard = collect(await subscribed(pusher, `private-user.${user(2)}`), 'ConversationUpdated');
    sql(db, `UPDATE treatment_requests SET notes = 'n', status = 'accepted', updated_at = ${now} WHERE id = '${talk(1)}';
      UPDATE treatment_requests SET status = 'in_progress', updated_at = ${now} WHERE id = '${talk(1)}';`);
    await eventually(() => heard.length === 1, 'ConversationUpdated');
    assert.deepEqual(heard[0].consultation, { id: talk(1), status: 'in_progress', title: 'Talk 1' });
    pusher.disconnect();
  });

  test(`${key}: a log-in that ends at infinity is one that does not end`, async () => {
    const mine = `token = '${digest('plain-text-of-1')}'`;
    const ends = (at) => sql(db, `UPDATE personal_access_tokens SET expires_at = ${at} WHERE ${mine};`);
    const until = () => JSON.parse(sql(db, "SELECT payload->'until' FROM chat_events WHERE event = 'chat:session' ORDER BY id DESC LIMIT 1;"));
    ends("'infinity'");
    assert.equal(until(), null);
    assert.equal((await phones[1].get('/chat/me')).status, 200);
    const pusher = connect(site, phones[1]);
    await subscribed(pusher, `private-user.${user(1)}`);
    pusher.disconnect();
    sql(db, `UPDATE users SET status = 'suspended' WHERE id = '${user(1)}';`);
    assert.equal(until(), 0);
    sql(db, `UPDATE users SET status = 'active' WHERE id = '${user(1)}';`);
    assert.equal(until(), null);
    ends("'-infinity'");
    assert.equal(until(), 0);
    assert.equal((await phones[1].get('/chat/me')).status, 401);
    ends('NULL');
    assert.equal((await phones[1].get('/chat/me')).status, 200);
  });

  test(`${key}: what the application deletes softly is gone, and comes back right`, async () => {
    const n = count(1);
    const id = write(1, 2, 'a slip');
    sql(db, `UPDATE messages SET deleted_at = ${now}, updated_at = ${now} WHERE id = ${id};`);
    assert.equal(count(1), n + 1, 'a mark stays');
    const [mark] = (await phones[1].get(url(1, '/messages'))).json.data;
    assert.deepEqual([mark.id, mark.content, mark.deleted_at !== null], [Number(id), '', true]);
    assert.deepEqual([newest().event, newest().data.message], ['MessageDeleted', mark]);
    sql(db, `UPDATE treatment_requests SET deleted_at = ${now} WHERE id = '${talk(1)}';`);
    assert.equal((await phones[1].get(url(1))).status, 404);
    assert.equal((await phones[1].post(url(1, '/message'), { content: 'x' })).status, 404);
    const told = events();
    write(1, 2, 'into the deleted');
    assert.equal(events(), told);
    sql(db, `UPDATE treatment_requests SET deleted_at = NULL WHERE id = '${talk(1)}';`);
    assert.equal((await phones[1].get(url(1, '/messages'))).json.total, n + 2);
    sql(db, `DELETE FROM messages WHERE body = 'into the deleted';`);
    assert.equal(count(1), n + 1);
  });

  test(`${key}: of two doctors that accepted, the first one chats`, async () => {
    assert.equal(sql(db, `SELECT count(*) || ' ' || min(doctor_id::text) FROM chat_conversations WHERE id = '${talk(3)}';`), `1 ${user(6)}`);
    assert.equal((await phones[6].get(url(3))).status, 200);
    assert.equal((await phones[2].get(url(3))).status, 404);
    assert.equal((await phones[1].post(url(3, '/message'), { content: 'once' })).status, 201);
    assert.equal(sql(db, "SELECT count(*) FROM messages WHERE body = 'once';"), '1');
    sql(db, `UPDATE doctors SET deleted_at = ${now} WHERE id = '${doctor(6)}';`);
    assert.equal((await phones[6].get(url(3))).status, 404, 'a profile that is deleted is no member');
    assert.equal((await phones[2].get(url(3))).status, 200, 'the next one is the doctor');
    sql(db, `UPDATE doctors SET deleted_at = NULL WHERE id = '${doctor(6)}';`);
  });

  test(`${key}: a doctor who accepts is a member from then on`, async () => {
    assert.equal((await phones[2].get(url(2))).status, 404);
    sql(db, `UPDATE treatment_request_doctors SET status = 'accepted', responded_at = ${now}
      WHERE treatment_request_id = '${talk(2)}' AND doctor_id = '${doctor(2)}';`);
    assert.equal((await phones[2].get(url(2))).status, 200);
    assert.equal((await phones[3].post(url(2, '/message'), { content: 'hello' })).status, 201);
    assert.ok(newest().channels.includes(`private-user.${user(2)}`));
  });

  test(`${key}: a doctor who is the patient too is one member`, () => {
    sql(db, `INSERT INTO doctors (id, user_id, license_number, specialty) VALUES ('${doctor(3)}', '${user(3)}', 'L3', 'general');
      INSERT INTO treatment_requests (id, patient_id, title, description, urgency) VALUES ('${talk(9)}', '${patient(3)}', 'Self', '', 'low');
      INSERT INTO treatment_request_doctors (treatment_request_id, doctor_id, dispatch_order, dispatch_score, status) VALUES ('${talk(9)}', '${doctor(3)}', 1, 1, 'accepted');`);
    assert.equal(sql(db, `SELECT count(*) FROM chat_members WHERE conversation_id = '${talk(9)}';`), '1');
  });

  test(`${key}: who is in a conversation follows every table that says so`, () => {
    const dispatch = (talkNr, nr, status, more = '') => `UPDATE treatment_request_doctors SET status = '${status}'${more}
      WHERE treatment_request_id = '${talk(talkNr)}' AND doctor_id = '${doctor(nr)}';`;
    const late = (n) => `, responded_at = ${now} + interval '${n} hours'`;
    const people = (nr) => sql(db, `SELECT concat_ws(' ', patient_id, doctor_id) FROM chat_conversations WHERE id = '${talk(nr)}';`);
    const are = (nr, ...users) => {
      assert.equal(people(nr), users.map(user).join(' '));
      assert.equal(sql(db, STALE), '', 'all of them');
    };
    sql(db, `INSERT INTO treatment_requests (id, patient_id, title, description, urgency) VALUES ('${talk(8)}', '${patient(1)}', 'New', '', 'low');`);
    are(8, 1);
    sql(db, `INSERT INTO treatment_request_doctors (treatment_request_id, doctor_id, dispatch_order, dispatch_score, status)
      VALUES ('${talk(8)}', '${doctor(2)}', 1, 1, 'pending'), ('${talk(8)}', '${doctor(6)}', 2, 1, 'pending');`);
    are(8, 1);
    sql(db, dispatch(8, 2, 'accepted', late(2)));
    are(8, 1, 2);
    sql(db, dispatch(8, 6, 'accepted', late(1)));
    are(8, 1, 6);
    sql(db, dispatch(8, 6, 'accepted', late(3)));
    are(8, 1, 2);
    sql(db, dispatch(8, 2, 'declined'));
    are(8, 1, 6);
    sql(db, `UPDATE doctors SET user_id = '${user(5)}' WHERE id = '${doctor(6)}';`);
    are(8, 1, 5);
    sql(db, `UPDATE doctors SET user_id = '${user(6)}' WHERE id = '${doctor(6)}'; UPDATE treatment_requests SET patient_id = '${patient(3)}' WHERE id = '${talk(8)}';`);
    are(8, 3, 6);
    sql(db, `UPDATE patients SET deleted_at = ${now} WHERE id = '${patient(3)}';`);
    are(8, 6);
    sql(db, `UPDATE patients SET deleted_at = NULL WHERE id = '${patient(3)}';
      UPDATE treatment_request_doctors SET treatment_request_id = '${talk(9)}' WHERE treatment_request_id = '${talk(8)}' AND doctor_id = '${doctor(6)}';`);
    are(8, 3);
    sql(db, `DELETE FROM treatment_request_doctors WHERE treatment_request_id = '${talk(9)}' AND doctor_id = '${doctor(6)}';`);
    are(8, 3);
    assert.equal(sql(db, `BEGIN; TRUNCATE treatment_request_doctors; ${STALE} SELECT count(doctor_id) FROM chat_conversations; ROLLBACK;`), '0');
    // Written while the triggers were off, as a restore of data does: the script again.
    sql(db, `SET session_replication_role = replica; ${dispatch(8, 2, 'accepted')}
      UPDATE treatment_requests SET patient_id = '${patient(1)}' WHERE id = '${talk(8)}';`);
    assert.notEqual(sql(db, STALE), '');
    run(db, adaptation);
    are(8, 1, 2);
    sql(db, `DELETE FROM treatment_requests WHERE id = '${talk(8)}';`);
  });

  test(`${key}: the application's later migrations go on`, async () => {
    sql(db, `ALTER TABLE messages ADD COLUMN reactions json, DROP COLUMN attachment_path;
      ALTER TABLE messages ALTER COLUMN attachments_json TYPE jsonb USING attachments_json::jsonb;
      ALTER TABLE treatment_requests ADD COLUMN budget integer, DROP COLUMN photos;
      ALTER TABLE treatment_requests ALTER COLUMN notes TYPE varchar(500);
      ALTER TABLE treatment_plans ADD COLUMN approved_by varchar(255), DROP COLUMN services;
      ALTER TABLE treatment_plans ALTER COLUMN total_cost TYPE numeric(12, 2);
      ALTER TABLE users ADD COLUMN phone_verified_at timestamp(0), DROP COLUMN fcm_tokens;
      ALTER TABLE doctors ADD COLUMN is_promoted boolean NOT NULL DEFAULT false;
      ALTER TABLE treatment_request_doctors DROP COLUMN decline_reason;`);
    const before = events();
    write(2, 1, 'after the migrations');
    const sent = await phones[2].post(url(1, '/message'), { content: 'ours after them' });
    assert.equal(sent.status, 201, sent.text);
    assert.equal(events(), before + 2);
    assert.equal((await phones[1].get(url(1))).status, 200);
    assert.equal((await phones[1].post(url(1, '/read'), {})).status, 200);
    // A column that a view names: the views go and come back with the script.
    assert.match(psql(db, ['-c', 'ALTER TABLE users ALTER COLUMN name TYPE varchar(300)']).stderr, /used by a view/);
    const change = psql(db, ['-c', 'BEGIN', '-c', 'DROP VIEW chat_users, chat_conversations, chat_members, chat_counters CASCADE',
      '-c', 'ALTER TABLE users ALTER COLUMN name TYPE varchar(300)', '-f', adaptation]);
    assert.equal(change.status, 0, change.stderr);
    assert.equal((await phones[2].post(url(1, '/message'), { content: 'with longer names' })).status, 201);
    assert.equal(events(), before + 3 + 1, 'MessageRead was one');
  });

  test(`${key}: audit, hold, export, erase, purge on the application's tables`, async () => {
    const chatctl = (...args) => {
      const r = spawnSync(site.path('bin', 'chatctl'), [...args, '--database', db], { encoding: 'utf8' });
      assert.equal(r.status, 0, `${args.join(' ')}: ${r.stderr}${r.stdout}`);
      return r.stdout;
    };
    assert.equal((await phones[1].get(url(1, '/messages'))).status, 200);
    await eventually(() => sql(db, `SELECT count(*) FROM chat_audit WHERE action = 'messages.read' AND status = '200'
      AND user_id = '${user(1)}' AND conversation_id = '${talk(1)}';`) !== '0', 'the entry');
    chatctl('audit', 'verify');
    // As the document has it, by PostgreSQL alone.
    assert.equal(sql(db, `SELECT count(*) FROM (SELECT *, coalesce(lag(hash) OVER (ORDER BY seq), (SELECT purged_hash FROM chat_audit_head)) AS previous
      FROM chat_audit) AS a WHERE hash <> encode(sha256(convert_to(concat_ws(E'\\t', previous, seq, at, user_id, via, action,
      conversation_id, object, address, agent, status, request_id), 'UTF8')), 'hex');`), '0');
    const offered = `${plan(90)}`;
    sql(db, `INSERT INTO treatment_plans (id, treatment_request_id, doctor_id, title, description, diagnosis, total_cost, currency, estimated_duration_days, number_of_visits, status, reason, created_at)
      VALUES ('${offered}', '${talk(1)}', '${doctor(2)}', 'exported title', 'exported words', '', 12.5, 'USD', 3, 2, 'rejected', 'exported reason', ${now});
      UPDATE treatment_requests SET title = 'exported subject' WHERE id = '${talk(1)}';`);
    const planWords = () => sql(db, `SELECT concat_ws('|', title, description, reason, status, total_cost) FROM treatment_plans WHERE id = '${offered}';`);
    const lines = chatctl('export', '--user', String(user(1)), '--out', '-').trim().split('\n').map((l) => JSON.parse(l));
    const of = (kind) => lines.filter((l) => l.kind === kind).map((l) => l.data);
    assert.deepEqual(of('conversations').map((c) => c.id).sort(), [talk(1), talk(3)].sort());
    assert.ok(of('messages').some((m) => m.content === 'first') && !of('messages').some((m) => m.content === 'taken back'));
    assert.ok(of('direct').length > 0 && of('direct').every((m) => m.content === 'about nothing'));
    const [exported] = of('plans').filter((p) => String(p.id) === offered);
    assert.deepEqual([exported.title, exported.description, exported.reason, exported.status, exported.price_cents, exported.conversation_id],
      ['exported title', 'exported words', 'exported reason', 'rejected', 1250, talk(1)]);
    chatctl('hold', 'add', '--conversation', String(talk(3)), '--why', 'an order');
    assert.equal(spawnSync(site.path('bin', 'chatctl'), ['erase', '--user', String(user(1)), '--database', db]).status, 1);
    chatctl('hold', 'release', '--conversation', String(talk(3)));
    chatctl('erase', '--user', 'P1@example.com', '--files', site.path('files'));
    assert.equal(sql(db, `SELECT count(*) FROM messages WHERE from_user_id = '${user(1)}' AND (body <> '' OR deleted_at IS NULL);`), '0');
    assert.match(sql(db, `SELECT name || ' ' || email FROM users WHERE id = '${user(1)}';`), /^Erased person erased-[\w-]+@erased\.invalid$/);
    assert.equal((await phones[1].get('/chat')).status, 401);
    assert.equal(planWords(), 'exported title|exported words|rejected|12.50', 'the reason was the patient\'s');
    assert.equal(sql(db, `SELECT title FROM treatment_requests WHERE id = '${talk(1)}';`), '');
    chatctl('purge', 'set', '*', '1');
    write(2, 3, 'old words', 2);
    sql(db, `UPDATE treatment_requests SET updated_at = '2020-01-01';`);
    assert.ok(JSON.parse(chatctl('purge', 'run', '--files', site.path('files'), '--json')).messages > 0);
    assert.equal(sql(db, `SELECT count(*) FROM messages m JOIN treatment_requests r ON r.id = m.request_id
      WHERE r.deleted_at IS NULL AND (m.body <> '' OR m.deleted_at IS NULL);`), '0');
    assert.equal(planWords(), '||rejected|12.50');
    chatctl('audit', 'verify');
  });
}

// --- another site's tables -----------------------------------------------------------------

test('the worked example chats', async () => {
  const command = "sed -n '/^-- >>> shared/,/^-- <<< shared/p' schema.pgsql.sql |\n" +
    "    sed '/^-- >>> shared/r /dev/stdin' example.views.pgsql.sql |\n" +
    '    psql -1 -v ON_ERROR_STOP=1 "$URL"';
  assert.ok(fs.readFileSync(sqlFile('README.md'), 'utf8').includes(command), 'README.md shows how it is run');
  const db = cluster.create();
  for (let i = 0; i < 2; i++) {
    execFileSync('sh', ['-c', command], { cwd: path.join(root, 'sql'), env: { ...process.env, URL: db }, stdio: 'pipe' });
  }
  sql(db, `INSERT INTO accounts (full_name, mail, pw_hash, kind) VALUES ('Cora', 'c@x', '', 'customer'), ('Omar', 'o@x', '', 'agent'), ('Ada', 'a@x', '', 'agent'), ('Eve', 'e@x', '', 'customer');
    INSERT INTO tickets (subject, state, customer, owner, opened_at) VALUES ('It is broken', 'open', 1, 2, ${now});
    INSERT INTO ticket_agents VALUES (1, 2), (1, 3);
    INSERT INTO personal_access_tokens (tokenable_type, tokenable_id, name, token)
    SELECT 'App\\Models\\User', id, 'x', encode(sha256((left(mail, 1) || '-token')::bytea), 'hex') FROM accounts;`);
  const site = await startSite({ db, sample: false });
  const [cora, omar, ada, eve] = ['c', 'o', 'a', 'e'].map((n) => new Client(site.url, { token: `${n}-token` }));
  assert.equal((await eve.get('/chat/conversation/1')).status, 404);
  const pusher = connect(site, ada);
  const own = await subscribed(pusher, 'private-user.3');
  const [sent, moved] = [collect(own, 'MessageSent'), collect(own, 'ConversationUpdated')];
  assert.equal((await cora.post('/chat/conversation/1/message', { content: 'Help' })).status, 201);
  sql(db, "INSERT INTO messages (from_user_id, to_user_id, request_id, body) VALUES (2, 1, 1, 'Coming'); UPDATE tickets SET state = 'solved';");
  await eventually(() => sent.length === 2 && moved.length === 1, 'what the third agent hears');
  assert.deepEqual(sent.map((e) => e.message.content), ['Help', 'Coming']);
  assert.deepEqual(moved[0].consultation, { id: 1, status: 'solved', title: 'It is broken' });
  const { json } = await omar.get('/chat/conversation/1/messages');
  assert.equal(json.total, 2);
  pusher.disconnect();
});

// --- the scripts, without a site ---------------------------------------------------------

for (const key of ['uuid', 'bigint']) {
  test(`${key}: the script may run twice and by any door, and its undo leaves no trace`, () => {
    const db = application(key, { tokens: key === 'uuid' });
    const before = dump(db);
    assert.match(run(db, adaptation), /1 treatment requests have several doctors that accepted/);
    sql(db, `UPDATE treatment_requests SET message_count = 7 WHERE id = '${ids(key).talk(2)}';`);
    const once = dump(db);
    const adapted = schemaOf(db);
    // As one query: without comments at its top level, because an argument has 128 kB at most.
    const query = fs.readFileSync(adaptation, 'utf8').replace(/^--.*\n/gm, '');
    for (const again of [['-f', adaptation], ['-f', '-'], ['-c', query]]) {
      const r = psql(db, again, fs.readFileSync(adaptation, 'utf8'));
      assert.equal(r.status, 0, r.stderr);
      assert.equal(dump(db), once, 'nothing changed, counters neither');
    }
    run(db, undo);
    assert.equal(dump(db), before);
    assert.match(run(db, undo), /nothing to undo/);
    assert.equal(dump(db), before);
    run(db, adaptation);
    assert.equal(schemaOf(db), adapted, 'and it can come back');
  });

  test(`${key}: only the columns that README.md names are held`, () => {
    const db = application(key);
    run(db, adaptation);
    const held = sql(db, `SELECT c.relname || '.' || string_agg(DISTINCT a.attname, ' ' ORDER BY a.attname)
      FROM pg_depend d JOIN pg_class c ON c.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
      WHERE d.classid IN ('pg_rewrite'::regclass, 'pg_trigger'::regclass) AND c.relkind = 'r'
      GROUP BY c.relname ORDER BY 1;`);
    assert.deepEqual(held.split('\n'), [
      'chat_attachments.state',
      'chat_conversation_members.conversation_id role user_id',
      'chat_sessions.expires_at token_hash user_id',
      'doctors.deleted_at id user_id',
      'messages.body deleted_at detailed request_id',
      'patients.deleted_at id user_id',
      'personal_access_tokens.expires_at token tokenable_id tokenable_type',
      'treatment_request_doctors.doctor_id id responded_at status treatment_request_id',
      'treatment_requests.chat_doctor_id chat_patient_id created_at deleted_at id message_count patient_id status title updated_at',
      'users.deleted_at email id locale name password role status']);
  });

  test(`${key}: what is missing is said, and nothing is changed`, () => {
    for (const [change, lacks] of [
      ['DROP TABLE treatment_request_doctors;', /it lacks the table treatment_request_doctors\b/],
      ['ALTER TABLE messages DROP COLUMN read_at; ALTER TABLE users DROP COLUMN email;', /it lacks the column users\.email, the column messages\.read_at\b/],
      ['ALTER TABLE treatment_requests ADD COLUMN message_count integer;', /treatment_requests\.message_count, which the application has for itself/],
      ['ALTER TABLE messages ALTER COLUMN created_at TYPE timestamptz;', /messages\.created_at is timestamp/],
      ['ALTER TABLE personal_access_tokens DROP COLUMN expires_at;', /it lacks the column personal_access_tokens\.expires_at\b/],
      ['ALTER TABLE personal_access_tokens ALTER COLUMN expires_at TYPE timestamptz;', /in UTC, only: personal_access_tokens\.expires_at is timestamp/],
      ['ALTER TABLE personal_access_tokens ALTER COLUMN tokenable_id TYPE varchar(36);', /personal_access_tokens\.tokenable_id is character varying/],
    ]) {
      const db = application(key);
      sql(db, change);
      const before = schemaOf(db);
      const r = psql(db, ['-f', adaptation]);
      assert.notEqual(r.status, 0);
      assert.match(r.stderr, lacks);
      assert.equal(schemaOf(db), before);
    }
  });

  test(`${key}: an application with fewer columns and no plans will do`, () => {
    const db = cluster.create();
    const { user, talk } = ids(key);
    sql(db, laravelTables(key, { plans: false, tokens: false }));
    sql(db, rows(key));
    sql(db, `ALTER TABLE users DROP COLUMN status, DROP COLUMN locale, DROP COLUMN deleted_at;
      ALTER TABLE patients DROP COLUMN deleted_at; ALTER TABLE treatment_request_doctors DROP COLUMN responded_at;
      ALTER TABLE messages DROP COLUMN type, DROP COLUMN attachment_path, DROP COLUMN deleted_at;
      ALTER TABLE treatment_requests DROP COLUMN deleted_at;`);
    const before = schemaOf(db);
    assert.match(run(db, adaptation), /plans will raise no events/);
    assert.equal(sql(db, 'SELECT count(*) FROM chat_users WHERE active;'), '7');
    assert.equal(sql(db, `SELECT message_count FROM chat_conversations WHERE id = '${talk(1)}';`), '3');
    sql(db, `INSERT INTO messages (from_user_id, to_user_id, request_id, body) VALUES ('${user(1)}', '${user(2)}', '${talk(1)}', 'x');`);
    assert.equal(sql(db, "SELECT payload #>> '{message,type}' FROM chat_events;"), 'text');
    run(db, undo);
    assert.equal(schemaOf(db), before);
  });

  test(`${key}: a message without recipient or times is not refused`, () => {
    const db = application(key);
    const { user, talk } = ids(key);
    sql(db, 'ALTER TABLE messages ALTER COLUMN to_user_id DROP NOT NULL;');
    run(db, adaptation);
    sql(db, `INSERT INTO messages (from_user_id, request_id, body) VALUES ('${user(5)}', '${talk(1)}', 'to all');
      UPDATE messages SET read_at = ${now} WHERE body = 'to all';`);
    assert.deepEqual(JSON.parse(sql(db, "SELECT channels FROM chat_events WHERE event = 'MessageSent';")).sort(),
      [`private-conversation.${talk(1)}`, ...[1, 2, 5].map((n) => `private-user.${user(n)}`)].sort());
  });

  test(`${key}: who is in a conversation is right after many at once`, async () => {
    // Each does what an application does, all of them on the same few rows.
    const { user, patient, doctor, talk } = ids(key);
    const db = application(key);
    run(db, adaptation);
    const oneOf = (...list) => `(ARRAY['${list.join("', '")}']::${key}[])[1 + floor(random() * ${list.length})]`;
    const maybe = `CASE WHEN random() < 0.5 THEN now() END`;
    const work = {
      accept: `UPDATE treatment_request_doctors SET status = 'accepted', responded_at = now() - random() * interval '9 days'
        WHERE treatment_request_id = t AND doctor_id = d;`,
      decline: `UPDATE treatment_request_doctors SET status = 'declined' WHERE treatment_request_id = t AND doctor_id = d;`,
      doctor: `UPDATE doctors SET deleted_at = ${maybe} WHERE id = d;`,
      write: `INSERT INTO messages (from_user_id, to_user_id, request_id, body) VALUES ('${user(1)}', '${user(2)}', t, 'chaos');`,
      patient: `UPDATE patients SET deleted_at = ${maybe} WHERE id = '${patient(3)}';`,
      move: `UPDATE treatment_requests SET patient_id = ${oneOf(patient(1), patient(3))} WHERE id = t;`,
    };
    const chaos = (rounds, end, names) => `DO $$ DECLARE
        t ${key}; d ${key};
      BEGIN
        FOR i IN 1..${rounds} LOOP
          t := ${oneOf(talk(1), talk(2), talk(3))};
          d := ${oneOf(doctor(2), doctor(6))};
          BEGIN
            CASE floor(random() * ${names.length})::int
              ${names.map((name, i) => `WHEN ${i} THEN ${work[name]}`).join('\n')}
            END CASE;
          ${end}
          END;
          COMMIT;
        END LOOP;
      END $$;`;
    const others = Object.keys(work).filter((name) => !['patient', 'move'].includes(name));
    for (const [rounds, end, names] of [
      // Nobody waits for another in a circle,
      [300, '', [...others, 'patient']],
      [300, '', [...others, 'move']],
      // but a request may move back to a patient who is changed at that moment.
      [60, 'EXCEPTION WHEN deadlock_detected THEN', Object.keys(work)],
    ]) {
      await Promise.all([0.1, 0.2, 0.3, 0.4].map((seed) => sqlMeanwhile(db, `SELECT setseed(${seed});`, chaos(rounds, end, names))));
      assert.equal(sql(db, STALE), '', names.join());
    }
  });

  test(`${key}: a request is written whole while its patient is being changed`, async () => {
    // An application may name all columns in its UPDATE: the request has its row's
    // lock then, and must not want the patient's.
    const { patient, talk } = ids(key);
    const db = application(key);
    run(db, adaptation);
    const waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database();";
    const holder = spawn('psql', ['-X', '-q', '-A', '-t', db], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => holder.once('exit', resolve));
    try {
      holder.stdin.write(`BEGIN; UPDATE treatment_requests SET notes = 'first' WHERE id = '${talk(1)}'; SELECT 'held';\n`);
      await new Promise((resolve) => holder.stdout.once('data', resolve));
      // Has the patient, and waits for the first of its requests, which are 1, 3 and 4.
      const change = sqlMeanwhile(db, `UPDATE patients SET deleted_at = now() WHERE id = '${patient(1)}';`);
      await eventually(() => sql(db, waiting) === '1', 'it waits');
      await sqlMeanwhile(db, "SET lock_timeout = '5s';", `UPDATE treatment_requests SET patient_id = patient_id, notes = 'whole' WHERE id = '${talk(3)}';`);
      holder.stdin.end('COMMIT;\n');
      await ended;
      await change;
    } finally {
      holder.kill();
    }
    assert.equal(sql(db, STALE), '');
    assert.equal(sql(db, `SELECT notes FROM treatment_requests WHERE id IN ('${talk(1)}', '${talk(3)}') ORDER BY id;`), 'first\nwhole');
    assert.equal(sql(db, `SELECT count(*) FROM treatment_requests WHERE patient_id = '${patient(1)}' AND chat_patient_id IS NULL;`), '3');
  });

  test(`${key}: who is in a conversation is found by indexes`, () => {
    const db = application(key);
    const many = key === 'uuid' ? (prefix) => `md5('${prefix}' || n)::uuid` : (prefix) => `n + ${{ u: 1e6, p: 2e6, d: 3e6, r: 4e6 }[prefix]}`;
    sql(db, `INSERT INTO users (id, name, email, password, role) SELECT ${many('u')}, 'n' || n, 'm' || n, '', 'patient' FROM generate_series(1, 4000) n;
      INSERT INTO patients (id, user_id, date_of_birth, gender) SELECT ${many('p')}, ${many('u')}, '1990-01-01', 'other' FROM generate_series(1, 3000) n;
      INSERT INTO doctors (id, user_id, license_number, specialty) SELECT ${many('d')}, ${many('u')}, 'M' || n, '' FROM generate_series(3001, 4000) n;
      INSERT INTO treatment_requests (id, patient_id, title, description, urgency) SELECT ${many('r')}, ${many('p')}, 't', 't', 'low' FROM generate_series(1, 3000) n;
      INSERT INTO treatment_request_doctors (treatment_request_id, doctor_id, dispatch_order, dispatch_score, status)
      SELECT ${many('r')}, doctor, 1, 1, 'accepted' FROM generate_series(1, 3000) n, LATERAL (SELECT ${many('d')} AS doctor FROM (SELECT 3001 + n % 1000 AS n) AS x) AS d;`);
    run(db, adaptation);
    sql(db, `INSERT INTO chat_conversation_members (conversation_id, user_id) SELECT ${many('r')}, ${many('u')} FROM generate_series(1, 2000) n;`);
    const id = ids(key).talk(1);
    const plans = sql(db, `ANALYZE; SET plan_cache_mode = force_generic_plan;
      PREPARE a (${key}) AS SELECT * FROM chat_conversations c WHERE c.id = $1;
      PREPARE b (${key}) AS SELECT 1 FROM chat_members WHERE conversation_id = $1 AND user_id = $1;
      PREPARE c (${key}) AS SELECT conversation_id FROM chat_members WHERE user_id = $1;
      PREPARE d (${key}) AS SELECT user_id FROM chat_members WHERE conversation_id = $1;
      PREPARE e (text) AS SELECT id FROM chat_users WHERE lower(email) = lower($1);
      ${['a', 'b', 'c', 'd'].map((q) => `EXPLAIN EXECUTE ${q} ('${id}');`).join('')} EXPLAIN EXECUTE e ('x');`);
    assert.doesNotMatch(plans, /Seq Scan/);
    assert.equal(plans.match(/Index (Only )?Scan|Bitmap Index/g).length > 7, true);
  });
}
