// SPDX-License-Identifier: Apache-2.0
//
// Files: uploading them, in messages and before them, and who gets them back.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Client } from './lib/client.mjs';
import { sleep, startSite } from './lib/site.mjs';
import { form, ogg, pdf, png } from './lib/upload.mjs';

const site = await startSite({ extraConf: 'ChatSendRate off\nChatUploadsAtOnce off' });
const { accounts, conversations } = site.people();
const conv = conversations[0];
const foreign = conversations.find((c) => c.patient !== conv.patient && c.doctor !== conv.doctor);
const anybody = new Client(site.url);
const phone = await site.phone();
const doctor = await site.phone('doctor@example.com');
const admin = await site.phone('admin@example.com');
const browser = await site.browser();
const url = (what, id = conv.id) => `/chat/conversation/${id}${what}`;

const isError = (r, status, field) => {
  assert.equal(r.status, status, r.text);
  assert.equal(typeof r.json?.error, 'string', r.text);
  if (field) {
    assert.ok(Array.isArray(r.json.errors[field]), `errors.${field}: ${r.text}`);
  }
};

/** POST a message as multipart. */
const send = (who, parts, id = conv.id, options = {}) => {
  const { body, type } = form(parts);
  return who.post(url('/message', id), body, { type, ...options });
};

/** Upload one file by itself. @return its object */
async function upload(who, bytes, name, type, id = conv.id) {
  const r = await who.post(url('/attachment', id), bytes, { type, headers: { 'X-File-Name': encodeURIComponent(name) } });
  assert.equal(r.status, 201, r.text);
  return r.json.attachment;
}

/** Bytes of a file. */
async function fetched(who, path_, headers = {}, method = 'GET') {
  const r = await fetch(site.url + path_, { method, headers: { Connection: 'close', ...(who.token && { Authorization: `Bearer ${who.token}` }), ...(who.cookie && { Cookie: who.cookie }), ...headers } });
  return { status: r.status, headers: r.headers, bytes: Buffer.from(await r.arrayBuffer()) };
}

const fileDir = path.join(site.dir, 'files');
/** What lies on disk, without what is kept of them. */
const onDisk = () => fs.readdirSync(fileDir).filter((d) => /^[0-9a-f]{2}$/.test(d))
  .flatMap((d) => fs.readdirSync(path.join(fileDir, d))).filter((n) => /^[0-9a-f]{32}$/.test(n));
const incoming = () => fs.readdirSync(path.join(fileDir, 'incoming'));

test('what clients of the existing application send, message and attachment, is taken', async () => {
  const r = await send(phone, [{ name: 'message', value: 'As before' }, { name: 'type', value: 'image' }, { name: 'attachment', file: 'xray.png', type: 'image/png', bytes: png() }]);
  assert.equal(r.status, 201, r.text);
  assert.deepEqual([r.json.message.content, r.json.message.attachments.map((a) => a.name)], ['As before', ['xray.png']]);
  isError(await send(phone, [{ name: 'attachments', file: 'xray.png', type: 'image/png', bytes: png() }]), 422, 'attachments');
});

test('a message brings files, with text and without', async () => {
  const picture = png();
  const r = await send(phone, [{ name: 'content', value: ' See here ' }, { name: 'files[]', file: 'xray.png', type: 'image/png', bytes: picture }]);
  assert.equal(r.status, 201, r.text);
  const { message } = r.json;
  assert.equal(message.content, 'See here');
  assert.equal(message.type, 'image');
  assert.equal(message.attachments.length, 1);
  const [a] = message.attachments;
  assert.match(a.id, /^[0-9a-f]{32}$/);
  assert.deepEqual([a.name, a.mime, a.kind, a.state, a.width, a.height], ['xray.png', 'image/png', 'image', 'clean', 8, 6]);
  const got = await fetched(doctor, `/chat/attachment/${a.id}`);
  assert.equal(got.status, 200);
  assert.equal(got.bytes.length, a.size);
  const two = await send(browser, [{ name: 'files[]', file: 'a.pdf', type: 'application/pdf', bytes: pdf() }, { name: 'files[]', file: 'b.txt', type: 'text/plain', bytes: 'words' }]);
  assert.equal(two.status, 201, two.text);
  assert.equal(two.json.message.content, '');
  assert.equal(two.json.message.type, 'file');
  assert.deepEqual(two.json.message.attachments.map((x) => x.name), ['a.pdf', 'b.txt']);
  const page = await doctor.get(url('/messages'));
  const there = page.json.data.find((m) => m.id === two.json.message.id);
  assert.deepEqual(there.attachments, two.json.message.attachments);
  const sync = await doctor.get('/chat/sync');
  assert.ok(sync.json.cursor);
});

