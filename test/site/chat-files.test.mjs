// SPDX-License-Identifier: Apache-2.0
//
// What chat-files does to what people upload: metadata, thumbnails, scans by a real
// clamd and by a command; and that it lives as long as httpd, whatever it is fed.

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../../dev/site.mjs';
import { badWord, Clamd, eicar } from './lib/clamd.mjs';
import { build, eventually, sanitize, sleep, startSite } from './lib/site.mjs';
import { form, pdf, png } from './lib/upload.mjs';

const corpus = (name) => fs.readFileSync(path.join(root, 'test/fuzz/corpus/image', name));
const dir = fs.mkdtempSync('/tmp/chat-clamd-');
fs.chmodSync(dir, 0o755);
const clamd = new Clamd(dir, 1 << 20);
await clamd.start();
const site = await startSite({
  extraConf: `ChatSendRate off\nChatUploadsAtOnce off\nChatScan clamd:${clamd.socket}\nChatScanRetries 2\nChatScanTimeout 20\nChatScanWait 3\nChatMaxPixels 1000000`,
});
site.expectLog(/chat-files ended \(signal 9\) and is started again/);
const conv = site.people().conversations[0];
const phone = await site.phone();
const doctor = await site.phone('doctor@example.com');
const files = site.path('files');

/** POST one file. @return the answer */
const post = (bytes, name, type, who = phone) => who.post(
  `/chat/conversation/${conv.id}/attachment`, bytes, { type, headers: { 'X-File-Name': name } });

async function upload(bytes, name, type) {
  const r = await post(bytes, name, type);
  assert.equal(r.status, 201, r.text);
  return r.json.attachment;
}

const asks = (a, what = '', who = phone) => fetch(`${site.url}/chat/attachment/${a.id}${what}`,
  { headers: { Connection: 'close', Authorization: `Bearer ${who.token}` } });
const bytesOf = async (a, what) => {
  const r = await asks(a, what);
  assert.equal(r.status, 200);
  return Buffer.from(await r.arrayBuffer());
};

/** A thumbnail, when it is there. */
async function thumb(a) {
  let bytes;
  await eventually(async () => {
    const r = await asks(a, '/thumb');
    bytes = Buffer.from(await r.arrayBuffer());
    return r.status === 200;
  }, 'the thumbnail');
  return bytes;
}

/** Width and height of a JPEG as it is stored. */
function jpegSize(b) {
  for (let at = 2; at + 9 < b.length;) {
    if (b[at + 1] >= 0xc0 && b[at + 1] <= 0xc2) {
      return [b.readUInt16BE(at + 7), b.readUInt16BE(at + 5)];
    }
    at += 2 + b.readUInt16BE(at + 2);
  }
  return null;
}

/** Processes by their arguments. */
function processes(...words) {
  return fs.readdirSync('/proc').filter((n) => /^\d+$/.test(n)).filter((pid) => {
    try {
      const args = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return words.every((w) => args.includes(w));
    } catch {
      return false;
    }
  }).map(Number);
}
const workers = () => processes('serve', files);
const worker = () => {
  const list = workers();
  assert.equal(list.length, 1, 'one chat-files');
  return list[0];
};
/** Names of files on disk; none of what is only on its way. */
const onDisk = () => fs.readdirSync(files).filter((d) => d.length === 2).flatMap((d) => fs.readdirSync(path.join(files, d)));

test('a photograph loses what it tells of people and stays the same picture', async () => {
  for (const [name, type, size] of [['exif.jpg', 'image/jpeg', [30, 40]], ['texts.png', 'image/png', [40, 30]],
    ['comment.gif', 'image/gif', [40, 30]], ['exif.webp', 'image/webp', [30, 40]]]) {
    // A script behind the picture is refused before it gets this far (upload.test.mjs).
    const was = Buffer.from(corpus(name).toString('latin1').replace('<script>', 'trailer '), 'latin1');
    assert.ok(was.includes('SECRET'));
    const a = await upload(was, name, type);
    assert.deepEqual([a.state, a.width, a.height, a.thumb], ['clean', ...size, true], name);
    const is = await bytesOf(a);
    assert.equal(is.length, a.size, name);
    assert.ok(!is.includes('SECRET'), `${name} still tells`);
    const t = await thumb(a);
    assert.deepEqual(jpegSize(t), size, `the thumbnail of ${name} stands upright`);
    const [row] = site.sql(`SELECT sha256 FROM chat_attachments WHERE id = '${a.id}';`).trim().split('\n');
    assert.equal(row, createHash('sha256').update(is).digest('hex'), 'the row says what lies on disk');
  }
});

