// SPDX-License-Identifier: Apache-2.0
//
// Treatment plans: every route right and wrong, who may, races, whoever changes the
// row, expiry and reminders.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collect, connect, subscribed } from './lib/pusher.mjs';
import { Client } from './lib/client.mjs';
import { eventually, startSite } from './lib/site.mjs';

const site = await startSite({
  extraConf: 'ChatOrigin https://clinic.example\nChatSendRate off\nChatRequestRate off',
  pushEnv: { CHAT_PUSH_PLANS_EVERY_SECONDS: '1', CHAT_PUSH_PLANS_REMINDER_SECONDS: '2', CHAT_PUSH_PLANS_REMINDERS: '2' },
});
const { accounts, conversations } = site.people();
const conv = conversations[0];
const foreign = conversations.find((c) => c.patient !== conv.patient && c.doctor !== conv.doctor);
const email = (id) => accounts.find((a) => a.user_id === id).email;
const patient = await site.phone(email(conv.patient));
const doctor = await site.phone(email(conv.doctor));
const stranger = await site.phone(email(foreign.patient));
const otherDoctor = await site.phone(email(foreign.doctor));
const admin = await site.phone('admin@example.com');
const browser = await site.browser(email(conv.doctor));
const anybody = new Client(site.url);
const base = `/chat/conversation/${conv.id}`;

const offer = { title: 'Crown', description: 'One crown', price_cents: 123450, currency: 'JOD', duration_days: 14 };
const isError = (r, status, field) => {
  assert.equal(r.status, status, r.text);
  assert.equal(typeof r.json.error, 'string');
  if (field) {
    assert.ok(Array.isArray(r.json.errors[field]), `errors.${field}: ${r.text}`);
  }
};
const make = async (fields = {}) => {
  const r = await doctor.post(`/chat/conversation/${conv.id}/plan`, { ...offer, ...fields });
  assert.equal(r.status, 201, r.text);
  return r.json.plan;
};
const submitted = (fields = {}) => make({ status: 'submitted', ...fields });
const act = (who, plan, what, body = {}) => who.post(`/chat/plan/${plan.id}/${what}`, body);
const offeredBy = async (who) => (await who.post(`/chat/conversation/${conv.id}/plan`, { ...offer, status: 'submitted' })).json.plan;
const statusOf = async (plan, who = doctor) => (await who.get(`/chat/plan/${plan.id}`)).json.plan.status;
/** The events of a plan, oldest first. */
const eventsOf = (plan) => site.sql(`SELECT event FROM chat_events WHERE event LIKE 'Plan%' AND ${
  site.dbFile ? "json_extract(payload, '$.plan.id')" : "payload->'plan'->>'id'"} = ${
  site.dbFile ? plan.id : `'${plan.id}'`} ORDER BY id;`).trim().split('\n').filter(Boolean);
const cardsOf = (plan) => site.sql(`SELECT plan_status FROM messages WHERE plan_id = '${plan.id}' ORDER BY id;`).trim().split('\n').filter(Boolean);
/** Nothing accepted, so that the next test may. */
const clear = () => site.sql('DELETE FROM treatment_plans;');

