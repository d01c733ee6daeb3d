// SPDX-License-Identifier: Apache-2.0
//
// view/icons.js - the few drawings of the page, as templates. They take the
// colour of the text around them and mean nothing to a screen reader: the words
// stand beside them.

import { html, svg } from '../../lib/lit-html.js';

const icon = (name, paths) => html`<svg class="icon ${name}"
  viewBox="0 0 24 24" width="20" height="20" fill="none" stroke="currentColor"
  stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"
  aria-hidden="true">${paths}</svg>`;

export const back = () => icon('flip', svg`<path d="M15 5l-7 7 7 7"/>`);
export const send = () => icon('flip',
  svg`<path d="M4.5 12 4 5.2 20.5 12 4 18.8 4.5 12Zm0 0H12"/>`);
export const search = () => icon('',
  svg`<circle cx="11" cy="11" r="6"/><path d="m20 20-4.5-4.5"/>`);
export const down = () => icon('', svg`<path d="M12 5v13m-6-6 6 6 6-6"/>`);
export const up = () => icon('', svg`<path d="M12 19V6m-6 6 6-6 6 6"/>`);
export const leave = () => icon('flip',
  svg`<path d="M14 4H6v16h8M10 12h10m-3.5-3.5L20 12l-3.5 3.5"/>`);
export const people = () => icon('',
  svg`<circle cx="9" cy="8.5" r="3.5"/><path d="M2.8 19.5c.5-3.6 3-5.5 6.2-5.5
  s5.7 1.9 6.2 5.5M15.5 5.3a3.3 3.3 0 0 1 0 6.4M17.6 14.4c2 .8 3.2 2.5 3.6
  5.1"/>`);
export const globe = () => icon('',
  svg`<circle cx="12" cy="12" r="8.2"/><path d="M3.8 12h16.4M12 3.8c2.4 2.4
  3.4 5.2 3.4 8.2S14.4 17.8 12 20.2c-2.4-2.4-3.4-5.2-3.4-8.2S9.6
  6.2 12 3.8Z"/>`);
export const person = () => icon('',
  svg`<circle cx="12" cy="8.2" r="3.6"/><path d="M4.8 20c.7-3.9 3.5-6 7.2-6s6.5 2.1
  7.2 6"/>`);
export const waiting = () => icon('small',
  svg`<circle cx="12" cy="12" r="7.5"/><path d="M12 8v4.3l2.6 1.7"/>`);
export const sent = () => icon('small', svg`<path d="m5 12.5 4.5 4.5L19 7.5"/>`);
export const delivered = () => icon('small',
  svg`<path d="m2 12.5 4.5 4.5L16 7.5m-4.7 8.3 1.2 1.2L22 7.5"/>`);
export const read = () => icon('small',
  svg`<path d="m2 12.5 4.5 4.5L16 7.5m-4.7 8.3 1.2 1.2L22 7.5"/>`);
export const failed = () => icon('small',
  svg`<circle cx="12" cy="12" r="8"/><path d="M12 7.5v5.5m0 3v.1"/>`);
export const more = () => icon('', svg`<path d="M6 12h.01M12 12h.01M18 12h.01"
  stroke-width="3"/>`);
export const reply = () => icon('flip',
  svg`<path d="M10 6 4 12l6 6M4.5 12H14c3.5 0 6 2 6 6"/>`);
export const pen = () => icon('',
  svg`<path d="m5 19 1-4L16.5 4.5l3 3L9 18l-4 1Z"/>`);
export const bin = () => icon('',
  svg`<path d="M5 7h14M10 7V4.5h4V7m-7.5 0 .8 12.5h9.4L17.5 7"/>`);
export const clock = () => icon('',
  svg`<circle cx="12" cy="12" r="8"/><path d="M12 7.5V12l3 2"/>`);
export const pages = () => icon('',
  svg`<path d="M9 8h10v12H9zM5 16V4h10"/>`);
export const close = () => icon('', svg`<path d="m7 7 10 10M17 7 7 17"/>`);

export const plan = () => icon('', svg`<path d="M8 4.5H6.5A1.5 1.5 0 0 0 5 6v12.5A1.5
  1.5 0 0 0 6.5 20h11a1.5 1.5 0 0 0 1.5-1.5V6a1.5 1.5 0 0 0-1.5-1.5H16M9 3.5h6v3H9zM8.5
  13.5l2.3 2.3 4.7-4.8"/>`);

export const clip = () => icon('',
  svg`<path d="m19.5 11.5-7.6 7.6a4.8 4.8 0 0 1-6.8-6.8l7.9-7.9a3.2 3.2 0 0 1
  4.5 4.5l-7.8 7.8a1.6 1.6 0 0 1-2.3-2.3l7.2-7.1"/>`);
export const voice = () => icon('',
  svg`<rect x="9" y="3.5" width="6" height="11" rx="3"/><path d="M5.5 11.5a6.5
  6.5 0 0 0 13 0M12 18v3"/>`);
export const paper = () => icon('',
  svg`<path d="M6 3.5h8l4.5 4.5v12.5H6zM13.5 3.5V8.5h5"/>`);
export const picture = () => icon('',
  svg`<rect x="3.5" y="5" width="17" height="14" rx="2"/><path d="m4 16 4.5-4.5
  4 4 3-3 4.5 4.5M15.5 9v.1"/>`);
export const tick = () => icon('', svg`<path d="m5 12.5 4.5 4.5L19 7.5"/>`);
export const again = () => icon('',
  svg`<path d="M19 12a7 7 0 1 1-2.3-5.2M19 4v4h-4"/>`);
export const plus = () => icon('', svg`<path d="M12 5v14M5 12h14"/>`);
export const minus = () => icon('', svg`<path d="M5 12h14"/>`);
export const save = () => icon('',
  svg`<path d="M12 4v11m-4.5-4.5L12 15l4.5-4.5M5 19.5h14"/>`);
export const forth = () => icon('flip', svg`<path d="m9 5 7 7-7 7"/>`);

/** The product's mark: two people, one bubble. */
export const mark = () => html`<svg class="mark" viewBox="0 0 32 32" width="32"
  height="32" aria-hidden="true"><path class="mark-back" d="M16 3c7.7 0 13 4.8
  13 11.2S23.7 25.4 16 25.4c-1.3 0-2.6-.1-3.8-.4L6 29l.9-6.3C4.5 20.6 3
  17.6 3 14.2 3 7.8 8.3 3 16 3Z"/><path class="mark-front" d="M16 8.6v11.2
  M10.4 14.2h11.2"/></svg>`;
