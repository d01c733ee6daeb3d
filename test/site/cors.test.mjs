// SPDX-License-Identifier: Apache-2.0
//
// Pages of another origin that ChatOrigin names may use every URL of the chat, with a
// bearer token or a cookie: their browser is told so before (the preflight) and with every
// answer, errors included. Pages of all others are told nothing, and for the site's own
// nothing is different. The requests are written by hand, as browsers send them.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { contract, check } from './lib/contract.mjs';
import { eventually, startSite } from './lib/site.mjs';
import { freePort } from '../../dev/site.mjs';

const modules = process.env.CHAT_HTTPD_MODULES || '/usr/lib/apache2/modules';
const httpd = process.env.CHAT_HTTPD || '/usr/sbin/apache2';
const app = 'https://app.example.org';
const named = [app, 'https://app.example.org:8443', 'http://[2001:db8::1]:3000', 'capacitor://localhost', 'ionic://localhost', 'http://localhost', 'app://-'];
const foreign = ['https://evil.example', 'null', 'http://app.example.org', `${app}.evil.example`, `${app}:444`, 'https://example.org',
  'https://APP.example.org.', 'capacitor://localhost.evil.example', 'capacitor://localhost:80', 'file://', `${app}/`, `${app} ${app}`, '*', '', 'https://[::1', `${app}\u00a0`];
const guarded = await freePort();
const small = await freePort();
const bare = await freePort();
const below = await freePort();
const site = await startSite({
  extraConf: `ChatOrigin HTTPS://App.Example.org:443 https://app.example.org:8443
ChatOrigin http://[2001:DB8:0:0:0:0:0:1]:3000 capacitor://localhost ionic://localhost http://localhost app://-
LoadModule auth_basic_module ${modules}/mod_auth_basic.so
LoadModule authn_file_module ${modules}/mod_authn_file.so
LoadModule authz_user_module ${modules}/mod_authz_user.so
LoadModule request_module ${modules}/mod_request.so
LoadModule session_module ${modules}/mod_session.so
LoadModule auth_form_module ${modules}/mod_auth_form.so
LoadModule rewrite_module ${modules}/mod_rewrite.so
LoadModule http2_module ${modules}/mod_http2.so
Listen 127.0.0.1:${guarded}
<VirtualHost 127.0.0.1:${guarded}>
<Location "/">
AuthType Basic
AuthName chat
AuthBasicProvider file
AuthUserFile conf/people
Require valid-user
</Location>
</VirtualHost>
Listen 127.0.0.1:${small}
<VirtualHost 127.0.0.1:${small}>
Protocols h2c http/1.1
ChatRequestRate 60 1
LimitRequestBody 2000
<Location "/chat/me">
Chat Off
</Location>
Header always merge Access-Control-Allow-Headers traceparent
</VirtualHost>
Listen 127.0.0.1:${below}
<VirtualHost 127.0.0.1:${below}>
ChatPrefix /clinic/
RewriteEngine On
RewriteRule ^/clinic/chat/sync - [F]
<Location "/clinic/chat/me">
AuthType form
AuthName chat
AuthFormProvider file
AuthUserFile conf/people
AuthFormLoginRequiredLocation /elsewhere
Require valid-user
</Location>
<Location "/clinic/chat/search">
Require all denied
</Location>
</VirtualHost>
Listen 127.0.0.1:${bare}
<VirtualHost 127.0.0.1:${bare}>
ChatOrigin https://other.example
</VirtualHost>`,
  before(s) {
    fs.mkdirSync(s.path('conf'), { recursive: true });
    fs.writeFileSync(s.path('conf', 'people'), 'patient@example.com:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n'); // secret
  },
});
const { conversations } = site.people();
const conv = conversations[0];
const stranger = conversations.find((c) => c.patient !== conv.patient && c.doctor !== conv.doctor);
const phone = await site.phone();
const browser = await site.browser();
const at = `/chat/conversation/${conv.id}`;
const bearer = { Authorization: `Bearer ${phone.token}` };

