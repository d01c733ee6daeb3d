// SPDX-License-Identifier: Apache-2.0
//
// api.js - the server's HTTP interface, one function per route. Every request
// of the page goes through request(), which gives up after a while, tells the
// link whether the server was reached, renews an outdated CSRF token, and
// notices when the login has ended.

import { typeOf } from './files.js';

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

  /** Those behind a message, oldest first. */
  messagesAfter(key, after, perPage = 50) {
    return this.get(`/chat/conversation/${key}/messages?per_page=${perPage}`
      + `&after=${after}`);
  }

  /** Messages with certain words, newest first, in one conversation or (key null)
   *  in all: {data, next}. */
  search(key, question, before = null) {
    const from = before === null ? '' : `&before=${before}`;
    const where = key === null ? '' : `/conversation/${key}`;
    return this.get(
      `/chat${where}/search?q=${encodeURIComponent(question)}${from}`);
  }

  /** @param replyTo  id of the message it answers, or null
   *  @param files  attachments that were uploaded, or none
   *  @return its answer; `message` null: its files are being looked at */
  send(key, content, clientId, replyTo = null, files = []) {
    return this.post(`/chat/conversation/${key}/message`, {
      content,
      client_id: clientId,
      reply_to: replyTo,
      ...(files.length === 0 ? { type: 'text' }
        : { type: typeOf(files), attachments: files.map((file) => file.id) }),
    });
  }

  /** One file; XMLHttpRequest, because fetch tells no progress.
   *  @param progress  (0..1)
   *  @return {promise: the attachment, abort} */
  upload(key, file, voice, progress) {
    let request = null;
    let over = false;
    const once = () => new Promise((resolve, reject) => {
      const form = new FormData();
      form.append('file', file, file.name);
      request = new XMLHttpRequest();
      request.open('POST',
        `${this.prefix}/chat/conversation/${key}/attachment${
          voice ? '?kind=voice' : ''}`);
      request.setRequestHeader('Accept', 'application/json');
      request.setRequestHeader('X-Requested-With', 'XMLHttpRequest');
      request.setRequestHeader('X-CSRF-TOKEN', this.csrf);
      request.upload.onprogress = (event) => event.lengthComputable
        && progress(event.loaded / event.total);
      request.onload = () => settle(request, resolve, reject);
      request.onerror = () => reject(new ApiError(0));
      request.send(form);
    });
    const promise = once().catch(async (error) => {
      if (error.status !== 419 || over) {
        throw error;
      }
      await this.renewCsrf();
      return once();
    }).then((body) => body.attachment ?? body.attachments[0], (error) => {
      if (error.status === 401) {
        this.ended();
      }
      throw error;
    });
    return {
      promise,
      abort() {
        over = true;
        request?.abort();
      },
    };
  }

  /** One that will not be sent. */
  removeFile(file) {
    return this.request('DELETE',
      `${this.prefix}/chat/attachment/${file.id}`, {});
  }

  fileUrl(file) {
    return `${this.prefix}/chat/attachment/${file.id}`;
  }

  thumbUrl(file) {
    return `${this.prefix}/chat/attachment/${file.id}/thumb`;
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

  /** Staff say why they need a conversation that is not theirs. */
  breakGlass(key, reason) {
    return this.post(`/chat/conversation/${key}/break-glass`, { reason });
  }

  /** @param ids  only these, or null: all of the conversation */
  read(key, ids) {
    return this.post(`/chat/conversation/${key}/read`,
      ids === null ? {} : { message_ids: ids });
  }

  delivered(key, upTo) {
    return this.post(`/chat/conversation/${key}/delivered`, { up_to: upTo });
  }

  receipts(key, message) {
    return this.get(`/chat/conversation/${key}/message/${message}/receipts`);
  }

  members(key) {
    return this.get(`/chat/conversation/${key}/members`);
  }

  addMember(key, email) {
    return this.post(`/chat/conversation/${key}/members`, { email });
  }

  removeMember(key, user) {
    return this.request('DELETE',
      `${this.prefix}/chat/conversation/${key}/members/${user}`, {});
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

  /** The newest treatment plans of a conversation. */
  plans(key) {
    return this.get(`/chat/conversation/${key}/plans`);
  }

  planCreate(key, plan) {
    return this.post(`/chat/conversation/${key}/plan`, plan);
  }

  planEdit(id, plan) {
    return this.request('PATCH', `${this.prefix}/chat/plan/${id}`, {
      body: JSON.stringify(plan),
      headers: { 'Content-Type': 'application/json' },
    });
  }

  /** @param step  'submit', 'accept', 'reject', 'cancel' or 'acknowledge' */
  planStep(id, step, data) {
    return this.post(`/chat/plan/${id}/${step}`, data);
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

/** What an XMLHttpRequest has brought. */
function settle(request, resolve, reject) {
  let body = null;
  try {
    body = JSON.parse(request.responseText);
  } catch {
    // a proxy's page
  }
  if (request.status >= 200 && request.status < 300 && body) {
    resolve(body);
  } else {
    reject(new ApiError(request.status, body,
      Number(request.getResponseHeader('Retry-After')) || 0));
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