test('a doctor makes a draft, changes it and submits it; the patient accepts', async () => {
  clear();
  const draft = await make({ valid_days: 3, must_acknowledge: true });
  assert.equal(draft.status, 'draft');
  assert.deepEqual(Object.keys(draft), ['id', 'title', 'status', 'description', 'price_cents', 'currency', 'duration_days', 'doctor_id',
    'consultation_id', 'reason', 'valid_days', 'expires_at', 'submitted_at', 'decided_at', 'must_acknowledge', 'acknowledged_at',
    'created_at', 'updated_at']);
  assert.deepEqual(eventsOf(draft), [], 'a draft is nobody else\'s');
  isError(await patient.get(`/chat/plan/${draft.id}`), 404);
  isError(await act(patient, draft, 'accept'), 404);
  isError(await act(patient, draft, 'submit'), 404);
  assert.deepEqual((await patient.get(`/chat/conversation/${conv.id}/plans`)).json.data, []);
  assert.equal((await doctor.get(`/chat/conversation/${conv.id}/plans`)).json.data.length, 1);

  const edited = await doctor.request('PATCH', `/chat/plan/${draft.id}`, { body: { title: ' Bridge ', price_cents: null } });
  assert.equal(edited.status, 200, edited.text);
  assert.equal(edited.json.plan.title, 'Bridge');
  assert.equal(edited.json.plan.price_cents, null);
  assert.equal(edited.json.plan.currency, 'JOD', 'what was not named stays');

  const sent = await act(doctor, draft, 'submit');
  assert.equal(sent.status, 200, sent.text);
  assert.equal(sent.json.plan.status, 'submitted');
  assert.ok(new Date(sent.json.plan.expires_at) - new Date(sent.json.plan.submitted_at) === 3 * 86400e3);
  assert.equal((await act(doctor, draft, 'submit')).status, 200, 'again is the same');
  isError(await doctor.request('PATCH', `/chat/plan/${draft.id}`, { body: { title: 'x' } }), 409);
  isError(await act(doctor, draft, 'accept'), 403);
  isError(await act(doctor, draft, 'reject'), 403);
  isError(await act(patient, draft, 'cancel'), 403);
  isError(await act(admin, draft, 'accept'), 403);

  assert.equal((await act(patient, draft, 'acknowledge')).json.plan.acknowledged_at.length, 24);
  const yes = await act(patient, draft, 'accept');
  assert.equal(yes.json.plan.status, 'accepted');
  assert.deepEqual((await act(patient, draft, 'accept')).json, yes.json, 'again is the same');
  const no = await act(patient, draft, 'reject', { reason: 'x' });
  isError(no, 409);
  assert.equal(no.json.plan.status, 'accepted');
  isError(await act(doctor, draft, 'cancel'), 409);
  isError(await act(doctor, draft, 'submit'), 409);
  assert.deepEqual(eventsOf(draft), ['PlanSubmitted', 'PlanAcknowledged', 'PlanAccepted']);
  assert.deepEqual(cardsOf(draft), ['submitted', 'accepted']);
});

test('rejected with a reason, and cancelled', async () => {
  clear();
  const plan = await submitted();
  const no = await act(patient, plan, 'reject', { reason: '  too dear  ' });
  assert.equal(no.json.plan.reason, 'too dear');
  assert.equal((await act(patient, plan, 'reject')).json.plan.reason, 'too dear');
  const late = await act(patient, plan, 'accept');
  isError(late, 409);
  assert.equal(late.json.plan.status, 'rejected');
  const other = await submitted();
  assert.equal((await act(doctor, other, 'cancel', { reason: 'by mistake' })).json.plan.status, 'cancelled');
  assert.equal((await act(doctor, other, 'cancel')).status, 200);
  isError(await act(patient, other, 'accept'), 409);
  const draft = await make();
  assert.equal((await act(doctor, draft, 'cancel')).status, 200);
  assert.deepEqual(eventsOf(draft), [], 'what was never shown ends in silence');
  isError(await patient.get(`/chat/plan/${draft.id}`), 404);
  assert.deepEqual(eventsOf(plan), ['PlanSubmitted', 'PlanRejected']);
  assert.deepEqual(eventsOf(other), ['PlanSubmitted', 'PlanCancelled']);
});

test('a field that may be missing may be null or empty', async () => {
  clear();
  const plain = await make({ title: 'Plain', description: undefined, price_cents: undefined, currency: undefined, duration_days: undefined });
  for (const none of [null, '']) {
    const r = await doctor.post(`/chat/conversation/${conv.id}/plan`, { title: 'Plain', description: none, price_cents: none,
      currency: none, duration_days: none, valid_days: none, expires_at: none, must_acknowledge: none, status: none, client_id: none });
    assert.equal(r.status, 201, r.text);
    const same = ({ id, created_at, updated_at, ...rest }) => rest;
    assert.deepEqual(same(r.json.plan), same(plain));
  }
  assert.equal((await doctor.get(`/chat/conversation/${conv.id}/plans?limit=&offset=`)).status, 200);
});

