// SPDX-License-Identifier: Apache-2.0
//
// Point 26: every read and write of a conversation, every log-in and every refused
// access is in the audit log, chained and append-only, without a word of what was said.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../../dev/site.mjs';
import { eventually, startSite } from './lib/site.mjs';
import { form, png } from './lib/upload.mjs';

const site = await startSite();
const phone = await site.phone('patient@example.com');
const conv = site.people().conversations[0];
const COLUMNS = 'seq, at, user_id, via, action, conversation_id, object, address, agent, status, request_id, hash';
const entries = () => site.sql(site.dbFile
  ? `SELECT json_array(${COLUMNS}) FROM chat_audit ORDER BY seq;`
  : `SELECT json_build_array(${COLUMNS}) FROM chat_audit ORDER BY seq;`)
  .trim().split('\n').filter(Boolean).map((line) => {
    const row = JSON.parse(line);
    return Object.fromEntries(COLUMNS.split(', ').map((name, i) => [name, row[i]]));
  });
/** Wait for an entry. */
const entry = async (wanted, from = 0) => {
  const fits = (e) => e.seq > from && Object.entries(wanted).every(([k, v]) => e[k] === String(v));
  await eventually(() => entries().some(fits), `an entry ${JSON.stringify(wanted)}`);
  return entries().find(fits);
};
const last = () => entries().at(-1)?.seq ?? 0;
const chatctl = (...args) => spawnSync(site.path('bin', 'chatctl'), [...args, '--database', site.db],
  { encoding: 'utf8', ...(site.dbFile && site.user && { uid: site.user.uid, gid: site.user.gid }) });
const verify = (...more) => chatctl('audit', 'verify', ...more);

test('what another program wrote is what no entry tells of: the query of doc/security.md', async () => {
  const [, query] = fs.readFileSync(path.join(root, 'doc/security.md'), 'utf8').match(/```sql\n(-- Messages that came[^`]*)```/);
  const found = () => site.sql(query).trim().split('\n').filter(Boolean).map((line) => line.split('|')[0]);
  const before = found();
  const ours = await phone.post(`/chat/conversation/${conv.id}/message`, { content: 'by mod_chat' });
  await entry({ action: 'message.sent', object: ours.json.message.id });
  site.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body) VALUES (${conv.patient}, ${conv.doctor}, ${conv.id}, 'by another');`);
  const id = site.sql("SELECT id FROM messages WHERE body = 'by another';").trim();
  assert.deepEqual(found().filter((one) => !before.includes(one)), [id]);
  site.sql(`UPDATE messages SET body = 'said otherwise' WHERE id = ${ours.json.message.id};`);
  assert.match(site.sql(`SELECT body, coalesce(CAST(edited_by AS text), 'nobody') FROM chat_message_edits WHERE message_id = ${ours.json.message.id};`), /by mod_chat\|nobody/);
});

