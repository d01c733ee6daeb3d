// SPDX-License-Identifier: Apache-2.0
//
// The machine that box.sh makes, from outside: starting it, running commands in
// it, ending it. It lives as long as its first process, which the kernel ends with
// us.

import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root, sleep } from '../../dev/site.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));

/** Where a process of ours may make cgroups: the mount of version 2. */
function cgroups() {
  const line = fs.readFileSync('/proc/mounts', 'utf8').split('\n').find((l) => l.split(' ')[2] === 'cgroup2');
  if (!line) {
    throw new Error('no cgroup2 is mounted, which systemd in the box needs');
  }
  return line.split(' ')[1];
}

export class Box {
  /**
   * @param {string} dir       an empty directory
   * @param {string} packages  the directory of our packages; /packages in the box
   * @param {string} archives  where others' packages are kept from run to run
   * @param {string[]} names   what is installed later: names, or files in /packages
   */
  static async open(dir, packages, archives, names) {
    const box = new Box();
    box.cgroup = path.join(cgroups(), `mod_chat-box-${process.pid}`);
    fs.mkdirSync(box.cgroup);
    fs.mkdirSync(path.join(archives, 'partial'), { recursive: true });
    // The shell joins the cgroup, so that the box sees it as its root.
    box.process = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'unshare', '--mount', '--propagation', 'private', 'bash', '-c',
      `echo $$ >"$0/cgroup.procs" && exec bash "$@"`, box.cgroup, path.join(here, 'box.sh'), dir, archives, packages, root, ...names],
    { stdio: ['ignore', 'pipe', 'pipe'] });
    box.words = '';
    box.process.stdout.on('data', (d) => { box.words += d; });
    box.process.stderr.on('data', (d) => { box.words += d; });
    box.gone = new Promise((resolve) => { box.process.once('exit', resolve); });
    await box.boot();
    return box;
  }

  /** Wait for systemd. Fetching packages comes before, hence the patience. */
  async boot() {
    const children = `/proc/${this.process.pid}/task/${this.process.pid}/children`;
    const until = Date.now() + 180000;
    while (Date.now() < until) {
      if (this.process.exitCode !== null || this.process.signalCode !== null) {
        break;
      }
      const pid = Number(fs.existsSync(children) && fs.readFileSync(children, 'utf8').trim());
      if (pid && fs.existsSync(`/proc/${pid}/exe`) && /systemd$/.test(fs.readlinkSync(`/proc/${pid}/exe`))) {
        this.pid = pid;
        if (/^(running|degraded)/.test(this.run('systemctl is-system-running', { any: true }))) {
          return;
        }
      }
      await sleep(100);
    }
    this.end();
    throw new Error(`the box did not start: ${this.words}`);
  }

  /**
   * Run a shell's lines as root in the box.
   * @param {boolean} [o.any] do not mind the exit status
   * @return what was written to standard output
   */
  run(lines, o = {}) {
    const r = spawnSync('nsenter', ['--target', String(this.pid), '--all', '--', 'env', '-i',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LANG=C.UTF-8',
      'DEBIAN_FRONTEND=noninteractive', 'sh', '-ec', lines], { encoding: 'utf8', cwd: '/', maxBuffer: 1 << 24 });
    if (r.error) {
      throw r.error;
    }
    if (r.status !== 0 && !o.any) {
      throw new Error(`in the box: ${lines}\nended with ${r.status ?? r.signal}:\n${r.stdout}${r.stderr}`);
    }
    return r.stdout;
  }

  async end() {
    this.process.kill('SIGKILL');
    await this.gone;
    for (let i = 0; i < 100; i++) { // the kernel takes its processes, then their cgroups
      try {
        removeCgroups(this.cgroup);
        return;
      } catch {
        await sleep(50);
      }
    }
  }
}

function removeCgroups(dir) {
  for (const e of fs.readdirSync(dir, { withFileTypes: true })) {
    if (e.isDirectory()) {
      removeCgroups(path.join(dir, e.name));
    }
  }
  fs.rmdirSync(dir);
}
