// SPDX-License-Identifier: Apache-2.0
//
// Files from people who mean harm: what they say of them, what is in them, how they
// send them. After each attack nothing lies on disk that was not there before.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, test } from 'node:test';
import zlib from 'node:zlib';
import { sleep, startSite } from './lib/site.mjs';
import { form, gif, pdf, png, raw } from './lib/upload.mjs';

const site = await startSite({ extraConf: 'ChatSendRate off\nChatUploadsAtOnce off\nChatMaxFile 1048576\nChatMaxFiles 3\nChatUserQuota 4194304' });
const conv = site.people().conversations[0];
const phone = await site.phone();
const url = (what) => `/chat/conversation/${conv.id}${what}`;
const fileDir = path.join(site.dir, 'files');
const onDisk = () => fs.readdirSync(fileDir, { recursive: true }).filter((n) => /[0-9a-f]{32}$/.test(n)).length;

const isError = (r, status) => {
  assert.equal(r.status, status, r.text.slice(0, 300));
  assert.equal(typeof r.json?.error, 'string');
};

const send = (parts) => {
  const { body, type } = form(parts);
  return phone.post(url('/message'), body, { type });
};
const sendFile = (bytes, file, type) => send([{ name: 'files[]', file, type, bytes }]);
const shown = (r) => {
  assert.equal(r.status, 201, r.text);
  return r.json.message.attachments[0].name;
};

/** An upload by hand. */
const head = (type, more) => `POST ${url('/message')} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${phone.token}\r\nAccept: application/json\r\nConnection: close\r\nContent-Type: ${type}\r\n${more}\r\n`;

let expected = 0; // files that were taken
let messages = 0;
const count = () => Number(site.sql(`SELECT count(*) FROM messages WHERE request_id = ${conv.id};`));
messages = count();
const taken = (n = 1) => {
  expected += n;
  messages += 1;
};

afterEach(async () => {
  // An upload that breaks off is forgotten when httpd notices.
  for (let i = 0; i < 200 && fs.readdirSync(path.join(fileDir, 'incoming')).length > 0; i++) {
    await sleep(50);
  }
  assert.deepEqual(fs.readdirSync(path.join(fileDir, 'incoming')), []);
  assert.equal(onDisk(), expected);
  assert.equal(count(), messages);
});

test('a name of two extensions does not pass for a program', async () => {
  isError(await sendFile(png(), 'a.png.php', 'image/png'), 422);
  isError(await sendFile('<?php system($_GET[0]); ?>', 'a.php', 'application/x-php'), 422);
  isError(await sendFile('<?php system($_GET[0]); ?>', 'a.jpg', 'image/jpeg'), 422);
  assert.equal(shown(await sendFile(png(), 'a.php.png', 'image/png')), 'a_php.png');
  taken();
});

test('declared type, extension and first bytes have to agree', async () => {
  isError(await sendFile(png(), 'a.jpg', 'image/jpeg'), 422);
  isError(await sendFile(png(), 'a.png', 'image/jpeg'), 422);
  isError(await sendFile(png(), 'a.png', 'text/html'), 422);
  isError(await sendFile(png(), 'a.html', 'image/png'), 422);
  isError(await sendFile(Buffer.from('MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0', 'latin1'), 'a.exe', 'application/octet-stream'), 422);
  isError(await sendFile(Buffer.from('\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0', 'latin1'), 'a.txt', 'text/plain'), 422);
  isError(await sendFile('', 'a.txt', 'text/plain'), 422);
});

test('SVG, HTML and XML are not taken under any name', async () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
  const html = '<!DOCTYPE html><html><body><script>alert(1)</script></body></html>';
  for (const [bytes, names] of [[svg, ['a.svg', 'a.png', 'a.txt']], [`<?xml version="1.0"?>${svg}`, ['a.svg', 'a.xml', 'a.txt']], [html, ['a.html', 'a.txt', 'a.jpg', 'a.pdf']]]) {
    for (const name of names) {
      for (const type of ['image/svg+xml', 'text/plain', 'application/octet-stream']) {
        isError(await sendFile(bytes, name, type), 422);
      }
    }
  }
});

