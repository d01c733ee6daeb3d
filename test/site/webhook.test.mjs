// SPDX-License-Identifier: Apache-2.0
//
// Webhooks: pusher-js and plain sockets on one side of chat-push, a real HTTP
// receiver on the other, checked with the server SDK's webhook(). Each app has
// its own way of being received: at once, slowly, with errors, elsewhere.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { Push, eventually, runPush, sleep, startPush } from './lib/push.mjs';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'chat-hook-'));
after(() => fs.rmSync(dir, { recursive: true }));

function file(name, content) {
  const at = path.join(dir, name);
  fs.writeFileSync(at, JSON.stringify(content));
  return at;
}

// --- the receiver: what came by path, and what to answer there -------------------
const came = {};
const answers = {};
const receiver = http.createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (d) => { body += d; });
  request.on('end', async () => {
    const name = request.url.slice(1);
    (came[name] ??= []).push({ headers: request.headers, body, at: Date.now(), method: request.method });
    await (answers[name] ?? ((r) => r.writeHead(200)))(response, came[name].length);
    response.end();
  });
});
await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve));
const { port } = receiver.address();
after(() => {
  receiver.closeAllConnections();
  receiver.close();
});

const at = (name) => `http://127.0.0.1:${port}/${name}`;
const app = (id, webhooks, more = {}) => ({
  id, key: `key-${id}`, secret: `secret-${id}`, enableClientMessages: true, maxClientEventsPerSecond: -1, webhooks, ...more,
});
const apps = {
  all: app('all', [{ url: at('all'), headers: { 'X-Site': 'a site', Authorization: 'Bearer t', 'X-Pusher-Key': 'no', 'x-pusher-signature': 'no' } }]),
  some: app('some', [
    { url: at('some'), event_types: ['channel_occupied'], filter: { channel_name_starts_with: 'cache-', channel_name_ends_with: '-eu' } },
    { url: at('left'), event_types: ['channel_vacated'] },
  ]),
  flap: app('flap', [{ url: at('flap'), event_types: ['channel_occupied', 'channel_vacated', 'member_added', 'member_removed'] }]),
  error: app('error', [{ url: at('error'), event_types: ['channel_occupied'] }]),
  slow: app('slow', [{ url: at('slow') }, { url: at('quick') }]),
  order: app('order', [{ url: at('order') }]),
  moved: app('moved', [{ url: at('moved'), event_types: ['channel_occupied'] }]),
  count: app('count', [{ url: at('count'), event_types: ['subscription_count'] }], { enableSubscriptionCount: true }),
  none: app('none', [{ url: at('none'), event_types: ['chanel_occupied'] }]),
};

const push = await startPush({
  args: ['--config', file('all.json', {
    'appManager.array.apps': Object.values(apps), metrics: { host: '127.0.0.1' }, webhooks: { allowPrivateTargets: true },
  })],
});
const as = (name) => Object.assign(Object.create(push), { app: apps[name] });

/** The events that came to a path, each request's signature checked. */
function events(name, key = name) {
  return (came[name] ?? []).flatMap((r) => {
    const hook = as(key).sdk().webhook({ headers: r.headers, rawBody: r.body });
    assert.ok(hook.isValid(), `the signature of ${r.body}`);
    assert.ok(Math.abs(hook.getTime() - r.at) < 60000);
    assert.equal(r.method, 'POST');
    assert.equal(r.headers['content-type'], 'application/json');
    return hook.getEvents();
  });
}
const names = (list) => list.map((e) => `${e.name} ${e.channel}`);

const metric = async (from, name) => {
  const text = await (await fetch(`${from.metrics}/metrics`)).text();
  return Number(text.match(new RegExp(`${name}\\{[^}]*\\} (\\d+)`))[1]);
};

/** pusher-js, subscribed. */
async function client(name, channel, user) {
  const pusher = as(name).client({ user });
  const joined = pusher.subscribe(channel);
  await new Promise((resolve, reject) => {
    joined.bind('pusher:subscription_succeeded', resolve);
    joined.bind('pusher:subscription_error', reject);
  });
  return { pusher, channel: joined };
}

