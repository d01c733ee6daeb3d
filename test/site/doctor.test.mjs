// SPDX-License-Identifier: Apache-2.0
//
// chatctl doctor on a real site: it finds nothing on one that is well; then the site
// is broken in one way after another, and each time that way is found, with the file
// and line or the setting and what to do, and nothing else is said to have failed.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { root } from '../../dev/site.mjs';
import { startCluster } from './lib/postgres.mjs';
import { eventually, startSite } from './lib/site.mjs';

const modules = process.env.CHAT_HTTPD_MODULES || '/usr/lib/apache2/modules';
const httpd = process.env.CHAT_HTTPD || '/usr/sbin/apache2';

async function freePorts(n) {
  const servers = await Promise.all(Array.from({ length: n }, () => new Promise((resolve, reject) => {
    const probe = net.createServer().once('error', reject).listen(0, '127.0.0.1', () => resolve(probe));
  })));
  const ports = servers.map((s) => s.address().port);
  await Promise.all(servers.map((s) => new Promise((resolve) => s.close(resolve))));
  return ports;
}

const names = ['tls', 'expired', 'short', 'alone', 'other', 'self', 'closed'];
const [own, pushPort, metricsPort, ...ports] = await freePorts(3 + names.length);
const port = Object.fromEntries(names.map((name, i) => [name, ports[i]]));

// --- certificates: an authority, one between, and what it signs ----------------------

function certificates(dir) {
  const at = (name) => `${dir}/${name}`;
  const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const key = (name) => openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', at(`${name}.key`));
  const sign = (name, by, days, extensions) => {
    key(name);
    openssl('req', '-new', '-key', at(`${name}.key`), '-subj', `/CN=${name}`, '-out', at(`${name}.csr`));
    fs.writeFileSync(at('ext'), extensions);
    openssl('x509', '-req', '-in', at(`${name}.csr`), '-CA', at(`${by}.crt`), '-CAkey', at(`${by}.key`), '-CAcreateserial',
      '-days', String(days), '-extfile', at('ext'), '-out', at(`${name}.crt`));
  };
  key('root');
  openssl('req', '-x509', '-key', at('root.key'), '-subj', '/CN=Test Root', '-days', '90', '-out', at('root.crt'));
  sign('between', 'root', 90, 'basicConstraints=critical,CA:TRUE\n');
  const san = 'basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n';
  sign('good', 'between', 60, san);
  sign('short', 'between', 5, san);
  sign('expired', 'between', -1, san);
  sign('other', 'between', 60, 'basicConstraints=CA:FALSE\nsubjectAltName=DNS:www.example.com\n');
  key('self');
  openssl('req', '-x509', '-key', at('self.key'), '-subj', '/CN=self', '-days', '60', '-out', at('self.pem'));
  const chain = fs.readFileSync(at('between.crt'), 'utf8');
  for (const name of ['good', 'short', 'expired', 'other']) {
    fs.writeFileSync(at(`${name}.pem`), fs.readFileSync(at(`${name}.crt`), 'utf8') + chain);
  }
}

const certificate = { tls: 'good.pem', closed: 'good.pem', alone: 'good.crt' };
const keyOf = { tls: 'good', closed: 'good', alone: 'good' };

