// SPDX-License-Identifier: Apache-2.0
//
// What strangers send: every field of every Pusher message and of every HTTP API
// body with every kind of value it should not have; floods, drips, resets and half
// of things; requests that two servers could read in two ways. Each is answered
// with an error or refused, and one bad socket ends one socket: after every test a
// bystander has heard each numbered event once, in order, the process is the same
// one and has as many descriptors as before.

import assert from 'node:assert/strict';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { after, afterEach, test } from 'node:test';
import { eventually, sleep, startPush } from './lib/push.mjs';
import { descriptors } from './lib/process.mjs';

const push = await startPush();
const pid = push.child.pid;
const started = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[21];
const bystander = await push.raw();
await bystander.join('calm');
await bystander.join('presence-calm', { data: { user_id: 'calm' } });
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 }); // one descriptor for all of ours
const call = (method, route, options) => push.call(method, route, { agent, ...options });
await call('GET', '/channels');
after(() => agent.destroy());
const quiet = descriptors(pid);
let number = 0;

/** Nothing that happened has touched who had nothing to do with it. */
async function undisturbed(kept = 0) {
  const from = number;
  for (let i = 0; i < 3; i++) {
    assert.equal((await call('POST', '/events', { body: { name: 'n', channel: 'calm', data: String(++number) } })).status, 200);
  }
  for (let i = from + 1; i <= number; i++) {
    assert.equal((await bystander.next('n')).data, String(i));
  }
  assert.deepEqual(await bystander.drain(), []);
  assert.equal(push.child.exitCode, null);
  assert.equal(fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[21], started, 'the process is the same');
  await eventually(() => descriptors(pid) <= quiet + kept, 'descriptors are given back', 20000);
}

// Heads that never end hold their sockets while the other tests run (the last test).
const SLOW = 200;
let slow = [];
let drip;
afterEach(() => undisturbed(slow.length));
after(() => {
  clearInterval(drip);
  slow.forEach((c) => c.socket.destroy());
});

// --- raw connections

/** A connection whose bytes are ours; `said` grows, `ended` resolves when it is over. */
function dial() {
  const socket = net.connect({ port: push.port, host: '127.0.0.1', allowHalfOpen: true });
  const c = { socket, said: Buffer.alloc(0) };
  c.ended = new Promise((resolve) => {
    socket.on('end', resolve).on('close', resolve);
  });
  socket.on('error', () => {});
  socket.on('data', (d) => { c.said = Buffer.concat([c.said, d]); });
  c.ready = new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
  return c;
}

/** Say this, then end our side; what is answered until the other side ends. */
async function say(bytes) {
  const c = dial();
  await c.ready;
  c.socket.end(bytes, 'latin1');
  const cut = setTimeout(() => c.socket.destroy(), 10000);
  await c.ended;
  clearTimeout(cut);
  c.socket.destroy();
  return answers(c.said.toString('latin1'));
}

/** The answers in a text, each with its status and body. */
function answers(text) {
  const found = [];
  while (text.length) {
    const end = text.indexOf('\r\n\r\n');
    assert.ok(end > 0, `half an answer: ${JSON.stringify(text.slice(0, 200))}`);
    const head = text.slice(0, end);
    const status = Number(head.match(/^HTTP\/1\.1 (\d{3}) /)?.[1]);
    assert.ok(status, `no answer: ${JSON.stringify(head.slice(0, 100))}`);
    const length = Number(head.match(/\r\nContent-Length: (\d+)/i)?.[1] ?? 0);
    found.push({ status, head, body: text.slice(end + 4, end + 4 + length) });
    text = text.slice(end + 4 + length);
  }
  return found;
}

const statuses = (list) => list.map((a) => a.status).join();

const UPGRADE = `GET /app/key1?protocol=7 HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${
  Buffer.alloc(16).toString('base64')}\r\n\r\n`;

/** A masked frame. */
function frame(first, payload, mask = 0) {
  const data = Buffer.from(payload);
  const head = data.length < 126 ? Buffer.from([first, 0x80 | data.length, 0, 0, 0, 0])
    : Buffer.from([first, 0xfe, data.length >> 8, data.length & 255, 0, 0, 0, 0]);
  head.writeUInt32BE(mask >>> 0, head.length - 4);
  return Buffer.concat([head, data]);
}

