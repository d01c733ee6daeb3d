// SPDX-License-Identifier: Apache-2.0
//
// Drift: what one file says and another must repeat. Each test reads the sources
// as text, so it fails at the moment they part.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../../dev/site.mjs';

const list = (dir, end) => fs.readdirSync(path.join(root, dir), { withFileTypes: true }).flatMap((e) =>
  e.isDirectory() ? list(path.join(dir, e.name), end) : e.name.endsWith(end) ? [path.join(dir, e.name)] : []);
const read = (file) => fs.readFileSync(path.join(root, file), 'utf8');
const sources = (dir) => [...list(dir, '.c'), ...list(dir, '.h')];

test('layers hold: common knows no httpd and no sockets, mod_chat and push never meet', () => {
  const headersOf = (dir) => new Set(list(dir, '.h').map((f) => path.basename(f)));
  const push = headersOf('push');
  const mod = headersOf('mod_chat');
  const common = headersOf('common');
  const files = headersOf('files');
  for (const name of files) {
    assert.ok(!mod.has(name) && !push.has(name) && !common.has(name), `${name} exists in two layers`);
  }
  for (const name of push) {
    assert.ok(!mod.has(name) && !common.has(name), `${name} exists in two layers`);
  }
  const httpd = /^(httpd|http_[a-z]+|mod_[a-z]+|ap_[a-z]+|util_[a-z]+|scoreboard|unixd)\.h$/;
  const sockets = /^(sys\/socket|sys\/epoll|sys\/un|netinet\/.*|arpa\/inet|apr_network_io|apr_poll)\.h$/;
  for (const [dir, forbidden] of [
    ['common', (h) => httpd.test(h) || sockets.test(h) || push.has(h) || mod.has(h)],
    ['push', (h) => (httpd.test(h) && !push.has(h)) || mod.has(h)],
    ['mod_chat', (h) => push.has(h) || files.has(h)],
    ['files', (h) => httpd.test(h) || push.has(h) || mod.has(h)],
    ['files/pure', (h) => sockets.test(h) || /^(gd|seccomp|pthread)\.h$/.test(h)],
    ['ctl', (h) => httpd.test(h) || push.has(h) || mod.has(h)],
  ]) {
    for (const file of sources(dir)) {
      for (const [, h] of read(file).matchAll(/^#\s*include\s*[<"]([^>"]+)[>"]/gm)) {
        assert.ok(!forbidden(path.basename(h) === h ? h : h.replace(/^.*(push|mod_chat)\//, '')), `${file} includes ${h}`);
      }
    }
  }
});

test('every C file opens with its licence and says what it is', () => {
  for (const dir of ['common', 'ctl', 'files', 'mod_chat', 'push', 'test']) {
    for (const file of sources(dir)) {
      assert.match(read(file), /^\/\* SPDX-License-Identifier: Apache-2\.0 \*\/\n(\/\*|\n\/\*)/, file);
    }
  }
});

test('every statement has a caller, and every label called has a statement', () => {
  const labels = new Set(list('sql/statements', '.sql').flatMap((f) =>
    [...read(f).matchAll(/^-- :name (\w+)/gm)].map((m) => m[1])));
  const code = [...sources('common'), ...sources('ctl'), ...sources('mod_chat'), ...sources('push')].map(read).join('\n');
  for (const label of labels) {
    // X_many is run for X by common/db_group.c.
    assert.ok(code.includes(`"${label.replace(/_many$/, '')}"`), `nobody runs the statement ${label}`);
  }
  for (const [, label] of code.matchAll(/chat_db_(?:run|query|try)\([^;]*?"(\w+)"/g)) {
    assert.ok(labels.has(label), `no statement is named ${label}`);
  }
});

test('the directive table and conf/chat.conf say the same', () => {
  const conf = read('conf/chat.conf').replace(/^#+ ?/gm, '').replace(/\s+/g, ' ');
  const table = list('mod_chat', '.c').map(read).join('\n')
    .match(/command_rec[\s\S]*?\n};/)[0];
  const directives = [...table.matchAll(/AP_INIT_\w+\(\s*"(\w+)"[\s\S]*?((?:"(?:[^"\\]|\\.)*"\s*)+)\)/g)];
  assert.ok(directives.length > 5, 'the table was found');
  for (const [, name, strings] of directives) {
    const sentence = [...strings.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((m) => m[1]).join('').replace(/\\"/g, '"').replace(/\s+/g, ' ');
    assert.ok(conf.includes(sentence), `conf/chat.conf lacks the sentence of ${name}: ${sentence}`);
    assert.match(read('conf/chat.conf'), new RegExp(`\\b${name}\\b`), `conf/chat.conf shows no ${name}`);
  }
});

test('every route is documented and tested', () => {
  const routes = [...read('mod_chat/routes.def').matchAll(/^ROUTE\(M_(GET|POST|DELETE|PUT|PATCH),\s*"([^"]+)"/gm)];
  assert.ok(routes.length > 10, 'the table was found');
  const doc = read('doc/rest.md');
  const tests = list('test/site', '.mjs').map(read).join('\n');
  for (const [, method, url] of routes) {
    assert.ok(doc.includes(`${method} ${url}`), `doc/rest.md lacks ${method} ${url}`);
    const shape = url.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{[a-z]+\}/g, '[^\'"`\\s]+');
    assert.match(tests, new RegExp(`['"\`]${shape}['"\`?]`), `no site test calls ${url}`);
  }
});

test('what README and the documents link to exists', () => {
  for (const file of ['README.md', ...list('doc', '.md'), 'sql/README.md']) {
    for (const [, target] of read(file).matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      assert.ok(fs.existsSync(path.join(root, path.dirname(file), target)), `${file} links to ${target}`);
    }
  }
});

test('the README tours every source file', () => {
  const readme = read('README.md');
  for (const file of [...list('common', '.h'), ...list('ctl', '.c'), ...list('files', '.c'), ...list('mod_chat', '.c'), ...list('push', '.c'), ...list('htdocs', '.js'), ...list('dev', '.mjs')]) {
    const name = path.basename(file).replace(/\.[a-z]+$/, '');
    assert.match(readme, new RegExp(`\\b${name}\\b`), `README.md does not mention ${file}`);
  }
});

test('the lock file names packages, not where they came from', () => {
  assert.doesNotMatch(read('package-lock.json'), /"resolved"/);
});
