// SPDX-License-Identifier: Apache-2.0
//
// Two who do things to one row at once: whoever comes first is told first, one of two
// gets what there is once, and nobody waits in a circle. On PostgreSQL a session of the
// test's own stops in the middle of its transaction until the other one waits for it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { tmpName } from '../../dev/site.mjs';
import { cleanup } from './lib/cleanup.mjs';
import { engine, eventually, startSite, testDatabase } from './lib/site.mjs';
import { form, pdf } from './lib/upload.mjs';

/* Looking at files stops while a file `wait` is there. */
const scanner = fs.mkdtempSync(tmpName('mod_chat-scan-'));
cleanup(() => fs.rmSync(scanner, { recursive: true, force: true }));
fs.chmodSync(scanner, 0o755);
fs.writeFileSync(path.join(scanner, 'scan'), `#!/bin/sh
while [ -e "${scanner}/wait" ]; do sleep 0.1; done
exit 0
`, { mode: 0o755 });
const wait = path.join(scanner, 'wait');

const site = await startSite({
  db: await testDatabase(),
  extraConf: `ChatSendRate off\nChatRequestRate off\nChatScan command:${scanner}/scan\nChatScanWait 1\nChatScanTimeout 600`,
});
const { accounts, conversations } = site.people();
const email = (id) => accounts.find((a) => a.user_id === id).email;
const conv = conversations[0];
const patient = await site.phone(email(conv.patient));
const doctor = await site.phone(email(conv.doctor));
const url = (what, id = conv.id) => `/chat/conversation/${id}${what}`;
const pgsql = engine === 'pgsql';
const was = site.sql(`SELECT status FROM treatment_requests WHERE id = ${conv.id};`).trim();

const send = async (content, who = patient) => {
  const r = await who.post(url('/message'), { content });
  assert.equal(r.status, 201, r.text);
  return r.json.message;
};
const field = (name) => (site.dbFile ? `json_extract(payload, '$.${name.join('.')}')` : `(payload #>> '{${name}}')`);
/** The names of a message's events, in order. */
const eventsOf = (id) => site.sql(`SELECT event FROM chat_events
  WHERE event <> 'MessageRead' AND (${field(['message', 'id'])} = ${site.dbFile ? id : `'${id}'`} OR ${field(['message_id'])} = ${site.dbFile ? id : `'${id}'`})
  ORDER BY id;`).trim().split('\n');

