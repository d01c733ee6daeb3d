// SPDX-License-Identifier: Apache-2.0
//
// keep.js - what survives a reload of this tab: unsent messages and drafts, per
// person. sessionStorage and not localStorage: a patient's words do not stay on
// a shared computer when the tab is closed; logging out removes them at once.

const PREFIX = 'chat.';

export class Keep {
  /** @param site  tells two chats of one host apart: their paths' prefix */
  constructor(site, userId, storage) {
    this.prefix = `${PREFIX}${site}${userId}.`;
    this.storage = storage;
    this.closed = false; // logged out: nothing is written any more
  }

  read(name, otherwise) {
    try {
      return JSON.parse(this.storage.getItem(this.prefix + name)) ?? otherwise;
    } catch {
      return otherwise;
    }
  }

  write(name, value) {
    if (this.closed) {
      return;
    }
    try {
      this.storage.setItem(this.prefix + name, JSON.stringify(value));
    } catch {
      // full or forbidden: the page works on, without a net
    }
  }

  /** For good: what is still under way must not bring it back. */
  clear() {
    this.closed = true;
    try {
      Object.keys(this.storage).filter((key) => key.startsWith(PREFIX))
        .forEach((key) => this.storage.removeItem(key));
    } catch {
      // nothing was kept then
    }
  }
}
