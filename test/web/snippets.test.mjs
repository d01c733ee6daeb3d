// SPDX-License-Identifier: Apache-2.0
//
// The snippets of the existing application's documentation, as they stand there: in a
// browser, pusher-js on port 6001 and a fetch with a bearer token. The browser is told
// where the test's chat-push really is; the snippets are not.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { chromium } from 'playwright-core';
import { cleanup } from '../site/lib/cleanup.mjs';
import { startSite } from '../site/lib/site.mjs';
import { freePort } from '../../dev/site.mjs';
import { chromiumOptions, person } from './lib/browser.mjs';

/** "Frontend JavaScript (Pusher Client)" */
const FRONTEND = `// Initialize Pusher
const pusher = new Pusher('askkey', {
    cluster: 'mt1',
    wsHost: window.location.hostname,
    wsPort: 6001,
    wssPort: 6001,
    forceTLS: false,
    enabledTransports: ['ws', 'wss']
});

// Subscribe to conversation
const channel = pusher.subscribe(\`private.conversation.\${consultationId}\`);

// Listen for messages
channel.bind('MessageSent', function(data) {
    displayMessage(data.message);
});
`;

/** "Mobile Integration (REST + Push)" */
const MOBILE = `// Send message via REST
const response = await fetch(\`/chat/conversation/\${consultationId}/message\`, {
    method: 'POST',
    headers: {
        'Content-Type': 'application/json',
        'Authorization': \`Bearer \${token}\`
    },
    body: JSON.stringify({
        content: 'Hello from mobile!',
        type: 'text'
    })
});
`;

const port = await freePort();
const page = (script) => `<!doctype html>\n<script src="/chat-assets/lib/pusher.min.js"></script>\n<script type="module">\n${script}</script>\n`;
const site = await startSite({
  port,
  appConf: { authEndpoint: `http://127.0.0.1:${port}/broadcasting/auth`, allowedOrigins: [`http://127.0.0.1:${port}`] },
  before(s) {
    fs.mkdirSync(s.path('app'));
    fs.writeFileSync(s.path('app', 'frontend.html'), page(`
window.shown = [];
const consultationId = new URLSearchParams(location.search).get('id');
function displayMessage(message) { window.shown.push(message); }
${FRONTEND}
channel.bind('pusher:subscription_succeeded', () => { window.ready = true; });
channel.bind('pusher:subscription_error', (e) => { window.refused = e; });
`));
    fs.writeFileSync(s.path('app', 'mobile.html'), page(`
const consultationId = new URLSearchParams(location.search).get('id');
const token = new URLSearchParams(location.search).get('token');
${MOBILE}
window.answer = { status: response.status, json: await response.json() };
`));
    s.o.extraConf = `Alias /legacy "${s.path('app')}"\n<Directory "${s.path('app')}">\nRequire all granted\n</Directory>`;
  },
});
const options = chromiumOptions();
const browser = await chromium.launch({ ...options, args: [...options.args, `--host-resolver-rules=MAP 127.0.0.1:6001 127.0.0.1:${site.o.pushPort}`] });
cleanup(() => browser.close());
const conv = site.people().conversations[0];

test('the page hears, on port 6001, what the phone sends by REST', async () => {
  const doctor = await person(browser, site.url, 'doctor@example.com');
  cleanup(() => doctor.context.close());
  await doctor.page.goto(`${site.url}/legacy/frontend.html?id=${conv.id}`);
  await doctor.page.waitForFunction(() => window.ready || window.refused);
  assert.equal(await doctor.page.evaluate(() => window.refused), undefined);

  const phone = await site.phone('patient@example.com');
  const context = await browser.newContext(); // no cookie: the token alone
  cleanup(() => context.close());
  const mobile = await context.newPage();
  await mobile.goto(`${site.url}/legacy/mobile.html?id=${conv.id}&token=${encodeURIComponent(phone.token)}`);
  await mobile.waitForFunction(() => window.answer);
  const answer = await mobile.evaluate(() => window.answer);
  assert.equal(answer.status, 201, JSON.stringify(answer));
  assert.equal(answer.json.status, 'sent');
  assert.equal(answer.json.message.content, 'Hello from mobile!');

  await doctor.page.waitForFunction(() => window.shown.length);
  const [shown] = await doctor.page.evaluate(() => window.shown);
  assert.deepEqual(shown, answer.json.message);
});

test('a stranger is refused by the same page', async () => {
  const other = site.people().accounts.find((a) => a.role === 'doctor' && a.user_id !== conv.doctor).email;
  const stranger = await person(browser, site.url, other);
  cleanup(() => stranger.context.close());
  await stranger.page.goto(`${site.url}/legacy/frontend.html?id=${conv.id}`);
  await stranger.page.waitForFunction(() => window.ready || window.refused);
  assert.ok(await stranger.page.evaluate(() => window.refused));
});

test('the six routes it documents answer on their names', async () => {
  const patient = await site.phone('patient@example.com');
  const at = `/chat/conversation/${conv.id}`;
  const answers = {
    'GET /chat': await patient.get('/chat'),
    [`GET ${at}`]: await patient.get(at),
    [`POST ${at}/message`]: await patient.post(`${at}/message`, { content: 'x' }),
    [`GET ${at}/messages`]: await patient.get(`${at}/messages`),
    [`POST ${at}/read`]: await patient.post(`${at}/read`, {}),
    [`POST ${at}/typing`]: await patient.post(`${at}/typing`, { typing: true }),
  };
  for (const [name, r] of Object.entries(answers)) {
    assert.equal(r.status, name.endsWith('message') ? 201 : 200, `${name}: ${r.text}`);
  }
});
