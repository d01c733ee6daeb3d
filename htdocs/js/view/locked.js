// SPDX-License-Identifier: Apache-2.0
//
// view/locked.js - staff at a conversation that is not theirs (ChatBreakGlass): they
// may open it for a while, and say why.

import { html } from '../../lib/lit-html.js';
import { t } from '../i18n.js';

/** The form keeps its own words and complaint: drawing it again leaves both. */
export function lockedPane({ actions }, key) {
  return html`<form class="locked" data-key=${key} novalidate
    @submit=${(event) => submit(event, actions, key)}>
    <h3>${t('locked.title')}</h3>
    <p>${t('locked.why')}</p>
    <label for="locked-reason">${t('locked.reason')}</label>
    <textarea id="locked-reason" name="reason" rows="3" maxlength="500" dir="auto"
      aria-describedby="locked-trouble"></textarea>
    <p class="locked-trouble" id="locked-trouble" role="alert"></p>
    <button type="submit" class="solid">${t('locked.open')}</button>
  </form>`;
}

async function submit(event, actions, key) {
  event.preventDefault();
  const form = event.currentTarget;
  const button = form.querySelector('button');
  const trouble = form.querySelector('.locked-trouble');
  button.disabled = true;
  trouble.textContent = await actions.breakGlass(key, form.elements.reason.value);
  button.disabled = false;
}
