// SPDX-License-Identifier: Apache-2.0
//
// From runs to a table. A figure is judged by the median of paired ratios: each
// round's chat-push divided by the same round's floor. How far the floor is from
// itself (floor2 / floor, same rounds) is the noise: over the bar by less than
// that is undecided, and asks for more rounds or a quieter machine.

import fs from 'node:fs';

const DELIVERY = 'server_cpu_s_per_million_deliveries';
const PUBLISH = 'server_cpu_ms_per_1000_publishes';
const CONNECT = 'server_cpu_ms_per_connect';

/** What is measured against the floor, and how many times the floor it may be. */
const AGAINST_FLOOR = [
  ['CPU µs per delivery, 1,000 subscribers, 20/s', 'fanout-1k', DELIVERY, 1.10, 1],
  ['CPU µs per delivery, 1,000 subscribers, saturated', 'fanout-1k-max', DELIVERY, 1.10, 1],
  ['CPU µs per delivery, 10,000 subscribers, 2/s', 'fanout-10k', DELIVERY, 1.10, 1],
  ['CPU µs per publish, 5,000 pairs, saturated', 'pairs-5k-max', PUBLISH, 1.40, 1],
  ['CPU µs per connect + subscribe, a channel each', 'idle-10k', CONNECT, 1.30, 1000],
  ['CPU µs per connect + subscribe, one channel for all', 'fanout-10k', CONNECT, 1.30, 1000],
];

/** What has a bar of its own. */
const ABSOLUTE = [
  ['user memory per idle socket, bytes', 'idle-10k', 'pss_bytes_per_conn', 512, 1],
  ['empty process, MB', 'idle-10k', 'pss_before_kb', 8, 1 / 1024],
  ['idle CPU with 10,000 sockets, ms/s', 'idle-10k', 'idle_cpu_ms_per_s', 0.5, 1],
  ['the same with a ping a socket in 120 s, ms/s', 'idle-10k-pings', 'idle_cpu_ms_per_s', 1.5, 1],
];

export const median = (list) => {
  const s = [...list].sort((a, b) => a - b);
  const half = s.length >> 1;
  return s.length % 2 ? s[half] : (s[half - 1] + s[half]) / 2;
};

/** Ratios a/b of a figure, one for each round in which both were measured. */
function paired(runs, scenario, field, a, b) {
  const of = (label) => runs.filter((r) => r.scenario === scenario && r.label === label && r[field] > 0);
  const base = new Map(of(b).map((r) => [r.round, r[field]]));
  return of(a).filter((r) => base.has(r.round)).map((r) => r[field] / base.get(r.round));
}

const values = (runs, scenario, label, field, scale) =>
  runs.filter((r) => r.scenario === scenario && r.label === label).map((r) => r[field] * scale);
const show = (list, digits) => list.length ? median(list).toFixed(digits) : '';
const verdict = (value, bar, noise) => value <= bar ? 'held' : value - bar < noise ? 'undecided' : 'MISSED';

/**
 * @param {object[]} runs  wsload's lines with `round`
 * @returns {{lines: string[], missed: number}}  a table, and the bars missed
 */
export function table(runs) {
  const rows = [['figure', 'floor', 'chat-push', '× floor', 'bar', '', 'floor × itself', 'Soketi', '× floor', 'rounds']];
  for (const [what, scenario, field, bar, scale] of AGAINST_FLOOR) {
    const ratios = paired(runs, scenario, field, 'push', 'floor');
    if (ratios.length === 0) {
      continue;
    }
    const itself = paired(runs, scenario, field, 'floor2', 'floor');
    const noise = itself.length ? median(itself.map((n) => Math.abs(n - 1))) : 0;
    const digits = scenario === 'pairs-5k-max' || scale > 1 ? 1 : 2;
    rows.push([what, show(values(runs, scenario, 'floor', field, scale), digits),
      show(values(runs, scenario, 'push', field, scale), digits), median(ratios).toFixed(2), `≤ ${bar.toFixed(2)}`,
      verdict(median(ratios), bar, noise), `${show(itself, 2)} ± ${noise.toFixed(2)}`,
      show(values(runs, scenario, 'soketi', field, scale), digits),
      show(paired(runs, scenario, field, 'soketi', 'floor'), 1), String(ratios.length)]);
  }
  for (const [what, scenario, field, bar, scale] of ABSOLUTE) {
    const own = values(runs, scenario, 'push', field, scale);
    if (own.length === 0) {
      continue;
    }
    const digits = field === 'pss_bytes_per_conn' ? 0 : 2;
    rows.push([what, show(values(runs, scenario, 'floor', field, scale), digits), show(own, digits), '',
      `≤ ${bar}`, verdict(median(own), bar, 0), '', show(values(runs, scenario, 'soketi', field, scale), digits), '',
      String(own.length)]);
  }
  loops(runs, rows);
  const bad = (label) => runs.filter((r) => r.label.startsWith(label))
    .reduce((sum, r) => sum + r.lost + r.dup + r.misrouted + (r.scenario === 'fanout-1k-max' ? 0 : r.out_of_order), 0);
  rows.push(['lost + duplicated + misrouted + out of order', String(bad('floor')), String(bad('push')), '', '0',
    bad('push') ? 'MISSED' : 'held', '', String(bad('soketi')), '', '']);
  return {
    lines: rows.flatMap((r, i) => [`| ${r.join(' | ')} |`, ...i ? [] : [`|${r.map(() => '---').join('|')}|`]]),
    missed: rows.filter((r) => r[5] === 'MISSED').length,
  };
}

/** Two loops beside one, both free to use both cores. */
function loops(runs, rows) {
  const ratios = paired(runs, 'fanout-1k-max', DELIVERY, 'push-loops2', 'push-loops1');
  if (ratios.length) {
    rows.push(['CPU µs per delivery, two loops, × one loop', '',
      show(values(runs, 'fanout-1k-max', 'push-loops2', DELIVERY, 1), 2), `${median(ratios).toFixed(2)} (one loop)`,
      '≤ 1.10', verdict(median(ratios), 1.10, 0), '', '', '', String(ratios.length)]);
  }
  const spread = runs.filter((r) => r.label === 'push-loops2' && r.spread?.length === 2);
  if (spread.length) {
    const share = median(spread.map((r) => Math.max(...r.spread) / (r.spread[0] + r.spread[1])));
    rows.push(['sockets on the fuller of two loops, share', '', share.toFixed(3), '', '≤ 0.55',
      verdict(share, 0.55, 0), '', '', '', String(spread.length)]);
  }
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const runs = fs.readFileSync(process.argv[2], 'utf8').trim().split('\n').map((l) => JSON.parse(l));
  const { lines, missed } = table(runs);
  console.log(lines.join('\n'));
  process.exit(missed ? 1 : 0);
}
