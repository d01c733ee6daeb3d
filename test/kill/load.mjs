// SPDX-License-Identifier: Apache-2.0
//
// Who uses the chat while its programs are killed, each in the way that its kind is
// promised something:
//
//   Phone     POSTs with a client_id and repeats what got no 201, until it has one, or
//             is told that it never will
//   Listener  a WebSocket that comes back; as a page (through httpd) it also asks
//             GET /chat/sync for what it missed, as a plain client it never does
//   Insister  the same with pusher-js
//   Syncer    asks GET /chat/sync all the time, from the cursor it was given last
//   Knocker   connects again and again, and is never refused
//
// None of them asserts: what must not be goes into `world.wrong`, in words, and
// what they have is looked at when everything is over (rounds.mjs).

import { createHmac } from 'node:crypto';
import net from 'node:net';
import WebSocket from 'ws';
import { Pusher, pusherOptions } from '../site/lib/pusher.mjs';
import { sleep } from '../site/lib/site.mjs';

const PATIENCE = 30000; // ms; no answer may take longer
const CLOSING = 5000; // ms after the death of an httpd child in which connections break

/** What all of them share. */
export class World {
  wrong = [];
  running = true; // new messages are said
  ending = false; // nobody comes back any more
  hopeless = false; // an answer was no "later": what it was about never comes
  pace = 60; // ms between two messages of a phone, at most
  httpdKilled = -Infinity; // when httpd last closed connections that it need not, ms;
  // Infinity: it may at any moment
  statuses = {}; // of all answers; `closed`: there was none

  constructor(site) {
    this.site = site;
  }

  count(what) {
    this.statuses[what] = (this.statuses[what] || 0) + 1;
  }

  /**
   * A request. Whatever is neither an answer that the caller may get, nor a 503
   * with Retry-After, nor a connection closed by the death of its process, is wrong.
   * @param body     an object, sent as JSON, or bytes
   * @param options  {type, headers, right}: of the bytes; more of them; the statuses
   *                 that may come
   * @return {{status, json, bytes}} or null: try again; when world.hopeless, in vain
   */
  async ask(client, method, path, body, { type = 'application/json', headers = {}, right = [200, 201], again = false } = {}) {
    let r, bytes;
    try {
      r = await fetch(client.url + path, {
        method,
        headers: {
          Accept: 'application/json',
          Authorization: `Bearer ${client.token}`,
          ...(body ? { 'Content-Type': type } : {}),
          ...headers,
        },
        body: body && !(body instanceof Uint8Array) ? JSON.stringify(body) : body,
        signal: AbortSignal.timeout(PATIENCE),
      });
      bytes = Buffer.from(await r.arrayBuffer());
    } catch (e) {
      this.count('closed');
      // httpd may close a kept connection (event does when all workers are busy) as a
      // request goes out on it: what changes nothing is asked anew (RFC 9112, 9.3.1), once.
      if (method === 'GET' && e.cause?.code === 'UND_ERR_SOCKET' && !again) {
        return this.ask(client, method, path, body, { type, headers, right, again: true });
      }
      if (e.name === 'TimeoutError' || Date.now() - this.httpdKilled > CLOSING) {
        this.wrong.push(`${method} ${path}: ${e.name} ${e.cause?.code || e.message}, and no httpd child was killed`);
      }
      return null;
    }
    this.count(r.status);
    const json = /^application\/json/.test(r.headers.get('content-type'));
    const text = json ? bytes.toString() : `${bytes.length} bytes`;
    if (r.status === 503) {
      if (!(Number(r.headers.get('retry-after')) >= 1) || !/^\{"error":"[^"]+"/.test(text)) {
        this.wrong.push(`${method} ${path}: 503 without Retry-After or reason: ${text}`);
      }
      return null;
    }
    if (!right.includes(r.status)) {
      this.wrong.push(`${method} ${path}: ${r.status} ${text}`);
      this.hopeless = true; // who asked again would ask for ever
      return null;
    }
    return { status: r.status, json: json ? JSON.parse(text) : null, bytes };
  }
}

let said = 0; // messages of all phones

export class Phone {
  /** @param talks  ids of conversations it writes into */
  constructor(world, client, talks, random) {
    Object.assign(this, { world, client, talks, random });
    this.sent = []; // {client_id, talk, id}: each was answered 201
  }

  async run() {
    while (this.world.running) {
      await this.say(this.random.pick(this.talks), `kill.${++said}`);
      await sleep(this.random.below(this.world.pace));
    }
  }

  async say(talk, client_id) {
    for (;;) {
      const r = await this.world.ask(this.client, 'POST', `/chat/conversation/${talk}/message`,
        { content: `said ${client_id}`, client_id });
      if (r) {
        const { message } = r.json;
        if (r.status !== 201 || message.client_id !== client_id) {
          this.world.wrong.push(`POST of ${client_id}: ${r.status} ${JSON.stringify(r.json)}`);
        }
        this.sent.push({ client_id, talk, id: message.id });
        return;
      }
      if (this.world.hopeless && !this.world.running) {
        return; // verify() says it
      }
      await sleep(50 + this.random.below(200));
    }
  }
}

