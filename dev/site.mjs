// SPDX-License-Identifier: Apache-2.0
//
// A private site: one httpd with mod_chat, one chat-push and a database, SQLite's
// in the same directory or PostgreSQL's wherever it is. `make run` (run.mjs) starts one for people, the
// site tests start many.
//
// Who owns what: everything lies in `dir`. Started as root, httpd's children and
// chat-push run as an unprivileged user (www-data), and `dir` is given to it;
// pages and programs are copied there, because a checkout under a closed home
// cannot be entered by that user. Both programs get a process group of their
// own, so that Ctrl-C on a terminal reaches only us and we end them in order;
// the kernel ends them when we die without a chance to (setpriv --pdeathsig).

import { spawn, spawnSync, execFileSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** A reason a person can act on; printed without a stack. */
export class SiteError extends Error {}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** The user that httpd's children and chat-push run as, or null: ourselves. */
export function runUser() {
  if (process.getuid() !== 0) {
    return null;
  }
  for (const name of ['www-data', 'apache', 'nobody']) {
    try {
      const id = (flag) => Number(execFileSync('id', [flag, name], { stdio: 'pipe' }));
      return { name, uid: id('-u'), gid: id('-g') };
    } catch {
      // the next name
    }
  }
  throw new SiteError('started as root, but there is no user www-data, apache or nobody to run as');
}

/** The first directory on the way to `dir` that `user` cannot enter, or null. */
export function closedFolder(dir, user) {
  if (!user) {
    return null;
  }
  for (let at = path.dirname(dir); ; at = path.dirname(at)) {
    if (fs.existsSync(at)) {
      const st = fs.statSync(at);
      const bit = st.uid === user.uid ? 0o100 : st.gid === user.gid ? 0o010 : 0o001;
      if (!(st.mode & bit)) {
        return at;
      }
    }
    if (at === path.dirname(at)) {
      return null;
    }
  }
}

/** What a site is run with, and the Debian packages that bring it. */
const programs = { setpriv: 'util-linux', [process.env.CHAT_HTTPD || '/usr/sbin/apache2']: 'apache2-bin' };

export const isPgsql = (db) => /^postgres(ql)?:\/\//.test(db);

export function needPrograms(db = 'sqlite') {
  const shell = isPgsql(db) ? { psql: 'postgresql-client' } : { sqlite3: 'sqlite3' };
  for (const [name, debian] of Object.entries({ ...shell, ...programs })) {
    try {
      execFileSync('sh', ['-c', 'command -v "$1"', 'sh', name], { stdio: 'pipe' });
    } catch {
      throw new SiteError(`the program ${name} is not installed: package ${debian}`);
    }
  }
}

/** Resolves when nothing listens on a port of 127.0.0.1, else rejects. */
export function portFree(port, variable) {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once('error', (e) => {
      const why = e.code === 'EADDRINUSE' ? 'is in use' : e.code === 'EACCES' ? 'needs root' : e.code;
      reject(new SiteError(`port ${port} of 127.0.0.1 ${why}: choose another with ${variable}=…`));
    });
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve()));
  });
}

/* Below those that the kernel gives to clients: none can take a port between the look
 * and the listen(), or while its program is being started again. */
const PORTS = [10240, 32768];
const ports = new Set(); // looked at by this process: given to somebody, or in use

/** A port that nothing listens on and nobody here was given. Test files run beside each
 * other: it is any of 20,000. */
export async function freePort() {
  for (let i = 0; i < 1000; i++) {
    const port = randomInt(...PORTS);
    if (ports.has(port)) {
      continue;
    }
    ports.add(port);
    if (await portFree(port, 'PORT').then(() => true, () => false)) {
      return port;
    }
  }
  throw new SiteError(`no port of 127.0.0.1 from ${PORTS[0]} to ${PORTS[1]} is free`);
}

const modules = [
  'mpm_@MPM@', 'authz_core', 'authz_host', 'authn_core', 'mime', 'dir', 'alias', 'headers', 'status',
  'setenvif', 'reqtimeout', 'proxy', 'proxy_http', 'proxy_wstunnel', 'log_config', 'unixd',
];

/** mkdir -p. Node's own tries for ever where nothing can be made (/proc). */
export function makeDir(dir) {
  if (fs.existsSync(dir) && fs.statSync(dir).isDirectory()) {
    return;
  }
  if (path.dirname(dir) !== dir) {
    makeDir(path.dirname(dir));
  }
  fs.mkdirSync(dir);
}

