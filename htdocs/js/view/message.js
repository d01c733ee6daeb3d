// SPDX-License-Identifier: Apache-2.0
//
// view/message.js - one message, stored or still in the outbox. Its words reach
// the page as text, never as markup; their direction follows their own letters.

import { html, nothing } from '../../lib/lit-html.js';
import { has, locale, t } from '../i18n.js';
import { isMember, isOutsiders } from '../store.js';
import { progressOf } from '../people.js';
import { colourOf, pieces } from '../text.js';
import { clock, full } from '../time.js';
import { attachments } from './attachments.js';
import {
  editedMark, held, menuButton, quote, reactionChips, wordsId,
} from './deeds.js';
import * as icons from './icons.js';
import { receiptList } from './people.js';

/** @param row  of layout.js: stored message or outbox entry, and its place */
export function messageRow(ctx, row) {
  const { message, entry, mine } = row;
  if (message?.type === 'system') {
    return systemLine(row, message);
  }
  const at = message?.created_at ?? entry.createdAt;
  const classes = ['message', mine ? 'mine' : 'theirs',
    row.first ? 'first' : '', row.last ? 'last' : '',
    entry?.state === 'failed' ? 'failed' : '',
    message && message.id === ctx.foundId ? 'found' : '',
    message?.deleted_at ? 'deleted' : '',
    isShut(message) ? 'shut' : ''].join(' ');
  const finger = message ? held(ctx, message) : {};
  return html`<div class=${classes} data-row=${row.id}
    data-message=${message?.id ?? ''} data-state=${stateOf(ctx, message, entry)}>
    ${row.first && !mine ? author(ctx, message) : nothing}
    <div class="bubble-line"><div class="bubble" @pointerdown=${finger.down}
      @pointermove=${finger.move} @pointerup=${finger.stop}
      @pointercancel=${finger.stop} @contextmenu=${finger.context}>
      ${quote(ctx, message ? message.reply_to : entry.replyTo)}
      ${attachments(ctx, message ?? entry)}
      <div class="words" dir="auto">
      <span class="text" id=${message ? wordsId(message) : nothing}
        >${linked(message ?? entry)}</span>
      <span class="meta">${editedMark(ctx, message)}<time datetime=${at}
        title=${full(at, locale())}
        >${clock(at, locale())}</time>${mine && !message?.deleted_at
          ? tick(ctx, message, entry) : nothing}</span>
    </div></div>${message ? menuButton(ctx, message) : nothing}</div>
    ${message ? reactionChips(ctx, message) : nothing}
    ${receiptList(ctx, message)}
    ${entry ? trouble(ctx, entry) : nothing}
  </div>`;
}

/** What happened to the conversation; a server says it in English, and who it was
 *  is the author. */
const SYSTEM = { 'This conversation was opened by staff.': 'system.opened' };

function systemLine(row, message) {
  const key = SYSTEM[message.content];
  const at = message.created_at;
  return html`<p class="system" data-row=${row.id} data-message=${message.id}>
    <span dir="auto">${key ? t(key, { name: message.user?.name ?? '' })
    : textOf(message)}</span>
    <time datetime=${at} title=${full(at, locale())}>${clock(at, locale())}</time>
  </p>`;
}

/** It lies encrypted, and nobody could open it: or it was put where it does not
 *  belong, and whose words it holds is not known. */
function isShut(message) {
  return Boolean(message?.unreadable) && !message.content && !message.deleted_at;
}

/** Its words, with their web addresses to be followed. Where they lead learns nothing
 *  of this page, and cannot reach it. */
function linked(message) {
  const text = textOf(message);
  return text.includes('://') ? pieces(text).map((piece) => (piece.href
    ? html`<a href=${piece.href} target="_blank" rel="noopener noreferrer nofollow"
      dir="ltr">${piece.text}</a>` : piece.text)) : text;
}

/** Kinds this page does not know come from newer servers and other programs. */
function textOf(message) {
  if (message.deleted_at) {
    return t('message.deleted');
  }
  if (isShut(message)) {
    return t('message.unreadable');
  }
  return message.content || (message.attachments?.length ? ''
    : t('message.unsupported'));
}

function stateOf({ state }, message, entry) {
  return message ? progressOf(state, state.selected, message) : entry.state;
}

/** Between two people it is clear who speaks, unless somebody else does; staff reading
 *  along see names. */
function author({ state }, message) {
  const conversation = state.conversations.get(state.selected);
  if (!conversation || !message.user
      || (isMember(state, conversation) && conversation.members.length <= 2
        && !isOutsiders(conversation, message))) {
    return html`<span class="sr-only">${message.user?.name}</span>`;
  }
  return html`<span class="author ink-${colourOf(message.user.id)}"
    dir="auto">${message.user.name}</span>`;
}

const DRAWINGS = {
  queued: icons.waiting,
  sending: icons.waiting,
  held: icons.waiting,
  failed: icons.failed,
  sent: icons.sent,
  delivered: icons.delivered,
  read: icons.read,
};

/** Of a stored message it can be pressed: who has had it, who has read it. */
function tick(ctx, message, entry) {
  const state = stateOf(ctx, message, entry);
  const words = t(`message.${state}`);
  const drawn = html`${DRAWINGS[state]()}<span class="sr-only">${words}</span>`;
  return message ? html`<button type="button" class="tick" data-tick=${state}
    title=${words} aria-describedby=${wordsId(message)}
    @click=${() => ctx.actions.receipts(message)}
    >${drawn}</button>` : html`<span class="tick" data-tick=${state}
    title=${words}>${drawn}</span>`;
}

/** What can be done about a message that did not go. One that only waits says
 *  so from its second try on: the first takes no time worth mentioning. */
function trouble({ actions }, entry) {
  const refused = entry.state === 'failed';
  if (!refused && !(entry.tries > 0 && entry.state === 'queued')) {
    return nothing;
  }
  const alone = refused && entry.wrong?.includes('reply_to');
  const why = alone ? 'message.refused.answered'
    : entry.attachments?.length && entry.refused === 422
      ? 'message.refused.files' : `message.refused.${entry.refused}`;
  return html`<div class="trouble ${refused ? 'refused' : ''}">
    <span>${refused ? t(has(why) ? why : 'message.failed')
      : t('message.waiting')}</span>
    <button type="button" class="plain"
      @click=${() => actions.retry(entry.clientId)}
      >${t(alone ? 'message.alone' : 'message.retry')}</button>
    <button type="button" class="plain"
      @click=${() => actions.discard(entry.clientId)}
      >${t('message.discard')}</button>
  </div>`;
}