/** What somebody has heard: every event, by id, and how often. */
export class Heard {
  events = new Set(); // ids
  repeats = 0;
  disorder = []; // events of a conversation that came first after a later one
  last = new Map(); // conversation -> the highest id

  /** @param ordered  the first time each is heard is in the order of ids */
  constructor(ordered) {
    this.ordered = ordered;
  }

  /** @param data  of any event that stands in the log */
  note(data) {
    const { id } = data;
    const talk = data.message?.consultation_id ?? data.consultation_id ?? data.consultation.id;
    if (this.events.has(id)) {
      this.repeats++;
      return;
    }
    this.events.add(id);
    if (this.ordered && id < (this.last.get(talk) || 0)) {
      this.disorder.push(`event ${id} of conversation ${talk} after ${this.last.get(talk)}`);
    }
    this.last.set(talk, Math.max(id, this.last.get(talk) || 0));
  }
}

/** GET /chat/sync from one cursor until it is complete. @return false: give up */
async function syncOn(world, client, from, limit, heard) {
  const r = await world.ask(client, 'GET', `/chat/sync?limit=${limit}&since=${encodeURIComponent(from.cursor)}`);
  if (!r) {
    return false;
  }
  if (r.json.status === 'reset') {
    world.wrong.push(`reset of the cursor ${from.cursor}`);
  }
  r.json.events.forEach((e) => heard.note(e.data));
  from.cursor = r.json.cursor;
  return r.json.status === 'complete';
}

export class Syncer {
  constructor(world, client, pause) {
    Object.assign(this, { world, client, pause });
    this.heard = new Heard(false);
    this.from = { cursor: null };
  }

  async begin() {
    this.from.cursor = (await this.world.ask(this.client, 'GET', '/chat/sync')).json.cursor;
    this.first = this.from.cursor;
  }

  async run() {
    while (!this.world.ending) {
      await syncOn(this.world, this.client, this.from, 100, this.heard);
      await sleep(this.pause);
    }
  }

  /** Everything since the beginning, in pages, with nobody writing. */
  async all() {
    const heard = new Heard(true);
    const from = { cursor: this.first };
    while (!await syncOn(this.world, this.client, from, 137, heard)) {
      // the next page
    }
    return heard;
  }
}

/** Asks for what was missed while the socket was away. A pushed cursor counts only
 * while nothing is missed: the first push after a gap is behind the gap. */
class Resync {
  generation = 0; // of the socket
  behind = false;
  busy = false;

  constructor(world, client, heard) {
    Object.assign(this, { world, client, heard });
    this.from = { cursor: null };
  }

  async begin() {
    this.from.cursor = (await this.world.ask(this.client, 'GET', '/chat/sync')).json.cursor;
  }

  away() {
    this.generation++;
    this.behind = true;
  }

  pushed(data) {
    if (!this.behind) {
      this.from.cursor = data.cursor;
    }
  }

  /** All channels are joined. */
  async back() {
    if (this.busy) {
      return; // what runs looks again when it is through
    }
    this.busy = true;
    for (let looked = -1; looked !== this.generation && !this.world.ending;) {
      looked = this.generation;
      while (!await syncOn(this.world, this.client, this.from, 200, this.heard) && !this.world.ending) {
        await sleep(50);
      }
    }
    this.behind = false;
    this.busy = false;
  }
}

const signed = (site, socketId, channel) =>
  `${site.app.key}:${createHmac('sha256', site.app.secret).update(`${socketId}:${channel}`).digest('hex')}`;

export class Listener {
  /**
   * @param channels  names
   * @param client    whose page it is: through httpd, authorized by it, and synced;
   *                  null: straight to chat-push, signed with the secret, never synced
   */
  constructor(world, name, channels, client = null) {
    Object.assign(this, { world, name, channels, client });
    this.heard = new Heard(!client);
    this.resync = client && new Resync(world, client, this.heard);
    this.joined = new Set();
    this.connections = 0;
  }

  async begin() {
    await this.resync?.begin();
    this.connect();
  }

  get well() {
    return this.joined.size === this.channels.length;
  }

  connect() {
    const { site } = this.world;
    const port = this.client ? site.o.port : site.o.pushPort;
    const ws = new WebSocket(`ws://127.0.0.1:${port}/app/${site.app.key}?protocol=7&client=kill&version=1`);
    this.ws = ws;
    this.connections++;
    ws.on('error', () => {}); // close follows
    ws.on('close', () => {
      this.joined.clear();
      this.resync?.away();
      if (!this.world.ending) {
        setTimeout(() => this.connect(), 100);
      }
    });
    ws.on('message', (text) => this.message(ws, JSON.parse(String(text))));
  }

  message(ws, m) {
    const data = typeof m.data === 'string' ? JSON.parse(m.data) : m.data;
    if (m.event === 'pusher:connection_established') {
      this.channels.forEach((c) => this.join(ws, data.socket_id, c));
    } else if (m.event === 'pusher_internal:subscription_succeeded') {
      this.joined.add(m.channel);
      if (this.well) {
        this.resync?.back();
      }
    } else if (m.event === 'pusher:ping') {
      ws.send('{"event":"pusher:pong","data":{}}');
    } else if (data?.cursor) {
      this.heard.note(data);
      this.resync?.pushed(data);
    } else if (m.event !== 'pusher:pong') {
      this.world.wrong.push(`${this.name} was told ${JSON.stringify(m)}`);
    }
  }