/** One request as it stands; what it is answered is held against the contract. */
function raw(method, path, headers = {}, body = null, { port = site.o.port, judge = true } = {}) {
  return new Promise((resolve, reject) => {
    const req = http.request({ host: '127.0.0.1', port, method, path, headers: { Accept: 'application/json', Connection: 'close', ...headers } }, (res) => {
      const parts = [];
      res.on('data', (d) => parts.push(d)).on('error', reject).on('end', () => {
        const text = Buffer.concat(parts).toString();
        let json = null;
        try {
          json = JSON.parse(text);
        } catch {
          // none
        }
        if (judge) {
          try {
            check(method, path, { status: res.statusCode, headers: new Headers(res.headers), text, json });
          } catch (e) {
            reject(e);
            return;
          }
        }
        resolve({ status: res.statusCode, headers: res.headers, text, json });
      });
    });
    req.on('error', reject);
    req.end(body);
  });
}

const words = (header) => (header ?? '').toLowerCase().split(/ *, */).filter(Boolean);
const corsOf = (r) => Object.keys(r.headers).filter((h) => h.startsWith('access-control-'));

/** The answer may be read by a page of this origin, with cookies. */
function isReadable(r, origin, what) {
  assert.equal(r.headers['access-control-allow-origin'], origin, what);
  assert.equal(r.headers['access-control-allow-credentials'], 'true', what);
  assert.ok(words(r.headers.vary).includes('origin'), `${what}: Vary: ${r.headers.vary}`);
  const exposed = words(r.headers['access-control-expose-headers']);
  for (const name of ['etag', 'retry-after', 'ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset', 'ratelimit-policy', 'location', 'content-disposition', 'content-range', 'accept-ranges']) {
    assert.ok(exposed.includes(name), `${what}: ${name} is not exposed`);
  }
}

function isSilent(r, what) {
  assert.deepEqual(corsOf(r), [], what);
  assert.ok(!words(r.headers.vary).includes('origin'), `${what}: Vary: ${r.headers.vary}`);
}

const ask = (path, origin, method = 'POST', headers = 'authorization, content-type', options) =>
  raw('OPTIONS', path, { Origin: origin, 'Access-Control-Request-Method': method, 'Access-Control-Request-Headers': headers }, null, options);

/** Every URL of the chat with the methods it has. */
const everyUrl = Object.entries(contract.paths).map(([template, item]) => ({
  url: template.replace('{conversation}', conv.id).replace(/\{[a-z_]+\}/g, '1'),
  methods: Object.keys(item).filter((k) => k !== 'parameters').map((k) => k.toUpperCase()),
}));

// --- asking before ---------------------------------------------------------------------

test('a preflight is answered at every URL, to nobody in particular', async () => {
  assert.ok(everyUrl.length > 35);
  for (const { url, methods } of everyUrl) {
    for (const method of methods) {
      const r = await ask(url, app, method);
      assert.equal(r.status, 204, `${method} ${url}: ${r.text}`);
      assert.equal(r.text, '');
      assert.equal(r.headers['content-type'], undefined);
      assert.equal(r.headers['access-control-allow-origin'], app);
      assert.equal(r.headers['access-control-allow-credentials'], 'true');
      assert.ok(words(r.headers['access-control-allow-methods']).includes(method.toLowerCase()));
      assert.ok(Number(r.headers['access-control-max-age']) >= 600);
      assert.equal(r.headers['set-cookie'], undefined);
      for (const name of ['origin', 'access-control-request-method', 'access-control-request-headers']) {
        assert.ok(words(r.headers.vary).includes(name), r.headers.vary);
      }
    }
  }
});

test('what the routes read may be sent', async () => {
  const allowed = words((await ask('/chat', app)).headers['access-control-allow-headers']);
  for (const name of ['authorization', 'content-type', 'x-csrf-token', 'x-xsrf-token', 'x-socket-id', 'x-requested-with', 'x-file-name', 'content-disposition',
    'if-none-match', 'if-modified-since', 'if-range', 'range']) {
    assert.ok(allowed.includes(name), name);
  }
  // What only chat-push and proxies say is nothing for a page.
  assert.ok(!allowed.some((name) => /^(x-chat|x-forwarded|cookie|\*)/.test(name)), allowed.join());
});

