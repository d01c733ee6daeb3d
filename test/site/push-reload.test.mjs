// SPDX-License-Identifier: Apache-2.0
//
// SIGHUP: chat-push reads its settings again while clients are connected and
// events flow. What may change changes for them, nobody is lost, and a file
// that cannot be used changes nothing.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import tls from 'node:tls';
import { Push, eventually, sleep } from './lib/push.mjs';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'chat-reload-'));
after(() => fs.rmSync(dir, { recursive: true }));

function file(name, content) {
  const at = path.join(dir, name);
  fs.writeFileSync(at, typeof content === 'string' ? content : JSON.stringify(content));
  return at;
}

/** A chat-push with a settings file that a test may rewrite. */
async function reloadable(name, content, env = {}) {
  const at = file(name, content);
  const child = await new Push().start({ args: ['--config', at], env });
  return {
    child,
    as: (app) => Object.assign(Object.create(child), { app }),
    /** Write the file, send SIGHUP and give the lines said about it. */
    async reload(next) {
      file(name, next);
      const from = child.stderr.length;
      child.child.kill('SIGHUP');
      await eventually(() => /settings (not )?reloaded.*\n/.test(child.stderr.slice(from)), 'the reload');
      return child.stderr.slice(from);
    },
    async stop() {
      assert.deepEqual(await child.stop(), { code: 0, signal: null }, child.stderr);
    },
  };
}

const listed = (...list) => ({ 'appManager.array.apps': list, metrics: { host: '127.0.0.1' } });

test('twenty reloads under traffic: no socket ends, no event is lost, counters go on', { timeout: 120000 }, async () => {
  const one = { id: '1', key: 'one', secret: 's1', enableClientMessages: true };
  const run = await reloadable('traffic.json', listed(one));
  const me = run.as(one);
  const sockets = [];
  for (let i = 0; i < 20; i++) {
    const s = await me.raw();
    await s.join('room');
    await s.join('presence-room', { data: { user_id: String(i) } });
    s.ended = false;
    s.closed.then(() => { s.ended = true; });
    s.messages.length = 0;
    sockets.push(s);
  }
  let sent = 0;
  let running = true;
  const sdk = me.sdk();
  const traffic = (async () => {
    while (running) {
      await sdk.trigger('room', 'e', { n: sent });
      sent++;
    }
  })();
  const count = async () => {
    const text = await (await fetch(`${run.child.metrics}/metrics`)).text();
    return Number(text.match(/soketi_published_total\{app_id="1",[^}]*\} (\d+)/)[1]);
  };
  let before = 0;
  for (let i = 0; i < 20; i++) {
    const said = await run.reload(listed({ ...one, maxConnections: 100 + i }, ...(i % 2 ? [{ id: 'x', key: `x${i}`, secret: 's' }] : [])));
    assert.match(said, /settings reloaded: .*apps changed: 1/);
    const now = await count();
    assert.ok(now >= before, `${now} after ${before}`);
    before = now;
  }
  running = false;
  await traffic;
  for (const s of sockets) {
    const got = (await s.drain()).filter((m) => m.event === 'e').map((m) => JSON.parse(m.data).n);
    assert.deepEqual(got, Array.from({ length: sent }, (_, n) => n), 'all of them, in order');
    assert.equal(s.ended, false);
  }
  assert.equal(await count(), sent);
  await run.stop();
});

test('limits and flags change under open sockets, for their next message', async () => {
  const app = { id: '1', key: 'one', secret: 's1' };
  const run = await reloadable('limits.json', listed(app));
  const me = run.as(app);
  const s = await me.raw();
  const other = await me.raw();
  await s.join('private-a');
  await other.join('private-a');
  s.send({ event: 'client-x', channel: 'private-a', data: {} });
  assert.equal((await s.next('pusher:error')).data.code, 4301);

  const said = await run.reload({
    ...listed({ ...app, enableClientMessages: true, maxEventPayloadInKb: 0.1, maxChannelsPerConnection: 2, maxConnections: 2 }),
    maxMessageInKb: 1,
  });
  assert.match(said, /settings changed: maxMessageInKb/);
  s.send({ event: 'client-x', channel: 'private-a', data: 'y' });
  assert.equal((await other.next('client-x')).data, 'y');
  s.send({ event: 'client-x', channel: 'private-a', data: 'y'.repeat(200) });
  assert.match((await s.next('pusher:error')).data.message, /too large/);
  await s.join('b');
  assert.equal((await s.subscribe('c')).data.status, 4100);
  assert.equal((await me.call('POST', '/events', { body: { name: 'e', channel: 'b', data: 'y'.repeat(200) } })).status, 413);
  assert.equal((await run.child.refused(me.url())).code, 4004);
  other.send(JSON.stringify({ event: 'pusher:ping', data: 'y'.repeat(2000) }));
  assert.equal((await other.closed).code, 1009);

  await run.reload(listed({ ...app, enableClientMessages: false }));
  s.send({ event: 'client-x', channel: 'private-a', data: 'y' });
  assert.equal((await s.next('pusher:error')).data.code, 4301);
  await s.join('c');
  await s.close();
  await run.stop();
});