test('point 26: who, what, which object, when, from where and the result', async () => {
  const patient = await site.phone('patient@example.com');
  const { user_id: id } = site.people().accounts.find((a) => a.email === 'patient@example.com');
  await entry({ action: 'login.token', user_id: id, via: 'none', status: 201, address: '127.0.0.1' });
  const sent = await patient.post(`/chat/conversation/${conv.id}/message`, { content: 'My secret headache' },
    { headers: { 'User-Agent': 'audit/1\u00e9' } });
  assert.equal(sent.status, 201, sent.text);
  const e = await entry({ action: 'message.sent', object: sent.json.message.id });
  assert.equal(e.user_id, String(id));
  assert.equal(e.conversation_id, String(conv.id));
  assert.equal(e.via, 'token');
  assert.equal(e.status, '201');
  assert.match(e.agent, /^audit\/1/);
  assert.match(e.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.ok(Math.abs(Date.parse(e.at) - Date.now()) < 60000);
  assert.equal((await patient.get(`/chat/conversation/${conv.id}/messages`)).status, 200);
  await entry({ action: 'messages.read', conversation_id: conv.id, user_id: id, status: 200 });
  assert.equal((await patient.get(`/chat/conversation/${conv.id}`)).status, 200);
  await entry({ action: 'conversation.read', conversation_id: conv.id, user_id: id });
  await patient.get('/chat');
  await entry({ action: 'conversation.list', user_id: id });
  await patient.get('/chat/sync');
  await entry({ action: 'messages.sync', user_id: id });
  await patient.post('/broadcasting/auth', { socket_id: '1.2', channel_name: `private-conversation.${conv.id}` });
  await entry({ action: 'channel.joined', user_id: id, object: `private-conversation.${conv.id}`, status: 200 });
  await patient.post('/chat/logout', {});
  await entry({ action: 'logout', user_id: id });
});

test('point 26: what a caller would rather have been shown hides nothing', async () => {
  const { body, type } = form([{ name: 'files[]', file: 'xray.png', type: 'image/png', bytes: png() }]);
  const { json: { message } } = await phone.post(`/chat/conversation/${conv.id}/message`, body, { type });
  const file = message.attachments[0].id;
  for (const [action, path_, object] of [['messages.read', `/chat/conversation/${conv.id}/messages`, ''],
    ['message.read', `/chat/conversation/${conv.id}/message/${message.id}`, message.id],
    ['messages.search', '/chat/search?q=secret', ''], ['file.read', `/chat/attachment/${file}`, file]]) {
    const before = last();
    const r = await fetch(site.url + path_, { headers: { Connection: 'close', Accept: 'text/html', Authorization: `Bearer ${phone.token}` } });
    assert.equal(r.status, 200, path_);
    await r.arrayBuffer();
    await entry({ action, object, user_id: conv.patient, status: 200 }, before);
  }
  // A page holds nothing of it, nor does the way to one.
  let before = last();
  const browser = await site.browser('patient@example.com');
  before = (await entry({ action: 'login' }, before)).seq;
  assert.equal((await browser.get('/chat', { accept: 'text/html' })).status, 200);
  assert.equal((await fetch(`${site.url}/chat`, { headers: { Connection: 'close', Accept: 'text/html' }, redirect: 'manual' })).status, 302);
  await browser.get('/chat/sync');
  await entry({ action: 'messages.sync' }, before);
  assert.deepEqual(entries().filter((e) => e.seq > before).map((e) => e.action), ['messages.sync']);
});

test('point 26: a file has its conversation, and a signed link its user', async () => {
  const file = (await phone.get(`/chat/conversation/${conv.id}/attachments`)).json.data[0].id;
  const link = new URL((await phone.post(`/chat/attachment/${file}/link`, {})).json.url);
  const before = last();
  assert.equal((await fetch(site.url + link.pathname + link.search, { headers: { Connection: 'close' } })).status, 200);
  await entry({ action: 'file.read', via: 'link', user_id: conv.patient, object: file, conversation_id: conv.id, status: 200 }, before);
  const doctor = await site.phone('doctor@example.com');
  const plan = (await doctor.post(`/chat/conversation/${conv.id}/plan`, { title: 'Rest' })).json.plan.id;
  assert.equal((await doctor.get(`/chat/plan/${plan}`)).status, 200);
  await entry({ action: 'plan.read', object: plan, conversation_id: conv.id }, before);
});

test('point 26: what was refused, with its status, and log-ins that failed', async () => {
  const other = site.people().conversations.find((c) => c.patient !== conv.patient && c.doctor !== conv.patient);
  const browser = await site.browser('patient@example.com');
  await entry({ action: 'login', user_id: conv.patient, status: 200 });
  assert.equal((await browser.get(`/chat/conversation/${other.id}/messages`)).status, 404);
  await entry({ action: 'messages.read', conversation_id: other.id, user_id: conv.patient, status: 404, via: 'session' });
  assert.equal((await browser.post(`/chat/conversation/${conv.id}/message`, { content: 'x' }, { headers: { 'X-CSRF-TOKEN': null } })).status, 419);
  await entry({ action: 'message.sent', conversation_id: conv.id, status: 419 });
  assert.equal((await browser.post('/broadcasting/auth', { socket_id: '1.2', channel_name: `private-conversation.${other.id}` })).status, 403);
  await entry({ action: 'channel.joined', object: `private-conversation.${other.id}`, status: 403 });
  for (let status = 422; status === 422;) {
    ({ status } = await browser.post('/chat/token', { email: 'doctor@example.com', password: 'wrong' }));
  }
  await entry({ action: 'login.failed', user_id: conv.doctor, status: 422 });
  await entry({ action: 'login.failed', status: 429 });
  // Neither what is merely wrong, nor who is nobody: strangers do not fill the disk.
  const before = last();
  assert.equal((await browser.post(`/chat/conversation/${conv.id}/message`, { content: '' })).status, 422);
  assert.equal((await fetch(`${site.url}/chat/me`, { headers: { Accept: 'application/json' } })).status, 401);
  await browser.get('/chat/sync');
  await entry({ action: 'messages.sync' }, before);
  assert.equal(last(), before + 1);
});

test('point 26: no text of a message, no name and no address of e-mail is in it', () => {
  const text = entries().map((e) => JSON.stringify({ ...e, hash: '' })).join('\n');
  assert.doesNotMatch(text, /secret|headache|@example\.com/);
  for (const { name } of site.people().accounts) {
    assert.ok(!text.includes(name), name);
  }
});

test('the chain is what the document says, computed by somebody else', () => {
  let previous = '0'.repeat(64);
  const list = entries();
  assert.ok(list.length > 10);
  list.forEach((e, i) => {
    assert.equal(e.seq, i + 1);
    const { hash, ...fields } = e;
    const text = [previous, ...Object.values(fields)].join('\t');
    assert.equal(createHash('sha256').update(text).digest('hex'), hash, `entry ${e.seq}`);
    previous = hash;
  });
});

test('a child that is killed loses nothing that was answered', async () => {
  const before = last();
  const done = [];
  for (let i = 0; i < 60; i++) {
    if (i % 20 === 10) {
      for (const pid of fs.readFileSync(`/proc/${site.httpd.pid}/task/${site.httpd.pid}/children`, 'utf8').trim().split(' ')) {
        process.kill(Number(pid), 'SIGKILL');
      }
    }
    const r = await phone.post(`/chat/conversation/${conv.id}/message`, { content: `n${i}` }).catch(() => null);
    if (r?.status === 201) {
      done.push(String(r.json.message.id));
    }
  }
  assert.ok(done.length > 30);
  await eventually(() => {
    const seen = entries().filter((e) => e.seq > before && e.action === 'message.sent').map((e) => e.object);
    assert.equal(new Set(seen).size, seen.length, 'no entry twice');
    return done.every((id) => seen.includes(id));
  }, 'an entry of each answer');
  site.expectLog(/exit signal Killed|AH00051|AH00052|chat-files ended \(signal 9\)/);
});

test('nobody changes or removes an entry', () => {
  for (const change of ["UPDATE chat_audit SET user_id = '1' WHERE seq = 2;", 'DELETE FROM chat_audit WHERE seq = 2;',
    ...(site.dbFile ? [] : ['TRUNCATE chat_audit;'])]) {
    assert.throws(() => site.sql(change), /append-only/);
  }
});

test('chatctl audit verify: an intact log, and one from a checkpoint on', async () => {
  let r = verify();
  assert.equal(r.status, 0, r.stderr + r.stdout);
  assert.match(r.stdout, /^the audit log is intact: \d+ entries looked at, up to \d+, hash [0-9a-f]{64}\n$/);
  const file = site.path('db', 'checkpoints');
  assert.equal(chatctl('audit', 'checkpoint', '--out', file).status, 0);
  const point = JSON.parse(fs.readFileSync(file, 'utf8'));
  await phone.get('/chat');
  await entry({ action: 'conversation.list' }, point.seq);
  r = verify('--since-checkpoint', file, '--json');
  assert.equal(r.status, 0, r.stdout);
  const { intact, first, last: to, entries: n } = JSON.parse(r.stdout);
  assert.deepEqual([intact, first, n], [true, point.seq + 1, to - point.seq]);
});

test('chatctl audit list: by user, conversation, action and time', () => {
  const list = (...args) => {
    const r = chatctl('audit', 'list', ...args);
    assert.equal(r.status, 0, r.stderr);
    return r.stdout.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
  };
  assert.deepEqual(list(), entries());
  const mine = list('--user', String(conv.patient), '--conversation', String(conv.id), '--action', 'message');
  assert.ok(mine.length > 30);
  assert.ok(mine.every((e) => e.user_id === String(conv.patient) && e.conversation_id === String(conv.id) && e.action.startsWith('message.')));
  assert.deepEqual(list('--user', 'Patient@example.com', '--conversation', String(conv.id), '--action', 'message'), mine);
  const nobody = chatctl('audit', 'list', '--user', 'nobody@example.com');
  assert.deepEqual([nobody.status, nobody.stdout, nobody.stderr], [1, '', "chatctl: nobody has the e-mail address 'nobody@example.com'\n"]);
  assert.equal(list('--limit', '3').length, 3);
  assert.equal(list('--since', '2999-01-01').length, 0);
  assert.equal(list('--until', '2999-01-01T00:00:00Z').length, entries().length);
});

test('chatctl audit: wrong arguments are 2, with a sentence', () => {
  for (const args of [[], ['burn'], ['list', '--since', 'yesterday'], ['list', '--limit', '0'], ['purge'], ['verify', '--nonsense']]) {
    const r = chatctl('audit', ...args);
    assert.equal(r.status, 2, args.join(' '));
    assert.match(r.stderr, /^chatctl audit: .*: see chatctl audit --help\n$/);
  }
  assert.match(spawnSync(site.path('bin', 'chatctl'), ['audit', '--help'], { encoding: 'utf8' }).stdout, /^usage: chatctl audit /);
});

test('chatctl audit verify finds every kind of tampering', () => {
  // As somebody who owns the database can: the triggers go first.
  const free = site.dbFile
    ? 'DROP TRIGGER chat_audit_unchanged; DROP TRIGGER chat_audit_kept;'
    : 'ALTER TABLE chat_audit DISABLE TRIGGER ALL;';
  const file = site.path('db', 'checkpoints');
  const end = last();
  assert.equal(chatctl('audit', 'checkpoint', '--out', file).status, 0);
  const tampered = (what, change, back, ...args) => {
    site.sql(`${free} ${change}`);
    const r = verify(...args);
    assert.equal(r.status, 1, `${what}: ${r.stdout}`);
    site.sql(back);
    assert.equal(spawnSync(site.path('bin', 'chatctl'), ['migrate', '--repair', '--database', site.db], { encoding: 'utf8',
      ...(site.dbFile && site.user && { uid: site.user.uid, gid: site.user.gid }) }).status, 0);
    if (!site.dbFile) {
      site.sql('ALTER TABLE chat_audit ENABLE TRIGGER ALL;');
    }
    assert.equal(verify().status, 0, what);
    return r.stdout;
  };
  const keep = 'CREATE TABLE kept AS SELECT * FROM chat_audit;';
  const back = `${free.replaceAll('DROP TRIGGER', 'DROP TRIGGER IF EXISTS')} DELETE FROM chat_audit; INSERT INTO chat_audit SELECT * FROM kept; DROP TABLE kept;`;
  assert.match(tampered('a changed field', `${keep} UPDATE chat_audit SET user_id = '2' WHERE seq = 5;`, back), /^entry 5: it is not what was written/m);
  assert.match(tampered('a changed hash', `${keep} UPDATE chat_audit SET hash = '${'ab'.repeat(32)}' WHERE seq = 5;`, back), /^entry 5: .*\nentry 6: /m);
  assert.match(tampered('a removed row', `${keep} DELETE FROM chat_audit WHERE seq = 7;`, back), /^entry 7: it is missing/m);
  assert.match(tampered('swapped rows', `${keep} UPDATE chat_audit SET seq = 1000000 WHERE seq = 8; UPDATE chat_audit SET seq = 8 WHERE seq = 9; UPDATE chat_audit SET seq = 9 WHERE seq = 1000000;`, back), /^entry 8: .*\nentry 9: /m);
  assert.match(tampered('a truncated tail', `${keep} DELETE FROM chat_audit WHERE seq > ${end - 2};`, back), new RegExp(`^entry ${end - 1}: it and all behind it are missing`, 'm'));
  // With the head moved as well only the checkpoint knows.
  const head = (seq) => `UPDATE chat_audit_head SET seq = ${seq}, hash = (SELECT hash FROM chat_audit WHERE seq = ${seq});`;
  const cut = `${keep} DELETE FROM chat_audit WHERE seq > ${end - 2}; ${head(end - 2)}`;
  assert.match(tampered('a truncated tail and head', cut, `${back} ${head(end)}`, '--since-checkpoint', file), new RegExp(`^entry ${end}: a checkpoint knows it`, 'm'));
});

test('chatctl audit purge leaves an entry that says so, and the chain goes on', async () => {
  const all = entries();
  const { at, seq } = all[10];
  const r = chatctl('audit', 'purge', '--before', at);
  assert.equal(r.status, 0, r.stderr);
  const left = entries();
  const said = left.at(-1);
  assert.equal(said.action, 'audit.purge');
  assert.equal(said.via, 'chatctl');
  assert.equal(said.object, `${left[0].seq - 1} ${all[left[0].seq - 2].hash}`);
  assert.ok(left[0].seq <= seq && left[0].at >= at);
  assert.equal(verify().status, 0, verify().stdout);
  assert.throws(() => site.sql(`DELETE FROM chat_audit WHERE seq = ${left[0].seq};`), /append-only/);
  await phone.get('/chat');
  await entry({ action: 'conversation.list' }, said.seq);
  assert.equal(verify().status, 0);
  // A purge that nobody wrote down is no purge.
  site.sql(`UPDATE chat_audit_head SET purged_to = ${left[0].seq}, purged_hash = '${left[0].hash}'; DELETE FROM chat_audit WHERE seq = ${left[0].seq};`);
  assert.match(verify().stdout, /gone without an entry that says so/);
});

test('every route has an action or says that it has none', () => {
  const source = fs.readFileSync(path.join(root, 'mod_chat', 'routes.def'), 'utf8');
  const rows = [...source.matchAll(/^ROUTE\(M_\w+, +"([^"]+)", +\w+, +(?:"[a-z:]+"|NULL), +\w+, \w+, ("[a-z._]+"|NULL)\)$/gm)];
  assert.ok(rows.length >= 15);
  assert.equal(rows.length, [...source.matchAll(/^ROUTE/gm)].length);
});
