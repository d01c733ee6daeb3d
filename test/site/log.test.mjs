// SPDX-License-Identifier: Apache-2.0
//
// The event log: rows written by other programs are announced, and nothing is
// lost or doubled while chat-push is away.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { collect, connect, subscribed } from './lib/pusher.mjs';
import { engine, eventually, sleep, startSite } from './lib/site.mjs';

const site = await startSite();
const conv = site.people().conversations[0];
const patient = await site.phone('patient@example.com');
const doctor = await site.phone('doctor@example.com');
const channelName = `private-conversation.${conv.id}`;

const insert = (body) => site.sql(
  `INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
   VALUES (${conv.patient}, ${conv.doctor}, ${conv.id}, '${body}', 'text', ${site.time()}, ${site.time()});`);

async function listen() {
  const pusher = connect(site, doctor);
  const seen = collect(await subscribed(pusher, channelName), 'MessageSent');
  return { pusher, seen };
}

const contents = (events) => events.map((e) => e.message.content);

test('a row written by the own shell of the database is pushed and is in sync', async () => {
  const { pusher, seen } = await listen();
  try {
    const start = await doctor.get('/chat/sync');
    assert.deepEqual(start.json.events, []);
    assert.equal(start.json.status, 'complete');
    insert('written by another program');
    await eventually(() => seen.length, 'the foreign row');
    assert.deepEqual(contents(seen), ['written by another program']);
    assert.match(seen[0].message.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const sync = await doctor.get(`/chat/sync?since=${encodeURIComponent(start.json.cursor)}`);
    assert.equal(sync.json.events.length, 1);
    assert.deepEqual(sync.json.events[0],
      { id: seen[0].id, channel: channelName, event: 'MessageSent', data: sync.json.events[0].data });
    assert.deepEqual(sync.json.events[0].data.message, seen[0].message);
    const after = await doctor.get(`/chat/sync?since=${encodeURIComponent(seen[0].cursor)}`);
    assert.deepEqual(after.json.events, [], 'a pushed cursor includes its own event');
  } finally {
    pusher.disconnect();
  }
});

test('a foreign row without a consultation disturbs nobody', async () => {
  site.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
    VALUES (${conv.patient}, ${conv.doctor}, NULL, 'a direct message', 'text', ${site.time()}, ${site.time()});`);
});

test('rows of a transaction that is rolled back are never announced', async () => {
  const { pusher, seen } = await listen();
  try {
    site.sql(`BEGIN; INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
      VALUES (${conv.patient}, ${conv.doctor}, ${conv.id}, 'never happened', 'text', ${site.time()}, ${site.time()}); ROLLBACK;`);
    insert('happened');
    await eventually(() => seen.length, 'the committed row');
    assert.deepEqual(contents(seen), ['happened']);
  } finally {
    pusher.disconnect();
  }
});

/** Whether chat-push has written down that nobody misses anything. */
function settled() {
  const [, id, from, awaited] = fs.readFileSync(site.path('run', 'relay.state'), 'utf8').split(/ +/).map(Number);
  return from === id && awaited >= 1 && id === Number(site.sql('SELECT max(id) FROM chat_events;'));
}

for (const [how, signal] of [['stopped', 'SIGTERM'], ['killed', 'SIGKILL']]) {
  test(`while chat-push is ${how} messages are taken, and arrive once when it is back`, async () => {
    const { pusher, seen } = await listen();
    site.expectLog(/chat-push takes no sockets at /); // reconnecting clients find nobody behind httpd
    try {
      await patient.post(`/chat/conversation/${conv.id}/message`, { content: 'before' });
      // Killed before that is written down, it would rather say it again.
      await eventually(() => seen.length === 1 && settled(), 'the message before');
      const cursor = seen[0].cursor;
      const child = site.push;
      child.kill(signal);
      await child.gone;
      const wanted = [];
      for (let i = 1; i <= 3; i++) {
        const content = `${how} ${i}`;
        const r = await patient.post(`/chat/conversation/${conv.id}/message`, { content });
        assert.equal(r.status, 201, r.text);
        wanted.push(content);
      }
      insert(`${how} foreign`);
      wanted.push(`${how} foreign`);
      await site.startPush();
      await eventually(() => seen.length >= 5, 'what was missed', 60000);
      await patient.post(`/chat/conversation/${conv.id}/message`, { content: 'after' });
      await eventually(() => seen.length >= 6, 'the message after');
      await sleep(300);
      assert.deepEqual(contents(seen), ['before', ...wanted, 'after']);
      const ids = seen.map((e) => e.id);
      assert.deepEqual(ids, [...new Set(ids)].sort((a, b) => a - b));
      const sync = await doctor.get(`/chat/sync?since=${encodeURIComponent(cursor)}`);
      assert.deepEqual(sync.json.events.filter((e) => e.event === 'MessageSent').map((e) => e.data.message.content),
        [...wanted, 'after']);
      assert.equal(sync.json.status, 'complete');
    } finally {
      pusher.disconnect();
    }
  });
}

test('a long absence is told in pages that join without a gap', async () => {
  const start = (await doctor.get('/chat/sync')).json.cursor;
  site.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1234)
    INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
    SELECT ${conv.patient}, ${conv.doctor}, ${conv.id}, 'n' || i, 'text', ${site.time()}, ${site.time()} FROM n;`);
  const got = [];
  let cursor = start;
  let pages = 0;
  for (;;) {
    const { json } = await doctor.get(`/chat/sync?since=${encodeURIComponent(cursor)}`);
    got.push(...json.events.filter((e) => e.event === 'MessageSent').map((e) => e.data.message.content));
    cursor = json.cursor;
    pages++;
    if (json.status === 'complete') {
      break;
    }
    assert.equal(json.status, 'more');
  }
  assert.ok(pages > 1);
  assert.deepEqual(got, Array.from({ length: 1234 }, (_, i) => `n${i + 1}`));
});

