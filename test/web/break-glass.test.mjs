// SPDX-License-Identifier: Apache-2.0
//
// Staff open a conversation that is not theirs, and its people see that they did.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanup } from '../site/lib/cleanup.mjs';
import { startSite } from '../site/lib/site.mjs';
import { person, startBrowser } from './lib/browser.mjs';

const site = await startSite({ extraConf: 'ChatBreakGlass 10min' });
const browser = await startBrowser();
const conv = site.people().conversations[0];
const admin = site.people().accounts.find((a) => a.email === 'admin@example.com');
const staff = await person(browser, site.url, 'admin@example.com');
const patient = await person(browser, site.url, 'patient@example.com', { locale: 'ar' });
cleanup(async () => {
  await staff.context.close();
  await patient.context.close();
});

test('without a reason nothing is shown; with one, the conversation', async () => {
  const { page } = staff;
  assert.equal(await page.locator('.entry').count(), 0);
  await page.goto(`${site.url}/chat/conversation/${conv.id}`);
  const form = page.locator('form.locked');
  await form.waitFor();
  assert.equal(await page.locator('.log .message').count(), 0);
  await form.locator('textarea').fill('why');
  await form.locator('button').click();
  await form.locator('.locked-trouble:not(:empty)').waitFor();
  assert.equal(await form.locator('textarea').inputValue(), 'why');

  await patient.page.locator(`.entry[data-conversation="${conv.id}"]`).click();
  await patient.page.locator('textarea[name=message]').waitFor();
  await form.locator('textarea').fill('The patient does not answer the phone');
  await form.locator('button').click();
  await page.locator('.log .message').first().waitFor();
  assert.equal(await form.count(), 0);
  await page.locator('.log .system').waitFor();
});

test('its people see a line that says who, in their language', async () => {
  const line = patient.page.locator('.log .system');
  await line.waitFor({ timeout: 10000 });
  const text = await line.textContent();
  assert.ok(text.includes(admin.name), text);
  assert.match(text, /فتح/);
  assert.doesNotMatch(text, /phone/);
});

test('the pages complain of nothing', () => {
  // The refusals themselves are lines of Chromium's console.
  const real = (list) => list.filter((c) => !/status of (403|422)/.test(c));
  assert.deepEqual([...real(staff.page.complaints), ...real(patient.page.complaints)], []);
});
