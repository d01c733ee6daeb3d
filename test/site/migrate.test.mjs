// SPDX-License-Identifier: Apache-2.0
//
// chatctl migrate as an operator uses it, on both engines: an empty database, one of
// the first release with people in it, one that is damaged, one that is not ours.
// What a database is afterwards is asked with the engine's own shell.

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root, runUser } from '../../dev/site.mjs';
import { cleanup } from './lib/cleanup.mjs';
import { startCluster } from './lib/postgres.mjs';
import { build, testDir } from './lib/site.mjs';

const chatctl = path.join(build, 'chatctl');
const dir = testDir('migrate');
cleanup(() => fs.rmSync(dir, { recursive: true, force: true }));
const cluster = await startCluster();
const user = runUser();
const VERSION = 4;

/** Run chatctl. @return {{status, stdout, stderr}} */
function ctl(args, options = {}) {
  const r = spawnSync(chatctl, args, { encoding: 'utf8', ...options });
  assert.equal(r.signal, null, r.stderr);
  return r;
}
const migrate = (db, ...args) => ctl(['migrate', ...args, '--database', db]);
const check = (db) => migrate(db, '--check');

/** It worked, with nothing on stderr. @return its lines */
function done(r) {
  assert.equal(r.status, 0, r.stdout + r.stderr);
  assert.equal(r.stderr, '');
  return r.stdout.trim().split('\n');
}

/** It did not, and says why in one line. @return the line */
function refused(r, status = 1) {
  assert.equal(r.status, status, r.stdout + r.stderr);
  assert.match(r.stderr, /^chatctl[^\n]+\n$/);
  return r.stderr;
}

/** What --check found. @return its lines */
function wrong(db) {
  const r = check(db);
  assert.equal(r.status, 1, r.stdout + r.stderr);
  assert.equal(r.stderr, '');
  return r.stdout.trim().split('\n');
}

const others = []; // shells that hold something; none outlives this file
cleanup(() => others.forEach((child) => child.kill()));

/** A psql that runs what it is told, after its first answer. */
async function holding(db, text) {
  const other = spawn('psql', ['-X', '-q', '-A', '-t', db], { stdio: ['pipe', 'pipe', 'inherit'] });
  others.push(other);
  const holds = new Promise((resolve) => { other.stdout.once('data', resolve); });
  other.stdin.write(text);
  await holds;
  return other;
}

let files = 0;
const engines = [{
  name: 'sqlite',
  create: () => `sqlite:${dir}/${++files}.db`,
  sql: (db, text) => execFileSync('sqlite3', ['-bail', '-cmd', '.timeout 5000', db.slice('sqlite:'.length)], { input: text, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] }).trim(),
  dump: (db) => execFileSync('sqlite3', [db.slice('sqlite:'.length), '.dump'], { encoding: 'utf8' }),
  now: "strftime('%Y-%m-%d %H:%M:%S', 'now')",
  damage: [
    ['DROP TRIGGER messages_sent;', /the trigger messages_sent is missing/],
    ['DROP TRIGGER messages_removed; CREATE TRIGGER messages_removed AFTER DELETE ON messages BEGIN SELECT 1; END;',
      /the trigger messages_removed is another one/],
  ],
  dropTrigger: 'DROP TRIGGER messages_sent;',
}, {
  name: 'postgresql',
  create: () => cluster.create(),
  sql: (db, text) => execFileSync('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', db], { input: text, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] }).trim(),
  dump: (db) => execFileSync('pg_dump', [db], { encoding: 'utf8' }).replace(/^\\(un)?restrict .*$/gm, ''),
  now: "now() AT TIME ZONE 'UTC'",
  damage: [
    ['DROP TRIGGER messages_sent ON messages;', /the trigger messages\.messages_sent is missing/],
    ['ALTER TABLE messages DISABLE TRIGGER messages_read;', /the trigger messages\.messages_read is disabled/],
    ['ALTER TABLE messages ENABLE REPLICA TRIGGER messages_read;', /the trigger messages\.messages_read is disabled/],
    [`CREATE OR REPLACE FUNCTION messages_sent() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';`,
      /the function messages_sent\(\) is another one/],
    ['DROP FUNCTION chat_time(timestamptz);', /the function chat_time\(t timestamp with time zone\) is missing/],
  ],
  dropTrigger: 'DROP TRIGGER messages_sent ON messages;',
}];

const v1 = (e) => fs.readFileSync(path.join(root, `test/site/lib/schema.v1.${e.name === 'sqlite' ? 'sqlite' : 'pgsql'}.sql`), 'utf8');
const insertMessage = (e, body) =>
  `INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
   VALUES (1, 2, 1, '${body}', 'text', ${e.now}, ${e.now});`;
