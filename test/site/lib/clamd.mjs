// SPDX-License-Identifier: Apache-2.0
//
// A real clamd with two signatures of our own: the standard test file and a word.
// It can be held still, killed and started again.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { runUser, sleep } from '../../../dev/site.mjs';
import { cleanup } from './cleanup.mjs';

/** Put together here, so that no scanner takes this file for one. */
export const eicar = Buffer.from(['X5O!P%@AP[4\\PZX54(P^)7CC)7}', '$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!', '$H+H*'].join(''));
export const badWord = 'MALWARE-FOR-TESTS';

export class Clamd {
  /** @param {string} dir  made; its socket is there  @param {number} max  StreamMaxLength, bytes */
  constructor(dir, max) {
    this.dir = dir;
    this.socket = path.join(dir, 'clamd.sock');
    fs.mkdirSync(path.join(dir, 'db'), { recursive: true });
    fs.writeFileSync(path.join(dir, 'db', 'test.hdb'), `${createHash('md5').update(eicar).digest('hex')}:${eicar.length}:Test.Eicar\n`);
    fs.writeFileSync(path.join(dir, 'db', 'test.ndb'), `Test.Word:0:*:${Buffer.from(badWord).toString('hex')}\n`);
    fs.writeFileSync(path.join(dir, 'clamd.conf'), `LocalSocket ${this.socket}
LocalSocketMode 666
DatabaseDirectory ${path.join(dir, 'db')}
TemporaryDirectory ${dir}
StreamMaxLength ${max}
Foreground yes
`);
    const user = runUser();
    if (user) {
      for (const at of [dir, path.join(dir, 'db')]) {
        fs.chownSync(at, user.uid, user.gid);
      }
    }
    this.child = null;
    cleanup(() => this.child?.kill('SIGKILL'));
  }

  async start() {
    fs.rmSync(this.socket, { force: true });
    const log = fs.openSync(path.join(this.dir, 'log'), 'a');
    const user = runUser();
    const child = spawn('/usr/sbin/clamd', ['-c', path.join(this.dir, 'clamd.conf')],
      { stdio: ['ignore', log, log], ...(user && { uid: user.uid, gid: user.gid }) });
    fs.closeSync(log);
    child.gone = new Promise((done) => { child.once('exit', () => { child.ended = true; done(); }); });
    this.child = child;
    while (!fs.existsSync(this.socket)) {
      if (child.ended) {
        throw new Error(`clamd did not start: ${fs.readFileSync(path.join(this.dir, 'log'), 'utf8')}`);
      }
      await sleep(20);
    }
  }

  async kill() {
    const { child } = this;
    this.child = null;
    child.kill('SIGKILL');
    await child.gone;
    fs.rmSync(this.socket, { force: true });
  }

  hold() {
    this.child.kill('SIGSTOP');
  }

  goOn() {
    this.child.kill('SIGCONT');
  }
}
