// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a message that was sent: it is answered, edited, deleted, reacted
// to; and when its consultation is closed, none of it. Whoever changes a row, by
// these URLs or by SQL, everybody hears of it, and answers and events show the same
// object.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { test } from 'node:test';
import { Client } from './lib/client.mjs';
import { collect, connect, subscribed } from './lib/pusher.mjs';
import { engine, eventually, startSite } from './lib/site.mjs';
import { sleep } from '../../dev/site.mjs';

const site = await startSite({ extraConf: 'ChatSendRate off' });
const { conversations } = site.people();
const conv = conversations[0];
const foreign = conversations.find((c) => c.patient !== conv.patient && c.doctor !== conv.doctor);
const patient = await site.phone();
const doctor = await site.phone('doctor@example.com');
const admin = await site.phone('admin@example.com');
const browser = await site.browser();
const talk = `/chat/conversation/${conv.id}`;
const at = (id, rest = '') => ({
  '': `/chat/conversation/${conv.id}/message/${id}`,
  '/history': `/chat/conversation/${conv.id}/message/${id}/history`,
  '/reaction': `/chat/conversation/${conv.id}/message/${id}/reaction`,
}[rest]);
const patch = (client, id, body, options) => client.request('PATCH', at(id), { body, ...options });
const remove = (client, id, options) => client.request('DELETE', at(id), options);
const react = (client, id, emoji, options) => client.request('PUT', at(id, '/reaction'), { body: { emoji }, ...options });
const unreact = (client, id, emoji) => client.request('DELETE', at(id, '/reaction'), { body: { emoji } });

const isError = (r, status, field) => {
  assert.equal(r.status, status, r.text);
  assert.equal(typeof r.json.error, 'string');
  if (field) {
    assert.ok(Array.isArray(r.json.errors[field]), `errors.${field}: ${r.text}`);
  }
};
const send = async (client, body) => {
  const r = await client.post(`${talk}/message`, typeof body === 'string' ? { content: body } : body);
  assert.equal(r.status, 201, r.text);
  return r.json.message;
};
const age = (id, minutes) => site.sql(`UPDATE messages SET created_at = ${site.time(-60 * minutes)} WHERE id = ${id};`);
const status = (word) => site.sql(`UPDATE treatment_requests SET status = '${word}' WHERE id = ${conv.id};`);
const bytes = (text, last) => Buffer.from(text.replace('?', last), 'latin1');

/** What the log has written since, as sync gives it. */
async function heard(since) {
  const { json } = await doctor.get(`/chat/sync?limit=500&since=${encodeURIComponent(since)}`);
  return json.events.map(({ event, data }) => ({ event, ...data }));
}
const now = async () => (await doctor.get('/chat/sync')).json.cursor;

/** A message is one object: in history by each way, alone, and as the last of the list. */
async function everywhere(id) {
  const one = (await patient.get(at(id))).json.message;
  for (const client of [patient, doctor, browser, admin]) {
    for (const way of [`?per_page=50`, `?page=1&below=${id + 1}`, `?before=${id + 1}&per_page=1`, `?after=${id - 1}&per_page=1`]) {
      const { data } = (await client.get(`${talk}/messages${way}`)).json;
      assert.deepEqual(data.find((m) => m.id === id), one, way);
    }
    const last = (await client.get('/chat')).json.conversations.find((c) => c.id === conv.id).last_message;
    if (last.id === id) {
      assert.deepEqual(last, one, 'the list');
    }
  }
  return one;
}

// --- editing ------------------------------------------------------------------------

