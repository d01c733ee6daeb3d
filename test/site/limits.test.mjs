// SPDX-License-Identifier: Apache-2.0
//
// What clients are told about how much they may ask, and lists they have already:
// RateLimit-* headers, 429 with Retry-After, ETag and 304.

import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { cleanup } from './lib/cleanup.mjs';
import { startSite } from './lib/site.mjs';

const site = await startSite({ extraConf: 'ChatSendRate 60 5\nChatRequestRate 600 80' });
cleanup(() => site.stop());
const conv = site.people().conversations[0];
const url = (part) => `/chat/conversation/${conv.id}${part}`;
const patient = await site.phone('patient@example.com');
const doctor = await site.phone('doctor@example.com');
const limit = (r) => ['limit', 'remaining', 'reset'].map((k) => Number(r.headers.get(`ratelimit-${k}`)));

/** A request from another address of this machine. */
function from(address, path, headers) {
  return new Promise((resolve, reject) => {
    http.get(site.url + path, { localAddress: address, headers, agent: false }, (res) => {
      res.resume();
      res.once('end', () => resolve({ status: res.statusCode, headers: res.headers }));
    }).once('error', reject);
  });
}

test('a sender is told what is left of the limit, and at its end when to come back', async () => {
  const left = [];
  let r;
  for (let i = 0; i < 50; i++) { // one more for each second that this machine takes
    r = await patient.post(url('/message'), { content: `${i}` });
    const [n, remaining, reset] = limit(r);
    assert.equal(n, 5);
    assert.match(r.headers.get('ratelimit-policy'), /^5;w=5$/);
    assert.ok(reset >= 1 && reset <= 5, `${reset}`);
    left.push(remaining);
    if (r.status === 429) {
      break;
    }
    assert.equal(r.status, 201, r.text);
  }
  assert.equal(left[0], 4);
  assert.ok(left.length >= 6 && left.every((n) => n >= 0 && n < 5), `${left}`);
  assert.equal(r.status, 429);
  assert.equal(left.at(-1), 0);
  assert.ok(Number(r.headers.get('retry-after')) >= 1);
  assert.equal(typeof r.json.error, 'string');
  const other = await doctor.post(url('/message'), { content: 'has a limit of their own' });
  assert.equal(other.status, 201);
  assert.equal(limit(other)[1], 4);
});

test('failed log-ins are told of, by whichever of account and address has less left', async () => {
  const r = await patient.post('/chat/token', { email: 'patient@example.com', password: 'wrong' });
  assert.equal(r.status, 422);
  const [n, remaining] = limit(r);
  assert.equal(n, 10);
  assert.ok(remaining < 10);
});

test('an address may ask so often, whatever it asks and whoever it says it is for', async () => {
  const first = await from('127.0.0.7', '/chat/me');
  assert.equal(first.status, 401);
  assert.equal(first.headers['ratelimit-limit'], '80');
  let last = first;
  for (let i = 0; i < 600 && last.status !== 429; i++) {
    last = await from('127.0.0.7', i % 2 ? '/chat/me' : '/chat/login', { 'X-Forwarded-For': `10.0.${i >> 8}.${i & 255}` });
  }
  assert.equal(last.status, 429);
  assert.ok(Number(last.headers['retry-after']) >= 1);
  assert.equal((await from('127.0.0.8', '/chat/me')).status, 401, 'another address is not the same');
});

test('a list that has not changed is 304, one that has is sent', async () => {
  for (const path of ['/chat', url(''), url('/messages'), `${url('/messages')}?before=999999`]) {
    await doctor.get(path); // opening marks read, which shows in what comes next
    const r = await doctor.get(path);
    const tag = r.headers.get('etag');
    assert.match(tag, /^"[0-9a-f-]+"$/, path);
    assert.equal(r.headers.get('cache-control'), 'no-store');
    const again = await doctor.get(path, { headers: { 'If-None-Match': `"other", W/${tag}` } });
    assert.equal(again.status, 304, path);
    assert.equal(again.text, '');
    assert.equal(again.headers.get('etag'), tag);
    assert.equal((await doctor.get(path, { headers: { 'If-None-Match': '"other"' } })).status, 200);
    assert.equal((await doctor.post(url('/message'), { content: `new for ${path}` })).status, 201);
    const changed = await doctor.get(path, { headers: { 'If-None-Match': tag } });
    assert.equal(changed.status, 200, path);
    assert.notEqual(changed.headers.get('etag'), tag);
    assert.match(changed.text, new RegExp(`new for ${path.replace('?', '\\?')}`));
  }
});

test('somebody else has another list', async () => {
  const tag = (await doctor.get('/chat')).headers.get('etag');
  const r = await patient.get('/chat', { headers: { 'If-None-Match': tag } });
  assert.equal(r.status, 200);
});

test('files are counted like the messages they are for', async () => {
  const admin = await site.phone('admin@example.com');
  const seen = [];
  while (seen.length < 20 && seen.at(-1) !== 429) {
    const r = await admin.post(url('/attachment'), 'some words', { type: 'text/plain', headers: { 'X-File-Name': 'a.txt' } });
    assert.equal(limit(r)[0], 5);
    seen.push(r.status);
  }
  assert.equal(seen.at(-1), 429);
  assert.ok(seen.slice(0, -1).every((s) => s === 201), `${seen}`);
});
