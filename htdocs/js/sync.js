// SPDX-License-Identifier: Apache-2.0
//
// sync.js - catching up. The socket is fast but may miss things; the event log
// behind GET /chat/sync misses nothing. This file keeps the one cursor of the
// page and moves it by one rule: only an answer of /chat/sync moves it. Pushed
// events carry cursors too, but a socket with two channels can hear a later
// event while an earlier one is lost; a cursor taken from it would skip that
// one for ever. The price is that a sync repeats what was pushed since the last
// one; the store drops what it knows.
//
// A page without a cursor and a cursor the server no longer knows ("reset") are
// the same case: take a new cursor first, then load lists and pages, so that
// whatever happens in between is in the next answer.

const MOST_RELOADS = 3; // in one run; then something is wrong, not unlucky

export class Sync {
  /**
   * @param ask     async (cursor or null) -> {events, cursor, status}
   * @param apply   (events): in order
   * @param reload  async (): forget and load anew; rejects when it could not
   */
  constructor({ ask, apply, reload }) {
    this.ask = ask;
    this.apply = apply;
    this.reload = reload;
    this.cursor = null;
    this.mustReload = true; // lists are older than the cursor
    this.running = null; // promise of the run under way
    this.again = false; // something happened since it began
  }

  /** Catch up until complete. Calls while one runs join it, and make it ask
   *  once more: what they know of may be younger than its last question.
   *  Rejects when the server could not be asked; then nothing is lost, call
   *  again later. */
  run() {
    if (this.running) {
      this.again = true;
      return this.running;
    }
    this.running = this.catchUp().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  async catchUp() {
    let reloads = 0;
    do {
      this.again = false;
      reloads += await this.step();
      if (reloads > MOST_RELOADS) {
        throw new Error('the event log is reset again and again');
      }
    } while (this.again);
  }

  /** One question and its answer; 1 when everything was loaded anew, else 0. */
  async step() {
    const answer = await this.ask(this.cursor);
    if (this.cursor === null || answer.status === 'reset') {
      this.cursor = answer.cursor;
      this.mustReload = true;
    }
    if (this.mustReload) {
      await this.reload();
      this.mustReload = false;
      this.again = true;
      return 1;
    }
    this.apply(answer.events);
    this.cursor = answer.cursor;
    this.again ||= answer.status === 'more';
    return 0;
  }

  /** The server could not read our cursor (422): as if we had none. */
  drop() {
    this.cursor = null;
    this.mustReload = true;
  }
}
