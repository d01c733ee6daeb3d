// SPDX-License-Identifier: Apache-2.0
//
// layout.js - a thread's messages as the rows that are shown: a line for each
// day, a line above what is new, and messages in groups, where one person wrote
// several within minutes. Pure.

import { sameDay } from './time.js';

const GROUP_GAP = 5 * 60e3; // ms of silence that end a group

/**
 * @param messages     stored messages, by id
 * @param pending      outbox entries, in the order written
 * @param isMine       (message) -> boolean
 * @param firstUnread  id of the first message under the "new" line, or null
 * @return rows {kind: 'day'|'unread'|'message', id, …}; a message row has
 *         message or entry, mine, first and last (of its group)
 */
export function rowsOf(messages, pending, isMine, firstUnread) {
  const rows = [];
  let group = null; // {who, at (ms), row} of the message before

  const add = (row, who, at) => {
    if (!group || !sameDay(group.at, at)) {
      rows.push({ kind: 'day', id: `day-${row.id}`, at });
      group = null;
    }
    if (firstUnread !== null && row.message?.id === firstUnread) {
      rows.push({ kind: 'unread', id: 'unread' });
      group = null;
    }
    row.first = !(group && group.who === who && at - group.at < GROUP_GAP);
    row.last = true;
    if (!row.first) {
      group.row.last = false;
    }
    rows.push(row);
    group = { who, at, row };
  };

  for (const message of messages) {
    const mine = isMine(message);
    // Our own message keeps the row it had in the outbox: nothing blinks when
    // the server confirms it.
    const id = mine && message.client_id ? `c-${message.client_id}`
      : `m-${message.id}`;
    add({ kind: 'message', id, message, mine },
      mine ? 'me' : String(message.user_id), Date.parse(message.created_at));
  }
  for (const entry of pending) {
    // Our clock may be behind the server's; what is unsent is still the newest.
    add({ kind: 'message', id: `c-${entry.clientId}`, entry, mine: true },
      'me', Math.max(Date.parse(entry.createdAt), group?.at ?? 0));
  }
  return rows;
}
