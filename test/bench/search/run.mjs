// SPDX-License-Identifier: Apache-2.0
//
// `make bench-search`: how long a search takes among a million messages, on each
// engine, through httpd; how long chat-push takes to fill the index of a database
// that had them before; and what its index weighs.
//
// People write 14 words a message, of 20,000 Latin and 20,000 Arabic ones, the k-th
// as often as 1/k; "hello" or "سلام" is in nearly all. A doctor has half of all
// conversations, another 200 of 5,000, a patient one. The same on every run.
//
//   MESSAGES (1000000) ENGINES (sqlite,pgsql) QUESTIONS (200 of each kind) BENCH_DIR
//   (kept: the messages are made once) RESULTS (a file for the figures)

import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { Site, freePort, root, sleep, tmpName } from '../../../dev/site.mjs';
import { Cluster } from '../rest/cluster.mjs';

const MESSAGES = Number(process.env.MESSAGES || 1000000);
const QUESTIONS = Number(process.env.QUESTIONS || 200);
const ENGINES = (process.env.ENGINES || 'sqlite,pgsql').split(',');
const build = path.resolve(process.env.CHAT_BUILD || path.join(root, 'build'));
const dir = path.resolve(process.env.BENCH_DIR || tmpName('mod_chat-bench-search'));
const CONVERSATIONS = 5000;
const USERS = 6000; // 1 to 500 are doctors

// --- what they write -----------------------------------------------------------------