test('a file that is two things at once is neither', async () => {
  isError(await sendFile(Buffer.concat([Buffer.from('GIF89a/*'), gif.subarray(8), Buffer.from('*/=1;<script>alert(1)</script>')]), 'a.gif', 'image/gif'), 422);
  isError(await sendFile(Buffer.concat([gif, Buffer.from('<html><script>')]), 'a.gif', 'image/gif'), 422);
  isError(await sendFile(Buffer.concat([png(), Buffer.from('%PDF-1.4\n')]), 'a.png', 'image/png'), 422);
  const eocd = Buffer.concat([Buffer.from('PK\x05\x06', 'latin1'), Buffer.alloc(18)]);
  isError(await sendFile(Buffer.concat([pdf(), eocd]), 'a.pdf', 'application/pdf'), 422);
  isError(await sendFile(Buffer.concat([png(), eocd]), 'a.png', 'image/png'), 422);
  const comment = Buffer.concat([Buffer.from('PK\x05\x06', 'latin1'), Buffer.alloc(16), Buffer.from([0xff, 0xff]), Buffer.alloc(65535)]);
  isError(await sendFile(Buffer.concat([png(), comment]), 'a.png', 'image/png'), 422);
});

test('a bomb is refused as the archive it is, and unpacked by nobody', async () => {
  const bomb = zlib.gzipSync(Buffer.alloc(50 << 20));
  isError(await sendFile(bomb, 'a.gz', 'application/gzip'), 422);
  isError(await sendFile(bomb, 'a.txt', 'text/plain'), 422);
  const local = Buffer.concat([Buffer.from('PK\x03\x04\x14\0\0\0\x08\0', 'latin1'), Buffer.alloc(200)]);
  isError(await sendFile(local, 'a.zip', 'application/zip'), 422);
  isError(await sendFile(local, 'a.docx', 'application/octet-stream'), 422);
});

test('paths, controls and turned text are not in a name', async () => {
  const names = [
    ['../../../etc/passwd.png', 'passwd.png'],
    ['..\\\\..\\\\windows\\\\a.png', 'a.png'],
    ['/var/www/html/a.png', 'a.png'],
    ['photo\u202egnp.exe.png', 'photognp_exe.png'],
    ['.htaccess.png', 'htaccess.png'],
    ['-rf.png', 'rf.png'],
    ['con.png', '_con.png'],
    ['\u0635\u0648\u0631\u0629.png', '\u0635\u0648\u0631\u0629.png'],
    [`${'x'.repeat(300)}.png`, `${'x'.repeat(96)}.png`],
    ['a', 'a.png'],
  ];
  for (const [sent, is] of names) {
    assert.equal(shown(await sendFile(png(), sent, 'image/png')), is);
    taken();
  }
  // A NUL hides what follows from programs in C.
  isError(await sendFile(png(), 'a.php\0.png', 'image/png'), 400);
  isError(await send([{ headers: 'Content-Disposition: form-data; name="files[]"; filename*=UTF-8\'\'a.php%00.png\r\nContent-Type: image/png', bytes: png() }]), 400);
  isError(await send([{ headers: 'Content-Disposition: form-data; name="files[]"; filename="a.png"; filename="b.php"', bytes: png() }]), 400);
});

test('a file larger than allowed is refused while it comes', async () => {
  isError(await sendFile(pdf((1 << 20) + 1), 'a.pdf', 'application/pdf'), 413);
  isError(await phone.post(url('/attachment'), pdf((1 << 20) + 1), { type: 'application/pdf' }), 413);
  // It says so before it has all of it: nobody has to send 10 GB to hear no.
  const r = await raw(site.o.port, head('multipart/form-data; boundary=B', 'Content-Length: 10737418240\r\n'), '--B\r\n');
  assert.equal(r.status, 413);
  const chunked = await raw(site.o.port, head('multipart/form-data; boundary=B', 'Transfer-Encoding: chunked\r\n'),
    Buffer.concat([Buffer.from('1b4240\r\n--B\r\nContent-Disposition: form-data; name="files[]"; filename="a.pdf"\r\n\r\n'), pdf(2 << 20)]));
  assert.equal(chunked.status, 413, chunked.text.slice(0, 200));
  isError(await send(Array.from({ length: 4 }, (_, i) => ({ name: 'files[]', file: `${i}.png`, bytes: png() }))), 413);
});

test('a thousand parts are refused after a hundred', async () => {
  isError(await send(Array.from({ length: 1000 }, () => ({ name: 'files[]', file: '', bytes: '' }))), 413);
  isError(await send(Array.from({ length: 1000 }, (_, i) => ({ name: `f${i}`, value: 'x' }))), 413);
});

test('headers without end are refused', async () => {
  isError(await send([{ headers: `Content-Disposition: form-data; name="content"\r\nX: ${'y'.repeat(9000)}`, value: 'x' }]), 400);
  isError(await send([{ headers: `Content-Disposition: form-data; name="content"\r\n${'X: y\r\n'.repeat(2000)}X: y`, value: 'x' }]), 400);
  isError(await send([{ headers: `Content-Disposition: form-data; name="${'n'.repeat(70)}"`, value: 'x' }]), 400);
});

