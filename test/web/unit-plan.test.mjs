// SPDX-License-Identifier: Apache-2.0
//
// unit-plan.test.mjs - what the page knows of plans, told in any order; the form's
// fields as a request; prices as people write them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyOf, centsOf, daysIn, fieldsOf, isNewestCard, planOf, plansOf, priceText, putPlan } from '../../htdocs/js/plan.js';
import { applyEvent, createState } from '../../htdocs/js/store.js';

const plan = (status, more = {}) => ({
  id: 1, status, title: 'Crown', consultation_id: 3, doctor_id: 2, price_cents: 123450, currency: 'EUR', expires_at: null,
  acknowledged_at: null, updated_at: '2026-01-01T00:00:00.000Z', created_at: '2026-01-01T00:00:00.000Z', ...more,
});

test('a plan told in any order ends the same', () => {
  const told = [plan('submitted'), plan('accepted'), plan('draft'), plan('submitted', { updated_at: '2026-02-01T00:00:00.000Z' })];
  for (let i = 0; i < told.length; i++) {
    const plans = new Map();
    [...told.slice(i), ...told.slice(0, i)].forEach((p) => putPlan(plans, p));
    assert.equal(plans.get('1').status, 'accepted');
  }
  const plans = new Map();
  putPlan(plans, plan('submitted', { acknowledged_at: 'x' }));
  putPlan(plans, plan('submitted'));
  assert.equal(plans.get('1').acknowledged_at, 'x', 'seen stays seen');
});

test('a card shows the plan as it is now', () => {
  const state = createState({ id: 1, role: 'patient' });
  const card = { id: 9, plan: { ...plan('submitted'), card: 'submitted' } };
  assert.equal(planOf(state.plans, card).status, 'submitted');
  applyEvent(state, 'PlanAccepted', { id: 5, plan: plan('accepted'), consultation: { id: 3, status: 'x' } });
  assert.equal(planOf(state.plans, card).status, 'accepted');
  assert.equal(planOf(new Map(), { plan: plan('submitted', { expires_at: '2020-01-01T00:00:00.000Z' }) }).status, 'expired');
});

test('the newest card of each plan is the large one', () => {
  const messages = [{ id: 1, plan: { id: 7 } }, { id: 2 }, { id: 3, plan: { id: 8 } }, { id: 4, plan: { id: '7' } }];
  assert.deepEqual(messages.filter((m) => m.plan).map((m) => isNewestCard(messages, m)), [false, true, true]);
});

test('plans of a conversation, the newest first', () => {
  const plans = new Map();
  putPlan(plans, plan('draft'));
  putPlan(plans, plan('draft', { id: 2, created_at: '2026-03-01T00:00:00.000Z' }));
  putPlan(plans, plan('draft', { id: 3, consultation_id: 4 }));
  assert.deepEqual(plansOf(plans, '3').map((p) => p.id), [2, 1]);
});

test('prices and days, in both scripts', () => {
  assert.deepEqual(['120', '99.50', '99,5', '٩٩٫٥', '0', '1.234', '-1', 'x', '', '1e3', '123456789'].map(centsOf),
    [12000, 9950, 9950, 9950, 0, null, null, null, null, null, null]);
  assert.deepEqual(['1', '٣٠', '3650', '3651', '0', '1.5', ''].map(daysIn), [1, 30, 3650, null, null, null, null]);
  assert.equal(priceText(plan('draft'), 'en-US'), '€1,234.50');
  assert.equal(priceText(plan('draft', { currency: 'USD' }), 'ar').replace(/[\u200e\u200f]/gu, ''), '1,234.50\u00a0\u2066US$\u2069', 'not $US');
  assert.equal(priceText(plan('draft', { price_cents: null }), 'en-US'), null);
  assert.equal(priceText(plan('draft', { currency: 'gold' }), 'en-US'), '1,234.5 gold');
});

test('the form says what is wrong with which field', () => {
  const { body, errors } = bodyOf(fieldsOf(null, 'JOD'));
  assert.deepEqual(errors, { title: 'plan.error.title' });
  assert.equal(body.valid_days, 14);
  assert.deepEqual(bodyOf(fieldsOf(plan('draft', { duration_days: 3 }), 'JOD')).body, {
    title: 'Crown', description: '', price_cents: 123450, currency: 'EUR', duration_days: 3, valid_days: null, must_acknowledge: false });
  assert.deepEqual(Object.keys(bodyOf({ title: 'x'.repeat(201), description: 'x'.repeat(2001), price: 'a', currency: 'USD', days: 'b', valid: '0', must: false }).errors),
    ['title', 'description', 'price', 'days', 'valid']);
});
