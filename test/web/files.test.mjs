// SPDX-License-Identifier: Apache-2.0
//
// Files as people send them: picked, dropped, pasted, spoken; cancelled and tried
// again; seen by the other side as pictures, players and cards; looked at closely.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { chromium } from 'playwright-core';
import { cleanup } from '../site/lib/cleanup.mjs';
import { eventually, sleep, startSite } from '../site/lib/site.mjs';
import { pdf, png } from '../site/lib/upload.mjs';
import { chromiumOptions, person } from './lib/browser.mjs';
import { layCable } from './lib/cable.mjs';

const site = await startSite({ extraConf: 'ChatSendRate off' });
const cable = await layCable(site.o.port);
const options = chromiumOptions();
const browser = await chromium.launch({ ...options,
  args: [...options.args, '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'] });
cleanup(() => browser.close());
const conv = site.people().conversations[0];
const a = await person(browser, cable.url, 'patient@example.com');
const b = await person(browser, site.url, 'doctor@example.com');
cleanup(async () => {
  await a.context.close();
  await b.context.close();
});

const composer = (page) => page.locator('textarea[name=message]');
const chips = (page) => page.locator('.file-chip');
const pick = (page, ...files) => page.locator('input[name=files]').setInputFiles(
  files.map(([name, mimeType, buffer]) => ({ name, mimeType, buffer })));
const send = (page) => page.locator('.composer .send').click();
const done = (page, n) => page.locator('.file-chip[data-state=done]').nth(n - 1).waitFor();
const open = async (page) => {
  await page.locator(`.entry[data-conversation="${conv.id}"]`).click();
  await composer(page).waitFor();
};

/** Give the page files as a drop or a paste does. */
const bring = (page, selector, how, files) => page.locator(selector).evaluate((at, [type, list]) => {
  const data = new DataTransfer();
  for (const [name, mime, base64] of list) {
    data.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name, { type: mime }));
  }
  const event = type === 'paste' ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })
    : new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true });
  at.dispatchEvent(event);
}, [how, files.map(([name, mime, bytes]) => [name, mime, bytes.toString('base64')])]);

await open(a.page);
await open(b.page);

test('pictures are picked, sent with words, and seen at a size known before they are there', async () => {
  await pick(a.page, ['left.png', 'image/png', png(400, 300)], ['right.png', 'image/png', png(90, 160)]);
  await done(a.page, 2);
  assert.equal(await a.page.locator('.file-chip img').count(), 2, 'previews');
  await composer(a.page).fill('My teeth');
  await send(a.page);
  await eventually(async () => (await chips(a.page).count()) === 0, 'an empty tray');
  const message = b.page.locator('.log .message', { hasText: 'My teeth' });
  await message.waitFor();
  const images = message.locator('.picture img');
  assert.equal(await images.count(), 2);
  await eventually(() => images.evaluateAll((list) => list.every((i) => i.complete && i.naturalWidth > 0)), 'both thumbnails');
  assert.deepEqual(await images.first().evaluate((i) => [i.getAttribute('width'), i.getAttribute('height')]), ['260', '195']);
});

test('a picture alone has its place before it is there, and nothing jumps', async () => {
  let release;
  const gate = new Promise((done_) => { release = done_; });
  await b.page.route('**/thumb', async (route) => {
    await gate;
    await route.continue();
  });
  await pick(a.page, ['alone.png', 'image/png', png(800, 200)]);
  await done(a.page, 1);
  await send(a.page);
  await b.page.locator(`.entry[data-conversation="${conv.id}"]`, { hasText: 'Picture' }).waitFor(); // the list says what came
  const image = b.page.locator('.log .message').last().locator('.pictures[data-n="1"] img');
  await image.waitFor();
  const before = await image.boundingBox();
  assert.deepEqual([Math.round(before.width), Math.round(before.height)], [260, 65]);
  release();
  await eventually(() => image.evaluate((i) => i.complete && i.naturalWidth > 0), 'the thumbnail');
  const after = await image.boundingBox();
  assert.deepEqual([after.width, after.height], [before.width, before.height]);
  await b.page.unroute('**/thumb');
});