export class Site {
  /**
   * @param {object} o
   * @param {string} o.dir         everything lies here; made when missing
   * @param {string} o.build       directory of mod_chat.so, chat-push, htdocs
   * @param {number} o.port        httpd
   * @param {number} o.pushPort    chat-push
   * @param {number} o.metricsPort chat-push's metrics
   * @param {string} [o.db]        sqlite (a file in dir), or a PostgreSQL URL
   * @param {string} [o.mpm]       event, worker or prefork
   * @param {string} [o.extraConf] more lines for httpd.conf
   * @param {(site) => string} [o.hostConf] the chat's lines, in place of conf/chat.conf
   * @param {string} [o.prefix]    its ChatPrefix
   * @param {object} [o.pushConf]  more keys for chat-push.json
   * @param {object} [o.appConf]   more keys for the app in chat-push.json
   * @param {object} [o.httpdEnv]  httpd's environment, more of it
   * @param {object} [o.pushEnv]   chat-push's
   * @param {boolean} [o.hold]     chat-push's listening sockets outlive it, as under systemd
   * @param {string} [o.sanitize]  address,undefined | thread
   */
  constructor(o) {
    this.o = { db: 'sqlite', mpm: 'event', extraConf: '', prefix: '', pushConf: {}, appConf: {}, sanitize: '', ...o };
    this.dir = o.dir;
    this.user = runUser();
    this.httpd = null; // child process, or null
    this.push = null;
    this.keeper = null; // of chat-push's listening sockets, child process or null
    this.url = `http://127.0.0.1:${o.port}${this.o.prefix}`;
    this.status = `http://127.0.0.1:${o.port}/server-status`;
    this.metrics = `http://127.0.0.1:${o.metricsPort}/metrics`;
    this.dbFile = isPgsql(o.db || '') ? null : path.join(this.dir, 'db', 'chat.db');
    this.db = this.dbFile ? `sqlite:${this.dbFile}` : o.db; // as ChatDatabase takes it
    this.onExit = () => {}; // (name, code, signal): a program ended by itself
  }

  path(...parts) {
    return path.join(this.dir, ...parts);
  }

  // --- files ---------------------------------------------------------------------
  /** Make the directory, the database and both configurations. */
  prepare() {
    const closed = closedFolder(this.dir, this.user);
    if (closed) {
      throw new SiteError(`httpd's children run as ${this.user.name}, which cannot enter ${closed}: ` +
        'choose another directory with RUN_DIR=…');
    }
    this.writable(() => {
      makeDir(this.dir);
      for (const d of ['audit', 'bin', 'conf', 'db', 'logs', 'run']) {
        makeDir(this.path(d));
      }
      // What people wrote, and secrets: nobody else on this machine reads them.
      for (const d of ['audit', 'conf', 'db', 'logs']) {
        fs.chmodSync(this.path(d), 0o700);
      }
      this.copyPrograms();
      this.writePushConf();
      fs.writeFileSync(this.path('conf', 'httpd.conf'), this.httpdConf());
      if (this.user) {
        this.give(this.dir);
      }
      this.makeDatabase();
    }, this.dir);
  }

  /** Do something with files below `dir`; what a person can put right is a sentence. */
  writable(fn, dir) {
    try {
      fn();
    } catch (e) {
      if (e.code === 'EACCES' || e.code === 'EROFS' || e.code === 'EPERM') {
        throw new SiteError(`cannot write in ${dir}: ${e.message.split(',')[0]}`);
      }
      if (e.code === 'ENOENT' || e.code === 'ENOSPC') {
        throw new SiteError(`cannot make ${dir}: ${e.message.split(',')[0]}`);
      }
      if (e.code === 'ENOTDIR' || e.code === 'EEXIST') {
        throw new SiteError(`${dir} is no directory`);
      }
      throw e;
    }
  }

  copyPrograms() {
    const { build } = this.o;
    fs.rmSync(this.path('htdocs'), { recursive: true, force: true });
    fs.cpSync(path.join(build, 'htdocs'), this.path('htdocs'), { recursive: true });
    // httpd itself is not built for ThreadSanitizer and cannot load a module that is.
    const module = this.o.sanitize.includes('thread') ? process.env.CHAT_PLAIN : build;
    for (const [name, from] of [['chat-push', build], ['chat-files', build], ['chatctl', build], ['hold', build], ['mod_chat.so', module]]) {
      fs.rmSync(this.path('bin', name), { force: true });
      fs.copyFileSync(path.join(from, name), this.path('bin', name));
    }
    for (const name of ['chat-push', 'chat-files', 'chatctl', 'hold']) {
      fs.chmodSync(this.path('bin', name), 0o755);
    }
  }