test('each event has its documented form, and leaving is told three seconds later', { timeout: 20000 }, async () => {
  const ann = await client('all', 'presence-room', { user_id: 7, user_info: {} });
  const bob = await client('all', 'presence-room', { user_id: 'bob' });
  await eventually(() => events('all').length >= 3, 'comings');
  assert.deepEqual(events('all'), [
    { name: 'channel_occupied', channel: 'presence-room' },
    { name: 'member_added', channel: 'presence-room', user_id: 7 },
    { name: 'member_added', channel: 'presence-room', user_id: 'bob' },
  ]);
  assert.equal(came.all[0].headers['x-site'], 'a site');
  assert.equal(came.all[0].headers.authorization, 'Bearer t');

  came.all.length = 0;
  ann.channel.trigger('client-typing', { on: true, who: 'Ann "the" Ä' });
  await eventually(() => events('all').length >= 1, 'the client event');
  const [event] = events('all');
  assert.deepEqual(JSON.parse(event.data), { on: true, who: 'Ann "the" Ä' });
  assert.deepEqual({ ...event, data: '' }, {
    name: 'client_event', channel: 'presence-room', event: 'client-typing', data: '',
    socket_id: ann.pusher.connection.socket_id, user_id: 7,
  });

  came.all.length = 0;
  const raw = await as('all').raw();
  await raw.join('cache-last');
  await raw.join('private-p');
  raw.send({ event: 'client-text', channel: 'private-p', data: 'as it is' });
  raw.send({ event: 'client-none', channel: 'private-p' });
  await eventually(() => events('all').length >= 5, 'the rest');
  assert.deepEqual(events('all').slice(0, 4), [
    { name: 'channel_occupied', channel: 'cache-last' },
    { name: 'cache_miss', channel: 'cache-last' },
    { name: 'channel_occupied', channel: 'private-p' },
    { name: 'client_event', channel: 'private-p', event: 'client-text', data: 'as it is', socket_id: raw.socketId },
  ]);
  assert.equal('data' in events('all')[4], false);

  came.all.length = 0;
  const left = Date.now();
  await raw.close();
  ann.pusher.disconnect();
  bob.pusher.disconnect();
  await eventually(() => events('all').length >= 5, 'leavings', 8000);
  assert.ok(came.all[0].at - left >= 2900, `told after ${came.all[0].at - left} ms`);
  const told = events('all');
  assert.deepEqual(names(told).sort(), ['channel_vacated cache-last', 'channel_vacated presence-room', 'channel_vacated private-p',
    'member_removed presence-room', 'member_removed presence-room']);
  assert.deepEqual(told.filter((e) => e.name === 'member_removed').map((e) => e.user_id).sort(), [7, 'bob']);
  const room = names(told).filter((n) => n.endsWith(' presence-room'));
  assert.equal(room.at(-1), 'channel_vacated presence-room', 'its members have left before');
});

test('that a cache channel is empty is told once for all who come', async () => {
  const misses = () => events('all').filter((e) => e.name === 'cache_miss' && e.channel === 'cache-many').length;
  const told = async (channel) => {
    await sockets[0].join(channel);
    await eventually(() => events('all').some((e) => e.channel === channel), channel);
  };
  const sockets = [];
  for (let i = 0; i < 5; i++) {
    sockets.push(await as('all').raw());
    await sockets[i].join('cache-many');
    await sockets[i].next('pusher:cache_miss');
  }
  await told('after-many');
  assert.equal(misses(), 1);
  await Promise.all(sockets.map((s) => s.close()));
});

test('the count of subscribers is told at each change, of no presence channel', { timeout: 30000 }, async () => {
  const raws = await Promise.all([1, 2, 3].map(() => as('count').raw()));
  for (const raw of raws) {
    await raw.join('presence-room', { data: { user_id: '1' } });
    await raw.join('room');
  }
  await raws[0].close();
  await raws[1].close();
  await raws[2].close();
  await eventually(() => events('count').length >= 6, 'the counts');
  assert.deepEqual(events('count'), [1, 2, 3, 2, 1, 0].map((n) => ({ name: 'subscription_count', channel: 'room', subscription_count: n })));
});

