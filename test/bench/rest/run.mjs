// SPDX-License-Identifier: Apache-2.0
//
// `make bench-rest`: the chat's URLs and its event log, held against a PHP stand-in
// and against the bars that were set. README.md beside this file explains all of it.
//
// Both sides run on one PostgreSQL cluster, each on a database of its own made from
// the same rows, and take turns; only the side that is measured has requests. A part
// that cannot be measured says why in a sentence, and the others go on.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Site, SiteError, closedFolder, freePort, root, runUser, sleep, tmpName } from '../../../dev/site.mjs';
import { Cluster, SETTINGS } from './cluster.mjs';
import { Peer, phpModule } from './peer.mjs';
import { beforeSite, copyBefore } from './before.mjs';
import { table } from './report.mjs';
import { conversationParts } from './part.reading.mjs';
import { rate } from './part.rate.mjs';
import { latency } from './part.latency.mjs';
import { relay } from './part.relay.mjs';
import { sqlite } from './part.sqlite.mjs';

const number = (name, usual) => Number(process.env[name] || usual);
const build = path.resolve(process.env.CHAT_BUILD || path.join(root, 'build'));
/** In the order in which they run: what only reads comes first. */
const PARTS = ['page', 'sidebar', 'get', 'post', 'latency', 'relay', 'sqlite'];

const options = {
  parts: (process.env.PARTS || PARTS.join(',')).split(/[, ]+/),
  rounds: number('ROUNDS', 3),
  secs: number('BENCH_SECONDS', 8),
  sizes: {
    messages: number('MESSAGES', 1000000),
    users: number('USERS', 10000),
    conversations: number('CONVERSATIONS', 5000),
  },
};

