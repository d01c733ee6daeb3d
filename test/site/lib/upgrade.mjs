// SPDX-License-Identifier: Apache-2.0
//
// WebSockets through httpd by raw sockets: what stands before the upgrade, beside
// it in one packet and behind it is the test's. A Door is a port and what every
// request there needs.

import assert from 'node:assert/strict';
import net from 'node:net';
import { Peer, TEXT, UPGRADE, answer, frame, handshake } from './wire.mjs';

export class Door {
  /**
   * @param {number} port
   * @param {object} [o]
   * @param {string} [o.before]  said first on each connection, as a PROXY line
   * @param {(port) => net.Socket} [o.dial]  another way to connect
   */
  constructor(port, { before = '', dial = null, path = '/app/askkey?protocol=7&client=test&version=1' } = {}) {
    Object.assign(this, { port, before, path });
    this.dial = dial || ((p) => net.connect({ port: p, host: '127.0.0.1', noDelay: true, allowHalfOpen: true }));
  }

  request(headers = {}, path = this.path) {
    return handshake({ ...UPGRADE, Host: `127.0.0.1:${this.port}`, ...headers }, `GET ${path} HTTP/1.1`);
  }

  /** A connection that has said nothing but `before`. */
  async connect() {
    const socket = this.dial(this.port);
    await new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.once(socket.encrypted ? 'secureConnect' : 'connect', resolve);
    });
    const peer = new Peer(socket);
    if (this.before) {
      peer.send(this.before);
    }
    return peer;
  }

  /** One request. @return {{peer, status, head}} */
  async ask(headers, { path, early = [] } = {}) {
    const peer = await this.connect();
    peer.send(this.request(headers, path), ...early);
    return { peer, ...await answer(peer) };
  }

  /** A WebSocket that was greeted. */
  async open(headers, options) {
    const { peer, status, head } = await this.ask(headers, options);
    assert.equal(status, 101, head);
    await greeted(peer);
    return peer;
  }
}

/** The next event of a Pusher server. */
export async function event(peer) {
  const f = await peer.frame();
  assert.equal(f.opcode, TEXT, `a text frame and not opcode ${f.opcode}: ${f.payload.subarray(2)}`);
  return JSON.parse(f.payload);
}

export async function greeted(peer) {
  const e = await event(peer);
  assert.equal(e.event, 'pusher:connection_established', JSON.stringify(e));
  return JSON.parse(e.data).socket_id;
}

export const say = (name, data) => frame(TEXT, JSON.stringify({ event: name, data }));
export const subscribe = (channel) => say('pusher:subscribe', { channel });

/** Subscribe, and wait until that is done. */
export async function join(peer, channel) {
  peer.send(subscribe(channel));
  assert.equal((await event(peer)).event, 'pusher_internal:subscription_succeeded');
}

/** Whether the other side still listens: it answers a ping. */
export async function alive(peer) {
  peer.send(say('pusher:ping', {}));
  assert.equal((await event(peer)).event, 'pusher:pong');
}

/** An answer that has a body, taken whole. @return {{status, head, body}} */
export async function whole(peer) {
  const a = await answer(peer);
  const length = Number(a.head.match(/^content-length: (\d+)/im)?.[1] ?? 0);
  const body = await peer.until('the body', (b) => (b.length >= length ? b.subarray(0, length) : undefined));
  peer.input = peer.input.subarray(length);
  return { ...a, body };
}