test('a large channel tells receiver and subscribers its count every five seconds', { timeout: 60000 }, async () => {
  came.count = [];
  const crowd = await Promise.all(Array.from({ length: 140 }, () => as('count').raw()));
  const first = crowd.shift();
  await first.join('large');
  for (const raw of crowd) {
    await raw.join('large');
    raw.messages.length = 0;
  }
  const told = () => first.messages.filter((m) => m.event === 'pusher_internal:subscription_count')
    .map((m) => JSON.parse(m.data).subscription_count);
  await eventually(() => told().at(-1) === 140, 'the last count', 15000);
  const counts = told();
  assert.deepEqual(counts.slice(0, 101), Array.from({ length: 101 }, (_, i) => i + 1), 'each up to 100, and the first above');
  assert.ok(counts.length <= 110, `${counts.length} counts, not one for each of 140`);
  await eventually(() => events('count').at(-1)?.subscription_count === 140, 'the last count', 15000);
  assert.deepEqual(events('count').map((e) => e.subscription_count), counts);
  await Promise.all([first, ...crowd].map((raw) => raw.close()));
});

test('a page that is reloaded is no event, however often', { timeout: 30000 }, async () => {
  const user = { user_id: '1' };
  let page = await client('flap', 'presence-page', user);
  await eventually(() => events('flap').length >= 2, 'comings');
  came.flap.length = 0;
  for (let i = 0; i < 3; i++) {
    page.pusher.disconnect();
    await sleep(600);
    page = await client('flap', 'presence-page', user);
  }
  await sleep(3600);
  assert.deepEqual(events('flap'), []);
  page.pusher.disconnect();
  await eventually(() => events('flap').length >= 2, 'the leaving', 8000);
  assert.deepEqual(names(events('flap')), ['member_removed presence-page', 'channel_vacated presence-page']);
});

test('a receiver gets the types and channels it asks for', { timeout: 20000 }, async () => {
  const raw = await as('some').raw();
  for (const channel of ['cache-a-eu', 'cache-a-us', 'a-eu', 'cache-b-eu']) {
    await raw.join(channel);
  }
  await raw.close();
  await eventually(() => events('left', 'some').length >= 4, 'leavings', 8000);
  assert.deepEqual(names(events('some')), ['channel_occupied cache-a-eu', 'channel_occupied cache-b-eu']);
  assert.deepEqual(new Set(events('left', 'some').map((e) => e.name)), new Set(['channel_vacated']));
});

test('what was not taken is sent again, the same and before what follows', { timeout: 30000 }, async () => {
  answers.error = (r, n) => r.writeHead(n <= 2 ? 500 : 204);
  const raw = await as('error').raw();
  await raw.join('first');
  await eventually(() => came.error?.length >= 1, 'the first try');
  await raw.join('second');
  await eventually(() => events('error').length >= 4, 'all tries', 12000);
  assert.deepEqual(names(events('error')), [...Array(3).fill('channel_occupied first'), 'channel_occupied second']);
  const [a, b, c] = came.error;
  assert.equal(a.body, b.body);
  assert.equal(b.body, c.body);
  assert.ok(b.at - a.at >= 900 && c.at - b.at >= 1900, 'later each time');
  assert.match(push.stderr, /warning: webhook 1 of app error: answered 500/);
  await eventually(() => /chat-push: webhook 1 of app error: takes events again/.test(push.stderr), 'the word of it');
  await raw.close();
});

test('a type that does not exist is named at the start', () => {
  assert.match(push.stderr, /warning: webhook 1 of app none: there are no events of type chanel_occupied/);
});

test('a redirect is not followed', async () => {
  answers.moved = (r) => r.writeHead(307, { Location: at('elsewhere') });
  const raw = await as('moved').raw();
  await raw.join('x');
  await eventually(() => came.moved?.length >= 2, 'a retry', 8000);
  assert.equal(came.elsewhere, undefined);
  answers.moved = undefined;
  await raw.close();
});

