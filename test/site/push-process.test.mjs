// SPDX-License-Identifier: Apache-2.0
//
// chat-push as a process: settings from a file, several apps and secrets, what
// keeps it from starting, who is cut off and who is not, and how it ends.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { Push, Raw, eventually, runPush, sleep, startPush } from './lib/push.mjs';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'chat-push-'));
after(() => fs.rmSync(dir, { recursive: true }));

function file(name, content) {
  const at = path.join(dir, name);
  fs.writeFileSync(at, typeof content === 'string' ? content : JSON.stringify(content));
  return at;
}

const apps = [
  { id: '1', key: 'one', secret: 'old', secrets: ['new'], allowedOrigins: ['https://a.example', '*.b.example', 'c.example'] },
  { id: '2', key: 'two', secret: 's2', maxConnections: 2, maxBackendEventsPerSecond: 5, maxReadRequestsPerSecond: 2 },
  { id: '3', key: 'three', secret: 's3', enabled: false },
  { id: '4', key: 'four', secret: 's4', enableUserAuthentication: true },
  { id: '5', key: 'five', secret: 's5', maxConnectionsPerUser: 2, maxConnectionsPerAddress: 2 },
  { id: '6', key: 'six', secret: 's6', requireTls: true },
];

const push = await startPush({
  args: ['--config', file('all.json', {
    'appManager.array.apps': apps, pathPrefix: 'push', activityTimeout: 2, pongTimeout: 5, userAuthenticationTimeout: 1000,
    metrics: { host: '127.0.0.1' }, 'adapter.driver': 'local', prot: 1,
  })],
});
const as = (i) => Object.assign(Object.create(push), { app: apps[i - 1] });

test('a setting nobody knows is named, one of Soketi without effect too', () => {
  assert.match(push.stderr, /unknown settings, please check: prot\b/);
  assert.match(push.stderr, /without effect here: adapter.driver\b/);
});

test('where one must be authorized, only who is counts against the connections', async () => {
  const one = await startPush({
    args: ['--config', file('quota.json', {
      'appManager.array.apps': [{ ...push.app, enableUserAuthentication: true, maxConnections: 2 }], 'metrics.host': '127.0.0.1',
    })],
  });
  const s = [];
  for (let i = 0; i < 4; i++) {
    s.push(await one.raw());
  }
  await s[0].join('private-a');
  await s[0].join('private-b');
  s[1].signin({ id: '1' });
  await s[1].next('pusher:signin_success');
  s[2].send({ event: 'pusher:subscribe', data: { channel: 'private-c', auth: one.auth(s[2].socketId, 'private-c') } });
  assert.equal((await s[2].closed).code, 4004);
  s[3].signin({ id: '1' });
  assert.equal((await s[3].closed).code, 4004);
  await s[0].close();
  const later = await one.raw();
  await later.join('private-c');
  await later.close();
  await s[1].close();
});

test('a file of Soketi may name the keys of its app one by one, and small limits', async () => {
  const one = await startPush({
    args: ['--config', file('one.json', {
      'appManager.array.apps.0.id': 40000, 'appManager.array.apps.0.maxConnections': 1,
      'httpApi.requestLimitInMb': 1 / 1024 / 1024, 'metrics.host': '127.0.0.1',
    })],
  });
  one.app = { id: '40000', key: 'app-key', secret: 'app-secret' };
  const s = await one.raw();
  assert.equal((await one.refused(one.url())).code, 4004);
  assert.equal((await one.call('GET', '/channels')).status, 200);
  const r = await one.call('POST', '/events', { body: { name: 'e', channel: 'c', data: 'd' } });
  assert.deepEqual([r.status, r.json.code], [413, 413]);
  assert.match(r.json.error, /^the request body has 37 bytes, at most 1 are allowed$/);
  const chunked = await one.call('POST', '/events', { body: { name: 'e', channel: 'c', data: 'd' }, chunked: ['{"name":', '"e"}'] });
  assert.equal(chunked.status, 413);
  assert.match(chunked.json.error, /longer than the 1 bytes/);
  await s.close();
});

test('apps know nothing of each other', async () => {
  const [a, b] = [await as(1).raw(), await as(2).raw()];
  await a.join('room');
  await b.join('room');
  await as(1).sdk().trigger('room', 'e', {});
  await a.next('e');
  assert.deepEqual(await b.drain(), []);
  const r = await as(2).call('GET', '/channels', { key: 'one', secret: 'old' });
  assert.equal(r.status, 401);
  await a.close();
  await b.close();
});

test('every secret of an app is good, the first one and the next', async () => {
  for (const secret of ['old', 'new']) {
    const r = await as(1).call('GET', '/channels', { secret });
    assert.equal(r.status, 200, r.text);
    const s = await as(1).raw();
    await s.join('private-x', { auth: push.auth(s.socketId, 'private-x', undefined, { key: 'one', secret }) });
    await s.close();
  }
});

