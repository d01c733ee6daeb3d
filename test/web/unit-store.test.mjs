// SPDX-License-Identifier: Apache-2.0
//
// unit-store.test.mjs - what the page knows stays right when the same facts come
// twice, late, or in another order: snapshots, pushed events and syncs overlap.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as store from '../../htdocs/js/store.js';

const me = { id: 1, name: 'Pat', role: 'patient' };
const doctor = { id: 2, name: 'Dr. Ada', role: 'doctor' };

function message(id, from = doctor, more = {}) {
  return {
    id,
    content: `text ${id}`,
    type: 'text',
    client_id: null,
    user_id: from.id,
    consultation_id: 7,
    created_at: new Date(Date.UTC(2026, 0, 1, 12, 0, id)).toISOString(),
    read_at: null,
    user: from,
    ...more,
  };
}

const sent = (event, m) => ({
  id: event,
  cursor: `c${event}`,
  message: m,
  consultation: { id: 7, status: 'accepted' },
});

const read = (event, reader, ids) => ({
  id: event,
  consultation_id: 7,
  user_id: reader.id,
  user: reader,
  message_ids: ids,
  read_at: '2026-01-01T13:00:00.000Z',
});

function conversation(more = {}) {
  return {
    id: 7,
    title: 'Crown',
    status: 'accepted',
    unread: 0,
    updated_at: '2026-01-01T12:00:00.000Z',
    last_message: null,
    other: doctor,
    members: [me, doctor],
    ...more,
  };
}

function state(...conversations) {
  const made = store.createState(me);
  store.putList(made, conversations.length ? conversations : [conversation()],
    null);
  return made;
}

const ids = (s) => s.threads.get('7').messages.map((m) => m.id);

test('an event that comes on two channels is applied once', () => {
  const s = state();
  assert.equal(store.applyEvent(s, 'MessageSent', sent(1, message(10))), true);
  assert.equal(store.applyEvent(s, 'MessageSent', sent(1, message(10))), false);
  assert.deepEqual(ids(s), [10]);
  assert.equal(store.unreadOf(s, '7'), 1);
});

test('the same message by answer, event and page stays one message', () => {
  const s = state();
  const mine = message(10, me, { client_id: 'x' });
  store.putSent(s, mine);
  store.applyEvent(s, 'MessageSent', sent(1, mine));
  store.putPage(s, '7', [mine], false);
  assert.deepEqual(ids(s), [10]);
});

test('messages stand in order whatever order they came in', () => {
  const s = state();
  for (const id of [12, 10, 11, 9]) {
    store.applyEvent(s, 'MessageSent', sent(id, message(id)));
  }
  assert.deepEqual(ids(s), [9, 10, 11, 12]);
});

test('an event that outran the page stays after the page came', () => {
  const s = state();
  store.applyEvent(s, 'MessageSent', sent(3, message(12)));
  store.putPage(s, '7', [message(11), message(10)], true);
  assert.deepEqual(ids(s), [10, 11, 12]);
});

test('a new page after a gap drops what was before the gap', () => {
  const s = state();
  store.putPage(s, '7', [message(2), message(1)], false);
  store.putPage(s, '7', [message(90), message(89)], true);
  assert.deepEqual(ids(s), [89, 90]);
  assert.equal(s.threads.get('7').hasMore, true);
});

test('a late row with an early id waits for its page', () => {
  const s = state();
  store.putPage(s, '7', [message(50), message(49)], true);
  store.applyEvent(s, 'MessageSent', sent(9, message(20)));
  assert.deepEqual(ids(s), [49, 50]);
});

test('a message once read stays read when an older event repeats it', () => {
  const s = state();
  const mine = message(10, me);
  store.applyEvent(s, 'MessageSent', sent(1, mine));
  store.applyEvent(s, 'MessageRead', read(2, doctor, [10]));
  store.forgetEvents(s);
  store.putPage(s, '7', [{ ...mine, read_at: '2026-01-01T13:00:00.000Z' }],
    false);
  store.applyEvent(s, 'MessageSent', sent(1, mine));
  assert.equal(s.threads.get('7').messages[0].read_at,
    '2026-01-01T13:00:00.000Z');
});

