// SPDX-License-Identifier: Apache-2.0
//
// unit-outbox.test.mjs - what is written here is sent once, in order, and not
// given up because the network is bad. No clock: the tests fire the timers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox, isPassing } from '../../htdocs/js/outbox.js';

const settled = () => new Promise((done) => setImmediate(done));

/** An outbox whose server answers as told. */
function world() {
  const w = {
    posts: [], // {entry, answer(message), fail(status, retryAfter)}
    timers: [], // {then, ms, cancelled}
    stored: [], // messages the outbox reported as sent
    saved: [],
  };
  w.outbox = new Outbox({
    send: (entry) => new Promise((resolve, reject) => {
      w.posts.push({
        entry: { ...entry },
        answer: (message = { id: 1 }) => resolve(message),
        fail: (status, retryAfter = 0) => reject({ status, retryAfter }),
      });
    }),
    sent: (message) => w.stored.push(message),
    changed: () => {},
    save: (entries) => {
      w.saved = JSON.parse(JSON.stringify(entries));
    },
    later: (then, ms) => {
      const timer = { then, ms, cancelled: false };
      w.timers.push(timer);
      return () => {
        timer.cancelled = true;
      };
    },
    random: () => 0.5,
  });
  w.write = (clientId, key = '7') => w.outbox.add({
    clientId, key, content: clientId, createdAt: '2026-01-01T00:00:00Z',
  });
  return w;
}

const sentIds = (w) => w.posts.map((post) => post.entry.clientId);

test('the next message waits for the answer to the one before', async () => {
  const w = world();
  w.write('a');
  w.write('b');
  assert.deepEqual(sentIds(w), ['a']);
  w.posts[0].answer({ id: 5 });
  await settled();
  assert.deepEqual(sentIds(w), ['a', 'b']);
  assert.deepEqual(w.stored, [{ id: 5 }]);
});

test('conversations do not wait for each other', () => {
  const w = world();
  w.write('a', '7');
  w.write('b', '8');
  assert.deepEqual(sentIds(w), ['a', 'b']);
});

test('without an answer the same message goes again, before the next',
  async () => {
    const w = world();
    w.write('a');
    w.write('b');
    w.posts[0].fail(0);
    await settled();
    assert.equal(w.outbox.find('a').state, 'queued');
    assert.deepEqual(sentIds(w), ['a']);
    w.timers[0].then();
    assert.deepEqual(sentIds(w), ['a', 'a']);
    w.posts[1].answer();
    await settled();
    assert.deepEqual(sentIds(w), ['a', 'a', 'b']);
  });

test('waits grow with each failure, up to a limit', async () => {
  const w = world();
  w.write('a');
  for (let i = 0; i < 8; i++) {
    w.posts[i].fail(503);
    await settled();
    w.timers[i].then();
  }
  assert.deepEqual(w.timers.map((timer) => timer.ms),
    [1000, 2000, 4000, 8000, 16e3, 30e3, 30e3, 30e3]);
});

test('the server may ask for a longer wait', async () => {
  const w = world();
  w.write('a');
  w.posts[0].fail(429, 12);
  await settled();
  assert.equal(w.timers[0].ms, 12e3);
});

test('when the connection is back nobody waits', async () => {
  const w = world();
  w.write('a');
  w.posts[0].fail(0);
  await settled();
  w.outbox.wake();
  assert.equal(w.timers[0].cancelled, true);
  assert.deepEqual(sentIds(w), ['a', 'a']);
});

test('waking does not send what is on its way a second time', () => {
  const w = world();
  w.write('a');
  w.outbox.wake();
  w.outbox.retry('a');
  assert.deepEqual(sentIds(w), ['a']);
});

test('a refused message is kept and marked, and its lane goes on', async () => {
  const w = world();
  w.write('a');
  w.write('b');
  w.posts[0].fail(422);
  await settled();
  assert.equal(w.outbox.find('a').state, 'failed');
  assert.equal(w.outbox.find('a').refused, 422);
  assert.deepEqual(sentIds(w), ['a', 'b']);
});

test('a refused message goes again when asked, with its id', async () => {
  const w = world();
  w.write('a');
  w.posts[0].fail(404);
  await settled();
  w.outbox.retry('a');
  assert.deepEqual(sentIds(w), ['a', 'a']);
});

test('the event may confirm before the answer, and the answer be lost',
  async () => {
    const w = world();
    w.write('a');
    w.write('b');
    w.outbox.confirm('a');
    assert.equal(w.outbox.find('a'), undefined);
    w.posts[0].fail(0);
    await settled();
    assert.equal(w.outbox.find('a'), undefined);
    assert.deepEqual(sentIds(w), ['a', 'b']);
    assert.equal(w.timers.length, 0);
  });

test('a discarded message is gone, one on its way is not discarded',
  async () => {
    const w = world();
    w.write('a');
    w.write('b');
    w.outbox.discard('a');
    w.outbox.discard('b');
    assert.deepEqual(w.outbox.of('7').map((e) => e.clientId), ['a']);
  });

test('a discarded message that waited lets the next one go', async () => {
  const w = world();
  w.write('a');
  w.write('b');
  w.posts[0].fail(503);
  await settled();
  w.outbox.discard('a');
  w.timers[0].then();
  assert.deepEqual(sentIds(w), ['a', 'b']);
});

test('what was on its way when the page was reloaded goes again', () => {
  const before = world();
  before.write('a');
  before.write('b');
  const after = world();
  after.outbox.restore(before.saved);
  assert.deepEqual(sentIds(after), ['a']);
  assert.deepEqual(after.outbox.of('7').map((e) => e.clientId), ['a', 'b']);
});

test('which failures are worth another try', () => {
  for (const status of [0, 401, 419, 429, 500, 502, 503, 504]) {
    assert.equal(isPassing(status), true, String(status));
  }
  for (const status of [400, 403, 404, 409, 413, 415, 422]) {
    assert.equal(isPassing(status), false, String(status));
  }
});
