// SPDX-License-Identifier: Apache-2.0
//
// Conditional requests (RFC 9110, section 13): If-None-Match and If-Match as lists, weak,
// "*", by GET and HEAD, at lists, files, at what has no ETag, and at what is changed.

import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { cleanup } from './lib/cleanup.mjs';
import { startSite } from './lib/site.mjs';
import { form, png } from './lib/upload.mjs';

const site = await startSite({ extraConf: 'ChatSendRate off\nChatRequestRate off', files: true });
cleanup(() => site.stop());
const conv = site.people().conversations[0];
const doctor = await site.phone(site.people().accounts.find((a) => a.user_id === conv.doctor).email);
const base = `/chat/conversation/${conv.id}`;
const past = 'Sun, 06 Nov 1994 08:49:37 GMT';

/** As Node's own client sends it: fetch adds Cache-Control of its own. */
const ask = (path, headers, method = 'GET') => new Promise((resolve, reject) => {
  http.request(site.url + path, { method, headers: { Authorization: `Bearer ${doctor.token}`, Accept: 'application/json', ...headers } }, (res) => {
    let text = '';
    res.setEncoding('latin1').on('data', (d) => { text += d; }).on('end', () => resolve({ status: res.statusCode, headers: res.headers, text }));
  }).on('error', reject).end();
});

const { body, type } = form([{ name: 'files[]', file: 'xray.png', type: 'image/png', bytes: png() }]);
const sent = await doctor.post(`${base}/message`, body, { type });
assert.equal(sent.status, 201, sent.text);
const file = `/chat/attachment/${sent.json.message.attachments[0].id}`;

test('a list and a file are 304, 412 or 200 as the RFC has it, by GET and HEAD alike', async () => {
  for (const path of [`${base}/messages?before=999999`, `${base}/members`, `${base}/plans`, '/chat', file]) {
    await ask(path, {}); // once, for what being asked changes
    const tag = (await ask(path, {})).headers.etag;
    assert.match(tag, /^"/, path);
    const soon = new Date().toUTCString();
    const rows = [
      [{ 'If-None-Match': tag }, 304], [{ 'If-None-Match': `W/${tag}` }, 304], [{ 'If-None-Match': '*' }, 304],
      [{ 'If-None-Match': `"a", W/"b" , ${tag}` }, 304], [{ 'If-None-Match': `"a,b",W/${tag},"c"` }, 304],
      [{ 'If-None-Match': '"a", "b"' }, 200], [{ 'If-None-Match': '""' }, 200], [{ 'If-None-Match': 'W/"x"' }, 200],
      [{ 'If-None-Match': tag.slice(0, -1) }, 200], [{ 'If-None-Match': tag.slice(1, -1) }, 200],
      [{ 'If-Match': tag }, 200], [{ 'If-Match': '*' }, 200], [{ 'If-Match': `"a", ${tag}` }, 200],
      [{ 'If-Match': '"a"' }, 412], [{ 'If-Match': `W/${tag}` }, 412], [{ 'If-Match': '"a", W/"b"' }, 412],
      // Both: If-Match is looked at first.
      [{ 'If-Match': '"a"', 'If-None-Match': tag }, 412], [{ 'If-Match': tag, 'If-None-Match': tag }, 304],
      // There is no time of the last change, so times say nothing, neither alone nor beside a tag.
      [{ 'If-Modified-Since': soon }, 200], [{ 'If-Modified-Since': past }, 200], [{ 'If-Modified-Since': 'yesterday' }, 200],
      [{ 'If-Unmodified-Since': past }, 200], [{ 'If-Unmodified-Since': soon }, 200],
      [{ 'If-None-Match': tag, 'If-Modified-Since': past }, 304], [{ 'If-Match': tag, 'If-Unmodified-Since': past }, 200],
      [{ 'If-None-Match': '"a"', 'If-Modified-Since': soon }, 200],
    ];
    for (const [headers, status] of rows) {
      for (const method of ['GET', 'HEAD']) {
        const r = await ask(path, headers, method);
        const what = `${method} ${path} ${JSON.stringify(headers)}: ${r.text.slice(0, 100)}`;
        assert.equal(r.status, status, what);
        assert.match(r.headers['cache-control'], /no-store/, what);
        assert.equal(r.text === '', method === 'HEAD' || status === 304, what);
        if (status !== 412) {
          assert.equal(r.headers.etag, tag, what);
        }
        else if (method === 'GET') {
          assert.equal(typeof JSON.parse(r.text).error, 'string', what);
        }
      }
    }
  }
});

test('what has no ETag is not what a tag names', async () => {
  for (const path of ['/chat/me', `${base}/message/${sent.json.message.id}`]) {
    assert.equal((await ask(path, { 'If-Match': '"a"' })).status, 412, path);
    assert.equal((await ask(path, { 'If-Match': '*' })).status, 200, path);
    assert.equal((await ask(path, { 'If-None-Match': '"a"' })).status, 200, path);
  }
  assert.equal((await ask('/chat/conversation/999999/message/1', { 'If-Match': '"a"' })).status, 404, 'only what would succeed has conditions');
});

test('nothing is changed against a condition, and all that is asked for without one', async () => {
  const { message } = (await doctor.post(`${base}/message`, { content: 'as it was' })).json;
  const at = `${base}/message/${message.id}`;
  const content = async () => (await doctor.get(at)).json.message.content;
  const refused = [[{ 'If-Match': '"a"' }], [{ 'If-Match': 'W/"a"' }], [{ 'If-None-Match': '*' }], [{ 'If-Match': '*', 'If-None-Match': '*' }]];
  for (const [headers] of refused) {
    assert.equal((await doctor.request('PATCH', at, { body: { content: 'other' }, headers })).status, 412, JSON.stringify(headers));
    assert.equal((await doctor.request('DELETE', at, { body: {}, headers })).status, 412, JSON.stringify(headers));
  }
  assert.equal(await content(), 'as it was');
  const count = () => site.sql(`SELECT count(*) FROM messages WHERE request_id = ${conv.id};`).trim();
  const before = await count();
  assert.equal((await doctor.post(`${base}/message`, { content: 'x' }, { headers: { 'If-Match': '"a"' } })).status, 412);
  const upload = form([{ name: 'files[]', file: 'xray.png', type: 'image/png', bytes: png() }]);
  assert.equal((await doctor.post(`${base}/message`, upload.body, { type: upload.type, headers: { 'If-Match': '"a"' } })).status, 412);
  assert.equal(await count(), before);
  // Nothing is shown at that address, so "*" names nothing there.
  assert.equal((await doctor.post(`${base}/message`, { content: 'x' }, { headers: { 'If-None-Match': '*' } })).status, 201);
  assert.equal((await doctor.post(`${base}/read`, {}, { headers: { 'If-Unmodified-Since': past } })).status, 200);
  // Who may not hears that.
  assert.equal((await doctor.request('PATCH', '/chat/conversation/999999/message/1', { body: { content: 'x' }, headers: { 'If-Match': '"a"' } })).status, 404);
  for (const headers of [{ 'If-Match': '*' }, { 'If-None-Match': '"a"' }, { 'If-Unmodified-Since': past }, { 'If-Modified-Since': new Date().toUTCString() }]) {
    const text = `with ${Object.keys(headers)}`;
    assert.equal((await doctor.request('PATCH', at, { body: { content: text }, headers })).status, 200);
    assert.equal(await content(), text);
  }
});
