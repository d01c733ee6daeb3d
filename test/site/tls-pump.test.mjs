// SPDX-License-Identifier: Apache-2.0
//
// WebSockets whose TLS ends in httpd, on MPM event: no worker is held for them, and
// nothing a client or chat-push does stops the others. What they may share with
// plain ones is in handoff.test.mjs, and so are the other MPMs.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { descriptors, servers } from './lib/process.mjs';
import { server } from './lib/pusher.mjs';
import { eventually, sanitize, startSite } from './lib/site.mjs';
import { Door, alive, event, greeted, join, say, subscribe, whole } from './lib/upgrade.mjs';
import { CLOSE, TEXT, answer, closing, frame } from './lib/wire.mjs';

const modules = process.env.CHAT_HTTPD_MODULES || '/usr/lib/apache2/modules';
const load = (...names) => names.map((n) => `LoadModule ${n}_module ${modules}/mod_${n}.so`).join('\n');
const many = (n, make) => Promise.all(Array.from({ length: n }, (_, i) => make(i)));
const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe' });

async function freePorts(n) {
  const servers = await many(n, () => new Promise((resolve, reject) => {
    const probe = net.createServer().once('error', reject).listen(0, '127.0.0.1', () => resolve(probe));
  }));
  const ports = servers.map((s) => s.address().port);
  await Promise.all(servers.map((s) => new Promise((resolve) => s.close(resolve))));
  return ports;
}