test('its author edits a text: marked, told, and what it said before is kept', async () => {
  const pusher = connect(site, doctor);
  const pushed = collect(await subscribed(pusher, `private-conversation.${conv.id}`), 'MessageEdited');
  const own = collect(await subscribed(pusher, `private-user.${conv.doctor}`), 'MessageEdited');
  const since = await now();
  const sent = await send(patient, 'teh first');
  assert.equal(sent.edited_at, null);
  const r = await patch(patient, sent.id, { content: '  the first ' });
  assert.equal(r.status, 200, r.text);
  const { message } = r.json;
  assert.equal(message.content, 'the first');
  assert.match(message.edited_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual({ ...message, edited_at: null, content: '' }, { ...sent, content: '' }, 'nothing else has changed');
  const second = (await patch(browser, sent.id, { content: 'the second' })).json.message;
  await eventually(() => pushed.length === 2 && own.length === 2, 'both edits');
  assert.deepEqual(pushed.map((e) => e.message), [message, second]);
  assert.deepEqual((await heard(since)).map((e) => [e.event, e.message.content, e.consultation.id]), [
    ['MessageSent', 'the second', conv.id], ['MessageEdited', 'the second', conv.id], ['MessageEdited', 'the second', conv.id]],
  'who catches up is told no more what it said before');
  assert.deepEqual(await everywhere(sent.id), second);
  for (const client of [patient, doctor, admin]) {
    const { json } = await client.get(at(sent.id, '/history'));
    assert.equal(json.message_id, sent.id);
    assert.deepEqual(json.history.map((h) => [h.content, h.edited_by]), [['teh first', conv.patient], ['the first', conv.patient]]);
    assert.ok(json.history.every((h) => h.edited_at <= second.edited_at));
  }
  pusher.disconnect();
});

test('the same text again is no edit', async () => {
  const sent = await send(patient, 'as it is');
  const since = await now();
  const r = await patch(patient, sent.id, { content: 'as it is' });
  assert.deepEqual(r.json.message, sent);
  assert.deepEqual(await heard(since), []);
});

test('who did not write it, and who comes late, cannot edit', async () => {
  const { id } = await send(patient, 'mine');
  isError(await patch(doctor, id, { content: 'x' }), 403);
  isError(await patch(admin, id, { content: 'x' }), 403);
  age(id, 14);
  assert.equal((await patch(patient, id, { content: 'in time' })).status, 200);
  age(id, 16);
  isError(await patch(patient, id, { content: 'late' }), 403);
  assert.equal((await patient.get(at(id))).json.message.content, 'in time');
  site.sql(`UPDATE messages SET created_at = ${site.time()}, type = 'system' WHERE id = ${id};`);
  isError(await patch(patient, id, { content: 'of the system' }), 403);
});

test('what cannot be a text is refused as in a POST', async () => {
  const { id } = await send(patient, 'as it was');
  for (const content of [undefined, null, '', '   ', 7, {}, ['x'], true, 'x'.repeat(2001)]) {
    isError(await patch(patient, id, { content }), 422, 'content');
  }
  isError(await patch(patient, id, '{"content": "a\\u0000b"}'), 400);
  isError(await patch(patient, id, bytes('{"content": "?"}', '\xe2\x28')), 400);
  isError(await patch(patient, id, '{"content": '), 400);
  isError(await patch(patient, id, '[]'), 422);
  isError(await patch(patient, id, '<x/>', { type: 'text/xml' }), 415);
  isError(await patch(patient, id, { content: 'x'.repeat(70000) }), 413);
  assert.equal((await patient.get(at(id))).json.message.content, 'as it was');
});

test('two who edit at once: the last one wins, and no text is lost', async () => {
  const { id } = await send(patient, 'start');
  const texts = Array.from({ length: 8 }, (_, i) => `text ${i}`);
  const answers = await Promise.all(texts.map((content, i) => patch(i % 2 ? patient : browser, id, { content })));
  assert.ok(answers.every((r) => r.status === 200));
  const { content } = (await patient.get(at(id))).json.message;
  const { history } = (await patient.get(at(id, '/history'))).json;
  assert.deepEqual([...history.map((h) => h.content), content].sort(), ['start', ...texts].sort());
});

test('another program edits: marked, told and kept all the same', async () => {
  const { id } = await send(patient, 'by hand');
  const since = await now();
  site.sql(`UPDATE messages SET body = 'by program' WHERE id = ${id};`);
  const one = await everywhere(id);
  assert.equal(one.content, 'by program');
  assert.ok(one.edited_at);
  assert.deepEqual((await heard(since)).map((e) => [e.event, e.message]), [['MessageEdited', one]]);
  assert.deepEqual((await doctor.get(at(id, '/history'))).json.history.map((h) => [h.content, h.edited_by]), [['by hand', null]]);
});

test('a retried POST is known by what it said at first', async () => {
  const body = { content: 'original', client_id: 'edited:1' };
  const sent = await send(patient, body);
  const edited = (await patch(patient, sent.id, { content: 'other' })).json.message;
  assert.deepEqual(await send(patient, body), edited);
  isError(await patient.post(`${talk}/message`, { ...body, content: 'other' }), 409);
});

// --- deleting -----------------------------------------------------------------------

test('a deleted message leaves a mark that says nothing', async () => {
  const pusher = connect(site, doctor);
  const pushed = collect(await subscribed(pusher, `private-conversation.${conv.id}`), 'MessageDeleted');
  const before = (await patient.get(`${talk}/messages`)).json.total;
  const unread = async () => (await doctor.get('/chat')).json.conversations.find((c) => c.id === conv.id).unread;
  const unreadBefore = await unread();
  const { id } = await send(patient, 'a slip');
  await patch(patient, id, { content: 'another slip' });
  await react(doctor, id, '👍');
  const since = await now();
  const r = await remove(patient, id);
  assert.equal(r.status, 200, r.text);
  const mark = r.json.message;
  assert.deepEqual([mark.content, mark.reactions, mark.attachments, mark.edited_at, mark.reply_to], ['', [], [], null, null]);
  assert.match(mark.deleted_at, /Z$/);
  assert.deepEqual(await everywhere(id), mark);
  await eventually(() => pushed.length === 1, 'the deletion');
  assert.deepEqual(pushed[0].message, mark);
  assert.deepEqual((await heard(since)).map((e) => [e.event, e.message]), [['MessageDeleted', mark]]);
  assert.equal((await patient.get(`${talk}/messages`)).json.total, before + 1, 'the mark is counted');
  assert.equal(await unread(), unreadBefore, 'and is nothing to read');
  assert.deepEqual((await patient.get(at(id, '/history'))).json.history, [], 'what it said is shown to nobody');
  assert.deepEqual((await remove(patient, id)).json.message, mark, 'deleting again is a success');
  isError(await patch(patient, id, { content: 'x' }), 410);
  isError(await react(doctor, id, '👍'), 410);
  isError(await unreact(doctor, id, '👍'), 410);
  assert.ok(!JSON.stringify((await patient.get(`${talk}/messages?per_page=50`)).json).includes('another slip'));
  pusher.disconnect();
});

test('its author deletes for thirty minutes, staff always, others never', async () => {
  const { id } = await send(patient, 'to stay');
  isError(await remove(doctor, id), 403);
  age(id, 29);
  const kept = await send(patient, 'to stay longer');
  age(kept.id, 31);
  isError(await remove(patient, kept.id), 403);
  assert.equal((await remove(patient, id)).status, 200);
  assert.equal((await remove(admin, kept.id)).status, 200);
  assert.ok((await patient.get(at(kept.id))).json.message.deleted_at);
});

test('another program deletes, restores and removes for good', async () => {
  const { id } = await send(patient, 'back and forth');
  const count = () => Number(site.sql(`SELECT message_count FROM treatment_requests WHERE id = ${conv.id};`));
  const n = count();
  const since = await now();
  site.sql(`UPDATE messages SET deleted_at = ${site.time()} WHERE id = ${id};`);
  assert.ok((await everywhere(id)).deleted_at);
  site.sql(`UPDATE messages SET deleted_at = NULL WHERE id = ${id};`);
  const back = await everywhere(id);
  assert.deepEqual([back.content, back.deleted_at, back.edited_at], ['back and forth', null, null]);
  assert.equal(count(), n);
  site.sql(`DELETE FROM messages WHERE id = ${id};`);
  isError(await patient.get(at(id)), 404);
  assert.equal(count(), n - 1);
  const events = await heard(since);
  assert.deepEqual(events.map((e) => [e.event, e.message.id, e.message.content]), [
    ['MessageDeleted', id, ''], ['MessageEdited', id, ''], ['MessageDeleted', id, '']], 'and nothing of what is gone');
  assert.ok(events[2].message.deleted_at);
  assert.deepEqual(Object.keys(events[2].message), Object.keys(back), 'the shape is the same');
});

test('what is erased in a deleted message is told to nobody', async () => {
  const { id } = await send(patient, 'erase me');
  await remove(patient, id);
  const since = await now();
  site.sql(`UPDATE messages SET body = '' WHERE id = ${id};`);
  assert.deepEqual(await heard(since), []);
  assert.equal(site.sql(`SELECT count(*) FROM chat_message_edits WHERE message_id = ${id};`).trim(), '0');
});

// --- answering ----------------------------------------------------------------------

test('an answer shows what it answers, also when that changes or goes', async () => {
  const first = await send(doctor, `${'ا'.repeat(200)}`);
  const since = await now();
  const answer = await send(patient, { content: 'yes', reply_to: first.id });
  assert.deepEqual(answer.reply_to, { id: first.id, content: 'ا'.repeat(140), user: first.user, deleted: false });
  assert.deepEqual((await heard(since)).map((e) => e.message), [answer], 'the event has it, too');
  assert.deepEqual(await everywhere(answer.id), answer);
  await patch(doctor, first.id, { content: 'short' });
  assert.equal((await everywhere(answer.id)).reply_to.content, 'short');
  await remove(doctor, first.id);
  assert.deepEqual((await everywhere(answer.id)).reply_to, { id: first.id, content: '', user: first.user, deleted: true });
  site.sql(`DELETE FROM messages WHERE id = ${first.id};`);
  assert.deepEqual((await everywhere(answer.id)).reply_to, { id: first.id, content: '', user: null, deleted: true });
});

if (!site.dbFile) {
  test('who quotes a message while it is deleted leaves its words nowhere', async () => {
    const start = await now();
    const { id } = await send(patient, 'canary-quoted');
    const psql = spawn('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', site.db], { stdio: ['pipe', 'inherit', 'inherit'] });
    const done = once(psql, 'exit');
    psql.stdin.write(`BEGIN; INSERT INTO messages (from_user_id, to_user_id, request_id, body, reply_to_id)
      VALUES (${conv.doctor}, ${conv.patient}, ${conv.id}, 'an answer under way', ${id});\n`);
    const waiting = () => Number(site.sql('SELECT count(*) FROM pg_locks WHERE NOT granted;').trim());
    await eventually(() => site.sql(`SELECT count(*) FROM pg_stat_activity
      WHERE state = 'idle in transaction' AND query LIKE '%an answer under way%';`).trim() === '1', 'the answer');
    const deleted = remove(patient, id);
    await eventually(() => waiting() > 0, 'the deletion waits for it');
    psql.stdin.end('COMMIT;\n');
    assert.deepEqual(await done, [0, null]);
    assert.equal((await deleted).status, 200);
    assert.ok((await heard(start)).some((e) => e.message?.reply_to?.id === id));
    assert.doesNotMatch((await doctor.get(`/chat/sync?limit=500&since=${encodeURIComponent(start)}`)).text, /canary-quoted/);
  });
}