test('a file is uploaded first and sent later', async () => {
  const bytes = pdf(200000);
  const a = await upload(phone, bytes, 'report \u0645.pdf', 'application/pdf');
  assert.equal(a.name, 'report \u0645.pdf');
  assert.equal(a.size, bytes.length);
  // Until then it is its sender's alone.
  assert.equal((await fetched(phone, `/chat/attachment/${a.id}`)).status, 200);
  assert.equal((await fetched(doctor, `/chat/attachment/${a.id}`)).status, 404);
  assert.equal((await fetched(admin, `/chat/attachment/${a.id}`)).status, 404);
  isError(await doctor.post(url('/message'), { content: 'mine', attachments: [a.id] }), 422, 'attachments');
  const r = await phone.post(url('/message'), { attachments: [a.id], client_id: 'later-1' });
  assert.equal(r.status, 201, r.text);
  assert.equal(r.json.message.attachments[0].id, a.id);
  const got = await fetched(doctor, `/chat/attachment/${a.id}`);
  assert.equal(createHash('sha256').update(got.bytes).digest('hex'), createHash('sha256').update(bytes).digest('hex'));
  // Once sent it belongs to that message.
  isError(await phone.post(url('/message'), { attachments: [a.id] }), 422, 'attachments');
  isError(await phone.request('DELETE', `/chat/attachment/${a.id}`), 404);
  // The same again is what it was; another under the same name is a mistake.
  const again = await phone.post(url('/message'), { attachments: [a.id], client_id: 'later-1' });
  assert.equal(again.status, 201, again.text);
  assert.equal(again.json.message.id, r.json.message.id);
  isError(await phone.post(url('/message'), { content: 'x', attachments: [a.id], client_id: 'later-1' }), 409);
});

test('a multipart upload is one file, or is refused', async () => {
  const { body, type } = form([{ name: 'file', file: 'a.txt', type: 'text/plain', bytes: 'one' }]);
  const r = await phone.post(url('/attachment'), body, { type });
  assert.equal(r.status, 201, r.text);
  const two = form([{ name: 'file', file: 'a.txt', bytes: 'one' }, { name: 'file', file: 'b.txt', bytes: 'two' }]);
  isError(await phone.post(url('/attachment'), two.body, { type: two.type }), 422, 'file');
  const none = form([{ name: 'content', value: 'no file' }]);
  isError(await phone.post(url('/attachment'), none.body, { type: none.type }), 422, 'file');
  const plain = await send(phone, [{ name: 'content', value: 'just words' }, { name: 'files[]', file: '', bytes: '' }]);
  assert.equal(plain.status, 201, plain.text);
  assert.equal(plain.json.message.type, 'text');
  assert.deepEqual(plain.json.message.attachments, []);
});

test('a recording is of the kind voice', async () => {
  const r = await send(phone, [{ name: 'type', value: 'voice' }, { name: 'files[]', file: 'v.ogg', type: 'audio/ogg', bytes: ogg }]);
  assert.equal(r.status, 201, r.text);
  assert.equal(r.json.message.type, 'voice');
  assert.deepEqual([r.json.message.attachments[0].kind, r.json.message.attachments[0].mime], ['voice', 'audio/ogg']);
  isError(await send(phone, [{ name: 'type', value: 'voice' }, { name: 'files[]', file: 'a.png', bytes: png() }]), 422, 'type');
  isError(await send(phone, [{ name: 'type', value: 'image' }, { name: 'files[]', file: 'a.txt', bytes: 'a few words' }]), 422, 'type');
  isError(await send(phone, [{ name: 'type', value: 'plan' }, { name: 'files[]', file: 'a.txt', bytes: 'a few words' }]), 422, 'type');
  isError(await phone.post(url('/message'), { content: 'x', type: 'image' }), 422, 'type');
});

