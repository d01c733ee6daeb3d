// SPDX-License-Identifier: Apache-2.0
//
// What the kernel says about a process: memory, descriptors, limits.

import fs from 'node:fs';

const rollup = (pid, name) =>
  Number(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').match(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm'))[1]);

/** Memory that is this process's alone, and its share of what it shares, kB. */
export const pss = (pid) => rollup(pid, 'Pss');

/** Of this what it has written itself, kB. The rest are pages of programs and
 * libraries, and a share of these changes when other processes come and go. */
export const written = (pid) => rollup(pid, 'Pss_Anon');

/** The children of httpd. */
const born = (httpd) => {
  const children = fs.readFileSync(`/proc/${httpd}/task/${httpd}/children`, 'utf8').trim();
  return children ? children.split(' ').map(Number) : [];
};

const isFiles = (pid) => {
  try {
    return fs.readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('chat-files');
  } catch {
    return false; // it has just ended
  }
};

/** Children of httpd that serve. */
export const servers = (httpd) => born(httpd).filter((pid) => !isFiles(pid));

/** chat-files, which is a child of httpd, too. During a restart there may be two. */
export const fileChecks = (httpd) => born(httpd).filter(isFiles);

/** Open descriptors. */
export function descriptors(pid) {
  return fs.readdirSync(`/proc/${pid}/fd`).length;
}

/** How many descriptors a process may have at most. */
export function descriptorLimit() {
  const [, hard] = fs.readFileSync('/proc/self/limits', 'utf8').match(/^Max open files\s+\S+\s+(\S+)/m);
  return hard === 'unlimited' ? Infinity : Number(hard);
}
