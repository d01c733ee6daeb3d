// SPDX-License-Identifier: Apache-2.0
//
// A PostgreSQL cluster of the test file's own: Unix socket only, no password, gone
// when the file ends. It does not wait for the disk unless asked to: what a test
// kills are processes, and the kernel keeps what they have written.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { runUser, sleep, tmpName } from '../../../dev/site.mjs';
import { cleanup } from './cleanup.mjs';

/** The newest server's programs, also where they are not in PATH. */
function binaries() {
  const base = '/usr/lib/postgresql';
  const versions = fs.existsSync(base) ? fs.readdirSync(base).map(Number).sort((a, b) => b - a) : [];
  for (const dir of [...versions.map((v) => path.join(base, String(v), 'bin')), ...process.env.PATH.split(':')]) {
    if (fs.existsSync(path.join(dir, 'initdb'))) {
      return dir;
    }
  }
  return assert.fail('no PostgreSQL server is installed: package postgresql');
}

export class Cluster {
  constructor(env = {}) {
    this.env = env; // of the server, beside our own
    this.bin = binaries();
    this.user = runUser(); // initdb and postgres refuse to run as root
    this.dir = fs.mkdtempSync(tmpName('mod_chat-pg-'));
    this.process = null;
    this.databases = 0;
    if (this.user) {
      fs.chownSync(this.dir, this.user.uid, this.user.gid);
    }
    execFileSync(path.join(this.bin, 'initdb'),
      ['-D', path.join(this.dir, 'data'), '-A', 'trust', '-U', 'chat', '-E', 'UTF8', '--locale=C.UTF-8', '-N'],
      { stdio: 'pipe', cwd: this.dir, ...this.as() });
  }

  as() {
    return this.user ? { uid: this.user.uid, gid: this.user.gid } : {};
  }

  url(database) {
    return `postgresql:///${database}?host=${encodeURIComponent(this.dir)}&user=chat`;
  }

  launch() {
    const log = fs.openSync(path.join(this.dir, 'log'), 'a');
    this.process = spawn(path.join(this.bin, 'postgres'), [
      '-D', path.join(this.dir, 'data'), '-k', this.dir,
      ...['listen_addresses=', 'fsync=off', 'max_connections=200', 'shared_buffers=64MB',
        'unix_socket_permissions=0777'].flatMap((o) => ['-c', o]),
    ], { stdio: ['ignore', 'ignore', log], env: { ...process.env, ...this.env }, ...this.as() });
    fs.closeSync(log);
    this.process.gone = new Promise((done) => this.process.once('exit', done));
  }

  /** What a killed server has left may still be at work, and a new one refuses to
   * start beside it: it is started until it stays. */
  async start() {
    this.launch();
    for (let i = 0; i < 400; i++) {
      if (this.process.exitCode !== null) {
        this.launch();
      }
      try {
        execFileSync('psql', ['-X', '-q', '-c', 'SELECT 1', this.url('postgres')], { stdio: 'pipe' });
        return;
      } catch {
        await sleep(50);
      }
    }
    assert.fail(`PostgreSQL did not start: ${fs.readFileSync(path.join(this.dir, 'log'), 'utf8')}`);
  }

  /** A new, empty database. @param place  a directory for it. @return its URL */
  create(place = null) {
    const name = `chat_${++this.databases}`;
    this.psql(place ? `CREATE TABLESPACE ${name} LOCATION '${place}'` : '',
      `CREATE DATABASE ${name} ${place ? `TABLESPACE ${name}` : ''}`);
    return this.url(name);
  }

  /** SQL as the server's owner, one statement after the other. */
  psql(...statements) {
    return execFileSync('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1',
      ...statements.filter(Boolean).flatMap((s) => ['-c', s]), this.url('postgres')], { encoding: 'utf8', stdio: 'pipe' });
  }

  /** SIGINT: without waiting for clients. SIGKILL: as if it had crashed. */
  async stop(signal = 'SIGINT') {
    const child = this.process;
    this.process = null;
    if (child) {
      child.kill(signal);
      await child.gone;
    }
  }
}

/** A running cluster for this test file. */
export async function startCluster(env) {
  const cluster = new Cluster(env);
  cleanup(async () => {
    await cluster.stop();
    fs.rmSync(cluster.dir, { recursive: true, force: true });
  });
  await cluster.start();
  return cluster;
}
