// SPDX-License-Identifier: Apache-2.0
//
// What programs cost, as the kernel counts it: CPU seconds of a process with all its
// descendants, the dead ones included as soon as their parent has waited for them,
// and what the machine did for anybody else meanwhile. Linux only (/proc).

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';

const HZ = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** pid → parent, own seconds, seconds of children it has waited for */
function look() {
  const all = new Map();
  for (const name of fs.readdirSync('/proc')) {
    if (/^\d+$/.test(name)) {
      try {
        const text = fs.readFileSync(`/proc/${name}/stat`, 'utf8');
        const f = text.slice(text.lastIndexOf(')') + 2).split(' ').map(Number);
        all.set(Number(name), { parent: f[1], own: (f[11] + f[12]) / HZ, waited: (f[13] + f[14]) / HZ });
      } catch {
        // it ended meanwhile: its parent has it now
      }
    }
  }
  return all;
}

/**
 * The same, when nobody began or ended meanwhile: a child that its parent waits for
 * after the parent was read and before the child is would be in neither.
 */
function processes() {
  let all = look();
  for (let i = 0; i < 20; i++) {
    const again = look();
    if (again.size === all.size && [...again.keys()].every((pid) => all.has(pid))) {
      break;
    }
    all = again;
  }
  return all;
}

function tree(all, root) {
  let sum = 0;
  const todo = [root];
  while (todo.length) {
    const pid = todo.pop();
    const p = all.get(pid);
    sum += p ? p.own + p.waited : 0;
    for (const [child, q] of all) {
      if (q.parent === pid) {
        todo.push(child);
      }
    }
  }
  return sum;
}

export const childrenOf = (pid) => [...processes()].filter(([, p]) => p.parent === pid).map(([child]) => child);

/** Seconds that all cores together have not been idle. */
export function busy() {
  const f = fs.readFileSync('/proc/stat', 'utf8').split('\n')[0].split(/\s+/).slice(1, 9).map(Number);
  return (f.reduce((a, b) => a + b, 0) - f[3] - f[4]) / HZ;
}

/**
 * Count from now on.
 * @param groups  name → pid of the root of a tree
 * @return a function that gives the seconds since: `cpu` by name, `self` (this
 *   program and the children it has waited for), `foreign` (cores that anybody else
 *   used, in the mean), `secs`
 */
export function meter(groups) {
  const start = processes();
  const began = { busy: busy(), at: performance.now() };
  const selfOf = (all) => { const p = all.get(process.pid); return p.own + p.waited; };
  return () => {
    const end = processes();
    const secs = (performance.now() - began.at) / 1000;
    const cpu = Object.fromEntries(Object.entries(groups)
      .map(([name, pid]) => [name, tree(end, pid) - tree(start, pid)]));
    const self = selfOf(end) - selfOf(start);
    const known = self + Object.values(cpu).reduce((a, b) => a + b, 0);
    return { cpu, self, secs, foreign: Math.max(0, busy() - began.busy - known) / secs };
  };
}
