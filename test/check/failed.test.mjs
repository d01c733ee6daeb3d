// SPDX-License-Identifier: Apache-2.0
//
// How `make check` runs test files (test/lib/run.mjs), and what it says last when
// something has failed (test/lib/failed.mjs).

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { root } from '../../dev/site.mjs';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mod_chat-failed-'));
after(() => fs.rmSync(dir, { recursive: true }));

/** Run test files as make does. @param files  by name, their texts */
function run(files) {
  for (const [name, text] of Object.entries(files)) {
    fs.writeFileSync(path.join(dir, name), text);
  }
  const env = { ...process.env };
  delete env.NODE_TEST_CONTEXT; // a run of its own, not a part of this one
  delete env.MAKE_TERMOUT;
  return spawnSync(process.execPath, [path.join(root, 'test/lib/run.mjs'), ...Object.keys(files)], { cwd: dir, env, encoding: 'utf8' });
}

const uses = "import assert from 'node:assert/strict';\nimport { test } from 'node:test';\n";

test('nothing is said when all has passed', () => {
  const r = run({ 'good.test.mjs': `${uses}test('good', () => {});` });
  assert.equal(r.status, 0);
  assert.equal(r.stderr, '');
  assert.match(r.stdout, /^ok 1 - /m);
});

test('each failure is said with its file, its name and how its error begins', () => {
  const r = run({
    'good.test.mjs': `${uses}test('good', () => {});`,
    'bad.test.mjs': `${uses}test('two and two', () => { assert.equal(2 + 2, 5, 'they are'); });
      test('outside', async (t) => { await t.test('inside', () => { throw new Error('one\\ntwo'); }); });`,
    'broken.test.mjs': "throw new Error('before any test');",
  });
  assert.notEqual(r.status, 0);
  const [, n, said] = r.stderr.match(/\nFAILED: (\d+)\n([^]*)$/);
  assert.equal(n, '3', said);
  assert.match(said, /^ {2}bad\.test\.mjs: two and two\n {6}they are\n(.*\n)*? {6}at .*bad\.test\.mjs:3:\d+/m);
  assert.match(said, /^ {2}bad\.test\.mjs: inside\n {6}one\n {6}two$/m);
  assert.match(said, /^ {2}broken\.test\.mjs: ended by exit\(1\)\n/m);
  assert.ok(!said.includes('good') && !said.includes('outside'), said);
});

test('what is to be done is no failure, nothing to run is one', () => {
  assert.equal(run({ 'todo.test.mjs': `${uses}test('one day', { todo: true }, () => { throw new Error('not yet'); });` }).status, 0);
  assert.equal(run({}).status, 2);
});

test('files begin in the order they are named', () => {
  const r = run({ 'z.test.mjs': `${uses}test('first', () => {});`, 'a.test.mjs': `${uses}test('second', () => {});` });
  assert.deepEqual(r.stdout.match(/^ok .*/gm), ['ok 1 - first', 'ok 2 - second']);
});

test("what fails at a file's end is that file's", () => {
  const lib = pathToFileURL(path.join(root, 'test/site/lib/cleanup.mjs'));
  const r = run({ 'ends.test.mjs': `${uses}import { cleanup } from '${lib}';
    test('good', () => {}); cleanup(() => { throw new Error('a line nobody announced\\nerror.log: it'); });` });
  assert.notEqual(r.status, 0);
  assert.match(r.stderr, /\n {2}ends\.test\.mjs, at its end: a line nobody announced\n {6}error\.log: it\n/);
  assert.match(r.stdout, /ends\.test\.mjs, at its end: a line nobody announced/, 'also the ordinary reporter');
});