test('only a living message of the same consultation can be answered', async () => {
  const gone = await send(patient, 'gone');
  await remove(patient, gone.id);
  const elsewhere = Number(site.sql(`SELECT min(id) FROM messages WHERE request_id = ${foreign.id};`));
  assert.ok(elsewhere > 0);
  for (const reply_to of [gone.id, elsewhere, 999999999, 0, -1, 1.5, 'x', [], {}, true, '99999999999999999999']) {
    isError(await patient.post(`${talk}/message`, { content: 'x', reply_to }), 422, 'reply_to');
  }
  // One that another program wrote so shows nothing of the other consultation.
  site.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body, reply_to_id)
    VALUES (${conv.patient}, ${conv.doctor}, ${conv.id}, 'across', ${elsewhere});`);
  const [across] = (await patient.get(`${talk}/messages?per_page=1`)).json.data;
  assert.deepEqual(across.reply_to, { id: elsewhere, content: '', user: null, deleted: true });
});

test('what is answered belongs to what a client_id stands for', async () => {
  const [a, b] = [await send(doctor, 'a'), await send(doctor, 'b')];
  const body = { content: 'to one', client_id: 'reply:1', reply_to: a.id };
  const sent = await send(patient, body);
  assert.deepEqual(await send(patient, body), sent);
  assert.deepEqual(await send(patient, { ...body, reply_to: `${a.id}` }), sent, 'a number in any way');
  isError(await patient.post(`${talk}/message`, { ...body, reply_to: b.id }), 409);
  isError(await patient.post(`${talk}/message`, { ...body, reply_to: undefined }), 409);
  await remove(doctor, a.id);
  assert.equal((await send(patient, body)).id, sent.id, 'a retry, though the answered one is gone by now');
});

// --- reacting -----------------------------------------------------------------------

test('people react, once for each emoji, and take it back', async () => {
  const pusher = connect(site, doctor);
  const pushed = collect(await subscribed(pusher, `private-conversation.${conv.id}`), 'MessageReaction');
  const { id } = await send(patient, 'better now');
  const since = await now();
  const r = await react(doctor, id, '👍🏽');
  assert.equal(r.status, 200, r.text);
  assert.deepEqual(r.json.message.reactions, [{ emoji: '👍🏽', count: 1, user_ids: [conv.doctor] }]);
  assert.equal((await react(doctor, id, '👍🏽')).status, 200, 'again is a success');
  await react(patient, id, '👍🏽');
  await react(patient, id, '🦷');
  const both = [{ emoji: '👍🏽', count: 2, user_ids: [conv.doctor, conv.patient] }, { emoji: '🦷', count: 1, user_ids: [conv.patient] }];
  assert.deepEqual((await everywhere(id)).reactions, both);
  const gone = await doctor.request('DELETE', `${at(id, '/reaction')}?emoji=${encodeURIComponent('👍🏽')}`);
  assert.deepEqual(gone.json.message.reactions, [{ emoji: '👍🏽', count: 1, user_ids: [conv.patient] }, both[1]]);
  assert.equal((await unreact(doctor, id, '👍🏽')).status, 200, 'again is a success');
  const events = (await heard(since)).filter((e) => e.event === 'MessageReaction');
  assert.deepEqual(events.map((e) => [e.message_id, e.consultation_id, e.user.id, e.emoji, e.removed]), [
    [id, conv.id, conv.doctor, '👍🏽', false], [id, conv.id, conv.patient, '👍🏽', false],
    [id, conv.id, conv.patient, '🦷', false], [id, conv.id, conv.doctor, '👍🏽', true]]);
  assert.deepEqual(events[2].reactions, both);
  assert.deepEqual(events[3].reactions, gone.json.message.reactions);
  await eventually(() => pushed.length === 4, 'all four');
  site.sql(`INSERT INTO chat_message_reactions (message_id, user_id, emoji) VALUES (${id}, ${conv.doctor}, '❤️');`);
  await eventually(() => pushed.length === 5, "another program's");
  assert.deepEqual(pushed[4].reactions, (await everywhere(id)).reactions);
  pusher.disconnect();
});

test('a reaction is one emoji, and there are twenty at most', async () => {
  const { id } = await send(patient, 'popular');
  for (const emoji of [undefined, null, '', 'a', '1', '👍👍', ' 👍', '<b>', '‮', 7, ['👍'], {}, '👩‍'.repeat(40)]) {
    isError(await react(doctor, id, emoji), 422, 'emoji');
  }
  isError(await doctor.request('PUT', at(id, '/reaction'), { body: '{"emoji": "👍\\u0000"}' }), 400);
  isError(await doctor.request('PUT', at(id, '/reaction'), { body: bytes('{"emoji": "?"}', '\xf0\x9f') }), 400);
  isError(await doctor.request('DELETE', at(id, '/reaction')), 422, 'emoji');
  for (let i = 0; i < 20; i += 1) {
    assert.equal((await react(i % 2 ? doctor : patient, id, String.fromCodePoint(0x1f600 + i))).status, 200);
  }
  isError(await react(doctor, id, '🦷'), 422, 'emoji');
  assert.equal((await react(doctor, id, String.fromCodePoint(0x1f600))).status, 200, 'one that is there has room');
  assert.equal((await everywhere(id)).reactions.length, 20);
});

test('a reaction that a deletion overtakes is told so, not that there are too many', async () => {
  const { id } = await send(patient, 'soon gone');
  const [program, args, begin] = site.dbFile
    ? ['sqlite3', ['-batch', site.dbFile], 'BEGIN IMMEDIATE;']
    : ['psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', site.db], 'BEGIN; LOCK chat_message_reactions IN EXCLUSIVE MODE;'];
  const other = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  other.stdin.write(`${begin}\nUPDATE messages SET deleted_at = CURRENT_TIMESTAMP WHERE id = ${id};\nSELECT 'held';\n`);
  await once(other.stdout, 'data');
  const reacted = react(doctor, id, '👍');
  await sleep(300); // by then it waits; if it does not yet, it finds the mark, with the same answer
  other.stdin.end('COMMIT;\n');
  await once(other, 'exit');
  isError(await reacted, 410);
});
test('a long history costs what it is long', async () => {
  const { id } = await send(patient, 'first');
  site.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
    INSERT INTO chat_message_edits (message_id, body) SELECT ${id}, '${'\u0639'.repeat(2000)}' FROM n;`);
  const children = () => fs.readFileSync(`/proc/${site.httpd.pid}/task/${site.httpd.pid}/children`, 'utf8').trim().split(' ')
    .map((pid) => Number(fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmHWM:\s+(\d+)/)?.[1] ?? 0));
  const before = Math.max(...children());
  const r = await patient.get(at(id, '/history'));
  assert.equal(r.json.history.length, 500);
  assert.ok(Math.max(...children()) - before < 100000, 'kilobytes; the answer has 2000');
});

