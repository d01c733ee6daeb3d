// SPDX-License-Identifier: Apache-2.0
//
// Files that lie encrypted (ChatKeys): everybody gets the bytes they sent, and the disk
// has none of them.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { tmpName } from '../../dev/site.mjs';
import { cleanup } from './lib/cleanup.mjs';
import { engine, eventually, startSite, testDatabase } from './lib/site.mjs';
import { form, png } from './lib/upload.mjs';

const line = (id) => `${id} ${randomBytes(32).toString('base64')}\n`;
const first = line('2025');

/* A scanner that says nothing while a file is there. */
const scanner = fs.mkdtempSync(tmpName('mod_chat-scan-'));
cleanup(() => fs.rmSync(scanner, { recursive: true, force: true }));
fs.chmodSync(scanner, 0o755);
fs.writeFileSync(path.join(scanner, 'scan'), `#!/bin/sh\nwhile [ -e "${scanner}/wait" ]; do sleep 0.1; done\nexit 0\n`, { mode: 0o755 });
const wait = path.join(scanner, 'wait');

const site = await startSite({
  db: await testDatabase(),
  before(s) {
    fs.mkdirSync(s.path('conf'), { recursive: true });
    fs.writeFileSync(s.path('conf', 'keys'), first, { mode: 0o640 });
    // The keys come later: the first file is from before.
    s.o.extraConf = `ChatSendRate off\nIncludeOptional ${s.path('conf', 'sealed')}*.conf`;
  },
});
cleanup(() => site.stop());
const setting = `file:${site.path('conf', 'keys')}`;
const conf = (text) => fs.writeFileSync(site.path('conf', 'sealed.conf'), text);
const conv = site.people().conversations[0];
const patient = await site.phone('patient@example.com');
const doctor = await site.phone('doctor@example.com');
const at = `/chat/conversation/${conv.id}`;
const files = site.path('files');
const MAGIC = 'SECRET-OF-THE-PATIENT ';
const BLOCK = 65536;

/** A text file that says it all over. */
const secret = (size) => Buffer.concat([Buffer.from(`${randomBytes(16).toString('hex')}\n`), Buffer.alloc(size - 33, MAGIC)]);
const pathOf = (id, end = '') => path.join(files, id.slice(0, 2), id + end);
const isSealed = (id, end) => {
  const bytes = fs.readFileSync(pathOf(id, end));
  return bytes.length >= 64 && sealedHead !== null && bytes.subarray(0, sealedHead.length).equals(sealedHead);
};
let sealedHead = null;
const keyOf = (id) => site.sql(`SELECT coalesce(key_id, -1) FROM chat_attachments WHERE id = '${id}';`).trim();
/** Names of files below ChatFiles that contain words. */
const open = (words) => fs.readdirSync(files, { recursive: true, withFileTypes: true })
  .filter((e) => e.isFile() && fs.readFileSync(path.join(e.parentPath ?? e.path, e.name)).includes(words)).map((e) => e.name);
const dump = () => (engine === 'pgsql'
  ? execFileSync('pg_dump', [site.db], { encoding: 'utf8', maxBuffer: 1 << 28 })
  : execFileSync('sqlite3', [site.dbFile, '.dump'], { encoding: 'utf8', maxBuffer: 1 << 28 }));
const renewed = async () => {
  await site.stopHttpd();
  await site.startHttpd();
};

/** Send a message with a file. @return the file as the message has it */
async function send(bytes, name, type, status = 201) {
  const { body, type: kind } = form([{ name: 'files[]', file: name, type, bytes }]);
  const r = await patient.post(`${at}/message`, body, { type: kind });
  assert.equal(r.status, status, r.text);
  return r.json.message?.attachments[0];
}
async function fetched(id, what = '', headers = {}, method = 'GET') {
  const r = await fetch(`${site.url}/chat/attachment/${id}${what}`, { method, headers: { Connection: 'close', Authorization: `Bearer ${doctor.token}`, ...headers } });
  return { status: r.status, headers: r.headers, bytes: Buffer.from(await r.arrayBuffer()) };
}

let old;
test('a file from before there were keys goes on being served', async () => {
  old = { bytes: secret(100000) };
  old.id = (await send(old.bytes, 'old.txt', 'text/plain')).id;
  assert.equal(keyOf(old.id), '-1');
  assert.ok(fs.readFileSync(pathOf(old.id)).equals(old.bytes));
  conf(`ChatKeys ${setting}\n`);
  await renewed();
  assert.ok((await fetched(old.id)).bytes.equals(old.bytes));
});

