// SPDX-License-Identifier: Apache-2.0
//
// What two people do to messages in two browsers: answer, react, edit, delete, with
// mouse, keyboard and finger; and what is left when the consultation is closed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanup } from '../site/lib/cleanup.mjs';
import { eventually, startSite } from '../site/lib/site.mjs';
import { person, startBrowser } from './lib/browser.mjs';
import { layCable } from './lib/cable.mjs';

const site = await startSite({ extraConf: 'ChatSendRate off' });
const cable = await layCable(site.o.port);
const browser = await startBrowser();
const [conv] = site.people().conversations;

const composer = (page) => page.locator('textarea[name=message]');
const bubble = (page, text) => page.locator('.log .message', { hasText: text }).last();
const dialog = (page) => page.locator('dialog.deeds[open]');
const deed = (page, name) => dialog(page).locator(`[data-deed=${name}]`);

async function open(page) {
  await page.locator(`.entry[data-conversation="${conv.id}"]`).click();
  await composer(page).waitFor();
  await page.locator('.link-word[data-link=connected], .link-word[data-link=live]').waitFor({ state: 'attached' });
}

async function write(page, text) {
  await composer(page).fill(text);
  await composer(page).press('Enter');
  await eventually(async () => ['sent', 'delivered', 'read'].includes(await bubble(page, text).getAttribute('data-state')), `sent: ${text}`);
}

async function menu(page, text) {
  await bubble(page, text).locator('.bubble').hover();
  await bubble(page, text).locator('.message-menu').click();
  await dialog(page).waitFor();
}

const a = await person(browser, site.url, 'patient@example.com');
const b = await person(browser, cable.url, 'doctor@example.com');
cleanup(async () => {
  await a.context.close();
  await b.context.close();
});
await open(a.page);
await open(b.page);

test('an answer quotes what it answers, on both sides, and leads to it', async () => {
  await write(a.page, 'Shall I come on Monday?');
  await menu(b.page, 'Shall I come on Monday?');
  await deed(b.page, 'reply').click();
  await b.page.locator('.composer-head', { hasText: 'Shall I come on Monday?' }).waitFor();
  await eventually(() => composer(b.page).evaluate((area) => area === document.activeElement), 'the focus where one writes');
  await write(b.page, 'Tuesday is better');
  assert.equal(await b.page.locator('.composer-head').count(), 0);
  for (const { page } of [a, b]) {
    const quote = bubble(page, 'Tuesday is better').locator('.quote');
    await quote.waitFor();
    assert.match(await quote.textContent(), /Shall I come on Monday\?/);
  }
  for (let i = 0; i < 60; i += 1) {
    site.sql(`INSERT INTO messages (from_user_id, to_user_id, request_id, body) VALUES (${conv.patient}, ${conv.doctor}, ${conv.id}, 'filler ${i}');`);
  }
  await write(b.page, 'and the answer again');
  await b.page.reload();
  await bubble(b.page, 'and the answer again').waitFor();
  const quoting = b.page.locator('.log .message', { hasText: 'Tuesday is better' });
  await eventually(async () => {
    await b.page.locator('.log').evaluate((log) => { log.scrollTop = 0; });
    return (await quoting.count()) > 0;
  }, 'older messages');
  await b.page.locator('.log').evaluate((log) => { log.scrollTop = log.scrollHeight; });
  await quoting.locator('.quote').click();
  await eventually(() => b.page.locator('.message.found', { hasText: 'Shall I come on Monday?' }).count(), 'the original, marked');
});

