// SPDX-License-Identifier: Apache-2.0
//
// A disk without room, and a database that may only be read. Who writes gets a 503
// that says so and when to come back, and nothing of it is stored; who reads does
// not notice; and when there is room again everything goes on by itself.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { cleanup } from './lib/cleanup.mjs';
import { Client } from './lib/client.mjs';
import { disksOf } from './lib/disk.mjs';
import { startCluster } from './lib/postgres.mjs';
import { collect, connect, subscribed } from './lib/pusher.mjs';
import { engine, eventually, sleep, startSite, testDir } from './lib/site.mjs';

const Disk = disksOf(import.meta.url);
const pgsql = engine === 'pgsql';

// SQLite's files, or PostgreSQL's tables: its own log has room, because without that
// a server stops altogether. And chat-push's state file.
const dir = testDir('full');
fs.chmodSync(dir, 0o755);
cleanup(() => fs.rmSync(dir, { recursive: true }));
const state = new Disk(path.join(dir, 'state'), 1);
let disk = pgsql ? new Disk(path.join(dir, 'tables'), 40) : null;
const cluster = pgsql ? await startCluster(disk.env) : null;
const site = await startSite({
  db: pgsql ? cluster.create(path.join(dir, 'tables')) : 'sqlite',
  extraConf: 'ChatSendRate off\nChatLoginRate off',
  pushEnv: state.env,
  before: (s) => {
    fs.chmodSync(s.dir, 0o755);
    disk ??= new Disk(s.path('db'), 8);
    s.o.httpdEnv = disk.env;
    s.o.pushConf = { database: { url: s.db, wake: s.path('run', 'wake.sock'), state: path.join(dir, 'state', 'relay') } };
  },
});
// Threads that look after files and plans say so, too.
site.expectLog(/chat:warn\] .*(asking again about uploaded files|sending messages whose files are clean|removing files that are nobody's|telling the database what ChatTokenType and ChatForeignRehash say): /);
site.expectLog(/(plans: cannot see what is due|search: cannot index messages|readers: cannot mark messages read), trying again: /);
cleanup(() => site.stop()); // before its disk goes
const conv = site.people().conversations[0];
const url = (part) => `/chat/conversation/${conv.id}${part}`;
const patient = await site.phone('patient@example.com');
const doctor = await site.phone('doctor@example.com');
const browser = await site.browser('doctor@example.com');

let n = 0;
const draft = (bytes) => ({ content: bytes ? randomBytes(bytes / 2).toString('hex') : 'short', client_id: `full.${++n}` });
const post = (message) => patient.post(url('/message'), message);
const isLogged = (line) => assert.ok(line.test(fs.readFileSync(site.path('logs', 'error.log'), 'utf8')), `the log says ${line}`);

const isRefused = (r) => {
  assert.equal(r.status, 503, r.text);
  assert.match(r.headers.get('content-type'), /^application\/json/);
  assert.equal(typeof r.json.error, 'string');
  assert.ok(Number(r.headers.get('retry-after')) >= 1);
};

/** Everything that only reads. */
async function readsGoOn() {
  for (const who of [doctor, browser]) {
    for (const at of ['/chat', '/chat/me', '/chat/sync', url(''), url('/messages')]) {
      const r = await who.get(at);
      assert.equal(r.status, 200, `${at}: ${r.text}`);
    }
  }
  assert.equal((await browser.get('/chat', { accept: 'text/html' })).status, 200);
  assert.equal((await new Client(site.url).get('/chat/login', { accept: 'text/html' })).status, 200);
}

/** What is stored of ours: each message with its one event, and none beside those
 *  that were answered with 201. */
function storedIs(answered) {
  const client = pgsql ? "payload #>> '{message,client_id}'" : "json_extract(payload, '$.message.client_id')";
  const lines = (sql) => site.sql(sql).trim().split('\n').filter(Boolean);
  const wanted = answered.map((m) => m.client_id).sort();
  assert.deepEqual(lines("SELECT client_id FROM messages WHERE client_id LIKE 'full.%';").sort(), wanted);
  assert.deepEqual(lines(`SELECT ${client} FROM chat_events WHERE event = 'MessageSent' AND ${client} LIKE 'full.%';`).sort(), wanted);
  if (!pgsql) {
    assert.equal(site.sql('PRAGMA integrity_check;').trim(), 'ok');
  }
}

/** As if nobody had been here for an hour: the next request wants to note it. */
const longAgo = () => site.sql(`UPDATE chat_sessions SET last_seen_at = ${site.time(-3600)};
  UPDATE personal_access_tokens SET last_used_at = ${site.time(-3600)};`);

/** What the doctor's page hears from now on. */
async function listen(t) {
  const pusher = connect(site, doctor, { direct: true });
  t.after(() => pusher.disconnect());
  return collect(await subscribed(pusher, 'private-user.2'), 'MessageSent');
}

const answered = []; // of all tests: with 201

/** Write until it is refused. @return the messages that were */
async function writeUntilRefused(most) {
  for (let i = 0; i < most; i++) {
    const message = draft(1900);
    const r = await post(message);
    if (r.status !== 201) {
      isRefused(r);
      return [message];
    }
    answered.push(message);
  }
  return assert.fail(`${most} messages found room`);
}

test('a full disk refuses what is written, shows what there is, and is forgotten when there is room', async (t) => {
  const seen = await listen(t);
  const before = answered.length;
  site.expectLog(/chat:error\] .*(storing a (message|token)|marking .*read|starting a session): the database cannot be written to: /);
  longAgo();
  disk.fill();
  const refused = await writeUntilRefused(3000);
  for (let i = 0; i < 5; i++) {
    const message = draft(i % 2 ? 0 : 1900);
    const r = await post(message);
    if (r.status === 201) { // a corner that was left
      answered.push(message);
    } else {
      isRefused(r);
      refused.push(message);
    }
  }
  await readsGoOn();
  const read = await doctor.post(url('/read'), {});
  if (read.status !== 200) {
    isRefused(read);
  }
  const login = await browser.post('/chat/login', { email: 'doctor@example.com', password: 'password' });
  if (login.status !== 200) {
    isRefused(login);
  } else {
    browser.csrf = login.json.csrf_token;
  }
  storedIs(answered);
  isLogged(pgsql ? /storing a message: the database cannot be written to: \w+: could not extend file/
    : /storing a message: the database cannot be written to: \w+: database or disk is full/);

  disk.free();
  for (const message of refused) { // at once, and as often as it was tried before
    assert.equal((await post(message)).status, 201);
    answered.push(message);
  }
  assert.equal((await doctor.post(url('/read'), {})).status, 200);
  storedIs(answered);
  const wanted = answered.slice(before).map((m) => m.client_id);
  await eventually(() => seen.length >= wanted.length, 'every message');
  assert.deepEqual(seen.map((e) => e.message.client_id).sort(), wanted.sort(), 'each once, and nothing that was refused');
});

