// SPDX-License-Identifier: Apache-2.0
//
// view/list.js - the conversations: who, the last words, when, how many unread.
// Each is a link with its real address: a middle click opens a second tab.

import { html, nothing } from '../../lib/lit-html.js';
import { repeat } from '../../lib/directives/repeat.js';
import { locale, number, otherLanguage, roleText, t } from '../i18n.js';
import {
  conversationsInOrder, isMember, isMine, isOutsiders, nameOf, sameId, typingIn, UNREAD_SHOWN,
  unreadOf, unreadText,
} from '../store.js';
import { progressOf } from '../people.js';
import { typeOf } from '../files.js';
import { oneLine, plain } from '../text.js';
import { full, listTime } from '../time.js';
import { pathOf } from '../route.js';
import { avatar } from './avatar.js';
import { foundMessages } from './found.js';
import { linkWord } from './link.js';
import { cardWords } from './plan.js';
import * as icons from './icons.js';

export function sidebar(ctx) {
  return html`<aside class="sidebar" aria-label=${t('list.label')}>
    <header class="sidebar-head">
      ${icons.mark()}
      <h1>${t('app.name')}</h1>
    </header>
    ${searchBox(ctx)}
    <nav class="list" aria-label=${t('list.label')}
      @keydown=${arrows}>${list(ctx)}${foundMessages(ctx)}</nav>
    ${account(ctx)}
  </aside>`;
}

function searchBox({ filter, actions }) {
  return html`<label class="search">
    <span class="sr-only">${t('list.search')}</span>
    ${icons.search()}
    <input type="search" .value=${filter} placeholder=${t('list.search')}
      autocomplete="off" spellcheck="false" maxlength="200"
      @keydown=${intoList}
      @input=${(event) => actions.filter(event.target.value)}>
  </label>`;
}

function list(ctx) {
  const { state, filter, actions } = ctx;
  const shown = conversationsInOrder(state, filter);
  if (shown.length === 0) {
    return nobody(ctx);
  }
  const names = shown.map((c) => nameOf(state, c));
  const twice = new Set(names.filter((name, at) => names.indexOf(name) < at));
  return html`<ul>${repeat(shown, (c) => c.key,
    (c) => entry(ctx, c, twice.has(nameOf(state, c))))}</ul>
    ${state.next && filter === '' ? html`<button type="button"
      class="plain more" @click=${actions.moreConversations}
      >${t('list.more')}</button>` : nothing}`;
}

/** Why there is nothing to show. */
function nobody({ state, filter, search, actions }) {
  if (state.listFailed && !state.ready) {
    return html`<div class="hollow"><p>${t('list.failed')}</p>
      <button type="button" class="plain" @click=${actions.hurry}
        >${t('message.retry')}</button></div>`;
  }
  if (!state.ready) {
    return html`<div class="skeleton" role="status">
      <span class="sr-only">${t('list.loading')}</span>
      ${[1, 2, 3, 4, 5].map(() => html`<div class="bone"><i></i><b></b></div>`)}
    </div>`;
  }
  if (filter && search.found.length > 0) {
    return nothing; // what was found says more
  }
  return filter ? html`<div class="hollow"><p>${t('list.nomatch')}</p></div>`
    : html`<div class="hollow"><p>${t('list.empty')}</p>
        <p class="faint">${t('list.empty.more')}</p></div>`;
}

/** @param titled  the name alone does not tell which one it is */
function entry(ctx, conversation, titled) {
  const { state, now, actions } = ctx;
  const { key } = conversation;
  const unread = unreadOf(state, key);
  const name = nameOf(state, conversation);
  const open = (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) {
      return; // a new tab or window is the browser's business
    }
    event.preventDefault();
    actions.open(key);
  };
  return html`<li>
    <a class="entry ${unread ? 'has-unread' : ''}" href=${pathOf(key)}
      data-conversation=${key}
      aria-current=${key === state.selected ? 'true' : 'false'}
      @click=${open}>
      ${avatar(...faces(state, conversation))}
      <span class="entry-name" dir="auto">${name}${titled
        ? html`<span class="entry-title"> · ${plain(conversation.title)}</span>`
        : nothing}</span>
      <time class="entry-time" datetime=${conversation.updated_at ?? ''}
        title=${conversation.updated_at
          ? full(conversation.updated_at, locale()) : ''}
        >${conversation.updated_at
          ? listTime(conversation.updated_at, now, locale()) : ''}</time>
      <span class="entry-last">${preview(ctx, conversation)}
        ${unread ? badge(unread) : nothing}</span>
    </a>
  </li>`;
}