test('each origin that is named, as browsers and web views send it', async () => {
  for (const origin of named) {
    const r = await ask(`${at}/message`, origin);
    assert.equal(r.status, 204, origin);
    assert.equal(r.headers['access-control-allow-origin'], origin);
    isReadable(await raw('GET', '/chat/me', { ...bearer, Origin: origin }), origin, origin);
  }
});

test('an origin that is not named is told nothing', async () => {
  for (const origin of foreign) {
    const r = await ask(`${at}/message`, origin);
    assert.equal(r.status, 405, origin);
    assert.equal(r.headers.allow, 'POST');
    isSilent(r, origin);
    const got = await raw('GET', '/chat/me', { ...bearer, Origin: origin });
    assert.equal(got.status, 200);
    isSilent(got, origin);
  }
  const twice = await new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port: site.o.port, path: '/chat/me', headers: ['Host', 'x', 'Origin', app, 'Origin', 'https://evil.example', 'Connection', 'close'] }, resolve).on('error', reject);
  });
  isSilent(twice.resume(), 'two Origins');
});

test('OPTIONS that is no preflight is what it was', async () => {
  for (const headers of [{}, { Origin: app }, { 'Access-Control-Request-Method': 'POST' }, { Origin: 'https://evil.example' }]) {
    const r = await raw('OPTIONS', `${at}/message`, headers);
    assert.equal(r.status, 405, JSON.stringify(headers));
    assert.equal(r.headers.allow, 'POST');
    assert.equal(typeof r.json.error, 'string');
  }
  const other = await raw('GET', '/chat/me', { ...bearer, Origin: app, 'Access-Control-Request-Method': 'POST' });
  assert.equal(other.status, 200); // by another method it is none
});

test('where there is no such URL a page can read that, too', async () => {
  assert.equal((await ask('/chat/nothing/here', app, 'GET')).status, 204);
  const r = await raw('GET', '/chat/nothing/here', { ...bearer, Origin: app });
  assert.equal(r.status, 404);
  isReadable(r, app, '404');
  const method = await raw('PUT', '/chat/me', { ...bearer, Origin: app });
  assert.equal(method.status, 405);
  isReadable(method, app, '405');
  assert.ok(words(method.headers['access-control-expose-headers']).includes('allow'));
  const outside = await ask('/elsewhere', app, 'GET');
  isSilent(outside, 'not ours');
});

test('each host has origins of its own', async () => {
  const other = { port: bare, judge: false };
  assert.equal((await ask('/chat', app, 'GET', '', other)).status, 405);
  isSilent(await raw('GET', '/chat/me', { ...bearer, Origin: app }, null, other), 'not of this host');
  assert.equal((await ask('/chat', 'https://other.example', 'GET', '', other)).status, 204);
});

test('a preflight with a body is answered and the connection ends', async () => {
  const r = await raw('OPTIONS', '/chat', { Origin: app, 'Access-Control-Request-Method': 'GET', Connection: 'keep-alive', 'Content-Length': '10' }, '0123456789');
  assert.equal(r.status, 204);
  assert.equal(r.headers.connection, 'close');
});

