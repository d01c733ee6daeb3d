// SPDX-License-Identifier: Apache-2.0
//
// Reading far back in the longest conversation, and the list of a doctor with many:
// through HTTP by one connection, so that nothing queues, and the statement alone.

import fs from 'node:fs';
import path from 'node:path';
import { quiet, wrk } from './load.mjs';
import { median, row } from './report.mjs';
import { explain } from './statements.mjs';

const PER_PAGE = 20;

/** Conversation 1 of a database, and its doctor, who has 200 conversations. */
const first = (b, database) => {
  const [conversation, token, doctor] = b.cluster.sql(database,
    'SELECT conversation, doctor_token, doctor_user FROM bench_pick WHERE n = 1').trim().split('\t');
  return { conversation, token, doctor };
};

/** One connection over paths, again and again. */
async function timed(b, url, token, paths, secs) {
  const file = path.join(b.dir, 'paths');
  fs.writeFileSync(file, paths.map((p) => `${p}\t${token}\n`).join(''));
  const groups = {
    postgres: b.cluster.process.pid, httpd: b.site.httpd.pid, push: b.site.push.pid, ...b.peer && { peer: b.peer.httpd.pid },
  };
  return wrk({ url, mode: 'paths', file, secs, conns: 1, groups });
}

async function page(b) {
  const { conversation, token } = first(b, 'chat_ours');
  const base = `/chat/conversation/${conversation}/messages?`;
  const rows = Number(b.cluster.sql('chat_ours', `SELECT count(*) FROM messages WHERE request_id = '${conversation}'`));
  const deep = Math.min(10000, Math.floor(rows / PER_PAGE) - 10); // a quick run has fewer
  // Fifty places around that page, so that it is not one page over and over.
  const ids = b.cluster.sql('chat_ours', `SELECT id FROM messages WHERE request_id = '${conversation}'
    ORDER BY id DESC LIMIT 200 OFFSET ${(deep - 1) * PER_PAGE}`).trim().split('\n').filter((_, i) => i % 4 === 0);
  const what = {
    front: [`${base}page=1&per_page=${PER_PAGE}`],
    keyset: ids.map((id) => `${base}before=${id}&per_page=${PER_PAGE}`),
    offset: [`${base}page=${deep}&per_page=${PER_PAGE}`],
  };
  const runs = [];
  for (let round = 1; round <= b.options.rounds; round++) {
    await quiet();
    const one = {};
    for (const [name, paths] of Object.entries(what)) {
      one[name] = await timed(b, b.site.url, token, paths, Math.min(3, b.options.secs));
    }
    if (b.peer) {
      const peer = first(b, 'chat_peer');
      const at = `/chat/conversation/${peer.conversation}/messages?per_page=${PER_PAGE}&page=`;
      one.peerFront = await timed(b, b.peer.url, peer.token, [`${at}1`], 2);
      one.peerOffset = await timed(b, b.peer.url, peer.token, [`${at}${deep}`], 3);
    }
    console.error(`page ${round}: ${Object.entries(one).map(([k, r]) => `${k} ${r.p50.toFixed(2)}`).join(', ')} ms`);
    runs.push(one);
  }
  b.detail.page = runs;
  const p50 = (name) => (runs[0][name] ? median(runs.map((r) => r[name].p50)) : null);
  const number = deep.toLocaleString('en');
  b.rows.push(row(`page ${number} by keyset against page 1 (p50; ${b.peerName}: by OFFSET)`, {
    peer: p50('peerOffset'), ours: p50('keyset'), unit: 'ms',
    ratio: median(runs.map((r) => r.keyset.p50 / r.front.p50)), bar: { max: 2 }, judge: 'ratio',
  }));
  b.rows.push(row('page 1 of the longest conversation (p50)', { peer: p50('peerFront'), ours: p50('front'), unit: 'ms' }));
  b.rows.push(row(`page=${deep} by OFFSET (p50)`, { peer: p50('peerOffset'), ours: p50('offset'), unit: 'ms' }));
  const far = ids[0];
  b.detail.plans = {
    ...b.detail.plans,
    message_before: explain(b.cluster, 'chat_ours', 'message_before', [conversation, far, PER_PAGE + 1]),
    message_page: explain(b.cluster, 'chat_ours', 'message_page', [conversation, PER_PAGE, 0]),
    message_page_far: explain(b.cluster, 'chat_ours', 'message_page', [conversation, PER_PAGE, (deep - 1) * PER_PAGE]),
  };
}

async function sidebar(b) {
  const { token, doctor } = first(b, 'chat_ours');
  const runs = [];
  for (let round = 1; round <= b.options.rounds; round++) {
    await quiet();
    runs.push(await timed(b, b.site.url, token, ['/chat'], Math.min(3, b.options.secs)));
    const r = runs.at(-1);
    if (b.before) { // the stand-in has no such page
      r.peer = await timed(b, b.peer.url, first(b, 'chat_peer').token, ['/chat'], Math.min(3, b.options.secs));
      console.error(`sidebar ${round}: before p50 ${r.peer.p50.toFixed(2)} ms`);
    }
    console.error(`sidebar ${round}: p50 ${r.p50.toFixed(2)} p99 ${r.p99.toFixed(2)} ms; others ${r.foreign.toFixed(2)} cores`);
  }
  const alone = explain(b.cluster, 'chat_ours', 'conversation_list', [doctor, null, null, 51], 11);
  b.detail.sidebar = runs;
  b.detail.plans = { ...b.detail.plans, conversation_list: alone };
  const talks = b.cluster.sql('chat_ours', `SELECT count(*) FROM bench_pick WHERE doctor_user = '${doctor}'`).trim();
  b.rows.push(row(`sidebar of a doctor with ${talks} conversations: GET /chat (p50)`, {
    peer: b.before ? median(runs.map((r) => r.peer.p50)) : null, ratio: b.before ? median(runs.map((r) => r.p50 / r.peer.p50)) : null,
    ours: median(runs.map((r) => r.p50)), unit: 'ms', bar: { max: 3 },
  }));
  b.rows.push(row('the same: its statement alone', { ours: alone.ms, unit: 'ms', bar: { max: 3 } }));
}

export const conversationParts = { page, sidebar };