test('each field wrong is said by its name', async () => {
  clear();
  const wrong = [
    [{ title: undefined }, 'title'], [{ title: '' }, 'title'], [{ title: ' \u00a0' }, 'title'], [{ title: 7 }, 'title'], [{ title: ['x'] }, 'title'],
    [{ title: 'x'.repeat(201) }, 'title'], [{ description: 'x'.repeat(2001) }, 'description'], [{ description: {} }, 'description'],
    [{ price_cents: -1 }, 'price_cents'], [{ price_cents: 1.5 }, 'price_cents'], [{ price_cents: 'much' }, 'price_cents'],
    [{ price_cents: 1e10 }, 'price_cents'], [{ price_cents: true }, 'price_cents'],
    [{ currency: 'usd' }, 'currency'], [{ currency: 'XXX' }, 'currency'], [{ currency: 'US' }, 'currency'], [{ currency: 'D A' }, 'currency'],
    [{ currency: '   ' }, 'currency'], [{ currency: 5 }, 'currency'],
    [{ duration_days: 0 }, 'duration_days'], [{ duration_days: 3651 }, 'duration_days'], [{ duration_days: '-3' }, 'duration_days'],
    [{ valid_days: 0 }, 'valid_days'], [{ valid_days: 'x' }, 'valid_days'],
    [{ expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'], [{ expires_at: '2031-02-30T00:00:00Z' }, 'expires_at'],
    [{ expires_at: 'tomorrow' }, 'expires_at'], [{ expires_at: 5 }, 'expires_at'], [{ expires_at: '2031-01-01T00:00:00+03:00' }, 'expires_at'],
    [{ expires_at: '2031-01-01T00:00:00Z', valid_days: 3 }, 'expires_at'],
    [{ must_acknowledge: 'perhaps' }, 'must_acknowledge'], [{ must_acknowledge: [] }, 'must_acknowledge'],
    [{ status: 'accepted' }, 'status'], [{ status: 1 }, 'status'],
    [{ client_id: 'a b' }, 'client_id'], [{ client_id: 'x'.repeat(65) }, 'client_id'], [{ client_id: 3 }, 'client_id'],
  ];
  for (const [fields, field] of wrong) {
    isError(await doctor.post(`/chat/conversation/${conv.id}/plan`, { ...offer, ...fields }), 422, field);
  }
  isError(await doctor.post(`/chat/conversation/${conv.id}/plan`, '{"title":"a\\u0000b"}'), 400);
  isError(await doctor.post(`/chat/conversation/${conv.id}/plan`, new Uint8Array([...Buffer.from('{"title":"'), 0xff, ...Buffer.from('"}')])), 400);
  isError(await doctor.post(`/chat/conversation/${conv.id}/plan`, '{'), 400);
  isError(await doctor.post(`/chat/conversation/${conv.id}/plan`, '[]'), 422);
  isError(await doctor.post(`/chat/conversation/${conv.id}/plan`, 'x', { type: 'text/plain' }), 415);
  const plan = await make();
  for (const [fields, field] of wrong.filter(([f]) => !('status' in f || 'client_id' in f || (('title' in f) && f.title === undefined)))) {
    isError(await doctor.request('PATCH', `/chat/plan/${plan.id}`, { body: fields }), 422, field);
  }
  await act(doctor, plan, 'submit');
  isError(await act(patient, plan, 'reject', { reason: 'x'.repeat(501) }), 422, 'reason');
  isError(await act(patient, plan, 'reject', { reason: 7 }), 422, 'reason');
  isError(await doctor.get(`/chat/conversation/${conv.id}/plans?limit=0`), 422, 'limit');
  isError(await doctor.get(`/chat/conversation/${conv.id}/plans?limit=x`), 422, 'limit');
  isError(await doctor.get(`/chat/conversation/${conv.id}/plans?offset=-1`), 422, 'offset');
  assert.equal((await doctor.get(`/chat/conversation/${conv.id}/plans`)).json.data.length, 1, 'none of them was stored');
});

test('a draft may be made to expire otherwise; once that is over it cannot be submitted', async () => {
  clear();
  const plan = await make({ valid_days: 3 });
  const patch = (body) => doctor.request('PATCH', `/chat/plan/${plan.id}`, { body });
  isError(await patch({ expires_at: '2031-05-06T07:08:09.123Z' }), 422, 'expires_at');
  const r = await patch({ expires_at: '2031-05-06T07:08:09.123Z', valid_days: null });
  assert.equal(r.json.plan.expires_at, '2031-05-06T07:08:09.123Z');
  assert.equal((await patch({ title: 'Same end' })).json.plan.expires_at, '2031-05-06T07:08:09.123Z');
  site.sql(`UPDATE treatment_plans SET expires_at = ${site.time(-1)} WHERE id = ${plan.id};`);
  isError(await act(doctor, plan, 'submit'), 409);
  await patch({ expires_at: null });
  assert.equal((await act(doctor, plan, 'submit')).json.plan.expires_at, null);
});

test('a form makes a plan as JSON does', async () => {
  clear();
  const r = await browser.form(`/chat/conversation/${conv.id}/plan`, { title: 'خطة', price_cents: '100', duration_days: '', must_acknowledge: 'on', status: 'submitted', _token: browser.csrf });
  assert.equal(r.status, 201, r.text);
  assert.equal(r.json.plan.title, 'خطة');
  assert.equal(r.json.plan.duration_days, null);
  assert.equal(r.json.plan.must_acknowledge, true);
});

test('strangers find nothing, others may not, nobody is told to log in', async () => {
  clear();
  const plan = await submitted();
  const routes = (id) => [['GET', `/chat/plan/${id}`], ['PATCH', `/chat/plan/${id}`], ['POST', `/chat/plan/${id}/submit`],
    ['POST', `/chat/plan/${id}/accept`], ['POST', `/chat/plan/${id}/reject`], ['POST', `/chat/plan/${id}/cancel`],
    ['POST', `/chat/plan/${id}/acknowledge`]].map(([method, path]) => [method, path, method === 'GET' ? undefined : {}]);
  for (const [method, path, body] of routes(plan.id)) {
    isError(await anybody.request(method, path, { body }), 401);
    isError(await stranger.request(method, path, { body }), 404);
    isError(await otherDoctor.request(method, path, { body }), 404);
    if (method !== 'GET') {
      isError(await browser.request(method, path, { body, headers: { 'X-CSRF-TOKEN': null } }), 419);
      isError(await browser.request(method, path, { body, headers: { Origin: 'https://evil.example' } }), 419);
    }
  }
  for (const id of ['999999', 'abc', `0${plan.id}`, '99999999999999999999']) {
    for (const [method, path, body] of routes(id)) {
      isError(await doctor.request(method, path, { body }), 404);
    }
  }
  isError(await stranger.post(`/chat/conversation/${conv.id}/plan`, offer), 404);
  isError(await otherDoctor.post(`/chat/conversation/${conv.id}/plan`, offer), 404);
  isError(await stranger.get(`/chat/conversation/${conv.id}/plans`), 404);
  isError(await patient.post(`/chat/conversation/${conv.id}/plan`, offer), 403);
  isError(await admin.post(`/chat/conversation/${conv.id}/plan`, offer), 403);
  isError(await browser.post(`/chat/conversation/${conv.id}/plan`, offer, { headers: { 'X-CSRF-TOKEN': 'x' } }), 419);
  assert.equal((await admin.get(`/chat/plan/${plan.id}`)).status, 200, 'staff reads');
  const r = await doctor.request('PUT', `/chat/plan/${plan.id}`, { body: {} });
  isError(r, 405);
  assert.equal(r.headers.get('allow'), 'GET, HEAD, PATCH');
  const other = await site.phone(email(conv.doctor));
  site.sql(`UPDATE personal_access_tokens SET expires_at = ${site.time(-1)} WHERE id = ${other.token.split('|')[0]};`);
  isError(await act(other, plan, 'cancel'), 401);
  assert.equal(await statusOf(plan), 'submitted');
});

test('a client_id makes one plan, however often it is sent', async () => {
  clear();
  const all = await Promise.all(Array.from({ length: 8 }, () => doctor.post(`/chat/conversation/${conv.id}/plan`, { ...offer, status: 'submitted', client_id: 'p1' })));
  assert.deepEqual(all.map((r) => r.status), Array(8).fill(201), all.map((r) => r.text).join());
  assert.equal(new Set(all.map((r) => r.json.plan.id)).size, 1);
  isError(await doctor.post(`/chat/conversation/${conv.id}/plan`, { ...offer, title: 'Other', status: 'submitted', client_id: 'p1' }), 409);
  isError(await doctor.post(`/chat/conversation/${conv.id}/plan`, { ...offer, client_id: 'p1' }), 409);
  await act(patient, all[0].json.plan, 'accept');
  const again = await doctor.post(`/chat/conversation/${conv.id}/plan`, { ...offer, status: 'submitted', client_id: 'p1' });
  assert.equal(again.json.plan.status, 'accepted', 'the first one, as it is now');
  assert.equal((await doctor.get(`/chat/conversation/${conv.id}/plans`)).json.data.length, 1);
});

test('of two plans accepted at once, twenty times over, one is', async () => {
  clear();
  const plans = [await submitted(), await submitted({ title: 'Bridge' })];
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => act(patient, plans[i % 2], 'accept')));
  const won = answers.filter((r) => r.status === 200).map((r) => r.json.plan.id);
  assert.equal(new Set(won).size, 1, answers.map((r) => r.text).join('\n'));
  assert.equal(won.length, 10, 'each retry of the winner is a success');
  const lost = answers.filter((r) => r.status !== 200);
  for (const r of lost) {
    isError(r, 409);
    assert.equal(r.json.plan.status, 'submitted');
    assert.match(r.json.error, /another plan/);
  }
  assert.equal(site.sql("SELECT count(*) FROM treatment_plans WHERE status = 'accepted';").trim(), '1');
  assert.equal(plans.flatMap(eventsOf).filter((e) => e === 'PlanAccepted').length, 1);
  assert.equal(plans.flatMap(cardsOf).filter((e) => e === 'accepted').length, 1);
});

