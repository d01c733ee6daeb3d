// SPDX-License-Identifier: Apache-2.0
//
// Every ready virtual host of conf/sites, started as it stands there: somebody logs
// in, writes, and another one hears it on a socket of pusher-js. One chat-push and
// one database; httpd is started anew with each file and nothing else.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import dns from 'node:dns';
import fs from 'node:fs';
import http from 'node:http';
import { after, test } from 'node:test';
import tls from 'node:tls';
import { Client } from './lib/client.mjs';
import { Pusher, PusherServer, collect, subscribed } from './lib/pusher.mjs';
import { eventually, startSite } from './lib/site.mjs';
import { Door, alive, event, greeted, subscribe } from './lib/upgrade.mjs';
import { folder, freePorts, hostFile, makeCertificate } from './lib/vhosts.mjs';

const [port, pushPort, metricsPort, first, second, ownApp, spare] = await freePorts(7);
const ports = [first, second];
const shop = { id: 'shop', key: 'shop-key', secret: 'the secret of the shop' };
const modules = process.env.CHAT_HTTPD_MODULES || '/usr/lib/apache2/modules';
const load = ['ssl', 'http2', 'remoteip'].map((n) => `LoadModule ${n}_module ${modules}/mod_${n}.so`).join('\n');
// Each child takes as many sockets by TLS as a chat may want.
const factor = 'AsyncRequestWorkerFactor 32';
let ca;
let file = 'plain';
let more = ''; // lines behind the file
let other = null; // a second chat's database and chat-push
const site = await startSite({
  port,
  pushPort,
  metricsPort,
  hostConf: (s) => `${load}\n${factor}\n${hostFile(file, s, ports, other)}\n${more}`,
  before(s) {
    ca = makeCertificate(s);
    fs.mkdirSync(s.path('www'));
    fs.writeFileSync(s.path('www', 'index.html'), '<p>the site as it was</p>');
    // The file gets its second app, which the site knows nothing of.
    const write = s.writePushConf.bind(s);
    s.writePushConf = () => {
      write();
      const at = s.path('conf', 'chat-push.json');
      const conf = JSON.parse(fs.readFileSync(at));
      conf.appManager.array.apps.push(shop);
      fs.writeFileSync(at, JSON.stringify(conf));
    };
  },
});

/** httpd with another file. */
async function serve(name, behind = '') {
  file = name;
  more = behind;
  await site.stopHttpd();
  fs.writeFileSync(site.path('conf', 'httpd.conf'), site.httpdConf());
  await site.startHttpd();
}

// As on the day the names are in the DNS and the authority is known: fetch and
// pusher-js know nothing of a test.
const lookup = dns.lookup;
dns.lookup = (name, options, then) => lookup(name.endsWith('.example.org') ? '127.0.0.1' : name, options, then);
const context = tls.createSecureContext;
tls.createSecureContext = (options = {}) => context({ ...options, ca: options.ca ?? ca });
after(() => {
  dns.lookup = lookup;
  tls.createSecureContext = context;
});

const logIn = async (url, email) => {
  const client = new Client(url);
  const r = await client.post('/chat/token', { email, password: 'password', device_name: 'test' });
  assert.ok(r.json?.token, `${url}: ${r.status} ${r.text}`);
  return new Client(url, { token: r.json.token });
};

/** pusher-js as a page of `url` starts it; authorized as `client`. */
function socket(url, client, { key = site.app.key, headers = {} } = {}) {
  const { protocol, hostname, port: at, pathname } = new URL(url);
  const secure = protocol === 'https:';
  const pusher = new Pusher(key, {
    cluster: 'mt1',
    wsHost: hostname,
    wsPort: Number(at),
    wssPort: Number(at),
    wsPath: pathname.replace(/\/$/, ''),
    forceTLS: secure,
    enabledTransports: ['ws'], // over TLS too, with forceTLS
    disableStats: true,
    channelAuthorization: {
      transport: 'ajax',
      endpoint: `${url}/broadcasting/auth`,
      headers: { Accept: 'application/json', Authorization: `Bearer ${client?.token}`, ...headers },
    },
  });
  after(() => pusher.disconnect());
  return pusher;
}

