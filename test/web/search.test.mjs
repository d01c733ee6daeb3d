// SPDX-License-Identifier: Apache-2.0
//
// Looking for messages in the page: in all conversations, within one, with keys, in
// Arabic; and the way to a message that is far back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanup } from '../site/lib/cleanup.mjs';
import { eventually, startSite } from '../site/lib/site.mjs';
import { person, startBrowser } from './lib/browser.mjs';

const site = await startSite();
const browser = await startBrowser();
const { conversations } = site.people();
const conv = conversations[0];
const insert = (body, n = 1) => site.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${n})
  SELECT ${conv.patient}, ${conv.doctor}, ${conv.id}, '${body}', 'text', ${site.time()}, ${site.time()} FROM n;`);

insert('The <b>heirloom</b> was lost & found');
insert('مُوعد العيادة غدا');
insert('between', 150);
insert('Another heirloom');
insert('behind', 60);

const { page, context } = await person(browser, site.url, 'doctor@example.com');
cleanup(() => context.close());
const field = page.locator('.sidebar input[type=search]');
const found = page.locator('.entry.found');
const shown = (text) => page.locator('.log .message.found', { hasText: text });
const inView = (locator) => locator.evaluate((e) => {
  const box = e.getBoundingClientRect(), log = e.closest('.log').getBoundingClientRect();
  return box.top >= log.top && box.bottom <= log.bottom;
});
await page.locator('.entry').first().waitFor();

test('the list finds messages, with their words marked as text', async () => {
  await field.fill('HEIRLOOM');
  await found.nth(1).waitFor();
  assert.equal(await found.count(), 2);
  assert.deepEqual(await found.locator('mark').allTextContents(), ['heirloom', 'heirloom']);
  assert.match(await found.nth(1).locator('.snippet').textContent(), /The <b>heirloom<\/b> was lost & found/);
  assert.equal(await found.locator('b').count(), 0);
});

test('a message far back opens with what stands around it, and the end is one step away', async () => {
  await found.nth(1).click();
  await shown('heirloom').waitFor();
  await eventually(() => inView(shown('heirloom')), 'the message in view');
  assert.match(await shown('heirloom').textContent(), /was lost/);
  assert.ok(await page.locator('.log .message', { hasText: 'between' }).count() < 150);
  assert.equal(await page.locator('.log .message', { hasText: 'behind' }).count(), 0);
  insert('Just now');
  await page.locator('.jump').click();
  await page.locator('.log .message', { hasText: 'Just now' }).waitFor();
  await page.locator('.jump').waitFor({ state: 'detached' });
});

test('what stands around it has its menu and takes a reaction', async () => {
  await found.nth(1).click();
  await shown('was lost').waitFor();
  await page.locator('.log .message', { hasText: 'behind' }).waitFor({ state: 'detached' });
  await shown('was lost').locator('.bubble').hover();
  await shown('was lost').locator('.message-menu').click();
  await page.locator('dialog.deeds[open] .emoji').first().click();
  await shown('was lost').locator('.reaction[aria-pressed=true]').waitFor();
  await page.locator('dialog.deeds[open]').waitFor({ state: 'detached' });
});

test('reading on from there leads to the end without a gap', async () => {
  await found.nth(1).click();
  await shown('was lost').waitFor();
  await eventually(async () => {
    await page.locator('.log').evaluate((e) => { e.scrollTop += 2000; });
    return await page.locator('.log .message', { hasText: 'Just now' }).count() === 1;
  }, 'the end');
  assert.equal(await page.locator('.log .message', { hasText: 'between' }).count(), 150);
  assert.equal(await page.locator('.log .message', { hasText: 'behind' }).count(), 60);
});

test('keys lead from the field through what was found', async () => {
  await field.fill('heirloom');
  await found.nth(1).waitFor();
  await field.focus();
  for (let i = await page.locator('.entry:not(.found)').count(); i >= 0; i--) {
    await page.keyboard.press('ArrowDown');
  }
  assert.equal(await page.evaluate(() => document.activeElement.classList.contains('found')), true);
  await page.keyboard.press('Enter');
  await shown('Another heirloom').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.classList.contains('log')), true);
});

test('what is nowhere and what is no word is said, an empty field shows the list', async () => {
  await field.fill('zyzzyva');
  await page.locator('.found-list', { hasText: 'No message has these words' }).waitFor();
  await field.fill('?!');
  await page.locator('.found-list').waitFor({ state: 'detached' });
  await field.fill('');
  await page.locator('.entry').first().waitFor();
  assert.equal(await found.count(), 0);
});

test('a search that fails says so and can be tried again', async () => {
  await page.route('**/chat/search?*', (route) => route.abort());
  await field.fill('heirlo');
  await page.locator('.found-list', { hasText: 'did not work' }).waitFor();
  await page.unroute('**/chat/search?*');
  await page.locator('.found-list button').click();
  await found.nth(1).waitFor();
  await field.fill('');
});

test('within a conversation Enter goes from one to the one before, Escape ends it', async () => {
  await page.locator(`.entry[data-conversation="${conv.id}"]`).click();
  await page.locator('.find-open').click();
  const find = page.locator('.find input');
  await find.fill('heirloom');
  await page.locator('.find-count', { hasText: '1 of 2' }).waitFor();
  await shown('Another heirloom').waitFor();
  await find.press('Enter');
  await shown('was lost').waitFor();
  await eventually(() => inView(shown('was lost')), 'the older one in view');
  await page.locator('.find-count', { hasText: '2 of 2' }).waitFor();
  await find.press('Shift+Enter');
  await shown('Another heirloom').waitFor();
  await find.fill('zyzzyva');
  await page.locator('.find-count', { hasText: 'Not found' }).waitFor();
  await find.press('Escape');
  await page.locator('.find').waitFor({ state: 'detached' });
  assert.equal(await page.locator('.message.found').count(), 0);
});

test('Arabic words are found however they are written, on a page from right to left', async () => {
  await page.goto(`${site.url}/chat?lang=ar`);
  await field.fill('موعد عياده');
  await found.waitFor();
  assert.deepEqual(await found.locator('mark').allTextContents(), ['مُوعد', 'العيادة']);
  await found.click();
  await shown('العيادة').waitFor();
});

test('the page complained about nothing', () => {
  assert.deepEqual(page.complaints.filter((c) => !/ERR_FAILED/.test(c)), []);
});
