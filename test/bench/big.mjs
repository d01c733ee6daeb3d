// SPDX-License-Identifier: Apache-2.0
//
// What large conversations cost: opening one of 100,000 messages (BIG) between five
// people, as each of them, with everything read; the list of conversations with as many
// unread, in one and over fifty. On SQLite, PostgreSQL and an adapted Laravel database
// (ON=sqlite,pgsql,laravel). Medians of 21 requests one after the other, in milliseconds.
// At last `chatctl purge` of a conversation of PURGE messages, with all their events.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { root } from '../../dev/site.mjs';
import { Client } from '../site/lib/client.mjs';
import { laravelTables } from '../site/lib/laravel.mjs';
import { startCluster } from '../site/lib/postgres.mjs';
import { startSite } from '../site/lib/site.mjs';

const big = Number(process.env.BIG || 100000);
const purge = Number(process.env.PURGE || 10000);
const engines = (process.env.ON || 'sqlite,pgsql,laravel').split(',');
const people = { 1: 'patient', 2: 'doctor', 3: 'doctor', 4: 'doctor', 5: 'doctor' };
const digest = (text) => createHash('sha256').update(text).digest('hex');

/** One user of each id, and conversations 1 (of five) and 2 to 51 (of two). */
function own() {
  const talks = Array.from({ length: 51 }, (_, i) => i + 1);
  return [
    ...Object.entries(people).map(([id, role]) => `INSERT INTO users (id, name, email, password, role)
      VALUES (${id}, 'Person ${id}', 'p${id}@example.com', '$2y$10$x', '${role}');`),
    ...talks.map((id) => `INSERT INTO treatment_requests (id, patient_id, doctor_id, status) VALUES (${id}, 1, 2, 'in_progress');`),
  ];
}
function adapted() {
  const talks = Array.from({ length: 51 }, (_, i) => i + 1);
  return [
    ...Object.entries(people).map(([id, role]) => `INSERT INTO users (id, name, email, password, role, status)
      VALUES (${id}, 'Person ${id}', 'p${id}@example.com', '$2y$10$x', '${role}', 'active');`),
    "INSERT INTO patients (id, user_id, date_of_birth, gender) VALUES (101, 1, '1990-01-01', 'other');",
    ...[2, 3, 4, 5].map((n) => `INSERT INTO doctors (id, user_id, license_number, specialty) VALUES (${200 + n}, ${n}, 'L${n}', 'general');`),
    ...talks.map((id) => `INSERT INTO treatment_requests (id, patient_id, title, description, urgency, status, created_at, updated_at)
      VALUES (${id}, 101, 'Talk', 'It hurts', 'low', 'accepted', '2026-01-01', '2026-01-01');
      INSERT INTO treatment_request_doctors (treatment_request_id, doctor_id, dispatch_order, dispatch_score, status, responded_at)
      VALUES (${id}, 202, 1, 1, 'accepted', '2026-01-01');`),
  ];
}

/** `n` messages, in turn of patient, doctor and the three others; `of(i)` the conversation. */
function messages(sqlite, n, talk, { read, from }) {
  const rows = sqlite
    ? `WITH RECURSIVE g(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM g WHERE i < ${n - 1})`
    : `WITH g(i) AS (SELECT generate_series(0, ${n - 1}))`;
  return `INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at, read_at)
    ${rows} SELECT ${from}, CASE WHEN ${from} = 1 THEN 2 ELSE 1 END, ${talk}, 'words ' || i, 'text',
      '2026-01-02 10:00:00', '2026-01-02 10:00:00', ${read ? "'2026-01-02 11:00:00'" : 'NULL'} FROM g ORDER BY i;`.replace(/'2026[^']*'/g, (t) => (sqlite ? t : `${t}::timestamp`));
}

