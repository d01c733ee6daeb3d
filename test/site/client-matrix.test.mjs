// SPDX-License-Identifier: Apache-2.0
//
// What Pusher's documents promise an application, done by the clients people have:
// pusher-js 7 and 8, each as built for Node, for workers and for pages, run through
// one table of flows; then laravel-echo and the `pusher` server SDK. chat-push runs
// alone, and an application's own server beside it signs with the SDK.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { builds } from './lib/builds.mjs';
import { Push, PusherServer, eventually, sleep, startPush } from './lib/push.mjs';

const push = await startPush();
const sdk = push.sdk();

// --- the application's server: signs for whoever the headers say it is

const asked = [];
const backend = http.createServer((req, res) => {
  let text = '';
  req.setEncoding('utf8').on('data', (d) => { text += d; }).on('end', () => {
    const form = Object.fromEntries(new URLSearchParams(text));
    asked.push({ url: req.url, form, user: req.headers['x-user'] });
    const user = req.headers['x-user'] || form.user;
    if (!user) {
      res.writeHead(403).end('{"message":"who are you?"}');
    } else if (req.url === '/user-auth') {
      res.end(JSON.stringify(sdk.authenticateUser(form.socket_id, { id: user, user_info: { name: user.toUpperCase() } })));
    } else {
      res.end(JSON.stringify(authorization(form.channel_name, form.socket_id, user)));
    }
  });
}).listen(0, '127.0.0.1');
await new Promise((resolve) => backend.once('listening', resolve));
const endpoint = (at) => `http://127.0.0.1:${backend.address().port}${at}`;
after(() => {
  backend.closeAllConnections();
  backend.close();
});

function authorization(channel, socketId, user) {
  return sdk.authorizeChannel(socketId, channel,
    channel.startsWith('presence-') ? { user_id: user, user_info: { name: user.toUpperCase() } } : undefined);
}

// --- clients

const open = new Set();
after(() => open.forEach((client) => client.disconnect()));

/** A client of a build that says it is `user`; options are pusher-js's. */
function client(build, user, options = {}) {
  const all = {
    cluster: 'mt1', wsHost: '127.0.0.1', wsPort: push.port, forceTLS: false, enabledTransports: ['ws'], disableStats: true,
    channelAuthorization: {
      customHandler: ({ channelName, socketId }, done) => done(null, authorization(channelName, socketId, user)),
    },
    userAuthentication: {
      customHandler: ({ socketId }, done) => done(null, sdk.authenticateUser(socketId, { id: user, user_info: { name: user.toUpperCase() } })),
    },
    ...build.options,
    ...options,
  };
  if (options.authorizer || options.authEndpoint) {
    delete all.channelAuthorization; // goes before the older options
  }
  const made = new build.Pusher(options.key || push.app.key, all);
  open.add(made);
  return made;
}

function subscribed(made, name) {
  return new Promise((resolve, reject) => {
    const channel = made.subscribe(name);
    channel.bind('pusher:subscription_succeeded', () => resolve(channel));
    channel.bind('pusher:subscription_error', (e) => reject(Object.assign(new Error(`${name}: ${JSON.stringify(e)}`), { status: e.status, type: e.type })));
  });
}

function heard(channel, event) {
  const seen = [];
  channel.bind(event, (data, metadata) => seen.push(metadata?.user_id === undefined ? data : { data, from: metadata.user_id }));
  return seen;
}

const connected = (made) => eventually(() => made.connection.state === 'connected', 'connected');
/* Objects made in a context have prototypes of their own. */
const plain = (value) => JSON.parse(JSON.stringify(value));

// --- the flows; `id` makes names that no other build uses

