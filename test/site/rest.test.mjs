// SPDX-License-Identifier: Apache-2.0
//
// Every URL of mod_chat, right and wrong, through a real httpd.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import http from 'node:http';
import { test } from 'node:test';
import { Client } from './lib/client.mjs';
import { sleep, startSite } from './lib/site.mjs';

const site = await startSite({ extraConf: 'ChatOrigin https://clinic.example' });
const { accounts, conversations } = site.people();
const conv = conversations[0];
const foreign = conversations.find((c) => c.patient !== conv.patient && c.doctor !== conv.doctor);
const account = (email) => accounts.find((a) => a.email === email);
const anybody = new Client(site.url);
const phone = await site.phone();
const doctor = await site.phone('doctor@example.com');
const admin = await site.phone('admin@example.com');
const browser = await site.browser();
const url = (path) => `/chat/conversation/${conv.id}${path}`;

const isError = (r, status, field) => {
  assert.equal(r.status, status, r.text);
  assert.match(r.headers.get('content-type'), /^application\/json/);
  assert.equal(typeof r.json.error, 'string');
  assert.ok(r.json.error.length > 3);
  if (field) {
    assert.ok(Array.isArray(r.json.errors[field]), `errors.${field}: ${r.text}`);
  }
};

/** A request written by hand, for what fetch would not send. */
function raw(method, path, headers = {}, body = null) {
  return new Promise((resolve, reject) => {
    const req = http.request(site.url + path, { method, headers }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (d) => { text += d; }).on('end', () => resolve({ status: res.statusCode, headers: res.headers, text }));
    });
    req.on('error', reject);
    req.end(body);
  });
}

// --- who ----------------------------------------------------------------------------