  /** Key and secret in one place: chat-push and mod_chat read this file. */
  writePushConf() {
    const file = this.path('conf', 'chat-push.json');
    let secret;
    try {
      secret = JSON.parse(fs.readFileSync(file)).appManager.array.apps[0].secret;
    } catch {
      secret = randomBytes(16).toString('hex');
    }
    this.app = { id: 'askapp', key: 'askkey', secret };
    const conf = {
      host: '127.0.0.1',
      port: this.o.pushPort,
      metrics: { enabled: true, host: '127.0.0.1', port: this.o.metricsPort },
      handoff: { path: this.path('run', 'handoff.sock') },
      database: {
        url: this.db,
        wake: this.path('run', 'wake.sock'),
        state: this.path('run', 'relay.state'),
      },
      appManager: {
        array: {
          apps: [{ ...this.app, enableClientMessages: true, ...this.o.appConf }],
        },
      },
      ...this.o.pushConf,
    };
    fs.writeFileSync(file, JSON.stringify(conf, null, 2) + '\n', { mode: 0o600 });
  }

  httpdConf() {
    const dir = process.env.CHAT_HTTPD_MODULES || '/usr/lib/apache2/modules';
    const load = modules
      .map((m) => m.replace('@MPM@', this.o.mpm))
      .filter((m) => fs.existsSync(path.join(dir, `mod_${m}.so`)))
      .map((m) => `LoadModule ${m}_module ${dir}/mod_${m}.so`);
    return `# Written at start; a change here is lost. The chat's own part: chat.conf.
ServerRoot "${this.dir}"
ServerName 127.0.0.1
Listen 127.0.0.1:${this.o.port}
PidFile run/httpd.pid
DefaultRuntimeDir run
${this.user ? `User ${this.user.name}\nGroup #${this.user.gid}\n` : ''}${load.join('\n')}
LoadModule chat_module "${this.path('bin', 'mod_chat.so')}"

# WebSockets are handed over to chat-push. One that cannot be holds a thread, and a
# restart needs slots for the old children: ServerLimit is well above
# MaxRequestWorkers / ThreadsPerChild.
<IfModule !prefork.c>
  ServerLimit 16
  StartServers 1
  ThreadsPerChild 128
  ThreadLimit 128
  MaxRequestWorkers 1024
  MinSpareThreads 64
  MaxSpareThreads 1024
</IfModule>
<IfModule prefork.c>
  StartServers 4
  ServerLimit 400
  MaxRequestWorkers 200
</IfModule>

ErrorLog logs/error.log
LogLevel warn chat:info
LogFormat "%h %l %u %t \\"%m %U %H\\" %>s %b %D" chat
CustomLog logs/access.log chat
TypesConfig /dev/null
AddType text/html .html
AddType text/css .css
AddType text/javascript .js .mjs
AddType image/svg+xml .svg
AddType application/json .json .webmanifest
ExtendedStatus Off
<Location "/server-status">
  SetHandler server-status
  Require local
</Location>
DocumentRoot "${this.path('htdocs')}"
<Directory "/">
  Require all denied
  AllowOverride None
</Directory>

${this.o.hostConf ? this.o.hostConf(this) : this.chatConf()}
${this.o.extraConf}
`;
  }

  chatConf() {
    return `Define CHAT_HTDOCS "${this.path('htdocs')}"
Define CHAT_DATABASE "${this.db}"
Define CHAT_PUSH_CONFIG "${this.path('conf', 'chat-push.json')}"
Define CHAT_PUSH_HOST 127.0.0.1
Define CHAT_PUSH_PORT ${this.o.pushPort}
<IfModule chat_module>
ChatAudit On
ChatAuditSpool "${this.path('audit')}"
</IfModule>
Define CHAT_FILES "${this.path('files')}"
Define CHAT_FILES_PROGRAM "${this.path('bin', 'chat-files')}"
Include "${path.join(root, 'conf', 'chat.conf')}"`;
  }

  give(at) {
    fs.lchownSync(at, this.user.uid, this.user.gid);
    if (fs.lstatSync(at).isDirectory()) {
      for (const name of fs.readdirSync(at)) {
        this.give(path.join(at, name));
      }
    }
  }

  /** A new one with sample people, or an older one brought up to this program's schema. */
  makeDatabase() {
    const args = ['migrate', ...(this.o.sample === false ? [] : ['--sample']), '--database', this.db];
    const r = spawnSync(this.path('bin', 'chatctl'), args, {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, HOME: this.dir, ...this.sanitizerEnv(false) },
      ...(this.dbFile && this.user && { uid: this.user.uid, gid: this.user.gid }),
    });
    if (r.error) {
      throw r.error;
    }
    if (r.status !== 0) {
      throw new SiteError(`the database cannot be made: ${r.stderr.trim().replace(/^chatctl: /, '') || `chatctl ended by ${r.signal}`}`);
    }
  }

  /** The engine's own shell: program, arguments, options. */
  shell() {
    return [
      ...(this.dbFile
        ? ['sqlite3', ['-bail', '-cmd', '.timeout 5000', this.dbFile]]
        : ['psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', this.db]]),
      {
        encoding: 'utf8',
        env: { ...process.env, PGOPTIONS: '-c client_min_messages=warning' },
        ...(this.dbFile && this.user && { uid: this.user.uid, gid: this.user.gid }),
      },
    ];
  }

  /**
   * Run SQL with the engine's own shell, as any other program of the site could.
   * @return rows as lines, columns between `|`
   */
  sql(text) {
    const [shell, args, options] = this.shell();
    try {
      return execFileSync(shell, args, { ...options, input: text, stdio: ['pipe', 'pipe', 'pipe'] });
    } catch (e) {
      if (!this.dbFile && e.status === 2) {
        throw new SiteError(`the database cannot be reached: ${e.stderr.trim()}`);
      }
      throw e;
    }
  }

  // --- programs ----------------------------------------------------------------
  /** Start a program in a group of its own; its output goes to logs/<name>.log. */
  launch(name, file, args, { env = {}, user = null, log }) {
    const out = fs.openSync(this.path('logs', log), 'a');
    const pre = ['--pdeathsig', 'TERM'];
    if (user) {
      pre.push('--reuid', String(user.uid), '--regid', String(user.gid), '--clear-groups');
    }
    const child = spawn('setpriv', [...pre, '--', file, ...args], {
      cwd: this.dir,
      detached: true,
      stdio: ['ignore', out, out],
      env: { PATH: process.env.PATH, HOME: this.dir, TZ: process.env.TZ || 'UTC', ...env },
    });
    fs.closeSync(out);
    child.gone = new Promise((resolve) => {
      child.once('error', (e) => resolve({ error: e }));
      child.once('exit', (code, signal) => {
        child.ended = true;
        resolve({ code, signal });
        this.onExit(name, child, code, signal);
      });
    });
    return child;
  }

  sanitizerEnv(preload) {
    const s = this.o.sanitize;
    if (!s || (preload && s.includes('thread'))) {
      return {};
    }
    const env = {
      ASAN_OPTIONS: `log_path=${this.path('logs', 'asan')}:detect_leaks=${preload ? 0 : 1}:abort_on_error=0:verify_asan_link_order=0`,
      UBSAN_OPTIONS: `log_path=${this.path('logs', 'ubsan')}:print_stacktrace=1`,
      TSAN_OPTIONS: `log_path=${this.path('logs', 'tsan')}:halt_on_error=0`,
      LSAN_OPTIONS: 'exitcode=23',
    };
    if (preload && s.includes('address')) {
      env.LD_PRELOAD = execFileSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
    }
    return env;
  }

  httpdEnv() {
    const env = { ...this.sanitizerEnv(true) };
    const { LD_PRELOAD = '', ...more } = this.o.httpdEnv || {};
    return { ...env, ...more, LD_PRELOAD: `${env.LD_PRELOAD || ''} ${LD_PRELOAD}`.trim() };
  }

  /** Somebody who keeps what chat-push listens on. */
  async startKeeper() {
    const store = this.path('run', 'store.sock');
    fs.rmSync(store, { force: true });
    this.keeper = this.launch('hold', this.path('bin', 'hold'), ['keep', store], { user: this.user, log: 'hold.log' });
    while (!fs.existsSync(store)) {
      if (this.keeper.ended) {
        throw new SiteError(`hold did not start: ${this.lastWords(['hold.log'])}`);
      }
      await sleep(5);
    }
  }

  async startPush() {
    const held = [];
    if (this.o.hold) {
      if (!this.keeper || this.keeper.ended) {
        await this.startKeeper();
      }
      held.push(this.path('bin', 'hold'), 'run', this.path('run', 'store.sock'));
    }
    const [program, ...args] = [...held, this.path('bin', 'chat-push'), '--config', this.path('conf', 'chat-push.json')];
    this.push = this.launch('chat-push', program, args,
      { user: this.user, log: 'chat-push.log', env: { ...this.sanitizerEnv(false), ...this.o.pushEnv } });
    await this.answers(`http://127.0.0.1:${this.o.pushPort}/`, this.push, 'chat-push', 'chat-push.log');
  }

