// SPDX-License-Identifier: Apache-2.0
//
// Who has closed is gone: a server that asks the HTTP API after a client has ended
// does not find that client, whatever the loops are busy with. The process is held
// (SIGSTOP) while both are sent, so that it finds them together.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { Push, Raw } from './lib/push.mjs';

async function start(loops, args) {
  const push = await new Push().start({ env: { CHAT_PUSH_LOOPS: String(loops) }, args });
  after(() => push.stop());
  return push;
}

/** What fn sends is there when the process goes on. */
async function held(push, fn) {
  push.child.kill('SIGSTOP');
  try {
    return await fn();
  } finally {
    push.child.kill('SIGCONT');
  }
}

for (const loops of [1, 3]) {
  test(`who has closed is in no answer to a question that came later, with ${loops} loops`, async () => {
    const push = await start(loops);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 12; i++) {
      const name = `presence-room${i}`;
      const member = await push.raw();
      await member.join(name, { data: { user_id: 1 } });
      // On the connection that is there already: a new one would take a turn more.
      const before = await push.call('GET', `/channels/${name}`, { agent });
      assert.deepEqual(before.json, { occupied: true, subscription_count: 1, user_count: 1 });
      const asked = [];
      await held(push, async () => {
        const sent = new Promise((resolve) => member.ws._socket.once('finish', resolve));
        if (i % 2) {
          member.ws.close();
        } else {
          member.ws._socket.end(); // without a close frame
          await sent;
        }
        asked.push(push.call('GET', `/channels/${name}`, { agent }));
        asked.push(push.call('GET', '/channels', { agent }));
        asked.push(push.call('GET', `/channels/${name}/users`, { agent }));
        await new Promise((resolve) => setImmediate(resolve));
      });
      const [one, all, users] = await Promise.all(asked);
      assert.deepEqual(one.json, { occupied: false, subscription_count: 0, user_count: 0 });
      assert.deepEqual(all.json, { channels: {} });
      assert.deepEqual(users.json, { users: [] });
      await member.closed;
    }
    agent.destroy();
  });

  for (const limit of ['maxConnections', 'maxConnectionsPerAddress']) {
    test(`the place of who has closed is free for who comes next, of ${limit} with ${loops} loops`, async () => {
      const conf = path.join(os.tmpdir(), `push-rounds-${process.pid}.json`);
      const app = { id: 'app1', key: 'key1', secret: 'secret1', [limit]: 1 };
      fs.writeFileSync(conf, JSON.stringify({ 'appManager.array.apps': [app] }));
      const push = await start(loops, ['--config', conf]);
      fs.rmSync(conf);
      let last = await push.raw();
      for (let i = 0; i < 12; i++) {
        // Its connection is there already, as that of a proxy would be.
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        await push.http('GET', '/', { agent });
        const next = await held(push, async () => {
          last.ws.close();
          const raw = new Raw(push.url(), { agent }, push);
          await new Promise((resolve) => setImmediate(resolve));
          return raw;
        });
        await next.next('pusher:connection_established');
        await last.closed;
        last = next;
      }
      const { code } = await push.refused(push.url());
      assert.equal(code, 4004, 'one too many is one too many');
      await last.close();
    });
  }

  test(`questions that wait are all answered in order, and who resets is let go, with ${loops} loops`, async () => {
    const push = await start(loops);
    const member = await push.raw();
    await member.join('room');
    const question = await new Promise((resolve) => {
      // As the SDK asks, to be sent again and again: one signature is good for one query.
      const agent = new http.Agent();
      agent.createConnection = (options) => {
        const socket = net.connect(options, () => {});
        const write = socket.write.bind(socket);
        socket.write = (text, ...rest) => {
          resolve(String(text));
          return write(text, ...rest);
        };
        return socket;
      };
      push.call('GET', '/channels/room', { agent });
    });
    const ask = question.replace(/Connection: close/i, 'Connection: keep-alive');
    const other = 'GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n';
    const sockets = await Promise.all(Array.from({ length: 400 }, () => new Promise((resolve, reject) => {
      const socket = net.connect(push.port, '127.0.0.1', () => resolve(socket));
      socket.once('error', reject);
    })));
    const answers = await held(push, async () => {
      const all = sockets.map((socket, i) => {
        socket.removeAllListeners('error').on('error', () => {});
        socket.write(ask + other + ask);
        if (i % 4 === 3) {
          socket.resetAndDestroy();
          return null;
        }
        return new Promise((resolve) => {
          let text = '';
          socket.on('data', (d) => {
            text += d;
            if (text.split('HTTP/1.1 ').length === 4 && text.endsWith('}')) {
              resolve(text);
            }
          });
        });
      });
      await new Promise((resolve) => setImmediate(resolve));
      return all;
    });
    for (const text of (await Promise.all(answers)).filter((a) => a !== null)) {
      assert.deepEqual([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((m) => m[1]), ['200', '404', '200']);
      assert.equal(text.split('{"occupied":true,"subscription_count":1}').length, 3);
    }
    for (const socket of sockets) {
      socket.destroy();
    }
    assert.deepEqual((await push.call('GET', '/channels')).json, { channels: { room: { occupied: true, subscription_count: 1 } } });
    await member.close();
  });
}
