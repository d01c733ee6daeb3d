// SPDX-License-Identifier: Apache-2.0
//
// chat-push and a database, without httpd: rows that the database's own shell writes
// reach pusher-js on its private channels, whatever happens to chat-push or to
// the database meanwhile. The test itself signs the channels, with the secret.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';
import { freePort } from '../../dev/site.mjs';
import { cleanup } from './lib/cleanup.mjs';
import { startCluster } from './lib/postgres.mjs';
import { Pusher, subscribed } from './lib/pusher.mjs';
import { engine, eventually, sleep, startSite } from './lib/site.mjs';

const cluster = engine === 'pgsql' ? await startCluster() : null;
// The time for which a gap stays open at least is a sixth of this.
const site = await startSite({
  db: cluster ? cluster.create() : 'sqlite',
  httpd: false,
  pushEnv: { CHAT_PUSH_DATABASE_REPLAY_SECONDS: '36' },
});
const clients = [];
cleanup(() => clients.forEach((c) => c.disconnect()));

const conv = site.people().conversations[0];
const channels = [`private-conversation.${conv.id}`, `private-user.${conv.doctor}`, `private-user.${conv.patient}`];

const ids = (events) => events.map((e) => e.id);
const contents = (events) => events.map((e) => e.message.content);
const once = (list) => [...new Set(list)];
const lastId = () => site.lastEvent();

function client() {
  const pusher = new Pusher(site.app.key, {
    cluster: 'mt1',
    wsHost: '127.0.0.1',
    wsPort: site.o.pushPort,
    forceTLS: false,
    enabledTransports: ['ws'],
    disableStats: true,
    channelAuthorization: {
      customHandler: ({ socketId, channelName }, done) => done(null, {
        auth: `${site.app.key}:` +
          createHmac('sha256', site.app.secret).update(`${socketId}:${channelName}`).digest('hex'),
      }),
    },
  });
  clients.push(pusher);
  return pusher;
}

/** A client that listens to a channel, and what it gets of what is written from
 *  now on: soon after a start it is also told what was before. */
async function listen(channel = channels[0]) {
  const pusher = client();
  const from = lastId();
  const seen = [];
  pusher.subscribe(channel).bind('MessageSent', (data) => data.id > from && seen.push(data));
  await subscribed(pusher, channel);
  return { pusher, seen };
}

/** A message's row; `text` is its body in SQL. */
const rowOf = (text) => `INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
  VALUES (${conv.patient}, ${conv.doctor}, ${conv.id}, ${text}, 'text', ${site.time()}, ${site.time()});`;
const row = (body) => rowOf(`'${body}'`);
const insert = (...bodies) => site.sql(bodies.map(row).join('\n'));

/** What differs between the engines. */
const own = {
  sqlite: {
    // Text that is no UTF-8, and what becomes of it.
    odd: ["CAST(X'636166e9' AS TEXT)", 'caf\ufffd'],
    // One statement by the engine's shell: $0 is the database.
    shell: 'sqlite3 -cmd ".timeout 5000" "$0" "$1"',
    database: site.dbFile,
    // In one piece, as SQLite wants it: no writer is there, and the log is empty.
    away() {
      site.sql('PRAGMA wal_checkpoint(TRUNCATE);');
      fs.renameSync(site.dbFile, `${site.dbFile}.away`);
      for (const end of ['-wal', '-shm']) {
        fs.rmSync(site.dbFile + end, { force: true });
      }
    },
    // A copy, as a backup is: SQLite knows a file by its inode, and who has one open under
    // another name sees nothing of what is written to it.
    back(sql) {
      const as = site.user && { uid: site.user.uid, gid: site.user.gid };
      const copy = `${site.dbFile}.back`;
      execFileSync('cp', [`${site.dbFile}.away`, copy], { ...as });
      execFileSync('sqlite3', [copy], { input: sql, ...as });
      fs.renameSync(copy, site.dbFile);
    },
    // A row that wakes nobody.
    unsaid: row,
  },
  pgsql: {
    odd: [String.raw`E'caf\u00e9\u200f\001"\\'`, 'caf\u00e9\u200f\u0001"\\'],
    shell: 'psql -X -q -v ON_ERROR_STOP=1 -c "$1" "$0"',
    database: site.db,
    away: () => cluster.stop(),
    async back(sql) {
      await cluster.start();
      site.sql(sql);
    },
    unsaid: (body) => `SET application_name = 'mod_chat'; ${row(body)}`,
  },
}[engine];

test('a row reaches the conversation and both people, once each, with one id', async () => {
  const all = await Promise.all(channels.map((c) => listen(c)));
  insert('to all three');
  await eventually(() => all.every((l) => l.seen.length), 'the row on three channels');
  await sleep(400);
  for (const { seen, pusher } of all) {
    assert.deepEqual(contents(seen), ['to all three']);
    assert.equal(seen[0].id, lastId());
    assert.match(seen[0].cursor, new RegExp(`^c1\\.[0-9a-f]+\\.${lastId()}$`));
    pusher.disconnect();
  }
});

