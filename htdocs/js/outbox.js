// SPDX-License-Identifier: Apache-2.0
//
// outbox.js - messages written here that the server has not confirmed.
//
// Each conversation has a lane. A lane sends its first message, waits for the
// answer, sends the next: so they arrive in the order they were written. When
// the server cannot be reached (or says 429 or 5xx) the lane waits and tries
// the same message again, with the same client_id, which the server answers
// with the first result: retrying is harmless. When the server refuses a
// message it is marked and its lane goes on; people retry or discard it.
// A message leaves the outbox when its answer arrives, or its event.
//
// The lanes are saved on every change, so a reload in the wrong moment keeps
// them. Time, storage and network come from outside; node tests bring theirs.

const FIRST_WAIT = 1000; // ms; doubles with each failure
const LONGEST_WAIT = 30e3;
const HELD_WAIT = 3000; // ms until a held message is asked about again

/* queued:  its turn has not come, or it waits for another try
 * sending: a POST is on its way
 * held:    accepted, but its files are still being looked at: it is asked about
 *          until it is sent or refused; those behind it do not wait
 * failed:  refused; stays until somebody decides */

export class Outbox {
  /**
   * @param send      async (entry) -> message, or null: it is held; rejects
   *                  with {status, retryAfter}: status 0 when there was no
   *                  answer
   * @param sent      (message): what became of an entry
   * @param changed   (): something here looks different now
   * @param save      (entries): keep them over a reload
   * @param later     (function, ms) -> cancel function
   * @param random    () -> 0..1, spreads retries of many clients
   */
  constructor({ send, sent, changed, save, later, random = Math.random }) {
    this.send = send;
    this.sent = sent;
    this.changed = changed;
    this.save = save;
    this.later = later;
    this.random = random;
    this.entries = []; // of all conversations, in the order written
    this.lanes = new Map(); // key -> {busy, failures, cancel}
  }

  /** Entries of an earlier page, as save() was given them. */
  restore(entries) {
    this.entries = entries.map((entry) => (
      ['sending', 'held'].includes(entry.state) ? { ...entry, state: 'queued' } : entry));
    this.wake();
  }

  add(entry) {
    this.entries.push({ ...entry, state: 'queued', tries: 0, refused: null });
    this.note();
    this.advance(entry.key);
  }

  of(key) {
    return this.entries.filter((entry) => entry.key === key);
  }

  get size() {
    return this.entries.length;
  }

  /** The server has it: the answer came, or the event. */
  confirm(clientId) {
    const entry = this.find(clientId);
    if (!entry) {
      return;
    }
    this.remove(entry);
    this.lane(entry.key).failures = 0;
    this.advance(entry.key);
  }

  retry(clientId) {
    const entry = this.find(clientId);
    if (!entry) {
      return;
    }
    if (entry.state === 'failed') {
      // What it answers is gone for good: it goes without.
      const replyTo = entry.wrong?.includes('reply_to') ? null : entry.replyTo;
      this.change(entry, { state: 'queued', refused: null, wrong: null, replyTo });
    }
    this.wakeLane(entry.key);
  }

  discard(clientId) {
    const entry = this.find(clientId);
    if (entry && entry.state !== 'sending') {
      this.remove(entry);
      this.advance(entry.key);
    }
  }

  /** The connection is back: no lane waits any longer. */
  wake() {
    for (const key of new Set(this.entries.map((entry) => entry.key))) {
      this.wakeLane(key);
    }
  }

  wakeLane(key) {
    const lane = this.lane(key);
    lane.cancel?.();
    lane.cancel = null;
    this.advance(key);
  }

  find(clientId) {
    return this.entries.find((entry) => entry.clientId === clientId);
  }

  lane(key) {
    if (!this.lanes.has(key)) {
      this.lanes.set(key, { busy: false, failures: 0, cancel: null });
    }
    return this.lanes.get(key);
  }

  /** Send the first message that may go, unless the lane is busy or waits. */
  async advance(key) {
    const lane = this.lane(key);
    const entry = this.entries.find((e) => (
      e.key === key && e.state === 'queued'));
    if (!entry || lane.busy || lane.cancel) {
      return;
    }
    lane.busy = true;
    this.change(entry, { state: 'sending', tries: entry.tries + 1 });
    try {
      const message = await this.send(entry);
      lane.failures = 0;
      if (message === null) {
        this.hold(entry);
      } else {
        this.remove(entry);
        this.sent(message);
      }
    } catch (error) {
      this.failed(entry, lane, error);
    }
    lane.busy = false;
    this.advance(key);
  }

  failed(entry, lane, error) {
    if (!this.find(entry.clientId)) {
      return; // its event came meanwhile: the message is stored
    }
    if (!isPassing(error.status)) {
      this.change(entry, {
        state: 'failed',
        refused: error.status,
        wrong: Object.keys(error.body?.errors ?? {}), // names of fields
      });
      return;
    }
    this.change(entry, { state: 'queued' });
    lane.failures++;
    lane.cancel = this.later(() => {
      lane.cancel = null;
      this.advance(entry.key);
    }, this.wait(lane.failures, error.retryAfter));
  }

  hold(entry) {
    if (!this.find(entry.clientId)) {
      return; // its event was faster
    }
    this.change(entry, { state: 'held', tries: 0 });
    this.later(() => {
      if (entry.state === 'held') {
        this.change(entry, { state: 'queued' });
        this.advance(entry.key);
      }
    }, HELD_WAIT);
  }

  wait(failures, retryAfter) {
    const wait = Math.min(FIRST_WAIT * 2 ** (failures - 1), LONGEST_WAIT);
    return Math.max(wait * (0.75 + this.random() / 2),
      (retryAfter ?? 0) * 1000);
  }

  change(entry, values) {
    Object.assign(entry, values);
    this.note();
  }

  remove(entry) {
    this.entries = this.entries.filter((e) => e !== entry);
    this.note();
  }

  note() {
    this.save(this.entries);
    this.changed();
  }
}

/** Worth another try without anybody's doing: no answer, too many requests,
 *  the server's own trouble. 401 and 419 too: someone who logs in again in this
 *  tab finds the message and it goes. */
export function isPassing(status) {
  return [0, 401, 408, 419, 425, 429].includes(status) || status >= 500;
}