test('of accepting, rejecting and cancelling at once one wins', async () => {
  for (let i = 0; i < 4; i++) {
    clear();
    const plan = await submitted();
    const answers = await Promise.all([act(patient, plan, 'accept'), act(patient, plan, 'reject', { reason: 'no' }), act(doctor, plan, 'cancel')]);
    assert.equal(answers.filter((r) => r.status === 200).length, 1, answers.map((r) => r.text).join('\n'));
    assert.equal(answers.filter((r) => r.status === 409).length, 2);
    assert.equal(eventsOf(plan).length, 2);
    assert.equal(cardsOf(plan).length, 2);
  }
});

test('both hear of it, on the conversation and on their own channel', async () => {
  clear();
  const ends = [connect(site, patient), connect(site, doctor)];
  const names = ['MessageSent', 'PlanSubmitted', 'PlanAccepted', 'PlanRejected', 'PlanCancelled', 'PlanExpired'];
  const lists = {};
  for (const [who, pusher, id] of [['patient', ends[0], conv.patient], ['doctor', ends[1], conv.doctor]]) {
    for (const channel of [`private-user.${id}`, `private-conversation.${conv.id}`]) {
      const c = await subscribed(pusher, channel);
      for (const name of names) {
        lists[`${who} ${channel.split('.')[0].slice(8)} ${name}`] = collect(c, name);
      }
    }
  }
  const plan = await submitted();
  await act(patient, plan, 'reject', { reason: 'why' });
  const second = await submitted();
  await act(doctor, second, 'cancel');
  await eventually(() => lists['patient user PlanCancelled'].length === 1 && lists['doctor conversation PlanCancelled'].length === 1
    && lists['patient user MessageSent'].length === 4, 'the last event');
  for (const [where, n] of Object.entries({
    'patient user PlanSubmitted': 2, 'doctor user PlanSubmitted': 0, 'patient conversation PlanSubmitted': 2, 'doctor conversation PlanSubmitted': 2,
    'doctor user PlanRejected': 1, 'patient user PlanRejected': 0, 'patient conversation PlanRejected': 1, 'doctor user PlanCancelled': 0,
    'patient conversation MessageSent': 4, 'doctor user MessageSent': 4,
  })) {
    assert.equal(lists[where].length, n, where);
  }
  const card = lists['patient user MessageSent'][1].message;
  assert.equal(card.type, 'plan');
  assert.equal(card.user_id, conv.patient, 'who decided is who says so');
  assert.equal(card.content, 'Treatment plan declined: Crown');
  assert.equal(card.plan.id, plan.id);
  assert.equal(card.plan.card, 'rejected');
  assert.equal(card.plan.reason, 'why');
  const told = lists['doctor user PlanRejected'][0];
  const { card: _, ...same } = card.plan;
  assert.deepEqual(told.plan, same);
  assert.deepEqual((await patient.get(`/chat/plan/${plan.id}`)).json.plan, same);
  const page = (await patient.get(`${base}/messages?per_page=4`)).json.data;
  assert.deepEqual(page.map((m) => [m.plan.id, m.plan.card, m.plan.status]),
    [[second.id, 'cancelled', 'cancelled'], [second.id, 'submitted', 'cancelled'], [plan.id, 'rejected', 'rejected'], [plan.id, 'submitted', 'rejected']]);
  ends.forEach((p) => p.disconnect());
});