test('a thumbnail is at most 320 by 320', async () => {
  const t = await thumb(await upload(png(1000, 250), 'wide.png', 'image/png'));
  assert.deepEqual(jpegSize(t), [320, 80]);
  const thin = await thumb(await upload(png(1, 900), 'thin.png', 'image/png'));
  assert.deepEqual(jpegSize(thin), [1, 320]);
});

test('a decompression bomb is never decoded', async () => {
  const a = await upload(corpus('bomb.png'), 'bomb.png', 'image/png');
  assert.deepEqual([a.state, a.thumb, a.width], ['clean', false, 60000]);
  const over = await upload(png(1001, 1000), 'over.png', 'image/png');
  assert.equal(over.thumb, false);
  for (const one of [a, over]) {
    const r = await asks(one, '/thumb');
    assert.equal(r.status, 404);
    assert.equal(r.headers.get('retry-after'), null);
    assert.ok(!onDisk().includes(`${one.id}.thumb`));
  }
  // The program itself refuses too, whoever calls it.
  const r = spawnSync(site.path('bin', 'chat-files'), ['thumb', '1000000'], { input: corpus('bomb.png') });
  assert.deepEqual([r.status, r.stdout.length], [1, 0]);
});

test('what is infected is refused and does not stay', async () => {
  const before = onDisk().length;
  for (const [bytes, name, type] of [[eicar, 'eicar.txt', 'text/plain'], [Buffer.from(`hello ${badWord}`), 'word.txt', 'text/plain'],
    // Also where cleaning would have removed it: behind the end of a picture.
    [Buffer.concat([png(), Buffer.from(badWord)]), 'tail.png', 'image/png']]) {
    const r = await post(bytes, name, type);
    assert.equal(r.status, 422, `${name}: ${r.text}`);
    assert.match(r.json.errors.file[0], /infected/, name);
  }
  const { body, type } = form([{ name: 'content', value: 'look' }, { name: 'files[]', file: 'ok.txt', bytes: 'fine', type: 'text/plain' },
    { name: 'files[]', file: 'eicar.txt', bytes: eicar, type: 'text/plain' }]);
  const r = await phone.post(`/chat/conversation/${conv.id}/message`, body, { type });
  assert.equal(r.status, 422, r.text);
  assert.equal(onDisk().length, before, 'nothing is left on disk');
});

test('what the scanner does not take is refused', async () => {
  const r = await post(pdf((1 << 20) + 1000), 'large.pdf', 'application/pdf');
  assert.equal(r.status, 422, r.text);
  assert.match(r.json.errors.file[0], /could not be checked/);
});

test('while the scanner is away files wait, and so does their message', async () => {
  await clamd.kill();
  const r = await post(pdf(2000), 'waits.pdf', 'application/pdf');
  assert.equal(r.status, 202, r.text);
  assert.equal(r.json.attachment.state, 'pending');
  assert.equal((await asks(r.json.attachment)).status, 202);
  const m = await phone.post(`/chat/conversation/${conv.id}/message`, { content: 'with a file', attachments: [r.json.attachment.id], client_id: 'waits' });
  assert.equal(m.status, 202, m.text);
  const there = async () => (await doctor.get(`/chat/conversation/${conv.id}/messages`)).json.data.find((x) => x.content === 'with a file');
  assert.equal(await there(), undefined, 'nobody hears of it yet');
  await clamd.start();
  await eventually(there, 'the message', 20000);
  const { attachments } = await there();
  assert.deepEqual(attachments.map((a) => [a.name, a.state]), [['waits.pdf', 'clean']]);
  assert.equal((await asks(attachments[0], '', doctor)).status, 200);
});

