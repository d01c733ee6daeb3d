// SPDX-License-Identifier: Apache-2.0
//
// view/viewer.js - a picture as large as the screen, and those before and after
// it. A modal <dialog>: the browser keeps the focus inside, closes it on Escape
// and gives the focus back. Arrows go on (the way one reads), + and - zoom, 0
// makes it fit again; so do buttons, a double click and two fingers, which move
// the picture once it is larger than the screen.

import { html, nothing, render } from '../../lib/lit-html.js';
import { t } from '../i18n.js';
import * as icons from './icons.js';

const STEPS = [1, 1.5, 2, 3, 4, 6];

export class Viewer {
  /** @param urls  {file(attachment)} */
  constructor(urls) {
    this.urls = urls;
    this.dialog = null;
    this.list = []; // attachments
    this.at = 0;
    this.step = 0; // of STEPS
    this.base = 0; // pixels, its width where it fits
  }

  /** @param list  all pictures of the thread, in its order */
  open(list, id) {
    this.list = list;
    this.at = Math.max(0, list.findIndex((a) => a.id === id));
    this.dialog = document.createElement('dialog');
    this.dialog.className = 'viewer';
    this.dialog.addEventListener('close', () => this.gone());
    this.dialog.addEventListener('keydown', (event) => this.key(event));
    document.body.append(this.dialog);
    this.show(0);
    this.dialog.showModal();
  }

  gone() {
    this.dialog.remove();
    this.dialog = null;
  }

  show(step) {
    this.at = Math.min(Math.max(this.at + step, 0), this.list.length - 1);
    this.step = 0;
    this.draw();
  }

  zoom(step) {
    const to = step === null ? 0 : this.step + step;
    if (this.step === 0) {
      this.base = this.dialog.querySelector('img').getBoundingClientRect().width;
    }
    this.step = Math.min(Math.max(to, 0), STEPS.length - 1);
    this.draw();
  }

  key(event) {
    const forth = document.documentElement.dir === 'rtl' ? -1 : 1;
    const does = {
      ArrowRight: () => this.show(forth),
      ArrowLeft: () => this.show(-forth),
      '+': () => this.zoom(1),
      '=': () => this.zoom(1),
      '-': () => this.zoom(-1),
      0: () => this.zoom(null),
    }[event.key];
    // Arrows move a picture that is larger than the screen.
    if (does && !(this.step > 0 && event.key.startsWith('Arrow'))) {
      event.preventDefault();
      does();
    }
  }

  draw() {
    const a = this.list[this.at];
    const several = this.list.length > 1;
    render(html`
      <header>
        <p dir="auto">${a.name}</p>
        ${button('viewer.smaller', icons.minus, () => this.zoom(-1),
          this.step === 0)}
        ${button('viewer.larger', icons.plus, () => this.zoom(1),
          this.step === STEPS.length - 1)}
        <a class="round" href=${this.urls.file(a)} download=${a.name}
          title=${t('files.save')}>${icons.save()}<span class="sr-only"
          >${t('files.save')}</span></a>
        ${button('viewer.close', icons.close, () => this.dialog.close())}
      </header>
      <div class="viewer-stage" tabindex="0" data-zoom=${STEPS[this.step]}
        @dblclick=${() => this.zoom(this.step === 0 ? 2 : null)}
        @click=${(event) => {
          if (event.target === event.currentTarget && this.step === 0) {
            this.dialog.close(); // beside the picture
          }
        }}><img src=${this.urls.file(a)} alt=${a.name}
        width=${a.width ?? nothing} height=${a.height ?? nothing}></div>
      ${several ? html`<nav>
        ${button('viewer.before', icons.back, () => this.show(-1),
          this.at === 0)}
        <span role="status">${t('viewer.place',
          { n: this.at + 1, of: this.list.length })}</span>
        ${button('viewer.after', icons.forth, () => this.show(1),
          this.at === this.list.length - 1)}
      </nav>` : nothing}`, this.dialog);
    this.fit();
  }

  /** The picture's size at this step; style attributes are not allowed, its
   *  properties are. */
  fit() {
    const stage = this.dialog.querySelector('.viewer-stage');
    const img = stage.querySelector('img');
    const factor = STEPS[this.step];
    stage.classList.toggle('larger', factor > 1);
    img.style.inlineSize = factor > 1 ? `${this.base * factor}px` : '';
  }
}

function button(words, drawing, does, disabled = false) {
  return html`<button type="button" class="round" title=${t(words)}
    ?disabled=${disabled} @click=${does}>${drawing()}<span class="sr-only"
    >${t(words)}</span></button>`;
}
