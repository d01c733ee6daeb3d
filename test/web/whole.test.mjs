// SPDX-License-Identifier: Apache-2.0
//
// One consultation from beginning to end, as its two people live it: a picture is
// sent and looked at, answered, the answer edited, a plan offered while the patient
// has no network and accepted when it is back, everything still there after a reload,
// a message deleted with its picture, words found. On wide screens and on phones.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, startSite } from '../site/lib/site.mjs';
import { pdf, png } from '../site/lib/upload.mjs';
import { person, startBrowser } from './lib/browser.mjs';
import { layCable } from './lib/cable.mjs';

const site = await startSite({ extraConf: 'ChatSendRate off' });
const cable = await layCable(site.o.port);
const browser = await startBrowser();
const [conv] = site.people().conversations;
const SCREENS = {
  'a wide screen': {},
  'a phone': { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
};
/* What a browser says of requests that fail by our own doing: the cable is cut, a
 * deleted picture is asked for. */
const ANNOUNCED = /WebSocket connection|net::ERR_|status of 404/;

const area = (page) => page.locator('textarea[name=message]');
/* By its own words, not by those that an answer quotes. */
const row = (page, text) => page.locator('.log .message', { has: page.locator('.words', { hasText: text }) }).last();
const entry = (page) => page.locator(`.sidebar .entry[data-conversation="${conv.id}"]`);
const card = (page, title) => page.locator('.plan-card', { hasText: title }).last();
const dialog = (page) => page.locator('dialog.plan-dialog');
const state = (page, text) => row(page, text).getAttribute('data-state');

async function open(page) {
  await entry(page).click();
  await area(page).waitFor();
  await live(page);
}

const live = (page) => page.locator('.link-word[data-link=connected]').waitFor({ state: 'attached', timeout: 60000 });

async function write(page, text) {
  await area(page).fill(text);
  await area(page).press('Enter');
  await row(page, text).waitFor();
}

const becomes = (page, text, wanted) => eventually(async () => wanted.includes(await state(page, text)), `${text}: ${wanted}`, 30000);

/** The menu of a message: by its button, or by a finger that rests on it. */
async function menu(page, text, phone) {
  const bubble = row(page, text).locator('.bubble');
  await bubble.scrollIntoViewIfNeeded();
  if (!phone) {
    await bubble.hover();
    await row(page, text).locator('.message-menu').click();
  } else {
    const cdp = await page.context().newCDPSession(page);
    const words = await row(page, text).locator('.words').boundingBox();
    await cdp.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x: words.x + 8, y: words.y + words.height / 2 }] });
    await page.locator('dialog.deeds[open]').waitFor();
    await cdp.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    await cdp.detach();
  }
  await page.locator('dialog.deeds[open]').waitFor();
}

const deed = (page, name) => page.locator(`dialog.deeds[open] [data-deed=${name}]`).click();

