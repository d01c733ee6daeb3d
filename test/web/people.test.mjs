// SPDX-License-Identifier: Apache-2.0
//
// Three people in three browsers: who is in, who is there, how far a message has got;
// somebody comes and goes, live.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanup } from '../site/lib/cleanup.mjs';
import { eventually, startSite, testDatabase } from '../site/lib/site.mjs';
import { person, startBrowser } from './lib/browser.mjs';

const site = await startSite({ db: await testDatabase() });
const browser = await startBrowser();
const { accounts, conversations } = site.people();
const idOf = (email) => accounts.find((a) => a.email === email).user_id;
const patient = idOf('patient@example.com');
const doctor = idOf('doctor@example.com');
const conv = conversations.find((c) => c.patient === patient && c.doctor === doctor).id;
const guest = accounts.find((a) => a.role === 'doctor' && a.user_id !== doctor);

const composer = (page) => page.locator('textarea[name=message]');
const bubble = (page, text) => page.locator('.log .message', { hasText: text }).last();
const entry = (page) => page.locator(`.entry[data-conversation="${conv}"]`);
const shots = process.env.CHAT_SHOTS; // a directory for pictures of what is tested
const shot = (page, name) => shots && page.screenshot({ path: `${shots}/${name}.png` });

const people = {};
for (const [name, email] of [['patient', 'patient@example.com'], ['doctor', 'doctor@example.com'], ['guest', guest.email]]) {
  people[name] = await person(browser, site.url, email);
}
cleanup(() => Promise.all(Object.values(people).map((p) => p.context.close())));
const { patient: p, doctor: d, guest: g } = people;

async function open({ page }) {
  await entry(page).click();
  await composer(page).waitFor();
}
async function write({ page }, text) {
  await composer(page).fill(text);
  await composer(page).press('Enter');
  await bubble(page, text).waitFor();
}
const state = ({ page }, text) => bubble(page, text).getAttribute('data-state');

test('a message is sent, delivered, then read', async () => {
  await open(p);
  await d.page.locator('.link-word[data-link=connected], .link-word[data-link=live]').waitFor({ state: 'attached' });
  await write(p, 'Is it normal?');
  await eventually(async () => await state(p, 'Is it normal?') === 'delivered', 'the delivery to a page that shows another conversation');
  await shot(p.page, 'delivered');
  await open(d);
  await eventually(async () => await state(p, 'Is it normal?') === 'read', 'the reading');
  await bubble(p.page, 'Is it normal?').locator('.tick').click();
  await p.page.locator('.receipts li').waitFor();
  assert.match(await p.page.locator('.receipts').textContent(), /Dr\. [^]*read/);
  await shot(p.page, 'receipts');
  await bubble(p.page, 'Is it normal?').locator('.tick').click();
});

test('what was written while a page was not there is delivered when it is', async () => {
  await d.page.goto('about:blank');
  await write(p, 'Shall I come today?');
  await eventually(async () => await state(p, 'Shall I come today?') === 'sent', 'the answer');
  await d.page.goto(`${site.url}/chat`);
  await eventually(async () => await state(p, 'Shall I come today?') === 'delivered', 'the delivery to a page that shows the list');
  await open(d);
  await eventually(async () => await state(p, 'Shall I come today?') === 'read', 'the reading');
});

test('who is there is said in the head, and when they were', async () => {
  await p.page.locator('.thread-who .there').waitFor();
  await d.page.goto(`${site.url}/chat`);
  await p.page.locator('.thread-who .seen').waitFor();
  await open(d);
  await p.page.locator('.thread-who .there').waitFor();
});

test('staff who write between two people are named, in the thread and in the list', async () => {
  const admin = await site.phone('admin@example.com');
  const { name } = accounts.find((a) => a.email === 'admin@example.com');
  await write(d, 'From the doctor');
  await bubble(p.page, 'From the doctor').waitFor();
  assert.equal((await admin.post(`/chat/conversation/${conv}/message`, { content: 'From the office' })).status, 201);
  for (const one of [p, d]) {
    await bubble(one.page, 'From the office').locator('.author', { hasText: name }).waitFor();
    await entry(one.page).locator('.entry-who', { hasText: name }).waitFor();
    await shot(one.page, `outsider-${one === p ? 'patient' : 'doctor'}`);
  }
  assert.equal(await bubble(p.page, 'From the doctor').locator('.author').count(), 0);
});

