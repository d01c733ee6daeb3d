// SPDX-License-Identifier: Apache-2.0
//
// TLS and sockets at a path, through the front door: the clients everybody uses,
// those that read slowly or never finish their handshake, and certificates that
// change while chat-push runs. The certificates are made here by openssl.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { descriptors } from './lib/process.mjs';
import { Push, eventually, runPush, startPush } from './lib/push.mjs';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'chat-push-tls-'));
after(() => fs.rmSync(dir, { recursive: true }));
const at = (name) => path.join(dir, name);
const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });

/** An authority NAME.crt, NAME.key. */
function authority(name) {
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', `/CN=${name}`, '-keyout', at(`${name}.key`), '-out', at(`${name}.crt`));
}

/** NAME.crt and NAME.key, signed by an authority; with a passphrase when one is given. */
function certificate(name, ca, passphrase) {
  openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-subj', `/CN=${name}`,
    ...(passphrase ? ['-passout', `pass:${passphrase}`] : ['-nodes']),
    '-keyout', at(`${name}.key`), '-out', at(`${name}.csr`));
  fs.writeFileSync(at('san'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  openssl('x509', '-req', '-in', at(`${name}.csr`), '-CA', at(`${ca}.crt`), '-CAkey', at(`${ca}.key`), '-CAcreateserial',
    '-days', '2', '-extfile', at('san'), '-out', at(`${name}.crt`));
}

authority('root');
certificate('first', 'root');
certificate('second', 'root');
certificate('locked', 'root', '123456');
fs.copyFileSync(at('first.crt'), at('live.crt'));
fs.copyFileSync(at('first.key'), at('live.key'));
const ca = fs.readFileSync(at('root.crt'));
const env = { SOKETI_SSL_CERT: at('live.crt'), SOKETI_SSL_KEY: at('live.key') };

const push = await startPush({ env: { ...env, SOKETI_EVENT_MAX_SIZE_IN_KB: '200' } });
const pid = push.child.pid;
const agent = new https.Agent({ ca });
const sdk = push.sdk({ useTLS: true, agent });

const url = (p = push) => p.url().replace('ws://', 'wss://');
const wss = (options = {}, p = push) => p.raw({ url: url(p), ws: { ca, ...options } });

/** A TLS connection. @return the socket, once the handshake is done */
function dial(options = {}, port = push.port) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port, ca, ...options }, () => resolve(socket));
    socket.once('error', reject);
  });
}

async function shown(options, port) {
  const socket = await dial(options, port);
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return CN;
}

/** What a TLS client says first. */
function firstBytes() {
  return new Promise((resolve) => {
    const server = net.createServer((socket) => {
      socket.once('data', (bytes) => {
        socket.destroy();
        server.close();
        resolve(bytes);
      });
    }).listen(0, '127.0.0.1', () => tls.connect(server.address().port, '127.0.0.1').on('error', () => {}));
  });
}

async function series(name, p = push) {
  const text = await (await fetch(`${p.metrics}/metrics`)).text();
  const line = text.split('\n').find((l) => l.startsWith(name));
  assert.ok(line, `${name} in\n${text}`);
  return Number(line.split(' ').pop());
}

test('the port says that it speaks TLS', () => {
  assert.match(push.stderr, new RegExp(`listening on 127.0.0.1:${push.port} \\(TLS\\) with`));
});

test('pusher-js and the server SDK need nothing but the certificate', async () => {
  // A process of its own: its authorities come from the environment at its start.
  const client = spawn(process.execPath, ['-e', `
    const Pusher = require('pusher-js');
    const pusher = new Pusher(${JSON.stringify(push.app.key)}, {
      cluster: 'mt1', wsHost: 'localhost', wssPort: ${push.port}, forceTLS: true, enabledTransports: ['ws'], disableStats: true,
    });
    const channel = pusher.subscribe('room');
    channel.bind('pusher:subscription_succeeded', () => console.log('subscribed'));
    channel.bind('e', (data) => { console.log(JSON.stringify(data)); pusher.disconnect(); });
    pusher.connection.bind('error', (e) => console.log('error', e));
  `], {
    cwd: path.dirname(fileURLToPath(import.meta.url)), stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_EXTRA_CA_CERTS: at('root.crt') },
  });
  let out = '';
  client.stdout.on('data', (d) => { out += d; });
  const ended = new Promise((resolve) => client.once('exit', resolve));
  await eventually(() => out.includes('subscribed'), 'pusher-js subscribes', 10000);
  const channels = await (await sdk.get({ path: '/channels' })).json();
  assert.deepEqual(channels, { channels: { room: { occupied: true, subscription_count: 1 } } });
  const r = await sdk.trigger('room', 'e', { text: 'über TLS' });
  assert.equal(r.status, 200);
  await eventually(() => out.includes('{"text":"über TLS"}'), 'the event', 10000);
  await ended;
});

