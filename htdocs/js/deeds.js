// SPDX-License-Identifier: Apache-2.0
//
// deeds.js - what people do to messages that are there already: answer one, edit,
// delete, react, look at what it said before. What is begun (an answer, an edit and
// its text) belongs to a conversation and survives a reload; what the server
// refuses or does not hear is said, and nothing that was written is lost by it.
//
// One dialog serves all of it; `open` says what it shows.

import {
  conversationOf, isMine, messageOf, putChanged, quoteOf, sameId,
} from './store.js';

export class Deeds {
  /**
   * @param state    the store's state
   * @param api      of api.js
   * @param rules    {closed, edit, delete, staff}, see config.js
   * @param keep     {read(name, otherwise), write(name, value)}
   * @param changed  (): something looks different now
   * @param tell     (key of a sentence): something did not work
   * @param spare    (key, text): what was written has nowhere to go any more
   * @param now      () -> ms
   */
  constructor({
    state, api, rules, keep, changed, tell, spare, now = Date.now,
  }) {
    Object.assign(this, {
      state, api, rules, keep, changed, tell, spare, now,
    });
    this.answers = keep.read('answers', {}); // key -> quote being answered
    this.edits = keep.read('edits', {}); // key -> {id, text, was}
    this.busy = false; // an edit is on its way
    this.refused = 0; // status of the last thing that was not done; 0: unheard
    // {what: 'menu' | 'delete' | 'history', key, id, at (element), and for the
    // history: texts (null: not there yet), failed}
    this.open = null;
  }

  // --- what may be done ------------------------------------------------------

  isClosed(key) {
    return (this.rules.closed ?? []).includes(
      this.state.conversations.get(key)?.status);
  }

  /** {answer, react, copy, edit, remove, history}: whether each is offered. The server
   *  decides; a clock that is wrong costs a sentence. */
  choices(key, message) {
    const living = !message.deleted_at;
    const open = living && !this.isClosed(key);
    const mine = isMine(this.state, message);
    const age = (this.now() - Date.parse(message.created_at)) / 1000;
    return {
      answer: open,
      react: open,
      copy: living && Boolean(message.content),
      edit: open && mine && message.type === 'text' && age < this.rules.edit,
      remove: living
        && (this.rules.staff || (mine && age < this.rules.delete)),
      history: living && Boolean(message.edited_at),
    };
  }

  // --- the dialog ------------------------------------------------------------

  show(what, key, id, at = null) {
    this.open = { what, key, id, at, texts: null, failed: false };
    this.changed();
    if (what === 'history') {
      this.loadHistory(this.open);
    }
  }

  hide() {
    if (this.open) {
      this.open = null;
      this.changed();
    }
  }

  async loadHistory(open) {
    open.failed = false;
    try {
      open.texts = (await this.api.history(open.key, open.id)).history;
    } catch {
      open.failed = true;
    }
    this.changed();
  }

  // --- answering and editing: both are written in the composer ------------------

  answer(key, message) {
    this.cancelEdit(key);
    this.answers[key] = quoteOf(message);
    this.note();
  }

  /** The quote for a message that is sent now, which it then belongs to. */
  takeAnswer(key) {
    const quote = this.answers[key] ?? null;
    if (quote) {
      delete this.answers[key];
      this.note();
    }
    return quote;
  }

  cancelAnswer(key) {
    this.takeAnswer(key);
  }

  /** What is being answered says something else now, or is gone: the words stay. So
   *  do those of an edit whose message is gone. */
  heard(name, data) {
    const key = conversationOf(data);
    if (name === 'MessageDeleted' && sameId(this.edits[key]?.id, data.message.id)) {
      this.editGone(key);
    }
    const isIt = ['MessageEdited', 'MessageDeleted'].includes(name)
      && this.answers[key] && sameId(this.answers[key].id, data.message.id);
    if (isIt && data.message.deleted_at) {
      this.cancelAnswer(key);
      this.tell('deed.refused.410');
    } else if (isIt) {
      this.answers[key] = quoteOf(data.message);
      this.note();
    }
  }

  edit(key, message) {
    this.cancelAnswer(key);
    this.edits[key] = { id: message.id, text: message.content, was: message.content };
    this.note();
  }

  editing(key) {
    return this.edits[key] ?? null;
  }

  /** What stands in the composer while a message is edited. */
  editText(key, text) {
    this.edits[key].text = text;
    this.keep.write('edits', this.edits);
  }

  cancelEdit(key) {
    if (this.edits[key]) {
      delete this.edits[key];
      this.note();
    }
  }

  /** The message was deleted, in another tab or by staff: what it was to say is a new
   *  one's text now. */
  editGone(key) {
    const { text, was } = this.edits[key];
    this.cancelEdit(key);
    this.tell('deed.refused.410');
    if (text.trim() !== '' && text !== was) {
      this.spare(key, text);
    }
  }

  /** The text stays in the composer until the server has it. */
  async finishEdit(key) {
    const edit = this.edits[key];
    if (!edit || this.busy) {
      return;
    }
    const text = edit.text.trim();
    if (text === messageOf(this.state, key, edit.id)?.content) {
      this.cancelEdit(key);
      return;
    }
    this.busy = true;
    this.changed();
    const done = await this.attempt(() => this.api.edit(key, edit.id, text));
    if (done && this.edits[key] === edit) {
      delete this.edits[key];
    } else if (!done && this.refused === 410 && this.edits[key] === edit) {
      this.editGone(key);
    }
    this.busy = false;
    this.note();
  }

  // --- at once ---------------------------------------------------------------

  remove(key, id) {
    this.hide();
    if (this.edits[key]?.id === id) {
      this.cancelEdit(key);
    }
    return this.attempt(() => this.api.remove(key, id));
  }

  /** React so, or take it back. */
  react(key, message, emoji) {
    this.hide();
    const on = !this.reacts(message, emoji);
    return this.attempt(() => this.api.react(key, message.id, emoji, on));
  }

  reacts(message, emoji) {
    return (message.reactions ?? []).some((r) => r.emoji === emoji
      && r.user_ids.some((id) => sameId(id, this.state.me.id)));
  }

  /** Do it, and show what became of it. @return whether it was done */
  async attempt(deed) {
    try {
      putChanged(this.state, (await deed()).message);
      this.changed();
      return true;
    } catch (error) {
      this.refused = error.status;
      this.tell([403, 404, 410, 422, 429].includes(error.status)
        ? `deed.refused.${error.status}` : 'deed.failed');
      return false;
    }
  }

  note() {
    this.keep.write('answers', this.answers);
    this.keep.write('edits', this.edits);
    this.changed();
  }
}