test('a retried multipart message is sent once; other content or files are a 409', async () => {
  const bytes = png();
  const parts = (more = {}) => [{ name: 'content', value: 'once' }, { name: 'client_id', value: 'multi-1' }, { name: 'files[]', file: 'a.png', type: 'image/png', bytes, ...more }];
  const before = onDisk().length;
  const first = await send(phone, parts());
  assert.equal(first.status, 201, first.text);
  const again = await send(phone, parts());
  assert.equal(again.status, 201, again.text);
  assert.deepEqual(again.json.message, first.json.message);
  isError(await send(phone, parts({ bytes: png() })), 409);
  const words = parts();
  words[0].value = 'twice';
  isError(await send(phone, words), 409);
  isError(await phone.post(url('/message'), { content: 'once', client_id: 'multi-1' }), 409);
  assert.equal(onDisk().length, before + 1);
});

test('many at once under one client_id: one message, and no file too many', async () => {
  const bytes = png();
  const before = onDisk().length;
  const answers = await Promise.all(Array.from({ length: 6 }, () => send(phone, [{ name: 'client_id', value: 'race-1' }, { name: 'files[]', file: 'a.png', bytes }])));
  assert.deepEqual(new Set(answers.map((r) => r.status)), new Set([201]), answers.map((r) => r.text).join('\n'));
  assert.equal(new Set(answers.map((r) => r.json.message.id)).size, 1);
  assert.equal(onDisk().length, before + 1);
});

// --- who may --------------------------------------------------------------------------

test('a message of another conversation takes no files, a stranger gets none', async () => {
  const parts = [{ name: 'files[]', file: 'a.png', bytes: png() }];
  isError(await send(phone, parts, foreign.id), 404);
  isError(await phone.post(url('/attachment', foreign.id), png(), { type: 'image/png' }), 404);
  isError(await phone.get(url('/attachments', foreign.id)), 404);
  isError(await send(anybody, parts), 401);
  const a = await upload(phone, png(), 'a.png', 'image/png');
  isError(await admin.post(url('/message', foreign.id), { attachments: [a.id] }), 422, 'attachments');
  const sent = await phone.post(url('/message'), { attachments: [a.id] });
  assert.equal(sent.status, 201, sent.text);
  const stranger = await site.phone(accounts.find((x) => x.role === 'patient' && x.user_id !== conv.patient).email);
  for (const what of ['', '/thumb']) {
    assert.equal((await fetched(stranger, `/chat/attachment/${a.id}${what}`)).status, 404);
    assert.equal((await fetched(anybody, `/chat/attachment/${a.id}${what}`)).status, 401);
  }
  isError(await stranger.post(`/chat/attachment/${a.id}/link`, {}), 404);
  isError(await stranger.request('DELETE', `/chat/attachment/${a.id}`), 404);
  assert.equal((await fetched(admin, `/chat/attachment/${a.id}`)).status, 200);
  for (const id of ['x', '0'.repeat(32), 'A'.repeat(32), '1', '..%2f..%2fetc']) {
    assert.equal((await fetched(phone, `/chat/attachment/${id}`)).status, 404, id);
  }
});

test('without the CSRF token and from another site nothing is stored', async () => {
  const before = onDisk().length;
  const parts = [{ name: 'files[]', file: 'a.png', bytes: png() }];
  isError(await send(browser, parts, conv.id, { headers: { 'X-CSRF-TOKEN': null } }), 419);
  isError(await send(browser, parts, conv.id, { headers: { 'X-CSRF-TOKEN': 'wrong' } }), 419);
  isError(await send(browser, parts, conv.id, { headers: { Origin: 'https://evil.example' } }), 419);
  isError(await browser.post(url('/attachment'), png(), { type: 'image/png', headers: { Origin: 'https://evil.example' } }), 419);
  const a = await upload(phone, png(), 'a.png', 'image/png');
  isError(await browser.request('DELETE', `/chat/attachment/${a.id}`, { headers: { 'X-CSRF-TOKEN': null } }), 419);
  isError(await browser.post(`/chat/attachment/${a.id}/link`, {}, { headers: { 'X-CSRF-TOKEN': null } }), 419);
  assert.equal(onDisk().length, before + 1);
  assert.deepEqual(incoming(), []);
  const gone = await browser.request('DELETE', `/chat/attachment/${a.id}`);
  assert.equal(gone.status, 200, gone.text);
  assert.equal((await fetched(phone, `/chat/attachment/${a.id}`)).status, 404);
  assert.equal(onDisk().length, before);
});