test('a receipt that outran its message is remembered', () => {
  const s = state();
  store.applyEvent(s, 'MessageRead', read(2, doctor, [10]));
  store.putPage(s, '7', [message(10, me)], false);
  assert.equal(s.threads.get('7').messages[0].read_at,
    '2026-01-01T13:00:00.000Z');
});

test('a receipt for all that is older reaches what is loaded later', () => {
  const s = state();
  store.putPage(s, '7', [message(20, me), message(10, me), message(9, doctor)], false);
  store.applyEvent(s, 'MessageRead', { ...read(2, doctor, [20]), older: true });
  store.putPage(s, '7', [message(5, me), message(4, doctor)], false);
  store.applyEvent(s, 'MessageSent', sent(3, message(21, me)));
  assert.deepEqual(s.threads.get('7').messages.map((m) => [m.id, m.read_at !== null]),
    [[4, false], [5, true], [9, false], [10, true], [20, true], [21, false]]);
});

test('unread is not counted twice when a sync repeats the snapshot', () => {
  // Cursor, then message 10, then the list: the list counts it already, and
  // the sync from the cursor brings it once more.
  const s = state(conversation({ unread: 1, last_message: message(10) }));
  store.applyEvent(s, 'MessageSent', sent(1, message(10)));
  assert.equal(store.unreadOf(s, '7'), 1);
  store.applyEvent(s, 'MessageSent', sent(2, message(11)));
  assert.equal(store.unreadOf(s, '7'), 2);
});

test('unread survives a list that was asked for before the message', () => {
  const s = state();
  store.applyEvent(s, 'MessageSent', sent(1, message(10)));
  store.putList(s, [conversation()], null); // its answer was made earlier
  assert.equal(store.unreadOf(s, '7'), 1);
  assert.equal(s.conversations.get('7').last_message.id, 10);
});

test('a list made after the message counts it once', () => {
  const s = state();
  store.applyEvent(s, 'MessageSent', sent(1, message(10)));
  store.putList(s, [conversation({ unread: 1, last_message: message(10) })],
    null);
  assert.equal(store.unreadOf(s, '7'), 1);
});

test('our own messages are never unread', () => {
  const s = state();
  store.applyEvent(s, 'MessageSent', sent(1, message(10, me)));
  assert.equal(store.unreadTotal(s), 0);
});

test('what we read in another tab is no longer unread here', () => {
  const s = state(conversation({ unread: 2, last_message: message(10) }));
  store.applyEvent(s, 'MessageSent', sent(3, message(11)));
  store.applyEvent(s, 'MessageRead', read(4, me, [9, 10, 11]));
  assert.equal(store.unreadOf(s, '7'), 0);
});

test('a partial receipt of ours asks the server for the number', () => {
  const s = state(conversation({ unread: 2, last_message: message(10) }));
  store.applyEvent(s, 'MessageRead', read(4, me, [9]));
  assert.equal(s.stale, true);
});

test('a message after the one we read elsewhere is still unread', () => {
  const s = state(conversation({ unread: 1, last_message: message(10) }));
  store.applyEvent(s, 'MessageRead', read(4, me, [10]));
  store.applyEvent(s, 'MessageSent', sent(5, message(11)));
  assert.equal(store.unreadOf(s, '7'), 1);
});

test('seeing a conversation clears its badge at once', () => {
  const s = state(conversation({ unread: 5, last_message: message(10) }));
  store.putPage(s, '7', [message(10), message(9)], true);
  store.markSeen(s, '7', '2026-01-01T14:00:00.000Z');
  assert.equal(store.unreadOf(s, '7'), 0);
  assert.deepEqual(store.unreadIds(s, '7'), []);
});

test('a member of staff looking on has the number the server gives', () => {
  const s = store.createState({ id: 99, name: 'Staff', role: 'admin' });
  store.putList(s, [conversation({ other: null })], null);
  store.applyEvent(s, 'MessageSent', sent(1, message(10)));
  assert.equal(store.unreadTotal(s), 0);
  assert.equal(store.nameOf(s, s.conversations.get('7')), 'Pat · Dr. Ada');
});

test('an old state of a conversation does not come back', () => {
  const s = state();
  const updated = (id, status) => ({ id, consultation: { id: 7, status } });
  store.applyEvent(s, 'ConversationUpdated', updated(10, 'closed'));
  store.applyEvent(s, 'ConversationUpdated', updated(8, 'accepted'));
  assert.equal(s.conversations.get('7').status, 'closed');
});

