// SPDX-License-Identifier: Apache-2.0
//
// Every build of pusher-js that runs without a browser, old and new. The ones for
// pages and workers are files that expect the names of their world: they are run in
// a context that has these and nothing else, with a real WebSocket among them.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import vm from 'node:vm';
import WebSocket from 'ws';

const require = createRequire(import.meta.url);
const nacl = require('tweetnacl');

function inContext(name, file, page) {
  const world = { WebSocket, fetch, console, setTimeout, clearTimeout, setInterval, clearInterval, btoa, atob, TextEncoder, TextDecoder, Uint8Array, Headers, Request };
  world.crypto = globalThis.crypto;
  world.self = world.window = world; // the worker of version 7 asks for window.crypto
  if (page) {
    world.addEventListener = () => {};
    world.removeEventListener = () => {};
    world.navigator = { onLine: true };
    world.location = { protocol: 'http:' };
    world.document = { body: {}, location: world.location };
  }
  const at = path.join(path.dirname(require.resolve(name)), '..', file);
  vm.runInContext(fs.readFileSync(at, 'utf8'), vm.createContext(world), { filename: at });
  return world.Pusher;
}

/* Name; how it is loaded; options without which it cannot decrypt; whether it can
 * ask an endpoint itself (a page does it by XMLHttpRequest, which is not here). */
export const builds = ['pusher-js', 'pusher-js-7'].flatMap((name) => {
  const version = require(`${name}/package.json`).version;
  return [
    { name: `${version} node`, Pusher: require(name), options: { nacl }, asks: true },
    { name: `${version} worker`, Pusher: inContext(name, 'worker/pusher.worker.min.js'), options: { nacl }, asks: true },
    { name: `${version} worker with-encryption`, Pusher: inContext(name, 'worker/pusher-with-encryption.worker.js'), options: {}, asks: true },
    { name: `${version} web with-encryption`, Pusher: inContext(name, 'web/pusher-with-encryption.min.js', true), options: {}, asks: false },
  ];
});