/** An authority, and a certificate of its for 127.0.0.1 and localhost, in a site's conf/. */
function certificate(site) {
  const at = (name) => site.path('conf', name);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  fs.mkdirSync(site.path('conf'), { recursive: true });
  openssl('req', '-x509', ...key, '-days', '2', '-subj', '/CN=authority', '-keyout', at('ca.key'), '-out', at('ca.crt'));
  openssl('req', ...key, '-subj', '/CN=localhost', '-keyout', at('tls.key'), '-out', at('tls.csr'));
  fs.writeFileSync(at('san'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n');
  openssl('x509', '-req', '-in', at('tls.csr'), '-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-CAcreateserial',
    '-days', '2', '-extfile', at('san'), '-out', at('tls.crt'));
  site.ca = fs.readFileSync(at('ca.crt'));
}

/** A page on a connection of its own: a restart closes those that are kept. */
const page = (url) => new Promise((resolve, reject) => {
  http.get(url, { agent: false }, async (r) => {
    let text = '';
    for await (const d of r) {
      text += d;
    }
    resolve(text);
  }).once('error', reject);
});

/** A site with doors that end TLS. */
async function start(names, conf, more = {}) {
  const [port, pushPort, metricsPort, ...ports] = await freePorts(3 + Object.keys(names).length);
  // Not "await" here: make site-pgsql would take this file for one about a database.
  const started = startSite({
    mpm: 'event', port, pushPort, metricsPort, pushConf: { log: { level: 'debug', linesPerSecond: 100000 } }, ...more,
    before(s) {
      certificate(s);
      more.before?.(s);
      s.port = Object.fromEntries(Object.keys(names).map((name, i) => [name, ports[i]]));
      s.o.extraConf = `${load('ssl', 'http2', 'remoteip')}\nSSLSessionCache none\n${conf}\n` +
        Object.entries(names).map(([name, lines]) => `Listen 127.0.0.1:${s.port[name]}
<VirtualHost 127.0.0.1:${s.port[name]}>
ServerName localhost
SSLEngine On
SSLCertificateFile conf/tls.crt
SSLCertificateKeyFile conf/tls.key
${lines}
</VirtualHost>`).join('\n');
    },
  });
  const site = await started;
  site.expectLog(/ssl:warn\] .*AH0(1882|1873|1909)/); // its own affairs
  site.door = (name = 'tls', options = {}) => new Door(site.port[name], {
    dial: (p) => tls.connect({ port: p, host: '127.0.0.1', ca: site.ca, allowHalfOpen: true, ...options }),
  });
  /** An ordinary request by TLS, on a connection of its own. @return its status */
  site.get = (name = 'tls', p = '/chat/login') => new Promise((resolve, reject) => {
    https.get({ host: '127.0.0.1', port: site.port[name], path: p, ca: site.ca, agent: false, headers: { Accept: 'text/html' } }, (r) => {
      r.resume().once('end', () => resolve(r.statusCode));
    }).once('error', reject);
  });
  site.status = async (name) => {
    const text = await page(`${site.url}/server-status?auto`);
    return Number(text.match(new RegExp(`^${name}: (\\d+)`, 'm'))[1]);
  };
  site.working = async () => {
    const text = await page(`${site.url}/server-status?auto`);
    return text.match(/^Scoreboard: (\S+)/m)[1].replace(/[_.K]/g, '').length;
  };
  return site;
}

const accessLog = (site) => fs.readFileSync(site.path('logs', 'access.log'), 'utf8');
const errorLog = (site) => fs.readFileSync(site.path('logs', 'error.log'), 'utf8');
const given = (site) => site.metric('handed_over_total');
const children = (site) => servers(site.httpd.pid);
/** Memory of httpd's children that is theirs alone, kB. */
const memory = (site) => children(site).reduce((sum, pid) =>
  sum + Number(fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(/^RssAnon:\s+(\d+)/m)[1]), 0);
const ended = (peer) => peer.until('the end', () => (peer.ended ? true : undefined));

const site = await start({
  tls: '',
  h2: 'Protocols h2 http/1.1',
  old: 'SSLProtocol TLSv1.2',
  tight: 'FlushMaxThreshold 1024',
  behind: 'RemoteIPProxyProtocol On',
}, 'AsyncRequestWorkerFactor 20\nExtendedStatus On', { pushEnv: { SOKETI_EVENT_MAX_SIZE_IN_KB: '1000' } });
const push = server(site);
const open = new Set(); // sockets to be closed at the end of a test
const kept = (peer) => (open.add(peer), peer);
const on = (name, fn) => test(name, async () => {
  try {
    await fn();
  } finally {
    open.forEach((peer) => peer.socket.destroy());
    open.clear();
    await eventually(async () => (await site.status('ChatPumpedNow')) === 0, 'all are gone');
  }
});

on('a socket by TLS is pumped: no worker is held, and when it ends the access log says 101', async () => {
  const before = { given: await given(site), all: await site.status('ChatPumped') };
  const peers = await many(30, async () => kept(await site.door().open()));
  await many(30, (i) => alive(peers[i]));
  assert.equal(await given(site), before.given + 30);
  assert.equal(await site.status('ChatPumped'), before.all + 30);
  assert.equal(await site.status('ChatPumpedNow'), 30);
  assert.ok(await site.status('ChatPumpedBytes') > 30 * 100);
  await eventually(async () => (await site.working()) === 1, 'nobody but who asks is busy');
  assert.equal(await site.get(), 200);
  assert.match(await (await fetch(`${site.url}/server-status`)).text(), /30 by TLS now/);
  assert.doesNotMatch(accessLog(site), /\/app\/askkey/, 'not yet');
  const begun = Date.now();
  peers.forEach((peer) => peer.socket.destroy());
  const lines = await eventually(() => {
    const found = accessLog(site).match(/"GET \/app\/askkey HTTP\/1.1" 101 - \d+/g);
    return found?.length === 30 && found;
  }, 'their lines');
  assert.ok(lines.every((l) => Number(l.split(' ').pop()) < (Date.now() - begun + 10000) * 1000), 'how long each lived');
});

on('pusher-js notices nothing but the lock', async () => {
  const before = await given(site);
  const doctor = await site.phone('doctor@example.com');
  const patient = await site.phone('patient@example.com');
  const conv = site.people().conversations[0];
  // A process of its own: its authorities come from the environment at its start.
  const client = spawn(process.execPath, ['-e', `
    const Pusher = require('pusher-js');
    const pusher = new Pusher('askkey', {
      cluster: 'mt1', wsHost: 'localhost', wssPort: ${site.port.tls}, forceTLS: true, enabledTransports: ['ws', 'wss'], disableStats: true,
      channelAuthorization: { transport: 'ajax', endpoint: '${site.url}/broadcasting/auth', headers: { Authorization: 'Bearer ${doctor.token}' } },
    });
    const channel = pusher.subscribe('private-conversation.${conv.id}');
    channel.bind('pusher:subscription_succeeded', () => console.log('subscribed'));
    channel.bind('MessageSent', (data) => { console.log(data.message.content); pusher.disconnect(); });
    pusher.connection.bind('error', (e) => console.log('error', e));
  `], {
    cwd: path.dirname(fileURLToPath(import.meta.url)), stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_EXTRA_CA_CERTS: site.path('conf', 'ca.crt') },
  });
  let out = '';
  client.stdout.on('data', (d) => { out += d; });
  const gone = new Promise((resolve) => client.once('exit', resolve));
  try {
    await eventually(() => out.includes('subscribed'), 'it subscribes');
    await patient.post(`/chat/conversation/${conv.id}/message`, { content: 'grüß Gott' });
    await eventually(() => out.includes('grüß Gott'), 'the message');
    assert.equal(await given(site), before + 1);
    assert.doesNotMatch(out, /error/);
    await gone;
  } finally {
    client.kill();
  }
});