test('a secret is changed without a gap: both are good while the file says both', async () => {
  const app = { id: '1', key: 'one', secret: 'old' };
  const run = await reloadable('secrets.json', listed(app));
  const [before, after] = [run.as({ ...app, secret: 'old' }), run.as({ ...app, secret: 'new' })];
  const s = await before.raw();
  const good = async (me, wanted) => {
    const status = await me.sdk().trigger('room', 'e', {}).then((r) => r.status, (e) => e.status);
    assert.equal(status, wanted ? 200 : 401);
    const answer = await s.subscribe('private-x', { auth: me.auth(s.socketId, 'private-x') });
    assert.equal(answer.event, wanted ? 'pusher_internal:subscription_succeeded' : 'pusher:subscription_error');
    s.send({ event: 'pusher:unsubscribe', data: { channel: 'private-x' } });
  };
  await good(before, true);
  await good(after, false);
  let said = await run.reload(listed({ ...app, secret: 'new', secrets: ['old'] }));
  assert.doesNotMatch(said, /old|new\b/, 'no secret is said');
  await good(before, true);
  await good(after, true);
  said = await run.reload(listed({ ...app, secret: 'new' }));
  assert.match(said, /apps changed: 1/);
  await good(before, false);
  await good(after, true);
  await s.close();
  await run.stop();
});

test('a request whose body comes after a reload is judged by the settings of then', async () => {
  const app = { id: '1', key: 'one', secret: 'old' };
  const run = await reloadable('body.json', listed(app));
  const s = await run.as(app).raw();
  await s.join('room');
  const body = JSON.stringify({ name: 'e', channel: 'room', data: 'late' });
  const md5 = createHash('md5').update(body).digest('hex');
  const signed = (path, secret) => {
    const query = `auth_key=one&auth_timestamp=${Math.floor(Date.now() / 1000)}&auth_version=1.0&body_md5=${md5}`;
    const signature = createHmac('sha256', secret).update(['POST', path, query].join('\n')).digest('hex');
    return `${path}?${query}&auth_signature=${signature}`;
  };
  /** Send a head, reload, send the body. */
  const late = async (target, next) => {
    const socket = net.connect(run.child.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (d) => { answer += d; });
    socket.write(`POST ${target} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`);
    await eventually(() => answer.endsWith('\r\n\r\n'), 'the head to be taken');
    assert.match(answer, /^HTTP\/1\.1 100 /);
    answer = '';
    await run.reload(next);
    socket.write(body);
    await eventually(() => answer.includes('\r\n\r\n'), 'an answer');
    socket.destroy();
    return Number(answer.split(' ')[1]);
  };
  assert.equal(await late(signed('/apps/1/events', 'old'), listed({ ...app, enableClientMessages: true })), 200);
  await s.next('e');
  assert.equal(await late(signed('/apps/1/events', 'old'), listed({ ...app, enabled: true, secret: 'new' })), 401, 'its secret is void');
  assert.equal(await late(`/ws/apps/1/events?body_md5=${md5}`, { ...listed({ ...app, secret: 'new' }), pathPrefix: '/ws' }), 401,
    'a path of the API only now, and not signed');
  assert.deepEqual((await s.drain()).filter((m) => m.event === 'e'), []);
  await s.close();
  await run.stop();
});

