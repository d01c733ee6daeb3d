// SPDX-License-Identifier: Apache-2.0
//
// Range, If-Range and If-None-Match as strangers may send them, at files that lie open and
// sealed. httpd reads these headers, and cuts what we give it; so what is fuzzed is both
// together: hundreds of headers, drawn by a seed that a failure prints (RANGE_SEED). Whatever
// is answered, each byte is the file's at the place that the answer names, and both files
// are answered alike.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { after, test } from 'node:test';
import { startSite } from './lib/site.mjs';

const HEADERS = 600;
const seed = Number(process.env.RANGE_SEED || Date.now() % 100000);
const SIZE = 3 * 65536 + 77; // sealed files are sealed in blocks of 65536

let state = seed >>> 0;
/** mulberry32: the same for the same seed. */
const below = (n) => {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return Math.floor(((t ^ (t >>> 14)) >>> 0) / 4294967296 * n);
};
const any = (list) => list[below(list.length)];

const site = await startSite({
  extraConf: 'ChatSendRate off\nChatRequestRate off',
  before(s) {
    fs.mkdirSync(s.path('conf'), { recursive: true });
    fs.writeFileSync(s.path('conf', 'keys'), `one ${randomBytes(32).toString('base64')}\n`, { mode: 0o640 });
    s.o.extraConf += `\nIncludeOptional ${s.path('conf', 'sealed')}*.conf`;
  },
});
const conv = site.people().conversations[0];
const phone = await site.phone();
const bytes = Buffer.from(Array.from({ length: SIZE }, (_, i) => 33 + (i * 7 + (i >> 8)) % 90)); // text, the same nowhere
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
after(() => agent.destroy());

async function sent() {
  const r = await phone.post(`/chat/conversation/${conv.id}/attachment`, bytes, { type: 'text/plain', headers: { 'X-File-Name': 'a.txt' } });
  assert.equal(r.status, 201, r.text);
  const { attachment: { id } } = r.json;
  assert.equal((await phone.post(`/chat/conversation/${conv.id}/message`, { attachments: [id] })).status, 201);
  return `/chat/attachment/${id}`;
}

function fetched(path, headers) {
  return new Promise((resolve, reject) => {
    http.get(site.url + path, { agent, headers: { Authorization: `Bearer ${phone.token}`, ...headers } }, (r) => {
      const pieces = [];
      r.on('data', (d) => pieces.push(d)).once('error', reject)
        .once('end', () => resolve({ status: r.statusCode, headers: r.headers, bytes: Buffer.concat(pieces) }));
    }).once('error', reject);
  });
}

const plain = await sent();
fs.writeFileSync(site.path('conf', 'sealed.conf'), `ChatKeys file:${site.path('conf', 'keys')}\n`);
await site.stopHttpd();
await site.startHttpd();
const sealed = await sent();
assert.equal(site.sql('SELECT count(*) FROM chat_attachments WHERE key_id > 0;').trim(), '1', 'one of them lies sealed');

// --- what is sent -------------------------------------------------------------------------

const number = () => any([() => String(below(SIZE + 100)), () => any(['0', '1', '65535', '65536', '65537', '131072', String(SIZE - 1), String(SIZE)]),
  () => any(['', '-1', '+5', '00000000000000000007', '9223372036854775807', '9223372036854775808', '18446744073709551616', '99999999999999999999999', '0x10', '1e3', ' 3', 'a'])])();
const range = () => any([() => `${number()}-${number()}`, () => `${number()}-`, () => `-${number()}`, () => number(), () => '-', () => '--'])();
const right = () => {
  const from = below(SIZE), to = from + below(any([5, 70000, SIZE]));
  return any([`${from}-${to}`, `${from}-`, `-${1 + below(SIZE)}`]);
};
const list = (one, most) => Array.from({ length: 1 + below(most) }, one).join(any([',', ', ', ' ,', ',,']));
const ranges = () => any([() => `bytes=${list(right, 1)}`, () => `bytes=${list(right, 6)}`, () => `bytes=${list(range, 4)}`, () => `${any(['Bytes', 'bytes ', 'items', '', 'bytes:', 'bytes=bytes'])}=${list(range, 2)}`,
  () => `bytes=${SIZE - 3 + below(9)}-`, () => `bytes=${list(() => '0-', 300)}`, () => `bytes=${list(right, 100)}`])();
