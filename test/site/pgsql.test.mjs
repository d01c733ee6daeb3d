// SPDX-License-Identifier: Apache-2.0
//
// What only PostgreSQL does: transactions that commit in another order than they
// took their ids, that are rolled back, that stay open; and a server that restarts.
// Nothing is lost, and within a conversation nothing changes places.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { test } from 'node:test';
import { cleanup } from './lib/cleanup.mjs';
import { Client } from './lib/client.mjs';
import { collect, connect, subscribed } from './lib/pusher.mjs';
import { startCluster } from './lib/postgres.mjs';
import { eventually, sleep, startSite } from './lib/site.mjs';
import { Door, event, greeted, subscribe } from './lib/upgrade.mjs';
import { freePort } from '../../dev/site.mjs';

const cluster = await startCluster();
const db = cluster.create();
const proxied = await freePort();
// No second child of httpd: each of them learns on its own what ids look like, and lets
// messages go together only then.
const site = await startSite({
  db,
  extraConf: `MinSpareThreads 1\nChatSendRate off\nListen 127.0.0.1:${proxied}\n<VirtualHost 127.0.0.1:${proxied}>\nChatHandoff Off\n</VirtualHost>`,
});
// Between two looks of its own this one's relay waits for an hour.
const quiet = await startSite({
  db: cluster.create(),
  before(s) {
    const [wake, state] = ['wake.sock', 'relay.state'].map((name) => s.path('run', name));
    s.o.pushConf = { database: { url: s.db, wake, state, pollMs: 3600000 } };
  },
});
const talks = site.openTalks(2).slice(0, 4);
const doctor = await site.phone('doctor@example.com');
const sessions = [];

cleanup(() => sessions.forEach((s) => s.kill()));

/** A client of the doctor's; gone also when its test fails. */
function listener() {
  const pusher = connect(site, doctor);
  cleanup(() => pusher.disconnect());
  return pusher;
}

/** A psql that runs what it is told. */
function session() {
  const child = spawn('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', db], { stdio: ['pipe', 'ignore', 'inherit'] });
  child.gone = new Promise((done) => child.once('exit', done));
  sessions.push(child);
  return child;
}

const row = (talk, body) =>
  `INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
   VALUES (${talk.patient}, ${talk.doctor}, ${talk.id}, '${body}', 'text', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC');\n`;

/** Eight writers over four conversations, each transaction open for up to 20 ms, every sixth rolled back. */
async function disorder(mark, each) {
  const writers = Array.from({ length: 8 }, (_, w) => {
    const s = session();
    for (let i = 0; i < each; i++) {
      s.stdin.write(`BEGIN;${row(talks[(w + i) % talks.length], `${mark} ${w}.${i}`)}SELECT pg_sleep(random() * 0.02);${i % 6 === 5 ? 'ROLLBACK' : 'COMMIT'};\n`);
    }
    s.stdin.end();
    return s.gone;
  });
  assert.deepEqual(await Promise.all(writers), Array(8).fill(0));
  return site.sql(`SELECT id FROM chat_events WHERE payload #>> '{message,content}' LIKE '${mark} %' ORDER BY id;`)
    .trim().split('\n').map(Number);
}

/** Order within each conversation is that of the ids; each once. */
function inOrder(events) {
  const last = new Map();
  for (const e of events) {
    const talk = e.consultation.id;
    assert.ok(e.id > (last.get(talk) || 0), `event ${e.id} of conversation ${talk} after ${last.get(talk)}`);
    last.set(talk, e.id);
  }
}

const sorted = (ids) => [...ids].sort((a, b) => a - b);