let big;
test('a file that nobody has to look at never gets its name open', async () => {
  big = { bytes: secret(5 * BLOCK + 1234), cursor: (await doctor.get('/chat/sync')).json.cursor };
  const a = await send(big.bytes, 'The lump, left side.txt', 'text/plain');
  big.id = a.id;
  assert.equal(a.name, 'The lump, left side.txt');
  assert.equal(a.size, big.bytes.length);
  const lies = fs.readFileSync(pathOf(a.id));
  sealedHead = lies.subarray(0, 8);
  assert.equal(lies.length, 64 + big.bytes.length + 6 * 16);
  assert.deepEqual(open(MAGIC), [old.id]);
  assert.equal(keyOf(a.id), site.sql('SELECT max(id) FROM chat_keys;').trim());
  const got = await fetched(a.id);
  assert.equal(got.status, 200);
  assert.equal(got.headers.get('content-length'), String(big.bytes.length));
  assert.ok(got.bytes.equals(big.bytes));
  assert.match(got.headers.get('etag'), new RegExp(createHash('sha256').update(big.bytes).digest('hex').slice(0, 32)));
  assert.match(got.headers.get('content-disposition'), /The%20lump%2C%20left%20side\.txt/);
});

test('its name lies sealed, too, and is read everywhere', async () => {
  assert.ok(!dump().includes('The lump, left side'));
  const page = (await doctor.get(`${at}/messages`)).json.data;
  assert.ok(page.some((m) => m.attachments[0]?.name === 'The lump, left side.txt'));
  const list = (await doctor.get(`${at}/attachments`)).json.data;
  assert.ok(list.some((x) => x.name === 'The lump, left side.txt'));
  const { events } = (await doctor.get(`/chat/sync?since=${encodeURIComponent(big.cursor)}`)).json;
  assert.deepEqual(events.filter((e) => e.event === 'MessageSent').map((e) => e.data.message.attachments[0].name), ['The lump, left side.txt']);
});

test('HEAD, If-None-Match and ranges over blocks are as with any file', async () => {
  const size = big.bytes.length;
  const head = await fetched(big.id, '', {}, 'HEAD');
  assert.deepEqual([head.status, head.headers.get('content-length'), head.bytes.length], [200, String(size), 0]);
  assert.equal((await fetched(big.id, '', { 'If-None-Match': head.headers.get('etag') })).status, 304);
  for (const [from, to] of [[0, 0], [0, BLOCK - 1], [BLOCK - 1, BLOCK], [BLOCK, BLOCK], [10, 3 * BLOCK + 7], [5 * BLOCK - 1, size - 1], [size - 1, size - 1], [2 * BLOCK, 4 * BLOCK - 1]]) {
    const r = await fetched(big.id, '', { Range: `bytes=${from}-${to}` });
    assert.equal(r.status, 206);
    assert.equal(r.headers.get('content-range'), `bytes ${from}-${to}/${size}`);
    assert.ok(r.bytes.equals(big.bytes.subarray(from, to + 1)), `${from}-${to}`);
  }
  assert.ok((await fetched(big.id, '', { Range: 'bytes=-70000' })).bytes.equals(big.bytes.subarray(size - 70000)));
  assert.equal((await fetched(big.id, '', { Range: `bytes=${size}-` })).status, 416);
  const many = await fetched(big.id, '', { Range: `bytes=0-9,${BLOCK - 5}-${BLOCK + 4},${size - 10}-` });
  assert.equal(many.status, 206);
  for (const [from, to] of [[0, 10], [BLOCK - 5, BLOCK + 5], [size - 10, size]]) {
    assert.ok(many.bytes.includes(big.bytes.subarray(from, to)));
  }
});

let picture;
test('an image is sealed when it was looked at and has its thumbnail, which is sealed, too', async () => {
  picture = await send(png(700, 300), 'x.png', 'image/png');
  await eventually(() => Number(keyOf(picture.id)) > 0, 'the seal');
  assert.ok(isSealed(picture.id) && isSealed(picture.id, '.thumb'));
  const got = await fetched(picture.id);
  assert.equal(got.headers.get('content-length'), String(picture.size));
  assert.equal(got.bytes.subarray(1, 4).toString(), 'PNG');
  assert.match(got.headers.get('etag'), new RegExp(createHash('sha256').update(got.bytes).digest('hex').slice(0, 32)));
  const thumb = await fetched(picture.id, '/thumb');
  assert.equal(thumb.status, 200);
  assert.equal(thumb.bytes.readUInt16BE(0), 0xffd8);
  assert.equal(Number(thumb.headers.get('content-length')), thumb.bytes.length);
  assert.ok(!fs.readFileSync(pathOf(picture.id, '.thumb')).includes(thumb.bytes.subarray(20, 60)));
});