test('events of an unknown conversation ask for the list', () => {
  const s = state();
  store.applyEvent(s, 'MessageSent',
    sent(1, message(10, doctor, { consultation_id: 8 })));
  assert.equal(s.stale, true);
  store.putList(s, [conversation(), conversation({
    id: 8, unread: 1, last_message: message(10),
  })], null);
  assert.equal(s.stale, false);
  assert.equal(store.unreadOf(s, '8'), 1);
});

test('an event that came before the first list is not lost', () => {
  const s = store.createState(me);
  store.applyEvent(s, 'MessageSent', sent(1, message(10)));
  store.putList(s, [conversation()], null); // as it was before the message
  store.applyEvent(s, 'MessageSent', sent(1, message(10))); // the sync
  assert.equal(s.conversations.get('7').last_message.id, 10);
  assert.equal(store.unreadOf(s, '7'), 1);
});

test('events of a kind we do not know ask for the list', () => {
  const s = state();
  store.applyEvent(s, 'SomethingNew', { id: 1, consultation: { id: 7 } });
  assert.equal(s.stale, true);
});

test('a complete list drops conversations that are no longer ours', () => {
  const s = state(conversation(), conversation({ id: 8 }));
  store.putList(s, [conversation()], null);
  assert.deepEqual([...s.conversations.keys()], ['7']);
});

test('a list that goes on drops nothing', () => {
  const s = store.createState(me);
  store.putList(s, [conversation()], '/chat?page=2');
  store.putList(s, [conversation({ id: 8 })], null, true);
  store.putList(s, [conversation()], '/chat?page=2');
  assert.equal(s.conversations.size, 2);
  assert.equal(s.next, null);
});

test('conversations are ordered by their newest message', () => {
  const s = state(
    conversation({ id: 8, updated_at: '2026-01-01T12:00:05.000Z' }),
    conversation());
  assert.deepEqual(keys(s), ['8', '7']);
  store.applyEvent(s, 'MessageSent', sent(1, message(30)));
  assert.deepEqual(keys(s), ['7', '8']);
});

const keys = (s, filter) => (
  store.conversationsInOrder(s, filter).map((c) => c.key));

test('names are found without case, accents and kinds of alef', () => {
  const other = (id, name) => conversation({ id, other: { id, name } });
  const s = state(other(8, 'Dr. José Núñez'), other(9, 'أحمد'));
  assert.deepEqual(keys(s, 'nunez'), ['8']);
  assert.deepEqual(keys(s, 'احمد'), ['9']);
});

test('typing is believed for a while, and ends with the message', () => {
  const s = state();
  const typing = { user: doctor, consultation_id: 7, is_typing: true };
  store.setTyping(s, typing, 1000);
  assert.deepEqual(store.typingIn(s, '7', 999), ['Dr. Ada']);
  assert.deepEqual(store.typingIn(s, '7', 1001), []);
  store.setTyping(s, typing, 5000);
  store.applyEvent(s, 'MessageSent', sent(1, message(10)));
  assert.deepEqual(store.typingIn(s, '7', 1001), []);
});

test('our own typing in another tab is not shown', () => {
  const s = state();
  store.setTyping(s, { user: me, consultation_id: 7, is_typing: true }, 5000);
  assert.deepEqual(store.typingIn(s, '7', 1), []);
});

test('the "new" line stands above the first unread message', () => {
  const s = state();
  store.putPage(s, '7', [message(12), message(11),
    message(10, me), message(9, doctor, { read_at: 'x' })], false);
  store.placeUnreadLine(s, '7');
  assert.equal(s.threads.get('7').firstUnread, 11);
});

test('after a reset an event with a known number counts again', () => {
  const s = state();
  store.applyEvent(s, 'MessageSent', sent(1, message(10)));
  store.forgetEvents(s);
  assert.equal(store.applyEvent(s, 'MessageSent', sent(1, message(3))), true);
  assert.deepEqual(ids(s), [3]);
});

// --- messages that change -------------------------------------------------------

const changed = (event, m, more) => ({ ...sent(event, { ...m, ...more }) });
const shown = (s, id) => store.messageOf(s, '7', id);
const T = (n) => `2026-01-01T13:00:0${n}.000Z`;

