// SPDX-License-Identifier: Apache-2.0
//
// store.js - what the page knows, and the only functions that change it. Plain
// data and plain functions: no page, no network, no clock, so node tests drive
// it directly.
//
// Three sources tell the same facts, in any order and more than once: lists and
// pages (snapshots), events pushed over the socket on up to two channels, and
// events from /chat/sync. So every function here may be called again with the
// same thing, or with something older, and the result is the same:
//   - a message is kept once, by its id; once read it stays read;
//   - an event is applied once, by its id;
//   - unread is not a counter that events increment. It is what the last
//     snapshot said plus the messages known to be newer than that snapshot.
// Display order is the message id, as in the server's history; what was missed
// is found by cursor (sync.js), never by message id.

import { putPlan } from './plan.js';
import { sameId } from './ids.js';
import { plain } from './text.js';
import {
  isGroup, markOwn, memberAdded, memberRemoved, noteMark, readByUs,
} from './people.js';

export { sameId };

const SEEN_EVENTS = 5000; // far more than lie between two syncs
const READ_TIMES = 2000;

/**
 * @param me  {id, name, email, role}: whoever is logged in
 */
export function createState(me) {
  return {
    me,
    ready: false, // the list was loaded once
    listFailed: false,
    next: null, // where the list goes on, or null
    stale: false, // an event spoke of something the list does not show
    conversations: new Map(), // key -> conversation, see putList()
    threads: new Map(), // key -> thread, see threadOf()
    selected: null, // key of the open conversation
    typing: new Map(), // key -> Map(user id -> {name, until})
    people: new Map(), // key -> who is in it and how far, see people.js
    seen: new Set(), // ids of applied events, oldest first
    around: null, // a part of the open conversation shown instead, around.js
    plans: new Map(), // id (text) -> treatment plan, see plan.js
    readTimes: new Map(), // message id -> read_at, also of messages to come
    readBelow: new Map(), // key -> user id -> {below, at}: all older ones were read
  };
}

/** Ids are numbers or UUIDs, in JSON and in the address: one form as key. */
export function keyOf(id) {
  return String(id);
}

export function isMine(state, message) {
  return sameId(message.user_id, state.me.id);
}

/** Members have unread messages and send receipts; staff looking on do not. */
export function isMember(state, conversation) {
  const members = conversation?.members ?? [];
  return members.some((member) => sameId(member.id, state.me.id));
}

/** Whether who wrote it is none of those whose conversation it is: staff, or somebody
 *  who is in it no more. */
export function isOutsiders(conversation, message) {
  return Boolean(message.user) && !(conversation?.members ?? [])
    .some((member) => sameId(member.id, message.user_id));
}

/** What was deleted is nothing to read. */
function isUnread(state, key, message) {
  return !isMine(state, message) && !readByUs(state, key, message) && !message.deleted_at;
}

// --- threads -----------------------------------------------------------------

const MANY = 400; // messages of a thread that cost a drawing too much
const KEPT = 200; // of these, once the reader is at the end

/** The messages of a conversation: made on first use, since a message may
 *  arrive before anybody looked at its conversation. */
export function threadOf(state, key) {
  let thread = state.threads.get(key);
  if (!thread) {
    thread = {
      messages: [], // by id, without gaps once `loaded`
      loaded: false, // the newest page was fetched
      loading: false,
      failed: null, // null, 'missing', 'failed' or 'locked': see view/locked.js
      opened: false, // by saying why: no list names it
      hasMore: false, // older messages exist on the server
      olderLoading: false,
      firstUnread: null, // id above which the "new" line stands
    };
    state.threads.set(key, thread);
  }
  return thread;
}

