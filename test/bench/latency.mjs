// SPDX-License-Identifier: Apache-2.0
//
// How long from POST to the other side: to a pusher-js client's callback, and to
// a browser's page showing the text. One hundred messages each, one after the
// other, on SQLite, everything on this machine.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { Site, freePort, root, samplePeople, sleep, tmpName, tokenFor } from '../../dev/site.mjs';
import { connect, subscribed } from '../site/lib/pusher.mjs';
import { chromiumOptions, logIn } from '../web/lib/browser.mjs';

const rounds = Number(process.env.ROUNDS || 100);
const dir = fs.mkdtempSync(tmpName('mod_chat-bench-'));
const site = new Site({
  dir,
  build: process.env.CHAT_BUILD || path.join(root, 'build'),
  port: await freePort(),
  pushPort: await freePort(),
  metricsPort: await freePort(),
  extraConf: 'ChatSendRate off',
});

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
function report(what, times) {
  const t = [...times].sort((a, b) => a - b);
  console.log(`${what.padEnd(34)} n ${t.length}  p50 ${quantile(t, 0.5).toFixed(1)} ms  ` +
    `p90 ${quantile(t, 0.9).toFixed(1)} ms  p99 ${quantile(t, 0.99).toFixed(1)} ms  max ${t[t.length - 1].toFixed(1)} ms`);
}

let browser;
try {
  site.prepare();
  await site.start();
  const conv = samplePeople(site).conversations[0];
  const token = await tokenFor(site, 'patient@example.com', 'password', 'bench');
  const post = (content) => fetch(`${site.url}/chat/conversation/${conv.id}/message`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json', Authorization: `Bearer ${token}` },
    body: JSON.stringify({ content }),
  }).then((r) => {
    if (r.status !== 201) {
      throw new Error(`POST answered ${r.status}`);
    }
  });

  const doctor = { token: await tokenFor(site, 'doctor@example.com', 'password', 'bench') };
  const pusher = connect(site, doctor);
  const channel = await subscribed(pusher, `private-conversation.${conv.id}`);
  const toSocket = [];
  const answered = [];
  for (let i = 0; i < rounds; i++) {
    const heard = new Promise((resolve) => { channel.bind('MessageSent', () => resolve(performance.now())); });
    const start = performance.now();
    const sent = post(`to the socket ${i}`).then(() => answered.push(performance.now() - start));
    toSocket.push(await heard - start);
    await sent;
    channel.unbind('MessageSent');
    await sleep(5);
  }
  pusher.disconnect();

  browser = await chromium.launch(chromiumOptions());
  const page = await browser.newPage();
  await logIn(page, site.url, 'doctor@example.com');
  await page.goto(`${site.url}/chat/conversation/${conv.id}`);
  await page.getByText(`to the socket ${rounds - 1}`).first().waitFor();
  await sleep(1000);
  const toPage = [];
  for (let i = 0; i < rounds; i++) {
    const content = `to the page ${i}.`;
    await page.evaluate((text) => {
      window.shownAt = new Promise((resolve) => {
        const seen = () => document.body.textContent.includes(text) && resolve(Date.now());
        new MutationObserver(seen).observe(document.body, { subtree: true, childList: true, characterData: true });
      });
    }, content);
    const start = Date.now();
    await post(content);
    toPage.push(await page.evaluate(() => window.shownAt) - start);
  }
  console.log(`${os.cpus()[0].model}, ${os.cpus().length} cores; client, httpd, chat-push, SQLite and browser share them`);
  report('POST answered 201', answered);
  report('POST to pusher-js callback', toSocket);
  report("POST to the other browser's page", toPage);
} finally {
  await browser?.close();
  await site.stop();
  fs.rmSync(dir, { recursive: true, force: true });
}
process.exit(0);