test('big events reach many clients whole and in order', async () => {
  const clients = await Promise.all(Array.from({ length: 40 }, () => wss()));
  await Promise.all(clients.map((c) => c.join('big')));
  const text = (i) => `${i}:${String.fromCharCode(97 + i % 26).repeat(60000 + i * 997)}`;
  for (let i = 0; i < 20; i++) {
    await sdk.trigger('big', 'e', text(i));
  }
  for (const c of clients) {
    for (let i = 0; i < 20; i++) {
      const m = await c.next('e', 20000);
      assert.ok(m.data === text(i), `event ${i}: ${m.data.slice(0, 20)}, ${m.data.length} characters`);
    }
  }
  await Promise.all(clients.map((c) => c.close()));
});

test('big messages from a client are read whole', async () => {
  const [a, b] = [await wss(), await wss()];
  await a.join('private-big');
  await b.join('private-big');
  for (let i = 0; i < 10; i++) {
    const data = { n: i, text: 'x'.repeat(9000) };
    a.send({ event: 'client-e', channel: 'private-big', data });
    assert.deepEqual(JSON.parse((await b.next('client-e')).data), data);
  }
  await a.close();
  await b.close();
});

test('who does not read is cut off and counted, the others hear everything', async () => {
  const [slow, quick] = [await wss(), await wss()];
  await slow.join('flood');
  await quick.join('flood');
  const before = await series('soketi_ends_total{reason="slow"');
  slow.ws._socket.pause();
  const data = 'x'.repeat(90000);
  let n = 0;
  await eventually(async () => {
    await sdk.trigger('flood', 'e', data);
    n++;
    return await series('soketi_ends_total{reason="slow"') === before + 1;
  }, 'the slow one is cut off', 30000);
  for (; n > 0; n--) {
    await quick.next('e');
  }
  slow.ws._socket.resume();
  await slow.closed;
  await quick.close();
});