/** A WebSocket of raw bytes, established. */
async function upgraded() {
  const c = dial();
  await c.ready;
  c.socket.write(UPGRADE);
  await eventually(() => c.said.includes('connection_established'), 'established');
  c.said = Buffer.alloc(0);
  return c;
}

/** The code of the close frame at the end of what was said. */
async function closeCode(c) {
  await Promise.race([c.ended, sleep(10000)]);
  c.socket.destroy();
  const at = c.said.lastIndexOf(0x88);
  return at < 0 ? null : c.said.readUInt16BE(at + 2);
}

test('two hundred clients begin a head and go on a byte a second', async () => {
  slow = await Promise.all(Array.from({ length: SLOW }, async () => {
    const c = dial();
    await c.ready;
    c.socket.write('GET /app/key1?protocol=7 HTTP/1.1\r\nHost: h\r\nX: ');
    return c;
  }));
  drip = setInterval(() => slow.forEach((c) => c.socket.writable && c.socket.write('y')), 1000);
});

// --- values a field should not have, as JSON text; `undefined` leaves it out

const deep = (n) => `${'['.repeat(n)}${']'.repeat(n)}`;
const wrong = {
  missing: undefined, null: 'null', true: 'true', zero: '0', negative: '-1', fraction: '1.5', 'minus zero': '-0',
  'past 64 bits': '99999999999999999999', 'past double': '1e400', 'a tiny number': '1e-400', 'long digits': '1'.repeat(5000),
  'empty text': '""', 'lone surrogate': '"\\ud800"', 'surrogates reversed': '"\\udc00\\ud800"', NUL: '"a\\u0000b"', 'bad escape': '"\\x"',
  'raw control': '"\u0001"', list: '[]', 'list of lists': '[[[]]]', object: '{}', 'deep list': deep(10000), 'deep unfinished': '['.repeat(10000),
  'deep object': `${'{"a":'.repeat(10000)}1${'}'.repeat(10000)}`, 'twice the same key': '{"a":1,"a":2}', prototype: '{"__proto__":{"x":1}}',
  huge: `"${'x'.repeat(60000)}"`, 'leading zero': '07', 'plus sign': '+7', NaN: 'NaN', infinity: 'Infinity', hexadecimal: '0x10', comment: '/**/1',
};

const object = (fields) => `{${Object.entries(fields).filter(([, v]) => v !== undefined).map(([k, v]) => `${JSON.stringify(k)}:${v}`).join(',')}}`;

/* Every message: its name, the fields around, and where the wrong value goes. What a
 * field may be after all is named, and then the answer may be none. */
const signature = `"key1:${'0'.repeat(64)}"`;
const messages = [
  ['pusher:subscribe, data', (v) => object({ event: '"pusher:subscribe"', data: v })],
  ['pusher:subscribe, channel', (v) => object({ event: '"pusher:subscribe"', data: object({ channel: v }) })],
  ['pusher:subscribe, auth', (v) => object({ event: '"pusher:subscribe"', data: object({ channel: '"private-x"', auth: v }) })],
  ['pusher:subscribe, channel_data', (v) => object({ event: '"pusher:subscribe"', data: object({ channel: '"presence-x"', auth: signature, channel_data: v }) })],
  ['pusher:unsubscribe, data', (v) => object({ event: '"pusher:unsubscribe"', data: v })],
  ['pusher:unsubscribe, channel', (v) => object({ event: '"pusher:unsubscribe"', data: object({ channel: v }) }), ['huge']],
  ['pusher:signin, data', (v) => object({ event: '"pusher:signin"', data: v })],
  ['pusher:signin, auth', (v) => object({ event: '"pusher:signin"', data: object({ auth: v, user_data: '"{}"' }) })],
  ['pusher:signin, user_data', (v) => object({ event: '"pusher:signin"', data: object({ auth: signature, user_data: v }) })],
  ['client event, channel', (v) => object({ event: '"client-x"', channel: v, data: '{}' })],
  ['client event, data', (v) => object({ event: '"client-x"', channel: '"private-x"', data: v })],
  ['unknown event, data', (v) => object({ event: '"pusher:nothing"', data: v })],
  ['an event of the server, data', (v) => object({ event: '"pusher_internal:member_added"', channel: '"presence-calm"', data: v })],
  ['event', (v) => object({ event: v, data: '{}' })],
  ['all of it', (v) => v ?? ''],
];