test('where Apache asks for a password it does not ask the preflight', async () => {
  const other = { port: guarded, judge: false };
  const r = await ask(`${at}/message`, app, 'POST', 'content-type', other);
  assert.equal(r.status, 204);
  assert.equal(r.headers['www-authenticate'], undefined);
  // Nobody else gets by.
  for (const [method, headers] of [['OPTIONS', { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'POST' }], ['OPTIONS', { Origin: app }], ['OPTIONS', {}], ['GET', { Origin: app, 'Access-Control-Request-Method': 'POST' }]]) {
    const refused = await raw(method, `${at}/message`, headers, null, other);
    assert.equal(refused.status, 401, `${method} ${JSON.stringify(headers)}`);
    if (headers.Origin === app) {
      isReadable(refused, app, '401 of Apache');
    }
    else {
      isSilent(refused, '401 of Apache');
    }
  }
  const outside = await raw('OPTIONS', '/elsewhere', { Origin: app, 'Access-Control-Request-Method': 'POST' }, null, other);
  assert.equal(outside.status, 401);
  // By Apache's log-in a page writes with a CSRF token only, as ever.
  const basic = { Authorization: `Basic ${Buffer.from('patient@example.com:secret').toString('base64')}`, Origin: app };
  const me = await raw('GET', '/chat/me', basic, null, other);
  assert.equal(me.status, 200);
  isReadable(me, app, 'Basic');
  const json = { ...basic, 'Content-Type': 'application/json' };
  assert.equal((await raw('POST', `${at}/typing`, json, '{}', other)).status, 419);
  assert.equal((await raw('POST', `${at}/typing`, { ...json, 'X-CSRF-TOKEN': me.json.csrf_token }, '{}', other)).status, 200);
});

test('below a path, and with whatever else stands before the chat', async () => {
  const other = { port: below, judge: false };
  site.expectLog(/AH01630: client denied by server configuration: \/clinic\/chat\/search/);
  for (const url of ['/clinic/chat', `/clinic${at}/message`, '/clinic/broadcasting/auth', '/clinic/chat/me', '/clinic/chat/search']) {
    assert.equal((await ask(url, app, 'GET', 'authorization', other)).status, 204, url);
  }
  isSilent(await ask('/chat', app, 'GET', '', other), 'not below it');
  isReadable(await raw('GET', '/clinic/chat', { ...bearer, Origin: app }, null, other), app, 'below it');
  for (const [url, status] of [['/clinic/chat/me', 302], ['/clinic/chat/search?q=x', 403], ['/clinic/chat/sync', 403]]) {
    const r = await raw('GET', url, { ...bearer, Origin: app }, null, other);
    assert.equal(r.status, status, url); // a form, an access rule, mod_rewrite
    isReadable(r, app, url);
    isSilent(await raw('GET', url, { ...bearer, Origin: 'https://evil.example' }, null, other), url);
  }
});

test('Chat Off of a part stays off, and mod_headers can add to what is allowed', async () => {
  const off = await ask('/chat/me', app, 'GET', '', { port: small, judge: false });
  assert.equal(off.headers['access-control-allow-origin'], undefined); // mod_headers adds its own word everywhere
  const r = await ask('/chat', app, 'GET', 'traceparent', { port: small, judge: false });
  assert.equal(r.status, 204);
  assert.ok(words(r.headers['access-control-allow-headers']).includes('traceparent'));
  assert.ok(words(r.headers['access-control-allow-headers']).includes('authorization'));
});

// --- every answer ----------------------------------------------------------------------

test('a bearer token needs no CSRF token, a cookie does', async () => {
  const json = { Origin: app, 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'cross-site' };
  const sent = await raw('POST', `${at}/message`, { ...bearer, ...json }, JSON.stringify({ content: 'from elsewhere', client_id: 'cors-1' }));
  assert.equal(sent.status, 201, sent.text);
  isReadable(sent, app, '201');
  const again = await raw('POST', `${at}/message`, { ...bearer, ...json }, JSON.stringify({ content: 'something else', client_id: 'cors-1' }));
  assert.equal(again.status, 409);
  isReadable(again, app, '409');
  const cookie = { Cookie: browser.cookie, ...json };
  const none = await raw('POST', `${at}/typing`, cookie, '{}');
  assert.equal(none.status, 419);
  isReadable(none, app, '419');
  // It can read the token by what it was told it may.
  const me = await raw('GET', '/chat/me', { Cookie: browser.cookie, Origin: app });
  assert.equal(me.json.csrf_token, browser.csrf);
  const ok = await raw('POST', `${at}/typing`, { ...cookie, 'X-CSRF-TOKEN': browser.csrf }, '{}');
  assert.equal(ok.status, 200, ok.text);
  isReadable(ok, app, '200');
  const evil = await raw('POST', `${at}/typing`, { ...cookie, 'X-CSRF-TOKEN': browser.csrf, Origin: 'https://evil.example' }, '{}');
  assert.equal(evil.status, 419);
  isSilent(evil, '419 of another');
});

