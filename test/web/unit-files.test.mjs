// SPDX-License-Identifier: Apache-2.0
//
// unit-files.test.mjs - files on their way: in which order, after failures, over
// a reload; messages whose files are still being looked at.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boxOf, endingOf, Files, kindOf, sizeText, typeOf }
  from '../../htdocs/js/files.js';
import { Outbox } from '../../htdocs/js/outbox.js';

const turn = () => new Promise((done) => { setImmediate(done); });
const file = (name, type = 'image/png', size = 10) => ({ name, type, size });

/** Files with a network that does as it is told. */
function desk(more = {}) {
  const world = { tasks: [], removed: [], saved: null, dropped: [] };
  world.files = new Files({
    upload: (key, of, voice, progress) => {
      const task = { key, file: of, voice, progress, aborted: false };
      task.promise = new Promise((resolve, reject) => {
        Object.assign(task, { resolve, reject });
      });
      world.tasks.push(task);
      return { promise: task.promise, abort: () => { task.aborted = true; } };
    },
    remove: async (attachment) => { world.removed.push(attachment.id); },
    changed: () => {},
    save: (lists) => { world.saved = structuredClone(lists); },
    limits: { max: 1000, most: 3 },
    preview: { of: (f) => `blob:${f.name}`, drop: (a) => a && world.dropped.push(a) },
    ...more,
  });
  return world;
}

test('two upload at once, the rest follow in their order', async () => {
  const { files, tasks } = desk();
  files.add('1', [file('a'), file('b'), file('c')]);
  assert.deepEqual(tasks.map((t) => t.file.name), ['a', 'b']);
  assert.equal(files.ready('1'), false);
  tasks[1].resolve({ id: 'B' });
  await turn();
  assert.deepEqual(tasks.map((t) => t.file.name), ['a', 'b', 'c']);
  tasks[0].resolve({ id: 'A' });
  tasks[2].resolve({ id: 'C' });
  await turn();
  assert.ok(files.ready('1'));
  assert.deepEqual(files.take('1').map((a) => a.id), ['A', 'B', 'C']);
  assert.equal(files.size, 0);
});

test('what fails for a moment goes again, what is refused does not', async () => {
  const { files, tasks } = desk();
  files.add('1', [file('a'), file('b')]);
  tasks[0].reject({ status: 0 });
  tasks[1].reject({ status: 422 });
  await turn();
  assert.deepEqual(files.of('1').map((c) => c.state), ['failed', 'refused']);
  assert.equal(files.of('1')[1].why, 422);
  files.wake();
  assert.equal(tasks.length, 3);
  assert.equal(tasks[2].file.name, 'a');
  tasks[2].resolve({ id: 'A' });
  await turn();
  assert.equal(files.ready('1'), false, 'one that is refused stands in the way until it is removed');
  files.drop('1', files.of('1')[1]);
  assert.ok(files.ready('1'));
});

test('a file that cannot be read any more does not wait for the network', async () => {
  const { files, tasks } = desk();
  const blob = (arrayBuffer) => ({ ...file('a'), slice: () => ({ arrayBuffer }) });
  files.add('1', [blob(async () => { throw new Error('NotReadableError'); }), blob(async () => new ArrayBuffer(1))]);
  tasks.forEach((task) => task.reject({ status: 0 }));
  await turn();
  assert.deepEqual(files.of('1').map((c) => [c.state, c.why]), [['refused', 'gone'], ['failed', 0]]);
});

test('who has too many under way waits as long as the server says, and goes again', async () => {
  const waits = [];
  const { files, tasks } = desk({ later: (then, seconds) => waits.push({ then, seconds }) });
  files.add('1', [file('a')]);
  tasks[0].reject({ status: 429, retryAfter: 3 });
  await turn();
  assert.equal(files.of('1')[0].state, 'queued');
  assert.equal(tasks.length, 1, 'not at once');
  assert.deepEqual(waits.map((w) => w.seconds), [3]);
  waits[0].then();
  assert.equal(tasks.length, 2);
  tasks[1].resolve({ id: 'A' });
  await turn();
  assert.ok(files.ready('1'));
});

test('too large a file is not sent at all', () => {
  const { files, tasks } = desk();
  files.add('1', [file('a', 'image/png', 1001)]);
  assert.equal(tasks.length, 0);
  assert.equal(files.of('1')[0].why, 'size');
});

