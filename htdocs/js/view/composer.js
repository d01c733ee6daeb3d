// SPDX-License-Identifier: Apache-2.0
//
// view/composer.js - where one writes. Enter sends, Shift+Enter breaks the
// line; an Enter that only confirms a word of an input method (Japanese,
// Chinese, some Arabic keyboards) does neither. The text lives in the textarea;
// the page around it is drawn again only when something else than the text
// changes: the counter, or whether it may be sent.

import { html, nothing } from '../../lib/lit-html.js';
import { t } from '../i18n.js';
import { nameOf } from '../store.js';
import { characters } from '../text.js';
import { composerHead } from './deeds.js';
import * as icons from './icons.js';
import { bringers, pasted, tray } from './tray.js';

export const LIMIT = 2000; // characters, as the server counts
const NEAR = 200; // left, when the counter appears

export function composer(ctx, key, conversation) {
  const { state, drafts, deeds, files, actions } = ctx;
  const editing = deeds.editing(key);
  const draft = editing?.text ?? drafts[key] ?? '';
  const none = draft.trim() === '' && (editing || files.of(key).length === 0);
  const left = LIMIT - characters(draft.trim());
  const send = (form) => {
    const area = form.elements.message;
    const text = area.value.trim();
    const changes = deeds.editing(key);
    const along = changes ? 0 : files.of(key).length;
    if ((text !== '' || along > 0) && (changes || files.ready(key))
        && characters(text) <= LIMIT) {
      if (changes) {
        actions.finishEdit(key); // the text stays until the server has it
      } else {
        area.value = '';
        grow(area);
        actions.send(key, text);
      }
    } else if (along > 0) {
      actions.filesWait(key);
    }
    area.focus();
  };
  return html`<form class="composer" autocomplete="off" data-key=${key}
    @submit=${(event) => {
      event.preventDefault();
      send(event.currentTarget);
    }}>
    ${editing ? nothing : tray(ctx, key)}
    ${editing ? nothing : bringers(ctx, key)}
    <div class="composer-box">
      ${composerHead(ctx, key)}
      <textarea name="message" rows="1" dir="auto" enterkeyhint="send"
        placeholder=${t('composer.placeholder')}
        aria-label=${t('composer.label', {
          name: conversation ? nameOf(state, conversation) : '',
        })}
        title=${t('composer.hint')}
        @keydown=${(event) => {
          if (event.key === 'Escape' && actions.giveUp(key)) {
            event.preventDefault();
          } else if (isSend(event)) {
            event.preventDefault();
            send(event.currentTarget.form);
          }
        }}
        @input=${(event) => {
          grow(event.currentTarget);
          actions.draft(key, event.currentTarget.value);
        }}
        @paste=${(event) => pasted(event, key, actions)}
        @blur=${actions.stopTyping}></textarea>
      ${counter(left)}
    </div>
    <button type="submit" class="send"
      title=${t(editing ? 'composer.save' : 'composer.send')}
      ?disabled=${none || left < 0
        || (editing ? deeds.busy : !files.ready(key))}
      @pointerdown=${keepFocus}>${editing ? icons.sent() : icons.send()}<span
      class="sr-only">${t(editing ? 'composer.save' : 'composer.send')}</span
      ></button>
  </form>`;
}

/** Instead of it, when nothing can be written any more. */
export function closedLine() {
  return html`<p class="closed-line" role="status">${t('thread.closed')}</p>`;
}

/** A tap on the button must not fold the phone's keyboard. */
function keepFocus(event) {
  event.preventDefault();
}

function isSend(event) {
  return event.key === 'Enter' && !event.shiftKey && !event.isComposing
    && event.keyCode !== 229;
}

function counter(left) {
  if (left > NEAR) {
    return nothing;
  }
  return html`<span class="counter ${left < 0 ? 'over' : ''}" role="status"
    >${left < 0 ? t('composer.over', { n: -left })
      : t('composer.left', { n: left })}</span>`;
}

/** What the composer's drawing depends on; see the top. */
export function composerLook(text) {
  const trimmed = text.trim();
  const left = LIMIT - characters(trimmed);
  return `${trimmed === ''} ${left > NEAR ? '' : left}`;
}

/** As many lines as are written, up to what the style sheet allows. Browsers
 *  with field-sizing do it themselves. */
export function grow(area) {
  if (!CSS.supports('field-sizing', 'content')) {
    area.style.blockSize = 'auto';
    area.style.blockSize = `${area.scrollHeight + 2}px`;
  }
}