const flows = {
  'connects, and is told who it is': async (make) => {
    const states = [];
    const made = make('ann');
    made.connection.bind('state_change', (s) => states.push(s.current));
    await connected(made);
    assert.match(made.connection.socket_id, /^\d+\.\d+$/);
    assert.equal(states.at(-1), 'connected');
    made.disconnect();
    assert.equal(made.connection.state, 'disconnected');
  },

  'a public channel: everybody but the excluded socket, until one leaves': async (make, id) => {
    const [ann, bob] = [make('ann'), make('bob')];
    const [a, b] = [await subscribed(ann, `room-${id}`), await subscribed(bob, `room-${id}`)];
    const [onA, onB] = [heard(a, 'said'), heard(b, 'said')];
    const all = [];
    bob.bind_global((event, data) => all.push([event, data]));
    const data = { text: 'مرحبا "\\ 😀', n: 1.5, list: [null, true] };
    await sdk.trigger(`room-${id}`, 'said', data);
    await eventually(() => onA.length === 1 && onB.length === 1, 'both hear it');
    assert.deepEqual(plain(onA[0]), data);
    assert.deepEqual(plain(all.find(([event]) => event === 'said')[1]), data);
    await sdk.trigger(`room-${id}`, 'said', 'not for ann', { socket_id: ann.connection.socket_id });
    await eventually(() => onB.length === 2, 'bob hears the second');
    ann.unsubscribe(`room-${id}`);
    await eventually(async () => (await push.call('GET', `/channels/room-${id}`)).json.subscription_count === 1, 'ann has left');
    await sdk.trigger(`room-${id}`, 'said', 'third');
    await eventually(() => onB.length === 3, 'bob hears the third');
    assert.deepEqual([onA.length, plain(onB.slice(1))], [1, ['not for ann', 'third']]);
  },

  'a private channel: the right signature, and a refusal that the page hears': async (make, id) => {
    const good = await subscribed(make('ann'), `private-a-${id}`);
    const seen = heard(good, 'e');
    await sdk.trigger(`private-a-${id}`, 'e', { n: 1 });
    await eventually(() => seen.length, 'the event');
    const forged = make('ann', {
      channelAuthorization: { customHandler: ({ socketId }, done) => done(null, { auth: push.auth(socketId, 'private-another') }) },
    });
    await assert.rejects(subscribed(forged, `private-a-${id}`), (e) => e.status === 401 && e.type === 'AuthError');
    const refused = make('ann', { channelAuthorization: { customHandler: (_, done) => done(new Error('no'), null) } });
    await assert.rejects(subscribed(refused, `private-a-${id}`), /no/);
  },

  'a presence channel: members, me, count, who comes and goes, by user and not by tab': async (make, id) => {
    const name = `presence-${id}`;
    const [ann, bob, tab] = [make('ann'), make('bob'), make('bob')];
    const a = await subscribed(ann, name);
    assert.deepEqual([a.members.count, plain(a.members.me)], [1, { id: 'ann', info: { name: 'ANN' } }]);
    const log = [];
    a.bind('pusher:member_added', (m) => log.push(['added', m.id, m.info.name]));
    a.bind('pusher:member_removed', (m) => log.push(['removed', m.id]));
    const b = await subscribed(bob, name);
    assert.equal(b.members.count, 2);
    assert.deepEqual(plain(b.members.get('ann').info), { name: 'ANN' });
    const everybody = [];
    b.members.each((m) => everybody.push(m.id));
    assert.deepEqual(everybody.sort(), ['ann', 'bob']);
    const t = await subscribed(tab, name);
    assert.equal(t.members.count, 2);
    bob.disconnect();
    await eventually(async () => (await push.call('GET', `/channels/${name}`)).json.subscription_count === 2, 'one tab is gone');
    tab.unsubscribe(name);
    await eventually(() => log.length >= 2, 'bob leaves with the last tab');
    assert.deepEqual(log, [['added', 'bob', 'BOB'], ['removed', 'bob']]);
    assert.equal(a.members.count, 1);
  },

  'an encrypted channel: the page reads what the server cannot': async (make, id) => {
    const name = `private-encrypted-${id}`;
    const channel = await subscribed(make('ann'), name);
    const seen = heard(channel, 'e');
    const wire = await push.raw();
    await wire.join(name);
    await sdk.trigger(name, 'e', { hidden: 'words 😀' });
    await eventually(() => seen.length, 'the event');
    assert.deepEqual(plain(seen[0]), { hidden: 'words 😀' });
    const carried = JSON.parse((await wire.next('e')).data);
    assert.deepEqual(Object.keys(carried).sort(), ['ciphertext', 'nonce']);
    await wire.close();
    // The key of another master: a signature that is good and data that stays shut.
    const other = push.sdk({ encryptionMasterKeyBase64: Buffer.alloc(32, 8).toString('base64') });
    const blind = await subscribed(make('bob', {
      channelAuthorization: { customHandler: ({ channelName, socketId }, done) => done(null, other.authorizeChannel(socketId, channelName)) },
    }), name);
    const nothing = heard(blind, 'e');
    await sdk.trigger(name, 'e', { hidden: 'more' });
    await eventually(() => seen.length === 2, 'the second event');
    await sleep(50);
    assert.deepEqual(nothing, []);
  },

  'cache channels: a miss, and then the last event for who comes late': async (make, id) => {
    for (const name of [`cache-${id}`, `private-cache-${id}`, `presence-cache-${id}`, `private-encrypted-cache-${id}`]) {
      const early = make('ann').subscribe(name);
      const misses = heard(early, 'pusher:cache_miss');
      const seen = heard(early, 'e');
      await eventually(() => misses.length === 1, `${name}: cache_miss`);
      await sdk.trigger(name, 'e', { n: 1 });
      await sdk.trigger(name, 'e', { n: 2 });
      await eventually(() => seen.length === 2, name);
      const late = make('bob').subscribe(name);
      const [lateMisses, lateSeen] = [heard(late, 'pusher:cache_miss'), heard(late, 'e')];
      await eventually(() => lateSeen.length, `${name}: the last event`);
      assert.deepEqual([plain(lateSeen), lateMisses], [[{ n: 2 }], []], name);
    }
  },

  'client events: to the others, with who sent them, and never on a public channel': async (make, id) => {
    const [ann, bob] = [make('ann'), make('bob')];
    for (const name of [`private-c-${id}`, `presence-c-${id}`]) {
      const [a, b] = [await subscribed(ann, name), await subscribed(bob, name)];
      const [onA, onB] = [heard(a, 'client-typing'), heard(b, 'client-typing')];
      assert.equal(a.trigger('client-typing', { on: true }), true);
      await eventually(() => onB.length === 1, `${name}: bob hears it`);
      assert.deepEqual(plain(onB), [name.startsWith('presence') ? { data: { on: true }, from: 'ann' } : { on: true }]);
      assert.deepEqual(onA, []);
    }
    const errors = [];
    ann.connection.bind('error', (e) => errors.push(e));
    await subscribed(ann, `public-c-${id}`);
    const eavesdropper = heard(await subscribed(bob, `public-c-${id}`), 'client-typing');
    ann.send_event('client-typing', {}, `public-c-${id}`);
    await eventually(() => errors.length, 'an error');
    assert.deepEqual(eavesdropper, []);
  },

  'a user signs in, is sent to, and is thrown out everywhere': async (make, id) => {
    const [one, two, other] = [make(`u-${id}`), make(`u-${id}`), make(`other-${id}`)];
    const seen = [one, two, other].map((made) => {
      made.signin();
      return heard(made.user, 'note');
    });
    for (const made of [one, two, other]) {
      await eventually(() => made.user.user_data, 'signed in');
      assert.equal(made.user.user_data.id, made === other ? `other-${id}` : `u-${id}`);
      assert.equal(made.user.user_data.user_info.name, made.user.user_data.id.toUpperCase());
    }
    await eventually(async () => { // until both sockets are in the user's channel
      await sdk.sendToUser(`u-${id}`, 'note', { n: 1 });
      return seen[0].length && seen[1].length;
    }, 'the user hears it on both');
    assert.deepEqual([plain(seen[0][0]), seen[2]], [{ n: 1 }, []]);
    const codes = [];
    one.connection.bind('error', (e) => codes.push(e.error?.data?.code ?? e.data?.code));
    await sdk.terminateUserConnections(`u-${id}`);
    await eventually(() => one.connection.state !== 'connected' && two.connection.state !== 'connected', 'both are out');
    assert.ok(codes.includes(4009), JSON.stringify(codes));
    assert.equal(other.connection.state, 'connected');
  },

  'an authorizer and the older options for endpoints': async (make, id, build) => {
    const through = [];
    await subscribed(make('ann', {
      authorizer: (channel) => ({
        authorize: (socketId, done) => {
          through.push(channel.name);
          done(null, authorization(channel.name, socketId, 'ann'));
        },
      }),
    }), `private-old-${id}`);
    assert.deepEqual(through, [`private-old-${id}`]);
    if (!build.asks) {
      return;
    }
    await subscribed(make('ann', {
      authEndpoint: endpoint('/auth'), auth: { headers: { 'X-User': 'ann' }, params: { more: 'yes' } },
    }), `private-endpoint-${id}`);
    const one = asked.find((a) => a.form.channel_name === `private-endpoint-${id}`);
    assert.deepEqual([one.url, one.user, one.form.more], ['/auth', 'ann', 'yes']);
  },

  'channelAuthorization and userAuthentication ask an endpoint': async (make, id, build) => {
    if (!build.asks) {
      return;
    }
    const made = make('x', {
      channelAuthorization: { transport: 'ajax', endpoint: endpoint('/auth'), headers: { 'X-User': `ann-${id}` } },
      userAuthentication: { transport: 'ajax', endpoint: endpoint('/user-auth'), params: { user: `ann-${id}` } },
    });
    const channel = await subscribed(made, `presence-endpoint-${id}`);
    assert.equal(channel.members.me.id, `ann-${id}`);
    made.signin();
    await eventually(() => made.user.user_data?.id === `ann-${id}`, 'signed in');
    const nobody = make('x', { channelAuthorization: { transport: 'ajax', endpoint: endpoint('/auth') } });
    await assert.rejects(subscribed(nobody, `private-endpoint-${id}`), /403/); // version 7's worker has it in words alone
  },

  'an unknown key is refused for good': async (make) => {
    const made = make('ann', { key: 'nokey' });
    const codes = [];
    made.connection.bind('error', (e) => codes.push(e.error?.data?.code));
    await eventually(() => codes.length, 'an error');
    assert.deepEqual(codes, [4001]);
    await eventually(() => ['disconnected', 'failed'].includes(made.connection.state), 'it gives up');
  },
};

