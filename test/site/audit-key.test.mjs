// SPDX-License-Identifier: Apache-2.0
//
// ChatAuditKey: who can write to the database and to the spools, and has no key, cannot
// make the audit log anew unnoticed.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { test } from 'node:test';
import { cleanup } from './lib/cleanup.mjs';
import { eventually, startSite } from './lib/site.mjs';

const line = (id) => `${id} ${randomBytes(32).toString('base64')}\n`;
const [first, second] = [line('2025'), line('2026')];
const site = await startSite({
  before(s) {
    fs.mkdirSync(s.path('conf'), { recursive: true });
    fs.writeFileSync(s.path('conf', 'audit-key'), first, { mode: 0o640 });
    s.o.extraConf = `ChatAudit On\nChatAuditKey file:${s.path('conf', 'audit-key')}\nChatSendRate off`;
  },
});
cleanup(() => site.stop());
const file = site.path('conf', 'audit-key');
const conv = site.people().conversations[0];
const phone = await site.phone('patient@example.com');
const rows = (sql) => site.sql(sql).trim();
const count = (where) => Number(rows(`SELECT count(*) FROM chat_audit WHERE ${where};`));
const user = site.dbFile && site.user ? { uid: site.user.uid, gid: site.user.gid } : {};
const keyFor = (text) => {
  const name = site.path('db-audit-key');
  fs.writeFileSync(name, text, { mode: 0o600 });
  if (user.uid) {
    fs.chownSync(name, user.uid, user.gid);
  }
  return `file:${name}`;
};
const verify = (keys, ...more) => {
  const r = spawnSync(site.path('bin', 'chatctl'), ['audit', 'verify', '--json', '--database', site.db, ...(keys ? ['--audit-key', keyFor(keys)] : []), ...more], { encoding: 'utf8', ...user });
  return { status: r.status, stderr: r.stderr, ...JSON.parse(r.stdout || '{}') };
};
const sealed = () => eventually(() => rows('SELECT action FROM chat_audit WHERE seq = (SELECT seq FROM chat_audit_head);') === 'audit.sealed', 'the chain is sealed');
const read = async () => {
  const before = count("action = 'messages.read'");
  assert.equal((await phone.get(`/chat/conversation/${conv.id}/messages`)).status, 200);
  await eventually(() => count("action = 'messages.read'") > before, 'it is there');
};

/** The chain from an entry on, computed anew by somebody who knows how and has no key. */
const rewrite = (from, change) => {
  const trigger = site.dbFile
    ? rows("SELECT group_concat('DROP TRIGGER ' || name, ';') FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'chat_audit';")
    : 'ALTER TABLE chat_audit DISABLE TRIGGER USER';
  const back = site.dbFile
    ? rows("SELECT group_concat(sql, ';' || char(10)) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'chat_audit';")
    : 'ALTER TABLE chat_audit ENABLE TRIGGER USER';
  const fields = "seq, at, user_id, via, action, conversation_id, object, address, agent, status, request_id";
  const list = site.sql(`SELECT ${fields.split(', ').map((f) => `coalesce(CAST(${f} AS ${site.dbFile ? 'TEXT' : 'text'}), '')`).join(" || '~' || ")} FROM chat_audit WHERE seq >= ${from} ORDER BY seq;`)
    .split('\n').filter(Boolean).map((l) => l.split('~'));
  let previous = rows(`SELECT hash FROM chat_audit WHERE seq = ${from - 1};`);
  const sql = [];
  for (const row of change(list)) {
    const hash = createHash('sha256').update([previous, ...row].join('\t')).digest('hex');
    sql.push(`UPDATE chat_audit SET hash = '${hash}', object = '${row[6]}', action = '${row[4]}' WHERE seq = ${row[0]}`);
    previous = hash;
  }
  const last = list.at(-1)[0];
  sql.push(`DELETE FROM chat_audit WHERE seq > ${last}`, `UPDATE chat_audit_head SET seq = ${last}, hash = '${previous}'`);
  site.sql(`${trigger};\n${sql.join(';\n')};\n${back};`);
};

test('the chain is sealed soon after what it tells, and verifies', async () => {
  await read();
  await sealed();
  const r = verify(first);
  assert.equal(r.status, 0, r.stderr);
  assert.ok(r.seals.good >= 1 && r.seals.behind === 0, JSON.stringify(r.seals));
  assert.equal(verify(null).seals, null);
  // What chatctl adds is sealed without another request.
  spawnSync(site.path('bin', 'chatctl'), ['hold', 'add', '--conversation', String(conv.id), '--why', 'a test', '--database', site.db], { encoding: 'utf8', ...user });
  await eventually(() => count("action = 'hold.placed'") === 1);
  await sealed();
  assert.equal(verify(first).status, 0);
});

