// SPDX-License-Identifier: Apache-2.0
//
// Retention: what is older than the window leaves the event log, and nobody who was
// not away for so long notices. chat-push sweeps once a minute; here SIGHUP, which
// makes it sweep at once.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { freePort } from '../../dev/site.mjs';
import { cleanup } from './lib/cleanup.mjs';
import { collect, connect, subscribed } from './lib/pusher.mjs';
import { engine, eventually, startSite } from './lib/site.mjs';

const site = await startSite({ extraConf: 'ChatSendRate off' });
const conv = site.people().conversations[0];
const patient = await site.phone('patient@example.com');
const doctor = await site.phone('doctor@example.com');
const pusher = connect(site, doctor, { direct: true });
cleanup(() => pusher.disconnect());
const seen = collect(await subscribed(pusher, `private-conversation.${conv.id}`), 'MessageSent');
const states = [];
pusher.connection.bind('state_change', (s) => states.push(s.current));

const WEEK = 7 * 24 * 3600;
const conf = site.path('conf', 'chat-push.json');

/** Many rows by the database's own shell. */
const insert = (n, mark) => site.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${n})
  INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
  SELECT ${conv.patient}, ${conv.doctor}, ${conv.id}, '${mark} ' || i, 'text', ${site.time()}, ${site.time()} FROM n;`);
const age = (last, seconds = WEEK + 60) =>
  site.sql(`UPDATE chat_events SET created_at = ${site.time(-seconds)} WHERE id <= ${last};`);
const kept = () => site.sql('SELECT id FROM chat_events ORDER BY id;').trim().split('\n').filter(Boolean).map(Number);
const sync = async (since) => (await doctor.get(`/chat/sync?limit=500&since=${encodeURIComponent(since)}`)).json;
const texts = (events) => events.map((e) => e.data.message.content);
const sweep = () => site.push.kill('SIGHUP');

/** Everything was handed over and that is written down: only then may it go. */
async function settled() {
  await eventually(() => {
    const { id, from, awaited } = site.relayState();
    return id === site.lastEvent() && from === id && awaited >= 1;
  }, 'the relay at the end of the log');
}

/** Sweep until the log begins behind an id. */
async function sweptTo(last) {
  await eventually(() => {
    sweep();
    return !kept().some((id) => id <= last);
  }, `everything up to ${last} gone`);
}

test('what is older than the window goes, and who was away for longer is told to begin anew', async () => {
  const start = (await doctor.get('/chat/sync')).json.cursor;
  insert(1203, 'old');
  await eventually(() => seen.length === 1203, 'all of them');
  const old = seen.at(-1);
  insert(3, 'young');
  await eventually(() => seen.length === 1206, 'the young ones');
  await settled();
  age(old.id);
  const gone = kept().length - 3;
  assert.ok(gone > 1000);
  sweep();
  await eventually(() => site.logged('removed from the log'), 'the end of the sweep');
  assert.deepEqual(kept(), seen.slice(-3).map((e) => e.id));
  assert.equal(site.logged(`retention: ${gone} events older than ${WEEK} s removed from the log, up to id ${old.id}\n`), 1);
  assert.equal(await site.metric('retention_events_total'), gone);
  assert.equal(await site.metric('retention_failures_total'), 0);
  assert.ok(await site.metric('retention_oldest_seconds') < 3600);

  for (const cursor of [start, seen[600].cursor, seen.at(-5).cursor]) {
    const { status, events, cursor: fresh } = await sync(cursor);
    assert.equal(status, 'reset', cursor);
    assert.deepEqual(events, []);
    assert.equal((await sync(fresh)).status, 'complete');
  }
  // Who had everything that is gone misses nothing.
  const from = await sync(old.cursor);
  assert.equal(from.status, 'complete');
  assert.deepEqual(texts(from.events), ['young 1', 'young 2', 'young 3']);
});

test('a log that is empty serves those who miss nothing, and goes on', async () => {
  const { cursor } = (await doctor.get('/chat/sync')).json;
  const pushed = seen.at(-1).cursor;
  const last = site.lastEvent();
  await settled();
  age(last);
  await sweptTo(last);
  assert.deepEqual(kept(), []);
  for (const since of [cursor, pushed]) {
    assert.deepEqual(await sync(since).then(({ status, events }) => ({ status, events })), { status: 'complete', events: [] });
  }
  assert.equal(await site.metric('retention_oldest_seconds'), 0);
  const r = await patient.post(`/chat/conversation/${conv.id}/message`, { content: 'goes on' });
  assert.equal(r.status, 201, r.text);
  await eventually(() => seen.at(-1).message.content === 'goes on', 'the message');
  assert.ok(seen.at(-1).id > last, 'no id comes twice');
  for (const since of [cursor, pushed]) {
    const { status, events } = await sync(since);
    assert.equal(status, 'complete');
    assert.deepEqual(texts(events), ['goes on']);
  }
});

test('a large transaction into a log that was emptied arrives whole', async () => {
  await settled();
  const last = site.lastEvent();
  age(last);
  await sweptTo(last);
  assert.deepEqual(kept(), []);
  insert(6000, 'bulk');
  await eventually(() => seen.at(-1).message.content === 'bulk 6000', 'the last of them');
  assert.equal(seen.filter((e) => e.message.content.startsWith('bulk ')).length, 6000);
});

test('while much is removed, messages are taken and delivered', async () => {
  await settled();
  const last = site.lastEvent();
  age(last);
  sweep();
  for (let i = 0; kept()[0] <= last; i++) {
    const r = await patient.post(`/chat/conversation/${conv.id}/message`, { content: `meanwhile ${i}` });
    assert.equal(r.status, 201, r.text);
    await eventually(() => seen.at(-1).message.content === `meanwhile ${i}`, 'the message');
  }
  const ids = seen.map((e) => e.id);
  assert.deepEqual(ids, [...new Set(ids)].sort((a, b) => a - b), 'each once and in order');
  assert.deepEqual(states, [], 'the client stayed connected all the time');
});

test('what was written while chat-push was down longer than the window is relayed before it goes', async () => {
  await settled();
  await site.stopPush();
  const before = seen.length;
  insert(5, 'absence');
  const last = site.lastEvent();
  age(last);
  await site.startPush();
  sweep();
  await eventually(() => seen.length >= before + 5, 'what was missed', 60000);
  assert.deepEqual(seen.slice(before).map((e) => e.message.content), [1, 2, 3, 4, 5].map((i) => `absence ${i}`));
  await settled();
  await sweptTo(last);
  assert.equal(seen.length, before + 5);
});

// sync asks where the log begins and then for its events: what was removed in between
// was missing from an answer that called itself complete. Here the first question
// takes its time once it has begun, so that most removals come in between.
const dawdling = {
  sqlite: [`PRAGMA legacy_alter_table = ON; BEGIN IMMEDIATE; ALTER TABLE chat_log RENAME TO chat_log_kept;
    CREATE VIEW chat_log AS SELECT epoch FROM chat_log_kept
    WHERE (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) SELECT count(*) FROM n) > 0; COMMIT;`,
  'PRAGMA legacy_alter_table = ON; BEGIN IMMEDIATE; DROP VIEW chat_log; ALTER TABLE chat_log_kept RENAME TO chat_log; COMMIT;'],
  pgsql: [`BEGIN; ALTER TABLE chat_log RENAME TO chat_log_kept;
    CREATE FUNCTION dawdle(epoch text) RETURNS text LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.04); RETURN epoch; END';
    CREATE VIEW chat_log AS SELECT dawdle(epoch) AS epoch, pruned_to FROM chat_log_kept; COMMIT;`,
  'BEGIN; DROP VIEW chat_log; DROP FUNCTION dawdle; ALTER TABLE chat_log_kept RENAME TO chat_log; COMMIT;'],
}[engine];

test('while the log loses its beginning, sync is whole or says reset', async (t) => {
  const ROWS = 12;
  const start = (await doctor.get('/chat/sync')).json.cursor;
  insert(ROWS, 'vanishing');
  await settled();
  const { events, status } = await sync(start);
  assert.equal(status, 'complete');
  assert.equal(events.length, ROWS);
  site.sql(dawdling[0]);
  t.after(() => site.sql(dawdling[1]));
  let at = 1; // this event is about to go, or gone
  const said = []; // by event: what sync has said from right before it
  const syncing = Array.from({ length: 2 }, async () => {
    while (at < ROWS) {
      const wanted = at;
      const answer = await sync(events[wanted - 1].data.cursor);
      said[wanted] = answer.status;
      if (answer.status !== 'reset') {
        assert.deepEqual(answer.events.map((e) => e.id), events.slice(wanted).map((e) => e.id), answer.status);
      }
    }
  });
  const removing = (async () => {
    for (; at < ROWS; at++) {
      await eventually(() => said[at] === 'complete', 'a whole answer');
      await site.sqlBeside(`DELETE FROM chat_events WHERE id <= ${events[at].id};`);
      await eventually(() => said[at] === 'reset', 'a reset');
    }
  })();
  await Promise.all([removing, ...syncing]);
});

test('two nodes clear one log side by side', async () => {
  const other = JSON.parse(fs.readFileSync(conf));
  other.port = await freePort();
  other.metrics.port = await freePort();
  Object.assign(other.database, { state: site.path('run', 'other.state'), wake: site.path('run', 'other.sock') });
  other.handoff.path = site.path('run', 'other-handoff.sock');
  fs.writeFileSync(site.path('conf', 'other.json'), JSON.stringify(other));
  if (site.user) {
    site.give(site.path('conf', 'other.json'));
  }
  const node = site.launch('other', site.path('bin', 'chat-push'), ['--config', site.path('conf', 'other.json')],
    { user: site.user, log: 'other.log', env: site.sanitizerEnv(false) });
  cleanup(() => site.end(node, 10000));
  await site.answers(`http://127.0.0.1:${other.port}/`, node, 'chat-push', 'other.log');
  const log = () => fs.readFileSync(site.path('logs', 'other.log'), 'utf8');
  insert(6000, 'shared');
  await eventually(() => seen.at(-1).message.content === 'shared 6000', 'all of them');
  await settled();
  const last = site.lastEvent();
  await eventually(() => fs.readFileSync(other.database.state, 'utf8').includes(` ${String(last).padStart(19, '0')} `), 'the other relay');
  age(last);
  await eventually(() => {
    sweep();
    node.kill('SIGHUP');
    return kept().length === 0;
  }, 'an empty log');
  await site.end(node, 10000);
  assert.doesNotMatch(log(), /warning|error/);
});

test('a window that is no window is refused, and zero keeps everything', async () => {
  const text = fs.readFileSync(conf, 'utf8');
  const put = (seconds) => {
    const c = JSON.parse(text);
    fs.writeFileSync(conf, JSON.stringify({ ...c, database: { ...c.database, retentionSeconds: seconds } }));
    sweep();
  };
  site.expectLog(/settings not reloaded.*database\.retentionSeconds must be 0 or at least 3600/);
  put(60);
  await eventually(() => site.logged('settings not reloaded'), 'the refusal');
  put(0);
  await eventually(() => site.logged('settings changed: database.retentionSeconds'), 'the change');
  insert(2, 'for ever');
  await settled();
  const last = site.lastEvent();
  age(last, 400 * 24 * 3600);
  const all = kept();
  put(0);
  await eventually(() => site.logged('nothing has changed'), 'the reload');
  assert.deepEqual(kept(), all);
  put(3600);
  await sweptTo(last);
});