test('the files of a deleted message are gone at once, and those of a removed member', async () => {
  const r = await send(phone, [{ name: 'files[]', file: 'a.png', bytes: png() }]);
  const [a] = r.json.message.attachments;
  assert.equal((await fetched(doctor, `/chat/attachment/${a.id}`)).status, 200);
  const link = await doctor.post(`/chat/attachment/${a.id}/link`, {});
  assert.equal(link.status, 200, link.text);
  const shown = () => fetch(link.json.url, { headers: { Connection: 'close' } }).then((x) => x.status);
  assert.equal(await shown(), 200);
  site.sql(`UPDATE treatment_requests SET doctor_id = NULL WHERE id = ${conv.id};`);
  assert.equal((await fetched(doctor, `/chat/attachment/${a.id}`)).status, 404);
  assert.equal(await shown(), 404);
  site.sql(`UPDATE treatment_requests SET doctor_id = ${conv.doctor} WHERE id = ${conv.id};`);
  assert.equal(await shown(), 200);
  site.sql(`UPDATE messages SET deleted_at = ${site.time()} WHERE id = ${r.json.message.id};`);
  assert.equal((await fetched(doctor, `/chat/attachment/${a.id}`)).status, 404);
  assert.equal((await fetched(phone, `/chat/attachment/${a.id}`)).status, 404);
  assert.equal(await shown(), 404);
});

test('a closed consultation takes no files', async () => {
  site.sql(`UPDATE treatment_requests SET status = 'completed' WHERE id = ${conv.id};`);
  const before = onDisk().length;
  isError(await send(phone, [{ name: 'files[]', file: 'a.png', bytes: png() }]), 403);
  isError(await phone.post(url('/attachment'), png(), { type: 'image/png' }), 403);
  assert.equal(onDisk().length, before);
  site.sql(`UPDATE treatment_requests SET status = 'in_progress' WHERE id = ${conv.id};`);
});

// --- getting them back -------------------------------------------------------------------

