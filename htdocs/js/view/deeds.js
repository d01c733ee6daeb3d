// SPDX-License-Identifier: Apache-2.0
//
// view/deeds.js - what can be done to a message: the menu, the question before it is
// deleted, what it said before; and what stands above the composer while one
// answers or edits. The dialog is modal: the browser keeps the focus in it, closes it
// on Escape and gives the focus back. Beside the message on wide screens, at the
// bottom of narrow ones.

import { html, nothing } from '../../lib/lit-html.js';
import { locale, t } from '../i18n.js';
import { messageOf } from '../store.js';
import { oneLine } from '../text.js';
import { full } from '../time.js';
import * as icons from './icons.js';

export const QUICK = ['👍', '❤️', '🙏', '😊', '😮', '😢'];
const EMOJI_LENGTH = 32; // UTF-16 units one may type; the server decides
const QUOTED = 140; // characters of a message that the server quotes
const HELD = 450; // ms a finger rests to open the menu
const MOVED = 10; // px a finger may move meanwhile

/* What of the dialog was pressed last; null since it was opened. The finger that
 * opened it by resting is lifted above it, which is a click, and means nothing. */
let press = null;

function pressed(event) {
  press = event.target;
}

const clicked = {
  capture: true,
  handleEvent(event) {
    const dialog = event.currentTarget;
    if (press === null && event.detail > 0) { // 0: by keyboard
      event.stopPropagation();
      event.preventDefault();
    } else if (press === dialog && event.target === dialog) {
      dialog.close(); // beside its box
    }
  },
};

// --- the dialog ----------------------------------------------------------------

export function deedsDialog(ctx) {
  const { deeds, state } = ctx;
  const { open } = deeds;
  const message = open && messageOf(state, open.key, open.id);
  const views = { menu, delete: question, history };
  return html`<dialog class="deeds" aria-label=${t('deed.menu')}
    data-what=${open?.what ?? ''}
    @close=${() => deeds.hide()}
    @pointerdown=${pressed} @click=${clicked}><div class="deeds-box">${open && message
      ? views[open.what](ctx, open, message) : nothing}</div></dialog>`;
}

/** After drawing: open, close and place the dialog as the state says. */
export function placeDialog(root, deeds, messageThere) {
  const dialog = root.querySelector('dialog.deeds');
  const { open } = deeds;
  if (!open || !messageThere) {
    if (dialog.open) {
      dialog.close();
    }
    return;
  }
  if (!dialog.open) {
    press = null;
    dialog.showModal();
  }
  place(dialog, open.at);
}

/** Beside what was clicked, all of it in sight. Narrow screens: see the style. */
function place(dialog, at) {
  const { style } = dialog;
  if (!at?.isConnected || matchMedia('(max-width: 760px)').matches) {
    style.top = '';
    style.left = '';
    return;
  }
  const from = at.getBoundingClientRect();
  const { width, height } = dialog.getBoundingClientRect();
  const within = (wanted, size, room) => (
    Math.max(8, Math.min(wanted, room - size - 8)));
  style.top = `${within(from.bottom + 4, height, innerHeight)}px`;
  style.left = `${within((from.left + from.right - width) / 2, width,
    innerWidth)}px`;
}

function menu(ctx, { key, at }, message) {
  const { deeds, actions } = ctx;
  const may = deeds.choices(key, message);
  const item = (offered, name, drawing, deed) => (offered ? html`<button
    type="button" class="deed" data-deed=${name} @click=${deed}>${drawing}<span
    >${t(`deed.${name}`)}</span></button>` : nothing);
  return html`<div @keydown=${arrows}>
    ${may.react ? reactions(ctx, key, message) : nothing}
    ${item(may.answer, 'reply', icons.reply(),
      () => actions.answer(key, message))}
    ${item(may.copy, 'copy', icons.pages(), (event) => {
      copy(message.content, event.currentTarget.parentElement);
      deeds.hide();
    })}
    ${item(may.edit, 'edit', icons.pen(), () => actions.edit(key, message))}
    ${item(may.history, 'history', icons.clock(),
      () => deeds.show('history', key, message.id, at))}
    ${item(may.remove, 'delete', icons.bin(),
      () => deeds.show('delete', key, message.id, at))}
  </div>`;
}

