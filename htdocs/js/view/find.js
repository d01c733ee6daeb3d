// SPDX-License-Identifier: Apache-2.0
//
// view/find.js - looking for words in the open conversation: a field under its
// name, how many messages have them, and the way from one to the next. Enter goes
// to the one before (the older one), Shift+Enter back, Escape ends it.

import { html, nothing } from '../../lib/lit-html.js';
import { number, t } from '../i18n.js';
import * as icons from './icons.js';

/** The button in the conversation's head. */
export function findButton({ find, actions }) {
  return html`<button type="button" class="round find-open"
    aria-expanded=${find ? 'true' : 'false'} title=${t('find.open')}
    @click=${find ? actions.closeFind : actions.openFind}>${icons.search()}<span
    class="sr-only">${t('find.open')}</span></button>`;
}

export function findBar({ find, actions }) {
  if (!find) {
    return nothing;
  }
  const { search, at } = find;
  const keys = (event) => {
    if (event.key === 'Enter') {
      event.preventDefault();
      actions.findNext(event.shiftKey ? -1 : 1);
    } else if (event.key === 'Escape') {
      event.preventDefault();
      actions.closeFind();
    }
  };
  const more = search.next !== null;
  return html`<div class="find" role="search">
    <label class="search">
      <span class="sr-only">${t('find.open')}</span>
      ${icons.search()}
      <input type="search" .value=${find.text} placeholder=${t('find.open')}
        autocomplete="off" spellcheck="false" maxlength="200"
        @input=${(event) => actions.findType(event.target.value)}
        @keydown=${keys}>
    </label>
    <span class="find-count" role="status">${count(search, at)}</span>
    <button type="button" class="round" title=${t('find.older')}
      ?disabled=${!(at + 1 < search.found.length || more)}
      @click=${() => actions.findNext(1)}>${icons.up()}<span
      class="sr-only">${t('find.older')}</span></button>
    <button type="button" class="round" title=${t('find.newer')}
      ?disabled=${at <= 0} @click=${() => actions.findNext(-1)}
      >${icons.down()}<span class="sr-only">${t('find.newer')}</span></button>
    <button type="button" class="round" title=${t('find.close')}
      @click=${actions.closeFind}>${icons.close()}<span
      class="sr-only">${t('find.close')}</span></button>
  </div>`;
}

function count(search, at) {
  if (search.status === 'idle') {
    return '';
  }
  if (search.status === 'busy' && search.found.length === 0) {
    return t('search.busy');
  }
  if (search.status === 'failed') {
    return t('search.failed');
  }
  if (search.found.length === 0) {
    return t('find.none');
  }
  return t('find.count', { at: number(at + 1),
    all: `${number(search.found.length)}${search.next !== null ? '+' : ''}` });
}
