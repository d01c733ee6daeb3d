// SPDX-License-Identifier: Apache-2.0
//
// Treatment plans in two browsers: the doctor offers, the patient decides, both see it
// at once, wide and on a phone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanup } from '../site/lib/cleanup.mjs';
import { eventually, startSite } from '../site/lib/site.mjs';
import { person, startBrowser } from './lib/browser.mjs';

const site = await startSite({
  extraConf: 'ChatSendRate off',
  pushEnv: { CHAT_PUSH_PLANS_EVERY_SECONDS: '1', CHAT_PUSH_PLANS_REMINDER_SECONDS: '2', CHAT_PUSH_PLANS_REMINDERS: '1' },
});
const browser = await startBrowser();
const [conv] = site.people().conversations;
const patient = await person(browser, site.url, 'patient@example.com');
const doctor = await person(browser, site.url, 'doctor@example.com');
const phone = await person(browser, site.url, 'patient@example.com', { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true });
cleanup(() => Promise.all([patient, doctor, phone].map((p) => p.context.close())));
const all = [patient.page, doctor.page, phone.page];
const DIALOG = 'dialog.plan-dialog';

for (const page of all) {
  await page.locator(`.entry[data-conversation="${conv.id}"]`).click();
  await page.locator('textarea[name=message]').waitFor();
  await page.locator('.link-word[data-link=connected], .link-word[data-link=live]').waitFor({ state: 'attached' });
}

const card = (page, title) => page.locator('.plan-card', { hasText: title }).last();
const status = (page, title) => card(page, title).getAttribute('data-status');
const becomes = (page, title, what) => eventually(async () => await card(page, title).count() > 0 && await status(page, title) === what, `${title}: ${what}`);
const field = (page, name) => page.locator(`${DIALOG} [name=${name}]`);

async function offer(title, { must = false } = {}) {
  await doctor.page.locator('.plan-new').click();
  await field(doctor.page, 'title').fill(title);
  await field(doctor.page, 'price').fill('99,50');
  await field(doctor.page, 'currency').selectOption('EUR');
  await field(doctor.page, 'days').fill('12');
  if (must) {
    await field(doctor.page, 'must').check();
  }
  await doctor.page.locator(`${DIALOG} button[value=submitted]`).click();
  await doctor.page.locator(DIALOG).waitFor({ state: 'detached' });
}
const clear = () => site.sql('DELETE FROM treatment_plans;');

test('only the doctor finds the form; what is wrong is said at its field', async () => {
  assert.equal(await patient.page.locator('.plan-new').count(), 0);
  const { page } = doctor;
  await page.locator('.plan-new').click();
  await field(page, 'price').fill('much');
  await page.locator(`${DIALOG} button[value=submitted]`).click();
  await page.locator(`${DIALOG} [data-field=title] .field-why`).waitFor();
  await page.locator(`${DIALOG} [data-field=price] .field-why`).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.name), 'title', 'the first wrong field is focused');
  assert.equal(await field(page, 'title').getAttribute('aria-invalid'), 'true');
  // Closed with the keyboard, opened again: what was written is there, after a reload too.
  await page.keyboard.press('Escape');
  await page.locator(DIALOG).waitFor({ state: 'detached' });
  await page.reload();
  await page.locator('.plan-new').click();
  assert.equal(await field(page, 'price').inputValue(), 'much');
  await page.keyboard.press('Escape');
});

test('offered, seen at once, accepted: both see it without a reload', async () => {
  await offer('Crown');
  for (const page of all) {
    await becomes(page, 'Crown', 'submitted');
  }
  assert.match(await card(patient.page, 'Crown').textContent(), /€99\.50/);
  assert.match(await card(patient.page, 'Crown').textContent(), /12 days/);
  assert.equal(await card(doctor.page, 'Crown').locator('.solid').count(), 0, 'the doctor does not decide');
  await card(patient.page, 'Crown').locator('.solid').click();
  await patient.page.locator(`${DIALOG} .solid`).click();
  for (const page of all) {
    await becomes(page, 'Crown', 'accepted');
    assert.equal(await card(page, 'Crown').locator('button').count(), 0, 'nothing is left to do');
    assert.equal(await page.locator('.plan-line', { hasText: 'offered: Crown' }).count(), 1, 'the older card is a line');
  }
  assert.match(await doctor.page.locator(`.entry[data-conversation="${conv.id}"] .entry-words`).textContent(), /accepted: Crown/);
});

