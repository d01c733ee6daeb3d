// SPDX-License-Identifier: Apache-2.0
//
// view/found.js - messages that were found: below the conversations whose people
// match, one link each, with the words that were looked for marked.

import { html, nothing } from '../../lib/lit-html.js';
import { repeat } from '../../lib/directives/repeat.js';
import { locale, t } from '../i18n.js';
import { piecesOf } from '../search.js';
import { keyOf, nameOf } from '../store.js';
import { full, listTime } from '../time.js';
import { pathOf } from '../route.js';

export function foundMessages(ctx) {
  const { search, actions } = ctx;
  if (search.status === 'idle') {
    return nothing;
  }
  const busy = search.status === 'busy';
  return html`<section class="found-list" aria-busy=${busy ? 'true' : 'false'}>
    <h2>${t('search.messages')}</h2>
    ${search.found.length ? html`<ul>${repeat(search.found,
      (one) => one.message.id, (one) => entry(ctx, one))}</ul>` : nothing}
    <div role="status">${words(search)}</div>
    ${search.status === 'failed' || (search.next !== null && !busy)
      ? html`<button type="button" class="plain more"
        @click=${actions.moreFound}>${t(search.status === 'failed'
          ? 'message.retry' : 'list.more')}</button>` : nothing}
  </section>`;
}

function words(search) {
  if (search.status === 'busy') {
    return html`<p class="faint">${t('search.busy')}</p>`;
  }
  if (search.status === 'failed') {
    return html`<p>${t('search.failed')}</p>`;
  }
  return search.found.length ? html`<span class="sr-only"
      >${t('search.count', { n: search.found.length })}</span>`
    : html`<p class="faint">${t('search.none')}</p>`;
}

function entry({ state, now, actions }, { message, conversation, snippet }) {
  const key = keyOf(conversation.id);
  const known = state.conversations.get(key);
  const open = (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) {
      return; // a new tab or window is the browser's business
    }
    event.preventDefault();
    actions.openAt(key, message.id);
  };
  return html`<li><a class="entry found" href=${pathOf(key)}
    data-found=${message.id} @click=${open}>
    <span class="entry-name" dir="auto">${known ? nameOf(state, known)
      : conversation.title || message.user?.name}</span>
    <time class="entry-time" datetime=${message.created_at}
      title=${full(message.created_at, locale())}
      >${listTime(message.created_at, now, locale())}</time>
    <span class="snippet" dir="auto">${snippet.before ? '… ' : ''}${
      piecesOf(snippet).map(({ text, found }) => (
        found ? html`<mark>${text}</mark>` : text))}${
      snippet.after ? ' …' : ''}</span>
  </a></li>`;
}
