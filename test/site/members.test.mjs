// SPDX-License-Identifier: Apache-2.0
//
// Conversations of more than two: who is in, who comes, who goes. Whoever is taken out
// hears nothing more on any socket, whoever changed the row; the others stay.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanup } from './lib/cleanup.mjs';
import { collect, connect, subscribed } from './lib/pusher.mjs';
import { eventually, startSite, testDatabase } from './lib/site.mjs';
import { Door, event, greeted, say, subscribe } from './lib/upgrade.mjs';

const site = await startSite({ db: await testDatabase() });
const { accounts, conversations } = site.people();
const idOf = (email) => accounts.find((a) => a.email === email).user_id;
const patient = idOf('patient@example.com');
const doctor = idOf('doctor@example.com');
const conv = conversations.find((c) => c.patient === patient && c.doctor === doctor).id;
/** A doctor who is in none of the patient's conversations by their row. */
const guestAccount = accounts.find((a) => a.role === 'doctor' && a.user_id !== doctor);
const guest = guestAccount.user_id;
const channels = [`private-conversation.${conv}`, `presence-conversation.${conv}`];

const join = (user = guest, to = conv) =>
  site.sql(`INSERT INTO chat_conversation_members (conversation_id, user_id) VALUES (${to}, ${user});`);
const leave = (user = guest, from = conv) =>
  site.sql(`DELETE FROM chat_conversation_members WHERE conversation_id = ${from} AND user_id = ${user};`);