test('a file whose block was changed ends in the middle, never with wrong bytes', async () => {
  const bytes = secret(10 * BLOCK);
  const { id } = await send(bytes, 'b.txt', 'text/plain');
  const fd = fs.openSync(pathOf(id), 'r+');
  const place = 64 + 7 * (BLOCK + 16) + 100;
  const one = Buffer.alloc(1);
  fs.readSync(fd, one, 0, 1, place);
  one[0] ^= 1;
  fs.writeSync(fd, one, 0, 1, place);
  fs.closeSync(fd);
  site.expectLog(/opening a sealed file: block 7 was changed/);
  const part = await new Promise((resolve, reject) => {
    http.get(`${site.url}/chat/attachment/${id}`, { headers: { Authorization: `Bearer ${doctor.token}` } }, (r) => {
      const got = [];
      r.on('data', (d) => got.push(d));
      r.on('close', () => resolve({ whole: r.complete, bytes: Buffer.concat(got) }));
      r.on('error', () => {});
    }).on('error', reject);
  });
  assert.equal(part.whole, false);
  assert.ok(part.bytes.length <= 7 * BLOCK);
  assert.ok(part.bytes.equals(bytes.subarray(0, part.bytes.length)));
  const good = await fetched(id, '', { Range: `bytes=0-${7 * BLOCK - 1}` });
  assert.ok(good.bytes.equals(bytes.subarray(0, 7 * BLOCK)));
  // The head, and a file that is too short, are found before anything is said.
  const was = fs.readFileSync(pathOf(id));
  site.expectLog(/opening a sealed file: it was changed/);
  for (const broken of [Buffer.concat([was.subarray(0, 50), Buffer.from([was[50] ^ 1]), was.subarray(51)]), was.subarray(0, 1000)]) {
    fs.writeFileSync(pathOf(id), broken);
    const r = await fetched(id);
    assert.equal(r.status, 500);
    assert.equal(r.headers.get('content-disposition'), null);
  }
});

test('what a process left that was killed is finished by the next', async () => {
  const a = await send(png(640, 480), 'k.png', 'image/png');
  await eventually(() => Number(keyOf(a.id)) > 0, 'the seal');
  const { bytes } = await fetched(a.id);
  const key = keyOf(a.id);
  const b = await send(secret(3 * BLOCK), 'k.txt', 'text/plain');
  const text = (await fetched(b.id)).bytes;
  const quick = await send(png(900, 900), 'quick.png', 'image/png');
  process.kill(-site.httpd.pid, 'SIGKILL');
  await site.httpd.gone;
  site.httpd = null;
  // Sealed, and it was not said; half a file written beside one that lies open.
  site.sql(`UPDATE chat_attachments SET key_id = 0 WHERE id IN ('${a.id}', '${b.id}');`);
  fs.writeFileSync(pathOf(b.id), text);
  fs.writeFileSync(pathOf(b.id, '-sealing'), 'half');
  if (site.user) {
    fs.chownSync(pathOf(b.id), site.user.uid, site.user.gid);
    fs.chownSync(pathOf(b.id, '-sealing'), site.user.uid, site.user.gid);
  }
  await site.startHttpd();
  for (const one of [a, b, quick]) {
    await eventually(() => Number(keyOf(one.id)) > 0, `the seal of ${one.name}`);
    assert.ok(isSealed(one.id), one.name);
  }
  assert.equal(keyOf(a.id), key);
  assert.ok((await fetched(a.id)).bytes.equals(bytes));
  assert.ok((await fetched(b.id)).bytes.equals(text));
  assert.ok(!fs.existsSync(pathOf(b.id, '-sealing')));
  assert.deepEqual(open(MAGIC), [old.id]);
});

