// SPDX-License-Identifier: Apache-2.0
//
// build/ws-echo, which is chat-push's transport as an echo server, and a client
// that speaks with it through a raw socket: a real client library cannot be made
// to misbehave. Frames are made by frame(), a Peer sends them and tells what came
// back.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import path from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const build = path.resolve(process.env.CHAT_BUILD || path.join(root, 'build'));
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** ws-echo for a test file; whatever its cases do to it, it must live and end well. */
export async function startEcho() {
  const server = spawn(path.join(build, 'ws-echo'), ['0'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  server.stderr.on('data', (d) => { stderr += d; });
  after(async () => {
    const ended = new Promise((done) => server.once('exit', (code, signal) => done({ code, signal })));
    assert.equal(server.exitCode, null, `ws-echo has died: ${stderr}`);
    server.kill('SIGTERM');
    assert.deepEqual(await ended, { code: 0, signal: null });
    assert.equal(stderr, '');
  });
  port = await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('exit', (code) => reject(new Error(`ws-echo ended with ${code}: ${stderr}`)));
    server.stdout.on('data', (d) => {
      const found = String(d).match(/listening on (\d+)/);
      if (found) {
        resolve(Number(found[1]));
      }
    });
  });
  return port;
}

let port;

export const TEXT = 1;
export const BINARY = 2;
export const CONTINUATION = 0;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** A client's frame; `first` is the whole first byte when given. */
export function frame(opcode, payload = '', { fin = true, rsv = 0, masked = true, length } = {}) {
  const data = Buffer.from(payload);
  const n = data.length;
  const form = length ?? (n < 126 ? 7 : n < 65536 ? 16 : 64);
  const head = Buffer.alloc(form === 7 ? 2 : form === 16 ? 4 : 10);
  head[0] = (fin ? 0x80 : 0) | rsv << 4 | opcode;
  head[1] = (masked ? 0x80 : 0) | (form === 7 ? n : form === 16 ? 126 : 127);
  if (form === 16) {
    head.writeUInt16BE(n, 2);
  } else if (form === 64) {
    head.writeBigUInt64BE(BigInt(n), 2);
  }
  if (!masked) {
    return Buffer.concat([head, data]);
  }
  const mask = randomBytes(4);
  for (let i = 0; i < n; i++) {
    data[i] ^= mask[i & 3];
  }
  return Buffer.concat([head, mask, data]);
}

export const closing = (code, reason = '') => {
  const payload = Buffer.concat([Buffer.alloc(2), Buffer.from(reason)]);
  payload.writeUInt16BE(code, 0);
  return frame(CLOSE, payload);
};

export class Peer {
  constructor(socket) {
    this.socket = socket;
    this.input = Buffer.alloc(0);
    this.chunks = [];
    this.ended = false;
    this.deflate = false; // compression was agreed on
    this.wake = () => {};
    socket.on('data', (d) => { this.chunks.push(d); this.wake(); });
    socket.on('end', () => { this.ended = true; this.wake(); });
    socket.on('error', (e) => { this.ended = this.failed = e; this.wake(); });
    socket.on('close', () => { this.ended ||= true; this.wake(); });
  }

  send(...pieces) {
    this.socket.write(Buffer.concat(pieces.map((p) => Buffer.from(p))));
  }

  async drip(bytes) {
    for (const b of Buffer.from(bytes)) {
      await new Promise((done) => this.socket.write(Buffer.of(b), done));
      await new Promise((done) => setImmediate(done));
    }
  }

  /** Wait until `ready` gives something for the bytes that are here. */
  async until(what, ready) {
    const deadline = Date.now() + 20000;
    for (;;) {
      if (this.chunks.length) {
        this.input = Buffer.concat([this.input, ...this.chunks.splice(0)]);
      }
      const value = ready(this.input);
      if (value !== undefined) {
        return value;
      }
      assert.ok(!this.ended, `the connection ended before ${what}`);
      assert.ok(Date.now() < deadline, `no ${what} in time`);
      await new Promise((done) => {
        this.wake = done;
        setTimeout(done, 250);
      });
    }
  }

  /** The next frame of the server, which must be unmasked and in short form; RSV1
   * marks a compressed one. */
  frame() {
    return this.until('a frame', (b) => {
      if (b.length < 2) {
        return undefined;
      }
      assert.equal(b[1] & 0x80, 0, 'a server does not mask');
      assert.equal(b[0] & (this.deflate ? 0x30 : 0x70), 0, 'no reserved bit');
      const short = b[1] & 0x7f;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (b.length < head) {
        return undefined;
      }
      const n = short < 126 ? short : short === 126 ? b.readUInt16BE(2) : Number(b.readBigUInt64BE(2));
      assert.ok(n >= (short === 126 ? 126 : short === 127 ? 65536 : 0), 'shortest length form');
      if (b.length < head + n) {
        return undefined;
      }
      const payload = Buffer.from(b.subarray(head, head + n));
      this.input = b.subarray(head + n);
      return { fin: b[0] >> 7, rsv1: b[0] >> 6 & 1, opcode: b[0] & 15, payload };
    });
  }

  async echoes(opcode, payload) {
    const f = await this.frame();
    assert.deepEqual([f.fin, f.opcode, f.payload.length], [1, opcode, payload.length]);
    assert.ok(f.payload.equals(Buffer.from(payload)), 'the payload is the same');
  }

  /** The server closes with a code, sends nothing more and ends cleanly. */
  async closes(code) {
    const f = await this.frame();
    assert.equal(f.opcode, CLOSE, `a close frame, not opcode ${f.opcode}`);
    if (code === undefined) {
      assert.equal(f.payload.length, 0);
    } else {
      assert.equal(f.payload.readUInt16BE(0), code);
    }
    await this.ends();
  }

  async ends() {
    await this.until('the end', () => (this.ended ? true : undefined));
    assert.equal(this.input.length, 0, 'nothing after the close frame');
    assert.equal(this.failed, undefined, 'a clean end, no reset');
    this.socket.end();
  }
}

export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
export const UPGRADE = {
  Host: 'localhost',
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Key': KEY,
  'Sec-WebSocket-Version': '13',
};

export function connect() {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    socket.once('error', reject);
    socket.once('connect', () => resolve(new Peer(socket)));
  });
}

export function handshake(headers = UPGRADE, line = 'GET /chat?x=1 HTTP/1.1') {
  const lines = Object.entries(headers).filter(([, v]) => v !== undefined)
    .flatMap(([k, v]) => [].concat(v).map((one) => `${k}: ${one}\r\n`));
  return `${line}\r\n${lines.join('')}\r\n`;
}

/** The head of the server's answer, and its status. */
export async function answer(peer) {
  const head = await peer.until('an answer', (b) => {
    const end = b.indexOf('\r\n\r\n');
    return end < 0 ? undefined : b.subarray(0, end + 4).toString();
  });
  peer.input = peer.input.subarray(head.length);
  return { head, status: Number(head.split(' ')[1]) };
}

/** A WebSocket; gives the head of the answer too, as peer.head. */
export async function open(headers = UPGRADE) {
  const peer = await connect();
  peer.send(handshake(headers));
  const { head, status } = await answer(peer);
  assert.equal(status, 101, head);
  return Object.assign(peer, { head });
}

/** Run each case on its own connection. */
export async function each(cases, run) {
  for (const [name, ...args] of cases) {
    const peer = await open();
    try {
      await run(peer, ...args);
    } catch (e) {
      e.message = `${name}: ${e.message}`;
      throw e;
    } finally {
      peer.socket.destroy();
    }
  }
}