test('a scanner that stays away makes nothing clean', async () => {
  await clamd.kill();
  const r = await post(pdf(2000), 'never.pdf', 'application/pdf');
  assert.equal(r.status, 202, r.text);
  const state = () => site.sql(`SELECT state FROM chat_attachments WHERE id = '${r.json.attachment.id}';`).trim();
  await eventually(async () => ['failed', ''].includes((await asks(r.json.attachment), state())), 'the end of all tries', 20000);
  assert.notEqual((await asks(r.json.attachment)).status, 200);
  await clamd.start();
});

test('killed in the middle, chat-files comes back and the upload is answered', async () => {
  const was = worker();
  clamd.hold();
  const answer = post(pdf(5000), 'middle.pdf', 'application/pdf');
  await sleep(300); // the scanner has it by now, or not: both must do
  process.kill(was, 'SIGKILL');
  await eventually(() => ((now) => now.length === 1 && now[0] !== was)(workers()), 'another chat-files');
  clamd.goOn();
  const r = await answer;
  assert.ok([201, 202].includes(r.status), r.text);
  await eventually(async () => (await asks(r.json.attachment)).status === 200, 'the file');
});

test('hostile images cost nothing but their thumbnail', async () => {
  const was = worker();
  const sent = [];
  let seed = 7;
  const random = (n) => { seed = (seed * 1103515245 + 12345) % 2147483648; return seed % n; };
  for (const [name, type] of [['plain.jpg', 'image/jpeg'], ['plain.png', 'image/png'], ['plain.gif', 'image/gif'], ['plain.webp', 'image/webp']]) {
    for (let i = 0; i < 12; i++) {
      const bytes = Buffer.from(corpus(name));
      for (let k = 0; k < 1 + i; k++) {
        bytes[16 + random(bytes.length - 16)] = random(256);
      }
      const r = await post(i % 4 === 3 ? bytes.subarray(0, bytes.length - random(40)) : bytes, `odd-${name}`, type);
      assert.ok([201, 422].includes(r.status), `${r.status} ${r.text}`);
      if (r.status === 201) {
        sent.push(r.json.attachment);
      }
    }
  }
  assert.ok(sent.length > 5, 'some are images as far as their container says');
  for (const a of sent.filter((x) => x.thumb)) {
    // Made, or known never to be made.
    await eventually(async () => {
      const r = await asks(a, '/thumb');
      await r.arrayBuffer();
      return r.status === 200 || r.headers.get('retry-after') === null;
    }, 'an end of it');
  }
  assert.equal(worker(), was, 'chat-files has lived through all of it');
  await eventually(() => processes('thumb').length === 0, 'the last one has ended');
});

test('a thumbnail that was lost is made when somebody wants it', async () => {
  const a = await upload(png(50, 50), 'lost.png', 'image/png');
  await thumb(a);
  const at = path.join(files, a.id.slice(0, 2), `${a.id}.thumb`);
  fs.rmSync(at);
  const r = await asks(a, '/thumb');
  assert.equal(r.status, 404);
  assert.equal(r.headers.get('retry-after'), '1');
  await thumb(a);
});

test('thumbnails that never end keep no upload waiting', async () => {
  // Who makes one waits for ever: where it wants to write nobody reads.
  const stuck = [];
  for (let i = 0; i < os.cpus().length + 1; i++) {
    const a = await upload(png(30 + i, 30), 'stuck.png', 'image/png');
    await thumb(a);
    const at = path.join(files, a.id.slice(0, 2), a.id);
    execFileSync('mkfifo', ['-m', '666', `${at}.thumb-new`]);
    fs.rmSync(`${at}.thumb`);
    stuck.push({ a, at });
  }
  for (const { a } of stuck) {
    assert.equal((await asks(a, '/thumb')).headers.get('retry-after'), '1');
  }
  const free = await upload(png(31, 30), 'free.png', 'image/png');
  assert.equal((await asks(free)).status, 200);
  const r = await asks(free, '/thumb');
  assert.deepEqual([r.status, r.headers.get('retry-after')], [404, '1'], 'all who make thumbnails are stuck');
  const ends = stuck.map(({ at }) => fs.openSync(`${at}.thumb-new`, 'r+')); // somebody reads
  for (const { a } of [...stuck, { a: free }]) {
    await thumb(a); // no pipe is taken for one: it is made anew
  }
  ends.forEach((end) => fs.closeSync(end));
});

