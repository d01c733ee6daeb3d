// SPDX-License-Identifier: Apache-2.0
//
// search.js - looking for messages: a question that is typed, what the server has
// found of it so far, and where it goes on. One for the list, one for an open
// conversation. No page and no network of its own, so node tests drive it directly.
//
// The server looks for so long only and says where to go on; while nothing was found
// we do that ourselves.

const PAUSE = 250; // ms without typing before we ask
const TRIES = 40; // answers without a find in a row

export class Search {
  /**
   * @param ask      (question, before): {data, next} of the server; before: null
   * @param changed  (): there is something new to draw
   * @param later    (then, ms): a timer; returns how to stop it
   */
  constructor({ ask, changed, later }) {
    this.ask = ask;
    this.changed = changed;
    this.later = later;
    this.clear();
  }

  clear() {
    this.stop?.();
    this.stop = null;
    this.question = '';
    this.found = []; // newest first: {message, conversation, snippet}
    this.next = null; // where it goes on, or null
    this.status = 'idle'; // idle, busy, done, failed
    this.turn = (this.turn ?? 0) + 1; // answers of earlier questions count no more
  }

  /** Another question, as far as it is typed. */
  type(text) {
    const question = text.trim();
    if (question === this.question) {
      return;
    }
    this.clear();
    this.question = question;
    if (/[\p{L}\p{N}]/u.test(question)) {
      this.status = 'busy';
      this.stop = this.later(() => this.run(null), PAUSE);
    }
    this.changed();
  }

  /** What comes after the last one found; or once more what failed. */
  more() {
    if (this.status !== 'busy'
        && (this.next !== null || this.status === 'failed')) {
      return this.run(this.next);
    }
    return Promise.resolve();
  }

  async run(before) {
    const { turn } = this;
    this.status = 'busy';
    this.changed();
    try {
      for (let tries = 0; tries < TRIES; tries++) {
        const { data, next } = await this.ask(this.question, before);
        if (turn !== this.turn) {
          return;
        }
        this.found.push(...data);
        this.next = before = next;
        if (data.length > 0 || next === null) {
          break;
        }
      }
      this.status = 'done';
    } catch {
      if (turn !== this.turn) {
        return;
      }
      this.status = 'failed';
    }
    this.changed();
  }
}

/** A snippet in pieces: {text, found}, the found ones being what was looked for.
 *  Marks that are none are passed over. */
export function piecesOf({ text, marks }) {
  const pieces = [];
  let at = 0;
  const add = (to, found) => {
    if (to > at) {
      pieces.push({ text: text.slice(at, to), found });
      at = to;
    }
  };
  for (const [from, to] of marks) {
    if (from >= at && to > from && to <= text.length) {
      add(from, false);
      add(to, true);
    }
  }
  add(text.length, false);
  return pieces;
}