for (const name of ['tls', 'old', 'h2', 'tight']) {
  on(`${name}: what stands before, beside and behind the upgrade is read in order`, async () => {
    await many(10, async (i) => {
      const peer = kept(await site.door(name).connect());
      peer.send(`GET /chat/login HTTP/1.1\r\nHost: 127.0.0.1:${site.port[name]}\r\nAccept: text/html\r\n\r\n`);
      assert.equal((await whole(peer)).status, 200);
      const half = subscribe(`early-${i}`);
      peer.send(site.door(name).request(), subscribe('whole'), half.subarray(0, 9));
      assert.equal((await answer(peer)).status, 101);
      await greeted(peer);
      assert.equal((await event(peer)).channel, 'whole');
      peer.send(half.subarray(9));
      assert.equal((await event(peer)).channel, `early-${i}`);
    });
  });
}

on('much before the answer goes along, in one record or in many', async () => {
  const peer = kept(await site.door().connect());
  const pings = Array.from({ length: 5000 }, () => say('pusher:ping', {}));
  peer.send(site.door().request(), ...pings); // some 200 kB
  assert.equal((await answer(peer)).status, 101);
  await greeted(peer);
  for (let i = 0; i < pings.length; i++) {
    assert.equal((await event(peer)).event, 'pusher:pong');
  }
});

on('an upgrade pipelined behind a large answer waits for that', async () => {
  const file = fs.readFileSync(site.path('htdocs', 'lib', 'pusher.min.js'));
  const peer = kept(await site.door().connect());
  peer.send(`GET /chat-assets/lib/pusher.min.js HTTP/1.1\r\nHost: 127.0.0.1:${site.port.tls}\r\n\r\n`, site.door().request(), subscribe('piped'));
  const first = await whole(peer);
  assert.equal(first.status, 200);
  assert.ok(first.body.equals(file));
  assert.equal((await answer(peer)).status, 101);
  await greeted(peer);
  assert.equal((await event(peer)).channel, 'piped');
});

/** Subscribe to a channel that clients may speak on. */
async function joinPrivate(peer, socketId, channel) {
  const auth = `askkey:${createHmac('sha256', site.app.secret).update(`${socketId}:${channel}`).digest('hex')}`;
  peer.send(say('pusher:subscribe', { channel, auth }));
  assert.equal((await event(peer)).event, 'pusher_internal:subscription_succeeded');
}

