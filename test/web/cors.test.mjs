// SPDX-License-Identifier: Apache-2.0
//
// A page of another origin in a real browser, which ChatOrigin names or not: with a bearer
// token it sends, reads a list and asks whether it is the same, uploads and downloads, hears
// by pusher-js and reads what an error says; by a cookie only where the two are of one site.
// The page is nobody's but this test's, served by a server of its own.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { cleanup } from '../site/lib/cleanup.mjs';
import { build, startSite } from '../site/lib/site.mjs';
import { freePort } from '../../dev/site.mjs';
import { startBrowser } from './lib/browser.mjs';

const SCRIPT = `
const site = new URLSearchParams(location.search).get('site');
const token = new URLSearchParams(location.search).get('token');

/** What a script of this page gets to see of an answer. */
window.api = async (path, { headers = {}, bearer = true, binary = false, ...options } = {}) => {
  try {
    const r = await fetch(path.startsWith('http') ? path : site + path, { ...options,
      headers: { ...(bearer && token ? { Authorization: 'Bearer ' + token } : {}), ...headers } });
    const text = await r.text();
    let json = null;
    try { json = JSON.parse(text); } catch {}
    return { status: r.status, headers: Object.fromEntries(r.headers), text, json };
  } catch (e) {
    return { failed: e.name };
  }
};
window.send = (path, body, options = {}) => window.api(path, { method: 'POST', body: JSON.stringify(body), ...options,
  headers: { 'Content-Type': 'application/json', ...options.headers } });

window.heard = [];
/** @return {Promise<string>} what became of the subscription */
window.listen = (channel) => new Promise((done) => {
  const url = new URL(site);
  const pusher = new Pusher('askkey', { cluster: 'mt1', wsHost: url.hostname, wsPort: url.port, forceTLS: false, enabledTransports: ['ws'],
    channelAuthorization: { endpoint: site + '/broadcasting/auth', transport: 'ajax', headers: { Authorization: 'Bearer ' + token } } });
  const c = pusher.subscribe(channel);
  c.bind('MessageSent', (data) => window.heard.push(data.message));
  c.bind('pusher:subscription_succeeded', () => done('subscribed'));
  c.bind('pusher:subscription_error', () => done('refused'));
});

window.picture = (url, mode) => new Promise((done) => {
  const img = new Image();
  img.crossOrigin = mode;
  img.onload = () => done([img.naturalWidth, img.naturalHeight]);
  img.onerror = () => done('blocked');
  img.src = url;
});
window.ready = true;
`;
// One red point.
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';

const files = {
  '/': ['text/html', '<!doctype html><meta charset="utf-8"><title>app</title><script src="/pusher.js"></script><script src="/app.js"></script>'],
  '/app.js': ['text/javascript', SCRIPT],
  '/pusher.js': ['text/javascript', fs.readFileSync(path.join(build, 'htdocs', 'lib', 'pusher.min.js'))],
};

/** A server of one page; `host` is how its origin is written. */
async function serve(host) {
  const port = await freePort();
  const server = http.createServer((req, res) => {
    const [type, body] = files[req.url.split('?')[0]] ?? ['text/plain', null];
    res.writeHead(body === null ? 404 : 200, { 'Content-Type': type }).end(body ?? '');
  });
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  cleanup(() => new Promise((done) => {
    server.close(done);
    server.closeAllConnections();
  }));
  return `http://${host}:${port}`;
}

const near = await serve('127.0.0.1'); // of one site with the chat: another port is no other site
const far = await serve('localhost'); // of another
const evil = await serve('127.0.0.1'); // named by nobody
const site = await startSite({ extraConf: `ChatOrigin ${near} ${far}` });
const { conversations } = site.people();
const conv = conversations[0];
const other = conversations.find((c) => c.patient !== conv.patient && c.doctor !== conv.doctor);
const at = `/chat/conversation/${conv.id}`;
const phone = await site.phone();
const browser = await startBrowser();

