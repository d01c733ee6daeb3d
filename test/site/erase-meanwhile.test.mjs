// SPDX-License-Identifier: Apache-2.0
//
// Erasing and purging while others go on: an edit into what was emptied already, readers
// who mark the same rows, what is on hold, and what an earlier purge has left.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { eventually, startSite, testDatabase } from './lib/site.mjs';

const site = await startSite({ db: await testDatabase(), extraConf: 'ChatSendRate off' });
const { conversations } = site.people();
const conv = conversations[0];
const patient = await site.phone('patient@example.com');
const doctor = await site.phone('doctor@example.com');
const as = site.dbFile && site.user ? { uid: site.user.uid, gid: site.user.gid } : {};
const chatctl = async (...args) => (await promisify(execFile)(site.path('bin', 'chatctl'), [...args, '--database', site.db], as)).stdout;
const number = (text) => Number(site.sql(text).trim());
/** Another conversation of the same two. */
const talk = (status) => {
  site.sql(`INSERT INTO treatment_requests (patient_id, doctor_id, title, status) VALUES (${conv.patient}, ${conv.doctor}, '', '${status}');`);
  return number('SELECT max(id) FROM treatment_requests;');
};
const send = async (who, id, content, more = {}) => {
  const r = await who.post(`/chat/conversation/${id}/message`, { content, ...more });
  assert.equal(r.status, 201, r.text);
  return r.json.message.id;
};

test('a plan\'s words that an earlier purge has left are due', async () => {
  const id = talk('completed');
  site.sql(`INSERT INTO treatment_plans (treatment_request_id, doctor_id, title, description, status)
      VALUES (${id}, ${conv.doctor}, 'left-title', 'left-words', 'cancelled');
    UPDATE messages SET body = '', deleted_at = ${site.time()} WHERE request_id = ${id};
    UPDATE treatment_requests SET updated_at = ${site.time(-100 * 86400)} WHERE id = ${id};`);
  await chatctl('purge', 'set', 'completed', '90');
  assert.equal(JSON.parse(await chatctl('purge', 'run', '--json')).conversations, 1);
  assert.equal(number(`SELECT count(*) FROM treatment_plans WHERE title LIKE 'left-%' OR description LIKE 'left-%';`), 0);
  assert.equal(JSON.parse(await chatctl('purge', 'run', '--json')).conversations, 0, 'nothing is left to do');
});

/** A session that has done `text` and not committed; what it gives commits. */
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

