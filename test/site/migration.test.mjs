// SPDX-License-Identifier: Apache-2.0
//
// doc/migration.md, tried: its files and environments start chat-push without a
// setting that is not known, its limits are those of Soketi, and what it says is
// different is. The blocks are taken from the page itself.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createRequire } from 'node:module';
import { Push, Pusher, PusherServer, runPush } from './lib/push.mjs';

const require = createRequire(import.meta.url);
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const page = fs.readFileSync(path.join(root, 'doc/migration.md'), 'utf8');
const blocks = (kind) => [...page.matchAll(new RegExp(`\`\`\`${kind}\\n([\\s\\S]*?)\`\`\``, 'g'))].map((m) => m[1]);
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'chat-push-'));
after(() => fs.rmSync(dir, { recursive: true }));

const SECRET = 'a secret of your own';
const app = { id: 'app-id', key: 'app-key', secret: SECRET };

async function started(options, fn) {
  const push = await new Push().start(options);
  push.app = app;
  try {
    await fn(push);
  } finally {
    assert.equal((await push.stop()).code, 0);
  }
}

test("a docker-compose environment of Soketi's starts it, and names what has no effect", async () => {
  const env = Object.fromEntries([...blocks('yaml')[0].matchAll(/^ {2}(\w+): "(.*)"$/gm)].map((m) => [m[1], m[2]]));
  assert.ok(Object.keys(env).length >= 10);
  await started({ env: { ...env, SOKETI_PORT: '0', SOKETI_METRICS_SERVER_PORT: '0' } }, async (push) => {
    assert.doesNotMatch(push.stderr, /unknown settings/);
    assert.match(push.stderr, /without effect here: .*SOKETI_DEBUG/);
    const s = await push.raw();
    await s.join('private-room');
    await push.sdk().trigger('private-room', 'e', { n: 1 });
    await s.next('e');
    await s.close();
  });
});

test('what needs other processes is said to be missing', async () => {
  const refused = await runPush({ SOKETI_APP_MANAGER_DRIVER: 'mysql', SOKETI_PORT: '0', SOKETI_METRICS_ENABLED: '0' });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /appManager\.driver is mysql/);
  await started({ env: { SOKETI_ADAPTER_DRIVER: 'redis' } }, (push) => assert.match(push.stderr, /warning: adapter\.driver is redis/));
});

test("Soketi's file, command and limits", async () => {
  const file = path.join(dir, 'soketi.json');
  const conf = JSON.parse(blocks('json')[0]);
  fs.writeFileSync(file, JSON.stringify(conf));
  const command = blocks('ini')[0].match(/chat-push (start) (--config=)/);
  await started({ args: [command[1], command[2] + file] }, async (push) => {
    assert.doesNotMatch(push.stderr, /unknown settings|without effect/);
    const s = await push.raw();
    const name = `private-${'x'.repeat(192)}`;
    await s.join(name);
    const big = 'x'.repeat(100 * 1024);
    await push.sdk().post({ path: '/events', body: { name: 'n'.repeat(200), channel: name, data: big } });
    assert.equal((await s.next('n'.repeat(200))).data.length, big.length);
    const batch = Array.from({ length: 10 }, () => ({ name: 'b', channel: name, data: big }));
    assert.equal((await push.call('POST', '/batch_events', { body: { batch } })).status, 200);
    for (let i = 0; i < 10; i++) {
      await s.next('b');
    }
    await s.join('presence-x', { data: { user_id: '1', user_info: { text: 'x'.repeat(2000) } } });
    const other = await push.raw();
    await other.join(name);
    for (let i = 0; i < 30; i++) {
      s.send({ event: 'client-x', channel: name, data: i ? 'x' : big });
    }
    assert.deepEqual((await s.drain()).map((m) => m.event), [], 'none is too large or too many');
    assert.equal((await other.drain()).filter((m) => m.event === 'client-x').length, 30);
    await s.close();
    await other.close();
  });
});

