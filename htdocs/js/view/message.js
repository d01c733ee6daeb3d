// SPDX-License-Identifier: Apache-2.0
//
// view/message.js - one message, stored or still in the outbox. Its words reach
// the page as text, never as markup; their direction follows their own letters.

import { html, nothing } from '../../lib/lit-html.js';
import { has, locale, t } from '../i18n.js';
import { isMember } from '../store.js';
import { colourOf } from '../text.js';
import { clock, full } from '../time.js';
import {
  editedMark, held, menuButton, quote, reactionChips,
} from './deeds.js';
import * as icons from './icons.js';

/** @param row  of layout.js: stored message or outbox entry, and its place */
export function messageRow(ctx, row) {
  const { message, entry, mine } = row;
  const at = message?.created_at ?? entry.createdAt;
  const classes = ['message', mine ? 'mine' : 'theirs',
    row.first ? 'first' : '', row.last ? 'last' : '',
    entry?.state === 'failed' ? 'failed' : '',
    message?.deleted_at ? 'deleted' : ''].join(' ');
  const finger = message ? held(ctx, message) : {};
  return html`<div class=${classes} data-row=${row.id}
    data-message=${message?.id ?? ''} data-state=${stateOf(message, entry)}>
    ${row.first && !mine ? author(ctx, message) : nothing}
    <div class="bubble-line"><div class="bubble" @pointerdown=${finger.down}
      @pointermove=${finger.move} @pointerup=${finger.stop}
      @pointercancel=${finger.stop} @contextmenu=${finger.context}>
      ${quote(ctx, message ? message.reply_to : entry.replyTo)}
      <div class="words" dir="auto">
      <span class="text">${textOf(message ?? entry)}</span>
      <span class="meta">${editedMark(ctx, message)}<time datetime=${at}
        title=${full(at, locale())}
        >${clock(at, locale())}</time>${mine && !message?.deleted_at
          ? tick(message, entry) : nothing}</span>
    </div></div>${message ? menuButton(ctx, message) : nothing}</div>
    ${message ? reactionChips(ctx, message) : nothing}
    ${entry ? trouble(ctx, entry) : nothing}
  </div>`;
}

/** Kinds this page does not know come from newer servers and other programs. */
function textOf(message) {
  return (message.deleted_at ? t('message.deleted') : message.content) || t('message.unsupported');
}

function stateOf(message, entry) {
  if (message) {
    return message.read_at ? 'read' : 'sent';
  }
  return entry.state;
}

/** Between two people it is clear who speaks; staff reading along see names. */
function author({ state }, message) {
  const conversation = state.conversations.get(state.selected);
  if (!conversation || !message.user
      || (isMember(state, conversation) && conversation.members.length <= 2)) {
    return html`<span class="sr-only">${message.user?.name}</span>`;
  }
  return html`<span class="author ink-${colourOf(message.user.id)}"
    dir="auto">${message.user.name}</span>`;
}

const DRAWINGS = {
  queued: icons.waiting,
  sending: icons.waiting,
  failed: icons.failed,
  sent: icons.sent,
  read: icons.read,
};

function tick(message, entry) {
  const state = stateOf(message, entry);
  const words = t(`message.${state}`);
  return html`<span class="tick" data-tick=${state} title=${words}
    >${DRAWINGS[state]()}<span class="sr-only">${words}</span></span>`;
}

/** What can be done about a message that did not go. One that only waits says
 *  so from its second try on: the first takes no time worth mentioning. */
function trouble({ actions }, entry) {
  const refused = entry.state === 'failed';
  if (!refused && !(entry.tries > 0 && entry.state === 'queued')) {
    return nothing;
  }
  const why = `message.refused.${entry.refused}`;
  return html`<div class="trouble ${refused ? 'refused' : ''}">
    <span>${refused ? t(has(why) ? why : 'message.failed')
      : t('message.waiting')}</span>
    <button type="button" class="plain"
      @click=${() => actions.retry(entry.clientId)}
      >${t('message.retry')}</button>
    <button type="button" class="plain"
      @click=${() => actions.discard(entry.clientId)}
      >${t('message.discard')}</button>
  </div>`;
}