/** A session that has done `text` and not committed; resolves when it has. */
async function begun(text) {
  const [shell, args, options] = site.shell();
  const child = spawn(shell, args, { ...options, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => { child.once('exit', resolve); });
  let said = '';
  child.stdout.on('data', (d) => { said += d; });
  child.stdin.write(`BEGIN;\n${text}\nSELECT 'ready';\n`);
  await eventually(() => said.includes('ready'), 'the session');
  return async () => {
    child.stdin.end('COMMIT;\n');
    assert.equal(await ended, 0);
  };
}
/** So many wait for a lock. */
const waiting = (n = 1) => eventually(() => Number(site.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database();")) >= n,
  'somebody waits');

// --- a reaction and the message's end ------------------------------------------------------

test('no reaction is told of a message that is deleted', async () => {
  const all = [];
  for (let i = 0; i < 24; i++) {
    all.push((await send(`gone soon ${i}`)).id);
  }
  const answers = await Promise.all(all.flatMap((id) => [
    doctor.request('PUT', url(`/message/${id}/reaction`), { body: { emoji: '👍' } }),
    patient.request('PUT', url(`/message/${id}/reaction`), { body: { emoji: '👍' } }),
    patient.request('DELETE', url(`/message/${id}`)),
    doctor.request('DELETE', url(`/message/${id}/reaction?emoji=${encodeURIComponent('👍')}`)),
  ]));
  assert.deepEqual(answers.filter((r) => ![200, 410].includes(r.status)).map((r) => `${r.status} ${r.text}`), []);
  for (const id of all) {
    assert.equal(eventsOf(id).at(-1), 'MessageDeleted', eventsOf(id).join());
  }
});

if (pgsql) {
  test('who reacts while the message is being deleted is too late', async () => {
    const { id } = await send('deleted first');
    const commit = await begun(`UPDATE messages SET deleted_at = now() AT TIME ZONE 'UTC' WHERE id = ${id};`);
    const reaction = doctor.request('PUT', url(`/message/${id}/reaction`), { body: { emoji: '👍' } });
    await waiting();
    await commit();
    assert.equal((await reaction).status, 410);
    assert.deepEqual(eventsOf(id), ['MessageSent', 'MessageDeleted']);
    assert.equal(site.sql(`SELECT count(*) FROM chat_message_reactions WHERE message_id = ${id};`).trim(), '0');
  });

  test('a reaction that came first is told first, another program\'s too', async () => {
    const { id } = await send('liked first');
    assert.equal((await patient.request('PUT', url(`/message/${id}/reaction`), { body: { emoji: '🙏' } })).status, 200);
    const commit = await begun(`INSERT INTO chat_message_reactions (message_id, user_id, emoji) VALUES (${id}, ${conv.doctor}, '👍');`);
    const end = patient.request('DELETE', url(`/message/${id}`));
    await waiting();
    await commit();
    assert.equal((await end).status, 200);
    assert.deepEqual(eventsOf(id), ['MessageSent', 'MessageReaction', 'MessageReaction', 'MessageDeleted']);
  });
}

// --- plans and the consultation's end --------------------------------------------------------

const offer = { title: 'Crown', price_cents: 100, currency: 'JOD' };
const close = `UPDATE treatment_requests SET status = 'completed' WHERE id = ${conv.id};`;
const reopen = () => site.sql(`UPDATE treatment_requests SET status = '${was}' WHERE id = ${conv.id};`);
const plansAfterTheEnd = () => site.sql(`SELECT count(*) FROM chat_events e WHERE e.event = 'PlanSubmitted'
  AND e.id > (SELECT max(x.id) FROM chat_events x WHERE x.event = 'ConversationUpdated' AND x.conversation_id = ${conv.id});`).trim();

test('nothing is offered behind the end of a consultation', async () => {
  for (let i = 0; i < 6; i++) {
    const draft = (await doctor.post(url('/plan'), offer)).json.plan;
    const answers = await Promise.all([
      doctor.post(`/chat/plan/${draft.id}/submit`, {}), doctor.post(url('/plan'), { ...offer, status: 'submitted' }), site.sqlBeside(close),
      doctor.post(url('/plan'), { ...offer, status: 'submitted' })]);
    answers.splice(2, 1);
    assert.deepEqual(answers.filter((r) => ![200, 201, 403].includes(r.status)).map((r) => `${r.status} ${r.text}`), []);
    assert.equal(plansAfterTheEnd(), '0');
    reopen();
  }
});

if (pgsql) {
  test('who submits while the consultation is being closed is refused', async () => {
    const draft = (await doctor.post(url('/plan'), offer)).json.plan;
    for (const [path_, body] of [[`/chat/plan/${draft.id}/submit`, {}], [url('/plan'), { ...offer, status: 'submitted' }],
      [url('/plan'), { ...offer, status: 'submitted', client_id: 'at-the-end' }]]) {
      const commit = await begun(close);
      const r = doctor.post(path_, body);
      await waiting();
      await commit();
      const answer = await r;
      assert.equal(answer.status, 403, answer.text);
      assert.match(answer.json.error, /closed/);
      assert.equal(plansAfterTheEnd(), '0');
      reopen();
    }
    assert.equal((await doctor.get(`/chat/plan/${draft.id}`)).json.plan.status, 'draft');
  });
}

// --- changes and the consultation's end ------------------------------------------------------

const told = (names) => site.sql(`SELECT count(*) FROM chat_events e WHERE e.event IN (${names.map((n) => `'${n}'`)})
  AND e.conversation_id = ${conv.id} AND e.id > (SELECT max(x.id) FROM chat_events x WHERE x.event = 'ConversationUpdated' AND x.conversation_id = ${conv.id});`).trim();

test('nothing is edited and nobody reacts behind the end of a consultation', async () => {
  for (let i = 0; i < 6; i++) {
    const [a, b] = [await send('as it was'), await send('as it was')];
    await doctor.request('PUT', url(`/message/${b.id}/reaction`), { body: { emoji: '👍' } });
    const answers = await Promise.all([
      patient.request('PATCH', url(`/message/${a.id}`), { body: { content: 'other' } }),
      doctor.request('PUT', url(`/message/${a.id}/reaction`), { body: { emoji: '👍' } }),
      site.sqlBeside(close),
      doctor.request('DELETE', url(`/message/${b.id}/reaction?emoji=${encodeURIComponent('👍')}`)),
      patient.request('PATCH', url(`/message/${b.id}`), { body: { content: 'other' } })]);
    answers.splice(2, 1);
    assert.deepEqual(answers.filter((r) => ![200, 403].includes(r.status)).map((r) => `${r.status} ${r.text}`), []);
    assert.equal(told(['MessageEdited', 'MessageReaction']), '0');
    reopen();
  }
});

if (pgsql) {
  test('who edits or reacts while the consultation is being closed is refused', async () => {
    const { id } = await send('as it was');
    await doctor.request('PUT', url(`/message/${id}/reaction`), { body: { emoji: '🙏' } });
    for (const [who, method, path_, body] of [
      [patient, 'PATCH', `/message/${id}`, { content: 'other' }], [doctor, 'PUT', `/message/${id}/reaction`, { emoji: '👍' }],
      [doctor, 'DELETE', `/message/${id}/reaction?emoji=${encodeURIComponent('🙏')}`]]) {
      const commit = await begun(close);
      const r = who.request(method, url(path_), { body });
      await waiting();
      await commit();
      const answer = await r;
      assert.equal(answer.status, 403, `${method}: ${answer.text}`);
      assert.match(answer.json.error, /closed/);
      assert.equal(told(['MessageEdited', 'MessageReaction']), '0');
      reopen();
    }
    const { message } = (await patient.get(url(`/message/${id}`))).json;
    assert.deepEqual([message.content, message.edited_at, message.reactions.map((x) => x.emoji)], ['as it was', null, ['🙏']]);
  });
}

// --- one file, two messages ---------------------------------------------------------------

test('of two messages that name one upload exactly one gets it', async () => {
  for (let i = 0; i < 4; i++) {
    fs.writeFileSync(wait, '');
    const up = await patient.post(url('/attachment'), pdf(3000), { type: 'application/pdf' });
    assert.equal(up.status, 202, up.text);
    const { id } = up.json.attachment;
    const names = ['a', 'b', 'c'].map((x) => `one-${i}-${x}`);
    const answers = await Promise.all(names.map((client_id) =>
      patient.post(url('/message'), { content: client_id, client_id, attachments: [id] })));
    assert.deepEqual(answers.map((r) => r.status).sort(), [202, 422, 422], answers.map((r) => r.text).join());
    const late = answers.find((r) => r.status === 422);
    assert.ok(late.json.errors.attachments, late.text);
    fs.rmSync(wait);
    await eventually(() => site.sql('SELECT count(*) FROM chat_held_messages;').trim() === '0', 'the message is sent', 60000);
    const sent = (await doctor.get(url('/messages'))).json.data.filter((m) => names.includes(m.content));
    assert.equal(sent.length, 1);
    assert.deepEqual(sent[0].attachments.map((a) => a.id), [id]);
  }
});

test('a message repeated while it waits for its files is answered as the first', async () => {
  for (let round = 0; round < 6; round++) {
    fs.writeFileSync(wait, '');
    const { id } = (await patient.post(url('/attachment'), pdf(3000 + round), { type: 'application/pdf' })).json.attachment;
    const body = { content: `once ${round}`, client_id: `once-${round}`, attachments: [id] };
    const answers = await Promise.all(Array.from({ length: 8 }, () => patient.post(url('/message'), body)));
    assert.deepEqual(answers.map((r) => r.status), Array(8).fill(202), answers.map((r) => r.text).join());
    fs.rmSync(wait);
    await eventually(() => site.sql('SELECT count(*) FROM chat_held_messages;').trim() === '0', 'the message is sent', 60000);
    assert.equal((await doctor.get(url('/messages'))).json.data.filter((m) => m.content === body.content).length, 1);
  }
});

// --- files that come and go ---------------------------------------------------------------

if (pgsql) {
  test('an upload and the removal of several people\'s files do not wait for each other', async () => {
    const other = site.openTalks(conv.doctor).find((c) => c.id !== conv.id);
    const files = [];
    for (const [who, id] of [[patient, conv.id], [doctor, other.id]]) {
      const r = await who.post(url('/attachment', id), pdf(600), { type: 'application/pdf' });
      files.push(r.json.attachment.id);
    }
    // All three want the conversation's row; the removal comes before the upload.
    const commit = await begun(`UPDATE chat_file_usage SET bytes = bytes WHERE owner = 'c${conv.id}';`);
    const removal = site.sqlBeside(`DELETE FROM chat_attachments WHERE id IN ('${files.join("', '")}');`);
    await waiting(1);
    const upload = doctor.post(url('/attachment'), pdf(600), { type: 'application/pdf' });
    await waiting(2);
    await commit();
    await removal;
    assert.ok([201, 202].includes((await upload).status));
  });
}

test('uploading, sending and deleting at random never waits in a circle', async () => {
  const talks = site.openTalks(conv.doctor).slice(0, 4);
  const members = await Promise.all(talks.map((t) => site.phone(email(t.patient))));
  const bad = [];
  let over = false;
  const note = (r, ...fine) => (fine.includes(r.status) ? r : (bad.push(`${r.status} ${r.text}`), r));
  const one = async (who, talk, n) => {
    for (let i = 0; i < 6; i++) {
      const { body, type } = form([{ name: 'content', value: `${n} ${i}` },
        { name: 'files[]', file: 'a.pdf', bytes: pdf(800) }, { name: 'files[]', file: 'b.pdf', bytes: pdf(900) }]);
      const m = note(await who.post(url('/message', talk), body, { type }), 201, 202).json.message;
      const loose = note(await who.post(url('/attachment', talk), pdf(700), { type: 'application/pdf' }), 201, 202).json.attachment;
      if (loose && (i + n) % 2) {
        note(await who.request('DELETE', `/chat/attachment/${loose.id}`), 200, 404);
      }
      if (m && (i + n) % 3 === 0) {
        note(await who.request('DELETE', url(`/message/${m.id}`, talk)), 200);
      }
    }
  };
  /** What goes by age, all people's together, in whatever order it is found. */
  const sweep = async () => {
    while (!over) {
      await site.sqlBeside(pgsql
        ? 'DELETE FROM chat_attachments WHERE message_id IS NULL AND id IN (SELECT id FROM chat_attachments WHERE message_id IS NULL ORDER BY random() LIMIT 5);'
        : 'SELECT 1;');
    }
  };
  const sweeping = sweep();
  await Promise.all([...talks.map((t, n) => one(doctor, t.id, n)), ...talks.map((t, n) => one(members[n], t.id, n + 1))]);
  over = true;
  await sweeping;
  // The sweep may take a file from under its message: that is refused, and nothing else is.
  assert.deepEqual(bad.filter((b) => !b.startsWith('422')), []);
  const kept = site.sql('SELECT coalesce(sum(bytes), 0) FROM chat_file_usage;').trim();
  assert.equal(Number(kept), 2 * Number(site.sql('SELECT coalesce(sum(size), 0) FROM chat_attachments;').trim()));
  const wrong = site.sql(`SELECT count(*) FROM chat_file_usage f WHERE bytes <> (SELECT coalesce(sum(size), 0) FROM chat_attachments a
    WHERE f.owner IN ('u' || a.user_id, 'c' || a.conversation_id));`).trim();
  assert.equal(wrong, '0', 'each account and conversation is counted rightly');
});