test('the doctor adds somebody, who sees it at once; the patient may not', async () => {
  await p.page.locator('.people-button').click();
  await p.page.locator('.people li').nth(1).waitFor();
  assert.equal(await p.page.locator('.people-add').count(), 0);
  await shot(p.page, 'panel-patient');
  await d.page.locator('.people-button').click();
  await d.page.locator('.people-add input').fill('nobody@example.com');
  await d.page.locator('.people-add button').click();
  await d.page.locator('.people-trouble').waitFor();
  assert.equal(await entry(g.page).count(), 0);
  await d.page.locator('.people-add input').fill(guest.email);
  await d.page.locator('.people-add button').click();
  await d.page.locator(`.people li[data-user="${guest.user_id}"]`).waitFor();
  await p.page.locator(`.people li[data-user="${guest.user_id}"]`).waitFor();
  await shot(d.page, 'panel-doctor');
  await entry(g.page).waitFor();
  assert.match(await d.page.locator('.thread-who h2').textContent(), / · /, 'a group goes by its names');
  await p.page.keyboard.press('Escape');
  await d.page.keyboard.press('Escape');
});

test('in a group a message is read when everybody has', async () => {
  assert.equal(await entry(g.page).locator('.badge').count(), 0, 'what was said before is not unread');
  await write(p, 'To all of you');
  await eventually(async () => await state(p, 'To all of you') === 'delivered', 'the delivery to both');
  await entry(g.page).locator('.badge').waitFor();
  await shot(g.page, 'group-list');
  await bubble(p.page, 'To all of you').locator('.tick').click();
  await p.page.locator('.receipts li').nth(1).waitFor();
  assert.match(await p.page.locator('.receipts').textContent(), new RegExp(`${guest.name}[^]*delivered`));
  await bubble(p.page, 'To all of you').locator('.tick').click();
  await open(g);
  await g.page.locator('.unread-line').waitFor();
  await shot(g.page, 'group-unread');
  await eventually(async () => await state(p, 'To all of you') === 'read', 'all have read');
  await eventually(async () => await entry(g.page).locator('.badge').count() === 0, 'the badge goes');
});

test('whoever is removed loses the conversation at once, the others keep it', async () => {
  await d.page.locator('.people-button').click();
  await d.page.locator(`.people li[data-user="${guest.user_id}"] button`).click();
  await d.page.locator('.ask-dialog [data-ask=yes]').click();
  await entry(g.page).waitFor({ state: 'detached' });
  await eventually(async () => await composer(g.page).count() === 0, 'nothing to write into');
  await shot(g.page, 'removed');
  await d.page.locator(`.people li[data-user="${guest.user_id}"]`).waitFor({ state: 'detached' });
  await d.page.keyboard.press('Escape');
  await write(p, 'Between us again');
  await bubble(d.page, 'Between us again').waitFor();
  await eventually(async () => await state(p, 'Between us again') === 'read', 'two ticks');
});

test('on a phone, in the dark, in Arabic', async () => {
  const phone = await person(browser, site.url, 'doctor@example.com', { viewport: { width: 390, height: 780 }, colorScheme: 'dark', locale: 'ar' });
  cleanup(() => phone.context.close());
  await phone.page.goto(`${site.url}/chat/conversation/${conv}?lang=ar`);
  await composer(phone.page).waitFor();
  await phone.page.locator('.people-button').click();
  await phone.page.locator('.people-add').waitFor();
  await shot(phone.page, 'phone-arabic');
  const box = await phone.page.locator('.people').boundingBox();
  assert.ok(box.x >= 0 && box.x + box.width <= 390, JSON.stringify(box));
  for (const { page } of [phone, p, d, g]) {
    assert.deepEqual(page.complaints.filter((c) => !/40[34]/.test(c) && !/422/.test(c)), []);
  }
});

test('a conversation that is deleted while it is open is said to be no more', async () => {
  await composer(p.page).fill('half a word');
  site.sql(`UPDATE treatment_requests SET deleted_at = '2026-01-01 00:00:00' WHERE id = ${conv};`);
  for (const { page } of [p, d]) {
    await page.getByText('This conversation does not exist, or it is not yours.').waitFor();
    assert.equal(await composer(page).count(), 0, 'nothing to write into');
    assert.equal(await page.locator('.log .message').count(), 0, 'nothing of it is left to read');
    assert.equal(await entry(page).count(), 0);
  }
});
