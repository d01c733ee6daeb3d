// SPDX-License-Identifier: Apache-2.0
//
// Point 30: retention by the conversation's status, legal hold, export of one person's
// data, erasure that keeps the skeleton; and that nobody who catches up is told any
// more what is gone.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { test } from 'node:test';
import { cleanup } from './lib/cleanup.mjs';
import { collect, connect, subscribed } from './lib/pusher.mjs';
import { eventually, startSite } from './lib/site.mjs';

const site = await startSite({ extraConf: 'ChatSendRate off' });
const { accounts, conversations } = site.people();
const conv = conversations[0];
const other = conversations.find((c) => c.id !== conv.id && c.patient !== conv.patient);
const patient = await site.phone('patient@example.com');
const doctor = await site.phone('doctor@example.com');
const as = site.dbFile && site.user ? { uid: site.user.uid, gid: site.user.gid } : {};
const chatctl = (...args) => spawnSync(site.path('bin', 'chatctl'), [...args, '--database', site.db], { encoding: 'utf8', ...as });
const done = (...args) => {
  const r = chatctl(...args);
  assert.equal(r.status, 0, `${args.join(' ')}: ${r.stderr}`);
  return r.stdout;
};
const send = async (who, content, more = {}) => {
  const r = await who.post(`/chat/conversation/${conv.id}/message`, { content, ...more });
  assert.equal(r.status, 201, r.text);
  return r.json.message.id;
};
const files = site.path('files');
/** A file as an upload leaves it. */
const attach = (user, message, id) => {
  fs.mkdirSync(`${files}/${id.slice(0, 2)}`, { recursive: true });
  for (const end of ['', '.thumb']) {
    fs.writeFileSync(`${files}/${id.slice(0, 2)}/${id}${end}`, `bytes of ${id}`);
  }
  site.sql(`INSERT INTO chat_attachments (id, conversation_id, user_id, message_id, name, mime, kind, size, state)
    VALUES ('${id}', ${conv.id}, ${user}, ${message}, 'x-ray.png', 'image/png', 'image', 5, 'clean');`);
  if (as.uid !== undefined) {
    spawnSync('chown', ['-R', `${as.uid}:${as.gid}`, files]);
  }
};
const there = (id) => fs.existsSync(`${files}/${id.slice(0, 2)}/${id}`) || fs.existsSync(`${files}/${id.slice(0, 2)}/${id}.thumb`);
const row = (id) => site.sql(`SELECT body, deleted_at IS NOT NULL, from_user_id, created_at IS NOT NULL FROM messages WHERE id = ${id};`).trim();
const yes = site.dbFile ? '1' : 't';