test('a disabled app refuses sockets with 4003 and requests with 403', async () => {
  assert.equal((await push.refused(as(3).url())).code, 4003);
  assert.equal((await as(3).call('GET', '/channels')).status, 403);
});

test('an app takes its number of connections and no more, again and again', async () => {
  const two = as(2);
  let [a, b] = [await two.raw(), await two.raw()];
  for (let round = 0; round < 5; round++) {
    assert.equal((await push.refused(two.url())).code, 4004);
    await a.close();
    [a, b] = [b, await two.raw()];
  }
  await a.close();
  await b.close();
});

test('an Origin must be on the list, none at all is fine', async () => {
  for (const [origin, good] of [
    ['https://a.example', true], ['HTTPS://A.example', true], ['http://a.example', false], ['https://a.example:8443', false],
    ['https://x.b.example', true], ['https://x.y.b.example:99', true], ['https://b.example', false], ['https://xb.example', false],
    ['http://c.example', true], ['http://c.example:8080', true], ['https://evil.c.example', false], ['null', false], ['', false],
    ['https://evil.example', false],
  ]) {
    const options = { headers: { Origin: origin } };
    if (good) {
      await (await as(1).raw({ ws: options })).close();
    } else {
      assert.match(String(await as(1).raw({ ws: options }).then(() => 'let in', (e) => e)), /Unexpected server response: 403/, origin);
    }
  }
  await (await as(1).raw()).close();
  const two = (...origins) => as(1).http('GET', new URL(as(1).url()).pathname, { headers: { Origin: origins } }).then((r) => r.status);
  assert.equal(await two('https://a.example', 'https://evil.example'), 403, 'one of two is none');
  assert.equal(await two('https://a.example'), 426, 'let in, but for the upgrade');
});

// Behind a proxy on this host, as httpd is one: it says whose connection it is.
const from = (app, address) => app.raw({ ws: { headers: { 'X-Forwarded-For': address } } });
const refusedFrom = async (app, address) => (await app.refused(app.url(), { headers: { 'X-Forwarded-For': address } })).code;

test('connections are limited for each client address', async () => {
  const five = as(5);
  const a = [await from(five, '192.0.2.1'), await from(five, '6.6.6.6, 192.0.2.1, 127.0.0.1')];
  assert.equal(await refusedFrom(five, '192.0.2.1'), 4004);
  assert.equal(await refusedFrom(five, '203.0.113.9, [192.0.2.1]:7, 192.0.2.1:7'), 4004, 'what the client wrote itself is not believed');
  const b = [await from(five, '192.0.2.2'), await five.raw(), await five.raw()];
  assert.equal((await five.refused(five.url())).code, 4004, 'no proxy, or one that names nobody');
  const six = [await from(five, '2001:db8:1:2::1'), await from(five, '2001:db8:1:2:ffff::1')];
  assert.equal(await refusedFrom(five, '2001:db8:1:2::3'), 4004, 'a /64 is one client');
  b.push(await from(five, '2001:db8:1:3::1'));
  const r = await five.refused(five.url('protocol=5'), { headers: { 'X-Forwarded-For': '192.0.2.1' } });
  assert.deepEqual(r.messages.map((m) => m.data.code), [4004]);
  assert.match(r.reason, /[Aa]ddress/);
  // The place of one that has left is free, and the app counts who got in alone.
  await a[0].close();
  a[0] = await eventually(() => from(five, '192.0.2.1').catch(() => null), 'a place');
  const open = async () => Number((await (await fetch(`${push.metrics}/metrics`)).text()).match(/soketi_connected\{[^}]*app_id="5"[^}]*\} (\d+)/)[1]);
  assert.equal(await open(), 8);
  await Promise.all([...a, ...b, ...six].map((s) => s.close()));
  await eventually(async () => await open() === 0, 'all gone');
});

test('connections are limited for each signed-in user', async () => {
  const five = as(5);
  const all = await Promise.all(['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4', '192.0.2.5'].map((ip) => from(five, ip)));
  for (const s of all.slice(0, 2)) {
    s.signin({ id: 'ann' });
    await s.next('pusher:signin_success');
    s.signin({ id: 'ann' });
    await s.next('pusher:signin_success'); // again is not another connection
  }
  all[2].signin({ id: 'ann' });
  assert.equal((await all[2].next('pusher:error')).data.code, 4004);
  assert.equal((await all[2].closed).code, 4004);
  all[3].signin({ id: 'bob' });
  await all[3].next('pusher:signin_success');
  await all[0].close();
  await eventually(async () => {
    const s = await from(five, '192.0.2.6');
    all.push(s);
    s.signin({ id: 'ann' });
    return (await Promise.race([s.next('pusher:signin_success').catch(() => null), s.closed.then(() => null)]));
  }, 'the place of the one that has left');
  await Promise.all(all.map((s) => s.close()));
});

