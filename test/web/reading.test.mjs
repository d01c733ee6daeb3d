// SPDX-License-Identifier: Apache-2.0
//
// What people see of words that others chose: web addresses, names of files and devices
// that turn the direction of text, what was refused, what was found.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanup } from '../site/lib/cleanup.mjs';
import { eventually, startSite } from '../site/lib/site.mjs';
import { person, startBrowser } from './lib/browser.mjs';

const site = await startSite({ extraConf: 'ChatSendRate off' });
const browser = await startBrowser();
const [conv] = site.people().conversations;
const { page, context } = await person(browser, site.url, 'patient@example.com');
cleanup(() => context.close());

const composer = page.locator('textarea[name=message]');
await page.locator(`.entry[data-conversation="${conv.id}"]`).click();
await composer.waitFor();

test('a web address can be followed, and its page learns nothing of ours', async () => {
  await composer.fill('Here: https://dentist.example/a?b=1&c=2. <b>https://me@evil.example</b> javascript://x/%0a1');
  await composer.press('Enter');
  const bubble = page.locator('.message', { hasText: 'dentist.example' }).last();
  const links = bubble.locator('.text a');
  await links.first().waitFor();
  assert.deepEqual(await links.evaluateAll((all) => all.map((a) => [a.getAttribute('href'), a.target, a.rel])),
    [['https://dentist.example/a?b=1&c=2', '_blank', 'noopener noreferrer nofollow']]);
  assert.equal(await bubble.locator('.text').textContent(), 'Here: https://dentist.example/a?b=1&c=2. <b>https://me@evil.example</b> javascript://x/%0a1');
});

test('where the system gives the colours, what is chosen, mine and unread has a line', async () => {
  const line = (where) => page.locator(where).first().evaluate((e) => {
    const { outlineStyle, borderTopStyle } = getComputedStyle(e);
    return outlineStyle !== 'none' || borderTopStyle !== 'none';
  });
  await page.emulateMedia({ forcedColors: 'active' });
  for (const where of ['.entry[aria-current="true"]', '.mine .bubble', '.badge']) {
    assert.equal(await line(where), true, where);
  }
  await page.emulateMedia({ forcedColors: 'none' });
  assert.equal(await line('.mine .bubble'), false);
});

test("a message's buttons say which message is theirs", async () => {
  const bubble = page.locator('.message', { hasText: 'dentist.example' }).last();
  await eventually(async () => (await bubble.getAttribute('data-state')) !== 'sending' && (await bubble.locator('button.tick').count()) === 1, 'sent');
  for (const button of ['.message-menu', 'button.tick']) {
    const described = await bubble.locator(button).evaluate((e) => document.getElementById(e.getAttribute('aria-describedby'))?.textContent);
    assert.match(described ?? '', /^Here: https:\/\/dentist\.example/, button);
  }
});

test('a refused file says so in red, an Arabic name begins where the others do', async () => {
  await page.locator('input[type=file]').setInputFiles([
    { name: 'bad.exe', mimeType: 'application/octet-stream', buffer: Buffer.from('MZ not for us') },
    { name: 'تقرير.txt', mimeType: 'text/plain', buffer: Buffer.from('مرحبا') }]);
  const [bad, good] = [page.locator('.file-chip[data-state=refused]'), page.locator('.file-chip[data-state=done]')];
  await bad.waitFor();
  await good.waitFor();
  const colour = (chip) => chip.locator('.file-state').evaluate((e) => getComputedStyle(e).color);
  assert.notEqual(await colour(bad), await colour(good));
  const begins = (chip, what) => chip.locator(what).evaluate((e) => {
    const range = document.createRange();
    range.selectNodeContents(e);
    return Math.round(range.getBoundingClientRect().left);
  });
  assert.equal(await begins(good, '.file-name'), await begins(good, '.file-state'));
  // A message with it does not go; it is said why, also where the file is out of sight.
  await composer.fill('with these');
  await composer.press('Enter');
  await page.locator('.notice p', { hasText: 'remove them first' }).waitFor();
  assert.equal(await composer.inputValue(), 'with these');
  await composer.fill('');
  for (const chip of [bad, good]) {
    await chip.getByRole('button', { name: /^Remove/ }).click();
  }
});

test('a picture is as wide as the card of the file beside it', async () => {
  const picture = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(900, 600);
    canvas.getContext('2d').fillRect(0, 0, 900, 600);
    return [...new Uint8Array(await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer())];
  });
  await page.locator('input[type=file]').setInputFiles([
    { name: 'x-ray.png', mimeType: 'image/png', buffer: Buffer.from(picture) },
    { name: 'report.txt', mimeType: 'text/plain', buffer: Buffer.from('all well') }]);
  await eventually(async () => (await page.locator('.file-chip[data-state=done]').count()) === 2, 'both uploaded');
  await composer.press('Enter');
  const message = page.locator('.message:has(.picture):has(.file-card)').last();
  await message.waitFor();
  const width = (what) => message.locator(what).evaluate((e) => Math.round(e.getBoundingClientRect().width));
  await eventually(async () => (await width('.picture')) === (await width('.file-card')), 'as wide as each other');
});

