// SPDX-License-Identifier: Apache-2.0
//
// The client snippet of existing pages in a real browser, word for word but for the
// host: a page of the site, the site's cookie, and a socket on the site's port or on
// chat-push's own. The browser alone adds cookie and Origin.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { cleanup } from '../site/lib/cleanup.mjs';
import { startSite } from '../site/lib/site.mjs';
import { freePort } from '../../dev/site.mjs';
import { person, startBrowser } from './lib/browser.mjs';

const port = await freePort();
/** The application's page. */
const html = `<!doctype html>
<script src="/chat-assets/lib/pusher.min.js"></script>
<script>
  window.heard = [];
  window.told = [];
  function begin(wsPort, id) {
    const pusher = new Pusher('askkey', { cluster: 'mt1', wsHost: location.hostname, wsPort, forceTLS: false, enabledTransports: ['ws'] });
    const channel = pusher.subscribe('private.conversation.' + id);
    channel.bind('MessageSent', (e) => heard.push(e.message.content));
    channel.bind('pusher:subscription_succeeded', () => told.push('yes'));
    channel.bind('pusher:subscription_error', (e) => told.push(e.status));
    pusher.connection.bind('state_change', (s) => { window.state = s.current; });
  }
</script>`;
const site = await startSite({
  port,
  appConf: { authEndpoint: `http://127.0.0.1:${port}/broadcasting/auth`, allowedOrigins: [`http://127.0.0.1:${port}`] },
  before(s) {
    fs.mkdirSync(s.path('app'));
    fs.writeFileSync(s.path('app', 'index.html'), html);
    s.o.extraConf = `Alias /legacy "${s.path('app')}"\n<Directory "${s.path('app')}">\nRequire all granted\n</Directory>`;
  },
});
const browser = await startBrowser();
const { accounts, conversations } = site.people();
const conv = conversations[0];
const other = accounts.find((a) => a.role === 'doctor' && a.user_id !== conv.doctor).email;
const told = (page) => page.waitForFunction(() => window.told.length && window.told).then((h) => h.jsonValue());

for (const [door, wsPort] of [['handed over', port], ['direct', site.o.pushPort]]) {
  test(`${door}: a member hears the conversation, a stranger does not, a log-out ends it`, async () => {
    const member = await person(browser, site.url, 'patient@example.com');
    const stranger = await person(browser, site.url, other);
    cleanup(() => Promise.all([member.context.close(), stranger.context.close()]));
    for (const { page } of [member, stranger]) {
      await page.goto(`${site.url}/legacy/index.html`);
      await page.evaluate(([p, id]) => window.begin(p, id), [wsPort, conv.id]);
    }
    assert.deepEqual(await told(member.page), ['yes']);
    assert.deepEqual(await told(stranger.page), [401]);
    const phone = await site.phone('patient@example.com');
    await phone.post(`/chat/conversation/${conv.id}/message`, { content: `to a ${door} socket` });
    await member.page.waitForFunction((text) => window.heard.includes(text), `to a ${door} socket`);
    assert.deepEqual(await stranger.page.evaluate(() => window.heard), []);
    const logout = await member.page.evaluate(async () => {
      const me = await (await fetch('/chat/me', { headers: { Accept: 'application/json' } })).json();
      return (await fetch('/chat/logout', { method: 'POST', headers: { Accept: 'application/json', 'X-CSRF-TOKEN': me.csrf_token } })).status;
    });
    assert.equal(logout, 200);
    await member.page.waitForFunction(() => window.state === 'disconnected'); // and pusher-js lets it be
  });
}
