// SPDX-License-Identifier: Apache-2.0
//
// The one table. A row is a figure, what the peer needs for it (where it can),
// what we need, and the bar that was set.

const show = (v) => (v === null || v === undefined ? '–'
  : typeof v !== 'number' ? String(v)
    : v >= 1000 ? Math.round(v).toLocaleString('en') : v >= 100 ? v.toFixed(0) : v >= 10 ? v.toFixed(1)
      : v >= 1 || v === 0 ? v.toFixed(2) : v.toFixed(3));

/** The middle of a list, the mean of the two in the middle. */
export function median(list) {
  const s = [...list].sort((a, b) => a - b);
  return s.length === 0 ? null : (s[(s.length - 1) >> 1] + s[s.length >> 1]) / 2;
}

export const quantile = (list, q) => {
  const s = [...list].sort((a, b) => a - b);
  return s[Math.min(s.length - 1, Math.floor(s.length * q))];
};

/** `bar`: { min } or { max }, of `ratio` when that is what is judged, else of ours. */
export function row(figure, { peer = null, ours, unit = '', ratio = null, bar = null, judge = 'ours' }) {
  const value = judge === 'ratio' ? ratio : ours;
  const held = !bar ? null : value === null || value === undefined ? null
    : bar.min !== undefined ? value >= bar.min : value <= bar.max;
  return { figure, peer, ours, unit, ratio, bar, judge, held };
}

/** @param peer  its name at the head of a column */
export function table(rows, peer) {
  const cells = rows.map((r) => {
    const unit = (v) => (typeof v === 'number' && r.unit ? `${show(v)} ${r.unit}` : show(v));
    const bar = !r.bar ? '' : `${r.bar.min !== undefined ? '≥' : '≤'} ${r.bar.text ||
      show(r.bar.min ?? r.bar.max)}${r.judge === 'ratio' ? ' ×' : r.unit ? ` ${r.unit}` : ''}`;
    return [r.figure, unit(r.peer), unit(r.ours), r.ratio === null ? '' : `${show(r.ratio)} ×`, bar,
      r.held === null ? (r.bar ? 'not judged' : '') : r.held ? 'held' : '**missed**'];
  });
  const head = ['figure', peer, 'ours', 'ratio', 'bar', ''];
  const line = (c) => `| ${c.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...cells.map(line)].join('\n');
}