test('a file that is held is open until its verdict, and sealed then', async () => {
  conf(`ChatKeys ${setting}\nChatScan command:${scanner}/scan\nChatScanWait 1\nChatScanTimeout 600\n`);
  await renewed();
  fs.writeFileSync(wait, '');
  await send(secret(2 * BLOCK), 'held, privately.txt', 'text/plain', 202);
  const id = site.sql("SELECT id FROM chat_attachments WHERE state = 'pending';").trim();
  assert.equal(keyOf(id), '0');
  assert.ok(!dump().includes('held, privately'));
  fs.rmSync(wait);
  await eventually(() => Number(keyOf(id)) > 0, 'the seal');
  assert.deepEqual(open(MAGIC), [old.id]);
  const got = await fetched(id);
  assert.equal(got.bytes.length, 2 * BLOCK);
  conf(`ChatKeys ${setting}\n`);
  await renewed();
});

/** chatctl as httpd's user, who may read the files. */
const chatctl = (...args) => spawnSync(site.path('bin', 'chatctl'), args,
  { encoding: 'utf8', ...(site.dbFile && site.user ? { uid: site.user.uid, gid: site.user.gid } : {}) });

test('an export gives what was sealed, and says when it cannot', async () => {
  await patient.post(`${at}/message`, { content: 'words for the export' });
  const run = (name, ...more) => {
    const out = site.path('db', name);
    const r = chatctl('export', '--user', 'patient@example.com', '--out', out, '--files', files, '--database', site.db, ...more);
    return { ...r, out, text: fs.readdirSync(out).filter((f) => f.endsWith('.jsonl')).map((f) => fs.readFileSync(`${out}/${f}`, 'utf8')).join('') };
  };
  fs.mkdirSync(site.path('db'), { recursive: true });
  const readable = site.path('db', 'keys');
  fs.copyFileSync(site.path('conf', 'keys'), readable);
  fs.chmodSync(readable, 0o600);
  for (const path_ of [site.path('db'), readable]) {
    if (site.user) {
      fs.chownSync(path_, site.user.uid, site.user.gid);
    }
  }
  const opened = run('opened', '--keys', `file:${readable}`);
  // One file was tampered with above: it is given as it lies, and said.
  assert.equal(opened.status, 1);
  assert.match(opened.stderr, /1 rows or files are encrypted and were given as they lie: a sealed file was changed/);
  assert.ok(opened.text.includes('words for the export') && opened.text.includes('The lump, left side.txt'));
  assert.ok(!opened.text.includes('sealed:2:'));
  assert.ok(fs.readFileSync(`${opened.out}/files/${big.id}`).equals(big.bytes));
  assert.ok(fs.readFileSync(`${opened.out}/files/${old.id}`).equals(old.bytes));
  const shut = run('shut');
  assert.equal(shut.status, 1);
  assert.match(shut.stderr, /\d+ rows or files are encrypted and were given as they lie: say with --keys/);
  assert.ok(!shut.text.includes('words for the export') && shut.text.includes('sealed:2:'));
  assert.ok(fs.readFileSync(`${shut.out}/files/${big.id}`).equals(fs.readFileSync(pathOf(big.id))));
  assert.ok(JSON.parse(fs.readFileSync(`${shut.out}/manifest.json`, 'utf8')).encrypted > 2);
  fs.writeFileSync(readable, line('other'));
  const wrong = run('wrong', '--keys', `file:${readable}`);
  assert.equal(wrong.status, 1);
  assert.match(wrong.stderr, /given as they lie: the key of conversation/);
  assert.equal(wrong.text.split('sealed:2:').length, shut.text.split('sealed:2:').length);
  assert.equal(chatctl('export', '--user', 'patient@example.com', '--out', `${wrong.out}2`, '--database', site.db, '--keys', 'file:/nowhere').status, 1);
});

