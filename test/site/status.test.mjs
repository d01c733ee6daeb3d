// SPDX-License-Identifier: Apache-2.0
//
// mod_status' page tells what became of WebSockets and whether chat-push takes
// them: to programs a number a line, to people in words.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../../dev/site.mjs';
import { freePorts } from './lib/vhosts.mjs';
import { build, eventually, sanitize, startSite } from './lib/site.mjs';
import { Door } from './lib/upgrade.mjs';

const [port, pushPort, metricsPort, bare] = await freePorts(4);
const site = await startSite({
  port,
  pushPort,
  metricsPort,
  // A host that has no ProxyPass for what cannot be handed over.
  extraConf: `Listen 127.0.0.1:${bare}\n<VirtualHost 127.0.0.1:${bare}>\nSetEnvIf Request_URI ^/app/ no-proxy\n</VirtualHost>`,
});

/** Our lines for programs. */
async function figures() {
  const text = await (await fetch(`${site.status}?auto`)).text();
  return Object.fromEntries(text.split('\n').filter((l) => l.startsWith('Chat')).map((line) => {
    const [, key, value] = line.match(/^(Chat[A-Za-z]+): (\d+)$/) ?? assert.fail(`no "Key: number": ${line}`);
    return [key, Number(value)];
  }));
}

/** Our part of the page, tags taken out; each on a line of its own. */
async function page() {
  const text = await (await fetch(site.status)).text();
  const ours = text.slice(text.indexOf('<h2>mod_chat'));
  assert.equal(ours.match(/<d[td]>/g).length, ours.match(/<\/d[td]>/g).length, ours);
  return ours.slice(0, ours.indexOf('</dl>')).replaceAll(/<[^>]*>/g, '').split('\n').map((l) => l.trim()).filter(Boolean);
}

/** One upgrade request. */
async function ask(at, headers, options) {
  const { peer, status } = await new Door(at).ask(headers, options);
  peer.socket.destroy();
  return status;
}

test('each way of a WebSocket has a counter, and the sum of refusals is their sum', async () => {
  const zero = await figures();
  for (const [key, value] of Object.entries(zero)) {
    assert.equal(value, key.startsWith('ChatPushLinks') ? 1 : 0, key);
  }
  assert.equal(await ask(port), 101);
  assert.equal(await ask(port, { 'Sec-WebSocket-Version': '12' }), 426, 'by chat-push, through mod_proxy');
  assert.equal(await ask(bare, { 'Sec-WebSocket-Version': '12' }), 426, 'by us');
  assert.equal(await ask(bare, { 'Sec-WebSocket-Protocol': 'p'.repeat(8000), Origin: 'o'.repeat(8000), 'Sec-WebSocket-Extensions': 'e'.repeat(8000) }), 431);
  const now = await figures();
  const wanted = { ...zero, ChatHandedOver: 1, ChatLeftToProxy: 1, ChatRefusedMalformed: 1, ChatRefusedLarge: 1, ChatRefused: 2 };
  assert.deepEqual(now, wanted);
  assert.deepEqual((await page()).filter((l) => !l.includes('by TLS')), [
    'mod_chat: WebSockets',
    `chat-push at ${site.path('run', 'handoff.sock')} takes sockets`,
    '1 handed over to chat-push',
    '1 left to mod_proxy',
    '2 refused',
    '1 more than 16 kB of headers (431)',
    '1 no upgrade request (426)',
  ]);
});

test('a chat-push that takes no sockets is said at once, counters stay over a graceful restart', async () => {
  site.expectLog(/chat-push takes no sockets at/);
  await site.stopPush();
  assert.equal(await ask(port), 503);
  let now = await figures();
  assert.deepEqual([now.ChatPushLinks, now.ChatPushLinksWell, now.ChatRefusedAway, now.ChatRefused], [1, 0, 1, 3]);
  assert.ok((await page()).some((l) => /^chat-push at \S+ takes no sockets: .+$/.test(l)));
  await site.startPush();
  site.httpd.kill('SIGUSR1');
  await eventually(async () => {
    // The restart may close the very connection that fetch has kept.
    now = await figures().catch(() => null);
    return now?.ChatPushLinksWell === 1;
  }, 'the link');
  assert.equal(now.ChatHandedOver, 1);
  assert.equal(now.ChatRefused, 3);
});

/** The module of a release that has more counters: the same but for one number. */
function otherRelease() {
  const plain = sanitize.includes('thread'); // httpd loads no such module
  const B = path.relative(root, plain ? process.env.CHAT_PLAIN : build);
  const env = { ...process.env };
  for (const name of ['MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'MAKEOVERRIDES']) {
    delete env[name];
  }
  const [source, object, so] = [site.path('tls_pump.c'), site.path('tls_pump.o'), site.path('other.so')];
  const [was, is] = ['#define CHILDREN 1024 ', '#define CHILDREN 600000 '];
  const text = fs.readFileSync(path.join(root, 'mod_chat/tls_pump.c'), 'utf8');
  assert.ok(text.includes(was));
  fs.writeFileSync(source, text.replace(was, is));
  const script = execFileSync('make', ['-s', '-n', '-W', 'mod_chat/tls_pump.c', `B=${B}`, `SANITIZE=${plain ? '' : sanitize}`, `${B}/mod_chat.so`], { cwd: root, env, encoding: 'utf8' });
  execFileSync('sh', ['-ec', script.split('\n').filter((l) => l.includes('tls_pump.')).join('\n')
    .replace(' mod_chat/tls_pump.c', ` ${source}`).replaceAll(`${B}/mod_chat/tls_pump.o`, object).replace(`-o ${B}/mod_chat.so`, `-o ${so}`)], { cwd: root, env, stdio: 'pipe' });
  return so;
}

test('a graceful restart may bring another release, which counts more', async () => {
  const so = otherRelease();
  const errors = () => fs.readFileSync(site.path('logs', 'error.log'), 'utf8').split('resuming normal operations').length;
  const begun = errors();
  fs.renameSync(so, site.path('bin', 'mod_chat.so'));
  site.httpd.kill('SIGUSR1');
  await eventually(() => errors() > begun, 'the restart');
  const now = await eventually(() => figures().catch(() => null), 'the page');
  assert.equal(now.ChatHandedOver, 1, 'what is of the same size stays');
  assert.equal(await ask(port), 101);
  assert.equal(site.httpd.ended, undefined);
});