on('large frames go both ways at once, whole and in order', async () => {
  for (const name of ['tls', 'old', 'tight']) {
    const peers = await many(2, async () => {
      const { peer, status } = await site.door(name).ask();
      assert.equal(status, 101);
      kept(peer);
      await joinPrivate(peer, await greeted(peer), 'private-large');
      return peer;
    });
    const text = (i) => `${i}:${'abcdefghij'.repeat(9000 + i)}`;
    const all = (peer) => (async () => {
      for (let i = 0; i < 10; i++) {
        const e = await event(peer);
        assert.equal(e.event, 'client-e');
        assert.ok((typeof e.data === 'string' ? JSON.parse(e.data) : e.data).text === text(i), `${name}: ${i}`);
      }
    })();
    const [a, b] = peers;
    for (let i = 0; i < 10; i++) {
      for (const peer of peers) {
        peer.send(frame(TEXT, JSON.stringify({ event: 'client-e', channel: 'private-large', data: { text: text(i) } })));
      }
    }
    await Promise.all([all(a), all(b)]);
  }
});

on('who does not read is cut in the end and holds up nobody', async () => {
  const slow = kept(await site.door().open());
  await join(slow, 'news');
  slow.socket.pause();
  const others = await many(5, async () => {
    const peer = kept(await site.door().open());
    await join(peer, 'news');
    return peer;
  });
  const before = memory(site);
  const text = 'x'.repeat(100000);
  let sent = 0;
  await eventually(async () => {
    await push.trigger('news', 'e', { n: ++sent, text });
    await many(5, async (i) => assert.equal(JSON.parse((await event(others[i])).data).n, sent));
    await alive(others[0]);
    return sent >= 40;
  }, 'four megabytes for everybody else', 60000);
  assert.equal(await site.get(), 200);
  if (!sanitize) {
    assert.ok(memory(site) - before < 2000, `${memory(site) - before} kB more, of ${sent * 100} kB that it did not read`);
  }
});

on('bytes that come one by one are no trouble, TLS records or pieces of them', async () => {
  const peer = kept(await site.door().open());
  await peer.drip(subscribe('drop'));
  assert.equal((await event(peer)).channel, 'drop');
  // A wire that passes a few bytes at a time.
  const wire = net.createServer((left) => {
    const right = net.connect({ port: site.port.tls, host: '127.0.0.1', noDelay: true });
    left.setNoDelay(true);
    for (const [from, to] of [[left, right], [right, left]]) {
      from.on('data', (bytes) => {
        for (let at = 0; at < bytes.length; at += 7) {
          to.write(bytes.subarray(at, at + 7));
        }
      }).on('end', () => to.end()).on('error', () => to.destroy());
    }
  });
  await new Promise((resolve) => wire.listen(0, '127.0.0.1', resolve));
  try {
    const door = new Door(wire.address().port, { dial: (p) => tls.connect({ port: p, host: '127.0.0.1', ca: site.ca }) });
    const thin = kept(await door.open({}, { early: [subscribe('thin')] }));
    assert.equal((await event(thin)).channel, 'thin');
    await push.trigger('thin', 'e', 'y'.repeat(20000));
    assert.equal((await event(thin)).data, 'y'.repeat(20000));
    await alive(thin);
    thin.socket.destroy();
  } finally {
    wire.close();
  }
});

on('each side may end first', async () => {
  // The client ends its half: chat-push hears it and ends too.
  const first = kept(await site.door().open());
  first.socket.end();
  await ended(first);
  // It says so properly.
  const second = kept(await site.door().open());
  second.send(closing(1000));
  const f = await second.frame();
  assert.equal(f.opcode, CLOSE);
  await ended(second);
  assert.ok(!second.failed, `${second.failed}`);
  // chat-push does: its last word is a close frame.
  const third = kept((await site.door().ask({}, { path: '/app/askkey?protocol=99' })).peer);
  assert.equal((await third.frame()).opcode, CLOSE);
  await ended(third);
  assert.ok(!third.failed);
});