test('a file whose apps are gone ends nobody, and the default app serves nobody', async () => {
  const mine = { id: 'mine', key: 'mine-key', secret: 'mine-secret' };
  const run = await reloadable('gone.json', listed(mine));
  const s = await run.as(mine).raw();
  await s.join('room');
  for (const next of [{}, { appManager: { array: {} } }, listed(), { 'appManager.array.apps.0.maxConnections': 5 }]) {
    assert.match(await run.reload(next), /settings not reloaded, .*no app is listed \(appManager\.array\.apps\)/);
  }
  assert.equal((await run.child.refused(run.as({ id: 'app-id', key: 'app-key', secret: 'app-secret' }).url())).code, 4001);
  await run.as(mine).sdk().trigger('room', 'e', {});
  await s.next('e');
  await s.close();
  await run.stop();

  // Who started with the default app may reload with it.
  const bare = await reloadable('bare.json', { metrics: { host: '127.0.0.1' } });
  assert.match(await bare.reload({ metrics: { host: '127.0.0.1' }, activityTimeout: 60 }), /settings reloaded: settings changed: activityTimeout/);
  await bare.stop();
});

test('apps come and go: new ones serve at once, removed ones end with 4001, disabled ones with 4003', async () => {
  const [a, b, c] = ['a', 'b', 'c'].map((id) => ({ id, key: `key-${id}`, secret: `s-${id}` }));
  const run = await reloadable('apps.json', listed(a, b));
  const stays = await run.as(a).raw();
  await stays.join('room');
  const [goes, old] = [await run.as(b).raw(), await run.as(b).raw({ query: 'protocol=5' })];
  await goes.join('cache-room');
  await run.as(b).sdk().trigger('cache-room', 'kept', { of: 'the first b' });

  assert.match(await run.reload(listed(a, c)), /settings reloaded: apps added: c; apps removed: b\n/);
  const end = await goes.closed;
  assert.deepEqual([end.code, end.reason], [4001, 'Application does not exist']);
  await old.closed;
  assert.equal((await old.next('pusher:error')).data.code, 4001);
  assert.equal((await run.child.refused(run.as(b).url())).code, 4001);
  assert.equal((await run.as(b).call('GET', '/channels')).status, 404);
  const fresh = await run.as(c).raw();
  await fresh.join('room');
  await run.as(c).sdk().trigger('room', 'e', {});
  await fresh.next('e');

  // The same name again is another app: nothing of the first is left.
  await run.reload(listed(a, b, { ...c, enabled: false }));
  assert.equal((await fresh.closed).code, 4003);
  assert.equal((await run.child.refused(run.as(c).url())).code, 4003);
  const again = await run.as(b).raw();
  await again.join('cache-room');
  assert.equal((await again.next()).event, 'pusher:cache_miss');

  // Another key is another app, whose counters go on.
  const opened = async () => {
    const text = await (await fetch(`${run.child.metrics}/metrics`)).text();
    return Number(text.match(/soketi_new_connections_total\{app_id="b",[^}]*\} (\d+)/)[1]);
  };
  const was = await opened();
  await run.reload(listed(a, { ...b, key: 'key-2' }));
  assert.equal((await again.closed).code, 4001);
  const renamed = await run.as({ ...b, key: 'key-2' }).raw();
  assert.equal(await opened(), was + 1);

  await run.as(a).sdk().trigger('room', 'e', {});
  await stays.next('e');
  await stays.close();
  await renamed.close();
  await run.stop();
});

test('a bad file changes nothing and says why; what needs a restart is named', async () => {
  const app = { id: '1', key: 'one', secret: 's1' };
  const run = await reloadable('bad-reload.json', listed(app));
  const me = run.as(app);
  const s = await me.raw();
  await s.join('room');
  for (const [what, content, says] of [
    ['no JSON', '{"port": 1,', /not reloaded, all stays as it was: .*bad-reload\.json.*line 1/],
    ['a wrong value', { ...listed({ ...app, enabled: false }), activityTimeout: 'x' }, /not reloaded.*activityTimeout must be/],
    ['an app without secret', listed({ id: '1', key: 'one' }), /not reloaded.*apps\[0\]\.secret/],
    ['two apps with one key', listed(app, { id: '2', key: 'one', secret: 'x' }), /not reloaded.*apps\[1\]/],
  ]) {
    const said = await run.reload(content);
    assert.match(said, says, what);
    assert.equal(said.trim().split('\n').filter((line) => /reloaded/.test(line)).length, 1);
    await me.sdk().trigger('room', 'e', {});
    await s.next('e');
  }
  fs.rmSync(path.join(dir, 'bad-reload.json'));
  const from = run.child.stderr.length;
  run.child.child.kill('SIGHUP');
  await eventually(() => /not reloaded.*bad-reload\.json/.test(run.child.stderr.slice(from)), 'the refusal');

  const said = await run.reload({ ...listed({ ...app, maxConnections: 1 }), database: { pollMs: 9 }, activityTimeout: 77, loops: 1 });
  assert.match(said, /warning: needs a restart: database\.pollMs\n/, 'loops come from the environment, as before');
  assert.match(said, /settings reloaded: apps changed: 1; settings changed: activityTimeout\n/);
  assert.equal((await run.child.refused(me.url())).code, 4004);
  await s.close();
  const next = await me.raw();
  assert.equal(JSON.parse(next.established.data).activity_timeout, 77);
  await next.close();
  await run.stop();
});