test('whom a stranger names is not believed', async () => {
  const own = await new Push().start({
    args: ['--config', file('strange.json', {
      'appManager.array.apps': [apps[4]], trustedProxies: ['192.0.2.0/24'], metrics: { host: '127.0.0.1' },
    })],
  });
  own.app = apps[4];
  const all = [await from(own, '192.0.2.1'), await from(own, '192.0.2.2')];
  assert.equal(await refusedFrom(own, '192.0.2.3'), 4004);
  await Promise.all(all.map((s) => s.close()));
  assert.equal((await own.stop()).code, 0);
});

test('an app may refuse sockets without TLS with 4000', async () => {
  const six = as(6);
  const r = await six.refused(six.url());
  assert.deepEqual([r.code, /wss/.test(r.reason)], [4000, true]);
  assert.equal((await six.refused(six.url(), { headers: { 'X-Forwarded-Proto': 'http' } })).code, 4000);
  for (const proto of ['https', 'WSS']) {
    await (await six.raw({ ws: { headers: { 'X-Forwarded-Proto': proto } } })).close();
  }
});

test('with nothing configured Soketi\'s default app is served', async () => {
  const own = await new Push().start({
    env: {
      SOKETI_DEFAULT_APP_ID: '', SOKETI_DEFAULT_APP_KEY: '', SOKETI_DEFAULT_APP_SECRET: '', SOKETI_DEFAULT_APP_ENABLE_CLIENT_MESSAGES: '',
    },
  });
  own.app = { id: 'app-id', key: 'app-key', secret: 'app-secret' };
  const s = await own.raw();
  await s.join('private-room');
  await own.sdk().trigger('private-room', 'hello', { n: 1 });
  assert.deepEqual(JSON.parse((await s.next('hello')).data), { n: 1 });
  s.signin({ id: 1 });
  await s.next('pusher:signin_success');
  await own.sdk().terminateUserConnections('1');
  assert.equal((await s.next('pusher:error')).data.code, 4009);
  assert.equal((await s.closed).code, 4009);
  assert.equal((await own.stop()).code, 0);
});

test('descriptors are left for requests: a full server closes sockets with 4100', async () => {
  const own = await new Push().start({ files: 200 });
  const all = [];
  let code = 0;
  for (let i = 0; i < 200 && code === 0; i++) {
    const s = new Raw(own.url(), {}, own);
    code = await Promise.race([s.next('pusher:connection_established').then(() => 0), s.closed.then((e) => e.code)]);
    all.push(s);
  }
  assert.equal(code, 4100);
  assert.equal((await own.call('POST', '/events', { body: { name: 'e', channel: 'c', data: '' } })).status, 200);
  await Promise.all(all.map((s) => s.close()));
  assert.equal((await own.stop()).code, 0);
});

test('publishing and reading are limited by the app', async () => {
  await sleep(1000 - (Date.now() % 1000) + 50);
  const statuses = [];
  for (let i = 0; i < 8; i++) {
    const r = await as(2).call('POST', '/events', { body: { name: 'e', channel: 'c', data: '' } });
    statuses.push(r.status);
    assert.equal(r.headers['retry-after'], r.status === 429 ? '1' : undefined);
  }
  assert.ok(statuses.includes(200) && statuses.includes(429), statuses.join());
  const reads = [];
  for (let i = 0; i < 8; i++) {
    reads.push((await as(2).call('GET', '/channels')).status);
  }
  assert.ok(reads.includes(200) && reads.includes(429), reads.join());
});

test('the path prefix is there or was taken off by a proxy', async () => {
  const one = as(1);
  await (await one.raw({ url: one.url().replace('/app/', '/push/app/') })).close();
  await (await one.raw()).close();
  const full = '/push/apps/1/channels';
  for (const options of [{ prefix: '/push', signedPath: full }, { prefix: '/push' }, {}]) {
    const r = await one.call('GET', '/channels', options);
    assert.equal(r.status, 200, `${JSON.stringify(options)} ${r.text}`);
  }
  assert.equal((await push.refused(one.url().replace('/app/', '/pushapp/'))).code, 4005);
});

/** Never early, and not as late as a look at everybody every ten seconds is. */
function inTime(ms, seconds, what) {
  assert.ok(ms >= seconds * 1000, `${what} after ${ms} ms`);
  assert.ok(ms < seconds * 1000 + 5000, `${what} after ${ms} ms`);
}

