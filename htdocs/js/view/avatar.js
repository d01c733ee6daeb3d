// SPDX-License-Identifier: Apache-2.0
//
// view/avatar.js - a person as a coloured disc with initials.

import { html } from '../../lib/lit-html.js';
import { colourOf, initials } from '../text.js';

/** @param person {id, name}; two people at once for staff looking on */
export function avatar(...people) {
  const [first, second] = people;
  if (second) {
    return html`<span class="avatar pair" aria-hidden="true"><span
      class="disc colour-${colourOf(first.id)}">${initials(first.name)}</span
      ><span class="disc colour-${colourOf(second.id)}"
      >${initials(second.name)}</span></span>`;
  }
  return html`<span class="avatar" aria-hidden="true"><span
    class="disc colour-${colourOf(first?.id)}"
    >${initials(first?.name)}</span></span>`;
}