const conversation = site.people().conversations[0];

/** Somebody writes, the other one hears it. @return what was answered */
async function talk(url, text) {
  const doctor = await logIn(url, 'doctor@example.com');
  const patient = await logIn(url, 'patient@example.com');
  const pusher = socket(url, doctor);
  const seen = collect(await subscribed(pusher, `private-conversation.${conversation.id}`), 'MessageSent');
  const sent = await patient.post(`/chat/conversation/${conversation.id}/message`, { content: text });
  assert.equal(sent.status, 201, sent.text);
  await eventually(() => seen.length, 'the message');
  assert.deepEqual(seen[0].message, sent.json.message);
  pusher.disconnect();
  const file = await fetch(`${url}/chat/conversation/${conversation.id}/attachment`, { method: 'POST',
    headers: { Authorization: `Bearer ${patient.token}`, 'Content-Type': 'text/plain', 'X-File-Name': `${encodeURIComponent(text)}.txt` }, body: `of ${text}` });
  assert.equal(file.status, 201, await file.text());
  return { doctor, patient };
}

const status = async (url, options) => (await fetch(url, { redirect: 'manual', ...options })).status;
const given = () => site.metric('handed_over_total');

test('there is a test of every file', () => {
  const tested = fs.readFileSync(new URL(import.meta.url), 'utf8').match(/serve\('[a-z-]+'/g).map((s) => s.slice(7, -1));
  assert.deepEqual([...new Set(tested)].sort(), fs.readdirSync(folder).map((f) => f.replace('.conf', '')).sort());
});

test('plain: sockets are handed over', async () => {
  await serve('plain');
  const before = await given();
  await talk(`http://chat.example.org:${first}`, 'plain');
  assert.equal(await given(), before + 1);
  assert.equal((await fetch(`http://chat.example.org:${first}/`, { redirect: 'manual' })).headers.get('location'),
    `http://chat.example.org:${first}/chat`);
});

test('TLS: the chat is there by https, and by http is the way to it', async () => {
  site.expectLog(/ssl:warn/);
  await serve('tls');
  const url = `https://chat.example.org:${second}`;
  await talk(url, 'over TLS');
  const r = await fetch(`${url}/chat/login`, {
    method: 'POST',
    headers: { Accept: 'text/html', Origin: url, 'Content-Type': 'application/x-www-form-urlencoded' },
    body: 'email=patient@example.com&password=password',
    redirect: 'manual',
  });
  assert.equal(r.status, 302);
  assert.equal(new URL(r.headers.get('location'), url).pathname, '/chat');
  assert.match(r.headers.get('set-cookie'), /; Path=\/; .*; Secure/);
  assert.match(r.headers.get('strict-transport-security'), /max-age/);
  const plain = await fetch(`http://chat.example.org:${first}/chat`, { redirect: 'manual' });
  assert.equal(plain.status, 301);
  assert.equal(plain.headers.get('location'), 'https://chat.example.org/chat');
});

test('behind a load balancer: addresses are the clients\', cookies Secure, sockets handed over', async () => {
  await serve('behind-proxy');
  // This machine's own checks need no PROXY line.
  const local = `http://127.0.0.1:${first}`;
  assert.equal(await status(`${local}/chat/login`), 200);
  await talk(local, 'behind a load balancer');
  const origin = 'https://chat.example.org';
  const body = 'email=patient@example.com&password=password';
  const login = (from) => `POST /chat/login HTTP/1.1\r\nHost: chat.example.org\r\nOrigin: ${from}\r\nAccept: text/html\r\n`
    + `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const said = async (request) => {
    const peer = await new Door(first).connect();
    peer.send(request);
    const head = await peer.until('an answer', (b) => (b.includes('\r\n\r\n') ? b.toString() : undefined));
    peer.socket.destroy();
    return head;
  };
  const head = await said(login(origin));
  assert.match(head, /^HTTP\/1.1 302 [^]*Set-Cookie: chat_session=.*; Secure/);
  assert.match(await said(login('http://chat.example.org')), /^HTTP\/1.1 419 /, 'a page without TLS is another site');
});

test('a PROXY line tells the client\'s address', async () => {
  // A load balancer is another machine, so nobody is excepted.
  await serve('behind-proxy');
  const text = site.httpdConf();
  const conf = text.replace(/^ *RemoteIPProxyProtocolExceptions .*$/m, '');
  assert.notEqual(conf, text);
  fs.writeFileSync(site.path('conf', 'httpd.conf'), conf);
  await site.stopHttpd();
  await site.startHttpd();
  const before = await given();
  const door = new Door(first, { before: 'PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\n' });
  const peer = await door.open({ Host: 'chat.example.org' });
  await alive(peer);
  assert.equal(await given(), before + 1);
  peer.socket.destroy();
  await eventually(() => /^203\.0\.113\.9 .* 101 /m.test(fs.readFileSync(site.path('logs', 'access.log'), 'utf8')), 'its line in the access log');
});

test('below a path: the whole chat, and the site as it was', async () => {
  await serve('prefix');
  const host = `http://www.example.org:${first}`;
  const url = `${host}/clinic`;
  const before = await given();
  const { patient } = await talk(url, 'below a path');
  assert.equal(await given(), before + 1);
  assert.match(await (await fetch(`${host}/`)).text(), /the site as it was/);
  for (const path of ['/chat', '/chat/login', '/broadcasting/auth', '/chat-assets/js/app.js', '/clinical/chat', '/clinic', '/clinic/']) {
    assert.equal(await status(host + path), 404, path);
  }
  const door = new Door(first);
  for (const [path, wanted] of [['/app/askkey?protocol=7', 404], ['/clinic/app/askkey?protocol=7', 101]]) {
    const r = await door.ask({}, { path });
    r.peer.socket.destroy();
    assert.equal(r.status, wanted, path);
  }
  // Every address that is given out.
  const login = await fetch(`${url}/chat/login`, {
    method: 'POST',
    headers: { Accept: 'text/html', Origin: host, 'Content-Type': 'application/x-www-form-urlencoded' },
    body: 'email=patient@example.com&password=password',
    redirect: 'manual',
  });
  assert.equal(new URL(login.headers.get('location'), host).pathname, '/clinic/chat');
  assert.match(login.headers.get('set-cookie'), /; Path=\/clinic; /);
  const cookie = login.headers.get('set-cookie').split(';')[0];
  const out = await fetch(`${url}/chat`, { headers: { Accept: 'text/html' }, redirect: 'manual' });
  assert.equal(new URL(out.headers.get('location'), host).pathname, '/clinic/chat/login');
  for (const [path, headers] of [['/chat/login', {}], ['/chat', { Cookie: cookie }]]) {
    const page = await (await fetch(url + path, { headers: { Accept: 'text/html', ...headers } })).text();
    const links = [...page.matchAll(/(?:href|src|action)="([^"?]+)/g)].map((m) => m[1]);
    assert.ok(links.length > 4, page);
    for (const link of links) {
      assert.match(link, /^\/clinic\//);
      if (link.includes('chat-assets')) {
        assert.equal(await status(host + link), 200, link);
      }
    }
  }
  const me = await patient.get('/chat/me');
  assert.equal(me.json.push.path, '/clinic/app');
  const messages = await patient.get(`/chat/conversation/${conversation.id}/messages?per_page=1`);
  assert.match(JSON.stringify(messages.json), /"https?:\/\/[^"]*\/clinic\/chat\/conversation\//);
  assert.equal(await status(messages.json.next_page_url, { headers: { Authorization: `Bearer ${patient.token}` } }), 200);
  // Servers publish there too: the proxy takes the path off, so that signatures fit.
  const push = new PusherServer({ appId: site.app.id, key: site.app.key, secret: site.app.secret, host: '127.0.0.1', port: String(pushPort) });
  const signed = push.createSignedQueryString({ method: 'GET', path: `/apps/${site.app.id}/channels`, params: {} });
  assert.equal(await status(`${url}/apps/${site.app.id}/channels?${signed}`), 200);
});