test('a multipart that breaks off leaves nothing', async () => {
  const { body, type } = form([{ name: 'files[]', file: 'a.pdf', type: 'application/pdf', bytes: pdf(300000) }]);
  for (const cut of [10, 100, 5000, 200000, body.length - 60, body.length - 4]) {
    // All that was announced came, but it is not whole.
    isError(await phone.post(url('/message'), body.subarray(0, cut), { type }), 400);
    // The connection ends before all came.
    await raw(site.o.port, head(type, `Content-Length: ${body.length}\r\n`), body.subarray(0, cut), { after: (s) => s.end() });
  }
});

test('games with the boundary', async () => {
  const part = 'Content-Disposition: form-data; name="content"\r\n\r\n';
  const post = (body, boundary) => phone.post(url('/message'), Buffer.from(body), { type: `multipart/form-data; boundary=${boundary}` });
  isError(await post('--B\r\n' + part + 'x\r\n--B--', '""'), 400);
  isError(await post('--B\r\n' + part + 'x\r\n--B--', 'B; boundary=C'), 400);
  isError(await post('--B\r\n' + part + 'x\r\n--B--', 'b'.repeat(71)), 400);
  isError(await phone.post(url('/message'), Buffer.from('--B\r\n' + part + 'x\r\n--B--'), { type: 'multipart/form-data' }), 400);
  isError(await post(('--B\r\n' + part + 'x\r\n--B--').replace(/\r\n/g, '\n'), 'B'), 400);
  isError(await post('--B\r\n' + part + 'x\r\n--B', 'B'), 400);
  isError(await post('--B\r\n' + part + 'x\r\n--B x--', 'B'), 400);
  // A preamble, spaces behind the boundary, its beginning in the text, an epilogue.
  const r = await post(`hello\r\n--B \t\r\n${part}1\r\n--BB\r\n--B-\r\n-\r\n2\r\n--B--\r\n--B\r\n${part}3\r\n--B--`, 'B');
  assert.equal(r.status, 201, r.text);
  assert.equal(r.json.message.content, '1\r\n--BB\r\n--B-\r\n-\r\n2');
  taken(0);
  const long = await post(`--${'b'.repeat(70)}\r\n${part}seventy\r\n--${'b'.repeat(70)}--`, `"${'b'.repeat(70)}"`);
  assert.equal(long.status, 201, long.text);
  taken(0);
  isError(await post(`--B\r\n${part}x\r\n--B\r\nContent-Disposition: form-data; name="content"\r\nContent-Transfer-Encoding: base64\r\n\r\neA==\r\n--B--`, 'B'), 400);
});

test('who sends slowly is sent away by httpd\'s own rules', async () => {
  // mod_reqtimeout's default, which the shipped configuration keeps: the body's first
  // 20 seconds, then 500 bytes a second. Nothing else holds a thread longer.
  const { body, type } = form([{ name: 'files[]', file: 'a.pdf', type: 'application/pdf', bytes: pdf(300000) }]);
  let timer;
  const r = await raw(site.o.port, head(type, `Content-Length: ${body.length}\r\n`), body.subarray(0, 2000), {
    wait: 110000,
    after: (s) => { timer = setInterval(() => s.write('y'), 1000); s.on('close', () => clearInterval(timer)); },
  });
  clearInterval(timer);
  assert.equal(r.status, 408, r.text.slice(0, 200));
});

test('many at once cannot pass a quota together', async () => {
  const size = 900000;
  const room = Math.floor((4194304 - Number(site.sql(`SELECT bytes FROM chat_file_usage WHERE owner = 'u${conv.patient}';`))) / size);
  const answers = await Promise.all(Array.from({ length: 8 }, () => sendFile(pdf(size), 'q.pdf', 'application/pdf')));
  const sent = answers.filter((r) => r.status === 201).length;
  assert.ok(sent >= 1 && sent <= room, `${sent} of ${room}`);
  for (const r of answers.filter((x) => x.status !== 201)) {
    isError(r, 422);
    assert.match(r.json.errors.files[0], /no room/);
  }
  messages += sent;
  expected += sent;
  assert.ok(Number(site.sql(`SELECT bytes FROM chat_file_usage WHERE owner = 'u${conv.patient}';`)) <= 4194304);
  assert.equal(Number(site.sql('SELECT sum(size) FROM chat_attachments;')), Number(site.sql(`SELECT bytes FROM chat_file_usage WHERE owner = 'c${conv.id}';`)));
  // What there is no room for is refused before it has come.
  isError(await sendFile(pdf(size), 'q.pdf', 'application/pdf'), 422);
});