test('what is being answered is edited, then deleted: the words stay, and can be sent', async () => {
  const doctor = await site.phone('doctor@example.com');
  const at = async (content) => (await doctor.post(`/chat/conversation/${conv.id}/message`, { content })).json.message.id;
  const change = (id, method, body) => doctor.request(method, `/chat/conversation/${conv.id}/message/${id}`, { body });
  const first = await at('A wrong word');
  await menu(a.page, 'A wrong word');
  await deed(a.page, 'reply').click();
  await change(first, 'PATCH', { content: 'A right word' });
  await a.page.locator('.composer-head', { hasText: 'A right word' }).waitFor();
  await composer(a.page).fill('an answer to it');
  await change(first, 'DELETE');
  await a.page.locator('.composer-head').waitFor({ state: 'detached' });
  assert.equal(await composer(a.page).inputValue(), 'an answer to it');
  await composer(a.page).fill('');
  // Deleted while the answer was on its way: it is said why, and goes without.
  const second = await at('Gone too soon');
  await menu(a.page, 'Gone too soon');
  await deed(a.page, 'reply').click();
  await a.page.route('**/message', async (route) => {
    await change(second, 'DELETE');
    await route.continue();
  }, { times: 1 });
  await composer(a.page).fill('too late an answer');
  await composer(a.page).press('Enter');
  await bubble(a.page, 'too late an answer').locator('.trouble', { hasText: 'was deleted' }).waitFor();
  a.page.complaints.length = 0; // Chromium's, of the 422
  await bubble(a.page, 'too late an answer').locator('.trouble button').first().click();
  await eventually(async () => ['sent', 'delivered', 'read'].includes(await bubble(a.page, 'too late an answer').getAttribute('data-state')), 'sent without it');
  assert.equal(await bubble(a.page, 'too late an answer').locator('.quote').count(), 0);
});

test('what is being edited is deleted elsewhere: the edit ends, its words stay and can be sent', async () => {
  const elsewhere = await site.phone('patient@example.com');
  const idOf = (text) => bubble(a.page, text).getAttribute('data-message');
  const remove = async (id) => assert.equal((await elsewhere.request('DELETE', `/chat/conversation/${conv.id}/message/${id}`)).status, 200);
  await composer(a.page).fill('begun before');
  await write(a.page, 'To be edited, and gone');
  await composer(a.page).fill('begun before');
  const first = await idOf('To be edited, and gone');
  await menu(a.page, 'To be edited, and gone');
  await deed(a.page, 'edit').click();
  await composer(a.page).fill('what it should have said');
  await remove(first);
  await a.page.locator('.composer-head').waitFor({ state: 'detached' });
  assert.equal(await composer(a.page).inputValue(), 'begun before\nwhat it should have said');
  await write(a.page, 'what it should have said');
  // Deleted before the page hears of it: so says what the edit is answered.
  await write(a.page, 'Gone while it was sent');
  const second = await idOf('Gone while it was sent');
  await menu(a.page, 'Gone while it was sent');
  await deed(a.page, 'edit').click();
  await composer(a.page).fill('too late an edit');
  await a.page.route(`**/message/${second}`, async (route) => {
    await remove(second);
    await route.continue();
  }, { times: 1 });
  await composer(a.page).press('Enter');
  await a.page.locator('.composer-head').waitFor({ state: 'detached' });
  await eventually(() => a.page.complaints.length > 0, "Chromium's, of the 410");
  a.page.complaints.length = 0;
  assert.equal(await composer(a.page).inputValue(), 'too late an edit');
  await write(a.page, 'too late an edit');
});

test('the words of a message are copied', async () => {
  await a.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await write(a.page, 'Words to take along');
  await menu(a.page, 'Words to take along');
  await deed(a.page, 'copy').click();
  await eventually(() => a.page.evaluate(async () => (await navigator.clipboard.readText()) === 'Words to take along'), 'the words in the clipboard');
});

test('Escape gives an answer up, and it survives a reload until then', async () => {
  await write(a.page, 'Something to answer');
  await menu(a.page, 'Something to answer');
  await deed(a.page, 'reply').click();
  await composer(a.page).fill('half a thought');
  await a.page.reload();
  await a.page.locator('.composer-head', { hasText: 'Something to answer' }).waitFor();
  assert.equal(await composer(a.page).inputValue(), 'half a thought');
  await composer(a.page).press('Escape');
  await a.page.locator('.composer-head').waitFor({ state: 'detached' });
  assert.equal(await composer(a.page).inputValue(), 'half a thought', 'the words stay');
  await composer(a.page).fill('');
});

