// SPDX-License-Identifier: Apache-2.0
//
// chat-push alone, without httpd or database: started on free ports, with the
// ways to talk to it. Raw is a WebSocket that shows each message; call() sends a
// signed HTTP API request that a test may then spoil.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';

const require = createRequire(import.meta.url);
export const Pusher = require('pusher-js');
export const PusherServer = require('pusher');

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
export const build = path.resolve(process.env.CHAT_BUILD || path.join(root, 'build'));
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/* How long to wait for what must come, ms, where a test does not say: other test files
 * and a sanitizer may keep the machine busy. */
const PATIENCE = process.env.CHAT_SANITIZE ? 40000 : 15000;

/** Wait until fn gives something true. */
export async function eventually(fn, what, ms = PATIENCE) {
  const end = Date.now() + ms;
  for (;;) {
    const got = await fn();
    if (got) {
      return got;
    }
    assert.ok(Date.now() < end, `${what}: not within ${ms} ms`);
    await sleep(10);
  }
}

/** Every chat-push of this file. A test that fails leaves its own behind, and a
 * process with a child never ends, nor does the run it belongs to. Those that are
 * to be ended well have had their time by then. Inside a test after() is that test's
 * end: what later tests start is none of its business. */
const children = new Set();

function kept(child) {
  if (children.size === 0 && process.env.NODE_TEST_CONTEXT) {
    after(() => {
      const left = [...children];
      setTimeout(() => left.forEach((c) => c.kill('SIGKILL')), 20000).unref();
    });
  }
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** Run chat-push until it ends; for starts that fail. */
export function runPush(env = {}, args = [], { program = path.join(build, 'chat-push'), ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = kept(spawn(program, args, { env: { PATH: process.env.PATH, ...env }, ...options }));
    let stderr = '';
    child.stderr.on('data', (d) => { stderr += d; });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stderr }));
  });
}

export class Push {
  app = { id: 'app1', key: 'key1', secret: 'secret1' };
  stderr = '';

  /** @param files  most descriptors it may open */
  async start({ env = {}, args = [], files } = {}) {
    const limited = files ? ['-c', `ulimit -n ${files}; exec "$0" "$@"`, path.join(build, 'chat-push')] : [];
    this.child = kept(spawn(files ? 'sh' : path.join(build, 'chat-push'), [...limited, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        PATH: process.env.PATH,
        SOKETI_HOST: '127.0.0.1',
        SOKETI_PORT: '0',
        SOKETI_METRICS_ENABLED: '1',
        SOKETI_METRICS_HOST: '127.0.0.1',
        SOKETI_METRICS_SERVER_PORT: '0',
        CHAT_PUSH_LOOPS: '2',
        ...(args.length ? {} : {
          SOKETI_DEFAULT_APP_ID: this.app.id,
          SOKETI_DEFAULT_APP_KEY: this.app.key,
          SOKETI_DEFAULT_APP_SECRET: this.app.secret,
          SOKETI_DEFAULT_APP_ENABLE_CLIENT_MESSAGES: 'true',
        }),
        ...env,
      },
    }));
    this.ended = new Promise((resolve) => this.child.once('exit', (code, signal) => resolve({ code, signal })));
    await new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('exit', (code) => reject(new Error(`chat-push ended with ${code}: ${this.stderr}`)));
      this.child.stderr.on('data', (d) => {
        this.stderr += d;
        const said = this.stderr.match(/listening on (?:unix:[^ ]*|[^ ]*:(\d+)) .*metrics on http:\/\/[^ ]*:(\d+)\/metrics/);
        if (said) {
          this.port = Number(said[1]);
          this.metrics = `http://127.0.0.1:${said[2]}`;
          resolve();
        }
      });
    });
    return this;
  }

  async stop(signal = 'SIGTERM') {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill(signal);
    }
    return this.ended;
  }

  /** The server SDK. */
  sdk(options = {}) {
    return new PusherServer({
      appId: this.app.id, key: this.app.key, secret: this.app.secret,
      host: '127.0.0.1', port: String(this.port), useTLS: false,
      encryptionMasterKeyBase64: Buffer.alloc(32, 7).toString('base64'),
      ...options,
    });
  }

  /** pusher-js, authorized by the server SDK; `user` is who it says it is. */
  client({ user, ...options } = {}) {
    const sdk = this.sdk();
    return new Pusher(this.app.key, {
      cluster: 'mt1', wsHost: '127.0.0.1', wsPort: this.port, forceTLS: false, enabledTransports: ['ws'],
      disableStats: true,
      nacl: require('tweetnacl'),
      channelAuthorization: {
        customHandler: ({ channelName, socketId }, done) =>
          done(null, sdk.authorizeChannel(socketId, channelName, channelName.startsWith('presence-') ? user : undefined)),
      },
      userAuthentication: {
        customHandler: ({ socketId }, done) => done(null, sdk.authenticateUser(socketId, user)),
      },
      ...options,
    });
  }

  url(query = 'protocol=7&client=test&version=1.0', key = this.app.key) {
    return `ws://127.0.0.1:${this.port}/app/${key}${query ? `?${query}` : ''}`;
  }

  /** A WebSocket that has been told its socket id. */
  async raw(options = {}) {
    const raw = new Raw(options.url || this.url(options.query), options.ws, this);
    await raw.opened;
    raw.established = await raw.next('pusher:connection_established');
    raw.socketId = JSON.parse(raw.established.data).socket_id;
    return raw;
  }

  /** A WebSocket that will be refused; gives messages, code and reason. */
  async refused(url, ws) {
    const raw = new Raw(url, ws, this);
    const { code, reason } = await raw.closed;
    return { code, reason, messages: raw.messages };
  }

  auth(socketId, channel, data, { key = this.app.key, secret = this.app.secret } = {}) {
    const text = [socketId, channel, ...(data === undefined ? [] : [data])].join(':');
    return `${key}:${createHmac('sha256', secret).update(text).digest('hex')}`;
  }

  /**
   * A request of the HTTP API. `spoil` changes the parameters after signing,
   * `params` are there before. @return {{status, headers, text, json}}
   */
  call(method, route, { body, params = {}, spoil, secret = this.app.secret, key = this.app.key, prefix = '', signedPath,
    time = Math.floor(Date.now() / 1000), agent, chunked, headers = {}, unsigned, md5 } = {}) {
    const at = `/apps/${this.app.id}${route}`;
    const text = body === undefined ? '' : Buffer.isBuffer(body) ? body : typeof body === 'string' ? body : JSON.stringify(body);
    let all = { ...params };
    if (!unsigned) {
      Object.assign(all, { auth_key: key, auth_timestamp: String(time), auth_version: '1.0' });
      if (text.length) {
        all.body_md5 = md5 || createHash('md5').update(text).digest('hex');
      }
      const query = Object.keys(all).sort().map((k) => `${k.toLowerCase()}=${all[k]}`).join('&');
      all.auth_signature = createHmac('sha256', secret).update([method, signedPath || at, query].join('\n')).digest('hex');
    }
    all = spoil ? spoil(all) : all;
    const query = Object.entries(all).map(([k, v]) => `${encodeURIComponent(k)}=${encodeURIComponent(v)}`).join('&');
    return this.http(method, `${prefix}${at}?${query}`, { body: text, agent, chunked, headers });
  }

  http(method, target, { body = '', agent, chunked, headers = {} } = {}) {
    return new Promise((resolve, reject) => {
      const request = http.request({
        host: '127.0.0.1', port: this.port, method, path: target, agent,
        headers: { ...(body.length && !chunked ? { 'Content-Length': Buffer.byteLength(body), 'Content-Type': 'application/json' } : {}), ...headers },
      }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (d) => { text += d; });
        response.once('error', reject);
        response.once('close', () => reject(new Error('the answer was cut short')));
        response.on('end', () => {
          let json = null;
          try {
            json = JSON.parse(text);
          } catch {
            // plain text
          }
          resolve({ status: response.statusCode, headers: response.headers, text, json });
        });
      });
      request.on('error', reject);
      for (const part of chunked || []) {
        request.write(part);
      }
      request.end(chunked ? undefined : body);
    });
  }
}

