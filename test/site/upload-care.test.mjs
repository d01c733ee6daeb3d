// SPDX-License-Identifier: Apache-2.0
//
// Files that are being looked at, those that are found infected, and what is left
// when processes die.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { tmpName } from '../../dev/site.mjs';
import { cleanup } from './lib/cleanup.mjs';
import { sleep, startSite } from './lib/site.mjs';
import { form, pdf, png, raw } from './lib/upload.mjs';

/* A scanner as a command: what it says stands in a file, and while another is there it
 * says nothing. It is where httpd's user can run it. */
const scanner = fs.mkdtempSync(tmpName('mod_chat-scan-'));
cleanup(() => fs.rmSync(scanner, { recursive: true, force: true }));
fs.chmodSync(scanner, 0o755);
fs.writeFileSync(path.join(scanner, 'scan'), `#!/bin/sh
while [ -e "${scanner}/wait" ]; do sleep 0.1; done
grep -q INFECTED "$1" && { echo Test-Signature; exit 1; }
exit 0
`, { mode: 0o755 });
const wait = path.join(scanner, 'wait');

const site = await startSite({ extraConf: `ChatSendRate off\nChatUploadsAtOnce off\nChatScan command:${scanner}/scan\nChatScanWait 1\nChatScanTimeout 600` });
const conv = site.people().conversations[0];
const phone = await site.phone();
const doctor = await site.phone('doctor@example.com');
const url = (what) => `/chat/conversation/${conv.id}${what}`;
const fileDir = path.join(site.dir, 'files');
const idsOnDisk = () => fs.readdirSync(fileDir, { recursive: true }).map((n) => path.basename(n)).filter((n) => /^[0-9a-f]{32}$/.test(n));

const send = (parts, who = phone) => {
  const { body, type } = form(parts);
  return who.post(url('/message'), body, { type });
};

async function until(what, fn) {
  for (let i = 0; i < 1200; i++) {
    const found = await fn();
    if (found) {
      return found;
    }
    await sleep(50);
  }
  throw new Error(`${what}: not within a minute`);
}

const history = async () => (await doctor.get(url('/messages'))).json.data;
const events = (name) => Number(site.sql(`SELECT count(*) FROM chat_events WHERE event = '${name}';`));

test('an infected file is not sent, and is gone', async () => {
  const before = idsOnDisk().length;
  const r = await send([{ name: 'content', value: 'look' }, { name: 'files[]', file: 'a.txt', bytes: 'this one is INFECTED for sure' }]);
  assert.equal(r.status, 422, r.text);
  assert.match(r.json.errors.files[0], /infected/);
  assert.ok(!(await history()).some((m) => m.content === 'look'));
  assert.equal(idsOnDisk().length, before);
  const alone = await phone.post(url('/attachment'), 'this one is INFECTED for sure', { type: 'text/plain' });
  assert.equal(alone.status, 422, alone.text);
  assert.equal(idsOnDisk().length, before);
});

test('a message waits for its files, and is announced when they are clean', async () => {
  fs.writeFileSync(wait, '');
  const sent = events('MessageSent');
  const parts = [{ name: 'content', value: 'held' }, { name: 'client_id', value: 'held-1' }, { name: 'files[]', file: 'a.pdf', bytes: pdf(5000) }];
  const r = await send(parts);
  assert.equal(r.status, 202, r.text);
  assert.deepEqual(r.json, { message: null, status: 'pending', client_id: 'held-1' });
  const again = await send(parts);
  assert.equal(again.status, 202, again.text);
  assert.equal((await send([{ ...parts[0], value: 'other' }, parts[1], parts[2]])).status, 409);
  assert.equal(events('MessageSent'), sent);
  assert.ok(!(await history()).some((m) => m.content === 'held'));
  const id = site.sql("SELECT id FROM chat_attachments WHERE state = 'pending';").trim();
  // One of a message on its way can be neither removed nor sent with another.
  assert.equal((await phone.request('DELETE', `/chat/attachment/${id}`)).status, 404);
  assert.equal((await phone.post(url('/message'), { attachments: [id] })).status, 422);
  assert.equal((await phone.get(`/chat/attachment/${id}`)).status, 202);
  assert.equal((await doctor.get(`/chat/attachment/${id}`)).status, 404);
  fs.rmSync(wait);
  const message = await until('the message', async () => (await history()).find((m) => m.content === 'held'));
  assert.equal(message.client_id, 'held-1');
  assert.equal(message.attachments[0].id, id);
  assert.equal(message.attachments[0].state, 'clean');
  assert.equal(events('MessageSent'), sent + 1);
  const late = await send(parts);
  assert.equal(late.status, 201, late.text);
  assert.equal(late.json.message.id, message.id);
});