// PostgreSQL's clients have no files.
pgsql || test('started on a full disk, both programs say why they cannot work, and do when there is room', async (t) => {
  site.expectLog(/chat:error\] .*looking up who is asking: .*\(No space left on device\)/);
  site.expectLog(/cannot read the event log, trying again: .*\(No space left on device\)/);
  await site.stopPush();
  await site.stopHttpd();
  assert.ok(!fs.existsSync(`${site.dbFile}-shm`), 'who ends last takes it away');
  disk.fill();
  await site.startPush();
  await site.startHttpd();
  isRefused(await doctor.get('/chat/me'));
  assert.equal((await new Client(site.url).get('/chat/login', { accept: 'text/html' })).status, 200);
  isLogged(/looking up who is asking: .*\(No space left on device\)/);
  disk.free();
  await readsGoOn();
  const seen = await listen(t);
  const message = draft(0);
  assert.equal((await post(message)).status, 201);
  answered.push(message);
  await eventually(() => seen.some((e) => e.message.client_id === message.client_id), 'the message');
});

/** All sessions of a database, until their processes are gone. */
async function sessionsEnd(name) {
  const pids = cluster.psql(`SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`)
    .trim().split('\n').map((line) => parseInt(line, 10));
  await eventually(() => pids.every((pid) => !fs.existsSync(`/proc/${pid}`)), 'the end of all sessions');
}

