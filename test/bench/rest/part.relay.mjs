// SPDX-License-Identifier: Apache-2.0
//
// The event log under disorder: eight programs that know nothing of us write messages
// by SQL and commit 0 to 20 ms out of the order of their ids, once alone and once
// beside a transaction that stays open for ten seconds and has nothing to do with it.
// What was committed must reach a subscriber, once, in order within its conversation;
// and whoever syncs, from any cursor given meanwhile, must miss nothing.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { sleep } from '../../../dev/site.mjs';
import { quiet } from './load.mjs';
import { quantile, row } from './report.mjs';
import { Ear, Line } from './socket.mjs';

const WRITERS = 8;
const HOLD_MS = 20;
const TALKS = 20;  // all of doctor 1, who syncs
const CURSORS = 60; // of those given, how many are tried

/** Everything since a cursor: message ids, and the cursors given on the way. */
async function syncAll(line, token, since) {
  const ids = [];
  for (let cursor = since; ;) {
    const { status, body } = await line.request('GET', `/chat/sync?limit=500&since=${encodeURIComponent(cursor)}`, token);
    const answer = status === 200 ? JSON.parse(body) : null;
    if (!answer || answer.status === 'reset') {
      throw new Error(`sync answered ${status} ${body.slice(0, 200)}`);
    }
    for (const e of answer.events) {
      if (e.event === 'MessageSent') {
        ids.push(String((typeof e.data === 'string' ? JSON.parse(e.data) : e.data).message.id));
      }
    }
    cursor = answer.cursor;
    if (answer.status === 'complete') {
      return { ids, cursor };
    }
  }
}

/** Sync again and again until told to stop, as a client without a socket. */
async function follow(line, token, since, going) {
  const seen = [];
  const places = []; // cursors, with how much was seen when they were given
  let cursor = since;
  while (going()) {
    const next = await syncAll(line, token, cursor);
    seen.push(...next.ids);
    cursor = next.cursor;
    places.push({ cursor, before: seen.length });
    await sleep(10);
  }
  return { seen, places, cursor };
}

const spread = (list, n) => list.filter((_, i) => i % Math.ceil(list.length / n) === 0);

/** Which of `written` are in none of the lists. */
const missing = (written, ...lists) => {
  const there = new Set(lists.flat());
  return written.filter((id) => !there.has(id)).length;
};

async function one(b, ear, doctor, file, secs, beside) {
  const lines = [new Line(b.site.o.port), new Line(b.site.o.port)];
  const first = await lines[0].request('GET', '/chat/sync', doctor);
  const start = JSON.parse(first.body).cursor;
  let unrelated = null;
  if (beside) {
    unrelated = spawn('psql', ['-X', '-q', '-c', `BEGIN; SELECT pg_current_xact_id(); SELECT pg_sleep(${secs}); COMMIT`,
      b.cluster.url('postgres')], { stdio: 'ignore' });
    await sleep(300);
  }
  const child = spawn(path.join(b.build, 'bench/writers'),
    [b.cluster.url('chat_ours'), String(WRITERS), String(beside ? secs - 2 : secs), String(HOLD_MS), file],
    { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (d) => { out += d; });
  let going = true;
  const following = follow(lines[0], doctor, start, () => going);
  await new Promise((done, failed) => { child.once('close', done); child.once('error', failed); });
  const stillOpen = unrelated ? unrelated.exitCode === null : false;
  await sleep(1500);
  going = false;
  const followed = await following;
  const heard = await ear.take();
  if (unrelated && unrelated.exitCode === null) {
    await new Promise((done) => unrelated.once('exit', done));
  }
  const commits = new Map(out.trim().split('\n').slice(0, -1).map((l) => l.split('\t')).map(([id, , at]) => [id, Number(at)]));
  const written = [...commits.keys()];
  const ids = heard.map((h) => String(h[0])).filter((id) => commits.has(id));
  const delays = heard.filter((h) => commits.has(String(h[0]))).map((h) => h[4] - commits.get(String(h[0])));
  const last = new Map();
  let disorder = 0;
  for (const h of heard) {
    disorder += h[2] <= (last.get(h[1]) ?? 0);
    last.set(h[1], h[2]);
  }
  // The log is at rest: from each place everything behind it must be there.
  const end = await syncAll(lines[1], doctor, followed.cursor);
  let missed = missing(written, followed.seen, end.ids);
  for (const at of spread(followed.places, CURSORS)) {
    missed += missing(written, followed.seen.slice(0, at.before), (await syncAll(lines[1], doctor, at.cursor)).ids);
  }
  for (const i of spread([...heard.keys()], CURSORS)) {
    missed += missing(written, heard.slice(0, i + 1).map((h) => String(h[0])), (await syncAll(lines[1], doctor, heard[i][3])).ids);
  }
  lines.forEach((l) => l.close());
  return {
    written: written.length, lost: missing(written, ids), twice: ids.length - new Set(ids).size, disorder,
    p50: quantile(delays, 0.5), p99: quantile(delays, 0.99), max: Math.max(...delays), missed,
    syncs: followed.places.length, stillOpen,
  };
}

export async function relay(b) {
  const file = path.join(b.dir, 'writers.picks');
  fs.writeFileSync(file, b.cluster.sql('chat_ours', `SELECT conversation, patient_user, doctor_user
    FROM bench_pick WHERE n BETWEEN 2 AND ${TALKS + 1} ORDER BY n`));
  const [doctor, ...talks] = b.cluster.sql('chat_ours', `SELECT CASE n WHEN 1 THEN doctor_token ELSE conversation::text END
    FROM bench_pick WHERE n BETWEEN 1 AND ${TALKS + 1} ORDER BY n`).trim().split('\n');
  const ear = await Ear.open(b.site, talks.map((id) => `private-conversation.${id}`));
  await sleep(500);
  await ear.take(); // what was told of the time before
  const runs = {};
  try {
    await quiet();
    runs.alone = await one(b, ear, doctor, file, Math.max(5, b.options.secs), false);
    console.error('relay:', JSON.stringify(runs.alone));
    await quiet();
    runs.beside = await one(b, ear, doctor, file, 10, true);
    console.error('relay beside an open transaction:', JSON.stringify(runs.beside));
  } finally {
    await ear.close();
  }
  if (!runs.beside.stillOpen) {
    b.notes.push('relay: the unrelated transaction had ended too soon: that run proves nothing');
    b.failed = true;
  }
  b.detail.relay = runs;
  for (const [name, r] of Object.entries(runs)) {
    const what = name === 'alone' ? `${WRITERS} writers out of order by 0–${HOLD_MS} ms` : 'the same beside a transaction open for 10 s';
    b.rows.push(row(`${what}: lost + twice + out of order, of ${r.written}`,
      { ours: r.lost + r.twice + r.disorder, bar: { max: 0 } }));
    b.rows.push(row(`${what}: COMMIT to socket, p99${name === 'alone' ? '' : ` (longest ${r.max.toFixed(0)} ms)`}`,
      { ours: r.p99, unit: 'ms', bar: { max: 50 } }));
    b.rows.push(row(`${what}: missed by sync from up to ${2 * CURSORS} cursors`, { ours: r.missed, bar: { max: 0 } }));
  }
}
