// SPDX-License-Identifier: Apache-2.0
//
// files.js - files on their way into a message: chosen, uploaded, waiting to be
// sent.
//
// Each conversation has a list of chips. A chip uploads as soon as there is
// room (two at a time), tells how far it is, can be cancelled, and after a
// failure of the network goes again by itself when the server is back, or when
// somebody asks. What has been uploaded is remembered over a reload; what has
// not is still on the person's disk. The message itself travels by the outbox,
// with its client_id: sending twice sends once.
//
// Network and storage come from outside; node tests bring theirs.

import { isPassing } from './outbox.js';

const AT_ONCE = 2;

/* What becomes of a chip. Too many at once (other tabs and devices count) passes by
 * itself, without anybody's doing. */
function stateAfter(status) {
  if (status === 429) {
    return 'queued';
  }
  return isPassing(status) ? 'failed' : 'refused';
}

/* queued, uploading, done (uploaded: chip.attachment), failed (may go again),
 * refused (never will; chip.why is the status, 'size', 'many' or 'gone') */

export class Files {
  /**
   * @param upload   (key, file, voice, progress(0..1)) -> {promise, abort};
   *                 the promise gives the attachment, or rejects with {status,
   *                 retryAfter: seconds}
   * @param remove   async (attachment): it will not be sent
   * @param changed  (): something here looks different now
   * @param save     (lists): uploaded ones, to be kept over a reload
   * @param limits   {max: bytes of a file, most: files of a message}; null:
   *                 none are taken here
   * @param preview  {of(file) -> address or null, drop(address)}
   * @param later    (then, seconds): call then after so long
   */
  constructor({
    upload, remove, changed, save, limits, preview,
    later = (then, s) => setTimeout(then, s * 1000),
  }) {
    Object.assign(this, {
      upload, remove, changed, save, limits, preview, later,
    });
    this.lists = new Map(); // key -> chips
    this.number = 0;
  }

  /** What save() was given by an earlier page. */
  restore(lists) {
    for (const [key, attachments] of Object.entries(lists)) {
      this.lists.set(key, attachments.map((attachment) => ({
        ...this.chip(attachment.name, attachment.size, attachment.kind),
        state: 'done',
        attachment,
      })));
    }
  }

  of(key) {
    return this.lists.get(key) ?? [];
  }

  chip(name, size, kind) {
    return {
      n: ++this.number, name, size, kind, state: 'queued', progress: 0,
      file: null, picture: null, attachment: null, why: null, abort: null,
    };
  }

  /** @param voice  a recording made here */
  add(key, files, voice = false) {
    if (this.limits === null) {
      return;
    }
    let room = this.limits.most - this.of(key).length;
    const chips = [...files].map((file) => {
      const kind = voice ? 'voice' : kindOf(file.type);
      const chip = this.chip(file.name, file.size, kind);
      chip.file = file;
      chip.picture = kind === 'image' ? this.preview.of(file) : null;
      const why = room-- <= 0 ? 'many'
        : file.size > this.limits.max ? 'size' : null;
      if (why !== null) {
        Object.assign(chip, { state: 'refused', why });
      }
      return chip;
    });
    this.lists.set(key, [...this.of(key), ...chips]);
    this.note();
    this.pump();
  }

  /** Uploading or not: it is not to be sent. */
  drop(key, chip) {
    this.lists.set(key, this.of(key).filter((other) => other !== chip));
    this.preview.drop(chip.picture);
    chip.abort?.();
    if (chip.attachment) {
      this.remove(chip.attachment).catch(() => {}); // it expires by itself
    }
    this.note();
    this.pump();
  }

  retry(chip) {
    if (chip.state === 'failed') {
      chip.state = 'queued';
      this.note();
      this.pump();
    }
  }

  /** The server is back. */
  wake() {
    this.all().forEach((chip) => this.retry(chip));
  }

  /** Whether a message could go now: all are there. */
  ready(key) {
    return this.of(key).every((chip) => chip.state === 'done');
  }

