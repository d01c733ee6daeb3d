// SPDX-License-Identifier: Apache-2.0
//
// The Debian packages as an operator meets them: built, judged by lintian, and on
// a machine with systemd (box.mjs) installed, used, upgraded, removed and purged.
// The commands that doc/operations.md gives are read from it and run as they stand.
//
// Needs root, for the box.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { root } from '../../dev/site.mjs';
import { build, testDir } from '../site/lib/site.mjs';
import { Box } from './box.mjs';

const own = path.join(build, 'deb-test'); // whoever runs make deb keeps what it made
const debs = path.join(own, 'deb');
const talk = path.join(root, 'test/deb/talk.mjs');
const conf = '/etc/mod_chat/chat-push.json';
const db = '/var/lib/mod_chat/chat.db';
const dir = testDir('deb');
const first = path.join(dir, 'packages'); // in the box /packages
const upgrade = path.join(first, 'upgrade');
let box;

const env = { ...process.env };
for (const name of ['MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'MAKEOVERRIDES', 'CFLAGS', 'LDFLAGS']) {
  delete env[name];
}

function makeDeb(to, version) {
  const args = ['-s', 'deb', `B=${own}`, ...(version ? [`DEB_VERSION=${version}`] : [])];
  const r = spawnSync('make', args, { cwd: root, env, encoding: 'utf8' });
  assert.equal(r.status, 0, r.stdout + r.stderr);
  fs.mkdirSync(to, { recursive: true });
  for (const file of r.stdout.trim().split('\n')) {
    if (!file.includes('-dbgsym_')) {
      fs.copyFileSync(file, path.join(to, path.basename(file)));
    }
  }
}

/** The shell blocks of a section of a document. */
function commands(file, heading) {
  const section = fs.readFileSync(path.join(root, file), 'utf8').split(/^## /m).find((s) => s.startsWith(`${heading}\n`));
  return [...section.matchAll(/^( *)```sh\n([^]*?)^ *```$/gm)].map((m) => m[2].replaceAll(new RegExp(`^${m[1]}`, 'gm'), ''));
}

const steps = commands('doc/operations.md', 'From a default Debian Apache to the chat');

/** Paul writes, Dr. Ada hears it. @return the message's id */
function say(words, url = 'https://localhost') {
  const key = JSON.parse(box.run(`cat ${conf}`)).appManager.array.apps[0].key;
  return Number(box.run(`${process.execPath} ${talk} ${url} ${key} paul@example.org ada@example.org 'change this' 1 '${words}'`));
}

const sql = (text) => box.run(`runuser -u chat-push -g mod_chat -- sqlite3 ${db} "${text}"`).trim();
const status = (url) => box.run(`${process.execPath} -e 'fetch("${url}").then((r) => console.log(r.status))'`).trim();
const active = (unit) => box.run(`systemctl is-active ${unit}`, { any: true }).trim();
const exists = (file) => box.run(`test -e ${file} && echo yes`, { any: true }) === 'yes\n';

before(async () => {
  if (process.getuid() !== 0) {
    throw new Error('make deb-test installs packages in a namespace of its own and has to be run by root');
  }
  makeDeb(first);
});

after(async () => {
  await box?.end();
  if (!process.env.KEEP) {
    fs.rmSync(dir, { recursive: true, force: true });
  }
});

test('lintian has nothing to say that is not answered in the packages', () => {
  const changes = fs.readdirSync(debs).filter((f) => f.endsWith('.changes')).map((f) => path.join(debs, f));
  assert.equal(changes.length, 1);
  const args = ['--display-info', '--pedantic', '--fail-on', 'error,warning,info,pedantic', '--allow-root', ...changes];
  const r = spawnSync('lintian', args, { encoding: 'utf8' });
  assert.ifError(r.error);
  assert.equal(r.stdout + r.stderr, '');
  assert.equal(r.status, 0);
});

test('the steps of doc/operations.md lead from a default Apache to people who talk', async () => {
  makeDeb(upgrade, '0.1.0+upgrade1');
  const install = steps[0].match(/^apt install (.*)$/m)[1].split(' ');
  const others = install.filter((name) => !name.endsWith('.deb'));
  const mount = path.join(dir, 'box');
  fs.mkdirSync(mount);
  const ours = fs.readdirSync(first).filter((f) => f.endsWith('.deb'));
  assert.equal(ours.length, 2);
  box = await Box.open(mount, first, path.join(debs, 'archives'), [...ours.map((f) => `/packages/${f}`), ...others]);
  assert.equal(steps.length, 9);
  for (const step of steps) {
    box.run(`cd /packages\n${step}`);
  }
  assert.ok(say('from a package') > 0);
});

test('chatctl doctor finds nothing wrong with it', () => {
  const { ok, site, checks } = JSON.parse(box.run('chatctl doctor --json', { any: true }));
  const bad = checks.filter((c) => c.status === 'fail' || c.status === 'unknown');
  // No ServerName is said in the steps, so whether the origin is right cannot be known.
  assert.deepEqual(bad.map((c) => c.check), ['origin'], JSON.stringify(bad));
  assert.ok(ok && site === 'https://localhost');
  for (const check of ['httpd-syntax', 'handoff', 'database-files', 'site-door', 'push-door', 'relay']) {
    assert.ok(checks.some((c) => c.check === check && c.status === 'ok'), check);
  }
});

test('programs, files and the writers\' queue belong to whom they should', () => {
  assert.equal(active('chat-push'), 'active');
  assert.equal(box.run('systemctl is-enabled chat-push').trim(), 'enabled');
  assert.equal(box.run("stat -c '%U %G' /proc/$(systemctl show -p MainPID --value chat-push)").trim(), 'chat-push mod_chat');
  const mode = (file) => box.run(`stat -c '%U %G %a' ${file}`).trim();
  assert.equal(mode(conf), 'root chat-push 640');
  assert.equal(mode('/var/lib/mod_chat'), 'chat-push mod_chat 2770');
  assert.equal(mode('/run/mod_chat'), 'chat-push mod_chat 750');
  assert.equal(mode(db), 'chat-push mod_chat 660');
  for (const file of [`${db}-wal`, `${db}-shm`]) {
    assert.match(mode(file), / mod_chat 660$/);
  }
  // One queue for all, and of the file's owner, or some would stand beside it.
  const queues = box.run("awk 'NR > 1 { print $3 }' /proc/sysvipc/sem | sort | uniq -c").trim();
  assert.match(queues, /^1 660$/);
  assert.throws(() => box.run(`runuser -u www-data -- cat ${conf}`), /Permission denied/);
  assert.equal(box.run(`runuser -u nobody -- ls /var/lib/mod_chat`, { any: true }), '');
  const log = box.run('journalctl -u chat-push -o cat');
  assert.doesNotMatch(log, /warning|error|cannot/i);
  assert.doesNotMatch(box.run('cat /var/log/apache2/error.log'), /chat:|\[proxy/);
});

test('an upgrade keeps messages, settings and edited files, and migrates the database', () => {
  box.run("sed -i 's/^#ChatSendRate 300 100/ChatSendRate 299 99/' /etc/apache2/conf-available/chat.conf && systemctl reload apache2");
  const kept = box.run(`md5sum ${conf} /etc/apache2/conf-available/chat.conf /etc/apache2/conf-available/chat-size.conf`);
  const pid = box.run('systemctl show -p MainPID --value chat-push');
  const count = sql('SELECT count(*) FROM messages');
  const version = sql('SELECT max(version) FROM chat_schema');
  sql('UPDATE chat_schema SET version = 1'); // as an earlier release left it
  box.run('cd /packages/upgrade && apt-get install ./chat-push_*.deb ./libapache2-mod-chat_*.deb');
  assert.match(box.run("dpkg-query -W -f '${Version}\\n' chat-push libapache2-mod-chat"), /^(0\.1\.0\+upgrade1\n){2}$/);
  assert.equal(box.run(`md5sum ${conf} /etc/apache2/conf-available/chat.conf /etc/apache2/conf-available/chat-size.conf`), kept);
  assert.equal(sql('SELECT count(*) FROM messages'), count);
  assert.equal(sql('SELECT max(version) FROM chat_schema'), version);
  assert.notEqual(box.run('systemctl show -p MainPID --value chat-push'), pid);
  assert.equal(active('chat-push'), 'active');
  assert.ok(say('after the upgrade') > Number(count));
});

test('a database that is not the package\'s is left to its owner, who is told', () => {
  const kept = box.run(`cat ${conf}`);
  box.run(`sed -i 's|sqlite:${db}|postgresql://chat@db.example/chat|' ${conf}`);
  assert.match(box.run('dpkg-reconfigure chat-push 2>&1'), /names a database of your own.*\n +chatctl migrate --config/);
  box.run(`cat >${conf} <<'END'\n${kept}END\nsystemctl restart chat-push`);
});

test('removed, Apache goes on without the chat; installed again, all is as before', () => {
  const kept = box.run(`md5sum ${conf} /etc/apache2/conf-available/chat.conf`);
  const last = say('before the removal');
  box.run('apt-get remove libapache2-mod-chat chat-push');
  assert.equal(active('apache2'), 'active');
  box.run('apache2ctl configtest');
  assert.equal(status('http://localhost/chat/login'), '404');
  assert.notEqual(active('chat-push'), 'active');
  assert.equal(box.run(`md5sum ${conf} /etc/apache2/conf-available/chat.conf`), kept);
  box.run('cd /packages/upgrade && apt-get install ./chat-push_*.deb ./libapache2-mod-chat_*.deb');
  // This time in one virtual host, as README.Debian says.
  const host = '/etc/apache2/sites-available/default-ssl.conf';
  box.run(`cp ${host} /tmp/host && sed -i 's|</VirtualHost>|Include conf-available/chat.conf\\n&|' ${host} && a2enmod chat && systemctl restart apache2`);
  assert.ok(say('after the removal') > last);
  assert.equal(status('http://localhost/chat/login'), '404');
  box.run(`cp /tmp/host ${host} && a2enconf chat && systemctl reload apache2`);
});

test('the container\'s first process makes what volumes lack, runs both programs and ends with either', () => {
  const start = (unit) => {
    // Its first process alone gets the signal, as in a container.
    box.run(`systemd-run -q --unit=${unit} -p KillMode=mixed -p RemainAfterExit=no ${path.join(root, 'conf/container.sh')}`);
    waitFor('[ -S /run/mod_chat/wake.sock ] && [ -e /run/apache2/apache2.pid ]');
  };
  const waitFor = (what) => box.run(`for i in $(seq 200); do if ${what}; then exit 0; fi; sleep 0.1; done; exit 1`);
  const key = () => JSON.parse(box.run(`cat ${conf}`)).appManager.array.apps[0].key;
  const old = key();
  box.run(`systemctl stop apache2 chat-push && rm ${conf}`);
  start('first');
  assert.notEqual(key(), old);
  assert.ok(say('in the container') > 0);
  box.run('systemctl stop first');
  const log = box.run('journalctl -u first -o cat');
  assert.doesNotMatch(log, /Killing process|Failed with result/);
  assert.ok(!exists('/run/mod_chat/wake.sock') && !exists('/run/apache2/apache2.pid'), 'both ended by themselves');
  start('second');
  box.run('pkill -x chat-push');
  waitFor('! systemctl is-active -q second');
  assert.ok(!exists('/run/apache2/apache2.pid'), 'httpd ended too');
  assert.match(box.run('journalctl -u second -o cat'), /status=1/);
  box.run('systemctl start chat-push apache2');
});

test('a purge takes settings and secrets, and leaves what people wrote', () => {
  box.run('apt-get purge libapache2-mod-chat chat-push');
  for (const file of ['/etc/mod_chat', '/etc/apache2/conf-available/chat.conf', '/etc/apache2/mods-available/chat.load',
    '/etc/apache2/conf-enabled/chat.conf', '/etc/apache2/mods-enabled/chat.load', '/var/lib/mod_chat/relay.state',
    '/run/mod_chat/wake.sock', '/usr/share/mod_chat', '/usr/lib/mod_chat']) {
    assert.ok(!exists(file), file);
  }
  assert.ok(exists(db));
  assert.equal(box.run("dpkg-query -W -f '${Status}' chat-push", { any: true }), '');
  assert.equal(active('apache2'), 'active');
  box.run('apache2ctl configtest');
});