test('what the page says is different is', async () => {
  await started({ env: { DEFAULT_APP_KEY: 'unprefixed', PORT: '1', ...Object.fromEntries(Object.entries(app).map(([k, v]) => [`SOKETI_DEFAULT_APP_${k.toUpperCase()}`, v])) } }, async (push) => {
    assert.equal((await push.refused(push.url('protocol=7', 'unprefixed'))).code, 4001);
    await assert.rejects(push.sdk({ secret: 'wrong' }).trigger('c', 'e', {}), (e) => e.status === 401);
    assert.equal((await push.call('GET', '/channels', { time: Math.floor(Date.now() / 1000) - 700 })).status, 401);
    assert.equal((await push.call('GET', '/channels', { key: 'another' })).status, 401);
    const s = await push.raw();
    await s.join('public');
    s.send({ event: 'client-x', channel: 'public', data: {} });
    await s.next('pusher:error');
    assert.equal((await s.subscribe('presence-x', { data: {} })).data.status, 401);
    assert.equal((await s.subscribe('#server-to-user-1')).data.status, 401);
    push.child.kill('SIGHUP');
    assert.deepEqual(await s.drain(), [], 'SIGHUP ends nobody');
    assert.equal((await push.refused(push.url('protocol=3'))).code, 4007);
    await s.close();
  });
});

test('the settings shown for browsers and servers are those the libraries take', async () => {
  const env = Object.fromEntries([...blocks('ini').join('').matchAll(/^(PUSHER_APP_\w+)="?([^"\n]*)"?$/gm)].map((m) => [m[1], m[2]]));
  const none = { SOKETI_DEFAULT_APP_ID: '', SOKETI_DEFAULT_APP_KEY: '', SOKETI_DEFAULT_APP_SECRET: '' };
  assert.throws(() => new Pusher('k', { wsHost: '127.0.0.1' }), /cluster/);
  await started({ env: { ...none, ...env } }, async (push) => {
    const here = (text) => text.replace(/'push\.example\.com'/g, "'127.0.0.1'").replace(/(')?\b6001\b(')?/g, (_, q = '') => `${q}${push.port}${q}`);
    const [node] = blocks('js').filter((b) => b.includes('package pusher'));
    const sdk = new Function('Pusher', `${here(node)}; return pusher;`)(PusherServer);
    const browser = blocks('js').at(-1);
    for (const library of [Pusher, require('pusher-js-7')]) {
      const client = new Function('Pusher', `${here(browser)}; return pusher;`)(library);
      try {
        const channel = client.subscribe('news');
        const heard = new Promise((resolve) => channel.bind('e', resolve));
        await new Promise((resolve) => channel.bind('pusher:subscription_succeeded', resolve));
        await sdk.trigger('news', 'e', { n: 1 });
        assert.deepEqual(await heard, { n: 1 });
      } finally {
        client.disconnect();
      }
    }
  });
});

test('every setting the page names is one', () => {
  const known = ['push/conf.c', 'common/app.c'].map((f) => fs.readFileSync(path.join(root, f), 'utf8')).join('');
  for (const [, name] of page.matchAll(/\b((?:SOKETI|CHAT_PUSH)_[A-Z_]+[A-Z])\b/g)) {
    assert.ok(known.includes(`"${name}"`) || known.includes(`"${name.replace(/^SOKETI_(DEBUG|ADAPTER_).*/, '$1')}"`) || /^SOKETI_ADAPTER/.test(name), name);
  }
  const keys = [...page.matchAll(/`((?:max|enable|allowed)[A-Z]\w+|(?:webhooks|httpApi|ssl|eventLimits|channelLimits|presence|metrics)\.\w+|activityTimeout|pathPrefix)`/g)].map((m) => m[1]);
  assert.ok(keys.length > 15);
  for (const key of keys) {
    assert.ok(known.includes(`"${key}"`), `no setting is named ${key}`);
  }
});
