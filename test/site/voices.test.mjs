// SPDX-License-Identifier: Apache-2.0
//
// What staff who are no members write into a conversation of two is unread for both, in
// every count, until each has read it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanup } from './lib/cleanup.mjs';
import { collect, connect, subscribed } from './lib/pusher.mjs';
import { eventually, startSite } from './lib/site.mjs';
import { form, png } from './lib/upload.mjs';

const site = await startSite({ extraConf: 'ChatSendRate off\nChatRequestRate off' });
cleanup(() => site.stop());
const { accounts, conversations } = site.people();
const email = (id) => accounts.find((a) => a.user_id === id).email;
const [conv] = conversations;
const url = `/chat/conversation/${conv.id}`;
const patient = await site.phone(email(conv.patient));
const doctor = await site.phone(email(conv.doctor));
const staff = await site.phone('admin@example.com');
const desk = await site.browser('admin@example.com');
const next = accounts.find((a) => a.role === 'doctor' && a.user_id !== conv.doctor && !conversations.some((c) => c.doctor === a.user_id && c.patient === conv.patient));
const other = await site.phone(next.email);

const lists = async (client) => (await client.get('/chat')).json.conversations;
const unread = async (client, id = conv.id) => (await lists(client)).find((c) => c.id === id)?.unread;
const all = async () => Promise.all([unread(patient), unread(doctor)]);
const send = async (client, content) => {
  const r = await client.post(`${url}/message`, { content });
  assert.equal(r.status, 201, r.text);
  return r.json.message;
};
const read = async (client, body = {}) => (await client.post(`${url}/read`, body)).json.read;
for (const client of [patient, doctor]) {
  for (const c of await lists(client)) {
    await client.post(`/chat/conversation/${c.id}/read`, {});
  }
}
const elsewhere = async () => (await lists(doctor)).filter((c) => c.id !== conv.id).map((c) => [c.id, c.unread]);

test('both have it unread until each has read it, who hears of that', async () => {
  assert.deepEqual(await all(), [0, 0]);
  const before = await elsewhere();
  const pusher = connect(site, patient);
  cleanup(() => pusher.disconnect());
  const told = collect(await subscribed(pusher, `private-user.${conv.patient}`), 'MessageRead');
  const message = await send(staff, 'the laboratory has called');
  assert.deepEqual(await all(), [1, 1]);
  assert.equal(await unread(staff), 0, 'not for who looks on');
  assert.deepEqual(await elsewhere(), before);
  assert.equal(await read(doctor), 1);
  assert.deepEqual(await all(), [1, 0]);
  await eventually(() => told.length === 1, 'MessageRead');
  assert.deepEqual([told[0].user_id, told[0].up_to, told[0].message_ids?.length ?? 0], [conv.doctor, message.id, 0]);
  assert.equal(await read(doctor), 0, 'again is nothing');
  assert.equal((await patient.get(url)).status, 200); // opening marks
  assert.deepEqual(await all(), [0, 0]);
  const { receipts } = (await staff.get(`${url}/message/${message.id}/receipts`)).json;
  assert.deepEqual(receipts.map((r) => [r.user.id, Boolean(r.read_at)]).sort(), [[conv.patient, true], [conv.doctor, true]].sort());
});

test('what the two write counts for one of them, as ever', async () => {
  await send(patient, 'from me');
  await send(doctor, 'from you');
  assert.deepEqual(await all(), [1, 1]);
  assert.equal(await read(doctor), 1);
  assert.equal(await read(patient), 1);
  assert.deepEqual(await all(), [0, 0]);
});

test('some are read, some are not; what is deleted is not unread', async () => {
  const sent = [await send(desk, 'one'), await send(staff, 'two'), await send(desk, 'three')];
  assert.deepEqual(await all(), [3, 3]);
  assert.equal(await read(doctor, { message_ids: [sent[0].id] }), 1);
  assert.deepEqual(await all(), [3, 2]);
  assert.equal((await staff.request('DELETE', `${url}/message/${sent[2].id}`, { body: {} })).status, 200);
  assert.deepEqual(await all(), [2, 1]);
  assert.equal((await doctor.get(url)).status, 200);
  assert.equal(await read(patient), 2);
  assert.deepEqual(await all(), [0, 0]);
});

test('files count like words', async () => {
  const { body, type } = form([{ name: 'files[]', file: 'xray.png', type: 'image/png', bytes: png() }]);
  const fresh = conversations.find((c) => c.doctor === conv.doctor && c.id !== conv.id) ?? conversations.find((c) => c.id !== conv.id);
  const whose = await site.phone(email(fresh.doctor));
  await whose.post(`/chat/conversation/${fresh.id}/read`, {});
  const was = await unread(whose, fresh.id);
  const r = await staff.post(`/chat/conversation/${fresh.id}/message`, body, { type });
  assert.equal(r.status, 201, r.text);
  assert.equal(await unread(whose, fresh.id), was + 1);
});

test('whom the conversation is handed to has unread what is new to them, not all there was', async () => {
  await send(staff, 'before');
  await send(doctor, 'between the two');
  assert.deepEqual(await all(), [2, 1]);
  site.sql(`UPDATE treatment_requests SET doctor_id = ${next.user_id} WHERE id = ${conv.id};`);
  try {
    assert.equal(await unread(other), 0, 'what was said to others before');
    await send(staff, 'after');
    assert.equal(await unread(other), 1);
    assert.equal(await read(other), 1);
    assert.equal(await unread(other), 0);
  } finally {
    site.sql(`UPDATE treatment_requests SET doctor_id = ${conv.doctor} WHERE id = ${conv.id};`);
  }
  const waiting = await send(patient, 'nobody reads this yet');
  await send(staff, 'and this');
  site.sql(`UPDATE treatment_requests SET doctor_id = ${next.user_id} WHERE id = ${conv.id};`);
  try {
    assert.equal(await unread(other), 2, 'what the doctor before has not read, and what came behind it');
    const { receipts } = (await patient.get(`${url}/message/${waiting.id}/receipts`)).json;
    assert.ok(receipts.some((r) => r.user.id === next.user_id && !r.read_at), JSON.stringify(receipts));
    assert.equal(await read(other), 2);
    assert.equal(await unread(other), 0);
  } finally {
    site.sql(`UPDATE treatment_requests SET doctor_id = ${conv.doctor} WHERE id = ${conv.id};`);
  }
});
