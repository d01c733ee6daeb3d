// SPDX-License-Identifier: Apache-2.0
//
// view/link.js - the state of the connection. A small word beside one's own
// name is always there; a bar across the page says what it means when something
// is wrong.

import { html, nothing } from '../../lib/lit-html.js';
import { t } from '../i18n.js';

/** The word: connected, offline, … */
export function linkWord(link) {
  return html`<span class="link-word" data-link=${link}>${t(`link.${link}`)}</span>`;
}

/** The bar. Its place in the page is always there, so that screen readers
 *  follow its words; while all is well it is empty. */
export function linkBar({ link, pollSeconds, actions }) {
  const more = `link.${link}.more`;
  const quiet = link === 'connected' || link === 'connecting';
  return html`<div class="link-bar" role="status" data-link=${link}>${
    quiet ? nothing : html`
      <p><strong>${t(`link.${link}`)}.</strong>
        ${t(more, { n: pollSeconds })}</p>
      <button type="button" class="plain" @click=${actions.hurry}
        >${t('link.retry')}</button>`}</div>`;
}