on('TLS changes its keys, and ends with close_notify', async () => {
  const s = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${site.port.tls}`, '-CAfile', site.path('conf', 'ca.crt'), '-msg'],
    { stdio: ['pipe', 'pipe', 'pipe'] });
  let out = '';
  s.stdout.on('data', (d) => { out += d.toString('latin1'); });
  s.stderr.on('data', (d) => { out += d.toString('latin1'); });
  const gone = new Promise((resolve) => s.once('exit', resolve));
  try {
    s.stdin.write(site.door().request());
    await eventually(() => out.includes('pusher:connection_established'), 'it is open');
    const count = (what) => out.split(what).length;
    for (let i = 0; i < 3; i++) {
      const before = { asked: count('KEYUPDATE'), keys: count('KeyUpdate') };
      // httpd stands still, so that it reads both at once: mod_ssl stops reading
      // behind the first, and no event would come for the second.
      children(site).forEach((pid) => process.kill(pid, 'SIGSTOP'));
      s.stdin.write('K\n'); // new keys on both sides, with what is said next
      await eventually(() => count('KEYUPDATE') > before.asked, 'openssl has read it');
      before.said = count('>>> TLS');
      s.stdin.write(subscribe(`key-${i}`));
      await eventually(() => count('>>> TLS') > before.said, 'openssl has said it');
      children(site).forEach((pid) => process.kill(pid, 'SIGCONT'));
      await eventually(() => out.includes(`key-${i}`), 'an answer');
      assert.ok(count('KeyUpdate') >= before.keys + 2, out);
    }
    s.stdin.write(closing(1000));
    await gone;
    assert.match(out, /<<< TLS 1.3, Alert \[length 0002\], warning close_notify/);
  } catch (e) {
    throw new Error(`${e.message}, s_client: ${out.slice(-3000)}`);
  } finally {
    children(site).forEach((pid) => process.kill(pid, 'SIGCONT'));
    s.kill();
  }
});

on('a client that dies in the middle of a frame is forgotten', async () => {
  const before = children(site).map(descriptors);
  for (let i = 0; i < 10; i++) {
    const wire = net.connect({ port: site.port.tls, host: '127.0.0.1' });
    const peer = await site.door('tls', { socket: wire }).open();
    await join(peer, `mid-${i}`);
    await new Promise((resolve) => peer.socket.write(subscribe('never').subarray(0, 11), resolve));
    if (i % 2) {
      peer.socket.destroy();
    } else {
      wire.resetAndDestroy(); // no goodbye
    }
  }
  await eventually(async () => (await site.status('ChatPumpedNow')) === 0, 'all are gone');
  await eventually(() => children(site).map(descriptors).every((n, i) => n <= before[i]), 'no descriptor is left');
});

on('the log-in comes along', async () => {
  const { accounts, conversations } = site.people();
  const id = accounts.find((a) => a.email === 'patient@example.com').user_id;
  const conv = conversations.find((c) => c.patient === id).id;
  const browser = await site.browser('patient@example.com');
  const own = { Cookie: browser.cookie, Origin: `https://127.0.0.1:${site.port.tls}` };
  const peer = kept(await site.door().open(own));
  await join(peer, `private.conversation.${conv}`);
  for (const headers of [{}, { ...own, Origin: 'https://evil.example' }]) {
    const stranger = kept(await site.door().open(headers));
    stranger.send(subscribe(`private.conversation.${conv}`));
    assert.equal((await event(stranger)).event, 'pusher:subscription_error');
  }
});

on('behind a proxy that passes TLS on, the address is the client\'s (PROXY protocol)', async () => {
  const wire = net.connect({ port: site.port.behind, host: '127.0.0.1' });
  wire.write('PROXY TCP4 203.0.113.9 127.0.0.1 4711 443\r\n');
  await alive(kept(await site.door('behind', { socket: wire }).open()));
  await eventually(() => site.log().includes('address=203.0.113.9 '), 'the address');
});