for (const [name, options] of Object.entries(SCREENS)) {
  const phone = options.isMobile === true;

  test(`from the first picture to the last word, on ${name}`, async () => {
    site.sql('DELETE FROM treatment_plans;'); // of one consultation one is accepted
    const tag = phone ? 'pocket' : 'desk';
    const p = await person(browser, cable.url, 'patient@example.com', options);
    const d = await person(browser, site.url, 'doctor@example.com', options);
    const both = [p.page, d.page];
    try {
      await open(p.page);
      await open(d.page);

      // --- a picture and a letter go along, the doctor has them at once
      await p.page.locator('input[name=files]').setInputFiles([
        { name: `tooth-${tag}.png`, mimeType: 'image/png', buffer: png(320, 240) },
        { name: `letter-${tag}.pdf`, mimeType: 'application/pdf', buffer: pdf() }]);
      await p.page.locator('.file-chip[data-state=done]').nth(1).waitFor();
      await write(p.page, `It is this one, ${tag}`);
      await row(d.page, `It is this one, ${tag}`).waitFor();
      await becomes(p.page, `It is this one, ${tag}`, ['read']);
      const picture = row(d.page, `It is this one, ${tag}`).locator('.picture');
      await eventually(() => picture.locator('img').evaluate((i) => i.complete && i.naturalWidth > 0), 'its thumbnail');
      await row(d.page, `It is this one, ${tag}`).locator('.file-card', { hasText: `letter-${tag}.pdf` }).waitFor();
      const file = new URL(await row(d.page, `It is this one, ${tag}`).locator('.file-card').getAttribute('href'), site.url).href;
      assert.equal((await d.context.request.get(file)).status(), 200);
      await picture.click();
      await eventually(() => d.page.locator('dialog.viewer img').evaluate((i) => i.naturalWidth === 320), 'the picture itself');
      await d.page.keyboard.press('Escape');
      await d.page.locator('dialog.viewer').waitFor({ state: 'detached' });

      // --- an answer to it, which the doctor then says better
      await menu(d.page, `It is this one, ${tag}`, phone);
      await deed(d.page, 'reply');
      await write(d.page, `I sea it, ${tag}`);
      await row(p.page, `I sea it, ${tag}`).locator('.quote', { hasText: `It is this one, ${tag}` }).waitFor();
      await becomes(d.page, `I sea it, ${tag}`, ['sent', 'delivered', 'read']);
      await menu(d.page, `I sea it, ${tag}`, phone);
      await deed(d.page, 'edit');
      await eventually(async () => await area(d.page).inputValue() === `I sea it, ${tag}`, 'its text to write at');
      await area(d.page).fill(`I see it, ${tag}`);
      await area(d.page).press('Enter');
      for (const page of both) {
        await row(page, `I see it, ${tag}`).locator('.edited').waitFor();
        assert.equal(await row(page, `I sea it, ${tag}`).count(), 0);
      }

      // --- a plan is offered while the patient has no network and writes
      cable.cut();
      await eventually(async () => await p.page.locator('.link-word').getAttribute('data-link') !== 'connected', 'an honest state', 60000);
      await write(p.page, `What will it cost, ${tag}?`);
      await d.page.locator('.plan-new').click();
      await dialog(d.page).locator('[name=title]').fill(`Filling ${tag}`);
      await dialog(d.page).locator('[name=price]').fill('120');
      await dialog(d.page).locator('button[value=submitted]').click();
      await dialog(d.page).waitFor({ state: 'detached' });
      await card(d.page, `Filling ${tag}`).waitFor();
      assert.equal(await card(p.page, `Filling ${tag}`).count(), 0, 'not through a cut cable');
      assert.equal(await row(d.page, `What will it cost, ${tag}?`).count(), 0);
      cable.mend();
      await row(d.page, `What will it cost, ${tag}?`).waitFor({ timeout: 60000 });
      await card(p.page, `Filling ${tag}`).waitFor({ timeout: 60000 });
      await live(p.page);
      assert.equal(await d.page.locator('.log .message', { hasText: `What will it cost, ${tag}?` }).count(), 1, 'sent once');

      // --- the patient accepts, both see it
      await card(p.page, `Filling ${tag}`).locator('.solid').click();
      await dialog(p.page).locator('.solid').click();
      for (const page of both) {
        await eventually(async () => await card(page, `Filling ${tag}`).getAttribute('data-status') === 'accepted', 'accepted', 30000);
      }

      // --- everything is still there after a reload
      for (const page of both) {
        const was = await page.locator('.log .message').evaluateAll((list) => list.slice(-6).map((e) => e.dataset.message));
        await page.reload();
        await card(page, `Filling ${tag}`).waitFor();
        assert.deepEqual(await page.locator('.log .message').evaluateAll((list) => list.slice(-6).map((e) => e.dataset.message)), was);
        await row(page, `I see it, ${tag}`).locator('.edited').waitFor();
        await live(page);
      }

      // --- words are found, from the list and in it
      if (phone) {
        await d.page.locator('.back').click();
      }
      const search = d.page.locator('.sidebar input[type=search]');
      await search.fill(`this one, ${tag}`);
      const found = d.page.locator('.entry.found', { hasText: tag }).first();
      await found.waitFor();
      await found.click();
      await d.page.locator('.message.found', { hasText: `It is this one, ${tag}` }).waitFor();

      // --- deleted: gone for both, its file too, and not found any more
      await menu(p.page, `It is this one, ${tag}`, phone);
      await deed(p.page, 'delete');
      await deed(p.page, 'delete-now');
      for (const page of both) {
        await row(page, `It is this one, ${tag}`).waitFor({ state: 'detached' });
        await page.locator('.message.deleted').last().waitFor();
        await row(page, `I see it, ${tag}`).locator('.quote', { hasText: 'deleted' }).waitFor();
        assert.equal(await page.locator('.file-card', { hasText: `letter-${tag}.pdf` }).count(), 0);
      }
      assert.equal((await d.context.request.get(file)).status(), 404);
      if (phone) {
        await d.page.locator('.back').click();
      }
      await search.fill('');
      await search.fill(`this one, ${tag}`);
      await d.page.locator('.found-list', { hasText: 'No message has these words' }).waitFor();
      await search.fill('');

      for (const page of both) {
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing sticks out');
        assert.deepEqual(page.complaints.filter((text) => !ANNOUNCED.test(text)), []);
      }
    } finally {
      cable.mend();
      await p.context.close();
      await d.context.close();
    }
  });
}

