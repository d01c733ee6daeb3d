// SPDX-License-Identifier: Apache-2.0
//
// Listening sockets that outlive chat-push: kept by somebody (dev/hold.c does what
// systemd's store does), given by somebody, or by SIGUSR2. Who connects while there is
// no chat-push waits and is not refused, at every door; and the settings decide what is
// listened on.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, test } from 'node:test';
import tls from 'node:tls';
import WebSocket from 'ws';
import { build, runPush } from './lib/push.mjs';
import { freePort } from '../../dev/site.mjs';
import { eventually, startSite, testDir } from './lib/site.mjs';

const [tlsPort, otherPort] = [await freePort(), await freePort()];
const site = await startSite({
  httpd: false,
  hold: true,
  before(s) {
    fs.mkdirSync(s.path('conf'), { recursive: true });
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
      '-subj', '/CN=127.0.0.1', '-keyout', s.path('conf', 'tls.key'), '-out', s.path('conf', 'tls.crt')], { stdio: 'ignore' });
    s.o.pushConf = {
      loops: 2,
      ssl: { certPath: s.path('conf', 'tls.crt'), keyPath: s.path('conf', 'tls.key'), port: tlsPort },
      unix: { path: s.path('run', 'push.sock') },
    };
  },
});
const conf = site.path('conf', 'chat-push.json');
const before = fs.readFileSync(conf, 'utf8');

/** Start with other settings. */
async function restart(change = {}) {
  const settings = { ...JSON.parse(before), ...change };
  fs.writeFileSync(conf, JSON.stringify(settings));
  site.o.pushPort = settings.port;
  await site.killPush();
  await site.startPush();
}

const secure = (options) => tls.connect({ ...options, rejectUnauthorized: false });
const doors = {
  port: () => net.connect({ port: site.o.pushPort, host: '127.0.0.1' }),
  TLS: () => secure({ port: tlsPort, host: '127.0.0.1' }),
  path: () => net.connect(site.path('run', 'push.sock')),
  metrics: () => net.connect({ port: site.o.metricsPort, host: '127.0.0.1' }),
};

