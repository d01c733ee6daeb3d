// SPDX-License-Identifier: Apache-2.0
//
// Points 26 to 32 of the checklist in doc/security.md: health data. Each test shows every
// half sentence of its point at real sites; other files try the same in depth.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import tls from 'node:tls';
import { freePort, root } from '../../dev/site.mjs';
import { cleanup } from './lib/cleanup.mjs';
import { Client } from './lib/client.mjs';
import { Cluster } from './lib/postgres.mjs';
import { collect, connect, subscribed } from './lib/pusher.mjs';
import { engine, eventually, startSite } from './lib/site.mjs';
import { Door, event, subscribe } from './lib/upgrade.mjs';
import { png } from './lib/upload.mjs';
import { CLOSE } from './lib/wire.mjs';

/** Words that are nowhere else: what somebody writes, and what somebody is called. */
const TEXT = 'xylophonequartz';
const NAME = 'Zebulonova';

const hooks = [];
const receiver = http.createServer((request, response) => {
  let body = '';
  request.on('data', (d) => { body += d; });
  request.on('end', () => {
    hooks.push(JSON.stringify(request.headers) + body);
    response.end();
  });
});
await new Promise((done) => receiver.listen(0, '127.0.0.1', done));
cleanup(() => {
  receiver.closeAllConnections();
  receiver.close();
});

const line = (id) => `${id} ${randomBytes(32).toString('base64')}\n`;
const first = line('2025');
const site = await startSite({
  logs: false, // at this level there are warnings of every kind
  appConf: { webhooks: [{ url: `http://127.0.0.1:${receiver.address().port}/hook` }], enableSubscriptionCount: true },
  before(s) {
    fs.mkdirSync(s.path('conf'), { recursive: true });
    fs.writeFileSync(s.path('conf', 'keys'), first, { mode: 0o640 });
    s.o.extraConf = `LogLevel trace8\nChatBreakGlass 30min\nChatIdle patient=15min doctor=1h\nChatSendRate off\nChatKeys file:${s.path('conf', 'keys')}`;
    s.o.pushConf = {
      log: { level: 'debug' },
      webhooks: { allowPrivateTargets: true, batching: { enabled: false } },
      database: { url: s.db, wake: s.path('run', 'wake.sock'), state: s.path('run', 'relay.state'), keys: `file:${s.path('conf', 'keys')}` },
    };
  },
});
const { accounts, conversations } = site.people();
const conv = conversations[0];
const at = `/chat/conversation/${conv.id}`;
site.sql(`UPDATE users SET name = 'Dr. ${NAME}' WHERE id = ${conv.doctor};`);
const phone = await site.phone();
const doctor = await site.phone('doctor@example.com');
const admin = await site.phone('admin@example.com');
const files = site.path('files');
const COLUMNS = 'seq, at, user_id, via, action, conversation_id, object, address, agent, status, request_id, hash';
const entries = () => site.sql(`SELECT ${site.dbFile ? 'json_array' : 'json_build_array'}(${COLUMNS}) FROM chat_audit ORDER BY seq;`)
  .trim().split('\n').filter(Boolean).map((text) => Object.fromEntries(JSON.parse(text).map((v, i) => [COLUMNS.split(', ')[i], v])));
const entry = (wanted) => eventually(() => entries().find((e) => Object.entries(wanted).every(([k, v]) => e[k] === String(v))), `an entry ${JSON.stringify(wanted)}`);
const chatctl = (...args) => spawnSync(site.path('bin', 'chatctl'), [...args, '--database', site.db],
  { encoding: 'utf8', ...(site.dbFile && site.user && { uid: site.user.uid, gid: site.user.gid }) });
const done = (...args) => {
  const r = chatctl(...args);
  assert.equal(r.status, 0, `${args.join(' ')}: ${r.stderr}`);
  return r.stdout;
};
const send = async (who, body) => {
  const r = await who.post(`${at}/message`, body);
  assert.equal(r.status, 201, r.text);
  return r.json.message;
};
const upload = async (who, bytes, name, type) => {
  const r = await who.post(`${at}/attachment`, bytes, { type, headers: { 'X-File-Name': name } });
  assert.equal(r.status, 201, r.text);
  return r.json.attachment;
};
const get = (url, who) => fetch(site.url + url, { headers: { Connection: 'close', Authorization: `Bearer ${who.token}` } });
const dump = () => (engine === 'pgsql'
  ? execFileSync('pg_dump', [site.db], { encoding: 'utf8', maxBuffer: 1 << 28 })
  : execFileSync('sqlite3', [site.dbFile, '.dump'], { encoding: 'utf8', maxBuffer: 1 << 28 }));