test('many who react at once all count', async () => {
  const { id } = await send(patient, 'all at once');
  const clients = [patient, doctor, admin, browser];
  const answers = await Promise.all(['👍', '❤️', '🦷'].flatMap((emoji) => clients.map((c) => react(c, id, emoji))));
  assert.ok(answers.every((r) => r.status === 200), answers.map((r) => r.text).join('\n'));
  const { reactions } = await everywhere(id);
  assert.deepEqual(reactions.map((r) => r.count), [3, 3, 3], 'the patient is one person');
});

// --- who may ------------------------------------------------------------------------

test('strangers, other ids and other ways in get nothing', async () => {
  const { id } = await send(patient, 'private');
  const theirs = Number(site.sql(`SELECT min(id) FROM messages WHERE request_id = ${foreign.id};`));
  const outside = `/chat/conversation/${foreign.id}/message/`;
  const ways = [['GET', ''], ['GET', '/history'], ['PATCH', '', { content: 'x' }], ['DELETE', ''],
    ['PUT', '/reaction', { emoji: '👍' }], ['DELETE', '/reaction', { emoji: '👍' }]];
  for (const [method, rest, body] of ways) {
    isError(await patient.request(method, `${outside}${theirs}${rest}`, { body }), 404);
    for (const item of [theirs, 999999999, '99999999999999999999', 'abc', '0', '-1', '00x']) {
      isError(await patient.request(method, at(item, rest), { body }), 404);
    }
    isError(await new Client(site.url).request(method, at(id, rest), { body }), 401);
    isError(await new Client(site.url, { token: 'wrong' }).request(method, at(id, rest), { body }), 401);
    if (method !== 'GET') {
      isError(await browser.request(method, at(id, rest), { body, headers: { 'X-CSRF-TOKEN': null } }), 419);
      isError(await browser.request(method, at(id, rest), { body, headers: { Origin: 'https://evil.example' } }), 419);
    }
  }
  const expired = await site.phone();
  site.sql(`UPDATE personal_access_tokens SET expires_at = ${site.time(-1)} WHERE id = ${expired.token.split('|')[0]};`);
  isError(await patch(expired, id, { content: 'x' }), 401);
  for (const [path, allow] of [[at(id), 'GET, HEAD, PATCH, DELETE'], [at(id, '/history'), 'GET, HEAD'], [at(id, '/reaction'), 'PUT, DELETE']]) {
    const r = await patient.post(path, {});
    isError(r, 405);
    assert.equal(r.headers.get('allow'), allow);
  }
  assert.deepEqual((await patient.get(at(id))).json.message.content, 'private');
});