for (const [i, build] of builds.entries()) {
  for (const [what, flow] of Object.entries(flows)) {
    test(`pusher-js ${build.name}: ${what}`, async () => {
      const mine = [];
      const make = (user, options) => {
        mine.push(client(build, user, options));
        return mine.at(-1);
      };
      try {
        await flow(make, `b${i}`, build);
      } finally {
        mine.forEach((made) => made.disconnect());
        mine.forEach((made) => open.delete(made));
      }
    });
  }
}

// --- reconnecting: every build at once, because it takes its time

test('4200: every client comes back to the next process, to its channels and as its user', async () => {
  const first = await new Push().start();
  const clients = builds.map((build, i) => client(build, `back-${i}`, { wsPort: first.port }));
  let next;
  try {
    const seen = [];
    const users = [];
    for (const [i, made] of clients.entries()) {
      seen.push(heard(await subscribed(made, `private-back-${i}`), 'e'));
      made.signin();
      users.push(heard(made.user, 'note'));
    }
    for (const made of clients) {
      await eventually(() => made.user.user_data, 'signed in');
    }
    const before = clients.map((made) => made.connection.socket_id);
    const codes = clients.map((made) => heard(made.connection, 'error'));
    assert.equal((await first.stop()).code, 0);
    for (const made of clients) {
      await eventually(() => made.connection.state !== 'connected', 'all have left');
    }
    next = await new Push().start({ env: { SOKETI_PORT: String(first.port) } });
    for (const [i, made] of clients.entries()) {
      await eventually(() => made.connection.state === 'connected', `${builds[i].name} is back`, 20000);
      assert.notEqual(made.connection.socket_id, before[i]);
      assert.ok(codes[i].some((e) => e.error?.data?.code === 4200), `${builds[i].name} was told 4200`);
      await eventually(async () => {
        await next.sdk().trigger(`private-back-${i}`, 'e', {});
        await next.sdk().sendToUser(`back-${i}`, 'note', {});
        await sleep(20);
        return seen[i].length && users[i].length;
      }, `${builds[i].name} hears its channel and its user again`);
    }
  } finally {
    clients.forEach((made) => made.disconnect());
    await next?.stop();
    await first.stop();
  }
});