test('a picture that is tiny or narrow can be pressed, and the time beside it read', async () => {
  const drawn = (width, height) => page.evaluate(async ([w, h]) => {
    const canvas = new OffscreenCanvas(w, h);
    canvas.getContext('2d').fillRect(0, 0, w, h);
    return [...new Uint8Array(await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer())];
  }, [width, height]);
  for (const [name, width, height] of [['dot.png', 2, 2], ['strip.png', 40, 1600]]) {
    await page.locator('input[type=file]').setInputFiles([{ name, mimeType: 'image/png', buffer: Buffer.from(await drawn(width, height)) }]);
    await page.locator('.file-chip[data-state=done]').waitFor();
    await composer.press('Enter');
    const message = page.locator('.message', { has: page.getByRole('button', { name: `Show ${name}` }) }).last();
    await message.waitFor();
    await eventually(async () => (await message.getAttribute('data-state')) === 'sent', 'sent');
    const box = await message.locator('.picture').boundingBox();
    assert.ok(box.width >= 44 && box.height >= 44, JSON.stringify(box));
    const meta = await message.locator('.meta').boundingBox();
    assert.ok(meta.height < 30, `the time is one line: ${JSON.stringify(meta)}`);
  }
});

test("a conversation that is not one's own is said to be none, on a page of the chat", async () => {
  const other = site.people().conversations.find((c) => c.patient !== conv.patient);
  const second = await context.newPage();
  const answer = await second.goto(`${site.url}/chat/conversation/${other.id}`);
  assert.equal(answer.status(), 404);
  await second.getByText('This conversation does not exist, or it is not yours.').waitFor();
  assert.equal(await second.locator('.entry').count(), await page.locator('.entry').count(), 'the list is there');
  await second.close();
});

test("an Arabic message stands beside its sign in the list, not at the line's other end", async () => {
  await composer.fill('مرحبا');
  await composer.press('Enter');
  const words = page.locator(`.entry[data-conversation="${conv.id}"] .entry-words`);
  await eventually(async () => (await words.textContent()) === 'مرحبا', 'in the list');
  const [text, box] = await words.evaluate((e) => {
    const range = document.createRange();
    range.selectNodeContents(e);
    return [range.getBoundingClientRect().left, e.getBoundingClientRect().left];
  });
  assert.ok(Math.abs(text - box) < 2, `${text} ${box}`);
});

test('where messages were found nobody reads that no person was', async () => {
  const box = page.getByRole('searchbox');
  await box.fill('dentist.example');
  await page.locator('.entry.found').first().waitFor();
  assert.equal(await page.getByText('Nobody by that name.').count(), 0);
  await box.fill('qqqzzz');
  await page.getByText('No message has these words.').waitFor();
  await page.getByText('Nobody by that name.').waitFor();
  await box.fill('');
});

test("a device's name cannot turn the direction of what is read", async () => {
  const { token } = await (await fetch(`${site.url}/chat/token`, { method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ email: 'patient@example.com', password: 'password', device_name: 'Mona\u202e phone' }) })).json();
  assert.ok(token);
  await page.getByRole('button', { name: 'Account and devices' }).click();
  await page.locator('.device-name', { hasText: 'phone' }).waitFor();
  assert.equal(await page.locator('.device-name', { hasText: 'phone' }).textContent(), 'Mona phone');
});

test('in an Arabic page Latin words keep their order, and the search box its places', async () => {
  const people = await (await fetch(`${site.url}/chat/token`, { method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ email: 'doctor@example.com', password: 'password' }) })).json();
  const asked = async (path, token, body) => (await (await fetch(site.url + path, { method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` }, body: JSON.stringify(body) })).json()).plan;
  const plan = await asked(`/chat/conversation/${conv.id}/plan`, people.token, { title: 'Filling', price_cents: 1250, status: 'submitted' });
  const mine = await (await fetch(`${site.url}/chat/token`, { method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ email: 'patient@example.com', password: 'password' }) })).json();
  await asked(`/chat/plan/${plan.id}/reject`, mine.token, { reason: 'no <b>' });

  const arab = await person(browser, site.url, 'patient@example.com', { locale: 'ar' });
  cleanup(() => arab.context.close());
  await arab.page.goto(`${site.url}/chat/conversation/${conv.id}?lang=ar`);
  const reason = arab.page.locator('blockquote bdi', { hasText: 'no <b>' });
  await reason.waitFor();
  assert.equal(await arab.page.evaluate(() => document.documentElement.dir), 'rtl');
  /* left edge of a letter of an element's text */
  const at = (locator, letter) => locator.evaluate((e, n) => {
    const range = document.createRange();
    range.setStart(e.lastChild, n);
    range.setEnd(e.lastChild, n + 1);
    return range.getBoundingClientRect().left;
  }, letter);
  assert.ok(await at(reason, 0) < await at(reason, 5), 'n stands left of >');
  const box = arab.page.getByRole('searchbox');
  await box.fill('tooth');
  assert.equal(await box.evaluate((e) => getComputedStyle(e).direction), 'rtl', 'what clears it is at the left, the drawing at the right');
  assert.deepEqual(await box.evaluate((e) => [getComputedStyle(e).paddingRight, getComputedStyle(e).unicodeBidi]), ['40px', 'plaintext']);
});
