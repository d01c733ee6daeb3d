// SPDX-License-Identifier: Apache-2.0
//
// One event for many sockets, some of which read slowly, speak TLS or have gone:
// with the kernel doing many sends at once and without, everybody gets everything
// once, in order and whole.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { Push, eventually } from './lib/push.mjs';

const CROWD = 500;
const BULK = 20; // of the crowd, who also get more than a socket holds
const WAVES = 60;
const LARGE = 100_000;

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'push-fanout-'));
after(() => fs.rmSync(dir, { recursive: true }));
const at = (name) => path.join(dir, name);
execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
  '-subj', '/CN=localhost', '-keyout', at('key'), '-out', at('crt')], { stdio: 'ignore' });
const settings = at('push.json');
fs.writeFileSync(settings, JSON.stringify({
  maxQueueInKb: 16384,
  ssl: { certPath: at('crt'), keyPath: at('key'), port: 0 },
  eventLimits: { maxPayloadInKb: 200 },
  appManager: { array: { apps: [{ id: 'app1', key: 'key1', secret: 'secret1' }] } },
}));

const hash = (text) => createHash('sha256').update(text).digest('hex');

/** Data of which no piece is like another. */
const large = (n) => {
  let text = '';
  for (let i = 0; text.length < LARGE; i++) {
    text += hash(`${n}.${i}`);
  }
  return text;
};

/** The gauge of bytes that wait for sockets. */
async function waiting(push) {
  const text = await (await fetch(`${push.metrics}/metrics`)).text();
  return Number(text.match(/^\w*queued_bytes(?:\{[^}]*\})? (\d+)/m)[1]);
}

/** Publish a wave: one small event for all, one large one for some. */
async function publish(sdk, n) {
  await sdk.trigger('crowd', 'small', { n });
  const answer = await sdk.post({ path: '/events', body: { name: 'large', channel: 'bulk', data: large(n) } });
  assert.equal(answer.status, 200);
}

for (const uring of ['1', '0']) {
  test(`${CROWD} sockets, slow ones among them, get all of it with CHAT_PUSH_URING=${uring}`, async (t) => {
    const push = await new Push().start({
      env: { CHAT_PUSH_URING: uring, CHAT_PUSH_LOOPS: '1' }, args: ['--config', settings],
    });
    const all = [];
    try {
      if (uring === '0') {
        assert.match(push.stderr, /sending without io_uring\n/);
      }
      else if (!/sending through io_uring/.test(push.stderr)) {
        t.diagnostic(`no io_uring here: ${push.stderr.match(/sending .*/)}`);
      }
      const sdk = push.sdk();
      const tls = {
        url: push.url().replace(/^ws:.*?:\d+/, `wss://127.0.0.1:${push.stderr.match(/ and [^ ]*:(\d+) /)[1]}`),
        ws: { rejectUnauthorized: false },
      };
      for (let i = 0; i < CROWD; i += 50) {
        all.push(...await Promise.all(Array.from({ length: 50 }, (_, n) => push.raw(i === 0 && n % 2 ? tls : {}))));
      }
      await Promise.all(all.map((s, i) => Promise.all([s.join('crowd'), ...i < BULK ? [s.join('bulk')] : []])));
      // What is heard is noted as it comes; large data by its hash.
      const heard = all.map((s) => {
        const got = { small: [], large: [] };
        s.ws.on('message', (text) => {
          const m = JSON.parse(String(text));
          got[m.event].push(m.event === 'large' ? hash(m.data) : JSON.parse(m.data).n);
        });
        return got;
      });
      const slow = all.slice(0, BULK / 2);
      slow.forEach((s) => s.ws._socket.pause());
      for (let n = 0; n < WAVES; n++) {
        await publish(sdk, n);
        if (n === WAVES / 2) {
          all.splice(-10).forEach((s) => s.ws._socket.resetAndDestroy());
        }
      }
      assert.ok(await waiting(push) > 0, 'somebody is behind');
      slow.forEach((s) => s.ws._socket.resume());
      const small = Array.from({ length: WAVES }, (_, n) => n);
      const bulk = small.map((n) => hash(large(n)));
      for (let i = 0; i < all.length; i++) {
        const wanted = { small, large: i < BULK ? bulk : [] };
        await eventually(() => heard[i].small.length >= WAVES && heard[i].large.length >= wanted.large.length,
          `all of socket ${i}`, 20000);
        assert.deepEqual(heard[i], wanted);
      }
      assert.equal(await waiting(push), 0);
    } finally {
      all.forEach((s) => s.ws.terminate());
      assert.equal((await push.stop()).code, 0, push.stderr);
    }
  });
}