  async startHttpd() {
    const httpd = process.env.CHAT_HTTPD || '/usr/sbin/apache2';
    fs.rmSync(this.path('run', 'httpd.pid'), { force: true });
    this.httpd = this.launch('httpd', httpd, ['-D', 'FOREGROUND', '-f', this.path('conf', 'httpd.conf')],
      { log: 'httpd.out', env: this.httpdEnv() });
    await this.answers(this.o.hostConf ? this.status : `${this.url}/chat/login`, this.httpd, 'httpd', 'httpd.out', 'error.log');
  }

  /** Wait until an address answers, or say why the program behind it ended. */
  async answers(url, child, name, ...logs) {
    const until = Date.now() + (this.o.sanitize ? 60000 : 20000);
    while (Date.now() < until) {
      if (child.ended || child.exitCode !== null) {
        throw new SiteError(`${name} did not start: ${this.lastWords(logs)}`);
      }
      try {
        // Not kept: who comes next may come after the server has closed it.
        const r = await fetch(url, { headers: { Connection: 'close' }, signal: AbortSignal.timeout(2000) });
        await r.arrayBuffer();
        if (r.status < 500) {
          return;
        }
      } catch {
        // not yet
      }
      await sleep(25);
    }
    throw new SiteError(`${name} did not answer at ${url}: ${this.lastWords(logs)}`);
  }

