// SPDX-License-Identifier: Apache-2.0
//
// The world of a site test: a real httpd and chat-push on free ports with the
// sample people, gone when the test file ends. Afterwards both error logs are
// read: a warning that the test did not announce with site.expectLog() fails it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Site, freePort, root, samplePeople, sleep, tmpName } from '../../../dev/site.mjs';
import { cleanup } from './cleanup.mjs';
import { Client } from './client.mjs';
import { startCluster } from './postgres.mjs';

export { sleep };

export const build = process.env.CHAT_BUILD || path.join(root, 'build');
export const sanitize = process.env.CHAT_SANITIZE || '';
/** Which engine the site tests run on: sqlite or pgsql. */
export const engine = process.env.CHAT_ENGINE || 'sqlite';

/** A database of the engine for a test file: what Site takes as `db`. */
export async function testDatabase() {
  return engine === 'pgsql' ? (await startCluster()).create() : 'sqlite';
}

/** A child of event that is told to stop closes the sockets its workers are at; a
 *  worker on its way from the answer to lingering close, or to keeping the connection,
 *  then says this. */
const closedByStop = /^.*\[mpm_event:error\].*\(9\)Bad file descriptor: AH0309[23]: .*$/gm;

class TestSite extends Site {
  /** Regular expressions of log lines that may come. */
  expected = [];

  /** What error.log held before and after each stop of httpd, in characters. */
  stops = [];

  errorLog() {
    const at = this.path('logs', 'error.log');
    return fs.existsSync(at) ? fs.readFileSync(at, 'utf8') : '';
  }

  async stopHttpd() {
    const from = this.errorLog().length;
    await super.stopHttpd();
    this.stops.push([from, this.errorLog().length]);
  }

  /** A log line the test will cause. */
  expectLog(pattern) {
    this.expected.push(pattern);
  }

  /** chat-push as a power cut leaves it. */
  async killPush() {
    const child = this.push;
    child.kill('SIGKILL');
    await child.gone;
  }

  /** The time some seconds from now, in the engine's SQL. */
  time(seconds = 0) {
    return this.dbFile
      ? `datetime('now', '${seconds} seconds')`
      : `(now() AT TIME ZONE 'UTC' + interval '${seconds} seconds')`;
  }

  /** Run SQL while this program goes on. */
  async sqlBeside(text) {
    const [shell, args, options] = this.shell();
    const child = spawn(shell, args, { ...options, stdio: ['pipe', 'ignore', 'inherit'] });
    child.stdin.end(text);
    const code = await new Promise((done) => child.once('exit', done));
    assert.equal(code, 0, `${shell}: ${text}`);
  }

  /** The last id that the event log has given. */
  lastEvent() {
    return Number(this.sql(this.dbFile
      ? "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'chat_events';"
      : "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('chat_events', 'id')::regclass), 0);"));
  }

  /** What chat-push has written down: up to where all was relayed, from where on
   *  somebody may miss something, and how many subscriptions there are. */
  relayState() {
    const [, id, from, awaited] = fs.readFileSync(this.path('run', 'relay.state'), 'utf8').split(/ +/).map(Number);
    return { id, from, awaited };
  }

  /** A figure of chat-push; NaN when there is none of that name. */
  async metric(name) {
    const text = await (await fetch(this.metrics)).text();
    const line = text.split('\n').find((l) => l.includes(name) && !l.startsWith('#'));
    return Number(line?.split(' ').pop());
  }

  /** What chat-push has said. */
  log() {
    return fs.readFileSync(this.path('logs', 'chat-push.log'), 'utf8');
  }

  /** How often it has said that. */
  logged(text) {
    return this.log().split(text).length - 1;
  }

  people() {
    return samplePeople(this);
  }

  /** The conversations of a doctor in which something can be written. */
  openTalks(doctor) {
    return this.people().conversations.filter((c) => c.doctor === doctor && !['completed', 'cancelled'].includes(c.status));
  }

  /** A browser that logged in: session cookie and CSRF token. */
  async browser(email = 'patient@example.com', password = 'password') {
    const client = new Client(this.url);
    await client.login(email, password);
    return client;
  }

  /** A phone: a bearer token and nothing else. */
  async phone(email = 'patient@example.com', password = 'password') {
    const client = new Client(this.url);
    const r = await client.post('/chat/token', { email, password, device_name: 'test' });
    assert.ok(r.json.token, `no token for ${email}: ${r.status} ${r.text}`);
    return new Client(this.url, { token: r.json.token });
  }

  /** Lines of both logs that are neither information nor announced. */
  unexpectedLog() {
    const bad = [];
    for (const [file, trouble] of [
      ['error.log', /\[[a-z0-9_]*:(warn|error|crit|alert|emerg)\]/],
      ['httpd.out', /./],
      ['chat-push.log', /\b(warning|error)\b/i],
    ]) {
      const at = this.path('logs', file);
      if (fs.existsSync(at)) {
        let text = fs.readFileSync(at, 'utf8');
        if (file === 'error.log') {
          for (const [from, to] of [...this.stops].reverse()) {
            text = text.slice(0, from) + text.slice(from, to).replace(closedByStop, '') + text.slice(to);
          }
        }
        bad.push(...text.split('\n')
          .filter((line) => trouble.test(line) && !this.expected.some((e) => e.test(line)))
          .map((line) => `${file}: ${line}`));
      }
    }
    for (const name of fs.readdirSync(this.path('logs'))) {
      if (/^(asan|ubsan|tsan)\./.test(name)) {
        bad.push(`${name}:\n${fs.readFileSync(this.path('logs', name), 'utf8')}`);
      }
    }
    return bad;
  }
}

/** A directory of the test's own that httpd's children can enter. */
export function testDir(name) {
  return fs.mkdtempSync(tmpName(`mod_chat-${name}-`));
}

/**
 * Start a site for this test file.
 * @param {object} [options]  Site's options; `logs: false` leaves the logs unread,
 *                            `httpd: false` starts chat-push alone;
 *                            `before(site)` is called when its directory is empty
 */
export async function startSite(options = {}) {
  const db = options.db || await testDatabase();
  const dir = testDir('site');
  const site = new TestSite({
    db,
    dir,
    build,
    sanitize,
    port: await freePort(),
    pushPort: await freePort(),
    metricsPort: await freePort(),
    ...options,
  });
  cleanup(async () => {
    await site.stop();
    const bad = options.logs === false ? [] : site.unexpectedLog();
    if (process.env.KEEP) {
      console.log(`kept: ${dir}`);
    } else {
      fs.rmSync(dir, { recursive: true, force: true });
    }
    assert.ok(bad.length === 0, `the logs hold lines that no test announced\n${bad.join('\n')}`);
  });
  options.before?.(site);
  site.prepare();
  await (options.httpd === false ? site.startPush() : site.start());
  return site;
}

/** Wait until `probe` gives something true, and return it. */
export async function eventually(probe, what = 'it', ms = sanitize ? 40000 : 15000) {
  const until = Date.now() + ms;
  for (;;) {
    const got = await probe();
    if (got) {
      return got;
    }
    if (Date.now() > until) {
      assert.fail(`${what} did not happen within ${ms} ms`);
    }
    await sleep(20);
  }
}
