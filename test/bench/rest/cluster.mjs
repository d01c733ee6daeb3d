// SPDX-License-Identifier: Apache-2.0
//
// The PostgreSQL cluster of the measurements: its own, durable, at a Unix socket in
// its own directory, which is kept from run to run. In it `chat_seed` holds the
// existing application's rows and is never written to again; each run makes
// `chat_peer` and `chat_ours` from it, so both start with the same pages.

import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { SiteError, runUser, sleep, root } from '../../../dev/site.mjs';

const here = path.join(root, 'test/bench/rest');

/** The same for both sides. What is not named is PostgreSQL's default. */
export const SETTINGS = [
  'listen_addresses=', 'unix_socket_permissions=0777', 'max_connections=200', 'fsync=on',
  'synchronous_commit=on', 'shared_buffers=1GB', 'max_wal_size=4GB', 'checkpoint_timeout=30min',
];

/** Where initdb and postgres are, also when they are not in PATH. */
function binaries() {
  const base = '/usr/lib/postgresql';
  const versions = fs.existsSync(base) ? fs.readdirSync(base).map(Number).sort((a, b) => b - a) : [];
  const dir = [...versions.map((v) => path.join(base, String(v), 'bin')), ...process.env.PATH.split(':')]
    .find((d) => fs.existsSync(path.join(d, 'initdb')));
  if (!dir) {
    throw new SiteError('no PostgreSQL server is installed: package postgresql');
  }
  return dir;
}

export class Cluster {
  /** @param dir  made when missing, given to the user that runs PostgreSQL */
  constructor(dir) {
    this.dir = dir;
    this.bin = binaries();
    this.user = runUser(); // initdb and postgres refuse to run as root
    this.data = path.join(dir, 'data');
    this.process = null;
  }

  url(database) {
    return `postgresql:///${database}?host=${encodeURIComponent(this.dir)}&user=chat`;
  }

  /** What libpq takes in a DSN of words, for PHP. */
  dsn(database) {
    return `host=${this.dir} user=chat dbname=${database}`;
  }

  as() {
    return this.user ? { uid: this.user.uid, gid: this.user.gid } : {};
  }

  async start() {
    fs.mkdirSync(this.dir, { recursive: true });
    if (this.user) {
      fs.chownSync(this.dir, this.user.uid, this.user.gid);
    }
    if (!fs.existsSync(path.join(this.data, 'PG_VERSION'))) {
      execFileSync(path.join(this.bin, 'initdb'),
        ['-D', this.data, '-A', 'trust', '-U', 'chat', '-E', 'UTF8', '--locale=C.UTF-8'],
        { stdio: 'pipe', cwd: this.dir, ...this.as() });
    }
    const log = fs.openSync(path.join(this.dir, 'postgres.log'), 'a');
    this.process = spawn('setpriv', ['--pdeathsig', 'INT', '--', path.join(this.bin, 'postgres'),
      '-D', this.data, '-k', this.dir, ...SETTINGS.flatMap((s) => ['-c', s])],
    { detached: true, stdio: ['ignore', 'ignore', log], cwd: this.dir, ...this.as() });
    this.process.gone = new Promise((done) => this.process.once('exit', done));
    for (let i = 0; i < 600; i++) {
      if (this.process.exitCode !== null) {
        break;
      }
      try {
        this.sql('postgres', 'SELECT 1');
        return;
      } catch {
        await sleep(50);
      }
    }
    throw new SiteError(`PostgreSQL did not start: see ${path.join(this.dir, 'postgres.log')}`);
  }

  /** Run SQL with psql. @return rows as lines, columns between tabs */
  sql(database, text, variables = {}) {
    const set = Object.entries(variables).flatMap(([k, v]) => ['-v', `${k}=${v}`]);
    return execFileSync('psql', ['-X', '-q', '-A', '-t', '-F', '\t', '-v', 'ON_ERROR_STOP=1', ...set,
      this.url(database)], {
      input: text, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'], maxBuffer: 1 << 28,
      env: { ...process.env, PGOPTIONS: '-c client_min_messages=warning' },
    });
  }

  file(database, name, variables) {
    return this.sql(database, fs.readFileSync(path.join(here, name), 'utf8'), variables);
  }

  has(database) {
    return this.sql('postgres', `SELECT 1 FROM pg_database WHERE datname = '${database}'`).trim() === '1';
  }

  /** Fill chat_seed unless it holds just that already. */
  seed(sizes) {
    const name = `chat_seed_${sizes.users}_${sizes.conversations}_${sizes.messages}`;
    if (this.has(name)) {
      return name;
    }
    console.error(`making ${sizes.messages} messages, once (${this.dir})`);
    // Under another name until it is whole: an interrupted run leaves no half.
    this.sql('postgres', 'DROP DATABASE IF EXISTS chat_new');
    this.sql('postgres', 'CREATE DATABASE chat_new');
    this.file('chat_new', 'seed.pgsql.sql', sizes);
    this.sql('chat_new', 'VACUUM ANALYZE');
    this.sql('postgres', `ALTER DATABASE chat_new RENAME TO ${name}`);
    return name;
  }

  /** A fresh copy of a database. @param fill  makes the rest of it */
  copy(from, to, fill) {
    this.sql('postgres', `DROP DATABASE IF EXISTS ${to} WITH (FORCE)`);
    this.sql('postgres', `CREATE DATABASE ${to} TEMPLATE ${from}`);
    fill(to);
    this.sql(to, 'VACUUM ANALYZE');
  }

  /** Write what is dirty, so that no part pays for the one before. */
  settle(database) {
    this.sql(database, 'CHECKPOINT');
  }

  async stop() {
    const child = this.process;
    this.process = null;
    if (child && child.exitCode === null) {
      child.kill('SIGINT');
      await child.gone;
    }
  }
}