test('below a path of a site that gives everything to an application', async () => {
  const app = http.createServer((q, r) => r.end(`the application: ${q.url}`)).listen(ownApp, '127.0.0.1');
  try {
    const comment = fs.readFileSync(`${folder}/prefix.conf`, 'utf8').match(/^ *#   (ProxyPass .*)\n *#   (ProxyPass .*)$/m);
    await serve('prefix');
    const lines = comment.slice(1).join('\n').replace('127.0.0.1:3000', `127.0.0.1:${ownApp}`);
    fs.writeFileSync(site.path('conf', 'httpd.conf'), site.httpdConf().replace('</VirtualHost>', `${lines}\n</VirtualHost>`));
    await site.stopHttpd();
    await site.startHttpd();
    const host = `http://www.example.org:${first}`;
    const before = await given();
    await talk(`${host}/clinic`, 'beside an application');
    assert.equal(await given(), before + 1);
    assert.equal(await status(`${host}/clinic/chat-assets/js/app.js`), 200);
    assert.equal(await (await fetch(`${host}/chat`)).text(), 'the application: /chat');
  } finally {
    app.closeAllConnections?.();
    app.close();
  }
});

test('two sites: one is the chat, both have sockets, and no channel is the other\'s', async () => {
  await serve('two-sites');
  const clinic = `http://clinic.example.org:${first}`;
  const store = `http://shop.example.org:${second}`;
  const before = await given();
  await talk(clinic, 'two sites');
  assert.equal(await given(), before + 1);
  assert.match(await (await fetch(`${store}/`)).text(), /the site as it was/);
  assert.equal(await status(`${store}/chat/login`), 404);

  const ours = socket(clinic, null);
  const theirs = socket(store, null, { key: shop.key });
  const name = 'news';
  const heard = [collect(await subscribed(ours, name), 'said'), collect(await subscribed(theirs, name), 'said')];
  assert.equal(await given(), before + 3, 'both were handed over');
  const send = (app, url, data) => new PusherServer({ appId: app.id, key: app.key, secret: app.secret, host: '127.0.0.1', port: new URL(url).port })
    .trigger(name, 'said', data);
  await send(site.app, clinic, { by: 'clinic' });
  await send(shop, store, { by: 'shop' });
  await eventually(() => heard[0].length && heard[1].length, 'both');
  assert.deepEqual(heard, [[{ by: 'clinic' }], [{ by: 'shop' }]]);
  await assert.rejects(send({ ...shop, secret: site.app.secret }, store, {}), 'one secret opens one app');
  ours.disconnect();
  theirs.disconnect();

  // Who is logged in at the clinic is nobody in the shop's app, nor on its host.
  const token = (await logIn(clinic, 'doctor@example.com')).token;
  const own = site.people().accounts.find((a) => a.email === 'doctor@example.com').user_id;
  site.expectLog(/AH01630/);
  for (const [at, path, wanted] of [[first, '/app/shop-key', 403], [second, '/app/askkey', 403], [second, '/app/shop-key', 101]]) {
    const { peer, status: got } = await new Door(at).ask({ Authorization: `Bearer ${token}` }, { path: `${path}?protocol=7` });
    assert.equal(got, wanted, path);
    if (got === 101) {
      await greeted(peer);
      peer.send(subscribe(`private-user.${own}`));
      assert.equal((await event(peer)).data.type, 'AuthError');
    }
    peer.socket.destroy();
  }
});

test('the chat is the app whose event log it is', async () => {
  const change = (app) => {
    const conf = JSON.parse(fs.readFileSync(site.path('conf', 'chat-push.json')));
    conf.database.app = app;
    fs.writeFileSync(site.path('conf', 'other.json'), JSON.stringify(conf), { mode: 0o600 });
  };
  change('shop');
  await serve('plain');
  fs.writeFileSync(site.path('conf', 'httpd.conf'), site.httpdConf().replaceAll(/^( *Define CHAT_PUSH_CONFIG) .*$/gm, `$1 "${site.path('conf', 'other.json')}"`));
  await site.stopHttpd();
  await site.startHttpd();
  const me = await (await logIn(`http://chat.example.org:${first}`, 'doctor@example.com')).get('/chat/me');
  assert.equal(me.json.push.key, shop.key);
  change('nobody');
  const r = spawnSync(process.env.CHAT_HTTPD || '/usr/sbin/apache2', ['-t', '-f', site.path('conf', 'httpd.conf')], { encoding: 'utf8', env: { ...process.env, ...site.httpdEnv() } });
  assert.match(r.stderr, /other\.json: database\.app names no app/);
});

test('two chats: log-ins, messages and sockets of the one are nothing to the other', async () => {
  const here = `http://first.example.org:${first}`;
  const there = `http://second.example.org:${second}`;
  // Alike as two new databases are: the same people, conversations and ids.
  other = await startSite({ httpd: false, appConf: { key: 'second-key' } });
  await serve('two-chats');

  const { doctor } = await talk(here, 'in the first');
  const elsewhere = await logIn(there, 'doctor@example.com');
  assert.equal((await new Client(there, { token: doctor.token }).get('/chat/me')).status, 401, 'a token of the other');
  const name = `private-conversation.${conversation.id}`;
  const mine = socket(here, doctor);
  const theirs = socket(there, elsewhere, { key: 'second-key' });
  const heard = [collect(await subscribed(mine, name), 'MessageSent'), collect(await subscribed(theirs, name), 'MessageSent')];
  for (const [i, url] of [here, there].entries()) {
    const patient = await logIn(url, 'patient@example.com');
    assert.equal((await patient.post(`/chat/conversation/${conversation.id}/message`, { content: `to ${i}` })).status, 201);
  }
  await eventually(() => heard[0].length && heard[1].length, 'both');
  assert.deepEqual(heard.map((all) => all.map((e) => e.message.content)), [['to 0'], ['to 1']]);
  assert.equal(await other.metric('handed_over_total'), 1);
  mine.disconnect();
  theirs.disconnect();
  // A key of the first chat's is nobody's on the second host: its chat-push says so.
  const { peer, status: got } = await new Door(second).ask({ Authorization: `Bearer ${doctor.token}` }, { path: `/app/${site.app.key}?protocol=7` });
  assert.equal(got, 101);
  assert.equal((await peer.frame()).payload.readUInt16BE(0), 4001);
  peer.socket.destroy();
  other = null;
  await site.stopHttpd(); // its second host looks at the other's database each second, which goes first
});

test('two chats with a database each cannot share a chat-push', async () => {
  file = 'plain';
  more = `
Listen 127.0.0.1:${spare}
<VirtualHost 127.0.0.1:${spare}>
ChatDatabase "sqlite:${site.path('db', 'other.db')}"
Chat On
ChatHtdocs "${site.path('htdocs')}"
ChatPushConfig "${site.path('conf', 'chat-push.json')}"
</VirtualHost>`;
  const conf = site.path('conf', 'clash.conf');
  fs.writeFileSync(conf, site.httpdConf());
  const r = spawnSync(process.env.CHAT_HTTPD || '/usr/sbin/apache2', ['-t', '-f', conf], { encoding: 'utf8', env: { ...process.env, ...site.httpdEnv() } });
  assert.notEqual(r.status, 0);
  assert.match(r.stderr, /differ in ChatDatabase and hand sockets to one chat-push \(handoff\.path .*handoff\.sock\)/);
});