const tags = (etag) => any([etag, `W/${etag}`, `"other", ${etag}`, '*', '"', '""', etag.slice(1), `${etag}${etag}`, 'W/', ',', etag.toUpperCase(), `"${'x'.repeat(3000)}"`]);

// --- what may come ------------------------------------------------------------------------

/** Parts of an answer: where they say they lie, and their bytes. */
function parts(r) {
  const at = (text) => {
    const m = text.match(/^bytes (\d+)-(\d+)\/(\d+)$/);
    assert.ok(m, text);
    assert.equal(Number(m[3]), SIZE);
    return [Number(m[1]), Number(m[2])];
  };
  if (r.headers['content-range']) {
    return [{ at: at(r.headers['content-range']), bytes: r.bytes }];
  }
  const boundary = r.headers['content-type'].match(/^multipart\/byteranges; boundary=(\S+)$/)[1];
  const all = [];
  for (let i = 0; ;) {
    const mark = Buffer.from(`\r\n--${boundary}`);
    const from = i + mark.length;
    assert.ok(r.bytes.subarray(i, from).equals(mark), 'a boundary');
    if (r.bytes.subarray(from, from + 2).toString() === '--') {
      assert.equal(r.bytes.length, from + 4);
      return all;
    }
    const end = r.bytes.indexOf('\r\n\r\n', from) + 4;
    const where = at(r.bytes.subarray(from, end).toString().match(/Content-range: (.*)\r\n/i)[1]);
    i = end + where[1] - where[0] + 1;
    all.push({ at: where, bytes: r.bytes.subarray(end, i) });
  }
}

function isRight(r) {
  assert.ok([200, 206, 304, 416].includes(r.status), `status ${r.status}`);
  if (r.status === 200) {
    assert.ok(r.bytes.equals(bytes), 'the whole file');
  } else if (r.status === 206) {
    for (const { at: [from, to], bytes: part } of parts(r)) {
      assert.ok(to < SIZE && part.equals(bytes.subarray(from, to + 1)), `bytes ${from} to ${to}`);
    }
  } else if (r.status === 304) {
    assert.equal(r.bytes.length, 0);
  } else {
    assert.ok(!r.bytes.includes(bytes.subarray(0, 40)), 'nothing of the file');
  }
}

test(`${HEADERS} headers, open and sealed (RANGE_SEED=${seed})`, async () => {
  const tagOf = new Map();
  for (const file of [plain, sealed]) {
    const r = await fetched(file, {});
    tagOf.set(file, r.headers.etag);
    for (const [status, headers] of [[200, {}], [206, { Range: 'bytes=5-9' }], [206, { Range: 'bytes=5-9,70000-140000' }],
      [416, { Range: `bytes=${SIZE}-` }], [304, { 'If-None-Match': r.headers.etag }]]) {
      const answer = await fetched(file, headers);
      assert.equal(answer.status, status, JSON.stringify(headers));
      isRight(answer);
    }
  }
  for (let i = 0; i < HEADERS; i++) {
    const make = any([() => ({ Range: ranges() }), (etag) => ({ Range: ranges(), 'If-Range': tags(etag) }), (etag) => ({ 'If-None-Match': tags(etag) }),
      (etag) => ({ Range: ranges(), 'If-None-Match': tags(etag) })]);
    const before = state;
    const said = [];
    for (const file of [plain, sealed]) {
      state = before; // the same for both
      const headers = make(tagOf.get(file));
      const r = await fetched(file, headers);
      try {
        isRight(r);
      } catch (e) {
        e.message = `RANGE_SEED=${seed}, ${JSON.stringify(headers).slice(0, 500)}: ${e.message}`;
        throw e;
      }
      said.push(r.status);
    }
    assert.equal(said[0], said[1], `RANGE_SEED=${seed}, number ${i}: open and sealed`);
  }
});