/** Phones cannot select a message's words, because a finger that rests opens the
 *  menu. The clipboard is there in secure contexts only. */
function copy(text, within) {
  if (navigator.clipboard) {
    navigator.clipboard.writeText(text).catch(() => {});
    return;
  }
  const area = document.createElement('textarea');
  area.value = text;
  within.append(area); // all else is out of reach of a modal dialog
  area.select();
  document.execCommand('copy');
  area.remove();
}

function reactions({ deeds }, key, message) {
  const another = (event) => {
    event.preventDefault();
    const emoji = event.currentTarget.elements.emoji.value.trim();
    if (emoji) {
      deeds.react(key, message, emoji);
    }
  };
  return html`<div class="deeds-emoji" role="group"
    aria-label=${t('deed.react')}>
    ${QUICK.map((emoji) => html`<button type="button" class="emoji"
      aria-pressed=${deeds.reacts(message, emoji) ? 'true' : 'false'}
      @click=${() => deeds.react(key, message, emoji)}>${emoji}</button>`)}
    <form class="emoji-form" autocomplete="off" @submit=${another}>
      <input name="emoji" maxlength=${EMOJI_LENGTH} placeholder="+"
        aria-label=${t('deed.emoji')} title=${t('deed.emoji')}>
    </form>
  </div>`;
}

function question({ deeds }, { key }, message) {
  return html`<p class="deeds-title">${t('deed.delete.sure')}</p>
    <p class="quote-words" dir="auto">${oneLine(message.content)}</p>
    <div class="deeds-answer">
      <button type="button" class="outline" autofocus
        @click=${() => deeds.hide()}>${t('deed.cancel')}</button>
      <button type="button" class="solid grave" data-deed="delete-now"
        @click=${() => deeds.remove(key, message.id)}>${t('deed.delete')}</button>
    </div>`;
}

/** Oldest first, the text it has now last. */
function history({ deeds }, open, message) {
  const { texts, failed } = open;
  const one = (content, at) => html`<li><span class="text" dir="auto"
    >${content}</span><time class="faint" datetime=${at}
    >${full(at, locale())}</time></li>`;
  const since = (n) => (n === 0 ? message.created_at
    : texts[n - 1].edited_at);
  return html`<p class="deeds-title">${t('deed.history')}</p>
    ${failed ? html`<p>${t('deed.failed')}</p>
      <button type="button" class="plain" @click=${() => deeds.loadHistory(open)}
      >${t('message.retry')}</button>` : nothing}
    ${texts === null ? (failed ? nothing : html`<div class="loading"
      role="status"></div>`)
      : html`<ol class="history">${texts.map((old, n) => (
        one(old.content, since(n))))}${one(message.content,
        since(texts.length))}</ol>`}
    <div class="deeds-answer"><button type="button" class="plain" autofocus
      @click=${() => deeds.hide()}>${t('deed.close')}</button></div>`;
}

/** Arrows walk through the menu, as in any other. */
function arrows(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    const all = [...event.currentTarget.querySelectorAll('button, input')];
    const at = all.indexOf(document.activeElement);
    event.preventDefault();
    all[(at + step + all.length) % all.length]?.focus();
  }
}

// --- at a message -----------------------------------------------------------------

/** The element with a message's words: buttons that are at every message say by it
 *  whose they are. */
export function wordsId({ id }) {
  return `words-${id}`;
}

/** The button that opens the menu, when it would hold anything. */
export function menuButton({ deeds, state }, message) {
  const may = deeds.choices(state.selected, message);
  if (!Object.values(may).some(Boolean)) {
    return nothing;
  }
  return html`<button type="button" class="message-menu" aria-haspopup="dialog"
    title=${t('deed.menu')} aria-describedby=${wordsId(message)}
    @click=${(event) => deeds.show('menu', state.selected, message.id,
    event.currentTarget)}>${icons.more()}<span class="sr-only"
    >${t('deed.menu')}</span></button>`;
}

