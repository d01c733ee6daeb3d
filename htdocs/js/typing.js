// SPDX-License-Identifier: Apache-2.0
//
// typing.js - telling the other side that somebody writes: at most every few
// seconds while they do, and once when they stop. Nothing depends on it, so a
// report that fails is not repeated.

const REPEAT = 2500; // ms between reports while typing goes on

export class Typing {
  /**
   * @param report  (key, typing): tell the server
   * @param now     () -> ms
   */
  constructor({ report, now = Date.now }) {
    this.report = report;
    this.now = now;
    this.key = null; // where we are typing, or null
    this.last = -Infinity; // ms; of the last report
  }

  /** The composer's text changed. */
  typed(key, text) {
    if (text.trim() === '') {
      this.stopped();
      return;
    }
    if (this.key !== key) {
      this.stopped();
    }
    if (this.key === key && this.now() - this.last < REPEAT) {
      return;
    }
    this.key = key;
    this.last = this.now();
    this.report(key, true);
  }

  /** Sent, emptied, left. */
  stopped() {
    if (this.key !== null) {
      this.report(this.key, false);
      this.key = null;
      this.last = -Infinity;
    }
  }
}
