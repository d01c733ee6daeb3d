// SPDX-License-Identifier: Apache-2.0
//
// unit-sync.test.mjs - the cursor moves only over events that were applied.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sync } from '../../htdocs/js/sync.js';

/** A sync whose server gives the listed answers; a function may throw. */
function world(...answers) {
  const w = { asked: [], applied: [], reloads: 0, reloadFails: 0 };
  w.answers = answers;
  w.sync = new Sync({
    ask: async (cursor) => {
      w.asked.push(cursor);
      const answer = w.answers.shift() ?? done(cursor);
      return typeof answer === 'function' ? answer() : answer;
    },
    apply: (events) => w.applied.push(...events),
    reload: async () => {
      if (w.reloadFails-- > 0) {
        throw new Error('away');
      }
      w.reloads++;
    },
  });
  return w;
}

const answer = (status, cursor, ...events) => ({ status, cursor, events });
const done = (cursor) => answer('complete', cursor ?? 'new');
const away = () => {
  throw new Error('away');
};

test('the cursor is taken before the lists are loaded', async () => {
  const w = world(done('c1'), answer('complete', 'c2', 'e2'));
  await w.sync.run();
  assert.deepEqual(w.asked, [null, 'c1']);
  assert.equal(w.reloads, 1);
  assert.deepEqual(w.applied, ['e2']);
  assert.equal(w.sync.cursor, 'c2');
});

test('lists that could not be loaded are loaded next time', async () => {
  const w = world(done('c1'));
  w.reloadFails = 1;
  await assert.rejects(w.sync.run());
  await w.sync.run();
  assert.equal(w.reloads, 1);
  assert.deepEqual(w.asked, [null, 'c1', 'c1']);
});

test('it asks until the answer is complete', async () => {
  const w = world(done('c1'), answer('more', 'c2', 'e2'),
    answer('more', 'c3', 'e3'), answer('complete', 'c4', 'e4'));
  await w.sync.run();
  assert.deepEqual(w.applied, ['e2', 'e3', 'e4']);
  assert.equal(w.sync.cursor, 'c4');
});

test('a failure in the middle goes on from the last applied answer',
  async () => {
    const w = world(done('c1'), answer('more', 'c2', 'e2'), away);
    await assert.rejects(w.sync.run());
    assert.equal(w.sync.cursor, 'c2');
    w.answers = [answer('complete', 'c3', 'e3')];
    await w.sync.run();
    assert.deepEqual(w.applied, ['e2', 'e3']);
  });

test('a reset loads everything anew, from the cursor it gives', async () => {
  const w = world(done('c1'));
  await w.sync.run();
  w.answers = [answer('reset', 'x1'), answer('complete', 'x2', 'e9')];
  await w.sync.run();
  assert.equal(w.reloads, 2);
  assert.equal(w.sync.cursor, 'x2');
  assert.deepEqual(w.applied, ['e9']);
});

test('a log that is reset again and again is not asked for ever', async () => {
  const w = world();
  w.answers = Array.from({ length: 50 }, () => answer('reset', 'r'));
  await assert.rejects(w.sync.run());
  assert.ok(w.asked.length < 10);
});

test('a call during a run makes it ask once more', async () => {
  const w = world(done('c1'));
  await w.sync.run();
  w.asked = [];
  const first = w.sync.run();
  const second = w.sync.run();
  assert.equal(first, second);
  await first;
  assert.deepEqual(w.asked, ['c1', 'c1']);
});
