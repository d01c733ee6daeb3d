// SPDX-License-Identifier: Apache-2.0
//
// What the page does about a question that is typed, and about a part of a
// conversation around an old message: without a page and a network.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holds, joinEnd, openAround, putAround, shownThread } from '../../htdocs/js/around.js';
import { Search, piecesOf } from '../../htdocs/js/search.js';
import { createState, putPage } from '../../htdocs/js/store.js';

/** A search whose timers and answers are ours. */
function make() {
  const asked = [], timers = [];
  const search = new Search({
    ask: (question, before) => new Promise((ok, bad) => asked.push({ question, before, ok, bad })),
    changed: () => {},
    later: (then) => {
      timers.push(then);
      return () => timers.splice(timers.indexOf(then), 1);
    },
  });
  const pause = () => timers.splice(0).forEach((then) => then());
  return { search, asked, timers, pause };
}
const turn = () => new Promise((done) => setImmediate(done));
const hit = (id) => ({ message: { id } });

test('one question is asked when typing pauses, none for what has no word', () => {
  const { search, asked, timers, pause } = make();
  for (const text of ['t', 'to', 'too', 'tooth ']) {
    search.type(text);
  }
  assert.equal(timers.length, 1);
  pause();
  assert.deepEqual(asked.map((a) => a.question), ['tooth']);
  search.type('  tooth');
  assert.equal(asked.length, 1);
  search.type('?! ');
  pause();
  assert.deepEqual([asked.length, search.status], [1, 'idle']);
});

test('an answer to an earlier question is not shown', async () => {
  const { search, asked, pause } = make();
  search.type('one');
  pause();
  search.type('two');
  pause();
  asked[1].ok({ data: [hit(2)], next: null });
  asked[0].ok({ data: [hit(1)], next: null });
  await turn();
  assert.deepEqual([search.found, search.status], [[hit(2)], 'done']);
});

test('an answer without a find that goes on is gone on with, a failure can be tried again', async () => {
  const { search, asked, pause } = make();
  search.type('rare');
  pause();
  asked[0].ok({ data: [], next: 900 });
  await turn();
  assert.deepEqual([asked[1].before, search.status], [900, 'busy']);
  asked[1].bad(new Error('away'));
  await turn();
  assert.equal(search.status, 'failed');
  search.more();
  assert.equal(asked[2].before, 900);
  asked[2].ok({ data: [hit(3)], next: 3 });
  await turn();
  search.more();
  asked[3].ok({ data: [hit(1)], next: null });
  await turn();
  assert.deepEqual([search.found, search.next], [[hit(3), hit(1)], null]);
  search.more();
  assert.equal(asked.length, 4);
});

test('a snippet is cut at its marks, whatever they are', () => {
  const cut = (text, marks) => piecesOf({ text, marks }).map((p) => (p.found ? `[${p.text}]` : p.text)).join('|');
  assert.equal(cut('a tooth aches', [[2, 7]]), 'a |[tooth]| aches');
  assert.equal(cut('tooth', [[0, 5]]), '[tooth]');
  assert.equal(cut('abc', [[2, 9], [-3, 1], [1, 1], [0, 2], [1, 3]]), '[ab]|c');
  assert.equal(cut('', []), '');
});

test('the part around a message grows at both sides and becomes one with the end', () => {
  const message = (id) => ({ id, content: String(id), user_id: 2, consultation_id: 1 });
  const list = (...ids) => ids.map(message);
  const state = createState({ id: 1 });
  putPage(state, '1', list(100, 99, 98), true);
  assert.ok(holds(state, '1', 99));
  assert.ok(!holds(state, '1', 50));
  openAround(state, '1', 50, { messages: list(50, 49), more: true }, { messages: list(51, 52), more: true });
  const part = shownThread(state, '1');
  assert.deepEqual(part.messages.map((m) => m.id), [49, 50, 51, 52]);
  assert.deepEqual(state.threads.get('1').messages.map((m) => m.id), [98, 99, 100]);
  putAround(state, part, list(48), 'older', false);
  putAround(state, part, list(97, 98, 99, 100), 'newer', false);
  assert.equal(state.around, null);
  const thread = shownThread(state, '1');
  assert.deepEqual(thread.messages.map((m) => m.id), [48, 49, 50, 51, 52, 97, 98, 99, 100]);
  assert.equal(thread.hasMore, false);
});

test('a part that reaches the end waits for the thread', () => {
  const state = createState({ id: 1 });
  const message = (id) => ({ id, user_id: 2, consultation_id: 1 });
  openAround(state, '1', 3, { messages: [message(3)], more: true }, { messages: [message(4)], more: false });
  assert.ok(state.around);
  putPage(state, '1', [message(4), message(5)], true);
  joinEnd(state);
  assert.deepEqual(shownThread(state, '1').messages.map((m) => m.id), [3, 4, 5]);
});