/* What a client says is held back while `mute`; what it is told passes. */
async function halfCutRelay(port) {
  const relay = { mute: false, sockets: new Set() };
  relay.server = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1');
    relay.sockets.add(near).add(far);
    near.on('data', (d) => { if (!relay.mute) { far.write(d); } });
    far.on('data', (d) => near.write(d));
    near.on('end', () => far.end()).on('error', () => far.destroy()).on('close', () => far.destroy());
    far.on('end', () => near.end()).on('error', () => near.destroy()).on('close', () => near.destroy());
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => relay.server.once('listening', resolve));
  relay.port = relay.server.address().port;
  relay.close = () => {
    relay.sockets.forEach((s) => s.destroy());
    relay.server.close();
  };
  return relay;
}

// The transport looks at each socket about every ten seconds.
test('4201: a client whose answers do not arrive is cut, and comes back', { timeout: 90000 }, async () => {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'chat-push-')), 'quick.json');
  fs.writeFileSync(file, JSON.stringify({
    activityTimeout: 2, pongTimeout: 1, 'appManager.array.apps': [{ id: 'app1', key: 'key1', secret: 'secret1' }],
  }));
  const quick = await new Push().start({ args: ['--config', file] });
  const relay = await halfCutRelay(quick.port);
  const clients = builds.map((build, i) => client(build, `cut-${i}`, { wsPort: relay.port, activityTimeout: 600000 }));
  try {
    const seen = [];
    for (const [i, made] of clients.entries()) {
      seen.push(heard(await subscribed(made, `private-cut-${i}`), 'e'));
    }
    const before = clients.map((made) => made.connection.socket_id);
    const codes = clients.map((made) => heard(made.connection, 'error'));
    relay.mute = true;
    for (const made of clients) {
      await eventually(() => made.connection.state !== 'connected', 'all are cut', 60000);
    }
    relay.mute = false;
    relay.sockets.forEach((s) => s.destroy()); // what hangs half open
    for (const [i, made] of clients.entries()) {
      await eventually(() => made.connection.state === 'connected', `${builds[i].name} is back`, 20000);
      assert.notEqual(made.connection.socket_id, before[i]);
      assert.ok(codes[i].some((e) => e.error?.data?.code === 4201), `${builds[i].name} was told 4201`);
      await eventually(async () => {
        await quick.sdk().trigger(`private-cut-${i}`, 'e', {});
        await sleep(20);
        return seen[i].length;
      }, `${builds[i].name} hears its channel again`);
    }
  } finally {
    clients.forEach((made) => made.disconnect());
    relay.close();
    await quick.stop();
    fs.rmSync(path.dirname(file), { recursive: true });
  }
});

