// SPDX-License-Identifier: Apache-2.0
//
// view/ask.js - one question before something that nothing leads back from. A modal
// <dialog> of its own, made when it is asked and gone with the answer: the browser
// keeps the focus in it, closes it on Escape and gives the focus back.

import { html, render } from '../../lib/lit-html.js';
import { t } from '../i18n.js';

/**
 * @param words  the question
 * @param yes    on the button that does it
 * @return whether it is to be done; Escape and a click beside the box say no
 */
export function ask(words, yes) {
  const dialog = document.createElement('dialog');
  dialog.className = 'sheet ask-dialog';
  dialog.setAttribute('role', 'alertdialog');
  dialog.setAttribute('aria-labelledby', 'ask-words');
  const close = (answer) => () => dialog.close(answer);
  render(html`<div class="ask-box">
    <p id="ask-words">${words}</p>
    <div class="dialog-choices">
      <button type="button" class="outline" autofocus @click=${close('')}
        >${t('deed.cancel')}</button>
      <button type="button" class="solid grave" data-ask="yes"
        @click=${close('yes')}>${yes}</button>
    </div></div>`, dialog);
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) {
      dialog.close('');
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((answered) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      answered(dialog.returnValue === 'yes');
    });
  });
}