for (const [what, open] of [['', false], [' beside a transaction that stays open', true]]) {
  test(`writers that commit out of order lose nothing${what}`, async () => {
    const mark = open ? 'slow' : 'fast';
    const pusher = listener();
    const seen = collect(await subscribed(pusher, 'private-user.2'), 'MessageSent');
    const other = session();
    if (open) {
      other.stdin.write(`BEGIN; UPDATE users SET phone = '1' WHERE id = 12;\n`);
      await sleep(200);
    }
    const start = (await doctor.get('/chat/sync')).json.cursor;
    const synced = new Map();
    let cursor = start;
    let writing = true;
    const sync = async () => {
      const { json } = await doctor.get(`/chat/sync?since=${encodeURIComponent(cursor)}`);
      assert.ok(['complete', 'more'].includes(json.status), json.status);
      json.events.filter((e) => e.event === 'MessageSent').forEach((e) => synced.set(e.id, e.data));
      cursor = json.cursor;
      return json.status;
    };
    const syncing = (async () => {
      while (writing) {
        await sync();
        await sleep(10);
      }
    })();
    const wanted = await disorder(mark, 30);
    assert.equal(wanted.length, 8 * 25);
    await eventually(() => wanted.every((id) => seen.some((e) => e.id === id)), 'every event, pushed');
    writing = false;
    await syncing;
    while (await sync() !== 'complete') {
      // the next page
    }
    assert.deepEqual(sorted(seen.map((e) => e.id)), wanted, 'each pushed once');
    inOrder(seen);
    assert.deepEqual(sorted(synced.keys()), wanted, 'sync misses none');
    // From the first cursor, and from any that was pushed, everything behind it is there.
    for (const from of [start, seen[50].cursor, seen[120].cursor]) {
      const got = new Set();
      for (let at = from, status = 'more'; status === 'more';) {
        const { json } = await doctor.get(`/chat/sync?limit=37&since=${encodeURIComponent(at)}`);
        json.events.forEach((e) => got.add(e.id));
        ({ cursor: at, status } = json);
      }
      const heard = from === start ? 0 : seen.findIndex((e) => e.cursor === from) + 1;
      const missing = seen.slice(heard).map((e) => e.id).filter((id) => !got.has(id));
      assert.deepEqual(missing, []);
    }
    other.stdin.end('ROLLBACK;\n');
    await other.gone;
    pusher.disconnect();
  });
}

test('a large transaction that commits behind others arrives whole, and in order', async (t) => {
  const pusher = listener();
  const seen = collect(await subscribed(pusher, 'private-user.2'), 'MessageSent');
  const before = site.lastEvent();
  const large = session();
  t.after(() => large.kill());
  large.stdin.write(`BEGIN;
    INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
    SELECT ${talks[0].patient}, ${talks[0].doctor}, ${talks[0].id}, 'large ' || i, 'text', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
    FROM generate_series(1, 6000) i;\n`);
  await eventually(() => site.lastEvent() >= before + 6000, 'its ids', 60000);
  site.sql(row(talks[1], 'beside 1'));
  await eventually(() => seen.length === 1, 'who came first');
  large.stdin.end(`COMMIT;${row(talks[0], 'behind')}`);
  await large.gone;
  await eventually(() => seen.length === 6002, 'all of it', 60000);
  const texts = seen.map((e) => e.message.content);
  assert.deepEqual(texts, ['beside 1', ...Array.from({ length: 6000 }, (_, i) => `large ${i + 1}`), 'behind']);
  inOrder(seen);
  pusher.disconnect();
});

test('beside a transaction that does not end, more holes than can be remembered are told', async (t) => {
  const pusher = listener();
  const seen = collect(await subscribed(pusher, 'private-user.2'), 'Flood');
  const start = site.lastEvent();
  const open = session();
  t.after(() => open.kill()); // it holds a conversation, also when this fails
  open.stdin.write(`BEGIN;${row(talks[0], 'late')}`);
  await eventually(() => site.lastEvent() > start, 'its id');
  site.expectLog(/the event log has too many holes/);
  // Every other id belongs to nobody.
  site.sql(`DO $$ BEGIN FOR i IN 1..4200 LOOP
      PERFORM nextval(pg_get_serial_sequence('chat_events', 'id'));
      INSERT INTO chat_events (event, conversation_id, channels, payload)
      VALUES ('Flood', ${talks[1].id}, '["private-user.2"]', json_build_object('i', i));
    END LOOP; END $$;`);
  await eventually(() => seen.length === 4200, 'all that is there', 60000);
  assert.deepEqual(seen.map((e) => e.i), Array.from({ length: 4200 }, (_, i) => i + 1));
  // What `late` has drawn is one hole with the first of them or two: the oldest gave way.
  const told = () => [...site.log().matchAll(/too many holes .*?: (\d+) ids/g)].reduce((sum, m) => sum + Number(m[1]), 0);
  await eventually(() => told() >= 4200 - 4096, 'a word about each');
  assert.ok(told() <= 4201 - 4096 + 1, `${told()}`);
  open.stdin.end('ROLLBACK;\n');
  await open.gone;
  // With it ended nothing is missing any more.
  site.sql(row(talks[0], 'afterwards'));
  await eventually(() => site.relayState().id === site.lastEvent(), 'the place at the end');
  pusher.disconnect();
});