  lastWords(logs) {
    for (const log of logs) {
      try {
        const lines = fs.readFileSync(this.path('logs', log), 'utf8').trim().split('\n');
        if (lines[0]) {
          return lines.slice(-3).join('\n');
        }
      } catch {
        // the next log
      }
    }
    return `see ${this.path('logs')}`;
  }

  async start() {
    await this.startPush();
    await this.startHttpd();
  }

  /** End a program: politely, then by force, with all its children. */
  async end(child, ms) {
    if (!child || child.ended) {
      return;
    }
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), ms);
    await child.gone;
    clearTimeout(timer);
    try {
      process.kill(-child.pid, 'SIGKILL'); // what httpd may have left of its children
    } catch {
      // nothing was left
    }
  }

  /** For good: whoever connects is refused. */
  async stopPush() {
    const child = this.push;
    const { keeper } = this;
    this.push = null;
    this.keeper = null;
    await this.end(child, 10000);
    await this.end(keeper, 1000);
  }

  async stopHttpd() {
    const child = this.httpd;
    this.httpd = null;
    await this.end(child, 15000);
  }

  /** chat-push first: httpd's tunnels wait for their sockets to end. */
  async stop() {
    await this.stopPush();
    await this.stopHttpd();
  }
}

/** The sample people, in the order of their accounts, with their ids; of the conversations
 *  those in which something can be written come first. */
export function samplePeople(site) {
  const rows = (names, from) => site.sql(`SELECT ${site.dbFile ? 'json_array' : 'json_build_array'}(${names}) ${from};`)
    .trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
  return {
    accounts: rows('id, name, email, role', 'FROM chat_users ORDER BY id')
      .map(([user_id, name, email, role]) => ({ user_id, name, email, role })),
    conversations: rows(`c.id, max(CASE m.role WHEN 'patient' THEN m.user_id END),
                         max(CASE m.role WHEN 'doctor' THEN m.user_id END), max(c.status)`,
    `FROM chat_conversations c JOIN chat_members m ON m.conversation_id = c.id
     GROUP BY c.id, c.status ORDER BY c.status IN ('completed', 'cancelled'), c.id`)
      .map(([id, patient, doctor, status]) => ({ id, patient, doctor, status })),
  };
}

/** Log an account in as a phone does. @return its bearer token */
export async function tokenFor(site, email, password, device) {
  const r = await fetch(`${site.url}/chat/token`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    body: JSON.stringify({ email, password, device_name: device }),
  });
  const body = await r.json();
  if (!body.token) {
    throw new SiteError(`${email} gets no token: ${JSON.stringify(body)}`);
  }
  return body.token;
}

export const tmpName = (name) => path.join(os.tmpdir(), name);
