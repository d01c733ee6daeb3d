// SPDX-License-Identifier: Apache-2.0
//
// deliveries.js - telling the server that messages have reached this page, by an event
// or in a list. That a socket took the bytes is no proof; this is. What is read at once needs no word:
// reading says it too. Reports are gathered for a moment; one that fails is not
// repeated, because the next one says "up to" a later message.

const GATHER = 1500; // ms; longer than it takes to read what is before one's eyes

export class Deliveries {
  /**
   * @param report  async (key, upTo): POST …/delivered
   * @param unread  (key, id): others wrote it and we have not read it
   */
  constructor({ report, unread }) {
    this.report = report;
    this.unread = unread;
    this.due = new Map(); // key -> message id
    this.told = new Map(); // likewise: told already
    this.timer = null;
  }

  /** Something of somebody else's has come. */
  came(key, id) {
    if (id > (this.told.get(key) ?? 0)) {
      this.due.set(key, Math.max(id, this.due.get(key) ?? 0));
      this.timer ??= setTimeout(() => this.tell(), GATHER);
    }
  }

  /** One after the other: a list may bring many at once. */
  async tell() {
    const due = [...this.due];
    this.timer = null;
    this.due.clear();
    for (const [key, upTo] of due) {
      this.told.set(key, upTo);
    }
    for (const [key, upTo] of due) {
      if (this.unread(key, upTo)) {
        await this.report(key, upTo).catch(() => {});
      }
    }
  }
}
