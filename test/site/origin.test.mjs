// SPDX-License-Identifier: Apache-2.0
//
// A page of another site gets no WebSocket: 403 before the upgrade, at every door; and how
// often a socket may subscribe.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import tls from 'node:tls';
import { freePort } from '../../dev/site.mjs';
import { Push, startPush } from './lib/push.mjs';
import { startSite } from './lib/site.mjs';
import { Door, alive, event, say, subscribe, whole } from './lib/upgrade.mjs';
import { CLOSE } from './lib/wire.mjs';

const modules = process.env.CHAT_HTTPD_MODULES || '/usr/lib/apache2/modules';
const own = 'https://clinic.example';
const [secured, proxied] = [await freePort(), await freePort()];
const site = await startSite({
  appConf: { maxConnectsPerAddressPerMinute: 200, allowedOrigins: [own, '*.clinic.example'], maxSubscribesPerMinute: 150 },
  before(s) {
    fs.mkdirSync(s.path('conf'), { recursive: true });
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
      '-subj', '/CN=localhost', '-keyout', s.path('conf', 'tls.key'), '-out', s.path('conf', 'tls.crt')], { stdio: 'pipe' });
    s.o.extraConf = `LoadModule ssl_module ${modules}/mod_ssl.so
SSLSessionCache none
AsyncRequestWorkerFactor 20
Listen 127.0.0.1:${secured}
<VirtualHost 127.0.0.1:${secured}>
ServerName localhost
SSLEngine On
SSLCertificateFile conf/tls.crt
SSLCertificateKeyFile conf/tls.key
</VirtualHost>
Listen 127.0.0.1:${proxied}
<VirtualHost 127.0.0.1:${proxied}>
ChatHandoff Off
</VirtualHost>`;
  },
});
site.expectLog(/ssl:warn\] .*AH0(1906|1909|1873|1882)/); // its own affairs
const byTls = (port) => new Door(port, { dial: (p) => tls.connect({ port: p, host: '127.0.0.1', rejectUnauthorized: false, allowHalfOpen: true }) });
const lone = await startPush({
  env: { SOKETI_SSL_CERT: site.path('conf', 'tls.crt'), SOKETI_SSL_KEY: site.path('conf', 'tls.key') },
  args: ['--config', (() => {
    const at = path.join(site.dir, 'lone.json');
    fs.writeFileSync(at, JSON.stringify({ 'appManager.array.apps': [{ ...new Push().app, key: 'askkey', allowedOrigins: [own, '*.clinic.example'] }], 'metrics.host': '127.0.0.1' }));
    return at;
  })()],
});
const doors = {
  'handed over': new Door(site.o.port),
  'by TLS, pumped': byTls(secured),
  'through mod_proxy': new Door(proxied),
  'straight to chat-push': new Door(site.o.pushPort),
  'straight to chat-push, by TLS': byTls(lone.port),
};
const foreign = ['https://evil.example', 'null', 'http://clinic.example', `${own}.evil.example`, 'https://clinic.example:444', ''];

for (const [name, door] of Object.entries(doors)) {
  test(`an Origin that is not on the list is 403 before the upgrade: ${name}`, async () => {
    for (const origin of foreign) {
      const peer = await door.connect();
      peer.send(door.request({ Origin: origin }));
      const a = await whole(peer);
      assert.equal(a.status, 403, `${origin}: ${a.head}`);
      assert.doesNotMatch(a.head, /sec-websocket-accept/i);
      assert.equal(JSON.parse(a.body).error, 'Origin not allowed');
      peer.socket.destroy();
    }
    for (const headers of [{ Origin: own }, { Origin: 'https://www.clinic.example' }, {}]) {
      const peer = await door.open(headers);
      await alive(peer);
      peer.socket.destroy();
    }
  });
}

test('who was refused is counted and logged, and was no connection', async () => {
  const metric = async (name) => Number((await (await fetch(site.metrics)).text()).match(new RegExp(`^soketi_${name}\\{[^}]*\\} (\\d+)`, 'm'))[1]);
  const before = [await metric('origins_refused_total'), await metric('new_connections_total')];
  assert.ok(before[0] >= 4 * foreign.length, `${before[0]}`);
  const { peer, status } = await doors['handed over'].ask({ Origin: 'https://evil.example' });
  assert.equal(status, 403);
  peer.socket.destroy();
  assert.deepEqual([await metric('origins_refused_total'), await metric('new_connections_total')], [before[0] + 1, before[1]]);
  assert.match(site.log(), /request refused.*status=403 why="?Origin not allowed/);
});

test('an address may connect so often a minute: 429 before the upgrade, at chat-push\'s door too', async () => {
  const door = doors['straight to chat-push'];
  const ask = (address) => door.ask({ 'X-Forwarded-For': address });
  let last;
  let n = 0;
  // One more for each third of a second that this machine takes.
  for (; n < 2000 && last?.status !== 429; n++) {
    last = await ask('203.0.113.7');
    last.peer.socket.destroy();
  }
  assert.equal(last.status, 429);
  assert.ok(n > 200, `${n}`);
  assert.match(last.head, /^retry-after: \d+\r$/im);
  const metrics = await (await fetch(site.metrics)).text();
  assert.ok(Number(metrics.match(/^soketi_connects_refused_total\{[^}]*\} (\d+)/m)[1]) >= 1);
  const other = await ask('203.0.113.8');
  assert.equal(other.status, 101, 'another address');
  other.peer.socket.destroy();
});

test('a socket may subscribe so often a minute; beyond it 4301, and who never stops is closed', async () => {
  // Two minutes' worth at most, should one end meanwhile.
  const peer = await doors['handed over'].open({});
  let taken = 0;
  let refused = 0;
  let code;
  for (let i = 0; i < 40 && code === undefined; i++) {
    peer.send(...Array.from({ length: 20 }, () => subscribe('room')), say('pusher:ping', {}));
    for (;;) {
      const f = await peer.frame();
      if (f.opcode === CLOSE) {
        code = f.payload.readUInt16BE(0);
        break;
      }
      const e = JSON.parse(f.payload);
      if (e.event === 'pusher:pong') {
        break;
      }
      if (e.event === 'pusher_internal:subscription_succeeded') {
        taken++;
      } else {
        assert.deepEqual([e.event, e.channel, e.data.type, e.data.status], ['pusher:subscription_error', 'room', 'LimitReached', 4301]);
        refused++;
      }
    }
  }
  assert.ok([150, 300].includes(taken), `${taken}`);
  assert.equal(code, 4301);
  assert.ok(refused >= 200, `${refused}`);
  // Others have a count of their own.
  const other = await doors['handed over'].open({});
  other.send(subscribe('room'));
  assert.equal((await event(other)).event, 'pusher_internal:subscription_succeeded');
  other.socket.destroy();
});

test('as shipped, a page that comes back with a thousand channels is let into all of them, twice', async () => {
  const door = doors['straight to chat-push, by TLS'];
  const peer = await door.open({ Origin: own });
  for (let round = 0; round < 2; round++) {
    peer.send(...Array.from({ length: 1000 }, (_, i) => subscribe(`room-${i}`)));
    for (let i = 0; i < 1000; i++) {
      assert.equal((await event(peer)).event, 'pusher_internal:subscription_succeeded', `${round}: ${i}`);
    }
    peer.send(...Array.from({ length: 1000 }, (_, i) => say('pusher:unsubscribe', { channel: `room-${i}` })));
  }
  peer.socket.destroy();
});