test('whom a conversation was taken from hears nothing of its plans any more', async () => {
  clear();
  const [accepted, rejected, late] = [await submitted(), await submitted(), await submitted()];
  site.sql(`UPDATE treatment_requests SET doctor_id = ${foreign.doctor} WHERE id = ${conv.id};`);
  const before = site.lastEvent();
  try {
    assert.equal((await act(patient, accepted, 'accept')).status, 200);
    assert.equal((await act(patient, rejected, 'reject')).status, 200);
    site.sql(`UPDATE treatment_plans SET status = 'expired' WHERE id = ${late.id};`);
    const told = site.sql(`SELECT event, channels FROM chat_events WHERE id > ${before} ORDER BY id;`).trim().split('\n');
    assert.equal(told.filter((line) => /^(MessageSent|Plan)/.test(line)).length, 6, told.join('\n'));
    for (const line of told) {
      assert.doesNotMatch(line, new RegExp(`private-user\\.${conv.doctor}"`), 'who offered it');
      assert.match(line, new RegExp(`private-user\\.${foreign.doctor}"`), 'the doctor there is now');
    }
    site.sql(`UPDATE treatment_requests SET doctor_id = NULL WHERE id = ${conv.id};`);
    const alone = site.lastEvent();
    site.sql(`UPDATE treatment_plans SET status = 'submitted', submitted_at = ${site.time()} WHERE id = ${rejected.id};`);
    assert.doesNotMatch(site.sql(`SELECT channels FROM chat_events WHERE id > ${alone};`), new RegExp(`private-user\\.(${conv.doctor}|${foreign.doctor})"`));
  } finally {
    site.sql(`UPDATE treatment_requests SET doctor_id = ${conv.doctor} WHERE id = ${conv.id};`);
  }
});

