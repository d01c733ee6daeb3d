// SPDX-License-Identifier: Apache-2.0
//
// Debian's Chromium, driven by playwright-core, with everything off that would
// look for the outside world.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';
import { cleanup } from '../../site/lib/cleanup.mjs';
import { check } from '../../site/lib/contract.mjs';

export function chromiumOptions() {
  return {
    executablePath: process.env.CHAT_CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  };
}

/** Hold the JSON that a page was answered against doc/openapi.yaml. */
async function judge(response, wrong) {
  const { pathname, search } = new URL(response.url());
  const [, prefix] = pathname.match(/^(.*?)\/(?:chat|broadcasting|pusher)(?:\/|$)/) ?? [];
  if (prefix === undefined || !/^application\/json/.test(response.headers()['content-type'] ?? '')) {
    return;
  }
  let text;
  try {
    text = await response.text();
  } catch {
    return; // the page went away before all of it came
  }
  try {
    check(response.request().method(), pathname + search, { status: response.status(), headers: new Headers(response.headers()), text, json: JSON.parse(text) }, prefix);
  } catch (e) {
    wrong.push(e.message);
  }
}

/** One browser for a test file; each person gets a context of their own. What their pages
 *  are answered is held against the contract; what is wrong is said when the file ends. */
export async function startBrowser() {
  const browser = await chromium.launch(chromiumOptions());
  const wrong = [];
  const looking = new Set();
  const newContext = browser.newContext.bind(browser);
  browser.newContext = async (options) => {
    const context = await newContext(options);
    context.on('response', (response) => {
      const look = judge(response, wrong).finally(() => looking.delete(look));
      looking.add(look);
    });
    return context;
  };
  cleanup(async () => {
    await browser.close();
    await Promise.all(looking);
    assert.deepEqual(wrong, []);
  });
  return browser;
}

/** Log in by the form, as a person does. */
export async function logIn(page, url, email, password = 'password') {
  await page.goto(`${url}/chat/login`);
  await page.locator('input[name=email]').fill(email);
  await page.locator('input[name=password]').fill(password);
  await Promise.all([
    page.waitForURL((u) => u.pathname.includes('/chat') && !u.pathname.endsWith('/login')),
    page.locator('form button').click(),
  ]);
}

/** A person with a page of their own; what the page complains about is kept. */
export async function person(browser, url, email, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.complaints = [];
  page.on('pageerror', (e) => page.complaints.push(String(e)));
  page.on('console', (m) => m.type() === 'error' && page.complaints.push(m.text()));
  await logIn(page, url, email);
  return { context, page };
}