// Readers lock the messages they mark in the order of their ids. Whoever holds another
// one meanwhile would wait for them, and they for it: one of the two would fail.
if (!site.dbFile) {
  test('a purge locks messages in the order of their ids', async () => {
    const id = talk('completed');
    site.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
        SELECT ${conv.doctor}, ${conv.patient}, ${id}, 'old ' || i, 'text', ${site.time()}, ${site.time()} FROM generate_series(1, 150) AS i;
      UPDATE treatment_requests SET updated_at = ${site.time(-100 * 86400)} WHERE id = ${id};`);
    const middle = number(`SELECT max(id) - 75 FROM messages WHERE request_id = ${id};`);
    const commit = await begun(`SELECT id FROM messages WHERE id = ${middle} FOR UPDATE;`);
    const purged = chatctl('purge', 'run', '--json');
    await eventually(() => number("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database();") > 0, 'it waits');
    const free = number(`SELECT count(*) FROM (SELECT id FROM messages WHERE request_id = ${id} AND id > ${middle} FOR UPDATE SKIP LOCKED) AS f;`);
    await commit();
    assert.equal(JSON.parse(await purged).messages, 150);
    assert.equal(free, 75, 'those behind the one it waits for');
  });
}

test('an erasure leaves no edit of its own time in the log, and nothing of what is held undone', async () => {
  const held = talk('in_progress');
  const kept = await send(doctor, held, 'for the court');
  const other = await send(doctor, conv.id, 'not for the court');
  for (const [id, message] of [[held, kept], [conv.id, other]]) {
    assert.equal((await patient.request('PUT', `/chat/conversation/${id}/message/${message}/reaction`, { body: { emoji: '👍' } })).status, 200);
  }
  const first = await send(patient, conv.id, 'as it was');
  const answer = await send(doctor, conv.id, 'an answer', { reply_to: first });
  const last = await send(patient, conv.id, 'the last one');
  await chatctl('hold', 'add', '--conversation', String(held), '--why', 'court');
  // What an edit of the first one does to the log, between its emptying and the row's.
  site.sql(site.dbFile
    ? `CREATE TRIGGER edited_meanwhile AFTER UPDATE OF deleted_at ON messages WHEN OLD.id = ${last}
       BEGIN
         UPDATE chat_events SET payload = json_set(payload, '$.message.content', 'written meanwhile')
         WHERE event = 'MessageSent' AND json_extract(payload, '$.message.id') = ${first};
         UPDATE chat_events SET payload = json_set(payload, '$.message.reply_to.content', 'written meanwhile',
                                                   '$.message.reply_to.deleted', json('false'))
         WHERE event = 'MessageSent' AND json_extract(payload, '$.message.id') = ${answer};
       END;`
    : `CREATE FUNCTION edited_meanwhile() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         UPDATE chat_events SET payload = jsonb_set(payload::jsonb, '{message,content}', '"written meanwhile"')::json
         WHERE event = 'MessageSent' AND payload #>> '{message,id}' = '${first}';
         UPDATE chat_events SET payload = jsonb_set(payload::jsonb, '{message,reply_to}', (payload::jsonb #> '{message,reply_to}')
                                                    || '{"content": "written meanwhile", "deleted": false}'::jsonb)::json
         WHERE event = 'MessageSent' AND payload #>> '{message,id}' = '${answer}';
         RETURN NULL;
       END $$;
       CREATE TRIGGER edited_meanwhile AFTER UPDATE OF deleted_at ON messages
       FOR EACH ROW WHEN (OLD.id = ${last}) EXECUTE FUNCTION edited_meanwhile();`);
  await chatctl('erase', '--user', 'patient@example.com', '--except-held');
  site.sql(site.dbFile ? 'DROP TRIGGER edited_meanwhile;' : 'DROP FUNCTION edited_meanwhile CASCADE;');
  const log = site.sql(`SELECT payload FROM chat_events WHERE conversation_id = ${conv.id};`);
  assert.doesNotMatch(log, /written meanwhile|as it was|the last one/);
  assert.match(log, /an answer/);
  assert.equal(number(`SELECT count(*) FROM chat_message_reactions WHERE message_id = ${kept};`), 1, 'held');
  assert.equal(number(`SELECT count(*) FROM chat_message_reactions WHERE message_id = ${other};`), 0);
});

// httpd would send or drop it by and by, and is not there to do so.
test('what waits for its files is purged as well', async () => {
  const id = talk('completed');
  site.sql(`INSERT INTO chat_attachments (id, conversation_id, user_id, name, mime, kind, size, state)
      VALUES ('${'0e'.repeat(16)}', ${id}, ${conv.patient}, 'a.pdf', 'application/pdf', 'file', 5, 'pending');
    INSERT INTO chat_held_messages (conversation_id, user_id, body, type, file_ids)
      VALUES (${id}, ${conv.patient}, 'waiting words', 'file', '["${'0e'.repeat(16)}"]');
    INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
      VALUES (${conv.doctor}, ${conv.patient}, ${id}, 'old', 'text', ${site.time()}, ${site.time()});`);
  await site.stopHttpd();
  site.sql(`UPDATE treatment_requests SET updated_at = ${site.time(-100 * 86400)} WHERE id = ${id};`);
  await chatctl('purge', 'run', '--files', site.path('files'));
  assert.equal(number(`SELECT count(*) FROM messages WHERE request_id = ${id} AND body <> '';`), 0);
  assert.equal(number('SELECT count(*) FROM chat_held_messages;'), 0);
  await site.startHttpd();
});
