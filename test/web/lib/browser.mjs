// SPDX-License-Identifier: Apache-2.0
//
// Debian's Chromium, driven by playwright-core, with everything off that would
// look for the outside world.

import { chromium } from 'playwright-core';
import { cleanup } from '../../site/lib/cleanup.mjs';

export function chromiumOptions() {
  return {
    executablePath: process.env.CHAT_CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  };
}

/** One browser for a test file; each person gets a context of their own. */
export async function startBrowser() {
  const browser = await chromium.launch(chromiumOptions());
  cleanup(() => browser.close());
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