let seed = 1;
const random = () => { // mulberry32
  let t = (seed = (seed + 0x6d2b79f5) | 0);
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
const letters = { latin: 'etaoinshrdlucmfwypvbgk', arabic: 'اليمنورتبدسفعكحقهشجصخ' };
const vocabulary = (script) => {
  const words = new Set();
  while (words.size < 20000) {
    let word = '';
    for (let i = 4 + Math.floor(random() * 6); i > 0; i--) {
      word += letters[script][Math.floor(random() ** 1.5 * letters[script].length)];
    }
    words.add(word);
  }
  return [...words];
};
const words = { latin: vocabulary('latin'), arabic: vocabulary('arabic') };
// Position by 1/k: u -> 20000^u.
const word = (script) => words[script][Math.floor(20000 ** random()) - 1];

function body(i, talk) {
  const script = i % 2 ? 'latin' : 'arabic';
  const list = random() < 0.95 ? [script === 'latin' ? 'hello' : 'سلام'] : [];
  for (let n = 0; n < 13; n++) {
    list.push(script === 'arabic' && random() < 0.2 ? `ال${word(script)}` : word(script));
  }
  list.push(i % 2 ? 'odd' : 'even'); // each in half of all, never both
  if (talk % 2) {
    list.push('elsewhere'); // in all but the first doctor's
  }
  if (i % 10000 === 77) {
    list.push('seldom', 'نادر');
  }
  return list.join(' ');
}

/** Conversations lie among each other by id, as in life. */
const talkOf = (i) => 1 + (i * 2654435761 >>> 7) % CONVERSATIONS;
/** The first doctor has the even ones, the second 200 odd ones. */
const doctorOf = (c) => c % 2 === 0 ? 1 : c < 400 ? 2 : 3 + c % 490;
const patientOf = (c) => 501 + c;
const token = (user) => `chat${createHash('md5').update(`secret:${user}`).digest('hex')}`;

function* rows() {
  seed = 1000;
  for (let i = 1; i <= MESSAGES; i++) {
    const c = talkOf(i);
    yield [i, patientOf(c), doctorOf(c), c, body(i, c)];
  }
}

const people = () => {
  const out = ['BEGIN;'];
  for (let u = 1; u <= USERS; u++) {
    out.push(`INSERT INTO users (id, name, email, password, role) VALUES (${u}, 'Name ${u}', 'u${u}@example.test', '$2y$12$x', '${u <= 500 ? 'doctor' : 'patient'}');`);
  }
  for (let c = 1; c <= CONVERSATIONS; c++) {
    out.push(`INSERT INTO treatment_requests (id, patient_id, doctor_id, title, status) VALUES (${c}, ${patientOf(c)}, ${doctorOf(c)}, 'Request ${c}', 'in_progress');`);
  }
  for (const u of [1, 2, patientOf(7)]) {
    out.push(`INSERT INTO personal_access_tokens (tokenable_id, name, token) VALUES (${u}, 'mobile', '${createHash('sha256').update(token(u)).digest('hex')}');`);
  }
  return [...out, 'COMMIT;'].join('\n');
};

/** Rows as text to a program's stdin. */
async function pour(child, lines) {
  const done = new Promise((ok, bad) => child.on('exit', (code) => (code ? bad(new Error(`it ended with ${code}`)) : ok())));
  let batch = [];
  const flush = async () => {
    if (!child.stdin.write(batch.join(''))) {
      await new Promise((ok) => child.stdin.once('drain', ok));
    }
    batch = [];
  };
  for (const line of lines) {
    batch.push(line);
    if (batch.length === 2000) {
      await flush();
    }
  }
  await flush();
  child.stdin.end();
  await done;
}

/** As a database is that had its messages before there was an index. */
const OLD = `UPDATE treatment_requests SET message_count = (SELECT count(*) FROM messages m WHERE m.request_id = treatment_requests.id);
  UPDATE chat_search_state SET low = (SELECT max(id) FROM messages), high = (SELECT max(id) FROM messages), fold = 0;`;

async function fillSqlite(site) {
  site.sql(`DROP TRIGGER messages_sent; ${people()}`);
  const child = spawn('sqlite3', [site.dbFile], { stdio: ['pipe', 'inherit', 'inherit'] });
  await pour(child, (function* () {
    yield 'PRAGMA synchronous = OFF; BEGIN;\n';
    for (const [i, from, to, c, text] of rows()) {
      yield `INSERT INTO messages (id, from_user_id, to_user_id, request_id, body, read_at) VALUES (${i}, ${from}, ${to}, ${c}, '${text}', '2025-01-01');\n`;
    }
    yield `COMMIT; ${OLD} ANALYZE;\n`;
  })());
  site.sql(fs.readFileSync(path.join(root, 'sql/schema.sqlite.sql'), 'utf8'));
}

async function fillPgsql(site, url) {
  site.sql(people());
  const child = spawn('psql', ['-qX', '-v', 'ON_ERROR_STOP=1', url], { stdio: ['pipe', 'inherit', 'inherit'] });
  await pour(child, (function* () {
    yield 'SET session_replication_role = replica; COPY messages (id, from_user_id, to_user_id, request_id, body, read_at) FROM stdin;\n';
    for (const [i, from, to, c, text] of rows()) {
      yield `${i}\t${from}\t${to}\t${c}\t${text}\t2025-01-01\n`;
    }
    yield `\\.\n${OLD}\nSELECT setval(pg_get_serial_sequence('messages', 'id'), ${MESSAGES});\n`;
  })());
  site.sql('VACUUM ANALYZE;');
}

// --- what is asked --------------------------------------------------------------------

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const ask = (site, user, url) => new Promise((ok, bad) => {
  const begun = process.hrtime.bigint();
  http.get(site.url + url, { agent, headers: { Authorization: `Bearer ${token(user)}` } }, (res) => {
    let text = '';
    res.setEncoding('utf8').on('data', (d) => { text += d; }).on('end', () => {
      const ms = Number(process.hrtime.bigint() - begun) / 1e6;
      res.statusCode === 200 ? ok({ ms, json: JSON.parse(text) }) : bad(new Error(`${url}: ${res.statusCode} ${text}`));
    });
  }).on('error', bad);
});

const between = (script, a, b) => () => words[script][a + Math.floor(random() * (b - a))];
/** Kind, who asks, the question, in one conversation or not. The bar in ms. */
const KINDS = [
  ['in nearly every message', 1, () => 'hello', 250], ['the same, Arabic', 1, () => 'سلام', 250],
  ['common (the 10 most)', 1, between('latin', 0, 10), 250], ['the same, Arabic', 1, between('arabic', 0, 10), 250],
  ['the same with ال', 1, () => `ال${between('arabic', 0, 10)()}`, 250],
  ['the 100 most', 1, between('latin', 10, 100), 250],
  ['the 1,000 most', 1, between('latin', 100, 1000), 250], ['the same, Arabic', 1, between('arabic', 100, 1000), 250],
  ['rare (the last 10,000)', 1, between('latin', 10000, 20000), 50], ['the same, Arabic', 1, between('arabic', 10000, 20000), 50],
  ['100 of a million', 1, () => 'seldom', 50], ['the same, Arabic', 1, () => 'نادر', 50],
  ['in none', 1, () => 'zyzzyva', 50],
  ['a beginning of two letters', 1, () => words.latin[Math.floor(random() * 20000)].slice(0, 2), 250],
  ['a beginning of four', 1, () => words.latin[Math.floor(random() * 20000)].slice(0, 4), 250],
  ['two common ones', 1, () => `${between('latin', 0, 10)()} ${between('latin', 0, 10)()}`, 250],
  ['two rare ones', 1, () => `${between('latin', 5000, 20000)()} ${between('latin', 5000, 20000)()}`, 50],
  ['two common ones, never together', 1, () => 'odd even', 250],
  ['common, but in none of theirs', 1, () => 'elsewhere', 250],
  ['200 conversations: in nearly every', 2, () => 'hello', 250],
  ['200 conversations: common', 2, between('latin', 0, 10), 250],
  ['200 conversations: rare', 2, between('latin', 10000, 20000), 50],
  ['one conversation: in nearly every', patientOf(7), () => 'hello', 250],
  ['one conversation: rare', patientOf(7), between('latin', 10000, 20000), 50],
  ['within a conversation: common', 1, between('latin', 0, 10), 250, 8],
  ['within a conversation: rare', 1, between('latin', 10000, 20000), 50, 8],
];

const quantile = (list, q) => list[Math.min(list.length - 1, Math.floor(list.length * q))];

async function measure(site, engine) {
  const out = [];
  for (const [kind, user, question, bar, talk] of KINDS) {
    seed = 7;
    const times = [];
    let found = 0, partial = 0;
    for (let n = -5; n < QUESTIONS; n++) {
      const q = encodeURIComponent(question());
      const r = await ask(site, user, talk ? `/chat/conversation/${talk}/search?q=${q}` : `/chat/search?q=${q}`);
      if (n >= 0) {
        times.push(r.ms);
        found += r.json.data.length;
        partial += r.json.next !== null && r.json.data.length < 20;
      }
    }
    times.sort((a, b) => a - b);
    const row = { engine, kind, p50: quantile(times, 0.5), p99: quantile(times, 0.99), most: times.at(-1), found: found / QUESTIONS, partial, bar };
    out.push(row);
    console.log(`${engine.padEnd(7)}${kind.padEnd(38)} p50 ${row.p50.toFixed(1).padStart(6)}  p99 ${row.p99.toFixed(1).padStart(6)}  max ${row.most.toFixed(1).padStart(6)} ms  ` +
      `${row.found.toFixed(1).padStart(5)} found${partial ? `, ${partial} not to the end` : ''}${row.p99 > bar ? `  > ${bar}` : ''}`);
  }
  return out;
}

// --- --------------------------------------------------------------------------------

let stopping = false;
process.once('SIGTERM', () => { stopping = true; }); // what was filled until then is kept

class Kept extends Site {
  makeDatabase() {}
}

async function run(engine, cluster) {
  const here = path.join(dir, engine);
  const mark = path.join(here, 'made');
  const made = fs.existsSync(mark) && fs.readFileSync(mark, 'utf8') === String(MESSAGES);
  let db, url;
  if (!made) {
    fs.rmSync(here, { recursive: true, force: true });
  }
  if (engine === 'pgsql') {
    db = url = cluster.url('chat_search_bench');
  }
  if (engine === 'pgsql' && !made) {
    execFileSync(path.join(cluster.bin, 'psql'), ['-qX', cluster.url('postgres'), '-c', 'DROP DATABASE IF EXISTS chat_search_bench', '-c', 'CREATE DATABASE chat_search_bench']);
  }
  const site = new (made ? Kept : Site)({ dir: here, build, sample: false, db, port: await freePort(), pushPort: await freePort(), metricsPort: await freePort(),
    extraConf: 'ChatSearchRate off\nKeepAliveTimeout 120\nMaxKeepAliveRequests 0\n' });
  site.prepare();
  if (!made) {
    console.error(`${engine}: ${MESSAGES} messages…`);
    await (engine === 'pgsql' ? fillPgsql(site, url) : fillSqlite(site));
    fs.writeFileSync(mark, String(MESSAGES));
  }
  const begun = Date.now();
  await site.start();
  try {
    while (!stopping) {
      const [low, fold] = site.sql('SELECT low, fold FROM chat_search_state;').trim().split('|').map(Number);
      if (fold > 0 && low === 0) {
        break;
      }
      await sleep(500);
    }
    const weight = engine === 'pgsql' ? Number(site.sql("SELECT pg_total_relation_size('chat_search') / 1048576;")) : Number(site.sql("SELECT sum(length(block)) / 1048576 FROM chat_search_data;"));
    console.log(`${engine}: the index ${made ? 'was there' : `was filled in ${((Date.now() - begun) / 1000).toFixed(0)} s`} and has ${weight} MB`);
    if (!stopping && engine === 'pgsql') {
      site.sql('VACUUM ANALYZE chat_search;'); // or it comes by itself, while we measure
    }
    return stopping ? [] : await measure(site, engine);
  } finally {
    await site.stop();
  }
}

const cluster = ENGINES.includes('pgsql') ? new Cluster(path.join(dir, 'pg')) : null;
try {
  await cluster?.start();
  const results = [];
  for (const engine of ENGINES) {
    results.push(...await run(engine, cluster));
  }
  if (process.env.RESULTS) {
    fs.writeFileSync(process.env.RESULTS, JSON.stringify(results, null, 2) + '\n');
  }
  process.exitCode = results.some((r) => r.p99 > r.bar) ? 1 : 0;
} finally {
  await cluster?.stop();
}
