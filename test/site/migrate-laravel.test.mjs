// SPDX-License-Identifier: Apache-2.0
//
// chatctl migrate on the database of an existing Laravel application: known by its
// tables, adapted, checked and put right again, and nothing else in it is touched.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { laravelTables } from './lib/laravel.mjs';
import { startCluster } from './lib/postgres.mjs';
import { build } from './lib/site.mjs';
import { root } from '../../dev/site.mjs';

const cluster = await startCluster();
const sql = (db, text) => execFileSync('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', db], { input: text, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] }).trim();
const dump = (db) => execFileSync('pg_dump', [db], { encoding: 'utf8' }).replace(/^\\(un)?restrict .*$/gm, '');
const migrate = (db, ...args) => spawnSync(path.join(build, 'chatctl'), ['migrate', ...args, '--database', db], { encoding: 'utf8' });

/** It worked. @return its lines */
function done(r) {
  assert.equal(r.status, 0, r.stdout + r.stderr);
  return r.stdout.trim().split('\n');
}

function application(key, options) {
  const db = cluster.create();
  sql(db, `${laravelTables(key, options)} CREATE TABLE migrations (id serial PRIMARY KEY, migration text, batch integer);`);
  return db;
}

for (const key of ['uuid', 'bigint']) {
  test(`${key}: an application is found out, adapted once and complete`, () => {
    const db = application(key);
    assert.deepEqual(done(migrate(db)), ["postgresql: schema version 0 -> 4, a Laravel application's tables"]);
    assert.deepEqual(done(migrate(db, '--check')), ['postgresql: schema version 4, complete']);
    const before = dump(db);
    assert.deepEqual(done(migrate(db)), ['postgresql: already at version 4']);
    assert.equal(dump(db), before);
    const sample = migrate(db, '--sample');
    assert.equal(sample.status, 1);
    assert.match(sample.stderr, /this is an application's database/);
    assert.equal(dump(db), before);
  });

  test(`${key}: what is damaged is named and put back, and the application's own stays`, () => {
    const db = application(key);
    done(migrate(db));
    const whole = dump(db);
    for (const [damage, finding] of [
      ['DROP TRIGGER messages_sent ON messages;', /trigger messages\.messages_sent is missing/],
      ['ALTER TABLE treatment_plans DISABLE TRIGGER treatment_plans_event;', /trigger treatment_plans\.treatment_plans_event is disabled/],
      ['DROP INDEX chat_messages_history;', /index chat_messages_history is missing/],
      ['DROP INDEX treatment_requests_patient_id_status_index;', /index chat_requests_patient is missing/],
      ['DROP TRIGGER chat_doctor_changed ON doctors;', /trigger doctors\.chat_doctor_changed is missing/],
      ["CREATE OR REPLACE VIEW chat_members AS SELECT id AS conversation_id, NULL::" + key + " AS user_id, 'patient'::text AS role FROM treatment_requests;",
        /view chat_members is another one/],
    ]) {
      sql(db, damage);
      const r = migrate(db, '--check');
      assert.equal(r.status, 1, damage + r.stderr);
      assert.equal(r.stdout.trim().split('\n').length, 1, r.stdout);
      assert.match(r.stdout, finding);
      done(migrate(db, '--repair'));
      done(migrate(db, '--check'));
    }
    sql(db, 'DROP INDEX chat_requests_patient; CREATE INDEX treatment_requests_patient_id_status_index ON treatment_requests (patient_id, status);');
    done(migrate(db, '--check'));
    const times = (text) => text.split('\n').filter((l) => !/OWNED|setval/.test(l)).sort().join('\n');
    assert.equal(times(dump(db)), times(whole));
    sql(db, 'ALTER TABLE messages DROP COLUMN client_id CASCADE;');
    const r = migrate(db, '--check');
    assert.match(r.stdout, /column messages\.client_id is missing/);
    done(migrate(db, '--repair'));
    done(migrate(db, '--check'));
    sql(db, 'ALTER TABLE messages DROP COLUMN read_at CASCADE;');
    const lost = migrate(db, '--check');
    assert.equal(lost.status, 1);
    assert.match(lost.stderr, /cannot adapt this database: it lacks the column messages\.read_at/);
  });
}

test('scripts leave a database of a later release as it is', () => {
  const db = application('uuid');
  done(migrate(db));
  const [, version] = done(migrate(db))[0].match(/version (\d+)/);
  sql(db, `INSERT INTO chat_schema (version) VALUES (${Number(version) + 1});`);
  const before = dump(db);
  for (const script of ['laravel.pgsql.sql', 'schema.pgsql.sql', 'laravel-undo.pgsql.sql']) {
    const r = spawnSync('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', path.join(root, 'sql', script), db], { encoding: 'utf8' });
    assert.equal(r.status, 3, script);
    assert.match(r.stderr, /at schema version \d+, and this script knows \d+/, script);
    assert.equal(dump(db), before, script);
  }
});

test('an application without plans is told that they raise no events', () => {
  const db = application('uuid', { plans: false, tokens: false });
  assert.match(done(migrate(db))[0], /plans will raise no events/);
  assert.deepEqual(done(migrate(db, '--check')), ['postgresql: schema version 4, complete']);
});

test('--adapt decides against what is found out', () => {
  const db = application('bigint');
  const before = dump(db);
  assert.equal(migrate(db, '--adapt', 'none').status, 1);
  assert.equal(dump(db), before);
  const empty = cluster.create();
  const r = migrate(empty, '--adapt', 'laravel');
  assert.equal(r.status, 1);
  assert.match(r.stderr, /cannot adapt this database: it lacks the table users/);
  assert.equal(sql(empty, 'SELECT count(*) FROM pg_class WHERE relnamespace = \'public\'::regnamespace;'), '0');
});