/** chat-push has heard all that was written. */
const relayed = () => eventually(() => site.relayState().id >= site.lastEvent(), 'the relay at the end of the log');
const write = (body, to = conv) => site.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
  VALUES (${patient}, ${doctor}, ${to}, '${body}', 'text', ${site.time()}, ${site.time()});`);

/** A client with both channels of the conversation, what it hears there, and how its
 *  connection fares. */
async function listener(client, options = {}, of = channels) {
  const pusher = connect(site, client, options);
  const heard = [];
  const refused = [];
  const removed = [];
  for (const name of of) {
    const channel = pusher.subscribe(name);
    channel.bind('MessageSent', (m) => heard.push(m.message.content));
    channel.bind('pusher:subscription_error', (e) => refused.push([name, e.status]));
    channel.bind('pusher:member_removed', (m) => removed.push(String(m.id)));
    await subscribed(pusher, name);
  }
  return { pusher, heard, refused, removed, socket: pusher.connection.socket_id };
}
/** A raw socket with an identity, in private channels without a signature. */
async function known(client, names) {
  const peer = await new Door(site.o.port).open({ Authorization: `Bearer ${client.token}` });
  cleanup(() => peer.socket.destroy());
  for (const name of names) {
    peer.send(subscribe(name));
    assert.equal((await event(peer)).event, 'pusher_internal:subscription_succeeded', name);
  }
  return peer;
}

const guestPhone = await site.phone(guestAccount.email);
const doctorPhone = await site.phone('doctor@example.com');
const patientPhone = await site.phone('patient@example.com');

test('a row makes a member, and everybody hears it', async () => {
  const watching = await listener(patientPhone);
  const own = await subscribed(connect(site, guestPhone), `private-user.${guest}`);
  const added = collect(watching.pusher.channel(channels[0]), 'MemberAdded');
  const invited = collect(own, 'MemberAdded');
  await assert.rejects(listener(guestPhone), { status: 403 });
  join();
  await eventually(() => added.length && invited.length, 'MemberAdded on both channels');
  assert.equal(added[0].user_id, guest);
  assert.equal(added[0].role, 'member');
  assert.equal(added[0].user.name, guestAccount.name);
  assert.equal(added[0].id, invited[0].id, 'one event');
  assert.equal((await guestPhone.get(`/chat/conversation/${conv}/messages`)).status, 200);
  leave();
  await relayed();
});

test('a member who is removed hears nothing more, the others stay', async () => {
  join();
  const there = await listener(guestPhone);
  const stays = await listener(doctorPhone);
  const named = await known(guestPhone, [`private.conversation.${conv}`, channels[0]]);
  const removals = collect(stays.pusher.channel(channels[0]), 'MemberRemoved');
  write('before');
  await eventually(() => there.heard.length >= 2 || there.heard.includes('before'), 'the message before');
  leave();
  write('after');
  await eventually(() => stays.heard.includes('after'), 'the message after, for those who stay');
  // Whoever was named gets an error on each name, in order before the next message.
  const told = [];
  for (;;) {
    const e = await event(named);
    if (e.event === 'pusher:subscription_error') {
      told.push(e.channel);
      assert.equal(e.data.status, 403);
    }
    assert.notEqual(e.data?.message?.content, 'after');
    if (told.length === 2) {
      break;
    }
  }
  assert.deepEqual(told.sort(), [channels[0], `private.conversation.${conv}`].sort());
  // Whoever brought a signature is sent away to fetch a new one, and gets none.
  await eventually(() => there.refused.some(([name]) => name === channels[0]), 'the refusal');
  await eventually(() => stays.removed.includes(String(guest)), 'member_removed on the presence channel');
  assert.deepEqual(removals.map((e) => e.user_id), [guest]);
  write('later');
  await eventually(() => stays.heard.includes('later'), 'the message later');
  named.send(say('pusher:ping', {}));
  assert.equal((await event(named)).event, 'pusher:pong', 'nothing came in between');
  assert.ok(!there.heard.includes('after') && !there.heard.includes('later'));
  assert.equal((await guestPhone.get(`/chat/conversation/${conv}/messages`)).status, 404);
});

test('an old signature opens nothing, also long after the removal', async () => {
  join();
  const auth = async (socket) => (await guestPhone.post('/broadcasting/auth',
    { socket_id: socket, channel_name: channels[0] })).json.auth;
  const { peer } = await new Door(site.o.pushPort).ask({});
  cleanup(() => peer.socket.destroy());
  const socketId = await greeted(peer);
  const signature = await auth(socketId);
  leave();
  await relayed();
  peer.send(say('pusher:subscribe', { channel: channels[0], auth: signature }));
  for (;;) {
    const f = await peer.frame();
    assert.ok(!/subscription_succeeded/.test(f.payload.toString()));
    if (f.opcode === 8) {
      assert.equal(f.payload.readUInt16BE(0), 4200);
      break;
    }
  }
});

test('a member who comes back is let in again', async () => {
  join();
  const back = await listener(guestPhone);
  write('welcome back');
  await eventually(() => back.heard.includes('welcome back'), 'the message');
  leave();
  await relayed();
});

test('another doctor takes over: the first one is out', async () => {
  const id = conversations.find((c) => c.patient === patient && c.doctor !== doctor)?.id
    ?? Number(site.sql(`INSERT INTO treatment_requests (patient_id, doctor_id, title) VALUES (${patient}, ${doctor}, 'x') RETURNING id;`));
  site.sql(`UPDATE treatment_requests SET doctor_id = ${doctor} WHERE id = ${id};`);
  await relayed();
  const name = [`private-conversation.${id}`];
  const first = await listener(doctorPhone, {}, name);
  const other = await listener(patientPhone, {}, name);
  const moves = [...[collect(other.pusher.channel(name[0]), 'MemberRemoved'), collect(other.pusher.channel(name[0]), 'MemberAdded')]];
  site.sql(`UPDATE treatment_requests SET doctor_id = ${guest} WHERE id = ${id};`);
  await eventually(() => first.refused.length, 'the refusal');
  await eventually(() => moves.every((m) => m.length), 'both events');
  assert.deepEqual(moves.map((m) => [m[0].user_id, m[0].role]), [[doctor, 'doctor'], [guest, 'doctor']]);
  write('to the new one', id);
  await eventually(() => other.heard.includes('to the new one'), 'the message');
  assert.ok(!first.heard.length);
});

test('a conversation that is deleted is nobody\'s', async () => {
  const id = Number(site.sql(`INSERT INTO treatment_requests (patient_id, doctor_id, title) VALUES (${patient}, ${doctor}, 'y') RETURNING id;`));
  const name = [`private-conversation.${id}`];
  const [a, b] = [await listener(doctorPhone, {}, name), await listener(patientPhone, {}, name)];
  site.sql(`UPDATE treatment_requests SET deleted_at = ${site.time()} WHERE id = ${id};`);
  await eventually(() => a.refused.length && b.refused.length, 'both are told');
});

test('a socket without an identity ends with the log-in that fetched its signature', async () => {
  for (const direct of [true, false]) {
    const phone = await site.phone('patient@example.com');
    const { pusher } = await listener(phone, { direct }, [channels[0]]);
    const stays = await listener(patientPhone, { direct }, [channels[0]]);
    const errors = [];
    pusher.connection.bind('error', (e) => errors.push(e.data?.code));
    assert.equal((await phone.post('/chat/logout')).status, 200);
    await eventually(() => errors.includes(4009) || pusher.connection.state === 'disconnected', `the end of the socket, direct: ${direct}`);
    assert.equal(stays.pusher.connection.socket_id, stays.socket);
  }
});

test('a socket that two users share is ended, and nobody guesses another one', async () => {
  const { peer } = await new Door(site.o.pushPort).ask({});
  cleanup(() => peer.socket.destroy());
  const id = await greeted(peer);
  const { peer: next } = await new Door(site.o.pushPort).ask({});
  cleanup(() => next.socket.destroy());
  const far = BigInt((await greeted(next)).split('.')[1]) - BigInt(id.split('.')[1]);
  assert.ok(far > 1000n || far < -1000n, `ids in a row are ${far} apart`);
  const ask = (client, channel) => client.post('/broadcasting/auth', { socket_id: id, channel_name: channel });
  assert.equal((await ask(patientPhone, `private-user.${patient}`)).status, 200);
  assert.equal((await ask(patientPhone, channels[0])).status, 200);
  peer.send(say('pusher:ping', {}));
  assert.equal((await event(peer)).event, 'pusher:pong');
  assert.equal((await ask(guestPhone, `private-user.${guest}`)).status, 200);
  const f = await peer.frame();
  assert.deepEqual([f.opcode, f.payload.readUInt16BE(0)], [8, 4200]);
});