test('a thumbnail is made where nothing else can be done', async () => {
  // Its output goes nowhere: it stands still when it wants to write, decoder and all.
  const fifo = site.path('run', 'full');
  execFileSync('mkfifo', [fifo]);
  const filling = fs.openSync(fifo, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  try {
    for (;;) {
      fs.writeSync(filling, Buffer.alloc(4096));
    }
  } catch (e) {
    assert.equal(e.code, 'EAGAIN');
  }
  const out = fs.openSync(fifo, 'r+');
  const child = spawn(site.path('bin', 'chat-files'), ['thumb', '1000000'], { stdio: ['pipe', out, 'ignore'] });
  child.stdin.end(png(600, 400));
  const field = (name) => fs.readFileSync(`/proc/${child.pid}/status`, 'utf8').match(new RegExp(`^${name}:\\s+(\\S+)`, 'm'))?.[1];
  try {
    await eventually(() => field('NoNewPrivs') === '1' && (sanitize || field('Seccomp') === '2'), 'the sandbox');
    const limits = fs.readFileSync(`/proc/${child.pid}/limits`, 'utf8');
    assert.match(limits, /^Max cpu time +10 /m);
    assert.match(limits, /^Max file size +1048576 /m);
    assert.match(fs.readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ')[16], /^19$/, 'nice');
    if (!sanitize) {
      assert.match(limits, /^Max open files +0 /m);
      assert.match(limits, /^Max address space +1\d{8} /m);
    }
  } finally {
    child.kill('SIGKILL');
    fs.closeSync(out);
    fs.closeSync(filling);
  }
});

test('chat-files is httpd\'s User and has nothing of httpd open', () => {
  const pid = worker();
  if (site.user) {
    const ids = fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(/^Uid:\s+(\d+)\s+(\d+)\s+(\d+)/m).slice(1).map(Number);
    assert.deepEqual(ids, [site.user.uid, site.user.uid, site.user.uid]);
  }
  for (const fd of fs.readdirSync(`/proc/${pid}/fd`)) {
    const to = fs.readlinkSync(`/proc/${pid}/fd/${fd}`);
    assert.match(to, /^(\/dev\/null|socket:\[|pipe:\[)|\/logs\/(error\.log|httpd\.out|asan)/, `descriptor ${fd}`);
  }
  const socket = fs.readdirSync(site.path('run')).find((n) => n.startsWith('chat-files.'));
  assert.equal(fs.statSync(site.path('run', socket)).mode & 0o777, 0o600);
});

test('a restart of httpd, graceful or not, leaves one chat-files with the new settings', async () => {
  for (const signal of ['SIGUSR1', 'SIGHUP', 'SIGUSR1']) {
    const was = worker();
    const answers = Array.from({ length: 4 }, (_, i) => post(pdf(3000 + i), `r${i}.pdf`, 'application/pdf').catch(() => ({ status: 0 })));
    site.httpd.kill(signal);
    await eventually(() => workers().length === 1 && workers()[0] !== was, 'a new chat-files');
    for (const r of await Promise.all(answers)) {
      assert.ok([0, 201, 202].includes(r.status), `${signal}: ${r.status} ${r.text}`); // 0: SIGHUP cuts connections
    }
    await eventually(async () => (await phone.get('/chat/me')).status === 200, 'httpd');
  }
  const children = fs.readdirSync('/proc').filter((n) => /^\d+$/.test(n)).filter((pid) => {
    try {
      const [state, parent] = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
      return Number(parent) === site.httpd.pid && state === 'Z';
    } catch {
      return false;
    }
  });
  assert.deepEqual(children, [], 'no zombies');
  assert.equal((await post(pdf(100), 'after.pdf', 'application/pdf')).status, 201);
});

test('when httpd ends chat-files ends, also when httpd is killed', async () => {
  await site.stopHttpd();
  assert.equal(workers().length, 0);
  assert.ok(!fs.readdirSync(site.path('run')).some((n) => n.startsWith('chat-files.')), 'its socket is gone');
  await site.startHttpd();
  worker();
  site.httpd.kill('SIGKILL');
  await eventually(() => workers().length === 0, 'the end of chat-files');
  await site.stopHttpd();
});

test('a command as the scanner', async () => {
  const script = path.join(dir, 'scan.sh');
  fs.writeFileSync(script, `#!/bin/sh\nls -l /proc/$$/fd > "${dir}/descriptors"\ngrep -q SLEEP "$1" && sleep 60\ngrep -q ODD "$1" && exit 2\ngrep -q BAD "$1" && { echo Bad.Word; exit 1; }\nexit 0\n`, { mode: 0o755 });
  const other = await startSite({ extraConf: `ChatScan command:${script}\nChatScanRetries 0\nChatScanTimeout 500ms` });
  const who = await other.phone();
  const say = async (words) => who.post(`/chat/conversation/${conv.id}/attachment`, words, { type: 'text/plain', headers: { 'X-File-Name': 'a.txt' } });
  assert.equal((await say('fine')).status, 201);
  assert.doesNotMatch(fs.readFileSync(path.join(dir, 'descriptors'), 'utf8'), /socket:/, 'what chat-files hears httpd by is its own');
  assert.match((await say('BAD words')).json.errors.file[0], /infected/);
  assert.match((await say('ODD words')).json.errors.file[0], /could not be checked/);
  assert.match((await say('SLEEP words')).json.errors.file[0], /could not be checked/);
  await eventually(() => processes(script).length === 0 && processes('60', 'sleep').length === 0, 'the end of the command and its children');
});

// httpd kills a child that does not end, and with it whatever its other threads are
// at; its log says so, which fails this file.
test('who waits for a file keeps no child of httpd from its end', async () => {
  const other = await startSite({ extraConf: 'ChatScanWait 60' });
  const who = await other.phone();
  const say = () => who.post(`/chat/conversation/${conv.id}/attachment`, png(), { type: 'image/png', headers: { 'X-File-Name': 'a.png' } });
  const asleep = () => processes('serve', other.path('files')).map((pid) => {
    process.kill(pid, 'SIGSTOP');
    return pid;
  });
  const pending = () => other.sql("SELECT count(*) FROM chat_attachments WHERE state = 'pending';").trim();
  assert.equal(asleep().length, 1);
  const cut = say().catch(() => ({ status: 0 }));
  await eventually(() => pending() === '1', 'the upload');
  const resumed = () => fs.readFileSync(other.path('logs', 'error.log'), 'utf8').split('resuming normal operations').length;
  const before = resumed();
  other.httpd.kill('SIGHUP');
  await eventually(() => resumed() > before, 'the restart', 30000);
  const r = await cut;
  assert.ok([0, 202].includes(r.status), `${r.status} ${r.text}`);
  assert.equal((await say()).status, 201);
});

test('what is no scanner is refused when httpd starts', () => {
  const conf = fs.readFileSync(site.path('conf', 'httpd.conf'), 'utf8');
  const file = site.path('conf', 'wrong.conf');
  for (const [line, why] of [['ChatScan clamav', /ChatScan: off, clamd/], ['ChatScan clamd:host', /ChatScan: off, clamd/],
    ['ChatScan command:/no/such', /no program that can be run/], ['ChatScanTimeout 0', /ChatScanTimeout/], ['ChatScanRetries 101', /ChatScanRetries/],
    ['ChatMaxPixels 1', /ChatMaxPixels/], ['ChatFilesProgram /no/such', /there is no program \/no\/such/]]) {
    fs.writeFileSync(file, `${conf}\n${line}\n`);
    const r = spawnSync(process.env.CHAT_HTTPD || '/usr/sbin/apache2', ['-t', '-f', file], { encoding: 'utf8', env: { ...process.env, ...site.httpdEnv() } });
    assert.notEqual(r.status, 0, line);
    assert.match(r.stderr + r.stdout + fs.readFileSync(site.path('logs', 'error.log'), 'utf8'), why, line);
  }
  assert.ok(fs.existsSync(path.join(build, 'chat-files')));
});