test('nobody is sent to the log-in page, a program is told', async () => {
  for (const path of ['/chat', url(''), url('/messages'), '/chat/me', '/chat/sync']) {
    isError(await anybody.get(path), 401);
    const page = await anybody.get(path, { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' });
    assert.equal(page.status, 302, path);
    assert.equal(new URL(page.headers.get('location'), site.url).pathname, '/chat/login');
  }
  for (const path of [url('/message'), url('/read'), url('/typing'), '/broadcasting/auth', '/pusher/auth', '/pusher/user-auth', '/chat/logout']) {
    isError(await anybody.post(path, {}), 401);
  }
});

test('a parameter of the query may be empty', async () => {
  for (const path of ['/chat?before=', '/chat/sync?since=&limit=', url('?page=&per_page=&below='), url('/messages?before=&after='),
    '/chat/search?q=hello&conversation=&before=&limit=', url('/search?q=hello&before=&limit='), url('/attachments?before=&limit=')]) {
    const r = await phone.get(path);
    assert.equal(r.status, 200, `${path}: ${r.text}`);
  }
});

test('a bearer token is taken with and without its number, and nothing else is', async () => {
  const [number, plain] = phone.token.split('|');
  assert.match(number, /^\d+$/);
  for (const token of [phone.token, plain]) {
    const r = await anybody.get('/chat/me', { headers: { Authorization: `Bearer ${token}` } });
    assert.equal(r.json.user.email, 'patient@example.com');
    assert.equal(r.json.csrf_token, null);
  }
  for (const auth of [`Bearer ${number}|${plain}x`, `Bearer 999999|${plain}`, 'Bearer ', 'Bearer |', `Bearer ${plain.slice(1)}`, `Basic ${plain}`, `Bearer ${'a'.repeat(5000)}`]) {
    isError(await anybody.get('/chat/me', { headers: { Authorization: auth } }), 401);
  }
  const both = await anybody.get('/chat/me', { headers: { Authorization: 'Bearer wrong', Cookie: browser.cookie } });
  isError(both, 401);
});

test('a token that has expired is worth nothing', async () => {
  const other = await site.phone();
  site.sql(`UPDATE personal_access_tokens SET expires_at = ${site.time(-1)} WHERE id = ${other.token.split('|')[0]};`);
  isError(await other.get('/chat/me'), 401);
});

test('me says who, the CSRF token, where the socket is', async () => {
  const { json, headers } = await browser.get('/chat/me');
  assert.deepEqual(Object.keys(json.user).sort(), ['email', 'id', 'name', 'role']);
  assert.equal(json.user.id, account('patient@example.com').user_id);
  assert.equal(json.csrf_token, browser.csrf);
  assert.equal(json.push.key, 'askkey');
  assert.deepEqual(json.channels, [`private-user.${json.user.id}`]);
  assert.match(headers.get('cache-control'), /no-store/);
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
});

// --- logging in --------------------------------------------------------------------

test('the log-in form sets a cookie scripts cannot read and goes to the chat', async () => {
  const c = new Client(site.url);
  const r = await c.form('/chat/login', { email: 'patient@example.com', password: 'password' }, { accept: 'text/html' });
  assert.equal(r.status, 302);
  assert.equal(new URL(r.headers.get('location'), site.url).pathname, '/chat');
  const cookie = r.headers.get('set-cookie');
  assert.match(cookie, /^chat_session=[A-Za-z0-9_-]{32,};/);
  assert.match(cookie, /HttpOnly/i);
  assert.match(cookie, /SameSite=Lax/i);
  assert.match(cookie, /Path=\//i);
  assert.doesNotMatch(cookie, /Secure/i);
  const page = await c.get('/chat', { accept: 'text/html' });
  assert.equal(page.status, 200);
  assert.match(page.text, /name="csrf-token" content="[A-Za-z0-9_-]{20,}"/);
  assert.doesNotMatch(page.text, /%%/);
  const policy = page.headers.get('content-security-policy');
  assert.match(policy, /default-src '(self|none)'/);
  assert.doesNotMatch(policy, /unsafe/);
  assert.match(policy, /frame-ancestors 'none'/);
});

test('who was on the way to a conversation comes to it by the log-in, and nowhere else', async () => {
  const html = { accept: 'text/html' };
  const to = (r) => {
    assert.equal(r.status, 302, r.text);
    const at = new URL(r.headers.get('location'), site.url);
    assert.equal(at.origin, site.url);
    return at.pathname + at.search;
  };
  const form = to(await anybody.get(url(''), html));
  assert.equal(form, `/chat/login?conversation=${conv.id}`);
  assert.equal(to(await anybody.get('/chat', html)), '/chat/login');
  assert.equal(to(await anybody.get(url('/messages'), html)), '/chat/login');
  const field = /name="conversation" value="([^"]*)"/;
  assert.equal(field.exec((await anybody.get(form, html)).text)[1], String(conv.id));
  const enter = (conversation, password = 'password') => new Client(site.url).form('/chat/login',
    { email: 'patient@example.com', password, conversation }, html);
  const wrong = await enter(conv.id, 'no');
  assert.equal(wrong.status, 422);
  assert.equal(field.exec(wrong.text)[1], String(conv.id), 'after a wrong password, too');
  assert.equal(to(await enter(conv.id)), url(''));
  for (const evil of ['', '//evil.example', 'https://evil.example', '/\\evil.example', '../../evil', '1/messages', '1?x', '1\r\nX: y',
    'x'.repeat(65), '"><script>', '%2F%2Fevil.example']) {
    assert.equal(to(await enter(evil)), '/chat', evil);
    const page = await anybody.get(`/chat/login?conversation=${encodeURIComponent(evil)}`, html);
    assert.equal(field.exec(page.text)[1], '', evil);
  }
  assert.equal(to(await browser.get(form, html)), url(''), 'who is logged in is sent on');
});

test('the cookie is stored as a digest only', async () => {
  const value = browser.cookie.split('=')[1];
  assert.equal(site.sql(`SELECT count(*) FROM chat_sessions WHERE token_hash = '${value}';`).trim(), '0');
  assert.equal(site.sql(`SELECT count(*) FROM personal_access_tokens WHERE token = '${phone.token.split('|')[1]}';`).trim(), '0');
});

test('a log-in makes a new session and ends the one that came along', async () => {
  const c = await site.browser('doctor@example.com');
  const before = c.cookie;
  await c.login('doctor@example.com', 'password');
  assert.notEqual(c.cookie, before);
  isError(await anybody.get('/chat/me', { headers: { Cookie: before } }), 401);
});

test('logging out ends the session', async () => {
  const c = await site.browser();
  const { cookie } = c;
  const r = await c.post('/chat/logout', {});
  assert.equal(r.status, 200, r.text);
  isError(await anybody.get('/chat/me', { headers: { Cookie: cookie } }), 401);
  const f = await site.browser();
  const page = await f.form('/chat/logout', { _token: f.csrf }, { accept: 'text/html' });
  assert.equal(page.status, 302);
});

test('a wrong pair is 422, and an unknown address looks the same', async () => {
  const a = await anybody.post('/chat/login', { email: 'patient@example.com', password: 'no' });
  const b = await anybody.post('/chat/login', { email: 'nobody@example.com', password: 'no' });
  isError(a, 422);
  assert.deepEqual(a.json, b.json);
  for (const body of [{}, { email: 'patient@example.com' }, { email: 1, password: 2 }, { email: '', password: '' }, { email: ['a'], password: { a: 1 } }, { email: 'a@b', password: 'x'.repeat(20000) }]) {
    isError(await anybody.post('/chat/login', body), 422);
    isError(await anybody.post('/chat/token', body), 422);
  }
  const unnamed = await anybody.post('/chat/token', { email: 'patient@example.com', password: 'password' });
  assert.equal(unnamed.status, 201, 'a device may go without a name');
  isError(await anybody.post('/chat/token', { email: 'patient@example.com', password: 'password', device_name: ['a'] }), 422, 'device_name');
  const page = await anybody.form('/chat/login', { email: '"><script>x', password: 'no' }, { accept: 'text/html' });
  assert.equal(page.status, 422);
  assert.doesNotMatch(page.text, /<script>x/);
  assert.match(page.text, /&lt;script&gt;x/);
});

test('a log-in from another site is refused', async () => {
  for (const origin of ['https://evil.example', 'null', `${site.url}.evil.example`, site.url.replace('http:', 'https:')]) {
    isError(await anybody.post('/chat/login', { email: 'patient@example.com', password: 'password' }, { headers: { Origin: origin } }), 419);
  }
  const own = await anybody.post('/chat/login', { email: 'patient@example.com', password: 'password' }, { headers: { Origin: site.url, Cookie: null } });
  assert.equal(own.status, 200, own.text);
});

// --- CSRF ------------------------------------------------------------------------------

test('a POST with a cookie needs the token and an own origin; a bearer needs neither', async () => {
  const post = (headers, body = { content: 'x' }) => browser.post(url('/message'), body, { headers });
  isError(await post({ 'X-CSRF-TOKEN': null }), 419);
  isError(await post({ 'X-CSRF-TOKEN': 'wrong' }), 419);
  isError(await post({ 'X-CSRF-TOKEN': `${browser.csrf}x` }), 419);
  isError(await post({ 'X-CSRF-TOKEN': (await site.browser('doctor@example.com')).csrf }), 419);
  isError(await post({ Origin: 'https://evil.example' }), 419);
  isError(await post({ Origin: 'null' }), 419);
  assert.equal((await post({ Origin: site.url })).status, 201);
  assert.equal((await post({ Origin: 'https://clinic.example' })).status, 201);
  assert.equal((await post({ 'X-CSRF-TOKEN': null }, { content: 'field', _token: browser.csrf })).status, 201);
  assert.equal((await phone.post(url('/message'), { content: 'bearer' }, { headers: { Origin: 'https://app.example' } })).status, 201);
  for (const path of [url('/read'), url('/typing'), '/broadcasting/auth', '/chat/logout']) {
    isError(await browser.post(path, {}, { headers: { 'X-CSRF-TOKEN': null } }), 419);
  }
});

// --- conversations ------------------------------------------------------------------

test('the list has everything a side bar shows, newest first', async () => {
  const { json } = await phone.get('/chat');
  const mine = conversations.filter((c) => c.patient === conv.patient).map((c) => c.id).sort();
  assert.deepEqual(json.conversations.map((c) => c.id).sort(), mine);
  const one = json.conversations.find((c) => c.id === conv.id);
  for (const key of ['id', 'title', 'status', 'unread', 'updated_at', 'last_message', 'other', 'members']) {
    assert.ok(key in one, key);
  }
  assert.equal(one.other.id, conv.doctor);
  assert.equal(one.members.length, 2);
  const times = json.conversations.map((c) => c.updated_at);
  assert.deepEqual(times, [...times].sort().reverse());
  assert.equal((await admin.get('/chat')).json.conversations.length > mine.length, true);
});

test('a conversation opens with its messages and is read by that', async () => {
  await doctor.post(url('/message'), { content: 'please read' });
  const before = (await phone.get('/chat')).json.conversations.find((c) => c.id === conv.id).unread;
  assert.ok(before >= 1);
  const { json } = await phone.get(url(''));
  assert.equal(json.consultation.id, conv.id);
  assert.equal(json.messages.data[0].content, 'please read');
  assert.equal((await phone.get('/chat')).json.conversations.find((c) => c.id === conv.id).unread, 0);
});

test('opening marks what it showed, and no more', async () => {
  await phone.post(url('/read'), {});
  const sent = [];
  for (let i = 0; i < 5; i++) {
    sent.push((await doctor.post(url('/message'), { content: `page ${i}` })).json.message.id);
  }
  await phone.get(url('?page=2&per_page=2'));
  const { json } = await phone.get(url('/messages?per_page=5'));
  const read = new Map(json.data.map((m) => [m.id, m.read_at !== null]));
  assert.deepEqual(sent.map((id) => read.get(id)), [true, true, true, false, false]);
});

test('a database that another program holds stops writing, not reading', async () => {
  await doctor.post(url('/message'), { content: 'unread while locked' });
  const other = site.dbFile
    ? spawn('sqlite3', [site.dbFile], { stdio: ['pipe', 'ignore', 'ignore'], ...(site.user && { uid: site.user.uid, gid: site.user.gid }) })
    : spawn('psql', ['-X', '-q', site.db], { stdio: ['pipe', 'ignore', 'ignore'] });
  other.stdin.write(site.dbFile
    ? 'BEGIN IMMEDIATE; UPDATE users SET name = name;\n'
    : 'BEGIN; LOCK TABLE messages IN EXCLUSIVE MODE;\n');
  await sleep(300);
  const posts = Array.from({ length: 24 }, (_, i) => admin.post(url('/message'), { content: `waits ${i}` }));
  await sleep(200);
  for (const path of ['/chat', '/chat/sync', url('/messages')]) {
    assert.equal((await phone.get(path)).status, 200, path);
  }
  const shown = await phone.get(url(''));
  assert.equal(shown.status, 200, 'shown, though nobody can be marked as its reader');
  other.stdin.end('ROLLBACK;\n');
  site.expectLog(/marking a conversation read|storing a message/);
  for (const r of await Promise.all(posts)) {
    assert.ok([201, 503].includes(r.status), String(r.status));
    if (r.status === 503) {
      assert.ok(Number(r.headers.get('retry-after')) >= 1);
    }
  }
});

test('other people\'s conversations do not exist, whatever the method', async () => {
  for (const id of [foreign.id, 999999, 'abc', '1e1', '0x1', 'a'.repeat(64), '9'.repeat(40)]) {
    for (const path of [`/chat/conversation/${id}`, `/chat/conversation/${id}/messages`]) {
      isError(await phone.get(path), 404);
    }
    for (const what of ['message', 'read', 'typing']) {
      isError(await phone.post(`/chat/conversation/${id}/${what}`, { content: 'x' }), 404);
    }
  }
  for (const path of ['/chat/conversation/', '/chat/conversation/a%20b', '/chat/conversation/a..b', `/chat/conversation/${'a'.repeat(65)}`, '/chat/nothing', '/chat/conversation/1/nothing', '/chat/conversation/%00']) {
    const r = await phone.get(path);
    assert.ok([400, 404].includes(r.status), `${path}: ${r.status}`);
  }
});

test('staff reads and writes every conversation', async () => {
  assert.equal((await admin.get(`/chat/conversation/${foreign.id}`)).status, 200);
  const r = await admin.post(`/chat/conversation/${foreign.id}/message`, { content: 'from the office' });
  assert.equal(r.status, 201, r.text);
  assert.equal(r.json.message.user.role, 'admin');
});

// --- sending ---------------------------------------------------------------------------

test('a message is answered as it is stored', async () => {
  const r = await phone.post(url('/message'), { content: '  Hello from mobile! مرحبا 😀 ', type: 'text' });
  assert.equal(r.status, 201);
  assert.equal(r.json.status, 'sent');
  const { message } = r.json;
  assert.deepEqual(Object.keys(message).slice(0, 9), ['id', 'content', 'type', 'client_id', 'user_id', 'consultation_id', 'created_at', 'read_at', 'user']);
  assert.equal(message.content, 'Hello from mobile! مرحبا 😀');
  assert.equal(message.type, 'text');
  assert.equal(message.client_id, null);
  assert.equal(message.consultation_id, conv.id);
  assert.match(message.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.ok(Math.abs(Date.parse(message.created_at) - Date.now()) < 60000);
  assert.deepEqual(message.user, { id: conv.patient, name: account('patient@example.com').name, role: 'patient' });
  const { json } = await doctor.get(url('/messages?per_page=1'));
  assert.deepEqual(json.data[0], message);
});

test('a form and the older field name are taken too', async () => {
  assert.equal((await phone.form(url('/message'), { message: 'a form + more' })).json.message.content, 'a form + more');
  assert.equal((await phone.post(url('/message'), { message: 'older' })).json.message.content, 'older');
});

test('2,000 characters are taken, 2,001 are not; characters, not bytes', async () => {
  assert.equal((await phone.post(url('/message'), { content: '😀'.repeat(2000) })).status, 201);
  isError(await phone.post(url('/message'), { content: 'ä'.repeat(2001) }), 422, 'content');
});

test('what cannot be a message is refused field by field', async () => {
  for (const content of ['', '   \n\t ', null, 5, true, ['x'], { a: 1 }, 'nul \u0000 inside']) {
    const r = await phone.post(url('/message'), { content });
    assert.ok([400, 422].includes(r.status), JSON.stringify(content));
    isError(r, r.status);
  }
  isError(await phone.post(url('/message'), {}), 422, 'content');
  isError(await phone.post(url('/message'), { content: 'x', type: 'image' }), 422, 'type');
  for (const client_id of ['a b', 'x'.repeat(65), true, ['a'], { a: 1 }, 'é']) {
    isError(await phone.post(url('/message'), { content: 'x', client_id }), 422, 'client_id');
  }
  for (const body of ['{', '{"content":}', '{"content":"a","content":"b"}', '{"content":"\\ud800"}', '['.repeat(5000), '{"content":"x"} trailing']) {
    isError(await phone.post(url('/message'), body), 400);
  }
  for (const body of ['', '[]', '"text"', 'null']) {
    const r = await phone.post(url('/message'), body);
    assert.ok([400, 422].includes(r.status), `${body}: ${r.status}`);
    isError(r, r.status);
  }
  isError(await phone.post(url('/message'), new Uint8Array([0x7b, 0x22, 0x63, 0x6f, 0x6e, 0x74, 0x65, 0x6e, 0x74, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d])), 400);
  const badForm = await phone.post(url('/message'), 'content=%ff%fe', { type: 'application/x-www-form-urlencoded' });
  assert.ok([400, 422].includes(badForm.status));
  isError(await phone.post(url('/message'), '<x/>', { type: 'application/xml' }), 415);
  isError(await phone.post(url('/message'), 'content=x', { type: 'text/plain' }), 415);
  isError(await phone.post(url('/message'), JSON.stringify({ content: 'x', pad: 'y'.repeat(70000) })), 413);
});

test('a chunked body is read, and one too long is refused before it is kept', async () => {
  const send = (n) => new Promise((resolve, reject) => {
    const req = http.request(`${site.url}${url('/message')}`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${phone.token}`, 'Content-Type': 'application/json', Accept: 'application/json', 'Transfer-Encoding': 'chunked' },
    }, (res) => { res.resume(); resolve(res.statusCode); });
    req.on('error', (e) => (e.code === 'EPIPE' || e.code === 'ECONNRESET' ? resolve('cut') : reject(e)));
    req.write('{"content":"chunked');
    req.write('x'.repeat(n));
    req.end('"}');
  });
  assert.equal(await send(10), 201);
  assert.ok([413, 'cut'].includes(await send(200000)));
});

test('a retried POST is answered as the first time and sends once', async () => {
  const body = { content: 'exactly once', client_id: 'retry-1' };
  const first = await phone.post(url('/message'), body);
  const total = (await phone.get(url('/messages'))).json.total;
  const cursor = (await doctor.get('/chat/sync')).json.cursor;
  const again = await Promise.all(Array.from({ length: 8 }, () => phone.post(url('/message'), body)));
  for (const r of again) {
    assert.equal(r.status, first.status);
    assert.deepEqual(r.json, first.json);
  }
  assert.equal((await phone.get(url('/messages'))).json.total, total);
  assert.deepEqual((await doctor.get(`/chat/sync?since=${cursor}`)).json.events, []);
  isError(await phone.post(url('/message'), { content: 'something else', client_id: 'retry-1' }), 409);
  assert.equal((await doctor.post(url('/message'), { content: 'mine', client_id: 'retry-1' })).status, 201, 'ids are per sender');
  const race = await Promise.all(Array.from({ length: 8 }, () => phone.post(url('/message'), { content: 'a race', client_id: 'retry-2' })));
  assert.equal(new Set(race.map((r) => r.json.message.id)).size, 1);
});

// --- history ---------------------------------------------------------------------------

test('the paginator has what Laravel clients know', async () => {
  const { json } = await phone.get(url('/messages?page=2&per_page=7'));
  assert.equal(json.current_page, 2);
  assert.equal(json.per_page, 7);
  assert.equal(json.data.length, 7);
  assert.equal(json.from, 8);
  assert.equal(json.to, 14);
  assert.equal(json.last_page, Math.ceil(json.total / 7));
  assert.equal(json.total, Number(site.sql(`SELECT count(*) FROM messages WHERE request_id = ${conv.id} AND deleted_at IS NULL;`)));
  for (const key of ['first_page_url', 'last_page_url', 'next_page_url', 'prev_page_url', 'path', 'links']) {
    assert.ok(json[key], key);
  }
  const next = await phone.get(new URL(json.next_page_url, site.url).href.slice(site.url.length));
  assert.equal(next.json.current_page, 3);
  const ids = [...json.data, ...next.json.data].map((m) => m.id);
  assert.deepEqual(ids, [...ids].sort((a, b) => b - a));
  const last = await phone.get(url(`/messages?page=${json.last_page + 5}&per_page=7`));
  assert.deepEqual(last.json.data, []);
  assert.equal(last.json.next_page_url, null);
  assert.equal((await phone.get(url('/messages?per_page=500'))).json.per_page, 50);
  for (const q of ['page=0', 'page=-1', 'page=x', 'per_page=0', 'per_page=x', 'page=1.5', 'before=x', 'after=-', 'page=99999999999999999999', 'before=1&after=2']) {
    isError(await phone.get(url(`/messages?${q}`)), 422);
  }
});

test('before and after walk the whole history without a gap', async () => {
  const all = [];
  let q = 'per_page=50';
  for (;;) {
    const { json } = await phone.get(url(`/messages?${all.length ? `before=${all.at(-1)}&` : 'before=9007199254740991&'}${q}`));
    all.push(...json.data.map((m) => m.id));
    if (!json.has_more) {
      break;
    }
  }
  const want = site.sql(`SELECT id FROM messages WHERE request_id = ${conv.id} AND deleted_at IS NULL ORDER BY id DESC;`).trim().split('\n').map(Number);
  assert.deepEqual(all, want);
  const { json } = await phone.get(url(`/messages?after=${want.at(-1)}&per_page=3`));
  assert.deepEqual(json.data.map((m) => m.id), want.slice(-4, -1));
  assert.equal(json.has_more, true);
});

test('reading takes ids or all, counts, and is no error twice', async () => {
  const sent = [];
  await phone.post(url('/read'), {});
  for (let i = 0; i < 3; i++) {
    sent.push((await doctor.post(url('/message'), { content: `unread ${i}` })).json.message.id);
  }
  assert.deepEqual((await phone.post(url('/read'), { message_ids: [sent[0]] })).json, { status: 'marked_as_read', read: 1 });
  assert.equal((await phone.post(url('/read'), {})).json.read, 2);
  assert.equal((await phone.post(url('/read'), {})).json.read, 0);
  assert.equal((await phone.request('POST', url('/read'))).status, 200, 'no body at all');
  assert.equal((await phone.post(url('/read'), '')).status, 200, 'JSON announced, and no body');
  const { json } = await doctor.get(url('/messages?per_page=3'));
  assert.ok(json.data.every((m) => m.read_at));
  for (const message_ids of ['all', [{}], ['x'], [1.5], { a: 1 }, 7, Array.from({ length: 2000 }, (_, i) => i)]) {
    isError(await phone.post(url('/read'), { message_ids }), 422, 'message_ids');
  }
});

test('typing wants a boolean and is taken while chat-push is away', async () => {
  assert.equal((await phone.post(url('/typing'), { typing: false })).status, 200);
  for (const typing of ['maybe', 3, ['a'], {}]) {
    isError(await phone.post(url('/typing'), { typing }), 422, 'typing');
  }
});

// --- channels ------------------------------------------------------------------------------

test('auth routes sign own channels for a socket and refuse the rest', async () => {
  const me = account('patient@example.com').user_id;
  for (const path of ['/broadcasting/auth', '/pusher/auth']) {
    for (const channel_name of [`private-user.${me}`, `private-conversation.${conv.id}`]) {
      const r = await phone.form(path, { socket_id: '12.34', channel_name });
      assert.equal(r.status, 200, r.text);
      assert.match(r.json.auth, /^askkey:[0-9a-f]{64}$/);
      assert.deepEqual((await phone.post(path, { socket_id: '12.34', channel_name })).json, r.json);
    }
    const p = await phone.form(path, { socket_id: '12.34', channel_name: `presence-conversation.${conv.id}` });
    assert.equal(JSON.parse(p.json.channel_data).user_id, String(me));
    for (const channel_name of [`private-user.${conv.doctor}`, `private-conversation.${foreign.id}`, `presence-conversation.${foreign.id}`, 'private-anything', 'private-user.', 'public', 'private-conversation.1:x', `private-encrypted-conversation.${conv.id}`]) {
      isError(await phone.form(path, { socket_id: '12.34', channel_name }), 403);
    }
    for (const [socket_id, channel_name] of [['', 'x'], ['1', `private-user.${me}`], ['1.2:private-user.1', `private-user.${me}`], ['1.2', '']]) {
      const r = await phone.form(path, { socket_id, channel_name });
      assert.ok([403, 422].includes(r.status), `${socket_id} ${channel_name}: ${r.status}`);
    }
  }
  const u = await phone.form('/pusher/user-auth', { socket_id: '12.34' });
  assert.equal(u.status, 200, u.text);
  assert.match(u.json.auth, /^askkey:[0-9a-f]{64}$/);
  assert.equal(JSON.parse(u.json.user_data).id, String(me));
  isError(await phone.form('/pusher/user-auth', { socket_id: 'x' }), 422, 'socket_id');
});

// --- methods, limits, assets -------------------------------------------------------------

test('other methods are 405 and say which there are', async () => {
  for (const [method, path, allow] of [['DELETE', '/chat', /GET/], ['PUT', url('/message'), /POST/], ['GET', url('/message'), /POST/], ['POST', '/chat/me', /GET/], ['GET', '/broadcasting/auth', /POST/], ['PATCH', url('/read'), /POST/]]) {
    const r = await raw(method, path, { Authorization: `Bearer ${phone.token}`, Accept: 'application/json' });
    assert.equal(r.status, 405, `${method} ${path}`);
    assert.match(r.headers.allow, allow);
    assert.ok(JSON.parse(r.text).error);
  }
  const head = await raw('HEAD', '/chat/me', { Authorization: `Bearer ${phone.token}` });
  assert.equal(head.status, 200);
  assert.equal(head.text, '');
});

test('too many messages at once are 429 with a time to wait', async () => {
  const other = await site.phone(accounts.filter((a) => a.role === 'patient')[1].email);
  const own = (await other.get('/chat')).json.conversations[0];
  const answers = [];
  const refused = () => answers.find((r) => r.status === 429);
  for (let i = 0; i < 3000 && !refused(); i += 10) { // 5 more are allowed each second
    answers.push(...await Promise.all(Array.from({ length: 10 }, (_, n) =>
      other.post(`/chat/conversation/${own.id}/message`, { content: `n ${i + n}` }))));
  }
  isError(refused(), 429);
  const taken = answers.filter((r) => r.status === 201).length;
  assert.ok(taken >= 100, `a burst of 100 is allowed, refused after ${taken}`);
  assert.ok(Number(refused().headers.get('retry-after')) >= 1);
  assert.equal((await phone.post(url('/message'), { content: 'others are not held up' })).status, 201);
});

test('ten failed log-ins, and the eleventh is not even looked at', async () => {
  const victim = accounts.filter((a) => a.role === 'doctor')[1].email;
  let last;
  for (let i = 0; i < 14; i++) {
    last = await anybody.post('/chat/login', { email: victim, password: `guess ${i}` });
    if (last.status === 429) {
      break;
    }
  }
  isError(last, 429);
  assert.ok(Number(last.headers.get('retry-after')) >= 1);
  isError(await anybody.post('/chat/login', { email: victim, password: 'password' }, { headers: { 'X-Forwarded-For': '9.9.9.9', 'User-Agent': 'other' } }), 429);
});

test('the pages\' files are there, with a type and a policy, and nothing beside them', async () => {
  for (const [path, type] of [['js/app.js', /javascript/], ['lib/lit-html.js', /javascript/], ['lib/pusher.min.js', /javascript/], ['css/base.css', /css/], ['icon.svg', /svg/]]) {
    const r = await anybody.get(`/chat-assets/${path}`);
    assert.equal(r.status, 200, path);
    assert.match(r.headers.get('content-type'), type);
    assert.equal(r.headers.get('x-content-type-options'), 'nosniff');
  }
  for (const path of ['/chat-assets/index.html', '/chat-assets/', '/chat-assets/../conf/chat-push.json', '/chat-assets/%2e%2e/conf/chat-push.json', '/chat-assets/js/']) {
    const r = await raw('GET', path);
    assert.ok([400, 403, 404].includes(r.status), `${path}: ${r.status}`);
  }
  site.expectLog(/AH01630|AH01276|AH10244|AH00026|AH01797/);
});