test('a thousand rows arrive in their order', async () => {
  const { pusher, seen } = await listen();
  const wanted = Array.from({ length: 1000 }, (_, i) => `burst ${i}`);
  insert(...wanted.slice(0, 300));
  site.sql(`BEGIN;${wanted.slice(300).map(row).join('')}COMMIT;`);
  await eventually(() => seen.length >= 1000, 'a thousand rows');
  assert.deepEqual(contents(seen), wanted);
  assert.equal(await site.metric('relay_behind'), 0);
  pusher.disconnect();
});

test('a row with odd text in it reaches the clients and leaves them connected', async () => {
  const { pusher, seen } = await listen();
  const [text, wanted] = own.odd;
  site.sql(rowOf(text));
  insert('after it');
  await eventually(() => seen.length >= 2, 'both rows');
  assert.deepEqual(contents(seen), [wanted, 'after it']);
  assert.equal(pusher.connection.state, 'connected');
  pusher.disconnect();
});

const isRelayed = () => site.relayState().id === lastId();
/** Nobody misses anything and it is written down: an end now repeats nothing. */
const isSettled = () => {
  const { id, from, awaited } = site.relayState();
  return id === lastId() && from === id && awaited >= 1;
};

for (const how of ['killed', 'stopped']) {
  test(`rows written while chat-push is ${how} arrive once and in order`, async () => {
    const { pusher, seen } = await listen();
    insert('before');
    await eventually(() => seen.length && isSettled(), 'the row before');
    await (how === 'killed' ? site.killPush() : site.stopPush());
    insert('away 1', 'away 2');
    insert('away 3');
    await site.startPush();
    await eventually(() => seen.length >= 4, 'what was missed', 60000);
    insert('after');
    await eventually(() => seen.length >= 5, 'the row after');
    await sleep(400);
    assert.deepEqual(contents(seen), ['before', 'away 1', 'away 2', 'away 3', 'after']);
    pusher.disconnect();
  });
}

test('rows written while clients find their way back are not lost either', async () => {
  const { pusher, seen } = await listen();
  await site.killPush();
  insert('away');
  await site.startPush();
  for (let i = 0; i < 20; i++) {
    insert(`early ${i}`);
    await sleep(50);
  }
  await eventually(() => once(ids(seen)).length >= 21, 'every row', 60000);
  assert.deepEqual(once(contents(seen)), ['away', ...Array.from({ length: 20 }, (_, i) => `early ${i}`)]);
  assert.equal(seen.length, 21, 'none twice');
  pusher.disconnect();
});

for (const how of ['killed', 'stopped']) {
  test(`who is not back yet when chat-push is ${how} again still gets what was missed, in order`, async () => {
    const { pusher, seen } = await listen();
    insert('before');
    await eventually(() => seen.length && isSettled(), 'the row before');
    await site.killPush();
    pusher.disconnect(); // gone for so long as both absences last
    insert('first absence');
    await site.startPush();
    insert('between');
    await eventually(isRelayed, 'the relay');
    await (how === 'killed' ? site.killPush() : site.stopPush());
    insert('second absence');
    await site.startPush();
    pusher.connect();
    await eventually(() => seen.length >= 4, 'what was missed', 60000);
    // Everybody is back: nothing of it comes again after another end.
    await eventually(isSettled, 'the end of the absence');
    await (how === 'killed' ? site.killPush() : site.stopPush());
    insert('third absence');
    await site.startPush();
    await eventually(() => seen.length >= 5, 'what was missed last', 60000);
    await sleep(400);
    assert.deepEqual(contents(seen), ['before', 'first absence', 'between', 'second absence', 'third absence']);
    pusher.disconnect();
  });
}

test('somebody new does not count for one who is not back yet', async () => {
  const { pusher, seen } = await listen();
  insert('before');
  await eventually(() => seen.length && isSettled(), 'the row before');
  await site.killPush();
  pusher.disconnect(); // gone for so long as both absences last
  insert('first absence');
  await site.startPush();
  const other = await listen();
  insert('between');
  await eventually(() => other.seen.length && isRelayed(), 'the row between, to somebody new');
  await sleep(300); // the state file has been looked at meanwhile
  await site.killPush();
  insert('second absence');
  await site.startPush();
  pusher.connect();
  await eventually(() => seen.length >= 4, 'what was missed', 60000);
  assert.deepEqual(contents(seen), ['before', 'first absence', 'between', 'second absence']);
  pusher.disconnect();
  other.pusher.disconnect();
});