const site = await startSite({
  db: 'sqlite',
  port: own,
  pushPort,
  metricsPort,
  appConf: { allowedOrigins: [`http://127.0.0.1:${own}`, ...ports.map((p) => `https://localhost:${p}`)] },
  before(s) {
    fs.mkdirSync(s.path('conf'), { recursive: true });
    certificates(s.path('conf'));
    s.o.extraConf = [
      `LoadModule ssl_module ${modules}/mod_ssl.so`,
      'SSLSessionCache none',
      'Timeout 60',
      'MinSpareThreads 128',
      'AsyncRequestWorkerFactor 20',
      ...names.flatMap((name) => [
        `Listen 127.0.0.1:${port[name]}`,
        `<VirtualHost 127.0.0.1:${port[name]}>`,
        '  ServerName localhost',
        '  SSLEngine On',
        `  SSLCertificateFile conf/${certificate[name] || `${name}.pem`}`,
        `  SSLCertificateKeyFile conf/${keyOf[name] || name}.key`,
        ...(name === 'closed' ? ['  <Location "/app/">', '    Require all denied', '  </Location>'] : []),
        '</VirtualHost>',
      ]),
    ].join('\n');
  },
});
site.expectLog(/ssl:warn\] .*AH0(1882|1873|1909|1906)/); // its own affairs
site.expectLog(/AH00558|AH00112/);
site.expectLog(/chat-push takes no sockets at/);
site.expectLog(/the limit of open files is low/);
site.expectLog(/AsyncRequestWorkerFactor is/);
site.expectLog(/lets nobody in to \/app\//);
site.expectLog(/AH01630: client denied by server configuration: .*\/app\//);
site.expectLog(/the secret of app askapp is "app-secret"/);

const conf = site.path('conf', 'httpd.conf');
const pushConf = site.path('conf', 'chat-push.json');

/** Run the doctor. @return { status, checks, failed, out } */
function doctor(...args) {
  const given = [
    'doctor', '--json', '--timeout', process.env.CHAT_SANITIZE ? '30' : '10', '--cafile', site.path('conf', 'root.crt'), '--httpd', httpd,
    ...(args.includes('--httpd-conf') ? [] : ['--httpd-conf', conf]), ...args,
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(site.path('bin', 'chatctl'), given, { env: { PATH: process.env.PATH, HOME: site.dir, TZ: 'UTC', ...site.httpdEnv(), ...doctor.env }, ...doctor.as });
    let out = '';
    let err = '';
    child.stdout.on('data', (d) => { out += d; });
    child.stderr.on('data', (d) => { err += d; });
    child.once('error', reject);
    child.once('close', (status) => {
      try {
        const json = JSON.parse(out);
        const of = (s) => json.checks.filter((c) => c.status === s);
        resolve({ status, json, failed: of('fail'), warned: of('warn'), unknown: of('unknown'), ok: of('ok'), err });
      } catch {
        reject(new Error(`chatctl ${given.join(' ')}: ${status}\n${out}\n${err}`));
      }
    });
  });
}

const told = (checks) => checks.map((c) => `${c.check}: ${c.where}: ${c.what} -> ${c.remedy}`).join('\n');


// --- how a site is broken -----------------------------------------------------------

const plain = ['--url', `http://127.0.0.1:${own}`];
const tls = (name = 'tls') => ['--url', `https://localhost:${port[name]}`];
const read = (file) => fs.readFileSync(file, 'utf8');

/** The number of the first line of a file that has the text. */
function line(file, text) {
  const at = read(file).split('\n').findIndex((l) => l.includes(text));
  assert.ok(at >= 0, `${file} has no line with ${text}`);
  return at + 1;
}

/** Another configuration for the doctor to read: httpd.conf and chat.conf, changed. */
function variant({ main = (s) => s, chat = (s) => s }) {
  const own = site.path('conf', 'broken.conf');
  const included = site.path('conf', 'broken-chat.conf');
  const whole = path.join(root, 'conf', 'chat.conf');
  const changed = main(read(conf).replace(whole, included));
  fs.writeFileSync(included, chat(read(whole)));
  fs.writeFileSync(own, changed);
  assert.ok(changed !== read(conf).replace(whole, included) || read(included) !== read(whole), 'something is broken');
  return { own, included };
}

/** Change chat-push.json for as long as fn runs; the running chat-push notices nothing. */
async function withPushConf(change, fn) {
  const before = read(pushConf);
  const json = JSON.parse(before);
  change(json, json.appManager.array.apps[0]);
  const { mtime } = fs.statSync(pushConf);
  fs.writeFileSync(pushConf, JSON.stringify(json, null, 2));
  try {
    return await fn();
  } finally {
    fs.writeFileSync(pushConf, before);
    fs.utimesSync(pushConf, mtime, mtime); // else it is newer than what httpd has read
  }
}

/** chat-push reads its file again. */
async function reload() {
  const n = site.logged('settings reloaded');
  site.push.kill('SIGHUP');
  await eventually(() => site.logged('settings reloaded') > n, 'the reload');
}

/**
 * One thing is broken, and only that is said to have failed.
 * @param {string} where   as it must stand there: a file and line, a setting
 * @param {RegExp} remedy
 */
function found(r, check, where, remedy, what = /./) {
  const all = told(r.failed);
  assert.deepEqual([...new Set(r.failed.map((c) => c.check))], [check], all);
  const [f] = r.failed;
  assert.ok(where instanceof RegExp ? where.test(f.where) : f.where.startsWith(where), `${f.where} is not ${where}`);
  assert.match(f.remedy, remedy);
  assert.match(f.what, what);
  assert.equal(r.status, 1);
}

async function warned(r, check, where, remedy) {
  assert.equal(told(r.failed), '');
  const f = r.warned.find((c) => c.check === check);
  assert.ok(f, `no warning of ${check}\n${told(r.warned)}`);
  assert.ok(where instanceof RegExp ? where.test(f.where) : f.where.startsWith(where), `${f.where} is not ${where}`);
  assert.match(f.remedy, remedy);
  assert.equal(r.status, 0);
}

test('a good site is all well, plain and by TLS', async () => {
  for (const args of [[], plain, ['--url', `http://127.0.0.1:${own}/chat/`], tls()]) {
    const r = await doctor(...args);
    assert.equal(told([...r.failed, ...r.warned, ...r.unknown]), '', args.join(' '));
    assert.equal(r.status, 0);
    assert.equal(r.json.ok, true);
    assert.ok(r.ok.length > 25, told(r.ok));
  }
  assert.ok((await doctor(...plain)).ok.some((c) => c.check === 'site-handoff'));
});

test('the app that is looked at is the one that database.app names', async () => {
  const other = { id: 'shop', key: 'shop-key', secret: '0123456789abcdef', allowedOrigins: ['https://shop.example'] };
  const named = (id) => withPushConf((c, app) => {
    c.database.app = id ?? app.id;
    c.appManager.array.apps.unshift(other);
  }, () => doctor(...plain));
  assert.equal(told((await named()).failed), '');
  const { failed } = await named('nobody'); // httpd would not start with it either
  assert.deepEqual(failed.map((c) => c.check), ['httpd-syntax', 'push-apps'], told(failed));
  assert.equal(failed[1].where, `${pushConf}: database.app`);
  assert.match(failed[1].what, /shall be nobody, and no app has that id/);
});

test('how long clients are quiet is what activityTimeout says', async () => {
  const v = variant({ chat: (s) => proxied(s).replace(' timeout=300', '') });
  const r = await withPushConf((c) => { c.activityTimeout = 40; }, () => doctor('--httpd-conf', v.own, ...plain));
  assert.equal(told(r.failed), '', 'Timeout 60 is enough');
});

test('what a server says reaches no terminal as it is', async () => {
  const hostile = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end('HTTP/1.1 302 Found\r\nLocation: http://x/\x1b[2J\r\nContent-Length: 0\r\n\r\n'));
  });
  await new Promise((resolve) => hostile.listen(0, '127.0.0.1', resolve));
  const r = await doctor('--url', `http://127.0.0.1:${hostile.address().port}`);
  hostile.close();
  const said = r.failed.find((c) => c.check === 'site-rest');
  assert.equal(said.what, '/chat/me leads to http://x/?[2J');
});

