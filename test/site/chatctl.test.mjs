// SPDX-License-Identifier: Apache-2.0
//
// chatctl's commands that work on a chat while it runs: user, token, tail, trigger, routes.
// What they change is seen by REST and on sockets, as its people would.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { cleanup } from './lib/cleanup.mjs';
import { Client } from './lib/client.mjs';
import { operations } from './lib/contract.mjs';
import { collect, connect, subscribed } from './lib/pusher.mjs';
import { eventually, startSite, testDatabase } from './lib/site.mjs';
import { Door } from './lib/upgrade.mjs';
import { root } from '../../dev/site.mjs';

const site = await startSite({ db: await testDatabase() });
cleanup(() => site.stop());
const conv = site.people().conversations[0];
const chatctl = site.path('bin', 'chatctl');
const config = site.path('conf', 'chat-push.json');
const env = { PATH: process.env.PATH, TZ: 'Asia/Kathmandu' };

const run = (args, input = '') => spawnSync(chatctl, args, { encoding: 'utf8', input, env });
/** A command that works. @return its lines */
const does = (args, input) => {
  const r = run(args, input);
  assert.equal(r.status, 0, `${args.join(' ')}: ${r.stdout}${r.stderr}`);
  assert.equal(r.stderr, '');
  return r.stdout.split('\n').filter(Boolean);
};
const json = (args, input) => does([...args, '--json'], input).map((l) => JSON.parse(l));
const db = ['--database', site.db];
/** One that cannot. */
const fails = (args, why, status = 1, input = '') => {
  const r = run(args, input);
  assert.equal(r.status, status, `${args.join(' ')}: ${r.stdout}${r.stderr}`);
  assert.equal(r.stdout, '');
  assert.match(r.stderr, why);
  assert.match(r.stderr, /^chatctl/);
  assert.equal(r.stderr.trim().split('\n').length, 1);
};
const login = (email, password) => new Client(site.url).post('/chat/token', { email, password });