/** A page of an origin; `cookie`: its browser is logged in at the chat. */
async function open(origin, { cookie = false, token = phone.token } = {}) {
  const context = await browser.newContext();
  cleanup(() => context.close());
  const page = await context.newPage();
  if (cookie) {
    const client = await site.browser();
    const [name, value] = client.cookie.split('=');
    await context.addCookies([{ name, value, url: site.url, httpOnly: true, sameSite: 'Lax' }]);
  }
  await page.goto(`${origin}/?site=${encodeURIComponent(site.url)}&token=${encodeURIComponent(token)}`);
  await page.waitForFunction(() => window.ready);
  return page;
}

const api = (page, ...args) => page.evaluate((a) => window.api(...a), args);
const send = (page, ...args) => page.evaluate((a) => window.send(...a), args);
const isBlocked = (r, what) => assert.deepEqual(r, { failed: 'TypeError' }, `${what}: ${JSON.stringify(r)}`);

for (const [what, origin] of [['another port', near], ['another site', far]]) {
  test(`with a token a page of ${what} sends and reads`, async () => {
    const page = await open(origin);
    const sent = await send(page, `${at}/message`, { content: `from ${origin}`, type: 'text' });
    assert.equal(sent.status, 201, JSON.stringify(sent));
    assert.equal(sent.json.message.content, `from ${origin}`);
    assert.match(sent.headers['ratelimit-remaining'], /^[0-9]+$/);

    const list = await api(page, `${at}/messages`);
    assert.equal(list.status, 200);
    assert.equal(list.json.data[0].content, `from ${origin}`);
    const same = await api(page, `${at}/messages`, { headers: { 'If-None-Match': list.headers.etag } });
    assert.deepEqual([same.status, same.text], [304, '']);

    // By another method, by one that no form has, and with no body.
    const url = `${at}/message/${sent.json.message.id}`;
    const changed = await send(page, url, { content: 'better' }, { method: 'PATCH' });
    assert.equal(changed.json.message.content, 'better', JSON.stringify(changed));
    const reaction = await send(page, `${url}/reaction`, { emoji: '👍' }, { method: 'PUT' });
    assert.equal(reaction.status, 200, JSON.stringify(reaction));
    assert.ok((await api(page, url, { method: 'DELETE' })).json.message.deleted_at);
  });

  test(`a page of ${what} reads what an error says`, async () => {
    const page = await open(origin);
    const empty = await send(page, `${at}/message`, {});
    assert.equal(empty.status, 422);
    assert.ok(Array.isArray(empty.json.errors.content));
    const nobody = await api(page, '/chat', { bearer: false });
    assert.deepEqual([nobody.status, nobody.json.error], [401, 'log in first']);
    assert.equal((await api(page, `/chat/conversation/${other.id}`)).status, 404);
    const method = await api(page, '/chat/me', { method: 'DELETE' });
    assert.deepEqual([method.status, method.headers.allow], [405, 'GET, HEAD']);
    assert.equal((await api(page, '/chat/conversation/%2F', { bearer: false })).status, 404); // httpd's own
  });

  test(`a page of ${what} uploads, and shows what it has fetched`, async () => {
    const page = await open(origin);
    const up = await page.evaluate(async ([url, png]) => {
      const bytes = Uint8Array.from(atob(png), (c) => c.charCodeAt(0));
      const form = new FormData();
      form.append('content', 'look');
      form.append('files[]', new Blob([bytes], { type: 'image/png' }), 'point.png');
      const sent = await window.api(url + '/message', { method: 'POST', body: form });
      const raw = await window.api(url + '/attachment', { method: 'POST', body: new Blob([bytes], { type: 'image/png' }), headers: { 'Content-Type': 'image/png', 'X-File-Name': 'raw.png' } });
      return { sent, raw };
    }, [at, PNG]);
    assert.equal(up.sent.status, 201, JSON.stringify(up.sent));
    assert.equal(up.raw.status, 201, JSON.stringify(up.raw));
    const file = `/chat/attachment/${up.sent.json.message.attachments[0].id}`;

    const got = await api(page, file, { headers: { Range: 'bytes=1-3' } });
    assert.deepEqual([got.status, got.text], [206, 'PNG']);
    assert.match(got.headers['content-range'], /^bytes 1-3\//);
    assert.match(got.headers['content-disposition'], /point\.png/);
    const { json } = await send(page, `${file}/link`, {});
    const url = new URL(json.url, site.url).href;
    const shown = (mode) => page.evaluate(([u, m]) => window.picture(u, m), [url, mode]);
    assert.deepEqual(await shown('anonymous'), [1, 1]);
    assert.equal(await shown(null), 'blocked'); // Cross-Origin-Resource-Policy
  });

  test(`a page of ${what} joins a channel and hears`, async () => {
    const page = await open(origin);
    assert.equal(await page.evaluate((c) => window.listen(c), `private-conversation.${conv.id}`), 'subscribed');
    assert.equal(await page.evaluate((c) => window.listen(c), `private-conversation.${other.id}`), 'refused');
    const sent = await send(page, `${at}/message`, { content: `heard at ${origin}` });
    await page.waitForFunction(() => window.heard.length);
    const [heard] = await page.evaluate(() => window.heard);
    assert.deepEqual(heard, sent.json.message);
  });
}

test('a page that logs in itself gets a token', async () => {
  const page = await open(far, { token: '' });
  const r = await send(page, '/chat/token', { email: 'patient@example.com', password: 'password', device_name: 'app' });
  assert.equal(r.status, 201, JSON.stringify(r));
  const me = await api(page, '/chat/me', { headers: { Authorization: `Bearer ${r.json.token}` } });
  assert.equal(me.json.user.email, 'patient@example.com');
});

test('a cookie goes along from another host of the site, and needs its CSRF token', async () => {
  const page = await open(near, { cookie: true, token: '' });
  const cookie = { bearer: false, credentials: 'include' };
  const me = await api(page, '/chat/me', cookie);
  assert.equal(me.status, 200, JSON.stringify(me));
  const refused = await send(page, `${at}/message`, { content: 'no token' }, cookie);
  assert.equal(refused.status, 419);
  assert.match(refused.json.error, /CSRF/);
  const sent = await send(page, `${at}/message`, { content: 'by cookie' }, { ...cookie, headers: { 'X-CSRF-TOKEN': me.json.csrf_token } });
  assert.equal(sent.status, 201, JSON.stringify(sent));
  assert.equal((await api(page, '/chat/me', { bearer: false })).status, 401); // not unasked
});

test('from another site no cookie goes along: SameSite=Lax', async () => {
  const page = await open(far, { cookie: true, token: '' });
  const r = await api(page, '/chat/me', { bearer: false, credentials: 'include' });
  assert.equal(r.status, 401, JSON.stringify(r));
});

test('a page that nobody has named can do nothing of it', async () => {
  const page = await open(evil, { cookie: true });
  const before = (await phone.get(`${at}/messages`)).json.total;
  isBlocked(await api(page, '/chat'), 'list');
  isBlocked(await send(page, `${at}/message`, { content: 'from nobody' }), 'message');
  isBlocked(await send(page, `${at}/message`, {}), 'error');
  isBlocked(await api(page, `${at}/messages`, { headers: { 'If-None-Match': '"x"' } }), '304');
  isBlocked(await api(page, `${at}/attachment`, { method: 'POST', body: 'x', headers: { 'X-File-Name': 'x.txt' } }), 'upload');
  isBlocked(await api(page, '/chat/me', { bearer: false, credentials: 'include' }), 'cookie');
  isBlocked(await api(page, '/chat/nothing'), 'what is not there');
  isBlocked(await send(page, '/chat/token', { email: 'patient@example.com', password: 'password' }), 'log-in');
  // What a form could send arrives, with the cookie; and is refused, and not shown.
  isBlocked(await api(page, `${at}/message`, { bearer: false, method: 'POST', credentials: 'include', body: 'content=forged', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }), 'form');
  assert.equal(await page.evaluate((c) => window.listen(c), `private-conversation.${conv.id}`), 'refused');
  assert.equal((await phone.get(`${at}/messages`)).json.total, before);
});
