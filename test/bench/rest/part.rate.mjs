// SPDX-License-Identifier: Apache-2.0
//
// Requests a second, and CPU for 1000 of them: PHP (or an earlier tree of ours), ours,
// PHP, ours … What counts is
// the median of the paired ratios, because two runs beside each other see the same
// machine and two that are minutes apart do not.

import { sleep } from '../../../dev/site.mjs';
import { quiet, wrk } from './load.mjs';
import { median, row } from './report.mjs';

const count = (b, database, what) => Number(b.cluster.sql(database, `SELECT count(*) FROM ${what}`));
const EVENTS = "chat_events WHERE event = 'MessageSent'";

/** A run during which others used more cores than this is done again, so often at
 *  most, whichever side it was and whatever it showed; the last one counts. */
const FOREIGN = 0.15;
const TRIES = Number(process.env.TRIES || 3);

/** Groups of processes whose CPU is told apart. */
const oursGroups = (b) => ({ httpd: b.site.httpd.pid, push: b.site.push.pid, postgres: b.cluster.process.pid });
const peerGroups = (b) => ({
  httpd: b.peer.httpd.pid, postgres: b.cluster.process.pid,
  ...b.peer.sink ? { sink: b.peer.sink.pid } : { push: b.peer.push.pid },
});

const split = (run) => Object.entries(run.cpu).map(([k, v]) => `${k} ${v.toFixed(3)}`).join(', ');

/** All CPU of a run, in that of the load generator: by it a machine that is slower in one
 *  run than in the other is no difference. It reads the answers, so larger ones make it
 *  look cheaper than it is: a second opinion, and no bar. */
const whole = (r) => Object.values(r.cpu).reduce((a, b) => a + b, 0) / r.cpuWrk;

/** @param what  get or post */
export async function rate(b, what) {
  const { rounds, secs } = b.options;
  const ours = { url: b.site.url, file: b.oursPicks, groups: oursGroups(b) };
  const peer = b.peer && { url: b.peer.url, file: b.peerPicks, groups: peerGroups(b) };
  const sides = { peer, ours };
  const databases = { peer: 'chat_peer', ours: 'chat_ours' };
  const counted = {};
  for (const name of Object.keys(sides).filter((n) => sides[n])) {
    counted[name] = { answered: 0, cut: 0, rows: -count(b, databases[name], 'messages') };
  }
  const events = what === 'post' ? count(b, 'chat_ours', EVENTS) : 0;
  const run = async (name, length) => {
    const got = await wrk({ ...sides[name], mode: what, secs: length });
    counted[name].answered += got.good;
    counted[name].cut += 16; // wrk stops with so many under way: rows without an answer
    return got;
  };
  const runs = [];
  const repeated = [];
  for (const name of Object.keys(counted)) { // connections, plans and caches are there
    await run(name, Math.min(2, secs));
  }
  for (let round = 1; round <= rounds; round++) {
    const one = { round };
    const order = Object.keys(counted);
    for (const name of round % 2 ? order : order.reverse()) {
      for (let left = TRIES; left > 0; left--) {
        await quiet();
        const got = one[name] = await run(name, secs);
        console.error(`${what} ${round} ${name === 'peer' ? b.peerName : name}: ${got.rps.toFixed(0)}/s, p50 ${got.p50.toFixed(1)} p99 ${got.p99.toFixed(1)} ` +
          `max ${got.max.toFixed(0)} ms, CPU-s/1000: ${split(got)}, wrk ${got.cpuWrk.toFixed(3)}; others ${got.foreign.toFixed(2)} cores`);
        if (got.foreign <= FOREIGN) {
          break;
        }
        if (left > 1) {
          repeated.push({ round, name, ...got });
        }
      }
    }
    runs.push(one);
  }
  b.detail[what] = runs;
  b.detail[`${what}Repeated`] = repeated;
  const of = (name, get) => (peer || name === 'ours' ? median(runs.map((r) => get(r[name]))) : null);
  const ratio = (get) => (peer ? median(runs.map((r) => get(r.ours) / get(r.peer))) : null);
  const post = what === 'post';
  b.rows.push(row(`${post ? 'POST message' : 'GET page 1'}, requests/s, 16 connections`, {
    peer: of('peer', (r) => r.rps), ours: of('ours', (r) => r.rps), ratio: ratio((r) => r.rps),
    bar: { min: b.before ? 0.9 : post ? 1.6 : 3.5 }, judge: 'ratio',
  }));
  b.rows.push(row(`app CPU per 1000 ${post ? 'POSTs' : 'GETs'} (httpd tree)`, {
    peer: of('peer', (r) => r.cpu.httpd), ours: of('ours', (r) => r.cpu.httpd), ratio: ratio((r) => r.cpu.httpd),
    unit: 's', bar: post && !b.before ? { max: 1 / 3, text: '1/3' } : null, judge: 'ratio',
  }));
  b.rows.push(row(`PostgreSQL CPU per 1000 ${post ? 'POSTs' : 'GETs'}`, {
    peer: of('peer', (r) => r.cpu.postgres), ours: of('ours', (r) => r.cpu.postgres), ratio: ratio((r) => r.cpu.postgres), unit: 's',
  }));
  b.rows.push(row(`all CPU per 1000 ${post ? 'POSTs' : 'GETs'}, of the load generator's own`, {
    peer: of('peer', whole), ours: of('ours', whole), ratio: ratio(whole),
  }));
  if (post) {
    await sleep(300); // what was under way when wrk ended
    b.rows.push(row('chat-push CPU per 1000 POSTs (nobody subscribed)', { ours: of('ours', (r) => r.cpu.push), unit: 's' }));
    for (const [name, c] of Object.entries(counted)) {
      c.rows += count(b, databases[name], 'messages');
      c.wrong = Math.max(0, c.answered - c.rows, c.rows - c.answered - c.cut);
    }
    const o = { ...counted.ours, events: count(b, 'chat_ours', EVENTS) - events };
    b.rows.push(row('POST: answers 201, rows and events that do not agree', {
      peer: counted.peer ? counted.peer.wrong : null, ours: o.wrong + Math.abs(o.rows - o.events), bar: { max: 0 },
    }));
    if (counted.peer?.wrong) {
      throw new Error(`${b.peerName} does not do its work: ${JSON.stringify(counted.peer)}`);
    }
    b.detail.counted = { ...counted, ours: o };
    b.notes.push(`POST: ${o.answered} answers 201, ${o.rows} rows, ${o.events} MessageSent events ` +
      `(up to ${o.cut} requests were under way when a run ended)`);
  }
  const foreign = runs.flatMap((r) => [r.peer, r.ours].filter(Boolean).map((x) => x.foreign));
  b.notes.push(`${post ? 'POST' : 'GET'}: others used ${median(foreign).toFixed(2)} cores, at most ${Math.max(...foreign).toFixed(2)}; ` +
    `${repeated.length} runs were done again for that, ${foreign.filter((f) => f > FOREIGN).length} of ${foreign.length} kept in spite of it`);
}
