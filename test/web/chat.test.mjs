// SPDX-License-Identifier: Apache-2.0
//
// Two people in two browsers, as in life: they write, read, type, reload, lose
// the network and come back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanup } from '../site/lib/cleanup.mjs';
import { eventually, sleep, startSite } from '../site/lib/site.mjs';
import { person, startBrowser } from './lib/browser.mjs';
import { layCable } from './lib/cable.mjs';

const site = await startSite();
const cable = await layCable(site.o.port);
const browser = await startBrowser();
const { conversations } = site.people();
const conv = conversations[0];

const composer = (page) => page.locator('textarea[name=message]');
const texts = (page) => page.locator('.log .message .text').allTextContents();
const bubble = (page, text) => page.locator('.log .message', { hasText: text }).last();
const entry = (page, id) => page.locator(`.entry[data-conversation="${id}"]`);

async function open(page, id) {
  await entry(page, id).click();
  await composer(page).waitFor();
  await page.locator('.link-word[data-link=connected], .link-word[data-link=live]').waitFor({ state: 'attached' });
}

async function write(page, text) {
  await composer(page).fill(text);
  await composer(page).press('Enter');
}

const a = await person(browser, site.url, 'patient@example.com');
const b = await person(browser, cable.url, 'doctor@example.com');
cleanup(async () => {
  await a.context.close();
  await b.context.close();
});
await open(a.page, conv.id);
await open(b.page, conv.id);

test('what one writes the other sees, without reload, with ticks', async () => {
  await write(a.page, 'Does the filling hold?');
  await bubble(b.page, 'Does the filling hold?').waitFor({ timeout: 5000 });
  await eventually(async () => (await bubble(a.page, 'Does the filling hold?').getAttribute('data-state')) === 'read', 'the read tick');
  await write(b.page, 'It does.\nYes');
  await bubble(a.page, 'It does.').waitFor({ timeout: 5000 });
  await sleep(300);
  for (const { page } of [a, b]) {
    assert.equal((await texts(page)).filter((t) => t.includes('Does the filling hold?')).length, 1, 'shown once');
  }
});

test('Shift+Enter breaks the line and markup stays text', async () => {
  await composer(a.page).fill('first');
  await composer(a.page).press('Shift+Enter');
  await composer(a.page).pressSequentially('<img src=x onerror=alert(1)>');
  await composer(a.page).press('Enter');
  await bubble(b.page, 'onerror').waitFor();
  assert.ok((await texts(b.page)).includes('first\n<img src=x onerror=alert(1)>'));
  assert.equal(await b.page.locator('.log img').count(), 0);
});

test('marks piled on a letter do not cover what others wrote', async () => {
  await write(b.page, 'Stay readable');
  await bubble(a.page, 'Stay readable').waitFor();
  await write(a.page, `z${'\u0301'.repeat(1500)}`);
  const piled = a.page.locator('.log .message[data-state]').last();
  await eventually(async () => (await piled.getAttribute('data-state')) === 'read', 'the read tick');
  const pixels = () => bubble(a.page, 'Stay readable').screenshot({ animations: 'disabled' });
  const covered = await pixels();
  await piled.locator('.text').evaluate((text) => { text.style.visibility = 'hidden'; });
  assert.ok(covered.equals(await pixels()), 'the message above looks the same without them');
  await piled.locator('.text').evaluate((text) => { text.style.visibility = ''; });
});

test('typing shows on the other side and goes away', async () => {
  await composer(b.page).pressSequentially('I am wri');
  await a.page.locator('.typing', { hasText: 'typing' }).waitFor({ timeout: 5000 });
  await composer(b.page).fill('');
  await composer(b.page).blur();
  await eventually(async () => !(await a.page.locator('.typing').textContent()).includes('typing'), 'the end of typing');
});