/** chat-push for a test file; ended after it, and must have ended well. */
export async function startPush(options) {
  const push = await new Push().start(options);
  after(async () => {
    const { code, signal } = await push.stop();
    assert.equal(code, 0, `chat-push ended with ${code} ${signal}: ${push.stderr}`);
  });
  return push;
}

export class Raw {
  messages = [];
  pings = 0;
  waiting = null;

  constructor(url, options = {}, push = null) {
    this.push = push;
    this.ws = new WebSocket(url, options);
    this.opened = new Promise((resolve, reject) => {
      this.ws.once('open', resolve);
      this.ws.once('error', reject);
    });
    this.opened.catch(() => {});
    this.closed = new Promise((resolve) => {
      this.ws.once('close', (code, reason) => resolve({ code, reason: String(reason) }));
    });
    this.ws.on('error', () => {});
    this.ws.on('ping', () => { this.pings++; });
    this.ws.on('message', (text) => {
      this.messages.push(JSON.parse(String(text)));
      this.waiting?.();
    });
  }

  send(message) {
    this.ws.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  }

  /** Take the first message of an event (any when none is named). */
  async next(event, ms = PATIENCE) {
    const end = Date.now() + ms;
    for (;;) {
      const i = this.messages.findIndex((m) => event === undefined || m.event === event);
      if (i >= 0) {
        return this.messages.splice(i, 1)[0];
      }
      assert.ok(Date.now() < end, `no ${event} came; there is ${JSON.stringify(this.messages)}`);
      await Promise.race([new Promise((resolve) => { this.waiting = resolve; }), sleep(50)]);
    }
  }

  /** What came until the answer to a ping: everything sent before it. */
  async drain() {
    this.send({ event: 'pusher:ping', data: {} });
    await this.next('pusher:pong');
    return this.messages.splice(0);
  }

  /** Subscribe and give the answer's event, channel and data. */
  async subscribe(channel, { data, auth, ...more } = {}) {
    const channelData = data === undefined || typeof data === 'string' ? data : JSON.stringify(data);
    const signature = auth !== undefined ? auth
      : /^(private|presence)-/.test(channel) ? this.push.auth(this.socketId, channel, channelData) : undefined;
    this.send({ event: 'pusher:subscribe', data: { channel, auth: signature, channel_data: channelData, ...more } });
    for (;;) {
      const m = await this.next();
      if (m.event === 'pusher_internal:subscription_succeeded' || m.event === 'pusher:subscription_error' || m.event === 'pusher:error') {
        return m;
      }
      this.messages.push(m);
      await sleep(1);
    }
  }

  async join(channel, options) {
    const answer = await this.subscribe(channel, options);
    assert.equal(answer.event, 'pusher_internal:subscription_succeeded', JSON.stringify(answer));
    return answer;
  }

  signin(user, { auth } = {}) {
    const text = typeof user === 'string' ? user : JSON.stringify(user);
    const { key, secret } = this.push.app;
    this.send({
      event: 'pusher:signin',
      data: {
        auth: auth ?? `${key}:${createHmac('sha256', secret).update(`${this.socketId}::user::${text}`).digest('hex')}`,
        user_data: text,
      },
    });
  }

  close() {
    this.ws.close();
    return this.closed;
  }
}
