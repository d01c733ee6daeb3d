// SPDX-License-Identifier: Apache-2.0
//
// chat-push alone, with an application that has an auth endpoint of its own: what it
// is asked with, what its answers mean, and that one which is slow, away or wrong
// costs a socket its channel and nobody else anything. No database.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { Raw, eventually, startPush } from './lib/push.mjs';

/** The application: what it was asked, and how it answers the next question. */
const asked = [];
let answer = null;
const held = [];
const app = http.createServer((req, res) => {
  let body = '';
  req.on('data', (d) => { body += d; });
  req.on('end', () => {
    const form = new URLSearchParams(body);
    asked.push({ method: req.method, url: req.url, headers: req.headers, socket: form.get('socket_id'), channel: form.get('channel_name') });
    answer(res, form);
  });
});
await new Promise((resolve) => app.listen(0, '127.0.0.1', resolve));
after(() => {
  app.closeAllConnections?.();
  app.close();
});
const origin = `http://127.0.0.1:${app.address().port}`;

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'chat-push-'));
after(() => fs.rmSync(dir, { recursive: true }));
fs.writeFileSync(path.join(dir, 'conf.json'), JSON.stringify({
  'appManager.array.apps': [
    { id: 'app1', key: 'key1', secret: 'secret1', authEndpoint: `${origin}/broadcasting/auth?x=1`, allowedOrigins: ['*', 'https://listed.example', 'pages.example'] },
    { id: 'app2', key: 'key2', secret: 'secret2' },
    { id: 'app3', key: 'key3', secret: 'secret3', authEndpoint: `http://name:PASSW0RD@${origin.slice(7)}/behind/basic` },
  ],
  'log.level': 'debug',
  'log.linesPerSecond': 100000,
}));
const push = await startPush({ args: ['--config', path.join(dir, 'conf.json')] });

const signature = (form, secret = 'secret1', name = form.get('channel_name')) =>
  `key1:${createHmac('sha256', secret).update(`${form.get('socket_id')}:${name}`).digest('hex')}`;
const json = (res, status, body) => {
  res.writeHead(status, { 'Content-Type': 'application/json' });
  res.end(JSON.stringify(body));
};
const yes = (res, form) => json(res, 200, { auth: signature(form) });

/** A socket whose upgrade has these headers. */
async function open(headers, key = 'key1') {
  const s = new Raw(`ws://127.0.0.1:${push.port}/app/${key}?protocol=7`, { headers }, push);
  await s.opened;
  s.socketId = JSON.parse((await s.next('pusher:connection_established')).data).socket_id;
  return s;
}
const tried = async (s, channel) => {
  const r = await s.subscribe(channel, { auth: null });
  return r.event === 'pusher_internal:subscription_succeeded' ? 'yes' : r.data.status;
};

test('the endpoint is asked as the client library would, with what the upgrade showed', async () => {
  answer = yes;
  const s = await open({ Cookie: 'a=b; XSRF-TOKEN=eyJ%3D%3D; laravel_session=S3CRET', Authorization: 'Bearer T0KEN', Origin: 'https://listed.example' });
  for (const name of ['private.conversation.7', 'private-conversation.7', 'private-any=thing,at@all']) {
    asked.length = 0;
    assert.equal(await tried(s, name), 'yes', name);
    const [q] = asked;
    assert.equal(q.method, 'POST');
    assert.equal(q.url, '/broadcasting/auth?x=1');
    assert.equal(q.socket, s.socketId);
    assert.equal(q.channel, name.replace(/^private\./, 'private-'), 'by its canonical name');
    assert.equal(q.headers.cookie, 'a=b; XSRF-TOKEN=eyJ%3D%3D; laravel_session=S3CRET');
    assert.equal(q.headers.authorization, 'Bearer T0KEN');
    assert.equal(q.headers.origin, 'https://listed.example');
    assert.equal(q.headers['x-xsrf-token'], 'eyJ==', 'as a page of the application would');
    assert.equal(q.headers.accept, 'application/json');
    assert.match(q.headers['x-chat-question'], /^1\.\d+\.[0-9a-f]{64}$/);
  }
  assert.doesNotMatch(push.stderr, /S3CRET|T0KEN/);
});