async function make(kind) {
  const sqlite = kind === 'sqlite';
  let db = 'sqlite';
  const cluster = sqlite ? null : await startCluster();
  if (kind === 'pgsql') {
    db = cluster.create();
  }
  if (kind === 'laravel') {
    db = cluster.create();
  }
  const site = await startSite({
    db, sample: false, logs: false, extraConf: 'ChatSendRate off\nChatRequestRate off',
    before: (s) => {
      if (kind === 'laravel') {
        s.sql(laravelTables('bigint'));
        s.sql(fs.readFileSync(path.join(root, 'sql', 'laravel.pgsql.sql'), 'utf8'));
      }
    },
  });
  const first = () => site.sql("UPDATE treatment_requests SET updated_at = '2027-01-01' WHERE id = 1;");
  const quiet = sqlite ? ['', ''] : ['BEGIN; SET LOCAL session_replication_role = replica;', 'COMMIT;'];
  site.sql((kind === 'laravel' ? adapted() : own()).join('\n'));
  site.sql([3, 4, 5].map((n) => `INSERT INTO chat_conversation_members (conversation_id, user_id) VALUES (1, ${n});`).join('\n'));
  first();
  const phones = {};
  for (const n of Object.keys(people)) {
    site.sql(`INSERT INTO personal_access_tokens (tokenable_type, tokenable_id, name, token, abilities)
      VALUES ('App\\Models\\User', ${n}, 'phone', '${digest(`bench-${n}`)}', '["*"]');`);
    phones[n] = new Client(site.url, { token: `bench-${n}` });
    phones[n].contract = null; // its check takes longer than the answer
  }
  /** Without the triggers, which would take their time: the state is what counts. */
  const fill = (n, talk, o) => {
    if (sqlite) {
      const triggers = site.sql("SELECT sql || ';' FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'messages';");
      const names = site.sql("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'messages';").split('\n').filter(Boolean);
      site.sql(`BEGIN; ${names.map((x) => `DROP TRIGGER ${x};`).join(' ')} ${messages(true, n, talk, o)} ${triggers} COMMIT;`);
    } else {
      site.sql(quiet[0] + messages(false, n, talk, o) + quiet[1]);
    }
  };
  const counted = 'UPDATE treatment_requests SET message_count = (SELECT count(*) FROM messages m WHERE m.request_id = treatment_requests.id);';
  const analyze = () => {
    site.sql(counted);
    site.sql(sqlite ? 'ANALYZE;' : 'VACUUM ANALYZE messages;');
  };
  return { site, phones, fill, first, analyze };
}

async function median(client, url) {
  const times = [];
  for (let i = 0; i < 22; i++) {
    const at = performance.now();
    const r = await client.get(url);
    times.push(performance.now() - at);
    if (r.status !== 200) {
      throw new Error(`${url}: ${r.status} ${r.text}`);
    }
  }
  return times.slice(1).sort((a, b) => a - b)[10];
}
/** The first one, which may have something to note, and the median of those that follow. */
async function both(client, url) {
  const at = performance.now();
  await client.get(url);
  return `${(performance.now() - at).toFixed(1)} then ${(await median(client, url)).toFixed(1)}`;
}

/** A conversation whose messages came with their events, and the program that empties it. */
async function timedPurge(site) {
  site.sql(messages(Boolean(site.dbFile), purge, 51, { read: true, from: 'CASE WHEN i % 2 = 0 THEN 1 ELSE 2 END' }));
  site.sql(`INSERT INTO chat_retention (status, days) VALUES ('completed', 1);
    UPDATE treatment_requests SET status = 'completed', updated_at = '2026-01-03' WHERE id = 51;`);
  const as = site.dbFile && site.user ? { uid: site.user.uid, gid: site.user.gid } : {};
  const at = performance.now();
  await promisify(execFile)(site.path('bin', 'chatctl'), ['purge', 'run', '--database', site.db, '--files', site.path('files')], as);
  return (performance.now() - at) / 1000;
}

for (const kind of engines) {
  const { site, phones, fill, first, analyze } = await make(kind);
  const say = (...words) => console.log(kind.padEnd(8), ...words);
  say('list, nothing unread:', (await median(phones[1], '/chat')).toFixed(1));
  await median(phones[1], '/chat/conversation/1');
  // Of two at a time: what the three others are to read is nothing.
  fill(big, 1, { read: true, from: 'CASE WHEN i % 2 = 0 THEN 1 ELSE 2 END' });
  analyze();
  for (const [n, who] of [[1, 'patient'], [2, 'doctor'], [3, 'member']]) {
    say(`open 1 of ${big}, ${who}:`, await both(phones[n], '/chat/conversation/1'));
    say(`list, ${who}:`, (await median(phones[n], '/chat')).toFixed(1));
  }

  fill(big, 1, { read: false, from: '1 + i % 5' });
  first();
  analyze();
  say(`list, ${big} more of five, patient, doctor, member:`, (await median(phones[1], '/chat')).toFixed(1),
    (await median(phones[2], '/chat')).toFixed(1), (await median(phones[4], '/chat')).toFixed(1));
  say('unread:', (await phones[1].get('/chat')).json.conversations.find((c) => c.id === 1).unread,
    (await phones[4].get('/chat')).json.conversations[0].unread);
  for (let talk = 2; talk < 52; talk++) {
    fill(big / 50, talk, { read: false, from: '2' });
  }
  analyze();
  say(`list, ${big} more over 50:`, (await median(phones[1], '/chat')).toFixed(1));
  for (const [n, who] of [[1, 'patient'], [2, 'doctor'], [4, 'member']]) {
    say(`open it with much unread, ${who}:`, await both(phones[n], '/chat/conversation/1'));
  }
  say(`purge of ${purge} messages, seconds:`, (await timedPurge(site)).toFixed(1));
}
process.exit(0);
