// SPDX-License-Identifier: Apache-2.0
//
// Points 14 to 18 of the checklist in doc/security.md: HTTP and the chat. Each test shows
// every half sentence of its point at a real site; other files try the same in depth.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../../dev/site.mjs';
import { Client } from './lib/client.mjs';
import { startSite } from './lib/site.mjs';
import { png } from './lib/upload.mjs';

const site = await startSite({ extraConf: 'ChatSendRate off\nChatLoginRate 4 900' });
const { conversations } = site.people();
const conv = conversations[0];
const other = conversations.find((c) => c.patient !== conv.patient && c.doctor !== conv.doctor);
const at = `/chat/conversation/${conv.id}`;
const patient = await site.phone(); // point 17 closes the door
const count = () => site.sql('SELECT count(*) FROM messages;').trim();

test('14. a POST with a cookie needs the CSRF token; cookies are SameSite, HttpOnly, Secure under TLS; bearer routes ignore cookies', async () => {
  const browser = new Client(site.url);
  const login = await browser.login('patient@example.com', 'password');
  const [cookie] = login.headers.getSetCookie();
  assert.match(cookie, /; HttpOnly/i);
  assert.match(cookie, /; SameSite=(Lax|Strict)/i);
  assert.doesNotMatch(cookie, /; Secure/i, 'this site has no TLS');
  const before = count();
  for (const headers of [{ 'X-CSRF-TOKEN': null }, { 'X-CSRF-TOKEN': '' }, { 'X-CSRF-TOKEN': 'x'.repeat(43) },
    { 'X-CSRF-TOKEN': (await site.browser('doctor@example.com')).csrf }, { Origin: 'https://evil.example' }]) {
    for (const [method, path_] of [['POST', `${at}/message`], ['POST', `${at}/read`], ['DELETE', '/chat/sessions'], ['POST', '/chat/logout']]) {
      assert.equal((await browser.request(method, path_, { body: { content: 'x' }, headers })).status, 419, `${method} ${path_} ${JSON.stringify(headers)}`);
    }
  }
  assert.equal(count(), before);
  assert.equal((await browser.post(`${at}/message`, { content: 'with the token' })).status, 201);
  // A bearer needs no token, and the cookie beside it is nobody: not even a good one.
  const phone = await site.phone('doctor@example.com');
  const both = await phone.post(`${at}/message`, { content: 'by bearer' }, { headers: { Cookie: browser.cookie } });
  assert.equal(both.status, 201);
  assert.equal(both.json.message.user_id, conv.doctor);
  const wrong = new Client(site.url, { token: '1|wrong' });
  assert.equal((await wrong.get('/chat/me', { headers: { Cookie: browser.cookie } })).status, 401);
  // The same site, which TLS ends before: the cookie is for TLS only.
  const tls = await startSite({ extraConf: 'ServerName https://chat.example.org' });
  const secure = (await new Client(tls.url).post('/chat/login', { email: 'patient@example.com', password: 'password' })).headers.getSetCookie()[0];
  assert.match(secure, /; Secure/i);
  assert.match(secure, /; HttpOnly/i);
});

