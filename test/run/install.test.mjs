// SPDX-License-Identifier: Apache-2.0
//
// `make install` into a scratch root, and `configure`'s own words.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../../dev/site.mjs';
import { testDir } from '../site/lib/site.mjs';

const env = { ...process.env };
for (const name of ['MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'MAKEOVERRIDES']) {
  delete env[name];
}

test('make install puts programs, pages, configuration and SQL under DESTDIR', () => {
  const dir = testDir('install');
  execFileSync('make', ['-s', 'install', `DESTDIR=${dir}`], { cwd: root, env, stdio: 'pipe' });
  const prefix = fs.readFileSync(path.join(root, 'config.mk'), 'utf8').match(/^PREFIX = (.*)$/m)[1];
  const share = path.join(dir, prefix, 'share/mod_chat');
  for (const file of ['conf/chat.conf', 'conf/chat-push.json', 'sql/schema.sqlite.sql', 'htdocs/index.html', 'htdocs/lib/pusher.min.js', 'htdocs/js/app.js']) {
    assert.ok(fs.existsSync(path.join(share, file)), file);
  }
  assert.ok(!fs.existsSync(path.join(share, 'htdocs/.done')));
  const sites = fs.readdirSync(path.join(share, 'conf/sites'));
  assert.deepEqual(sites, fs.readdirSync(path.join(root, 'conf/sites')));
  for (const site of sites) {
    const text = fs.readFileSync(path.join(share, 'conf/sites', site), 'utf8');
    assert.doesNotMatch(text, /@PREFIX@/, site);
    assert.ok(text.includes(`Include "${prefix}/share/mod_chat/conf/chat.conf"`), site);
  }
  const unit = path.join(dir, prefix, 'lib/systemd/system/chat-push.service');
  assert.match(fs.readFileSync(unit, 'utf8'), new RegExp(`^ExecStart=${prefix}/sbin/chat-push --config `, 'm'));
  for (const file of ['lib/sysusers.d/chat-push.conf', 'lib/tmpfiles.d/chat-push.conf', 'lib/mod_chat/setup', 'share/man/man8/chat-push.8']) {
    const text = fs.readFileSync(path.join(dir, prefix, file), 'utf8');
    assert.doesNotMatch(text, /@PREFIX@/, file);
  }
  const analyze = spawnSync('systemd-analyze', ['--version']);
  if (analyze.status === 0) { // names and values, not whether user and program are here
    const judged = path.join(dir, 'chat-push.service');
    fs.writeFileSync(judged, fs.readFileSync(unit, 'utf8').replace(/^ExecStart=.*/m, 'ExecStart=/bin/true').replace(/^(User|Group)=.*\n/gm, ''));
    const r = spawnSync('systemd-analyze', ['verify', judged], { encoding: 'utf8' });
    assert.doesNotMatch(r.stderr, /chat-push\.service/, r.stderr);
  }
  const ctl = path.join(dir, prefix, 'bin/chatctl');
  assert.match(execFileSync(ctl, ['--version'], { encoding: 'utf8' }), /schema version \d+\n$/);
  assert.ok(fs.existsSync(path.join(dir, prefix, 'share/man/man1/chatctl.1')));
  const push = path.join(dir, prefix, 'sbin/chat-push');
  assert.equal(fs.statSync(push).mode & 0o111, 0o111);
  assert.equal(spawnSync(push, ['--config', '/nowhere.json']).status, 1);
  const modules = fs.readFileSync(path.join(root, 'config.mk'), 'utf8').match(/^HTTPD_MODULES = (.*)$/m)[1];
  const symbols = execFileSync('nm', ['-D', '--defined-only', path.join(dir, modules, 'mod_chat.so')], { encoding: 'utf8' });
  assert.deepEqual(symbols.trim().split('\n').map((l) => l.split(' ').pop()), ['chat_module'], 'one symbol is exported');
  fs.rmSync(dir, { recursive: true });
});

test('configure refuses what it does not know, and names missing packages', () => {
  const bad = spawnSync('./configure', ['--wrong'], { cwd: root, env, encoding: 'utf8' });
  assert.equal(bad.status, 1);
  assert.match(bad.stderr, /unknown option '--wrong'/);
  const relative = spawnSync('./configure', ['--prefix=here'], { cwd: root, env, encoding: 'utf8' });
  assert.equal(relative.status, 1);
  const dir = testDir('configure');
  for (const name of ['sh', 'dirname', 'sed', 'tr', 'sort', 'id', 'ls', 'cat', 'gcc', 'make']) {
    fs.symlinkSync(execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim(), path.join(dir, name));
  }
  fs.copyFileSync(path.join(root, 'configure'), path.join(dir, 'configure'));
  const bare = spawnSync(path.join(dir, 'sh'), [path.join(dir, 'configure')], { cwd: dir, env: { PATH: dir }, encoding: 'utf8' });
  assert.equal(bare.status, 1);
  for (const [what, name] of [['pkg-config', 'pkg-config'], ['jansson', 'libjansson-dev'], ['libpq', 'libpq-dev']]) {
    assert.match(bare.stderr, new RegExp(`${what}: package ${name}`));
  }
  fs.rmSync(dir, { recursive: true });
});
