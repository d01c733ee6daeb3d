// SPDX-License-Identifier: Apache-2.0
//
// What httpd says of its settings at its start: each one that will cut WebSockets
// or starve the site is named with file and line, its value and what to set; and
// nothing is said of settings that do no harm. `httpd -t` says the same, so most of
// this needs no start.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { Site, freePort, root } from '../../dev/site.mjs';
import { build, sanitize, startSite, testDir } from './lib/site.mjs';
import { makeCertificate } from './lib/vhosts.mjs';

const httpd = process.env.CHAT_HTTPD || '/usr/sbin/apache2';
const modules = process.env.CHAT_HTTPD_MODULES || '/usr/lib/apache2/modules';

// Debian's own numbers; the site's are made for many tests.
const sizes = {
  event: `ServerLimit 16
ThreadsPerChild 25
MaxRequestWorkers 150
MaxSpareThreads 75
MaxConnectionsPerChild 0`,
  prefork: `StartServers 5
MaxRequestWorkers 150
MaxConnectionsPerChild 0`,
};
sizes.worker = sizes.event;
// As doc/operations.md has it for 500 people.
const sized = `ServerLimit 18
ThreadsPerChild 64
MaxRequestWorkers 576
MaxSpareThreads 576`;

const dir = testDir('startup');
after(() => fs.rmSync(dir, { recursive: true, force: true }));
const site = new Site({ dir, build, sanitize, port: 1, pushPort: 6001, metricsPort: 9601 });
site.prepare();
makeCertificate(site);
const at = (...parts) => site.path(...parts);
const tls = `SSLEngine On\nSSLCertificateFile ${at('conf', 'tls.crt')}\nSSLCertificateKeyFile ${at('conf', 'tls.key')}`;

/** chat-push's file with other keys. @return its path */
function pushConf(change) {
  const conf = JSON.parse(fs.readFileSync(at('conf', 'chat-push.json')));
  change(conf);
  const file = at('conf', 'other.json');
  fs.writeFileSync(file, JSON.stringify(conf));
  return file;
}

/**
 * @param {string} lines    of the file under test, "lines.conf"
 * @param {object} [o]
 * @param {string} [o.mpm]
 * @param {string} [o.size]  the processes' numbers
 * @param {string} [o.without]  a module that is not loaded
 * @param {boolean} [o.proxied]  with the ProxyPass of chat.conf
 * @return {string[]} what mod_chat warns of, without what httpd writes before it
 */