test('every dialog takes the focus, keeps it, closes by Escape and gives it back', async () => {
  site.sql('DELETE FROM treatment_plans;');
  const { page, context } = await person(browser, site.url, 'doctor@example.com');
  page.on('dialog', () => page.complaints.push('the browser\'s own dialog'));
  try {
    await open(page);
    await write(page, 'Something to open a menu at');
    await becomes(page, 'Something to open a menu at', ['sent', 'delivered']);
    const own = row(page, 'Something to open a menu at').locator('.message-menu');
    const within = (selector) => page.evaluate((s) => document.querySelector(s)?.contains(document.activeElement) ?? false, selector);
    const focused = (locator) => locator.evaluate((el) => el === document.activeElement);
    for (const [opener, selector] of [
      [page.locator('.plan-new'), 'dialog.plan-dialog'],
      [page.locator('footer.account button').first(), 'dialog.account-dialog'],
      [own, 'dialog.deeds[open]'],
      [page.locator('.people-button'), '.people'],
    ]) {
      await opener.focus();
      await page.keyboard.press('Enter');
      await page.locator(selector).waitFor();
      await eventually(() => within(selector), `the focus in ${selector}`);
      for (let i = 0; selector.startsWith('dialog') && i < 25; i++) {
        await page.keyboard.press(i % 2 ? 'Shift+Tab' : 'Tab');
        await page.keyboard.press('Tab');
        assert.ok(await page.evaluate((s) => document.activeElement === document.body
          || document.querySelector(s).contains(document.activeElement), selector), `the focus stays in ${selector}`);
      }
      await page.keyboard.press('Escape');
      await page.locator(selector).waitFor({ state: 'detached' });
      await eventually(() => focused(opener), `the focus back from ${selector}`);
    }
    // Out of the messages to where one writes.
    await own.focus();
    await page.keyboard.press('Escape');
    assert.ok(await focused(area(page)));
    // A question upon a dialog: Escape answers it and leaves the dialog.
    await page.locator('footer.account button').first().click();
    await page.locator('.account-dialog .device').first().waitFor();
    const everywhere = page.locator('.account-more .grave');
    await everywhere.click();
    await page.locator('.ask-dialog').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), 'Cancel', 'what does no harm has the focus');
    await page.keyboard.press('Escape');
    await page.locator('.ask-dialog').waitFor({ state: 'detached' });
    assert.ok(await focused(everywhere));
    assert.equal(await page.locator('.account-dialog').count(), 1);
    assert.deepEqual(page.complaints, []);
  } finally {
    await context.close();
  }
});