test('for people: a line for each finding, one at the end; --quiet leaves out what is well', () => {
  const run = (...args) => execFileSync(site.path('bin', 'chatctl'), ['doctor', '--httpd-conf', conf, '--httpd', httpd, ...args],
    { encoding: 'utf8', env: { PATH: process.env.PATH, ...site.httpdEnv() } });
  const lines = run(...plain).trim().split('\n');
  assert.match(lines.at(-1), /^all is well: \d+ checks: \d+ ok$/);
  assert.ok(lines.slice(0, -1).every((l) => /^ok    [a-z0-9-]+ +\S/.test(l)), lines.join('\n'));
  assert.equal(run(...plain, '--quiet').trim().split('\n').length, 1);
});

test('arguments that make no sense are refused with 2', () => {
  for (const args of [['--sockets', 'many'], ['--timeout', '0'], ['--httpd-conf', '/nowhere'], ['--url', 'chat.example.com'], ['--nonsense'], ['more']]) {
    assert.throws(() => execFileSync(site.path('bin', 'chatctl'), ['doctor', ...args], { stdio: 'pipe' }),
      (e) => e.status === 2 && /chatctl doctor: /.test(e.stderr));
  }
});

test('the manual has every option of --help', () => {
  const help = execFileSync(site.path('bin', 'chatctl'), ['doctor', '--help'], { encoding: 'utf8' });
  const options = [...help.matchAll(/^ {2}--([a-z-]+)/gm)].map((m) => m[1]);
  const manual = read(path.join(root, 'ctl/chatctl.1'));
  assert.ok(options.length > 10);
  for (const option of options) {
    assert.ok(manual.includes(`.It Fl -${option}`), `ctl/chatctl.1 lacks --${option}`);
  }
});

test('the documents name every check', async () => {
  const doc = read(path.join(root, 'doc/operations.md'));
  const sources = fs.readdirSync(path.join(root, 'ctl')).filter((f) => /^doctor.*\.c$/.test(f)).map((f) => read(path.join(root, 'ctl', f))).join('\n');
  const checks = new Set([...sources.matchAll(/DOCTOR_\w+,\s+"([a-z0-9-]+)"/g)].map((m) => m[1]));
  assert.ok(checks.size > 25, [...checks].join());
  for (const check of checks) {
    assert.ok(doc.includes(`\`${check}\``), `doc/operations.md lacks ${check}`);
  }
});

// --- httpd's configuration ------------------------------------------------------------

const broken = (name, fn) => test(`broken: ${name}`, fn);

/** Every socket stays in httpd. */
const proxied = (chat) => chat.replace('#ChatHandoff On', 'ChatHandoff Off');

broken('ProxyTimeout 30, and no timeout in the ProxyPass', async () => {
  const v = variant({ main: (s) => s.replace('Timeout 60', 'ProxyTimeout 30'), chat: (s) => proxied(s).replace(' timeout=300', '') });
  found(await doctor('--httpd-conf', v.own, ...plain), 'proxy-timeout', `${v.own}:${line(v.own, 'ProxyTimeout 30')}`,
    /timeout=300 in the ProxyPass at .*broken-chat\.conf:\d+/, /after 30 s/);
});

broken('no ProxyTimeout at all: Timeout counts', async () => {
  const v = variant({ chat: (s) => proxied(s).replace(' timeout=300', '') });
  found(await doctor('--httpd-conf', v.own, ...plain), 'proxy-timeout', `${v.own}:${line(v.own, 'Timeout 60')}`, /ProxyTimeout 300/);
});

broken('a timeout of its own that is too short', async () => {
  const v = variant({ chat: (s) => proxied(s).replace('timeout=300', 'timeout=100') });
  found(await doctor('--httpd-conf', v.own, ...plain), 'proxy-timeout', `${v.included}:${line(v.included, 'timeout=100')}`, /timeout=300/);
});

broken('/app/ is denied by a <Location> of the host, and httpd refuses it', async () => {
  found(await doctor(...tls('closed')), 'access', `${conf}:${line(conf, '<Location "/app/">') + 1}`, /take it away/, /Require all denied refuses \/app/);
});

broken('ServerLimit without a slot for a restart', async () => {
  const v = variant({ main: (s) => s.replace('ServerLimit 16', 'ServerLimit 8') });
  found(await doctor('--httpd-conf', v.own, ...tls()), 'worker-slots', `${v.own}:${line(v.own, 'ServerLimit 8')}`, /^ServerLimit 16$/);
  assert.equal(told((await doctor('--httpd-conf', v.own, ...plain)).failed), '', 'sockets that leave httpd need no slots');
});

broken('AsyncRequestWorkerFactor too low for the sockets by TLS', async () => {
  const v = variant({ main: (s) => s.replace('AsyncRequestWorkerFactor 20', 'AsyncRequestWorkerFactor 2') });
  const at = `${v.own}:${line(v.own, 'AsyncRequestWorkerFactor 2')}`;
  found(await doctor('--httpd-conf', v.own, ...tls(), '--sockets', '500'), 'async-workers', at, /^AsyncRequestWorkerFactor 8$/);
  await warned(await doctor('--httpd-conf', v.own, ...tls()), 'async-workers', at, /^AsyncRequestWorkerFactor 16$/);
});

broken('fewer workers than sockets, where each holds one', async () => {
  const v = variant({ main: (s) => s.replace('MaxRequestWorkers 1024', 'MaxRequestWorkers 256'), chat: proxied });
  found(await doctor('--httpd-conf', v.own, ...plain, '--sockets', '300'), 'workers', `${v.own}:${line(v.own, 'MaxRequestWorkers 256')}`,
    /MaxRequestWorkers 350/);
});

