// SPDX-License-Identifier: Apache-2.0
//
// `make bench-handoff` also runs this: what ordinary requests notice of a chat-push that
// stands still (SIGSTOP), on each MPM. 100 WebSockets a second are asked for all the time,
// half at a door that hands over and half at one that leaves them to mod_proxy, and four
// people read their conversations. Prints how long those take; ends with status 1 when
// they take longer while chat-push stands still, or an upgrade is not answered 503.

import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { Site, freePort, root, sleep, tmpName } from '../../dev/site.mjs';
import { UPGRADE, handshake } from '../site/lib/wire.mjs';

const SECONDS = 6;
const READERS = 4;
let missed = false;

/** One upgrade, and its answer's status; gone at once. */
function upgrade(port, answers) {
  const socket = net.connect(port, '127.0.0.1', () => {
    socket.write(handshake({ ...UPGRADE, Host: `127.0.0.1:${port}` }, 'GET /app/askkey?protocol=7 HTTP/1.1'));
  });
  const end = (what) => {
    answers[what] = (answers[what] || 0) + 1;
    socket.destroy();
  };
  socket.once('data', (d) => end(d.toString('latin1', 9, 12))).once('error', (e) => end(e.code));
}

/** @return times in ms, sorted, and how many upgrades were answered how */
async function measure(site, doors, token) {
  const agent = new http.Agent({ keepAlive: true });
  const answers = {};
  const times = [];
  const end = performance.now() + SECONDS * 1000;
  const read = () => new Promise((resolve, reject) => {
    http.get(`${site.url}/chat`, { agent, headers: { Authorization: `Bearer ${token}`, Accept: 'application/json' } },
      (r) => r.resume().once('end', () => (r.statusCode === 200 ? resolve() : reject(new Error(`${r.statusCode}`))))).once('error', reject);
  });
  const reader = async () => {
    while (performance.now() < end) {
      const begun = performance.now();
      await read();
      times.push(performance.now() - begun);
      await sleep(5);
    }
  };
  const upgrader = async () => {
    for (let i = 0; performance.now() < end; i++) {
      upgrade(doors[i % doors.length], answers);
      await sleep(10);
    }
  };
  await Promise.all([upgrader(), ...Array.from({ length: READERS }, reader)]);
  await sleep(1000); // the last answers
  agent.destroy();
  return { times: times.sort((a, b) => a - b), answers };
}

for (const mpm of ['event', 'worker', 'prefork']) {
  const proxied = await freePort();
  const site = new Site({
    dir: fs.mkdtempSync(tmpName('mod_chat-bench-')),
    build: path.resolve(process.env.CHAT_BUILD || path.join(root, 'build')),
    mpm,
    port: await freePort(),
    pushPort: await freePort(),
    metricsPort: await freePort(),
    extraConf: `Listen 127.0.0.1:${proxied}\n<VirtualHost 127.0.0.1:${proxied}>\nChatHandoff Off\n</VirtualHost>`,
  });
  try {
    site.prepare();
    await site.start();
    const { token } = await (await fetch(`${site.url}/chat/token`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify({ email: 'patient@example.com', password: 'password', device_name: 'bench' }),
    })).json();
    const doors = [site.o.port, proxied];
    await measure(site, doors, token); // warm
    const well = await measure(site, doors, token);
    site.push.kill('SIGSTOP');
    const stopped = await measure(site, doors, token).finally(() => site.push.kill('SIGCONT'));
    const p = ({ times }, share) => times[Math.floor((times.length - 1) * share)];
    const bad = p(stopped, 0.99) > 2 * p(well, 0.99) + 5 || Object.keys(stopped.answers).some((a) => a !== '503');
    missed ||= bad;
    for (const [name, r] of [['runs', well], ['stands still', stopped]]) {
      console.log(`${mpm.padEnd(8)} chat-push ${name.padEnd(13)} p50 ${p(r, 0.5).toFixed(1)} p99 ${p(r, 0.99).toFixed(1)} max ${p(r, 1).toFixed(1)} ms` +
        ` of ${r.times.length}, upgrades ${Object.entries(r.answers).map(([a, n]) => `${a}: ${n}`).join(', ')}`);
    }
    if (bad) {
      console.log(`${mpm.padEnd(8)} MISSED`);
    }
  } finally {
    await site.stop();
    fs.rmSync(site.dir, { recursive: true, force: true });
  }
}
process.exitCode = missed ? 1 : 0;