on('a host with h2 serves it, and pumps what is HTTP/1.1', async () => {
  const before = await given(site);
  const peer = kept(await site.door('h2', { ALPNProtocols: ['http/1.1'] }).open());
  assert.equal(peer.socket.alpnProtocol, 'http/1.1');
  const session = http2.connect(`https://127.0.0.1:${site.port.h2}`, { ca: site.ca });
  try {
    const get = (p) => new Promise((resolve, reject) => {
      session.once('error', reject);
      session.request({ ':path': p, accept: 'text/html' }).on('error', reject).on('response', (h) => resolve(h[':status']));
    });
    assert.equal(await get('/chat/login'), 200);
    assert.equal(await get('/app/askkey'), 426, 'no upgrade there: chat-push says so, through mod_proxy');
    await alive(peer);
  } finally {
    session.destroy();
  }
  assert.equal(await given(site), before + 1);
});

on('chat-push stands still: new ones get 503 at once, what the others say waits', async () => {
  site.expectLog(/chat-push takes no sockets at .*: it does not answer/);
  const peer = kept(await site.door().open());
  const { pid } = site.push;
  const before = memory(site);
  process.kill(pid, 'SIGSTOP');
  const pings = Array.from({ length: 4000 }, () => say('pusher:ping', { x: 'y'.repeat(1000) }));
  try {
    peer.send(...pings); // 4 MB: more than chat-push's end holds
    await many(5, async () => {
      const r = await site.door().ask();
      kept(r.peer);
      assert.equal(r.status, 503, r.head);
      assert.match(r.head, /^retry-after: 1/im);
    });
    assert.equal(await site.get(), 200);
    if (!sanitize) {
      assert.ok(memory(site) - before < 2000, `${memory(site) - before} kB more`);
    }
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  for (let i = 0; i < pings.length; i++) {
    assert.equal((await event(peer)).event, 'pusher:pong');
  }
  await eventually(async () => {
    const r = await site.door().ask();
    kept(r.peer);
    return r.status === 101;
  }, 'taken again');
});

on('chat-push ends: its clients hear it, and the next one gets through', async () => {
  site.expectLog(/chat-push takes no sockets at /);
  for (const how of ['stopPush', 'killPush']) {
    const peers = await many(20, async () => kept(await site.door().open()));
    await site[how]();
    await many(20, (i) => ended(peers[i]));
    assert.equal((await site.door().ask()).status, 503);
    await site.startPush();
    await alive(kept(await site.door().open()));
  }
});

on('a graceful restart loses nobody, and the old child leaves with the last', async () => {
  const [old] = children(site);
  const peers = await many(200, async () => {
    const peer = kept(await site.door().open());
    await join(peer, 'all');
    return peer;
  });
  let n = 0;
  const everybodyHears = async () => {
    await push.trigger('all', 'news', { n: ++n });
    for (const peer of peers) {
      assert.deepEqual(JSON.parse((await event(peer)).data), { n });
    }
  };
  for (let i = 1; i <= 2; i++) {
    const lines = errorLog(site).split('resuming normal operations').length;
    site.httpd.kill('SIGUSR1');
    await everybodyHears();
    await eventually(() => errorLog(site).split('resuming normal operations').length > lines, 'it is done');
    await everybodyHears();
    assert.equal(await site.get(), 200);
    const peer = kept(await site.door().open());
    await join(peer, 'all');
    peers.push(peer);
    await everybodyHears();
  }
  assert.ok(children(site).includes(old), 'it serves its sockets');
  assert.equal(await site.status('ChatPumpedNow'), 202, 'of three children');
  peers.forEach((peer) => peer.socket.destroy());
  await eventually(() => !children(site).includes(old), 'the old child leaves');
});

on('a hard restart and a stop end them, without a crash', async () => {
  for (const signal of ['SIGHUP', 'SIGTERM']) {
    const peers = await many(50, async () => kept(await site.door().open()));
    const child = site.httpd;
    const lines = errorLog(site).split('resuming normal operations').length;
    child.kill(signal);
    await many(50, (i) => ended(peers[i]));
    if (signal === 'SIGHUP') {
      await eventually(() => errorLog(site).split('resuming normal operations').length > lines, 'it is done');
    } else {
      site.httpd = null;
      await child.gone;
      await site.startHttpd();
    }
    await alive(kept(await site.door().open()));
  }
});

// --- little room ---------------------------------------------------------------------------
const small = await start({ tls: '' }, `
ThreadsPerChild 8
ThreadLimit 8
ServerLimit 4
MaxRequestWorkers 8
MinSpareThreads 8
MaxSpareThreads 8
<IfModule mpm_event_module>
  Include conf/factor.conf
</IfModule>`, {
  appConf: { requireTls: true },
  before: (s) => fs.writeFileSync(s.path('conf', 'factor.conf'), 'Define FACTOR 10.9\nAsyncRequestWorkerFactor "${FACTOR}"\n'),
});

small.expectLog(/AH00484|AH10159/); // all eight workers are busy for a moment

test('what AsyncRequestWorkerFactor leaves is said at start', () => {
  small.expectLog(/AsyncRequestWorkerFactor is 10: a child of httpd takes 40 WebSockets by TLS \(half of ThreadsPerChild 8 \* 10\) and 1 child is always there.*for 1000 set AsyncRequestWorkerFactor 250/);
  assert.match(errorLog(small), /AsyncRequestWorkerFactor is 10: /);
  assert.doesNotMatch(errorLog(site), /AsyncRequestWorkerFactor is/);
});

test('so many sockets and no more, and other requests never wait', async () => {
  small.expectLog(/a child has as many WebSockets by TLS as AsyncRequestWorkerFactor or the limit of open files leaves it; more are answered 503/);
  const peers = await many(40, () => small.door().open());
  assert.equal(await small.status('ChatPumpedNow'), 40);
  for (let i = 0; i < 10; i++) {
    assert.equal(await small.get(), 200);
  }
  assert.deepEqual(await many(8, () => small.get()), Array(8).fill(200));
  const r = await small.door().ask();
  assert.equal(r.status, 503, r.head);
  assert.match(r.head, /^retry-after: 1/im);
  r.peer.socket.destroy();
  assert.equal(await small.status('ChatPumpFull'), 1);
  peers.pop().socket.destroy();
  await eventually(async () => (await small.status('ChatPumpedNow')) === 39, 'one is gone');
  peers.push(await small.door().open());
  await many(40, (i) => alive(peers[i]));
  peers.forEach((peer) => peer.socket.destroy());
});

test('a low limit of open files is a limit too', async () => {
  const httpd = process.env.CHAT_HTTPD || '/usr/sbin/apache2';
  const limited = small.path('bin', 'limited');
  fs.writeFileSync(limited, `#!/bin/sh\nulimit -n 160\nexec ${httpd} "$@"\n`, { mode: 0o755 });
  await small.stopHttpd();
  process.env.CHAT_HTTPD = limited;
  await small.startHttpd();
  process.env.CHAT_HTTPD = httpd;
  small.expectLog(/the limit of open files is low: a child of httpd takes 32 WebSockets by TLS/);
  assert.match(errorLog(small), /the limit of open files is low: a child of httpd takes 32 /);
  const peers = await many(32, () => small.door().open());
  const r = await small.door().ask();
  assert.equal(r.status, 503, r.head);
  assert.equal(await small.get(), 200);
  [r.peer, ...peers].forEach((peer) => peer.socket.destroy());
  await small.stopHttpd();
  await small.startHttpd();
});

test('chat-push knows who came by TLS', async () => {
  await alive(await small.door().open());
  const { peer, status } = await new Door(small.o.port).ask();
  assert.equal(status, 101);
  const f = await peer.frame();
  assert.equal(f.opcode, CLOSE);
  assert.equal(f.payload.readUInt16BE(0), 4000, 'the app has requireTls');
  peer.socket.destroy();
});