/** A request at a door. @return what is answered, or why it cannot be asked */
function ask(door, target = '/') {
  return new Promise((resolve) => {
    const socket = door();
    let text = '';
    socket.on('error', (e) => resolve(e.code));
    socket.on('data', (d) => { text += d; });
    socket.on('close', () => resolve(text.split('\r\n')[0]));
    socket.write(`GET ${target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
  });
}

const askAll = (n) => Promise.all(Object.values(doors).flatMap((door) => Array.from({ length: n }, () => ask(door))));
const answered = (all) => assert.deepEqual([...new Set(all)], ['HTTP/1.1 200 OK']);
const said = (line) => assert.match(site.log(), line);

test('who connects while chat-push is dead waits for the next one, at every door', async () => {
  answered(await askAll(2));
  await site.killPush();
  const waiting = askAll(20);
  await new Promise((done) => setTimeout(done, 200));
  await site.startPush();
  answered(await waiting);
  said(/7 listening sockets taken over/); // two ports with two loops, the metrics', two paths
});

test('nobody is refused while chat-push ends and starts again and again', async () => {
  const all = [];
  let over = false;
  const knocking = Object.values(doors).map(async (door) => {
    while (!over) {
      all.push(await ask(door));
    }
  });
  for (const how of ['killPush', 'SIGTERM', 'killPush', 'SIGTERM']) {
    if (how === 'SIGTERM') {
      site.push.kill(how);
      await site.push.gone;
    } else {
      await site[how]();
    }
    await site.startPush();
    const n = all.length;
    await eventually(() => all.length >= n + 12, 'they are answered');
  }
  over = true;
  await Promise.all(knocking);
  // A kill breaks off what it was about to answer; nobody is refused.
  assert.deepEqual(all.filter((a) => /ECONNREFUSED|ENOENT/.test(a)), []);
});

test('SIGUSR2 turns chat-push into the next one: the same process, the same sockets', async () => {
  const { pid } = site.push;
  const starts = () => site.logged('listening on');
  const n = starts();
  const ws = new WebSocket(`ws://127.0.0.1:${site.o.pushPort}/app/${site.app.key}?protocol=7`);
  await new Promise((resolve, reject) => { ws.once('message', resolve).once('error', reject); });
  const closed = new Promise((resolve) => { ws.once('close', resolve); });
  site.push.kill('SIGUSR2');
  assert.equal(await closed, 4200);
  answered(await askAll(20));
  await eventually(() => starts() > n, 'the next one');
  assert.equal(site.push.ended, undefined);
  assert.equal(site.push.pid, pid);
  assert.match(fs.readlinkSync(`/proc/${pid}/exe`), /chat-push/);
  said(/closing, to start again/);
  // And the store still has them all.
  await site.killPush();
  const waiting = askAll(5);
  await site.startPush();
  answered(await waiting);
});

test('more loops than sockets take turns, and with fewer no socket is forgotten', async () => {
  for (const loops of [4, 1, 2]) {
    await restart({ loops });
    const all = await Promise.all(Array.from({ length: 40 }, () => askAll(1)));
    answered(all.flat());
  }
});

test('the settings decide: what they name no more is closed, and said', async () => {
  site.expectLog(/no setting names the inherited socket/);
  const was = site.o.pushPort;
  await restart({ port: otherPort, unix: undefined });
  said(new RegExp(`no setting names the inherited socket 127\\.0\\.0\\.1:${was} \\(tcp\\.127\\.0\\.0\\.1\\.${was}\\) any more: it is closed`));
  said(/no setting names the inherited socket \S+\/push\.sock \(unix\.\d+\.\d+\) any more: it is closed/);
  assert.ok(!fs.existsSync(site.path('run', 'push.sock')));
  assert.equal(await ask(doors.port), 'HTTP/1.1 200 OK');
  await eventually(async () => await ask(() => net.connect({ port: was, host: '127.0.0.1' })) === 'ECONNREFUSED', 'the port is free');
  // The same port at another address.
  await restart({ port: otherPort, host: '0.0.0.0' });
  assert.equal(await ask(doors.port), 'HTTP/1.1 200 OK');
  assert.equal(await ask(() => net.connect({ port: otherPort, host: '127.0.0.2' })), 'HTTP/1.1 200 OK');
  await restart();
  answered(await askAll(2));
});

test('a name that somebody has removed is made again', async () => {
  fs.rmSync(site.path('run', 'push.sock'));
  site.expectLog(/no setting names the inherited socket/);
  await restart();
  answered(await askAll(2));
});

// --- given by somebody else

const dir = testDir('held');
after(() => fs.rmSync(dir, { recursive: true }));

/** Start chat-push with descriptors from 3 on. It ends, since a port is asked for that
 *  is none of ours. @return what it said */
async function given(fds, env = {}) {
  const busy = net.createServer();
  await new Promise((resolve) => { busy.listen(0, '127.0.0.1', resolve); });
  const { stderr, code } = await runPush({ SOKETI_HOST: '127.0.0.1', SOKETI_PORT: String(busy.address().port), ...env },
    ['-c', `LISTEN_PID=\${LISTEN_PID:-$$} exec "${path.join(build, 'chat-push')}"`], { stdio: ['ignore', 'ignore', 'pipe', ...fds], program: 'sh' });
  assert.equal(code, 1, stderr);
  busy.close();
  return stderr;
}

test('descriptors that cannot be listened on are named with the reason, and closed', async () => {
  const file = fs.openSync(path.join(dir, 'file'), 'w');
  const words = await given([file, 'pipe'], { LISTEN_FDS: '3', LISTEN_FDNAMES: 'a:b:c' });
  fs.closeSync(file);
  assert.match(words, /warning.*inherited descriptor 3 \(a\) is no socket: not used/);
  assert.match(words, /inherited descriptor 4 \(b\) is a socket that does not listen/);
  assert.match(words, /inherited descriptor 5 \(c\) is announced by LISTEN_FDS and not open: not used/);
  assert.match(await given([], { LISTEN_FDS: 'many' }), /LISTEN_FDS=many is no number of descriptors: none is used/);
  assert.match(await given([], { LISTEN_FDS: '100000' }), /LISTEN_FDS=100000: more than 1024 sockets cannot be taken over/);
  assert.doesNotMatch(await given([], { LISTEN_FDS: '3', LISTEN_PID: '1' }), /inherited/);
});