broken('mod_chat is not loaded, and its directives stand in an <IfModule>', async () => {
  const v = variant({ main: (s) => s.replace(' chat:info', '').replace(/^ChatAudit.*$/gm, '').replace(/^LoadModule chat_module.*$/m, '').replace(/^Include (.*)$/m, '<IfModule chat_module>\nInclude $1\n</IfModule>') });
  found(await doctor('--httpd-conf', v.own, ...plain), 'chat-module', v.own, /a2enmod chat/);
});

broken('Chat is not On', async () => {
  const v = variant({ chat: (s) => s.replace('Chat On', 'Chat Off') });
  found(await doctor('--httpd-conf', v.own, ...plain), 'chat-module', v.own, /Chat On/);
});

broken('no mod_proxy_wstunnel, with ChatHandoff Off', async () => {
  const v = variant({ main: (s) => s.replace(/^LoadModule proxy_wstunnel.*$/m, ''), chat: proxied });
  found(await doctor('--httpd-conf', v.own, ...plain), 'proxy-modules', `${v.included}:${line(v.included, 'ProxyPass "ws:')}`, /a2enmod proxy_wstunnel/);
});

broken('no ProxyPass, with ChatHandoff Off', async () => {
  const v = variant({ chat: (s) => proxied(s).replace(/^ *ProxyPass "ws:.*$/m, '') });
  found(await doctor('--httpd-conf', v.own, ...plain), 'proxy-modules', v.included, /add the ProxyPass/);
});

broken('ProxyPass leads to another port', async () => {
  const v = variant({ main: (s) => s.replace(/Define CHAT_PUSH_PORT \d+/, 'Define CHAT_PUSH_PORT 6') });
  found(await doctor('--httpd-conf', v.own, ...plain), 'proxy-target', `${v.included}:${line(v.included, 'ProxyPass "ws:')}`,
    /CHAT_PUSH_PORT/, new RegExp(`port 6, and chat-push listens on ${pushPort}`));
});

broken('H2WebSockets on', async () => {
  const v = variant({ main: (s) => s.replace('Timeout 60', `LoadModule http2_module ${modules}/mod_http2.so\nH2WebSockets on`) });
  found(await doctor('--httpd-conf', v.own, ...plain), 'http2', `${v.own}:${line(v.own, 'H2WebSockets')}`, /H2WebSockets off/);
});

broken('a directive that httpd does not know', async () => {
  const v = variant({ chat: (s) => s.replace('Chat On', 'Chat On\nChatSendRate often') });
  found(await doctor('--httpd-conf', v.own, ...plain), 'httpd-syntax', `${v.included}:${line(v.included, 'often')}`, /correct the line/, /ChatSendRate/);
});

broken('no mod_reqtimeout', async () => {
  const v = variant({ main: (s) => s.replace(/^LoadModule reqtimeout.*$/m, '') });
  await warned(await doctor('--httpd-conf', v.own, ...plain), 'reqtimeout', v.own, /a2enmod reqtimeout/);
});

broken('httpd writes to another database than chat-push reads', async () => {
  const v = variant({ main: (s) => s.replace(/Define CHAT_DATABASE .*/, 'Define CHAT_DATABASE "sqlite:/var/lib/other.db"') });
  found(await doctor('--httpd-conf', v.own, ...plain), 'database', `${v.included}:${line(v.included, 'ChatDatabase "')}`, /database\.url/);
});

broken('httpd reads other settings than chat-push', async () => {
  const other = site.path('conf', 'other.json');
  fs.copyFileSync(pushConf, other);
  if (site.user) {
    fs.chownSync(other, site.user.uid, site.user.gid);
  }
  found(await doctor('--push-config', other, ...plain), 'push-config', `${path.join(root, 'conf/chat.conf')}:${line(path.join(root, 'conf/chat.conf'), 'ChatPushConfig "')}`,
    /ChatPushConfig ".*other\.json"/);
});

broken('a release of httpd with known flaws', async () => {
  const old = site.path('bin', 'old-httpd');
  fs.writeFileSync(old, `#!/bin/sh\n[ "$1" != -v ] || { echo "Server version: Apache/2.4.49 (Unix)"; exit; }\nexec ${httpd} "$@"\n`, { mode: 0o755 });
  found(await doctor(...plain, '--httpd', old), 'httpd-version', old, /install httpd 2\.4\.\d+ or later/, /2\.4\.49 has \d+ known flaws.*CVE-/);
});

// --- chat-push's settings -------------------------------------------------------------

broken('the secret in the file is not that of the running chat-push', async () => {
  const r = await withPushConf((c, app) => { app.secret = 'quite another secret'; }, () => doctor(...plain));
  found(r, 'push-api', `${pushConf}: appManager.array.apps.0.secret`, /reload chat-push/);
});

broken('the key in the file is not that of the running chat-push', async () => {
  const r = await withPushConf((c, app) => { app.key = 'anotherkey'; }, () => doctor(...plain));
  found(r, 'push-door', `${pushConf}: appManager.array.apps.0.key`, /reload chat-push/, /4001/);
});

broken('pages have a key that no app has', async () => {
  found(await doctor(...plain, '--key', 'askkye'), 'push-apps', `${pushConf}: appManager.array.apps.0.key`, /say askkey in the pages/);
});

broken('the secret is the one that everybody knows', async () => {
  await withPushConf((c, app) => { app.secret = 'app-secret'; }, async () => {
    await reload();
    found(await doctor(...plain), 'push-secrets', `${pushConf}: appManager.array.apps.0.secret`, /openssl rand/);
  });
  await reload();
});

broken('everybody may read the secrets', async () => {
  fs.chmodSync(pushConf, 0o644);
  const r = await doctor(...plain);
  fs.chmodSync(pushConf, 0o600);
  found(r, 'push-secrets', pushConf, /chmod o= /, /0644/);
});

broken('chat-push may not read its settings again', async () => {
  const { uid, gid } = fs.statSync(pushConf);
  fs.chmodSync(pushConf, site.user ? 0o600 : 0);
  if (site.user) {
    fs.chownSync(pushConf, 0, 0);
  }
  const r = await doctor(...plain);
  fs.chmodSync(pushConf, 0o600);
  fs.chownSync(pushConf, uid, gid);
  if (site.user) {
    found(r, 'push-config', pushConf, /chgrp chat-push, chmod 640/, /may not read it/);
  }
});

broken('the settings are no JSON', async () => {
  const before = read(pushConf);
  const { mtime } = fs.statSync(pushConf);
  site.expectLog(/ChatPushConfig .* has changed and cannot be used, its apps stay as they were: .*: JSON: the syntax is wrong/);
  fs.writeFileSync(pushConf, before.replace('{', '{,'));
  const r = await doctor(...plain);
  fs.writeFileSync(pushConf, before);
  fs.utimesSync(pushConf, mtime, mtime);
  // httpd would not start with it either, and says so with the line of ChatPushConfig.
  assert.deepEqual([...new Set(r.failed.map((c) => c.check))].sort(), ['httpd-syntax', 'push-config'], told(r.failed));
  assert.equal(r.failed.find((c) => c.check === 'push-config').where, pushConf);
});

broken('the handoff path in the file is another one', async () => {
  const r = await withPushConf((c) => { c.handoff.path = site.path('run', 'elsewhere.sock'); }, () => doctor(...plain));
  found(r, 'handoff', `${pushConf}: handoff.path`, /restart chat-push/, /elsewhere\.sock is not there/);
});

broken('the site is not among allowedOrigins', async () => {
  const r = await withPushConf((c, app) => { app.allowedOrigins = ['https://chat.example.com']; }, () => doctor(...plain));
  found(r, 'origin', `${pushConf}: appManager.array.apps.0.allowedOrigins`, new RegExp(`add "http://127.0.0.1:${own}"`));
});

broken('TLS ends before httpd, and allowedOrigins has the address within', async () => {
  const v = variant({ main: (s) => s.replace(/^<VirtualHost[^]*<\/VirtualHost>$/m, '').replace('ServerName 127.0.0.1', 'ServerName https://chat.example.com') });
  found(await doctor('--httpd-conf', v.own), 'origin', `${pushConf}: appManager.array.apps.0.allowedOrigins`, /add "https:\/\/chat\.example\.com"/);
});

broken('the running chat-push does not let the site in, though the file does', async () => {
  await withPushConf((c, app) => { app.allowedOrigins = ['https://chat.example.com']; }, reload);
  found(await doctor(...plain), 'site-door', `${pushConf}: appManager.array.apps.0.allowedOrigins`, /reload chat-push/, /open no socket \(403\)/);
  await reload();
});

broken('the authEndpoint is not there, leads elsewhere, or is another site\'s', async () => {
  const elsewhere = http.createServer((q, r) => r.writeHead(302, { Location: 'https://chat.example.com/' }).end()).listen(0, '127.0.0.1');
  await new Promise((resolve) => elsewhere.once('listening', resolve));
  const moved = elsewhere.address().port;
  for (const [url, what] of [
    ['http://127.0.0.1:1/broadcasting/auth', /does not answer: Connection refused/],
    [`http://127.0.0.1:${moved}/broadcasting/auth`, /leads elsewhere \(302, https:\/\/chat\.example\.com\/\)/],
    [`http://127.0.0.1:${own}/broadcast/auth`, /answers 404/],
    [`https://localhost:${port.tls}/broadcasting/auth`, /certificate that is not believed/], // chat-push knows no --cafile
    [`http://127.0.0.1:${own}/broadcasting/auth`, null],
  ]) {
    // The running chat-push would not take the first of all endpoints by SIGHUP; the file counts.
    const r = await withPushConf((c, app) => { app.authEndpoint = url; }, () => doctor(...plain));
    if (what) {
      found(r, 'push-endpoint', `${pushConf}: appManager.array.apps.0.authEndpoint`, /broadcasting\/auth; systemctl reload/, what);
    } else {
      assert.deepEqual(r.failed, [], told(r.failed));
      assert.ok(r.ok.some((c) => c.check === 'push-endpoint'));
    }
  }
  elsewhere.close();
});

// --- files and processes --------------------------------------------------------------

broken('the directory of the handoff socket is closed to httpd', async () => {
  const dir = site.path('run');
  const { uid, gid } = fs.statSync(dir);
  if (site.user) {
    fs.chownSync(dir, 0, 0);
  }
  fs.chmodSync(dir, site.user ? 0o700 : 0o600);
  const r = await doctor(...plain);
  fs.chmodSync(dir, 0o755);
  if (site.user) {
    fs.chownSync(dir, uid, gid);
  }
  found(r, 'handoff', dir, /usermod -a -G/, /may not enter it/);
});



broken('chat-push is stopped by a signal', async () => {
  const { pid } = site.push;
  process.kill(pid, 'SIGSTOP');
  const state = (task) => read(`/proc/${pid}/task/${task}/stat`).split(') ')[1][0];
  await eventually(() => fs.readdirSync(`/proc/${pid}/task`).every((task) => state(task) === 'T'), 'it stands still');
  const r = await doctor(...plain);
  process.kill(pid, 'SIGCONT');
  found(r, 'push-process', `chat-push, process ${pid}`, new RegExp(`kill -CONT ${pid}`), /SIGSTOP/);
});

broken('few files may be open, in chat-push and in httpd', async () => {
  const limited = (name, files, program) => {
    fs.writeFileSync(site.path('bin', name), `#!/bin/sh\nulimit -n ${files}\nexec ${program} "$@"\n`, { mode: 0o755 });
  };
  const real = site.path('bin', 'real', 'chat-push');
  fs.mkdirSync(path.dirname(real));
  fs.renameSync(site.path('bin', 'chat-push'), real);
  limited('chat-push', 512, real);
  limited('httpd', 300, httpd);
  await site.stop();
  process.env.CHAT_HTTPD = site.path('bin', 'httpd');
  await site.start();
  const both = await doctor(...plain);
  await site.stop();
  process.env.CHAT_HTTPD = httpd;
  fs.renameSync(real, site.path('bin', 'chat-push'));
  await site.start();
  assert.deepEqual(both.failed.map((c) => c.check), ['httpd-files', 'push-files'], told(both.failed));
  const [h, p] = both.failed;
  assert.match(h.where, /^process \d+$/);
  assert.match(h.what + h.remedy, /300 files.*LimitNOFILE=.*apache2/);
  assert.match(p.where, /^chat-push, process \d+$/);
  assert.match(p.what + p.remedy, /512 files.*LimitNOFILE=.*chat-push/);
});

broken('chat-push does not run', async () => {
  await site.stopPush();
  const r = await doctor(...plain);
  found(r, 'push-process', `${pushConf}: port`, /systemctl start chat-push/, /does not answer/);
  await site.startPush();
});

broken('chat-push was restarted with other settings, and httpd was not reloaded', async () => {
  const restarted = async (change) => {
    await site.stopPush();
    const r = await withPushConf(change, async () => {
      await site.startPush();
      return doctor(...plain);
    });
    await site.stopPush();
    return r;
  };
  const moved = await restarted((c) => { c.handoff.path = site.path('run', 'elsewhere.sock'); });
  const key = await restarted((c, app) => { app.key = 'anotherkey'; });
  await site.startPush();
  found(moved, 'site-door', `${pushConf}: handoff.path`, /reload httpd/, /gets 503/);
  found(key, 'site-handoff', `${pushConf}: handoff.path`, /reload httpd/, /proxied and not handed over/);
});

broken('another program has the port', async () => {
  await site.stopPush();
  const other = net.createServer().listen(pushPort, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const r = await doctor(...plain);
  await new Promise((resolve) => other.close(resolve));
  await site.startPush();
  found(r, 'push-process', `${pushConf}: port`, /another port/, new RegExp(`port ${pushPort} belongs to .*${process.pid}`));
});

// --- the database ---------------------------------------------------------------------

broken('a trigger is missing', async () => {
  const [name, text] = site.sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'messages' ORDER BY name LIMIT 1;").match(/^([^|]+)\|([^]*)$/).slice(1);
  site.sql(`DROP TRIGGER ${name};`);
  const r = await doctor(...plain);
  site.sql(`${text.trim()};`);
  found(r, 'database-schema', site.dbFile, /migrate --repair --config .*chat-push\.json/, new RegExp(`trigger .*${name} is missing`));
});

broken('the schema is that of an older release', async () => {
  const version = site.sql('SELECT max(version) FROM chat_schema;').trim();
  const rows = site.sql('SELECT version FROM chat_schema ORDER BY version;').trim().split('\n');
  site.sql(`DELETE FROM chat_schema WHERE version > 1; INSERT OR IGNORE INTO chat_schema (version) VALUES (1);`);
  const r = await doctor(...plain);
  site.sql(`DELETE FROM chat_schema;${rows.map((v) => `INSERT INTO chat_schema (version) VALUES (${v});`).join('')}`);
  found(r, 'database-schema', site.dbFile, /run chatctl migrate/, new RegExp(`version 1, this program needs ${version}`));
});

broken('chat_events lacks a column', async () => {
  const copy = site.path('db', 'copy.db');
  site.sql(`VACUUM INTO '${copy}';`);
  fs.chmodSync(copy, 0o660);
  const sql = (text) => execFileSync('sqlite3', [copy], { input: text, encoding: 'utf8', stdio: 'pipe' });
  const triggers = sql("SELECT 'DROP TRIGGER ' || name || ';' FROM sqlite_master WHERE type = 'trigger';");
  sql(`${triggers}; ALTER TABLE chat_events RENAME COLUMN conversation_id TO other;`);
  const r = await doctor(...plain, '--db', `sqlite:${copy}`);
  fs.rmSync(copy);
  assert.deepEqual([...new Set(r.failed.map((c) => c.check))], ['database-schema'], told(r.failed));
  assert.ok(r.failed.some((c) => /column chat_events\.conversation_id is missing/.test(c.what) && /add it/.test(c.remedy)), told(r.failed));
});

broken('the database may not be written', async () => {
  fs.chmodSync(site.dbFile, 0o440);
  const r = await doctor(...plain);
  fs.chmodSync(site.dbFile, 0o660);
  found(r, 'database-files', site.dbFile, /chgrp mod_chat/, /may not write it/);
});

broken('the database is not there', async () => {
  found(await doctor(...plain, '--db', 'sqlite:/nowhere/chat.db'), 'database', '/nowhere/chat.db', /chatctl migrate/, /cannot be reached/);
});

test('PostgreSQL: well, without a trigger, and away; its password is not shown', async () => {
  const cluster = await startCluster();
  const url = cluster.create();
  execFileSync(site.path('bin', 'chatctl'), ['migrate', '--database', url], { stdio: 'pipe' });
  const well = await doctor(...plain, '--db', url);
  assert.equal(told([...well.failed, ...well.warned]), '');
  assert.ok(well.ok.some((c) => c.check === 'database-server'));
  const psql = (text) => execFileSync('psql', ['-X', '-q', '-c', text, url], { stdio: 'pipe' });
  psql('ALTER TABLE messages DISABLE TRIGGER USER');
  const r = await doctor(...plain, '--db', url);
  assert.ok(r.failed.length > 0);
  assert.deepEqual([...new Set(r.failed.map((c) => c.check))], ['database-schema'], told(r.failed));
  assert.ok(r.failed.every((c) => /trigger messages\..* is disabled/.test(c.what) && /--repair/.test(c.remedy)), told(r.failed));
  psql('ALTER TABLE messages ENABLE TRIGGER USER');
  const away = await doctor(...plain, '--db', 'postgresql://chat:geheim@127.0.0.1:1/chat');
  found(away, 'database', 'postgresql://127.0.0.1:1/chat', /pg_hba\.conf/);
  assert.doesNotMatch(JSON.stringify(away.json), /geheim/);
});

// --- certificates and clocks ----------------------------------------------------------

const certificateAt = (name) => {
  const lines = read(conf).split('\n');
  const host = lines.findIndex((l) => l === `<VirtualHost 127.0.0.1:${port[name]}>`);
  return `${conf}:${lines.findIndex((l, i) => i > host && l.includes('SSLCertificateFile')) + 1} (`;
};

broken('the certificate has expired', async () => {
  found(await doctor(...tls('expired')), 'site-tls', certificateAt('expired'), /certbot renew/, /expired/);
});

broken('the certificate between is not sent', async () => {
  found(await doctor(...tls('alone')), 'site-tls', certificateAt('alone'), /fullchain\.pem/, /ends at "between"/);
});

broken('the certificate is for another name', async () => {
  found(await doctor(...tls('other')), 'site-tls', certificateAt('other'), /certificate for localhost/, /for www\.example\.com, not for localhost/);
});

broken('the certificate expires in days, and one that vouches for itself', async () => {
  await warned(await doctor(...tls('short')), 'site-tls', certificateAt('short'), /renew it/);
  await warned(await doctor(...tls('self')), 'site-tls', certificateAt('self'), /certbot/);
  assert.equal((await doctor(...tls('self'), '--strict')).status, 1);
});

broken('the clock is 20 minutes off', async () => {
  const library = site.path('bin', 'other_clock.so');
  execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-o', library, fileURLToPath(new URL('lib/other_clock.c', import.meta.url)), '-ldl']);
  doctor.env = { CLOCK_AHEAD: '1200', LD_PRELOAD: `${site.httpdEnv().LD_PRELOAD} ${library}`.trim() };
  const r = await doctor(...plain);
  doctor.env = {};
  found(r, 'clock', `the clock of http://127.0.0.1:${own}`, /NTP/, /1(199|200|201) s behind/);
});

// --- what lies beside the database -----------------------------------------------------

/** Who runs httpd's children. */
const workers = site.user ?? { uid: process.getuid(), gid: process.getgid() };
const filesDir = site.path('files');
const spoolDir = site.path('audit');
/** The running chat-files. */
const filesPid = () => fs.readdirSync('/proc').find((pid) => {
  try {
    const [program, , dir] = read(`/proc/${pid}/cmdline`).split('\0');
    return program.endsWith('/chat-files') && dir === filesDir;
  } catch {
    return false; // no process, or over
  }
});

broken('the directory of files is gone, is another\'s, is open to all', async () => {
  const moved = `${filesDir}.away`;
  fs.renameSync(filesDir, moved);
  const gone = await doctor(...plain);
  fs.renameSync(moved, filesDir);
  found(gone, 'files', /chat\.conf:\d+$/, /install -d -m 700 -o /, /no directory/);
  fs.chmodSync(filesDir, 0o755);
  const open = await doctor(...plain);
  fs.chmodSync(filesDir, 0o700);
  await warned(open, 'files', filesDir, /chmod 700/);
  if (site.user) { // only root can give it away
    fs.chownSync(filesDir, 0, 0);
    const other = await doctor(...plain);
    fs.chownSync(filesDir, workers.uid, workers.gid);
    found(other, 'files', filesDir, /^chown /, /may not/);
  }
});

broken('the disk of files is full', async () => {
  const small = site.path('small');
  fs.mkdirSync(small);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=1m,mode=700,uid=${workers.uid},gid=${workers.gid}`, 'none', small], { stdio: 'pipe' });
  } catch {
    return; // no mounting here
  }
  try {
    fs.writeFileSync(`${small}/much`, Buffer.alloc(1000 * 1024));
    const v = variant({ main: (t) => t.replace(`Define CHAT_FILES "${filesDir}"`, `Define CHAT_FILES "${small}"`) });
    const r = await doctor('--httpd-conf', v.own, ...plain);
    const f = r.warned.find((c) => c.check === 'files');
    assert.equal(f?.where, small, told(r.warned));
    assert.match(f.remedy, /make room/);
  } finally {
    execFileSync('umount', [small]);
  }
});

broken('chat-files stands still, and is not there', async () => {
  const pid = Number(await eventually(filesPid, 'chat-files'));
  process.kill(pid, 'SIGSTOP');
  await eventually(() => read(`/proc/${pid}/stat`).split(') ')[1][0] === 'T', 'it stands still');
  const r = await doctor(...plain);
  process.kill(pid, 'SIGCONT');
  found(r, 'files-worker', `process ${pid}`, new RegExp(`kill -CONT ${pid}`), /SIGSTOP/);
  const v = variant({ main: (t) => t.replace(`Define CHAT_FILES "${filesDir}"`, `Define CHAT_FILES "${spoolDir}"`) });
  found(await doctor('--httpd-conf', v.own, ...plain), 'files-worker', `${v.included}:${line(v.included, 'ChatFiles "')}`, /error log/, /no chat-files runs/);
});

broken('clamd is not there, says something else, is well, and is closed to httpd', async () => {
  const at = site.path('run', 'clamd.test');
  const scan = variant({ chat: (t) => t.replace('#ChatScan off', `ChatScan clamd:${at}`) });
  const ask = () => doctor('--httpd-conf', scan.own, ...plain);
  const where = () => `${scan.included}:${line(scan.included, 'ChatScan clamd')}`;
  found(await ask(), 'scan', where(), /systemctl start clamav-daemon/, /is not there/);
  let word = 'PANG\0';
  const clamd = net.createServer((c) => c.on('error', () => {}).once('data', () => c.end(word)));
  await new Promise((resolve) => clamd.listen(at, resolve));
  fs.chmodSync(at, 0o666);
  found(await ask(), 'scan', where(), /correct ChatScan/, /does not answer/);
  word = 'PONG\0';
  assert.ok((await ask()).ok.some((c) => c.check === 'scan'));
  fs.chmodSync(at, 0o600);
  if (site.user) {
    found(await ask(), 'scan', at, /usermod -a -G clamav/, /may not/);
  }
  clamd.close();
});

broken('entries of the audit log are not taken, and its directory is open', async () => {
  // Of another host that has stopped: here everything is taken at once.
  const elsewhere = site.path('elsewhere');
  const late = path.join(elsewhere, 'host.1.spool');
  fs.mkdirSync(elsewhere, { mode: 0o700 });
  fs.writeFileSync(late, 'an entry\n');
  fs.chownSync(elsewhere, workers.uid, workers.gid);
  const then = new Date(Date.now() - 600000);
  fs.utimesSync(late, then, then);
  const v = variant({ main: (t) => t.replace(`ChatAuditSpool "${spoolDir}"`, `ChatAuditSpool "${elsewhere}"`) });
  found(await doctor('--httpd-conf', v.own, ...plain), 'audit-spool', elsewhere, /error log/, /9 bytes .* for 6\d\d s/);
  fs.chmodSync(spoolDir, 0o777);
  const open = await doctor(...plain);
  fs.chmodSync(spoolDir, 0o700);
  await warned(open, 'audit-spool', spoolDir, /chmod 700/);
});

broken('the programs have different keys, one may not read them, and a key is lost', async () => {
  const file = site.path('conf', 'keys');
  fs.writeFileSync(file, `a ${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o640 });
  fs.chownSync(file, process.getuid(), workers.gid);
  const v = variant({ chat: (t) => t.replace('#ChatKeys off', `ChatKeys file:${file}`) });
  const ask = (keys) => withPushConf((c) => { c.database.keys = keys; }, () => doctor('--httpd-conf', v.own, ...plain));
  found(await ask('file:/elsewhere'), 'keys', `${pushConf}: database.keys`, /database.keys: "file:/, /cannot read what the other seals/);
  const good = await ask(`file:${file}`);
  assert.ok(good.ok.some((c) => c.check === 'keys'), told([...good.failed, ...good.warned]));
  site.sql(`INSERT INTO chat_keys (conversation_id, wrapped, created_at) VALUES (1, 'gone:AAAA', ${site.time()});`);
  const lost = await ask(`file:${file}`);
  site.sql('DELETE FROM chat_keys;');
  found(lost, 'keys', `${v.included}:${line(v.included, 'ChatKeys file')}`, /chatctl keys check/, /1 of 1 keys/);
  fs.writeFileSync(file, 'no key\n');
  found(await ask(`file:${file}`), 'httpd-syntax', `${v.included}:${line(v.included, 'ChatKeys file')}`, /correct the line/, /32 bytes/);
});

broken('what is over stays', async () => {
  site.sql("INSERT INTO chat_retention (status, days) VALUES ('completed', 5000);");
  const well = await doctor(...plain);
  assert.ok(well.ok.some((c) => c.check === 'purge'), told(well.warned));
  const [id, was] = site.sql("SELECT id, updated_at FROM treatment_requests WHERE status = 'completed' AND id IN (SELECT request_id FROM messages) LIMIT 1;").trim().split('|');
  site.sql(`UPDATE treatment_requests SET updated_at = '2001-01-01 00:00:00.000' WHERE id = ${id};`);
  const r = await doctor(...plain);
  site.sql(`UPDATE treatment_requests SET updated_at = '${was}' WHERE id = ${id}; DELETE FROM chat_retention;`);
  await warned(r, 'purge', 'chat_retention', /chat-purge\.timer|cron/);
});

// --- who may not look, and the last break ---------------------------------------------

test('an ordinary user is told what could not be looked at, and nothing is said to have failed', async () => {
  doctor.as = site.user ? { uid: site.user.uid, gid: site.user.gid } : {};
  const all = await doctor(...plain);
  const outside = await doctor('--httpd-conf', '/dev/null', '--key', 'askkey', ...plain);
  doctor.as = {};
  assert.equal(told(all.failed), '');
  assert.equal(all.status, 0);
  assert.equal(told(outside.failed), '', 'from another machine all is seen from outside');
  for (const check of ['site-rest', 'site-door']) {
    assert.ok(outside.ok.some((c) => c.check === check), `${check}\n${told(outside.ok)}`);
  }
  assert.ok(outside.unknown.some((c) => c.check === 'httpd-config'));
});

broken('a file was changed after httpd has read it', async () => {
  const { mtime } = fs.statSync(conf);
  const later = new Date(Date.now() + 60000);
  fs.utimesSync(conf, later, later);
  const r = await doctor(...plain);
  fs.utimesSync(conf, mtime, mtime);
  await warned(r, 'httpd-process', conf, /systemctl reload/);
});

broken('httpd does not run', async () => {
  await site.stopHttpd();
  found(await doctor(...plain), 'httpd-process', `${conf}:${line(conf, 'PidFile')}`, /systemctl start apache2/);
  await site.startHttpd();
});