test('a foreign commit is pushed, and ours is', async () => {
  const pusher = listener();
  const seen = collect(await subscribed(pusher, 'private-user.2'), 'MessageSent');
  site.sql(row(talks[0], 'by psql'));
  await eventually(() => seen.length === 1, 'the foreign row');
  await doctor.post(`/chat/conversation/${talks[0].id}/message`, { content: 'by mod_chat' });
  await eventually(() => seen.length === 2, 'our row');
  pusher.disconnect();
});

test('messages that are stored together keep their own text, answer and sender', async () => {
  const patient = await site.phone('patient@example.com');
  const stranger = await site.phone('reem@example.com');
  const mine = site.people().conversations.find((c) => c.patient === 1 && c.doctor === 2);
  const texts = ['plain', '"quoted"', "it's", 'back\\slash \\" \\\\', '{braces,and}', 'NULL', 'null', ',', '{}', 'عربي 🦷',
    'a\nb\tc', '$1', '%s', '"},{"'];
  await Promise.all([patient, doctor, stranger].map((c) => c.get('/chat/me')));
  const posts = [];
  for (let round = 0; round < 4; round++) {
    texts.forEach((content, i) => {
      const who = (i + round) % 2 ? patient : doctor;
      const body = { content, ...(i % 3 && { client_id: `together.${round}.${i}` }) };
      posts.push(who.post(`/chat/conversation/${mine.id}/message`, body).then((r) => ({ r, content, body, who })));
    });
    posts.push(stranger.post(`/chat/conversation/${mine.id}/message`, { content: 'not mine' }).then((r) => ({ r, status: 404 })));
    posts.push(patient.post('/chat/conversation/abc/message', { content: 'no such' }).then((r) => ({ r, status: 404 })));
    posts.push(patient.post(`/chat/conversation/${mine.id}/message`, { content: ' ' }).then((r) => ({ r, status: 422 })));
  }
  const ids = new Set();
  for (const { r, content, body, who, status = 201 } of await Promise.all(posts)) {
    assert.equal(r.status, status, r.text);
    if (status === 201) {
      const m = r.json.message;
      assert.equal(m.content, content);
      assert.equal(m.client_id, body.client_id ?? null);
      assert.equal(m.user_id, who === patient ? 1 : 2);
      assert.equal(m.consultation_id, mine.id);
      ids.add(m.id);
      const [stored] = (await who.get(`/chat/conversation/${mine.id}/messages?before=${m.id + 1}&per_page=1`)).json.data;
      assert.deepEqual({ ...stored, read_at: null }, m);
    }
  }
  assert.equal(ids.size, 4 * texts.length);
  assert.equal(site.sql("SELECT count(*) FROM messages WHERE body IN ('not mine', 'no such');").trim(), '0');
  const again = await patient.post(`/chat/conversation/${mine.id}/message`, { content: 'it\'s', client_id: 'together.1.2' });
  assert.equal(again.status, 201);
  assert.ok(ids.has(again.json.message.id), 'a retry is answered as the first time');
});

