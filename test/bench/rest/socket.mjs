// SPDX-License-Identifier: Apache-2.0
//
// A subscriber and a poster of messages on bare sockets: a client library would add
// its own milliseconds to figures of a few. Times are the monotonic clock's, in ms,
// the same for all processes of the machine.
//
// The subscriber runs in a thread of its own, so that it notes a frame when it comes
// and not when whoever posts has a moment.

import { createHmac } from 'node:crypto';
import net from 'node:net';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';

export const now = () => Number(process.hrtime.bigint()) / 1e6;

/** A client's text frame of less than 64 kB; its mask is zero. */
function textFrame(text) {
  const data = Buffer.from(text);
  const head = data.length < 126 ? Buffer.from([0x81, 0x80 | data.length])
    : Buffer.from([0x81, 0x80 | 126, data.length >> 8, data.length & 255]);
  return Buffer.concat([head, Buffer.alloc(4), data]);
}

/** Subscribe to channels, and tell every MessageSent with the time it came. */
function listen({ port, app, channels }) {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  let input = Buffer.alloc(0);
  let upgraded = false;
  let open = 0;
  let heard = [];
  const send = (event, data) => socket.write(textFrame(JSON.stringify({ event, data })));
  const event = (text, at) => {
    const e = JSON.parse(text);
    if (e.event === 'pusher:connection_established') {
      const id = JSON.parse(e.data).socket_id;
      for (const channel of channels) {
        const signature = createHmac('sha256', app.secret).update(`${id}:${channel}`).digest('hex');
        send('pusher:subscribe', { channel, auth: `${app.key}:${signature}` });
      }
    }
    else if (e.event === 'pusher_internal:subscription_succeeded') {
      if (++open === channels.length) {
        parentPort.postMessage({ ready: true });
      }
    }
    else if (e.event === 'pusher:ping') {
      send('pusher:pong', {});
    }
    else if (e.event === 'pusher:subscription_error' || e.event === 'pusher:error') {
      throw new Error(text);
    }
    else if (e.event === 'MessageSent') {
      const d = JSON.parse(e.data);
      heard.push([d.message.id, d.message.consultation_id, d.id, d.cursor, at, d.message.content]);
    }
  };
  socket.on('connect', () => socket.write(`GET /app/${app.key}?protocol=7 HTTP/1.1\r\nHost: 127.0.0.1\r\n` +
    'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'));
  socket.on('data', (data) => {
    const at = now();
    input = input.length ? Buffer.concat([input, data]) : data;
    if (!upgraded) {
      const end = input.indexOf('\r\n\r\n');
      if (end < 0) {
        return;
      }
      upgraded = true;
      input = input.subarray(end + 4);
    }
    while (input.length >= 2) {
      const short = input[1] & 127;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (input.length < head) {
        break;
      }
      const n = short < 126 ? short : short === 126 ? input.readUInt16BE(2) : Number(input.readBigUInt64BE(2));
      if (input.length < head + n) {
        break;
      }
      if ((input[0] & 15) === 1) {
        event(input.toString('utf8', head, head + n), at);
      }
      input = input.subarray(head + n);
    }
  });
  socket.on('close', () => parentPort.postMessage({ closed: true }));
  parentPort.on('message', (what) => {
    if (what === 'take') {
      parentPort.postMessage({ heard });
      heard = [];
    }
    else {
      socket.destroy();
      parentPort.close();
    }
  });
}

if (!isMainThread && workerData?.ear) {
  listen(workerData.ear);
}

/** A subscriber: `take()` gives what it has heard since, as lists
 *  [message id, conversation, event id, cursor, time, content]. */
export class Ear {
  static async open(site, channels) {
    const ear = new Ear();
    ear.worker = new Worker(new URL(import.meta.url), {
      workerData: { ear: { port: site.o.pushPort, app: site.app, channels } },
    });
    await ear.next('ready');
    return ear;
  }

  next(key) {
    return new Promise((done, failed) => {
      const on = (m) => {
        if (m[key]) {
          this.worker.off('message', on);
          done(m[key]);
        }
        else if (m.closed) {
          failed(new Error('chat-push ended the connection'));
        }
      };
      this.worker.on('message', on);
      this.worker.once('error', failed);
    });
  }

  take() {
    const taken = this.next('heard');
    this.worker.postMessage('take');
    return taken;
  }

  close() {
    this.worker.postMessage('close');
    return new Promise((done) => this.worker.once('exit', done));
  }
}

/** One kept HTTP connection; one request at a time. */
export class Line {
  constructor(port) {
    this.socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    this.input = '';
    this.busy = false;
    this.socket.on('data', (d) => this.data(d));
    this.socket.on('error', (e) => this.fail(e));
    this.socket.on('close', () => this.fail(new Error('httpd ended the connection')));
  }

  data(d) {
    this.input += d.toString('latin1');
    const end = this.input.indexOf('\r\n\r\n');
    if (end < 0) {
      return;
    }
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.input)?.[1] || 0);
    if (this.input.length >= end + 4 + length) {
      const status = Number(this.input.split(' ', 2)[1]);
      const body = this.input.slice(end + 4, end + 4 + length);
      this.input = '';
      this.busy = false;
      const { done } = this.waiting;
      this.waiting = null;
      done({ status, body: Buffer.from(body, 'latin1').toString() });
    }
  }

  fail(e) {
    this.gone = e;
    this.waiting?.failed(e);
    this.waiting = null;
  }

  request(method, path, token, body = null) {
    this.busy = true;
    const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n` +
      `Authorization: Bearer ${token}\r\n`;
    const text = body === null ? '' : JSON.stringify(body);
    return new Promise((done, failed) => {
      if (this.gone) {
        failed(this.gone);
        return;
      }
      this.waiting = { done, failed };
      this.socket.write(body === null ? `${head}\r\n`
        : `${head}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
    });
  }

  close() {
    this.waiting = null;
    this.socket.destroy();
  }
}