const has = (program) => {
  try {
    execFileSync('sh', ['-c', 'command -v "$1"', 'sh', program], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
};

/** Where data and runs lie: kept, so that a second run need not make it again. */
function chooseDir() {
  const nominal = path.resolve(process.env.BENCH_DIR || path.join(build, 'bench/rest'));
  const user = runUser();
  const closed = closedFolder(path.join(nominal, 'x'), user);
  if (!closed) {
    return nominal;
  }
  const dir = tmpName(`mod_chat-bench-${createHash('sha256').update(nominal).digest('hex').slice(0, 8)}`);
  console.error(`${user.name} cannot enter ${closed}, so this lies in ${dir} (BENCH_DIR=… chooses)`);
  return dir;
}

/** Our side: a real site on a database that is there already. */
class Ours extends Site {
  makeDatabase() {}
}

/** Connections are kept as the stand-in's are, and nobody is told to slow down. */
const KEPT = 'ChatSendRate off\nKeepAliveTimeout 120\nMaxKeepAliveRequests 0\n';
const CONF = `${KEPT}ChatAudit ${process.env.AUDIT || 'On'}\n${process.env.CONF || ''}\n`;

async function makeSite(dir, more) {
  fs.rmSync(dir, { recursive: true, force: true });
  const site = new (more.db ? Ours : Site)({
    dir, build, sample: false, port: await freePort(), pushPort: await freePort(), metricsPort: await freePort(),
    ...more, extraConf: CONF + more.extraConf,
  });
  site.prepare();
  return site;
}

/** Fill chat_ours: the application's database, adapted; or the stand-alone schema. */
function makeOurs(cluster, seed, schema) {
  if (schema === 'laravel') {
    cluster.copy(seed, 'chat_ours', (db) => {
      cluster.file(db, 'index.peer.sql');
      cluster.sql(db, fs.readFileSync(process.env.ADAPT || path.join(root, 'sql/laravel.pgsql.sql'), 'utf8'));
    });
  }
  else {
    cluster.copy(seed, 'chat_ours', (db) => {
      cluster.sql(db, 'ALTER SCHEMA public RENAME TO seed; CREATE SCHEMA public;');
      cluster.sql(db, fs.readFileSync(path.join(root, 'sql/schema.pgsql.sql'), 'utf8'));
      cluster.file(db, 'standalone.pgsql.sql');
    });
  }
}

/** What chat-push does once with a database that had messages before there was a chat,
 *  filling the index of their words, is not what a request costs: it is waited for. */
async function fillIndex(bench) {
  const site = await makeSite(path.join(bench.dir, 'filling'), { db: bench.cluster.url('chat_ours'), extraConf: '' });
  console.error('filling the index of the words, once');
  await site.start();
  try {
    const left = () => bench.cluster.sql('chat_ours', 'SELECT low, fold FROM chat_search_state').trim().split('\t').map(Number);
    for (let [low, fold] = left(); low > 0 || fold === 0; [low, fold] = left()) {
      await sleep(500);
    }
  } finally {
    await site.stop();
  }
}

/** The database of our side. It is kept under the name of all that made it, and copied
 *  from there the next time. @return which schema it has */
async function oursDatabase(bench, seed) {
  const { cluster } = bench;
  const schema = process.env.SCHEMA || 'laravel';
  const made = createHash('sha256').update(seed + schema);
  for (const file of [process.env.ADAPT || 'sql/laravel.pgsql.sql', 'sql/schema.pgsql.sql', 'common/fold_table.c', 'common/words.c',
    'test/bench/rest/index.peer.sql', 'test/bench/rest/standalone.pgsql.sql']) {
    made.update(fs.readFileSync(path.resolve(root, file)));
  }
  const kept = `chat_kept_${schema}_${made.digest('hex').slice(0, 8)}`;
  if (!cluster.has(kept)) {
    makeOurs(cluster, seed, schema);
    await fillIndex(bench);
    const others = cluster.sql('postgres', `SELECT datname FROM pg_database WHERE datname ~ '^chat_kept_${schema}_'`);
    for (const other of others.split('\n').filter(Boolean)) { // of earlier texts of these files
      cluster.sql('postgres', `DROP DATABASE ${other}`);
    }
    cluster.sql('chat_ours', 'VACUUM ANALYZE');
    cluster.sql('postgres', `ALTER DATABASE chat_ours RENAME TO ${kept}`);
  }
  cluster.copy(kept, 'chat_ours', () => {});
  return schema;
}

/** chat.lua's file of who may write where. */
function writePicks(cluster, database, file) {
  fs.writeFileSync(file, cluster.sql(database,
    'SELECT conversation, patient_token, doctor_token FROM bench_pick ORDER BY n'));
  return file;
}

async function main() {
  const unknown = options.parts.filter((p) => !PARTS.includes(p));
  if (unknown.length) {
    throw new SiteError(`PARTS: there is no ${unknown.join(', ')}; there are ${PARTS.join(', ')}`);
  }
  if (!has('wrk')) {
    throw new SiteError('wrk is not installed: ./configure --install-bench-deps, or package wrk');
  }
  const wanted = (...names) => names.some((n) => options.parts.includes(n));
  const before = process.env.BEFORE && path.resolve(process.env.BEFORE);
  const bench = { options, build, before, peerName: before ? 'before' : 'PHP', dir: chooseDir(), rows: [], notes: [], detail: {}, makeSite };
  const ending = [];
  const part = async (name, fn) => {
    if (wanted(name)) {
      console.error(`== ${name}`);
      try {
        await fn(bench);
      } catch (e) {
        bench.notes.push(`${name}: ${e.message}`);
        bench.failed = true;
        console.error(process.env.V ? e : e.message);
      }
    }
  };
  try {
    fs.mkdirSync(bench.dir, { recursive: true });
    if (wanted('page', 'sidebar', 'get', 'post', 'latency', 'relay')) {
      const cluster = bench.cluster = new Cluster(path.join(bench.dir, 'pg'));
      ending.push(() => cluster.stop());
      await cluster.start();
      bench.server = cluster.sql('postgres', 'SHOW server_version').trim();
      const seed = cluster.seed(options.sizes);
      bench.schema = await oursDatabase(bench, seed);
      bench.oursPicks = writePicks(cluster, 'chat_ours', path.join(bench.dir, 'ours.picks'));
      if (before) {
        copyBefore(cluster, seed, before);
        bench.peer = await beforeSite(before, path.join(bench.dir, 'before'), cluster.url('chat_peer'), KEPT);
      }
      else if (!phpModule(build)) {
        bench.notes.push('PHP is not measured: its httpd module is not here (./configure --install-bench-deps)');
      }
      else if (wanted('page', 'get', 'post')) {
        cluster.copy(seed, 'chat_peer', (db) => cluster.file(db, 'index.peer.sql'));
        bench.peer = new Peer({ dir: path.join(bench.dir, 'peer'), build, dsn: cluster.dsn('chat_peer') });
      }
      if (bench.peer) {
        bench.peerPicks = writePicks(cluster, 'chat_peer', path.join(bench.dir, 'peer.picks'));
        ending.push(() => bench.peer.stop());
        await bench.peer.start();
      }
      bench.site = await makeSite(path.join(bench.dir, 'ours'),
        { db: cluster.url('chat_ours'), extraConf: '' });
      ending.push(() => bench.site.stop());
      await bench.site.start();
      cluster.settle('chat_ours');
    }
    await part('page', (b) => conversationParts.page(b));
    await part('sidebar', (b) => conversationParts.sidebar(b));
    await part('get', (b) => rate(b, 'get'));
    await part('post', (b) => rate(b, 'post'));
    await part('latency', latency);
    await part('relay', relay);
    await part('sqlite', sqlite);
  } finally {
    for (const end of ending.reverse()) {
      await end();
    }
  }
  const commit = (() => {
    try {
      return execFileSync('git', ['-C', root, 'describe', '--always', '--dirty'], { encoding: 'utf8', stdio: 'pipe' }).trim();
    } catch {
      return 'unknown';
    }
  })();
  const machine = `${os.cpus()[0].model}, ${os.cpus().length} cores, Linux ${os.release()}` +
    `${bench.server ? `, PostgreSQL ${bench.server}` : ''}`;
  console.log(`\n${machine}; commit ${commit}, ${new Date().toISOString().slice(0, 10)}`);
  console.log(`${options.sizes.messages.toLocaleString('en')} messages, ${options.rounds} rounds of ${options.secs} s` +
    `${bench.schema ? `, ours on ${bench.schema === 'laravel' ? "the application's schema, adapted" : 'the stand-alone schema'}` : ''}\n`);
  console.log(table(bench.rows, before ? 'before' : 'PHP stand-in'));
  console.log(bench.notes.map((n) => `\n- ${n}`).join(''));
  if (process.env.RESULTS) {
    fs.writeFileSync(process.env.RESULTS, JSON.stringify({
      machine, commit, at: new Date().toISOString(), options, settings: SETTINGS, schema: bench.schema,
      rows: bench.rows, notes: bench.notes, detail: bench.detail,
    }, null, 2) + '\n');
  }
  process.exitCode = bench.failed || bench.rows.some((r) => r.held === false) ? 1 : 0;
}

try {
  await main();
} catch (e) {
  console.error(e instanceof SiteError && !process.env.V ? `bench-rest: ${e.message}` : e);
  process.exitCode = 1;
}