test('the next doctor and staff take back what the one before offered, who cannot any more', async () => {
  clear();
  const hand = (id) => site.sql(`UPDATE treatment_requests SET doctor_id = ${id} WHERE id = ${conv.id};`);
  const [byNext, byStaff, late, theirs] = [await submitted(), await submitted(), await submitted(), await submitted()];
  const draft = await make({ client_id: 'handed' });
  isError(await act(admin, byStaff, 'cancel'), 403);
  assert.equal(await statusOf(byStaff), 'submitted', "the doctor's own are the doctor's");
  hand(foreign.doctor);
  try {
    isError(await act(doctor, byNext, 'cancel'), 404);
    for (const what of ['submit', 'accept', 'reject', 'acknowledge']) {
      isError(await act(otherDoctor, byNext, what), 403);
      isError(await act(admin, byNext, what), 403);
    }
    isError(await otherDoctor.request('PATCH', `/chat/plan/${byNext.id}`, { body: { title: 'x' } }), 403);
    isError(await act(patient, byNext, 'cancel'), 403);
    isError(await act(stranger, byNext, 'cancel'), 404);
    isError(await act(otherDoctor, byNext, 'cancel', { reason: 'x'.repeat(501) }), 422, 'reason');
    assert.equal(await statusOf({ id: byNext.id }, otherDoctor), 'submitted');

    const before = site.lastEvent();
    const gone = await act(otherDoctor, byNext, 'cancel', { reason: 'another way' });
    assert.equal(gone.status, 200, gone.text);
    assert.deepEqual([gone.json.plan.status, gone.json.plan.reason, gone.json.plan.doctor_id], ['cancelled', 'another way', conv.doctor]);
    assert.equal((await act(otherDoctor, byNext, 'cancel')).json.plan.reason, 'another way', 'again is the same');
    const told = site.sql(`SELECT event, channels FROM chat_events WHERE id > ${before} ORDER BY id;`).trim().split('\n');
    assert.deepEqual(told.map((line) => line.split('|')[0]), ['MessageSent', 'PlanCancelled']);
    for (const line of told) {
      assert.doesNotMatch(line, new RegExp(`private-user\\.${conv.doctor}"`), 'who offered it is a stranger');
      assert.match(line, new RegExp(`private-user\\.${conv.patient}"`));
      assert.match(line, new RegExp(`private-conversation\\.${conv.id}"`));
    }
    const card = (await patient.get(`${base}/messages?per_page=1`)).json.data[0];
    assert.deepEqual([card.plan.card, card.user_id], ['cancelled', foreign.doctor], 'who took it back');
    isError(await act(patient, byNext, 'accept'), 409);

    assert.equal((await act(admin, byStaff, 'cancel')).json.plan.status, 'cancelled');
    assert.deepEqual(cardsOf(byStaff), ['submitted', 'cancelled']);
    site.sql(`UPDATE treatment_plans SET expires_at = ${site.time(-1)} WHERE id = ${late.id};`);
    isError(await act(otherDoctor, late, 'cancel'), 409);
    assert.equal((await act(patient, theirs, 'accept')).status, 200);
    isError(await act(otherDoctor, theirs, 'cancel'), 409);
    isError(await act(admin, theirs, 'cancel'), 409);

    // A draft is nobody's meanwhile, also when its doctor stays as a further member.
    const none = async (who) => {
      isError(await who.get(`/chat/plan/${draft.id}`), 404);
      isError(await who.request('PATCH', `/chat/plan/${draft.id}`, { body: { title: 'x' } }), 404);
      for (const what of ['submit', 'cancel']) {
        isError(await act(who, draft, what), 404);
      }
      const list = await who.get(`/chat/conversation/${conv.id}/plans`);
      assert.ok(!list.json.data?.some((plan) => plan.id === draft.id), list.text);
    };
    for (const who of [doctor, otherDoctor, admin, patient]) {
      await none(who);
    }
    assert.equal((await otherDoctor.post(`${base}/members`, { user_id: conv.doctor })).status, 201);
    await none(doctor);
    const again = await offeredBy(otherDoctor);
    isError(await act(doctor, again, 'cancel'), 403);
    site.sql(`UPDATE treatment_plans SET status = 'submitted', decided_at = NULL WHERE id = ${byStaff.id};`);
    isError(await act(doctor, byStaff, 'cancel'), 403);
    const last = await act(otherDoctor, byStaff, 'cancel');
    assert.equal(last.status, 200, last.text);
    assert.equal((await patient.get(`${base}/messages?per_page=1`)).json.data[0].user_id, foreign.doctor, 'not who looks on');
    assert.equal((await otherDoctor.request('DELETE', `${base}/members/${conv.doctor}`, {})).status, 200);

    // Without a doctor staff may, and the former doctor hears nothing of it.
    site.sql(`UPDATE treatment_plans SET status = 'submitted', decided_at = NULL WHERE id = ${byNext.id};`);
    hand('NULL');
    const alone = site.lastEvent();
    isError(await act(doctor, byNext, 'cancel'), 404);
    assert.equal((await act(admin, byNext, 'cancel')).status, 200);
    assert.doesNotMatch(site.sql(`SELECT channels FROM chat_events WHERE id > ${alone};`), new RegExp(`private-user\\.(${conv.doctor}|${foreign.doctor})"`));
  } finally {
    hand(conv.doctor);
  }
  assert.equal((await act(doctor, draft, 'submit')).json.plan.status, 'submitted', 'it is there again with its doctor');
});