test('killed in the middle of a stream of rows, it loses none', async () => {
  const { pusher, seen } = await listen();
  const first = lastId() + 1;
  const writer = spawn('sh', ['-c', `i=0; while [ $i -lt 150 ]; do i=$((i+1)); ${own.shell} || exit 1; sleep 0.02; done`,
    own.database, row('stream')],
  { stdio: 'inherit', ...(site.dbFile && site.user && { uid: site.user.uid, gid: site.user.gid }) });
  const written = new Promise((done) => writer.once('exit', done));
  for (let i = 0; i < 2; i++) {
    // Not before the client is back: who is killed sooner has told nobody anything.
    const had = seen.length;
    await eventually(() => seen.length > had + 5, 'the stream');
    await site.killPush();
    await sleep(200);
    await site.startPush();
  }
  assert.equal(await written, 0);
  const wanted = Array.from({ length: 150 }, (_, i) => first + i);
  await eventually(() => once(ids(seen)).length >= 150, 'every row', 60000);
  assert.deepEqual(once(ids(seen)), wanted, 'in order');
  pusher.disconnect();
});

test('a database that is away is waited for, and nothing is lost', async () => {
  const { pusher, seen } = await listen();
  site.expectLog(/cannot read the event log/);
  site.expectLog(/(plans: cannot see what is due|search: cannot index messages|readers: cannot mark messages read), trying again/);
  const before = site.logged('cannot read the event log');
  await own.away();
  await eventually(() => site.logged('cannot read the event log') > before, 'a word about it');
  await eventually(async () => await site.metric('relay_connected') === 0, 'the metric');
  await sleep(1000);
  assert.equal(site.logged('cannot read the event log'), before + 1, 'said once');
  await own.back(row('while away'));
  await eventually(() => seen.length, 'the row', 20000);
  insert('back');
  await eventually(() => seen.length >= 2, 'the row after');
  assert.deepEqual(contents(seen), ['while away', 'back']);
  assert.ok(site.logged('reading the event log again'));
  pusher.disconnect();
});

test('without its state file, or with garbage in it, it begins at the end', async () => {
  const state = site.path('run', 'relay.state');
  site.expectLog(/is no state file/);
  for (const spoil of [() => fs.rmSync(state), () => fs.writeFileSync(state, 'garbage\n')]) {
    await site.stopPush();
    spoil();
    insert('nobody was told where to begin');
    await site.startPush();
    const { pusher, seen } = await listen();
    insert('new');
    await eventually(() => seen.length, 'the new row');
    assert.deepEqual(contents(seen), ['new']);
    pusher.disconnect();
  }
  assert.equal(site.logged('is no state file'), 1);
});

test('a second chat-push does not take the wake-up socket of the first', async () => {
  const conf = JSON.parse(fs.readFileSync(site.path('conf', 'chat-push.json')));
  conf.port = await freePort();
  conf.metrics.port = await freePort();
  conf.database.state = site.path('run', 'other.state');
  conf.handoff.path = site.path('run', 'other-handoff.sock'); // that is not given away either
  fs.writeFileSync(site.path('conf', 'other.json'), JSON.stringify(conf));
  if (site.user) {
    site.give(site.path('conf', 'other.json'));
  }
  const other = site.launch('other', site.path('bin', 'chat-push'),
    ['--config', site.path('conf', 'other.json')], { user: site.user, log: 'other.log', env: site.sanitizerEnv(false) });
  assert.equal((await other.gone).code, 1);
  const words = fs.readFileSync(site.path('logs', 'other.log'), 'utf8').trim();
  assert.match(words, /wake\.sock: another process is listening on it$/);
  assert.equal(words.split('\n').length, 1);
});

test('while nobody writes, it is at the end of the log and says so', async () => {
  await sleep(2500); // it counts whole seconds
  await eventually(async () => (await site.metric('relay_lag_seconds')) === 0, 'no lag');
});

test('a datagram to the wake-up socket is faster than the clock', async () => {
  const file = site.path('conf', 'chat-push.json');
  const conf = JSON.parse(fs.readFileSync(file));
  await site.stopPush();
  fs.writeFileSync(file, JSON.stringify({ ...conf, database: { ...conf.database, pollMs: 30000 } }));
  await site.startPush();
  const { pusher, seen } = await listen();
  const wake = conf.database.wake;
  assert.equal(fs.statSync(wake).mode & 0o777, 0o660);
  site.sql(own.unsaid('woken'));
  await sleep(600);
  assert.equal(seen.length, 0, 'nobody told it yet');
  // Node has no Unix datagrams; perl is on every Debian.
  execFileSync('perl', ['-MSocket', '-e',
    'socket(S, PF_UNIX, SOCK_DGRAM, 0); send(S, "", 0, pack_sockaddr_un($ARGV[0])) // die $!', wake]);
  await eventually(() => seen.length, 'the row', 15000);
  if (engine === 'pgsql') {
    // Another program's commit tells it by itself, without waiting for the clock.
    insert('notified');
    await eventually(() => seen.length === 2, 'the row of another program', 15000);
  }
  pusher.disconnect();
  await site.stopPush();
  assert.ok(!fs.existsSync(wake), 'the name is gone with the process');
  assert.ok(!(await canConnect(site.o.pushPort)));
});

function canConnect(port) {
  return new Promise((resolve) => {
    const s = net.connect(port, '127.0.0.1');
    s.once('connect', () => { s.destroy(); resolve(true); });
    s.once('error', () => resolve(false));
  });
}