test('an app of its own scheme acts with a cookie and a CSRF token as well', async () => {
  for (const origin of ['capacitor://localhost', 'app://-']) {
    const json = { Cookie: browser.cookie, Origin: origin, 'Content-Type': 'application/json' };
    assert.equal((await raw('POST', `${at}/typing`, json, '{}')).status, 419);
    assert.equal((await raw('POST', `${at}/typing`, { ...json, 'X-CSRF-TOKEN': browser.csrf }, '{}')).status, 200);
  }
});

test('errors can be read, with what they say in headers', async () => {
  const json = { ...bearer, Origin: app, 'Content-Type': 'application/json' };
  const talk = (body, headers = {}) => raw('POST', `${at}/message`, { ...json, ...headers }, body);
  for (const [status, r] of [
    [400, await talk('{')],
    [400, await raw('GET', '/chat?%zz', { ...bearer, Origin: app })],
    [401, await raw('GET', '/chat', { Origin: app })],
    [401, await raw('GET', '/chat', { Origin: app, Authorization: 'Bearer wrong' })],
    [403, await raw('POST', '/broadcasting/auth', json, JSON.stringify({ socket_id: '1.2', channel_name: 'private-nothing' }))],
    [404, await raw('GET', `/chat/conversation/${stranger.id}`, { ...bearer, Origin: app })],
    [413, await talk(JSON.stringify({ content: 'x'.repeat(70000) }))],
    [415, await talk('x', { 'Content-Type': 'text/xml' })],
    [422, await talk('{}')],
  ]) {
    assert.equal(r.status, status, r.text);
    assert.equal(typeof r.json.error, 'string');
    isReadable(r, app, String(status));
  }
  // The page is told who it is not: httpd's own way to say so is for browsers on their way.
  const page = await raw('GET', '/chat', { Origin: app, Accept: 'text/html' });
  assert.equal(page.status, 302);
  isReadable(page, app, '302');
});

test('what httpd refuses by itself can be read as well', async () => {
  const escaped = await raw('GET', '/chat/conversation/%2F', { ...bearer, Origin: app });
  assert.equal(escaped.status, 404);
  isReadable(escaped, app, '%2F');
  isSilent(await raw('GET', '/chat/conversation/%2F', { ...bearer, Origin: 'https://evil.example' }), '%2F');
  const html = await raw('GET', '/chat/conversation/%2F', { Origin: app, Accept: 'text/html' }, null, { judge: false });
  assert.equal(html.status, 404);
  isReadable(html, app, '%2F as a page');
  const other = { port: small, judge: false };
  const large = await raw('POST', `${at}/message`, { ...bearer, Origin: app, 'Content-Type': 'application/json' }, JSON.stringify({ content: 'x'.repeat(3000) }), other);
  assert.equal(large.status, 413);
  isReadable(large, app, 'LimitRequestBody');
});

test('too many requests: 429 can be read, and preflights are none of them', async () => {
  const other = { port: small, judge: false };
  const limited = await eventually(async () => {
    const r = await raw('GET', '/chat', { ...bearer, Origin: app }, null, other);
    return r.status === 429 && r;
  }, '429');
  isReadable(limited, app, '429');
  assert.ok(limited.headers['retry-after'] && limited.headers['ratelimit-limit']);
  for (let i = 0; i < 5; i++) {
    assert.equal((await ask('/chat', app, 'GET', '', other)).status, 204);
  }
});