test('a message elsewhere raises the badge and the preview; reading lowers it', async () => {
  const other = conversations.find((c) => c.patient === conv.patient && c.id !== conv.id);
  const before = await entry(a.page, other.id).locator('.badge').count()
    ? Number((await entry(a.page, other.id).locator('.badge [aria-hidden]').textContent())) : 0;
  site.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
    VALUES (${other.doctor}, ${other.patient}, ${other.id}, 'From elsewhere', 'text', ${site.time()}, ${site.time()});`);
  await entry(a.page, other.id).locator('.badge [aria-hidden]', { hasText: String(before + 1) }).waitFor({ timeout: 5000 });
  await entry(a.page, other.id).getByText('From elsewhere').waitFor();
  await open(a.page, other.id);
  await eventually(async () => (await entry(a.page, other.id).locator('.badge').count()) === 0, 'the badge gone');
  await open(a.page, conv.id);
});

test('a reload shows the same history', async () => {
  const was = await texts(a.page);
  await a.page.reload();
  await bubble(a.page, was.at(-1).split('\n')[0]).waitFor();
  const now = await texts(a.page);
  assert.deepEqual(now.slice(-Math.min(was.length, 15)), was.slice(-Math.min(was.length, 15)));
});

test('after a minute without a network a browser shows what it missed, in order, once', async () => {
  const was = (await texts(b.page)).length;
  cable.cut();
  const back = Date.now() + 60000;
  await eventually(async () => (await b.page.locator('.link-word').getAttribute('data-link')) !== 'connected', 'an honest state', 40000);
  const wanted = [];
  for (let i = 1; i <= 12; i++) {
    const text = `while you were away ${i}`;
    if (i % 4 === 0) {
      site.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
        VALUES (${conv.patient}, ${conv.doctor}, ${conv.id}, '${text}', 'text', ${site.time()}, ${site.time()});`);
    } else {
      await write(a.page, text);
      await eventually(async () => ['sent', 'read'].includes(await bubble(a.page, text).getAttribute('data-state')), 'sent');
    }
    wanted.push(text);
  }
  await write(b.page, 'written without a network');
  await sleep(back - Date.now());
  assert.equal((await texts(b.page)).filter((t) => t.startsWith('while you')).length, 0);
  cable.mend();
  await bubble(b.page, 'while you were away 12').waitFor({ timeout: 60000 });
  await bubble(a.page, 'written without a network').waitFor({ timeout: 60000 });
  await sleep(1000);
  const seen = (await texts(b.page)).slice(was);
  assert.deepEqual(seen.filter((t) => t.startsWith('while you')), wanted);
  assert.equal(seen.filter((t) => t === 'written without a network').length, 1);
  assert.equal((await texts(a.page)).filter((t) => t === 'written without a network').length, 1);
});

test('while chat-push is down the page says so, still sends, and catches up', async () => {
  await site.stopPush();
  site.expectLog(/chat-push takes no sockets at |did not take a typing notice/);
  await write(a.page, 'into the dark');
  await eventually(async () => (await bubble(a.page, 'into the dark').getAttribute('data-state')) === 'sent', 'sent by REST');
  await eventually(async () => (await a.page.locator('.link-word').getAttribute('data-link')) !== 'connected', 'an honest state', 40000);
  await site.startPush();
  await bubble(b.page, 'into the dark').waitFor({ timeout: 60000 });
  await eventually(async () => (await a.page.locator('.link-word').getAttribute('data-link')) === 'connected', 'connected again', 60000);
});

test('logging out ends at the log-in page, and back does not open the chat', async () => {
  const c = await person(browser, site.url, 'patient@example.com');
  await c.page.locator('.account button[title="Sign out"]').click();
  await c.page.waitForURL(/\/chat\/login/);
  await c.page.goto(`${site.url}/chat`);
  assert.match(c.page.url(), /\/chat\/login/);
  await c.context.close();
});

test('a wrong password says so and keeps the address', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${site.url}/chat/login`);
  await page.locator('input[name=email]').fill('patient@example.com');
  await page.locator('input[name=password]').fill('not it');
  await page.locator('form button').click();
  await page.locator('.login-error:not(:empty)').waitFor();
  assert.equal(await page.locator('input[name=email]').inputValue(), 'patient@example.com');
  await context.close();
});

test('a phone has list and thread as two screens', async () => {
  const c = await person(browser, site.url, 'patient@example.com', { viewport: { width: 390, height: 844 } });
  await entry(c.page, conv.id).waitFor();
  await entry(c.page, conv.id).click();
  await composer(c.page).waitFor();
  assert.ok(!(await entry(c.page, conv.id).isVisible()));
  const wide = await c.page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  assert.equal(wide, false, 'nothing sticks out sideways');
  await c.page.goBack();
  await entry(c.page, conv.id).waitFor();
  await c.context.close();
});

test('no page complained: no script error, no blocked resource', () => {
  for (const { page } of [a, b]) {
    assert.deepEqual(page.complaints.filter((text) => !/WebSocket connection|net::ERR_|Failed to load resource: the server responded with a status of 50[23]/.test(text)), []);
  }
});
