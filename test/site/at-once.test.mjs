// SPDX-License-Identifier: Apache-2.0
//
// Bodies that come slowly hold threads of httpd: how many of them an account and an
// address may have, across httpd's children, and who gets what a killed child held.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { afterEach, test } from 'node:test';
import { eventually, startSite } from './lib/site.mjs';
import { pdf, png, raw } from './lib/upload.mjs';

// Several children, and no test waits for mod_reqtimeout.
const site = await startSite({ extraConf: `ChatSendRate off
ChatUploadsAtOnce 3 5
RequestReadTimeout body=0
<IfModule !prefork.c>
  StartServers 3
  ThreadsPerChild 32
  MinSpareThreads 64
  MaxRequestWorkers 256
</IfModule>` });
const conv = site.people().conversations[0];
const at = `/chat/conversation/${conv.id}`;
const patient = await site.phone('patient@example.com');
const doctor = await site.phone('doctor@example.com');
const admin = await site.phone('admin@example.com');
const open = new Set();

/** A request whose body comes a byte at a time, for as long as it is let. */
function slow(path, headers, first, { address = '127.0.0.1', more = 'x', method = 'POST' } = {}) {
  const socket = net.connect({ port: site.o.port, host: '127.0.0.1', localAddress: address });
  let text = '';
  const timer = setInterval(() => socket.write(more), 100);
  const it = {
    get status() { return Number(text.split(' ')[1]) || 0; },
    closed: new Promise((done) => socket.once('close', () => {
      clearInterval(timer);
      open.delete(it);
      done(text);
    })),
    end() {
      socket.destroy();
      return it.closed;
    },
  };
  socket.on('data', (d) => { text += d.toString('latin1'); });
  socket.on('error', () => {});
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${headers}\r\n`);
  socket.write(first);
  open.add(it);
  return it;
}

const slowFile = (who, options) => slow(`${at}/attachment`,
  `Authorization: Bearer ${who.token}\r\nContent-Type: application/pdf\r\nX-File-Name: a.pdf\r\nContent-Length: 1000000\r\n`, pdf(20000), options);
const upload = (who) => who.post(`${at}/attachment`, png(), { type: 'image/png', headers: { 'X-File-Name': 'a.png' } });

/** The head of an upload from another address, and a whole small file behind it. */
function from(address, who) {
  return new Promise((resolve, reject) => {
    const body = png();
    http.request(`${site.url}${at}/attachment`, {
      method: 'POST', localAddress: address, agent: false,
      headers: { Authorization: `Bearer ${who.token}`, 'Content-Type': 'image/png', 'X-File-Name': 'a.png', 'Content-Length': body.length },
    }, (res) => {
      res.resume();
      res.once('end', () => resolve(res.statusCode));
    }).once('error', reject).end(body);
  });
}

/**
 * Hold bodies until `ask` is told that they are too many. Who asks meanwhile takes a place,
 * too: a slow one that was refused for that comes again.
 * @param make  functions that open one
 * @return {held, r}: those that are held, and the answer of 429
 */
async function crowd(make, ask, what) {
  const held = make.map((begin) => begin());
  let r;
  await eventually(async () => {
    for (const [i, it] of held.entries()) {
      if (it.status !== 0 || !open.has(it)) {
        await it.end();
        held[i] = make[i]();
      }
    }
    r = await ask();
    assert.ok([201, 202, 429].includes(r.status), `${what}: ${r.status} ${r.text}`);
    return r.status === 429 && held.every((it) => it.status === 0);
  }, `429 for ${what}`);
  return { held, r };
}

const three = Array(3).fill(() => slowFile(patient));

const served = (ask, what) => eventually(async () => [201, 202].includes((await ask()).status), `201 for ${what}`);

afterEach(async () => {
  await Promise.all([...open].map((it) => it.end()));
  await served(() => upload(patient), 'whoever comes when all have gone');
});

test('an account has so many uploads at once, and hears before it has sent one', async () => {
  const { held: mine, r } = await crowd(three, () => upload(patient), 'the fourth');
  assert.ok(Number(r.headers.get('retry-after')) >= 1);
  assert.deepEqual(Object.keys(r.json), ['error', 'errors']);
  assert.deepEqual(r.json.errors, {});
  // Nothing of the body is waited for.
  const early = await raw(site.o.port, `POST ${at}/attachment HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${patient.token}\r\nContent-Type: image/png\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n`, '');
  assert.equal(early.status, 429, 'and not 100: it is not asked for');
  // Somebody else has places of their own, and messages need none.
  await served(() => upload(doctor), 'another account');
  const message = await patient.post(`${at}/message`, { content: 'meanwhile' });
  assert.equal(message.status, 201, message.text);
  assert.ok(mine.every((it) => it.status === 0), 'those under way go on');
  await mine[0].end();
  await served(() => upload(patient), 'a place that came free');
});

test('a whole upload leaves its place before its answer is heard', async () => {
  // Three that begin the next one as soon as they hear of the last: never one too many.
  const statuses = [];
  await Promise.all([0, 1, 2].map(async () => {
    for (let i = 0; i < 25; i++) {
      statuses.push((await upload(patient)).status);
    }
  }));
  assert.ok(statuses.every((s) => s === 201 || s === 202), `${statuses}`);
});

test('an upload that is refused leaves its place, too', async () => {
  for (let i = 0; i < 8; i++) {
    const r = await patient.post(`${at}/attachment`, 'MZ', { type: 'application/x-msdownload', headers: { 'X-File-Name': 'a.exe' } });
    assert.equal(r.status, 422, r.text);
  }
});

test('an address has so many bodies at once, whoever they are of', async () => {
  const login = () => slow('/chat/login', 'Content-Type: application/json\r\nContent-Length: 60000\r\n', '{"email":"', { more: 'a' });
  await crowd([...[patient, patient, doctor, doctor].map((who) => () => slowFile(who)), login], () => upload(admin), 'the sixth of an address');
  assert.ok([201, 202].includes(await from('127.0.0.9', admin)), 'another address');
  // What comes in one piece holds nobody, and needs no place.
  const message = await doctor.post(`${at}/message`, { content: 'in one piece' });
  assert.equal(message.status, 201, message.text);
  // What does not, does: nobody has to be logged in to be counted.
  const pieces = slow('/chat/token', 'Content-Type: application/json\r\nContent-Length: 60000\r\n', '{"email":"', { more: 'a' });
  assert.match(await pieces.closed, /^HTTP\/1.1 429 [^]*Retry-After: \d[^]*"errors":\{\}/);
});

test('a body of which nothing comes needs a place as well', async () => {
  const silent = () => slow('/chat/token', 'Content-Type: application/json\r\nContent-Length: 60000\r\n', '', { more: '' });
  const many = Array.from({ length: 8 }, silent);
  await eventually(() => many.filter((it) => it.status === 429).length === 3, 'five wait, and three hear that they are too many');
  assert.equal(many.filter((it) => it.status === 0).length, 5);
  // Nor is anybody told to go on who would have none.
  const early = await raw(site.o.port, 'POST /chat/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n', '');
  assert.equal(early.status, 429);
  // Head and body in packets of their own are no reason to count anybody.
  const body = JSON.stringify({ content: 'in two packets' });
  const two = await raw(site.o.port, `POST ${at}/message HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer ${doctor.token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`, '', {
    after: (s) => s.write(body),
  });
  assert.equal(two.status, 201, two.text);
});

test('a body that is not wanted holds nobody: the answer does not wait for its end', async () => {
  const json = 'Content-Type: application/json\r\nContent-Length: 60000\r\n';
  for (const [line, headers, status] of [['POST', `${json}`, 401], ['GET', `Authorization: Bearer ${patient.token}\r\n${json}`, 200], ['PUT', json, 405]]) {
    const path = line === 'POST' ? `${at}/message` : '/chat/me';
    const peer = slow(path, headers, 'x', { method: line });
    await eventually(() => peer.status === status, `${status} for ${line}`);
    await peer.end();
  }
  // Whose body was read keeps the connection.
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const send = (content) => new Promise((resolve, reject) => {
    const body = JSON.stringify({ content });
    http.request(`${site.url}${at}/message`, {
      method: 'POST', agent, headers: { Authorization: `Bearer ${doctor.token}`, 'Content-Type': 'application/json', 'Content-Length': body.length },
    }, (res) => {
      res.resume();
      res.once('end', () => resolve([res.statusCode, res.headers.connection]));
    }).once('error', reject).end(body);
  });
  assert.deepEqual(await send('kept'), [201, 'Keep-Alive']);
  assert.deepEqual(await send(''), [422, 'Keep-Alive']);
  agent.destroy();
});

test('what a killed child of httpd held is free again', async () => {
  const { held: mine } = await crowd(three, () => upload(patient), 'the fourth');
  site.expectLog(/core:(notice|error)\] .*AH00052: child pid \d+ exit signal Killed/);
  site.expectLog(/mpm_event:warn\] .*AH10392: children are killed successively/);
  const parent = site.httpd.pid;
  const children = fs.readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ')
    .filter((pid) => fs.readlinkSync(`/proc/${pid}/exe`) === fs.readlinkSync(`/proc/${parent}/exe`));
  assert.ok(children.length >= 2, `${children}`);
  children.forEach((pid) => process.kill(Number(pid), 'SIGKILL'));
  await Promise.all(mine.map((it) => it.closed)); // their sockets went with the children
  await eventually(async () => {
    try {
      return [201, 202].includes((await upload(patient)).status);
    } catch {
      return false; // there is no child yet
    }
  }, 'an upload after the kill');
  // All three are back, and no more than three.
  await crowd(three, () => upload(patient), 'the fourth, after the kill');
});

test('a graceful restart takes no place from who goes on, and gives none away', async () => {
  const { held: mine } = await crowd(three, () => upload(patient), 'the fourth');
  const started = () => fs.readFileSync(site.path('logs', 'error.log'), 'utf8').split('resuming normal operations').length;
  const before = started();
  site.httpd.kill('SIGUSR1');
  await eventually(() => started() > before, 'the restart');
  assert.equal((await upload(patient)).status, 429, 'the fourth, of the new children');
  assert.ok(mine.every((it) => it.status === 0));
});

test('a body with files has to come at a pace on average', async () => {
  const paced = await startSite({ extraConf: 'ChatUploadPace 100000 1\nRequestReadTimeout body=0' });
  const phone = await paced.phone();
  const path = `/chat/conversation/${paced.people().conversations[0].id}/attachment`;
  const body = pdf(300000);
  const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${phone.token}\r\nConnection: close\r\nContent-Type: application/pdf\r\nX-File-Name: a.pdf\r\nContent-Length: ${body.length}\r\n\r\n`;
  let timer;
  const r = await raw(paced.o.port, head, body.subarray(0, 30000), {
    wait: 60000,
    after: (s) => { timer = setInterval(() => s.write(body.subarray(0, 100)), 100); s.on('close', () => clearInterval(timer)); },
  });
  clearInterval(timer);
  assert.equal(r.status, 408, r.text.slice(0, 200));
  assert.match(r.text, /"error":"the request's body came too slowly","errors":\{\}/);
  assert.equal((await raw(paced.o.port, head, body)).status, 201);
  await paced.stop();
});