function badge(n) {
  return html`<span class="badge"><span aria-hidden="true" dir="ltr"
    >${unreadText(n, number)}</span><span class="sr-only"
    >${n > UNREAD_SHOWN ? t('list.unread.many', { n: number(UNREAD_SHOWN) })
      : t('list.unread', { n })}</span></span>`;
}

/** Whose faces stand for a conversation: the other's, or for staff both. */
export function faces(state, conversation) {
  if (conversation.other) {
    return [conversation.other];
  }
  const others = (conversation.members ?? [])
    .filter((member) => !sameId(member.id, state.me.id)).slice(0, 2);
  return others.length ? others
    : [{ id: conversation.id, name: conversation.title }];
}

/** The second line: typing, a draft, what waits to be sent, the last words. */
function preview({ state, outbox, drafts, now }, conversation) {
  const { key } = conversation;
  const elsewhere = key !== state.selected;
  const typing = typingIn(state, key, now);
  if (typing.length && elsewhere) {
    return html`<em>${t('thread.typing', { name: typing[0] })}</em>`;
  }
  if (drafts[key]?.trim() && elsewhere) {
    return html`<em>${t('list.draft')}</em>${words(drafts[key])}`;
  }
  const waiting = outbox.of(key).at(-1);
  if (waiting) {
    return html`${waiting.state === 'failed' ? icons.failed()
      : icons.waiting()}<span>${t('list.you')}</span>${words(textOf(waiting))}`;
  }
  const last = conversation.last_message;
  if (!last) {
    return html`<span class="faint">${t('list.nothing')}</span>`;
  }
  if (last.deleted_at || (last.unreadable && !last.content)) {
    return html`<em class="entry-words">${t(last.deleted_at ? 'message.deleted'
      : 'message.unreadable')}</em>`;
  }
  if (isMine(state, last)) {
    return html`<span data-tick=${progressOf(state, key, last)}>${
      { read: icons.read, delivered: icons.delivered, sent: icons.sent }[
        progressOf(state, key, last)]()}</span><span
      >${t('list.you')}</span>${words(saying(last))}`;
  }
  return isMember(state, conversation) && isOutsiders(conversation, last)
    ? html`<span class="entry-who"><bdi>${last.user.name}</bdi>:</span>${words(saying(last))}`
    : words(saying(last));
}

/** A card speaks the reader's language. */
function saying(message) {
  return message.plan ? cardWords(message) : textOf(message);
}

/** A message of files alone is called by what they are. */
function textOf(message) {
  const type = message.attachments?.length ? typeOf(message.attachments)
    : message.type;
  return message.content || (['image', 'file', 'voice'].includes(type)
    ? t(`files.kind.${type}`) : '');
}

/** Cut at their own end: Arabic words in an English list, and the reverse. */
function words(text) {
  return html`<span class="entry-words" dir="auto">${oneLine(text)}</span>`;
}

/** Down leads from the field into the list, Escape empties it. */
function intoList(event) {
  const first = event.target.closest('.sidebar').querySelector('.entry');
  if (event.key === 'ArrowDown' && first) {
    event.preventDefault();
    first.focus();
  }
}

/** Up and down walk through the list, as Tab does. */
function arrows(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) {
    return;
  }
  const links = [...event.currentTarget.querySelectorAll('.entry')];
  const at = links.indexOf(document.activeElement);
  const next = links[at + step];
  if (at >= 0 && next) {
    event.preventDefault();
    next.focus();
  }
}

function account({ state, link, actions }) {
  const { me } = state;
  return html`<footer class="account" aria-label=${t('account.menu')}>
    ${avatar(me)}
    <div class="account-who">
      <span class="account-name" dir="auto">${me.name}</span>
      <span class="account-role">${roleText(me.role)} ${linkWord(link)}</span>
    </div>
    <a class="round" href="?lang=${otherLanguage()}" hreflang=${otherLanguage()}
      title=${t('account.language')}>${icons.globe()}<span class="sr-only"
      >${t('account.language')}</span></a>
    <button type="button" class="round" title=${t('account.title')}
      @click=${actions.account}>${icons.person()}<span class="sr-only"
      >${t('account.title')}</span></button>
    ${actions.logout ? html`<button type="button" class="round"
      title=${t('account.logout')} @click=${actions.logout}
      >${icons.leave()}<span class="sr-only">${t('account.logout')}</span></button>`
    : nothing}
  </footer>`;
}