test('26. the audit table is append-only with a chain of hashes: who, what object, when, from where, result; reads of conversations and files too; no message text', async () => {
  const message = await send(phone, { content: `It hurts ${TEXT}` });
  const a = await upload(phone, png(), 'x-ray.png', 'image/png');
  await send(phone, { attachments: [a.id] });
  assert.equal((await doctor.get(`${at}/messages`)).status, 200);
  assert.equal((await doctor.get(at)).status, 200);
  assert.equal((await get(`/chat/attachment/${a.id}`, doctor)).status, 200);
  const e = await entry({ action: 'message.sent', object: message.id });
  assert.equal(e.user_id, String(conv.patient));
  assert.equal(e.conversation_id, String(conv.id));
  assert.ok(Math.abs(Date.parse(e.at) - Date.now()) < 120000);
  assert.equal(e.address, '127.0.0.1');
  assert.equal(e.status, '201');
  await entry({ action: 'messages.read', user_id: conv.doctor, conversation_id: conv.id, status: 200 });
  await entry({ action: 'conversation.read', user_id: conv.doctor, conversation_id: conv.id });
  const file = await eventually(() => entries().find((x) => /^(file|attachment)\./.test(x.action) && x.user_id === String(conv.doctor) && x.object === a.id), 'the read of a file');
  assert.equal(file.status, '200');
  const stranger = conversations.find((c) => c.patient !== conv.patient && c.doctor !== conv.doctor);
  assert.equal((await phone.get(`/chat/conversation/${stranger.id}/messages`)).status, 404);
  await entry({ action: 'messages.read', conversation_id: stranger.id, status: 404 });
  // Append-only, for whoever writes SQL.
  assert.throws(() => site.sql("UPDATE chat_audit SET status = '200';"));
  assert.throws(() => site.sql('DELETE FROM chat_audit;'));
  // The chain, computed here.
  let previous = '0'.repeat(64);
  for (const { hash, ...fields } of entries()) {
    assert.equal(createHash('sha256').update([previous, ...Object.values(fields)].join('\t')).digest('hex'), hash, `entry ${fields.seq}`);
    previous = hash;
  }
  assert.match(done('audit', 'verify'), /^the audit log is intact/);
  assert.doesNotMatch(site.sql('SELECT * FROM chat_audit;'), new RegExp(`${TEXT}|${NAME}|It hurts|@example`));
});

test('27. an administrator breaks the glass with a reason, and people are notified', async () => {
  assert.equal((await admin.get(`${at}/messages`)).status, 403, 'not without');
  const told = collect(await subscribed(connect(site, phone, { direct: true }), `private-user.${conv.patient}`), 'BreakGlass');
  for (const body of [{}, { reason: '' }, { reason: 'too short' }]) {
    assert.equal((await admin.post(`${at}/break-glass`, body)).status, 422);
  }
  assert.equal((await phone.post(`${at}/break-glass`, { reason: 'I am no member of staff' })).status, 404);
  assert.equal((await admin.get(`${at}/messages`)).status, 403);
  const REASON = 'The patient collapsed, no doctor answers';
  assert.equal((await admin.post(`${at}/break-glass`, { reason: REASON })).status, 201);
  assert.equal((await admin.get(`${at}/messages`)).status, 200);
  const another = conversations.find((c) => c.id !== conv.id);
  assert.equal((await admin.get(`/chat/conversation/${another.id}/messages`)).status, 403, 'that one only');
  await eventually(() => told.length === 1, 'the patient is told');
  assert.equal(told[0].consultation_id, conv.id);
  assert.ok((await phone.get(`${at}/messages`)).json.data.some((m) => m.type === 'system'), 'and reads it later');
  await entry({ action: 'breakglass', conversation_id: conv.id, status: 201 });
  assert.equal(site.sql('SELECT reason FROM chat_break_glass;').trim(), REASON);
});