test('who was there before an app asks for signing in has its time from then on', { timeout: 60000 }, async () => {
  const app = { id: '1', key: 'one', secret: 's1' };
  const run = await reloadable('demand.json', listed(app));
  const [lazy, quick] = [await run.as(app).raw(), await run.as(app).raw()];
  await sleep(1500);
  await run.reload({ ...listed({ ...app, enableUserAuthentication: true }), userAuthenticationTimeout: 1000 });
  quick.signin({ id: '1' });
  await quick.next('pusher:signin_success');
  assert.equal((await lazy.closed).code, 4009);
  assert.equal(quick.ws.readyState, 1);
  await quick.close();
  await run.stop();
});

test('who is connected counts where nobody counted before: places of the app, users online', { timeout: 20000 }, async () => {
  const app = { id: '1', key: 'one', secret: 's1', maxConnections: 1, enableUserAuthentication: true };
  const run = await reloadable('catch-up.json', listed(app));
  const me = run.as(app);
  const [user, stranger] = [await me.raw(), await me.raw()];
  user.signin({ id: 'early' });
  await user.next('pusher:signin_success');

  const open = { ...app, enableUserAuthentication: false, enableWatchlist: true };
  await run.reload(listed({ ...open, maxConnections: 2 }));
  assert.equal((await run.child.refused(me.url())).code, 4004, 'the stranger has a place now');
  await run.reload(listed({ ...open, maxConnections: 3 }));
  const watcher = await me.raw();
  watcher.signin({ id: 'w', watchlist: ['early'] });
  const events = async () => {
    const m = await watcher.next('pusher_internal:watchlist_events');
    return JSON.parse(m.data).events;
  };
  assert.deepEqual(await events(), [{ name: 'online', user_ids: ['early'] }]);
  await user.close();
  assert.deepEqual(await events(), [{ name: 'offline', user_ids: ['early'] }]);
  await stranger.close();
  await watcher.close();
  await run.stop();
});

test('shorter times hold for those who are connected already', { timeout: 30000 }, async () => {
  const app = { id: '1', key: 'one', secret: 's1' };
  const run = await reloadable('times.json', listed(app));
  const s = await run.as(app).raw({ ws: { autoPong: false } });
  await sleep(2500); // it was looked at: next time in two minutes
  await run.reload({ ...listed(app), activityTimeout: 1, pongTimeout: 1 });
  assert.equal((await s.closed).code, 4201);
  await run.stop();
});

test('a renewed certificate is shown to new sockets, a broken one changes nothing', async () => {
  const [cert, key] = [path.join(dir, 'cert.pem'), path.join(dir, 'key.pem')];
  const renew = (name) => execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-subj', `/CN=${name}`, '-days', '2', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  renew('first');
  const app = { id: '1', key: 'one', secret: 's1' };
  const secure = (...list) => ({ ...listed(...list), ssl: { certPath: cert, keyPath: key } });
  const run = await reloadable('tls.json', secure(app));
  const { port } = run.child;
  const open = () => run.as(app).raw({ url: run.as(app).url().replace('ws:', 'wss:'), ws: { rejectUnauthorized: false } });
  const shown = () => new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().subject.CN);
      socket.destroy();
    });
    socket.on('error', reject);
  });
  const s = await open();
  assert.equal(await shown(), 'first');
  renew('second');
  assert.match(await run.reload(secure(app)), /settings reloaded/);
  assert.equal(await shown(), 'second');

  fs.writeFileSync(key, 'no key');
  const other = { id: '2', key: 'two', secret: 's2' };
  assert.match(await run.reload(secure(app, other)), /settings not reloaded, all stays as it was: .*key\.pem/);
  assert.equal(await shown(), 'second');
  assert.equal((await run.child.refused(run.as(other).url().replace('ws:', 'wss:'), { rejectUnauthorized: false })).code, 4001, 'no part of the file holds');
  await s.join('room'); // the first socket, all the while
  await s.close();
  await run.stop();
});
