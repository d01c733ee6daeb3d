// SPDX-License-Identifier: Apache-2.0
//
// From POST to another client's socket, at an even rate: the time runs from when a
// message was due, not from when a connection was free to send it, so that a stall is
// paid by everybody who had to wait for it.

import { sleep } from '../../../dev/site.mjs';
import { quiet } from './load.mjs';
import { median, quantile, row } from './report.mjs';
import { Ear, Line, now } from './socket.mjs';

const LINES = 16;
const TALKS = 50; // conversations that the messages go to, one after the other

export async function latency(b) {
  const rate = Number(process.env.RATE || 500);
  const secs = Math.max(4, b.options.secs);
  const talks = b.cluster.sql('chat_ours',
    `SELECT conversation, patient_token FROM bench_pick WHERE n > 1 ORDER BY n LIMIT ${TALKS}`)
    .trim().split('\n').map((l) => l.split('\t'));
  const ear = await Ear.open(b.site, talks.map(([id]) => `private-conversation.${id}`));
  const lines = Array.from({ length: LINES }, () => new Line(b.site.o.port));
  const total = async (what) => Number(b.cluster.sql('chat_ours', `SELECT count(*) FROM ${what}`));
  const runs = [];
  try {
    for (let round = 0; round <= b.options.rounds; round++) { // 0 warms up
      await quiet();
      const [rows, events] = [await total('messages'), await total("chat_events WHERE event = 'MessageSent'")];
      const n = rate * (round ? secs : 2);
      const due = [], answered = [], open = [];
      let other = 0;
      const start = now() + 20;
      for (let i = 0; i < n;) {
        const free = lines.find((l) => !l.busy);
        const at = start + i * 1000 / rate;
        if (!free || at > now()) {
          await sleep(1); // asking again and again would take a core from the servers
          continue;
        }
        const [id, token] = talks[i % talks.length];
        const mine = i++;
        due[mine] = at;
        open.push(free.request('POST', `/chat/conversation/${id}/message`, token, { content: `r${round} ${mine}` })
          .then(({ status }) => {
            answered[mine] = now();
            other += status !== 201;
          }).catch(() => { other++; }));
      }
      await Promise.all(open);
      await sleep(500);
      const heard = (await ear.take()).filter((h) => h[5].startsWith(`r${round} `));
      const delays = heard.map((h) => h[4] - due[Number(h[5].split(' ')[1])]);
      const run = {
        sent: n, heard: new Set(heard.map((h) => h[5])).size, twice: heard.length - new Set(heard.map((h) => h[5])).size, other,
        rows: await total('messages') - rows, events: await total("chat_events WHERE event = 'MessageSent'") - events,
        // How many took 0 to 5 ms, 5 to 10 …: a timer somewhere shows as a heap.
        by5ms: delays.reduce((h, d) => { h[Math.floor(d / 5)] = (h[Math.floor(d / 5)] || 0) + 1; return h; }, []),
        p50: quantile(delays, 0.5), p99: quantile(delays, 0.99), max: Math.max(...delays),
        answer50: quantile(answered.map((t, i) => t - due[i]), 0.5), answer99: quantile(answered.map((t, i) => t - due[i]), 0.99),
      };
      if (round) {
        runs.push(run);
        console.error(`latency ${round}: to the socket p50 ${run.p50.toFixed(1)} p99 ${run.p99.toFixed(1)} max ${run.max.toFixed(0)} ms; ` +
          `answered p50 ${run.answer50.toFixed(1)} p99 ${run.answer99.toFixed(1)} ms; heard ${run.heard} of ${run.sent}, twice ${run.twice}`);
      }
    }
  } finally {
    await ear.close();
    lines.forEach((l) => l.close());
  }
  b.detail.latency = runs;
  const sum = (get) => runs.reduce((a, r) => a + get(r), 0);
  b.rows.push(row(`POST to another client's socket at ${rate}/s, p99`, {
    ours: median(runs.map((r) => r.p99)), unit: 'ms', bar: { max: 20 },
  }));
  b.rows.push(row('the same, p50', { ours: median(runs.map((r) => r.p50)), unit: 'ms' }));
  b.rows.push(row('the same: not answered 201, rows or events too few or many, not heard, heard twice', {
    ours: sum((r) => r.other + Math.abs(r.rows - r.sent) + Math.abs(r.events - r.sent) + r.sent - r.heard + r.twice), bar: { max: 0 },
  }));
}