function said(lines, { mpm = 'event', size = sizes[mpm], without = null, proxied = true } = {}) {
  const chat = fs.readFileSync(path.join(root, 'conf', 'chat.conf'), 'utf8');
  fs.writeFileSync(at('conf', 'chat.conf'), proxied ? chat : chat.replace(/^ *ProxyPass .*$/gm, ''));
  fs.writeFileSync(at('conf', 'lines.conf'), lines);
  fs.writeFileSync(at('conf', 'httpd.conf'), site.httpdConf()
    .replace(/<IfModule !?prefork\.c>[^]*?<\/IfModule>\n/g, '')
    .replace(/^LoadModule chat_module/m, `LoadModule ssl_module ${modules}/mod_ssl.so
LoadModule rewrite_module ${modules}/mod_rewrite.so
${mpm === 'prefork' ? '' : `LoadModule http2_module ${modules}/mod_http2.so`}
$&`)
    .replace(`LoadModule mpm_event_module ${modules}/mod_mpm_event.so`, `LoadModule mpm_${mpm}_module ${modules}/mod_mpm_${mpm}.so`)
    .replace(new RegExp(`^LoadModule ${without}_module .*\n`, 'm'), '')
    .replace(/^Include .*chat\.conf"$/m, `${size}\nInclude "${at('conf', 'chat.conf')}"\nInclude "${at('conf', 'lines.conf')}"`));
  const r = spawnSync(httpd, ['-t', '-f', at('conf', 'httpd.conf')], { encoding: 'utf8', env: { ...process.env, ...site.httpdEnv() } });
  assert.equal(r.status, 0, r.stderr);
  return r.stderr.split('\n').filter((l) => l.includes('[chat:')).map((l) => l.replace(/^(\[[^\]]*\] )+/, ''));
}

const host = (lines, name = 'chat.example.org', port = 443) => `Listen 127.0.0.1:${port}
<VirtualHost 127.0.0.1:${port}>
ServerName ${name}
${lines}
</VirtualHost>`;

test('plain connections that are handed over: nothing is said of Debian\'s settings', () => {
  for (const mpm of ['event', 'worker', 'prefork']) {
    assert.deepEqual(said('', { mpm }), [], mpm);
    assert.deepEqual(said(`Timeout 10\nMaxConnectionsPerChild 1000${mpm === 'prefork' ? '' : '\nMaxSpareThreads 30'}`, { mpm }), [], mpm);
  }
});

test('other hosts\' affairs are not ours', () => {
  const lines = 'Chat Off\n';
  assert.deepEqual(said(`${lines}<Location "/socket/">\nProxyPass "ws://127.0.0.1:3000/" timeout=5\n</Location>`), []);
  assert.deepEqual(said(host('<Location "/elsewhere/app/">\nRequire all denied\n</Location>\nProxyPass "/socket/" "ws://127.0.0.1:3000/"', 'other', 81)), []);
});

test('an origin that may ask for everything and get no WebSocket', () => {
  const file = pushConf((c) => { c.appManager.array.apps[0].allowedOrigins = ['https://chat.example.org', '*.example.net', 'localhost']; });
  const lines = (origins) => `ChatPushConfig "${file}"\nChatOrigin ${origins}`;
  assert.deepEqual(said(lines('https://chat.example.org https://app.example.net capacitor://localhost http://localhost:8100')), []);
  const all = said(`${lines('https://app.example.org https://chat.example.org app://- https://app.example.org')}\n${host('')}`);
  assert.equal(all.length, 2, all.join('\n'));
  assert.match(all[0], /^ChatOrigin names https:\/\/app\.example\.org, and allowedOrigins of app askapp \(\S*other\.json\) does not: its pages get no WebSocket; add "https:\/\/app\.example\.org" there$/);
  assert.match(all[1], /^ChatOrigin names app:\/\/-, /);
  assert.deepEqual(said('ChatOrigin https://app.example.org'), []); // no such list: all are let in
});

test('a host whose sockets go through mod_proxy: workers, and threads that are ended', () => {
  const all = said(host('ChatHandoff Off', 'chat.example.org', 81));
  assert.equal(all.length, 2, all.join('\n'));
  assert.match(all[0], /^MaxRequestWorkers 150 \(\S*httpd\.conf:\d+\) is few: each WebSocket of chat\.example\.org:81 goes through mod_proxy .* 150 - 50 for requests = 100 people .* their number \+ 50$/);
  assert.match(all[1], /^MaxSpareThreads 75 \(\S*httpd\.conf:\d+\) is less than MaxRequestWorkers 150: .*; set it to 150$/);
  assert.deepEqual(said(host('ChatHandoff Off', 'chat.example.org', 81), { size: sized }), []);
});

test('TLS on worker and prefork goes through mod_proxy, on event it is pumped', () => {
  assert.match(said(host(tls), { mpm: 'worker' })[0], /^MaxRequestWorkers 150 .* WebSocket of chat\.example\.org:443 goes through mod_proxy/);
  const prefork = said(host(tls), { mpm: 'prefork' });
  assert.match(prefork[0], /^MaxRequestWorkers 150 /);
  assert.match(prefork[1], /^ServerLimit 256 \(the default\) leaves 256 - MaxRequestWorkers 150 = 106 spare slots: .* set it to 2 x 150 = 300 or more$/);
  assert.equal(prefork.length, 2);
  const event = said(host(tls));
  assert.deepEqual(event.filter((l) => /MaxRequestWorkers \d+ \(/.test(l)), []);
  assert.ok(event.some((l) => /^MaxSpareThreads 75 /.test(l)), event.join('\n'));
  assert.match(said(host(`${tls}\nChatHandoff PlainOnly`))[0], /^MaxRequestWorkers 150 .* goes through mod_proxy/);
});

test('slots for the children of before a restart', () => {
  const tight = sized.replace('ServerLimit 18', 'ServerLimit 9');
  for (const how of [tls, `${tls}\nChatHandoff Off`]) {
    const all = said(host(how), { size: tight });
    assert.equal(all.length, 1, all.join('\n'));
    assert.match(all[0], /^ServerLimit 9 \(\S*httpd\.conf:\d+\) leaves 9 - MaxRequestWorkers 576 \/ ThreadsPerChild 64 = 0 spare slots: .*; set it to 2 x 9 = 18 or more$/);
  }
  assert.match(said(host(tls), { size: `${sized}\nMaxConnectionsPerChild 10000` })[0], /^MaxConnectionsPerChild 10000 \(.*\) ends a child after 10000 connections/);
});

test('a timeout below a client\'s ping, wherever it comes from', () => {
  const off = (lines) => host(`ChatHandoff Off\n${lines}`, 'chat.example.org', 81);
  const pass = (args, p = '/app/') => `<Location "${p}">\nProxyPass "ws://127.0.0.1:6001${p}" ${args}\n</Location>`;
  const o = { size: sized };
  const cut = (name, n, where) => new RegExp(`^${name} ${n} \\(${where}\\) cuts each WebSocket of chat\\.example\\.org:81 that is quiet for ${n} s, `
    + 'and a client pings after 120 s only; set timeout=180 or more');
  const here = '\\S*lines\\.conf:\\d+';
  assert.match(said(off(pass('timeout=60')), o)[0], cut('timeout= of ProxyPass', 60, here));
  assert.deepEqual(said(off(pass('timeout=180')), o), []);
  assert.match(said(off(pass('retry=0')), o)[0], cut('Timeout', 60, 'the default'));
  assert.match(said(`Timeout 100\n${off(pass('retry=0'))}`, o)[0], cut('Timeout', 100, here));
  assert.match(said(`ProxyTimeout 90\nTimeout 300\n${off(pass('retry=0'))}`, o)[0], cut('ProxyTimeout', 90, here));
  assert.match(said(`ProxyTimeout 300\n${off(`ProxyTimeout 70\n${pass('retry=0')}`)}`, o)[0], cut('ProxyTimeout', 70, here));
  assert.deepEqual(said(`ProxyTimeout 30\n${off(`ProxyTimeout 200\n${pass('retry=0')}`)}`, o), []);
  // Forms in which sites write it.
  assert.match(said(off('ProxyPass "/app/" "ws://127.0.0.1:6001/app/"'), { ...o, proxied: false })[0], cut('Timeout', 60, 'the default'));
  assert.match(said(off('ProxyPass "/app" "http://127.0.0.1:6001/app" upgrade=websocket timeout=20'), { ...o, proxied: false })[0], cut('timeout= of ProxyPass', 20, here));
  assert.match(said(off('RewriteEngine On\nRewriteRule "^/app/(.*)" "ws://127.0.0.1:6001/app/$1" [P]'), { ...o, proxied: false })[0], cut('Timeout', 60, 'the default'));
  // The client is told another time by the file of chat-push.
  const file = pushConf((conf) => { conf.activityTimeout = 30; });
  assert.deepEqual(said(off(`ChatPushConfig "${file}"\n${pass('timeout=90')}`), o), []);
  assert.match(said(off(`ChatPushConfig "${file}"\n${pass('timeout=80')}`), o)[0], /pings after 30 s only; set timeout=90 or more/);
  // Below a path.
  assert.match(said(off(`ChatPrefix /clinic\n${pass('timeout=60', '/clinic/app/')}`), o)[0], cut('timeout= of ProxyPass', 60, here));
});

test('no timeout at all', () => {
  assert.match(said(host('ChatHandoff Off\nProxyWebsocketFallbackToProxyHttp Off', 'chat.example.org', 81), { size: sized })[0],
    /^ProxyWebsocketFallbackToProxyHttp Off \(\S*lines\.conf:5\): a WebSocket of chat\.example\.org:81 whose client has vanished .*; take it out$/);
  assert.deepEqual(said('ProxyWebsocketFallbackToProxyHttp Off'), []);
});

test('sockets that nobody takes', () => {
  const none = { proxied: false };
  assert.match(said(host(tls), { mpm: 'worker', ...none })[0],
    /^WebSockets of chat\.example\.org:443 are refused: .*TLS ends here, which needs MPM event and ChatHandoff On\) and no ProxyPass takes \/app\/; give it to chat-push/);
  assert.match(said(host('ChatHandoff Off', 'a', 81), none)[0], /^WebSockets of a:81 are refused: .*ChatHandoff is Off/);
  const file = pushConf((conf) => { delete conf.handoff; });
  assert.match(said(host(`ChatPushConfig "${file}"`, 'a', 81), none)[0], /ChatPushConfig has no handoff\.path/);
  assert.match(said(host('ChatHandoff Off', 'a', 81), { without: 'proxy_wstunnel' })[0],
    /^WebSockets of a:81 are refused: ProxyPass \(\S*chat\.conf:\d+\) needs mod_proxy_wstunnel, which is not loaded$/);
});

test('what keeps sockets from coming, also those that are handed over', () => {
  const denied = '<Location "/">\nRequire all denied\n</Location>';
  assert.match(said(host(denied, 'a', 81))[0], /^Require all denied \(\S*lines\.conf:5\) lets nobody in to \/app\/ of a:81/);
  assert.deepEqual(said(host(`${denied}\n<Location "/app/">\nRequire all granted\n</Location>`, 'a', 81)), []);
  assert.deepEqual(said(host('<Location "/app/one-key">\nRequire all denied\n</Location>', 'a', 81)), []);
  assert.deepEqual(said('KeepAlive Off').map((l) => l.replace(/\([^ ]*\//, '(')), [
    'KeepAlive Off (lines.conf:1): every message, read mark and typing notice of the main server opens a connection of its own; set KeepAlive On',
  ]);
  // What one line does to many hosts is said once.
  assert.equal(said(`KeepAlive Off\n${host('', 'a', 81)}\n${host('', 'b', 82)}`).length, 1);
  assert.match(said('LimitRequestFields 20')[0], /^LimitRequestFields 20 \(\S*lines\.conf:1\) refuses with 400 .*; set it to 40 or more$/);
  assert.match(said(host(`${tls}\nProtocols h2 http/1.1\nH2WebSockets on`), { size: sized }).find((l) => l.startsWith('H2')),
    /^H2WebSockets on \(\S*lines\.conf:8\): WebSockets of chat\.example\.org:443 share a browser's one HTTP\/2 connection/);
  assert.deepEqual(said(host(`${tls}\nH2WebSockets on`), { size: sized }).filter((l) => l.startsWith('H2')), [], 'without h2');
});

test('chat-push\'s socket is out of reach', () => {
  const file = (p) => pushConf((conf) => { conf.handoff.path = p; });
  assert.match(said(host(`ChatPushConfig "${file(at('nowhere', 'handoff.sock'))}"`, 'a', 81))[0],
    /^handoff\.path \S*nowhere\/handoff\.sock of ChatPushConfig: \S*\/nowhere: No such file or directory; every WebSocket is answered 503 until/);
  fs.mkdirSync(at('closed'), { mode: 0o700 });
  const lines = host(`ChatPushConfig "${file(at('closed', 'handoff.sock'))}"`, 'a', 81);
  if (site.user) {
    assert.match(said(lines)[0], new RegExp(`^handoff\\.path \\S* of ChatPushConfig: httpd's user ${site.user.name} may not enter \\S*/closed, so every WebSocket is answered 503`));
    fs.chownSync(at('closed'), 0, site.user.gid);
    fs.chmodSync(at('closed'), 0o710);
  }
  assert.deepEqual(said(lines), []);
});

test('the error log of a start has it, and so has that of a graceful restart', async () => {
  const live = await startSite({ port: await freePort(), extraConf: 'KeepAlive Off' });
  live.expectLog(/\[chat:warn\] .*KeepAlive Off/);
  const lines = () => fs.readFileSync(live.path('logs', 'error.log'), 'utf8').split('[chat:warn]').length - 1;
  assert.equal(lines(), 1);
  live.httpd.kill('SIGUSR1');
  for (let i = 0; i < 400 && lines() < 2; i++) {
    await new Promise((done) => setTimeout(done, 25));
  }
  assert.equal(lines(), 2);
});