  /** Why none could go. @return 'refused', 'failed', 'uploading', or null: it could */
  waits(key) {
    const states = this.of(key).map((chip) => chip.state);
    return ['refused', 'failed'].find((state) => states.includes(state))
      ?? (this.ready(key) ? null : 'uploading');
  }

  /** Into a message: the list begins anew. */
  take(key) {
    const chips = this.of(key);
    this.lists.delete(key);
    chips.forEach((chip) => this.preview.drop(chip.picture));
    this.note();
    return chips.map((chip) => chip.attachment);
  }

  all() {
    return [...this.lists.values()].flat();
  }

  /** Those that nobody has sent yet. */
  get size() {
    return this.all().length;
  }

  pump() {
    const busy = this.all().filter((c) => c.state === 'uploading').length;
    const next = [...this.lists].flatMap(([key, chips]) => chips
      .filter((chip) => chip.state === 'queued').map((chip) => [key, chip]));
    next.slice(0, Math.max(0, AT_ONCE - busy))
      .forEach(([key, chip]) => this.start(key, chip));
  }

  async start(key, chip) {
    Object.assign(chip, { state: 'uploading', progress: 0 });
    const task = this.upload(key, chip.file, chip.kind === 'voice', (part) => {
      chip.progress = part;
      this.changed();
    });
    chip.abort = task.abort;
    this.note();
    try {
      chip.attachment = await task.promise;
      chip.state = 'done';
    } catch (error) {
      const gone = error.status === 0 && !await isReadable(chip.file);
      chip.state = gone ? 'refused' : stateAfter(error.status);
      chip.why = gone ? 'gone' : error.status;
      if (chip.state === 'queued') {
        chip.abort = null;
        this.note();
        this.later(() => this.pump(), error.retryAfter || 1);
        return;
      }
    }
    chip.abort = null;
    this.note();
    this.pump();
  }

  note() {
    this.save(Object.fromEntries([...this.lists].map(([key, chips]) => [key,
      chips.map((chip) => chip.attachment).filter(Boolean)])
      .filter(([, attachments]) => attachments.length > 0)));
    this.changed();
  }
}

/** A folder, and a file that was moved or changed since, fails as a network does. */
async function isReadable(file) {
  try {
    await file.slice?.(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/** image, voice (something to be heard) or file, by its media type. */
export function kindOf(type) {
  const kind = String(type).split('/')[0];
  return kind === 'image' && type !== 'image/svg+xml' ? 'image' : 'file';
}

/** What a message with these files is. */
export function typeOf(attachments) {
  if (attachments.every((a) => a.kind === 'image')) {
    return 'image';
  }
  return attachments.length === 1 && attachments[0].kind === 'voice' ? 'voice'
    : 'file';
}

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];

/** "1.4 MB", in the page's language. */
export function sizeText(bytes, language) {
  let unit = 0;
  let n = Number(bytes) || 0;
  while (n >= 1000 && unit < UNITS.length - 1) {
    n /= 1000;
    unit++;
  }
  return new Intl.NumberFormat(language, {
    style: 'unit',
    unit: UNITS[unit],
    unitDisplay: unit === 0 ? 'long' : 'short', // "207 byte" is no plural
    maximumFractionDigits: unit > 0 && n < 10 ? 1 : 0,
  }).format(n);
}

/** The letters on a file's card: "PDF". "" when its name has none. */
export function endingOf(name) {
  const ending = /\.([A-Za-z0-9]{1,5})$/u.exec(String(name ?? ''))?.[1] ?? '';
  return ending.toUpperCase();
}

/** Width and height at which a picture of w by h is shown within a box: known
 *  before it is there, so that nothing jumps. Never enlarged. */
export function boxOf(w, h, side) {
  const width = Number(w) || side;
  const height = Number(h) || side;
  const factor = Math.min(1, side / Math.max(width, height));
  return {
    width: Math.max(1, Math.round(width * factor)),
    height: Math.max(1, Math.round(height * factor)),
  };
}