test('types that are not a client\'s to send are refused', async () => {
  for (const type of ['system', 'plan', 'image', 'TEXT', 7]) {
    isError(await patient.post(`${talk}/message`, { content: 'x', type }), 422, 'type');
  }
});

// --- a closed consultation ------------------------------------------------------------

test('when the consultation is closed nothing is written, and a retry still knows', async () => {
  const was = site.sql(`SELECT status FROM treatment_requests WHERE id = ${conv.id};`).trim();
  const mine = await send(patient, { content: 'before', client_id: 'closed:1' });
  for (const word of ['completed', 'cancelled']) {
    status(word);
    for (const client of [patient, browser, admin]) {
      isError(await client.post(`${talk}/message`, { content: 'x' }), 403);
      isError(await client.post(`${talk}/message`, { content: 'x', client_id: `closed:${word}` }), 403);
      isError(await client.post(`${talk}/typing`, { typing: true }), 403);
    }
    isError(await patch(patient, mine.id, { content: 'x' }), 403);
    isError(await react(patient, mine.id, '👍'), 403);
    isError(await unreact(patient, mine.id, '👍'), 403);
    assert.equal((await patient.post(`${talk}/message`, { content: 'before', client_id: 'closed:1' })).json.message.id, mine.id);
    isError(await patient.post(`${talk}/message`, { content: 'other', client_id: 'closed:1' }), 409);
    assert.equal((await patient.get(`${talk}/messages`)).status, 200);
    assert.equal((await patient.post(`${talk}/read`, {})).status, 200);
  }
  // Many at once go by one statement on PostgreSQL: those of the closed one alone fail.
  const open = conversations.find((c) => c.id !== conv.id && c.patient === conv.patient);
  const both = await Promise.all(Array.from({ length: 12 }, (_, i) =>
    patient.post(`/chat/conversation/${i % 2 && open ? open.id : conv.id}/message`, { content: `n ${i}` })));
  assert.deepEqual(both.map((r) => r.status), both.map((_, i) => (i % 2 && open ? 201 : 403)));
  assert.equal((await remove(patient, mine.id)).status, 200, 'deleting is not writing');
  status(was);
  assert.equal((await patient.post(`${talk}/message`, { content: 'again' })).status, 201);
});

test(`an answer to sync carries no more than the message does (${engine})`, async () => {
  const { id } = await send(patient, 'secret text');
  await remove(patient, id);
  const rows = site.sql(`SELECT payload FROM chat_events WHERE event = 'MessageDeleted' ORDER BY id DESC LIMIT 1;`);
  assert.ok(!rows.includes('secret text'));
});