test('28. idle log-off is configurable for each role; sessions are listed and revoked by their user', async () => {
  const seconds = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;
  for (const [email, idle] of [['patient@example.com', 900], ['doctor@example.com', 3600]]) {
    const s = (await (await site.browser(email)).get('/chat/sessions')).json.sessions.find((x) => x.current);
    assert.ok(Math.abs(seconds(s.created_at, s.expires_at) - idle) < 60, `${email}: ${seconds(s.created_at, s.expires_at)} s`);
  }
  const [here, there] = [await site.browser(), await site.browser()];
  const peer = await new Door(site.o.port).open({ Cookie: there.cookie, Origin: site.url });
  peer.send(subscribe(`private.user.${conv.patient}`));
  assert.equal((await event(peer)).event, 'pusher_internal:subscription_succeeded');
  const other = (await there.get('/chat/sessions')).json.sessions.find((s) => s.current);
  const list = (await here.get('/chat/sessions')).json.sessions;
  assert.ok(list.some((s) => s.id === other.id && s.address === '127.0.0.1') && list.length >= 2);
  assert.equal((await (await site.browser('doctor@example.com')).request('DELETE', `/chat/sessions/${other.id}`)).status, 404, 'nobody else\'s');
  assert.equal((await here.request('DELETE', `/chat/sessions/${other.id}`)).status, 200);
  assert.equal((await there.get('/chat/me')).status, 401);
  assert.equal((await here.get('/chat/me')).status, 200);
  for (;;) { // its socket ends, too; what the user hears before is passed over
    const f = await peer.frame();
    if (f.opcode === CLOSE) {
      assert.equal(f.payload.readUInt16BE(0), 4009);
      break;
    }
  }
  // Who has done nothing for so long is out.
  site.sql(`UPDATE chat_sessions SET last_seen_at = ${site.time(-1000)} WHERE user_id = ${conv.patient};`);
  assert.equal((await here.get('/chat/me')).status, 401);
});

test('29. at rest: a data key for each conversation, wrapped by a file or a command, its id in each row, a tool that rotates; attachments included', async () => {
  const words = 'the lump is on the left side';
  const message = await send(phone, { content: words });
  const secret = `CANARY-OF-A-FILE ${'and more of it '.repeat(50)}`;
  const a = await upload(phone, secret, 'letter.txt', 'text/plain');
  await send(phone, { attachments: [a.id] });
  // Who is in it reads; who has the database and the disk does not.
  assert.equal((await doctor.get(`${at}/message/${message.id}`)).json.message.content, words);
  assert.equal(await (await get(`/chat/attachment/${a.id}`, doctor)).text(), secret);
  assert.doesNotMatch(dump(), /the lump|left side/);
  const disk = fs.readdirSync(files, { recursive: true, withFileTypes: true }).filter((f) => f.isFile())
    .filter((f) => fs.readFileSync(path.join(f.parentPath ?? f.path, f.name)).includes('CANARY-OF-A-FILE'));
  assert.deepEqual(disk.map((f) => f.name), []);
  // The id of its key stands in each row, and the key belongs to its conversation.
  const key = site.sql(`SELECT body FROM messages WHERE id = ${message.id};`).match(/^sealed:2:(\d+):/)[1];
  assert.equal(site.sql(`SELECT conversation_id FROM chat_keys WHERE id = ${key};`).trim(), String(conv.id));
  assert.equal(site.sql(`SELECT key_id FROM chat_attachments WHERE id = '${a.id}';`).trim(), key);
  const another = conversations.find((c) => c.patient === conv.patient && c.id !== conv.id);
  if (another) {
    await phone.post(`/chat/conversation/${another.id}/message`, { content: words });
    assert.notEqual(site.sql(`SELECT max(id) FROM chat_keys WHERE conversation_id = ${another.id};`).trim(), key);
  }
  // Rotation: a new wrapping key, and the old one may go.
  const file = site.path('conf', 'keys');
  const second = line('2026');
  const keys = (...args) => done('keys', ...args, '--keys', `file:${file}`);
  fs.writeFileSync(file, second + first);
  keys('rotate');
  fs.writeFileSync(file, second);
  const renewed = async () => {
    await site.stop();
    await site.start();
  };
  await renewed();
  const reads = async () => {
    assert.equal((await doctor.get(`${at}/message/${message.id}`)).json.message.content, words);
    assert.equal(await (await get(`/chat/attachment/${a.id}`, doctor)).text(), secret);
  };
  await reads();
  // Without it there is nothing to be had.
  fs.writeFileSync(file, line('lost'));
  await renewed();
  assert.equal((await doctor.get(`${at}/message/${message.id}`)).json.message.content, '');
  assert.doesNotMatch(await (await get(`/chat/attachment/${a.id}`, doctor)).text(), /CANARY/);
  fs.writeFileSync(file, second);
  await renewed();
  await reads();
});