test('the silent are asked and then cut with 4201, whoever answers in any way stays', { timeout: 60000 }, async () => {
  const one = as(1);
  const before = Date.now();
  const dead = await one.raw({ ws: { autoPong: false } });
  let asked;
  dead.ws.once('ping', () => { asked = Date.now(); });
  const dead4 = await one.raw({ query: 'protocol=4', ws: { autoPong: false } });
  const wsOnly = await one.raw(); // answers WebSocket pings alone
  const pusherOnly = await one.raw({ ws: { autoPong: false } });
  pusherOnly.ws.on('message', (m) => {
    if (JSON.parse(m).event === 'pusher:ping') {
      pusherOnly.send({ event: 'pusher:pong', data: {} });
    }
  });
  const busy = await one.raw({ ws: { autoPong: false } });
  const timer = setInterval(() => busy.send({ event: 'pusher:ping' }), 500);
  const [a, b] = await Promise.all([dead.closed, dead4.closed]);
  clearInterval(timer);
  inTime(asked - before, 2, 'the ping');
  inTime(Date.now() - before, 2 + 5, 'the end');
  assert.deepEqual([a.code, b.code], [4201, 4202], 'protocol 4 has no pusher:ping to answer');
  assert.deepEqual(dead4.messages.map((m) => [m.event, m.data.code]), [['pusher:error', 4202]]);
  assert.ok(dead.pings >= 1);
  assert.equal(dead.messages.filter((m) => m.event === 'pusher:ping').length, 1);
  assert.equal(dead4.messages.filter((m) => m.event === 'pusher:ping').length, 0, 'unknown to protocol 4');
  assert.ok(wsOnly.pings >= 1 && pusherOnly.pings >= 1);
  for (const s of [wsOnly, pusherOnly, busy]) {
    s.messages.length = 0;
    assert.deepEqual((await s.drain()).filter((m) => m.event !== 'pusher:ping' && m.event !== 'pusher:pong'), []);
    await s.close();
  }
});

test('where an app asks for it, who does not prove anything is sent away with 4009', { timeout: 60000 }, async () => {
  const four = as(4);
  const before = Date.now();
  const [nobody, user, member, visitor] = [await four.raw(), await four.raw(), await four.raw(), await four.raw()];
  user.signin({ id: '1' });
  await user.next('pusher:signin_success');
  await member.join('private-x');
  await visitor.join('public');
  for (const s of [nobody, visitor]) {
    assert.equal((await s.closed).code, 4009);
    inTime(Date.now() - before, 1, 'the end');
    assert.equal(s.messages.find((m) => m.event === 'pusher:error').data.code, 4009);
  }
  for (const s of [user, member]) {
    assert.equal(s.ws.readyState, 1);
    await s.close();
  }
});

test('what keeps it from starting is one sentence and status 1', async () => {
  const taken = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address();
  const quiet = { SOKETI_HOST: '127.0.0.1', SOKETI_PORT: '0', SOKETI_METRICS_ENABLED: '0', SOKETI_DEFAULT_APP_SECRET: 'x' };
  for (const [what, env, args, says] of [
    ['a taken port', { SOKETI_PORT: String(port) }, [], new RegExp(`${port}`)],
    ['a taken metrics port', { SOKETI_METRICS_ENABLED: '1', SOKETI_METRICS_HOST: '127.0.0.1', SOKETI_METRICS_SERVER_PORT: String(port) }, [], new RegExp(`${port}`)],
    ['no such file', {}, ['--config', path.join(dir, 'none.json')], /none\.json/],
    ['a directory', {}, ['--config', dir], /./],
    ['bad JSON', {}, ['--config', file('bad.json', '{"port": 1,')], /bad\.json.*line 1/],
    ['a list', {}, ['--config', file('list.json', '[]')], /list\.json/],
    ['a wrong port', { SOKETI_PORT: 'many' }, [], /port/],
    ['an app without secret', { SOKETI_DEFAULT_APP_SECRET: '' }, ['--config', file('app.json', { 'appManager.array.apps': [{ id: 'a', key: 'k' }] })], /apps\[0\]\.secret/],
    ['a certificate that is not there', { SOKETI_SSL_CERT: '/x', SOKETI_SSL_KEY: '/y' }, [], /ssl\.certPath: \/x cannot be read/],
    ['no such address', { SOKETI_HOST: '203.0.113.7' }, [], /203\.0\.113\.7/],
    ['an unknown log format', { CHAT_PUSH_LOG_FORMAT: 'xml' }, [], /log\.format/],
    ['an unknown argument', {}, ['--nonsense'], /usage/],
  ]) {
    const r = await runPush({ ...quiet, ...env }, args);
    assert.equal(r.code, 1, `${what}: ${r.stderr}`);
    assert.match(r.stderr, says, what);
    const sentences = r.stderr.trim().split('\n').filter((line) => !/warning:/.test(line));
    assert.equal(sentences.length, 1, `${what}: ${r.stderr}`);
  }
  taken.close();
});

