// SPDX-License-Identifier: Apache-2.0
//
// Whom Apache has authenticated signs out where the site says (ChatLogoutURL), here of a
// form's session, and is out then. Where nothing can be ended the page has no button.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { cleanup } from '../site/lib/cleanup.mjs';
import { startSite } from '../site/lib/site.mjs';
import { freePort } from '../../dev/site.mjs';
import { startBrowser } from './lib/browser.mjs';

const modules = process.env.CHAT_HTTPD_MODULES || '/usr/lib/apache2/modules';
const load = (...names) => names.map((n) => `LoadModule ${n}_module ${modules}/mod_${n}.so`).join('\n');
const [form, basic] = [await freePort(), await freePort()];
const site = await startSite({
  before(s) {
    fs.mkdirSync(s.path('conf'), { recursive: true });
    fs.mkdirSync(s.path('app'));
    fs.writeFileSync(s.path('app', 'in.html'), `<!doctype html><title>In</title><form method="post" action="/in">
<input name="httpd_username"><input name="httpd_password" type="password"><button>Go</button></form>`);
    fs.writeFileSync(s.path('conf', 'people'), 'patient@example.com:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n'); // secret
    s.o.extraConf = `${load('auth_basic', 'authn_file', 'authz_user', 'session', 'session_cookie', 'request', 'auth_form')}
<Location "/server-status">
  AuthType None
</Location>
Listen 127.0.0.1:${form}
<VirtualHost 127.0.0.1:${form}>
Alias /in.html "${s.path('app')}/in.html"
<Directory "${s.path('app')}">
Require all granted
</Directory>
<LocationMatch "^/(chat|app|broadcasting|pusher|in|out)(/|$)">
    AuthType form
    AuthName "Clinic"
    AuthFormProvider file
    AuthUserFile conf/people
    AuthFormLoginRequiredLocation /in.html
    Session On
    SessionCookieName clinic path=/;HttpOnly;SameSite=Lax
</LocationMatch>
<LocationMatch "^/(chat|app|broadcasting|pusher)(/|$)">
    Require valid-user
</LocationMatch>
<Location "/in">
    SetHandler form-login-handler
    AuthFormLoginSuccessLocation /chat
</Location>
<Location "/out">
    SetHandler form-logout-handler
    AuthFormLogoutLocation /in.html
    SessionMaxAge 1
</Location>
ChatLogoutURL /out
</VirtualHost>
Listen 127.0.0.1:${basic}
<VirtualHost 127.0.0.1:${basic}>
<LocationMatch "^/(chat|app|broadcasting|pusher)(/|$)">
    AuthType Basic
    AuthName chat
    AuthBasicProvider file
    AuthUserFile conf/people
    Require valid-user
</LocationMatch>
</VirtualHost>`;
  },
});
const browser = await startBrowser();
cleanup(async () => {
  await browser.close();
  await site.stop();
});
const out = 'footer.account button[title="Sign out"]';

test('a form\'s session is begun, used and ended', async () => {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`http://127.0.0.1:${form}/chat`);
  assert.equal(new URL(page.url()).pathname, '/in.html');
  await page.fill('[name=httpd_username]', 'patient@example.com');
  await page.fill('[name=httpd_password]', 'secret');
  await page.click('button');
  await page.click(out);
  await page.waitForURL('**/in.html');
  await page.goto(`http://127.0.0.1:${form}/chat`);
  assert.equal(new URL(page.url()).pathname, '/in.html', 'and really out');
});

test('where Apache would know the user again at once there is no button', async () => {
  const page = await (await browser.newContext({ httpCredentials: { username: 'patient@example.com', password: 'secret' } })).newPage();
  await page.goto(`http://127.0.0.1:${basic}/chat`);
  await page.waitForSelector('footer.account button');
  assert.equal(await page.locator(out).count(), 0);
});

test('the chat\'s own sessions have it as ever', async () => {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${site.url}/chat/login`);
  await page.fill('[name=email]', 'patient@example.com');
  await page.fill('[name=password]', 'password');
  await page.click('button[type=submit]');
  await page.click(out);
  await page.waitForURL('**/chat/login');
});
