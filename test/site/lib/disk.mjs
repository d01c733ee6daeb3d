// SPDX-License-Identifier: Apache-2.0
//
// A small disk that a test can fill. Where file systems may be mounted the test
// file runs again in a mount namespace of its own, and each disk is a tmpfs there,
// which ends with the file. Elsewhere the programs are run with full_disk.c, which
// makes the C library say what a full disk would have said.

import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runUser, tmpName } from '../../../dev/site.mjs';
import { cleanup } from './cleanup.mjs';

/** The way that is open here. FULL_DISK=preload takes the other one. */
function way() {
  if (process.env.FULL_DISK) {
    return process.env.FULL_DISK;
  }
  const tried = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', '-o', 'size=64k', 'none', '/mnt'], { stdio: 'ignore' });
  return tried.status === 0 ? 'mount' : 'preload';
}

/** Call it first: from here on mounts are this test file's own. */
export function disksOf(file) {
  const kind = way();
  if (kind === 'mount' && !process.env.FULL_DISK_OWN) {
    // Its reports go where ours would.
    const { status } = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'unshare', '-m', process.execPath, fileURLToPath(file)],
      { stdio: 'inherit', env: { ...process.env, FULL_DISK_OWN: '1', FULL_DISK: kind } });
    process.exit(status ?? 1);
  }
  return kind === 'mount' ? Mounted : Preloaded;
}

/** What programs whose files may fill up are started with. */
class Disk {
  env = {};

  give(dir) {
    const user = runUser();
    if (user) {
      fs.chownSync(dir, user.uid, user.gid);
    }
    fs.chmodSync(dir, 0o700);
  }
}

class Mounted extends Disk {
  constructor(dir, megabytes) {
    super();
    this.ballast = path.join(dir, 'ballast');
    fs.mkdirSync(dir, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'none', dir]);
    cleanup(() => execFileSync('umount', ['-l', dir]));
    this.give(dir);
  }

  fill() {
    const fd = fs.openSync(this.ballast, 'a');
    for (const size of [65536, 4096]) {
      try {
        for (;;) {
          fs.writeSync(fd, Buffer.alloc(size));
        }
      } catch (e) {
        if (e.code !== 'ENOSPC') {
          throw e;
        }
      }
    }
    fs.closeSync(fd);
  }

  free() {
    fs.rmSync(this.ballast);
  }
}

class Preloaded extends Disk {
  constructor(dir) {
    super();
    fs.mkdirSync(dir, { recursive: true });
    this.give(dir);
    const own = fs.mkdtempSync(tmpName('mod_chat-full-'));
    fs.chmodSync(own, 0o755);
    cleanup(() => fs.rmSync(own, { recursive: true }));
    const library = path.join(own, 'full_disk.so');
    execFileSync('gcc', ['-shared', '-fPIC', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE', '-O1', '-o', library,
      path.join(path.dirname(fileURLToPath(import.meta.url)), 'full_disk.c'), '-ldl']);
    this.mark = path.join(dir, 'disk-is-full');
    this.env = { LD_PRELOAD: library };
  }

  fill() {
    fs.writeFileSync(this.mark, '');
  }

  free() {
    fs.rmSync(this.mark);
  }
}