test('of two who take back an offer at once one does, also while it is handed over', async () => {
  const hand = (id) => site.sqlBeside(`UPDATE treatment_requests SET doctor_id = ${id} WHERE id = ${conv.id};`);
  for (let i = 0; i < 4; i++) {
    clear();
    const plan = await submitted();
    const [, ...answers] = await Promise.all([hand(foreign.doctor), act(doctor, plan, 'cancel'), act(otherDoctor, plan, 'cancel'), act(admin, plan, 'cancel'), act(patient, plan, 'accept')]);
    const { status } = (await patient.get(`/chat/plan/${plan.id}`)).json.plan;
    assert.match(status, /^(cancelled|accepted)$/);
    assert.ok(answers.every((r) => [200, 403, 404, 409].includes(r.status)), answers.map((r) => r.text).join('\n'));
    assert.deepEqual(cardsOf(plan), ['submitted', status]);
    await hand(conv.doctor);
  }
});

test('a client cannot send a card', async () => {
  isError(await patient.post(`${base}/message`, { content: 'x', type: 'plan' }), 422, 'type');
  const r = await patient.post(`${base}/message`, { content: 'x', plan_id: '1', plan_status: 'accepted', detailed: 1 });
  assert.equal(r.json.message.plan ?? null, null);
});

test('a card is neither edited nor deleted', async () => {
  clear();
  const plan = await submitted();
  await act(patient, plan, 'accept');
  const [card] = (await patient.get(`/chat/conversation/${conv.id}/messages?per_page=1`)).json.data;
  assert.equal(card.plan.card, 'accepted');
  isError(await patient.request('PATCH', `/chat/conversation/${conv.id}/message/${card.id}`, { body: { content: 'x' } }), 403);
  isError(await patient.request('DELETE', `/chat/conversation/${conv.id}/message/${card.id}`, { body: {} }), 403);
  isError(await admin.request('DELETE', `/chat/conversation/${conv.id}/message/${card.id}`, { body: {} }), 403);
});

test('nothing is offered in a consultation that is closed', async () => {
  clear();
  const was = site.sql(`SELECT status FROM treatment_requests WHERE id = ${conv.id};`).trim();
  const draft = await make();
  const open = await submitted();
  site.sql(`UPDATE treatment_requests SET status = 'completed' WHERE id = ${conv.id};`);
  try {
    isError(await doctor.post(`/chat/conversation/${conv.id}/plan`, offer), 403);
    isError(await act(doctor, draft, 'submit'), 403);
    assert.equal(await statusOf(draft), 'draft');
    assert.equal((await act(doctor, open, 'submit')).status, 200, 'it was so before');
  } finally {
    site.sql(`UPDATE treatment_requests SET status = '${was}' WHERE id = ${conv.id};`);
  }
});