// --- where the client is told to go

test('wsPath goes where pathPrefix is, and cluster alone means the hosted service', async () => {
  const below = await new Push().start({ env: { SOKETI_PATH_PREFIX: '/push' } });
  try {
    for (const build of builds) {
      const made = client(build, 'ann', { wsPort: below.port, wsPath: '/push' });
      await connected(made);
      made.disconnect();
      assert.equal(made.config.wsHost, '127.0.0.1', 'wsHost goes before cluster');
      const hosted = new build.Pusher('key', { cluster: 'eu', enabledTransports: [] });
      assert.equal(hosted.config.wsHost, 'ws-eu.pusher.com', 'why a page must be given wsHost');
      hosted.disconnect();
    }
  } finally {
    await below.stop();
  }
});

// --- laravel-echo

const { default: Echo } = await import('laravel-echo');

for (const build of builds.filter((b) => b.asks)) {
  for (const broadcaster of ['pusher', 'reverb']) {
    test(`laravel-echo over pusher-js ${build.name} as ${broadcaster}: every kind of channel, whispers, leaving`, async () => {
      const id = `echo-${builds.indexOf(build)}-${broadcaster}`;
      const made = (user) => new Echo({
        broadcaster, key: push.app.key, cluster: 'mt1', wsHost: '127.0.0.1', wsPort: push.port, wssPort: push.port,
        forceTLS: false, enabledTransports: ['ws', 'wss'], disableStats: true, Pusher: build.Pusher, ...build.options,
        authEndpoint: endpoint('/auth'), auth: { headers: { 'X-User': user } },
      });
      const [ann, bob] = [made('ann'), made('bob')];
      try {
        const log = [];
        const joined = (echo, fn) => new Promise((resolve, reject) => fn(echo).subscribed(resolve).error(reject));
        for (const [echo, who] of [[ann, 'ann'], [bob, 'bob']]) {
          await joined(echo, (e) => e.channel(`news-${id}`).listen('.Headline', (d) => log.push([who, 'public', d.n])));
          await joined(echo, (e) => e.private(`room-${id}`).listen('.Said', (d) => log.push([who, 'private', d.n]))
            .listenForWhisper('typing', (d) => log.push([who, 'whisper', d.n])));
          await joined(echo, (e) => e.encryptedPrivate(`safe-${id}`).listen('.Said', (d) => log.push([who, 'encrypted', d.n])));
        }
        const here = await new Promise((resolve) => {
          ann.join(`chat-${id}`).here(resolve).joining((m) => log.push(['ann', 'joining', m.name])).leaving((m) => log.push(['ann', 'leaving', m.name]));
        });
        assert.deepEqual(plain(here), [{ name: 'ANN' }]);
        bob.join(`chat-${id}`);
        assert.match(ann.socketId(), /^\d+\.\d+$/);
        await eventually(() => log.some((l) => l[1] === 'joining'), 'bob joins');
        await sdk.trigger(`news-${id}`, 'Headline', { n: 1 });
        await sdk.trigger(`private-room-${id}`, 'Said', { n: 2 }, { socket_id: ann.socketId() }); // ->toOthers()
        await sdk.trigger(`private-encrypted-safe-${id}`, 'Said', { n: 3 });
        ann.private(`room-${id}`).whisper('typing', { n: 4 });
        await eventually(() => log.length >= 7, 'all of it');
        bob.leave(`chat-${id}`);
        await eventually(() => log.some((l) => l[1] === 'leaving'), 'bob leaves');
        bob.leave(`room-${id}`);
        await eventually(async () => (await push.call('GET', `/channels/private-room-${id}`)).json.subscription_count === 1, 'bob has left');
        await sdk.trigger(`private-room-${id}`, 'Said', { n: 5 });
        await eventually(() => log.length === 9, 'ann alone hears it');
        assert.deepEqual(log.map(String).sort(), [
          'ann,encrypted,3', 'ann,joining,BOB', 'ann,leaving,BOB', 'ann,private,5', 'ann,public,1',
          'bob,encrypted,3', 'bob,private,2', 'bob,public,1', 'bob,whisper,4',
        ]);
      } finally {
        ann.disconnect();
        bob.disconnect();
      }
    });
  }
}

