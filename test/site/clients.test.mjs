// SPDX-License-Identifier: Apache-2.0
//
// Unmodified clients from npm, through the site's port and through chat-push's
// own: what an existing Laravel or Pusher front end sees after the swap.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pusher, PusherServer, collect, connect, pusherOptions, server, subscribed } from './lib/pusher.mjs';
import { eventually, sleep, startSite } from './lib/site.mjs';

const site = await startSite();
const { accounts, conversations } = site.people();
const conv = conversations[0];
const patient = await site.phone('patient@example.com');
const doctor = await site.phone('doctor@example.com');
const doctorId = accounts.find((a) => a.email === 'doctor@example.com').user_id;

for (const [door, direct] of [["the site's port", false], ["chat-push's port", true]]) {
  test(`pusher-js through ${door} is authorized and hears a message on both channels`, async () => {
    const pusher = connect(site, doctor, { direct });
    try {
      const onConversation = collect(await subscribed(pusher, `private-conversation.${conv.id}`), 'MessageSent');
      const onUser = collect(await subscribed(pusher, `private-user.${doctorId}`), 'MessageSent');
      const sent = await patient.post(`/chat/conversation/${conv.id}/message`, { content: `hello by ${door}` });
      assert.equal(sent.status, 201, sent.text);
      await eventually(() => onConversation.length && onUser.length, 'the message on both channels');
      const data = onConversation[0];
      assert.deepEqual(data.message, sent.json.message);
      assert.equal(data.consultation.id, conv.id);
      assert.equal(typeof data.consultation.status, 'string');
      assert.equal(typeof data.cursor, 'string');
      assert.deepEqual(onUser[0], data, 'one change is one event with one id');
      await sleep(200);
      assert.equal(onConversation.length, 1);
    } finally {
      pusher.disconnect();
    }
  });

  test(`a stranger is refused by the auth route through ${door}`, async () => {
    const foreign = conversations.find((c) => c.patient !== conv.patient);
    const pusher = connect(site, patient, { direct });
    try {
      await assert.rejects(subscribed(pusher, `private-conversation.${foreign.id}`), (e) => e.status === 403 || e.status === 404);
      await assert.rejects(subscribed(pusher, `private-user.${doctorId}`), (e) => e.status === 403 || e.status === 404);
    } finally {
      pusher.disconnect();
    }
  });
}

test('the server SDK triggers, through both doors, and pusher-js receives', async () => {
  const pusher = connect(site, patient);
  try {
    const seen = collect(await subscribed(pusher, 'news'), 'headline');
    await server(site).trigger('news', 'headline', { text: 'direct' });
    const through = new PusherServer({
      appId: site.app.id, key: site.app.key, secret: site.app.secret,
      host: '127.0.0.1', port: String(site.o.port), useTLS: false,
    });
    await through.trigger('news', 'headline', { text: 'through httpd' });
    await eventually(() => seen.length === 2, 'both events');
    assert.deepEqual(seen.map((e) => e.text), ['direct', 'through httpd']);
    const wrong = new PusherServer({
      appId: site.app.id, key: site.app.key, secret: 'not the secret',
      host: '127.0.0.1', port: String(site.o.port), useTLS: false,
    });
    await assert.rejects(wrong.trigger('news', 'headline', {}), (e) => e.status === 401);
  } finally {
    pusher.disconnect();
  }
});

test('laravel-echo with the pusher broadcaster listens to .MessageSent', async () => {
  const { default: Echo } = await import('laravel-echo');
  const options = pusherOptions(site, doctor);
  const echo = new Echo({
    broadcaster: 'pusher',
    key: site.app.key,
    client: new Pusher(site.app.key, options),
  });
  try {
    const seen = [];
    await new Promise((resolve, reject) => {
      echo.private(`conversation.${conv.id}`)
        .listen('.MessageSent', (e) => seen.push(e))
        .subscribed(resolve)
        .error(reject);
    });
    const sent = await patient.post(`/chat/conversation/${conv.id}/message`, { content: 'for Echo' });
    await eventually(() => seen.length, 'the event in Echo');
    assert.deepEqual(seen[0].message, sent.json.message);
  } finally {
    echo.disconnect();
  }
});