test('two who look at the clock at once tell it once', async () => {
  clear();
  const plan = await submitted();
  const late = `UPDATE treatment_plans SET status = 'expired' WHERE status = 'submitted' AND expires_at <= ${site.time()};`;
  site.sql(`UPDATE treatment_plans SET expires_at = ${site.time(-1)} WHERE id = ${plan.id};`);
  await Promise.all([site.sqlBeside(late), site.sqlBeside(late), act(patient, plan, 'accept'), act(patient, plan, 'reject')]);
  await eventually(() => eventsOf(plan).length === 2, 'PlanExpired');
  assert.deepEqual(eventsOf(plan), ['PlanSubmitted', 'PlanExpired']);
  assert.deepEqual(cardsOf(plan), ['submitted', 'expired']);
});

test('whoever changes the row raises the same', async () => {
  clear();
  const plan = await make();
  const set = (what) => site.sql(`UPDATE treatment_plans SET ${what} WHERE id = ${plan.id};`);
  set("status = 'submitted'");
  set("title = 'Other'");
  set("status = 'rejected'");
  assert.deepEqual(eventsOf(plan), ['PlanSubmitted', 'PlanRejected']);
  assert.deepEqual(cardsOf(plan), ['submitted', 'rejected']);
  const { json } = await patient.get(`/chat/plan/${plan.id}`);
  assert.ok(json.plan.submitted_at && json.plan.decided_at, 'its times are noted');
  const [a, b] = [await submitted(), await submitted()];
  site.sql(`UPDATE treatment_plans SET status = 'accepted' WHERE id = ${a.id};`);
  assert.throws(() => site.sql(`UPDATE treatment_plans SET status = 'accepted' WHERE id = ${b.id};`));
  isError(await act(patient, b, 'accept'), 409);
  site.sql('UPDATE chat_plan_settings SET cards = NOT cards;');
  try {
    const quiet = await submitted();
    assert.deepEqual(cardsOf(quiet), []);
    assert.deepEqual(eventsOf(quiet), ['PlanSubmitted'], 'events come all the same');
  } finally {
    site.sql('UPDATE chat_plan_settings SET cards = NOT cards;');
  }
});

test('a plan whose time is over is accepted by nobody, and is told to have expired once', async () => {
  clear();
  const plan = await submitted({ valid_days: 1 });
  site.sql(`UPDATE treatment_plans SET expires_at = ${site.time(-1)} WHERE id = ${plan.id};`);
  const r = await act(patient, plan, 'accept');
  isError(r, 409);
  assert.equal(r.json.plan.status, 'expired');
  isError(await act(patient, plan, 'reject'), 409);
  isError(await act(doctor, plan, 'cancel'), 409);
  assert.equal(await statusOf(plan), 'expired');
  assert.deepEqual(eventsOf(plan), ['PlanSubmitted', 'PlanExpired']);
  // One that nobody looks at: chat-push marks it.
  const other = await submitted();
  site.sql(`UPDATE treatment_plans SET expires_at = ${site.time(-1)} WHERE id = ${other.id};`);
  await eventually(() => eventsOf(other).includes('PlanExpired'), 'PlanExpired');
  assert.deepEqual(eventsOf(other), ['PlanSubmitted', 'PlanExpired']);
  assert.deepEqual(cardsOf(other), ['submitted', 'expired']);
});

test('who must acknowledge is reminded, so many times and no more', async () => {
  clear();
  const pusher = connect(site, patient);
  const reminders = collect(await subscribed(pusher, `private-user.${conv.patient}`), 'PlanReminder');
  const plan = await submitted({ must_acknowledge: true });
  const seen = await submitted({ must_acknowledge: true, title: 'Seen' });
  assert.equal((await act(patient, seen, 'acknowledge')).status, 200);
  assert.equal((await act(patient, seen, 'acknowledge')).status, 200, 'again is the same');
  isError(await act(doctor, seen, 'acknowledge'), 403);
  await eventually(() => reminders.length === 2, 'two reminders');
  const third = await submitted({ must_acknowledge: true, title: 'Third' });
  await eventually(() => reminders.filter((r) => r.plan.id === third.id).length === 2, 'those of the third');
  assert.deepEqual(reminders.map((r) => r.plan.id), [plan.id, plan.id, third.id, third.id]);
  pusher.disconnect();
});

test('plans are listed newest first, in parts', async () => {
  clear();
  const made = [];
  for (let i = 0; i < 3; i++) {
    made.unshift((await submitted({ title: `Plan ${i}` })).id);
  }
  const { json } = await patient.get(`/chat/conversation/${conv.id}/plans?limit=2`);
  assert.deepEqual([json.data.map((p) => p.id), json.has_more], [made.slice(0, 2), true]);
  const rest = (await patient.get(`/chat/conversation/${conv.id}/plans?limit=2&offset=2`)).json;
  assert.deepEqual([rest.data.map((p) => p.id), rest.has_more], [made.slice(2), false]);
});