test('by HTTP/2 it is the same', async () => {
  const curl = (...args) => execFileSync('curl', ['-s', '-i', '--http2-prior-knowledge', '-H', `Origin: ${app}`, ...args, `http://127.0.0.1:${small}/chat`], { encoding: 'utf8' });
  const asked = curl('-X', 'OPTIONS', '-H', 'Access-Control-Request-Method: GET', '-H', 'Access-Control-Request-Headers: authorization');
  assert.match(asked, /^HTTP\/2 204/);
  assert.match(asked, /^access-control-allow-origin: https:\/\/app\.example\.org\r$/m);
  assert.match(asked, /^access-control-allow-headers: .*Authorization/m);
  const refused = curl();
  assert.match(refused, /^HTTP\/2 4(01|29)/);
  assert.match(refused, /^access-control-allow-origin: https:\/\/app\.example\.org\r$/m);
});

test('what is not modified, and a part of a file', async () => {
  const mine = { ...bearer, Origin: app };
  const list = await raw('GET', '/chat', mine);
  isReadable(list, app, 'list');
  const same = await raw('GET', '/chat', { ...mine, 'If-None-Match': list.headers.etag });
  assert.equal(same.status, 304);
  isReadable(same, app, '304');
  isSilent(await raw('GET', '/chat', { ...bearer, 'If-None-Match': list.headers.etag }), '304 of our own');

  const up = await raw('POST', `${at}/attachment`, { ...mine, 'Content-Type': 'text/plain', 'X-File-Name': 'notes.txt' }, 'a file of another origin\n');
  assert.ok([201, 202].includes(up.status), up.text);
  isReadable(up, app, 'upload');
  const file = `/chat/attachment/${up.json.attachment.id}`;
  const whole = await eventually(async () => {
    const r = await raw('GET', file, mine);
    return r.status === 200 && r;
  }, 'the file is clean');
  isReadable(whole, app, 'file');
  assert.equal(whole.headers['cross-origin-resource-policy'], 'same-origin');
  const part = await raw('GET', file, { ...mine, Range: 'bytes=2-5' });
  assert.equal(part.status, 206);
  assert.equal(part.text, 'file');
  isReadable(part, app, '206');
  const known = await raw('GET', file, { ...mine, 'If-None-Match': whole.headers.etag });
  assert.equal(known.status, 304);
  isReadable(known, app, '304 of a file');
  const beyond = await raw('GET', file, { ...mine, Range: 'bytes=9999-' }, null, { judge: false });
  assert.equal(beyond.status, 416);
  isReadable(beyond, app, '416');
  const link = await raw('POST', `${file}/link`, { ...mine, 'Content-Type': 'application/json' }, '{}');
  const { pathname, search } = new URL(link.json.url, site.url);
  isReadable(await raw('GET', pathname + search, { Origin: app }), app, 'link');
  isReadable(await raw('GET', `${pathname}?${search.slice(1).replace(/signature=./, 'signature=x')}`, { Origin: app }), app, 'wrong link');
  assert.equal((await raw('DELETE', file, { ...mine })).status, 200);
});

test('logging in and channels', async () => {
  const json = { Origin: app, 'Content-Type': 'application/json' };
  const token = await raw('POST', '/chat/token', json, JSON.stringify({ email: 'patient@example.com', password: 'password', device_name: 'app' }));
  assert.equal(token.status, 201);
  isReadable(token, app, 'token');
  const wrong = await raw('POST', '/chat/token', json, JSON.stringify({ email: 'patient@example.com', password: 'wrong' }));
  assert.equal(wrong.status, 422);
  isReadable(wrong, app, 'wrong password');
  const session = await raw('POST', '/chat/login', json, JSON.stringify({ email: 'patient@example.com', password: 'password' }));
  assert.equal(session.status, 200);
  isReadable(session, app, 'log-in');
  assert.match(session.headers['set-cookie'][0], /SameSite=Lax/);
  const evil = await raw('POST', '/chat/login', { ...json, Origin: 'https://evil.example' }, JSON.stringify({ email: 'patient@example.com', password: 'password' }));
  assert.equal(evil.status, 419);
  isSilent(evil, 'log-in of another');
  for (const [url, body] of [['/broadcasting/auth', `socket_id=1.2&channel_name=private-user.${conv.patient}`], ['/pusher/auth', `socket_id=1.2&channel_name=private-user.${conv.patient}`], ['/pusher/user-auth', 'socket_id=1.2']]) {
    const r = await raw('POST', url, { ...bearer, Origin: app, 'Content-Type': 'application/x-www-form-urlencoded' }, body);
    assert.equal(r.status, 200, r.text);
    isReadable(r, app, url);
  }
});