test('laravel-echo says that an authorization was refused', async () => {
  const echo = new Echo({
    broadcaster: 'pusher', key: push.app.key, cluster: 'mt1', wsHost: '127.0.0.1', wsPort: push.port, forceTLS: false,
    enabledTransports: ['ws'], Pusher: builds[0].Pusher, authEndpoint: endpoint('/auth'),
  });
  try {
    const e = await new Promise((resolve, reject) => echo.private('room').error(resolve).subscribed(() => reject(new Error('joined'))));
    assert.equal(e.status, 403);
  } finally {
    echo.disconnect();
  }
});

// --- the server SDK

test('the SDK: triggers with info, batches, queries, and what it throws when refused', async () => {
  const s = await push.raw();
  const t = await push.raw();
  await s.join('sdk-a');
  await s.join('presence-sdk', { data: { user_id: '1' } });
  await t.join('presence-sdk', { data: { user_id: '2' } });
  const told = await (await sdk.trigger(['sdk-a', 'presence-sdk'], 'e', { n: 1 }, { info: 'subscription_count,user_count' })).json();
  assert.deepEqual(told.channels['presence-sdk'], { subscription_count: 2, user_count: 2 });
  assert.equal(told.channels['sdk-a'].subscription_count, 1);
  const heardBatch = await (await sdk.triggerBatch([
    { channel: 'sdk-a', name: 'one', data: { n: 1 }, info: 'subscription_count' },
    { channel: 'presence-sdk', name: 'two', data: 'text', socket_id: t.socketId },
    { channel: 'private-encrypted-sdk', name: 'three', data: { n: 3 } },
  ])).json();
  assert.equal(heardBatch.batch[0].subscription_count, 1);
  assert.deepEqual((await s.drain()).map((m) => m.event).filter((e) => !e.startsWith('pusher_internal')), ['e', 'e', 'one', 'two']);
  assert.deepEqual((await t.drain()).map((m) => m.event), ['e']);
  const get = async (at, params) => (await sdk.get({ path: at, params })).json();
  const all = await get('/channels', { filter_by_prefix: 'presence-sdk', info: 'user_count' });
  assert.deepEqual(all.channels['presence-sdk'].user_count, 2);
  assert.deepEqual(Object.keys(all.channels), ['presence-sdk']);
  const one = await get('/channels/presence-sdk', { info: 'user_count,subscription_count' });
  assert.deepEqual([one.occupied, one.user_count, one.subscription_count], [true, 2, 2]);
  const users = await get('/channels/presence-sdk/users');
  assert.deepEqual(users.users.map((u) => u.id).sort(), ['1', '2']);
  await assert.rejects(sdk.get({ path: '/channels/sdk-a/users' }), (e) => e.status === 400);
  await assert.rejects(sdk.trigger('sdk-a', 'e', 'x'.repeat(10241)), (e) => e.status === 413);
  await assert.rejects(push.sdk({ secret: 'wrong' }).trigger('sdk-a', 'e', {}), (e) => e.status === 401);
  await assert.rejects(push.sdk({ key: 'wrong' }).get({ path: '/channels' }), (e) => e.status === 401);
  await assert.rejects(push.sdk({ appId: 'wrong' }).get({ path: '/channels' }), (e) => e.status === 404);
  await s.close();
  await t.close();
});

test('the SDK from a URL, whose app id it reads as a number', async () => {
  const numbered = await new Push().start({ env: { SOKETI_DEFAULT_APP_ID: '42' } });
  try {
    const { key, secret } = numbered.app;
    const url = PusherServer.forURL(`http://${key}:${secret}@127.0.0.1:${numbered.port}/apps/42`);
    assert.equal((await url.get({ path: '/channels' })).status, 200);
  } finally {
    await numbered.stop();
  }
});
