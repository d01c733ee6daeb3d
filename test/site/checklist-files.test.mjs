// SPDX-License-Identifier: Apache-2.0
//
// Points 19 to 25 of the checklist in doc/security.md: files. Each test shows every half
// sentence of its point at a real site with a real clamd; other files try the same in depth.

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import zlib from 'node:zlib';
import { root, tmpName } from '../../dev/site.mjs';
import { cleanup } from './lib/cleanup.mjs';
import { Clamd, eicar } from './lib/clamd.mjs';
import { Client } from './lib/client.mjs';
import { written } from './lib/process.mjs';
import { eventually, sanitize, startSite } from './lib/site.mjs';
import { form, gif, ogg, pdf, png, raw } from './lib/upload.mjs';

const dir = fs.mkdtempSync(tmpName('chat-clamd-'));
cleanup(() => fs.rmSync(dir, { recursive: true, force: true }));
fs.chmodSync(dir, 0o755);
const clamd = new Clamd(dir, 16 << 20);
await clamd.start();
const site = await startSite({
  extraConf: `ChatSendRate off\nChatScan clamd:${clamd.socket}\nChatScanRetries 0\nChatScanTimeout 60\nChatScanWait 1\nChatMaxPixels 1000000`,
});
const { conversations } = site.people();
const conv = conversations[0];
const phone = await site.phone();
const doctor = await site.phone('doctor@example.com');
const at = `/chat/conversation/${conv.id}`;
const files = site.path('files');
const corpus = (name) => fs.readFileSync(path.join(root, 'test/fuzz/corpus/image', name));

/** What lies on disk, thumbnails too. */
const onDisk = () => fs.readdirSync(files).filter((d) => d.length === 2).flatMap((d) => fs.readdirSync(path.join(files, d)));
const incoming = () => fs.readdirSync(path.join(files, 'incoming')).map((n) => path.join(files, 'incoming', n));
const post = (bytes, name, type, who = phone, to = at) => who.post(`${to}/attachment`, bytes, { type, headers: { 'X-File-Name': encodeURIComponent(name) } });
async function upload(...args) {
  const r = await post(...args);
  assert.equal(r.status, 201, r.text);
  return r.json.attachment;
}
async function get(url, who = doctor) {
  const r = await fetch(url.startsWith('http') ? url : site.url + url,
    { headers: { Connection: 'close', ...(who && { Authorization: `Bearer ${who.token}` }) } });
  return { status: r.status, headers: r.headers, bytes: Buffer.from(await r.arrayBuffer()) };
}
const send = async (attachments, content = 'see') => {
  const r = await phone.post(`${at}/message`, { attachments, content });
  assert.equal(r.status, 201, r.text);
  return r.json.message;
};
const refused = (r, status, what) => assert.equal(r.status, status, `${what ?? ''} ${r.text.slice(0, 200)}`);

test('19. files are streamed to a temporary file with a hard limit, with quotas of user and conversation, and never in memory', async () => {
  // 8 of 9 MB have come: they are in a file, and httpd has grown by less than 3 MB.
  const children = fs.readFileSync(`/proc/${site.httpd.pid}/task/${site.httpd.pid}/children`, 'utf8').trim().split(' ').map(Number);
  const memory = () => children.reduce((sum, pid) => sum + written(pid), 0);
  const before = memory();
  const body = pdf(9 << 20);
  const request = http.request(`${site.url}${at}/attachment`, {
    method: 'POST', headers: { Authorization: `Bearer ${phone.token}`, 'Content-Type': 'application/pdf', 'Content-Length': body.length, Connection: 'close' },
  });
  const answered = new Promise((done, fail) => {
    request.on('response', (r) => {
      r.resume();
      done(r.statusCode);
    });
    request.on('error', fail);
  });
  request.write(body.subarray(0, 8 << 20));
  await eventually(() => incoming().some((f) => fs.statSync(f).size > 7 << 20), 'most of it is in a file');
  assert.ok(sanitize || memory() - before < 3072, `${memory() - before} kB more`);
  request.end(body.subarray(8 << 20));
  assert.ok([201, 202].includes(await answered));
  // What announces more than is allowed is refused before it comes, what says nothing while it comes.
  const head = (more) => `POST ${at}/attachment HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${phone.token}\r\nAccept: application/json\r\nConnection: close\r\nContent-Type: application/pdf\r\n${more}\r\n`;
  refused(await raw(site.o.port, head('Content-Length: 10737418240\r\n'), '%PDF'), 413);
  const large = pdf((10 << 20) + 1);
  refused(await raw(site.o.port, head('Transfer-Encoding: chunked\r\n'), Buffer.concat([Buffer.from(`${large.length.toString(16)}\r\n`), large])), 413);
  await eventually(() => incoming().length === 0, 'nothing is left of them');
  // Quotas.
  for (const quota of ['ChatUserQuota', 'ChatConversationQuota']) {
    const small = await startSite({ extraConf: `${quota} 10000` });
    const who = await small.phone();
    const up = async (size, by = who) => (await post(pdf(size), 'a.pdf', 'application/pdf', by)).status;
    assert.equal(await up(6000), 201);
    assert.equal(await up(6000), 422, quota);
    const another = await small.phone('doctor@example.com');
    assert.equal(await up(6000, another), quota === 'ChatUserQuota' ? 201 : 422, `${quota}: somebody else, the same conversation`);
  }
});

