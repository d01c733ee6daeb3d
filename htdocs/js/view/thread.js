// SPDX-License-Identifier: Apache-2.0
//
// view/thread.js - the open conversation: with whom, what was said, who types.

import { html, nothing } from '../../lib/lit-html.js';
import { repeat } from '../../lib/directives/repeat.js';
import { daysOf } from '../layout.js';
import { locale, roleText, statusText, t } from '../i18n.js';
import { shownThread } from '../around.js';
import { isMine, nameOf, typingIn } from '../store.js';
import { isGroup } from '../people.js';
import { dayLabel } from '../time.js';
import { avatar } from './avatar.js';
import { closedLine, composer } from './composer.js';
import { findBar, findButton } from './find.js';
import { faces } from './list.js';
import { messageRow } from './message.js';
import { newPlanButton, planBars, planRow } from './plan.js';
import { peopleButton, peoplePanel, presenceLine } from './people.js';
import * as icons from './icons.js';
import { lockedPane } from './locked.js';
import { dropZone } from './tray.js';

export function threadPane(ctx) {
  const { state } = ctx;
  const key = state.selected;
  if (key === null) {
    return html`<main class="thread"><div class="hollow grand">
      ${icons.mark()}
      <p>${t('thread.none')}</p>
      <p class="faint">${t('thread.none.more')}</p></div></main>`;
  }
  const conversation = state.conversations.get(key) ?? null;
  const thread = shownThread(state, key);
  const missing = thread.failed === 'missing'
    || (state.ready && thread.loaded && !conversation && !state.stale);
  if (thread.failed === 'locked') {
    return html`<main class="thread">${header(ctx, null)}
      ${lockedPane(ctx, key)}</main>`;
  }
  const zone = dropZone(key, ctx);
  return html`<main class="thread" @dragover=${zone.over}
    @dragleave=${zone.leave} @drop=${zone.drop}>
    <div class="drop-hint" aria-hidden="true">${t('files.drop.here')}</div>
    ${header(ctx, conversation)}
    ${planBars(ctx, conversation)}
    ${missing ? nothing : peoplePanel(ctx, conversation)}
    ${missing ? html`<div class="hollow grand"><p>${t('thread.missing')}</p>
      </div>` : html`
      ${findBar(ctx)}
      ${log(ctx, key, conversation, thread)}
      ${typingLine(ctx, key)}
      ${ctx.deeds.isClosed(key) ? closedLine()
        : composer(ctx, key, conversation)}`}
  </main>`;
}

function header(ctx, conversation) {
  const { state, actions } = ctx;
  return html`<header class="thread-head">
    <button type="button" class="round back" title=${t('thread.back')}
      @click=${actions.back}>${icons.back()}<span class="sr-only"
      >${t('thread.back')}</span></button>
    ${conversation ? html`
      ${avatar(...faces(state, conversation))}
      <div class="thread-who">
        <h2 dir="auto" tabindex="-1">${nameOf(state, conversation)}</h2>
        <p class="faint">${conversation.status ? html`<span class="chip"
          data-status=${conversation.status}
          >${statusText(conversation.status)}</span>` : nothing}<span
          class="thread-about">${about(ctx, conversation)}</span></p>
      </div>
      ${newPlanButton(ctx, conversation)}
      ${findButton(ctx)}
      ${peopleButton(ctx, conversation)}`
      : nothing}
  </header>`;
}

/** Under the name: what they are, and what the consultation is about. */
function about(ctx, conversation) {
  const { state } = ctx;
  const role = conversation.other && !isGroup(conversation) ? roleText(conversation.other.role) : '';
  const title = conversation.title ?? '';
  if (title === nameOf(state, conversation)) {
    return t('thread.alone'); // the title is above, nobody else is there yet
  }
  const there = presenceLine(ctx, conversation);
  return html`${there}${there !== nothing ? ' · ' : ''}${role}${
    role && title ? ' · ' : ''}<span dir="auto">${title}</span>`;
}

function log(ctx, key, conversation, thread) {
  const { state, outbox, actions } = ctx;
  const pending = state.around ? [] : outbox.of(key);
  const days = daysOf(thread.messages, pending,
    (message) => isMine(state, message), thread.firstUnread);
  const name = conversation ? nameOf(state, conversation) : '';
  return html`<div class="log-frame">
    <div class="log" role="log" tabindex="0" data-key=${key}
      aria-label=${t('thread.log', { name })}
      aria-busy=${!thread.loaded || thread.olderLoading ? 'true' : 'false'}
      @keydown=${toComposer}>
      <div class="log-inner">
        ${beginning(thread, days, actions)}
        ${repeat(days, (day) => day.id, (day) => oneDay(ctx, day))}
      </div>
    </div>
    ${jump(ctx, thread)}
  </div>`;
}

/** Out of many messages with their buttons to where one writes, by Escape. */
function toComposer(event) {
  if (event.key === 'Escape') {
    event.currentTarget.closest('.thread').querySelector('.composer textarea')
      ?.focus();
  }
}

function oneDay(ctx, day) {
  return html`<section class="day">
    <p class="day-name"><span>${dayLabel(day.at, ctx.now, locale())}</span></p>
    ${repeat(day.rows, (row) => row.id, (row) => rowOf(ctx, row))}
  </section>`;
}

function rowOf(ctx, row) {
  if (row.kind === 'unread') {
    return html`<div class="unread-line" data-row=${row.id}><span
      >${t('thread.unread')}</span></div>`;
  }
  return row.message?.plan ? planRow(ctx, row) : messageRow(ctx, row);
}

function loading() {
  return html`<span class="loading" role="status"><span class="sr-only"
    >${t('thread.loading')}</span></span>`;
}

/** What stands above the oldest message shown. */
function beginning(thread, days, actions) {
  if (thread.failed === 'failed' && !thread.loaded) {
    return html`<div class="hollow"><p>${t('thread.failed')}</p>
      <button type="button" class="plain" @click=${actions.hurry}
        >${t('message.retry')}</button></div>`;
  }
  if (!thread.loaded) {
    return loading();
  }
  if (thread.hasMore) { // the button stays meanwhile: it may have the focus
    return html`<button type="button" class="plain older"
      @click=${actions.older}>${thread.olderLoading ? loading()
        : t('thread.older')}</button>`;
  }
  return days.length === 0
    ? html`<div class="hollow"><p>${t('thread.empty')}</p>
        <p class="faint">${t('thread.empty.more')}</p></div>`
    : html`<p class="start faint">${t('thread.start')}</p>`;
}

/** The way down, when one reads further up: with a number if it is worth it. */
function jump({ state, scroll, actions }, thread) {
  if (scroll.atEnd && !state.around) {
    return nothing;
  }
  const fresh = state.around ? 0 : thread.messages.filter((message) => (
    message.id > scroll.lastSeen && !isMine(state, message))).length;
  return html`<button type="button" class="jump ${fresh ? 'fresh' : ''}"
    title=${t('thread.latest')} @click=${actions.toEnd}>
    ${icons.down()}${fresh ? html`<span>${t('thread.jump', { n: fresh })}</span>`
      : html`<span class="sr-only">${t('thread.latest')}</span>`}</button>`;
}

function typingLine({ state, now }, key) {
  const names = typingIn(state, key, now);
  const words = names.length > 1
    ? t('thread.typing.several', {
      names: new Intl.ListFormat(locale()).format(names),
    })
    : t('thread.typing', { name: names[0] });
  return html`<div class="typing" role="status">${names.length
    ? html`<span class="dots" aria-hidden="true"><i></i><i></i><i></i></span>
      <span>${words}</span>` : nothing}</div>`;
}