test('15. every id in a path is checked against membership; other people\'s objects are 404, not 403', async () => {
  const [phone, owner] = [await site.phone(), new Client(site.url)];
  // Objects of a conversation that the patient has no part in, made by its own people.
  const email = site.people().accounts.find((a) => a.user_id === other.patient).email;
  await owner.login(email, 'password');
  const theirs = `/chat/conversation/${other.id}`;
  const message = (await owner.post(`${theirs}/message`, { content: 'private' })).json.message.id;
  const { attachment } = (await owner.post(`${theirs}/attachment`, png(), { type: 'image/png', headers: { 'X-File-Name': 'a.png' } })).json;
  await owner.post(`${theirs}/message`, { attachments: [attachment.id] });
  const doctor = await site.phone(site.people().accounts.find((a) => a.user_id === other.doctor).email);
  const { plan } = (await doctor.post(`${theirs}/plan`, { title: 'Theirs', price_cents: 1, status: 'submitted', valid_days: 3 })).json;
  const session = (await owner.get('/chat/sessions')).json.sessions[0].id;
  const token = (await doctor.get('/chat/tokens')).json.tokens[0].id;
  // Every route that has an id in its path, from the contract itself.
  const contract = fs.readFileSync(path.join(root, 'doc/openapi.yaml'), 'utf8');
  const ids = { '/chat/conversation/{': other.id, '/chat/attachment/{': attachment.id, '/chat/plan/{': plan.id, '/chat/sessions/{': session, '/chat/tokens/{': token };
  let tried = 0;
  for (const [, template, block] of contract.matchAll(/^ {2}(\/chat\/[^\n:]*\{[^\n:]*):\n((?: {4}[^\n]*\n|\n)*)/gm)) {
    const [, id] = Object.entries(ids).find(([start]) => template.startsWith(start));
    const url = template.replace(/\{[^}]*\}/, id).replace(/\{message[^}]*\}/, message).replace(/\{[^}]*\}/, conv.patient);
    for (const method of ['get', 'post', 'put', 'patch', 'delete'].filter((m) => new RegExp(`^ {4}${m}:`, 'm').test(block))) {
      const body = method === 'get' ? undefined : { content: 'x', emoji: '👍', user_id: conv.patient, reason: 'ten letters and more', title: 'x', price_cents: 1, typing: true };
      const r = await phone.request(method.toUpperCase(), url, { body });
      assert.equal(r.status, 404, `${method} ${url}: ${r.text}`);
      assert.deepEqual(r.json.errors ?? {}, {}, url);
      tried++;
    }
  }
  assert.ok(tried >= 25, `${tried} routes`);
  // An id within one's own conversation that belongs to another.
  for (const [method, what] of [['GET', ''], ['GET', '/history'], ['GET', '/receipts'], ['DELETE', '']]) {
    assert.equal((await phone.request(method, `${at}/message/${message}${what}`)).status, 404);
  }
  // What is nobody's looks the same.
  const nobody = await phone.get('/chat/conversation/999999/messages');
  const notMine = await phone.get(`${theirs}/messages`);
  assert.deepEqual([nobody.status, nobody.text], [notMine.status, notMine.text]);
});