test('a receiver that hangs delays neither the sockets nor the others', { timeout: 40000 }, async () => {
  let release;
  const hanging = new Promise((resolve) => { release = resolve; });
  answers.slow = async (r) => {
    await hanging;
    r.writeHead(200);
  };
  const raw = await as('slow').raw();
  const peer = await as('slow').raw();
  await raw.join('private-busy');
  await peer.join('private-busy');
  const begun = Date.now();
  for (let i = 0; i < 500; i++) {
    raw.send({ event: 'client-n', channel: 'private-busy', data: String(i) });
  }
  for (let i = 0; i < 500; i++) {
    assert.equal((await peer.next('client-n')).data, String(i));
  }
  for (let i = 0; i < 20; i++) {
    await as('slow').sdk().trigger('private-busy', 'e', i);
    await peer.next('e');
  }
  assert.ok(Date.now() - begun < 20000, `${Date.now() - begun} ms`);
  await eventually(() => events('quick', 'slow').filter((e) => e.name === 'client_event').length === 500, 'the other receiver');
  assert.equal(came.slow.length, 1, 'one request at a time');
  assert.ok(await metric(push, 'webhook_events_queued') >= 500);
  release();
  await eventually(() => events('slow').filter((e) => e.name === 'client_event').length >= 500, 'the slow one, later', 15000);
  await raw.close();
  await peer.close();
});

test('events of a channel come in their order, many in a request', { timeout: 30000 }, async () => {
  const senders = await Promise.all([0, 1, 2, 3].map(() => as('order').raw()));
  await Promise.all(senders.map((s, i) => s.join(`private-${i}`)));
  for (let n = 0; n < 300; n++) {
    senders.forEach((s, i) => s.send({ event: 'client-n', channel: `private-${i}`, data: String(n) }));
  }
  const told = () => events('order').filter((e) => e.name === 'client_event');
  await eventually(() => told().length === 1200, 'all of them', 15000);
  for (let i = 0; i < 4; i++) {
    assert.deepEqual(told().filter((e) => e.channel === `private-${i}`).map((e) => Number(e.data)), [...Array(300).keys()]);
  }
  assert.ok(came.order.length < 300, `${came.order.length} requests`);
  assert.equal(events('order')[0].name, 'channel_occupied');
  assert.equal(await metric(push, 'webhook_events_dropped_total'), 0);
  assert.ok(await metric(push, 'webhook_events_sent_total') >= 1200);
  await Promise.all(senders.map((s) => s.close()));
});

test('private addresses are not called unless that is allowed, whatever the name', { timeout: 20000 }, async () => {
  const urls = [at('private'), `http://localhost:${port}/private`, `http://[::ffff:127.0.0.1]:${port}/private`,
    `http://0.0.0.0:${port}/private`, `http://2130706433:${port}/private`];
  const child = await new Push().start({
    args: ['--config', file('private.json', {
      'appManager.array.apps': [app('a', urls.map((url) => ({ url, event_types: ['channel_occupied'] })))], metrics: { host: '127.0.0.1' },
    })],
    env: { http_proxy: at('proxy'), ALL_PROXY: at('proxy') },
  });
  try {
    child.app = app('a');
    const raw = await child.raw();
    await raw.join('x');
    await eventually(async () => await metric(child, 'webhook_events_failed_total') === urls.length, 'all refused');
    for (const [i, url] of urls.entries()) {
      await eventually(() => child.stderr.includes(`webhook ${i + 1} of app a: its address is not public`), url);
    }
    assert.equal(came.private, undefined);
    assert.equal(came.proxy, undefined);
    await raw.close();
  } finally {
    assert.equal((await child.stop()).code, 0);
  }
});

test('at the end what is ready is sent, and the end is no leaving', { timeout: 20000 }, async () => {
  const child = await new Push().start({
    args: ['--config', file('end.json', {
      'appManager.array.apps': [app('all', [{ url: at('end') }])], metrics: { host: '127.0.0.1' },
      webhooks: { allowPrivateTargets: true, batching: { enabled: false } },
    })],
  });
  child.app = app('all');
  const raw = await child.raw();
  for (let i = 0; i < 20; i++) {
    await raw.join(`c${i}`);
  }
  assert.equal((await child.stop()).code, 0);
  assert.deepEqual(names(events('end', 'all')), Array.from({ length: 20 }, (_, i) => `channel_occupied c${i}`));
  assert.ok(came.end.every((r) => JSON.parse(r.body).events.length === 1), 'no batches');
});