test('people react, by menu, by a click on what is there, by typing', async () => {
  await write(a.page, 'It does not hurt any more');
  await menu(b.page, 'It does not hurt any more');
  await dialog(b.page).locator('.emoji').first().click();
  const chip = (page, emoji) => bubble(page, 'It does not hurt any more').locator(`.reaction[data-emoji="${emoji}"]`);
  await chip(a.page, '👍').waitFor();
  assert.equal(await chip(a.page, '👍').getAttribute('aria-pressed'), 'false');
  await chip(a.page, '👍').click();
  await chip(b.page, '👍').locator('.count', { hasText: '2' }).waitFor();
  await chip(a.page, '👍').click();
  await chip(b.page, '👍').locator('.count').waitFor({ state: 'detached' });
  await menu(a.page, 'It does not hurt any more');
  await dialog(a.page).locator('.emoji-form input').fill('🦷');
  await dialog(a.page).locator('.emoji-form input').press('Enter');
  await chip(b.page, '🦷').waitFor();
  await menu(a.page, 'It does not hurt any more');
  await dialog(a.page).locator('.emoji-form input').fill('no');
  await dialog(a.page).locator('.emoji-form input').press('Enter');
  await a.page.locator('.notice p', { hasText: 'does not accept' }).waitFor();
});

test('an edited message says so on both sides, and shows what it said before', async () => {
  await composer(a.page).fill('a draft of something else');
  await write(b.page, 'Take it twise a day');
  await menu(b.page, 'Take it twise a day');
  await deed(b.page, 'edit').click();
  await eventually(async () => (await composer(b.page).inputValue()) === 'Take it twise a day', 'the text in the composer');
  await composer(b.page).fill('Take it twice a day');
  await composer(b.page).press('Enter');
  for (const { page } of [a, b]) {
    await bubble(page, 'Take it twice a day').locator('.edited').waitFor();
    assert.equal(await page.locator('.log .message', { hasText: 'twise' }).count(), 0);
  }
  assert.equal(await composer(b.page).inputValue(), '');
  await bubble(a.page, 'Take it twice a day').locator('.edited').click();
  await dialog(a.page).locator('.history li').nth(1).waitFor();
  assert.deepEqual(await dialog(a.page).locator('.history .text').allTextContents(), ['Take it twise a day', 'Take it twice a day']);
  await a.page.keyboard.press('Escape');
  await dialog(a.page).waitFor({ state: 'detached' });
  assert.equal(await composer(a.page).inputValue(), 'a draft of something else');
  await composer(a.page).fill('');
});

test('an edit without a network is said, and its text stays', async () => {
  await write(b.page, 'Twenty drops');
  await menu(b.page, 'Twenty drops');
  await deed(b.page, 'edit').click();
  await composer(b.page).fill('Ten drops');
  cable.cut();
  await composer(b.page).press('Enter');
  await b.page.locator('.notice p', { hasText: 'did not work' }).waitFor({ timeout: 30000 });
  assert.equal(await composer(b.page).inputValue(), 'Ten drops');
  cable.mend();
  await eventually(async () => {
    if (await b.page.locator('.composer-head').count()) {
      await composer(b.page).press('Enter');
    }
    return (await bubble(a.page, 'Ten drops').count()) > 0;
  }, 'the edit, later', 60000);
});

