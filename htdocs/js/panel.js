// SPDX-License-Identifier: Apache-2.0
//
// panel.js - what the page does about the people of the open conversation: asks who
// they are when that is shown or has changed, adds and removes them, asks who has had
// a message. What is known of them is in people.js, how it looks in view/people.js.

import { t } from './i18n.js';
import { isGroup, peopleOf, putMembers } from './people.js';
import { ask } from './view/ask.js';

const AGE = 60e3; // ms after which "last seen" is asked for anew
const REST = 5000; // ms after a question that failed

export class People {
  /**
   * @param state    the store's state
   * @param api      api.js
   * @param live     live.js: who is there right now
   * @param changed  (): something looks different now
   */
  constructor({ state, api, live, changed }) {
    this.state = state;
    this.api = api;
    this.live = live;
    this.changed = changed;
    this.open = false; // the panel
    this.busy = false;
    this.trouble = null; // a sentence
    this.details = null; // {id, list}: whose receipts are shown; null: asked for
    this.key = null; // whose people were asked for last
    this.asked = 0; // ms, when
    this.asking = false;
  }

  online(userId) {
    return this.live.online(userId);
  }

  /** Somebody has come or gone. */
  renew(key) {
    if (key === this.key) {
      this.asked = 0;
    }
  }

  /** Before each drawing: is what we know of the open conversation's people good? */
  look(key) {
    if (key !== this.key) {
      this.key = key;
      this.open = false;
      this.trouble = null;
      this.details = null;
      this.asked = 0;
    }
    if (key === null || this.asking || !this.state.conversations.has(key)) {
      return;
    }
    const { loaded } = peopleOf(this.state, key);
    const age = Date.now() - this.asked;
    if (age > AGE || (!loaded && age > REST) || this.asked === 0) {
      this.ask(key);
    }
  }

  /** For a group: ask at once, unless they are known. */
  async needed(key) {
    const { loaded } = peopleOf(this.state, key);
    if (!loaded && isGroup(this.state.conversations.get(key))) {
      await this.ask(key);
    }
  }

  async ask(key) {
    this.asking = true;
    this.asked = Date.now();
    try {
      putMembers(this.state, key, await this.api.members(key));
    } catch {
      // asked again by a later drawing
    } finally {
      this.asking = false;
      this.changed();
    }
  }

  actions() {
    return {
      people: () => {
        this.open = !this.open;
        this.trouble = null;
        this.asked = 0;
        this.changed();
        const target = this.open ? '.people h3' : '.people-button';
        setTimeout(() => document.querySelector(target)?.focus());
      },
      addMember: (key, email, added) => this.change(async () => {
        await this.api.addMember(key, email);
        added();
      }, key),
      removeMember: (key, user) => this.remove(key, user),
      receipts: (message) => this.receipts(message),
    };
  }

  async remove(key, user) {
    const me = String(user.id) === String(this.state.me.id);
    const sure = me ? t('people.leave.sure')
      : t('people.remove.sure', { name: user.name });
    if (await ask(sure, t(me ? 'people.leave' : 'people.remove'))) {
      this.change(() => this.api.removeMember(key, user.id), me ? null : key);
    }
  }

  /** @param key  whose people are asked for afterwards, or null */
  async change(deed, key) {
    if (this.busy) {
      return;
    }
    this.busy = true;
    this.trouble = null;
    this.changed();
    try {
      await deed();
      if (key !== null) {
        await this.ask(key);
      }
    } catch (error) {
      this.trouble = error.status === 422 ? t('people.add.nobody')
        : t('people.failed');
    } finally {
      this.busy = false;
      this.changed();
    }
  }

  async receipts(message) {
    if (this.details?.id === message.id) {
      this.details = null;
      this.changed();
      return;
    }
    const details = { id: message.id, list: null };
    this.details = details;
    this.changed();
    try {
      const answer = await this.api.receipts(this.state.selected, message.id);
      details.list = answer.receipts;
    } catch {
      this.details = null;
    }
    this.changed();
  }
}
