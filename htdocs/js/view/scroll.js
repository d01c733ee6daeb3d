// SPDX-License-Identifier: Apache-2.0
//
// view/scroll.js - where the reader is in the thread, kept while things change
// around them: at the end they stay at the end; further up, the line they read
// stays where it is, whether older messages come in above or new ones below.

const NEAR = 60; // px from the end that still count as the end
const TOP = 300; // px from the top where older messages are asked for

export class Scroll {
  /**
   * @param changed  (): the reader left or reached the end
   * @param nearTop  (): older messages may be wanted
   * @param nearEnd  (): newer ones, where not all are shown
   */
  constructor({ changed, nearTop, nearEnd }) {
    this.changed = changed;
    this.nearTop = nearTop;
    this.nearEnd = nearEnd;
    this.log = null; // the scrolling element; another one per conversation
    this.key = null; // the conversation it shows
    this.settled = false; // its first page was drawn and scrolled to
    this.atEnd = true;
    this.lastSeen = 0; // id of the newest message when the end was in view
    this.newest = 0; // id of the newest message drawn
    this.anchor = null; // {row, top} of the first visible row, while drawing
    this.toEndNext = false;
    this.target = null; // id of a message to be brought into view
    this.held = false; // the focus was in the log, while drawing
    this.sizes = new ResizeObserver(() => this.keepEnd());
  }

  /** Before drawing: remember the line being read, and whether the focus is here. */
  before() {
    this.anchor = null;
    this.held = this.log?.contains(document.activeElement) ?? false;
    if (!this.log || this.atEnd) {
      return;
    }
    const top = this.log.getBoundingClientRect().top;
    for (const row of this.log.querySelectorAll('[data-row]')) {
      const box = row.getBoundingClientRect();
      if (box.bottom > top) {
        this.anchor = { id: row.dataset.row, top: box.top };
        return;
      }
    }
  }

  /**
   * After drawing.
   * @param log     the scrolling element, or null
   * @param key     conversation it shows
   * @param thread  its thread
   */
  after(log, key, thread) {
    const drawn = this.atEnd; // the way down was drawn, or not, by this
    this.attach(log);
    if (key !== this.key) {
      this.key = key;
      this.settled = false;
      this.atEnd = true;
    }
    if (!log) {
      return;
    }
    this.newest = thread.messages.at(-1)?.id ?? 0;
    if (this.reach()) {
      this.settled = true;
    } else if (!this.settled) {
      this.settle(thread);
    } else if (this.atEnd || this.toEndNext) {
      this.toEnd();
    } else {
      this.restore();
    }
    this.toEndNext = false;
    this.keepFocus();
    this.measure();
    if (this.atEnd !== drawn) {
      this.changed();
    }
  }

  /** What had the focus is drawn no more: it stays in the log, or a keyboard's next
   *  step would begin at the top of the page. */
  keepFocus() {
    if (this.held && document.activeElement === document.body) {
      this.log.focus({ preventScroll: true });
    }
  }

  /** First sight of a conversation: the end, or the first unread message when that
   *  stands above it. */
  settle(thread) {
    this.toEnd();
    this.settled = thread.loaded;
    const line = this.log.querySelector('.unread-line');
    this.lastSeen = thread.firstUnread === null ? this.newest
      : thread.firstUnread - 1;
    if (thread.loaded && line && line.getBoundingClientRect().top
        < this.log.getBoundingClientRect().top) {
      line.scrollIntoView({ block: 'center' });
    }
  }

  /** The message that was asked for, once it is drawn. @return whether it is */
  reach() {
    const row = this.target === null ? null : this.log.querySelector(
      `[data-message="${CSS.escape(String(this.target))}"]`);
    if (row) {
      this.target = null;
      this.toEndNext = false;
      // scrollIntoView() would move the page around the log as well.
      const { top, height } = row.getBoundingClientRect();
      this.log.scrollTop += top - this.log.getBoundingClientRect().top
        - Math.max(0, (this.log.clientHeight - height) / 2);
    }
    return row !== null;
  }

  attach(log) {
    if (log === this.log) {
      return;
    }
    this.sizes.disconnect();
    this.log = log;
    if (log) {
      log.addEventListener('scroll', () => this.scrolled(), { passive: true });
      this.sizes.observe(log);
      this.sizes.observe(log.firstElementChild);
    }
  }

  /** Only scrolling asks for more, not drawing: a request that failed would
   *  draw, and ask again at once. Nor does a keyboard that has come to the button for
   *  more, which scrolls to it: it would never come past all there is. */
  scrolled() {
    this.measure();
    if (this.settled && this.log.scrollTop < TOP
        && !this.log.querySelector('.older:focus-visible')) {
      this.nearTop();
    }
    const { scrollTop, scrollHeight, clientHeight } = this.log;
    if (this.settled && scrollHeight - scrollTop - clientHeight < TOP) {
      this.nearEnd();
    }
  }

  /** Whether the end of this conversation was in sight when it was last drawn. */
  isAtEnd(key) {
    return this.log !== null && key === this.key && this.settled && this.atEnd;
  }

  measure() {
    if (!this.log) {
      return;
    }
    const { scrollTop, scrollHeight, clientHeight } = this.log;
    const was = this.atEnd;
    this.atEnd = scrollHeight - scrollTop - clientHeight < NEAR;
    if (this.atEnd) {
      this.lastSeen = this.newest;
    }
    if (was !== this.atEnd) {
      this.changed();
    }
  }

  /** The box changed its size (a phone's keyboard, the composer): someone at
   *  the end stays there. */
  keepEnd() {
    if (this.log && this.atEnd) {
      this.toEnd();
    }
  }

  toEnd() {
    if (this.log) {
      this.log.scrollTop = this.log.scrollHeight;
      this.atEnd = true;
    }
  }

  restore() {
    const row = this.anchor && this.log.querySelector(
      `[data-row="${CSS.escape(this.anchor.id)}"]`);
    if (row) {
      this.log.scrollTop += row.getBoundingClientRect().top - this.anchor.top;
    }
  }
}