test('what staff writes reaches both of them on their own channels', async () => {
  const admin = await site.phone('admin@example.com');
  const theirs = [connect(site, patient), connect(site, doctor)];
  try {
    const seen = [
      collect(await subscribed(theirs[0], `private-user.${conv.patient}`), 'MessageSent'),
      collect(await subscribed(theirs[1], `private-user.${conv.doctor}`), 'MessageSent'),
    ];
    await admin.post(`/chat/conversation/${conv.id}/message`, { content: 'from the office' });
    await eventually(() => seen.every((s) => s.length === 1), 'the message on both');
  } finally {
    theirs.forEach((p) => p.disconnect());
  }
});

test('typing reaches the others and not the socket that typed', async () => {
  const mine = connect(site, patient);
  const theirs = connect(site, doctor);
  try {
    const name = `private-conversation.${conv.id}`;
    const own = collect(await subscribed(mine, name), 'UserTyping');
    const other = collect(await subscribed(theirs, name), 'UserTyping');
    const r = await patient.post(`/chat/conversation/${conv.id}/typing`, { typing: true },
      { headers: { 'X-Socket-ID': mine.connection.socket_id } });
    assert.equal(r.status, 200, r.text);
    await eventually(() => other.length, 'typing');
    assert.equal(other[0].is_typing, true);
    assert.equal(other[0].consultation_id, conv.id);
    assert.equal(other[0].user.id, conv.patient);
    await sleep(200);
    assert.deepEqual(own, []);
  } finally {
    mine.disconnect();
    theirs.disconnect();
  }
});

test('a presence channel shows who is in the conversation', async () => {
  const mine = connect(site, patient);
  const theirs = connect(site, doctor);
  try {
    const name = `presence-conversation.${conv.id}`;
    const first = await subscribed(mine, name);
    const added = collect(first, 'pusher:member_added');
    const removed = collect(first, 'pusher:member_removed');
    const second = await subscribed(theirs, name);
    assert.equal(second.members.count, 2);
    assert.equal(String(second.members.me.id), String(doctorId));
    await eventually(() => added.length === 1, 'member_added');
    assert.equal(added[0].info.role, 'doctor');
    theirs.disconnect();
    await eventually(() => removed.length === 1, 'member_removed');
  } finally {
    mine.disconnect();
    theirs.disconnect();
  }
});

test('a read receipt reaches the other side as one event', async () => {
  const theirs = connect(site, patient);
  // What is there already, also what staff wrote, of which an event of its own tells.
  assert.equal((await doctor.post(`/chat/conversation/${conv.id}/read`, {})).status, 200);
  try {
    for (const content of ['one', 'two', 'three']) {
      await patient.post(`/chat/conversation/${conv.id}/message`, { content });
    }
    const seen = collect(await subscribed(theirs, `private-conversation.${conv.id}`), 'MessageRead');
    const r = await doctor.post(`/chat/conversation/${conv.id}/read`, {});
    assert.equal(r.status, 200, r.text);
    assert.equal(r.json.status, 'marked_as_read');
    assert.equal(r.json.read, 3);
    await eventually(() => seen.length, 'MessageRead');
    await sleep(200);
    assert.equal(seen.length, 1, JSON.stringify(seen));
    assert.equal(seen[0].message_ids.length, 3);
    assert.equal(seen[0].user_id, doctorId);
  } finally {
    theirs.disconnect();
  }
});

test("the documented snippet's names are refused while sockets carry no identity", async () => {
  const pusher = connect(site, patient);
  try {
    const channel = pusher.subscribe(`private.conversation.${conv.id}`);
    const error = await new Promise((resolve, reject) => {
      channel.bind('pusher:subscription_error', resolve);
      channel.bind('pusher:subscription_succeeded', () => reject(new Error('anybody could listen')));
    });
    assert.ok(error);
  } finally {
    pusher.disconnect();
  }
});