test('with another key, or none of that id, it does not verify', () => {
  const other = verify(line('2025'));
  assert.equal(other.status, 1);
  assert.match(other.findings.join(), /its seal is not one of the key/);
  const unknown = verify(second);
  assert.equal(unknown.status, 1);
  assert.match(unknown.findings.join(), /sealed with a key that is not in the file/);
});

test('another key: entries of both verify with both lines in the file', async () => {
  fs.writeFileSync(file, second + first);
  await site.stopHttpd();
  await site.startHttpd();
  await read();
  await sealed();
  assert.ok(count("action = 'audit.sealed' AND object LIKE '2026 %'") >= 1);
  const r = verify(second + first);
  assert.equal(r.status, 0, r.findings?.join());
  assert.equal(r.seals.unremembered, 0);
  assert.equal(verify(second).status, 1);
});

test('a line in a spool that nobody with the key has signed is told', async () => {
  const spool = `${site.path('audit')}/${site.path('audit').length}.forged.spool`;
  fs.writeFileSync(`${spool}.new`, ['2026-11-29T16:32:58.123Z', '9', 'session', 'messages.read', String(conv.id), '', '127.0.0.1', 'forged', '200', 'x'].join('\t') + '\n');
  if (site.user) {
    fs.chownSync(`${spool}.new`, site.user.uid, site.user.gid);
  }
  fs.renameSync(`${spool}.new`, spool);
  await eventually(() => count("agent = 'forged'") === 1, 'it is taken in');
  assert.equal(count("action = 'audit.unsigned' AND object LIKE '%forged.spool:0'"), 1);
  await sealed();
  const r = verify(second + first);
  assert.equal(r.status, 0);
  assert.equal(r.seals.unsigned, 1);
  // One of a child's own lines, once more: it was signed for another place.
  assert.equal(count("action = 'audit.unsigned'"), 1);
});

test('a rewritten chain is found by its seals, without the key it cannot have any', async () => {
  await site.stopHttpd();
  const from = Number(rows("SELECT min(seq) FROM chat_audit WHERE action = 'messages.read';"));
  rewrite(from, (list) => list.map((row) => (row[0] === String(from) ? [...row.slice(0, 6), 'nothing happened', ...row.slice(7)] : row)));
  assert.equal(verify(null).status, 0, 'the hashes alone do not show it');
  const r = verify(second + first);
  assert.equal(r.status, 1);
  assert.match(r.findings.join(), /its seal is not one of the key: the log before it was made anew/);
});

test('an end that was taken away is missed by httpd, which says so', async () => {
  site.expectLog(/audit log: somebody has changed it: seal \d+/);
  await site.startHttpd();
  await read();
  await eventually(() => count("action = 'audit.damaged' AND object LIKE 'seal %'") === 1, 'a rewritten seal is missed');
  await sealed();
  await site.stopHttpd();
  // A chain that ends earlier, with every hash right.
  const last = Number(rows('SELECT seq FROM chat_audit_head;'));
  rewrite(last - 1, (list) => { list.length = 1; return list; });
  assert.equal(Number(rows('SELECT seq FROM chat_audit_head;')), last - 1);
  await site.startHttpd();
  await read();
  await eventually(() => count(`action = 'audit.damaged' AND object = 'seal ${last}'`) === 1, 'the last seal is missed');
  await sealed();
  const r = verify(second + first);
  assert.equal(r.status, 1);
  assert.match(r.findings.join(), /httpd missed seal \d+ then/);
});

test('a memory that was taken away, or forged, is told', async () => {
  await site.stopHttpd();
  const memo = `${site.path('audit')}/sealed`;
  const text = fs.readFileSync(memo, 'utf8');
  fs.writeFileSync(memo, text.replace(/^\d+/, '1'));
  site.expectLog(/audit log: somebody has changed it: the file sealed/);
  await site.startHttpd();
  await read();
  await eventually(() => count("action = 'audit.damaged' AND object = 'the file sealed'") === 1);
  await sealed();
  await site.stopHttpd();
  fs.unlinkSync(memo);
  await site.startHttpd();
  await read();
  await eventually(() => count("action = 'audit.unremembered'") === 1);
});