test('a message whose file turns out to be infected is never sent; its sender hears it', async () => {
  fs.writeFileSync(wait, '');
  const r = await send([{ name: 'content', value: 'never' }, { name: 'files[]', file: 'a.txt', bytes: 'INFECTED, later' }]);
  assert.equal(r.status, 202, r.text);
  const id = site.sql("SELECT id FROM chat_attachments WHERE state = 'pending';").trim();
  const rejected = events('AttachmentRejected');
  const { cursor } = (await phone.get('/chat/sync')).json;
  fs.rmSync(wait);
  await until('the event', () => events('AttachmentRejected') > rejected);
  const row = site.sql("SELECT channels, payload FROM chat_events WHERE event = 'AttachmentRejected' ORDER BY id DESC LIMIT 1;");
  assert.ok(row.includes(`private-user.${conv.patient}`) && !row.includes('private-conversation') && row.includes(id), row);
  const synced = async (who) => (await who.get(`/chat/sync?since=${encodeURIComponent(cursor)}`)).json.events.map((e) => e.event);
  assert.deepEqual(await synced(phone), ['AttachmentRejected']);
  assert.deepEqual(await synced(doctor), [], 'and nobody else, by sync neither');
  await until('the held message', () => site.sql('SELECT count(*) FROM chat_held_messages;').trim() === '0');
  assert.ok(!(await history()).some((m) => m.content === 'never'));
  const own = await phone.get(`/chat/attachment/${id}`);
  assert.equal(own.status, 410, own.text);
  assert.equal(own.json.attachment.state, 'infected');
  assert.equal((await doctor.get(`/chat/attachment/${id}`)).status, 404);
});

test('a message that the database refuses keeps nobody else waiting', async () => {
  site.sql(site.dbFile
    ? "CREATE TRIGGER refused BEFORE INSERT ON messages WHEN NEW.body = 'refused' BEGIN SELECT RAISE(ABORT, 'no such words'); END;"
    : "ALTER TABLE messages ADD CONSTRAINT refused CHECK (body <> 'refused') NOT VALID;");
  fs.writeFileSync(wait, '');
  for (const words of ['refused', 'behind it']) {
    const r = await send([{ name: 'content', value: words }, { name: 'files[]', file: 'a.pdf', bytes: pdf(4000) }]);
    assert.equal(r.status, 202, r.text);
  }
  site.expectLog(/a message with files is dropped, the database refuses it/);
  fs.rmSync(wait);
  await until('the held messages', () => site.sql('SELECT count(*) FROM chat_held_messages;').trim() === '0');
  const said = (await history()).map((m) => m.content);
  assert.ok(said.includes('behind it') && !said.includes('refused'));
  site.sql(site.dbFile ? 'DROP TRIGGER refused;' : 'ALTER TABLE messages DROP CONSTRAINT refused;');
});

test('who is removed meanwhile does not send', async () => {
  fs.writeFileSync(wait, '');
  const r = await send([{ name: 'content', value: 'too late' }, { name: 'files[]', file: 'a.pdf', bytes: pdf(4000) }], doctor);
  assert.equal(r.status, 202, r.text);
  site.sql(`UPDATE treatment_requests SET doctor_id = NULL WHERE id = ${conv.id};`);
  fs.rmSync(wait);
  await until('the held message', () => site.sql('SELECT count(*) FROM chat_held_messages;').trim() === '0');
  site.sql(`UPDATE treatment_requests SET doctor_id = ${conv.doctor} WHERE id = ${conv.id};`);
  assert.ok(!(await history()).some((m) => m.content === 'too late'));
});

