// SPDX-License-Identifier: Apache-2.0
//
// A plain HTTP client with the manners of a browser (cookie, CSRF token, Origin)
// or of a phone (bearer token). It asserts nothing; tests do.

import assert from 'node:assert/strict';
import { check } from './contract.mjs';

export class Client {
  constructor(url, { token = null } = {}) {
    this.url = url;
    this.token = token;
    this.cookie = null;
    this.csrf = null;
    /** ChatPrefix of the site; null: its answers are not the chat's. */
    this.contract = '';
  }

  /** @return {{status, headers, text, json}} json is null when it is none */
  async request(method, path, { body, type, headers = {}, accept = 'application/json' } = {}) {
    // No connection is kept, here and wherever else a test fetches from httpd: while a test
    // runs a program (execFileSync) this process sees nothing, and the next POST would go
    // into one that httpd has closed meanwhile.
    const h = { Accept: accept, Connection: 'close', ...headers };
    if (this.token && !('Authorization' in h)) {
      h.Authorization = `Bearer ${this.token}`;
    }
    if (this.cookie && !('Cookie' in h)) {
      h.Cookie = this.cookie;
    }
    if (this.csrf && method !== 'GET' && !('X-CSRF-TOKEN' in h)) {
      h['X-CSRF-TOKEN'] = this.csrf;
    }
    if (body !== undefined) {
      h['Content-Type'] = type || 'application/json';
      if (typeof body !== 'string' && !(body instanceof Uint8Array)) {
        body = JSON.stringify(body);
      }
    }
    for (const name of Object.keys(h)) {
      if (h[name] === null) {
        delete h[name];
      }
    }
    const r = await fetch(this.url + path, { method, headers: h, body, redirect: 'manual' });
    for (const c of r.headers.getSetCookie ? r.headers.getSetCookie() : [r.headers.get('set-cookie')]) {
      const m = c && c.match(/^(chat_session=[^;]*)/);
      if (m) {
        this.cookie = m[1];
      }
    }
    const text = await r.text();
    let json = null;
    try {
      json = JSON.parse(text);
    } catch {
      // a page
    }
    const answer = { status: r.status, headers: r.headers, text, json };
    if (this.contract !== null) {
      check(method, path, answer, this.contract);
    }
    return answer;
  }

  get(path, options) {
    return this.request('GET', path, options);
  }

  post(path, body, options = {}) {
    return this.request('POST', path, { body, ...options });
  }

  /** POST a form as a page without JavaScript does. */
  form(path, fields, options = {}) {
    return this.post(path, new URLSearchParams(fields).toString(),
      { type: 'application/x-www-form-urlencoded', ...options });
  }

  async login(email, password) {
    const r = await this.post('/chat/login', { email, password });
    assert.equal(r.status, 200, `log-in of ${email}: ${r.status} ${r.text}`);
    this.csrf = r.json.csrf_token;
    assert.ok(this.csrf && this.cookie);
    return r;
  }
}