test('every field of every message with every wrong value is answered with one error', async () => {
  for (const [where, shape, fine = []] of messages) {
    const s = await push.raw();
    for (const [what, value] of Object.entries(wrong)) {
      s.send(shape(value));
      const got = (await s.drain()).map((m) => m.event);
      if (!fine.includes(what)) {
        assert.deepEqual(got.map((e) => /^pusher:(subscription_)?error$/.test(e)), [true], `${where}: ${what}: ${got}`);
      }
    }
    await s.close();
  }
});

test('a field given twice is an error, whichever of the two was meant', async () => {
  const s = await push.raw();
  for (const text of [
    '{"event":"pusher:ping","event":"pusher:subscribe","data":{"channel":"x"}}',
    '{"event":"pusher:subscribe","data":{"channel":"a"},"data":{"channel":"b"}}',
    '{"event":"pusher:subscribe","data":{"channel":"a","ch\\u0061nnel":"b"}}',
    '{"event":"pusher:signin","data":{"auth":"x","user_data":"{}","user_data":"{}"}}',
    '{"event":"client-x","channel":"private-a","channel":"private-b","data":1}',
  ]) {
    s.send(text);
    assert.deepEqual((await s.drain()).map((m) => m.event), ['pusher:error'], text);
  }
  await s.close();
});

test('pings and pongs are answered or taken, whatever their data', async () => {
  const s = await push.raw();
  const parsed = ['missing', 'null', 'true', 'zero', 'fraction', 'empty text', 'list', 'object', 'huge'];
  for (const what of parsed) {
    s.send(object({ event: '"pusher:ping"', data: wrong[what] }));
    await s.next('pusher:pong');
    s.send(object({ event: '"pusher:pong"', data: wrong[what] }));
    assert.deepEqual(await s.drain(), [], what);
  }
  await s.close();
});

// --- the HTTP API

const bodies = {
  '/events': { name: '"e"', channel: '"elsewhere"', data: '"x"', channels: undefined, socket_id: undefined, info: undefined },
  '/users/7/events': { name: '"e"', data: '"x"' },
  '/batch_events': { batch: '[{"name":"e","channel":"elsewhere","data":"x"}]' },
};

/* Data may be any JSON, as Soketi's users send it; and what is optional may be left out. */
const asData = ['true', 'zero', 'negative', 'fraction', 'minus zero', 'empty text', 'list', 'list of lists', 'object', 'prototype', 'a tiny number', 'past 64 bits', 'long digits', 'past double', 'twice the same key'];
const may = { data: asData, socket_id: ['missing', 'null'], info: ['missing', 'null', 'empty text'] };

test('every field of every body with every wrong value is refused with 400', async () => {
  for (const [route, fields] of Object.entries(bodies)) {
    for (const name of Object.keys(fields)) {
      for (const [what, value] of Object.entries(wrong)) {
        const around = { ...fields, [name]: value, ...(name === 'channels' ? { channel: undefined } : {}) };
        const r = await call('POST', route, { body: object(around) });
        const says = `${route} ${name}: ${what}: ${r.status} ${r.text}`;
        if (may[name]?.includes(what)) {
          assert.equal(r.status, 200, says);
          continue;
        }
        assert.ok(r.status === 400 || (r.status === 413 && what === 'huge'), says);
        assert.equal(r.json.code, r.status);
        assert.ok(r.json.error);
      }
    }
    for (const [what, value] of Object.entries(wrong)) {
      const r = await call('POST', route, { body: value ?? '' });
      assert.equal(r.status, 400, `${route}: ${what}: ${r.text}`);
    }
  }
  for (const [name, around] of [['name', (v) => object({ name: v, channel: '"c"', data: '"x"' })], ['channel', (v) => object({ name: '"e"', channel: v, data: '"x"' })],
    ['data', (v) => object({ name: '"e"', channel: '"c"', data: v })], ['item', (v) => v ?? '']]) {
    for (const [what, value] of Object.entries(wrong)) {
      const r = await call('POST', '/batch_events', { body: `{"batch":[${around(value)}]}` });
      assert.ok((r.status === 200 && may[name]?.includes(what)) || r.status === 400 || (r.status === 413 && what === 'huge'), `batch ${name}: ${what}: ${r.status} ${r.text}`);
    }
  }
});