test('kill -9 of httpd\'s children in the middle of uploads leaves nothing for long', async () => {
  const { body, type } = form([{ name: 'files[]', file: 'a.pdf', type: 'application/pdf', bytes: pdf(3 << 20) }]);
  const head = `POST ${url('/message')} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${phone.token}\r\nConnection: close\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`;
  const half = Array.from({ length: 4 }, () => raw(site.o.port, head, body.subarray(0, 2 << 20), { wait: 15000 }));
  const incoming = () => fs.readdirSync(path.join(fileDir, 'incoming'));
  await until('uploads under way', () => incoming().length === 4);
  site.expectLog(/exit signal Killed/);
  const children = fs.readFileSync(`/proc/${site.httpd.pid}/task/${site.httpd.pid}/children`, 'utf8').trim().split(' ').map(Number)
    .filter((pid) => fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === fs.readFileSync(`/proc/${site.httpd.pid}/comm`, 'utf8').trim());
  assert.ok(children.length > 0);
  // As if they had been killed an hour ago, and one between the rename and the row.
  for (const pid of children) {
    process.kill(pid, 'SIGKILL');
  }
  await Promise.all(half);
  const old = new Date(Date.now() - 3 * 3600000);
  for (const name of incoming()) {
    fs.utimesSync(path.join(fileDir, 'incoming', name), old, old);
  }
  const orphan = '0'.repeat(31) + '1';
  fs.mkdirSync(path.join(fileDir, '00'), { recursive: true });
  for (const suffix of ['', '.thumb', '.verdict', '.new', '.thumb-new', '.verdict-new', '-sealing', '.thumb-sealing']) {
    fs.writeFileSync(path.join(fileDir, '00', orphan + suffix), 'x');
    fs.utimesSync(path.join(fileDir, '00', orphan + suffix), old, old);
  }
  fs.chmodSync(path.join(fileDir, '00'), 0o777);
  const kept = site.sql("SELECT count(*) FROM chat_attachments WHERE message_id IS NOT NULL;").trim();
  await until('the sweep', () => incoming().length === 0 && !fs.readdirSync(path.join(fileDir, '00')).some((n) => n.startsWith(orphan)));
  assert.equal(site.sql("SELECT count(*) FROM chat_attachments WHERE message_id IS NOT NULL;").trim(), kept);
  const rows = site.sql('SELECT id FROM chat_attachments;').trim().split('\n').sort();
  assert.deepEqual(idsOnDisk().sort(), rows);
  const r = await until('httpd again', async () => {
    const x = await send([{ name: 'content', value: 'after' }, { name: 'files[]', file: 'a.png', bytes: png() }]).catch(() => null);
    return x?.status === 201 && x;
  });
  assert.equal(r.json.message.content, 'after');
});

test('what nobody sends expires, what was sent stays', async () => {
  const a = await phone.post(url('/attachment'), pdf(), { type: 'application/pdf' });
  assert.equal(a.status, 201, a.text);
  const b = await phone.post(url('/attachment'), pdf(), { type: 'application/pdf' });
  const sent = site.sql('SELECT count(*) FROM chat_attachments WHERE message_id IS NOT NULL;').trim();
  site.sql(`UPDATE chat_attachments SET created_at = ${site.time(-25 * 3600)} WHERE id <> '${b.json.attachment.id}';`);
  // A message that is removed for good takes its files along.
  const gone = site.sql('SELECT min(message_id) FROM chat_attachments;').trim();
  const files = Number(site.sql(`SELECT count(*) FROM chat_attachments WHERE message_id = ${gone};`));
  site.sql(`DELETE FROM messages WHERE id = ${gone};`);
  await site.stopHttpd();
  await site.startHttpd();
  await until('the sweep', () => !idsOnDisk().includes(a.json.attachment.id));
  assert.ok(idsOnDisk().includes(b.json.attachment.id));
  assert.equal(Number(site.sql('SELECT count(*) FROM chat_attachments WHERE message_id IS NOT NULL;')), Number(sent) - files);
  const used = Number(site.sql(`SELECT bytes FROM chat_file_usage WHERE owner = 'c${conv.id}';`));
  assert.equal(Number(site.sql('SELECT coalesce(sum(size), 0) FROM chat_attachments;')), used);
});