test('the menu by keyboard, and a deletion that asks first', async () => {
  await write(a.page, 'Sent by mistake');
  await write(b.page, 'What do you mean?');
  const button = bubble(a.page, 'Sent by mistake').locator('.message-menu');
  await button.focus();
  await a.page.keyboard.press('Enter');
  await dialog(a.page).waitFor();
  await a.page.keyboard.press('ArrowUp');
  await eventually(() => deed(a.page, 'delete').evaluate((e) => e === document.activeElement), 'the last choice');
  await a.page.keyboard.press('Enter');
  await dialog(a.page).locator('.deeds-title', { hasText: 'Delete this message' }).waitFor();
  await a.page.keyboard.press('Escape');
  await eventually(() => button.evaluate((e) => e === document.activeElement), 'the focus back');
  assert.equal(await bubble(b.page, 'Sent by mistake').count(), 1, 'nothing was deleted');
  await menu(a.page, 'Sent by mistake');
  await deed(a.page, 'delete').click();
  await deed(a.page, 'delete-now').click();
  for (const { page } of [a, b]) {
    await eventually(async () => (await page.locator('.log .message', { hasText: 'Sent by mistake' }).count()) === 0, 'its text gone');
    const mark = page.locator('.log .message.deleted').last();
    await mark.locator('.text', { hasText: 'This message was deleted.' }).waitFor();
    assert.equal(await mark.locator('.message-menu').count(), 0, 'nothing can be done to it');
  }
  await a.page.reload();
  await a.page.locator('.log .message.deleted .text').last().waitFor();
});

test('others cannot edit or delete; what came while away is caught up', async () => {
  await write(a.page, 'Only mine');
  await menu(b.page, 'Only mine');
  assert.equal(await deed(b.page, 'edit').count() + await deed(b.page, 'delete').count(), 0);
  await b.page.keyboard.press('Escape');
  cable.cut();
  await eventually(async () => (await b.page.locator('.link-word').getAttribute('data-link')) !== 'connected', 'an honest state', 40000);
  const id = Number(await bubble(a.page, 'Only mine').getAttribute('data-message'));
  site.sql(`UPDATE messages SET body = 'Only mine, edited' WHERE id = ${id};
    INSERT INTO chat_message_reactions (message_id, user_id, emoji) VALUES (${id}, ${conv.patient}, '❤️');`);
  cable.mend();
  await bubble(b.page, 'Only mine, edited').locator('.reaction').waitFor({ timeout: 60000 });
  await bubble(b.page, 'Only mine, edited').locator('.edited').waitFor();
});

test('on a phone a finger that rests opens the menu', async () => {
  const c = await person(browser, site.url, 'patient@example.com', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await c.page.locator(`.entry[data-conversation="${conv.id}"]`).tap();
  const mine = bubble(c.page, 'Only mine, edited').locator('.bubble');
  await mine.waitFor();
  await mine.scrollIntoViewIfNeeded();
  const box = await mine.boundingBox();
  const cdp = await c.context.newCDPSession(c.page);
  const touchPoints = [{ x: box.x + box.width / 2, y: box.y + box.height / 2 }];
  await cdp.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints });
  await dialog(c.page).waitFor();
  await cdp.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
  await deed(c.page, 'reply').waitFor();
  assert.equal(await c.page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth), false, 'nothing sticks out');
  await deed(c.page, 'reply').tap();
  await c.page.locator('.composer-head').waitFor();
  assert.deepEqual(c.page.complaints, []);
  await c.context.close();
});

test('a closed consultation has a sentence where one wrote, and opens again', async () => {
  site.sql(`UPDATE treatment_requests SET status = 'completed' WHERE id = ${conv.id};`);
  for (const { page } of [a, b]) {
    await page.locator('.closed-line').waitFor();
    assert.equal(await composer(page).count(), 0);
  }
  await menu(a.page, 'Only mine, edited');
  assert.equal(await deed(a.page, 'reply').count() + await deed(a.page, 'edit').count() + await dialog(a.page).locator('.emoji').count(), 0);
  await a.page.keyboard.press('Escape');
  site.sql(`UPDATE treatment_requests SET status = 'in_progress' WHERE id = ${conv.id};`);
  await composer(a.page).waitFor();
  await write(a.page, 'And on we go');
  await bubble(b.page, 'And on we go').waitFor();
});

test('no page complained: no script error, no blocked resource', () => {
  for (const { page } of [a, b]) {
    assert.deepEqual(page.complaints.filter((text) => !/WebSocket connection|net::ERR_|Failed to load resource: the server responded with a status of (422|50[23])/.test(text)), []);
  }
});