test('files are dropped on the thread and pasted into the composer', async () => {
  await bring(a.page, 'main.thread', 'dragover', [['x.pdf', 'application/pdf', pdf()]]);
  assert.ok(await a.page.locator('.drop-hint').isVisible());
  await bring(a.page, 'main.thread', 'drop', [['letter.pdf', 'application/pdf', pdf(3000)]]);
  assert.ok(!(await a.page.locator('.drop-hint').isVisible()));
  await bring(a.page, 'textarea[name=message]', 'paste', [['image.png', 'image/png', png()]]);
  await done(a.page, 2);
  await composer(a.page).press('Enter');
  const card = b.page.locator('.file-card', { hasText: 'letter.pdf' });
  await card.waitFor();
  assert.match(await card.textContent(), /PDF.*letter\.pdf.*3 kB/s);
  const [download] = await Promise.all([b.page.waitForEvent('download'), card.click()]);
  assert.equal(download.suggestedFilename(), 'letter.pdf');
});

test('an upload shows how far it is and can be cancelled', async () => {
  let release;
  const gate = new Promise((done_) => { release = done_; });
  await a.page.route('**/attachment', async (route) => {
    await gate;
    await route.abort().catch(() => {});
  });
  await pick(a.page, ['slow.pdf', 'application/pdf', pdf(200000)]);
  await a.page.locator('.file-chip progress').waitFor();
  assert.ok(await a.page.locator('.send').isDisabled(), 'nothing goes before its files are there');
  await a.page.getByRole('button', { name: 'Remove slow.pdf' }).click();
  assert.equal(await chips(a.page).count(), 0);
  release();
  await a.page.unroute('**/attachment');
  await pick(a.page, ['gone.pdf', 'application/pdf', pdf(500)]);
  await done(a.page, 1);
  const gone = a.page.waitForResponse((r) => r.request().method() === 'DELETE');
  await a.page.getByRole('button', { name: 'Remove gone.pdf' }).click();
  assert.ok((await gone).ok(), 'what was uploaded is removed');
});

test('without a network the file waits, goes by itself later, and the message is there once', async () => {
  await cable.cut();
  await pick(a.page, ['later.pdf', 'application/pdf', pdf(1200)]);
  await a.page.locator('.file-chip[data-state=failed]').waitFor();
  assert.match(await chips(a.page).textContent(), /Not uploaded/);
  cable.mend();
  await a.page.getByRole('button', { name: 'Try again' }).click();
  await done(a.page, 1);
  await composer(a.page).fill('After the tunnel');
  cable.cut();
  await send(a.page);
  await a.page.locator('.message[data-state=queued]', { hasText: 'After the tunnel' }).waitFor();
  assert.ok(await a.page.locator('.message', { hasText: 'After the tunnel' }).locator('.file-card').isVisible(), 'its file is in it');
  cable.mend();
  await b.page.locator('.message', { hasText: 'After the tunnel' }).locator('.file-card').waitFor({ timeout: 60000 });
  await sleep(300);
  assert.equal(await b.page.locator('.message', { hasText: 'After the tunnel' }).count(), 1);
});

test('a file that is gone before its turn comes is said to be, and waits for nothing', async () => {
  const at = site.path('vanishing.txt');
  fs.writeFileSync(at, 'soon gone');
  let release;
  const gate = new Promise((done_) => { release = done_; });
  await a.page.route('**/attachment', async (route) => { // two at a time: the third waits
    await gate;
    await route.continue();
  }, { times: 2 });
  await pick(a.page, ['one.txt', 'text/plain', Buffer.from('one')], ['two.txt', 'text/plain', Buffer.from('two')]);
  await a.page.locator('input[type=file]').setInputFiles(at);
  await a.page.locator('.file-chip[data-state=queued]').waitFor();
  fs.rmSync(at);
  release();
  await a.page.locator('.file-chip[data-state=refused]', { hasText: 'cannot be read' }).waitFor();
  await eventually(() => a.page.complaints.length > 0, "Chromium's, of the file");
  a.page.complaints.length = 0;
  for (const name of ['one.txt', 'two.txt', 'vanishing.txt']) {
    await a.page.getByRole('button', { name: `Remove ${name}` }).click();
  }
  assert.equal(await chips(a.page).count(), 0);
});

test('what is refused says why and keeps the others from going until it is removed', async () => {
  await pick(a.page, ['page.html', 'text/html', Buffer.from('<html><script>1</script></html>')], ['fine.txt', 'text/plain', Buffer.from('fine')]);
  await a.page.locator('.file-chip[data-state=refused]').waitFor();
  await a.page.locator('.file-chip[data-state=done]').waitFor();
  assert.match(await a.page.locator('.file-chip[data-state=refused]').textContent(), /not accepted/);
  assert.ok(await a.page.locator('.send').isDisabled());
  await a.page.getByRole('button', { name: 'Remove page.html' }).click();
  await send(a.page);
  await b.page.locator('.file-card', { hasText: 'fine.txt' }).waitFor();
});