test('a receiver that cannot be is named at the start', async () => {
  for (const [hook, says] of [
    [{ url: 'ftp://h/' }, /apps\[0\]\.webhooks needs a url/],
    [{ url: 'http://h/', headers: { A: 'b\r\nC: d' } }, /apps\[0\]\.webhooks has a header/],
  ]) {
    const r = await runPush({}, ['--config', file('wrong.json', { 'appManager.array.apps': [app('a', [hook])] })]);
    assert.equal(r.code, 1);
    assert.match(r.stderr, says);
  }
});

// --- SIGHUP ---

test('receivers change with the settings: what waits is sent, with the new headers, also when the app is gone', { timeout: 60000 }, async () => {
  const all = { metrics: { host: '127.0.0.1' }, webhooks: { allowPrivateTargets: true } };
  const stay = app('stay', []);
  const settings = (...list) => file('reload.json', { ...all, 'appManager.array.apps': [stay, ...list] });
  const child = await new Push().start({ args: ['--config', settings(app('r', []))] });
  const reload = async (...list) => {
    settings(...list);
    const from = child.stderr.length;
    child.child.kill('SIGHUP');
    await eventually(() => /settings reloaded/.test(child.stderr.slice(from)), 'the reload');
  };
  const s = await Object.assign(Object.create(child), { app: app('r', []) }).raw();
  const failFirst = (name, n) => {
    came[name] = [];
    answers[name] = (response, nth) => response.writeHead(nth <= n ? 503 : 200);
  };
  const got = (name) => came[name].flatMap((r) => JSON.parse(r.body).events.map((e) => `${r.headers['x-v'] ?? ''} ${e.name} ${e.channel}`));

  // The first receiver of the process.
  failFirst('ra', 0);
  failFirst('rb', 0);
  await reload(app('r', [{ url: at('ra') }]));
  await s.join('one');
  await eventually(() => came.ra.length >= 1, 'the first event');
  assert.deepEqual(got('ra'), [' channel_occupied one']);

  // Another header and another receiver, while an event waits for its retry.
  failFirst('ra', 1);
  await s.join('two');
  await eventually(() => came.ra.length >= 1, 'the failure');
  await reload(app('r', [{ url: at('rb') }, { url: at('ra'), headers: { 'X-V': '2' } }]));
  await s.join('three');
  await eventually(() => got('ra').length >= 3, 'the retry');
  assert.deepEqual(got('ra'), [' channel_occupied two', '2 channel_occupied two', '2 channel_occupied three']);
  assert.deepEqual(got('rb'), [' channel_occupied three'], 'only what happened since');

  // A receiver that is gone gets what waits, and nothing more.
  failFirst('ra', 1);
  failFirst('rb', 0);
  await s.join('four');
  await eventually(() => came.ra.length >= 1, 'the failure');
  await reload(app('r', [{ url: at('rb') }]));
  await s.join('five');
  await eventually(() => got('rb').length >= 2 && got('ra').length >= 2, 'both');
  assert.deepEqual(got('ra'), ['2 channel_occupied four', '2 channel_occupied four']);
  assert.deepEqual(got('rb'), [' channel_occupied four', ' channel_occupied five']);

  // The app is gone: the same.
  failFirst('rb', 1);
  await s.join('six');
  s.send({ event: 'pusher:unsubscribe', data: { channel: 'one' } });
  await s.drain();
  await eventually(() => came.rb.length >= 1, 'the failure');
  await reload();
  assert.equal((await s.closed).code, 4001);
  await eventually(() => got('rb').length >= 3, 'what waited');
  assert.deepEqual(got('rb'), [' channel_occupied six', ' channel_occupied six', ' channel_vacated one']);
  assert.deepEqual(await child.stop(), { code: 0, signal: null });
});
