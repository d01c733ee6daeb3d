// SPDX-License-Identifier: Apache-2.0
//
// The chat below a path, with the ready virtual host: one logs in by the form,
// writes, and the other sees it come over the socket; every address of the page,
// its reload and its way out stay below the path.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { eventually, startSite } from '../site/lib/site.mjs';
import { pdf, png } from '../site/lib/upload.mjs';
import { freePorts, hostFile } from '../site/lib/vhosts.mjs';
import { person, startBrowser } from './lib/browser.mjs';

const [port, pushPort, metricsPort, door] = await freePorts(4);
const site = await startSite({
  port,
  pushPort,
  metricsPort,
  hostConf: (s) => hostFile('prefix', s, [door]),
  before: (s) => fs.mkdirSync(s.path('www')),
});
const host = `http://127.0.0.1:${door}`;
const browser = await startBrowser();
const conv = site.people().conversations[0];

/** Files, what is found and one's own account have addresses below the path, too. */
async function partsBelow(writer, { page: reader, context }) {
  await writer.locator('input[name=files]').setInputFiles([
    { name: 'below.png', mimeType: 'image/png', buffer: png(200, 100) },
    { name: 'below.pdf', mimeType: 'application/pdf', buffer: pdf() }]);
  await writer.locator('.file-chip[data-state=done]').nth(1).waitFor();
  await writer.locator('.composer .send').click();
  const message = reader.locator('.log .message', { has: reader.locator('.picture') }).last();
  await eventually(() => message.locator('.picture img').evaluate((i) => i.complete && i.naturalWidth > 0), 'the thumbnail');
  const href = await message.locator('.file-card').getAttribute('href');
  assert.match(href, /^\/clinic\/chat\//);
  assert.equal((await context.request.get(`${host}${href}`)).status(), 200);
  await message.locator('.picture').click();
  await eventually(() => reader.locator('dialog.viewer img').evaluate((i) => i.naturalWidth === 200), 'the picture');
  await reader.keyboard.press('Escape');
  await reader.locator('.sidebar input[type=search]').fill('below a path');
  await reader.locator('.entry.found').first().click();
  await reader.locator('.message.found', { hasText: 'below a path' }).waitFor();
  assert.equal(new URL(reader.url()).pathname, `/clinic/chat/conversation/${conv.id}`);
  await reader.locator('.sidebar input[type=search]').fill('');
  await reader.locator('footer.account button').first().click();
  await reader.locator('.account-dialog .device').first().waitFor();
  await reader.keyboard.press('Escape');
  await reader.locator('.people-button').click();
  await reader.locator('.people li').nth(1).waitFor();
  await reader.keyboard.press('Escape');
}

test('the whole chat below a path, in a browser', async () => {
  const a = await person(browser, `${host}/clinic`, 'patient@example.com');
  const b = await person(browser, `${host}/clinic`, 'doctor@example.com');
  try {
    const asked = [];
    const sockets = [];
    for (const { page } of [a, b]) {
      page.on('request', (r) => asked.push(r.url()));
      page.on('websocket', (w) => sockets.push(w.url()));
      assert.equal(new URL(page.url()).pathname, '/clinic/chat');
      await page.reload();
      await page.locator(`.entry[data-conversation="${conv.id}"]`).click();
      assert.equal(new URL(page.url()).pathname, `/clinic/chat/conversation/${conv.id}`);
      await page.locator('.link-word[data-link=connected], .link-word[data-link=live]').waitFor({ state: 'attached' });
    }
    const area = a.page.locator('textarea[name=message]');
    await area.fill('below a path');
    await area.press('Enter');
    await b.page.locator('.log .message', { hasText: 'below a path' }).waitFor({ timeout: 5000 });
    await eventually(async () => (await a.page.locator('.log .message', { hasText: 'below a path' }).last()
      .getAttribute('data-state')) === 'read', 'the read tick');
    await b.page.reload();
    await b.page.locator('.log .message', { hasText: 'below a path' }).waitFor();
    await partsBelow(a.page, b);
    assert.ok(sockets.length >= 2);
    assert.deepEqual([...asked, ...sockets].filter((url) => !/^(data|blob):/.test(url) && !/^(http|ws):\/\/[^/]*\/clinic\//.test(url)), []);
    assert.deepEqual([...a.page.complaints, ...b.page.complaints], []);
    // The browser sends the cookie with the WebSocket, so that no signature is needed.
    const { port: at } = new URL(host);
    const joined = (page, channel) => page.evaluate(([key, wsPort, name]) => new Promise((done) => {
      const pusher = new window.Pusher(key, { cluster: 'mt1', wsHost: location.hostname, wsPort, wsPath: '/clinic', forceTLS: false, enabledTransports: ['ws'] });
      const end = (what) => (pusher.disconnect(), done(what));
      pusher.subscribe(name).bind('pusher:subscription_succeeded', () => end('joined')).bind('pusher:subscription_error', (e) => end(e.type));
    }), [site.app.key, Number(at), channel]);
    const foreign = site.people().conversations.find((c) => c.patient !== conv.patient);
    assert.equal(await joined(a.page, `private.conversation.${conv.id}`), 'joined');
    assert.equal(await joined(a.page, `private.conversation.${foreign.id}`), 'AuthError');
    // The rest of the site does not get the cookie.
    assert.deepEqual((await a.context.cookies(`${host}/clinic/chat`)).map((c) => c.path), ['/clinic']);
    assert.deepEqual(await a.context.cookies(`${host}/`), []);
    // A log-in that is over leads to the form, below the path.
    await b.context.clearCookies();
    await b.page.reload();
    await b.page.waitForURL(`${host}/clinic/chat/login?conversation=${conv.id}`);
  } finally {
    await a.context.close();
    await b.context.close();
  }
});