test('a second one is refused, and the dialog says why', async () => {
  await offer('Bridge');
  await becomes(patient.page, 'Bridge', 'submitted');
  await card(patient.page, 'Bridge').locator('.solid').click();
  await patient.page.locator(`${DIALOG} .solid`).click();
  await patient.page.locator(`${DIALOG} .dialog-trouble`, { hasText: 'accepted already' }).waitFor();
  await patient.page.locator(`${DIALOG} .dialog-choices .plain`).click();
  await patient.page.locator(DIALOG).waitFor({ state: 'detached' });
});

test('declined on a phone, with a reason the doctor reads', async () => {
  clear();
  await offer('Implant');
  const { page } = phone;
  await becomes(page, 'Implant', 'submitted');
  await card(page, 'Implant').locator('.outline').tap();
  await field(page, 'reason').fill('Too dear\n<b>for me</b>');
  await page.locator(`${DIALOG} .solid`).tap();
  for (const p of all) {
    await becomes(p, 'Implant', 'rejected');
  }
  assert.match(await card(doctor.page, 'Implant').locator('blockquote').textContent(), /Too dear\n<b>for me<\/b>/);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing sticks out');
});

test('withdrawn by the doctor, with the keyboard alone', async () => {
  await offer('Whitening');
  await becomes(doctor.page, 'Whitening', 'submitted');
  await card(doctor.page, 'Whitening').locator('.outline').focus();
  await doctor.page.keyboard.press('Enter');
  await field(doctor.page, 'reason').waitFor();
  await field(doctor.page, 'reason').focus();
  await doctor.page.keyboard.type('A mistake');
  await doctor.page.keyboard.press('Tab');
  await doctor.page.keyboard.press('Enter');
  await becomes(patient.page, 'Whitening', 'cancelled');
  assert.match(await card(patient.page, 'Whitening').textContent(), /A mistake/);
});

test('a draft is the doctor\'s alone until it is offered', async () => {
  const { page } = doctor;
  await page.locator('.plan-new').click();
  await field(page, 'title').fill('Braces');
  await page.locator(`${DIALOG} button[value=draft]`).click();
  const bar = page.locator('.plan-bar', { hasText: 'Braces' });
  await bar.waitFor();
  assert.equal(await patient.page.getByText('Braces').count(), 0);
  await bar.getByText('Edit').click();
  await field(page, 'title').fill('Braces, two');
  await page.locator(`${DIALOG} button[value=draft]`).click();
  const changed = page.locator('.plan-bar', { hasText: 'Braces, two' });
  await changed.waitFor();
  await changed.getByText('Offer to patient').click();
  await becomes(patient.page, 'Braces, two', 'submitted');
  await eventually(async () => await page.locator('.plan-bar').count() === 0, 'the bar goes');
});

test('who must look is asked to until they have, and reminded', async () => {
  clear();
  await offer('Check-up', { must: true });
  const bar = patient.page.locator('.plan-bar.must', { hasText: 'Check-up' });
  await bar.waitFor();
  assert.equal(await doctor.page.locator('.plan-bar').count(), 0);
  await patient.page.locator('.notice p', { hasText: 'waits for you' }).waitFor();
  await bar.locator('button').click();
  await bar.waitFor({ state: 'detached' });
  await eventually(async () => await phone.page.locator('.plan-bar').count() === 0, 'it goes on the phone too');
});

test('a plan without a card in view can be decided all the same', async () => {
  clear();
  site.sql('UPDATE chat_plan_settings SET cards = NOT cards;');
  await offer('From before');
  site.sql('UPDATE chat_plan_settings SET cards = NOT cards;');
  const { page } = patient;
  const bar = page.locator('.plan-bar.offered', { hasText: 'From before' });
  await bar.locator('button').first().click();
  await page.locator(`${DIALOG} .solid`).click();
  await becomes(doctor.page, 'From before', 'accepted');
  await eventually(async () => await bar.count() === 0, 'the bar goes');
});