test('an edit is shown, and an older one that comes late is not', () => {
  const s = state();
  const m = message(10, me);
  store.putPage(s, '7', [m], false);
  store.applyEvent(s, 'MessageEdited', changed(6, m, { content: 'second', edited_at: T(2) }));
  store.applyEvent(s, 'MessageEdited', changed(5, m, { content: 'first', edited_at: T(1) }));
  assert.equal(shown(s, 10).content, 'second');
  assert.equal(s.conversations.get('7').last_message.content, 'second');
  store.putPage(s, '7', [m], false);
  assert.equal(shown(s, 10).content, 'second', 'an answer that was overtaken');
  store.putPage(s, '7', [{ ...m, content: 'third', edited_at: T(3) }], false);
  assert.equal(shown(s, 10).content, 'third', 'an answer that is newer');
});

test('a message sent again by a replay stays what it became', () => {
  const s = state();
  const m = message(10);
  store.applyEvent(s, 'MessageSent', sent(1, m));
  store.applyEvent(s, 'MessageEdited', changed(2, m, { content: 'edited', edited_at: T(1) }));
  s.seen.clear();
  store.applyEvent(s, 'MessageSent', sent(1, m));
  assert.equal(shown(s, 10).content, 'edited');
});

test('what is deleted is a mark, is nothing to read, and is quoted as gone', () => {
  const s = state();
  store.putPage(s, '7', [message(10), message(11, me, { reply_to: store.quoteOf(message(10)) })], false);
  assert.equal(store.unreadOf(s, '7'), 1);
  store.applyEvent(s, 'MessageDeleted', changed(3, message(10), { content: '', deleted_at: T(1) }));
  assert.deepEqual([shown(s, 10).content, store.unreadOf(s, '7'), store.unreadIds(s, '7')], ['', 0, []]);
  assert.deepEqual(shown(s, 11).reply_to, { id: 10, content: '', user: doctor, deleted: true });
  store.applyEvent(s, 'MessageEdited', changed(4, message(10), { edited_at: null }));
  assert.ok(shown(s, 10).deleted_at, 'a deletion is not undone by an edit before it');
});

test('a change of what is not loaded shows nothing, but the last words', () => {
  const s = state(conversation({ last_message: message(20), unread: 1 }));
  store.applyEvent(s, 'MessageEdited', changed(3, message(20), { content: 'new', edited_at: T(1) }));
  assert.equal(s.conversations.get('7').last_message.content, 'new');
  assert.equal(s.threads.get('7').messages.length, 0);
  assert.equal(s.stale, false);
  store.applyEvent(s, 'MessageDeleted', changed(4, message(20), { content: '', deleted_at: T(2) }));
  assert.equal(s.stale, true, 'the server counts one less');
});

test('reactions are those of the latest event', () => {
  const s = state();
  store.putPage(s, '7', [message(10)], false);
  const reaction = (event, n) => ({ id: event, consultation_id: 7, message_id: 10, user: doctor, emoji: 'x', removed: false,
    reactions: [{ emoji: 'x', count: n, user_ids: [2] }] });
  store.applyEvent(s, 'MessageReaction', reaction(8, 2));
  store.applyEvent(s, 'MessageReaction', reaction(7, 1));
  assert.equal(shown(s, 10).reactions[0].count, 2);
  store.applyEvent(s, 'MessageReaction', { ...reaction(9, 3), message_id: 99 });
  assert.equal(shown(s, 99), undefined);
});

test('back at the end, what was loaded further up goes, but nothing that is new to the reader', () => {
  const many = (n) => Array.from({ length: n }, (_, i) => message(i + 1));
  const thread = (n, more) => ({ messages: many(n), hasMore: false, olderLoading: false, firstUnread: null, ...more });
  const left = (t) => {
    store.letOlderGo(t);
    return [t.messages[0].id, t.messages.length, t.hasMore];
  };
  assert.deepEqual(left(thread(400)), [1, 400, false]);
  assert.deepEqual(left(thread(401)), [202, 200, true]);
  assert.deepEqual(left(thread(1000, { firstUnread: 300 })), [300, 701, true]);
  assert.deepEqual(left(thread(1000, { firstUnread: 990 })), [801, 200, true]);
  assert.deepEqual(left(thread(1000, { olderLoading: true })), [1, 1000, false], 'not while older ones are on their way');
});