test('a sync after a deletion or an edit does not tell what the message said', async () => {
  const start = (await doctor.get('/chat/sync')).json.cursor;
  const sync = async () => (await doctor.get(`/chat/sync?limit=500&since=${encodeURIComponent(start)}`)).text;
  const gone = await send(patient, 'canary-deleted');
  const edited = await send(patient, 'canary-before');
  const answer = await site.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, reply_to_id, created_at, updated_at)
    VALUES (${conv.doctor}, ${conv.patient}, ${conv.id}, 'an answer', 'text', ${gone}, ${site.time()}, ${site.time()});`);
  assert.equal(answer, '');
  assert.equal((await sync()).split('canary-deleted').length - 1, 2, 'the message, and the answer quotes it');
  site.sql(`UPDATE messages SET deleted_at = ${site.time()} WHERE id = ${gone};`);
  site.sql(`UPDATE messages SET body = 'canary-after' WHERE id = ${edited};`);
  const text = await sync();
  assert.doesNotMatch(text, /canary-deleted|canary-before/);
  assert.match(text, /canary-after/);
  const { events } = JSON.parse(text);
  const sent = events.find((e) => e.event === 'MessageSent' && e.data.message.id === gone);
  assert.equal(sent.data.message.content, '');
  assert.ok(sent.data.message.deleted_at);
  const quoting = events.find((e) => e.event === 'MessageSent' && e.data.message.reply_to);
  assert.equal(quoting.data.message.reply_to.content, '');
  assert.equal(quoting.data.message.reply_to.deleted, true);
  const removed = await send(patient, 'canary-removed');
  site.sql(`DELETE FROM messages WHERE id = ${removed};`);
  assert.doesNotMatch(await sync(), /canary-removed/);
});

test('point 30: export of one person as JSON and files, without secrets', async () => {
  const id = '00'.repeat(15) + 'e1';
  const message = await send(patient, 'for my export', { client_id: 'x1' });
  attach(conv.patient, message, id);
  const plan = async (title, status) => (await doctor.post(`/chat/conversation/${conv.id}/plan`, { title, status })).json.plan.id;
  const [draft, offered] = [await plan('only thought of', 'draft'), await plan('offered', 'submitted')];
  const many = 1203; // more than two pages
  site.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${many})
    INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
    SELECT ${conv.doctor}, ${conv.patient}, ${conv.id}, 'bulk ' || i, 'text', ${site.time()}, ${site.time()} FROM n;`);
  const out = site.path('db', 'export');
  done('export', '--user', 'patient@example.com', '--out', out, '--files', files);
  const lines = (name) => fs.readFileSync(`${out}/${name}.jsonl`, 'utf8').trim().split('\n').filter(Boolean).map((l) => JSON.parse(l));
  const [profile] = lines('profile');
  assert.equal(profile.email, 'patient@example.com');
  assert.equal(profile.id, conv.patient);
  const messages = lines('messages');
  assert.equal(new Set(messages.map((m) => m.id)).size, messages.length);
  assert.equal(messages.filter((m) => /^bulk /.test(m.content)).length, many);
  assert.ok(messages.some((m) => m.content === 'for my export' && m.client_id === 'x1'));
  const mine = site.sql(`SELECT count(*) FROM messages WHERE deleted_at IS NULL AND request_id IN
    (SELECT conversation_id FROM chat_members WHERE user_id = ${conv.patient});`).trim();
  assert.equal(messages.length, Number(mine), 'all of theirs and nothing of strangers');
  assert.ok(lines('conversations').some((c) => c.id === conv.id));
  assert.ok(lines('plans').every((p) => lines('conversations').some((c) => c.id === p.conversation_id)));
  assert.ok(lines('plans').some((p) => p.id === offered) && !lines('plans').some((p) => p.id === draft), 'a draft is its doctor\'s alone');
  assert.ok(lines('tokens').some((t) => t.name === 'test'));
  await eventually(() => site.sql(`SELECT count(*) FROM chat_audit WHERE user_id = '${conv.patient}';`).trim() !== '0', 'audit entries');
  assert.deepEqual(lines('files').map((f) => f.id), [id]);
  assert.equal(fs.readFileSync(`${out}/files/${id}`, 'utf8'), `bytes of ${id}`);
  const manifest = JSON.parse(fs.readFileSync(`${out}/manifest.json`, 'utf8'));
  assert.equal(manifest.counts.messages, messages.length);
  assert.deepEqual([manifest.files_copied, manifest.files_missing], [1, 0]);
  const all = fs.readdirSync(out).filter((f) => f.endsWith('.jsonl')).map((f) => fs.readFileSync(`${out}/${f}`, 'utf8')).join('');
  assert.doesNotMatch(all, /\$2y\$/);
  for (const secret of site.sql('SELECT token FROM personal_access_tokens;').trim().split('\n')) {
    assert.ok(!all.includes(secret));
  }
  // The same to stdout.
  const stream = done('export', '--user', String(conv.patient), '--out', '-').trim().split('\n').map((l) => JSON.parse(l));
  assert.equal(stream.filter((l) => l.kind === 'messages').length, messages.length);
  assert.equal(stream.at(-1).kind, 'manifest');
  // It does not write over anything.
  assert.equal(chatctl('export', '--user', 'patient@example.com', '--out', out).status, 1);
  assert.equal(chatctl('export', '--user', 'nobody@example.com', '--out', `${out}2`).status, 1);
  assert.equal(chatctl('export', '--out', `${out}2`).status, 2);
  const bare = chatctl('export', '--user', 'patient@example.com', '--out', `${out}3`);
  assert.equal(bare.status, 1, 'an export without the files is not whole');
  assert.match(bare.stderr, /^chatctl: 1 file\(s\) are not in it: say with --files where they are/);
  assert.match(done('audit', 'list', '--action', 'export'), new RegExp(`"object":"user ${conv.patient}"`));
});

test('point 30: legal hold stops erasure and purge, and is written down', async () => {
  done('hold', 'add', '--conversation', String(conv.id), '--why', 'court order 12');
  assert.equal(chatctl('hold', 'add', '--conversation', String(conv.id), '--why', 'again').status, 1);
  assert.equal(chatctl('hold', 'add', '--conversation', '999999', '--why', 'x').status, 1);
  assert.equal(chatctl('hold', 'add', '--conversation', String(conv.id)).status, 2);
  assert.match(done('hold', 'list', '--json'), /"why":"court order 12"/);
  const r = chatctl('erase', '--user', 'patient@example.com', '--files', files);
  assert.equal(r.status, 1);
  assert.match(r.stderr, new RegExp(`conversation ${conv.id} is on legal hold`));
  assert.equal(site.sql(`SELECT email FROM users WHERE id = ${conv.patient};`).trim(), 'patient@example.com');
  const status = site.sql(`SELECT status FROM treatment_requests WHERE id = ${conv.id};`).trim();
  done('purge', 'set', status, '30');
  site.sql(`UPDATE treatment_requests SET updated_at = ${site.time(-40 * 86400)} WHERE id = ${conv.id};`);
  assert.equal(JSON.parse(done('purge', 'run', '--dry-run', '--json')).conversations, 0);
  done('hold', 'release', '--conversation', String(conv.id));
  assert.equal(chatctl('hold', 'release', '--conversation', String(conv.id)).status, 1);
  assert.equal(JSON.parse(done('purge', 'run', '--dry-run', '--json')).conversations, 1);
  assert.match(done('audit', 'list', '--action', 'hold'), /hold.placed[^\n]*\n[^\n]*hold.released/);
  done('purge', 'unset', status);
  assert.equal(chatctl('purge', 'unset', status).status, 1);
  site.sql(`UPDATE treatment_requests SET updated_at = ${site.time()} WHERE id = ${conv.id};`);
});

