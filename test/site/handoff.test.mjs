// SPDX-License-Identifier: Apache-2.0
//
// Sockets that leave httpd. On each MPM: whatever may stand before, beside or
// around an upgrade either gets through or is refused in words; no worker is held;
// httpd and chat-push come and go.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http2 from 'node:http2';
import { test } from 'node:test';
import tls from 'node:tls';
import { freePort } from '../../dev/site.mjs';
import { connect, collect, server, subscribed } from './lib/pusher.mjs';
import { engine, eventually, startSite } from './lib/site.mjs';
import { Door, alive, event, greeted, join, say, subscribe, whole } from './lib/upgrade.mjs';
import { answer } from './lib/wire.mjs';

const modules = process.env.CHAT_HTTPD_MODULES || '/usr/lib/apache2/modules';
const load = (...names) => names.map((n) => `LoadModule ${n}_module ${modules}/mod_${n}.so`).join('\n');
const many = (n, make) => Promise.all(Array.from({ length: n }, (_, i) => make(i)));

/** A site, and its other doors: virtual hosts that differ in one thing. */
async function start(mpm) {
  const names = ['proxied', 'large', 'h2c', 'dumped', 'bare', 'off', 'plain', 'tls', 'tlsbare', 'closed'];
  const ports = await many(names.length, freePort);
  const port = Object.fromEntries(names.map((name, i) => [name, ports[i]]));
  const host = (name, lines) => `Listen 127.0.0.1:${port[name]}\n<VirtualHost 127.0.0.1:${port[name]}>\n${lines}\n</VirtualHost>`;
  const h2 = mpm !== 'prefork'; // mod_http2 refuses to work there
  const tlsConf = ['SSLEngine On\nSSLCertificateFile conf/tls.crt\nSSLCertificateKeyFile conf/tls.key',
    mpm === 'event' ? 'ChatHandoff PlainOnly' : ''].join('\n'); // else pumped: tls-pump.test.mjs
  return await startSite({
    mpm,
    pushConf: { log: { level: 'debug', linesPerSecond: 100000 } },
    before(site) {
      fs.mkdirSync(site.path('conf'), { recursive: true });
      execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
        '-subj', '/CN=127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'subjectAltName=IP:127.0.0.1',
        '-keyout', site.path('conf', 'tls.key'), '-out', site.path('conf', 'tls.crt')], { stdio: 'pipe' });
      site.port = port;
      site.door = (name, options) => new Door(name ? port[name] : site.o.port, options);
      site.o.extraConf = `
${load('remoteip', 'dumpio', 'ssl', ...(h2 ? ['http2'] : []))}
SSLSessionCache none
${mpm === 'event' ? 'AsyncRequestWorkerFactor 20' : ''}
${host('proxied', 'RemoteIPProxyProtocol On')}
${host('large', 'LimitRequestFieldSize 100000\nLimitRequestLine 100000')}
${host('h2c', h2 ? 'Protocols h2c http/1.1' : '')}
${host('dumped', 'DumpIOInput On\nLogLevel dumpio:trace7')}
${host('bare', 'DumpIOInput On\nLogLevel dumpio:trace7\nSetEnvIf Request_URI ^/app/ no-proxy')}
${host('off', 'ChatHandoff Off')}
${host('plain', 'ChatHandoff PlainOnly\nSetEnvIf Request_URI ^/app/ no-proxy')}
${host('tls', tlsConf)}
${host('tlsbare', `${tlsConf}\nSetEnvIf Request_URI ^/app/ no-proxy`)}
${host('closed', '<Location "/app/">\nRequire all denied\n</Location>')}
`;
    },
  });
}

/** How many workers do anything but wait, for the next request included; who asks is one. */
async function working(site) {
  const text = await (await fetch(`${site.url}/server-status?auto`, { headers: { Connection: 'close' } })).text();
  return text.match(/^Scoreboard: (\S+)/m)[1].replace(/[_.K]/g, '').length;
}

/** A figure of mod_status. */
async function status(site, name) {
  const text = await (await fetch(`${site.url}/server-status?auto`, { headers: { Connection: 'close' } })).text();
  return Number(text.match(new RegExp(`^${name}: (\\d+)`, 'm'))[1]);
}