test('odd names in paths and parameters are answered, never with a failure of ours', async () => {
  const odd = ['', ' ', '%', '%zz', '\u0000', '../..', 'é', '😀', 'x'.repeat(3000), 'presence-', '#', '#server-to-user-1', 'a,b', '"', '[]', '{}', '-1', '1e9'];
  for (const value of odd) {
    for (const params of [{ filter_by_prefix: value }, { info: value }, { filter_by_prefix: 'presence-', info: value }]) {
      const r = await call('GET', '/channels', { params });
      assert.ok([200, 400].includes(r.status), `${JSON.stringify(params)}: ${r.status} ${r.text}`);
    }
    const path = encodeURIComponent(value);
    for (const [method, route] of [['GET', `/channels/${path}`], ['GET', `/channels/${path}/users`], ['POST', `/users/${path}/terminate_connections`], ['POST', `/users/${path}/events`]]) {
      const r = await call(method, route, { body: method === 'POST' ? {} : undefined });
      assert.ok([200, 400, 404].includes(r.status), `${method} ${route}: ${r.status} ${r.text}`);
    }
  }
  // As many parameters as a head has room for: signed, and each counted.
  const many = Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`p${i}`, '1']));
  const r = await call('GET', '/channels', { params: many });
  assert.ok([200, 400].includes(r.status), `${r.status} ${r.text}`);
  const [repeated] = await say(`GET /apps/app1/channels?${'auth_key=key1&'.repeat(1000)} HTTP/1.1\r\nHost: h\r\n\r\n`);
  assert.ok([400, 401].includes(repeated.status), String(repeated.status));
});

// --- requests that two servers may read in two ways

function signed(method, route, body = '') {
  const params = { auth_key: 'key1', auth_timestamp: Math.floor(Date.now() / 1000), auth_version: '1.0' };
  if (body) {
    params.body_md5 = createHash('md5').update(body).digest('hex');
  }
  const query = Object.keys(params).sort().map((k) => `${k}=${params[k]}`).join('&');
  const sum = createHmac('sha256', 'secret1').update(`${method}\n/apps/app1${route}\n${query}`).digest('hex');
  return `/apps/app1${route}?${query}&auth_signature=${sum}`;
}

const EVENT = '{"name":"smuggled","channel":"calm","data":"x"}';
const GET = 'GET /ready HTTP/1.1\r\nHost: h\r\n\r\n';