/** Index of the first message with an id not below `id`. */
function position(messages, id) {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (messages[middle].id < id) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/** Whether an answer was overtaken by an event: it shows a message before it was
 *  edited or deleted. */
function isOutrun(old, message) {
  return old != null && ((old.deleted_at && !message.deleted_at)
    || (!message.deleted_at && (old.edited_at ?? '') > (message.edited_at ?? '')));
}

/** Insert or merge one message. A snapshot is newer than what we have, an
 *  event may be older (a replay): then only what was missing is taken. */
function putMessage(state, thread, message, isSnapshot) {
  const at = position(thread.messages, message.id);
  const known = thread.messages[at];
  const old = known && known.id === message.id ? known : null;
  const read = message.read_at ?? old?.read_at
    ?? state.readTimes.get(message.id) ?? readBelow(state, message);
  const merged = isSnapshot && !isOutrun(old, message)
    ? { ...old, ...message, read_at: read }
    : { ...message, ...old, read_at: read };
  thread.messages.splice(at, old ? 1 : 0, merged);
  return old === null;
}

/** The newest page of a conversation. What we hold from before its first
 *  message goes: messages between the two may be missing. What is newer than
 *  the page stays: events outran the answer. */
export function putPage(state, key, page, hasMore) {
  const thread = threadOf(state, key);
  const oldest = Math.min(...page.map((message) => message.id));
  thread.messages = thread.messages.filter((m) => m.id >= oldest
    || page.length === 0);
  for (const message of page) {
    putMessage(state, thread, message, true);
  }
  thread.loaded = true;
  thread.failed = null;
  thread.hasMore = hasMore;
  noteLast(state, key);
}

/** A page of older messages, reached by scrolling up. */
export function putOlder(state, key, page, hasMore) {
  const thread = threadOf(state, key);
  for (const message of page) {
    putMessage(state, thread, message, true);
  }
  thread.hasMore = hasMore;
}

/** Who is back at the end after much scrolling up needs what was loaded on the way no
 *  more, and each drawing would go over all of it: the newest KEPT stay, and what is
 *  new to the reader. The rest can be loaded again. */
export function letOlderGo(thread) {
  const { messages, firstUnread } = thread;
  const from = Math.min(messages.length - KEPT, firstUnread === null
    ? messages.length : position(messages, firstUnread));
  if (messages.length > MANY && from > 0 && !thread.olderLoading) {
    messages.splice(0, from);
    thread.hasMore = true;
  }
}

/** A message the server confirmed to us (the answer to a POST). */
export function putSent(state, message) {
  const key = keyOf(message.consultation_id);
  putMessage(state, threadOf(state, key), message, true);
  noteLast(state, key);
}

/** Where the "new" line stands is decided when a conversation is opened. */
export function placeUnreadLine(state, key) {
  const thread = threadOf(state, key);
  const first = thread.messages.find((m) => isUnread(state, key, m));
  thread.firstUnread = isMember(state, state.conversations.get(key)) && first
    ? first.id : null;
}

// --- the list ----------------------------------------------------------------

/** The first page of GET /chat (or a later one, `append`). */
export function putList(state, list, next, append = false) {
  const listed = new Set();
  for (const item of list) {
    putConversation(state, item);
    listed.add(keyOf(item.id));
  }
  // A list that ends here is complete: what it does not name is no longer ours.
  if (!append && next == null) {
    for (const key of [...state.conversations.keys()]) {
      if (!listed.has(key) && !state.threads.get(key)?.opened) {
        state.conversations.delete(key);
      }
    }
  }
  // A reload of the first page does not forget how far the list was unrolled.
  if (append || !state.ready || next == null) {
    state.next = next ?? null;
  }
  state.ready = true;
  state.listFailed = false;
  // Events that came before the list may speak of conversations it lacks.
  state.stale = next == null && [...state.threads].some(([key, thread]) => (
    thread.messages.length > 0 && !thread.failed
      && !state.conversations.has(key)));
}

export function putConversation(state, item) {
  const key = keyOf(item.id);
  const old = state.conversations.get(key);
  const last = item.last_message ?? null;
  state.conversations.set(key, {
    ...old,
    ...item,
    key,
    other: item.other ?? theOther(state, item),
    last_message: last,
    statusEvent: old?.statusEvent ?? 0, // id of the event that set `status`
    unreadBase: Number(item.unread ?? 0), // as counted by the server …
    unreadUpTo: last ? last.id : 0, // … up to and including this message
  });
  noteLast(state, key);
}

/** A conversation shown on its own has only its members. */
function theOther(state, item) {
  const others = (item.members ?? [])
    .filter((member) => !sameId(member.id, state.me.id));
  return isMember(state, item) && others.length === 1 ? others[0] : null;
}

/** The newest message of a conversation, from list and thread. */
function noteLast(state, key) {
  const conversation = state.conversations.get(key);
  const newest = state.threads.get(key)?.messages.at(-1);
  if (!conversation || !newest) {
    return;
  }
  const last = conversation.last_message;
  if (!last || newest.id >= last.id) {
    conversation.last_message = newest;
  }
  if (!(Date.parse(conversation.updated_at) >= Date.parse(newest.created_at))) {
    conversation.updated_at = newest.created_at;
  }
}

/** Unread messages of one conversation: see the top of this file. */
export function unreadOf(state, key) {
  const conversation = state.conversations.get(key);
  if (!conversation) {
    return 0;
  }
  if (!isMember(state, conversation)) {
    return conversation.unreadBase;
  }
  const messages = state.threads.get(key)?.messages ?? [];
  let n = conversation.unreadBase;
  for (let i = messages.length - 1; i >= 0; i--) {
    if (messages[i].id <= conversation.unreadUpTo) {
      break;
    }
    if (isUnread(state, key, messages[i])) {
      n++;
    }
  }
  return n;
}

/** The server counts to 1,000 and no further. */
export const UNREAD_SHOWN = 999;

/** @param number  how digits are written */
export function unreadText(n, number = String) {
  return n > UNREAD_SHOWN ? `${number(UNREAD_SHOWN)}+` : number(n);
}

export function unreadTotal(state) {
  let n = 0;
  for (const key of state.conversations.keys()) {
    n += unreadOf(state, key);
  }
  return n;
}

/** The name a conversation goes by: the other person's; for staff looking on,
 *  everybody's. */
export function nameOf(state, conversation) {
  if (conversation.other && !isGroup(conversation)) {
    return plain(conversation.other.name);
  }
  const others = (conversation.members ?? [])
    .filter((member) => !sameId(member.id, state.me.id));
  return others.map((member) => plain(member.name)).join(' · ')
    || plain(conversation.title) || `#${conversation.id}`;
}

/** Newest first, optionally only those whose people match a typed name. */
export function conversationsInOrder(state, filter = '') {
  const wanted = fold(filter);
  return [...state.conversations.values()]
    .filter((c) => wanted === ''
      || fold(`${nameOf(state, c)} ${c.title ?? ''}`).includes(wanted))
    .sort((a, b) => (
      (Date.parse(b.updated_at) || 0) - (Date.parse(a.updated_at) || 0)
        || (a.key < b.key ? 1 : -1)));
}

/** Letters as people search for them: no case, no accents, no vowel marks, one
 *  kind of alef. */
function fold(text) {
  return text.trim().toLocaleLowerCase().normalize('NFKD')
    .replace(/\p{M}/gu, '').replace(/[أإآٱ]/gu, 'ا').replace(/ى/gu, 'ي');
}

// --- reading -----------------------------------------------------------------

/** Ids of loaded messages that others wrote and we have not read. */
export function unreadIds(state, key) {
  return (state.threads.get(key)?.messages ?? [])
    .filter((m) => isUnread(state, key, m)).map((m) => m.id);
}

/** Whether others wrote this message, to us, and we have not read it: of those that are
 *  loaded, or, as the list has no others, the last one of a conversation. */
export function isWaiting(state, key, id) {
  const conversation = state.conversations.get(key);
  const last = conversation?.last_message;
  return isMember(state, conversation)
    && (unreadIds(state, key).includes(id)
      || (last?.id === id && !isMine(state, last) && unreadOf(state, key) > 0));
}

/** We have seen the conversation: all of it, as far as we know it. */
export function markSeen(state, key, at) {
  const conversation = state.conversations.get(key);
  for (const id of unreadIds(state, key)) {
    noteRead(state, key, id, at);
  }
  if (conversation) {
    conversation.unreadBase = 0;
    conversation.unreadUpTo = newestId(state, key);
    markOwn(state, key, newestId(state, key));
  }
}

function newestId(state, key) {
  const last = state.conversations.get(key)?.last_message?.id ?? 0;
  return Math.max(last, state.threads.get(key)?.messages.at(-1)?.id ?? 0);
}

function noteRead(state, key, id, at) {
  remember(state.readTimes, id, at, READ_TIMES);
  const messages = state.threads.get(key)?.messages ?? [];
  const index = position(messages, id);
  const found = messages[index];
  if (found?.id === id && !found.read_at) {
    messages[index] = { ...found, read_at: at };
  }
  const last = state.conversations.get(key)?.last_message;
  if (last?.id === id && !last.read_at) {
    state.conversations.get(key).last_message = { ...last, read_at: at };
  }
}

/** Somebody has opened a conversation with much unread: besides the messages that are
 *  named, all older ones to them are read. The server marks those afterwards and
 *  tells of it no more, so it is kept here for what is loaded meanwhile. */
function noteOlder(state, key, data) {
  const readers = state.readBelow.get(key) ?? new Map();
  const id = String(data.user_id);
  const below = Math.max(readers.get(id)?.below ?? 0, Math.min(...data.message_ids));
  readers.set(id, { below, at: data.read_at });
  state.readBelow.set(key, readers);
  const messages = state.threads.get(key)?.messages ?? [];
  messages.forEach((message, i) => {
    const at = message.read_at ?? readBelow(state, message);
    if (at !== message.read_at) {
      messages[i] = { ...message, read_at: at };
    }
  });
}

function readBelow(state, message) {
  for (const [id, { below, at }] of state.readBelow.get(keyOf(message.consultation_id)) ?? []) {
    if (message.id < below && !sameId(message.user_id, id)) {
      return at;
    }
  }
  return null;
}

function remember(map, key, value, limit) {
  map.set(key, value);
  if (map.size > limit) {
    map.delete(map.keys().next().value);
  }
}

// --- events ------------------------------------------------------------------

/* What each event changes. (state, data, key, event id); anything of a later
 * server only tells that the list is worth a look. */
const CHANGES = {
  MessageSent: messageSent,
  MessageRead: messageRead,
  MessageDelivered: (state, data, key) => noteMark(state, key, 'delivered', data),
  MemberAdded: memberAdded,
  MemberRemoved: memberRemoved,
  MessageEdited: messageChanged,
  MessageDeleted: messageChanged,
  MessageReaction: messageReaction,
  ConversationUpdated: conversationUpdated,
  PlanSubmitted: planChanged,
  PlanAccepted: planChanged,
  PlanRejected: planChanged,
  PlanCancelled: planChanged,
  PlanExpired: planChanged,
  PlanReminder: planChanged,
  PlanAcknowledged: planChanged,
  UserTyping: () => {}, // has a clock, see setTyping()
};

/**
 * Apply one event, from the socket or from a sync.
 * @return false when it was known already
 */
export function applyEvent(state, name, data) {
  const id = data?.id;
  if (id != null) {
    if (state.seen.has(id)) {
      return false;
    }
    state.seen.add(id);
    if (state.seen.size > SEEN_EVENTS) {
      state.seen.delete(state.seen.values().next().value);
    }
  }
  const change = CHANGES[name];
  if (!change) {
    state.stale = true;
    return true;
  }
  change(state, data, conversationOf(data), Number(id ?? 0));
  return true;
}

/** The key of the conversation an event belongs to, or null. */
export function conversationOf(data) {
  const id = data?.consultation_id ?? data?.message?.consultation_id
    ?? data?.consultation?.id;
  return id == null ? null : keyOf(id);
}

function messageSent(state, data, key, event) {
  const { message } = data;
  const thread = threadOf(state, key);
  const oldest = thread.messages[0];
  // A row written late with an early id belongs to a page not loaded yet:
  // inserted now, it would hide the messages between.
  const beyond = thread.loaded && thread.hasMore && oldest
    && message.id < oldest.id;
  if (!beyond) {
    putMessage(state, thread, message, false);
  }
  state.typing.get(key)?.delete(String(message.user_id));
  if (!state.conversations.has(key)) {
    state.stale = true;
    return;
  }
  noteLast(state, key);
  noteStatus(state, key, data.consultation, event);
}

/** Another text, or none any more. An event that comes after a later one of the
 *  same message is passed over; what is not loaded is not shown. */
function messageChanged(state, data, key, event) {
  const { message } = data;
  const was = change(state, key, message.id, (old) => (
    event < (old.changed ?? 0) || isOutrun(old, message) ? old : {
      ...old, ...message, read_at: old.read_at ?? message.read_at, changed: event,
    }));
  const { messages } = threadOf(state, key);
  messages.forEach((other, at) => {
    if (sameId(other.reply_to?.id, message.id)) {
      messages[at] = { ...other, reply_to: quoteOf(message) };
    }
  });
  // Counted as unread by the server, which does not count it any more.
  const conversation = state.conversations.get(key);
  if (message.deleted_at && conversation?.unreadBase > 0
      && message.id <= conversation.unreadUpTo && !(was?.read_at)
      && !isMine(state, message)) {
    state.stale = true;
  }
}

function messageReaction(state, data, key, event) {
  change(state, key, data.message_id, (old) => (
    event < (old.reacted ?? 0) || old.deleted_at ? old
      : { ...old, reactions: data.reactions, reacted: event }));
}

/** Replace a message wherever it is shown. @return what it was, or undefined */
function change(state, key, id, how) {
  let known; // what it was
  let now; // what it is
  for (const messages of listsOf(state, key)) {
    const at = position(messages, id);
    if (messages[at]?.id === id) {
      known ??= messages[at];
      messages[at] = how(messages[at]);
      now ??= messages[at];
    }
  }
  const conversation = state.conversations.get(key);
  const last = conversation?.last_message;
  if (last?.id === id) {
    conversation.last_message = now ?? how(last);
  }
  return known ?? (last?.id === id ? last : undefined);
}

/** A message as those that answer it show it. */
export function quoteOf(message) {
  return {
    id: message.id,
    content: message.deleted_at ? ''
      : [...(message.content ?? '')].slice(0, 140).join(''),
    user: message.user,
    deleted: Boolean(message.deleted_at),
  };
}

/** A loaded message, or undefined. */
export function messageOf(state, key, id) {
  return listsOf(state, key).flat().find((m) => sameId(m.id, id));
}

/** Where messages of a conversation are: its thread, and the part around an old
 *  message that is shown in its place. */
function listsOf(state, key) {
  return [state.threads.get(key)?.messages,
    state.around?.key === key ? state.around.messages : null].filter(Boolean);
}

/** What the server made of something we did to a message. Its event says it
 *  again. */
export function putChanged(state, message) {
  const key = keyOf(message.consultation_id);
  const old = messageOf(state, key, message.id);
  messageChanged(state, { message }, key, old?.changed ?? 0);
}

function messageRead(state, data, key) {
  const ids = data.message_ids ?? [];
  if (ids.length === 0) {
    noteMark(state, key, 'read', data);
  }
  for (const id of ids) {
    noteRead(state, key, id, data.read_at);
  }
  if (data.older && ids.length > 0) {
    noteOlder(state, key, data);
  }
  const conversation = state.conversations.get(key);
  if (!conversation || !sameId(data.user_id, state.me.id)) {
    return;
  }
  // We read it elsewhere. Everything: nothing is left. A part: the server
  // knows how many of those it had counted.
  if (Math.max(...ids, data.up_to ?? 0) >= newestFromOthers(state, key)) {
    conversation.unreadBase = 0;
    conversation.unreadUpTo = Math.max(conversation.unreadUpTo, ...ids);
  } else if (conversation.unreadBase > 0) {
    state.stale = true;
  }
}

function newestFromOthers(state, key) {
  const last = state.conversations.get(key)?.last_message;
  const newest = last && !isMine(state, last) ? last.id : 0;
  const messages = state.threads.get(key)?.messages ?? [];
  const other = messages.findLast((m) => !isMine(state, m));
  return Math.max(newest, other?.id ?? 0);
}

function conversationUpdated(state, data, key, event) {
  if (!state.conversations.has(key)) {
    state.stale = true;
    return;
  }
  noteStatus(state, key, data.consultation, event);
}

function planChanged(state, data, key, event) {
  putPlan(state.plans, data.plan);
  conversationUpdated(state, data, key, event);
}

/** Replays bring old states back; the event's number tells which is newer. */
function noteStatus(state, key, told, event) {
  const conversation = state.conversations.get(key);
  if (told && event > conversation.statusEvent) {
    conversation.status = told.status ?? conversation.status;
    conversation.title = told.title ?? conversation.title;
    conversation.statusEvent = event;
  }
}

/** The log was begun anew or cut: nothing we remember of it holds. */
export function forgetEvents(state) {
  state.seen.clear();
  state.readTimes.clear();
  for (const conversation of state.conversations.values()) {
    conversation.statusEvent = 0;
  }
  for (const thread of state.threads.values()) {
    thread.messages = [];
    thread.loaded = false;
    thread.hasMore = false;
  }
}

// --- typing ------------------------------------------------------------------

/** Someone types (or stopped); `until` is when we stop believing it, ms. */
export function setTyping(state, data, until) {
  const key = conversationOf(data);
  const { user } = data;
  if (key === null || !user || sameId(user.id, state.me.id)) {
    return;
  }
  const people = state.typing.get(key) ?? new Map();
  if (data.is_typing) {
    people.set(String(user.id), { name: user.name, until });
  } else {
    people.delete(String(user.id));
  }
  state.typing.set(key, people);
}

/** Names of those typing in a conversation. */
export function typingIn(state, key, now) {
  return [...(state.typing.get(key)?.values() ?? [])]
    .filter((person) => person.until > now).map((person) => person.name);
}
