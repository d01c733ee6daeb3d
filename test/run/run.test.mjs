// SPDX-License-Identifier: Apache-2.0
//
// `make run` as a person uses it: it says when it is ready, names what is wrong
// in one sentence, and leaves nothing behind.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, test } from 'node:test';
import WebSocket from 'ws';
import { freePort, root, sleep } from '../../dev/site.mjs';
import { eventually, testDir } from '../site/lib/site.mjs';

const started = [];
after(async () => {
  for (const p of started) {
    try {
      process.kill(-p.pid, 'SIGTERM');
    } catch {
      // it has ended
    }
  }
});

/** Start `make run` with an environment of its own. */
async function makeRun(env = {}) {
  const clean = { ...process.env };
  for (const name of ['MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'MAKEOVERRIDES', 'PORT', 'PUSH_PORT', 'METRICS_PORT', 'RUN_DIR', 'DB', 'SANITIZE', 'NODE_TEST_CONTEXT']) {
    delete clean[name];
  }
  const ports = { PORT: String(await freePort()), PUSH_PORT: String(await freePort()), METRICS_PORT: String(await freePort()) };
  const p = spawn('make', ['-s', 'run'], { cwd: root, detached: true, env: { ...clean, ...ports, ...env } });
  p.ports = ports;
  p.out = '';
  p.err = '';
  p.stdout.on('data', (d) => { p.out += d; });
  p.stderr.on('data', (d) => { p.err += d; });
  p.done = new Promise((resolve) => { p.once('exit', (code, signal) => { p.over = true; resolve({ code, signal }); }); });
  started.push(p);
  return p;
}

async function ready(p) {
  await eventually(() => /^ready$/m.test(p.out) || p.over, 'ready', 60000);
  assert.ok(!p.over, `make run ended: ${p.out}${p.err}`);
}

const alive = (pid) => {
  try {
    return !/^State:\s+[ZX]/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

/** The answer to a subscription on chat-push's own port, as a page gets it that sends the
 *  site's cookie, or as somebody without one does. */
async function joined(run, channel, cookie) {
  const socket = new WebSocket(`ws://127.0.0.1:${run.push.port}/app/${run.push.key}?protocol=7`, {
    headers: { Origin: run.url, ...(cookie ? { Cookie: cookie } : {}) } });
  const answer = await new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (data) => {
      const { event } = JSON.parse(data);
      if (event === 'pusher:connection_established') {
        socket.send(JSON.stringify({ event: 'pusher:subscribe', data: { channel } }));
      } else {
        resolve(event);
      }
    });
  });
  socket.close();
  return answer;
}

function refused(port) {
  return new Promise((resolve) => {
    const s = net.connect(port, '127.0.0.1');
    s.once('connect', () => { s.destroy(); resolve(false); });
    s.once('error', () => resolve(true));
  });
}