test('20. the type is what the first bytes say and on a list, declared type and extension agree; random name outside DocumentRoot, the shown name is clean', async () => {
  const exe = Buffer.from('MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0', 'latin1');
  for (const [bytes, name, type] of [[png(), 'a.jpg', 'image/jpeg'], [png(), 'a.png', 'image/jpeg'], [png(), 'a.jpg', 'image/png'], [exe, 'a.png', 'image/png'],
    [exe, 'a.exe', 'application/octet-stream'], ['<?php echo 1;', 'a.php', 'application/x-php'], [png(), 'a.png.php', 'image/png']]) {
    refused(await post(bytes, name, type), 422, name);
  }
  const only = await startSite({ extraConf: 'ChatFileTypes png' });
  const who = await only.phone();
  assert.equal((await post(png(), 'a.png', 'image/png', who)).status, 201);
  assert.equal((await post(gif, 'a.gif', 'image/gif', who)).status, 422, 'a list of the site\'s own');
  const a = await upload(png(), '../../etc/passwd.png', 'image/png');
  assert.match(a.id, /^[0-9a-f]{32}$/);
  const stored = path.join(files, a.id.slice(0, 2), a.id);
  assert.ok(fs.existsSync(stored));
  assert.ok(!stored.startsWith(site.path('htdocs') + path.sep));
  assert.equal(fs.statSync(files).mode & 0o077, 0, 'nobody else looks into it');
  for (const url of [`/files/${a.id.slice(0, 2)}/${a.id}`, `/chat-assets/../files/${a.id.slice(0, 2)}/${a.id}`, `/chat-assets/%2e%2e/files/${a.id.slice(0, 2)}/${a.id}`]) {
    const r = await raw(site.o.port, `GET ${url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, '');
    assert.ok([400, 403, 404].includes(r.status), `${url}: ${r.status}`);
  }
  assert.equal(a.name, 'passwd.png');
  for (const [given, shown] of [['photo\u202egnp.exe.png', 'photognp_exe.png'], ['.htaccess.png', 'htaccess.png'], ['-rf.png', 'rf.png'],
    ['a\u0007b\nc.png', /^a[^\u0007\n]*b[^\u0007\n]*c\.png$/], ['a.php.png', 'a_php.png'], [`${'x'.repeat(300)}.png`, /^x{50,120}\.png$/], ['..\\..\\a.png', 'a.png']]) {
    const { name } = await upload(png(), given, 'image/png');
    assert.ok(shown instanceof RegExp ? shown.test(name) : name === shown, `${JSON.stringify(given)} is shown as ${JSON.stringify(name)}`);
  }
  // A NUL hides what follows from programs in C.
  assert.equal((await upload(png(), 'a.php\0.png', 'image/png')).name, 'a_php.png');
  const nul = form([{ name: 'files[]', file: 'a.php\0.png', type: 'image/png', bytes: png() }]);
  refused(await phone.post(`${at}/message`, nul.body, { type: nul.type }), 400, 'NUL');
});

test('21. downloads ask for membership, say nosniff, attachment but for a short list, CSP sandbox, same-origin, private no-store', async () => {
  const all = [[png(), 'a.png', 'image/png', 'inline'], [gif, 'a.gif', 'image/gif', 'inline'], [corpus('plain.jpg'), 'a.jpg', 'image/jpeg', 'inline'],
    [corpus('plain.webp'), 'a.webp', 'image/webp', 'inline'], ['words', 'a.txt', 'text/plain', 'inline'], [ogg, 'a.ogg', 'audio/ogg', 'inline'],
    [pdf(), 'a.pdf', 'application/pdf', 'attachment']];
  const uploaded = [];
  for (const [bytes, name, type] of all) {
    uploaded.push(await upload(bytes, name, type));
  }
  await send(uploaded.map((a) => a.id));
  const stranger = new Client(site.url);
  const { email } = site.people().accounts.find((p) => p.user_id === conversations.find((c) => c.patient !== conv.patient && c.doctor !== conv.doctor).patient);
  await stranger.login(email, 'password');
  for (const [i, [, name, , how]] of all.entries()) {
    const url = `/chat/attachment/${uploaded[i].id}`;
    const { status, headers } = await get(url);
    assert.equal(status, 200, name);
    assert.equal(headers.get('x-content-type-options'), 'nosniff', name);
    assert.match(headers.get('content-disposition'), new RegExp(`^${how};`), name);
    assert.equal(headers.get('content-security-policy'), "sandbox; default-src 'none'", name);
    assert.equal(headers.get('cross-origin-resource-policy'), 'same-origin', name);
    assert.equal(headers.get('cache-control'), 'private, no-store', name);
    assert.equal((await stranger.get(url)).status, 404, name);
    assert.equal((await get(url, null)).status, 401, name);
  }
  // Membership is asked for each time.
  site.sql(`UPDATE treatment_requests SET doctor_id = NULL WHERE id = ${conv.id};`);
  assert.equal((await get(`/chat/attachment/${uploaded[0].id}`)).status, 404);
  site.sql(`UPDATE treatment_requests SET doctor_id = ${conv.doctor} WHERE id = ${conv.id};`);
});

test('22. SVG, HTML and XML are never shown inline and never parsed by the server', async () => {
  const before = onDisk().length;
  const bomb = `<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "${'x'.repeat(1000)}">${Array.from({ length: 9 }, (_, i) => `<!ENTITY a${i} "${`&a${i || ''};`.repeat(10)}">`).join('')}]><l>&a8;</l>`;
  const kinds = ['<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', '<!DOCTYPE html><html><script>alert(1)</script></html>',
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>', bomb];
  for (const bytes of kinds) {
    for (const [name, type] of [['a.svg', 'image/svg+xml'], ['a.html', 'text/html'], ['a.xml', 'application/xml'], ['a.png', 'image/png'], ['a.txt', 'text/plain'], ['a.bin', 'application/octet-stream']]) {
      refused(await post(bytes, name, type), 422, `${name} ${bytes.slice(0, 20)}`);
    }
  }
  assert.equal(onDisk().length, before, 'none is there to be shown');
  // No list of the site's own lets them in, either.
  const file = site.path('conf', 'types.conf');
  for (const kind of ['svg', 'html', 'xml']) {
    fs.writeFileSync(file, `${fs.readFileSync(site.path('conf', 'httpd.conf'), 'utf8')}\nChatFileTypes png ${kind}\n`);
    const r = spawnSync(process.env.CHAT_HTTPD || '/usr/sbin/apache2', ['-t', '-f', file], { encoding: 'utf8', env: { ...process.env, ...site.httpdEnv() } });
    assert.notEqual(r.status, 0, kind);
    assert.match(r.stderr, /ChatFileTypes/);
  }
});

test('23. pixels are counted from the header before decoding; thumbnails come from a process with no rights and limits; EXIF and GPS are removed', async () => {
  const huge = await upload(corpus('bomb.png'), 'bomb.png', 'image/png');
  assert.deepEqual([huge.width, huge.thumb], [60000, false]);
  assert.equal((await get(`/chat/attachment/${huge.id}/thumb`, phone)).status, 404);
  assert.ok(!onDisk().includes(`${huge.id}.thumb`));
  const photo = Buffer.from(corpus('exif.jpg').toString('latin1').replace('<script>', 'trailer '), 'latin1');
  assert.ok(photo.includes('Exif') && photo.includes('SECRET'));
  const a = await upload(photo, 'photo.jpg', 'image/jpeg');
  const { bytes } = await get(`/chat/attachment/${a.id}`, phone);
  assert.ok(bytes.length > 100 && !bytes.includes('SECRET'));
  // What is left of EXIF says which side is up and nothing else: one tag, 0x0112.
  const tiff = bytes.indexOf('Exif\0\0') + 6;
  const big = bytes.toString('latin1', tiff, tiff + 2) === 'MM';
  const u16 = (i) => (big ? bytes.readUInt16BE(tiff + i) : bytes.readUInt16LE(tiff + i));
  const u32 = (i) => (big ? bytes.readUInt32BE(tiff + i) : bytes.readUInt32LE(tiff + i));
  assert.ok(tiff >= 6, 'this one has an orientation');
  assert.deepEqual([u16(u32(4)), u16(u32(4) + 2), u32(u32(4) + 14)], [1, 0x0112, 0], 'one entry, and no further directory');
  const thumb = await eventually(async () => {
    const r = await get(`/chat/attachment/${a.id}/thumb`, phone);
    return r.status === 200 && r;
  }, 'the thumbnail');
  assert.equal(thumb.bytes.readUInt16BE(0), 0xffd8);
  // Its process, held where it wants to write its answer.
  const fifo = site.path('run', 'full');
  execFileSync('mkfifo', [fifo]);
  const filling = fs.openSync(fifo, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  assert.throws(() => {
    for (;;) {
      fs.writeSync(filling, Buffer.alloc(4096));
    }
  }, { code: 'EAGAIN' });
  const out = fs.openSync(fifo, 'r+');
  const child = spawn(site.path('bin', 'chat-files'), ['thumb', '1000000'], { stdio: ['pipe', out, 'ignore'] });
  child.stdin.end(png(600, 400));
  const field = (name) => fs.readFileSync(`/proc/${child.pid}/status`, 'utf8').match(new RegExp(`^${name}:\\s+(\\S+)`, 'm'))?.[1];
  try {
    await eventually(() => field('NoNewPrivs') === '1' && (sanitize || field('Seccomp') === '2'), 'the sandbox');
    const limits = fs.readFileSync(`/proc/${child.pid}/limits`, 'utf8');
    assert.match(limits, /^Max cpu time +10 /m);
    assert.ok(sanitize || /^Max address space +1\d{8} /m.test(limits), 'memory');
    assert.ok(sanitize || /^Max open files +0 /m.test(limits), 'files');
  } finally {
    child.kill('SIGKILL');
    fs.closeSync(out);
    fs.closeSync(filling);
  }
  if (site.user) {
    const socket = fs.readdirSync(site.path('run')).find((n) => n.startsWith('chat-files.'));
    assert.equal(fs.statSync(site.path('run', socket)).uid, site.user.uid, 'chat-files is httpd\'s User, not root');
  }
});

test('24. archives are not unpacked; the scan comes before the message is announced; pending, clean, infected, failed', async () => {
  const zip = Buffer.concat([Buffer.from('PK\x03\x04\x14\0\0\0\x08\0', 'latin1'), Buffer.alloc(200)]);
  for (const [bytes, name, type] of [[zlib.gzipSync(Buffer.alloc(50 << 20)), 'a.gz', 'application/gzip'], [zip, 'a.zip', 'application/zip']]) {
    refused(await post(bytes, name, type), 422, name);
  }
  const state = (id) => site.sql(`SELECT state FROM chat_attachments WHERE id = '${id}';`).trim();
  const sent = () => Number(site.sql("SELECT count(*) FROM chat_events WHERE event = 'MessageSent';"));
  const clean = await upload(pdf(), 'a.pdf', 'application/pdf');
  assert.deepEqual([clean.state, state(clean.id)], ['clean', 'clean']);
  // Pending: nobody hears of the message, nobody gets the file.
  clamd.hold();
  const before = sent();
  const { body, type } = form([{ name: 'content', value: 'it waits' }, { name: 'files[]', file: 'b.pdf', bytes: pdf() }]);
  const r = await phone.post(`${at}/message`, body, { type });
  refused(r, 202);
  const pending = site.sql("SELECT id FROM chat_attachments WHERE state = 'pending';").trim();
  assert.equal((await get(`/chat/attachment/${pending}`)).status, 404);
  assert.equal(sent(), before);
  clamd.goOn();
  await eventually(() => sent() === before + 1, 'it is announced when it is clean');
  assert.equal(state(pending), 'clean');
  // Infected: refused by INSTREAM, not kept, never announced.
  const files_ = onDisk().length;
  refused(await post(eicar, 'eicar.txt', 'text/plain'), 422, 'infected');
  assert.equal(onDisk().length, files_);
  // One that turns out to be so later is infected in its sender's eyes and nobody else's.
  clamd.hold();
  const late = form([{ name: 'content', value: 'never' }, { name: 'files[]', file: 'e.txt', bytes: eicar }]);
  refused(await phone.post(`${at}/message`, late.body, { type: late.type }), 202);
  const bad = site.sql("SELECT id FROM chat_attachments WHERE state = 'pending';").trim();
  clamd.goOn();
  await eventually(() => state(bad) === 'infected', 'infected');
  assert.equal((await get(`/chat/attachment/${bad}`, phone)).status, 410);
  assert.equal((await get(`/chat/attachment/${bad}`)).status, 404);
  // Failed: nobody could tell.
  await clamd.kill();
  site.expectLog(/chat-files|chat:(warn|error)/);
  const unknown = await post(pdf(), 'c.pdf', 'application/pdf');
  assert.ok([202, 422].includes(unknown.status), unknown.text);
  if (unknown.status === 202) {
    await eventually(() => state(unknown.json.attachment.id) === 'failed', 'failed');
  }
  await clamd.start();
  assert.equal(sent(), before + 1);
  // A command as the scanner.
  const script = path.join(dir, 'scan');
  fs.writeFileSync(script, '#!/bin/sh\ngrep -q INFECTED "$1" && exit 1\nexit 0\n', { mode: 0o755 });
  const byCommand = await startSite({ extraConf: `ChatScan command:${script}` });
  const who = await byCommand.phone();
  assert.equal((await post('harmless words', 'a.txt', 'text/plain', who)).status, 201);
  assert.equal((await post('INFECTED words', 'a.txt', 'text/plain', who)).status, 422);
});

test('25. deleting a message makes its file unreachable at once; uploads that nobody sends expire', async () => {
  const a = await upload(png(), 'a.png', 'image/png');
  const message = await send([a.id]);
  const link = (await doctor.post(`/chat/attachment/${a.id}/link`, {})).json.url;
  await eventually(async () => (await get(`/chat/attachment/${a.id}/thumb`)).status === 200, 'the thumbnail');
  assert.equal((await get(`/chat/attachment/${a.id}`)).status, 200);
  assert.equal((await get(link, null)).status, 200);
  assert.equal((await phone.request('DELETE', `${at}/message/${message.id}`)).status, 200);
  for (const [url, who] of [[`/chat/attachment/${a.id}`, doctor], [`/chat/attachment/${a.id}`, phone], [`/chat/attachment/${a.id}/thumb`, doctor], [link, null]]) {
    assert.equal((await get(url, who)).status, 404, url);
  }
  assert.ok(!(await doctor.get(`${at}/attachments`)).json.data.some((f) => f.id === a.id));
  // Orphans.
  const [old, young] = [await upload(png(), 'old.png', 'image/png'), await upload(png(), 'young.png', 'image/png')];
  site.sql(`UPDATE chat_attachments SET created_at = ${site.time(-25 * 3600)} WHERE id = '${old.id}';`);
  await site.stopHttpd();
  await site.startHttpd(); // a child looks when it begins
  await eventually(() => !onDisk().includes(old.id), 'the old one is gone');
  assert.ok(onDisk().includes(young.id));
  assert.equal((await get(`/chat/attachment/${old.id}`, phone)).status, 404);
  assert.equal((await get(`/chat/attachment/${young.id}`, phone)).status, 200);
});
