// SPDX-License-Identifier: Apache-2.0
//
// Conversations of more than two: who is in, who comes, who goes. Whoever is taken out
// hears nothing more on any socket, whoever changed the row; the others stay.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { cleanup } from './lib/cleanup.mjs';
import { collect, connect, subscribed } from './lib/pusher.mjs';
import { eventually, startSite, testDatabase } from './lib/site.mjs';
import { Door, event, greeted, say, subscribe } from './lib/upgrade.mjs';

const site = await startSite({
  db: await testDatabase(),
  appConf: { encryptionMasterKeyBase64: randomBytes(32).toString('base64') },
  extraConf: 'ChatChannel ward.{id}.board member',
});
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

// By a built-in rule they are known to chat-push; by one of the site it has to guess.
test('a removal empties every channel that is a conversation\'s by a rule', async () => {
  const built = ['conversation', 'consultation'].flatMap((what) => ['private-', 'presence-', 'private-encrypted-'].map((prefix) => `${prefix}${what}.${conv}`));
  for (const names of [built, [`private-ward.${conv}.board`], [`presence-ward.${conv}.board`]]) {
    join();
    const there = await listener(guestPhone, {}, names);
    const stays = await listener(doctorPhone, {}, names);
    leave();
    await eventually(() => names.every((name) => there.refused.some(([n, status]) => n === name && status === 403)), `refusals of ${names}`);
    const left = () => names.filter((name) => name.startsWith('presence-') && stays.pusher.channel(name).members.get(String(guest)));
    await eventually(() => left().length === 0, `no such member any more: ${left()}`);
    assert.equal(stays.pusher.connection.socket_id, stays.socket, 'who stays is not disturbed');
    there.pusher.disconnect();
    stays.pusher.disconnect();
  }
});

test('who was removed does not come back into any of them by an old signature', async () => {
  for (const name of [`private-consultation.${conv}`, `private-encrypted-conversation.${conv}`, `private-ward.${conv}.board`]) {
    join();
    const { peer } = await new Door(site.o.pushPort).ask({});
    cleanup(() => peer.socket.destroy());
    const { auth } = (await guestPhone.post('/broadcasting/auth', { socket_id: await greeted(peer), channel_name: name })).json;
    leave();
    await relayed();
    peer.send(say('pusher:subscribe', { channel: name, auth }));
    let f;
    while ((f = await peer.frame()).opcode !== 8) {
      assert.ok(!/subscription_succeeded/.test(f.payload.toString()), name);
    }
    assert.equal(f.payload.readUInt16BE(0), 4200, name);
  }
});