test('a metrics port that nobody asked for does not keep it from starting', async () => {
  const taken = net.createServer().listen(9601, '127.0.0.1');
  const listening = await new Promise((resolve) => {
    taken.once('listening', () => resolve(true));
    taken.once('error', () => resolve(false)); // somebody else has it: as good
  });
  const child = new Push();
  const started = child.start({ env: { SOKETI_METRICS_ENABLED: '', SOKETI_METRICS_HOST: '', SOKETI_METRICS_SERVER_PORT: '' } });
  started.catch(() => {});
  await eventually(() => /listening on/.test(child.stderr), 'the start');
  assert.match(child.stderr, /warning: no metrics: .*9601/);
  assert.equal((await child.stop()).code, 0);
  if (listening) {
    taken.close();
  }
});

test('it says what listens where and how many files it may open', () => {
  assert.match(push.stderr, /listening on 127\.0\.0\.1:\d+ below \/push with 2 loops and 6 apps, at most \d+ open files, metrics on http:\/\/127\.0\.0\.1:\d+\/metrics/);
});

// node has no Unix datagram sockets; perl is in every Debian.
const SUPERVISOR = `use Socket; $| = 1; my $name = shift; $name =~ s/^@/\\0/;
  socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; bind($s, pack_sockaddr_un($name)) or die; print "bound\\n";
  while (defined(recv($s, my $text, 4096, 0))) { $text =~ s/\\n/ /g; print "$text\\n"; }`;

for (const [kind, name] of [['path', path.join(dir, 'notify')], ['abstract name', `@${path.basename(dir)}`]]) {
  test(`a supervisor at a ${kind} hears of start, life, reload and end`, async () => {
    const supervisor = spawn('perl', ['-e', SUPERVISOR, name], { stdio: ['ignore', 'pipe', 'inherit'] });
    let heard = '';
    supervisor.stdout.on('data', (d) => { heard += d; });
    try {
      await eventually(() => /^bound/.test(heard), 'the socket');
      const child = await new Push().start({ env: { NOTIFY_SOCKET: name, WATCHDOG_USEC: '200000' } });
      await eventually(() => (heard.match(/^WATCHDOG=1$/gm) ?? []).length >= 3, 'signs of life');
      assert.match(heard, /^bound\nREADY=1 STATUS=Listening\n/);
      child.child.kill('SIGHUP');
      await eventually(() => /^RELOADING=1 MONOTONIC_USEC=\d+\n(WATCHDOG=1\n)*READY=1$/m.test(heard), 'the reload');
      assert.equal((await child.stop()).code, 0);
      await eventually(() => /^STOPPING=1 /m.test(heard), 'the end');
      const other = await new Push().start({ env: { NOTIFY_SOCKET: name, WATCHDOG_USEC: '200000', WATCHDOG_PID: '1' } });
      heard = '';
      await sleep(300);
      assert.equal((await other.stop()).code, 0);
      assert.doesNotMatch(heard, /WATCHDOG/, 'it is meant for another process');
    } finally {
      supervisor.kill();
    }
  });
}

const root = process.getuid() === 0;
const ids = (pid) => Object.fromEntries(fs.readFileSync(`/proc/${pid}/status`, 'utf8').split('\n').map((l) => l.split(/:\s*/)));

