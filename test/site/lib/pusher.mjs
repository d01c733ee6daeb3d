// SPDX-License-Identifier: Apache-2.0
//
// The unmodified clients from npm, pointed at a site: pusher-js and laravel-echo
// through httpd or straight at chat-push, and the `pusher` server SDK.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { cleanup } from './cleanup.mjs';
import { checkEvent } from './contract.mjs';

// The WebSocket in pusher-js waits 30 s for an answer to its close, also where the
// other end has closed before it: a process that is through need not.
const { setTimeout: timer } = globalThis;
globalThis.setTimeout = (fn, ms, ...rest) => (ms === 30000 ? timer(fn, ms, ...rest).unref() : timer(fn, ms, ...rest));

const require = createRequire(import.meta.url);
export const Pusher = require('pusher-js');
export const PusherServer = require('pusher');

/** How a page at `url` reaches the socket; authorized as `client`. */
export function pusherOptions(site, client, { direct = false } = {}) {
  const port = direct ? site.o.pushPort : site.o.port;
  return {
    cluster: 'mt1',
    wsHost: '127.0.0.1',
    wsPort: port,
    wssPort: port,
    forceTLS: false,
    enabledTransports: ['ws', 'wss'],
    disableStats: true,
    channelAuthorization: {
      transport: 'ajax',
      endpoint: `${site.url}/broadcasting/auth`,
      headers: {
        Accept: 'application/json',
        ...(client.token ? { Authorization: `Bearer ${client.token}` } : {}),
        ...(client.cookie ? { Cookie: client.cookie, 'X-CSRF-TOKEN': client.csrf } : {}),
      },
    },
  };
}

/** A client; gone at the file's end, also when its test fails: it would connect for ever. */
export function connect(site, client, options) {
  const pusher = new Pusher(site.app.key, pusherOptions(site, client, options));
  cleanup(() => pusher.disconnect());
  return pusher;
}

/** Subscribe and wait for the answer. */
export function subscribed(pusher, name) {
  return new Promise((resolve, reject) => {
    const channel = pusher.subscribe(name);
    channel.bind('pusher:subscription_succeeded', () => resolve(channel));
    channel.bind('pusher:subscription_error', (e) => reject(Object.assign(new Error(`${name}: ${JSON.stringify(e)}`), e)));
  });
}

/** What was pushed and is not what doc/openapi.yaml says. */
const wrong = [];
let judging = false;

/** Every event of a name on a channel, as an array that grows. They are held against the
 *  contract; what is wrong with one is said when the file ends. */
export function collect(channel, event) {
  const seen = [];
  if (!judging) {
    judging = true;
    cleanup(() => assert.deepEqual(wrong, []));
  }
  channel.bind(event, (data) => {
    seen.push(data);
    try {
      checkEvent(event, data);
    } catch (e) {
      wrong.push(e.message);
    }
  });
  return seen;
}

export function server(site) {
  return new PusherServer({
    appId: site.app.id,
    key: site.app.key,
    secret: site.app.secret,
    host: '127.0.0.1',
    port: String(site.o.pushPort),
    useTLS: false,
  });
}