test('tokens that were never seen go together, too, and strangers spoil nothing', async (t) => {
  const mine = site.people().conversations.find((c) => c.patient === 1 && c.doctor === 2);
  const digest = (text) => createHash('sha256').update(text).digest('hex');
  await doctor.post(`/chat/conversation/${mine.id}/message`, { content: 'what ids look like' });
  const fresh = Array.from({ length: 48 }, (_, i) => `fresh-${i}-${'x'.repeat(32)}`);
  site.sql(`INSERT INTO personal_access_tokens (tokenable_type, tokenable_id, name, token, created_at, updated_at)
    SELECT 'App\\Models\\User', 1, 'fresh', t, now(), now() FROM unnest('{${fresh.map(digest).join(',')}}'::text[]) AS t;`);
  // A transaction takes so long that all are there before the first is done; it does not
  // hold the conversation meanwhile.
  site.sql(`CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1); RETURN NULL; END';
    CREATE TRIGGER slowly BEFORE INSERT ON messages EXECUTE FUNCTION slowly();`);
  t.after(() => site.sql('DROP FUNCTION IF EXISTS slowly CASCADE;'));
  const send = async (token, to, status) => {
    const r = await new Client(site.url, { token }).post(`/chat/conversation/${to}/message`, { content: 'never seen' });
    assert.equal(r.status, status, r.text);
    return r;
  };
  const answers = await Promise.all(fresh.flatMap((token, i) => [
    send(token, mine.id, 201),
    ...(i % 4 ? [] : [send(`no-${token}`, mine.id, 401), send(`no-${token}`, 'abc', 401), send(token, 'abc', 404), send(token, '99999999999', 404)]),
  ]));
  assert.equal(answers.filter((r) => r.status === 201).length, 48);
  const [rows, commits] = site.sql("SELECT count(*), count(DISTINCT xmin::text) FROM messages WHERE body = 'never seen';").trim().split('|').map(Number);
  assert.equal(rows, 48);
  assert.ok(commits < rows, `${rows} messages in ${commits} transactions`);
});

test('a conversation that somebody holds keeps nobody else waiting', async () => {
  const [held, free] = site.openTalks(2);
  await doctor.get('/chat/me');
  const holder = session();
  holder.stdin.write(`BEGIN; UPDATE treatment_requests SET title = title WHERE id = ${held.id};\n`);
  await eventually(() => site.sql(`SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    WHERE c.relname = 'treatment_requests' AND l.mode = 'RowExclusiveLock';`).trim() !== '0', 'the lock');
  let answered = false;
  const stuck = doctor.post(`/chat/conversation/${held.id}/message`, { content: 'held' })
    .then((r) => { answered = true; return r; });
  for (let i = 0; i < 30; i++) {
    const r = await doctor.post(`/chat/conversation/${free.id}/message`, { content: `free ${i}` });
    assert.equal(r.status, 201, r.text);
  }
  assert.ok(!answered, 'thirty went past the one that waits');
  holder.stdin.end('ROLLBACK;\n');
  await holder.gone;
  assert.equal((await stuck).status, 201);
});

// One word to chat-push is for all that are stored together; and one whose leader sends
// into a conversation that is not his must be said as well.
test('readers that have to wait keep no other reader waiting', async () => {
  const [talk] = talks;
  const locks = (granted) => Number(site.sql(`SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    WHERE c.relname = 'messages' AND l.granted = ${granted} AND (l.mode = 'AccessExclusiveLock' OR NOT l.granted);`));
  const holder = session();
  holder.stdin.write('BEGIN; LOCK TABLE messages IN ACCESS EXCLUSIVE MODE;\n');
  await eventually(() => locks(true) === 1, 'the lock');
  // More than are let in first on a small machine, and less than there are connections.
  let read = 0;
  const pages = Array.from({ length: 12 }, () => doctor.get(`/chat/conversation/${talk.id}/messages`).then((r) => {
    read += r.status === 200;
  }));
  await eventually(() => locks(false) === 12, 'all of them at the lock');
  assert.equal((await doctor.get('/chat/me')).status, 200);
  assert.equal(read, 0);
  holder.stdin.end('ROLLBACK;\n');
  await holder.gone;
  await Promise.all(pages);
  assert.equal(read, 12);
});

