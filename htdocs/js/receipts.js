// SPDX-License-Identifier: Apache-2.0
//
// receipts.js - telling the server what has been read. "Read" means: loaded,
// scrolled to, in a window that is visible and has the focus. Reports are
// gathered for a moment, and owed until the server has taken them.

import { unreadIds, unreadOf, isMember, markSeen } from './store.js';

const GATHER = 350; // ms; several messages at once are one report
const MOST_IDS = 100;

export class Receipts {
  /**
   * @param state    the store's state
   * @param report   async (key, ids or null): POST …/read
   * @param inView   (key): the end of the conversation is before somebody's eyes
   * @param changed  (): badges look different now
   */
  constructor({ state, report, inView, changed }) {
    this.state = state;
    this.report = report;
    this.inView = inView;
    this.changed = changed;
    this.owed = new Map(); // key -> Set of ids, or null for all
    this.timer = null;
  }

  /** Something changed: a message, the focus, the scroll position. */
  look() {
    if (this.timer === null && this.due() !== null) {
      this.timer = setTimeout(() => {
        this.timer = null;
        this.collect();
      }, GATHER);
    }
  }

  /** The open conversation, when it has messages read just now. */
  due() {
    const { state } = this;
    const key = state.selected;
    const due = key !== null && state.threads.get(key)?.loaded
      && isMember(state, state.conversations.get(key))
      && (unreadOf(state, key) > 0 || unreadIds(state, key).length > 0)
      && this.inView(key);
    return due ? key : null;
  }

  collect() {
    const key = this.due();
    if (key === null) {
      return;
    }
    this.owe(key, this.seenIds(key));
    markSeen(this.state, key, new Date().toISOString());
    this.changed();
    this.pay();
  }

  /** Only what is shown: a message the server has and we do not must not count
   *  as read. Unless there is more unread than is loaded; then the whole
   *  conversation, as opening one does everywhere. */
  seenIds(key) {
    const ids = unreadIds(this.state, key);
    return ids.length > MOST_IDS || unreadOf(this.state, key) > ids.length
      ? null : ids;
  }

  owe(key, ids) {
    const old = this.owed.get(key);
    const all = ids === null || old === null;
    this.owed.set(key, all ? null : new Set([...(old ?? []), ...ids]));
  }

  /** Hand over what is owed; called again when the connection is back. */
  async pay() {
    for (const [key, ids] of [...this.owed]) {
      this.owed.delete(key);
      try {
        await this.report(key, ids === null ? null : [...ids]);
      } catch (error) {
        if (error.status === 0 || error.status >= 500
            || error.status === 429) {
          this.owe(key, ids === null ? null : [...ids]);
          return;
        }
      }
    }
  }
}
