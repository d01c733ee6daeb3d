// SPDX-License-Identifier: Apache-2.0
//
// around.js - a part of a conversation around one old message, shown in place of its
// end. It grows at both sides as one scrolls; when it reaches the end it becomes part
// of the thread (store.js), which hears what is new all the while. Plain data.

import { threadOf } from './store.js';

/** What is shown of a conversation: the part around a message, or its end. */
export function shownThread(state, key) {
  return state.around?.key === key ? state.around : threadOf(state, key);
}

/** Whether a message is among those that the thread holds without a gap. */
export function holds(state, key, id) {
  const thread = shownThread(state, key);
  return thread.loaded && thread.messages.some((message) => message.id === id);
}

/**
 * @param older  messages up to and including `id`, newest first; with hasOlder
 * @param newer  messages behind it, oldest or newest first; with hasNewer
 */
export function openAround(state, key, id, older, newer) {
  state.around = {
    key,
    id,
    messages: byId([...older.messages, ...newer.messages]),
    loaded: true,
    failed: null,
    hasMore: older.more,
    olderLoading: false,
    hasNewer: newer.more,
    newerLoading: false,
    firstUnread: null,
  };
  joinEnd(state);
}

export function putAround(state, around, page, side, more) {
  if (state.around !== around) {
    return;
  }
  around.messages = byId([...around.messages, ...page]);
  around[side === 'older' ? 'hasMore' : 'hasNewer'] = more;
  joinEnd(state);
}

/** At the end there is one thread again, once that is loaded. */
export function joinEnd(state) {
  const { around } = state;
  if (!around) {
    return;
  }
  const thread = threadOf(state, around.key);
  if (around.hasNewer || !thread.loaded) {
    return;
  }
  thread.messages = byId([...around.messages, ...thread.messages]);
  thread.hasMore = around.hasMore;
  state.around = null;
}

/** In order, each once; of two the later one given. */
function byId(messages) {
  return [...new Map(messages.map((message) => [message.id, message])).values()]
    .sort((a, b) => a.id - b.id);
}