test('each name is a subscription of its own, and one event comes once under each', async () => {
  answer = yes;
  const s = await open({ Cookie: 'a=b' });
  assert.equal(await tried(s, 'private.user.7'), 'yes');
  assert.equal(await tried(s, 'private-user.7'), 'yes');
  const one = await open({ Cookie: 'a=b' });
  assert.equal(await tried(one, 'private.user.7'), 'yes');
  for (const name of ['private-user.7', 'private.user.7']) {
    await push.sdk().trigger(name, 'e', { name });
    const got = [await s.next('e'), await s.next('e')];
    assert.deepEqual(got.map((m) => m.channel).sort(), ['private-user.7', 'private.user.7']);
    assert.deepEqual([(await one.next('e')).channel], ['private.user.7']);
  }
  assert.deepEqual([...await s.drain(), ...await one.drain()], []);
  s.send({ event: 'pusher:unsubscribe', data: { channel: 'private-user.7' } });
  await s.drain();
  await push.sdk().trigger('private-user.7', 'e', {});
  assert.equal((await s.next('e')).channel, 'private.user.7');
  assert.deepEqual(await s.drain(), []);
});

test('a cookie speaks for pages of the app only, a bearer token for whoever has it', async () => {
  answer = yes;
  const shown = async (headers) => {
    asked.length = 0;
    const verdict = await tried(await open(headers), 'private.user.7');
    return verdict === 'yes' ? [asked[0].headers.cookie, asked[0].headers.authorization] : verdict;
  };
  const Cookie = 'a=b';
  const Authorization = 'Bearer t';
  assert.deepEqual(await shown({ Cookie }), ['a=b', undefined], 'no browser');
  assert.deepEqual(await shown({ Cookie, Origin: origin }), ['a=b', undefined], "the endpoint's own");
  assert.deepEqual(await shown({ Cookie, Origin: 'https://pages.example:8443' }), ['a=b', undefined], 'a listed host');
  for (const Origin of ['https://evil.example', 'null', `${origin}0`, origin.slice(0, -1), 'http', '']) {
    assert.equal(await shown({ Cookie, Origin }), 401, `"*" lets ${Origin} connect, and no more`);
    assert.deepEqual(await shown({ Cookie, Authorization, Origin }), [undefined, 'Bearer t'], Origin);
  }
  assert.equal(await shown({ Authorization: 'Basic eDp5', Origin: 'https://evil.example' }), 401, 'a browser adds that as well');
  assert.equal(await shown({}), 401);
  assert.equal(await shown({ Cookie: 'c'.repeat(8200) }), 401, 'more than is kept');
  assert.equal(asked.length, 0, 'of nobody who shows nothing');
});

