// SPDX-License-Identifier: Apache-2.0
//
// A sealed text that somebody has put under another message: the page says that it
// cannot be opened, in the thread, the list and where it is quoted, and shows nobody's
// words as another's.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { test } from 'node:test';
import { cleanup } from '../site/lib/cleanup.mjs';
import { startSite } from '../site/lib/site.mjs';
import { person, startBrowser } from './lib/browser.mjs';

const site = await startSite({
  before(s) {
    fs.mkdirSync(s.path('conf'), { recursive: true });
    fs.writeFileSync(s.path('conf', 'keys'), `2026 ${randomBytes(32).toString('base64')}\n`, { mode: 0o640 });
    s.o.extraConf = `ChatKeys file:${s.path('conf', 'keys')}\nChatSendRate off`;
    s.o.pushConf = { database: { url: s.db, wake: s.path('run', 'wake.sock'), state: s.path('run', 'relay.state'), keys: `file:${s.path('conf', 'keys')}` } };
  },
});
const browser = await startBrowser();
const [conv] = site.people().conversations;
const patient = await site.phone('patient@example.com');
const doctor = await site.phone('doctor@example.com');
const say = async (who, content, more = {}) => (await who.post(`/chat/conversation/${conv.id}/message`, { content, ...more })).json.message;
const { page, context } = await person(browser, site.url, 'doctor@example.com');
cleanup(() => context.close());
site.expectLog(/opening a sealed text: a sealed text was changed, belongs elsewhere/);

test('a text that was put elsewhere is said to be shut, and nothing of it is shown', async () => {
  const asked = await say(patient, 'May I drink coffee?');
  const told = await say(doctor, 'Double the dose');
  await say(doctor, 'As I said', { reply_to: told.id });
  const last = await say(patient, 'Thank you, doctor');
  // The doctor's words under the patient's messages, and the patient's under the doctor's.
  site.sql(site.dbFile ? `INSERT INTO chat_resealing VALUES (1);
    UPDATE messages SET body = (SELECT body FROM messages WHERE id = ${told.id}) WHERE id IN (${asked.id}, ${last.id});
    UPDATE messages SET body = 'sealed:2:1:m.0.:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY' WHERE id = ${told.id}; DELETE FROM chat_resealing;` : `SET mod_chat.resealing = 'on';
    UPDATE messages SET body = (SELECT body FROM messages WHERE id = ${told.id}) WHERE id IN (${asked.id}, ${last.id});
    UPDATE messages SET body = 'sealed:2:1:m.0.:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY' WHERE id = ${told.id};`);
  await page.reload();
  const shut = 'This text cannot be opened.';
  await page.locator(`.entry[data-conversation="${conv.id}"] .entry-words`, { hasText: shut }).waitFor();
  await page.locator(`.entry[data-conversation="${conv.id}"]`).click();
  for (const { id } of [asked, told, last]) {
    const row = page.locator(`.message[data-message="${id}"]`);
    await row.locator('.text', { hasText: shut }).waitFor();
    assert.match(await row.getAttribute('class'), /\bshut\b/);
  }
  await page.locator('.message', { hasText: 'As I said' }).locator('.quote-words', { hasText: shut }).waitFor();
  assert.ok(!(await page.locator('.log').innerText()).includes('Double the dose'));
});