  async join(ws, socketId, channel) {
    let auth = this.client ? null : signed(this.world.site, socketId, channel);
    while (!auth && ws === this.ws && ws.readyState === WebSocket.OPEN && !this.world.ending) {
      const r = await this.world.ask(this.client, 'POST', '/broadcasting/auth',
        { socket_id: socketId, channel_name: channel });
      auth = r && r.json.auth;
      if (!auth) {
        await sleep(100);
      }
    }
    if (auth && ws.readyState === WebSocket.OPEN) {
      ws.send(JSON.stringify({ event: 'pusher:subscribe', data: { channel, auth } }));
    }
  }

  end() {
    this.ws.close();
  }
}

/** pusher-js, told to try again every two seconds: left alone it waits up to a
 * minute. As a page or as a plain client, as above. */
export class Insister {
  constructor(world, name, channel, client = null) {
    Object.assign(this, { world, name, channel, client });
    this.channels = [channel];
    this.heard = new Heard(!client);
    this.resync = client && new Resync(world, client, this.heard);
    this.connections = 0;
  }

  async begin() {
    await this.resync?.begin();
    const { site } = this.world;
    const options = pusherOptions(site, this.client || {}, { direct: !this.client });
    options.channelAuthorization = {
      customHandler: ({ socketId, channelName }, done) => this.authorize(socketId, channelName).then((auth) => done(null, { auth })),
    };
    options.enabledTransports = ['ws'];
    this.pusher = new Pusher(site.app.key, options);
    this.pusher.connection.bind('connected', () => { this.connections++; });
    this.pusher.connection.bind('state_change', ({ previous }) => previous === 'connected' && this.resync?.away());
    const channel = this.pusher.subscribe(this.channel);
    channel.bind('pusher:subscription_succeeded', () => this.resync?.back());
    channel.bind_global((event, data) => {
      if (data?.cursor) {
        this.heard.note(data);
        this.resync?.pushed(data);
      }
    });
    this.timer = setInterval(() => {
      if (!this.open) {
        this.pusher.disconnect();
        this.pusher.connect();
      }
    }, 2000);
  }

  get open() {
    return Boolean(this.pusher.connection.connection);
  }

  async authorize(socketId, channel) {
    while (this.client && !this.world.ending) {
      const r = await this.world.ask(this.client, 'POST', '/broadcasting/auth', { socket_id: socketId, channel_name: channel });
      if (r) {
        return r.json.auth;
      }
      await sleep(100);
    }
    return signed(this.world.site, socketId, channel);
  }

  /** Its state goes on saying "connected" for a second after the socket's end. */
  get well() {
    return this.open && this.pusher.channel(this.channel).subscribed;
  }

  end() {
    clearInterval(this.timer);
    this.pusher.disconnect();
  }
}

/** Connects where somebody listens for a chat-push that may be away: is answered, or
 * waits until it is. Through httpd: is given a socket, or 503 that says when to come. */
export class Knocker {
  counts = {};
  longest = 0; // ms until the answer

  /** @param door  port, metrics: chat-push's own; httpd: an upgrade there */
  constructor(world, door) {
    Object.assign(this, { world, door });
  }

  async run() {
    while (this.world.running) {
      const begun = Date.now();
      const what = await this.knock();
      this.counts[what] = (this.counts[what] || 0) + 1;
      this.longest = Math.max(this.longest, Date.now() - begun);
      if (what.startsWith('!')) {
        this.world.wrong.push(`at ${this.door}: ${what.slice(1)}`);
      }
      await sleep(this.world.pace / 12);
    }
  }

  knock() {
    const { site } = this.world;
    const port = { port: site.o.pushPort, metrics: site.o.metricsPort, httpd: site.o.port }[this.door];
    const upgrade = 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';
    return new Promise((resolve) => {
      const socket = net.connect({ port, host: '127.0.0.1' });
      let text = '';
      const done = (what) => {
        socket.destroy();
        resolve(what);
      };
      socket.setTimeout(PATIENCE, () => done('!no answer'));
      socket.on('error', (e) => done(e.code === 'ECONNREFUSED' ? '!refused' : 'broken off'));
      socket.on('close', () => done('broken off')); // it was killed with the request
      socket.on('data', (d) => {
        text += d;
        if (text.includes('\r\n\r\n')) {
          const status = text.split(' ')[1];
          const fine = this.door !== 'httpd' ? status !== undefined : status === '101' || (status === '503' && /^retry-after: \d/im.test(text));
          done(fine ? status : `!${text.split('\r\n')[0]}`);
        }
      });
      socket.write(this.door === 'httpd' ? `GET /app/${site.app.key}?protocol=7 HTTP/1.1\r\nHost: h\r\n${upgrade}`
        : 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
    });
  }
}
