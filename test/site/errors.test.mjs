// SPDX-License-Identifier: Apache-2.0
//
// What httpd refuses by itself, below the chat's URLs: for programs it has the shape of
// every other error; a browser keeps httpd's page. And bodies that are compressed.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import zlib from 'node:zlib';
import { eventually, startSite } from './lib/site.mjs';
import { form, png, raw } from './lib/upload.mjs';

const site = await startSite({ extraConf: 'ChatSendRate off\nLimitRequestBody 40000\nLimitRequestLine 4000\nLimitRequestFieldSize 4000\nLimitRequestFields 60' });
const conv = site.people().conversations[0];
const phone = await site.phone();
const at = `/chat/conversation/${conv.id}`;
const bearer = `Authorization: Bearer ${phone.token}\r\n`;
const count = () => Number(site.sql('SELECT count(*) FROM messages;'));

site.expectLog(/AH10244: invalid URI path/);

const parsed = (r) => {
  const [head, ...rest] = r.text.split('\r\n\r\n');
  const headers = Object.fromEntries(head.split('\r\n').slice(1).map((l) => [l.slice(0, l.indexOf(':')).toLowerCase(), l.slice(l.indexOf(':') + 2)]));
  return { status: r.status, headers, body: rest.join('\r\n\r\n') };
};

/** A request as it stands. */
async function ask(line, headers = '', body = '') {
  return parsed(await raw(site.o.port, `${line}\r\nHost: 127.0.0.1\r\nConnection: close\r\n${headers}\r\n`, body));
}

function isShape(r, status, what) {
  assert.equal(r.status, status, `${what}: ${JSON.stringify(r).slice(0, 400)}`);
  assert.equal(r.headers['content-type'], 'application/json; charset=utf-8', what);
  assert.equal(r.headers['cache-control'], 'no-store', what);
  assert.equal(r.headers['x-content-type-options'], 'nosniff', what);
  const json = JSON.parse(r.body);
  assert.deepEqual(Object.keys(json), ['error', 'errors'], what);
  assert.ok(typeof json.error === 'string' && json.error.length > 5, what);
  assert.deepEqual(json.errors, {}, what);
  assert.doesNotMatch(r.body, /<|Apache/, what);
}

test('an address that is too long', async () => {
  isShape(await ask(`GET /chat/conversation/${'x'.repeat(5000)} HTTP/1.1`), 414, 'path');
  isShape(await ask(`GET /chat/search?q=${'x'.repeat(5000)} HTTP/1.1`), 414, 'query');
});

test('headers that are too large or too many', async () => {
  isShape(await ask('GET /chat/me HTTP/1.1', `X-Large: ${'x'.repeat(5000)}\r\n`), 400, 'one');
  isShape(await ask('GET /chat/me HTTP/1.1', 'X-Many: x\r\n'.repeat(100)), 400, 'many');
  isShape(await ask('GET /chat/me HTTP/1.1', 'no header at all\r\n'), 400, 'no colon');
});

test('a path that hides a slash, a NUL or half a sign', async () => {
  for (const path of ['/chat/conversation/1%2Fmessages', '/chat%2Fme', '/chat/conversation/%2e%2e%2fme']) {
    isShape(await ask(`GET ${path} HTTP/1.1`, bearer), 404, path);
  }
  for (const path of ['/chat/conversation/1%00', '/chat/%00', '/chat/me%zz', '/chat/conversation/%1']) {
    const r = await ask(`GET ${path} HTTP/1.1`, bearer);
    assert.ok([400, 404].includes(r.status), `${path}: ${r.status}`);
    isShape(r, r.status, path);
  }
});

test('what Expect wants and nobody does', async () => {
  isShape(await ask('POST /chat/login HTTP/1.1', 'Expect: miracles\r\nContent-Length: 2\r\n', '{}'), 417, 'Expect');
});

test('who asks first whether to send a body is told so, or why not', async () => {
  const head = `${bearer}Content-Type: application/json\r\nExpect: 100-continue\r\n`;
  const body = '{"content":"asked first"}';
  const yes = await raw(site.o.port, `POST ${at}/message HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${head}Content-Length: ${body.length}\r\n\r\n`, body);
  assert.match(yes.text, /^HTTP\/1\.1 100 Continue\r\n[^]*HTTP\/1\.1 201 /);
  // No body is asked for that will not be taken.
  isShape(await ask(`POST ${at}/message HTTP/1.1`, `${head}Content-Length: 39000\r\nContent-Encoding: gzip\r\n`), 415, 'compressed');
  isShape(await ask(`POST ${at}/message HTTP/1.1`, `${head}Content-Length: 90000\r\n`), 413, 'too large');
});

test('methods that a URL has not, and that nobody has', async () => {
  for (const method of ['DELETE', 'PUT', 'OPTIONS', 'TRACE']) {
    const r = await ask(`${method} /chat/me HTTP/1.1`, bearer);
    isShape(r, 405, method);
    assert.equal(r.headers.allow, 'GET, HEAD', method);
  }
  const r = await ask('BREW /chat/me HTTP/1.1', bearer);
  assert.ok([405, 501].includes(r.status), `${r.status}`);
  isShape(r, r.status, 'BREW');
});