test('a file goes out with the headers that keep it harmless', async () => {
  const r = await send(phone, [{ name: 'files[]', file: 'a.png', bytes: png() }, { name: 'files[]', file: 'b "c".pdf'.replace(/"/g, '%22'), bytes: pdf() }, { name: 'files[]', file: 'n.txt', bytes: 'words of a letter' }]);
  assert.equal(r.status, 201, r.text);
  const heads = await Promise.all(r.json.message.attachments.map((a) => fetched(doctor, `/chat/attachment/${a.id}`)));
  for (const { headers } of heads) {
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('content-security-policy'), "sandbox; default-src 'none'");
    assert.equal(headers.get('cross-origin-resource-policy'), 'same-origin');
    assert.equal(headers.get('cache-control'), 'private, no-store');
    assert.match(headers.get('etag'), /^"[0-9a-f]{32}"$/);
    assert.equal(headers.get('accept-ranges'), 'bytes');
  }
  assert.deepEqual(heads.map((h) => h.headers.get('content-type')), ['image/png', 'application/pdf', 'text/plain; charset=utf-8']);
  assert.equal(heads[0].headers.get('content-disposition'), 'inline; filename="a.png"; filename*=UTF-8\'\'a.png');
  assert.equal(heads[1].headers.get('content-disposition'), 'attachment; filename="b _c_.pdf"; filename*=UTF-8\'\'b%20_c_.pdf');
  assert.match(heads[2].headers.get('content-disposition'), /^inline;/);
  const saved = await fetched(doctor, `/chat/attachment/${r.json.message.attachments[0].id}?download=1`);
  assert.match(saved.headers.get('content-disposition'), /^attachment;/);
});

test('parts of a file: one range, several, none that is there, If-Range, HEAD', async () => {
  const bytes = pdf(100000);
  const r = await send(phone, [{ name: 'files[]', file: 'a.pdf', bytes }]);
  const at = `/chat/attachment/${r.json.message.attachments[0].id}`;
  const whole = await fetched(doctor, at);
  const etag = whole.headers.get('etag');
  const one = await fetched(doctor, at, { Range: 'bytes=10-19' });
  assert.equal(one.status, 206);
  assert.equal(one.headers.get('content-range'), 'bytes 10-19/100000');
  assert.ok(one.bytes.equals(bytes.subarray(10, 20)));
  const last = await fetched(doctor, at, { Range: 'bytes=-5' });
  assert.ok(last.bytes.equals(bytes.subarray(-5)));
  const several = await fetched(doctor, at, { Range: 'bytes=0-3,90000-90003' });
  assert.equal(several.status, 206);
  assert.match(several.headers.get('content-type'), /^multipart\/byteranges/);
  assert.equal(several.headers.get('x-content-type-options'), 'nosniff');
  const beyond = await fetched(doctor, at, { Range: 'bytes=100000-' });
  assert.equal(beyond.status, 416);
  assert.equal((await fetched(doctor, at, { Range: 'bytes=0-3', 'If-Range': etag })).status, 206);
  assert.equal((await fetched(doctor, at, { Range: 'bytes=0-3', 'If-Range': '"other"' })).status, 200);
  assert.equal((await fetched(doctor, at, { 'If-None-Match': etag })).status, 304);
  const head = await fetched(doctor, at, {}, 'HEAD');
  assert.equal(head.status, 200);
  assert.equal(head.headers.get('content-length'), '100000');
  assert.equal(head.bytes.length, 0);
  // Too many are answered as httpd does, and slowly by nobody.
  assert.ok([200, 206, 416].includes((await fetched(doctor, at, { Range: `bytes=${Array.from({ length: 1300 }, (_, i) => `${i}-`).join(',')}` })).status));
});

test('a signed link works for its file, its user and its time', async () => {
  const r = await send(phone, [{ name: 'files[]', file: 'a.png', bytes: png() }, { name: 'files[]', file: 'b.png', bytes: png() }]);
  const [a, b] = r.json.message.attachments;
  const link = await doctor.post(`/chat/attachment/${a.id}/link`, {});
  assert.equal(link.status, 200, link.text);
  const at = new URL(link.json.url);
  const status = (u) => fetch(u, { headers: { Connection: 'close' } }).then((x) => x.status);
  assert.equal(await status(at), 200);
  assert.ok(Date.parse(link.json.expires_at) - Date.now() < 301000);
  for (const [name, value] of [['user', String(conv.patient)], ['expires', String(Math.floor(Date.now() / 1000) + 9999)], ['signature', '0'.repeat(64)], ['signature', '']]) {
    const other = new URL(at);
    other.searchParams.set(name, value);
    assert.equal(await status(other), 403, name);
  }
  const otherFile = new URL(at);
  otherFile.pathname = otherFile.pathname.replace(a.id, b.id);
  assert.equal(await status(otherFile), 403);
  site.sql(`UPDATE users SET status = 'suspended' WHERE id = ${conv.doctor};`);
  assert.equal(await status(at), 404);
  site.sql(`UPDATE users SET status = 'active' WHERE id = ${conv.doctor};`);
});

test('the files of a conversation are listed, newest first, page by page', async () => {
  const names = [];
  for (let i = 0; i < 5; i++) {
    names.unshift(`list-${i}.png`);
    await send(phone, [{ name: 'files[]', file: `list-${i}.png`, bytes: png() }]);
  }
  await upload(phone, png(), 'unsent.png', 'image/png');
  const seen = [];
  let before = '';
  for (let page = 0; page < 3; page++) {
    const r = await doctor.get(`/chat/conversation/${conv.id}/attachments?limit=2${before}`);
    assert.equal(r.status, 200, r.text);
    assert.ok(r.json.has_more);
    seen.push(...r.json.data.map((a) => a.name));
    assert.ok(r.json.data.every((a) => a.message_id && a.user_id && a.created_at));
    before = `&before=${r.json.next_before}`;
  }
  assert.deepEqual(seen.slice(0, 5), names);
  isError(await doctor.get(url('/attachments?limit=0')), 422, 'limit');
  isError(await doctor.get(url('/attachments?before=7')), 422, 'before');
});

test('a thumbnail of an image is there soon', async () => {
  const r = await send(phone, [{ name: 'files[]', file: 'a.png', bytes: png(900, 600) }, { name: 'files[]', file: 'a.txt', bytes: 'a few words' }]);
  const [a, text] = r.json.message.attachments;
  assert.equal(a.thumb, true);
  let got;
  for (let i = 0; i < 900 && got?.status !== 200; i++) {
    got = await fetched(doctor, `/chat/attachment/${a.id}/thumb`);
    if (got.status !== 200) {
      assert.equal(got.status, 404);
      await sleep(100);
    }
  }
  assert.equal(got.headers.get('content-type'), 'image/jpeg');
  assert.equal(got.headers.get('x-content-type-options'), 'nosniff');
  assert.ok(got.bytes.length < 20000);
  assert.equal((await fetched(doctor, `/chat/attachment/${text.id}/thumb`)).status, 404);
});

test('fields of a message with files are checked as ever', async () => {
  const file = { name: 'files[]', file: 'a.png', bytes: png() };
  const before = onDisk().length;
  isError(await send(phone, [file, { name: 'content', value: 'x'.repeat(2001) }]), 422, 'content');
  isError(await send(phone, [file, { name: 'client_id', value: 'no spaces here' }]), 422, 'client_id');
  isError(await send(phone, [file, { name: 'reply_to', value: 'x' }]), 422, 'reply_to');
  isError(await send(phone, [file, { name: 'reply_to', value: '99999999' }]), 422, 'reply_to');
  isError(await send(phone, [file, { name: 'content', value: Buffer.from('a\0b') }]), 400);
  isError(await send(phone, [file, { name: 'content', value: Buffer.from([0xff, 0xfe]) }]), 400);
  isError(await send(phone, [file, { name: 'content', value: 'x'.repeat(70000) }]), 413);
  isError(await send(phone, [{ ...file, name: 'picture' }]), 422, 'picture');
  for (const attachments of ['x', [1], ['x'], ['A'.repeat(32)], ['0'.repeat(32)], Array(11).fill('0'.repeat(32)), [a32(1), a32(1)]]) {
    isError(await phone.post(url('/message'), { content: 'x', attachments }), 422, 'attachments');
  }
  assert.equal((await phone.post(url('/message'), { content: 'x', attachments: [] })).status, 201);
  assert.equal((await phone.post(url('/message'), { content: 'x', attachments: null })).status, 201);
  assert.equal(onDisk().length, before);
  assert.deepEqual(incoming(), []);
});

const a32 = (n) => String(n).padStart(32, '0');

test('a directory within DocumentRoot is refused, and one that others can enter', async () => {
  assert.equal(fs.statSync(fileDir).mode & 0o777, 0o700);
  const { spawnSync } = await import('node:child_process');
  const conf = fs.readFileSync(site.path('conf', 'httpd.conf'), 'utf8');
  const other = site.path('conf', 'wrong.conf');
  const check = (dir) => {
    fs.writeFileSync(other, conf.replace(/Define CHAT_FILES ".*"/, `Define CHAT_FILES "${dir}"`));
    const r = spawnSync(process.env.CHAT_HTTPD || '/usr/sbin/apache2', ['-t', '-f', other], { encoding: 'utf8', cwd: site.dir, env: { ...process.env, ...site.httpdEnv() } });
    return r.stderr + r.stdout;
  };
  assert.match(check(path.join(site.path('htdocs'), 'files')), /ChatFiles .* lies below .*, which httpd serves/);
  assert.match(check('relative/files'), /ChatFiles: the absolute path/);
  assert.match(check(fileDir), /Syntax OK/);
  // Each of two databases would take the other's files for nobody's.
  const push = JSON.parse(fs.readFileSync(site.path('conf', 'chat-push.json')));
  delete push.handoff;
  fs.writeFileSync(site.path('conf', 'other-push.json'), JSON.stringify(push));
  fs.writeFileSync(other, `${conf}\n<VirtualHost 127.0.0.1:1>\nChatDatabase sqlite:/tmp/other.db\nChatPushConfig "${site.path('conf', 'other-push.json')}"\n</VirtualHost>\n`);
  const two = spawnSync(process.env.CHAT_HTTPD || '/usr/sbin/apache2', ['-t', '-f', other], { encoding: 'utf8', cwd: site.dir, env: { ...process.env, ...site.httpdEnv() } });
  assert.match(two.stderr, /ChatFiles .* is shared by hosts that differ in ChatDatabase/);
});