test('another wrapping key, another data key: all is read; without keys nothing is', async () => {
  const file = site.path('conf', 'keys');
  const second = line('2026');
  const keys = (...args) => execFileSync(site.path('bin', 'chatctl'), ['keys', ...args, '--keys', setting, '--database', site.db], { encoding: 'utf8' });
  keys('renew', String(conv.id));
  fs.writeFileSync(file, second + first);
  assert.match(keys('rotate'), /2 keys, 2 wrapped anew, 0 that/);
  fs.writeFileSync(file, second);
  await renewed();
  const late = await send(secret(1000), 'late.txt', 'text/plain');
  assert.notEqual(keyOf(late.id), keyOf(big.id));
  assert.ok((await fetched(big.id)).bytes.equals(big.bytes));
  assert.equal((await fetched(late.id)).bytes.length, 1000);
  fs.writeFileSync(file, line('lost'));
  await renewed();
  site.expectLog(/opening a sealed (file|text): the key of conversation/);
  const blank = await fetched(big.id);
  assert.equal(blank.status, 500);
  assert.ok(!blank.headers.get('content-disposition'));
  assert.ok((await fetched(old.id)).bytes.equals(old.bytes));
  site.expectLog(/sealing a (file|text): the key of conversation/);
  site.expectLog(/keeping uploaded files|storing a message with files/);
  const before = fs.readdirSync(files, { recursive: true }).length;
  await send(secret(1000), 'not without.txt', 'text/plain', 500);
  // What came is removed when the request has ended, which is after its answer.
  await eventually(() => fs.readdirSync(files, { recursive: true }).length === before, 'nothing is left of it');
  conf('');
  await renewed();
  site.expectLog(/opening a sealed file: there is no ChatKeys/);
  assert.equal((await fetched(big.id)).status, 500);
  fs.writeFileSync(file, second);
  conf(`ChatKeys ${setting}\n`);
  await renewed();
  assert.ok((await fetched(big.id)).bytes.equals(big.bytes));
});

test('files of a conversation are sealed with its newest key, those from before as well', async () => {
  const args = ['keys', 'reseal', String(conv.id), '--keys', setting, '--database', site.db];
  const run = (...more) => spawnSync(site.path('bin', 'chatctl'), [...args, ...more], { encoding: 'utf8' });
  assert.equal(spawnSync(site.path('bin', 'chatctl'), ['keys', 'check', '--files', files, '--keys', setting, '--database', site.db]).status, 2);
  const before = fs.readFileSync(pathOf(picture.id));
  const thumb = (await fetched(picture.id, '/thumb')).bytes;
  const r = run('--files', files, '--json');
  // The one that was tampered with cannot be opened, and stays as it is.
  assert.equal(r.status, 1, r.stderr);
  const told = JSON.parse(r.stdout);
  assert.deepEqual([told.lost, told.left], [1, 0], r.stderr);
  assert.ok(told.sealed >= 6 && told.before >= 1, r.stdout);
  assert.deepEqual(open(MAGIC), [], 'also the file from before');
  assert.ok(!fs.readFileSync(pathOf(picture.id)).equals(before));
  assert.equal(keyOf(big.id), site.sql('SELECT max(id) FROM chat_keys;').trim());
  assert.equal(keyOf(old.id), keyOf(big.id));
  for (const one of [big, old]) {
    assert.ok((await fetched(one.id)).bytes.equals(one.bytes));
  }
  assert.ok((await fetched(picture.id, '/thumb')).bytes.equals(thumb));
  assert.match((await fetched(big.id)).headers.get('content-disposition'), /left%20side/);
  assert.ok(!site.sql(`SELECT name FROM chat_attachments WHERE id = '${old.id}';`).includes('old.txt'));
  const again = JSON.parse(run('--files', files, '--json').stdout);
  assert.deepEqual([again.sealed, again.before], [0, told.sealed + told.before]);
});

test('what is erased is gone, sealed or not', async () => {
  const cursor = (await doctor.get('/chat/sync')).json.cursor;
  const { message } = (await patient.post(`${at}/message`, { content: 'to be erased' })).json;
  const late = await send(secret(BLOCK), 'to be erased.txt', 'text/plain');
  const r = chatctl('erase', '--user', 'patient@example.com', '--files', files, '--database', site.db);
  assert.equal(r.status, 0, r.stderr);
  for (const id of [late.id, big.id, old.id, picture.id]) {
    assert.ok(!fs.existsSync(pathOf(id)) && !fs.existsSync(pathOf(id, '.thumb')), id);
    assert.equal((await fetched(id)).status, 404);
  }
  assert.equal(site.sql(`SELECT body FROM messages WHERE id = ${message.id};`).trim(), '');
  const { text } = await doctor.get(`/chat/sync?limit=500&since=${encodeURIComponent(cursor)}`);
  assert.ok(!text.includes('to be erased') && !text.includes('sealed:2:'), text);
  assert.equal(site.sql(`SELECT count(*) FROM chat_events WHERE conversation_id = ${conv.id} AND CAST(payload AS text) LIKE '%sealed:2:%' AND event LIKE 'Message%';`).trim(), '0');
});
