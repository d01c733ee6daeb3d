// SPDX-License-Identifier: Apache-2.0
//
// The account dialog: where one is logged in, signing others out, another password.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, startSite } from '../site/lib/site.mjs';
import { person, startBrowser } from './lib/browser.mjs';

const site = await startSite({ extraConf: 'ChatPasswordHash bcrypt 4' });
const browser = await startBrowser();

const dialog = (page) => page.locator('dialog.account-dialog');
const device = (page, text) => dialog(page).locator('.device', { hasText: text });
async function open(page) {
  await page.locator('footer.account button[title="Account and devices"]').click();
  await dialog(page).locator('.device').first().waitFor();
}
async function change(page, old, next, again = next) {
  await dialog(page).locator('input[name=current]').fill(old);
  await dialog(page).locator('input[name=next]').fill(next);
  await dialog(page).locator('input[name=again]').fill(again);
  await dialog(page).locator('form.password .solid').click();
}
const said = (page, text) => dialog(page).locator('.password-said', { hasText: text }).waitFor();

test('a person sees where they are logged in and signs one of them out', async () => {
  const a = await person(browser, site.url, 'patient@example.com');
  const b = await person(browser, site.url, 'patient@example.com');
  const phone = await site.phone('patient@example.com');
  await open(a.page);
  assert.equal(await device(a.page, 'This device').count(), 1);
  assert.equal(await device(a.page, 'Chrome, Linux').count(), 2);
  await device(a.page, 'test').locator('button').click();
  await eventually(async () => await device(a.page, 'test').count() === 0, 'the phone is gone from the list');
  assert.equal((await phone.get('/chat/me')).status, 401);
  await dialog(a.page).locator('.device button').first().click();
  await b.page.waitForURL((u) => u.pathname.endsWith('/chat/login')); // its socket said so
  await a.page.keyboard.press('Escape');
  await eventually(async () => await dialog(a.page).count() === 0, 'closed');
  await a.page.locator('.entry').first().waitFor();
  assert.deepEqual(a.page.complaints, []);
  await a.context.close();
  await b.context.close();
});

test('a link to a conversation leads there by the log-in, and so does a log-in that was ended', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const phone = await site.phone('patient@example.com');
  const at = `/chat/conversation/${site.people().conversations.find((c) => c.patient === site.people().accounts.find((a) => a.email === 'patient@example.com').user_id).id}`;
  const enter = async () => {
    await page.locator('input[name=email]').fill('patient@example.com');
    await page.locator('input[name=password]').fill('password');
    await page.keyboard.press('Enter');
    await page.waitForURL((u) => u.pathname === at);
    await page.locator('textarea[name=message]').waitFor();
  };
  await page.goto(site.url + at);
  await page.locator('#other-language').click();
  await page.locator('html[lang=ar]').waitFor();
  await page.locator('#other-language').click();
  await page.locator('html[lang=en]').waitFor();
  await enter();
  await page.locator('textarea[name=message]').fill('half a word');
  await phone.request('DELETE', '/chat/sessions');
  await page.waitForURL((u) => u.pathname === '/chat/login');
  await enter();
  assert.equal(await page.locator('textarea[name=message]').inputValue(), 'half a word');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL((u) => u.pathname === '/chat/login');
  assert.equal(new URL(page.url()).search, '', 'who signs out begins anew');
  await context.close();
});

test('another password, what is wrong with it, and who is signed out by it', async () => {
  const a = await person(browser, site.url, 'doctor@example.com');
  const b = await person(browser, site.url, 'doctor@example.com');
  await open(a.page);
  await change(a.page, 'password', 'another one', 'another two');
  await said(a.page, 'differ');
  await change(a.page, 'not this', 'another one');
  await said(a.page, 'is not right');
  await change(a.page, 'password', 'x'.repeat(80));
  await said(a.page, 'too short or too long');
  await change(a.page, 'password', 'another one');
  await said(a.page, 'Your password is changed');
  await b.page.waitForURL((u) => u.pathname.endsWith('/chat/login'));
  assert.equal(await dialog(a.page).locator('input[name=next]').inputValue(), '');
  await eventually(async () => await dialog(a.page).locator('.device').count() === 1, 'only this one is left');
  await a.page.locator('dialog header button').click();
  await site.browser('doctor@example.com', 'another one');
  await a.context.close();
  await b.context.close();
});

test('out of everything, this device too; in Arabic from right to left', async () => {
  const a = await person(browser, site.url, 'patient@example.com');
  const phone = await site.phone('patient@example.com');
  await a.page.goto(`${site.url}/chat?lang=ar`);
  await a.page.locator('footer.account button[title="الحساب والأجهزة"]').click();
  await dialog(a.page).locator('.device').first().waitFor();
  assert.equal(await a.page.evaluate(() => getComputedStyle(document.querySelector('dialog')).direction), 'rtl');
  await dialog(a.page).locator('button.grave').click();
  await a.page.locator('.ask-dialog [data-ask=yes]').click();
  await a.page.waitForURL((u) => u.pathname.endsWith('/chat/login'));
  assert.equal((await phone.get('/chat/me')).status, 401);
  await a.context.close();
});