test('what an answer means', async () => {
  const s = await open({ Cookie: 'a=b' });
  for (const [what, how, wanted] of [
    ['no', (res) => json(res, 403, {}), 401],
    ['not logged in', (res) => json(res, 401, {}), 401],
    ['a page that has expired', (res) => json(res, 419, {}), 401],
    ['a signature of another secret', (res, form) => json(res, 200, { auth: signature(form, 'other') }), 401],
    ['a signature of another channel', (res, form) => json(res, 200, { auth: signature(form, 'secret1', 'private-user.8') }), 401],
    ['another key', (res, form) => json(res, 200, { auth: signature(form).replace('key1', 'key2') }), 401],
    ['no JSON', (res) => res.end('<html>'), 503],
    ['no auth', (res) => json(res, 200, { user: 7 }), 503],
    ['auth that is no text', (res) => json(res, 200, { auth: 1 }), 503],
    ['a redirect, even to a yes', (res) => { res.writeHead(302, { Location: `${origin}/elsewhere` }); res.end(); }, 503],
    ['too many requests', (res) => json(res, 429, {}), 503],
    ['an error', (res) => json(res, 500, {}), 503],
    ['an endless answer', (res) => { res.writeHead(200); res.end('x'.repeat(100000)); }, 503],
    ['nothing', (res) => res.destroy(), 503],
    ['yes', yes, 'yes'],
  ]) {
    answer = how;
    asked.length = 0;
    assert.equal(await tried(s, 'private.user.7'), wanted, what);
    assert.equal(asked.length, what === 'nothing' ? asked.length : 1, what);
  }
  await eventually(() => /authEndpoint \S+ cannot say who may join a channel: it answered/.test(push.stderr), 'the line');
  await eventually(() => push.stderr.includes('authEndpoint: answers again'), 'and its end');
});

test('who waits for an endpoint keeps nobody waiting, and is answered in time', async () => {
  answer = (res) => held.push(res);
  const s = await open({ Cookie: 'a=b' });
  s.send({ event: 'pusher:subscribe', data: { channel: 'private.user.7' } });
  s.send({ event: 'pusher:subscribe', data: { channel: 'private.user.8' } });
  s.send({ event: 'pusher:unsubscribe', data: { channel: 'private.user.8' } });
  await eventually(() => held.length === 2, 'both questions');
  assert.deepEqual(await s.drain(), [], 'it goes on');
  await s.join('public');
  const gone = await open({ Cookie: 'a=b' });
  gone.send({ event: 'pusher:subscribe', data: { channel: 'private.user.9' } });
  await eventually(() => held.length === 3, 'the third');
  gone.ws.terminate();
  const r = await s.next('pusher:subscription_error', 15000);
  assert.deepEqual([r.channel, r.data.type, r.data.status], ['private.user.7', 'AuthError', 503]);
  answer = yes;
  assert.equal(await tried(s, 'private.user.7'), 'yes');
  assert.deepEqual(await s.drain(), [], 'who has left is told nothing');
});

test('very many at once are answered all', async () => {
  answer = yes;
  const sockets = await Promise.all(Array.from({ length: 20 }, () => open({ Cookie: 'a=b' })));
  await Promise.all(sockets.map(async (s) => {
    for (let i = 0; i < 30; i++) {
      s.send({ event: 'pusher:subscribe', data: { channel: `private.user.${i}` } });
    }
    for (let i = 0; i < 30; i++) {
      await s.next('pusher_internal:subscription_succeeded', 15000);
    }
  }));
});

test('another app without an endpoint, and a signature, are as ever', async () => {
  answer = yes;
  asked.length = 0;
  const other = await open({ Cookie: 'a=b' }, 'key2');
  assert.equal(await tried(other, 'private.user.7'), 401);
  assert.equal(await tried(other, 'private-user.7'), 401);
  const s = await open({ Cookie: 'a=b' });
  await s.join('private-user.7');
  assert.equal((await s.subscribe('private-user.8', { auth: 'key1:00' })).data.status, 401);
  assert.equal(await tried(s, 'presence-x'), 401);
  assert.equal(await tried(s, 'private-encrypted-x'), 401);
  assert.equal(asked.length, 0);
});

test('a password in the URL is used and not logged', async () => {
  answer = (res) => json(res, 500, {});
  asked.length = 0;
  assert.equal(await tried(await open({ Cookie: 'a=b' }, 'key3'), 'private.user.7'), 503);
  assert.equal(asked[0].headers.authorization, `Basic ${Buffer.from('name:PASSW0RD').toString('base64')}`);
  await eventually(() => push.stderr.includes(`authEndpoint ${origin.slice(7)}/behind/basic cannot say`), 'the line');
  assert.doesNotMatch(push.stderr, /PASSW0RD/);
});
