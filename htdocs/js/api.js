// SPDX-License-Identifier: Apache-2.0
//
// api.js - the server's HTTP interface, one function per route. Every request
// of the page goes through request(), which gives up after a while, tells the
// link whether the server was reached, renews an outdated CSRF token, and
// notices when the login has ended.

const TIMEOUT = 15e3; // ms; a request without an answer by then has none

/** A request that did not succeed. `status` 0: no answer at all. */
export class ApiError extends Error {
  constructor(status, body = null, retryAfter = 0) {
    super(body?.error ?? `HTTP ${status}`);
    this.status = status;
    this.body = body; // {"error", "errors"} or null
    this.retryAfter = retryAfter; // seconds
  }
}

export class Api {
  /**
   * @param prefix    what every path of ours begins with, "" or "/clinic"
   * @param csrf      token for POSTs
   * @param reached   (status): how the server is; 0 when there was no answer
   * @param ended     (): the login is over
   */
  constructor({ prefix, csrf, reached, ended }) {
    this.prefix = prefix;
    this.csrf = csrf;
    this.reached = reached;
    this.ended = ended;
  }

  // --- routes ----------------------------------------------------------------

  sync(since) {
    return this.get(since === null ? '/chat/sync'
      : `/chat/sync?since=${encodeURIComponent(since)}&limit=500`);
  }

  /** @param next  what an earlier answer called `next`: an address or null */
  list(next = null) {
    return next === null ? this.get('/chat')
      : this.request('GET', next, {});
  }

  conversation(key) {
    return this.get(`/chat/conversation/${key}`);
  }

  /** Messages, newest first; `before` a message id or null. */
  messages(key, before = null, perPage = 50) {
    const from = before === null ? '' : `&before=${before}`;
    return this.get(
      `/chat/conversation/${key}/messages?per_page=${perPage}${from}`);
  }

  /** @param replyTo  id of the message it answers, or null */
  send(key, content, clientId, replyTo = null) {
    return this.post(`/chat/conversation/${key}/message`, {
      content, type: 'text', client_id: clientId, reply_to: replyTo,
    });
  }

  edit(key, id, content) {
    return this.change('PATCH', `/chat/conversation/${key}/message/${id}`,
      { content });
  }

  remove(key, id) {
    return this.change('DELETE', `/chat/conversation/${key}/message/${id}`);
  }

  history(key, id) {
    return this.get(`/chat/conversation/${key}/message/${id}/history`);
  }

  /** @param on  react so, or no more */
  react(key, id, emoji, on) {
    return this.change(on ? 'PUT' : 'DELETE',
      `/chat/conversation/${key}/message/${id}/reaction`, { emoji });
  }

  /** @param ids  only these, or null: all of the conversation */
  read(key, ids) {
    return this.post(`/chat/conversation/${key}/read`,
      ids === null ? {} : { message_ids: ids });
  }

  /** @param socketId  our socket, which need not hear of it, or null */
  typing(key, typing, socketId) {
    return this.request('POST', `${this.prefix}/chat/conversation/${key}/typing`, {
      body: JSON.stringify({ typing }),
      headers: {
        'Content-Type': 'application/json',
        ...(socketId ? { 'X-Socket-ID': socketId } : {}),
      },
      minor: true,
    });
  }

  /** pusher-js itself posts a form here; so do we. */
  authorize(socketId, channelName) {
    return this.request('POST', `${this.prefix}/broadcasting/auth`, {
      body: new URLSearchParams({
        socket_id: socketId,
        channel_name: channelName,
      }),
      minor: true,
    });
  }

  logout() {
    return this.post('/chat/logout', {});
  }

  // --- requests --------------------------------------------------------------

  get(path) {
    return this.request('GET', this.prefix + path, {});
  }

  post(path, data) {
    return this.change('POST', path, data);
  }

  change(method, path, data = {}) {
    return this.request(method, this.prefix + path, {
      body: JSON.stringify(data),
      headers: { 'Content-Type': 'application/json' },
    });
  }

  /** The parsed answer of a 2xx; everything else is an ApiError. The answers
   *  of `minor` requests, which need the push server too, say nothing about
   *  whether messages can be sent. */
  async request(method, path, options, isSecondTry = false) {
    const { status, body, retryAfter } = await this.fetch(method, path,
      options);
    if (status === 0 || !options.minor) {
      this.reached(status);
    }
    if (status >= 200 && status < 300) {
      return body;
    }
    if (status === 401) {
      this.ended();
    }
    if (status === 419 && !isSecondTry) {
      await this.renewCsrf();
      return this.request(method, path, options, true);
    }
    throw new ApiError(status, body, retryAfter);
  }

  async fetch(method, path, { body, headers }) {
    const giveUp = new AbortController();
    const timer = setTimeout(() => giveUp.abort(), TIMEOUT);
    try {
      const response = await fetch(path, {
        method,
        body,
        headers: {
          Accept: 'application/json',
          'X-Requested-With': 'XMLHttpRequest',
          ...(method === 'GET' ? {} : { 'X-CSRF-TOKEN': this.csrf }),
          ...headers,
        },
        credentials: 'same-origin',
        cache: 'no-store',
        // A logged-out GET is redirected to a page: that is no answer for us.
        redirect: 'manual',
        signal: giveUp.signal,
      });
      return await answerOf(response);
    } catch {
      return { status: 0, body: null, retryAfter: 0 };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Logging in anew in another tab gave the session another token. */
  async renewCsrf() {
    const me = await this.request('GET', `${this.prefix}/chat/me`, {}, true);
    this.csrf = me.csrf_token ?? this.csrf;
  }
}

async function answerOf(response) {
  if (response.type === 'opaqueredirect') {
    return { status: 401, body: null, retryAfter: 0 };
  }
  const retryAfter = Number(response.headers.get('Retry-After')) || 0;
  const text = await response.text();
  try {
    return {
      status: response.status,
      body: text === '' ? null : JSON.parse(text),
      retryAfter,
    };
  } catch (error) {
    // A proxy's error page is HTML and still an answer; a 200 that is no JSON
    // is cut short, and no answer.
    if (response.ok) {
      throw error;
    }
    return { status: response.status, body: null, retryAfter };
  }
}