test('a body that could end in two places is refused, and nothing behind it is read', async () => {
  const inner = `POST ${signed('POST', '/events', EVENT)} HTTP/1.1\r\nHost: h\r\nContent-Length: ${EVENT.length}\r\n\r\n${EVENT}`;
  for (const [what, headers, body = ''] of [
    ['length and chunked', 'Content-Length: 4\r\nTransfer-Encoding: chunked', '0\r\n\r\n'],
    ['chunked and length', 'Transfer-Encoding: chunked\r\nContent-Length: 4', '0\r\n\r\n'],
    ['two lengths', 'Content-Length: 0\r\nContent-Length: 5'],
    ['a list of lengths', 'Content-Length: 0, 5'],
    ['the same length twice', 'Content-Length: 0\r\nContent-Length: 0'],
    ['a signed length', 'Content-Length: +0'],
    ['a negative length', 'Content-Length: -1'],
    ['a hexadecimal length', 'Content-Length: 0x0'],
    ['a length with a gap', 'Content-Length: 0 0'],
    ['an empty length', 'Content-Length: '],
    ['a length past 64 bits', 'Content-Length: 18446744073709551616'],
    ['an unknown coding', 'Transfer-Encoding: xchunked'],
    ['chunked last but one', 'Transfer-Encoding: chunked, identity'],
    ['gzip and chunked', 'Transfer-Encoding: gzip, chunked'],
    ['chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', '0\r\n\r\n'],
    ['chunked twice in a list', 'Transfer-Encoding: chunked, chunked', '0\r\n\r\n'],
    ['a quoted coding', 'Transfer-Encoding: "chunked"', '0\r\n\r\n'],
    ['a vertical tab', 'Transfer-Encoding: \x0bchunked', '0\r\n\r\n'],
    ['a blank before the colon', 'Transfer-Encoding : chunked', '0\r\n\r\n'],
    ['a blank before the name', ' Transfer-Encoding: chunked', '0\r\n\r\n'],
    ['a folded line', 'X: a\r\n\tTransfer-Encoding: chunked', '0\r\n\r\n'],
    ['a bare line feed', 'X: a\nTransfer-Encoding: chunked', '0\r\n\r\n'],
    ['a bare carriage return', 'X: a\rTransfer-Encoding: chunked', '0\r\n\r\n'],
    ['a NUL', 'X: a\0b'],
    ['two hosts', 'Host: other'],
    ['a chunk of no size', 'Transfer-Encoding: chunked', '\r\n\r\n'],
    ['a negative chunk', 'Transfer-Encoding: chunked', '-1\r\n\r\n'],
    ['a chunk with 0x', 'Transfer-Encoding: chunked', '0x0\r\n\r\n'],
    ['a chunk longer than said', 'Transfer-Encoding: chunked', '1\r\nab\r\n0\r\n\r\n'],
    ['a chunk with bare line feeds', 'Transfer-Encoding: chunked', '0\n\n'],
    ['a size of 17 digits', 'Transfer-Encoding: chunked', '00000000000000000\r\n\r\n'],
    ['a gap before the size', 'Transfer-Encoding: chunked', ' 0\r\n\r\n'],
  ]) {
    const got = await say(`POST ${signed('POST', '/events')} HTTP/1.1\r\nHost: h\r\n${headers}\r\n\r\n${body}${inner}`);
    assert.equal(got.length, 1, `${what}: ${statuses(got)}`);
    assert.ok([400, 401, 413, 501].includes(got[0].status), `${what}: ${got[0].status}`);
    assert.match(got[0].head, /\r\nConnection: close/, what);
  }
});

test('what is one request to everybody is answered, with another behind it', async () => {
  for (const [what, request, status] of [
    ['plain', 'GET /ready HTTP/1.1\r\nHost: h\r\n\r\n', 200],
    ['an absolute target', 'GET http://other/ready HTTP/1.1\r\nHost: h\r\n\r\n', 200],
    ['an absolute target in upper case', 'GET HTTP://other/ready HTTP/1.1\r\nHost: h\r\n\r\n', 200],
    ['an empty query', 'GET /ready? HTTP/1.1\r\nHost: h\r\n\r\n', 200],
    ['an empty line before', '\r\nGET /ready HTTP/1.1\r\nHost: h\r\n\r\n', 200],
    ['an asterisk', 'OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n', [200, 204, 400, 404, 405]],
    ['two slashes', 'GET //ready HTTP/1.1\r\nHost: h\r\n\r\n', 404],
    ['dots', 'GET /./ready HTTP/1.1\r\nHost: h\r\n\r\n', 404],
    ['dots upwards', 'GET /apps/../ready HTTP/1.1\r\nHost: h\r\n\r\n', [401, 404]],
    ['an escaped slash', 'GET /%2fready HTTP/1.1\r\nHost: h\r\n\r\n', 404],
    ['an escaped NUL', 'GET /ready%00 HTTP/1.1\r\nHost: h\r\n\r\n', [400, 404]],
    ['a method in small letters', 'get /ready HTTP/1.1\r\nHost: h\r\n\r\n', [404, 405, 501]],
    ['a method nobody knows', 'BREW /ready HTTP/1.1\r\nHost: h\r\n\r\n', [404, 405, 501]],
    ['Connection with a list', 'GET /ready HTTP/1.1\r\nHost: h\r\nConnection: foo, , keep-alive\r\n\r\n', 200],
    ['Upgrade to something else', 'GET /ready HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n', 200],
    ['a chunked body', 'POST /apps/app1/none HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n', 404],
    ['64 headers', `GET /ready HTTP/1.1\r\nHost: h\r\n${'X: y\r\n'.repeat(63)}\r\n`, 200],
  ]) {
    const got = await say(request + GET);
    assert.ok([status].flat().includes(got[0]?.status), `${what}: ${statuses(got)}`);
    assert.equal(got[1]?.status, 200, `${what}: the next request: ${statuses(got)}`);
  }
});