test('for the site itself, and for who says no Origin, nothing is different', async () => {
  for (const headers of [{}, { Origin: site.url }]) {
    isSilent(await raw('GET', '/chat', { ...bearer, ...headers }), 'own');
    isSilent(await raw('GET', '/chat', headers), 'own, 401');
    isSilent(await raw('POST', `${at}/typing`, { Cookie: browser.cookie, 'X-CSRF-TOKEN': browser.csrf, 'Content-Type': 'application/json', ...headers }, '{}'), 'own, cookie');
    isSilent(await raw('GET', '/chat/conversation/%2F', headers), 'own, httpd');
  }
});

test('what goes wrong on our side can be read', async () => {
  site.expectLog(/looking up who is asking/);
  site.sql('ALTER TABLE personal_access_tokens RENAME TO tokens_elsewhere;');
  try {
    const r = await raw('GET', '/chat', { ...bearer, Origin: app });
    assert.equal(r.status, 500, r.text);
    isReadable(r, app, '500');
    assert.equal((await ask('/chat', app, 'GET')).status, 204);
  } finally {
    site.sql('ALTER TABLE tokens_elsewhere RENAME TO personal_access_tokens;');
  }
  assert.equal((await raw('GET', '/chat', { ...bearer, Origin: app })).status, 200);
});

// --- saying it -------------------------------------------------------------------------

test('what is no origin is refused at configuration, with the reason', () => {
  const conf = path.join(site.dir, 'conf', 'wrong.conf');
  const said = (arg) => {
    fs.writeFileSync(conf, `${site.httpdConf()}\nChatOrigin "${arg}"\n`);
    const r = spawnSync(httpd, ['-t', '-f', conf], { encoding: 'utf8', env: { ...process.env, ...site.httpdEnv() } });
    return { ok: r.status === 0, text: r.stderr };
  };
  for (const [arg, why] of [
    ['*', /wildcards/], ['https://*.example.org', /wildcards/], ['null', /null is sent for files/], ['NULL', /null is sent/], ['app.example.org', /begins with no scheme/],
    ['//app.example.org', /begins with no scheme/], ['https:app.example.org', /begins with no scheme/], [`${app}/`, /no slash/], [`${app}/path`, /no slash/],
    [`${app}?x`, /no slash/], ['https://user@app.example.org', /no host, or no port/], ['https://', /no host/], ['https://:443', /no host/], ['app://', /no host/],
    [`${app}:`, /no port/], [`${app}:0`, /no port/], [`${app}:65536`, /no port/], [`${app}:http`, /no port/], ['http://[::1', /no host/], ['http://[1:2]', /no host/],
    ['http://[fe80::1%25eth0]', /no host/], ['file://', /tell nobody/], ['file://localhost', /tell nobody/], ['data://x', /tell nobody/], ['wss://app.example.org', /WebSocket/],
    ['https://bücher.example', /xn--/], ['https://app.example.org https://b.example.org', /nothing stands behind/],
  ]) {
    const { ok, text } = said(arg);
    assert.ok(!ok, `${arg} was taken`);
    assert.match(text, why, arg);
    assert.match(text, /ChatOrigin: .* is not of the form scheme:\/\/host\[:port\]/, arg);
  }
  for (const arg of [app, 'HTTPS://App.Example.ORG:443', 'http://localhost:8100', 'http://[::1]:3000', 'http://127.0.0.1', 'capacitor://localhost', 'ionic://localhost',
    'app://-', 'tauri://localhost', 'chrome-extension://abcdefghijklmnopabcdefghijklmnop', 'https://xn--bcher-kva.example']) {
    assert.ok(said(arg).ok, `${arg}: ${said(arg).text}`);
  }
});