test('however many wait, the thread keeps its room, on a phone too', async () => {
  clear();
  site.sql(Array.from({ length: 30 }, (_, i) => `INSERT INTO treatment_plans (treatment_request_id, doctor_id, title, status)
    VALUES (${conv.id}, ${conv.doctor}, 'Draft ${i}', 'draft');`).join('\n'));
  const { page } = doctor;
  await page.reload();
  await page.locator('.plan-bar').nth(29).waitFor();
  for (const size of [{ width: 1280, height: 800 }, { width: 390, height: 780 }]) {
    await page.setViewportSize(size);
    const { height } = await page.locator('.log').boundingBox();
    assert.ok(height > size.height / 3, `${height} of ${size.height}`);
    await page.locator('.plan-bar').nth(29).getByText('Offer to patient').scrollIntoViewIfNeeded();
    assert.ok(await page.locator('textarea[name=message]').isVisible());
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  clear();
  await page.reload();
  await page.locator('.log').waitFor();
});

test('one whose time is over shows it, and offers nothing', async () => {
  clear();
  await offer('Old');
  await becomes(patient.page, 'Old', 'submitted');
  site.sql(`UPDATE treatment_plans SET expires_at = ${site.time(-1)};`);
  for (const page of all) {
    await becomes(page, 'Old', 'expired');
    assert.equal(await card(page, 'Old').locator('button').count(), 0);
  }
});

test('whom a conversation was handed to takes back what the doctor before has offered; staff may, too', async () => {
  clear();
  const { user_id: next, email } = site.people().accounts.find((a) => a.role === 'doctor' && a.user_id !== conv.doctor);
  const hand = (id) => site.sql(`UPDATE treatment_requests SET doctor_id = ${id} WHERE id = ${conv.id};`);
  const people = await Promise.all([[email], ['admin@example.com'], [email, { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true }]]
    .map(([who, options]) => person(browser, site.url, who, options)));
  all.push(...people.map((p) => p.page));
  cleanup(() => Promise.all(people.map((p) => p.context.close())));
  const [heir, staff, small] = people.map((p) => p.page);
  await offer('Veneers');
  await offer('Retainer');
  await becomes(doctor.page, 'Retainer', 'submitted');
  await staff.locator(`.entry[data-conversation="${conv.id}"]`).click();
  await becomes(staff, 'Veneers', 'submitted');
  await staff.locator('.people-button').waitFor();
  assert.equal(await card(staff, 'Veneers').locator('button').count(), 0, "a doctor's own offer is the doctor's");
  hand(next);
  for (const page of [heir, small]) {
    await page.locator(`.entry[data-conversation="${conv.id}"]`).click();
    await becomes(page, 'Veneers', 'submitted');
    await card(page, 'Veneers').locator('.outline').waitFor();
    assert.equal(await card(page, 'Veneers').locator('button').count(), 1, 'nothing to accept');
  }
  await card(staff, 'Veneers').locator('.outline').waitFor(); // without a reload
  assert.equal(await card(patient.page, 'Veneers').locator('.solid').count(), 1, 'the patient decides as before');
  await card(heir, 'Veneers').locator('.outline').click();
  await field(heir, 'reason').fill('Another way');
  await heir.locator(`${DIALOG} .solid, ${DIALOG} .danger`).first().click();
  for (const page of [patient.page, heir, small, staff]) {
    await becomes(page, 'Veneers', 'cancelled');
  }
  await card(staff, 'Retainer').locator('.outline').click();
  await staff.locator(`${DIALOG} .solid, ${DIALOG} .danger`).first().click();
  await becomes(small, 'Retainer', 'cancelled');
  await becomes(patient.page, 'Retainer', 'cancelled');
  hand(conv.doctor);
});

test('no page complained', () => {
  assert.deepEqual(all.flatMap((page) => page.complaints).filter((c) => !/409/.test(c)), []);
});