test('messages that are stored together are told, whoever leads', async () => {
  const talk = quiet.people().conversations.find((c) => c.patient === 1 && c.doctor === 2);
  const [member, stranger] = [await quiet.phone('doctor@example.com'), await quiet.phone('reem@example.com')];
  const pusher = connect(quiet, member);
  const seen = collect(await subscribed(pusher, 'private-user.2'), 'MessageSent');
  await Promise.all([member, stranger].map((c) => c.get('/chat/me')));
  let sent = 0;
  for (let round = 0; round < 8; round++) {
    const answers = await Promise.all(Array.from({ length: 12 }, (_, i) =>
      (i % 3 ? member : stranger).post(`/chat/conversation/${talk.id}/message`, { content: `${round}.${i}` })));
    sent += answers.filter((r) => r.status === 201).length;
    assert.equal(sent, 8 * (round + 1));
    await eventually(() => seen.length === sent, `all of round ${round}`);
  }
  pusher.disconnect();
});

// Notifications come with the answer to whatever the connection is asking: with the
// last answer of a look, the next look came when its time was up.
test('a commit that is told with the answer of a look is looked for at once', async (t) => {
  const talk = quiet.people().conversations[0];
  const phone = await quiet.phone('doctor@example.com');
  const pusher = connect(quiet, phone);
  const seen = collect(await subscribed(pusher, 'private-user.2'), 'MessageSent');
  const say = (body) => quiet.sql(row(talk, body));
  say('before');
  await eventually(() => seen.length === 1, 'the first, by NOTIFY');
  // In the log's place a view that, while somebody holds it, gives nothing: to who
  // reads events, not to who asks for its end.
  quiet.sql(`ALTER TABLE chat_events RENAME TO chat_events_kept;
    CREATE TABLE held (); INSERT INTO held DEFAULT VALUES;
    CREATE FUNCTION held_back() RETURNS SETOF chat_events_kept LANGUAGE plpgsql AS $$ BEGIN
      WHILE current_query() LIKE '%payload%' AND EXISTS (SELECT FROM held) LOOP PERFORM pg_sleep(0.01); END LOOP;
      RETURN QUERY SELECT * FROM chat_events_kept;
    END $$;
    CREATE VIEW chat_events AS SELECT * FROM held_back();
    CREATE FUNCTION passed_on() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO chat_events_kept (event, conversation_id, channels, payload)
      VALUES (NEW.event, NEW.conversation_id, NEW.channels, NEW.payload);
      RETURN NEW;
    END $$;
    CREATE TRIGGER passed_on INSTEAD OF INSERT ON chat_events FOR EACH ROW EXECUTE FUNCTION passed_on();`);
  t.after(() => {
    pusher.disconnect();
    quiet.sql('DELETE FROM held;');
  });
  say('looked for');
  await eventually(() => quiet.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%payload%';").trim() === '1', 'a look');
  say('told with the answer');
  assert.equal(seen.length, 1);
  quiet.sql('DELETE FROM held;');
  await eventually(() => seen.length === 3, 'both');
  assert.deepEqual(seen.map((e) => e.message.content), ['before', 'looked for', 'told with the answer']);
});

// shape.c reads times as ISO has them.
for (const style of ['German', 'SQL, DMY', 'Postgres, MDY']) {
  test(`times are right where the database writes them as ${style}`, async () => {
    const mine = quiet.people().conversations[0];
    const own = style.startsWith('SQL') ? 'ROLE chat' : `DATABASE ${quiet.sql('SELECT current_database();').trim()}`;
    quiet.sql(`ALTER ${own} SET datestyle = '${style}';`);
    try {
      assert.ok(quiet.sql('SHOW datestyle;').startsWith(style), 'it is what a new connection has');
      await quiet.stop();
      await quiet.start();
      const phone = await quiet.phone('doctor@example.com');
      const page = await quiet.browser('patient@example.com');
      const start = (await phone.get('/chat/sync')).json.cursor;
      quiet.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body, created_at)
        VALUES (${mine.patient}, ${mine.doctor}, ${mine.id}, 'by psql', TIMESTAMP '2026-02-01 13:04:05.678');`);
      const before = Date.now();
      const sent = [];
      for (const client of [phone, phone, page]) { // the first one of a token goes another way
        const r = await client.post(`/chat/conversation/${mine.id}/message`, { content: 'by mod_chat' });
        assert.equal(r.status, 201, r.text);
        sent.push(r.json.message);
      }
      for (const m of sent) {
        assert.match(m.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        assert.ok(Math.abs(Date.parse(m.created_at) - before) < 3600e3, m.created_at);
      }
      const events = (await phone.get(`/chat/sync?since=${encodeURIComponent(start)}`)).json.events.map((e) => e.data.message);
      assert.deepEqual(events.map((m) => m.created_at), ['2026-02-01T13:04:05.678Z', ...sent.map((m) => m.created_at)]);
      for (const client of [phone, page]) {
        const { json } = await client.get(`/chat/conversation/${mine.id}/messages?per_page=4`);
        assert.deepEqual(json.data.reverse(), events);
        const { conversations } = (await client.get('/chat')).json;
        const shown = conversations.find((c) => c.id === mine.id);
        assert.deepEqual(shown.last_message, events[3]);
        assert.ok(Math.abs(Date.parse(shown.updated_at) - before) < 3600e3, shown.updated_at);
      }
    } finally {
      quiet.sql(`ALTER ${own} RESET datestyle;`);
    }
  });
}

test('an id of the wrong kind is no conversation', async () => {
  for (const id of ['abc', '99999999999999999999', '0b6c1a6e-0000-4000-8000-000000000000', '1e3']) {
    assert.equal((await doctor.get(`/chat/conversation/${id}/messages`)).status, 404, id);
    assert.equal((await doctor.post(`/chat/conversation/${id}/message`, { content: 'x' })).status, 404, id);
  }
  assert.equal((await fetch(`${site.url}/chat/conversation/abc/messages`, { headers: { Accept: 'application/json', Connection: 'close' } })).status, 401);
});

test('a server that restarts costs the requests in flight, and nothing that was answered', async () => {
  const pusher = listener();
  const seen = collect(await subscribed(pusher, 'private-user.2'), 'MessageSent');
  const answered = [];
  const statuses = new Set();
  let running = true;
  await quiet.stop(); // it would only say that its database is away
  site.expectLog(/./); // the database is away: both programs say so
  const posting = (async () => {
    for (let i = 0; running; i++) {
      const r = await doctor.post(`/chat/conversation/${talks[1].id}/message`, { content: `restart ${i}` });
      statuses.add(r.status);
      if (r.status === 201) {
        answered.push(r.json.message.id);
      } else {
        assert.equal(r.status, 503, r.text);
        assert.ok(Number(r.headers.get('retry-after')) >= 1);
      }
      await sleep(5);
    }
  })();
  await sleep(300);
  for (const signal of ['SIGINT', 'SIGKILL']) {
    await cluster.stop(signal);
    await sleep(300);
    await cluster.start();
    await sleep(700);
  }
  const before = answered.length;
  await eventually(() => answered.length > before + 20, 'posts that are taken again');
  running = false;
  await posting;
  const stored = new Set(site.sql(`SELECT id FROM messages WHERE body LIKE 'restart %';`).trim().split('\n').map(Number));
  assert.deepEqual(answered.filter((id) => !stored.has(id)), []);
  await eventually(() => answered.every((id) => seen.some((e) => e.message.id === id)), 'every answered message, pushed');
  assert.equal(new Set(seen.map((e) => e.id)).size, seen.length, 'none twice');
  pusher.disconnect();
});

test('whose WebSocket it is cannot be said: it comes later, and is not nobody\'s for ever', async () => {
  site.expectLog(/./);
  const mine = { Authorization: `Bearer ${doctor.token}` };
  const channel = `private.conversation.${talks[0].id}`;
  const doors = [new Door(site.o.port), new Door(proxied)];
  const open = [];
  cleanup(() => open.forEach((peer) => peer.socket.destroy()));
  const asked = async (door, headers) => {
    const r = await door.ask(headers);
    open.push(r.peer);
    return r;
  };
  const told = async (peer) => {
    peer.send(subscribe(channel));
    return event(peer);
  };
  const before = await Promise.all(doors.map((door) => door.open(mine)));
  open.push(...before);
  await cluster.stop('SIGKILL');
  try {
    for (const [i, door] of doors.entries()) {
      assert.equal((await told(before[i])).data.status, 503, 'who is there shall ask again');
      const r = await asked(door, mine);
      assert.equal(r.status, 503, r.head);
      assert.match(r.head, /^retry-after: 1/im);
      for (let n = 1; n < 20; n++) {
        assert.equal((await asked(door, mine)).status, 503);
      }
      assert.equal((await asked(door, {})).status, 101, 'who shows nothing needs no database');
    }
  } finally {
    await cluster.start();
  }
  // Clients try again and again, which is no news.
  const lines = fs.readFileSync(site.path('logs', 'error.log'), 'utf8').split('\n').filter((l) => l.includes('looking up whose WebSocket it is'));
  const pids = lines.map((l) => l.match(/\[pid (\d+)/)[1]);
  assert.ok(lines.length >= 1);
  assert.equal(new Set(pids).size, pids.length, 'one line of each child');
  assert.match(await (await fetch(`${site.url}/server-status?auto`)).text(), /^ChatRefusedUnknown: 40$/m);
  for (const [i, door] of doors.entries()) {
    const { peer } = await eventually(async () => {
      const r = await asked(door, mine);
      return r.status === 101 && r;
    }, 'the door is open again');
    await greeted(peer);
    for (const who of [peer, before[i]]) {
      await eventually(async () => (await told(who)).event === 'pusher_internal:subscription_succeeded', 'the doctor is let in');
    }
  }
});

// Threads that ask the database end with their statement, and its answer may never come.
test('chat-push sends its clients away, and ends or begins anew, while the server says nothing', async () => {
  const site = await startSite({ db: cluster.create() });
  site.expectLog(/the database does not answer/);
  site.onExit = () => {};
  const stopped = [];
  cleanup(() => stopped.forEach((pid) => process.kill(pid, 'SIGCONT')));
  for (const signal of ['SIGUSR2', 'SIGTERM']) {
    const { peer } = await eventually(async () => {
      const r = await new Door(site.o.pushPort).ask({});
      return r.status === 101 && r;
    }, `before ${signal}`);
    cleanup(() => peer.socket.destroy());
    await greeted(peer);
    const servers = site.sql(`SELECT pid FROM pg_stat_activity
      WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid();`).trim().split('\n').map(Number);
    servers.filter((pid) => !stopped.includes(pid)).forEach((pid) => {
      process.kill(pid, 'SIGSTOP');
      stopped.push(pid);
    });
    await eventually(async () => (await site.metric('relay_lag_seconds')) >= 1, 'the relay waits for an answer');
    site.push.kill(signal);
    let f;
    do {
      f = await peer.frame();
    } while (f.opcode !== 8);
    assert.equal(f.payload.readUInt16BE(0), 4200, signal);
  }
  assert.equal(await Promise.race([site.push.gone.then(() => 'ended'), sleep(20000)]), 'ended');
  assert.equal(site.push.exitCode, 0);
  stopped.splice(0).forEach((pid) => process.kill(pid, 'SIGCONT'));
  // The next one finds everything in order.
  await site.startPush();
  const phone = await site.phone('doctor@example.com');
  const pusher = connect(site, phone);
  cleanup(() => pusher.disconnect());
  const seen = collect(await subscribed(pusher, 'private-user.2'), 'MessageSent');
  site.sql(row(site.people().conversations[0], 'after it'));
  await eventually(() => seen.some((e) => e.message.content === 'after it'), 'it is relayed');
});