test('as root it becomes the user of the settings for good, once it has what only root may have', { skip: !root }, async () => {
  const uid = Number(execFileSync('id', ['-u', 'nobody']));
  const home = path.join(dir, 'home');
  fs.chmodSync(dir, 0o711); // the file below stays root's
  fs.mkdirSync(home);
  execFileSync('sqlite3', [path.join(home, 'chat.db')], { input: fs.readFileSync('sql/schema.sqlite.sql') });
  const conf = {
    user: 'nobody',
    unix: { path: `${home}/push.sock` },
    metrics: { host: '127.0.0.1' },
    database: { url: `sqlite:${home}/chat.db`, wake: `${home}/wake.sock`, state: `${home}/relay.state` },
    'appManager.array.apps': [{ id: 'app1', key: 'key1', secret: 'secret1' }],
  };
  const at = file('user.json', conf);
  fs.chmodSync(at, 0o600);
  const refusal = await runPush({ SOKETI_HOST: '127.0.0.1', SOKETI_PORT: '0', SOKETI_METRICS_SERVER_PORT: '0' }, ['--config', at]);
  assert.equal(refusal.code, 1, 'the directory is not the user\'s yet');
  assert.match(refusal.stderr, /wake\.sock|relay\.state|chat\.db/);
  execFileSync('chown', ['-R', 'nobody', home]);
  const child = await new Push().start({ args: ['--config', at] });
  const { pid } = child.child;
  const main = ids(pid);
  assert.deepEqual(main.Uid.split('\t').map(Number), [uid, uid, uid, uid]);
  assert.ok(!main.Gid.split('\t').includes('0') && !main.Groups.trim().split(' ').includes('0'), main.Gid + main.Groups);
  assert.deepEqual([main.CapEff, main.CapPrm, main.NoNewPrivs], ['0000000000000000', '0000000000000000', '1']);
  for (const task of fs.readdirSync(`/proc/${pid}/task`)) {
    assert.equal(ids(`${pid}/task/${task}`).Uid, main.Uid, 'every thread');
  }
  for (const made of ['wake.sock', 'relay.state', 'push.sock']) {
    assert.equal(fs.statSync(path.join(home, made)).uid, uid, made);
  }
  const s = await child.raw();
  await s.join('private-conversation.1');
  execFileSync('sqlite3', [path.join(home, 'chat.db')], { uid, input: `INSERT INTO chat_events (event, conversation_id, channels, payload)
    VALUES ('Said', 1, '["private-conversation.1"]', '{"id":1}');` });
  await s.next('Said');
  await s.close();
  assert.equal((await child.stop()).code, 0);
  for (const made of ['wake.sock', 'push.sock']) {
    assert.ok(!fs.existsSync(path.join(home, made)), 'the user can clean up');
  }
});

test('a user it cannot become keeps it from starting', async () => {
  const quiet = { SOKETI_HOST: '127.0.0.1', SOKETI_PORT: '0', SOKETI_METRICS_ENABLED: '0', SOKETI_DEFAULT_APP_SECRET: 'x' };
  for (const [env, says] of [
    [{ CHAT_PUSH_USER: 'no-such-user' }, /user: .*no-such-user/],
    [{ CHAT_PUSH_USER: 'nobody', CHAT_PUSH_GROUP: 'no-such-group' }, /group: .*no-such-group/],
    [{ CHAT_PUSH_GROUP: 'nogroup' }, /group is set without user/],
  ]) {
    const r = await runPush({ ...quiet, ...env });
    assert.equal(r.code, 1, r.stderr);
    assert.match(r.stderr, says);
  }
  const options = root ? { uid: Number(execFileSync('id', ['-u', 'nobody'])) } : {};
  const r = await runPush({ ...quiet, CHAT_PUSH_USER: 'root' }, [], options);
  assert.equal(r.code, 1, r.stderr);
  assert.match(r.stderr, /user: only root can become root: start as root, or as that user/);
});

test('the canary comes and goes without a trace, and nobody else can be it', async () => {
  const child = await new Push().start({ env: { CHAT_PUSH_CANARY_SECONDS: '0.05', CHAT_PUSH_LOG_LEVEL: 'debug' } });
  // A round of 50 ms may be late on a busy machine, and is said to be: not for long.
  const ready = () => eventually(async () => {
    const r = await child.http('GET', '/ready');
    return r.status === 200 && r.text === 'OK';
  }, 'it is ready');
  await ready();
  const s = await child.raw();
  await s.join('private-canary');
  const rounds = async () => Number((await (await fetch(`${child.metrics}/metrics`)).text()).match(/_canary_rounds_total\{[^}]*\} (\d+)/)[1]);
  const begun = await rounds();
  await eventually(async () => await rounds() > begun + 10, 'rounds', 20000);
  assert.deepEqual(await s.drain(), [], 'a channel of that name is another one');
  const { channels } = (await child.call('GET', '/channels')).json;
  assert.deepEqual(Object.entries(channels).map(([name, c]) => [name, c.subscription_count]), [['private-canary', 1]]);
  const text = await (await fetch(`${child.metrics}/metrics`)).text();
  assert.match(text, /soketi_connected\{app_id="app1",port="\d+"\} 1\n/);
  assert.match(text, /soketi_new_connections_total\{app_id="app1",port="\d+"\} 1\n/);
  assert.match(text, /soketi_published_total\{app_id="app1",port="\d+"\} 0\n/);
  assert.doesNotMatch(text, /app_id="canary"/);
  assert.equal((await child.refused(child.url(undefined, 'canary'))).code, 4001);
  assert.doesNotMatch(child.stderr, /app=canary/);
  await ready();
  await s.close();
  assert.equal((await child.stop()).code, 0);
});