test('bodies whose chunks are broken, and that are larger than httpd takes', async () => {
  const before = count();
  const type = `${bearer}Content-Type: application/json\r\n`;
  const chunked = `${type}Transfer-Encoding: chunked\r\n`;
  for (const body of ['zz\r\n{}\r\n0\r\n\r\n', '5\r\n{"con\r\nXX\r\n', 'ffffffffffffffffff\r\nx']) {
    const r = await ask(`POST ${at}/message HTTP/1.1`, chunked, body);
    assert.ok([400, 413].includes(r.status), `${body}: ${r.status} ${r.body}`);
    isShape(r, r.status, body);
  }
  isShape(await ask(`POST ${at}/message HTTP/1.1`, `${type}Content-Length: 50000\r\n`, 'x'), 413, 'announced');
  isShape(await ask(`POST ${at}/message HTTP/1.1`, chunked, `c350\r\n${'x'.repeat(50000)}\r\n0\r\n\r\n`), 413, 'chunked');
  isShape(await ask(`POST ${at}/message HTTP/1.1`, `${type}Content-Length: x\r\n`, '{}'), 400, 'no length');
  isShape(await ask(`POST ${at}/message HTTP/1.1`, `${type}Content-Length: 2\r\nContent-Length: 3\r\n`, '{}'), 400, 'two lengths');
  const te = await ask(`POST ${at}/message HTTP/1.1`, `${type}Transfer-Encoding: gzip\r\n`, '{}');
  assert.ok([400, 501].includes(te.status), `${te.status}`);
  isShape(te, te.status, 'coding');
  isShape(await ask(`POST ${at}/attachment HTTP/1.1`, `${bearer}Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n`, 'zz\r\n'), 400, 'file');
  isShape(await ask(`POST ${at}/attachment HTTP/1.1`, `${bearer}Content-Type: image/png\r\nContent-Length: 50000\r\n`, png()), 413, 'file');
  assert.equal(count(), before);
  // httpd's log has the same word for them, whoever has answered.
  const logged = () => [...fs.readFileSync(site.path('logs', 'access.log'), 'utf8').matchAll(/attachment HTTP\/1\.1" (\S+) /g)].map((m) => m[1]);
  await eventually(() => logged().length === 2, 'both lines of files');
  assert.deepEqual(logged().sort(), ['400', '413']);
});

test('a part of a file that is not there', async () => {
  const up = await phone.post(`${at}/attachment`, png(), { type: 'image/png', headers: { 'X-File-Name': 'a.png' } });
  assert.equal(up.status, 201, up.text);
  const sent = await phone.post(`${at}/message`, { attachments: [up.json.attachment.id], content: '' });
  assert.equal(sent.status, 201, sent.text);
  const path = `/chat/attachment/${up.json.attachment.id}`;
  const part = await ask(`GET ${path} HTTP/1.1`, `${bearer}Range: bytes=0-3\r\n`);
  assert.equal(part.status, 206);
  const r = await ask(`GET ${path} HTTP/1.1`, `${bearer}Range: bytes=9000000-\r\n`);
  isShape(r, 416, 'range');
});

test('a compressed body is nobody\'s: 415, and nothing is stored', async () => {
  const before = count();
  const body = zlib.gzipSync(JSON.stringify({ content: 'compressed' }));
  for (const coding of ['gzip', 'deflate', 'br', 'x-gzip', 'gzip, identity', 'GZIP']) {
    const r = await phone.post(`${at}/message`, body, { type: 'application/json', headers: { 'Content-Encoding': coding } });
    assert.equal(r.status, 415, `${coding}: ${r.text}`);
    assert.deepEqual(Object.keys(r.json), ['error', 'errors']);
    assert.equal(r.headers.get('accept-encoding'), 'identity');
  }
  const { body: parts, type } = form([{ name: 'content', value: 'x' }, { name: 'files[]', file: 'a.png', type: 'image/png', bytes: png() }]);
  for (const [path, bytes, kind] of [[`${at}/message`, zlib.gzipSync(parts), type], [`${at}/attachment`, zlib.gzipSync(png()), 'image/png']]) {
    const r = await phone.post(path, bytes, { type: kind, headers: { 'Content-Encoding': 'gzip' } });
    assert.equal(r.status, 415, r.text);
  }
  const login = await phone.post('/chat/token', zlib.gzipSync('{}'), { headers: { 'Content-Encoding': 'gzip', Authorization: null } });
  assert.equal(login.status, 415);
  assert.equal(count(), before);
  assert.equal(Number(site.sql("SELECT count(*) FROM chat_attachments WHERE message_id IS NULL;")), 0);
  // Which says that it is not, is taken.
  const r = await phone.post(`${at}/message`, { content: 'plain' }, { headers: { 'Content-Encoding': 'identity' } });
  assert.equal(r.status, 201, r.text);
});

test('a browser keeps httpd\'s page, and other URLs keep httpd\'s errors', async () => {
  const page = await ask('GET /chat/conversation/1%2Fx HTTP/1.1', 'Accept: text/html,*/*;q=0.8\r\n');
  assert.equal(page.status, 404);
  assert.match(page.headers['content-type'], /text\/html/);
  for (const [line, status] of [['GET /elsewhere%2Fx HTTP/1.1', 404], [`GET /chatter/${'x'.repeat(5000)} HTTP/1.1`, 414], ['GET /chat-assets/none.js HTTP/1.1', 404]]) {
    const r = await ask(line);
    assert.equal(r.status, status, line);
    assert.match(r.headers['content-type'], /text\/html/, line);
  }
  const head = await ask('HEAD /chat%2Fme HTTP/1.1');
  assert.equal(head.status, 404);
  assert.match(head.headers['content-type'], /application\/json/);
  assert.equal(head.body, '');
});

test('a request line that is none has nobody\'s shape', async () => {
  const r = await ask('GET');
  assert.equal(r.status, 400);
});
