// SPDX-License-Identifier: Apache-2.0
//
// The audit log when something is wrong: no database, no disk, no directory; and
// ChatAudit Strict, which answers nothing that is not written down.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { test } from 'node:test';
import { disksOf } from './lib/disk.mjs';
import { eventually, startSite, testDir } from './lib/site.mjs';
import { form, png } from './lib/upload.mjs';

const Disk = disksOf(import.meta.url);
const dir = testDir('spool');
const disk = new Disk(dir, 1);
const site = await startSite({
  extraConf: `ChatAudit Strict\nChatAuditSpool "${dir}/audit"\nChatSendRate off`,
  httpdEnv: disk.env,
});
site.expectLog(/the audit log cannot be written/);
const conv = site.people().conversations[0];
const phone = await site.phone('patient@example.com');
const url = `/chat/conversation/${conv.id}`;
const count = (where) => Number(site.sql(`SELECT count(*) FROM chat_audit WHERE ${where};`).trim());
const verify = () => spawnSync(site.path('bin', 'chatctl'), ['audit', 'verify', '--database', site.db],
  { encoding: 'utf8', ...(site.dbFile && site.user && { uid: site.user.uid, gid: site.user.gid }) });

test('Strict: entries come, many at once', async () => {
  const before = count("action = 'messages.read'");
  await Promise.all(Array.from({ length: 40 }, () => phone.get(`${url}/messages`)));
  await eventually(() => count("action = 'messages.read'") === before + 40, 'an entry each');
  assert.equal(verify().status, 0);
});

test('Strict: nothing is shown that cannot be written down', async () => {
  const { body, type } = form([{ name: 'files[]', file: 'xray.png', type: 'image/png', bytes: png() }]);
  const { json: { message } } = await phone.post(`${url}/message`, body, { type });
  disk.fill();
  let r = null;
  let good = 0;
  // A block that the file has already takes some more.
  while (good < 100 && (r = await phone.get(`${url}/messages`)).status === 200) {
    good++;
  }
  assert.equal(r.status, 503, r.text);
  assert.deepEqual(r.json, { error: 'the audit log cannot be written', errors: {} });
  let file = null;
  // A spool that was taken in leaves room, until the disk is full again.
  for (let i = 0; i < 100 && file?.status !== 503; i++) {
    disk.fill();
    file = await fetch(`${site.url}/chat/attachment/${message.attachments[0].id}`,
      { headers: { Connection: 'close', Authorization: `Bearer ${phone.token}` } });
    assert.equal((await file.text()).includes('PNG'), file.status === 200);
  }
  assert.equal(file.status, 503);
  disk.free();
  await eventually(async () => (await phone.get(`${url}/messages`)).status === 200, 'it goes on');
  await eventually(() => count("action = 'messages.read'") === 40 + good + 1, 'and is written down');
  assert.equal(verify().status, 0, verify().stdout);
});

test('entries wait while the table is not there, and come in order', async () => {
  const before = count('1 = 1');
  site.sql('ALTER TABLE chat_audit_head RENAME TO chat_audit_head_away;');
  for (let i = 0; i < 5; i++) {
    assert.equal((await phone.get(`${url}/messages`)).status, 200);
  }
  const spools = fs.readdirSync(`${dir}/audit`).filter((f) => f.endsWith('.spool'));
  assert.ok(spools.length > 0);
  site.sql('ALTER TABLE chat_audit_head_away RENAME TO chat_audit_head;');
  await eventually(() => count('1 = 1') === before + 5, 'all of them', 15000);
  assert.equal(verify().status, 0);
});

test('httpd stops: what its children wrote last is in the table, and no spool is left', async () => {
  const before = count('1 = 1');
  assert.equal((await phone.get(`${url}/messages`)).status, 200);
  await site.stopHttpd();
  if (fs.readdirSync(`${dir}/audit`).some((f) => f.endsWith('.spool'))) {
    await site.startHttpd(); // a child was not given the time: the next one does it
  }
  await eventually(() => count('1 = 1') >= before + 1
    && !fs.readdirSync(`${dir}/audit`).some((f) => f.endsWith('.spool')), 'an empty directory', 15000);
  assert.equal(count('1 = 1'), before + 1);
  assert.equal(verify().status, 0);
});