/** A finger that rests on a message opens the menu. */
export function held({ deeds, state }, message) {
  let timer = null;
  let from = null;
  const stop = () => clearTimeout(timer);
  const may = () => Object.values(deeds.choices(state.selected, message))
    .some(Boolean);
  return {
    down(event) {
      stop();
      if (event.pointerType === 'touch' && may()) {
        const at = event.currentTarget;
        from = event;
        timer = setTimeout(() => deeds.show('menu', state.selected, message.id,
          at), HELD);
      }
    },
    move(event) {
      if (from && Math.hypot(event.clientX - from.clientX,
        event.clientY - from.clientY) > MOVED) {
        stop();
      }
    },
    stop,
    /** Phones would select words or offer to copy them. */
    context(event) {
      if (event.pointerType === 'touch' && may()) {
        event.preventDefault();
      }
    },
  };
}

/** What was cut by the server says so. */
function cut(text) {
  const line = oneLine(text);
  return [...text].length === QUOTED && !line.endsWith('…') ? `${line}…` : line;
}

/** The message that is answered, as a way to it. */
export function quote({ actions }, to) {
  if (!to) {
    return nothing;
  }
  return html`<button type="button" class="quote" data-quote=${to.id}
    title=${t('deed.original')} @click=${() => actions.showMessage(to.id)}>
    ${to.user ? html`<b dir="auto">${to.user.name}</b>` : nothing}
    <span class="quote-words" dir="auto">${to.deleted
      ? html`<i>${t('message.deleted')}</i>`
      : to.unreadable && !to.content ? html`<i>${t('message.unreadable')}</i>`
        : cut(to.content)}</span>
  </button>`;
}

export function reactionChips(ctx, message) {
  const { deeds, state } = ctx;
  const key = state.selected;
  const given = message.reactions ?? [];
  if (given.length === 0) {
    return nothing;
  }
  const may = deeds.choices(key, message).react;
  return html`<div class="reactions">${given.map(({ emoji, count }) => {
    const mine = deeds.reacts(message, emoji);
    return html`<button type="button" class="reaction" data-emoji=${emoji}
      aria-pressed=${mine ? 'true' : 'false'} ?disabled=${!may}
      title=${t(mine ? 'deed.react.mine' : 'deed.react.others')}
      @click=${() => deeds.react(key, message, emoji)}><span>${emoji}</span>${
      count > 1 ? html`<span class="count">${count}</span>` : nothing
    }<span class="sr-only">${t('deed.reactions', { n: count })}</span></button>`;
  })}</div>`;
}

/** "edited", which shows what it said before. */
export function editedMark({ deeds, state }, message) {
  if (!message?.edited_at || message.deleted_at) {
    return nothing;
  }
  return html`<button type="button" class="edited" title=${t('deed.history')}
    @click=${(event) => deeds.show('history', state.selected, message.id,
    event.currentTarget)}>${t('message.edited')}</button>`;
}

// --- at the composer ----------------------------------------------------------------

/** What is written here is an answer, or another text of a message. */
export function composerHead({ deeds, actions }, key) {
  const edit = deeds.editing(key);
  const to = deeds.answers[key];
  if (!edit && !to) {
    return nothing;
  }
  return html`<div class="composer-head">
    ${edit ? icons.pen() : icons.reply()}
    <div class="composer-what">
      <b>${edit ? t('composer.editing') : t('composer.answering', {
        name: to.user?.name ?? '',
      })}</b>
      ${edit ? nothing : html`<span class="quote-words" dir="auto"
        >${oneLine(to.content)}</span>`}
    </div>
    <button type="button" class="round" title=${t('deed.cancel')}
      @click=${() => actions.giveUp(key)}>${icons.close()}<span class="sr-only"
      >${t('deed.cancel')}</span></button>
  </div>`;
}