for (const [format, read] of [
  ['json', (line) => JSON.parse(line)],
  ['logfmt', (line) => Object.fromEntries([...line.matchAll(/(\w+)=("(?:[^"\\]|\\.)*"|\S*)/g)].map(([, k, v]) => [k, v.startsWith('"') ? v.slice(1, -1) : v]))],
]) {
  test(`the log as ${format} tells of each connection, and nothing that was said`, async () => {
    const child = new Push();
    const started = child.start({ env: { CHAT_PUSH_LOG_FORMAT: format, CHAT_PUSH_LOG_LEVEL: 'debug' } });
    await started;
    const s = await child.raw();
    const channel = 'private-hush';
    await s.join(channel);
    await child.sdk().trigger(channel, 'hush-event', { hush: 'hush-data' });
    await s.next('hush-event');
    const r = await child.call('POST', '/events', { body: { name: 'hush-event', channel: 'hush', data: 'hush-data' }, secret: 'wrong' });
    assert.equal(r.status, 401);
    await child.refused(child.url('protocol=99', 'hush-key\n'));
    s.send(Buffer.from([1, 2]));
    assert.equal((await s.closed).code, 1003);
    assert.equal((await child.stop()).code, 0);
    const lines = child.stderr.trim().split('\n').map(read);
    const opened = lines.find((l) => l.msg === 'opened');
    assert.deepEqual([opened.level, opened.app, opened.address, opened.socket_id], ['debug', 'app1', '127.0.0.1', s.socketId]);
    const closed = lines.find((l) => l.msg === 'closed' && l.socket_id === s.socketId);
    assert.deepEqual([closed.level, String(closed.code), closed.reason, closed.conn], ['info', '1003', 'server', opened.conn]);
    assert.ok(Number(closed.bytes_in) > 0 && Number(closed.bytes_out) > 0);
    const refused = lines.find((l) => l.msg === 'refused');
    assert.deepEqual([refused.level, String(refused.code), refused.app], ['info', '4001', undefined]);
    const request = lines.find((l) => l.msg === 'request refused');
    assert.deepEqual([String(request.status), request.app, request.why], ['401', 'app1', 'auth_signature is wrong']);
    assert.doesNotMatch(child.stderr, /hush|secret1|[0-9a-f]{32}/);
  });
}

// The libraries come back every minute for as long as the page is open.
test('who is refused at the door is a figure each time and a line once a minute, with the Origin', async () => {
  const config = file('door.json', {
    appManager: { array: { apps: [
      { id: 'app1', key: 'key1', secret: 'secret1', allowedOrigins: ['https://ours.example'], maxConnectsPerAddressPerMinute: 5 },
    ] } },
  });
  const child = await new Push().start({ args: ['--config', config] });
  const ask = (Origin) => child.http('GET', '/app/key1?protocol=7', { headers: { Origin, Connection: 'Upgrade', Upgrade: 'websocket' } });
  for (let i = 0; i < 25; i++) {
    assert.equal((await ask(`https://theirs-${i}.example/"\u00e9`)).status, 403);
  }
  const statuses = [];
  for (let i = 0; i < 15; i++) {
    statuses.push((await ask('https://ours.example')).status);
  }
  assert.ok(statuses.filter((s) => s === 429).length >= 5, statuses.join());
  const figures = await (await fetch(`${child.metrics}/metrics`)).text();
  assert.match(figures, /origins_refused_total\{[^}]*\} 25\n/);
  const refused = () => child.stderr.split('\n').filter((l) => l.includes('request refused'));
  assert.deepEqual(refused().map((l) => l.match(/status=(\d+)/)[1]), ['403', '429']);
  assert.match(refused()[0], /why="Origin not allowed" origin="https:\/\/theirs-0\.example\/\\"\\xe9"$/);
  assert.equal((await child.stop()).code, 0);
  // With debug each has its own.
  const verbose = await new Push().start({ args: ['--config', config], env: { CHAT_PUSH_LOG_LEVEL: 'debug' } });
  for (let i = 0; i < 3; i++) {
    assert.equal((await verbose.http('GET', '/app/key1?protocol=7', { headers: { Origin: 'https://theirs.example' } })).status, 403);
  }
  await eventually(() => verbose.stderr.split('request refused').length === 4, 'three lines');
  assert.equal((await verbose.stop()).code, 0);
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal} sends clients away with 4200 and ends with status 0`, async () => {
    const child = await new Push().start({ env: { SOKETI_SHUTDOWN_GRACE_PERIOD: '60000' } });
    const sockets = [];
    for (let i = 0; i < 20; i++) {
      sockets.push(await child.raw());
      await sockets[i].join('room');
    }
    for (const ignored of ['SIGUSR1', 'SIGHUP', 'SIGPIPE']) {
      child.child.kill(ignored);
    }
    await sockets[0].drain();
    const begun = Date.now();
    child.child.kill(signal);
    for (const s of sockets) {
      const { code, reason } = await s.closed;
      assert.equal(code, 4200);
      assert.ok(reason);
    }
    assert.deepEqual(await child.ended, { code: 0, signal: null });
    assert.ok(Date.now() - begun < 30000, 'nobody had to be waited for');
  });
}

test('clients are sent away one after the other, requests are answered meanwhile, nobody new gets in', async () => {
  const child = await new Push().start({ env: { CHAT_PUSH_DRAIN_SECONDS: '1.5', SOKETI_SHUTDOWN_GRACE_PERIOD: '60000', CHAT_PUSH_LOOPS: '1' } });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const order = [];
  const sockets = [];
  for (let i = 0; i < 30; i++) {
    const s = await child.raw();
    s.closed.then(({ code }) => order.push([code, Date.now()]));
    sockets.push(s);
  }
  await sockets.at(-1).join('room');
  const asked = () => child.http('GET', '/ready', { agent });
  assert.equal((await asked()).status, 200);
  const upload = net.connect(child.port, '127.0.0.1');
  upload.setEncoding('utf8').write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nx');
  let answer = '';
  upload.on('data', (d) => { answer += d; });
  await sockets[0].drain();
  child.child.kill('SIGTERM');
  await eventually(() => /closing/.test(child.stderr), 'the end begins');
  await Promise.race(sockets.map((c) => c.closed)); // and the loop has heard of it
  const r = await asked();
  assert.deepEqual([r.status, r.headers.connection], [503, 'close']);
  assert.match(r.json.error, /closing/);
  await assert.rejects(asked(), /ECONNREFUSED|ECONNRESET/, 'the door is shut');
  await eventually(() => order.length === 30, 'all are gone');
  assert.ok(order.every(([code]) => code === 4200));
  // Spread, not in one moment: no step of the clock took a third of them.
  const steps = new Map();
  order.forEach(([, at]) => steps.set(at >> 8, (steps.get(at >> 8) ?? 0) + 1));
  assert.ok(steps.size >= 3, JSON.stringify([...steps]));
  assert.equal(answer, '', 'half a request waits');
  upload.write('y');
  await eventually(() => /^HTTP\/1\.1 405 /.test(answer), 'its answer');
  assert.match(answer, /Connection: close/);
  upload.destroy();
  agent.destroy();
  assert.deepEqual(await child.ended, { code: 0, signal: null });
});

test('a publisher that is here already reaches those who are still here', async () => {
  const child = await new Push().start({ env: { CHAT_PUSH_DRAIN_SECONDS: '30', CHAT_PUSH_LOOPS: '1' } });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const sockets = [await child.raw(), await child.raw()];
  for (const s of sockets) {
    await s.join('room');
  }
  assert.equal((await child.call('GET', '/channels', { agent })).status, 200);
  child.child.kill('SIGTERM');
  await Promise.race(sockets.map((s) => s.closed));
  const r = await child.call('POST', '/events', { body: { name: 'e', channel: 'room', data: 'late' }, agent });
  assert.equal(r.status, 200, r.text);
  const left = sockets.find((s) => s.ws.readyState === 1);
  assert.equal((await left.next('e')).data, 'late');
  child.child.kill('SIGTERM'); // a second one: at once
  assert.deepEqual(await child.ended, { code: 0, signal: null });
  agent.destroy();
});

test('a client that does not answer the close is not waited for for ever', async () => {
  const child = await new Push().start({ env: { SOKETI_SHUTDOWN_GRACE_PERIOD: '300' } });
  const s = await child.raw();
  s.ws._socket.pause();
  assert.equal((await child.stop()).code, 0);
  s.ws.terminate();
});

// Where identities are asked for, these names are private, and a connection
// that has none is refused; without that they are public names like any other.
test('private. names are refused where identities matter and nobody has one', async () => {
  const child = await new Push().start({
    args: ['--config', file('identity.json', {
      'appManager.array.apps': [{ id: 'app1', key: 'key1', secret: 'secret1', authEndpoint: 'http://127.0.0.1:9/auth' }],
    })],
  });
  try {
    const s = await child.raw();
    for (const name of ['private.user.7', 'private.conversation.7', 'private.x']) {
      const r = await s.subscribe(name, { auth: child.auth(s.socketId, name) });
      assert.deepEqual([r.event, r.data.status], ['pusher:subscription_error', 401], name);
    }
    await s.join('private-user.7');
    await child.sdk().trigger('private.user.7', 'e', {}); // one logical channel
    assert.equal((await s.next('e')).channel, 'private-user.7');
    const r = await child.call('GET', '/channels/private.user.7');
    assert.equal(r.json.subscription_count, 1);
    await s.close();
  } finally {
    assert.equal((await child.stop()).code, 0);
  }
});
