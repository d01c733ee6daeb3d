// SPDX-License-Identifier: Apache-2.0
//
// Connections to the database are few, and nobody waits for one without end: not
// behind writers that another program's lock holds up, and not behind passwords
// that are being checked.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { Client } from './lib/client.mjs';
import { cleanup } from './lib/cleanup.mjs';
import { eventually, startSite } from './lib/site.mjs';

const BUSY = 3000; // ms, as below
const BOUND = 30000; // ms; two waits and a slow machine are less

const limits = (pool, wait = '200ms') => ({
  extraConf: `ChatSendRate off\nChatLoginRate off\nChatDatabasePool ${pool}\nChatDatabaseWait ${wait}\nChatDatabaseBusy ${BUSY}ms`,
});

/** Another program that has a row (SQLite: the database) locked until it is told. */
async function locker(site, talk) {
  const [shell, args] = site.dbFile ? ['sqlite3', [site.dbFile]] : ['psql', ['-X', '-q', '-A', '-t', site.db]];
  const child = spawn(shell, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(site.dbFile && site.user && { uid: site.user.uid, gid: site.user.gid }),
  });
  cleanup(() => child.kill());
  let said = '';
  child.stdout.on('data', (d) => { said += d; });
  child.stdin.write(site.dbFile ? 'BEGIN IMMEDIATE;\n'
    : `BEGIN; UPDATE treatment_requests SET status = status WHERE id = ${talk};\n`);
  child.stdin.write("SELECT 'locked';\n");
  await eventually(() => said.includes('locked'), 'the lock');
  return () => new Promise((done) => {
    child.once('exit', done);
    child.stdin.end('ROLLBACK;\n');
  });
}

/** Their first use is written down, so that for a minute their requests only read. */
const inUse = (...clients) => Promise.all(clients.map((c) => c.get('/chat/me')));

const isRefused = (r) => {
  assert.equal(r.status, 503, r.text);
  assert.ok(Number(r.headers.get('retry-after')) >= 1);
  assert.equal(typeof r.json.error, 'string');
};

test('while another program holds a lock, writers get 503 in bounded time and readers do not notice', async () => {
  const site = await startSite(limits(2));
  const [talk] = site.people().conversations;
  const patient = await site.phone('patient@example.com');
  const doctor = await site.phone('doctor@example.com');
  const unused = (await new Client(site.url).post('/chat/token',
    { email: 'doctor@example.com', password: 'password', device_name: 'unused' })).json.token;
  site.expectLog(/(storing a message|telling the database what ChatTokenType and ChatForeignRehash say): the database stayed busy for too long: /);
  await inUse(patient, doctor);
  const unlock = await locker(site, talk.id);
  // Its first use cannot be written down now, and that keeps it from nothing.
  const fresh = new Client(site.url, { token: unused });
  const early = Date.now();
  assert.equal((await fresh.get('/chat')).status, 200);
  assert.ok(Date.now() - early < BUSY, `a read waited ${Date.now() - early} ms to say that its token is used`);
  const begun = Date.now();
  const posts = Promise.all(Array.from({ length: 12 }, (_, i) =>
    patient.post(`/chat/conversation/${talk.id}/message`, { content: 'held up', client_id: `pool.${i}` })));
  let over = false;
  posts.then(() => { over = true; });
  let reads = 0;
  while (!over) {
    for (const at of ['/chat', '/chat/sync', `/chat/conversation/${talk.id}/messages`]) {
      const r = await doctor.get(at);
      assert.equal(r.status, 200, `${at}: ${r.text}`);
      reads++;
    }
  }
  (await posts).forEach(isRefused);
  const took = Date.now() - begun;
  assert.ok(took >= BUSY, `they waited for the lock: ${took} ms`);
  assert.ok(took < BOUND, `${took} ms`);
  assert.ok(reads >= 3);
  await unlock();
  const r = await patient.post(`/chat/conversation/${talk.id}/message`, { content: 'held up', client_id: 'pool.0' });
  assert.equal(r.status, 201, r.text);
  assert.equal(site.sql("SELECT count(*) FROM messages WHERE client_id LIKE 'pool.%';").trim(), '1');
});

test('with one connection whose user is held up, who cannot have it is told so in bounded time', async () => {
  const site = await startSite(limits(1));
  const [talk] = site.people().conversations;
  const patient = await site.phone('patient@example.com');
  const doctor = await site.phone('doctor@example.com');
  site.expectLog(/the database stayed busy for too long: /);
  await inUse(patient, doctor);
  const unlock = await locker(site, talk.id);
  const post = patient.post(`/chat/conversation/${talk.id}/message`, { content: 'held up' });
  const begun = Date.now();
  await eventually(async () => {
    const r = await doctor.get('/chat');
    if (r.status === 200) {
      return false; // the writer has not come yet
    }
    isRefused(r);
    return true;
  }, 'a reader that is refused');
  assert.ok(Date.now() - begun < BOUND);
  isRefused(await post);
  await unlock();
  assert.equal((await doctor.get('/chat')).status, 200);
});

test('passwords are checked without a connection', async () => {
  // The same password at four times the work: one after the other, eight of them take
  // far longer than a request waits for the only connection.
  const site = await startSite(limits(1, '2s'));
  site.sql("UPDATE users SET password = '$2y$12$oGjmrCsmJqWtBMtQkrBR/ubeFvPp9wfI628nnVXau97frRl4dqL4u';");
  const doctor = await site.phone('doctor@example.com');
  const logins = Promise.all(Array.from({ length: 8 }, () =>
    new Client(site.url).post('/chat/login', { email: 'patient@example.com', password: 'password' })));
  let over = false;
  logins.then(() => { over = true; });
  let reads = 0;
  while (!over) {
    const r = await doctor.get('/chat');
    assert.equal(r.status, 200, r.text);
    reads++;
  }
  (await logins).forEach((r) => assert.equal(r.status, 200, r.text));
  assert.ok(reads > 5, `${reads} reads beside eight log-ins`);
});