test('sync tells a person only of their own conversations', async () => {
  const other = site.people().conversations.find((c) => c.patient !== conv.patient && c.doctor !== conv.doctor);
  const mine = (await patient.get('/chat/sync')).json.cursor;
  site.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
    VALUES (${other.patient}, ${other.doctor}, ${other.id}, 'not yours', 'text', ${site.time()}, ${site.time()});`);
  const admin = await site.phone('admin@example.com');
  assert.deepEqual((await patient.get(`/chat/sync?since=${mine}`)).json.events, []);
  assert.equal((await admin.get(`/chat/sync?since=${mine}`)).json.events.length, 1);
});

test('a cursor that cannot be served says reset, and a broken one is refused', async () => {
  const { cursor } = (await doctor.get('/chat/sync')).json;
  const beyond = cursor.replace(/.$/, '9') + '99999';
  const r = await doctor.get(`/chat/sync?since=${encodeURIComponent(beyond)}`);
  assert.equal(r.status, 200, r.text);
  assert.equal(r.json.status, 'reset');
  assert.deepEqual(r.json.events, []);
  assert.equal((await doctor.get(`/chat/sync?since=${encodeURIComponent(r.json.cursor)}`)).json.status, 'complete');
  for (const bad of ['%00', 'x', '1.2.3', '-1', 'a'.repeat(500), '%F0%9F']) {
    const { status } = await doctor.get(`/chat/sync?since=${bad}`);
    assert.ok([400, 422].includes(status), `${bad}: ${status}`);
  }
});

/** SQLite: bytes bound as a BLOB, text that is no UTF-8. Both: rows put into the log by hand. */
const odd = {
  sqlite: `INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
      VALUES (${conv.patient}, ${conv.doctor}, ${conv.id}, x'6120626c6f62', x'74657874', ${site.time()}, ${site.time()}),
             (${conv.patient}, ${conv.doctor}, ${conv.id}, CAST(x'636166e9' AS TEXT), 'text', ${site.time()}, ${site.time()});
      UPDATE treatment_requests SET title = x'616263', status = 'completed' WHERE id = ${conv.id};
      UPDATE treatment_requests SET title = 'abc', status = 'in_progress' WHERE id = ${conv.id};
      INSERT INTO chat_events (event, conversation_id, channels, payload)
      VALUES ('Broken', ${conv.id}, '["private-conversation.${conv.id}"]', '{"a":}'),
             (CAST(x'ff41' AS TEXT), ${conv.id}, '["private-conversation.${conv.id}"]', '{}');`,
  pgsql: `INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
      VALUES (${conv.patient}, ${conv.doctor}, ${conv.id}, 'a blob', 'text', NULL, NULL),
             (${conv.patient}, ${conv.doctor}, ${conv.id}, E'caf\\u00e9\\u200f', 'text', '2026-01-01 00:00:00', NULL);
      UPDATE treatment_requests SET title = E'a\\001"\\\\', status = 'completed' WHERE id = ${conv.id};
      UPDATE treatment_requests SET title = 'abc', status = 'in_progress' WHERE id = ${conv.id};
      INSERT INTO chat_events (event, conversation_id, channels, payload)
      VALUES ('Broken', ${conv.id}, '["private-conversation.${conv.id}"]', '["a"]'),
             ('Broken', ${conv.id}, '{"no": "list"}', 'null');`,
};

test('whatever another program wrote, it is not refused and nothing becomes unreadable', async () => {
  const start = (await doctor.get('/chat/sync')).json.cursor;
  doctor.contract = null; // events of another program's are nothing that we announce
  const { pusher, seen: heard } = await listen();
  const before = (await doctor.get(`/chat/conversation/${conv.id}/messages?per_page=1`)).json.data[0].id;
  // Not what a restart a moment ago gives again to whoever subscribes.
  const fresh = () => heard.filter((e) => e.message.id > before);
  site.expectLog(/rows of chat_events up to id \d+ are no events and were left out/);
  try {
    site.sql(engine === 'pgsql' ? odd.pgsql : odd.sqlite);
    insert('readable again');
    await eventually(() => fresh().length === 3, 'all three messages');
    const seen = fresh();
    assert.deepEqual(contents(seen), ['a blob', engine === 'pgsql' ? 'caf\u00e9\u200f' : 'caf\ufffd', 'readable again']);
    const strict = new TextDecoder('utf-8', { fatal: true });
    for (const path of ['/chat', `/chat/conversation/${conv.id}`, `/chat/conversation/${conv.id}/messages`, `/chat/sync?since=${start}`]) {
      const r = await fetch(site.url + path, { headers: { Authorization: `Bearer ${doctor.token}`, Accept: 'application/json', Connection: 'close' } });
      assert.equal(r.status, 200, path);
      JSON.parse(strict.decode(await r.arrayBuffer()));
    }
    const { json } = await doctor.get(`/chat/sync?since=${start}`);
    assert.equal(json.status, 'complete');
    assert.deepEqual(json.events.filter((e) => e.event === 'MessageSent').map((e) => e.data.message.content), contents(seen));
    assert.ok(!json.events.some((e) => e.event === 'Broken'));
  } finally {
    doctor.contract = '';
    pusher.disconnect();
  }
});
