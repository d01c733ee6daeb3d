// SPDX-License-Identifier: Apache-2.0
//
// layout.js - a thread's messages as they are shown: by day, with a line above
// what is new, and in groups, where one person wrote several within minutes.
// Pure.

import { dayOf } from './time.js';

const GROUP_GAP = 5 * 60e3; // ms of silence that end a group

/**
 * @param messages     stored messages, by id
 * @param pending      outbox entries, in the order written
 * @param isMine       (message) -> boolean
 * @param firstUnread  id of the first message under the "new" line, or null
 * @return days {id, at, rows}; rows {kind: 'unread'|'message', id, …}; a
 *         message row has message or entry, mine, first and last (of its group)
 */
export function daysOf(messages, pending, isMine, firstUnread) {
  const days = [];
  let group = null; // {who, at (ms), row} of the message before

  const add = (row, who, at) => {
    const id = `day-${dayOf(at)}`;
    if (days.at(-1)?.id !== id) {
      days.push({ id, at, rows: [] });
      group = null;
    }
    const { rows } = days.at(-1);
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

  // Messages stand in the order of their ids. A foreign program may have given
  // one an earlier time; it must not begin a second "Monday" after "Tuesday".
  let latest = 0;
  const following = (moment) => {
    latest = Math.max(latest, Date.parse(moment) || 0);
    return latest;
  };

  for (const message of messages) {
    const mine = isMine(message);
    // Our own message keeps the row it had in the outbox: nothing blinks when
    // the server confirms it.
    const id = mine && message.client_id ? `c-${message.client_id}`
      : `m-${message.id}`;
    add({ kind: 'message', id, message, mine },
      mine ? 'me' : String(message.user_id), following(message.created_at));
  }
  for (const entry of pending) {
    add({ kind: 'message', id: `c-${entry.clientId}`, entry, mine: true },
      'me', following(entry.createdAt));
  }
  return days;
}
