// SPDX-License-Identifier: Apache-2.0
//
// What conf/ and the documents show is there: no directive that mod_chat does not have,
// and every default of conf/chat.conf may be written like that. That chat.conf has all
// directives with their sentences is seen to in layers.test.mjs.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { Site, root } from '../../dev/site.mjs';
import { build, sanitize, testDir } from '../site/lib/site.mjs';

const read = (...parts) => fs.readFileSync(path.join(root, ...parts), 'utf8');
const chat = read('conf', 'chat.conf');

/** The rows of the table in config.c. */
const table = new Set([...read('mod_chat', 'config.c').matchAll(/AP_INIT_\w+\("(\w+)"/g)].map(([, name]) => name));

test('chat.conf, the ready hosts and the documents name no directive that is not there', () => {
  const sites = fs.readdirSync(path.join(root, 'conf', 'sites')).map((f) => path.join('conf', 'sites', f));
  for (const file of ['conf/chat.conf', ...sites]) {
    for (const [, name] of read(file).matchAll(/^ *#?(Chat[A-Z]\w+|Chat) \S/gm)) {
      assert.ok(table.has(name), `${file}: ${name}`);
    }
  }
  const others = /^Chat(HandedOver|LeftToProxy|Refused\w*|Pump\w*|PushLinks\w*)$/; // of server-status
  for (const file of ['README.md', ...fs.readdirSync(path.join(root, 'doc')).filter((f) => f.endsWith('.md')).map((f) => `doc/${f}`)]) {
    for (const [, name] of read(file).matchAll(/`(Chat[A-Z][A-Za-z]+)\b/g)) {
      assert.ok(table.has(name) || others.test(name), `${file}: ${name}`);
    }
  }
});

test('what is shown as a default is taken by httpd', () => {
  const dir = testDir('conf');
  after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const site = new Site({ dir, build, sanitize, port: 1, pushPort: 6001, metricsPort: 9601 });
  site.prepare();
  const shown = chat.match(/^#Chat\w+ .*$/gm).filter((l) => !l.startsWith('#ChatLaravelKey')) /* needs an application */;
  assert.ok(shown.length > 8);
  fs.writeFileSync(site.path('conf', 'httpd.conf'), `${site.httpdConf()}\n${shown.map((l) => l.slice(1)).join('\n')}\n`);
  const r = spawnSync(process.env.CHAT_HTTPD || '/usr/sbin/apache2', ['-t', '-f', site.path('conf', 'httpd.conf')],
    { encoding: 'utf8', env: { ...process.env, ...site.httpdEnv() } });
  assert.equal(r.status, 0, r.stderr);
});
