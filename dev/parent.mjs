// SPDX-License-Identifier: Apache-2.0
//
// What happens to the make that started us.
//
// People signal the process they started, which is make, and GNU make passes on
// SIGTERM only: it keeps SIGUSR1 for itself (its debug output) and after SIGINT
// or SIGHUP it waits for a child that was never told. So we look at it in /proc:
// a signal it handles wakes it from its wait, which counts as a voluntary switch,
// and one that is to end it is no longer in its caught signals. Asleep in wait()
// nothing else wakes it but a stop and a continuation, which reach us too.

import fs from 'node:fs';

const SIGHUP = 1;
const SIGINT = 2;

/** Switches and caught signals of a process, or null when it is gone. */
function look(pid) {
  try {
    const text = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (name) => text.match(new RegExp(`^${name}:\\s*(\\S+)`, 'm'))[1];
    const caught = BigInt(`0x${field('SigCgt')}`);
    return {
      name: field('Name'),
      switches: Number(field('voluntary_ctxt_switches')),
      caught: [SIGHUP, SIGINT].filter((s) => caught >> BigInt(s - 1) & 1n),
    };
  } catch {
    return null;
  }
}

/**
 * Tell what was sent to make or to us.
 * @param {() => void} onEnd     make is gone or was told to end
 * @param {() => void} onSignal  SIGUSR1, to make, to us, or to both at once
 */
export function watchParent(onEnd, onSignal) {
  const pid = process.ppid;
  const first = look(pid);
  const isMake = first !== null && /^g?make$/.test(first.name);
  let seen = first ? first.switches : 0;
  let direct = 0; // when SIGUSR1 last reached us, ms
  let settle = Date.now() + 300; // switches before this time mean nothing

  process.on('SIGUSR1', () => {
    direct = Date.now();
    onSignal();
  });
  process.on('SIGCONT', () => {
    settle = Date.now() + 300;
  });
  setInterval(() => {
    const now = look(pid);
    if (process.ppid !== pid || now === null ||
        (isMake && now.caught.length < first.caught.length)) {
      onEnd();
      return;
    }
    if (!isMake || now.switches === seen) {
      return;
    }
    seen = now.switches;
    // One signal to the whole group wakes make and reaches us: count it once.
    setTimeout(() => {
      if (Date.now() > settle && Date.now() - direct > 600) {
        onSignal();
      }
    }, 150);
  }, 100).unref();
}