test('a channel that only looks like the conversation\'s stays', async () => {
  join();
  const names = [`private-user.${guest}`, 'private-notifications.doctors'];
  const there = await listener(guestPhone, {}, names);
  leave();
  await relayed();
  assert.equal((await guestPhone.post(`/chat/conversation/${conv}/message`, { content: 'x' })).status, 404);
  assert.deepEqual([there.refused, there.pusher.connection.socket_id], [[], there.socket]);
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

test('what was written before there was a doctor is new to the one who comes', async () => {
  const { id, patient: waiting } = conversations.find((c) => c.doctor === null);
  const person = await site.phone(accounts.find((a) => a.user_id === waiting).email);
  const other = await site.phone(guestAccount.email);
  const send = async (content) => (await person.post(`/chat/conversation/${id}/message`, { content })).json.message.id;
  const [first, , gone] = [await send('It hurts'), await send('Is anybody there?'), await send('a slip')];
  assert.equal((await person.request('DELETE', `/chat/conversation/${id}/message/${gone}`)).status, 200);
  site.sql(`UPDATE treatment_requests SET doctor_id = ${guest} WHERE id = ${id};`);
  const entry = async (client) => (await client.get('/chat')).json.conversations.find((c) => c.id === id);
  assert.equal((await entry(other)).unread, 2);
  assert.equal((await entry(person)).unread, 0);
  assert.equal((await other.post(`/chat/conversation/${id}/read`, { message_ids: [first] })).json.read, 1);
  const { json } = await person.get(`/chat/conversation/${id}/message/${first}/receipts`);
  assert.deepEqual(json.receipts.map((r) => [r.user.id, r.read_at !== null]), [[guest, true]]);
  assert.equal((await entry(other)).unread, 1);
  site.sql(`UPDATE treatment_requests SET doctor_id = ${doctor} WHERE id = ${id};`);
  assert.equal((await entry(await site.phone('doctor@example.com'))).unread, 1, 'what the first doctor has not read');
  const { json: kept } = await person.get(`/chat/conversation/${id}/message/${first}/receipts`);
  assert.deepEqual(kept.receipts.map((r) => r.user.id), [doctor]);
  site.sql(`UPDATE treatment_requests SET doctor_id = NULL WHERE id = ${id};`);
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

// --- by REST ---------------------------------------------------------------------

const adminPhone = await site.phone('admin@example.com');
const members = `/chat/conversation/${conv}/members`;
const names = async (client = doctorPhone) => (await client.get(members)).json.members.map((m) => m.user.id);
const remove = (client, user) => client.request('DELETE', `/chat/conversation/${conv}/members/${user}`);

test('who is in is listed, patient and doctor first', async () => {
  const { status, json } = await patientPhone.get(members);
  assert.equal(status, 200);
  assert.equal(json.may_manage, false);
  assert.deepEqual(json.members.map((m) => [m.user.id, m.role, m.added_at]), [[patient, 'patient', null], [doctor, 'doctor', null]]);
  assert.match(json.members[1].last_seen_at, /^20\d\d-.*Z$/);
  assert.equal((await doctorPhone.get(members)).json.may_manage, true);
  assert.equal((await guestPhone.get(members)).status, 404);
});

test('the doctor and staff add members by id or address', async () => {
  for (const [client, body] of [[doctorPhone, { user_id: guest }], [adminPhone, { email: guestAccount.email.toUpperCase() }]]) {
    const r = await client.post(members, body);
    assert.equal(r.status, 201, r.text);
    assert.equal(r.json.member.user.id, guest);
    assert.equal(r.json.member.role, 'member');
    assert.match(r.json.member.added_at, /Z$/);
    assert.equal((await client.post(members, body)).status, 200, 'again');
    assert.deepEqual(await names(), [patient, doctor, guest]);
    assert.equal((await remove(client, guest)).status, 200);
    assert.equal((await remove(client, guest)).status, 404, 'again');
  }
});

test('a page names everybody who wrote, whoever reads it', async () => {
  join();
  const wrote = [];
  for (const client of [patientPhone, doctorPhone, guestPhone, adminPhone, guestPhone]) {
    const r = await client.post(`/chat/conversation/${conv}/message`, { content: 'named' });
    assert.equal(r.status, 201, r.text);
    wrote.unshift(r.json.message.user);
  }
  const page = `/chat/conversation/${conv}/messages?per_page=5`;
  const readers = [patientPhone, doctorPhone, guestPhone, adminPhone, await site.browser('patient@example.com'), await site.browser(guestAccount.email)];
  for (const reader of readers) {
    assert.deepEqual((await reader.get(page)).json.data.map((m) => m.user), wrote);
  }
  assert.equal(new Set(wrote.map((u) => u.name)).size, 4);
  leave();
  assert.equal((await guestPhone.get(page)).status, 404);
});

test('nobody else adds or removes', async () => {
  assert.equal((await patientPhone.post(members, { user_id: guest })).status, 403);
  assert.equal((await guestPhone.post(members, { user_id: guest })).status, 404);
  assert.equal((await doctorPhone.post(members, { user_id: guest })).status, 201);
  assert.equal((await guestPhone.post(members, { email: 'admin@example.com' })).status, 403);
  assert.equal((await remove(patientPhone, guest)).status, 403);
  assert.equal((await remove(guestPhone, doctor)).status, 403);
  for (const [client, who] of [[doctorPhone, patient], [doctorPhone, doctor], [patientPhone, patient]]) {
    assert.equal((await remove(client, who)).status, 403, 'patient and doctor stay');
  }
  for (const odd of ['999999', 'x', '00000000-0000-0000-0000-000000000000']) {
    assert.equal((await remove(doctorPhone, odd)).status, 404, odd);
  }
  assert.equal((await remove(doctorPhone, 'a'.repeat(65))).status, 404);
  assert.equal((await remove(guestPhone, guest)).status, 200, 'one may leave');
  assert.equal((await guestPhone.get(members)).status, 404);
});

test('what names nobody adds nobody', async () => {
  for (const body of [{}, { user_id: null }, { user_id: -1 }, { user_id: [guest] }, { user_id: 'a b' }, { user_id: 999999 }, { user_id: 'x' },
    { email: 'nobody@example.com' }, { email: 7 }, { email: '' }, { email: `${'x'.repeat(3000)}@example.com` }]) {
    const r = await doctorPhone.post(members, body);
    assert.equal(r.status, 422, `${JSON.stringify(body).slice(0, 60)}: ${r.text}`);
    assert.ok(r.json.errors);
  }
  assert.equal((await doctorPhone.post(members, { email: 'a\0b' })).status, 400, 'NUL');
  assert.equal((await doctorPhone.post(members, Buffer.from('{"email":"\xff"}', 'latin1'))).status, 400);
  site.sql(`UPDATE users SET status = 'suspended' WHERE id = ${guest};`);
  assert.equal((await doctorPhone.post(members, { user_id: guest })).status, 422, 'suspended');
  site.sql(`UPDATE users SET status = 'active' WHERE id = ${guest};`);
  const page = await site.browser('doctor@example.com');
  assert.equal((await page.post(members, { user_id: guest }, { headers: { 'X-CSRF-TOKEN': null } })).status, 419);
  assert.equal((await page.post(members, { user_id: guest }, { headers: { Origin: 'https://evil.example' } })).status, 419);
  assert.equal((await page.request('DELETE', `${members}/${guest}`, { headers: { 'X-CSRF-TOKEN': null } })).status, 419);
  assert.deepEqual(await names(), [patient, doctor]);
});

test('a removal by REST is heard and takes the sockets out', async (t) => {
  await relayed();
  assert.equal((await doctorPhone.post(members, { user_id: guest })).status, 201);
  const there = await listener(guestPhone);
  const began = Date.now();
  assert.equal((await remove(doctorPhone, guest)).status, 200);
  await eventually(() => there.refused.length >= 2, 'the refusal on both channels');
  t.diagnostic(`${Date.now() - began} ms`);
});

// --- receipts --------------------------------------------------------------------

const send = async (client, content) => {
  const r = await client.post(`/chat/conversation/${conv}/message`, { content });
  assert.equal(r.status, 201, r.text);
  return r.json.message;
};
const receipts = async (id, client = patientPhone) => {
  const r = await client.get(`/chat/conversation/${conv}/message/${id}/receipts`);
  assert.equal(r.status, 200, r.text);
  return Object.fromEntries(r.json.receipts.map((x) => [x.user.id, [Boolean(x.delivered_at), Boolean(x.read_at)]]));
};
const mark = (client, what, body = {}) => client.post(what === 'read' ? `/chat/conversation/${conv}/read`
  : `/chat/conversation/${conv}/delivered`, body);

test('delivered and read are known for each person', async () => {
  join();
  const own = await subscribed(connect(site, patientPhone), `private-user.${patient}`);
  const [delivered, read] = [collect(own, 'MessageDelivered'), collect(own, 'MessageRead')];
  const one = await send(patientPhone, 'one');
  assert.deepEqual(await receipts(one.id), { [doctor]: [false, false], [guest]: [false, false] });
  assert.deepEqual((await mark(doctorPhone, 'delivered', { up_to: one.id })).json, { status: 'delivered', up_to: one.id });
  assert.deepEqual((await mark(doctorPhone, 'delivered', { up_to: one.id })).json, { status: 'delivered', up_to: null }, 'once');
  assert.deepEqual(await receipts(one.id), { [doctor]: [true, false], [guest]: [false, false] });
  assert.deepEqual((await mark(guestPhone, 'read')).json, { status: 'marked_as_read', read: 1 });
  assert.deepEqual((await mark(guestPhone, 'read')).json, { status: 'marked_as_read', read: 0 });
  assert.deepEqual(await receipts(one.id), { [doctor]: [true, false], [guest]: [true, true] });
  const two = await send(patientPhone, 'two');
  assert.deepEqual(await receipts(two.id), { [doctor]: [false, false], [guest]: [false, false] });
  assert.deepEqual((await mark(doctorPhone, 'read', { message_ids: [two.id] })).json, { status: 'marked_as_read', read: 1 });
  assert.deepEqual(await receipts(two.id), { [doctor]: [true, true], [guest]: [false, false] });
  assert.deepEqual(await receipts(one.id), { [doctor]: [true, false], [guest]: [true, true] }, 'the doctor read the second only');
  await eventually(() => read.length >= 2 && delivered.length >= 1, 'the events');
  assert.deepEqual(delivered.map((e) => [e.user_id, e.up_to, e.consultation_id]), [[doctor, one.id, conv]]);
  assert.match(delivered[0].delivered_at, /Z$/);
  assert.deepEqual(read.map((e) => [e.user_id, e.message_ids, e.up_to]), [[guest, [], one.id], [doctor, [two.id], two.id]]);
  const list = (await patientPhone.get(members)).json.members;
  assert.deepEqual(list.map((m) => [m.user.id, m.delivered_to, m.read_to]), [[patient, null, null], [doctor, one.id, null], [guest, null, one.id]]);
});

test('another program that sets read_at speaks for the recipient', async () => {
  const m = await send(patientPhone, 'three');
  site.sql(`UPDATE messages SET read_at = ${site.time()} WHERE id = ${m.id};`);
  assert.deepEqual(await receipts(m.id), { [doctor]: [true, true], [guest]: [false, false] });
});

test('what is unread counts for further members too', async () => {
  const unread = async (client) => (await client.get('/chat')).json.conversations.find((c) => c.id === conv).unread;
  await mark(guestPhone, 'read');
  await mark(patientPhone, 'read');
  await mark(doctorPhone, 'read');
  assert.deepEqual([await unread(guestPhone), await unread(doctorPhone), await unread(patientPhone)], [0, 0, 0]);
  await send(guestPhone, 'from the guest');
  assert.deepEqual([await unread(guestPhone), await unread(doctorPhone), await unread(patientPhone)], [0, 1, 1]);
  await send(patientPhone, 'from the patient');
  assert.deepEqual([await unread(guestPhone), await unread(doctorPhone), await unread(patientPhone)], [1, 2, 1]);
  await mark(doctorPhone, 'read');
  assert.equal(await unread(doctorPhone), 0);
  leave();
  join();
  assert.equal(await unread(guestPhone), 0, 'what was said before is not unread to who comes');
  leave();
});

test('receipts are asked for and given rightly, or not at all', async () => {
  const m = await send(patientPhone, 'four');
  for (const body of [{ up_to: 'x' }, { up_to: -1 }, { up_to: {} }, { message_ids: 7 }, { message_ids: ['x'] }, { message_ids: Array(501).fill(1) }]) {
    assert.equal((await mark(doctorPhone, 'delivered', body)).status, 422, JSON.stringify(body).slice(0, 40));
  }
  assert.equal((await mark(guestPhone, 'delivered')).status, 404);
  assert.equal((await mark(patientPhone, 'delivered', { up_to: m.id })).json.up_to !== m.id, true, 'not of one\'s own');
  assert.deepEqual((await mark(doctorPhone, 'delivered', { message_ids: [999999] })).json, { status: 'delivered', up_to: null });
  assert.equal((await mark(adminPhone, 'delivered')).json.up_to, null, 'staff leaves no trace');
  assert.deepEqual(await receipts(m.id, adminPhone), { [doctor]: [false, false] });
  const other = conversations.find((c) => c.patient !== patient);
  const foreign = site.sql(`SELECT max(id) FROM messages WHERE request_id = ${other.id};`).trim();
  for (const id of [foreign, '999999', 'x', '-1', '99999999999999999999']) {
    assert.equal((await patientPhone.get(`/chat/conversation/${conv}/message/${id}/receipts`)).status, 404, id);
  }
  assert.equal((await patientPhone.get(`/chat/conversation/${other.id}/message/${foreign}/receipts`)).status, 404);
});

test('when somebody was last seen outlives their log-in', async () => {
  const at = async () => (await doctorPhone.get(members)).json.members[0].last_seen_at;
  site.sql(`DELETE FROM chat_sessions WHERE user_id = ${patient}; DELETE FROM personal_access_tokens WHERE tokenable_id = ${patient};`);
  assert.match(await at(), /Z$/);
});
