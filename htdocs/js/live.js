// SPDX-License-Identifier: Apache-2.0
//
// live.js - the socket. pusher-js does the protocol; this file chooses the
// channels, passes events on, and insists: pusher-js waits up to a minute
// between attempts, and it believes in a socket that is open but silent.
//
// Two channels: our own (private-user.{id}: everything in our conversations)
// and that of the open conversation (typing; and for staff, who are no members,
// the messages too). The same event comes on both; the store drops the second.

/* When to try again while not connected, ms. An attempt that takes longer than
 * its turn is given up, so turns grow: slow networks get their time. */
const TURNS = [2500, 5000, 10e3, 20e3];
const PING_AFTER = 25e3; // ms of silence before pusher-js asks "are you there"
const PONG_WITHIN = 6e3; // ms
const PUSHED_KEPT = 1000; // event ids

export class Live {
  /**
   * @param Pusher     pusher-js's class
   * @param config     of the page: key, cluster, wsPath, user
   * @param location   of the page
   * @param authorize  async (socketId, channel) -> pusher's auth answer;
   *                   rejects with {status}
   * @param isPassing  (status): worth another try
   * @param event      (name, data): pushed to us
   * @param changed    (): `ready` may have changed
   * @param joined     (): a channel was joined; what was said before, we missed
   * @param present    (): who is there in the open conversation may have changed
   * @param putOut     (): we were taken out of the open conversation
   */
  constructor(options) {
    Object.assign(this, options);
    this.channels = new Set(); // names we want
    this.conversation = null; // name of the open conversation's channel
    this.presence = null; // and of that of who is there
    this.pushed = new Set(); // ids of events that came over the socket
    this.turn = 0; // index into TURNS
    this.timer = null;
    this.since = 0; // ms; when `ready` became true
    this.wasReady = false;
  }

  start() {
    const secure = this.location.protocol === 'https:';
    const port = Number(this.location.port) || (secure ? 443 : 80);
    this.pusher = new this.Pusher(this.config.key, {
      cluster: this.config.cluster || 'mt1',
      wsHost: this.location.hostname,
      wsPort: port,
      wssPort: port,
      wsPath: this.config.wsPath || '',
      forceTLS: secure,
      // Knocking with TLS on a port without would only fill the server's log.
      enabledTransports: secure ? ['ws', 'wss'] : ['ws'],
      activityTimeout: PING_AFTER,
      pongTimeout: PONG_WITHIN,
      channelAuthorization: { customHandler: this.authorizeChannel.bind(this) },
    });
    this.pusher.connection.bind('state_change', () => this.note());
    this.mine = `private-user.${this.config.user.id}`;
    this.join(this.mine);
    this.insist();
  }

  /** The open conversation; null when none is. */
  watch(key) {
    const name = key === null ? null : `private-conversation.${key}`;
    const presence = key === null ? null : `presence-conversation.${key}`;
    if (name === this.conversation) {
      return;
    }
    if (this.conversation) {
      this.leave(this.conversation);
    }
    if (this.presence) {
      this.leave(this.presence);
    }
    this.conversation = name;
    this.presence = presence;
    if (name) {
      this.join(name);
      this.join(presence);
    }
  }

  /** Whether somebody has the open conversation before them too. */
  online(userId) {
    return Boolean(this.presence
      && this.pusher?.channel(this.presence)?.members?.get(String(userId)));
  }

  /** Whatever happens in our conversations reaches us right now. */
  get ready() {
    return this.pusher?.connection.state === 'connected'
      && this.pusher.channel(this.mine)?.subscribed === true;
  }

  get socketId() {
    return this.pusher?.connection.socket_id ?? null;
  }

  /** Try at once: the network is back, or someone pressed the button. */
  hurry() {
    this.turn = 0;
    if (!this.ready) {
      this.restart();
    }
  }

  /** A request had no answer at all: is the socket more than a memory? A new
   *  one tells. */
  doubt() {
    if (this.ready) {
      this.restart();
    }
  }

  /** A new socket, whatever the old one pretends. */
  restart() {
    this.pusher.disconnect();
    this.pusher.connect();
    this.insist();
  }

  stop() {
    clearTimeout(this.timer);
    this.pusher.disconnect();
  }

  // --- channels --------------------------------------------------------------

  join(name) {
    this.channels.add(name);
    const channel = this.pusher.subscribe(name);
    // An earlier join of the same conversation may have left its listeners.
    channel.unbind_all();
    channel.bind_global(name.startsWith('presence-')
      ? () => this.present()
      : (event, data) => this.heard(event, data));
  }

  leave(name) {
    this.channels.delete(name);
    this.pusher.channel(name)?.unbind_all();
    this.pusher.unsubscribe(name);
  }

  heard(name, data) {
    if (name === 'pusher:subscription_succeeded') {
      this.note();
      this.joined();
      return;
    }
    if (name === 'pusher:subscription_error' && data?.status === 403) {
      this.putOut();
    }
    if (name.startsWith('pusher:')) {
      return;
    }
    if (data?.id != null) {
      this.pushed.add(data.id);
      if (this.pushed.size > PUSHED_KEPT) {
        this.pushed.delete(this.pushed.values().next().value);
      }
    }
    this.event(name, data);
  }

  /** pusher-js asks once per subscription and gives up for good when that
   *  fails, so trying again is done in here, as long as the socket lives. */
  async authorizeChannel({ socketId, channelName }, callback) {
    for (let wait = 1000; ; wait = Math.min(wait * 2, 15e3)) {
      let answer = null;
      let refused = null;
      try {
        answer = await this.authorize(socketId, channelName);
      } catch (error) {
        refused = error;
      }
      // The answer for a socket that is gone would be a wrong signature on
      // the next one.
      if (this.socketId !== socketId) {
        return;
      }
      if (!this.channels.has(channelName)) {
        // Left meanwhile. pusher-js would keep it, and join it next time.
        callback(new Error('left'), null);
        this.pusher.unsubscribe(channelName);
        return;
      }
      if (answer || !this.isPassing(refused.status)) {
        callback(refused, answer);
        return;
      }
      await new Promise((done) => setTimeout(done, wait));
    }
  }

  // --- insisting -------------------------------------------------------------

  note() {
    const { ready } = this;
    if (ready && !this.wasReady) {
      this.since = Date.now();
      this.turn = 0;
      clearTimeout(this.timer);
      this.timer = null;
    }
    this.wasReady = ready;
    if (!ready && this.timer === null) {
      this.insist();
    }
    this.changed();
  }

  insist() {
    clearTimeout(this.timer);
    const spread = 0.8 + Math.random() * 0.4; // many clients lose one server
    const wait = TURNS[Math.min(this.turn, TURNS.length - 1)] * spread;
    this.timer = setTimeout(() => {
      this.timer = null;
      if (!this.ready) {
        this.turn++;
        this.restart();
      }
    }, wait);
  }
}
