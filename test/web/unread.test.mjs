// SPDX-License-Identifier: Apache-2.0
//
// A number of unread messages that nobody counts any more: the list says 999+, with the
// digits of the language, and the exact number below that.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanup } from '../site/lib/cleanup.mjs';
import { eventually, startSite, testDatabase } from '../site/lib/site.mjs';
import { person, startBrowser } from './lib/browser.mjs';

const site = await startSite({ db: await testDatabase() });
const browser = await startBrowser();
const { accounts, conversations } = site.people();
const patient = accounts.find((a) => a.email === 'patient@example.com').user_id;
const [many, few] = conversations.filter((c) => c.patient === patient && c.doctor);
const shots = process.env.CHAT_SHOTS; // a directory for pictures of what is tested
const shot = (page, name) => shots && page.screenshot({ path: `${shots}/${name}.png` });

/** So many unread ones from the doctor. */
const rows = (n) => (site.dbFile
  ? `WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < ${n}) SELECT i FROM g`
  : `SELECT generate_series(1, ${n}) AS i`);
const fill = (c, n) => site.sql(`UPDATE messages SET read_at = ${site.time()} WHERE to_user_id = ${patient} AND request_id = ${c.id};
  INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, created_at, updated_at)
  SELECT ${c.doctor}, ${patient}, ${c.id}, 'Take it with water, and not before noon', 'text', ${site.time()}, ${site.time()} FROM (${rows(n)}) AS g;`);
fill(many, 1100);
fill(few, 3);
const me = await person(browser, site.url, 'patient@example.com');
cleanup(() => me.context.close());
const { page } = me;
const badge = (c) => page.locator(`.entry[data-conversation="${c.id}"] .badge`);

test('a number beyond 999 is said to be that', async () => {
  await badge(many).waitFor();
  assert.match(await badge(many).textContent(), /^999\+\s*More than 999 unread messages$/);
  assert.match(await badge(few).textContent(), /^3\s*3 unread messages$/);
  assert.match(await page.title(), /^\(999\+\) /);
  await shot(page, 'unread-wide');
  await page.setViewportSize({ width: 390, height: 780 });
  await shot(page, 'unread-phone');
});

test('in Arabic, in the dark, too', async () => {
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.getByRole('button', { name: 'العربية' }).or(page.getByText('العربية')).first().click();
  await eventually(async () => await page.locator('html').getAttribute('dir') === 'rtl', 'the other language');
  assert.match(await badge(many).textContent(), /أكثر من .* رسالة غير مقروءة/);
  assert.match(await badge(many).locator('[aria-hidden]').textContent(), /^[٩9]{3}\+$/);
  await shot(page, 'unread-ar-phone');
});

test('opening it and going to its end reads all of it', async () => {
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1200, height: 800 });
  await page.locator(`.entry[data-conversation="${many.id}"]`).click();
  await page.locator('.log .unread-line').waitFor();
  await page.locator('.log').evaluate((log) => { log.scrollTop = log.scrollHeight; });
  await badge(many).waitFor({ state: 'detached' });
  await eventually(() => Number(site.sql(`SELECT count(*) FROM messages
    WHERE request_id = ${many.id} AND to_user_id = ${patient} AND read_at IS NULL;`)) === 0,
  'nothing unread in the database');
  await page.reload();
  await badge(few).waitFor();
  assert.equal(await badge(many).count(), 0);
});

test('what staff write is unread for the doctor, too, until it is seen', async () => {
  const { email } = accounts.find((a) => a.user_id === few.doctor);
  const staff = await site.phone('admin@example.com');
  const doctor = await person(browser, site.url, email);
  try {
    const at = doctor.page.locator(`.entry[data-conversation="${few.id}"]`);
    await at.waitFor();
    await doctor.page.locator('.link-word[data-link=connected], .link-word[data-link=live]').waitFor({ state: 'attached' });
    const list = async () => (await doctor.page.evaluate(() => fetch('/chat', { headers: { Accept: 'application/json' } }).then((r) => r.json())))
      .conversations.find((c) => c.id === few.id).unread;
    const was = await list();
    await staff.post(`/chat/conversation/${few.id}/message`, { content: 'The laboratory has called' });
    await eventually(async () => Number.parseInt(await at.locator('.badge').textContent(), 10) === was + 1, 'the badge, at once');
    assert.equal(await list(), was + 1, 'as the server has it');
    await doctor.page.reload();
    await eventually(async () => Number.parseInt(await at.locator('.badge').textContent(), 10) === was + 1, 'the badge of a list');
    await at.click();
    await doctor.page.getByText('The laboratory has called').last().waitFor();
    await at.locator('.badge').waitFor({ state: 'detached' });
    await eventually(async () => await list() === 0, 'read');
    assert.equal(site.sql(`SELECT count(*) FROM messages WHERE to_user_id = ${patient} AND body = 'The laboratory has called' AND read_at IS NULL;`).trim(), '1',
      'not by the patient');
    await staff.post(`/chat/conversation/${few.id}/message`, { content: 'And again' });
    await doctor.page.getByText('And again').last().waitFor();
    await eventually(async () => await list() === 0, 'read as it comes');
  } finally {
    await doctor.context.close();
  }
});