test('every command has help, which the manual repeats, and refuses nonsense', () => {
  const manual = fs.readFileSync(path.join(root, 'ctl/chatctl.1'), 'utf8');
  for (const command of ['user', 'token', 'keys', 'tail', 'trigger', 'routes']) {
    const help = does([command, '--help']).join('\n');
    for (const [, option] of help.matchAll(/^ {2}--([a-z-]+)/gm)) {
      assert.ok(manual.includes(`.It Fl -${option}`), `ctl/chatctl.1 lacks --${option}`);
    }
    fails([command, '--nonsense'], /there is no option '--nonsense'/, 2);
    if (command !== 'routes') {
      fails([command, '--config'], /--config wants a value/, 2);
    }
  }
  fails(['user', 'list'], /say --database TARGET or --config FILE/, 2);
  fails(['user', ...db], /say what to do/, 2);
  fails(['user', 'dance', ...db], /there is no 'dance'/, 2);
  fails(['user', 'show', ...db], /show whom/, 2);
  fails(['user', 'show', 'a', 'b', ...db], /'b' is one argument too many/, 2);
  fails(['user', 'show', 'nobody@example.com', ...db], /nobody has/);
  fails(['token', 'revoke', 'x', ...db], /: ID is a number .* not 'x'/, 2);
  fails(['token', 'revoke', '99999', ...db], /there is no token 99999/);
  fails(['token', 'create', '--user', 'patient@example.com', '--expires', '5y', ...db], /--expires is a time/, 2);
  fails(['tail', '--since', 'x', ...db], /--since is an event's id/, 2);
  fails(['tail', '--count', '0', ...db], /--count is a number/, 2);
  fails(['trigger', 'a', '--event', 'x'], /say --config FILE/, 2);
  fails(['trigger', '--event', 'x', '--config', config], /say which channels/, 2);
  fails(['trigger', 'a', '--event', 'x', '--data', '{', '--config', config], /no JSON/, 2);
  fails(['trigger', 'a', '--event', 'x', '--app', 'none', '--config', config], /has no app none/);
});

test('the routes are those of the contract, with the abilities it names', () => {
  const routes = json(['routes']);
  assert.deepEqual(routes.map((r) => `${r.method} ${r.path}`).sort(), operations.map((o) => `${o.method} ${o.template}`).sort());
  for (const { method, path: at, who, ability, audited } of routes) {
    const { security } = operations.find((o) => o.method === method && o.template === at);
    assert.equal(ability, security.find((s) => s.bearer)?.bearer[0] ?? null, `${method} ${at}`);
    assert.match(who, /^(anybody|user|member|staff)$/);
    assert.ok(audited === null || /^[a-z.]+$/.test(audited));
  }
  const lines = does(['routes']);
  assert.equal(lines.length, routes.length);
  assert.ok(lines.some((l) => /^POST +\/chat\/conversation\/\{id\}\/message +member +chat:write +message\.sent$/.test(l)), lines.join('\n'));
  fails(['routes', 'x'], /'x' is one argument too many/, 2);
});

test('the list names everybody, and a role alone when it is asked for', () => {
  const all = json(['user', 'list', ...db]);
  assert.equal(all.length, Number(site.sql('SELECT count(*) FROM users;')));
  const doctors = json(['user', 'list', '--role', 'doctor', '--config', config]);
  assert.ok(doctors.length >= 2 && doctors.every((u) => u.role === 'doctor' && u.active));
  const [mine] = json(['user', 'show', 'patient@example.com', ...db]);
  assert.deepEqual(json(['user', 'show', String(mine.id), ...db]), [mine]);
  assert.deepEqual(Object.keys(mine), ['id', 'name', 'email', 'role', 'locale', 'active', 'sessions', 'tokens', 'last_seen_at']);
  assert.ok(!does(['user', 'list', ...db]).join('\n').includes('$2y$'), 'no hash is shown');
});

test('somebody new can log in at once, by the password that was made or given', async () => {
  const [made] = json(['user', 'add', 'new@example.com', '--name', 'Núria Østergård', '--role', 'doctor', ...db]);
  assert.equal((await login('new@example.com', made.password)).json.user.role, 'doctor');
  does(['user', 'add', 'given@example.com', '--name', 'x', '--password-stdin', ...db], 'correct horse\n');
  assert.equal((await login('given@example.com', 'correct horse')).status, 201);
  fails(['user', 'add', 'NEW@example.com', '--name', 'x', ...db], /has the e-mail address/);
  fails(['user', 'add', 'a@example.com', '--name', 'x', '--role', 'king', ...db], /--role is/, 2);
  fails(['user', 'add', 'a@example.com', ...db], /--name/, 2);
  fails(['user', 'add', 'nonsense', '--name', 'x', ...db], /no e-mail address/, 2);
  fails(['user', 'add', 'a@example.com', '--name', 'x', '--password-stdin', ...db], /8 to 72 bytes/, 1, 'short\n');
  fails(['user', 'add', 'a@example.com', '--name', 'x', '--password-stdin', ...db], /8 to 72 bytes/, 1, 'x'.repeat(80));
});

test('who gets another password is out everywhere, sockets too', async () => {
  const phone = await site.phone('patient@example.com');
  const browser = await site.browser('patient@example.com');
  const peer = await new Door(site.o.port).open({ Authorization: `Bearer ${phone.token}` });
  cleanup(() => peer.socket.destroy());
  does(['user', 'password', 'patient@example.com', '--password-stdin', ...db], 'another one\n');
  assert.equal((await phone.get('/chat/me')).status, 401);
  assert.equal((await browser.get('/chat/me')).status, 401);
  let frame;
  while ((frame = await peer.frame()).opcode !== 8);
  assert.ok(frame.payload.readUInt16BE(0) >= 4000);
  assert.equal((await login('patient@example.com', 'password')).status, 422);
  assert.equal((await login('patient@example.com', 'another one')).status, 201);
  does(['user', 'password', 'patient@example.com', '--password-stdin', ...db], 'password1\n');
});

test('the suspended are out until they are let in again; logout ends log-ins only', async () => {
  const phone = new Client(site.url, { token: (await login('patient@example.com', 'password1')).json.token });
  does(['user', 'suspend', 'patient@example.com', ...db]);
  assert.equal((await phone.get('/chat/me')).status, 401);
  assert.equal((await login('patient@example.com', 'password1')).status, 422);
  assert.equal(json(['user', 'show', 'patient@example.com', ...db])[0].active, false);
  does(['user', 'activate', 'patient@example.com', ...db]);
  const again = await login('patient@example.com', 'password1');
  assert.equal(again.status, 201);
  does(['user', 'logout', 'patient@example.com', ...db]);
  assert.equal((await new Client(site.url, { token: again.json.token }).get('/chat/me')).status, 401);
});

test('what people call themselves does nothing to an operator\'s terminal', async () => {
  const name = 'phone\u001b[2J\u009b\u202e\n999 admin@example.com';
  const made = await new Client(site.url).post('/chat/token', { email: 'fatima@example.com', password: 'password', device_name: name });
  assert.equal(made.status, 201, made.text);
  const lines = does(['token', 'list', '--user', 'fatima@example.com', ...db]);
  assert.equal(lines.filter((l) => l.includes('phone?[2J???999 admin@example.com')).length, 1, lines.join('\n'));
  assert.ok(json(['token', 'list', '--user', 'fatima@example.com', ...db]).some((t) => t.name === name), 'programs get it whole');
});

test('a token is made, listed, used and revoked', async () => {
  const [made] = json(['token', 'create', '--user', 'doctor@example.com', '--name', 'backup job', '--expires', '2h', ...db]);
  const client = new Client(site.url, { token: made.token });
  assert.equal((await client.get('/chat/me')).json.user.email, 'doctor@example.com');
  const row = json(['token', 'list', '--user', 'doctor@example.com', ...db]).find((t) => t.id === made.id);
  assert.equal(row.name, 'backup job');
  assert.deepEqual(row.abilities, ['*']);
  const hours = (new Date(row.expires_at) - Date.now()) / 3600e3;
  assert.ok(hours > 1.9 && hours <= 2.01, `${row.expires_at}`);
  assert.ok(!JSON.stringify(json(['token', 'list', ...db])).includes(made.token.split('|')[1]));
  does(['token', 'revoke', String(made.id), ...db]);
  assert.equal((await client.get('/chat/me')).status, 401);
});

test('tail prints events as they come, without what people wrote unless asked', async () => {
  const doctor = await site.phone('doctor@example.com');
  const child = spawn(chatctl, ['tail', '--conversation', String(conv.id), '--event', 'MessageSent', '--count', '2', '--timeout', '60s', ...db], { env });
  let out = '';
  child.stdout.on('data', (d) => { out += d; });
  const gone = new Promise((resolve) => { child.once('exit', resolve); });
  const sent = [];
  for (let i = 0; sent.length < 2 || !out; i++) {
    const r = await doctor.post(`/chat/conversation/${conv.id}/message`, { content: `secret ${i}` });
    sent.push(r.json.message.id);
    await eventually(() => out.split('\n').length > 1 || i < 3);
  }
  assert.equal(await gone, 0);
  const events = out.trim().split('\n').map((l) => JSON.parse(l));
  assert.equal(events.length, 2);
  assert.ok(events[0].id < events[1].id);
  assert.deepEqual(Object.keys(events[0]), ['id', 'event', 'conversation_id', 'channels', 'created_at']);
  assert.equal(events[0].conversation_id, conv.id);
  assert.ok(events[0].channels.includes(`private-conversation.${conv.id}`));
  assert.doesNotMatch(out, /secret/);
  const [first] = does(['tail', '--since', '0', '--event', 'MessageSent', '--data', '--count', '1', ...db]).map((l) => JSON.parse(l));
  assert.equal(typeof first.data.message.content, 'string');
  fails(['tail', '--event', 'Nothing', '--timeout', '1s', ...db], /the time is over/);
  const full = fs.openSync('/dev/full', 'w');
  const lost = spawnSync(chatctl, ['tail', '--since', '0', '--timeout', '10s', ...db], { env, stdio: ['ignore', full, 'pipe'] });
  fs.closeSync(full);
  assert.equal(lost.status, 1);
  assert.match(String(lost.stderr), /could not be written to stdout/, 'a full disk ends it at once');
});

test('trigger reaches who is subscribed', async () => {
  const news = await subscribed(connect(site, {}), 'news');
  const heard = collect(news, 'Announced');
  does(['trigger', 'news', 'others', '--event', 'Announced', '--data', '{"to":"all \\u2713"}', '--config', config]);
  does(['trigger', 'news', '--event', 'Announced', '--data', '-', '--config', config], '[1]');
  await eventually(() => heard.length >= 2);
  assert.deepEqual(heard, [{ to: 'all ✓' }, [1]]);
  fails(['trigger', 'no spaces please', '--event', 'x', '--config', config], /refused it with 400/);
  fails(['trigger', 'news', '--event', 'x', '--config', config, '--url', 'http://127.0.0.1:1'], /chat-push at/);
});

test('keys are made for a conversation, checked, and wrapped by another one', () => {
  const file = site.path('keys');
  const line = (id) => `${id} ${randomBytes(32).toString('base64')}\n`;
  const [old, young] = [line('2025'), line('2026')];
  const write = (text) => fs.writeFileSync(file, text, { mode: 0o600 });
  const keys = (...args) => ['keys', ...args, '--keys', `file:${file}`, ...db];
  write(old);
  assert.deepEqual(json(keys('renew', String(conv.id))).map((k) => k.conversation_id), [String(conv.id)]);
  does(keys('renew', String(conv.id)));
  assert.deepEqual(json(keys('check')), [{ keys: 2, rewrapped: 0, lost: 0 }]);
  write(young + old);
  assert.deepEqual(json(keys('rotate')), [{ keys: 2, rewrapped: 2, lost: 0 }]);
  assert.deepEqual(json(keys('rotate')), [{ keys: 2, rewrapped: 0, lost: 0 }]);
  write(young);
  assert.deepEqual(json(keys('check')), [{ keys: 2, rewrapped: 0, lost: 0 }]);
  write(old);
  const r = run(keys('check'));
  assert.equal(r.status, 1);
  assert.match(r.stderr, /wrapped with a key that is not in the file: 2026/);
  fs.chmodSync(file, 0o644);
  fails(keys('check'), /can be read by everybody/);
  fails(['keys', 'dance', '--keys', `file:${file}`, ...db], /say check, verify, rotate, renew or reseal/, 2);
  fails(['keys', 'check', ...db], /say --keys SETTING/, 2);
});