test('a run says ready, serves, revives chat-push, is held by SIGUSR1 and ends whole', async () => {
  const dir = testDir('run');
  fs.chmodSync(dir, 0o700);
  const p = await makeRun({ RUN_DIR: dir });
  await ready(p);
  const file = path.join(dir, 'run.json');
  const read = () => JSON.parse(fs.readFileSync(file));
  const run = read();

  assert.equal(run.url, `http://127.0.0.1:${p.ports.PORT}`);
  assert.equal(run.push.key, 'askkey');
  assert.equal(run.push.port, Number(p.ports.PUSH_PORT));
  assert.ok(run.db.startsWith('sqlite:/') && fs.existsSync(run.db.slice('sqlite:'.length)));
  for (const email of ['patient@example.com', 'doctor@example.com', 'admin@example.com']) {
    const a = run.accounts.find((x) => x.email === email);
    const me = await fetch(`${run.url}/chat/me`, { headers: { Authorization: `Bearer ${a.token}` } });
    assert.equal((await me.json()).user.id, a.user_id);
    assert.ok(p.out.includes(email) && p.out.includes(a.token), 'accounts are printed');
  }
  const patients = run.accounts.filter((a) => a.role === 'patient');
  const doctors = run.accounts.filter((a) => a.role === 'doctor');
  assert.ok(patients.length >= 2 && doctors.length >= 2);
  assert.deepEqual([run.conversations[0].patient, run.conversations[0].doctor], [patients[0].user_id, doctors[0].user_id]);
  assert.ok(run.conversations.some((c) => c.patient !== patients[0].user_id));
  assert.equal((await fetch(`${run.url}/server-status?auto`)).status, 200);
  assert.equal((await fetch(run.metrics)).status, 200);

  // The client snippet of the existing application opens its socket on PUSH_PORT and
  // joins names without a signature.
  const login = await fetch(`${run.url}/chat/login`, { method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ email: 'patient@example.com', password: 'password' }) });
  const cookie = login.headers.getSetCookie()[0].split(';')[0];
  for (const [channel, mine] of [[`private.user.${patients[0].user_id}`, true], [`private.conversation.${run.conversations[0].id}`, true],
    [`private.user.${doctors[0].user_id}`, false]]) {
    assert.equal(await joined(run, channel, cookie), mine ? 'pusher_internal:subscription_succeeded' : 'pusher:subscription_error', channel);
    assert.equal(await joined(run, channel, null), 'pusher:subscription_error', channel);
  }

  const encrypted = await fetch(`${run.url}/broadcasting/auth`, { method: 'POST', headers: { Authorization: `Bearer ${run.accounts[0].token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ socket_id: '1.1', channel_name: `private-encrypted-conversation.${run.conversations[0].id}` }) });
  assert.deepEqual([encrypted.status, Object.keys(await encrypted.json()).sort()], [200, ['auth', 'shared_secret']]);

  process.kill(run.pids.chat_push, 'SIGKILL');
  const next = await eventually(() => {
    const now = read();
    return now.pids.chat_push && now.pids.chat_push !== run.pids.chat_push && now;
  }, 'a new chat-push in run.json');
  assert.equal((await fetch(`http://127.0.0.1:${p.ports.PUSH_PORT}/`)).status, 200);

  process.kill(p.pid, 'SIGUSR1'); // make's own pid
  await eventually(() => read().pids.chat_push === null, 'chat-push held down');
  await sleep(1000);
  assert.ok(await refused(p.ports.PUSH_PORT), 'it stays down');
  assert.ok(!alive(next.pids.chat_push));
  process.kill(-p.pid, 'SIGUSR1'); // the whole group, once
  const again = await eventually(() => read().pids.chat_push && read(), 'chat-push up again');

  process.kill(-p.pid, 'SIGINT'); // Ctrl-C
  await p.done;
  await eventually(() => !alive(again.pids.httpd) && !alive(again.pids.chat_push) && !alive(again.pids.run), 'the end of all');
  assert.ok(await refused(p.ports.PORT));
  assert.ok(!fs.existsSync(file), 'run.json names no run that is over');
  fs.rmSync(dir, { recursive: true });
});

test('a directory of an earlier release is brought up to this one, with all that is in it', async () => {
  const dir = testDir('run');
  const file = path.join(dir, 'db', 'chat.db');
  fs.mkdirSync(path.dirname(file));
  const text = (name) => fs.readFileSync(path.join(root, name), 'utf8');
  const sql = (input) => execFileSync('sqlite3', [file], { input, encoding: 'utf8' }).trim();
  const since = /^UPDATE treatment_plans SET\n[^;]*;/m; // columns that came later
  assert.match(text('sql/sample.sqlite.sql'), since);
  sql(text('test/site/lib/schema.v1.sqlite.sql') + text('sql/sample.sql') + text('sql/sample.sqlite.sql').replace(since, '') +
    "INSERT INTO messages (from_user_id, to_user_id, request_id, body) VALUES (1, 2, 1, 'of old');");
  const p = await makeRun({ RUN_DIR: dir });
  await ready(p);
  const [, now] = text('sql/schema.sqlite.sql').match(/INTO chat_schema \(version\) VALUES \((\d+)\)/);
  assert.equal(sql('SELECT version FROM chat_schema ORDER BY version;'), `1\n${now}`);
  assert.equal(sql("SELECT count(*) FROM messages WHERE body = 'of old';"), '1');
  assert.equal(sql('SELECT count(*) FROM users;'), '12');
  p.kill('SIGTERM');
  await p.done;
  await eventually(() => refused(p.ports.PORT), 'httpd gone');
  fs.rmSync(dir, { recursive: true });
});

test('two runs live side by side, and each ends with make', async () => {
  const dirs = [testDir('run'), testDir('run')];
  const runs = [];
  for (const dir of dirs) {
    runs.push(await makeRun({ RUN_DIR: dir }));
  }
  for (const p of runs) {
    await ready(p);
  }
  for (const p of runs) {
    assert.equal((await fetch(`http://127.0.0.1:${p.ports.PORT}/chat/login`)).status, 200);
  }
  const conf = fs.readFileSync(path.join(dirs[0], 'conf/chat-push.json'), 'utf8');
  const third = await makeRun({ RUN_DIR: dirs[0] });
  assert.notEqual((await third.done).code, 0);
  assert.match(third.err, /belongs to a run that is up/);
  assert.equal(fs.readFileSync(path.join(dirs[0], 'conf/chat-push.json'), 'utf8'), conf, 'a run that is up is left alone');
  runs[0].kill('SIGTERM');
  runs[1].kill('SIGKILL');
  for (const p of runs) {
    await p.done;
    await eventually(() => refused(p.ports.PORT), 'httpd gone');
    await eventually(() => refused(p.ports.PUSH_PORT), 'chat-push gone');
  }
  dirs.forEach((dir) => fs.rmSync(dir, { recursive: true }));
});

test('a directory below one that nobody else may enter still runs, and holds run.json', async () => {
  const closed = testDir('run'); // 0700, ours
  const dir = path.join(closed, 'run');
  const p = await makeRun({ RUN_DIR: dir });
  await ready(p);
  const run = JSON.parse(fs.readFileSync(path.join(dir, 'run.json')));
  assert.equal((await fetch(`${run.url}/chat/login`)).status, 200);
  assert.ok(fs.existsSync(run.db.slice('sqlite:'.length)));
  p.kill('SIGTERM');
  await p.done;
  await eventually(() => refused(p.ports.PORT), 'httpd gone');
  fs.rmSync(closed, { recursive: true });
  fs.rmSync(path.dirname(path.dirname(run.db.slice('sqlite:'.length))), { recursive: true, force: true });
});

test('what a person can put right is one sentence and exit status 1', async () => {
  const busy = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => { busy.once('listening', resolve); });
  const port = String(busy.address().port);
  const dir = testDir('run');
  fs.chmodSync(dir, 0o755);
  const file = path.join(dir, 'a-file');
  fs.writeFileSync(file, '');
  const bare = path.join(dir, 'bin'); // all that make needs, and no sqlite3
  fs.mkdirSync(bare);
  for (const name of ['sh', 'make', 'node', 'find', 'awk', 'gcc', 'cat', 'test', 'mkdir', 'setpriv']) {
    fs.symlinkSync(execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim(), path.join(bare, name));
  }
  for (const [env, sentence] of [
    [{ PORT: port }, new RegExp(`port ${port} .*is in use.*PORT=`)],
    [{ PUSH_PORT: port }, new RegExp(`port ${port} .*is in use.*PUSH_PORT=`)],
    [{ METRICS_PORT: port }, new RegExp(`port ${port} .*is in use.*METRICS_PORT=`)],
    [{ PORT: 'eighty' }, /PORT=eighty is no port/],
    [{ RUN_DIR: '/proc/none' }, /cannot (write in|make) \/proc\/none/],
    [{ RUN_DIR: file }, /is no directory|cannot write/],
    [{ DB: 'oracle' }, /DB=oracle/],
    [{ PORT: port, PUSH_PORT: port }, /PORT and PUSH_PORT are both/],
    [{ RUN_DIR: '/dev/null/x' }, /\/dev\/null\/x is no directory/],
    [{ DB: 'postgresql://chat:geheim@127.0.0.1:1/chat' }, /^make run: the database cannot be made: postgresql: (?!.*geheim).*Connection refused/m],
    [{ PATH: bare }, /the program sqlite3 is not installed: package sqlite3/],
  ]) {
    const p = await makeRun({ RUN_DIR: path.join(dir, 'unused'), ...env });
    const { code } = await p.done;
    assert.notEqual(code, 0, JSON.stringify(env));
    assert.match(p.err, sentence);
    assert.equal(p.err.split('\n').filter((l) => l && !/^make/.test(l.replace(/^make run: /, ''))).length, 1, p.err);
  }
  busy.close();
  fs.rmSync(dir, { recursive: true });
});
