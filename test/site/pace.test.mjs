// SPDX-License-Identifier: Apache-2.0
//
// What costs something or could be used to guess has a limit for each account, says in
// RateLimit-* what is left of it, and is 429 with Retry-After beyond.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startSite } from './lib/site.mjs';

// So slow that no machine earns another one while a test runs.
const site = await startSite({ extraConf: 'ChatSendRate 1 6\nChatSearchRate 1 4\nChatLoginRate 5 3600\nChatBreakGlass 30min' });
const { conversations, accounts } = site.people();
const conv = conversations[0];
const at = `/chat/conversation/${conv.id}`;

/** Ask until it is 429; what was said on the way. */
async function until429(ask, limit) {
  const left = [];
  for (let i = 0; i <= limit; i++) {
    const r = await ask(i);
    assert.equal(Number(r.headers.get('ratelimit-limit')), limit, r.text);
    assert.match(r.headers.get('ratelimit-policy'), new RegExp(`^${limit};w=\\d+$`));
    assert.ok(Number(r.headers.get('ratelimit-reset')) >= 1);
    left.push(Number(r.headers.get('ratelimit-remaining')));
    if (r.status === 429) {
      assert.ok(Number(r.headers.get('retry-after')) >= 1);
      assert.deepEqual(Object.keys(r.json), ['error', 'errors']);
      return { left, r };
    }
  }
  return assert.fail(`no 429: ${left}`);
}

test('searches have a count of their own, over both URLs', async () => {
  const patient = await site.phone('patient@example.com');
  const { left } = await until429((i) => patient.get(i % 2 ? `${at}/search?q=a` : '/chat/search?q=a'), 4);
  assert.deepEqual(left, [3, 2, 1, 0, 0]);
  // What is no question was no search; messages and other people have theirs.
  assert.equal((await patient.get('/chat/search?q=')).status, 422);
  assert.equal((await patient.post(`${at}/message`, { content: 'a' })).status, 201);
  const doctor = await site.phone('doctor@example.com');
  assert.equal((await doctor.get('/chat/search?q=a')).status, 200);
  assert.equal((await doctor.get('/chat/search?q=a', { headers: { 'X-Forwarded-For': '10.1.1.1' } })).status, 200);
});

test('changing a plan counts as a message', async () => {
  const doctor = await site.phone('doctor@example.com');
  const made = await doctor.post(`${at}/plan`, { title: 'Crown', price_cents: 100, duration_days: 3, valid_days: 3 });
  assert.equal(made.status, 201, made.text);
  const path = `/chat/plan/${made.json.plan.id}`;
  const { left } = await until429((i) => doctor.request('PATCH', path, { body: { title: `Crown ${i}` } }), 6);
  assert.deepEqual(left, [4, 3, 2, 1, 0, 0]);
  assert.equal((await doctor.get(path)).json.plan.title, 'Crown 4', 'what was refused has changed nothing');
});

test('asking for people by their address counts as a message, and says so', async () => {
  const there = conversations.find((c) => c.doctor !== conv.doctor && !['completed', 'cancelled'].includes(c.status));
  const doctor = await site.phone(accounts.find((a) => a.user_id === there.doctor).email);
  const { left } = await until429((i) => doctor.post(`/chat/conversation/${there.id}/members`, { email: `nobody${i}@example.com` }), 6);
  assert.deepEqual(left, [5, 4, 3, 2, 1, 0, 0]);
});

test('so does opening a conversation by saying why', async () => {
  const admin = await site.phone('admin@example.com');
  const opened = await admin.post(`${at}/break-glass`, { reason: 'a fire alarm in the ward' });
  assert.equal(opened.status, 201, opened.text);
  assert.equal(Number(opened.headers.get('ratelimit-remaining')), 5);
});

test('wrong passwords count with failed log-ins, by account and by address', async () => {
  const patient = await site.phone('james.carter@example.com');
  const { left } = await until429(() => patient.post('/chat/password', { current_password: 'not this', password: 'new-password' }), 5);
  assert.deepEqual(left, [4, 3, 2, 1, 0, 0]);
  // The right one is not tried, and who has no session guesses no more than who has one.
  const right = await patient.post('/chat/password', { current_password: 'password', password: 'new-password' });
  assert.equal(right.status, 429);
  const other = await patient.post('/chat/token', { email: 'james.carter@example.com', password: 'password' }, { headers: { Authorization: null } });
  assert.equal(other.status, 429);
  // The address has had enough as well, whoever is asked for.
  const doctor = await patient.post('/chat/token', { email: 'doctor@example.com', password: 'wrong' }, { headers: { Authorization: null } });
  assert.equal(doctor.status, 429);
  assert.equal(Number(doctor.headers.get('ratelimit-remaining')), 0);
});
