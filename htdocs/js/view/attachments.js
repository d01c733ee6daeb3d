// SPDX-License-Identifier: Apache-2.0
//
// view/attachments.js - a message's files: pictures at a size that is known
// before they are there, something to press and hear, cards for the rest.

import { html, nothing } from '../../lib/lit-html.js';
import { boxOf, sizeText } from '../files.js';
import { locale, t } from '../i18n.js';
import { sign } from './tray.js';
import * as icons from './icons.js';

const SIDE = 260; // pixels of a picture's longer side in the thread
const TRIES = 6; // for a thumbnail that is being made

/** @param of  a stored message or an outbox entry */
export function attachments(ctx, of) {
  const list = of.attachments ?? [];
  if (list.length === 0) {
    return nothing;
  }
  const pictures = list.filter((a) => isPicture(a));
  const others = list.filter((a) => !isPicture(a));
  return html`<div class="attachments">
    ${pictures.length ? html`<div class="pictures" data-n=${pictures.length}
      >${pictures.map((a) => picture(ctx, a))}</div>` : nothing}
    ${others.map((a) => other(ctx, a))}
  </div>`;
}

/** Those that the viewer shows: a browser is not given more pixels to decode
 *  than our own thumbnails were made of. */
export function isPicture(a) {
  return a.kind === 'image' && a.thumb && isThere(a);
}

function isThere(a) {
  return a.state === 'clean' || a.state === 'pending';
}

function picture({ urls, actions }, a) {
  const { width, height } = boxOf(a.width, a.height, SIDE);
  return html`<button type="button" class="picture" data-attachment=${a.id}
    aria-label=${t('viewer.open', { name: a.name })}
    @click=${() => actions.view(a.id)}><img src=${urls.thumb(a)} alt=""
    width=${width} height=${height} decoding="async"
    @error=${(event) => later(event.currentTarget, urls.thumb(a))}></button>`;
}

/** A thumbnail comes a moment after its message. */
function later(img, address) {
  const n = Number(img.dataset.tries ?? 0) + 1;
  img.dataset.tries = n;
  if (n > TRIES) {
    img.closest('.picture').classList.add('bare');
    return;
  }
  setTimeout(() => {
    img.src = `${address}?try=${n}`;
  }, 500 * 2 ** (n - 1));
}

function other({ urls }, a) {
  if (!isThere(a)) {
    return html`<div class="file-card refused" data-attachment=${a.id}>
      ${icons.failed()}<span class="file-words"><span class="file-name"
      dir="auto">${a.name}</span><span class="file-state"
      >${t(`files.state.${a.state}`)}</span></span></div>`;
  }
  if (a.kind === 'voice') {
    return html`<audio controls preload="none" src=${urls.file(a)}
      data-attachment=${a.id} aria-label=${t('voice.message')}></audio>`;
  }
  return html`<a class="file-card" href=${urls.file(a)} download=${a.name}
    title=${a.name}
    data-attachment=${a.id}>${sign(a)}<span class="file-words"><span
    class="file-name" dir="auto">${a.name}</span><span class="file-state"
    >${sizeText(a.size, locale())}</span></span></a>`;
}