test('30. retention for each kind of conversation, legal hold stops it, purge is logged; export as JSON and files; erase keeps skeleton and audit', async () => {
  const a = await upload(phone, png(), 'mine.png', 'image/png');
  const message = await send(phone, { content: 'to be exported', attachments: [a.id] });
  const old = conversations.find((c) => c.id !== conv.id);
  const texts = (c) => Number(site.sql(`SELECT count(*) FROM messages WHERE request_id = ${c} AND body <> '' AND type <> 'system';`));
  site.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
    VALUES (${old.patient}, ${old.doctor ?? old.patient}, ${old.id}, 'old words', 'text', ${site.time()}, ${site.time()});
    UPDATE treatment_requests SET status = 'completed', updated_at = ${site.time(-100 * 86400)} WHERE id = ${old.id};`);
  done('purge', 'set', 'completed', '90');
  done('hold', 'add', '--conversation', String(old.id), '--why', 'court order 12');
  done('purge', 'run', '--files', files);
  assert.ok(texts(old.id) > 0, 'the hold stops it');
  done('hold', 'release', '--conversation', String(old.id));
  const n = texts(conv.id);
  done('purge', 'run', '--files', files);
  assert.equal(texts(old.id), 0);
  assert.equal(texts(conv.id), n, 'another kind stays');
  assert.match(done('audit', 'list', '--action', 'purge'), new RegExp(`"conversation_id":"${old.id}"`));
  assert.match(done('audit', 'list', '--action', 'hold'), /hold\.placed[\s\S]*hold\.released/);
  // Export.
  const out = site.path('db', 'export');
  const keys = ['--keys', `file:${site.path('conf', 'keys')}`];
  done('export', '--user', 'patient@example.com', '--out', out, '--files', files, ...keys);
  const lines = (name) => fs.readFileSync(`${out}/${name}.jsonl`, 'utf8').trim().split('\n').map((l) => JSON.parse(l));
  assert.equal(lines('profile')[0].email, 'patient@example.com');
  assert.ok(lines('messages').some((m) => m.id === message.id && m.content === 'to be exported'));
  assert.ok(fs.readFileSync(`${out}/files/${a.id}`).equals(Buffer.from(await (await get(`/chat/attachment/${a.id}`, doctor)).arrayBuffer())));
  // Erase.
  const entriesBefore = entries().length;
  const rows = () => site.sql('SELECT count(*) FROM messages;').trim();
  const before = rows();
  done('erase', '--user', 'patient@example.com', '--files', files);
  assert.equal(rows(), before, 'the skeleton');
  assert.ok(entries().length > entriesBefore, 'the audit log, and that it was done');
  const [body] = site.sql(`SELECT body FROM messages WHERE id = ${message.id};`).split('\n');
  assert.equal(body.trim(), '');
  assert.ok(!fs.existsSync(path.join(files, a.id.slice(0, 2), a.id)));
  assert.doesNotMatch(site.sql(`SELECT name, email FROM users WHERE id = ${conv.patient};`), /Layla|patient@example/);
  assert.match(done('audit', 'verify'), /^the audit log is intact/);
});

test('31. logs, labels of metrics, webhooks and what is pushed to services carry no message text and no names', async () => {
  const found = (what, text) => {
    for (const word of [TEXT, NAME]) {
      const where = text.toLowerCase().indexOf(word.toLowerCase());
      assert.equal(where, -1, `${what}: …${text.slice(Math.max(0, where - 200), where + 60)}`);
    }
  };
  const heard = collect(await subscribed(connect(site, doctor, { direct: true }), `private-conversation.${conv.id}`), 'MessageSent');
  await send(doctor, { content: `${TEXT}, says the doctor` });
  assert.equal((await doctor.post(`${at}/message`, `{"content": "${TEXT}"`)).status, 400);
  assert.equal((await doctor.post(`${at}/message`, { content: TEXT, type: TEXT })).status, 422);
  await eventually(() => heard.length >= 1, 'the message is heard');
  assert.match(JSON.stringify(heard), new RegExp(`${TEXT}[\\s\\S]*${NAME}`), 'the words are what went by');
  await eventually(() => hooks.length > 0, 'webhooks');
  for (const name of fs.readdirSync(site.path('logs'))) {
    found(name, fs.readFileSync(site.path('logs', name), 'utf8'));
  }
  assert.ok(fs.statSync(site.path('logs', 'error.log')).size > 10000, 'httpd was talkative');
  assert.match(site.log(), /opened loop=/, 'so was chat-push');
  found('metrics', await (await fetch(site.metrics)).text());
  found('server-status', await (await fetch(site.status)).text());
  found('webhooks', hooks.join('\n'));
  found('the audit log', site.sql('SELECT * FROM chat_audit;'));
  for (const name of fs.readdirSync(site.path('audit'))) {
    found(name, fs.readFileSync(site.path('audit', name), 'utf8'));
  }
});

test('32. TLS 1.2 or later outside; loopback or a Unix socket of mode 0660 between httpd and chat-push; the database over TLS', async () => {
  // --- a certificate, and PostgreSQL that takes nobody without TLS
  const cluster = new Cluster();
  const certificate = (dir, name) => {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1',
      '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', path.join(dir, `${name}.key`), '-out', path.join(dir, `${name}.crt`)], { stdio: 'pipe' });
    return path.join(dir, `${name}.crt`);
  };
  const data = path.join(cluster.dir, 'data');
  const crt = certificate(data, 'server');
  const ca = path.join(cluster.dir, 'ca.crt');
  fs.copyFileSync(crt, ca);
  if (cluster.user) {
    for (const f of [crt, path.join(data, 'server.key'), ca]) {
      fs.chownSync(f, cluster.user.uid, cluster.user.gid);
    }
  }
  fs.writeFileSync(path.join(data, 'pg_hba.conf'), 'local all all trust\nhostssl all all 127.0.0.1/32 trust\n');
  const port = await freePort();
  const log = fs.openSync(path.join(cluster.dir, 'log'), 'a');
  cluster.launch = () => {
    cluster.process = spawn(path.join(cluster.bin, 'postgres'), ['-D', data, '-k', cluster.dir, ...['listen_addresses=127.0.0.1', `port=${port}`, 'ssl=on', 'fsync=off',
      'ssl_min_protocol_version=TLSv1.2', 'max_connections=100', 'unix_socket_permissions=0777'].flatMap((o) => ['-c', o])],
    { stdio: ['ignore', 'ignore', log], ...cluster.as() });
    cluster.process.gone = new Promise((gone) => cluster.process.once('exit', gone));
  };
  cluster.url = (database) => `postgresql://chat@127.0.0.1:${port}/${database}?sslmode=verify-full&sslrootcert=${encodeURIComponent(ca)}`;
  cleanup(async () => {
    await cluster.stop();
    fs.rmSync(cluster.dir, { recursive: true, force: true });
  });
  await cluster.start();
  const db = cluster.create();
  const plain = spawnSync('psql', ['-X', '-c', 'SELECT 1', db.replace('verify-full', 'disable')], { encoding: 'utf8' });
  assert.notEqual(plain.status, 0, 'PostgreSQL refuses who comes without TLS');

  // --- a site on it, whose TLS is what conf/sites/tls.conf says
  const shipped = fs.readFileSync(path.join(root, 'conf/sites/tls.conf'), 'utf8').match(/^ *(SSLProtocol .*)$/m)[1];
  const modules = process.env.CHAT_HTTPD_MODULES || '/usr/lib/apache2/modules';
  const outside = await freePort();
  const own = await startSite({
    db,
    before(s) {
      fs.mkdirSync(s.path('conf'), { recursive: true });
      certificate(s.path('conf'), 'tls');
      s.o.extraConf = `LoadModule ssl_module ${modules}/mod_ssl.so\nSSLSessionCache none\nListen 127.0.0.1:${outside}
<VirtualHost 127.0.0.1:${outside}>\nSSLEngine On\nSSLCertificateFile conf/tls.crt\nSSLCertificateKeyFile conf/tls.key\n${shipped}\n</VirtualHost>`;
    },
  });
  own.expectLog(/ssl:warn\] .*AH0(1882|1873|1909|1906)/);
  own.expectLog(/chat:warn\]/); // room for sockets by TLS, which is not this test's
  const shake = (minVersion, maxVersion) => new Promise((resolve) => {
    const socket = tls.connect({ host: '127.0.0.1', port: outside, rejectUnauthorized: false, minVersion, maxVersion, ciphers: 'DEFAULT@SECLEVEL=0' },
      () => { resolve(socket.getProtocol()); socket.destroy(); });
    socket.once('error', (e) => resolve(e.code ?? 'refused'));
  });
  assert.equal(await shake('TLSv1.2', 'TLSv1.2'), 'TLSv1.2');
  assert.equal(await shake('TLSv1.3', 'TLSv1.3'), 'TLSv1.3');
  assert.doesNotMatch(await shake('TLSv1', 'TLSv1.1'), /^TLSv1/);

  // --- between httpd and chat-push
  const patient = new Client(own.url);
  await patient.login('patient@example.com', 'password');
  const id = own.people().conversations[0].id;
  assert.equal((await patient.post(`/chat/conversation/${id}/message`, { content: 'over TLS' })).status, 201);
  for (const name of ['handoff.sock', 'wake.sock']) {
    const { mode } = fs.statSync(own.path('run', name));
    assert.equal(mode & 0o777, 0o660, name);
    assert.equal(mode & fs.constants.S_IFMT, fs.constants.S_IFSOCK, name);
  }
  assert.equal(JSON.parse(fs.readFileSync(path.join(root, 'conf/chat-push.json'), 'utf8')).host, '127.0.0.1');
  const inodes = fs.readdirSync(`/proc/${own.push.pid}/fd`).map((fd) => {
    try {
      return fs.readlinkSync(`/proc/${own.push.pid}/fd/${fd}`).match(/^socket:\[(\d+)\]$/)?.[1];
    } catch {
      return undefined;
    }
  }).filter(Boolean);
  const listening = ['tcp', 'tcp6'].flatMap((f) => fs.readFileSync(`/proc/${own.push.pid}/net/${f}`, 'utf8').trim().split('\n').slice(1)
    .map((l) => l.trim().split(/\s+/)).filter((l) => l[3] === '0A' && inodes.includes(l[9])).map((l) => l[1].split(':')[0]));
  assert.ok(listening.length > 0);
  assert.deepEqual([...new Set(listening)], ['0100007F'], 'chat-push listens on loopback alone');

  // --- every connection to the database, of both programs
  const rows = cluster.psql('SELECT a.application_name, s.ssl, s.version, a.client_port FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.client_addr IS NOT NULL')
    .trim().split('\n').map((r) => r.split('|'));
  assert.ok(rows.length >= 3, rows.join(' '));
  for (const [name, ssl, version] of rows) {
    assert.equal(ssl, 't', name);
    assert.match(version, /^TLSv1\.[23]$/, name);
  }
  // Both programs have such connections, and none of another kind.
  const ports = (pid) => {
    const own_ = fs.readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return fs.readlinkSync(`/proc/${pid}/fd/${fd}`).match(/^socket:\[(\d+)\]$/)?.[1];
      } catch {
        return undefined;
      }
    });
    return fs.readFileSync(`/proc/${pid}/net/tcp`, 'utf8').trim().split('\n').slice(1).map((l) => l.trim().split(/\s+/))
      .filter((l) => own_.includes(l[9]) && parseInt(l[2].split(':')[1], 16) === port).map((l) => parseInt(l[1].split(':')[1], 16));
  };
  const children = fs.readFileSync(`/proc/${own.httpd.pid}/task/${own.httpd.pid}/children`, 'utf8').trim().split(' ').map(Number);
  const known = rows.map(([, , , p]) => Number(p));
  for (const [name, pids] of [['chat-push', [own.push.pid]], ['httpd', children]]) {
    const theirs = pids.flatMap(ports);
    assert.ok(theirs.length > 0, name);
    assert.ok(theirs.some((p) => known.includes(p)), `${name}: ${theirs} of ${known}`);
  }
});
