// SPDX-License-Identifier: Apache-2.0
//
// Uploads of 10 MB as multipart, each a message: how many a second, what one costs of
// httpd's processor time, and what httpd holds in memory for each while it comes. On
// SQLite, no scanner, UPLOAD_KEYS=1: with ChatKeys; everything on this machine. Beside it what a plain file costs to
// write and sync here, which is the floor.

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { Site, freePort, root, samplePeople, sleep, tmpName, tokenFor } from '../../dev/site.mjs';
import { servers } from '../site/lib/process.mjs';
import { form, pdf } from '../site/lib/upload.mjs';

const seconds = Number(process.env.BENCH_SECONDS || 8);
const connections = Number(process.env.UPLOADS || 4);
const halfway = 32;
const size = 10 * 1024 * 1024;
const sealed = process.env.UPLOAD_KEYS === '1';
const dir = fs.mkdtempSync(path.join(process.env.BENCH_DIR || path.dirname(tmpName('x')), 'mod_chat-bench-'));
const site = new Site({
  dir,
  build: process.env.CHAT_BUILD || path.join(root, 'build'),
  port: await freePort(),
  pushPort: await freePort(),
  metricsPort: await freePort(),
  extraConf: 'ChatSendRate off\nChatUploadsAtOnce off\nChatUserQuota off\nChatConversationQuota off\nChatMaxFile 10485760',
});
if (sealed) {
  fs.mkdirSync(site.path('conf'), { recursive: true });
  fs.writeFileSync(site.path('conf', 'keys'), `bench ${randomBytes(32).toString('base64')}\n`, { mode: 0o640 });
  site.o.extraConf += `\nChatKeys file:${site.path('conf', 'keys')}`;
}

const children = () => servers(site.httpd.pid);
const sum = (fn) => children().reduce((n, pid) => n + fn(pid), 0);
const cpu = () => sum((pid) => fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13).reduce((a, b) => a + Number(b), 0) / 100);
const anon = () => sum((pid) => Number(fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(/RssAnon:\s+(\d+)/)[1]));

/** One request by hand, the body written as it lies. @return the status */
function post(head, body) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port: site.o.port, host: '127.0.0.1', noDelay: true });
    let text = '';
    socket.on('data', (d) => { text += d.toString('latin1'); });
    socket.on('error', reject);
    socket.on('end', () => resolve(Number(text.split(' ')[1])));
    socket.write(head);
    socket.write(body);
  });
}

function floor() {
  const bytes = pdf(size);
  const at = performance.now();
  let n = 0;
  for (; performance.now() - at < 2000; n++) {
    const fd = fs.openSync(path.join(dir, `floor-${n}`), 'w');
    fs.writeSync(fd, bytes);
    fs.fdatasyncSync(fd);
    fs.closeSync(fd);
    fs.rmSync(path.join(dir, `floor-${n}`));
  }
  return n / (performance.now() - at) * 1000;
}

try {
  site.prepare();
  await site.start();
  const conv = samplePeople(site).conversations[0];
  const token = await tokenFor(site, 'patient@example.com', 'password', 'bench');
  const { body, type } = form([{ name: 'content', value: 'a scan' }, { name: 'files[]', file: 'scan.pdf', type: 'application/pdf', bytes: pdf(size) }]);
  const head = `POST /chat/conversation/${conv.id}/message HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`;
  const times = [];
  const failed = [];
  const one = async () => {
    const from = performance.now();
    const status = await post(head, body);
    if (status === 201) {
      times.push(performance.now() - from);
    } else {
      failed.push(status);
    }
  };
  await one();
  times.length = 0;
  const plain = floor();
  const before = cpu();
  const from = performance.now();
  const worker = async () => {
    while (performance.now() - from < seconds * 1000) {
      await one();
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  const took = (performance.now() - from) / 1000;
  const used = cpu() - before;
  times.sort((a, b) => a - b);
  console.log(`10 MB uploads below ${path.dirname(dir)}, ${connections} at once${sealed ? ', sealed' : ''}: ${(times.length / took).toFixed(1)} a second (${(times.length * size / took / 1e6).toFixed(0)} MB/s), ` +
    `p50 ${times[times.length >> 1].toFixed(0)} ms, p99 ${times[Math.floor(times.length * 0.99)].toFixed(0)} ms, ${(used / times.length * 1000).toFixed(1)} ms of httpd's processor time each`);
  console.log(`the same bytes written and synced by one process: ${plain.toFixed(1)} a second`);
  if (failed.length) {
    console.log(`not 201: ${failed.length}, first ${failed[0]}`);
    process.exitCode = 1;
  }

  // Half of the body, then nothing: what httpd holds meanwhile.
  await sleep(500);
  const rest = anon();
  const sockets = Array.from({ length: halfway }, () => net.connect({ port: site.o.port, host: '127.0.0.1' }));
  sockets.forEach((s) => { s.on('error', () => {}); s.write(head); s.write(body.subarray(0, size / 2)); });
  const incoming = path.join(dir, 'files', 'incoming');
  const whole = () => fs.readdirSync(incoming).filter((n) => fs.statSync(path.join(incoming, n)).size > size / 2 - 200000).length;
  for (let i = 0; i < 200 && whole() < halfway; i++) {
    await sleep(50);
  }
  const held = (anon() - rest) / halfway;
  console.log(`${whole()} uploads half-way: ${(held / 1024).toFixed(2)} MB of httpd's memory each`);
  sockets.forEach((s) => s.destroy());
} finally {
  await site.stop();
  fs.rmSync(dir, { recursive: true, force: true });
}
