// SPDX-License-Identifier: Apache-2.0
//
// Durable messages on SQLite (synchronous=FULL, which is mod_chat's default), through
// httpd: how many a second, and how long the unluckiest of eight writers waits, with
// all of them in one child of httpd and with several children.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { quiet, wrk } from './load.mjs';
import { median, row } from './report.mjs';
import { root, sleep } from '../../../dev/site.mjs';
import { childrenOf } from './usage.mjs';

/** Few threads each, so that eight connections need more than one child. */
const SEVERAL = `StartServers 4
ThreadsPerChild 4
MaxRequestWorkers 16
MinSpareThreads 16
MaxSpareThreads 16`;

const token = (user) => `chat${createHash('md5').update(`secret:${user}`).digest('hex')}`;

async function open(b, name, conf) {
  const site = await b.makeSite(path.join(b.dir, name), { db: undefined, extraConf: conf });
  site.sql(fs.readFileSync(path.join(root, 'test/bench/rest/seed.sqlite.sql'), 'utf8'));
  const users = site.sql('SELECT id FROM users ORDER BY id').trim().split('\n');
  site.sql(`BEGIN; ${users.map((id) => `INSERT INTO personal_access_tokens (tokenable_id, name, token) VALUES (${id}, 'mobile',
    '${createHash('sha256').update(token(id)).digest('hex')}');`).join('')} COMMIT;`);
  const picks = path.join(b.dir, 'sqlite.picks');
  fs.writeFileSync(picks, site.sql('SELECT id, patient_id, doctor_id FROM treatment_requests ORDER BY id').trim().split('\n')
    .map((l) => l.split('|')).map(([id, p, d]) => `${id}\t${token(p)}\t${token(d)}\n`).join(''));
  await site.start();
  return { site, picks };
}

async function measure(b, { site, picks }, conns, label) {
  const runs = [];
  const o = { url: site.url, mode: 'post', file: picks, conns };
  await wrk({ ...o, secs: 2 });
  const counts = async () => {
    await sleep(300); // what was under way when wrk ended
    return site.sql('SELECT (SELECT count(*) FROM messages), (SELECT count(*) FROM chat_events)').trim().split('|').map(Number);
  };
  for (let round = 1; round <= b.options.rounds; round++) {
    await quiet();
    const kids = Object.fromEntries(childrenOf(site.httpd.pid).map((pid) => [`child ${pid}`, pid]));
    const before = await counts();
    const run = await wrk({ ...o, secs: b.options.secs, groups: { push: site.push.pid, ...kids } });
    [run.rows, run.events] = (await counts()).map((n, i) => n - before[i]);
    const cores = Object.entries(run.cores).filter(([k]) => k.startsWith('child')).map(([, v]) => v);
    run.children = cores.filter((c) => c > 0.05).length;
    runs.push(run);
    console.error(`sqlite ${label} ${round}: ${run.rps.toFixed(0)}/s, p50 ${run.p50.toFixed(2)} p99 ${run.p99.toFixed(1)} ` +
      `max ${run.max.toFixed(0)} ms, ${run.children} children at work, ${run.good} answers ${run.rows} rows ${run.events} events, ` +
      `CPU-s/1000 ${(cores.reduce((x, y) => x + y, 0) / run.rps * 1000).toFixed(3)}; others ${run.foreign.toFixed(2)} cores`);
  }
  b.detail.sqlite = { ...b.detail.sqlite, [label]: runs };
  return runs;
}

const wrong = (r, conns) => Math.abs(r.rows - r.events) + Math.max(0, r.good - r.rows, r.rows - r.good - conns);

export async function sqlite(b) {
  const all = [];
  let site = await open(b, 'sqlite', '');
  try {
    const rates = await measure(b, site, 16, '16 connections');
    const eight = await measure(b, site, 8, '8 connections');
    all.push(...rates.map((r) => wrong(r, 16)), ...eight.map((r) => wrong(r, 8)));
    b.rows.push(row('SQLite, durable POST/s, 16 connections', { ours: median(rates.map((r) => r.rps)), bar: { min: 3000 } }));
    b.rows.push(row('SQLite, longest wait of 8 connections', {
      ours: Math.max(...eight.map((r) => r.max)), unit: 'ms', bar: { max: 100 },
    }));
  } finally {
    await site.site.stop();
  }
  site = await open(b, 'sqlite-children', SEVERAL);
  try {
    const runs = await measure(b, site, 8, '8 connections, several children');
    all.push(...runs.map((r) => wrong(r, 8)));
    b.rows.push(row(`the same over ${Math.min(...runs.map((r) => r.children))} or more children of httpd`, {
      ours: Math.max(...runs.map((r) => r.max)), unit: 'ms', bar: { max: 100 },
    }));
    if (runs.some((r) => r.children < 2)) {
      b.notes.push('SQLite: a run had all its writers in one child of httpd');
    }
  } finally {
    await site.site.stop();
  }
  b.rows.push(row('SQLite: answers 201, rows and events that do not agree', { ours: all.reduce((x, y) => x + y, 0), bar: { max: 0 } }));
}