test('what is no request ends its connection with an error or without a word', async () => {
  for (const [what, bytes, status] of [
    ['HTTP/0.9', 'GET /ready\r\n', 400],
    ['HTTP/2.0', 'GET /ready HTTP/2.0\r\nHost: h\r\n\r\n', 505],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
    ['HTTP/1.2', 'GET /ready HTTP/1.2\r\nHost: h\r\n\r\n', 505],
    ['a version in small letters', 'GET /ready http/1.1\r\nHost: h\r\n\r\n', 400],
    ['two blanks', 'GET  /ready HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['a blank at the end', 'GET /ready HTTP/1.1 \r\nHost: h\r\n\r\n', 400],
    ['a fragment', 'GET /ready#x HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['bytes that are not ASCII', 'GET /\xff\xfe HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['an authority', 'CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['a target without slash', 'GET ready HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['another scheme', 'GET ftp://h/ready HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['a scheme without authority', 'GET http:///ready HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['no Host', 'GET /ready HTTP/1.1\r\n\r\n', 400],
    ['two Hosts that agree', 'GET /ready HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n', 400],
    ['a header without name', 'GET /ready HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n', 400],
    ['a header without colon', 'GET /ready HTTP/1.1\r\nHost: h\r\nnothing\r\n\r\n', 400],
    ['65 headers', `GET /ready HTTP/1.1\r\nHost: h\r\n${'X: y\r\n'.repeat(64)}\r\n`, 431],
    ['a header of 64 kB', `GET /ready HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(65536)}\r\n\r\n`, 431],
    ['a name of 64 kB', `GET /ready HTTP/1.1\r\nHost: h\r\n${'x'.repeat(65536)}: y\r\n\r\n`, 431],
    ['a target of 64 kB', `GET /${'x'.repeat(65536)} HTTP/1.1\r\nHost: h\r\n\r\n`, [400, 414, 431]],
    ['a line that never ends', 'x'.repeat(200000), [400, 431]],
    ['a method of 64 kB', `${'X'.repeat(65536)} / HTTP/1.1\r\nHost: h\r\n\r\n`, [400, 431]],
    ['empty lines', '\r\n'.repeat(20000), 400],
    ['a TLS hello', `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${'\x00\n'.repeat(200)}`, 400],
    ['an SSH greeting', 'SSH-2.0-OpenSSH_9.2\r\n', 400],
    ['a proxy greeting', 'PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\nGET /ready HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['NULs', '\0'.repeat(1000), []],
    ['nothing', '', []],
    ['half a head', 'GET /ready HTTP/1.1\r\nHo', []],
    ['half a body', `POST ${signed('POST', '/events', EVENT)} HTTP/1.1\r\nHost: h\r\nContent-Length: ${EVENT.length}\r\n\r\n{"name"`, []],
    ['trailers of 64 kB', `POST ${signed('POST', '/events', EVENT)} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${'X: y\r\n'.repeat(11000)}\r\n`, [400, 431]],
    ['an extension of 64 kB', `POST ${signed('POST', '/events', EVENT)} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(65536)}\r\n`, 400],
  ]) {
    const got = await say(bytes);
    assert.ok(got.length <= 1, `${what}: ${statuses(got)}`);
    assert.ok(got.length === 0 ? [status].flat().length === 0 || Array.isArray(status) : [status].flat().includes(got[0].status), `${what}: ${statuses(got)}`);
  }
  for (let i = 0; i < 200; i++) {
    const got = await say(randomBytes(1 + (i * 37) % 3000));
    assert.ok(got.length <= 1 && got.every((a) => a.status >= 400), statuses(got));
  }
});

test('HTTP/1.0, Expect and Connection are read as they are meant', async () => {
  const old = await say('GET /ready HTTP/1.0\r\n\r\n' + GET);
  assert.deepEqual([statuses(old), /Connection: close/.test(old[0].head)], ['200', true]);
  const kept = await say('GET /ready HTTP/1.0\r\nConnection: keep-alive\r\n\r\n' + GET);
  assert.match(statuses(kept), /^200(,200)?$/);
  for (const value of ['close', 'Close', 'keep-alive, close', 'close, x', 'x,close ']) {
    assert.equal(statuses(await say(`GET /ready HTTP/1.1\r\nHost: h\r\nConnection: ${value}\r\n\r\n${GET}`)), '200', value);
  }
  assert.equal(statuses(await say(`GET /ready HTTP/1.1\r\nHost: h\r\nConnection: closed, xclose\r\n\r\n${GET}`)), '200,200');
  const c = dial();
  await c.ready;
  c.socket.write(`POST ${signed('POST', '/events', EVENT)} HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: ${EVENT.length}\r\n\r\n`);
  await eventually(() => c.said.includes('HTTP/1.1 100 '), '100');
  c.socket.destroy(); // and then says no more
  const unknown = await say('GET /ready HTTP/1.1\r\nHost: h\r\nExpect: the-impossible\r\n\r\n');
  assert.ok([200, 417].includes(unknown[0].status), statuses(unknown));
});

test('a body of tiny chunks with long extensions is read, within its limit', async () => {
  const chunks = [...EVENT.replace('smuggled', 'chunks')].map((ch) => `1;${'x'.repeat(900)}\r\n${ch}\r\n`).join('');
  const [r] = await say(`POST ${signed('POST', '/events', EVENT.replace('smuggled', 'chunks'))} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`);
  assert.equal(r.status, 200);
  await bystander.next('chunks');
  // 20 MB of extensions around one byte each: bounded memory, an answer at the end.
  const flood = `1;${'x'.repeat(1000)}\r\nx\r\n`.repeat(20000);
  const [refused] = await say(`POST ${signed('POST', '/events', EVENT)} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${flood}0\r\n\r\n`);
  assert.ok([400, 401, 413].includes(refused.status), String(refused.status));
});

// --- floods

test('a thousand pings and a thousand requests in one packet are all answered, in order', async () => {
  const c = await upgraded();
  const pings = Array.from({ length: 1000 }, (_, i) => [frame(0x89, String(i)), frame(0x81, '{"event":"pusher:ping","data":{}}')]).flat();
  c.socket.write(Buffer.concat(pings));
  const pong = '{"event":"pusher:pong","data":"{}"}';
  const expected = Buffer.concat(Array.from({ length: 1000 }, (_, i) => [
    Buffer.from([0x8a, String(i).length]), Buffer.from(String(i)), Buffer.from([0x81, pong.length]), Buffer.from(pong)]).flat());
  await eventually(() => c.said.length >= expected.length, 'all answers', 20000);
  assert.ok(c.said.equals(expected));
  c.socket.destroy();
  const got = await say(GET.repeat(1000));
  assert.equal(got.length, 1000);
  assert.ok(got.every((a) => a.status === 200));
});

test('200,000 fragments of nothing and of one byte end in a message or in 1009', async () => {
  const nothing = await upgraded();
  nothing.socket.write(frame(0x01, '{'));
  const empty = Buffer.concat(Array.from({ length: 1000 }, () => frame(0x00, '')));
  for (let i = 0; i < 200; i++) {
    nothing.socket.write(empty);
  }
  nothing.socket.write(frame(0x80, '}'));
  await eventually(() => nothing.said.includes('pusher:error') || nothing.socket.destroyed || nothing.said.includes(0x88), 'an answer', 30000);
  nothing.socket.destroy();
  const bytes = await upgraded();
  bytes.socket.write(frame(0x01, '"'));
  const one = Buffer.concat(Array.from({ length: 1000 }, () => frame(0x00, 'x')));
  for (let i = 0; i < 200; i++) {
    bytes.socket.write(one);
  }
  assert.equal(await closeCode(bytes), 1009);
});

test('reserved bits, lengths past all limits and unmasked frames close their own socket', async () => {
  for (const [what, bytes, code] of [
    ['the bit of compression, which was not agreed', frame(0xc1, '{}'), 1002],
    ['the same on a continuation', Buffer.concat([frame(0x01, '{'), frame(0xc0, '}')]), 1002],
    ['the same on a ping', frame(0xc9, ''), 1002],
    ['a length of 2^63', Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 1002],
    ['a length of 2^62', Buffer.from([0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 1009],
    ['a length of 4 GB', Buffer.from([0x81, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), 1009],
    ['no mask', Buffer.from([0x81, 2, 0x7b, 0x7d]), 1002],
    ['bad UTF-8', frame(0x81, Buffer.from([0xc3, 0x28])), 1007],
    ['HTTP', Buffer.from(GET), 1002],
  ]) {
    const c = await upgraded();
    c.socket.write(bytes);
    assert.equal(await closeCode(c), code, what);
  }
});

test('resets at every stage of a connection leave nothing behind', async () => {
  const stages = [
    [], ['GET /app/key1?proto'], [UPGRADE], [UPGRADE, frame(0x81, '{"event":"pusher:subscribe","data":{"channel":"calm"}}')],
    [UPGRADE, frame(0x01, '{"event":')], [UPGRADE, frame(0x81, '{}').subarray(0, 3)], [UPGRADE, frame(0x88, Buffer.from([3, 232]))],
    [`POST ${signed('POST', '/events', EVENT)} HTTP/1.1\r\nHost: h\r\nContent-Length: 40\r\n\r\n{"na`], [GET.repeat(100)],
  ];
  for (let round = 0; round < 10; round++) {
    const crowd = await Promise.all(Array.from({ length: 90 }, async (_, i) => {
      const c = dial();
      await c.ready;
      stages[i % stages.length].forEach((bytes) => c.socket.write(bytes));
      return c;
    }));
    crowd.forEach((c) => c.socket.resetAndDestroy());
  }
  await eventually(async () => (await call('GET', '/channels/calm')).json.subscription_count === 1, 'only the bystander is left', 20000);
});

test('who ends its side and still listens is answered and let go', async () => {
  const c = await upgraded();
  c.socket.end(frame(0x81, '{"event":"pusher:subscribe","data":{"channel":"half"}}'));
  await Promise.race([c.ended, sleep(8000)]);
  c.socket.destroy();
  await eventually(async () => (await call('GET', '/channels/half')).json.occupied === false, 'the channel is vacated', 10000);
  assert.equal(statuses(await say(GET.repeat(3))), '200,200,200', 'requests before the end are answered');
});

test('who subscribes and stops reading is dropped, whoever reads hears everything', { timeout: 60000 }, async () => {
  const stuck = await Promise.all(Array.from({ length: 5 }, () => upgraded()));
  for (const c of stuck) {
    c.socket.write(frame(0x81, '{"event":"pusher:subscribe","data":{"channel":"wide"}}'));
    await eventually(() => c.said.includes('subscription_succeeded'), 'subscribed');
    c.socket.pause();
  }
  const reader = await push.raw();
  await reader.join('wide');
  const data = 'x'.repeat(10000);
  let sent = 0;
  while ((await call('GET', '/channels/wide')).json.subscription_count > 1) {
    assert.ok(sent < 5000, 'they were never dropped');
    for (let i = 0; i < 50; i++, sent++) {
      assert.equal((await call('POST', '/events', { body: { name: 'w', channel: 'wide', data: `${sent} ${data}` } })).status, 200);
    }
  }
  const heard = (await reader.drain()).map((m) => Number(m.data.split(' ')[0]));
  assert.deepEqual(heard, Array.from({ length: sent }, (_, i) => i));
  await reader.close();
  stuck.forEach((c) => c.socket.destroy());
});

test('subscribe floods are answered one by one, ended when they go on, and forgotten', async () => {
  const c = await upgraded();
  // More than two minutes' worth (10,000 each) with the 200 refusals that are borne in each.
  const texts = Array.from({ length: 25000 }, (_, i) => frame(0x81, `{"event":"pusher:subscribe","data":{"channel":"flood-${i}"}}`));
  c.socket.write(Buffer.concat(texts));
  await c.ended;
  const said = c.said.toString('latin1');
  assert.equal(said.match(/subscription_succeeded/g).length, 1000, 'up to the limit of a connection');
  assert.ok(said.match(/subscription_error/g).length >= 1200);
  assert.ok(said.match(/"status":4301/g).length >= 200);
  c.socket.destroy();
  await eventually(async () => !/flood/.test((await call('GET', '/channels', { params: { filter_by_prefix: 'flood-' } })).text), 'all are vacated');
});

// --- heads that never end

test('two hundred heads that came in drops held up none of this, and are ended with 408', { timeout: 120000 }, async () => {
  await Promise.all(slow.map((c) => c.ended));
  for (const c of slow) {
    assert.match(c.said.toString('latin1'), /^HTTP\/1\.1 408 /);
  }
  clearInterval(drip);
  slow.forEach((c) => c.socket.destroy());
  slow = [];
});