test('only TLS 1.2 and 1.3 are spoken', async () => {
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
  await assert.rejects(dial(old), /protocol version|unsupported protocol/i);
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    const socket = await dial({ minVersion: version, maxVersion: version });
    assert.equal(socket.getProtocol(), version);
    assert.match(socket.getCipher().name, /GCM|POLY1305/);
    socket.destroy();
  }
  // Forward secrecy or nothing.
  await assert.rejects(dial({ maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256:AES128-SHA' }));
});

test('ALPN is http/1.1', async () => {
  const socket = await dial({ ALPNProtocols: ['h2', 'http/1.1'] });
  assert.equal(socket.alpnProtocol, 'http/1.1');
  socket.destroy();
  await assert.rejects(dial({ ALPNProtocols: ['h2'] }), /application protocol/i);
});

test('a session is resumed by its ticket', async () => {
  const socket = await dial();
  const session = await new Promise((resolve) => socket.once('session', resolve));
  socket.destroy();
  const again = await dial({ session });
  assert.ok(again.isSessionReused());
  again.destroy();
});

test('plain HTTP at the TLS port is told what to say', async () => {
  const r = await push.http('GET', '/ready');
  assert.equal(r.status, 400);
  assert.match(r.text, /This port speaks TLS/);
});

test('clients that leave in their handshake or talk nonsense leave nothing behind', async () => {
  const hello = await firstBytes();
  const before = descriptors(pid);
  const sockets = [];
  for (let i = 0; i < 200; i++) {
    const socket = net.connect(push.port, '127.0.0.1');
    socket.on('error', () => {});
    sockets.push(new Promise((resolve) => { socket.once('close', resolve); }));
    if (i % 2) {
      // Some of it looks like the beginning of a long record: only its end is an end.
      socket.end(Buffer.from(Array.from({ length: 300 }, () => Math.floor(Math.random() * 256))));
      socket.resume();
    } else {
      socket.write(i % 4 ? hello : hello.subarray(0, hello.length / 2));
      setTimeout(() => socket.destroy(), 50);
    }
  }
  await Promise.all(sockets);
  await eventually(() => descriptors(pid) <= before, 'descriptors are given back', 10000);
  const c = await wss();
  await c.close();
});

test('SIGHUP shows a new certificate to new clients, and open sockets stay', async () => {
  const open = await wss();
  await open.join('room');
  assert.equal(await shown(), 'first');
  fs.copyFileSync(at('second.crt'), at('live.crt')); // the key is still to come
  push.child.kill('SIGHUP');
  await eventually(() => /not reloaded.*live\.key is not the key/.test(push.stderr), 'the log says why not');
  assert.equal(await shown(), 'first');
  fs.copyFileSync(at('second.key'), at('live.key'));
  push.child.kill('SIGHUP');
  await eventually(async () => await shown() === 'second', 'the new certificate');
  await push.sdk({ useTLS: true, agent: new https.Agent({ ca }) }).trigger('room', 'e', 'still here');
  assert.equal((await open.next('e')).data, 'still here');
  await open.close();
});

test('a certificate that cannot be used keeps it from starting', async () => {
  const quiet = { SOKETI_HOST: '127.0.0.1', SOKETI_PORT: '0', SOKETI_METRICS_ENABLED: '0' };
  for (const [what, settings, words] of [
    ['of another key', { SOKETI_SSL_CERT: at('first.crt'), SOKETI_SSL_KEY: at('second.key') }, /ssl\.keyPath: .*second\.key is not the key of/],
    ['that is missing', { SOKETI_SSL_CERT: at('none'), SOKETI_SSL_KEY: at('first.key') }, /ssl\.certPath: .*none cannot be read/],
    ['without its key', { SOKETI_SSL_CERT: at('first.crt') }, /ssl\.certPath and ssl\.keyPath go together/],
    ['whose key is locked', { SOKETI_SSL_CERT: at('locked.crt'), SOKETI_SSL_KEY: at('locked.key') }, /locked\.key is encrypted, and ssl\.passphrase is not set/],
    ['whose key is locked otherwise', { SOKETI_SSL_CERT: at('locked.crt'), SOKETI_SSL_KEY: at('locked.key'), SOKETI_SSL_PASS: '1234' }, /locked\.key is encrypted, and not with ssl\.passphrase/],
    ['with no authority', { ...env, SOKETI_SSL_CA: at('first.key') }, /ssl\.caPath: .*first\.key holds no certificate/],
    ['with a port for nothing', { CHAT_PUSH_SSL_PORT: '0' }, /ssl\.port is set, but/],
  ]) {
    const { code, stderr } = await runPush({ ...quiet, ...settings });
    assert.equal(code, 1, what);
    assert.match(stderr, words, what);
    assert.doesNotMatch(stderr, /listening/, what);
  }
});

test('a locked key, authorities for clients, TLS on a port of its own', async () => {
  authority('stranger');
  certificate('friend', 'root');
  certificate('impostor', 'stranger');
  const both = await new Push().start({
    env: {
      SOKETI_SSL_CERT: at('locked.crt'), SOKETI_SSL_KEY: at('locked.key'), SOKETI_SSL_PASS: '123456', SOKETI_SSL_CA: at('root.crt'),
      CHAT_PUSH_SSL_PORT: '0',
    },
  });
  const tlsPort = Number(both.stderr.match(/ and 127\.0\.0\.1:(\d+) \(TLS\)/)[1]);
  const plain = await both.raw(); // `port` has stayed plain
  await plain.join('room');
  assert.equal(await shown({}, tlsPort), 'locked');
  const card = (name) => ({ cert: fs.readFileSync(at(`${name}.crt`)), key: fs.readFileSync(at(`${name}.key`)) });
  assert.equal(await shown(card('friend'), tlsPort), 'locked');
  const secure = `wss://127.0.0.1:${tlsPort}/app/${both.app.key}?protocol=7`;
  await assert.rejects(both.raw({ url: secure, ws: { ca, ...card('impostor') } }));
  const c = await both.raw({ url: secure, ws: { ca } });
  await c.join('room');
  await both.sdk().trigger('room', 'e', 'both');
  assert.equal((await c.next('e')).data, 'both');
  assert.equal((await plain.next('e')).data, 'both');
  await plain.close();
  await c.close();
  assert.deepEqual(await both.stop(), { code: 0, signal: null });
});

test('at SIGTERM clients hear the close code through TLS', async () => {
  const other = await new Push().start({ env });
  const c = await wss({}, other);
  assert.deepEqual(await other.stop(), { code: 0, signal: null });
  assert.equal((await c.closed).code, 4200);
});

test('a socket at a path takes publishers and clients, without TCP', async () => {
  const sock = at('push.sock');
  const local = await new Push().start({ env: { SOKETI_PORT: '-1', CHAT_PUSH_UNIX_PATH: sock, CHAT_PUSH_UNIX_MODE: '600' } });
  assert.match(local.stderr, new RegExp(`listening on unix:${sock} with`));
  assert.equal(fs.statSync(sock).mode & 0o777, 0o600);
  const clients = [];
  for (let i = 0; i < 4; i++) { // on both loops
    clients.push(await local.raw({ url: `ws+unix:${sock}:/app/${local.app.key}?protocol=7` }));
    await clients[i].join('room');
  }
  const r = await local.sdk({ port: '80', agent: new http.Agent({ socketPath: sock }) }).trigger('room', 'e', 'hello');
  assert.equal(r.status, 200);
  for (const c of clients) {
    assert.equal((await c.next('e')).data, 'hello');
  }

  // A second one does not take it away.
  const second = await runPush({ SOKETI_PORT: '-1', SOKETI_METRICS_ENABLED: '0', CHAT_PUSH_UNIX_PATH: sock });
  assert.equal(second.code, 1);
  assert.match(second.stderr, /cannot listen on .*push\.sock: another process has it/);

  await local.stop('SIGKILL');
  await Promise.all(clients.map((c) => c.closed));
  assert.ok(fs.existsSync(sock));
  const next = await new Push().start({ env: { SOKETI_PORT: '-1', CHAT_PUSH_UNIX_PATH: sock } });
  const c = await next.raw({ url: `ws+unix:${sock}:/app/${next.app.key}?protocol=7` });
  await next.stop();
  assert.equal((await c.closed).code, 4200);
  assert.ok(!fs.existsSync(sock));
});
