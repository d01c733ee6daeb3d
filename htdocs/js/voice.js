// SPDX-License-Identifier: Apache-2.0
//
// voice.js - a recording from the microphone, where the browser can make one
// (MediaRecorder, and a secure address). One at a time; it ends by itself after
// some minutes, and when it is cancelled nothing of it is kept.

const LONGEST = 5 * 60e3; // ms
const TYPES = ['audio/webm', 'audio/mp4', 'audio/ogg'];
const ENDINGS = { 'audio/webm': 'webm', 'audio/mp4': 'm4a', 'audio/ogg': 'ogg' };

export function canRecord() {
  return typeof MediaRecorder === 'function'
    && typeof navigator.mediaDevices?.getUserMedia === 'function';
}

export class Voice {
  /**
   * @param done     (key, file): a recording is made
   * @param failed   (): there is no microphone, or it is not for us
   * @param changed  (): once a second, and when it begins and ends
   */
  constructor({ done, failed, changed }) {
    Object.assign(this, { done, failed, changed });
    this.key = null; // of the conversation it is for; null: none is made
    this.since = 0; // ms
    this.recorder = null;
    this.kept = false;
  }

  get seconds() {
    return Math.floor((Date.now() - this.since) / 1000);
  }

  async start(key) {
    if (this.key !== null) {
      return;
    }
    this.key = key;
    this.since = Date.now();
    this.changed();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      if (this.key !== key) {
        stream.getTracks().forEach((track) => track.stop());
        return; // cancelled while the browser asked
      }
      this.record(stream);
    } catch {
      this.key = null;
      this.failed();
    }
    this.changed();
  }

  record(stream) {
    const key = this.key;
    const type = TYPES.find((one) => MediaRecorder.isTypeSupported(one));
    const recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
    const pieces = [];
    this.kept = false;
    recorder.ondataavailable = (event) => pieces.push(event.data);
    recorder.onstop = () => {
      stream.getTracks().forEach((track) => track.stop());
      clearInterval(this.ticking);
      if (this.kept && pieces.some((piece) => piece.size > 0)) {
        const bare = (recorder.mimeType || type || TYPES[0]).split(';')[0];
        const name = `voice.${ENDINGS[bare] ?? 'webm'}`;
        this.done(key, new File(pieces, name, { type: bare }));
      }
    };
    this.recorder = recorder;
    this.since = Date.now();
    this.ticking = setInterval(() => {
      if (Date.now() - this.since > LONGEST) {
        this.stop(true);
      }
      this.changed();
    }, 1000);
    recorder.start();
  }

  /** @param keep  false: it is thrown away */
  stop(keep) {
    this.kept = keep;
    this.key = null;
    if (this.recorder?.state === 'recording') {
      this.recorder.stop();
    }
    this.recorder = null;
    this.changed();
  }
}