test('16. output is escaped, the policy is strict and needs no inline script, frame-ancestors are the site\'s to say', async () => {
  const browser = await site.browser();
  const nasty = '</script><script>alert(1)</script><img src=x onerror=alert(1)>';
  assert.equal((await browser.post(`${at}/message`, { content: nasty })).json.message.content, nasty);
  site.sql(`UPDATE users SET name = '<b class=x>Mona</b>' WHERE id = ${conv.patient};`);
  const pages = [await browser.get('/chat', { accept: 'text/html' }), await browser.get(at, { accept: 'text/html' }), await new Client(site.url).get('/chat/login', { accept: 'text/html' })];
  for (const page of pages) {
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-type'), /^text\/html/);
    const policy = Object.fromEntries(page.headers.get('content-security-policy').split('; ').map((p) => [p.split(' ')[0], p.slice(p.indexOf(' ') + 1)]));
    assert.equal(policy['default-src'], "'self'");
    assert.equal(policy['script-src'], "'self'", 'neither inline nor eval nor another host');
    assert.equal(policy['style-src'], "'self'");
    assert.equal(policy['object-src'], "'none'");
    assert.equal(policy['base-uri'], "'none'");
    assert.equal(policy['frame-ancestors'], "'none'");
    assert.equal(page.headers.get('x-frame-options'), 'DENY');
    // No inline script at all, so no nonce is needed: each has a src; no handlers, no style.
    for (const [tag] of page.text.matchAll(/<script\b[^>]*>/g)) {
      assert.match(tag, / src="/, tag);
    }
    assert.doesNotMatch(page.text, /<style|\son[a-z]+=|\sstyle=|javascript:|alert\(1\)>/i);
  }
  assert.match(pages[0].text, /&lt;b class|\\u003cb class/i, 'the name is in the page, escaped');
  site.sql(`UPDATE users SET name = 'Layla Hassan' WHERE id = ${conv.patient};`);
  // Nowhere in the pages' code is text made markup.
  for (const file of fs.readdirSync(path.join(root, 'htdocs/js'), { recursive: true }).filter((f) => f.endsWith('.js') && !/vendor/.test(f))) {
    assert.doesNotMatch(fs.readFileSync(path.join(root, 'htdocs/js', file), 'utf8'), /\.innerHTML|\.outerHTML|insertAdjacentHTML|document\.write|unsafeHTML|\beval\(/, file);
  }
  // A widget: another site says in whose pages it stands.
  const answer = (s) => new Client(s.url).get('/chat/login', { accept: 'text/html' });
  for (const [conf, ancestors, old] of [['ChatFrameAncestors self', "'self'", 'SAMEORIGIN'],
    ['ChatFrameAncestors self https://WWW.example.org:443 http://localhost:3000', "'self' https://www.example.org http://localhost:3000", null]]) {
    const r = await answer(await startSite({ extraConf: conf }));
    assert.equal(r.headers.get('content-security-policy').match(/frame-ancestors ([^;]*)/)[1], ancestors);
    assert.equal(r.headers.get('x-frame-options'), old);
  }
  // What is no source keeps httpd from starting, so that no header is made of it.
  const file = site.path('conf', 'wrong.conf');
  for (const wrong of ["https://a.example;script-src", 'https://a.example/path', '*', 'none self', 'self none']) {
    fs.writeFileSync(file, `${fs.readFileSync(site.path('conf', 'httpd.conf'), 'utf8')}\nChatFrameAncestors ${wrong}\n`);
    const r = spawnSync(process.env.CHAT_HTTPD || '/usr/sbin/apache2', ['-t', '-f', file], { encoding: 'utf8', env: { ...process.env, ...site.httpdEnv() } });
    assert.notEqual(r.status, 0, wrong);
    assert.match(r.stderr, /ChatFrameAncestors/, wrong);
  }
});

test('17. log-in attempts are limited by account and by address; no header resets a limit', async () => {
  const guess = (email, headers = {}) => new Client(site.url).post('/chat/login', { email, password: 'wrong guess' }, { headers });
  const liars = [{ 'X-Forwarded-For': '10.0.0.1' }, { 'X-Real-IP': '10.0.0.2' }, { Forwarded: 'for=10.0.0.3' }, { 'Client-IP': '10.0.0.4' }];
  const doctor = await site.browser('doctor@example.com');
  const statuses = [];
  for (const headers of [...liars, ...liars]) {
    statuses.push((await guess('patient@example.com', headers)).status);
  }
  assert.deepEqual(statuses, [422, 422, 422, 422, 429, 429, 429, 429]);
  // The address: another account is refused from there as well, by each way in.
  assert.equal((await guess('somebody.else@example.com', liars[0])).status, 429);
  for (const way of ['/chat/login', '/chat/token']) {
    const r = await new Client(site.url).post(way, { email: 'doctor@example.com', password: 'password', device_name: 'x' }, { headers: liars[1] });
    assert.equal(r.status, 429, way);
    assert.ok(Number(r.headers.get('retry-after')) > 0);
  }
  // A session gives no more guesses at the password behind it.
  assert.equal((await doctor.post('/chat/password', { current_password: 'guess', password: 'another one' })).status, 429);
  assert.equal((await doctor.get('/chat/me')).status, 200, 'who is in stays in');
  // The account: from addresses of their own (a proxy that is trusted says which).
  const modules = process.env.CHAT_HTTPD_MODULES || '/usr/lib/apache2/modules';
  const behind = await startSite({
    extraConf: `LoadModule remoteip_module ${modules}/mod_remoteip.so\nRemoteIPHeader X-Client\nRemoteIPInternalProxy 127.0.0.1\nChatLoginRate 4 900`,
  });
  const from = (n, email) => new Client(behind.url).post('/chat/login', { email, password: 'wrong guess' }, { headers: { 'X-Client': `192.0.2.${n}` } });
  const each = [];
  for (let n = 1; n <= 6; n++) {
    each.push((await from(n, 'patient@example.com')).status);
  }
  assert.deepEqual(each, [422, 422, 422, 422, 429, 429]);
  assert.equal((await from(7, 'doctor@example.com')).status, 422, 'another account from another address');
});

test('18. a client_id is stored with what it stands for: the same answer again, 409 for another body', async () => {
  const body = { content: 'once', client_id: 'point-18' };
  const first = await patient.post(`${at}/message`, body);
  assert.equal(first.status, 201);
  const again = await patient.post(`${at}/message`, body);
  assert.deepEqual([again.status, again.json.message], [201, first.json.message]);
  const rows = () => site.sql("SELECT count(*) FROM messages WHERE client_id = 'point-18';").trim();
  const events = () => site.sql("SELECT count(*) FROM chat_events WHERE event = 'MessageSent' AND CAST(payload AS text) LIKE '%point-18%';").trim();
  assert.deepEqual([rows(), events()], ['1', '1']);
  for (const more of [{ content: 'twice' }, { reply_to: first.json.message.id }]) {
    assert.equal((await patient.post(`${at}/message`, { ...body, ...more })).status, 409, JSON.stringify(more));
  }
  // Also after the text was edited: what it stood for was kept.
  await patient.request('PATCH', `${at}/message/${first.json.message.id}`, { body: { content: 'edited' } });
  assert.equal((await patient.post(`${at}/message`, body)).status, 201);
  assert.equal((await patient.post(`${at}/message`, { ...body, content: 'edited' })).status, 409);
  // Many at once are one.
  const many = await Promise.all(Array.from({ length: 10 }, () => patient.post(`${at}/message`, { content: 'ten', client_id: 'point-18b' })));
  assert.deepEqual(new Set(many.map((r) => r.json.message.id)).size, 1);
});