test('nor is one too many, nor any where none are taken', () => {
  const { files, tasks } = desk();
  files.add('1', [file('a'), file('b'), file('c'), file('d')]);
  assert.deepEqual(files.of('1').map((c) => c.why), [null, null, null, 'many']);
  assert.equal(tasks.length, 2);
  const none = desk({ limits: null });
  none.files.add('1', [file('a')]);
  assert.equal(none.files.size, 0);
});

test('cancelling ends the upload, and removes what was uploaded', async () => {
  const { files, tasks, removed, dropped } = desk();
  files.add('1', [file('a'), file('b')]);
  files.drop('1', files.of('1')[0]);
  assert.ok(tasks[0].aborted);
  tasks[1].resolve({ id: 'B' });
  await turn();
  files.drop('1', files.of('1')[0]);
  assert.deepEqual(removed, ['B']);
  assert.deepEqual(dropped, ['blob:a', 'blob:b']);
});

test('what was uploaded is still there after a reload', async () => {
  const first = desk();
  first.files.add('7', [file('a.png'), file('b.png')]);
  first.tasks[0].resolve({ id: 'A', name: 'a.png', size: 9, kind: 'image' });
  await turn();
  const again = desk();
  again.files.restore(first.saved);
  assert.deepEqual(again.files.of('7').map((c) => [c.name, c.state]), [['a.png', 'done']]);
  assert.deepEqual(again.files.take('7').map((a) => a.id), ['A']);
});

test('a message whose files are looked at waits alone and is asked about again', async () => {
  const answers = [null, { id: 2 }, { id: 1 }];
  const asked = [];
  const later = [];
  const sent = [];
  const outbox = new Outbox({
    send: async (entry) => { asked.push(entry.clientId); return answers.shift(); },
    sent: (message) => sent.push(message.id),
    changed: () => {},
    save: () => {},
    later: (then) => { later.push(then); return () => {}; },
  });
  outbox.add({ clientId: 'x', key: '1', content: '', attachments: [{ id: 'A' }] });
  await turn();
  assert.equal(outbox.of('1')[0].state, 'held');
  outbox.add({ clientId: 'y', key: '1', content: 'next' });
  await turn();
  assert.deepEqual(sent, [2], 'the next one does not wait');
  later.shift()();
  await turn();
  assert.deepEqual(asked, ['x', 'y', 'x']);
  assert.deepEqual(sent, [2, 1]);
  assert.equal(outbox.size, 0);
});

test('a held message that is sent meanwhile is not asked about again', async () => {
  const later = [];
  let asked = 0;
  const outbox = new Outbox({
    send: async () => { asked++; return null; },
    sent: () => {},
    changed: () => {},
    save: () => {},
    later: (then) => { later.push(then); return () => {}; },
  });
  outbox.add({ clientId: 'x', key: '1', content: '' });
  await turn();
  outbox.confirm('x');
  later.forEach((then) => then());
  await turn();
  assert.equal(asked, 1);
});

test('kinds, types, sizes and boxes', () => {
  assert.equal(kindOf('image/jpeg'), 'image');
  assert.equal(kindOf('image/svg+xml'), 'file');
  assert.equal(kindOf(''), 'file');
  assert.equal(typeOf([{ kind: 'image' }, { kind: 'image' }]), 'image');
  assert.equal(typeOf([{ kind: 'image' }, { kind: 'file' }]), 'file');
  assert.equal(typeOf([{ kind: 'voice' }]), 'voice');
  assert.equal(typeOf([{ kind: 'voice' }, { kind: 'voice' }]), 'file');
  assert.equal(sizeText(999, 'en'), '999 bytes');
  assert.equal(sizeText(1400000, 'en'), '1.4 MB');
  assert.equal(sizeText(10485760, 'en'), '10 MB');
  assert.equal(endingOf('a.b.pdf'), 'PDF');
  assert.equal(endingOf('README'), '');
  assert.deepEqual(boxOf(4000, 3000, 260), { width: 260, height: 195 });
  assert.deepEqual(boxOf(40, 30, 260), { width: 40, height: 30 });
  assert.deepEqual(boxOf(10000, 1, 260), { width: 260, height: 1 });
  assert.deepEqual(boxOf(null, null, 260), { width: 260, height: 260 });
});
