// SPDX-License-Identifier: Apache-2.0
//
// finder.js - finding messages, put together for app.js: the search of the list, the
// one in an open conversation, and the way to a message that was found, however old:
// what stands around it is loaded (around.js) and shown.

import * as around from './around.js';
import { Search } from './search.js';

const PART = 25; // messages loaded at either side
const CHANGES = /^(Message(Edited|Deleted|Reaction)|Plan)/; // of messages there are

const later = (then, ms) => {
  const timer = setTimeout(then, ms);
  return () => clearTimeout(timer);
};

export class Finder {
  /**
   * @param state   of store.js
   * @param api     the server
   * @param draw    (): there is something new to draw
   * @param scroll  (): view/scroll.js
   */
  constructor({ state, api, draw, scroll }) {
    this.state = state;
    this.api = api;
    this.draw = draw;
    this.scroll = scroll;
    this.all = new Search({
      ask: (question, before) => api.search(null, question, before),
      changed: draw,
      later,
    });
    this.find = null; // {key, text, search, at}: in the open conversation
    this.foundId = null; // the message that one was led to
  }

  actions() {
    return {
      moreFound: () => this.all.more(),
      findType: (text) => {
        this.find.text = text;
        this.find.at = -1;
        this.find.search.type(text);
        this.draw();
      },
      findNext: (step) => this.step(step),
    };
  }

  // --- in the open conversation ------------------------------------------------

  open() {
    const key = this.state.selected;
    const find = { key, text: '', search: null, at: -1 };
    find.search = new Search({
      ask: (question, before) => this.api.search(key, question, before),
      changed: () => this.answered(find),
      later,
    });
    this.find = find;
    this.draw();
  }

  close() {
    this.find?.search.clear();
    this.find = null;
    this.foundId = null;
    this.draw();
  }

  /** The first one found is gone to at once. */
  answered(find) {
    if (find === this.find && find.at < 0 && find.search.found.length > 0) {
      this.go(0);
    }
    this.draw();
  }

  /** To the next older one (1) or newer one (-1). */
  async step(step) {
    const { find } = this;
    if (!find || find.search.status === 'idle') {
      return;
    }
    const to = find.at + step;
    if (to >= find.search.found.length) {
      await find.search.more();
    }
    if (find === this.find && to >= 0 && to < find.search.found.length) {
      this.go(to);
    }
  }

  go(to) {
    this.find.at = to;
    this.jump(this.find.key, this.find.search.found[to].message.id);
  }

  // --- to a message -----------------------------------------------------------

  /** Another conversation is open, or none. */
  selected() {
    this.leaveAround();
    this.close();
  }

  leaveAround() {
    this.state.around = null;
    this.scroll().target = null;
    this.foundId = this.find ? this.foundId : null;
  }

  /** Bring a message of the open conversation into view. */
  async jump(key, id) {
    const { state } = this;
    this.foundId = id;
    if (!around.holds(state, key, id)) {
      try {
        await this.loadAround(key, id);
      } catch {
        this.draw();
        return; // it is still in the list of those found
      }
    }
    if (state.selected === key && this.foundId === id) {
      this.scroll().target = id;
    }
    this.draw();
  }

  /** It need not stand out any more, unless a search is at it. */
  forget(id) {
    if (this.foundId === id && !this.find) {
      this.foundId = null;
      this.draw();
    }
  }

  async loadAround(key, id) {
    const [older, newer] = await Promise.all([
      this.api.messages(key, id + 1, PART),
      this.api.messagesAfter(key, id, PART),
    ]);
    if (this.state.selected === key && this.foundId === id) {
      around.openAround(this.state, key, id,
        { messages: older.data, more: older.has_more },
        { messages: newer.data, more: newer.has_more });
    }
  }

  /** The reader comes near the end of the part that is shown. */
  async loadNewer() {
    const part = this.state.around;
    if (!part?.hasNewer || part.newerLoading) {
      return;
    }
    part.newerLoading = true;
    try {
      const answer = await this.api.messagesAfter(part.key,
        part.messages.at(-1).id, PART);
      around.putAround(this.state, part, answer.data, 'newer',
        answer.has_more);
    } catch {
      // scrolling on asks again
    } finally {
      part.newerLoading = false;
      this.draw();
    }
  }

  /** Something was changed that may be in the part shown: it is loaded anew. */
  heard(name, data) {
    const part = this.state.around;
    const about = data?.consultation_id ?? data?.message?.consultation_id
      ?? data?.consultation?.id;
    if (part && String(about) === part.key && CHANGES.test(name)) {
      const { foundId } = this;
      this.foundId = part.id;
      this.loadAround(part.key, part.id).catch(() => {}).then(() => {
        this.foundId = foundId;
        this.draw();
      });
    }
  }
}