test('a voice message is recorded, sent and has a player', async () => {
  await a.page.getByRole('button', { name: 'Record a voice message' }).click();
  await a.page.locator('.recording').waitFor();
  await sleep(1200);
  await a.page.getByRole('button', { name: 'Keep the recording' }).click();
  await done(a.page, 1);
  await send(a.page);
  const audio = b.page.locator('.message audio').last();
  await audio.waitFor();
  const length = await audio.evaluate((el) => new Promise((resolve, reject) => {
    el.onloadedmetadata = () => resolve(el.readyState);
    el.onerror = () => reject(new Error(`code ${el.error.code}`));
    el.load();
  }));
  assert.ok(length >= 1);
  // Thrown away, nothing is left.
  await a.page.getByRole('button', { name: 'Record a voice message' }).click();
  await a.page.getByRole('button', { name: 'Throw the recording away' }).click();
  await sleep(200);
  assert.equal(await chips(a.page).count(), 0);
});

test('the viewer goes from picture to picture, zooms, saves, keeps the focus and closes', async () => {
  const pictures = b.page.locator('.picture');
  const n = await pictures.count();
  assert.ok(n >= 4);
  await pictures.first().focus();
  await b.page.keyboard.press('Enter');
  const viewer = b.page.locator('dialog.viewer');
  await viewer.waitFor();
  const place = () => viewer.locator('nav span[role=status]').textContent();
  assert.equal(await place(), `1 of ${n}`);
  await b.page.keyboard.press('ArrowRight');
  assert.equal(await place(), `2 of ${n}`);
  await b.page.keyboard.press('ArrowLeft');
  const image = viewer.locator('.viewer-stage img');
  await eventually(() => image.evaluate((i) => i.complete && i.naturalWidth === 400), 'the whole picture');
  await sleep(100);
  const { width } = await image.boundingBox();
  await b.page.keyboard.press('+');
  await eventually(async () => Math.abs((await image.boundingBox()).width - width * 1.5) < 2, 'a larger picture');
  await b.page.keyboard.press('0');
  await eventually(async () => Math.abs((await image.boundingBox()).width - width) < 2, 'the picture as it was');
  for (let i = 0; i < 12; i++) {
    await b.page.keyboard.press('Tab');
    assert.ok(await b.page.evaluate(() => document.activeElement === document.body || document.querySelector('dialog.viewer').contains(document.activeElement)), 'the focus stays in');
  }
  const [download] = await Promise.all([b.page.waitForEvent('download'), viewer.locator('a[download]').click()]);
  assert.equal(download.suggestedFilename(), 'left.png');
  await b.page.keyboard.press('Escape');
  await eventually(async () => (await viewer.count()) === 0, 'the end of the viewer');
  assert.ok(await pictures.first().evaluate((el) => el === document.activeElement), 'the focus is where it was');
});

test('what was uploaded is still there after a reload', async () => {
  await pick(a.page, ['kept.pdf', 'application/pdf', pdf(700)]);
  await done(a.page, 1);
  a.page.on('dialog', (d) => d.accept());
  await a.page.reload();
  await done(a.page, 1);
  assert.match(await chips(a.page).textContent(), /kept\.pdf/);
  await send(a.page);
  await b.page.locator('.file-card', { hasText: 'kept.pdf' }).waitFor();
});

test('in Arabic everything is said in Arabic and stands the other way round', async () => {
  await a.page.goto(`${cable.url}/chat/conversation/${conv.id}?lang=ar`);
  await composer(a.page).waitFor();
  await pick(a.page, ['صورة.png', 'image/png', png(60, 40)]);
  await done(a.page, 1);
  assert.equal(await a.page.locator('.attach').getAttribute('title'), 'إرفاق ملفات');
  const clip = await a.page.locator('.attach').boundingBox();
  const area = await composer(a.page).boundingBox();
  assert.ok(clip.x > area.x, 'the clip stands at the right');
  await send(a.page);
  await a.page.locator('.picture').last().click();
  const place = a.page.locator('dialog.viewer nav span[role=status]');
  const before = await place.textContent();
  await a.page.keyboard.press('ArrowRight'); // back, where one reads to the left
  assert.notEqual(await place.textContent(), before);
  await a.page.keyboard.press('Escape');
});

test('no page complained', () => {
  const real = (list) => list.filter((c) => !/Failed to load resource|ERR_|WebSocket|net::/.test(c));
  assert.deepEqual([...real(a.page.complaints), ...real(b.page.complaints)], []);
});
