// SPDX-License-Identifier: Apache-2.0
//
// Without a mouse, and on paper: where a keyboard comes to in a long conversation, and
// what of it is printed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanup } from '../site/lib/cleanup.mjs';
import { eventually, startSite } from '../site/lib/site.mjs';
import { person, startBrowser } from './lib/browser.mjs';

const site = await startSite({ extraConf: 'ChatSendRate off' });
const browser = await startBrowser();
const [conv] = site.people().conversations;
const asked = async (path, token, body) => (await fetch(site.url + path, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json', ...(token ? { Authorization: `Bearer ${token}` } : {}) },
  body: JSON.stringify(body),
})).json();
const { token } = await asked('/chat/token', null, { email: 'patient@example.com', password: 'password' });
for (let i = 0; i < 100; i += 1) {
  await asked(`/chat/conversation/${conv.id}/message`, token, { content: `line ${i}` });
}
const { page, context } = await person(browser, site.url, 'patient@example.com');
cleanup(() => context.close());
await page.goto(`${site.url}/chat/conversation/${conv.id}`);
await page.locator('.message', { hasText: 'line 99' }).waitFor();

/** What has the focus: the class of its element, or its tag. */
const focused = () => page.evaluate(() => document.activeElement.className || document.activeElement.tagName);
const rows = () => page.locator('.log .message').count();

test('a keyboard passes the button for older messages, and presses it when it wants them', async () => {
  await page.locator('.log').focus();
  const before = await rows();
  await page.keyboard.press('Tab');
  assert.match(await focused(), /older/);
  await eventually(async () => (await page.locator('.log').evaluate((e) => e.scrollTop)) < 100, 'the button is in sight');
  await page.keyboard.press('Tab');
  assert.doesNotMatch(await focused(), /older|BODY/);
  assert.equal(await rows(), before, 'nothing was loaded on the way');

  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await eventually(async () => (await rows()) > before, 'older ones have come');
  assert.match(await focused(), /older/, 'the focus stays, and the next step is the oldest of them');
});

test('when the last of the older messages have come the focus is still in the conversation', async () => {
  for (let i = 0; await page.locator('.older').count(); i += 1) {
    assert.ok(i < 20);
    const before = await rows();
    await page.locator('.older').focus();
    await page.keyboard.press('Enter');
    await eventually(async () => (await rows()) > before, 'older ones have come');
  }
  assert.match(await focused(), /^log$/);
});

test('who has read far up and comes back to the end has a page of ordinary size again', async () => {
  site.sql(Array.from({ length: 500 }, (_, i) => `INSERT INTO messages (from_user_id, to_user_id, request_id, body, read_at)
    VALUES (${conv.doctor}, ${conv.patient}, ${conv.id}, 'far ${i}', '2026-01-01 00:00:00');`).join('\n'));
  await page.reload();
  await page.locator('.message', { hasText: 'far 499' }).waitFor();
  await eventually(async () => {
    await page.locator('.log').evaluate((log) => { log.scrollTop = 0; });
    return (await rows()) > 420;
  }, 'much is loaded');
  await page.locator('.jump').click();
  await eventually(async () => (await rows()) <= 200, 'it has gone');
  await page.locator('.jump').waitFor({ state: 'detached' });
  assert.equal(await page.locator('.message', { hasText: 'far 499' }).count(), 1);
  const { end, top } = await page.locator('.log').evaluate((log) => ({ end: log.scrollHeight - log.scrollTop - log.clientHeight, top: log.scrollTop }));
  assert.ok(end < 5 && top > 500, `${end} ${top}`);
  await page.locator('.log').evaluate((log) => { log.scrollTop = 0; });
  await eventually(async () => (await rows()) > 200, 'and comes again');
});

test('all that is loaded of a conversation is printed, and nothing that can only be pressed', async () => {
  await asked(`/chat/conversation/${conv.id}/message`, token, { content: 'for the file' });
  await page.locator('.mine', { hasText: 'for the file' }).waitFor();
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  const paper = await page.evaluate(() => {
    const seen = (what) => [...document.querySelectorAll(what)].filter((e) => e.checkVisibility()).length;
    const log = document.querySelector('.log');
    return {
      high: document.documentElement.scrollHeight,
      cut: log.scrollHeight - log.clientHeight,
      side: seen('.sidebar'),
      buttons: seen('.thread button:not(.tick)'),
      composer: seen('.composer'),
      messages: seen('.log .message'),
      name: seen('.thread-head h2'),
      ink: getComputedStyle(document.querySelector('.mine .bubble')).color,
      ground: getComputedStyle(document.querySelector('.mine .bubble')).backgroundColor,
    };
  });
  await page.emulateMedia({ media: null, colorScheme: null });
  assert.equal(paper.messages, await rows());
  assert.ok(paper.high > 3000, `as long as it is: ${paper.high}`);
  assert.deepEqual({ ...paper, high: 0, messages: 0 }, {
    high: 0, cut: 0, side: 0, buttons: 0, composer: 0, messages: 0, name: 1, ink: 'rgb(0, 0, 0)', ground: 'rgb(255, 255, 255)',
  });
  const pdf = await page.pdf();
  assert.ok(Number(/\/Count (\d+)/.exec(pdf.toString('latin1'))[1]) > 1, 'on more than one page');
});