const people = `INSERT INTO users (id, name, email, password, role) VALUES (1, 'Mona', 'm@example.com', 'x', 'patient'), (2, 'Sami', 's@example.com', 'x', 'doctor');
  INSERT INTO treatment_requests (id, patient_id, doctor_id, title) VALUES (1, 1, 2, 'Molar');`;

for (const e of engines) {
  test(`${e.name}: an empty database gets the schema, once`, () => {
    const db = e.create();
    assert.deepEqual(done(migrate(db)).slice(0, 1), [`${e.name}: schema version 0 -> ${VERSION}`]);
    assert.deepEqual(done(check(db)), [`${e.name}: schema version ${VERSION}, complete`]);
    const before = e.dump(db);
    assert.deepEqual(done(migrate(db)), [`${e.name}: already at version ${VERSION}`]);
    assert.deepEqual(done(check(db)), [`${e.name}: schema version ${VERSION}, complete`]);
    assert.equal(e.dump(db), before, 'neither changed anything');
    e.sql(db, people + insertMessage(e, 'hello'));
    assert.equal(e.sql(db, 'SELECT event FROM chat_events;'), 'MessageSent');
  });

  test(`${e.name}: what the engine's own shell made from the script is complete as well`, () => {
    const db = e.create();
    e.sql(db, fs.readFileSync(path.join(root, `sql/schema.${e.name === 'sqlite' ? 'sqlite' : 'pgsql'}.sql`), 'utf8'));
    assert.deepEqual(done(check(db)), [`${e.name}: schema version ${VERSION}, complete`]);
  });

  test(`${e.name}: two at once both succeed, and one finds it done`, async () => {
    const db = e.create();
    const all = await Promise.all(Array.from({ length: 4 }, () => new Promise((resolve) => {
      const child = spawn(chatctl, ['migrate', '--sample', '--database', db]);
      let out = '';
      child.stdout.on('data', (d) => { out += d; });
      child.stderr.on('data', (d) => { out += d; });
      child.once('close', (status) => resolve({ status, out }));
    })));
    all.forEach((r) => assert.equal(r.status, 0, r.out));
    assert.equal(all.filter((r) => r.out.includes(`version 0 -> ${VERSION}`)).length, 1);
    assert.equal(all.filter((r) => r.out.includes(`already at version ${VERSION}`)).length, 3);
    assert.equal(e.sql(db, 'SELECT count(*) FROM users;'), '12');
    done(check(db));
  });

  test(`${e.name}: version 1 is upgraded with everything in it`, () => {
    const db = e.create();
    e.sql(db, v1(e));
    e.sql(db, people + insertMessage(e, 'one') + insertMessage(e, 'two') + 'UPDATE messages SET deleted_at = created_at WHERE id = 1;');
    const all = (table) => e.sql(db, e.name === 'sqlite' ? `SELECT group_concat(name, ', ') FROM pragma_table_info('${table}');`
      : `SELECT string_agg(column_name, ', ' ORDER BY ordinal_position) FROM information_schema.columns WHERE table_name = '${table}';`);
    const rows = ['messages', 'users', 'treatment_requests'].map((t) => `SELECT ${all(t)} FROM ${t} ORDER BY id;`).join('\n')
      + 'SELECT id, event, conversation_id, channels, payload FROM chat_events ORDER BY id; SELECT epoch FROM chat_log;';
    const before = e.sql(db, rows);
    assert.deepEqual(wrong(db), [`${e.name}: schema version 1, this program needs ${VERSION}: run chatctl migrate`]);
    assert.deepEqual(done(migrate(db)), [`${e.name}: schema version 1 -> ${VERSION}`]);
    assert.equal(e.sql(db, rows), before);
    assert.deepEqual(done(check(db)), [`${e.name}: schema version ${VERSION}, complete`]);
    assert.equal(e.sql(db, 'SELECT version FROM chat_schema ORDER BY version;'), '1\n4');
    e.sql(db, insertMessage(e, 'three') + `UPDATE messages SET read_at = ${e.now} WHERE body = 'two';
      UPDATE treatment_requests SET status = 'completed' WHERE id = 1;`);
    assert.equal(e.sql(db, 'SELECT event FROM chat_events ORDER BY id;'), 'MessageSent\nMessageSent\nMessageSent\nMessageRead\nConversationUpdated');
    assert.equal(e.sql(db, 'SELECT message_count FROM treatment_requests;'), '2');
  });

  test(`${e.name}: an upgrade that fails half-way leaves the database as it was`, () => {
    const db = e.create();
    e.sql(db, v1(e));
    // The script comes to this one after others have been renewed.
    e.sql(db, e.name === 'sqlite'
      ? `${people} DROP TRIGGER treatment_plans_decided; CREATE VIEW treatment_plans_now AS SELECT 1; DROP VIEW chat_members; CREATE TABLE chat_members (x);`
      : `${people} DROP TRIGGER messages_read ON messages; DROP VIEW chat_members; CREATE TABLE chat_members (x integer);`);
    const before = e.dump(db);
    assert.match(refused(migrate(db)), /chat_members/);
    assert.equal(e.dump(db), before);
  });

  test(`${e.name}: --check names what is gone or another one, --repair puts it back`, () => {
    const db = e.create();
    done(migrate(db, '--sample'));
    const rows = e.sql(db, 'SELECT count(*) FROM messages;');
    for (const [damage, finding] of [
      ...e.damage,
      ['DROP INDEX messages_unread;', /the index messages_unread is missing/],
      [`DROP VIEW chat_users; CREATE VIEW chat_users AS SELECT id, name, email, password, role, locale, deleted_at IS NULL AS active, avatar FROM users;`,
        /the view chat_users is another one/, e.name === 'postgresql'],
      ['DROP TABLE chat_sessions;', /the table chat_sessions is missing/],
    ]) {
      if (e.name === 'postgresql' && /DROP VIEW|DROP FUNCTION/.test(damage)) {
        e.sql(db, damage.replace(/DROP VIEW chat_users; CREATE VIEW/, 'CREATE OR REPLACE VIEW'));
      } else {
        e.sql(db, damage);
      }
      const before = e.dump(db);
      const found = wrong(db);
      assert.ok(found.some((l) => finding.test(l)), `${damage}\n${found.join('\n')}`);
      assert.ok(found.every((l) => /^(sqlite|postgresql): the \w+ .+: (run|drop|add|change) /.test(l)), found.join('\n'));
      assert.equal(e.dump(db), before, '--check changes nothing');
      assert.deepEqual(done(migrate(db, '--repair')), [`${e.name}: version ${VERSION} renewed`]);
      assert.deepEqual(done(check(db)), [`${e.name}: schema version ${VERSION}, complete`], damage);
    }
    assert.equal(e.sql(db, 'SELECT count(*) FROM messages;'), rows);
    e.sql(db, e.dropTrigger);
    assert.deepEqual(done(migrate(db)), [`${e.name}: already at version ${VERSION}`], 'without --repair nothing is touched');
    assert.equal(wrong(db).length, 1);
  });

  test(`${e.name}: constraints that are missing or other ones are named`, () => {
    const schema = fs.readFileSync(path.join(root, `sql/schema.${e.name === 'sqlite' ? 'sqlite' : 'pgsql'}.sql`), 'utf8');
    const request = /(request_id \w+ REFERENCES treatment_requests \(id\)) ON DELETE CASCADE/;
    for (const [from, to, finding] of [
      [request, '$1', /the constraint messages\..*request_id.* is another one than this program's: change it/],
      [/(request_id \w+) REFERENCES treatment_requests \(id\) ON DELETE CASCADE/, '$1', /the constraint messages\..*request_id.* is missing: add it/],
      [/CHECK \(role IN \('patient', 'doctor', 'admin'\)\)/, "CHECK (role IN ('patient', 'doctor'))", /the constraint users\..*(CHECK|check).* is missing: add it/],
      [/,\s*CHECK \(patient_id IS [A-Z ]+ doctor_id\)/, '', /the constraint treatment_requests\..*(CHECK|check).* is missing: add it/],
    ]) {
      assert.match(schema, from);
      const db = e.create();
      e.sql(db, schema.replace(from, to));
      const found = wrong(db);
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0], finding);
    }
    // What it is called is nobody's business, nor that a table has more of them.
    const db = e.create();
    e.sql(db, schema.replace(/(request_id \w+) (REFERENCES treatment_requests \(id\) ON DELETE CASCADE)/, '$1 CONSTRAINT its_talk $2 CHECK (request_id > 0)'));
    assert.deepEqual(done(check(db)), [`${e.name}: schema version ${VERSION}, complete`]);
    if (e.name === 'postgresql') {
      e.sql(db, `ALTER TABLE messages DROP CONSTRAINT its_talk;
        ALTER TABLE messages ADD FOREIGN KEY (request_id) REFERENCES treatment_requests (id) ON DELETE CASCADE NOT VALID;`);
      assert.deepEqual(done(check(db)), [`${e.name}: schema version ${VERSION}, complete`]);
    }
  });

  test(`${e.name}: a missing column is named, with what belongs to it`, () => {
    const db = e.create();
    done(migrate(db));
    e.sql(db, 'ALTER TABLE messages DROP COLUMN attachment_path;');
    const found = wrong(db);
    assert.equal(found.length, 1);
    assert.match(found[0], /the column messages\.attachment_path is missing: add it/);
  });

  test(`${e.name}: a database that is newer, or somebody else's, is left alone`, () => {
    const newer = e.create();
    done(migrate(newer));
    e.sql(newer, 'INSERT INTO chat_schema (version) VALUES (99);');
    const foreign = e.create();
    e.sql(foreign, 'CREATE TABLE users (id integer PRIMARY KEY, nick text);');
    for (const [db, why] of [[newer, /at schema version 99 and this program knows 4: install/],
      [foreign, /has a table users that is not the chat's: give an empty database/]]) {
      const before = e.dump(db);
      assert.match(refused(migrate(db)), why);
      assert.match(refused(migrate(db, '--sample', '--repair')), why);
      assert.equal(e.dump(db), before);
    }
    assert.match(refused(check(newer)), /install the release/);
    assert.deepEqual(wrong(foreign), [`${e.name}: the database has no schema of the chat: run chatctl migrate`]);
  });

  test(`${e.name}: sample people come once, and never among others`, () => {
    const db = e.create();
    assert.equal(done(migrate(db, '--sample'))[1], `${e.name}: sample people loaded`);
    const before = e.dump(db);
    assert.equal(done(migrate(db, '--sample'))[1], `${e.name}: there are users already, no sample people loaded`);
    assert.equal(e.dump(db), before);
    const own = e.create();
    done(migrate(own));
    e.sql(own, people);
    done(migrate(own, '--sample'));
    assert.equal(e.sql(own, 'SELECT count(*) FROM users;'), '2');
  });

  test(`${e.name}: the target comes from chat-push's settings, in either spelling`, () => {
    const db = e.create();
    const file = path.join(dir, `${e.name}.json`);
    for (const conf of [{ database: { url: db } }, { 'database.url': db }]) {
      fs.writeFileSync(file, JSON.stringify(conf));
      done(ctl(['migrate', '--config', file]));
      done(ctl(['migrate', `--config=${file}`, '--check']));
    }
  });
}

test('postgresql: another migrate is waited for', async () => {
  const db = cluster.create();
  const other = await holding(db, 'BEGIN; SELECT pg_advisory_xact_lock(1667785076, 1) IS NULL;\n');
  const child = spawn(chatctl, ['migrate', '--database', db]);
  const over = new Promise((resolve) => child.once('exit', resolve));
  const waiting = `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted;`;
  while (engines[1].sql(db, waiting) === '0') {
    assert.equal(child.exitCode, null);
  }
  other.stdin.end('ROLLBACK;\n');
  assert.equal(await over, 0);
});

test('postgresql: a table that somebody holds is asked for later, and no one stands behind us', async () => {
  const db = cluster.create();
  engines[1].sql(db, v1(engines[1]));
  const other = await holding(db, 'BEGIN; SELECT count(*) FROM messages;\n');
  assert.match(refused(migrate(db)), /somebody else holds it, try again later/);
  other.stdin.end('ROLLBACK;\n');
  assert.equal(engines[1].sql(db, 'SELECT max(version) FROM chat_schema;'), '1');
});

test('postgresql: --check says which privilege it lacks', () => {
  const db = cluster.create();
  done(migrate(db));
  engines[1].sql(db, `CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;`);
  assert.match(refused(check(db.replace('user=chat', 'user=reader'))), /permission denied .* needs CREATE on the database/);
});

test('sqlite: the file is for its owner and group, and a failed one is no database', () => {
  const made = `${dir}/mode.db`;
  done(migrate(`sqlite:${made}`));
  assert.equal(fs.statSync(made).mode & 0o777, 0o640);
  const garbage = `${dir}/garbage.db`;
  fs.writeFileSync(garbage, 'not a database, but long enough to have a header '.repeat(50));
  const before = fs.readFileSync(garbage);
  assert.match(refused(migrate(`sqlite:${garbage}`)), /garbage\.db: file is not a database/);
  assert.match(refused(check(`sqlite:${garbage}`)), /garbage\.db: file is not a database/);
  assert.deepEqual(fs.readFileSync(garbage), before);
});

test('sqlite: --check makes no file and keeps the journal mode', () => {
  const none = `${dir}/none.db`;
  assert.match(refused(check(`sqlite:${none}`)), /none\.db: unable to open database file/);
  assert.ok(!fs.existsSync(none));
  const other = `sqlite:${dir}/other.db`;
  engines[0].sql(other, 'CREATE TABLE mine (x);');
  const bytes = fs.readFileSync(`${dir}/other.db`);
  assert.equal(wrong(other).length, 1);
  assert.deepEqual(fs.readFileSync(`${dir}/other.db`), bytes);
});

test('sqlite: a file that may not be written is named, and stays', { skip: process.getuid() === 0 && !user }, () => {
  const home = path.join(dir, 'closed');
  fs.mkdirSync(home);
  const at = path.join(home, 'chat.db');
  execFileSync('sqlite3', [at], { input: v1(engines[0]) });
  const bytes = fs.readFileSync(at);
  fs.chmodSync(dir, 0o755);
  fs.chmodSync(at, 0o444);
  fs.chmodSync(home, 0o555);
  const program = path.join(dir, 'chatctl'); // the build may lie where the user cannot go
  fs.copyFileSync(chatctl, program);
  fs.chmodSync(program, 0o755);
  const r = spawnSync(program, ['migrate', '--database', `sqlite:${at}`], { encoding: 'utf8', cwd: dir, ...(user && { uid: user.uid, gid: user.gid }) });
  assert.match(refused(r), /^chatctl: sqlite: .*: (be a user who may write|see that)/);
  assert.deepEqual(fs.readFileSync(at), bytes);
  fs.chmodSync(home, 0o755);
});

test('a database that is away is said in one sentence, without its password', () => {
  for (const db of ['postgresql://chat:geheim@127.0.0.1:1/chat', 'postgresql://chat:geheim@127.0.0.1:1/chat?wrong=geheim',
    'mysql://chat:geheim@127.0.0.1/chat']) {
    for (const args of [[], ['--check']]) {
      const line = refused(migrate(db, ...args), db.startsWith('mysql') ? 2 : 1);
      assert.doesNotMatch(line, /geheim/);
    }
  }
  assert.match(refused(migrate('postgresql://chat:geheim@127.0.0.1:1/chat')), /Connection refused.*see that the database is there/);
  assert.match(refused(migrate('sqlite:relative.db'), 2), /absolute path/);
  assert.match(refused(migrate(`sqlite:${dir}/no/such/chat.db`)), /unable to open|cannot be|see that/);
  const conf = path.join(dir, 'wrong.json');
  assert.match(refused(ctl(['migrate', '--config', conf])), /wrong\.json cannot be opened/);
  fs.writeFileSync(conf, '{"port": 1}');
  assert.match(refused(ctl(['migrate', '--config', conf])), /names no database: set database\.url/);
  fs.writeFileSync(conf, '{"database": {"url": 7}}');
  assert.match(refused(ctl(['migrate', '--config', conf])), /names no database/);
});

test('arguments that make no sense are exit status 2, help is 0', () => {
  const db = `sqlite:${dir}/unused.db`;
  for (const [args, why] of [
    [['nonsense'], /no command 'nonsense'/],
    [['migrate'], /say --database TARGET or --config FILE/],
    [['migrate', '--database', db, '--config', 'x'], /say --database TARGET or --config FILE/],
    [['migrate', '--database'], /--database wants a value/],
    [['migrate', '--wrong', '--database', db], /no option '--wrong'/],
    [['migrate', '--database', db, 'more'], /'more' is one argument too many/],
    [['migrate', '--database', db, '--adapt', 'symfony'], /--adapt is laravel or none, not 'symfony'/],
    [['migrate', '--database', db, '--adapt', 'laravel'], /--adapt laravel is for PostgreSQL/],
    [['migrate', '--database', db, '--check', '--sample'], /--check changes nothing/],
    [['migrate', '--database', db, '--check', '--repair'], /--check changes nothing/],
  ]) {
    assert.match(refused(ctl(args), 2), why);
  }
  assert.ok(!fs.existsSync(`${dir}/unused.db`));
  const bare = ctl([]);
  assert.equal(bare.status, 2);
  assert.match(bare.stderr, /^usage: chatctl COMMAND/);
  assert.match(done(ctl(['--help'])).join('\n'), /^ {2}migrate +make, upgrade or check/m);
  assert.match(done(ctl(['--version']))[0], new RegExp(`schema version ${VERSION}$`));
  const manual = fs.readFileSync(path.join(root, 'ctl/chatctl.1'), 'utf8');
  for (const [, option] of done(ctl(['migrate', '--help'])).join('\n').matchAll(/^ {2}--(\w+)/gm)) {
    assert.ok(manual.includes(`.It Fl -${option}`), `ctl/chatctl.1 lacks --${option}`);
  }
});
