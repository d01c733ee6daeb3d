// SPDX-License-Identifier: Apache-2.0
//
// What a browser adds to a page's WebSocket and a page cannot: the cookies of the
// host, whatever the port, and the page's Origin. pusher-js of node connects to a
// jar, which adds them to the first request and then passes bytes on.

import net from 'node:net';
import { cleanup } from './cleanup.mjs';

export class Jar {
  /**
   * @param {number} to       the door's port
   * @param {object} headers  that the browser adds
   * @param {(port) => net.Socket} [dial]  another way to connect
   */
  constructor(to, headers, dial = (port) => net.connect({ port, host: '127.0.0.1', noDelay: true })) {
    Object.assign(this, { to, headers, dial });
  }

  async open() {
    this.server = net.createServer((page) => this.pass(page));
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.port = this.server.address().port;
    cleanup(() => this.server.close());
    return this;
  }

  pass(page) {
    const door = this.dial(this.to);
    const end = () => {
      page.destroy();
      door.destroy();
    };
    let head = '';
    const first = (bytes) => {
      head += bytes.toString('latin1');
      const at = head.indexOf('\r\n\r\n');
      if (at < 0) {
        return;
      }
      page.off('data', first);
      const added = Object.entries(this.headers).map(([name, value]) => `\r\n${name}: ${value}`).join('');
      const asked = head.slice(0, at).replace(/^(host: .*:)\d+/im, `$1${this.to}`) + added;
      door.write(Buffer.from(asked + head.slice(at), 'latin1'));
      page.pipe(door);
    };
    page.on('data', first);
    door.pipe(page);
    page.on('error', end).on('close', end);
    door.on('error', end).on('close', end);
  }
}

/** A jar in front of a port; gone at the file's end. */
export const openJar = (to, headers, dial) => new Jar(to, headers, dial).open();