test('a database that may only be read is read, and is written to again as soon as that is allowed', async (t) => {
  const seen = await listen(t);
  site.expectLog(/chat:error\] .*(storing a (message|token)|marking .*read|starting a session): the database cannot be written to: .*read-?only/);
  longAgo();
  const name = pgsql && new URL(site.db).pathname.slice(1);
  if (pgsql) {
    cluster.psql(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    site.expectLog(/cannot read the event log, trying again: .*terminating connection/);
    await sessionsEnd(name);
  } else {
    fs.chmodSync(site.dbFile, 0o444);
    await site.stopHttpd(); // who has the file open may write
    await site.startHttpd();
  }
  const refused = [draft(0), draft(1900)];
  for (const message of refused) {
    isRefused(await post(message));
  }
  await readsGoOn();
  isRefused(await browser.post('/chat/login', { email: 'doctor@example.com', password: 'password' }));
  isRefused(await doctor.post('/chat/token', { email: 'doctor@example.com', password: 'password', device_name: 'x' }));
  isLogged(pgsql ? /storing a message: .*cannot execute \w+ in a read-only transaction/
    : /storing a message: .*attempt to write a readonly database/);

  if (pgsql) {
    cluster.psql(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
  } else {
    fs.chmodSync(site.dbFile, 0o644);
  }
  for (const message of refused) {
    assert.equal((await post(message)).status, 201);
    answered.push(message);
  }
  storedIs(answered);
  await eventually(() => refused.every((m) => seen.some((e) => e.message.client_id === m.client_id)), 'both messages');
});

pgsql && test('a standby is read, and is written to once it is promoted', async (t) => {
  site.expectLog(/chat:error\] .*: the database cannot be (written to|reached): /);
  site.expectLog(/cannot read the event log, trying again: /);
  const seen = await listen(t);
  const signal = path.join(cluster.dir, 'data', 'standby.signal');
  await cluster.stop();
  fs.writeFileSync(signal, '');
  if (cluster.user) {
    fs.chownSync(signal, cluster.user.uid, cluster.user.gid);
  }
  await cluster.start();
  const message = draft(0);
  isRefused(await post(message));
  for (const at of ['/chat', '/chat/me', url(''), url('/messages')]) {
    assert.equal((await doctor.get(at)).status, 200, at);
  }
  isRefused(await doctor.get('/chat/sync')); // a cursor rests on a transaction's number
  cluster.psql('SELECT pg_promote()');
  assert.equal((await post(message)).status, 201);
  answered.push(message);
  await readsGoOn();
  storedIs(answered);
  await eventually(() => seen.some((e) => e.message.client_id === message.client_id), 'the message');
});

test('chat-push delivers though it cannot write down how far it is', async (t) => {
  const file = path.join(dir, 'state', 'relay');
  const said = () => fs.readFileSync(site.path('logs', 'chat-push.log'), 'utf8').match(/cannot write .*relay.*/g) || [];
  site.expectLog(/warning.*cannot write .*relay: No space left on device/);
  await site.stopPush();
  fs.rmSync(file);
  state.fill();
  await site.startPush();
  const seen = await listen(t);
  for (let i = 1; i <= 3; i++) {
    const message = draft(0);
    assert.equal((await post(message)).status, 201);
    answered.push(message);
    await eventually(() => seen.length === i, 'the message');
    await sleep(300); // its place is written, or is not
  }
  assert.equal(said().length, 1, said().join('\n'));
  assert.equal(fs.readFileSync(file, 'utf8'), '');

  state.free();
  const message = draft(0);
  assert.equal((await post(message)).status, 201);
  const last = () => Number(site.sql('SELECT max(id) FROM chat_events;'));
  await eventually(() => fs.readFileSync(file, 'utf8').split(/ +/)[1] === String(last()).padStart(19, '0'), 'its place');
  assert.match(fs.readFileSync(file, 'utf8'), /^[0-9a-f]+ +\d{19} \d{19} \d{10}\n$/);
  assert.equal(said().length, 1);
});