/** SIGSTOP, and every thread has come to it: until then one may still take sockets. */
async function pause({ pid }) {
  process.kill(pid, 'SIGSTOP');
  const state = (task) => fs.readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8').split(') ')[1][0];
  await eventually(() => fs.readdirSync(`/proc/${pid}/task`).every((task) => state(task) === 'T'), 'it stands still');
}

const accessLog = (site) => fs.readFileSync(site.path('logs', 'access.log'), 'utf8');
const errorLog = (site) => fs.readFileSync(site.path('logs', 'error.log'), 'utf8');

/** What was given to chat-push by a figure of its own. */
const given = (site) => site.metric('handed_over_total');

// What asks the database is the same on each MPM: on the second engine one will do.
for (const mpm of engine === 'pgsql' ? ['event'] : ['event', 'worker', 'prefork']) {
  const site = await start(mpm);
  site.expectLog(/chat:warn\] .*Require all denied \(.* of \S+:\d+, so that no WebSocket/); // the closed door
  site.expectLog(/ssl:warn\] .*AH0(1882|1873|1909)/); // its own affairs
  const door = site.door();
  const open = new Set(); // sockets to be closed at the end of a test
  const kept = (peer) => (open.add(peer), peer);
  const on = (name, fn) => test(`${mpm}: ${name}`, async () => {
    try {
      await fn();
    } finally {
      open.forEach((peer) => peer.socket.destroy());
      open.clear();
    }
  });

  on('a socket is handed over: no worker is held, the access log says 101', async () => {
    const before = await given(site);
    const handed = await status(site, 'ChatHandedOver');
    await many(30, async () => alive(kept(await door.open())));
    assert.equal(await given(site), before + 30);
    await eventually(async () => (await status(site, 'ChatHandedOver')) === handed + 30, 'their number');
    await eventually(async () => (await working(site)) === 1, 'nobody but who asks is busy');
    await eventually(() => /"GET \/app\/askkey HTTP\/1.1" 101 - /.test(accessLog(site)), 'the line');
    assert.doesNotMatch(accessLog(site), /\/app\/askkey HTTP\/1.1" (?!101)/);
  });

  on('pusher-js notices nothing', async () => {
    const before = await given(site);
    const doctor = await site.phone('doctor@example.com');
    const patient = await site.phone('patient@example.com');
    const conv = site.people().conversations[0];
    const pusher = connect(site, doctor);
    try {
      const seen = collect(await subscribed(pusher, `private-conversation.${conv.id}`), 'MessageSent');
      const sent = await patient.post(`/chat/conversation/${conv.id}/message`, { content: 'hello' });
      await eventually(() => seen.length, 'the message');
      assert.deepEqual(seen[0].message, sent.json.message);
      assert.equal(await given(site), before + 1);
    } finally {
      pusher.disconnect();
    }
  });

  on('frames in the packet of the request are the first to be read', async () => {
    await many(20, async (i) => {
      const { peer, status: s } = await door.ask({}, { early: [subscribe(`early-${i}`), say('pusher:ping', {})] });
      kept(peer);
      assert.equal(s, 101);
      await greeted(peer);
      assert.equal((await event(peer)).channel, `early-${i}`);
      assert.equal((await event(peer)).event, 'pusher:pong');
    });
  });

  on('a frame cut in two, one half early, is one frame', async () => {
    const bytes = subscribe('halves');
    const { peer } = await door.ask({}, { early: [bytes.subarray(0, 9)] });
    kept(peer);
    await greeted(peer);
    peer.send(bytes.subarray(9));
    assert.equal((await event(peer)).event, 'pusher_internal:subscription_succeeded');
  });

  on('much before the answer goes along, too much is refused', async () => {
    const large = say('pusher:subscribe', { channel: 'x'.repeat(40000) });
    const { peer, status: s } = await door.ask({}, { early: [large] });
    kept(peer);
    assert.equal(s, 101);
    await greeted(peer);
    assert.equal((await event(peer)).event, 'pusher:subscription_error');
    await alive(peer);
    // 64 kB may all be here before httpd looks, or not: then they are none too much.
    const flood = await door.ask({}, { early: Array.from({ length: 100 }, () => large) });
    kept(flood.peer);
    assert.ok([101, 400].includes(flood.status), flood.head);
    if (flood.status === 400) {
      assert.match(errorLog(site), /it sent too much before it got an answer/);
    }
  });

  on('requests on the connection before the upgrade are answered first', async () => {
    await many(10, async () => {
      const peer = kept(await door.connect());
      for (let i = 0; i < 2; i++) {
        peer.send(`GET /chat/login HTTP/1.1\r\nHost: 127.0.0.1:${door.port}\r\nAccept: text/html\r\n\r\n`);
        assert.equal((await whole(peer)).status, 200);
      }
      peer.send(door.request(), subscribe('after'));
      assert.equal((await answer(peer)).status, 101);
      await greeted(peer);
      assert.equal((await event(peer)).channel, 'after');
    });
  });

  on('an upgrade pipelined behind a large answer waits for that', async () => {
    const file = fs.readFileSync(site.path('htdocs', 'lib', 'pusher.min.js'));
    const peer = kept(await door.connect());
    peer.send(`GET /chat-assets/lib/pusher.min.js HTTP/1.1\r\nHost: 127.0.0.1:${door.port}\r\n\r\n`, door.request(), subscribe('piped'));
    const first = await whole(peer);
    assert.equal(first.status, 200);
    assert.ok(first.body.equals(file));
    assert.equal((await answer(peer)).status, 101);
    await greeted(peer);
    assert.equal((await event(peer)).channel, 'piped');
  });

  on('chat-push is told the address that httpd knows: PROXY protocol', async () => {
    for (const [line, address] of [
      ['PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\n', '203.0.113.9'],
      ['PROXY TCP6 2001:db8::7 ::1 4711 80\r\n', '2001:db8::7'],
    ]) {
      const before = await given(site);
      const peer = kept(await site.door('proxied', { before: line }).open({}, { early: [subscribe('behind')] }));
      assert.equal((await event(peer)).channel, 'behind');
      assert.equal(await given(site), before + 1);
      await eventually(() => site.log().includes(`address=${address} `), `the address ${address}`);
      await eventually(() => new RegExp(`^${address} .* 101 `, 'm').test(accessLog(site)), 'its line in the access log');
    }
  });

  on('64 kB of headers are no hindrance, 64 kB that chat-push needs are refused', async () => {
    const cookies = { Cookie: `other=${'c'.repeat(65536)}` };
    const before = await given(site);
    kept(await site.door('large').open(cookies));
    assert.equal(await given(site), before + 1);
    for (const [headers, path] of [
      [{ 'Sec-WebSocket-Protocol': 'p'.repeat(65536) }],
      [{}, `/app/askkey?protocol=7&x=${'q'.repeat(65536)}`],
    ]) {
      const r = await site.door('large').ask(headers, { path });
      kept(r.peer);
      assert.equal(r.status, 431, r.head);
    }
    assert.match(errorLog(site), /a WebSocket is refused with 431: what chat-push needs of its head is more than 16 kB/);
  });

  if (mpm !== 'prefork') {
    on('a host with h2c hands over what is HTTP/1.1 and serves HTTP/2', async () => {
      const before = await given(site);
      kept(await site.door('h2c').open());
      assert.equal(await given(site), before + 1);
      const session = http2.connect(`http://127.0.0.1:${site.port.h2c}`);
      try {
        const got = await new Promise((resolve, reject) => {
          session.once('error', reject);
          session.request({ ':path': '/app/askkey', upgrade: undefined }).on('error', reject).on('response', resolve);
        });
        // No upgrade there: chat-push says so, through mod_proxy.
        assert.equal(got[':status'], 426);
      } finally {
        session.destroy();
      }
      assert.equal(await given(site), before + 1);
    });
  }

  on('a filter we do not know keeps the socket here, and the log says which', async () => {
    site.expectLog(/a WebSocket cannot be handed over to chat-push: the filter \S+ stands between/i);
    const before = await given(site);
    const peer = kept(await site.door('dumped').open());
    await alive(peer);
    assert.equal(await given(site), before, 'it went through mod_proxy');
    assert.match(errorLog(site), /the filter dumpio_in stands between httpd and the client; it goes through mod_proxy and holds a worker/i);
    peer.socket.destroy();
    const bare = await site.door('bare').ask();
    kept(bare.peer);
    assert.equal(bare.status, 501, bare.head);
  });

  on('TLS that is not pumped goes through mod_proxy', async () => {
    const before = await given(site);
    const ca = fs.readFileSync(site.path('conf', 'tls.crt'));
    const secure = (port) => tls.connect({ port, host: '127.0.0.1', ca, checkServerIdentity: () => undefined });
    const peer = kept(await site.door('tls', { dial: secure }).open());
    await alive(peer);
    assert.equal(await given(site), before);
    // Without mod_proxy it is refused in words.
    site.expectLog(/a WebSocket cannot be handed over to chat-push: its TLS ends in httpd.*; it is refused, as there is no ProxyPass for it \(load mod_proxy and mod_proxy_wstunnel, and give \/app\/ to chat-push/);
    const r = await site.door('tlsbare', { dial: secure }).ask();
    kept(r.peer);
    assert.equal(r.status, 501, r.head);
  });

  on('the switch and the access rules hold', async () => {
    const before = await given(site);
    const off = kept(await site.door('off').open());
    await alive(off);
    assert.equal(await given(site), before, 'ChatHandoff Off');
    off.socket.destroy();
    await alive(kept(await site.door('plain').open()));
    assert.equal(await given(site), before + 1, 'ChatHandoff PlainOnly, and no ProxyPass is needed');
    site.expectLog(/AH01630/);
    const closed = await site.door('closed').ask();
    kept(closed.peer);
    assert.equal(closed.status, 403);
    assert.equal(await given(site), before + 1, 'Require all denied');
  });

  on('what is no upgrade of ours is left alone', async () => {
    const before = await given(site);
    for (const [headers, path, wanted] of [
      [{ Upgrade: undefined }, undefined, 426], // by chat-push, through mod_proxy
      [{ 'Sec-WebSocket-Version': '12' }, undefined, 426],
      [{}, '/app/other?protocol=7', 101], // chat-push closes it with 4001
      [{}, '/chat-assets/js/app.js', 200],
    ]) {
      const r = await door.ask(headers, { path });
      kept(r.peer);
      assert.equal(r.status, wanted, `${path} ${JSON.stringify(headers)}: ${r.head}`);
    }
    const empty = kept(await site.door('plain').open({ 'Content-Length': '0' }));
    await alive(empty);
    assert.equal(await given(site), before + 1, 'some clients say that no body follows');
    const full = await site.door('plain').ask({ 'Content-Length': '1' }, { early: ['x'] });
    kept(full.peer);
    assert.equal(full.status, 426);
    const bad = await site.door('plain').ask({ 'Sec-WebSocket-Version': '12' });
    kept(bad.peer);
    assert.equal(bad.status, 426);
    assert.match(bad.head, /^upgrade: websocket/im);
    const wrong = await door.ask({ 'Sec-WebSocket-Key': 'short' });
    kept(wrong.peer);
    assert.equal(wrong.status, 400, 'by chat-push');
    await wrong.peer.until('the end', () => (wrong.peer.ended ? true : undefined));
    assert.equal(await given(site), before + 2, 'only the last one was handed over beside that');
  });

  // mod_proxy speaks HTTP/1.1 with a Connection of its own to whatever is behind it: these
  // were WebSockets then, without a head where HTTP/1.0 was spoken, and held a worker each.
  on('mod_proxy mends nothing that is no WebSocket', async () => {
    const before = await given(site);
    for (const name of [undefined, 'off', 'plain']) {
      const d = site.door(name);
      for (const [headers, version] of [
        [{ Connection: undefined }, '1.1'],
        [{ Connection: 'keep-alive' }, '1.1'],
        [{ 'Transfer-Encoding': 'chunked' }, '1.1'],
        [{}, '1.0'],
      ]) {
        const peer = kept(await d.connect());
        peer.send(d.request(headers).toString().replace(' HTTP/1.1', ` HTTP/${version}`), headers['Transfer-Encoding'] ? '0\r\n\r\n' : '');
        const { status: s, head } = await answer(peer);
        assert.equal(s, 426, `${name} ${version} ${JSON.stringify(headers)}: ${head}`);
        assert.match(head, /^upgrade: websocket/im);
        const said = '{"error":"this address speaks WebSocket","code":426}';
        await peer.until('the reason', (b) => (b.includes(said) ? true : undefined));
      }
    }
    assert.equal(await given(site), before);
    await eventually(async () => (await working(site)) === 1, 'nobody but who asks is busy');
  });

  on('who is logged in is told, by cookie only to our own pages', async () => {
    const { accounts } = site.people();
    const id = accounts.find((a) => a.email === 'patient@example.com').user_id;
    const browser = await site.browser('patient@example.com');
    const phone = await site.phone('patient@example.com');
    /** The user in chat-push's line of a new socket. */
    const user = async (headers) => {
      const { peer, status: s } = await door.ask(headers);
      kept(peer);
      assert.equal(s, 101);
      const socketId = await greeted(peer);
      const line = await eventually(() => site.log().split('\n').find((l) => l.includes('opened') && l.includes(socketId)), 'its line');
      return line.match(/ user=(\S+)/)?.[1] ?? null;
    };
    const own = { Origin: `http://127.0.0.1:${door.port}` };
    assert.equal(await user({ Cookie: browser.cookie, ...own }), String(id));
    assert.equal(await user({ Cookie: browser.cookie }), String(id), 'no browser: no Origin');
    assert.equal(await user({ Authorization: `Bearer ${phone.token}` }), String(id));
    assert.equal(await user({ Authorization: `Bearer ${phone.token}`, Origin: 'https://evil.example' }), String(id));
    assert.equal(await user({ Cookie: browser.cookie, Origin: 'https://evil.example' }), null);
    assert.equal(await user({ Cookie: browser.cookie, Origin: 'null' }), null);
    assert.equal(await user({ Cookie: 'chat_session=' + 'x'.repeat(43), ...own }), null);
    assert.equal(await user({ Authorization: 'Bearer 1|wrong', Cookie: browser.cookie }), null, 'as in auth.h');
    assert.equal(await user({}), null);
    assert.match(errorLog(site), /WebSocket of another site's page comes with a log-in, which does not count/);
    assert.match(errorLog(site), /comes with a log-in that is not valid/);
  });

  on('a user needs no signature for what is theirs, and gets nothing else', async () => {
    const { accounts, conversations } = site.people();
    const id = accounts.find((a) => a.email === 'patient@example.com').user_id;
    const other = accounts.find((a) => a.email === 'doctor@example.com').user_id;
    const conv = conversations.find((c) => c.patient === id).id;
    const foreign = conversations.find((c) => c.patient !== id).id;
    const phone = await site.phone('patient@example.com');
    const browser = await site.browser('patient@example.com');
    const bearer = { Authorization: `Bearer ${phone.token}` };
    /** What a subscription without auth is answered. */
    const asked = async (peer, channel) => {
      peer.send(subscribe(channel));
      const e = await event(peer);
      assert.equal(e.channel, channel, JSON.stringify(e));
      return e.event === 'pusher_internal:subscription_succeeded' ? 'yes' : `${e.data.type} ${e.data.status}`;
    };
    const mine = [`private-user.${id}`, `private.user.${id}`, `private-conversation.${conv}`, `private.conversation.${conv}`];
    const theirs = [`private-user.${other}`, `private.user.${other}`, `private-conversation.${foreign}`,
      `private.conversation.${foreign}`, `private-conversation.0${conv}`, 'private-conversation.nothing',
      'private.conversation.999999999', 'private-x', 'private.x', `private-encrypted-conversation.${conv}`];

    const peers = [kept(await door.open(bearer)),
      kept(await door.open({ Cookie: browser.cookie, Origin: `http://127.0.0.1:${door.port}` }))];
    for (const peer of peers) {
      for (const name of mine) {
        assert.equal(await asked(peer, name), 'yes', name);
      }
      for (const name of theirs) {
        assert.equal(await asked(peer, name), 'AuthError 401', name);
      }
    }
    // An alias is a name of the same channel: one connection, one event for each name it used.
    const sent = await phone.post(`/chat/conversation/${conv}/message`, { content: 'to myself' });
    assert.equal(sent.status, 201, sent.text);
    const got = await event(peers[0]);
    assert.equal(got.event, 'MessageSent');
    assert.ok(mine.includes(got.channel), got.channel);

    const strangers = [kept(await door.open()), kept(await door.open({ Cookie: browser.cookie, Origin: 'https://evil.example' }))];
    for (const peer of strangers) {
      for (const name of [...mine, ...theirs]) {
        assert.equal(await asked(peer, name), 'AuthError 401', name);
      }
    }

    // Out again before the database has answered; gone before it has; very many at once.
    const fickle = kept(await door.open(bearer));
    fickle.send(subscribe(mine[2]), say('pusher:unsubscribe', { channel: mine[2] }), say('pusher:ping', {}));
    assert.equal((await event(fickle)).event, 'pusher:pong');
    const hasty = await door.open(bearer);
    hasty.send(...Array.from({ length: 64 }, () => subscribe(mine[2])));
    hasty.socket.destroy();
    const greedy = kept(await door.open(bearer));
    greedy.send(...Array.from({ length: 200 }, () => subscribe(mine[2])));
    const answers = {};
    for (let i = 0; i < 200; i++) {
      const e = await event(greedy);
      const what = e.data?.type || e.event;
      answers[what] = (answers[what] || 0) + 1;
    }
    assert.ok(answers['pusher_internal:subscription_succeeded'] >= 64, JSON.stringify(answers));
    await alive(fickle);
  });

  on('a stopped chat-push is 503 at once, and nobody else waits', async () => {
    site.expectLog(/chat-push takes no sockets at .*: (it does not answer|nobody listens)/);
    const peer = kept(await door.open());
    await pause(site.push);
    try {
      // Each child finds out once, by itself; afterwards there is nothing to wait for.
      await many(20, async () => {
        const r = await door.ask();
        r.peer.socket.destroy(); // httpd would wait for our end
        assert.equal(r.status, 503, r.head);
        assert.match(r.head, /^retry-after: 1/im);
      });
      for (let i = 0; i < 5; i++) {
        assert.equal((await fetch(`${site.url}/chat/login`, { headers: { Connection: 'close' } })).status, 200);
      }
      assert.equal((await door.ask()).status, 503);
      // mod_proxy would connect, and wait for an answer with its worker until timeout=.
      const ca = fs.readFileSync(site.path('conf', 'tls.crt'));
      const secure = (port) => tls.connect({ port, host: '127.0.0.1', ca, checkServerIdentity: () => undefined });
      for (const proxied of [site.door('off'), site.door('tls', { dial: secure })]) {
        const r = await proxied.ask();
        r.peer.socket.destroy();
        assert.equal(r.status, 503, r.head);
        assert.match(r.head, /^retry-after: 1/im);
      }
    } finally {
      site.push.kill('SIGCONT');
    }
    await alive(peer);
    await eventually(async () => {
      const r = await door.ask();
      kept(r.peer);
      return r.status === 101;
    }, 'taken again');
  });

  on('a chat-push that ends is 503, and the first request after it is back gets through', async () => {
    site.expectLog(/chat-push takes no sockets at /);
    for (const how of ['stopPush', 'killPush']) {
      kept(await door.open());
      await site[how]();
      const r = await door.ask();
      kept(r.peer);
      assert.equal(r.status, 503, r.head);
      assert.match(r.head, /^retry-after: 1/im);
      assert.equal((await fetch(`${site.url}/chat/login`, { headers: { Connection: 'close' } })).status, 200);
      await site.startPush();
      await alive(kept(await door.open()));
    }
  });

  on('httpd may come and go: every socket stays and hears everything', async () => {
    const peers = await many(20, async (i) => {
      const peer = kept(await door.open());
      await join(peer, 'all');
      return peer;
    });
    const push = server(site);
    let n = 0;
    const everybodyHears = async (what) => {
      await push.trigger('all', 'news', { n: ++n });
      for (const peer of peers) {
        assert.deepEqual(JSON.parse((await event(peer)).data), { n }, what);
      }
    };
    await everybodyHears('before');
    for (const [signal, ends] of [['SIGUSR1', false], ['SIGHUP', false], ['SIGWINCH', true], ['SIGTERM', true]]) {
      const child = site.httpd;
      const line = ends ? null : errorLog(site).split('resuming normal operations').length;
      child.kill(signal);
      if (ends) {
        site.httpd = null;
        await child.gone;
        await everybodyHears(`after ${signal}`);
        await site.startHttpd();
      } else {
        await eventually(() => errorLog(site).split('resuming normal operations').length > line, `${signal} is done`);
      }
      await everybodyHears(`after ${signal} and a start`);
      const peer = kept(await door.open());
      await join(peer, 'all');
      peers.push(peer);
    }
    await everybodyHears('at the end');
  });
}
