// SPDX-License-Identifier: Apache-2.0
//
// What the numbers of an app's limits mean, each by what it does: 0 is none, 1 is
// one, -1 is no limit. And what is no such number ends the start with its name.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createHmac } from 'node:crypto';
import { after, test } from 'node:test';
import WebSocket from 'ws';
import { runPush, startPush } from './lib/push.mjs';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'chat-limits-'));
process.on('exit', () => fs.rmSync(dir, { recursive: true }));

/** How the door answers: a close code, an HTTP status, or 101 once established. */
const knock = (push) => new Promise((resolve, reject) => {
  const ws = new WebSocket(push.url());
  open.push(ws);
  ws.on('error', () => {});
  ws.on('unexpected-response', (request, response) => {
    response.resume();
    resolve(response.statusCode);
  });
  ws.on('message', () => resolve(101));
  ws.on('close', (code) => resolve(code));
  setTimeout(() => reject(new Error('no answer')), 20000).unref();
});
const open = [];
after(() => open.forEach((ws) => ws.terminate()));

/** Sign in as one user on a connection of its own: a close code, or 0. */
async function signin(push) {
  const a = await push.raw();
  open.push(a.ws);
  const user = JSON.stringify({ id: 'ann' });
  const sign = createHmac('sha256', push.app.secret).update(`${a.socketId}::user::${user}`).digest('hex');
  a.send({ event: 'pusher:signin', data: { auth: `${push.app.key}:${sign}`, user_data: user } });
  return Promise.race([a.closed.then((e) => e.code), a.next('pusher:signin_success').then(() => 0)]);
}

let raw;
/** Do something on one connection: the code it is refused with, or 0. */
async function on(push, prepare, act) {
  if (raw?.push !== push) {
    raw = await push.raw();
    open.push(raw.ws);
    await prepare(raw);
  }
  act(raw);
  const said = (await raw.drain()).map((m) => m.data.code ?? m.data.status).filter((code) => code >= 4000);
  return said[0] ?? 0;
}

/** Each limit: what counts against it, what is said when it is used up, and otherwise. */
const limits = {
  maxConnections: { act: knock, beyond: 4004, within: 101 },
  maxConnectionsPerUser: { act: signin, beyond: 4004, within: 0 },
  maxConnectionsPerAddress: { act: knock, beyond: 4004, within: 101 },
  maxConnectsPerAddressPerMinute: { act: knock, beyond: 429, within: 101 },
  maxBackendEventsPerSecond: {
    act: async (p) => (await p.call('POST', '/events', { body: { name: 'n', channel: 'c', data: '' } })).status, beyond: 429, within: 200,
  },
  maxReadRequestsPerSecond: { act: async (p) => (await p.call('GET', '/channels')).status, beyond: 429, within: 200 },
  maxClientEventsPerSecond: {
    act: (p) => on(p, (a) => a.join('private-a'), (a) => a.send({ event: 'client-x', channel: 'private-a', data: '' })),
    beyond: 4301,
    within: 0,
  },
  maxSubscribesPerMinute: {
    act: (p) => on(p, () => {}, (a) => a.send({ event: 'pusher:subscribe', data: { channel: 'b' } })), beyond: 4301, within: 0,
  },
};

const appOf = (limit, n) => ({ id: `${limit}${n}`, key: `key-${limit}${n}`, secret: 's', enableClientMessages: true, [limit]: n });
const file = (name, apps) => {
  const at = path.join(dir, name);
  fs.writeFileSync(at, JSON.stringify({ appManager: { array: { apps } } }));
  return ['--config', at];
};
const push = await startPush({
  args: file('all.json', Object.keys(limits).flatMap((limit) => [0, 1, -1].map((n) => appOf(limit, n)))),
});
/** The same chat-push, seen as one of its apps. */
const as = (limit, n) => Object.assign(Object.create(push), { app: appOf(limit, n) });

test('the table has every limit that an app may have', () => {
  const source = fs.readFileSync(new URL('../../common/app.c', import.meta.url), 'utf8');
  const rows = source.matchAll(/\{ \{ "(\w+)"[^}]*\},\s*KIND_(?:LIMIT|PACE),/g);
  assert.deepEqual([...rows].map((r) => r[1]).sort(), Object.keys(limits).sort());
});

for (const [limit, { act, beyond, within }] of Object.entries(limits)) {
  test(`${limit}: 0 is none, 1 is one, -1 is no limit`, async () => {
    const none = as(limit, 0);
    assert.equal(await act(none), beyond, '0');
    assert.equal(await act(none), beyond, '0, once more');
    const free = as(limit, -1);
    for (let i = 0; i < 5; i++) {
      assert.equal(await act(free), within, '-1');
    }
    const one = as(limit, 1);
    assert.equal(await act(one), within, '1');
    // A second may have ended between two of a rate.
    let again;
    for (let i = 0; i < 20 && again !== beyond; i++) {
      again = await act(one);
    }
    assert.equal(again, beyond, '1, and one more');
  });
}

test('a number that is none of a limit ends the start, which names it', async () => {
  for (const limit of Object.keys(limits)) {
    for (const n of [-2, 0.5, 'nan', 'many', 1e300]) {
      const { code, stderr } = await runPush({}, file('wrong.json', [appOf(limit, n)]));
      assert.equal(code, 1, `${limit} ${n}`);
      assert.match(stderr, new RegExp(`apps\\[0\\]\\.${limit} must be a whole number.*: 0 for none, -1 for no limit`));
    }
  }
});

test('nobody may connect: that is said at the start, because Soketi lets everybody in', async () => {
  const one = await startPush({ env: { SOKETI_DEFAULT_APP_MAX_CONNS: '0' } });
  assert.match(one.stderr, /maxConnections of app app1 is 0: nobody can connect; no limit is -1/);
  await one.stop();
});