test('point 30: erase removes content and person, keeps the skeleton and the audit', async () => {
  const pusher = connect(site, doctor, { direct: true });
  cleanup(() => pusher.disconnect());
  const deleted = collect(await subscribed(pusher, `private-conversation.${conv.id}`), 'MessageDeleted');
  const start = (await doctor.get('/chat/sync')).json.cursor;
  const { name } = accounts.find((a) => a.user_id === conv.patient);
  const id = '00'.repeat(15) + 'e2';
  const message = await send(patient, 'canary-erased');
  attach(conv.patient, message, id);
  const theirs = await send(doctor, 'the doctor stays');
  site.sql(`INSERT INTO chat_message_reactions (message_id, user_id, emoji) VALUES (${theirs}, ${conv.patient}, '👍');`);
  const entries = site.sql('SELECT count(*) FROM chat_audit;').trim();
  const rows = site.sql('SELECT count(*) FROM messages;').trim();
  const dry = JSON.parse(done('erase', '--user', 'patient@example.com', '--dry-run', '--json'));
  assert.ok(dry.messages > 0 && dry.files === 2 && dry.dry_run);
  assert.match(row(message), /^canary-erased/);
  // Without the place of the files nothing is half done.
  assert.equal(chatctl('erase', '--user', 'patient@example.com').status, 1);
  assert.match(row(message), /^canary-erased/);
  const told = JSON.parse(done('erase', '--user', 'patient@example.com', '--files', files, '--json'));
  assert.deepEqual([told.messages, told.files], [dry.messages, dry.files]);
  assert.equal(row(message), `|${yes}|${conv.patient}|${yes}`);
  assert.match(row(theirs), /^the doctor stays/);
  assert.equal(site.sql('SELECT count(*) FROM messages;').trim(), rows);
  assert.ok(!there(id));
  assert.equal(site.sql(`SELECT count(*) FROM chat_attachments WHERE user_id = ${conv.patient};`).trim(), '0');
  assert.equal(site.sql(`SELECT count(*) FROM chat_message_reactions WHERE user_id = ${conv.patient};`).trim(), '0');
  const [who, email] = site.sql(`SELECT name, email FROM users WHERE id = ${conv.patient};`).trim().split('|');
  assert.equal(who, 'Erased person');
  assert.match(email, /^erased-[\w-]+@erased\.invalid$/);
  assert.equal((await patient.get('/chat/me')).status, 401, 'their tokens are over');
  await eventually(() => deleted.some((e) => e.message.id === message && e.message.content === ''), 'clients hear of it');
  const sync = (await doctor.get(`/chat/sync?limit=500&since=${encodeURIComponent(start)}`)).text;
  assert.doesNotMatch(sync, /canary-erased/);
  assert.ok(!sync.includes(name), JSON.parse(sync).events.filter((e) => JSON.stringify(e).includes(name)).map((e) => JSON.stringify(e)).join('\n'));
  assert.ok(Number(site.sql('SELECT count(*) FROM chat_audit;').trim()) > Number(entries));
  assert.equal(chatctl('audit', 'verify').status, 0);
  // Again: nothing left to do.
  assert.equal(JSON.parse(done('erase', '--user', String(conv.patient), '--json')).messages, 0);
});

test('point 30: purge removes what is older than the rule for its status', async () => {
  const texts = (c) => Number(site.sql(`SELECT count(*) FROM messages WHERE request_id = ${c} AND body <> '';`).trim());
  site.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
    VALUES (${other.patient}, ${other.patient}, ${other.id}, 'old words', 'text', ${site.time()}, ${site.time()});`);
  assert.ok(texts(other.id) > 0 && texts(conv.id) > 0);
  const set = (c, days) => site.sql(`UPDATE treatment_requests SET status = 'completed', updated_at = ${site.time(-days * 86400)} WHERE id = ${c};`);
  set(other.id, 100);
  set(conv.id, 50);
  done('purge', 'set', 'completed', '90');
  done('purge', 'set', '*', '10000');
  assert.match(done('purge', 'rules'), /\*: 10000 days\ncompleted: 90 days/);
  const dry = JSON.parse(done('purge', 'run', '--dry-run', '--json'));
  assert.equal(dry.conversations, 1);
  const told = JSON.parse(done('purge', 'run', '--json', '--files', files));
  assert.equal(told.messages, dry.messages);
  assert.equal(texts(other.id), 0);
  assert.ok(texts(conv.id) > 0);
  assert.equal(JSON.parse(done('purge', 'run', '--json')).conversations, 0);
  assert.match(done('audit', 'list', '--action', 'purge'), new RegExp(`"conversation_id":"${other.id}","object":"${told.messages} messages"`));
  assert.equal(chatctl('purge', 'set', 'completed', 'soon').status, 2);
  assert.equal(chatctl('purge').status, 2);
});
